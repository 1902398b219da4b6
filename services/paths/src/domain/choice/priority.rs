//! Which priorities of groups serve.
//!
//! A priority serves together with those before it until one has at least half of its connectors usable;
//! it then steps back only after five minutes above that line, so that a site that comes and goes does not
//! drag its users along.

use crate::domain::candidates::{assess::Assessed, verdict::Verdict};

/// How long a lower priority goes on serving after the higher one recovered, milliseconds.
const STEP_BACK_AFTER_MS: i64 = 5 * 60 * 1_000;
/// Priorities that a preference can have: 0 to 9.
pub const PRIORITIES: usize = 10;
/// Highest number of a priority.
const LOWEST_PRIORITY: u8 = PRIORITIES as u8 - 1;

/// What a segment remembers: until when those below each priority serve beside it, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spill(pub [i64; PRIORITIES]);

/// Priorities of which less than half is usable, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fallen(u16);

impl Fallen {
    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..PRIORITIES).filter(move |priority| self.0 & (1 << priority) != 0)
    }
}

/// Which priorities serve now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Priorities up to this one serve.
    pub up_to: u8,
    /// What has fallen, to be remembered.
    pub fallen: Fallen,
}

/// Decides which priorities serve. A priority without any connector is passed over.
#[must_use]
pub fn serving(all: &[Assessed], spill: &Spill, now_ms: i64) -> Serving {
    let mut counts = [(0u32, 0u32); PRIORITIES];
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
        } else if any_usable && spill.0[usize::from(priority)] <= now_ms {
            return Serving { up_to: priority, fallen: Fallen(fallen) };
        }
    }
    Serving { up_to: LOWEST_PRIORITY, fallen: Fallen(fallen) }
}

/// Until when those below a priority serve that has fallen now, milliseconds.
#[must_use]
pub fn spill_until_ms(now_ms: i64) -> i64 {
    now_ms + STEP_BACK_AFTER_MS
}
