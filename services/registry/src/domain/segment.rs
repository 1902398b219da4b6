//! Application segments.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use names::{AppConnectorGroupName, ApplicationSegmentName, ServerGroupName};
use serde::{Deserialize, Serialize};

use super::{
    CountryCode, Description, DisplayName, Kind, Labels, MAX_REFERENCES, PortRangeDraft, Ports,
    Problems, Target,
    resource::{Draft, Resource, Spec, Subject, reference, references},
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

/// An application segment.
pub type Segment = Resource<SegmentSpec>;

macro_rules! word {
    ($(#[$meta:meta])* $name:ident { $(#[$first_meta:meta])* $first:ident, $($(#[$variant_meta:meta])* $variant:ident),+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum $name {
            $(#[$first_meta])*
            #[default]
            $first,
            $($(#[$variant_meta])* $variant),+
        }
    };
}

word! {
    /// When connectors measure an application.
    HealthReporting {
        /// While it is used and 30 min after.
        OnAccess,
        /// All the time.
        Continuous,
        /// Never.
        None
    }
}

word! {
    /// What happens when a name matches and its port does not.
    MatchStyle {
        /// The next less specific segment is tried.
        Inclusive,
        /// The most specific name ends the search.
        Exclusive
    }
}

word! {
    /// What the best connector is.
    SelectionPolicy {
        /// Smallest sum of both legs.
        LowestTotalLatency,
        /// Smallest user leg.
        ClosestToUser,
        /// Smallest application leg.
        ClosestToApplication
    }
}

word! {
    /// What to answer when every candidate is unhealthy.
    UnhealthyPolicy {
        /// No path.
        Refuse,
        /// The one that was healthy last.
        LastKnownGood,
        /// As if all were healthy.
        Any
    }
}

/// A preference as a caller writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreferenceDraft {
    /// Name of the group.
    pub app_connector_group: String,
    /// 0 to 9.
    pub priority: i32,
    /// 0 to 1000; `None`: 100.
    pub weight: Option<i32>,
}

/// How much an application likes a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// The group.
    pub app_connector_group: AppConnectorGroupName,
    /// 0 to 9; 0 is first.
    pub priority: u8,
    /// 0 to 1000; 0 is none of the traffic.
    pub weight: u16,
}

/// A segment as a caller writes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegmentDraft {
    /// Name for people.
    pub display_name: String,
    /// Free text.
    pub description: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `None`: true.
    pub enabled: Option<bool>,
    /// What it covers.
    pub domains: Vec<String>,
    /// TCP ports.
    pub tcp: Vec<PortRangeDraft>,
    /// UDP ports.
    pub udp: Vec<PortRangeDraft>,
    /// Names of server groups.
    pub server_groups: Vec<String>,
    /// `None`: on access.
    pub health_reporting: Option<HealthReporting>,
    /// `None`: inclusive.
    pub match_style: Option<MatchStyle>,
    /// `None`: lowest total latency.
    pub selection_policy: Option<SelectionPolicy>,
    /// Preferences.
    pub preferences: Vec<PreferenceDraft>,
    /// Country codes.
    pub allowed_countries: Vec<String>,
    /// `None`: refuse.
    pub unhealthy_policy: Option<UnhealthyPolicy>,
    /// `None`: by what serves it.
    pub minimum_available: Option<i32>,
    /// `None`: 10 min.
    pub sticky_for: Option<SignedDuration>,
    /// Whether it is served in disaster recovery.
    pub disaster_recovery: bool,
}

impl Draft for SegmentDraft {
    const PATHS: &'static [&'static str] = &[
        "display_name",
        "description",
        "labels",
        "enabled",
        "domains",
        "tcp_port_ranges",
        "udp_port_ranges",
        "server_groups",
        "health_reporting",
        "match_style",
        "selection_policy",
        "app_connector_group_preferences",
        "allowed_countries",
        "unhealthy_policy",
        "minimum_available",
        "sticky_for",
        "disaster_recovery",
    ];

    fn lay(&mut self, path: &str, from: &Self) {
        match path {
            "display_name" => self.display_name.clone_from(&from.display_name),
            "description" => self.description.clone_from(&from.description),
            "labels" => self.labels.clone_from(&from.labels),
            "enabled" => self.enabled = from.enabled,
            "domains" => self.domains.clone_from(&from.domains),
            "tcp_port_ranges" => self.tcp.clone_from(&from.tcp),
            "udp_port_ranges" => self.udp.clone_from(&from.udp),
            "server_groups" => self.server_groups.clone_from(&from.server_groups),
            "health_reporting" => self.health_reporting = from.health_reporting,
            "match_style" => self.match_style = from.match_style,
            "selection_policy" => self.selection_policy = from.selection_policy,
            "app_connector_group_preferences" => self.preferences.clone_from(&from.preferences),
            "allowed_countries" => self.allowed_countries.clone_from(&from.allowed_countries),
            "unhealthy_policy" => self.unhealthy_policy = from.unhealthy_policy,
            "minimum_available" => self.minimum_available = from.minimum_available,
            "sticky_for" => self.sticky_for = from.sticky_for,
            "disaster_recovery" => self.disaster_recovery = from.disaster_recovery,
            _ => {}
        }
    }
}

