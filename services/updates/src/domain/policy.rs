//! A tenant's update policy.
//!
//! Owns: the tenant's profile and its freezes.
//! Always holds: a tenant that never wrote one has [`UpdatePolicy::default`].
//! Absent on purpose: the groups' own choices (`schedule`).

use serde::{Deserialize, Serialize};

use super::{freeze::Freeze, profile};
use names::VersionProfileName;

/// What holds for every group of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdatePolicy {
    /// The profile that groups inherit.
    pub version_profile: VersionProfileName,
    /// When nothing starts.
    pub freezes: Vec<Freeze>,
}

impl Default for UpdatePolicy {
    fn default() -> Self {
        Self { version_profile: profile::default_name(), freezes: Vec::new() }
    }
}
