//! Who is asking, and what they may do.

use std::{net::SocketAddr, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use names::{AppConnectorName, BelowTenant, Reason, TenantName, Violations, Workload};

use super::{
    asking::{Asking, CallerKind},
    authorised::Authorised,
    class::{AccessClass, Role},
    scope::{ALL_TENANTS, Scope},
    table::MethodRule,
};
use crate::{
    error::{Failure, Kind},
    peer::PeerIdentity,
    revocation::DenyList,
    tokens::TokenVerifier,
    violations::Refuse as _,
};

/// Who is asking, for one call of one method. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    asking: Arc<Asking>,
    identity: Option<Arc<PeerIdentity>>,
    guard: Guard,
}

/// What a caller is checked against, at the door and again while its stream lasts.
#[derive(Clone)]
pub struct Guard {
    /// Revoked names and serial numbers.
    pub denied: DenyList,
    /// The bearer tokens that count now.
    pub tokens: TokenVerifier,
    /// The time, for the end of a certificate.
    pub now: Now,
    /// How long after its certificate's end a connector still counts. Zero, but in a service that must outlive
    /// provisioning.
    pub expired_grace: SignedDuration,
}

/// Tells the time; the runtime's clock behind a closure.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// The caller that the access layer found; every request that reaches a handler has one.
///
/// # Errors
/// INTERNAL when the handler is served without the layer, which is a defect of the wiring.
pub fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, Failure> {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| Failure::defect("the handler is served without the access layer"))
}

impl Caller {
    pub(crate) fn new(
        kind: CallerKind,
        remote: SocketAddr,
        identity: Option<Arc<PeerIdentity>>,
        rule: Arc<MethodRule>,
        guard: Guard,
    ) -> Self {
        let asking = Arc::new(Asking { kind, remote, rule });
        Self(Arc::new(Parts { asking, identity, guard }))
    }

    /// What proved who the caller is.
    #[must_use]
    pub fn kind(&self) -> &CallerKind {
        &self.0.asking.kind
    }

