//! Any bytes in the place of a preview, of a schedule or of a policy that is written.

use names::Draft as _;
use prost::Message;
use proto::updates::v1 as wire;
use rpc::{Failure, Refuse as _, Violations, mask::Mask};
use trial::fuzz::Verdict;

use super::{edit_of, policy, read::preview_request, schedule};
use crate::domain::{
    change::ScheduleDraft,
    freeze::{MAX_FREEZES, MAX_GROUPS, MAX_REASON_CHARS},
    policy::PolicyDraft,
    schedule::{Schedule, upcoming},
    window::MAX_WINDOWS,
    zone::Zone,
};

/// Refused as what was found, each field by its name.
fn refused(failure: &Failure) -> Verdict {
    assert!(!failure.violations().is_empty(), "{failure} names no field");
    for problem in failure.violations() {
        assert!(!problem.field.is_empty() && !problem.reason.is_empty(), "{problem:?}");
    }
    Verdict::Refused(failure.message().to_owned())
}

fn no_message() -> Verdict {
    Verdict::Refused("no message".to_owned())
}

fn windows() -> Vec<wire::MaintenanceWindow> {
    use wire::maintenance_window::Days;
    let duration = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let window = |days, start: &str, seconds| wire::MaintenanceWindow {
        days: Some(days),
        start: start.to_owned(),
        duration: duration(seconds),
    };
    vec![
        window(Days::Weekly(wire::WeeklyDays { days: vec![1, 7] }), "23:30", 14_400),
        window(Days::Monthly(wire::MonthlyDay { nth: -1, day: 2 }), "02:00", 86_400),
    ]
}

fn preview() -> wire::PreviewWindowsRequest {
    let schedule = wire::UpdateSchedule { windows: windows(), ..wire::UpdateSchedule::default() };
    let mut request = wire::PreviewWindowsRequest {
        name: "tenants/acme/appConnectorGroups/berlin/updateSchedule".to_owned(),
        count: 3,
        start_time: Some(prost_types::Timestamp { seconds: 1_790_000_000, nanos: 0 }),
        ..wire::PreviewWindowsRequest::default()
    };
    let draft = request.draft.get_or_insert_default();
    draft.windows = schedule.windows;
    draft.time_zone = "Europe/Berlin".to_owned();
    request
}

#[test]
fn any_bytes_are_a_preview_whose_windows_come_in_order_or_name_what_is_wrong() {
    let target = trial::target!("previews").with(preview().encode_to_vec()).costs(8);
    target.words(&["Pacific/Apia", "00:00", "23:59", "Africa/Casablanca"]).run(|input| {
        let Ok(request) = wire::PreviewWindowsRequest::decode(input) else { return no_message() };
        let ask = match preview_request(request) {
            Ok((_, query)) => query,
            Err(failure) => return refused(&failure),
        };
        assert!((1..=100).contains(&ask.count), "{}", ask.count);
        let Some(draft) = ask.proposal else { return Verdict::Taken };
        assert!(draft.windows.len() <= MAX_WINDOWS);
        let schedule = Schedule { windows: draft.windows, ..Schedule::default() };
        let zone: Zone = draft.time_zone.as_deref().unwrap_or("UTC").parse().unwrap();
        let from = ask.from.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let told = upcoming(schedule.effective_windows(), &zone, Vec::new(), from).take(ask.count);
        let told: Vec<_> = told.collect();
        assert!(told.iter().all(|window| window.start < window.end && window.end > from));
        assert!(told.windows(2).all(|pair| pair[0].end < pair[1].start), "{told:?}");
        assert!(!told.is_empty(), "no window in ten years");
        Verdict::Taken
    });
}

fn written() -> wire::UpdateSchedule {
    use wire::max_unavailable::Limit;
    let soak = Some(prost_types::Duration { seconds: 3_600, nanos: 0 });
    wire::UpdateSchedule {
        enabled: Some(false),
        windows: windows(),
        time_zone: "europe/berlin".to_owned(),
        version_profile: "versionProfiles/new-release".to_owned(),
        persist_local_version_profile: Some(true),
        max_unavailable: Some(wire::MaxUnavailable { limit: Some(Limit::Percent(20)) }),
        canary: Some(wire::Canary { count: 2, soak }),
        retry_limit: Some(3),
        failure_threshold: Some(4),
        on_failure: wire::FailureAction::Continue.into(),
        ..wire::UpdateSchedule::default()
    }
}

#[test]
fn any_bytes_are_a_schedule_that_can_be_stored_or_name_what_is_wrong() {
    let target = trial::target!("schedules").with(written().encode_to_vec());
    target.words(&["versionProfiles/", "Etc/Unknown"]).run(|input| {
        let Ok(message) = wire::UpdateSchedule::decode(input) else { return no_message() };
        let mut found = Violations::new();
        let mask = Mask::parse("update_mask", None, ScheduleDraft::PATHS, &mut found);
        let draft = schedule::draft_in(&mut found, message.clone(), &mask);
        if !found.is_empty() {
            return refused(&found.finish().expect_err("refused without a word"));
        }
        match Schedule::default().changed(&edit_of(draft, mask)) {
            Ok(schedule) => {
                assert_eq!(schedule.enabled, message.enabled.unwrap_or(true));
                assert_eq!(schedule.windows.len(), message.windows.len(), "a window is lost");
                let stored = serde_json::to_string(&schedule).unwrap();
                let again = serde_json::from_str::<Schedule>(&stored);
                assert_eq!(again.expect("what is written is read"), schedule);
                Verdict::Taken
            }
            Err(error) => Verdict::Refused(error.to_string()),
        }
    });
}

fn frozen() -> wire::UpdatePolicy {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let freeze = wire::Freeze {
        start_time: at(1_790_000_000),
        end_time: at(1_790_086_400),
        reason: "year end".to_owned(),
        app_connector_groups: vec!["tenants/acme/appConnectorGroups/berlin".to_owned()],
    };
    wire::UpdatePolicy {
        version_profile: "versionProfiles/previous-default".to_owned(),
        freezes: vec![freeze],
        ..wire::UpdatePolicy::default()
    }
}

#[test]
fn any_bytes_are_a_policy_within_its_limits_or_name_what_is_wrong() {
    let name = "tenants/acme/updatePolicy".parse().unwrap();
    let target = trial::target!("policies").with(frozen().encode_to_vec());
    target.words(&["tenants/other/", "versionProfiles/"]).run(|input| {
        let Ok(message) = wire::UpdatePolicy::decode(input) else { return no_message() };
        let mut found = Violations::new();
        let mask = Mask::parse("update_mask", None, PolicyDraft::PATHS, &mut found);
        let draft = policy::draft_in(&mut found, message.clone(), &mask, Some(&name));
        if !found.is_empty() {
            return refused(&found.finish().expect_err("refused without a word"));
        }
        let freezes = draft.freezes;
        assert_eq!(freezes.len(), message.freezes.len(), "a freeze is lost");
        assert!(freezes.len() <= MAX_FREEZES);
        for freeze in &freezes {
            assert!(freeze.start < freeze.end && freeze.groups.len() <= MAX_GROUPS);
            assert!((1..=MAX_REASON_CHARS).contains(&freeze.reason.chars().count()));
            assert!(freeze.groups.iter().all(|group| group.tenant() == name.tenant()));
            let stored = serde_json::to_string(freeze).unwrap();
            assert_eq!(
                &serde_json::from_str::<crate::domain::freeze::Freeze>(&stored).unwrap(),
                freeze
            );
        }
        Verdict::Taken
    });
}
