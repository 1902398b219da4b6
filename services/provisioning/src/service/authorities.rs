//! Who signs a tenant's connectors.
//!
//! Owns: making a tenant's authority at its first use, and signing with it. Always holds: a tenant has one authority,
//! whoever asks first and however many at once; its root stands in this process's live trust before the first
//! leaf leaves.
//! Absent on purpose: rotation and import, which the contract plans.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use names::{AppConnectorName, CertificateAuthorityName, SpiffeId, TenantName, TrustDomain};
use rpc::access::Authorised;
use runtime::identity::{
    AUTHORITY_LIFETIME, CertificateAuthority, LEAF_LIFETIME, PublicKey, TrustBundles, Validity,
};
use rustls_pki_types::CertificateDer;

use crate::{
    domain::certificate::{Authority, CaCertificate, LeafRecord, renew_time},
    error::Error,
    store::{AuthorityPem, NewAuthority, Records, Versioned},
};

/// A leaf with all that its holder needs.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// The leaf, DER; there are no intermediates.
    pub(crate) leaf: Vec<u8>,
    pub(crate) record: LeafRecord,
    pub(crate) tenant_bundle: Vec<Vec<u8>>,
    pub(crate) system_bundle: Vec<Vec<u8>>,
    pub(crate) validity: Validity,
    pub(crate) renew_time: Timestamp,
    pub(crate) trust_domain: TrustDomain,
}

/// The authorities of all tenants, loaded as they are needed.
#[derive(Clone, Debug)]
pub(crate) struct Authorities {
    records: Records,
    trust: TrustBundles,
    loaded: Arc<Mutex<HashMap<TenantName, Arc<Loaded>>>>,
}

#[derive(Debug)]
struct Loaded {
    signer: CertificateAuthority,
    public: Authority,
}

impl Authorities {
    pub(crate) fn new(records: Records, trust: TrustBundles) -> Self {
        Self { records, trust, loaded: Arc::default() }
    }

    /// Puts every tenant's roots into the live trust, as at the start of the process.
    pub(crate) async fn publish_all(&self) -> Result<(), Error> {
        for authority in self.records.authorities().await? {
            self.publish(&authority)?;
        }
        Ok(())
    }

    fn publish(&self, authority: &Authority) -> Result<(), Error> {
        let roots = authority.certificates.iter();
        let roots = roots.map(|root| CertificateDer::from(root.der.clone())).collect();
        self.trust.set_tenant(authority.tenant.clone(), roots)?;
        Ok(())
    }

    /// The public side of a tenant's authority.
    pub(crate) async fn get(
        &self,
        name: &Authorised<CertificateAuthorityName>,
    ) -> Result<Versioned<Authority>, Error> {
        let found = self.records.authority(&name.tenant()).await?;
        found.ok_or_else(|| Error::NotFound {
            resource: CertificateAuthorityName::TYPE,
            name: name.to_string(),
        })
    }

    /// Signs a leaf for a connector.
    pub(crate) async fn sign(
        &self,
        connector: &AppConnectorName,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<Certificates, Error> {
        let authority = self.load_or_make(&connector.tenant(), now).await?;
        let trust_domain = self.trust.trust_domain().clone();
        let identity = SpiffeId::app_connector(trust_domain.clone(), connector.clone());
        let validity = Validity::starting(now, LEAF_LIFETIME);
        let leaf = authority.signer.sign_leaf(key, &identity, validity)?;
        let roots = authority.public.certificates.iter();
        Ok(Certificates {
            leaf: leaf.certificate.to_vec(),
            record: LeafRecord { serial: leaf.serial, not_after: leaf.validity.end },
            tenant_bundle: roots.map(|root| root.der.clone()).collect(),
            system_bundle: self.trust.system_roots().iter().map(|root| root.to_vec()).collect(),
            validity: leaf.validity,
            renew_time: renew_time(leaf.validity.start, leaf.validity.end),
            trust_domain,
        })
    }

    async fn load_or_make(
        &self,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<Arc<Loaded>, Error> {
        if let Some(loaded) = self.in_memory(tenant) {
            return Ok(loaded);
        }
        if self.records.authority(tenant).await?.is_none() {
            let new = make(tenant, now)?;
            // Who lost the race uses the winner's, which is read below.
            let _ = self.records.create_authority(&new, now).await?;
        }
        let (Some(public), Some(pem)) =
            (self.records.authority(tenant).await?, self.records.authority_pem(tenant).await?)
        else {
            return Err(Error::Broken(format!("the authority of {tenant} is gone")));
        };
        let signer = CertificateAuthority::load(&pem.certificate, &pem.key)?;
        self.publish(&public.value)?;
        let loaded = Arc::new(Loaded { signer, public: public.value });
        self.cache().insert(tenant.clone(), Arc::clone(&loaded));
        Ok(loaded)
    }

    fn in_memory(&self, tenant: &TenantName) -> Option<Arc<Loaded>> {
        self.cache().get(tenant).cloned()
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<TenantName, Arc<Loaded>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(tenant: &TenantName, now: Timestamp) -> Result<NewAuthority, Error> {
    let authority =
        CertificateAuthority::create(&format!("Causeway {tenant}"), now, AUTHORITY_LIFETIME)?;
    let certificate = CaCertificate {
        der: authority.certificate().to_vec(),
        public_key_sha256: authority.public_key().sha256(),
        not_before: authority.validity().start,
        not_after: authority.validity().end,
    };
    let public = Authority {
        tenant: tenant.clone(),
        certificates: vec![certificate],
        create_time: now,
        update_time: now,
    };
    let pem = AuthorityPem { certificate: authority.certificate_pem(), key: authority.key_pem() };
    Ok(NewAuthority { public, pem })
}
