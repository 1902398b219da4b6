//! How long a row did not change, as one handle saw it.
//!
//! Owns the rule that every row which must be renewed is judged by. Pure: time is an argument, by the judge's own monotonic
//! clock.

use std::time::Duration;

use crate::revision::Revision;

/// A row as it was seen, and since when it is so; nothing yet by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    seen: Option<(Revision, Duration)>,
}

impl Sighting {
    /// Notes the row's revision as a read found it that began at `before` and had ended at `after`, and says for how long
    /// it is known to be unchanged. Counted from the end of the read that first found it to the beginning of this one, so
    /// the time of neither read counts.
    pub(crate) fn unchanged(
        &mut self,
        revision: Revision,
        before: Duration,
        after: Duration,
    ) -> Duration {
        match self.seen {
            Some((seen, since)) if seen == revision => before.saturating_sub(since),
            _ => {
                self.seen = Some((revision, after));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_seen_first_is_new_however_old_it_is_and_a_change_begins_anew() {
        let mut sighting = Sighting::default();
        let mut unchanged = |revision, before, after| {
            sighting.unchanged(Revision::new(revision), seconds(before), seconds(after)).as_secs()
        };
        assert_eq!(unchanged(7, 100, 104), 0, "never at the first look");
        assert_eq!(unchanged(7, 104, 105), 0);
        assert_eq!(unchanged(7, 110, 190), 6, "from the end of the first read to the next one");
        assert_eq!(unchanged(8, 200, 201), 0);
        assert_eq!(unchanged(8, 203, 203), 2);
        assert_eq!(unchanged(7, 300, 300), 0, "another row, though one like it was seen before");
    }
}
