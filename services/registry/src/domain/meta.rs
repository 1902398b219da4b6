//! What every object has besides what callers write: identity and times.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a soft delete can be taken back, in days. Until then the id stays taken.
pub const PURGE_AFTER_DAYS: i64 = 30;
/// Least time between two writes of one object: what history can tell apart.
const BETWEEN_WRITES: SignedDuration = SignedDuration::from_micros(1);

/// Identity and times of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Global id, never used again.
    pub uid: Uuid,
    /// When it was created.
    pub create_time: Timestamp,
    /// When a write last changed it.
    pub update_time: Timestamp,
    /// When it was soft-deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_time: Option<Timestamp>,
    /// From when on it may be purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_time: Option<Timestamp>,
}

impl Meta {
    /// A new object's.
    #[must_use]
    pub fn created(uid: Uuid, now: Timestamp) -> Self {
        Self { uid, create_time: now, update_time: now, delete_time: None, purge_time: None }
    }

    /// After a write at `now`. The times of an object's writes rise strictly, whatever the clock does: history is told apart by
    /// them.
    #[must_use]
    pub fn touched(&self, now: Timestamp) -> Self {
        let later = self.update_time.checked_add(BETWEEN_WRITES).unwrap_or(self.update_time);
        Self { update_time: now.max(later), ..self.clone() }
    }

    /// After a soft delete at `now`.
    #[must_use]
    pub fn deleted(&self, now: Timestamp) -> Self {
        let touched = self.touched(now);
        let now = touched.update_time;
        let after = SignedDuration::from_hours(24 * PURGE_AFTER_DAYS);
        let purge_time = now.checked_add(after).unwrap_or(Timestamp::MAX);
        Self { delete_time: Some(now), purge_time: Some(purge_time), ..touched }
    }

    /// After a soft delete was taken back at `now`.
    #[must_use]
    pub fn undeleted(&self, now: Timestamp) -> Self {
        Self { delete_time: None, purge_time: None, ..self.touched(now) }
    }

    /// Whether it is soft-deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.delete_time.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_can_be_taken_back_for_thirty_days_and_times_never_run_backwards() {
        let now: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let earlier: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
        let meta = Meta::created(Uuid::nil(), now);
        assert!(meta.touched(earlier).update_time > now, "an earlier clock");
        assert!(meta.touched(now).update_time > now, "the same moment");
        let deleted = meta.deleted(now.checked_add(BETWEEN_WRITES).unwrap());
        assert!(deleted.is_deleted());
        assert_eq!(deleted.purge_time.unwrap(), "2026-12-01T00:00:00.000001Z".parse().unwrap());
        let back = deleted.undeleted(now);
        assert_eq!((back.delete_time, back.purge_time), (None, None));
        assert!(back.update_time > deleted.update_time);
    }
}