    /// Where the connection comes from.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.0.asking.remote
    }

    /// The client certificate, when there is one.
    #[must_use]
    pub fn identity(&self) -> Option<&Arc<PeerIdentity>> {
        self.0.identity.as_ref()
    }

    /// Whether the caller's certificate has ended and only a grace lets it in: it is to be served what it needs to go
    /// on, and nothing new.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.0.identity.as_ref().is_some_and(|identity| identity.not_after <= (self.0.guard.now)())
    }

    /// Whether the caller is a sibling service.
    #[must_use]
    pub fn is_service(&self) -> bool {
        matches!(self.0.asking.kind, CallerKind::Service(_))
    }

    /// Who is asking, as audit events and logs write it: `token:ops`, `connector:tenants/…`, `service:paths`,
    /// `anonymous`.
    #[must_use]
    pub fn audit_name(&self) -> String {
        self.0.asking.actor().to_string()
    }

    fn asking(&self) -> Arc<Asking> {
        Arc::clone(&self.0.asking)
    }

    /// The name of the method that is called, without its service.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.0.asking.rule.method
    }

    /// The connector that is asking.
    ///
    /// # Errors
    /// PERMISSION_DENIED when something else is asking.
    pub fn connector(&self) -> Result<&AppConnectorName, Failure> {
        match &self.0.asking.kind {
            CallerKind::Connector(name) => Ok(name),
            _ => Err(self.denied("only an app connector, by its certificate")),
        }
    }

    /// Agrees that the caller may call this method for `tenant`.
    ///
    /// # Errors
    /// NOT_FOUND for a tenant that the caller has nothing to do with, in the shape of one that does not
    /// exist; PERMISSION_DENIED when it belongs to the tenant but lacks the role.
    pub fn authorise(&self, tenant: &TenantName) -> Result<Authorised<TenantName>, Failure> {
        self.authorise_name(tenant.clone())
    }

    /// Agrees that the caller may call this method for the object of this name.
    ///
    /// # Errors
    /// As [`authorise`](Self::authorise), for the tenant that the name belongs to.
    pub fn authorise_name<N: BelowTenant>(&self, name: N) -> Result<Authorised<N>, Failure> {
        let tenant = name.tenant();
        if let Some(class) = self.class_for(&tenant) {
            return Ok(Authorised::agreed(name, self.asking(), class));
        }
        if !self.knows(&tenant) {
            return Err(Failure::not_found(TenantName::TYPE, &tenant));
        }
        Err(self.denied(&format!("one of {} in `{tenant}`", self.0.asking.rule.classes_text())))
    }

    /// The first class of the method that the caller holds in the tenant.
    fn class_for(&self, tenant: &TenantName) -> Option<AccessClass> {
        let mut classes = self.0.asking.rule.classes.iter().copied();
        classes.find(|class| self.holds(*class, Some(tenant)))
    }

    /// Agrees that the caller may call this method for the whole installation.
    ///
    /// # Errors
    /// PERMISSION_DENIED for everyone but sibling services and system administrators.
    pub fn authorise_system(&self) -> Result<Authorised<Scope>, Failure> {
        let classes = [AccessClass::Service, AccessClass::Role(Role::SystemAdmin)];
        let mut listed = classes.into_iter().filter(|class| self.0.asking.rule.allows(*class));
        if let Some(class) = listed.find(|class| self.holds(*class, None)) {
            return Ok(Authorised::agreed(Scope::All, self.asking(), class));
        }
        Err(self.denied("a sibling service or SYSTEM_ADMIN"))
    }

    /// Agrees to `tenants/-` or to one tenant, as `parent` says.
    ///
    /// # Errors
    /// As [`authorise`](Self::authorise) and [`authorise_system`](Self::authorise_system); INVALID_ARGUMENT when `parent` is neither.
    pub fn authorise_scope(&self, parent: &str) -> Result<Authorised<Scope>, Failure> {
        if parent == ALL_TENANTS {
            return self.authorise_system();
        }
        let mut violations = Violations::new();
        let tenant = violations.take("parent", parent.parse::<TenantName>());
        let tenant = violations.finish_with(|| tenant)?;
        let class = self.authorise(&tenant)?.class();
        Ok(Authorised::agreed(Scope::Tenant(tenant), self.asking(), class))
    }

    /// Agrees to whatever the method's classes alone allow, for methods that are about no tenant (GetServerInfo, releases).
    /// The layer has checked the class already, so this cannot refuse.
    pub fn authorise_global(&self) -> Authorised<()> {
        let held =
            self.0.asking.rule.classes.iter().copied().find(|class| self.holds_anywhere(*class));
        Authorised::agreed((), self.asking(), held.unwrap_or(AccessClass::Public))
    }

    /// Whether the caller would be let in again now. A stream asks on every message it sends and at
    /// least on every bookmark, so that a revoked peer loses its open streams too.
    ///
    /// # Errors
    /// UNAUTHENTICATED with the reason why not.
    pub fn still_valid(&self) -> Result<(), Failure> {
        if let Some(identity) = &self.0.identity {
            self.0.guard.check(identity)?;
        }
        if let CallerKind::Token(grants) = &self.0.asking.kind
            && !self.0.guard.tokens.contains(grants)
        {
            return Err(token_unknown());
        }
        Ok(())
    }

    /// Whether the layer may pass the call on: the caller holds one of the method's classes somewhere.
    pub(crate) fn admit(&self) -> Result<(), Failure> {
        let rule = &self.0.asking.rule;
        if rule.classes.iter().any(|class| self.holds_anywhere(*class)) {
            return Ok(());
        }
        if matches!(self.0.asking.kind, CallerKind::Anonymous) {
            return Err(Failure::new(
                Kind::Unauthenticated,
                Reason::CredentialsMissing,
                format!(
                    "{} needs credentials of one of {}: send `authorization: Bearer <token>` or connect with a client certificate",
                    rule.method,
                    rule.classes_text()
                ),
            ));
        }
        Err(self.denied(&format!("one of {}", rule.classes_text())))
    }

    fn holds_anywhere(&self, class: AccessClass) -> bool {
        match (&self.0.asking.kind, class) {
            (CallerKind::Token(grants), AccessClass::Role(role)) => grants.holds_anywhere(role),
            _ => self.holds(class, None),
        }
    }

    /// Whether the caller is of `class` for this tenant; without one, for the whole installation.
    fn holds(&self, class: AccessClass, tenant: Option<&TenantName>) -> bool {
        match (&self.0.asking.kind, class) {
            (_, AccessClass::Public) | (CallerKind::Service(_), AccessClass::Service) => true,
            (CallerKind::Connector(name), AccessClass::Connector) => {
                tenant.is_none_or(|tenant| name.tenant == tenant.tenant)
            }
            (CallerKind::Token(grants), AccessClass::Role(role)) => grants.holds(role, tenant),
            _ => false,
        }
    }

    fn knows(&self, tenant: &TenantName) -> bool {
        match &self.0.asking.kind {
            CallerKind::Anonymous => false,
            CallerKind::Connector(name) => name.tenant == tenant.tenant,
            CallerKind::Service(_) => true,
            CallerKind::Token(grants) => {
                Role::ALL.into_iter().any(|role| grants.holds(role, Some(tenant)))
            }
        }
    }

    fn denied(&self, needed: &str) -> Failure {
        let method = &self.0.asking.rule.method;
        let who = self.audit_name();
        Failure::new(
            Kind::PermissionDenied,
            Reason::AccessDenied,
            format!("{method} is for {needed}; `{who}` is not: ask an administrator for the role"),
        )
        .metadata("caller", who)
        .metadata("method", method)
    }
}

impl Guard {
    /// Whether a certificate still counts.
    pub(crate) fn check(&self, identity: &PeerIdentity) -> Result<(), Failure> {
        if self.denied.denies(identity) {
            return Err(Failure::new(
                Kind::Unauthenticated,
                Reason::IdentityRevoked,
                "this certificate was revoked, or its owner deleted or disabled; enrol again with a provisioning key",
            ));
        }
        let grace = match &identity.spiffe.workload {
            Workload::AppConnector(_) => self.expired_grace,
            Workload::Service(_) => SignedDuration::ZERO,
        };
        if (self.now)().duration_since(identity.not_after) >= grace {
            return Err(Failure::new(
                Kind::Unauthenticated,
                Reason::CertificateExpired,
                "the client certificate has expired; renew it, then connect again",
            )
            .metadata("not_after", identity.not_after));
        }
        Ok(())
    }
}

pub(crate) fn token_unknown() -> Failure {
    Failure::new(
        Kind::Unauthenticated,
        Reason::TokenUnknown,
        "the bearer token is not known here; check that it is complete, or have a new one added to the token file",
    )
}

#[cfg(test)]
mod tests;
