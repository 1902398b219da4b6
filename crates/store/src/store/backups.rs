//! Backups of a store that is open.

use std::path::Path;

use super::Store;
use crate::{
    backup::{self, BackupError, BackupParts, BackupSummary},
    read::ReadError,
};

/// How often a backup begins before it is given up: its hold keeps compaction away, so it is overtaken only if this process
/// stood still for longer than a hold lives, and hardly a third time.
const MAX_BACKUP_STARTS: usize = 3;

impl Store {
    /// Writes the published revision of the whole store to a file while commits go on. The file
    /// appears under its name only when it is complete and durable.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn backup(&self, file: impl AsRef<Path>) -> Result<BackupSummary, BackupError> {
        let file = file.as_ref();
        for _ in 1..MAX_BACKUP_STARTS {
            match self.backup_once(file).await {
                Err(BackupError::Read(ReadError::Compacted { oldest })) => {
                    tracing::info!(%oldest, "a backup was overtaken by compaction and begins again");
                }
                done => return done,
            }
        }
        self.backup_once(file).await
    }

    async fn backup_once(&self, file: &Path) -> Result<BackupSummary, BackupError> {
        let inner = &*self.inner;
        let hold = inner.holds.hold().await;
        let (revision, taken) = (self.published(), (inner.now)());
        let written = tokio::select! {
            written = backup::write(&inner.view, revision, file, taken) => written,
            never = hold.keep() => match never {},
        };
        hold.release().await;
        written
    }

    /// As [`Store::backup`], given part by part instead of kept: the file lies in [`StoreConfig::spool_dir`](crate::StoreConfig::spool_dir) until the
    /// stream ends or is dropped, so that much room is needed there.
    ///
    /// # Errors
    /// See [`BackupError`]; a stream that ends without one gave all of the backup.
    pub async fn backup_parts(&self) -> Result<BackupParts, BackupError> {
        let file = backup::place(&self.inner.config.spool_dir);
        self.backup(&file).await?;
        backup::parts(file).await
    }
}
