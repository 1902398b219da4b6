//! Every resource of the contract.

use crate::{Id, NameError, name::resource_name};

resource_name! {
    /// An organisation; everything else but releases and system version profiles lives below one.
    TenantName, "causeway/Tenant", "tenants/{tenant}", ["tenants" / tenant]
}

resource_name! {
    /// Connectors of one place or purpose.
    AppConnectorGroupName, "causeway/AppConnectorGroup",
    "tenants/{tenant}/appConnectorGroups/{app_connector_group}",
    ["tenants" / tenant, "appConnectorGroups" / app_connector_group]
}

resource_name! {
    /// One enrolled connector. The server makes its id and never gives it out again.
    AppConnectorName, "causeway/AppConnector",
    "tenants/{tenant}/appConnectors/{app_connector}",
    ["tenants" / tenant, "appConnectors" / app_connector]
}

resource_name! {
    /// What joins application segments to app connector groups.
    ServerGroupName, "causeway/ServerGroup",
    "tenants/{tenant}/serverGroups/{server_group}",
    ["tenants" / tenant, "serverGroups" / server_group]
}

resource_name! {
    /// An application: domains and ports.
    ApplicationSegmentName, "causeway/ApplicationSegment",
    "tenants/{tenant}/applicationSegments/{application_segment}",
    ["tenants" / tenant, "applicationSegments" / application_segment]
}

resource_name! {
    /// A network of users with a known place.
    ClientNetworkName, "causeway/ClientNetwork",
    "tenants/{tenant}/clientNetworks/{client_network}",
    ["tenants" / tenant, "clientNetworks" / client_network]
}

resource_name! {
    /// A secret that lets connectors join one group.
    ProvisioningKeyName, "causeway/ProvisioningKey",
    "tenants/{tenant}/provisioningKeys/{provisioning_key}",
    ["tenants" / tenant, "provisioningKeys" / provisioning_key]
}

resource_name! {
    /// One connector's joining: with which key, from where, when.
    EnrolmentName, "causeway/Enrolment",
    "tenants/{tenant}/enrolments/{enrolment}",
    ["tenants" / tenant, "enrolments" / enrolment]
}

resource_name! {
    /// The CA that signs a tenant's connectors.
    CertificateAuthorityName, "causeway/CertificateAuthority",
    "tenants/{tenant}/certificateAuthority",
    ["tenants" / tenant, "certificateAuthority"]
}

resource_name! {
    /// Freezes and defaults of a tenant's updates.
    UpdatePolicyName, "causeway/UpdatePolicy",
    "tenants/{tenant}/updatePolicy",
    ["tenants" / tenant, "updatePolicy"]
}

resource_name! {
    /// When and how a group's connectors are updated.
    UpdateScheduleName, "causeway/UpdateSchedule",
    "tenants/{tenant}/appConnectorGroups/{app_connector_group}/updateSchedule",
    ["tenants" / tenant, "appConnectorGroups" / app_connector_group, "updateSchedule"]
}

resource_name! {
    /// One run of updates through a group.
    RolloutName, "causeway/Rollout",
    "tenants/{tenant}/appConnectorGroups/{app_connector_group}/rollouts/{rollout}",
    ["tenants" / tenant, "appConnectorGroups" / app_connector_group, "rollouts" / rollout]
}

resource_name! {
    /// What a connector reports of itself.
    ConnectorStatusName, "causeway/ConnectorStatus",
    "tenants/{tenant}/appConnectors/{app_connector}/status",
    ["tenants" / tenant, "appConnectors" / app_connector, "status"]
}

resource_name! {
    /// A tenant's disaster recovery switch.
    DisasterRecoveryName, "causeway/DisasterRecovery",
    "tenants/{tenant}/disasterRecovery",
    ["tenants" / tenant, "disasterRecovery"]
}

resource_name! {
    /// A published version of the connector software; global.
    ReleaseName, "causeway/Release", "releases/{release}", ["releases" / release]
}

