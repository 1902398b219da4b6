//! The rules of a segment's fields, one function each.

use names::Reason;
use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{
    HealthReporting, Preference, PreferenceDraft, SegmentDraft, SegmentSpec, SelectionPolicy,
};
use crate::domain::{
    CountryCode, MAX_REFERENCES, Ports, Target, Violations,
    resource::{Subject, reference},
};

/// Most ports of a segment that is measured all the time: every connector dials every one.
pub(super) const MAX_CONTINUOUS_PORTS: usize = 10;
/// Most entries of `allowed_countries`: ISO 3166-1 lists 249.
pub(super) const MAX_COUNTRIES: usize = 250;
/// Largest priority of a group, 0 is first.
pub(super) const MAX_PRIORITY: i32 = 9;
/// Largest weight of a group.
pub(super) const MAX_WEIGHT: i32 = 1_000;
/// Weight of a group without one.
pub(super) const DEFAULT_WEIGHT: u16 = 100;
/// Largest `minimum_available`.
pub(super) const MAX_MINIMUM_AVAILABLE: i32 = 1_000;
/// `sticky_for` unless written: long enough for a session, short enough to follow a mended path.
pub(super) const DEFAULT_STICKY_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Longest `sticky_for`.
pub(super) const MAX_STICKY_FOR: SignedDuration = SignedDuration::from_hours(24);

pub(super) type About<'a> = Subject<'a, SegmentSpec>;

pub(super) fn domains(
    texts: &[String],
    subject: &About<'_>,
    problems: &mut Violations,
) -> Option<Vec<Target>> {
    let at = subject.at("domains");
    let before = problems.list().len();
    let most = subject.rules.quotas.domains_per_segment;
    if texts.is_empty() {
        problems.missing(&at, "name at least one host name, `*.suffix`, address or network");
    }
    if texts.len() > most {
        problems.add(
            at,
            Reason::QuotaExceeded,
            format!("at most {most} domains a segment; split it"),
        );
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut found = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let here = format!("{at}[{index}]");
        let Some(target) = problems.take(&here, Target::parse(text)) else { continue };
        if seen.insert(target.clone()) {
            found.push(target);
        } else {
            problems.add(here, Reason::Repeated, format!("`{target}` is listed twice; remove one"));
        }
    }
    (problems.list().len() == before).then_some(found)
}

pub(super) fn port_sets(
    draft: &SegmentDraft,
    subject: &About<'_>,
    problems: &mut Violations,
) -> Option<(Ports, Ports)> {
    let at = subject.at("tcp_port_ranges");
    let most = subject.rules.quotas.port_ranges_per_object;
    let ranges = draft.tcp.len() + draft.udp.len();
    if ranges == 0 {
        problems.missing(at, "name at least one TCP or UDP port");
        return None;
    }
    if ranges > most {
        problems.add(
            at,
            Reason::QuotaExceeded,
            format!("at most {most} port ranges, TCP and UDP together"),
        );
        return None;
    }
    let tcp = Ports::check(&draft.tcp, &at, problems);
    let udp = Ports::check(&draft.udp, &subject.at("udp_port_ranges"), problems);
    Some((tcp?, udp?))
}

pub(super) fn preferences(
    drafts: &[PreferenceDraft],
    subject: &About<'_>,
    problems: &mut Violations,
) -> Option<Vec<Preference>> {
    let at = subject.at("app_connector_group_preferences");
    let before = problems.list().len();
    if drafts.len() > MAX_REFERENCES {
        problems.add(at, Reason::TooMany, format!("at most {MAX_REFERENCES}"));
        return None;
    }
    let mut found: Vec<Preference> = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let here = format!("{at}[{index}]");
        let group_at = format!("{here}.app_connector_group");
        let group = reference(&draft.app_connector_group, subject.tenant, &group_at, problems);
        let priority = within(draft.priority, MAX_PRIORITY, &format!("{here}.priority"), problems);
        let weight = draft.weight.unwrap_or(DEFAULT_WEIGHT.into());
        let weight = within(weight, MAX_WEIGHT, &format!("{here}.weight"), problems);
        let (Some(app_connector_group), Some(priority), Some(weight)) = (group, priority, weight)
        else {
            continue;
        };
        if found.iter().any(|p| p.app_connector_group == app_connector_group) {
            problems.add(group_at, Reason::Repeated, "one preference a group; remove the other");
            continue;
        }
        let priority = u8::try_from(priority).unwrap_or(u8::MAX);
        found.push(Preference { app_connector_group, priority, weight });
    }
    (problems.list().len() == before).then_some(found)
}

