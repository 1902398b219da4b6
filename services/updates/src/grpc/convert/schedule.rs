//! Update schedules, both ways.

use jiff::Timestamp;
use names::{Draft as _, Reason, UpdateScheduleName};
use proto::{r#type::v1::Condition, updates::v1 as wire};
use resource::Parsing;
use rpc::{Violations, mask::Mask};
use store::Etag;

use super::{
    edit_of,
    profile::effective_out,
    window::{occurrence_out, window_out, windows_in},
};
use crate::{
    domain::{
        change::{Edit, ScheduleDraft},
        pace::{Canary, FailureAction, MAX_COUNT, MAX_RETRIES, MAX_SOAK_SECONDS, MaxUnavailable},
        schedule::{NextState, NextUpdate, Schedule},
        zone::{UnknownZone, Zone},
    },
    service::schedules::{EffectiveZone, Preview, ScheduleView, ZoneSource},
};

/// A write of a schedule, as far as it can be read.
pub(in crate::grpc) fn schedule_edit(
    request: wire::UpdateUpdateScheduleRequest,
    parsing: &mut Parsing,
) -> (Option<UpdateScheduleName>, Edit<ScheduleDraft>) {
    let wire::UpdateUpdateScheduleRequest {
        update_schedule,
        update_mask,
        validate_only: _,
        request_id: _,
    } = request;
    let problems = &mut parsing.problems;
    let mask = Mask::parse("update_mask", update_mask.as_ref(), ScheduleDraft::PATHS, problems);
    let schedule = problems.require("update_schedule", update_schedule).unwrap_or_default();
    let name = problems.take("update_schedule.name", schedule.name.parse());
    parsing.etag("update_schedule.etag", &schedule.etag);
    let draft =
        parsing.problems.within("update_schedule", |problems| draft_in(problems, schedule, &mask));
    (name, edit_of(draft, mask))
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

/// The fields that the mask means; what is wrong with them is noted. What it does not mean is not looked at.
pub(super) fn draft_in(
    problems: &mut Violations,
    schedule: wire::UpdateSchedule,
    mask: &Mask,
) -> ScheduleDraft {
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
    let mut draft = ScheduleDraft::default();
    if mask.includes("enabled", enabled.is_some()) {
        draft.enabled = enabled;
    }
    if mask.includes("windows", !windows.is_empty()) {
        draft.windows = windows_in(problems, windows).unwrap_or_default();
    }
    if mask.includes("time_zone", !time_zone.is_empty()) {
        draft.time_zone = zone_in(problems, &time_zone).flatten();
    }
    if mask.includes("persist_local_version_profile", persist_local_version_profile.is_some()) {
        draft.persist = persist_local_version_profile;
    }
    let has_profile = !version_profile.is_empty();
    if mask.includes("version_profile", has_profile) && has_profile {
        draft.version_profile = problems.take("version_profile", version_profile.parse());
    }
    if mask.includes("max_unavailable", max_unavailable.is_some()) {
        draft.max_unavailable = max_unavailable.and_then(|wire| max_unavailable_in(problems, wire));
    }
    if mask.includes("canary", canary.is_some()) {
        draft.canary = canary.and_then(|wire| canary_in(problems, wire));
    }
    if mask.includes("retry_limit", retry_limit.is_some()) {
        draft.retry_limit =
            retry_limit.and_then(|limit| ranged(problems, "retry_limit", limit, 0, MAX_RETRIES));
    }
    if mask.includes("failure_threshold", failure_threshold.is_some()) {
        draft.failure_threshold = failure_threshold
            .and_then(|limit| ranged(problems, "failure_threshold", limit, 1, MAX_COUNT));
    }
    if mask.includes("on_failure", on_failure != 0) {
        draft.on_failure = on_failure_in(problems, on_failure);
    }
    draft
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
        Ok(wire::FailureAction::Unspecified) => None,
        Ok(wire::FailureAction::Halt) => Some(FailureAction::Halt),
        Ok(wire::FailureAction::Continue) => Some(FailureAction::Continue),
        Err(_) => {
            violations.add("on_failure", Reason::Malformed, "must be HALT or CONTINUE");
            None
        }
    }
}

pub(in crate::grpc) fn schedule(view: ScheduleView) -> wire::UpdateSchedule {
    let ScheduleView { name, schedule, zone, profile, next, etag, update_time, registry_heard } =
        view;
    let source = match zone.source {
        ZoneSource::Schedule => wire::TimeZoneSource::Schedule,
        ZoneSource::Group => wire::TimeZoneSource::Group,
    };
    let next = next.zip(zone.zone.as_ref()).map(|(next, zone)| next_out(next, zone));
    wire::UpdateSchedule {
        effective_time_zone: zone.name.clone(),
        effective_time_zone_source: source.into(),
        effective_version_profile: Some(effective_out(&profile)),
        next_periodic_update: next,
        conditions: zone_condition(&zone).into_iter().collect(),
        tzdb_version: runtime::about::tzdb_version().to_owned(),
        registry_heard_time: registry_heard.map(rpc::time::to_proto),
        ..written_schedule(name.to_string(), &schedule, etag, update_time)
    }
}

/// What was written, without what follows from it at a moment.
pub(in crate::grpc) fn written_schedule(
    name: String,
    schedule: &Schedule,
    etag: Etag,
    update_time: Option<Timestamp>,
) -> wire::UpdateSchedule {
    let pace = schedule.pace;
    let own_profile = schedule.persisted_profile.as_ref();
    wire::UpdateSchedule {
        name,
        enabled: Some(schedule.enabled),
        windows: schedule.effective_windows().iter().map(window_out).collect(),
        windows_defaulted: schedule.windows.is_empty(),
        time_zone: schedule.time_zone.clone().unwrap_or_default(),
        version_profile: own_profile.map(ToString::to_string).unwrap_or_default(),
        persist_local_version_profile: Some(own_profile.is_some()),
        max_unavailable: Some(max_unavailable_out(pace.max_unavailable)),
        canary: Some(canary_out(pace.canary)),
        retry_limit: Some(pace.retry_limit.into()),
        failure_threshold: Some(pace.failure_threshold.into()),
        on_failure: on_failure_out(pace.on_failure).into(),
        etag: etag.to_string(),
        update_time: update_time.map(rpc::time::to_proto),
        ..wire::UpdateSchedule::default()
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
