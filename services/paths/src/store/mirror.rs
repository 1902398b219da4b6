//! The copy of one sibling's objects.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;
use store::{At, Commit, CommitError, Key, MAX_VALUE_BYTES, ReadError, ScanOptions, Store};

use super::{
    keys::{self, Area},
    records::{Progress, RecordError, message, read_message},
};

/// Rows written in one commit, below the store's limit of 100 with room for the progress.
const ROWS_PER_COMMIT: usize = 90;
/// Bytes written in one commit: half of the store's limit.
const BYTES_PER_COMMIT: usize = 512 * 1024;
/// Bytes of the secret.
const SECRET_BYTES: usize = 32;

/// Why the store could not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Read, and not understood.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The copy of one area, and what is not written yet.
#[derive(Debug)]
pub(crate) struct Mirror {
    store: Store,
    area: Area,
    stored: BTreeSet<Key>,
    pending: BTreeMap<Key, Option<Bytes>>,
    progress: Progress,
}

impl Mirror {
    /// Reads an area whole: the copy, and each object's message.
    ///
    /// # Errors
    /// The store cannot be read, or holds what this version does not know.
    pub(crate) async fn load(store: Store, area: Area) -> Result<(Self, Vec<Bytes>), StoreError> {
        let mut messages = Vec::new();
        let mut stored = BTreeSet::new();
        let mut options = ScanOptions::default();
        loop {
            let page = store.scan(&keys::objects(area), options).await?;
            let last = page.rows.last().map(|row| row.key.clone());
            for row in page.rows {
                messages.push(read_message(row.value)?);
                stored.insert(row.key);
            }
            if !page.more {
                break;
            }
            options =
                ScanOptions { after: last, at: At::Revision(page.revision), ..Default::default() };
        }
        let progress = match store.get(&keys::progress(area), At::Published).await? {
            Some(row) => Progress::read(&row.value)?,
            None => Progress::default(),
        };
        let pending = BTreeMap::new();
        Ok((Self { store, area, stored, pending, progress }, messages))
    }

    /// How far it has come on disk.
    #[must_use]
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Replaces everything: what is not among the rows is gone.
    pub(crate) fn reset<'a>(
        &mut self,
        rows: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) {
        self.pending = self.stored.iter().map(|key| (key.clone(), None)).collect();
        for (name, encoded) in rows {
            self.put(name, encoded);
        }
    }

    /// Changes one object; `None` removes it.
    pub(crate) fn put(&mut self, name: &str, encoded: Option<&[u8]>) {
        let record = encoded.map(message).filter(|record| {
            let fits = record.len() <= MAX_VALUE_BYTES;
            if !fits {
                let area = self.area.word();
                tracing::error!(
                    area,
                    name,
                    "too large to be kept: missing after a restart in a blackout"
                );
            }
            fits
        });
        self.pending.insert(keys::object(self.area, name), record);
    }

    /// Writes what is pending, and then how far it has come. What fails stays pending.
    ///
    /// # Errors
    /// The store takes no writes.
    pub(crate) async fn save(
        &mut self,
        resume_token: &str,
        confirmed: Timestamp,
    ) -> Result<(), StoreError> {
        if self.pending.len() > ROWS_PER_COMMIT && !self.progress.resume_token.is_empty() {
            // From here on the rows are of two times: after a crash only a new snapshot can be trusted.
            let between = Progress { resume_token: String::new(), ..self.progress.clone() };
            self.write(BTreeMap::new(), &between, confirmed).await?;
        }
        loop {
            let batch = self.next_batch();
            let last = batch.len() == self.pending.len();
            let progress = if last {
                Progress { resume_token: resume_token.to_owned(), confirmed: Some(confirmed) }
            } else {
                self.progress.clone()
            };
            self.write(batch, &progress, confirmed).await?;
            if last {
                return Ok(());
            }
        }
    }

    fn next_batch(&self) -> BTreeMap<Key, Option<Bytes>> {
        let mut bytes = 0;
        let mut batch = BTreeMap::new();
        for (key, record) in self.pending.iter().take(ROWS_PER_COMMIT) {
            bytes += key.as_bytes().len() + record.as_ref().map_or(0, Bytes::len);
            if bytes > BYTES_PER_COMMIT && !batch.is_empty() {
                break;
            }
            batch.insert(key.clone(), record.clone());
        }
        batch
    }

    async fn write(
        &mut self,
        batch: BTreeMap<Key, Option<Bytes>>,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut commit = Commit::new(now).put(keys::progress(self.area), progress.to_bytes());
        for (key, record) in &batch {
            commit = match record {
                Some(record) => commit.put(key.clone(), record.clone()),
                None => commit.delete(key.clone()),
            };
        }
        self.store.commit(commit).await?;
        self.progress = progress.clone();
        for (key, record) in batch {
            self.pending.remove(&key);
            if record.is_some() {
                self.stored.insert(key);
            } else {
                self.stored.remove(&key);
            }
        }
        Ok(())
    }
}

/// The secret kept in the store; `fresh` becomes it when there is none yet.
///
/// # Errors
/// The store cannot be read or written.
pub(crate) async fn secret(
    store: &Store,
    fresh: [u8; SECRET_BYTES],
    now: Timestamp,
) -> Result<Bytes, StoreError> {
    if let Some(row) = store.get(&keys::secret(), At::Published).await? {
        return Ok(row.value);
    }
    let bytes = Bytes::copy_from_slice(&fresh);
    let commit =
        Commit::new(now).require_absent(&keys::secret()).put(keys::secret(), bytes.clone());
    store.commit(commit).await?;
    Ok(bytes)
}
