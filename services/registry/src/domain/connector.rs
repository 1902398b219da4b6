//! App connectors. Only enrolment makes one, so what it is registered with is checked here too.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use names::{
    AppConnectorGroupName, AppConnectorName, EnrolmentName, ProvisioningKeyName, Reason, TenantName,
};
use serde::{Deserialize, Serialize};

use super::{
    Description, DisplayName, Kind, Labels, Location, LocationDraft, Rules, Violations,
    resource::{About, Claim, Link, Resource, Spec, Subject},
};

/// Shortest life of an ephemeral connector after it disconnects.
pub(super) const MIN_EPHEMERAL_TTL: SignedDuration = SignedDuration::from_secs(1);
/// Longest one; beyond that it is not ephemeral.
pub(super) const MAX_EPHEMERAL_TTL: SignedDuration = SignedDuration::from_hours(24 * 30);

/// An app connector.
pub type Connector = Resource<ConnectorSpec>;

names::draft! {
    /// A connector as a caller writes it.
    pub struct ConnectorDraft {
        /// Name for people.
        "display_name" => display_name: String;
        /// Free text.
        "description" => description: String;
        /// Labels.
        "labels" => labels: BTreeMap<String, String>;
        /// `None`: true.
        "enabled" => enabled: Option<bool>;
        /// Its own place; `None`: its group's.
        "location" | "location.address" | "location.city" | "location.country_code" | "location.coordinates" | "location.time_zone" => location: Option<LocationDraft>, by LocationDraft::copy_optional;
    }
}

/// What an administrator wrote about a connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorSpec {
    /// Name for people; need not be unique.
    pub display_name: DisplayName,
    /// Free text.
    pub description: Description,
    /// Labels.
    pub labels: Labels,
    /// False ends its selection.
    pub enabled: bool,
    /// Its own place; `None`: its group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// What enrolment gave a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The group it belongs to.
    pub app_connector_group: AppConnectorGroupName,
    /// The key it joined with.
    pub provisioning_key: ProvisioningKeyName,
    /// The enrolment that made it.
    pub enrolment: EnrolmentName,
    /// SHA-256 of its public key's DER `SubjectPublicKeyInfo`.
    pub public_key_sha256: [u8; 32],
    /// How long it stays after it disconnects; `None`: it is not ephemeral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_ttl: Option<SignedDuration>,
    /// The group with which it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_with: Option<AppConnectorGroupName>,
}

impl Spec for ConnectorSpec {
    type Name = AppConnectorName;
    type Draft = ConnectorDraft;
    type ServerFields = Origin;
    const KIND: Kind = Kind::Connector;
    const ABOUT: About = About {
        id_is_spent: true,
        ..About::below_tenant(
            0x03,
            "app connector",
            "app_connector",
            AppConnectorName::TYPE,
            |quotas| quotas.app_connectors,
        )
    };

    fn check(
        draft: &ConnectorDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Self> {
        let display_name =
            DisplayName::check(&draft.display_name, &subject.at("display_name"), problems);
        let description =
            Description::check(&draft.description, &subject.at("description"), problems);
        let labels = Labels::check(&draft.labels, subject.rules, &subject.at("labels"), problems);
        let previous = subject.previous.and_then(|spec| spec.location.as_ref());
        let at = subject.at("location");
        let location = draft
            .location
            .as_ref()
            .map(|location| Location::check(location, previous, subject.rules, &at, problems));
        Some(Self {
            display_name: display_name?,
            description: description?,
            labels: labels?,
            enabled: draft.enabled.unwrap_or(true),
            location: match location {
                Some(checked) => Some(checked?),
                None => None,
            },
        })
    }

    fn draft(&self) -> ConnectorDraft {
        ConnectorDraft {
            display_name: self.display_name.as_str().to_owned(),
            description: self.description.as_str().to_owned(),
            labels: self.labels.as_map().clone(),
            enabled: Some(self.enabled),
            location: self.location.as_ref().map(Location::draft),
        }
    }

    fn display_name(&self) -> &DisplayName {
        &self.display_name
    }

    fn withdraws(&self, after: &Self) -> bool {
        self.enabled && !after.enabled
    }

    /// Names of connectors need not be unique.
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }

    fn links(connector: &Connector) -> Vec<Link> {
        let group = &connector.server_fields.app_connector_group;
        let field = "app_connector_group".to_owned();
        vec![Link { kind: Kind::Group, tenant: group.tenant(), id: group.id().clone(), field }]
    }
}

/// A registration as provisioning sends it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegistrationDraft {
    /// Name of the new connector.
    pub name: String,
    /// Its group.
    pub app_connector_group: String,
    /// The enrolment.
    pub enrolment: String,
    /// The key that was used.
    pub provisioning_key: String,
    /// Name for people; empty: the connector's id.
    pub display_name: String,
    /// Labels from the key.
    pub labels: BTreeMap<String, String>,
    /// SHA-256 of the public key.
    pub public_key_sha256: Vec<u8>,
    /// From an ephemeral key.
    pub ephemeral_ttl: Option<SignedDuration>,
}

/// A valid registration: everything of one tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// Name of the new connector.
    pub name: AppConnectorName,
    /// What it starts with.
    pub spec: ConnectorSpec,
    /// What it comes from.
    pub origin: Origin,
}