/// A valid segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSpec {
    /// Name for people, unique among the tenant's live segments.
    pub display_name: DisplayName,
    /// Free text.
    pub description: Description,
    /// Labels.
    pub labels: Labels,
    /// False ends paths at its names and ports.
    pub enabled: bool,
    /// What it covers, without repeats, as written.
    pub domains: Vec<Target>,
    /// TCP ports; not both protocols are empty.
    pub tcp: Ports,
    /// UDP ports.
    pub udp: Ports,
    /// Who serves it.
    pub server_groups: Vec<ServerGroupName>,
    /// When connectors measure it.
    pub health_reporting: HealthReporting,
    /// What a missed port means.
    pub match_style: MatchStyle,
    /// What the best connector is.
    pub selection_policy: SelectionPolicy,
    /// Preferences, one a group.
    pub preferences: Vec<Preference>,
    /// Countries whose connectors may serve; empty: all.
    pub allowed_countries: Vec<CountryCode>,
    /// What to answer when all are unhealthy.
    pub unhealthy_policy: UnhealthyPolicy,
    /// Hard line for updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_available: Option<u16>,
    /// How long a client keeps its connector against mere improvements.
    pub sticky_for: SignedDuration,
    /// Whether it is served in disaster recovery.
    pub disaster_recovery: bool,
}

impl Spec for SegmentSpec {
    type Name = ApplicationSegmentName;
    type Draft = SegmentDraft;
    type Given = ();
    const KIND: Kind = Kind::Segment;

    fn check(
        draft: &SegmentDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let display_name =
            DisplayName::check(&draft.display_name, &subject.at("display_name"), problems);
        let description =
            Description::check(&draft.description, &subject.at("description"), problems);
        let labels = Labels::check(&draft.labels, subject.rules, &subject.at("labels"), problems);
        let domains = domains(&draft.domains, subject, problems);
        let ports = port_sets(draft, subject, problems);
        let tenant = subject.name.tenant();
        let at = subject.at("server_groups");
        let server_groups =
            references(&draft.server_groups, &tenant, MAX_REFERENCES, &at, problems);
        let preferences = preferences(&draft.preferences, subject, problems);
        let allowed_countries = countries(&draft.allowed_countries, subject, problems);
        let minimum_available = minimum_available(draft.minimum_available, subject, problems);
        let sticky_for = sticky_for(draft.sticky_for, subject, problems);
        let (domains, (tcp, udp)) = (domains?, ports?);
        continuous(draft, &domains, tcp.count() + udp.count(), subject, problems);
        closest_to_application(draft, &tcp, subject, problems);
        Some(Self {
            display_name: display_name?,
            description: description?,
            labels: labels?,
            enabled: draft.enabled.unwrap_or(true),
            domains,
            tcp,
            udp,
            server_groups: server_groups?,
            health_reporting: draft.health_reporting.unwrap_or_default(),
            match_style: draft.match_style.unwrap_or_default(),
            selection_policy: draft.selection_policy.unwrap_or_default(),
            preferences: preferences?,
            allowed_countries: allowed_countries?,
            unhealthy_policy: draft.unhealthy_policy.unwrap_or_default(),
            minimum_available: minimum_available?,
            sticky_for: sticky_for?,
            disaster_recovery: draft.disaster_recovery,
        })
    }

