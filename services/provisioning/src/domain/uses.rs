//! How often a key has been used: exact, and never above its limit.
//!
//! Owns: the two moves of the count. Always holds, when no enrolment is RESERVED: count = enrolments ever ACTIVE +
//! those PENDING. Each move stands in the same commit as the enrolment that makes it, so that no crash parts them.

use jiff::Timestamp;

/// The use count of one key, a sibling record of the key (it is status, and moves no etag).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// Uses spent or held.
    pub(crate) count: u64,
    /// When an enrolment last began.
    pub(crate) last: Option<Timestamp>,
}

/// The key has no use left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// How many uses a key may have; `None` is no limit.
pub(crate) type MaxUses = Option<std::num::NonZeroU64>;

impl Uses {
    /// Whether no use is left.
    pub(crate) fn is_spent(&self, max: MaxUses) -> bool {
        max.is_some_and(|max| self.count >= max.get())
    }

    /// The count after one more use.
    pub(crate) fn reserve(self, max: MaxUses, now: Timestamp) -> Result<Self, Exhausted> {
        if self.is_spent(max) {
            return Err(Exhausted);
        }
        Ok(Self { count: self.count.saturating_add(1), last: Some(now) })
    }

    /// The count after an enrolment came to nothing.
    pub(crate) fn give_back(self) -> Self {
        Self { count: self.count.saturating_sub(1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_with_three_uses_has_exactly_three() {
        let max = NonZeroU64::new(3);
        let mut uses = Uses::default();
        for _ in 0..3 {
            uses = uses.reserve(max, Timestamp::UNIX_EPOCH).unwrap();
        }
        assert_eq!(uses.reserve(max, Timestamp::UNIX_EPOCH), Err(Exhausted));
        assert!(uses.give_back().reserve(max, Timestamp::UNIX_EPOCH).is_ok());
    }

    #[test]
    fn a_key_without_a_limit_is_never_spent() {
        let uses = Uses { count: u64::MAX, last: None };
        assert!(!uses.is_spent(None));
    }

    proptest! {
        #[test]
        fn the_count_is_the_reservations_minus_those_given_back(
            max in 1_u64..20, moves in proptest::collection::vec(any::<bool>(), 0..200)
        ) {
            let limit = NonZeroU64::new(max);
            let (mut uses, mut held) = (Uses::default(), 0_u64);
            for reserve in moves {
                if reserve {
                    match uses.reserve(limit, Timestamp::UNIX_EPOCH) {
                        Ok(next) => { uses = next; held += 1; }
                        Err(Exhausted) => prop_assert_eq!(held, max),
                    }
                } else if held > 0 {
                    uses = uses.give_back();
                    held -= 1;
                }
                prop_assert_eq!(uses.count, held);
                prop_assert!(uses.count <= max);
            }
        }
    }
}
