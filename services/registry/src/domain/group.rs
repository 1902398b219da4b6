//! App connector groups.

use std::collections::BTreeMap;

use names::{AppConnectorGroupName, ServerGroupName};
use serde::{Deserialize, Serialize};

use super::{
    Description, DisplayName, Kind, Labels, Location, LocationDraft, Violations,
    resource::{About, Resource, Spec, Subject},
};

/// An app connector group.
pub type Group = Resource<GroupSpec>;

/// Address families in which connectors resolve application names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DnsResolution {
    /// Both.
    #[default]
    Ipv4Ipv6,
    /// A records only.
    Ipv4,
    /// AAAA records only.
    Ipv6,
}

names::draft! {
    /// A group as a caller writes it.
    pub struct GroupDraft {
        /// Name for people.
        "display_name" => display_name: String;
        /// Free text.
        "description" => description: String;
        /// Labels.
        "labels" => labels: BTreeMap<String, String>;
        /// `None`: true.
        "enabled" => enabled: Option<bool>;
        /// Where it is.
        "location" | "location.address" | "location.city" | "location.country_code" | "location.coordinates" | "location.time_zone" => location: Option<LocationDraft>, by LocationDraft::copy;
        /// `None`: both families.
        "dns_resolution_option" => dns_resolution: Option<DnsResolution>;
        /// Whether it serves in disaster recovery.
        "disaster_recovery" => disaster_recovery: bool;
    }
}

/// A valid group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Name for people, unique among the tenant's live groups.
    pub display_name: DisplayName,
    /// Free text.
    pub description: Description,
    /// Labels.
    pub labels: Labels,
    /// Whether it serves and enrols.
    pub enabled: bool,
    /// Where it is.
    pub location: Location,
    /// Address families.
    pub dns_resolution: DnsResolution,
    /// Whether it serves in disaster recovery.
    pub disaster_recovery: bool,
}

/// What the server notes about a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupServerFields {
    /// Of a group deleted with `force`: the server groups that named it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_server_groups: Vec<ServerGroupName>,
}

impl Spec for GroupSpec {
    type Name = AppConnectorGroupName;
    type Draft = GroupDraft;
    type ServerFields = GroupServerFields;
    const KIND: Kind = Kind::Group;
    const ABOUT: About = About::below_tenant(
        0x02,
        "app connector group",
        "app_connector_group",
        AppConnectorGroupName::TYPE,
        |quotas| quotas.app_connector_groups,
    );

    fn check(
        draft: &GroupDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Self> {
        let display_name =
            DisplayName::check(&draft.display_name, &subject.at("display_name"), problems);
        let description =
            Description::check(&draft.description, &subject.at("description"), problems);
        let labels = Labels::check(&draft.labels, subject.rules, &subject.at("labels"), problems);
        let location = Location::check(
            draft.location.as_ref().unwrap_or(&LocationDraft::default()),
            subject.previous.map(|spec| &spec.location),
            subject.rules,
            &subject.at("location"),
            problems,
        );
        Some(Self {
            display_name: display_name?,
            description: description?,
            labels: labels?,
            enabled: draft.enabled.unwrap_or(true),
            location: location?,
            dns_resolution: draft.dns_resolution.unwrap_or_default(),
            disaster_recovery: draft.disaster_recovery,
        })
    }

    fn draft(&self) -> GroupDraft {
        GroupDraft {
            display_name: self.display_name.as_str().to_owned(),
            description: self.description.as_str().to_owned(),
            labels: self.labels.as_map().clone(),
            enabled: Some(self.enabled),
            location: Some(self.location.draft()),
            dns_resolution: Some(self.dns_resolution),
            disaster_recovery: self.disaster_recovery,
        }
    }

    fn display_name(&self) -> &DisplayName {
        &self.display_name
    }

    fn withdraws(&self, after: &Self) -> bool {
        self.enabled && !after.enabled
    }

    fn state(&self) -> &'static str {
        if self.enabled { "enabled" } else { "disabled" }
    }
}

