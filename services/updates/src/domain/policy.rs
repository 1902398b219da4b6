//! A tenant's update policy.
//!
//! Owns: the tenant's profile and its freezes.
//! Always holds: a tenant that never wrote one has [`UpdatePolicy::default`].
//! Absent on purpose: the groups' own choices (`schedule`).

use serde::{Deserialize, Serialize};

use super::{change::Edit, freeze::Freeze, profile};
use names::VersionProfileName;

/// What holds for every group of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpdatePolicy {
    /// The profile that groups inherit.
    pub(crate) version_profile: VersionProfileName,
    /// When nothing starts.
    pub(crate) freezes: Vec<Freeze>,
}

impl Default for UpdatePolicy {
    fn default() -> Self {
        Self { version_profile: profile::default_name(), freezes: Vec::new() }
    }
}

names::draft! {
    /// A policy as a caller writes it; what is absent has its default.
    pub(crate) struct PolicyDraft {
        /// The tenant's profile; `None`: the default one.
        "version_profile" => version_profile: Option<VersionProfileName>;
        /// All freezes.
        "freezes" => freezes: Vec<Freeze>;
    }
}

impl UpdatePolicy {
    /// The policy after a change.
    #[must_use]
    pub(crate) fn changed(&self, edit: &Edit<PolicyDraft>) -> Self {
        let Self { version_profile, freezes } = self.clone();
        let draft = PolicyDraft { version_profile: Some(version_profile), freezes };
        let PolicyDraft { version_profile, freezes } = edit.laid_over(draft);
        Self { version_profile: version_profile.unwrap_or_else(profile::default_name), freezes }
    }
}
