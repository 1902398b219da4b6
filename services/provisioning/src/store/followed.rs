//! Whose deletions are carried out here.

use ::store::{At, Commit, ScanOptions};
use jiff::Timestamp;
use resource::{Fault, record::encode};

use super::{Rows, keys, records::StoredPointer};

impl Rows {
    /// A token of the life of a sibling that is followed; `None` before its first snapshot.
    pub(crate) async fn followed(&self, source: &str) -> Result<Option<String>, Fault> {
        self.follow(&keys::followed(source)).await
    }

    /// From now on that life of the sibling is followed which the token is of.
    pub(crate) async fn set_followed(
        &self,
        source: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let record = encode::<StoredPointer>(&token.to_owned())?;
        self.store.commit(Commit::new(now).put(keys::followed(source), record)).await?;
        Ok(())
    }

    /// Whether there is any key or enrolment, of whichever tenant and state.
    pub(crate) async fn has_any(&self) -> Result<bool, Fault> {
        for tag in [keys::KEY, keys::ENROLMENT] {
            let first = ScanOptions { after: None, limit: 1, at: At::Published };
            let page = self.store.scan(&keys::of_tenant(tag, None), first).await?;
            if !page.rows.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
