//! What this service needs to know of a tenant.
//!
//! Owns: how long a tenant's global id counts after registry said it.
//! Always holds: an id that counts is the present tenant's, not that of one that had the name before.
//! Absent on purpose: everything else of a tenant; who wants it asks registry.
//!
//! ## Design notes
//! History is kept by the tenant's global id, which only registry knows. Registry keeps the name of a deleted tenant taken for 30 days,
//! so what it said of a living tenant stays right for as long, whatever happens to that tenant in between. It is asked anew once a day,
//! and its silence does no harm for four weeks. The other choice, following registry's tenants, costs a second watch for an id that
//! changes once in years.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Younger than this, registry is not asked again: one question a tenant and day is nothing.
pub(crate) const FRESH_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Older than this, an id counts no longer: a day less than the 30 that registry keeps a deleted tenant's name taken, for clocks that
/// differ.
pub(crate) const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(29 * 24);

/// A living tenant's global id, as registry said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConfirmedTenant {
    /// The id.
    pub(crate) uid: Uuid,
    /// When registry said it.
    pub(crate) time: Timestamp,
}

impl ConfirmedTenant {
    /// Whether registry need not be asked again.
    #[must_use]
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.time) < FRESH_FOR
    }

    /// Whether it counts while registry cannot be asked.
    #[must_use]
    pub(crate) fn counts(&self, now: Timestamp) -> bool {
        now.duration_since(self.time) < COUNTS_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_asked_for_once_a_day_and_counts_for_less_than_a_name_stays_taken() {
        let time: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let tenant = ConfirmedTenant { uid: Uuid::nil(), time };
        for (now, is_fresh, counts) in [
            ("2026-10-31T00:00:00Z", true, true),
            ("2026-11-01T23:59:59Z", true, true),
            ("2026-11-02T00:00:00Z", false, true),
            ("2026-11-29T23:59:59Z", false, true),
            ("2026-11-30T00:00:00Z", false, false),
        ] {
            let now = now.parse().unwrap();
            assert_eq!((tenant.is_fresh(now), tenant.counts(now)), (is_fresh, counts), "{now}");
        }
    }
}
