//! What every object has besides what callers write: identity and times.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a soft delete can be taken back, in days. Until then the id stays taken.
pub const PURGE_AFTER_DAYS: i64 = 30;

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

    /// After a write at `now`. Times never run backwards, whatever the clock does.
    #[must_use]
    pub fn touched(&self, now: Timestamp) -> Self {
        Self { update_time: now.max(self.update_time), ..self.clone() }
    }

    /// After a soft delete at `now`.
    #[must_use]
    pub fn deleted(&self, now: Timestamp) -> Self {
        let now = now.max(self.update_time);
        let after = SignedDuration::from_hours(24 * PURGE_AFTER_DAYS);
        let purge_time = now.checked_add(after).unwrap_or(Timestamp::MAX);
        Self {
            update_time: now,
            delete_time: Some(now),
            purge_time: Some(purge_time),
            ..self.clone()
        }
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
        assert_eq!(meta.touched(earlier).update_time, now);
        let deleted = meta.deleted(now);
        assert!(deleted.is_deleted());
        assert_eq!(deleted.purge_time.unwrap(), "2026-12-01T00:00:00Z".parse().unwrap());
        assert_eq!(deleted.undeleted(now), meta);
    }
}
