//! Writing: an object with everything that hangs on it, in one commit.

use jiff::Timestamp;
use names::BelowTenant as _;
use store::{Commit, Key, Revision};

use super::{Found, Place, RecordError, Rows, encode};
use crate::domain::{
    ConnectorSpec, GroupSpec, Kind, Resource, SegmentSpec, ServerGroupSpec, Spec, TenantSpec,
};

/// What a kind of object refers to, and what others that refer to it depend on.
pub(crate) trait Linked: Spec {
    /// The objects that a live one refers to, each with the field that does.
    fn links(resource: &Resource<Self>) -> Vec<(Place, &'static str)>;

    /// What others rely on besides that it lives; a change of it rewrites the guard, so that a
    /// commit that read it before fails.
    fn guarded(spec: &Self) -> &'static str {
        let _ = spec;
        "live"
    }

    /// The segment, if it is one: what it covers must not clash with others.
    fn covering(spec: &Self) -> Option<&SegmentSpec> {
        let _ = spec;
        None
    }
}

impl Linked for TenantSpec {
    fn links(_resource: &Resource<Self>) -> Vec<(Place, &'static str)> {
        Vec::new()
    }

    fn guarded(spec: &Self) -> &'static str {
        match spec.state {
            crate::domain::TenantState::Active => "active",
            crate::domain::TenantState::Suspended => "suspended",
        }
    }
}

impl Linked for GroupSpec {
    fn links(_resource: &Resource<Self>) -> Vec<(Place, &'static str)> {
        Vec::new()
    }

    fn guarded(spec: &Self) -> &'static str {
        if spec.enabled { "enabled" } else { "disabled" }
    }
}

impl Linked for ConnectorSpec {
    fn links(resource: &Resource<Self>) -> Vec<(Place, &'static str)> {
        let group = &resource.given.app_connector_group;
        vec![(Place::new(Kind::Group, &group.tenant(), group.id()), "app_connector_group")]
    }
}

impl Linked for ServerGroupSpec {
    fn links(resource: &Resource<Self>) -> Vec<(Place, &'static str)> {
        let place = |group: &names::AppConnectorGroupName| {
            (Place::new(Kind::Group, &group.tenant(), group.id()), "app_connector_groups")
        };
        resource.spec.app_connector_groups.iter().map(place).collect()
    }
}

impl Linked for SegmentSpec {
    fn links(resource: &Resource<Self>) -> Vec<(Place, &'static str)> {
        let place = |group: &names::ServerGroupName| {
            (Place::new(Kind::ServerGroup, &group.tenant(), group.id()), "server_groups")
        };
        resource.spec.server_groups.iter().map(place).collect()
    }

    fn covering(spec: &Self) -> Option<&SegmentSpec> {
        Some(spec)
    }
}

/// A commit in the making.
#[derive(Debug)]
pub(crate) struct Changes {
    commit: Commit,
}

impl Changes {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { commit: Commit::new(now) }
    }

    /// The finished commit.
    pub(crate) fn finish(self) -> Commit {
        self.commit
    }

    /// Adds to the commit.
    pub(crate) fn with(&mut self, change: impl FnOnce(Commit) -> Commit) {
        // Commit is a builder by value; an empty one stands in while it is moved through.
        let commit = std::mem::replace(&mut self.commit, Commit::new(Timestamp::UNIX_EPOCH));
        self.commit = change(commit);
    }

    /// A new live object: row, guard, claim on the name, references, each target required to live.
    pub(crate) fn create<S: Linked>(&mut self, new: &Resource<S>) -> Result<(), RecordError> {
        let place = Rows::place::<S>(&new.name);
        let object = place.object();
        let bytes = encode(new)?;
        self.with(|commit| commit.require_absent(&object).put(object, bytes));
        self.below_live_tenant::<S>(&new.name);
        self.live(&place, new);
        for (target, _) in S::links(new) {
            self.refer(&target, &place);
        }
        Ok(())
    }

    /// A changed live object. Only what differs is written.
    pub(crate) fn replace<S: Linked>(
        &mut self,
        before: &Found<S>,
        after: &Resource<S>,
    ) -> Result<(), RecordError> {
        let place = Rows::place::<S>(&after.name);
        self.put_object(&place, before.revision, after)?;
        let old = &before.resource;
        if S::guarded(&old.spec) != S::guarded(&after.spec) {
            let state = S::guarded(&after.spec);
            self.with(|commit| commit.put(place.guard(), state));
        }
        let claims = (
            place.display_name(old.spec.display_name()),
            place.display_name(after.spec.display_name()),
        );
        if let (Some(old_claim), Some(new_claim)) = claims
            && old_claim != new_claim
        {
            self.with(|commit| commit.delete(old_claim));
            self.claim(new_claim, &place);
        }
        let (were, are) = (S::links(old), S::links(after));
        for (target, _) in are.iter().filter(|link| !were.contains(link)) {
            self.refer(target, &place);
        }
        for (target, _) in were.iter().filter(|link| !are.contains(link)) {
            let reference = target.reference_from(&place);
            self.with(|commit| commit.delete(reference));
        }
        Ok(())
    }

    /// A live object that is now soft-deleted: the row stays, what hangs on it goes.
    pub(crate) fn bury<S: Linked>(
        &mut self,
        before: &Found<S>,
        after: &Resource<S>,
    ) -> Result<(), RecordError> {
        let place = Rows::place::<S>(&after.name);
        self.put_object(&place, before.revision, after)?;
        self.with(|commit| commit.delete(place.guard()));
        if let Some(claim) = place.display_name(before.resource.spec.display_name()) {
            self.with(|commit| commit.delete(claim));
        }
        for (target, _) in S::links(&before.resource) {
            let reference = target.reference_from(&place);
            self.with(|commit| commit.delete(reference));
        }
        Ok(())
    }

    /// A soft-deleted object that lives again: everything that hangs on it comes back, each target required to live.
    pub(crate) fn exhume<S: Linked>(
        &mut self,
        before: &Found<S>,
        after: &Resource<S>,
    ) -> Result<(), RecordError> {
        let place = Rows::place::<S>(&after.name);
        self.put_object(&place, before.revision, after)?;
        self.below_live_tenant::<S>(&after.name);
        self.live(&place, after);
        for (target, _) in S::links(after) {
            self.refer(&target, &place);
        }
        Ok(())
    }

    fn below_live_tenant<S: Spec>(&mut self, name: &S::Name) {
        if S::KIND != Kind::Tenant {
            let tenant = name.tenant();
            let parent = Place::new(Kind::Tenant, &tenant, tenant.id()).guard();
            self.with(|commit| commit.require_present(&parent));
        }
    }

    fn put_object<S: Spec>(
        &mut self,
        place: &Place,
        before: Revision,
        after: &Resource<S>,
    ) -> Result<(), RecordError> {
        let object = place.object();
        let bytes = encode(after)?;
        self.with(|commit| commit.require_revision(&object, before).put(object, bytes));
        Ok(())
    }

    fn live<S: Linked>(&mut self, place: &Place, new: &Resource<S>) {
        let state = S::guarded(&new.spec);
        self.with(|commit| commit.put(place.guard(), state));
        if let Some(claim) = place.display_name(new.spec.display_name()) {
            self.claim(claim, place);
        }
    }

    fn claim(&mut self, claim: Key, place: &Place) {
        let id = place.id.as_str().to_owned();
        self.with(|commit| commit.require_absent(&claim).put(claim, id));
    }

    fn refer(&mut self, target: &Place, source: &Place) {
        let reference = target.reference_from(source);
        self.with(|commit| commit.require_present(&target.guard()).put(reference, ""));
    }
}