/// A version profile: `versionProfiles/{version_profile}` for those of the system, which are
/// global, or `tenants/{tenant}/versionProfiles/{version_profile}` for a tenant's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionProfileName {
    /// The tenant that made it; `None` for a profile of the system.
    pub tenant: Option<Id>,
    /// The id after `versionProfiles/`.
    pub version_profile: Id,
}

impl VersionProfileName {
    /// Both forms of the name.
    pub const PATTERNS: &'static [&'static str] = &[
        "versionProfiles/{version_profile}",
        "tenants/{tenant}/versionProfiles/{version_profile}",
    ];
    /// The resource type, as `ResourceInfo` and the contract write it.
    pub const TYPE: &'static str = "causeway/VersionProfile";
}

impl std::str::FromStr for VersionProfileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let shape = || NameError::shape(text, Self::PATTERNS);
        let id = |part| Id::parse(part).map_err(|e| NameError::id(text, Self::PATTERNS, e));
        let (tenant, rest) = match text.strip_prefix("tenants/") {
            None => (None, text),
            Some(below) => {
                let (tenant, rest) = below.split_once('/').ok_or_else(shape)?;
                (Some(id(tenant)?), rest)
            }
        };
        let version_profile = id(rest.strip_prefix("versionProfiles/").ok_or_else(shape)?)?;
        Ok(Self { tenant, version_profile })
    }
}

impl std::fmt::Display for VersionProfileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(tenant) = &self.tenant {
            write!(f, "tenants/{tenant}/")?;
        }
        write!(f, "versionProfiles/{}", self.version_profile)
    }
}

impl serde::Serialize for VersionProfileName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for VersionProfileName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A name that belongs to one tenant, or is one: what access is decided on.
pub trait BelowTenant {
    /// The tenant it belongs to or is.
    fn tenant(&self) -> TenantName;
}

/// A name that two ids make: the tenant's and its own. A tenant's own id is both.
pub trait ResourceName:
    BelowTenant
    + Clone
    + Ord
    + std::fmt::Display
    + std::fmt::Debug
    + std::str::FromStr<Err = NameError>
    + serde::Serialize
    + serde::de::DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The form of the name.
    const FORM: &'static str;
    /// The resource type, as `ResourceInfo` and the contract write it.
    const RESOURCE_TYPE: &'static str;

    /// The name with these ids.
    fn of(tenant: Id, id: Id) -> Self;

    /// The last id.
    fn last_id(&self) -> &Id;
}

impl BelowTenant for TenantName {
    fn tenant(&self) -> TenantName {
        self.clone()
    }
}

impl ResourceName for TenantName {
    const FORM: &'static str = Self::PATTERN;
    const RESOURCE_TYPE: &'static str = Self::TYPE;

    fn of(_tenant: Id, id: Id) -> Self {
        Self::new(id)
    }

    fn last_id(&self) -> &Id {
        self.id()
    }
}

impl TenantName {
    /// The tenant with this id.
    #[must_use]
    pub fn new(tenant: Id) -> Self {
        Self { tenant }
    }

    /// The last id of the name.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.tenant
    }
}

/// What every resource directly below a tenant has: made of two ids, knows its tenant.
macro_rules! child_of_tenant {
    ($($name:ident . $field:ident),+ $(,)?) => {$(
        impl $name {
            /// The resource with this id below this tenant.
            #[must_use]
            pub fn new(tenant: Id, $field: Id) -> Self {
                Self { tenant, $field }
            }

            /// The last id of the name.
            #[must_use]
            pub fn id(&self) -> &Id {
                &self.$field
            }
        }

        impl ResourceName for $name {
            const FORM: &'static str = Self::PATTERN;
            const RESOURCE_TYPE: &'static str = Self::TYPE;

            fn of(tenant: Id, id: Id) -> Self {
                Self::new(tenant, id)
            }

            fn last_id(&self) -> &Id {
                self.id()
            }
        }
    )+};
}

child_of_tenant!(
    AppConnectorGroupName.app_connector_group,
    AppConnectorName.app_connector,
    ServerGroupName.server_group,
    ApplicationSegmentName.application_segment,
    ClientNetworkName.client_network,
    ProvisioningKeyName.provisioning_key,
    EnrolmentName.enrolment,
    UpdateScheduleName.app_connector_group,
    ConnectorStatusName.app_connector,
);