    fn draft(&self) -> SegmentDraft {
        let preference = |p: &Preference| PreferenceDraft {
            app_connector_group: p.app_connector_group.to_string(),
            priority: p.priority.into(),
            weight: Some(p.weight.into()),
        };
        SegmentDraft {
            display_name: self.display_name.as_str().to_owned(),
            description: self.description.as_str().to_owned(),
            labels: self.labels.as_map().clone(),
            enabled: Some(self.enabled),
            domains: self.domains.iter().map(ToString::to_string).collect(),
            tcp: self.tcp.drafts(),
            udp: self.udp.drafts(),
            server_groups: self.server_groups.iter().map(ToString::to_string).collect(),
            health_reporting: Some(self.health_reporting),
            match_style: Some(self.match_style),
            selection_policy: Some(self.selection_policy),
            preferences: self.preferences.iter().map(preference).collect(),
            allowed_countries: self
                .allowed_countries
                .iter()
                .map(|c| c.as_str().to_owned())
                .collect(),
            unhealthy_policy: Some(self.unhealthy_policy),
            minimum_available: self.minimum_available.map(i32::from),
            sticky_for: Some(self.sticky_for),
            disaster_recovery: self.disaster_recovery,
        }
    }

    fn display_name(&self) -> &DisplayName {
        &self.display_name
    }
}

type About<'a> = Subject<'a, SegmentSpec>;

fn domains(texts: &[String], subject: &About<'_>, problems: &mut Problems) -> Option<Vec<Target>> {
    let at = subject.at("domains");
    let before = problems.list().len();
    let most = subject.rules.quotas.domains_per_segment;
    if texts.is_empty() {
        problems.missing(&at, "name at least one host name, `*.suffix`, address or network");
    }
    if texts.len() > most {
        problems.add(at, "QUOTA", format!("at most {most} domains a segment; split it"));
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
            problems.add(here, "REPEATED", format!("`{target}` is listed twice; remove one"));
        }
    }
    (problems.list().len() == before).then_some(found)
}

fn port_sets(
    draft: &SegmentDraft,
    subject: &About<'_>,
    problems: &mut Problems,
) -> Option<(Ports, Ports)> {
    let at = subject.at("tcp_port_ranges");
    let most = subject.rules.quotas.port_ranges_per_object;
    let ranges = draft.tcp.len() + draft.udp.len();
    if ranges == 0 {
        problems.missing(at, "name at least one TCP or UDP port");
        return None;
    }
    if ranges > most {
        problems.add(at, "QUOTA", format!("at most {most} port ranges, TCP and UDP together"));
        return None;
    }
    let tcp = Ports::check(&draft.tcp, &at, problems);
    let udp = Ports::check(&draft.udp, &subject.at("udp_port_ranges"), problems);
    Some((tcp?, udp?))
}

fn preferences(
    drafts: &[PreferenceDraft],
    subject: &About<'_>,
    problems: &mut Problems,
) -> Option<Vec<Preference>> {
    let at = subject.at("app_connector_group_preferences");
    let before = problems.list().len();
    if drafts.len() > MAX_REFERENCES {
        problems.add(at, "TOO_MANY", format!("at most {MAX_REFERENCES}"));
        return None;
    }
    let mut found: Vec<Preference> = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let here = format!("{at}[{index}]");
        let group_at = format!("{here}.app_connector_group");
        let group =
            reference(&draft.app_connector_group, &subject.name.tenant(), &group_at, problems);
        let priority = within(draft.priority, MAX_PRIORITY, &format!("{here}.priority"), problems);
        let weight = draft.weight.unwrap_or(DEFAULT_WEIGHT.into());
        let weight = within(weight, MAX_WEIGHT, &format!("{here}.weight"), problems);
        let (Some(app_connector_group), Some(priority), Some(weight)) = (group, priority, weight)
        else {
            continue;
        };
        if found.iter().any(|p| p.app_connector_group == app_connector_group) {
            problems.add(group_at, "REPEATED", "one preference a group; remove the other");
            continue;
        }
        let priority = u8::try_from(priority).unwrap_or(u8::MAX);
        found.push(Preference { app_connector_group, priority, weight });
    }
    (problems.list().len() == before).then_some(found)
}

