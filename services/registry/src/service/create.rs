//! Creating.

use resource::{Tries, Write};
use rpc::access::Authorised;
use store::Revision;
use uuid::Uuid;

use super::{Counted, Registry};
use crate::{
    domain::{Meta, Resource},
    error::Error,
    store::{Changes, Found, Kept},
};

impl Registry {
    /// Creates an object.
    pub(crate) async fn create<S: Kept<ServerFields: Default>>(
        &self,
        name: &Authorised<S::Name>,
        spec: S,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        self.once(write, self.decide_create::<S>(name, spec, write)).await
    }

    async fn decide_create<S: Kept<ServerFields: Default>>(
        &self,
        name: &S::Name,
        spec: S,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        let mut tries = Tries::default();
        loop {
            let meta = Meta::created(Uuid::new_v4(), write.now);
            let server_fields = S::ServerFields::default();
            let new = Resource { name: name.clone(), meta, spec: spec.clone(), server_fields };
            let uid = self.expect_tenant::<S>(name).await?;
            self.expect_free::<S>(name).await?;
            self.expect_unique(None, name, &spec).await?;
            self.expect_references(None, &new).await?;
            let turn = self.expect_coverage(name, None, Some(&spec)).await?;
            let arrival = self.population.arrive::<S>(name, &self.quotas)?;
            if write.validate_only {
                return Ok(Found::made(new, Revision::ZERO));
            }
            let changes = Changes::new(write.now).create(&new)?;
            let mut changes = changes.by(self.author(write, uid), None, &new)?;
            if let Some(turn) = &turn {
                changes = turn.guard(changes);
            }
            if let Some(made) = self.commit(changes, write, new, Counted::Arrives(arrival)).await? {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                return Ok(made);
            }
            tries.lost().await?;
        }
    }
}
