//! The proof that a caller may act in a tenant.

use std::{fmt, ops::Deref};

use names::TenantName;

/// What a request writes for "every tenant" (AIP-159).
pub const ALL_TENANTS: &str = "tenants/-";

/// A value that [`Caller`](super::Caller) agreed to. Use cases take `Authorised<TenantName>`, so
/// that one cannot be called without asking.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authorised<T>(T);

impl<T> Authorised<T> {
    pub(super) fn agreed(value: T) -> Self {
        Self(value)
    }

    /// The value, without the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Authorised<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

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
