//! Tenants' authorities: what is public, and the one secret that this service keeps.
//!
//! ## Design notes
//! An authority's private key lies unsealed in the store, as PKCS #8 PEM in a row of its own. A sealing key would have
//! to lie beside it (there is no hardware or key service to count on), and would only move the secret. What
//! protects it is the 0700 directory of the store; a backup of the store holds it too and deserves the same care. Under
//! its own tag no list, watch or message ever meets it.

use ::store::{At, Commit, Key, Prefix};
use jiff::Timestamp;
use names::TenantName;
use resource::{Fault, record::encode};

use super::{
    Found, Lost, Rows, keys, lost,
    records::{AuthorityPem, StoredAuthority, StoredAuthorityKey},
};
use crate::domain::certificate::Authority;

/// An authority as it is made: what all may see, and what signs.
pub(crate) struct NewAuthority {
    pub(crate) public: Authority,
    pub(crate) pem: AuthorityPem,
}

impl Rows {
    pub(crate) async fn authority(
        &self,
        tenant: &TenantName,
    ) -> Result<Option<Found<Authority>>, Fault> {
        self.read::<StoredAuthority>(&keys::authority(tenant), At::Published).await
    }

    /// The key pair that signs for a tenant.
    pub(crate) async fn authority_pem(
        &self,
        tenant: &TenantName,
    ) -> Result<Option<AuthorityPem>, Fault> {
        let at = keys::authority_key(tenant);
        let found = self.read::<StoredAuthorityKey>(&at, At::Published).await?;
        Ok(found.map(|pem| pem.value))
    }

    /// Keeps a new authority; [`Lost`] if the tenant has one already.
    pub(crate) async fn create_authority(
        &self,
        new: &NewAuthority,
        now: Timestamp,
    ) -> Result<Result<(), Lost>, Fault> {
        let at = keys::authority(&new.public.tenant);
        let commit = Commit::new(now)
            .require_absent(&at)
            .put(at, encode::<StoredAuthority>(&new.public)?)
            .put(keys::authority_key(&new.public.tenant), encode::<StoredAuthorityKey>(&new.pem)?);
        Ok(lost(self.store.commit(commit).await)?.map(|_| ()))
    }
}

/// Where every tenant's authority stands.
pub(crate) fn authorities() -> Prefix {
    keys::of_tenant(keys::AUTHORITY, None)
}

/// The authority in a value that stands below [`authorities`].
pub(crate) fn authority_in(key: &Key, value: &[u8]) -> Result<Authority, Fault> {
    super::decode_value::<StoredAuthority>(key, value)
}
