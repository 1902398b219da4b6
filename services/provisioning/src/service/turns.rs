//! Taking turns at one key.
//!
//! ## Design notes
//! Exactness does not rest on this: every commit carries preconditions on the key and its count. Without turns, though,
//! sixty parallel joins on one key would read the same count, one would win, and the others would read again; with
//! them each wins at its first attempt. Turns are per process; the preconditions hold across replicas.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use uuid::Uuid;

/// Above so many remembered keys, those nobody waits for are forgotten.
const SWEEP_ABOVE: usize = 1_024;

/// One queue per key.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Uuid, Weak<Turn<()>>>>);

impl Turns {
    /// Waits for this key's turn; dropping the guard ends it.
    pub(crate) async fn take(&self, key: Uuid) -> OwnedMutexGuard<()> {
        self.queue(key).lock_owned().await
    }

    fn queue(&self, key: Uuid) -> Arc<Turn<()>> {
        // Nothing can panic while the map is changed, so a poisoned lock is still good.
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.len() > SWEEP_ABOVE {
            queues.retain(|_, queue| queue.strong_count() > 0);
        }
        if let Some(queue) = queues.get(&key).and_then(Weak::upgrade) {
            return queue;
        }
        let queue = Arc::new(Turn::new(()));
        queues.insert(key, Arc::downgrade(&queue));
        queue
    }
}
