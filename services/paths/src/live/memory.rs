//! What a segment remembers between questions.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use crate::domain::choice::priority::{Fallen, PRIORITIES, Spill, spill_until_ms};

/// Until when groups of lower priority go on serving beside each priority.
#[derive(Debug, Default)]
pub struct SegmentMemory {
    spill_until_ms: [AtomicI64; PRIORITIES],
}

impl SegmentMemory {
    /// As it stands.
    #[must_use]
    #[inline]
    pub fn spill(&self) -> Spill {
        Spill(std::array::from_fn(|priority| self.spill_until_ms[priority].load(Relaxed)))
    }

    /// Remembers priorities that have fallen now.
    pub fn remember(&self, fallen: Fallen, now_ms: i64) {
        for priority in fallen.iter() {
            self.spill_until_ms[priority].store(spill_until_ms(now_ms), Relaxed);
        }
    }
}