/// What everything below a tenant has: a way up to it.
macro_rules! within_tenant {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            /// The tenant it belongs to.
            #[must_use]
            pub fn tenant(&self) -> TenantName {
                TenantName::new(self.tenant.clone())
            }
        }

        impl BelowTenant for $name {
            fn tenant(&self) -> TenantName {
                $name::tenant(self)
            }
        }
    )+};
}

within_tenant!(
    AppConnectorGroupName,
    AppConnectorName,
    ServerGroupName,
    ApplicationSegmentName,
    ClientNetworkName,
    ProvisioningKeyName,
    EnrolmentName,
    CertificateAuthorityName,
    UpdatePolicyName,
    UpdateScheduleName,
    RolloutName,
    ConnectorStatusName,
    DisasterRecoveryName,
);

impl UpdateScheduleName {
    /// The group whose schedule it is.
    #[must_use]
    pub fn app_connector_group(&self) -> AppConnectorGroupName {
        AppConnectorGroupName::new(self.tenant.clone(), self.app_connector_group.clone())
    }
}

impl AppConnectorGroupName {
    /// The group's schedule.
    #[must_use]
    pub fn update_schedule(&self) -> UpdateScheduleName {
        UpdateScheduleName::new(self.tenant.clone(), self.app_connector_group.clone())
    }
}

impl ConnectorStatusName {
    /// The connector whose status it is.
    #[must_use]
    pub fn app_connector(&self) -> AppConnectorName {
        AppConnectorName::new(self.tenant.clone(), self.app_connector.clone())
    }
}

impl AppConnectorName {
    /// The connector's status.
    #[must_use]
    pub fn status(&self) -> ConnectorStatusName {
        ConnectorStatusName::new(self.tenant.clone(), self.app_connector.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_comes_back_from_its_text() {
        let text = "tenants/acme/appConnectorGroups/berlin-1";
        let name: AppConnectorGroupName = text.parse().unwrap();
        assert_eq!(name.to_string(), text);
        assert_eq!(name.tenant().to_string(), "tenants/acme");
        assert_eq!(name.id().as_str(), "berlin-1");
        assert_eq!(name.update_schedule().to_string(), format!("{text}/updateSchedule"));
        assert_eq!(name.update_schedule().app_connector_group(), name);
    }

    #[test]
    fn a_wrong_text_says_the_form_that_is_expected() {
        for bad in [
            "",
            "tenants/acme",
            "tenants/acme/serverGroups/x",
            "tenants/acme/appConnectorGroups/x/",
            "tenants/acme/appConnectorGroups/x/y",
            "/tenants/acme/appConnectorGroups/x",
        ] {
            let error = bad.parse::<AppConnectorGroupName>().unwrap_err().to_string();
            assert!(error.contains(AppConnectorGroupName::PATTERN), "{error}");
        }
        let error = "tenants/Acme/appConnectorGroups/x"
            .parse::<AppConnectorGroupName>()
            .unwrap_err()
            .to_string();
        assert!(error.contains("`Acme` is not an id"), "{error}");
    }

    #[test]
    fn a_version_profile_is_global_or_a_tenants_own() {
        for text in ["versionProfiles/default", "tenants/acme/versionProfiles/pinned"] {
            assert_eq!(text.parse::<VersionProfileName>().unwrap().to_string(), text);
        }
        let error = "profiles/default".parse::<VersionProfileName>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`profiles/default` is not a name of the form `versionProfiles/{version_profile}` or \
             `tenants/{tenant}/versionProfiles/{version_profile}`"
        );
    }

    #[test]
    fn names_travel_through_serde_as_text() {
        let name: EnrolmentName = "tenants/acme/enrolments/e1".parse().unwrap();
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!(json, "\"tenants/acme/enrolments/e1\"");
        assert_eq!(serde_json::from_str::<EnrolmentName>(&json).unwrap(), name);
        assert!(serde_json::from_str::<EnrolmentName>("\"tenants/acme\"").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_and_what_it_takes_it_gives_back(text in ".{0,120}") {
            if let Ok(name) = text.parse::<AppConnectorName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
