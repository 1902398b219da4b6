//! Updating.

use names::{BelowTenant as _, Draft as _, Violations};
use resource::{Tries, Write};
use rpc::access::Authorised;
use store::Revision;

use super::{Counted, Registry};
use crate::{
    domain::{Resource, Rules, Spec, Subject},
    error::Error,
    store::{Changes, Found, Kept},
};

/// A change of some fields of one object.
#[derive(Clone, Debug)]
pub(crate) struct Edit<S: Spec> {
    /// The new values.
    pub(crate) draft: S::Draft,
    /// Which of them count.
    pub(crate) paths: Vec<&'static str>,
    /// What the result is checked against.
    pub(crate) rules: Rules,
}

impl<S: Spec> Edit<S> {
    /// The object with the change, or everything that is wrong with it.
    fn applied(&self, name: &S::Name, previous: &S) -> Result<S, Error> {
        let draft = previous.draft().patched(&self.paths, &self.draft);
        let tenant = name.tenant();
        let subject =
            Subject { tenant: Some(&tenant), previous: Some(previous), rules: &self.rules };
        let mut problems = Violations::new();
        let spec = S::check(&draft, &subject, &mut problems);
        spec.filter(|_| problems.is_empty()).ok_or(Error::Invalid(problems))
    }
}

impl Registry {
    /// Changes fields of a live object.
    pub(crate) async fn update<S: Kept>(
        &self,
        name: &Authorised<S::Name>,
        edit: &Edit<S>,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        self.once(write, self.decide_update::<S>(name, edit, write)).await
    }

    async fn decide_update<S: Kept>(
        &self,
        name: &S::Name,
        edit: &Edit<S>,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        let mut tries = Tries::default();
        loop {
            let before = self.live::<S>(name).await?;
            self.expect_etag(&before, write)?;
            let old = &before.resource.spec;
            let spec = edit.applied(name, old)?;
            if spec == *old {
                return Ok(before);
            }
            let meta = before.resource.meta.touched(write.now);
            let after = Resource { meta, spec, ..before.resource.clone() };
            self.expect_unique(Some(old), name, &after.spec).await?;
            self.expect_references(Some(&before.resource), &after).await?;
            let turn = self.expect_coverage(name, Some(old), Some(&after.spec)).await?;
            if write.validate_only {
                return Ok(Found::made(after, Revision::ZERO));
            }
            let uid = self.uid_of(&name.tenant()).await?;
            let changes = Changes::new(write.now).replace(&before, &after)?;
            let mut changes = changes.by(self.author(write, uid), Some(&before), &after)?;
            if let Some(turn) = &turn {
                changes = turn.guard(changes);
            }
            if let Some(made) = self.commit(changes, write, after, Counted::Stays).await? {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                if old.withdraws(&made.resource.spec) {
                    self.settle(made.revision).await;
                }
                return Ok(made);
            }
            tries.lost().await?;
        }
    }
}