#[cfg(test)]
mod tests {
    use names::Draft as _;

    use super::*;
    use crate::domain::Rules;

    fn check(draft: &GroupDraft, previous: Option<&GroupSpec>) -> Result<GroupSpec, Violations> {
        let tenant = "tenants/acme".parse().unwrap();
        let subject = Subject { tenant: Some(&tenant), previous, rules: &Rules::default() };
        let mut problems = Violations::new();
        let found = GroupSpec::check(draft, &subject, &mut problems);
        found.filter(|_| problems.is_empty()).ok_or(problems)
    }

    fn berlin() -> GroupDraft {
        GroupDraft {
            display_name: "Berlin".to_owned(),
            location: Some(LocationDraft {
                city: "Berlin".to_owned(),
                coordinates: Some((52.52, 13.405)),
                ..LocationDraft::default()
            }),
            ..GroupDraft::default()
        }
    }

    #[test]
    fn silence_means_the_documented_default() {
        let spec = check(&berlin(), None).unwrap();
        assert!(spec.enabled);
        assert_eq!(spec.dns_resolution, DnsResolution::Ipv4Ipv6);
        assert!(!spec.disaster_recovery);
        assert_eq!(check(&spec.draft(), Some(&spec)).unwrap(), spec);
    }

    #[test]
    fn a_group_without_anything_misses_its_name_and_its_place() {
        let problems = check(&GroupDraft::default(), None).unwrap_err();
        let fields: Vec<_> = problems.list().iter().map(|p| p.field.as_str()).collect();
        assert_eq!(
            fields,
            ["app_connector_group.display_name", "app_connector_group.location.coordinates"]
        );
    }

    #[test]
    fn a_patch_of_the_place_never_drops_the_coordinates() {
        let mut draft = berlin();
        let moved = GroupDraft {
            location: Some(LocationDraft {
                address: "Unter den Linden 1".to_owned(),
                ..LocationDraft::default()
            }),
            ..GroupDraft::default()
        };
        draft.copy_field("location", &moved);
        let location = draft.location.as_ref().unwrap();
        assert_eq!(location.coordinates, Some((52.52, 13.405)));
        assert_eq!(location.address, "Unter den Linden 1");
        assert_eq!(location.city, "", "the mask names the whole place, so the city goes");
        draft.copy_field("location.coordinates", &GroupDraft::default());
        assert_eq!(draft.location.unwrap().coordinates, Some((52.52, 13.405)));
    }

    #[test]
    fn an_update_without_a_mask_changes_the_leaves_that_it_carries() {
        assert_eq!(
            berlin().non_default_paths(),
            ["display_name", "location.city", "location.coordinates"]
        );
        let mut draft = berlin();
        let patch = GroupDraft { enabled: Some(false), ..GroupDraft::default() };
        for path in patch.non_default_paths() {
            draft.copy_field(path, &patch);
        }
        assert_eq!(draft, GroupDraft { enabled: Some(false), ..berlin() });
    }

    #[test]
    fn every_path_lays_what_it_names() {
        let full = GroupDraft {
            description: "d".to_owned(),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            enabled: Some(false),
            location: Some(LocationDraft {
                address: "a".to_owned(),
                country_code: "DE".to_owned(),
                time_zone: "Europe/Berlin".to_owned(),
                ..berlin().location.unwrap()
            }),
            dns_resolution: Some(DnsResolution::Ipv6),
            disaster_recovery: true,
            ..berlin()
        };
        for path in GroupDraft::PATHS {
            let mut draft = GroupDraft::default();
            draft.copy_field(path, &full);
            assert_ne!(draft, GroupDraft::default(), "{path} lays nothing");
        }
        let mut all = GroupDraft::default();
        for path in full.non_default_paths() {
            all.copy_field(path, &full);
        }
        assert_eq!(all, full);
    }
}
