//! History that is too old, or too much, goes.
//!
//! Always holds: a pass is idempotent and made of bounded commits; where young rows go, the tenant's horizon moves with them.

use jiff::Timestamp;
use store::{At, Commit, Key, MAX_SCAN_ROWS, Row, ScanOptions};
use uuid::Uuid;

use super::{keys, record::StoredTrimmed, rows::History};
use crate::Fault;

/// Rows that one commit drops: each takes three deletes of the hundred.
const ROWS_PER_COMMIT: usize = 30;
/// Commits of one pass, so that a pass stays short; the next goes on.
const COMMITS_PER_PASS: usize = 100;

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Events that were dropped.
    pub dropped: usize,
    /// Whether more are due.
    pub more: bool,
}

impl History {
    /// Drops what is too old or too much. Idempotent, in bounded commits.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn trim(&self, now: Timestamp) -> Result<Trimmed, Fault> {
        let horizon = now.checked_sub(self.limits.age).unwrap_or(Timestamp::MIN);
        let per_tenant = self.per_tenant().await?;
        let mut pass = Pass { history: self, now, due: Vec::new(), done: Trimmed::default() };
        let (mut tenant, mut kept) = (None, 0);
        let mut after = None;
        while !pass.done.more {
            let options = ScanOptions { after, limit: MAX_SCAN_ROWS, at: At::Published };
            let page = self.store.scan(&keys::of_all(), options).await?;
            for row in &page.rows {
                let Some((of, time)) = keys::read_by_time(&row.key) else { continue };
                if tenant != Some(of) {
                    pass.flush(tenant.take()).await?;
                    (tenant, kept) = (Some(of), 0);
                }
                kept += 1;
                if time < horizon || kept > per_tenant {
                    pass.drop_row(of, row, time >= horizon).await?;
                }
            }
            after = page.rows.last().map(|row| row.key.clone());
            if !page.more {
                break;
            }
        }
        pass.flush(tenant).await?;
        Ok(pass.done)
    }

    /// Most events of a tenant, such that all together stay below the total.
    async fn per_tenant(&self) -> Result<usize, Fault> {
        let (mut total, mut tenants, mut last, mut after) = (0, 0, None, None);
        loop {
            let options = ScanOptions { after, limit: MAX_SCAN_ROWS, at: At::Published };
            let page = self.store.scan(&keys::of_all(), options).await?;
            for (tenant, _) in page.rows.iter().filter_map(|row| keys::read_by_time(&row.key)) {
                total += 1;
                tenants += usize::from(last != Some(tenant));
                last = Some(tenant);
            }
            after = page.rows.last().map(|row| row.key.clone());
            if !page.more {
                break;
            }
        }
        let share = self.limits.total / tenants.max(1);
        let per_tenant = self.limits.per_tenant;
        Ok(if total > self.limits.total { per_tenant.min(share) } else { per_tenant })
    }
}

/// A pass under way.
struct Pass<'a> {
    history: &'a History,
    now: Timestamp,
    /// Rows to drop of one tenant: where each is found by time, where it stands, and whether it is young.
    due: Vec<(Key, Key, bool)>,
    done: Trimmed,
}

impl Pass<'_> {
    async fn drop_row(&mut self, tenant: Uuid, row: &Row, young: bool) -> Result<(), Fault> {
        self.due.push((row.key.clone(), Key::from_bytes(row.value.to_vec()), young));
        if self.due.len() == ROWS_PER_COMMIT {
            self.flush(Some(tenant)).await?;
        }
        Ok(())
    }

    /// Drops what is due of a tenant. Where young rows go, the newest of them is how far back the tenant's history reaches.
    async fn flush(&mut self, tenant: Option<Uuid>) -> Result<(), Fault> {
        let (Some(tenant), false) = (tenant, self.due.is_empty()) else { return Ok(()) };
        if self.done.more {
            self.due.clear();
            return Ok(());
        }
        let mut commit = Commit::new(self.now);
        let newest = self.due.iter().filter(|(.., young)| *young);
        let newest = newest.filter_map(|(key, ..)| keys::read_by_time(key)).map(|(_, at)| at).max();
        let before = self.history.trimmed(tenant).await?;
        if let Some(until) = newest.filter(|until| before.is_none_or(|before| before < *until)) {
            let value = crate::record::encode::<StoredTrimmed>(&until)?;
            commit = commit.put(keys::trimmed(tenant), value);
        }
        self.done.dropped += self.due.len();
        for (by_time, place, _) in self.due.drain(..) {
            commit = commit.delete(keys::part(&place)).delete(place).delete(by_time);
        }
        self.history.store.commit(commit).await?;
        self.done.more = self.done.dropped >= ROWS_PER_COMMIT * COMMITS_PER_PASS;
        Ok(())
    }
}
