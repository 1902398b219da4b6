//! Identities to refuse.

use ::store::{At, ScanOptions};
use jiff::Timestamp;
use resource::{Fault, record::encode};

use super::{Found, Lost, Rows, keys, lost, records::StoredRevocation};
use crate::domain::{certificate::Revocation, enrolment::Enrolment};

impl Rows {
    /// Revokes an enrolment's identity: the ledger and the list change in one commit.
    pub(crate) async fn revoke(
        &self,
        old: &Found<Enrolment>,
        new: &Enrolment,
        revocation: &Revocation,
    ) -> Result<Result<(), Lost>, Fault> {
        let at = keys::revocation(&revocation.connector);
        let commit = self
            .advanced(old, new, revocation.revoke_time)?
            .put(at, encode::<StoredRevocation>(revocation)?);
        Ok(lost(self.store.commit(commit).await)?.map(|_| ()))
    }

    /// Removes revocations whose last leaf has ended, at most `limit` looked at; says how many went. The
    /// enrolment stays REVOKED, so the identity never comes back.
    pub(crate) async fn drop_expired_revocations(&self, now: Timestamp) -> Result<usize, Fault> {
        let prefix = keys::of_tenant(keys::REVOCATION, None);
        let mut options =
            ScanOptions { at: At::Revision(self.published()), ..ScanOptions::default() };
        let mut dropped = 0;
        loop {
            let page = self.store.scan(&prefix, options.clone()).await?;
            for row in &page.rows {
                let revocation = super::decode::<StoredRevocation>(row)?;
                if revocation.value.expire_time > now {
                    continue;
                }
                let commit = ::store::Commit::new(now)
                    .require_revision(&row.key, revocation.revision)
                    .delete(row.key.clone());
                dropped += usize::from(lost(self.store.commit(commit).await)?.is_ok());
            }
            options.after = page.rows.last().map(|row| row.key.clone());
            if !page.more {
                return Ok(dropped);
            }
        }
    }
}
