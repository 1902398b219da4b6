//! The trusted authorities, each with the identities that it may certify.
//!
//! Owns: the live set of system roots and of each tenant's roots.
//! Always holds: a change is seen by the next handshake, in one piece; an authority is used only for
//! identities that it may certify.
//! Absent on purpose: where the roots come from. Provisioning makes the tenants', the others watch it or keep
//! a copy in their own store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use names::{SpiffeId, TenantName, TrustDomain, Workload};
use rustls::{
    RootCertStore,
    client::WebPkiServerVerifier,
    pki_types::CertificateDer,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::{IdentityError, provider};

/// Roots by the identities that they certify; clones share one live set.
#[derive(Clone)]
pub struct TrustBundles(Arc<Shared>);

struct Shared {
    trust_domain: TrustDomain,
    anchors: ArcSwap<Anchors>,
    /// Writers take turns; readers never wait.
    turn: Mutex<()>,
}

#[derive(Clone)]
struct Anchors {
    system: Arc<Anchor>,
    server: Arc<WebPkiServerVerifier>,
    tenants: BTreeMap<TenantName, Arc<Anchor>>,
}

/// The roots of one authority and the check of client chains against them, made once per change.
pub(super) struct Anchor {
    roots: Vec<CertificateDer<'static>>,
    pub(super) clients: Arc<dyn ClientCertVerifier>,
}

impl TrustBundles {
    /// Trusts `system_roots` for services, and no root for connectors yet.
    ///
    /// # Errors
    /// [`IdentityError::Parse`] if there are no roots or one is no certificate.
    pub fn new(
        trust_domain: TrustDomain,
        system_roots: Vec<CertificateDer<'static>>,
    ) -> Result<Self, IdentityError> {
        let (system, server) = system(system_roots)?;
        let anchors = Anchors { system, server, tenants: BTreeMap::new() };
        Ok(Self(Arc::new(Shared {
            trust_domain,
            anchors: ArcSwap::from_pointee(anchors),
            turn: Mutex::new(()),
        })))
    }

    /// The installation whose identities are accepted.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.0.trust_domain
    }

    /// The roots of the system.
    #[must_use]
    pub fn system_roots(&self) -> Vec<CertificateDer<'static>> {
        self.0.anchors.load().system.roots.clone()
    }

    /// SHA-256 of the public key of the system's first root: what join tokens pin.
    #[must_use]
    pub fn system_root_pin(&self) -> Option<[u8; 32]> {
        let anchors = self.0.anchors.load();
        let root = anchors.system.roots.first()?;
        super::leaf::spki_sha256(root).ok()
    }

    /// The roots of a tenant; empty for one that is not known.
    #[must_use]
    pub fn tenant_roots(&self, tenant: &TenantName) -> Vec<CertificateDer<'static>> {
        let anchors = self.0.anchors.load();
        anchors.tenants.get(tenant).map(|anchor| anchor.roots.clone()).unwrap_or_default()
    }

    /// Replaces the system's roots.
    ///
    /// # Errors
    /// As [`TrustBundles::new`]; the old roots stay.
    pub fn set_system(&self, roots: Vec<CertificateDer<'static>>) -> Result<(), IdentityError> {
        let (system, server) = system(roots)?;
        self.change(|anchors| {
            anchors.system = system;
            anchors.server = server;
        });
        Ok(())
    }

    /// Replaces one tenant's roots; an empty list removes the tenant.
    ///
    /// # Errors
    /// [`IdentityError::Parse`] if one is no certificate; the old roots stay.
    pub fn set_tenant(
        &self,
        tenant: TenantName,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<(), IdentityError> {
        let anchor = if roots.is_empty() { None } else { Some(Arc::new(Anchor::new(roots)?)) };
        self.change(|anchors| {
            match anchor {
                Some(anchor) => anchors.tenants.insert(tenant, anchor),
                None => anchors.tenants.remove(&tenant),
            };
        });
        Ok(())
    }

    fn change(&self, edit: impl FnOnce(&mut Anchors)) {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut anchors = Anchors::clone(&self.0.anchors.load());
        edit(&mut anchors);
        self.0.anchors.store(Arc::new(anchors));
    }

    /// The authority that may certify this identity: its tenant's for a connector, the system's for a service.
    pub(super) fn anchor_for(&self, identity: &SpiffeId) -> Option<Arc<Anchor>> {
        if identity.trust_domain != self.0.trust_domain {
            return None;
        }
        let anchors = self.0.anchors.load();
        match &identity.workload {
            Workload::Service(_) => Some(anchors.system.clone()),
            Workload::AppConnector(name) => anchors.tenants.get(&name.tenant()).cloned(),
        }
    }

    pub(super) fn servers(&self) -> Arc<WebPkiServerVerifier> {
        self.0.anchors.load().server.clone()
    }
}

impl Anchor {
    fn new(roots: Vec<CertificateDer<'static>>) -> Result<Self, IdentityError> {
        let clients =
            WebPkiClientVerifier::builder_with_provider(root_store(&roots)?.into(), provider())
                .build()
                .map_err(|error| IdentityError::parse("the roots of a bundle", error))?;
        Ok(Self { roots, clients })
    }
}

type System = (Arc<Anchor>, Arc<WebPkiServerVerifier>);

fn system(roots: Vec<CertificateDer<'static>>) -> Result<System, IdentityError> {
    let server = server_verifier(&roots)?;
    Ok((Arc::new(Anchor::new(roots)?), server))
}

pub(super) fn server_verifier(
    roots: &[CertificateDer<'static>],
) -> Result<Arc<WebPkiServerVerifier>, IdentityError> {
    WebPkiServerVerifier::builder_with_provider(root_store(roots)?.into(), provider())
        .build()
        .map_err(|error| IdentityError::parse("the roots of a bundle", error))
}

fn root_store(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, IdentityError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|error| IdentityError::parse("a root of a bundle", error))?;
    }
    Ok(store)
}

impl std::fmt::Debug for TrustBundles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let anchors = self.0.anchors.load();
        f.debug_struct("TrustBundles")
            .field("trust_domain", &self.0.trust_domain)
            .field("system_roots", &anchors.system.roots.len())
            .field("tenants", &anchors.tenants.len())
            .finish()
    }
}
