//! Which priorities of groups serve.
//!
//! A priority serves together with those before it until one has at least half of its connectors usable;
//! it then steps back only after five minutes above that line, so that a site that comes and goes does not
//! drag its users along.

use crate::{
    domain::candidates::{assess::Assessed, verdict::Verdict},
    live::demand::SegmentLive,
};

/// How long a lower priority goes on serving after the higher one recovered, milliseconds.
const STEP_BACK_AFTER_MS: i64 = 5 * 60 * 1_000;
/// Highest number of a priority.
const LOWEST_PRIORITY: u8 = 9;

/// Which priorities serve now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Priorities up to this one serve.
    pub up_to: u8,
    /// Priorities that have fallen below half, one bit each: to be noted in the segment's memory.
    pub fallen: u16,
}

/// Decides which priorities serve. A priority without any connector is passed over.
#[must_use]
pub fn serving(all: &[Assessed], memory: &SegmentLive, now_ms: i64) -> Serving {
    let mut counts = [(0u32, 0u32); LOWEST_PRIORITY as usize + 1];
    for one in all {
        let Some((usable, present)) = counts.get_mut(usize::from(one.preference.priority)) else {
            continue;
        };
        // What is configured to serve counts; what is switched off or forbidden does not.
        if one.verdict >= Verdict::Disconnected {
            *present += 1;
            *usable += u32::from(one.verdict.is_usable());
        }
    }
    let mut fallen = 0;
    let mut any_usable = false;
    for priority in 0..=LOWEST_PRIORITY {
        let (usable, present) = counts[usize::from(priority)];
        any_usable |= usable > 0;
        if present == 0 {
            continue;
        }
        if usable * 2 < present {
            fallen |= 1 << priority;
        } else if any_usable && memory.spill_until_ms(priority) <= now_ms {
            return Serving { up_to: priority, fallen };
        }
    }
    Serving { up_to: LOWEST_PRIORITY, fallen }
}

/// Notes what has fallen, for the decisions to come.
pub fn remember(serving: Serving, memory: &SegmentLive, now_ms: i64) {
    for priority in 0..=LOWEST_PRIORITY {
        if serving.fallen & (1 << priority) != 0 {
            memory.spill(priority, now_ms + STEP_BACK_AFTER_MS);
        }
    }
}