pub(super) fn countries(
    texts: &[String],
    subject: &About<'_>,
    problems: &mut Violations,
) -> Option<Vec<CountryCode>> {
    let at = subject.at("allowed_countries");
    let before = problems.list().len();
    if texts.len() > MAX_COUNTRIES {
        problems.add(at, Reason::TooMany, format!("at most {MAX_COUNTRIES}"));
        return None;
    }
    let mut found = BTreeSet::new();
    for (index, text) in texts.iter().enumerate() {
        let here = format!("{at}[{index}]");
        if let Some(code) = CountryCode::check(text, &here, problems)
            && !found.insert(code)
        {
            problems.add(here, Reason::Repeated, format!("`{text}` is listed twice; remove one"));
        }
    }
    (problems.list().len() == before).then(|| found.into_iter().collect())
}

/// `Some(None)`: not written, which is fine.
#[allow(clippy::option_option, reason = "outer: valid; inner: written")]
pub(super) fn minimum_available(
    written: Option<i32>,
    subject: &About<'_>,
    problems: &mut Violations,
) -> Option<Option<u16>> {
    match written {
        None => Some(None),
        Some(number) => {
            let at = subject.at("minimum_available");
            within(number, MAX_MINIMUM_AVAILABLE, &at, problems).map(Some)
        }
    }
}

pub(super) fn sticky_for(
    written: Option<SignedDuration>,
    subject: &About<'_>,
    problems: &mut Violations,
) -> Option<SignedDuration> {
    let duration = written.unwrap_or(DEFAULT_STICKY_FOR);
    let fits = duration >= SignedDuration::ZERO && duration <= MAX_STICKY_FOR;
    if !fits {
        problems.add(subject.at("sticky_for"), Reason::OutOfRange, "must be 0 s to 24 h");
    }
    fits.then_some(duration)
}

/// 0 to `most`.
fn within(number: i32, most: i32, at: &str, problems: &mut Violations) -> Option<u16> {
    let found = u16::try_from(number).ok().filter(|_| number <= most);
    if found.is_none() {
        problems.add(at, Reason::OutOfRange, format!("must be 0 to {most}"));
    }
    found
}

/// Measuring all the time needs a short list of exact targets.
pub(super) fn continuous(
    draft: &SegmentDraft,
    domains: &[Target],
    ports: usize,
    subject: &About<'_>,
    problems: &mut Violations,
) {
    if draft.health_reporting != Some(HealthReporting::Continuous) {
        return;
    }
    if let Some(wide) = domains.iter().find(|target| !target.is_exact()) {
        problems.add(
            subject.at("health_reporting"),
            Reason::NotAllowed,
            format!("CONTINUOUS needs exact names and addresses, and `{wide}` is none; use ON_ACCESS, or list the hosts"),
        );
    } else if ports > MAX_CONTINUOUS_PORTS {
        problems.add(
            subject.at("health_reporting"),
            Reason::NotAllowed,
            format!("CONTINUOUS needs at most {MAX_CONTINUOUS_PORTS} ports, and there are {ports}; use ON_ACCESS, or narrow the ranges"),
        );
    }
}

/// Judging by the application leg needs something that measures it.
pub(super) fn closest_to_application(
    draft: &SegmentDraft,
    tcp: &Ports,
    subject: &About<'_>,
    problems: &mut Violations,
) {
    if draft.selection_policy != Some(SelectionPolicy::ClosestToApplication) {
        return;
    }
    let none = draft.health_reporting == Some(HealthReporting::None);
    if none || tcp.count() == 0 {
        problems.add(
            subject.at("selection_policy"),
            Reason::NotAllowed,
            "CLOSEST_TO_APPLICATION needs measurements: a TCP port and a health_reporting other than NONE",
        );
    }
}
