//! Version profiles: which versions a tenant or a group follows.
//!
//! Owns: the profiles of the system and the rule which profile counts for a group.
//! Always holds: every group has exactly one effective profile, and its source is known.
//! Absent on purpose: profiles of a tenant's own, and releases. Until there are releases no profile resolves to a
//! version, and every schedule says so (`NO_TARGET`).

use names::{Id, VersionProfileName};

/// How a profile finds its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The promoted stable release.
    Promoted,
    /// The one promoted before it.
    PreviouslyPromoted,
    /// The newest release.
    Newest,
}

/// A profile that every tenant has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SystemProfile {
    /// The id after `versionProfiles/`.
    pub(crate) id: &'static str,
    /// Name for people.
    pub(crate) display_name: &'static str,
    /// What it is for.
    pub(crate) description: &'static str,
    /// How its version is found.
    pub(crate) rule: Rule,
}

/// The profiles of the system, the default first.
pub(crate) const SYSTEM_PROFILES: [SystemProfile; 3] = [
    SystemProfile {
        id: "default",
        display_name: "Default",
        description: "The promoted stable release.",
        rule: Rule::Promoted,
    },
    SystemProfile {
        id: "previous-default",
        display_name: "Previous Default",
        description: "The stable release before the present one, to go back to.",
        rule: Rule::PreviouslyPromoted,
    },
    SystemProfile {
        id: "new-release",
        display_name: "New Release",
        description: "The newest release, before it is promoted.",
        rule: Rule::Newest,
    },
];

impl SystemProfile {
    /// `versionProfiles/<id>`.
    #[must_use]
    pub(crate) fn name(&self) -> VersionProfileName {
        let version_profile =
            Id::parse(self.id).expect("the ids of the system's profiles are written as ids");
        VersionProfileName { tenant: None, version_profile }
    }
}

/// The profile that a tenant has until it chooses.
#[must_use]
pub(crate) fn default_name() -> VersionProfileName {
    SYSTEM_PROFILES[0].name()
}

/// The system's profile with this name, if it is one.
#[must_use]
pub(crate) fn system_profile(name: &VersionProfileName) -> Option<&'static SystemProfile> {
    let id = name.version_profile.as_str();
    SYSTEM_PROFILES.iter().find(|profile| name.tenant.is_none() && profile.id == id)
}

/// Who chose the profile that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileSource {
    /// The tenant's policy.
    Tenant,
    /// The group, which persists its own.
    Group,
}

/// The profile that counts for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EffectiveProfile {
    /// Which.
    pub(crate) name: VersionProfileName,
    /// Who chose it.
    pub(crate) source: ProfileSource,
}

/// A group's own profile counts if it persists one; else it inherits the tenant's.
#[must_use]
pub(crate) fn effective(
    tenant: &VersionProfileName,
    persisted: Option<&VersionProfileName>,
) -> EffectiveProfile {
    match persisted {
        Some(own) => EffectiveProfile { name: own.clone(), source: ProfileSource::Group },
        None => EffectiveProfile { name: tenant.clone(), source: ProfileSource::Tenant },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_profiles_are_found_by_name_and_only_without_a_tenant() {
        for profile in &SYSTEM_PROFILES {
            assert_eq!(system_profile(&profile.name()), Some(profile));
        }
        assert_eq!(default_name().to_string(), "versionProfiles/default");
        let of_a_tenant = "tenants/acme/versionProfiles/default".parse().unwrap();
        assert_eq!(system_profile(&of_a_tenant), None);
    }

    #[test]
    fn a_group_inherits_the_tenants_profile_unless_it_persists_its_own() {
        let [tenant, own] = [SYSTEM_PROFILES[0].name(), SYSTEM_PROFILES[2].name()];
        let inherited = EffectiveProfile { name: tenant.clone(), source: ProfileSource::Tenant };
        assert_eq!(effective(&tenant, None), inherited);
        let persisted = EffectiveProfile { name: own.clone(), source: ProfileSource::Group };
        assert_eq!(effective(&tenant, Some(&own)), persisted);
    }
}
