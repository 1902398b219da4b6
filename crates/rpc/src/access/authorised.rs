//! The proof that a caller may act in a tenant.

use std::{ops::Deref, sync::Arc};

use super::{asking::Asking, class::AccessClass, principal::Principal, scope::Scope};

/// A value that [`Caller`](super::Caller) agreed to, with who asked. Use cases take `Authorised<ServerGroupName>` and its like, so
/// that one cannot be called without asking, nor for another object than the one that was asked about.
#[derive(Clone, Debug)]
#[must_use = "a proof that nobody takes proves nothing"]
pub struct Authorised<T> {
    value: T,
    by: Arc<Asking>,
    class: AccessClass,
}

impl<T> Authorised<T> {
    pub(super) fn agreed(value: T, by: Arc<Asking>, class: AccessClass) -> Self {
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
