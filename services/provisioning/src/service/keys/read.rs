//! Reading keys: one, several, lists; as they are, or as of a time.
//!
//! A key as of a time has the use count of now: counts are no history.

use ::store::{At, Row};
use jiff::Timestamp;
use names::{AppConnectorGroupName, ProvisioningKeyName, TenantName};
use prost::Message;
use resource::{
    Fault,
    history::{AsOf, Live},
    listing::{Listing, Page, ReadRow},
    order::OrderKey,
};
use rpc::access::{Authorised, Scope};
use uuid::Uuid;

use super::{Keys, tenant_of};
use crate::{
    domain::{key::ProvisioningKey, uses::Uses},
    error::Error,
    store::{Found, KeyRow, Rows, key_id, keys_of, keys_of_group, shelf},
};

/// A key as it is shown: with its count, as it was at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) key: Found<ProvisioningKey>,
    pub(crate) uses: Uses,
    pub(crate) at: Timestamp,
}

impl Shown {
    /// A row as it is now.
    pub(crate) fn now(row: KeyRow, at: Timestamp) -> Self {
        Self { key: row.key, uses: row.uses.value, at }
    }
}

/// Which keys are listed.
pub(crate) enum Listed {
    /// Those of a tenant, or of all.
    In(Authorised<Scope>),
    /// Those of a group.
    Of(Authorised<AppConnectorGroupName>),
}

impl Listed {
    /// The tenant that all of them belong to.
    fn tenant(&self) -> Option<TenantName> {
        match self {
            Self::In(scope) => tenant_of(scope).cloned(),
            Self::Of(group) => Some(group.tenant()),
        }
    }

    fn holds(&self, key: &ProvisioningKey) -> bool {
        match self {
            Self::In(_) => true,
            Self::Of(group) => key.spec.group == **group,
        }
    }
}

impl Keys {
    /// One key, live or deleted, as it is or as it was at a time.
    pub(crate) async fn get(
        &self,
        name: &Authorised<ProvisioningKeyName>,
        read_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Shown, Error> {
        let Some((tenant, time)) = self.asked(&name.tenant(), read_time, now).await? else {
            return Ok(Shown::now(self.read(name).await?, now));
        };
        let missing = || Error::key_not_found(name);
        let there = self.rows.key(name, At::Published).await?;
        let past =
            self.history.past(shelf(tenant), name.id().as_str(), time, At::Published).await?;
        let key = match past.as_of {
            AsOf::Was(record, revision) => Found { value: Rows::past_key(&record)?, revision },
            AsOf::AsNow => {
                let stood = there.as_ref().filter(|row| past.stood(row.key.value.uid));
                stood.ok_or_else(missing)?.key.clone()
            }
        };
        let its = there.filter(|row| row.key.value.uid == key.value.uid);
        let uses = its.map(|row| row.uses.value).unwrap_or_default();
        Ok(Shown { key, uses, at: time })
    }

    /// Several keys, all of one revision.
    pub(crate) async fn batch_get(
        &self,
        names: &[Authorised<ProvisioningKeyName>],
    ) -> Result<Vec<KeyRow>, Error> {
        let at = At::Revision(self.rows.published());
        let mut rows = Vec::with_capacity(names.len());
        for name in names {
            let row = self.rows.key(name, at).await?;
            rows.push(row.ok_or_else(|| Error::key_not_found(name))?);
        }
        Ok(rows)
    }

    /// A page of a list, rendered.
    pub(crate) async fn list<M: Message>(
        &self,
        listed: &Listed,
        listing: &Listing,
        now: Timestamp,
        render: impl Fn(Shown) -> M + Sync,
    ) -> Result<Page<M>, Error> {
        let tenant = listed.tenant();
        if let Some(tenant) = &tenant
            && let Some((uid, time)) = self.asked(tenant, listing.read_time, now).await?
        {
            return self.list_past(listed, listing, (tenant, uid), time, render).await;
        }
        let prefix = match listed {
            Listed::In(_) => keys_of(tenant.as_ref()),
            Listed::Of(group) => keys_of_group(group),
        };
        let show_deleted = listing.show_deleted;
        let rows = Visible { rows: &self.rows, show_deleted, now, render };
        Ok(listing.scan(self.store(), &prefix, &rows).await?)
    }

    async fn list_past<M: Message>(
        &self,
        listed: &Listed,
        listing: &Listing,
        (tenant, uid): (&TenantName, Uuid),
        at: Timestamp,
        render: impl Fn(Shown) -> M + Sync,
    ) -> Result<Page<M>, Error> {
        let uses = self.rows.uses_of(tenant, listing.at()).await?;
        let live = Live { prefix: keys_of(Some(tenant)), id: key_id, uid: Rows::uid_in };
        let show = |record: bytes::Bytes, revision| {
            let key = Rows::past_key(&record)?;
            if !(listing.show_deleted || key.deleted.is_none()) || !listed.holds(&key) {
                return Ok(None);
            }
            let uses = uses.get(key.name.id()).copied().unwrap_or_default();
            let key = Found { value: key, revision };
            Ok(Some(render(Shown { key, uses, at })))
        };
        Ok(self.history.list(shelf(uid), listing, at, live, show).await?)
    }

    /// How many keys a list of everything that lives has, at the revision of a page.
    pub(crate) async fn total_size<M>(
        &self,
        listed: &Listed,
        listing: &Listing,
        page: &Page<M>,
    ) -> Result<Option<i32>, Error> {
        let (Listed::In(scope), true) = (listed, listing.is_of_all()) else { return Ok(None) };
        let Some(tenant) = tenant_of(scope) else { return Ok(None) };
        let live = self.rows.live_keys(tenant, At::Revision(page.revision)).await?;
        Ok(i32::try_from(live).ok())
    }

    /// Whose past is asked for, and of when; `None` for now.
    async fn asked(
        &self,
        tenant: &TenantName,
        read_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<(Uuid, Timestamp)>, Error> {
        if read_time.is_none() {
            return Ok(None);
        }
        let uid = self.tenants.uid_now(tenant, now).await?;
        let time = self.history.asked(read_time, uid, now).await?;
        Ok(time.map(|time| (uid, time)))
    }
}

/// How a row of a list is read and shown.
struct Visible<'a, F> {
    rows: &'a Rows,
    show_deleted: bool,
    now: Timestamp,
    render: F,
}

impl<M: Message, F: Fn(Shown) -> M + Sync> ReadRow<M> for Visible<'_, F> {
    async fn read(&self, row: Row, at: At) -> Result<Option<(M, OrderKey)>, Fault> {
        let found = self.rows.key_in(&row, at).await?;
        let key = &found.key.value;
        if !self.show_deleted && key.deleted.is_some() {
            return Ok(None);
        }
        let order = OrderKey {
            place: row.key.as_bytes().to_vec(),
            display_name: key.spec.display_name.folded(),
            create_time: key.create_time,
            update_time: key.update_time,
        };
        Ok(Some(((self.render)(Shown::now(found, self.now)), order)))
    }
}
