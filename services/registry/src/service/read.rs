//! Reading: one, several, lists; as they are, or as of a time.

use jiff::Timestamp;
use names::{BelowTenant as _, ResourceName as _, TenantName};
use prost::Message;
use resource::{
    Fault,
    history::{AsOf, Live},
    listing::{Listing, Page},
    order::OrderKey,
};
use rpc::access::{Authorised, Scope};
use store::At;

use super::Registry;
use crate::{
    domain::{Kind, Resource, Spec, TenantSpec},
    error::Error,
    store::{Found, Kept, Rows, objects, read_object, shelf},
};

/// What a list is of, and what of it is shown.
pub(crate) struct Scoped<'a, S: Spec> {
    /// The tenants whose objects are listed.
    pub(crate) scope: &'a Scope,
    /// Whether the caller may see an object.
    pub(crate) visible: &'a (dyn Fn(&S::Name) -> bool + Sync),
}

impl Registry {
    /// One object, live or soft-deleted, as it is or as it was at a time.
    pub(crate) async fn get<S: Kept>(
        &self,
        name: &Authorised<S::Name>,
        read_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Found<S>, Error> {
        let missing = || Error::NotFound(S::KIND, name.to_string());
        let stands = self.rows.seek::<S>(name).await?;
        let tenant = self.history_of(&name.tenant(), read_time, now).await?;
        let Some((tenant, time)) = tenant else { return stands.ok_or_else(missing) };
        let id = name.last_id().as_str();
        let past = self.history.past(shelf::<S>(tenant), id, time, At::Published).await?;
        match &past.as_of {
            AsOf::Was(record, revision) => Ok(Rows::remembered(record.clone(), *revision)?),
            AsOf::AsNow => {
                stands.filter(|found| past.stood(found.resource.meta.uid)).ok_or_else(missing)
            }
        }
    }

    /// The tenant's uid and the time, if history is asked.
    async fn history_of(
        &self,
        tenant: &TenantName,
        read_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<(uuid::Uuid, Timestamp)>, Error> {
        if read_time.is_none() {
            return Ok(None);
        }
        let uid = self.uid_of(tenant).await?;
        let time = self.history.asked(read_time, uid, now).await?;
        Ok(time.map(|time| (uid, time)))
    }

    /// Several objects, all at one revision.
    pub(crate) async fn batch_get<S: Kept>(
        &self,
        names: &[Authorised<S::Name>],
    ) -> Result<Vec<Found<S>>, Error> {
        let at = At::Revision(self.rows.store().published());
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let one = self.rows.get::<S>(name, at).await?;
            found.push(one.ok_or_else(|| Error::NotFound(S::KIND, name.to_string()))?);
        }
        Ok(found)
    }

    /// One page of a list, rendered. A tenant that never was is not taken for an empty one: its name is mistyped.
    pub(crate) async fn list<S: Kept, M: Message>(
        &self,
        scoped: Scoped<'_, S>,
        listing: &Listing,
        now: Timestamp,
        render: impl Fn(&Found<S>) -> M + Sync,
    ) -> Result<Page<M>, Error> {
        let tenant = match scoped.scope {
            Scope::All => None,
            Scope::Tenant(tenant) => Some(tenant),
        };
        if let Some(tenant) = tenant {
            let found = self.rows.seek::<TenantSpec>(tenant).await?;
            found.ok_or_else(|| Error::NotFound(Kind::Tenant, tenant.to_string()))?;
        }
        let shows = |resource: &Resource<S>| {
            (listing.show_deleted || !resource.is_deleted()) && (scoped.visible)(&resource.name)
        };
        let prefix = objects(S::KIND, tenant);
        if let Some((uid, time)) = self.past_of(tenant, listing.read_time, now).await? {
            let live = Live {
                prefix,
                id: read_object,
                uid: |row: &store::Row| Ok(Rows::found::<S>(row)?.resource.meta.uid),
            };
            let render = |record, revision| {
                let found = Rows::remembered::<S>(record, revision)?;
                Ok(shows(&found.resource).then(|| render(&found)))
            };
            return Ok(self.history.list(shelf::<S>(uid), listing, time, live, render).await?);
        }
        let read = |row: &store::Row| {
            let found = Rows::found::<S>(row)?;
            if !shows(&found.resource) {
                return Ok(None);
            }
            let key = order_key(row.key.as_bytes().to_vec(), &found.resource);
            Ok(Some((render(&found), key)))
        };
        Ok(listing.scan(self.rows.store(), &prefix, &read).await?)
    }

    /// Whose past a list asks for, and when. Tenants themselves are remembered together; other lists are of one tenant.
    async fn past_of(
        &self,
        tenant: Option<&TenantName>,
        read_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<(uuid::Uuid, Timestamp)>, Error> {
        let uid = match (tenant, read_time) {
            (_, None) => return Ok(None),
            (Some(tenant), _) => self.uid_of(tenant).await?,
            (None, _) => uuid::Uuid::nil(),
        };
        let time = self.history.asked(read_time, uid, now).await?;
        Ok(time.map(|time| (uid, time)))
    }

    /// How many live objects of a kind a tenant holds.
    pub(crate) fn total_size<S: Spec>(&self, scope: &Scope) -> Option<i32> {
        let Scope::Tenant(tenant) = scope else { return None };
        S::ABOUT.quota?;
        i32::try_from(self.population.live(tenant, S::KIND)).ok()
    }

    /// The row of an object by kind and name, as history asks for it.
    pub(crate) async fn row_of(
        &self,
        kind: u8,
        name: &str,
        at: At,
    ) -> Result<Option<store::Row>, Fault> {
        let Some(kind) = Kind::of_tag(kind.into()) else { return Ok(None) };
        let mut parts = name.split('/').skip(1).step_by(2).map(names::Id::parse);
        let (Some(Ok(tenant)), id) = (parts.next(), parts.next()) else { return Ok(None) };
        let id = id.and_then(Result::ok).unwrap_or_else(|| tenant.clone());
        let place = crate::store::Place::new(kind, &TenantName::new(tenant), &id);
        Ok(self.rows.store().get(&place.object(), at).await?)
    }
}

/// What an object is sorted by.
fn order_key<S: Spec>(place: Vec<u8>, resource: &Resource<S>) -> OrderKey {
    OrderKey {
        place,
        display_name: resource.spec.display_name().key(),
        create_time: resource.meta.create_time,
        update_time: resource.meta.update_time,
    }
}
