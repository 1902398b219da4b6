//! Application segments.

mod rules;
mod words;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use names::{AppConnectorGroupName, ApplicationSegmentName, ServerGroupName};
use serde::{Deserialize, Serialize};

use super::{
    CountryCode, Description, DisplayName, Kind, Labels, MAX_REFERENCES, PortRangeDraft, Ports,
    Target, Violations,
    overlap::Coverage,
    resource::{About, Link, Resource, Spec, Subject, loses, references},
};
use rules::{
    closest_to_application, continuous, countries, domains, minimum_available, port_sets,
    preferences, sticky_for,
};
pub use words::{HealthReporting, MatchStyle, SelectionPolicy, UnhealthyPolicy};

/// An application segment.
pub type Segment = Resource<SegmentSpec>;

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

names::draft! {
    /// A segment as a caller writes it.
    pub struct SegmentDraft {
        /// Name for people.
        "display_name" => display_name: String;
        /// Free text.
        "description" => description: String;
        /// Labels.
        "labels" => labels: BTreeMap<String, String>;
        /// `None`: true.
        "enabled" => enabled: Option<bool>;
        /// What it covers.
        "domains" => domains: Vec<String>;
        /// TCP ports.
        "tcp_port_ranges" => tcp: Vec<PortRangeDraft>;
        /// UDP ports.
        "udp_port_ranges" => udp: Vec<PortRangeDraft>;
        /// Names of server groups.
        "server_groups" => server_groups: Vec<String>;
        /// `None`: on access.
        "health_reporting" => health_reporting: Option<HealthReporting>;
        /// `None`: inclusive.
        "match_style" => match_style: Option<MatchStyle>;
        /// `None`: lowest total latency.
        "selection_policy" => selection_policy: Option<SelectionPolicy>;
        /// Preferences.
        "app_connector_group_preferences" => preferences: Vec<PreferenceDraft>;
        /// Country codes.
        "allowed_countries" => allowed_countries: Vec<String>;
        /// `None`: refuse.
        "unhealthy_policy" => unhealthy_policy: Option<UnhealthyPolicy>;
        /// `None`: by what serves it.
        "minimum_available" => minimum_available: Option<i32>;
        /// `None`: 10 min.
        "sticky_for" => sticky_for: Option<SignedDuration>;
        /// Whether it is served in disaster recovery.
        "disaster_recovery" => disaster_recovery: bool;
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
    type ServerFields = ();
    const KIND: Kind = Kind::Segment;
    const ABOUT: About = About::below_tenant(
        0x05,
        "application segment",
        "application_segment",
        ApplicationSegmentName::TYPE,
        |quotas| quotas.application_segments,
    );

    fn check(
        draft: &SegmentDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Self> {
        let display_name =
            DisplayName::check(&draft.display_name, &subject.at("display_name"), problems);
        let description =
            Description::check(&draft.description, &subject.at("description"), problems);
        let labels = Labels::check(&draft.labels, subject.rules, &subject.at("labels"), problems);
        let domains = domains(&draft.domains, subject, problems);
        let ports = port_sets(draft, subject, problems);
        let at = subject.at("server_groups");
        let server_groups =
            references(&draft.server_groups, subject.tenant, MAX_REFERENCES, &at, problems);
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

    fn withdraws(&self, after: &Self) -> bool {
        let names = loses(&self.domains, &after.domains);
        let chain = loses(&self.server_groups, &after.server_groups);
        let narrowed = (&self.tcp, &self.udp, &self.allowed_countries)
            != (&after.tcp, &after.udp, &after.allowed_countries);
        self.enabled && (!after.enabled || names || chain || narrowed)
    }

    fn links(segment: &Segment) -> Vec<Link> {
        let field = "server_groups";
        let link = |(index, to)| Link::listed(Kind::ServerGroup, field, index, to);
        segment.spec.server_groups.iter().enumerate().map(link).collect()
    }

    /// Preferences do not stop the delete of a group.
    fn mentions(&self) -> Vec<Link> {
        let mention = |(index, preference): (usize, &Preference)| {
            let to = &preference.app_connector_group;
            let field = format!("app_connector_group_preferences[{index}].app_connector_group");
            Link { kind: Kind::Group, tenant: to.tenant(), id: to.id().clone(), field }
        };
        self.preferences.iter().enumerate().map(mention).collect()
    }

    fn coverage(&self) -> Option<Coverage<'_>> {
        let Self { domains, tcp, udp, .. } = self;
        self.enabled.then_some(Coverage { domains, tcp, udp })
    }
}

#[cfg(test)]
mod tests;
