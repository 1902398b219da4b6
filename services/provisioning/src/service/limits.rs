//! How often a source, or the holder of a spent key, may be wrong.
//!
//! Always holds: a good secret is never slowed, whoever else sits behind the same address; only a look-up that failed
//! draws on its source's budget, and only an exhausted key on its own.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{
    budget::{BudgetRule, Budgets},
    refusal::Refusal,
};

/// A source may be wrong 20 times at once, then 10 times a minute: a person who mistypes never notices.
const WRONG_SECRETS: BudgetRule = BudgetRule { size: 20, refill: Duration::from_secs(6) };
/// An exhausted key says so 4,096 times at once, then ten times a second. That is each host of a large fleet that outgrew its
/// key, once: KEY_EXHAUSTED is final, while a host that is told to come back later would keep the storm alive.
const EXHAUSTED_TRIES: BudgetRule = BudgetRule { size: 4_096, refill: Duration::from_millis(100) };
/// Sources and keys remembered at once, about 2 MB; who was wrong longest ago is forgotten first.
const REMEMBERED: usize = 20_000;

/// Both budgets.
#[derive(Debug)]
pub(crate) struct FailureLimits {
    sources: Mutex<Budgets<IpAddr>>,
    keys: Mutex<Budgets<Uuid>>,
}

impl FailureLimits {
    pub(crate) fn new() -> Self {
        Self {
            sources: Mutex::new(Budgets::new(WRONG_SECRETS, REMEMBERED)),
            keys: Mutex::new(Budgets::new(EXHAUSTED_TRIES, REMEMBERED)),
        }
    }

    /// The refusal for a failed look-up from this source: `refusal`, or that there were too many.
    pub(crate) fn failed_look_up(
        &self,
        source: IpAddr,
        now: Timestamp,
        refusal: Refusal,
    ) -> Refusal {
        let mut budgets = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        limited(budgets.draw(network_of(source), now), refusal)
    }

    /// The refusal for an attempt on an exhausted key.
    pub(crate) fn exhausted(&self, key: Uuid, now: Timestamp, refusal: Refusal) -> Refusal {
        let mut budgets = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        limited(budgets.draw(key, now), refusal)
    }
}

fn limited(drawn: Result<(), Duration>, refusal: Refusal) -> Refusal {
    match drawn {
        Ok(()) => refusal,
        Err(retry_after) => Refusal::RateLimited { retry_after },
    }
}

/// Who counts as one source: an IPv4 address, or the /64 that one IPv6 host can choose from at will.
fn network_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            IpAddr::V6(octets.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use names::Reason;

    use super::*;

    #[test]
    fn addresses_of_one_v6_network_are_one_source() {
        let limits = FailureLimits::new();
        let now = Timestamp::UNIX_EPOCH;
        let wrong = |n: u128| {
            let source = IpAddr::V6((0x2001_0db8_u128 << 96 | n).into());
            limits.failed_look_up(source, now, Refusal::KeyUnknown).reason()
        };
        for n in 0..20 {
            assert_eq!(wrong(n), Reason::KeyUnknown);
        }
        assert_eq!(wrong(21), Reason::EnrolmentRateLimited);
        assert_eq!(wrong(1 << 64), Reason::KeyUnknown, "another network");
    }
}
