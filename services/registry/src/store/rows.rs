//! Reading.

use names::{BelowTenant as _, ResourceName as _, TenantName};
use store::{
    At, Key, MAX_SCAN_ROWS, Prefix, ReadError, Revision, Row, ScanOptions, ScanPage, Store,
};

use super::{KeyOwner, Place, RecordError, Registration, decode, decode_small, keys};
use crate::domain::{Resource, Spec};

/// An object and the revision of its last change, which its etag names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found<S: Spec> {
    pub(crate) resource: Resource<S>,
    pub(crate) revision: Revision,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// The store could not.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What it gave does not decode.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The registry's view of its store.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    store: Store,
}

impl Rows {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The place of an object.
    pub(crate) fn place<S: Spec>(name: &S::Name) -> Place {
        Place::new(S::KIND, &name.tenant(), name.last_id())
    }

    /// One object, live or soft-deleted.
    pub(crate) async fn get<S: Spec>(
        &self,
        name: &S::Name,
        at: At,
    ) -> Result<Option<Found<S>>, RowError> {
        let row = self.store.get(&Self::place::<S>(name).object(), at).await?;
        row.as_ref().map(Self::found).transpose()
    }

    /// The object in a row.
    pub(crate) fn found<S: Spec>(row: &Row) -> Result<Found<S>, RowError> {
        Ok(Found { resource: decode(&row.value)?, revision: row.revision })
    }

    /// The revision of an object's guard; `None` if the object does not live.
    pub(crate) async fn guard(&self, place: &Place) -> Result<Option<Revision>, RowError> {
        Ok(self.store.get(&place.guard(), At::Published).await?.map(|row| row.revision))
    }

    /// The revision of any row.
    pub(crate) async fn revision(&self, key: &Key) -> Result<Option<Revision>, RowError> {
        Ok(self.store.get(key, At::Published).await?.map(|row| row.revision))
    }

    /// The id in a claim on a display name.
    pub(crate) async fn claimed_by(&self, claim: &Key) -> Result<Option<String>, RowError> {
        let row = self.store.get(claim, At::Published).await?;
        Ok(row.map(|row| String::from_utf8_lossy(&row.value).into_owned()))
    }

    /// Who refers to an object, at most `limit`, and whether there are more.
    pub(crate) async fn referring(
        &self,
        target: &Place,
        limit: usize,
    ) -> Result<(Vec<Place>, bool), RowError> {
        let options = ScanOptions { limit, ..ScanOptions::default() };
        let page = self.store.scan(&target.references(), options).await?;
        let sources = page.rows.iter().filter_map(|row| Place::read_source(&row.key).ok()?);
        Ok((sources.collect(), page.more))
    }

    /// What became of an enrolment.
    pub(crate) async fn registration(
        &self,
        enrolment: &names::EnrolmentName,
    ) -> Result<Option<Registration>, RowError> {
        let row = self.store.get(&keys::registration(enrolment), At::Published).await?;
        row.map(|row| Ok(decode_small(&row.value)?)).transpose()
    }

    /// Who brought a public key.
    pub(crate) async fn key_owner(
        &self,
        tenant: &TenantName,
        sha256: &[u8; 32],
    ) -> Result<Option<KeyOwner>, RowError> {
        let row = self.store.get(&keys::public_key(tenant, sha256), At::Published).await?;
        row.map(|row| Ok(decode_small(&row.value)?)).transpose()
    }

    /// One page of rows.
    pub(crate) async fn page(
        &self,
        prefix: &Prefix,
        after: Option<Key>,
        limit: usize,
        at: At,
    ) -> Result<ScanPage, RowError> {
        Ok(self.store.scan(prefix, ScanOptions { after, limit, at }).await?)
    }

    /// Every object of a kind in a scope, at one revision, handed to `visit`. Answers the revision.
    pub(crate) async fn each<S: Spec>(
        &self,
        tenant: Option<&TenantName>,
        at: At,
        mut visit: impl FnMut(Found<S>) + Send,
    ) -> Result<Revision, RowError> {
        let prefix = keys::objects(S::KIND, tenant);
        let (mut after, mut at) = (None, at);
        loop {
            let page = self.page(&prefix, after, MAX_SCAN_ROWS, at).await?;
            for row in &page.rows {
                visit(Self::found(row)?);
            }
            if !page.more {
                return Ok(page.revision);
            }
            at = At::Revision(page.revision);
            after = page.rows.last().map(|row| row.key.clone());
        }
    }
}
