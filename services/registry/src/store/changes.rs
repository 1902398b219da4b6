//! Writing: an object with everything that hangs on it, and what history remembers of it, in one commit.

use names::{BelowTenant as _, ResourceName as _};
use resource::{
    Fault,
    history::{Deed, History, Shelf},
    record,
};
use rpc::access::Principal;
use store::{Commit, Key, Revision};
use uuid::Uuid;

use super::{Found, Kept, Place, Rows};
use crate::domain::{Claim, Link, Resource, Spec};

/// Who changes something, and in which tenant, for history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author<'a> {
    /// Where it is remembered.
    pub(crate) history: &'a History,
    /// Who.
    pub(crate) by: &'a Principal,
    /// The tenant's uid.
    pub(crate) tenant: Uuid,
}

/// Where history keeps the objects of a kind.
pub(crate) fn shelf<S: Spec>(tenant: Uuid) -> Shelf {
    let tenant = if S::ABOUT.is_root { Uuid::nil() } else { tenant };
    Shelf { tenant, kind: S::ABOUT.tag }
}

/// A commit in the making.
#[derive(Debug)]
pub(crate) struct Changes {
    commit: Commit,
}

impl From<Commit> for Changes {
    fn from(commit: Commit) -> Self {
        Self { commit }
    }
}

impl Changes {
    pub(crate) fn new(now: jiff::Timestamp) -> Self {
        Self { commit: Commit::new(now) }
    }

    /// The finished commit.
    pub(crate) fn finish(self) -> Commit {
        self.commit
    }

    /// Adds to the commit.
    pub(crate) fn with(mut self, change: impl FnOnce(Commit) -> Commit) -> Self {
        self.commit = change(self.commit);
        self
    }

    /// Remembers who wrote an object, and what stood before.
    pub(crate) fn by<S: Spec>(
        mut self,
        author: Author<'_>,
        before: Option<&Found<S>>,
        after: &Resource<S>,
    ) -> Result<Self, Fault> {
        let of_tenant = if S::ABOUT.is_root { after.meta.uid } else { author.tenant };
        let deed = Deed {
            shelf: shelf::<S>(of_tenant),
            of_tenant,
            id: after.name.last_id().as_str(),
            uid: after.meta.uid,
            name: after.name.to_string(),
            time: after.meta.update_time,
            by: author.by,
            before: before.map(|found| (found.record.clone(), found.revision)),
        };
        self.commit = author.history.remember(self.commit, deed)?;
        Ok(self)
    }

    /// A new live object: row, guard, claims, references, each target required to live.
    pub(crate) fn create<S: Kept>(self, new: &Resource<S>) -> Result<Self, Fault> {
        let place = Rows::place::<S>(&new.name);
        let object = place.object();
        let bytes = record::encode::<S::Stored>(new)?;
        let changes = self.with(|commit| commit.require_absent(&object).put(object, bytes));
        Ok(changes.below_live_tenant::<S>(&new.name).live(&place, new))
    }

    /// A changed live object. Only what differs is written.
    pub(crate) fn replace<S: Kept>(
        self,
        before: &Found<S>,
        after: &Resource<S>,
    ) -> Result<Self, Fault> {
        let place = Rows::place::<S>(&after.name);
        let mut changes = self.put_object(&place, before.revision, after)?;
        let old = &before.resource;
        if old.spec.state() != after.spec.state() {
            changes = changes.with(|commit| commit.put(place.guard(), after.spec.state()));
        }
        let (had, has) = (old.spec.claims(), after.spec.claims());
        let gone = had.iter().filter(|claim| !has.contains(claim));
        changes = gone.fold(changes, |changes, claim| changes.unclaim(&place, claim));
        let new = has.iter().filter(|claim| !had.contains(claim));
        changes = new.fold(changes, |changes, claim| changes.claim(&place, claim));
        let (were, are) = (S::links(old), S::links(after));
        let is_in = |links: &[Link], link: &Link| links.iter().any(|other| other.leads_where(link));
        let new = are.iter().filter(|link| !is_in(&were, link));
        changes = new.fold(changes, |changes, link| changes.refer(link, &place));
        let gone = were.iter().filter(|link| !is_in(&are, link));
        Ok(gone.fold(changes, |changes, link| changes.unrefer(link, &place)))
    }

    /// A live object that is now soft-deleted: the row stays, what hangs on it goes.
    pub(crate) fn soft_delete<S: Kept>(
        self,
        before: &Found<S>,
        after: &Resource<S>,
    ) -> Result<Self, Fault> {
        let place = Rows::place::<S>(&after.name);
        let changes = self.put_object(&place, before.revision, after)?;
        let changes = changes.with(|commit| commit.delete(place.guard()));
        let claims = before.resource.spec.claims();
        let changes = claims.iter().fold(changes, |changes, it| changes.unclaim(&place, it));
        let links = S::links(&before.resource);
        Ok(links.iter().fold(changes, |changes, link| changes.unrefer(link, &place)))
    }

    /// A soft-deleted object that lives again: everything that hangs on it comes back, each target required to live.
    pub(crate) fn undelete<S: Kept>(
        self,
        before: &Found<S>,
        after: &Resource<S>,
    ) -> Result<Self, Fault> {
        let place = Rows::place::<S>(&after.name);
        let changes = self.put_object(&place, before.revision, after)?;
        Ok(changes.below_live_tenant::<S>(&after.name).live(&place, after))
    }

    fn below_live_tenant<S: Spec>(self, name: &S::Name) -> Self {
        if S::ABOUT.is_root {
            return self;
        }
        let parent = Place::of_tenant(&name.tenant()).guard();
        self.with(|commit| commit.require_present(&parent))
    }

    fn put_object<S: Kept>(
        self,
        place: &Place,
        before: Revision,
        after: &Resource<S>,
    ) -> Result<Self, Fault> {
        let object = place.object();
        let bytes = record::encode::<S::Stored>(after)?;
        Ok(self.with(|commit| commit.require_revision(&object, before).put(object, bytes)))
    }

    /// What hangs on a live object.
    fn live<S: Spec>(self, place: &Place, new: &Resource<S>) -> Self {
        let changes = self.with(|commit| commit.put(place.guard(), new.spec.state()));
        let claims = new.spec.claims();
        let changes = claims.iter().fold(changes, |changes, claim| changes.claim(place, claim));
        S::links(new).iter().fold(changes, |changes, link| changes.refer(link, place))
    }

    fn claim(self, place: &Place, claim: &Claim) -> Self {
        let (key, id): (Key, _) = (place.claim(claim), place.id.as_str().to_owned());
        self.with(|commit| commit.require_absent(&key).put(key, id))
    }

    fn unclaim(self, place: &Place, claim: &Claim) -> Self {
        self.with(|commit| commit.delete(place.claim(claim)))
    }

    fn refer(self, to: &Link, source: &Place) -> Self {
        let target = Place::from(to);
        let reference = target.reference_from(source);
        self.with(|commit| commit.require_present(&target.guard()).put(reference, ""))
    }

    fn unrefer(self, to: &Link, source: &Place) -> Self {
        self.with(|commit| commit.delete(Place::from(to).reference_from(source)))
    }
}
