//! The loop around a lost race.
//!
//! Always holds: each loss means that somebody else's write went through; after [`MAX_TRIES`] of them, or as many as a write allows, the caller is told
//! ([`Fault::Contended`]). Between tries it pauses for a random moment that doubles, so that those who lost to each other do not meet
//! again. Absent on purpose: what is decided; a use case decides anew on what it reads anew.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::Fault;

/// How often a write is decided anew. Each loss is somebody else's success, so eight are enough unless something is wrong.
pub const MAX_TRIES: u32 = 8;
/// Longest pause after the first loss: the time of a commit or two. It doubles with each loss, to some 130 ms.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// Races that this process lost, for a metric.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Races lost by all writes of this process since it started.
#[must_use]
pub fn lost_races() -> u64 {
    LOST.load(Relaxed)
}

/// The tries of one write.
#[derive(Debug)]
pub struct Tries {
    lost: u32,
    most: u32,
}

impl Default for Tries {
    fn default() -> Self {
        Self::up_to(MAX_TRIES)
    }
}

impl Tries {
    /// For a write that loses to many others though nobody touches its object: a count that all of them move, for example.
    #[must_use]
    pub fn up_to(most: u32) -> Self {
        Self { lost: 0, most }
    }

    /// Notes a lost race and pauses before the next try.
    ///
    /// # Errors
    /// [`Fault::Contended`] when it was the last.
    pub async fn lost(&mut self) -> Result<(), Fault> {
        LOST.fetch_add(1, Relaxed);
        self.lost += 1;
        if self.lost >= self.most {
            return Err(Fault::Contended);
        }
        // The first loss is mostly to one other writer, who is done now.
        if self.lost > 1 {
            let longest = FIRST_PAUSE * 2_u32.pow(self.lost.min(MAX_TRIES) - 1);
            tokio::time::sleep(longest.mul_f64(rand::random::<f64>())).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_that_keeps_losing_is_told_in_the_end() {
        let mut tries = Tries::default();
        for _ in 1..MAX_TRIES {
            tries.lost().await.unwrap();
        }
        assert!(matches!(tries.lost().await, Err(Fault::Contended)));
        assert!(lost_races() >= u64::from(MAX_TRIES));
        let mut more = Tries::up_to(4 * MAX_TRIES);
        for _ in 1..4 * MAX_TRIES {
            more.lost().await.unwrap();
        }
        assert!(matches!(more.lost().await, Err(Fault::Contended)));
    }
}
