//! Clearing what referred to groups that were deleted with `force`.

use jiff::Timestamp;
use names::{AppConnectorGroupName, AppConnectorName, ServerGroupName};
use resource::{Fault, Write, record};
use rpc::access::Principal;
use store::{At, Row};

use super::{Counted, Registry};
use crate::{
    domain::{ConnectorSpec, GroupSpec, Kind, ServerGroupSpec},
    error::Error,
    store::{AsWritten, Cause, Changes, Place, Rows, read_sweep, sweep, sweeps},
};

/// Objects that one step of a sweep clears. Each takes a commit of at most some 10 writes.
const SWEEP_STEP: usize = 100;
/// The worker's name in history.
const WORKER: &str = "sweep";

impl Registry {
    /// Clears what referred to groups deleted with `force`: members are deleted with their group, server groups lose
    /// it. Idempotent, in bounded steps; answers whether something is left to do.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<bool, Error> {
        let page = self.rows.page(&sweeps(), None, SWEEP_STEP, At::Published).await?;
        let mut left = page.more;
        for row in &page.rows {
            let Some(group) = read_sweep(&row.key) else { continue };
            left |= self.sweep_group(&group, &cause(row)?, now).await?;
        }
        Ok(left)
    }

    async fn sweep_group(
        &self,
        group: &AppConnectorGroupName,
        cause: &Cause,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let by = Principal::worker(WORKER, &cause.method, &cause.request_id);
        let write = Write::own(by, now);
        let place = Rows::place::<GroupSpec>(group);
        let (sources, more) = self.rows.referring(&place, SWEEP_STEP).await?;
        for source in &sources {
            if source.kind == Kind::Connector {
                self.delete_member(source, group, &write).await?;
            } else {
                self.strip_group(source, group, &write).await?;
            }
        }
        if more {
            return Ok(true);
        }
        let changes = Changes::new(write.now)
            .with(|commit| commit.require_prefix_empty(&place.references()).delete(sweep(group)));
        match self.rows.store().commit(changes.finish()).await {
            Ok(_) => Ok(false),
            // Something referred to it until just now: the next step clears it.
            Err(store::CommitError::Precondition { .. }) => Ok(true),
            Err(error) => Err(Fault::from(error).into()),
        }
    }

    /// The row of the group's delete is the history of its members' too.
    async fn delete_member(
        &self,
        member: &Place,
        group: &AppConnectorGroupName,
        write: &Write,
    ) -> Result<(), Error> {
        let name = AppConnectorName::new(member.tenant.clone(), member.id.clone());
        let Some(before) = self.rows.live::<ConnectorSpec>(&name).await? else { return Ok(()) };
        if before.resource.server_fields.app_connector_group != *group {
            return Ok(());
        }
        let mut after = Self::soft_deleting(&before, write.now);
        after.server_fields.deleted_with = Some(group.clone());
        let changes = Changes::new(write.now).soft_delete(&before, &after)?;
        self.commit(changes, write, after, Counted::Leaves).await?;
        Ok(())
    }

    async fn strip_group(
        &self,
        source: &Place,
        group: &AppConnectorGroupName,
        write: &Write,
    ) -> Result<(), Error> {
        let name = ServerGroupName::new(source.tenant.clone(), source.id.clone());
        let Some(before) = self.rows.live::<ServerGroupSpec>(&name).await? else { return Ok(()) };
        let mut after = before.resource.clone();
        after.spec.app_connector_groups.retain(|named| named != group);
        after.meta = after.meta.touched(write.now);
        let uid = self.uid_of(&name.tenant()).await?;
        let changes = Changes::new(write.now).replace(&before, &after)?;
        let changes = changes.by(self.author(write, uid), Some(&before), &after)?;
        self.commit(changes, write, after, Counted::Stays).await?;
        Ok(())
    }
}

/// Which call ordered the sweep; unknown of one that was ordered before there was history.
fn cause(row: &Row) -> Result<Cause, Fault> {
    if row.value.is_empty() {
        return Ok(Cause::default());
    }
    Ok(record::decode::<AsWritten<Cause>>(&row.value)?)
}