fn countries(
    texts: &[String],
    subject: &About<'_>,
    problems: &mut Problems,
) -> Option<Vec<CountryCode>> {
    let at = subject.at("allowed_countries");
    let before = problems.list().len();
    if texts.len() > MAX_COUNTRIES {
        problems.add(at, "TOO_MANY", format!("at most {MAX_COUNTRIES}"));
        return None;
    }
    let mut found = BTreeSet::new();
    for (index, text) in texts.iter().enumerate() {
        let here = format!("{at}[{index}]");
        if let Some(code) = CountryCode::check(text, &here, problems)
            && !found.insert(code)
        {
            problems.add(here, "REPEATED", format!("`{text}` is listed twice; remove one"));
        }
    }
    (problems.list().len() == before).then(|| found.into_iter().collect())
}

/// `Some(None)`: not written, which is fine.
#[allow(clippy::option_option, reason = "outer: valid; inner: written")]
fn minimum_available(
    written: Option<i32>,
    subject: &About<'_>,
    problems: &mut Problems,
) -> Option<Option<u16>> {
    match written {
        None => Some(None),
        Some(number) => {
            let at = subject.at("minimum_available");
            within(number, MAX_MINIMUM_AVAILABLE, &at, problems).map(Some)
        }
    }
}

fn sticky_for(
    written: Option<SignedDuration>,
    subject: &About<'_>,
    problems: &mut Problems,
) -> Option<SignedDuration> {
    let duration = written.unwrap_or(DEFAULT_STICKY_FOR);
    let fits = duration >= SignedDuration::ZERO && duration <= MAX_STICKY_FOR;
    if !fits {
        problems.add(subject.at("sticky_for"), "OUT_OF_RANGE", "must be 0 s to 24 h");
    }
    fits.then_some(duration)
}

/// 0 to `most`.
fn within(number: i32, most: i32, at: &str, problems: &mut Problems) -> Option<u16> {
    let found = u16::try_from(number).ok().filter(|_| number <= most);
    if found.is_none() {
        problems.add(at, "OUT_OF_RANGE", format!("must be 0 to {most}"));
    }
    found
}

/// Measuring all the time needs a short list of exact targets.
fn continuous(
    draft: &SegmentDraft,
    domains: &[Target],
    ports: usize,
    subject: &About<'_>,
    problems: &mut Problems,
) {
    if draft.health_reporting != Some(HealthReporting::Continuous) {
        return;
    }
    if let Some(wide) = domains.iter().find(|target| !target.is_exact()) {
        problems.add(
            subject.at("health_reporting"),
            "NOT_ALLOWED",
            format!("CONTINUOUS needs exact names and addresses, and `{wide}` is none; use ON_ACCESS, or list the hosts"),
        );
    } else if ports > MAX_CONTINUOUS_PORTS {
        problems.add(
            subject.at("health_reporting"),
            "NOT_ALLOWED",
            format!("CONTINUOUS needs at most {MAX_CONTINUOUS_PORTS} ports, and there are {ports}; use ON_ACCESS, or narrow the ranges"),
        );
    }
}

/// Judging by the application leg needs something that measures it.
fn closest_to_application(
    draft: &SegmentDraft,
    tcp: &Ports,
    subject: &About<'_>,
    problems: &mut Problems,
) {
    if draft.selection_policy != Some(SelectionPolicy::ClosestToApplication) {
        return;
    }
    let none = draft.health_reporting == Some(HealthReporting::None);
    if none || tcp.count() == 0 {
        problems.add(
            subject.at("selection_policy"),
            "NOT_ALLOWED",
            "CLOSEST_TO_APPLICATION needs measurements: a TCP port and a health_reporting other than NONE",
        );
    }
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
