//! One tenant, or all of them.
//!
//! Absent on purpose: who may ask for all; the caller's rights decide that.

use std::fmt;

use names::TenantName;

/// What a request writes for "every tenant" (AIP-159).
pub const ALL_TENANTS: &str = "tenants/-";

/// One tenant, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `tenants/-`.
    All,
    /// A tenant.
    Tenant(TenantName),
}

impl Scope {
    /// Whether an object of `tenant` is inside.
    #[must_use]
    pub fn contains(&self, tenant: &TenantName) -> bool {
        match self {
            Self::All => true,
            Self::Tenant(own) => own == tenant,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL_TENANTS),
            Self::Tenant(tenant) => tenant.fmt(f),
        }
    }
}
