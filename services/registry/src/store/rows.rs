//! Reading.

use names::{BelowTenant as _, ResourceName as _, TenantName};
use resource::{Fault, Record, record};
use store::{At, Key, MAX_SCAN_ROWS, Prefix, Revision, Row, ScanOptions, ScanPage, Store};

use super::{AsWritten, Kept, KeyOwner, Place, Registration, keys};
use crate::domain::{Resource, Spec};

/// An object and the revision of its last change, which its etag names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found<S: Spec> {
    pub(crate) resource: Resource<S>,
    pub(crate) revision: Revision,
    /// The record as it stands, for the history; empty of what was not read from its row.
    pub(crate) record: bytes::Bytes,
}

impl<S: Spec> Found<S> {
    /// An object that was written, or would be.
    pub(crate) fn made(resource: Resource<S>, revision: Revision) -> Self {
        Self { resource, revision, record: bytes::Bytes::new() }
    }
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
    pub(crate) async fn get<S: Kept>(
        &self,
        name: &S::Name,
        at: At,
    ) -> Result<Option<Found<S>>, Fault> {
        let row = self.store.get(&Self::place::<S>(name).object(), at).await?;
        row.as_ref().map(Self::found).transpose()
    }

    /// One object that somebody asks for. What this replica does not see yet is asked of the engine once before it is said not to
    /// exist: another replica may have answered its creation a moment ago.
    pub(crate) async fn seek<S: Kept>(&self, name: &S::Name) -> Result<Option<Found<S>>, Fault> {
        match self.get::<S>(name, At::Published).await? {
            None => self.get::<S>(name, At::Latest).await,
            found => Ok(found),
        }
    }

    /// One object, if it lives.
    pub(crate) async fn live<S: Kept>(&self, name: &S::Name) -> Result<Option<Found<S>>, Fault> {
        let found = self.get::<S>(name, At::Published).await?;
        Ok(found.filter(|found| !found.resource.is_deleted()))
    }

    /// The object in a row.
    pub(crate) fn found<S: Kept>(row: &Row) -> Result<Found<S>, Fault> {
        let resource = record::decode::<S::Stored>(&row.value)?;
        Ok(Found { resource, revision: row.revision, record: row.value.clone() })
    }

    /// The object in a record that was remembered.
    pub(crate) fn remembered<S: Kept>(
        record: bytes::Bytes,
        revision: Revision,
    ) -> Result<Found<S>, Fault> {
        Ok(Found { resource: record::decode::<S::Stored>(&record)?, revision, record })
    }

    /// The revision of an object's guard; `None` if the object does not live.
    pub(crate) async fn guard(&self, place: &Place) -> Result<Option<Revision>, Fault> {
        self.revision(&place.guard()).await
    }

    /// The revision of any row.
    pub(crate) async fn revision(&self, key: &Key) -> Result<Option<Revision>, Fault> {
        Ok(self.store.get(key, At::Published).await?.map(|row| row.revision))
    }

    /// The id that has a claim.
    pub(crate) async fn claimed_by(&self, claim: &Key) -> Result<Option<String>, Fault> {
        let row = self.store.get(claim, At::Published).await?;
        Ok(row.map(|row| String::from_utf8_lossy(&row.value).into_owned()))
    }

    /// Who refers to an object, at most `limit`, and whether there are more.
    pub(crate) async fn referring(
        &self,
        target: &Place,
        limit: usize,
    ) -> Result<(Vec<Place>, bool), Fault> {
        let options = ScanOptions { limit, ..ScanOptions::default() };
        let page = self.store.scan(&target.references(), options).await?;
        let sources = page.rows.iter().filter_map(|row| Place::read_source(&row.key).ok()?);
        Ok((sources.collect(), page.more))
    }

    /// What became of an enrolment.
    pub(crate) async fn registration(
        &self,
        enrolment: &names::EnrolmentName,
    ) -> Result<Option<Registration>, Fault> {
        self.record::<AsWritten<_>>(&keys::registration(enrolment)).await
    }

    /// Who brought a public key.
    pub(crate) async fn key_owner(
        &self,
        tenant: &TenantName,
        sha256: &[u8; 32],
    ) -> Result<Option<KeyOwner>, Fault> {
        self.record::<AsWritten<_>>(&keys::public_key(tenant, sha256)).await
    }

    async fn record<R: Record>(&self, key: &Key) -> Result<Option<R::Domain>, Fault> {
        let row = self.store.get(key, At::Published).await?;
        Ok(row.map(|row| record::decode::<R>(&row.value)).transpose()?)
    }

    /// One page of rows.
    pub(crate) async fn page(
        &self,
        prefix: &Prefix,
        after: Option<Key>,
        limit: usize,
        at: At,
    ) -> Result<ScanPage, Fault> {
        Ok(self.store.scan(prefix, ScanOptions { after, limit, at }).await?)
    }

    /// Every object of a kind in a scope, at one revision, handed to `visit`. Answers the revision.
    pub(crate) async fn each<S: Kept>(
        &self,
        tenant: Option<&TenantName>,
        at: At,
        mut visit: impl FnMut(Found<S>) + Send,
    ) -> Result<Revision, Fault> {
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