impl Registration {
    /// Checks a registration, noting every problem.
    pub fn check(
        draft: &RegistrationDraft,
        rules: &Rules,
        problems: &mut Violations,
    ) -> Option<Self> {
        let name = problems.take::<AppConnectorName, _>("name", draft.name.parse());
        let group = problems.take::<AppConnectorGroupName, _>(
            "app_connector_group",
            draft.app_connector_group.parse(),
        );
        let enrolment = problems.take::<EnrolmentName, _>("enrolment", draft.enrolment.parse());
        let key = problems
            .take::<ProvisioningKeyName, _>("provisioning_key", draft.provisioning_key.parse());
        if let Some(name) = &name {
            let tenant = name.tenant();
            let mut same = |field: &str, other: Option<TenantName>| {
                if other.is_some_and(|other| other != tenant) {
                    problems.add(
                        field,
                        Reason::ForeignTenant,
                        format!("must belong to `{tenant}`"),
                    );
                }
            };
            same("app_connector_group", group.as_ref().map(AppConnectorGroupName::tenant));
            same("enrolment", enrolment.as_ref().map(EnrolmentName::tenant));
            same("provisioning_key", key.as_ref().map(ProvisioningKeyName::tenant));
        }
        let id = name.as_ref().map_or("", |name| name.id().as_str());
        let shown = if draft.display_name.is_empty() { id } else { &draft.display_name };
        let display_name = if shown.is_empty() {
            None
        } else {
            DisplayName::check(shown, "display_name", problems)
        };
        let labels = Labels::check(&draft.labels, rules, "labels", problems);
        let public_key_sha256 = <[u8; 32]>::try_from(draft.public_key_sha256.as_slice()).ok();
        if public_key_sha256.is_none() {
            problems.add(
                "public_key_sha256",
                Reason::Malformed,
                "must be the 32 bytes of a SHA-256",
            );
        }
        let fits = |ttl: &SignedDuration| (MIN_EPHEMERAL_TTL..=MAX_EPHEMERAL_TTL).contains(ttl);
        if !draft.ephemeral_ttl.as_ref().is_none_or(fits) {
            problems.add("ephemeral_ttl", Reason::OutOfRange, "must be 1 s to 30 days, or absent");
        }
        Some(Self {
            name: name?,
            spec: ConnectorSpec {
                display_name: display_name?,
                description: Description::default(),
                labels: labels?,
                enabled: true,
                location: None,
            },
            origin: Origin {
                app_connector_group: group?,
                provisioning_key: key?,
                enrolment: enrolment?,
                public_key_sha256: public_key_sha256?,
                ephemeral_ttl: draft.ephemeral_ttl,
                deleted_with: None,
            },
        })
        .filter(|_| problems.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use names::Draft as _;

    use super::*;

    fn draft() -> RegistrationDraft {
        RegistrationDraft {
            name: "tenants/acme/appConnectors/berlin-1".to_owned(),
            app_connector_group: "tenants/acme/appConnectorGroups/berlin".to_owned(),
            enrolment: "tenants/acme/enrolments/e1".to_owned(),
            provisioning_key: "tenants/acme/provisioningKeys/k1".to_owned(),
            public_key_sha256: vec![7; 32],
            ..RegistrationDraft::default()
        }
    }

    fn check(draft: &RegistrationDraft) -> Result<Registration, Vec<String>> {
        let mut problems = Violations::new();
        Registration::check(draft, &Rules::default(), &mut problems).ok_or_else(|| {
            problems.list().iter().map(|p| format!("{} {}", p.field, p.reason)).collect()
        })
    }

    #[test]
    fn a_connector_without_a_name_for_people_is_called_by_its_id() {
        let found = check(&draft()).unwrap();
        assert_eq!(found.spec.display_name.as_str(), "berlin-1");
        assert!(found.spec.enabled);
    }

    #[test]
    fn everything_of_a_registration_belongs_to_one_tenant_and_every_problem_is_named() {
        let bad = RegistrationDraft {
            app_connector_group: "tenants/other/appConnectorGroups/berlin".to_owned(),
            enrolment: "e1".to_owned(),
            provisioning_key: "tenants/other/provisioningKeys/k1".to_owned(),
            public_key_sha256: vec![7; 31],
            ephemeral_ttl: Some(SignedDuration::ZERO),
            labels: [("X".to_owned(), String::new())].into(),
            ..draft()
        };
        assert_eq!(
            check(&bad).unwrap_err(),
            [
                "enrolment MALFORMED",
                "app_connector_group FOREIGN_TENANT",
                "provisioning_key FOREIGN_TENANT",
                "labels[X] MALFORMED",
                "public_key_sha256 MALFORMED",
                "ephemeral_ttl OUT_OF_RANGE",
            ]
        );
    }

    #[test]
    fn a_connectors_own_place_can_be_taken_away() {
        let place = LocationDraft { coordinates: Some((1.0, 2.0)), ..LocationDraft::default() };
        let mut draft = ConnectorDraft { location: Some(place), ..ConnectorDraft::default() };
        draft.copy_field("location", &ConnectorDraft::default());
        assert_eq!(draft.location, None);
    }
}
