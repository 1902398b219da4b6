//! The proof that a caller may act in a tenant.

use std::{fmt, ops::Deref};

use names::TenantName;

use super::{caller::Caller, class::AccessClass, principal::Principal};

/// What a request writes for "every tenant" (AIP-159).
pub const ALL_TENANTS: &str = "tenants/-";

/// A value that [`Caller`] agreed to, with who asked. Use cases take `Authorised<ServerGroupName>` and its like, so that one cannot
/// be called without asking, nor for another object than the one that was asked about.
#[derive(Clone, Debug)]
#[must_use = "a proof that nobody takes proves nothing"]
pub struct Authorised<T> {
    value: T,
    by: Caller,
    class: AccessClass,
}

impl<T> Authorised<T> {
    pub(super) fn agreed(value: T, by: Caller, class: AccessClass) -> Self {
        Self { value, by, class }
    }

    /// The value, without the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    pub(super) fn class(&self) -> AccessClass {
        self.class
    }

    /// Who asked, by which role, from where, with which call.
    #[must_use]
    pub fn principal(&self) -> Principal {
        self.by.principal(self.class)
    }
}

impl<T> Deref for Authorised<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl Authorised<Scope> {
    /// The same agreement about one object, for what everybody below the scope may be asked about: an object of the installation.
    pub fn over<T>(self, value: T) -> Authorised<T> {
        Authorised { value, by: self.by, class: self.class }
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
