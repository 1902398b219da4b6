//! Who signs a tenant's connectors.
//!
//! Owns: making a tenant's authority at its first use, and signing with it. Always holds: a tenant has one authority,
//! whoever asks first and however many at once; its root stands in this process's live trust before the first
//! leaf leaves; in another replica's, when the store's watch brings it.
//! Absent on purpose: rotation and import, which the contract plans.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ::store::{Change, Key, Prefix, Revision, Row};
use jiff::Timestamp;
use names::{AppConnectorName, CertificateAuthorityName, SpiffeId, TenantName, TrustDomain};
use resource::cache::Cache;
use rpc::access::Authorised;
use runtime::identity::{
    AUTHORITY_LIFETIME, CertificateAuthority, LEAF_LIFETIME, PublicKey, TrustBundles, Validity,
};
use rustls_pki_types::CertificateDer;

use crate::{
    domain::certificate::{Authority, CaCertificate, LeafRecord, renew_time},
    error::Error,
    store::{AuthorityPem, Found, NewAuthority, Rows, authorities, authority_in},
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
    rows: Rows,
    trust: TrustBundles,
    loaded: Arc<Mutex<HashMap<TenantName, Arc<Loaded>>>>,
}

#[derive(Debug)]
struct Loaded {
    signer: CertificateAuthority,
    public: Authority,
}

impl Authorities {
    pub(crate) fn new(rows: Rows, trust: TrustBundles) -> Self {
        Self { rows, trust, loaded: Arc::default() }
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
    ) -> Result<Found<Authority>, Error> {
        let found = self.rows.authority(&name.tenant()).await?;
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
        if self.rows.authority(tenant).await?.is_none() {
            let new = make(tenant, now)?;
            // Who lost the race uses the winner's, which is read below.
            let _ = self.rows.create_authority(&new, now).await?;
        }
        let (Some(public), Some(pem)) =
            (self.rows.authority(tenant).await?, self.rows.authority_pem(tenant).await?)
        else {
            return Err(Error::Broken(format!("the authority of {tenant} is gone")));
        };
        let signer = CertificateAuthority::load(&pem.certificate, &pem.key)?;
        self.publish(&public.value)?;
        let loaded = Arc::new(Loaded { signer, public: public.value });
        self.cache().insert(tenant.clone(), Arc::clone(&loaded));
        Ok(loaded)
    }

    /// What the store says of an authority, whichever replica wrote it.
    fn hear(&self, key: &Key, value: &[u8]) {
        let heard = authority_in(key, value).map_err(Error::from);
        if let Err(error) = heard.and_then(|authority| self.take_over(&authority)) {
            tracing::error!(?key, %error, "connectors of a tenant are not trusted: its authority cannot be read");
        }
    }

    fn take_over(&self, authority: &Authority) -> Result<(), Error> {
        self.publish(authority)?;
        let mut cache = self.cache();
        if cache.get(&authority.tenant).is_some_and(|loaded| loaded.public != *authority) {
            cache.remove(&authority.tenant);
        }
        Ok(())
    }

    fn in_memory(&self, tenant: &TenantName) -> Option<Arc<Loaded>> {
        self.cache().get(tenant).cloned()
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<TenantName, Arc<Loaded>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache for Authorities {
    fn prefixes(&self) -> Vec<Prefix> {
        vec![authorities()]
    }

    fn replace(&self, rows: Vec<Row>, _: Revision) {
        rows.iter().for_each(|row| self.hear(&row.key, &row.value));
    }

    fn apply(&self, changes: &[Change], _: Revision) {
        for change in changes {
            if let Some(value) = &change.after {
                self.hear(&change.key, value);
            }
        }
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

#[cfg(test)]
mod tests {
    use ::store::{Store, StoreConfig};
    use resource::cache;

    use super::*;

    /// One replica's authorities on a handle of the store, with the roots that it trusts.
    async fn replica(store: Store) -> (Authorities, TrustBundles) {
        let system = CertificateAuthority::create("system", now(), AUTHORITY_LIFETIME).unwrap();
        let domain = TrustDomain::parse("test.example").unwrap();
        let trust = TrustBundles::new(domain, vec![system.certificate().clone()]).unwrap();
        let authorities = Authorities::new(Rows::new(store.clone()), trust.clone());
        let feed = cache::open(&store, Arc::new(authorities.clone())).await.unwrap();
        tokio::spawn(feed.run());
        (authorities, trust)
    }

    fn now() -> Timestamp {
        "2026-11-23T14:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn what_one_replica_made_is_trusted_by_another_and_by_one_that_starts_later() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(directory.path()), now).await.unwrap();
        let second = store.second_handle();
        let (one, own) = replica(store.clone()).await;
        let (two, others) = replica(second.clone()).await;
        let tenant: TenantName = "tenants/acme".parse().unwrap();
        let made = one.load_or_make(&tenant, now()).await.unwrap();
        let roots = own.tenant_roots(&tenant);
        assert_eq!(roots, [made.signer.certificate().clone()], "before the first leaf leaves");
        let made_at = store.published();
        second.heard().wait_for(|heard| *heard >= made_at).await.unwrap();
        let patience = std::time::Duration::from_secs(10);
        let trusted = async {
            while others.tenant_roots(&tenant) != roots {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(patience, trusted).await.expect("the second replica trusts it");
        let signs = two.load_or_make(&tenant, now()).await.unwrap();
        assert_eq!(signs.public, made.public, "with the same key pair");
        let (_three, later) = replica(second).await;
        assert_eq!(later.tenant_roots(&tenant), roots);
        store.close().await;
    }
}
