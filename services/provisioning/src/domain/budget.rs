//! How often one may be wrong: a small token bucket, and a bounded set of them.
//!
//! Owns: the arithmetic. Always holds: a bucket never holds more than its size; the set never grows past its
//! limit; who was never wrong has no entry at all. Absent on purpose: slowing anyone who is right. A
//! bucket is asked only after a look-up failed.

use std::{collections::HashMap, hash::Hash, time::Duration};

use jiff::Timestamp;

/// How many failures are free at once, and how long it takes to earn one more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BudgetRule {
    /// Failures that are free at once.
    pub(crate) size: u32,
    /// Time that earns one more.
    pub(crate) refill: Duration,
}

/// Budgets of many, by source or by key.
#[derive(Debug)]
pub(crate) struct Budgets<K> {
    rule: BudgetRule,
    limit: usize,
    buckets: HashMap<K, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u32,
    /// When the last whole token was earned.
    since: Timestamp,
}

impl<K: Eq + Hash + Clone> Budgets<K> {
    /// An empty set that remembers at most `limit` at once.
    pub(crate) fn new(rule: BudgetRule, limit: usize) -> Self {
        Self { rule, limit, buckets: HashMap::new() }
    }

    /// Draws one failure. `Err` says how long until the next is free.
    pub(crate) fn draw(&mut self, who: K, now: Timestamp) -> Result<(), Duration> {
        if !self.buckets.contains_key(&who) && self.buckets.len() >= self.limit {
            self.make_room(now);
        }
        let rule = self.rule;
        let fresh = Bucket { left: rule.size, since: now };
        let bucket = self.buckets.entry(who).or_insert(fresh);
        *bucket = bucket.refilled(rule, now);
        if bucket.left == 0 {
            let earned = Duration::try_from(now.duration_since(bucket.since)).unwrap_or_default();
            return Err(rule.refill.saturating_sub(earned));
        }
        bucket.left -= 1;
        Ok(())
    }

    /// Forgets those that are full again; if that frees nothing, the one that was wrong longest ago.
    fn make_room(&mut self, now: Timestamp) {
        let rule = self.rule;
        self.buckets.retain(|_, bucket| bucket.refilled(rule, now).left < rule.size);
        if self.buckets.len() < self.limit {
            return;
        }
        let oldest = self.buckets.iter().min_by_key(|(_, bucket)| bucket.since);
        if let Some(who) = oldest.map(|(who, _)| who.clone()) {
            self.buckets.remove(&who);
        }
    }
}

impl Bucket {
    fn refilled(self, rule: BudgetRule, now: Timestamp) -> Self {
        let elapsed = now.duration_since(self.since).as_nanos().max(0);
        let step = i128::try_from(rule.refill.as_nanos().max(1)).unwrap_or(i128::MAX);
        let earned = u32::try_from(elapsed / step).unwrap_or(u32::MAX);
        if self.left.saturating_add(earned) >= rule.size {
            return Self { left: rule.size, since: now };
        }
        let whole = rule.refill.saturating_mul(earned);
        let since = jiff::SignedDuration::try_from(whole)
            .ok()
            .and_then(|whole| self.since.checked_add(whole).ok());
        Self { left: self.left + earned, since: since.unwrap_or(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BudgetRule = BudgetRule { size: 3, refill: Duration::from_secs(10) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn three_are_free_and_the_fourth_waits_for_the_refill() {
        let mut budgets = Budgets::new(RULE, 10);
        for _ in 0..3 {
            assert_eq!(budgets.draw("a", at(0)), Ok(()));
        }
        assert_eq!(budgets.draw("a", at(4)), Err(Duration::from_secs(6)));
        assert_eq!(budgets.draw("b", at(4)), Ok(()));
        assert_eq!(budgets.draw("a", at(10)), Ok(()));
        assert_eq!(budgets.draw("a", at(11)), Err(Duration::from_secs(9)));
    }

    #[test]
    fn a_clock_that_steps_back_frees_nothing_and_breaks_nothing() {
        let mut budgets = Budgets::new(RULE, 10);
        for _ in 0..3 {
            assert_eq!(budgets.draw("a", at(1_000)), Ok(()));
        }
        assert!(budgets.draw("a", at(0)).is_err());
    }

    #[test]
    fn the_set_never_outgrows_its_limit() {
        let mut budgets = Budgets::new(RULE, 4);
        for source in 0..100 {
            let _ = budgets.draw(source, at(source));
            assert!(budgets.buckets.len() <= 4);
        }
    }
}
