//! Update schedules, both ways.

use names::{Reason, UpdateScheduleName, VersionProfileName};
use proto::{r#type::v1::Condition, updates::v1 as wire};
use rpc::{Failure, Refuse as _, Violations, access::Caller, mask::Mask};
use store::Etag;

use super::{
    profile::effective_out,
    window::{occurrence_out, window_out, windows_in},
};
use crate::{
    domain::{
        change::ScheduleChange,
        pace::{
            Canary, FailureAction, MAX_COUNT, MAX_RETRIES, MAX_SOAK_SECONDS, MaxUnavailable, Pace,
        },
        schedule::{NextState, NextUpdate},
        zone::{UnknownZone, Zone},
    },
    grpc::request_id,
    service::schedules::{EffectiveZone, Preview, ScheduleAnswer, WriteOptions, ZoneSource},
};

/// What an update may name in its mask.
pub(super) const PATHS: &[&str] = &[
    "enabled",
    "windows",
    "time_zone",
    "version_profile",
    "persist_local_version_profile",
    "max_unavailable",
    "canary",
    "retry_limit",
    "failure_threshold",
    "on_failure",
];

/// A write of a schedule.
pub(in crate::grpc) struct UpdateAsk {
    pub(in crate::grpc) name: UpdateScheduleName,
    pub(in crate::grpc) change: ScheduleChange,
    pub(in crate::grpc) options: WriteOptions,
}

pub(in crate::grpc) fn update_schedule_request(
    mut request: wire::UpdateUpdateScheduleRequest,
    caller: &Caller,
) -> Result<UpdateAsk, Failure> {
    let mut violations = Violations::new();
    let id = std::mem::take(&mut request.request_id);
    let repeat = request_id::parse(&mut violations, "UpdateUpdateSchedule", caller, &id, &request);
    let wire::UpdateUpdateScheduleRequest {
        update_schedule,
        update_mask,
        validate_only,
        request_id: _,
    } = request;
    let mask = Mask::parse("update_mask", update_mask.as_ref(), PATHS, &mut violations);
    let schedule = violations.require("update_schedule", update_schedule).unwrap_or_default();
    let (name, etag, change) = violations.within("update_schedule", |violations| {
        let name = violations.take("name", schedule.name.parse());
        let etag = etag_in(violations, &schedule.etag);
        (name, etag, change_in(violations, schedule, &mask))
    });
    violations.finish_with(|| {
        let options = WriteOptions { etag, validate_only, request: repeat };
        Some(UpdateAsk { name: name?, change: change?, options })
    })
}

/// An etag that was sent, if one was.
pub(super) fn etag_in(violations: &mut Violations, text: &str) -> Option<Etag> {
    if text.is_empty() { None } else { violations.take("etag", Etag::parse(text)) }
}

/// A zone's name as the database writes it; the inner `None` is an empty one.
pub(super) fn zone_in(violations: &mut Violations, text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let zone: Result<Zone, UnknownZone> = text.parse();
    violations
        .take_as("time_zone", Reason::TimeZoneUnknown, zone)
        .map(|zone| Some(zone.to_string()))
}

/// The fields that the mask means; `None` when one of them is wrong.
pub(super) fn change_in(
    violations: &mut Violations,
    schedule: wire::UpdateSchedule,
    mask: &Mask,
) -> Option<ScheduleChange> {
    let wire::UpdateSchedule {
        name: _,
        enabled,
        windows,
        windows_defaulted: _,
        time_zone,
        effective_time_zone: _,
        effective_time_zone_source: _,
        version_profile,
        persist_local_version_profile,
        effective_version_profile: _,
        max_unavailable,
        canary,
        retry_limit,
        failure_threshold,
        on_failure,
        next_periodic_update: _,
        skipped_window_start_time: _,
        conditions: _,
        tzdb_version: _,
        etag: _,
        update_time: _,
        registry_heard_time: _,
    } = schedule;
    let defaults = Pace::default();
    let before = violations.len();
    let mut change = ScheduleChange::default();
    if mask.includes("enabled", enabled.is_some()) {
        change.enabled = Some(enabled.unwrap_or(true));
    }
    if mask.includes("windows", !windows.is_empty()) {
        change.windows = windows_in(violations, windows);
    }
    if mask.includes("time_zone", !time_zone.is_empty()) {
        change.time_zone = zone_in(violations, &time_zone);
    }
    let persist = persist_local_version_profile;
    if mask.includes("persist_local_version_profile", persist.is_some()) {
        change.profile.persist = Some(persist.unwrap_or(false));
    }
    if mask.includes("version_profile", !version_profile.is_empty()) {
        change.profile.profile = profile_in(violations, &version_profile);
    }
    if mask.includes("max_unavailable", max_unavailable.is_some()) {
        change.max_unavailable = max_unavailable
            .map_or(Some(defaults.max_unavailable), |wire| max_unavailable_in(violations, wire));
    }
    if mask.includes("canary", canary.is_some()) {
        change.canary = canary.map_or(Some(defaults.canary), |wire| canary_in(violations, wire));
    }
    if mask.includes("retry_limit", retry_limit.is_some()) {
        let limit = retry_limit.unwrap_or(defaults.retry_limit.into());
        change.retry_limit = ranged(violations, "retry_limit", limit, 0, MAX_RETRIES);
    }
    if mask.includes("failure_threshold", failure_threshold.is_some()) {
        let limit = failure_threshold.unwrap_or(defaults.failure_threshold.into());
        change.failure_threshold = ranged(violations, "failure_threshold", limit, 1, MAX_COUNT);
    }
    if mask.includes("on_failure", on_failure != 0) {
        change.on_failure = on_failure_in(violations, on_failure);
    }
    (violations.len() == before).then_some(change)
}

fn profile_in(violations: &mut Violations, text: &str) -> Option<Option<VersionProfileName>> {
    if text.is_empty() {
        return Some(None);
    }
    violations.take("version_profile", text.parse()).map(Some)
}

/// A number in a range, in the type that holds the range.
fn ranged<T>(violations: &mut Violations, field: &str, value: i32, min: T, max: T) -> Option<T>
where
    T: TryFrom<i32> + PartialOrd + Copy + std::fmt::Display,
{
    let read = T::try_from(value).ok().filter(|value| (min..=max).contains(value));
    if read.is_none() {
        violations.add(field, Reason::OutOfRange, format!("must be {min} to {max}"));
    }
    read
}

fn max_unavailable_in(
    violations: &mut Violations,
    wire: wire::MaxUnavailable,
) -> Option<MaxUnavailable> {
    use wire::max_unavailable::Limit;
    let wire::MaxUnavailable { limit } = wire;
    violations.within("max_unavailable", |violations| match limit {
        Some(Limit::Count(count)) => {
            ranged(violations, "count", count, 1, MAX_COUNT).map(MaxUnavailable::Count)
        }
        Some(Limit::Percent(percent)) => {
            ranged(violations, "percent", percent, 1, 100).map(MaxUnavailable::Percent)
        }
        None => {
            violations.add("limit", Reason::Malformed, "set `count` or `percent`");
            None
        }
    })
}

fn canary_in(violations: &mut Violations, wire: wire::Canary) -> Option<Canary> {
    let wire::Canary { count, soak } = wire;
    violations.within("canary", |violations| {
        let count = ranged(violations, "count", count, 0, MAX_COUNT);
        let soak = soak.unwrap_or_default();
        let seconds = u32::try_from(soak.seconds).ok();
        let seconds = seconds.filter(|s| *s <= MAX_SOAK_SECONDS && soak.nanos == 0);
        if seconds.is_none() {
            let rule = format!("must be 0s to {MAX_SOAK_SECONDS}s in whole seconds");
            violations.add("soak", Reason::OutOfRange, rule);
        }
        Some(Canary { count: count?, soak_seconds: seconds? })
    })
}

fn on_failure_in(violations: &mut Violations, wire: i32) -> Option<FailureAction> {
    match wire::FailureAction::try_from(wire) {
        Ok(wire::FailureAction::Unspecified) => Some(Pace::default().on_failure),
        Ok(wire::FailureAction::Halt) => Some(FailureAction::Halt),
        Ok(wire::FailureAction::Continue) => Some(FailureAction::Continue),
        Err(_) => {
            violations.add("on_failure", Reason::Malformed, "must be HALT or CONTINUE");
            None
        }
    }
}

pub(in crate::grpc) fn schedule(answer: ScheduleAnswer) -> wire::UpdateSchedule {
    let ScheduleAnswer { name, schedule, zone, profile, next, etag, update_time, registry_heard } =
        answer;
    let pace = schedule.pace;
    let own_profile = schedule.persisted_profile.as_ref();
    let source = match zone.source {
        ZoneSource::Schedule => wire::TimeZoneSource::Schedule,
        ZoneSource::Group => wire::TimeZoneSource::Group,
    };
    let next = next.zip(zone.zone.as_ref()).map(|(next, zone)| next_out(next, zone));
    wire::UpdateSchedule {
        name: name.to_string(),
        enabled: Some(schedule.enabled),
        windows: schedule.effective_windows().iter().map(window_out).collect(),
        windows_defaulted: schedule.windows.is_empty(),
        time_zone: schedule.time_zone.clone().unwrap_or_default(),
        effective_time_zone: zone.name.clone(),
        effective_time_zone_source: source.into(),
        version_profile: own_profile.map(ToString::to_string).unwrap_or_default(),
        persist_local_version_profile: Some(own_profile.is_some()),
        effective_version_profile: Some(effective_out(&profile)),
        max_unavailable: Some(max_unavailable_out(pace.max_unavailable)),
        canary: Some(canary_out(pace.canary)),
        retry_limit: Some(pace.retry_limit.into()),
        failure_threshold: Some(pace.failure_threshold.into()),
        on_failure: on_failure_out(pace.on_failure).into(),
        next_periodic_update: next,
        skipped_window_start_time: None,
        conditions: zone_condition(&zone).into_iter().collect(),
        tzdb_version: runtime::about::tzdb_version().to_owned(),
        etag: etag.to_string(),
        update_time: update_time.map(rpc::time::to_proto),
        registry_heard_time: registry_heard.map(rpc::time::to_proto),
    }
}

fn zone_condition(zone: &EffectiveZone) -> Option<Condition> {
    let EffectiveZone { name, source: _, zone } = zone;
    zone.is_none().then(|| Condition {
        reason: "TIME_ZONE_UNKNOWN".to_owned(),
        since: None,
        message: format!(
            "The time zone database of this server does not have `{name}`, so no window can be told. \
             Update the server, or set time_zone to a zone it has."
        ),
    })
}

fn max_unavailable_out(max: MaxUnavailable) -> wire::MaxUnavailable {
    use wire::max_unavailable::Limit;
    let limit = match max {
        MaxUnavailable::Count(count) => Limit::Count(count.into()),
        MaxUnavailable::Percent(percent) => Limit::Percent(percent.into()),
    };
    wire::MaxUnavailable { limit: Some(limit) }
}

fn canary_out(canary: Canary) -> wire::Canary {
    let Canary { count, soak_seconds } = canary;
    let soak = prost_types::Duration { seconds: soak_seconds.into(), nanos: 0 };
    wire::Canary { count: count.into(), soak: Some(soak) }
}

fn on_failure_out(action: FailureAction) -> wire::FailureAction {
    match action {
        FailureAction::Halt => wire::FailureAction::Halt,
        FailureAction::Continue => wire::FailureAction::Continue,
    }
}

fn next_out(next: NextUpdate, zone: &Zone) -> wire::NextPeriodicUpdate {
    use wire::NextPeriodicUpdateState as State;
    let NextUpdate { window, state, freeze_reason } = next;
    let state = match state {
        NextState::ScheduleDisabled => State::ScheduleDisabled,
        NextState::NoTarget => State::NoTarget,
        NextState::Frozen => State::Frozen,
        NextState::Open => State::Open,
        NextState::Due => State::Due,
    };
    let occurrence = window.map(|stretch| occurrence_out(&stretch, zone)).unwrap_or_default();
    let wire::WindowOccurrence {
        start_time,
        end_time,
        local_start,
        local_end,
        start_utc_offset,
        end_utc_offset,
    } = occurrence;
    wire::NextPeriodicUpdate {
        start_time,
        end_time,
        local_start,
        local_end,
        time_zone: zone.to_string(),
        start_utc_offset,
        end_utc_offset,
        state: state.into(),
        freeze_reason: freeze_reason.unwrap_or_default(),
        planned_updates: Vec::new(),
    }
}

pub(in crate::grpc) fn preview(preview: Preview) -> wire::PreviewWindowsResponse {
    let Preview { zone, windows } = preview;
    let occurrences = zone.zone.as_ref().map_or_else(Vec::new, |zone| {
        windows.iter().map(|stretch| occurrence_out(stretch, zone)).collect()
    });
    wire::PreviewWindowsResponse {
        windows: occurrences,
        time_zone: zone.name,
        tzdb_version: runtime::about::tzdb_version().to_owned(),
    }
}
