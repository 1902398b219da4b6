//! A provisioning key: what was written, what it allows, what an operator should know.
//!
//! Always holds: a key is bound to one group for life; a deleted key enrols nobody; the order in which
//! reasons are found is fixed (deleted, source, disabled, expired, exhausted), so that the same call gets the same answer.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use names::{AppConnectorGroupName, Cidr, ProvisioningKeyName};
use uuid::Uuid;

use super::{
    refusal::Refusal,
    secret::SecretHash,
    text::{DisplayName, Labels},
    uses::{MaxUses, Uses},
};

/// Most uses that a limit may name: ten times a tenant's quota of connectors.
pub(crate) const MAX_USES_LIMIT: u64 = 1_000_000;
/// Most networks of one key.
pub(crate) const MAX_ALLOWED_CIDRS: usize = 100;
/// How long a deleted key is kept before it is purged.
pub(crate) const KEPT_AFTER_DELETE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// `EXPIRING` from this long before the end.
const EXPIRING_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// `UNUSED` after this long without a use.
const UNUSED_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
/// `NEARLY_SPENT` when at most one use in this many is left.
const NEARLY_SPENT_PART: u64 = 10;

/// The rule of a key's end, as a refusal says it.
pub(crate) fn in_the_future(now: Timestamp) -> String {
    format!("must be after the server's time, {now}; to stop the key, disable it")
}

/// What an administrator writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeySpec {
    pub(crate) display_name: DisplayName,
    pub(crate) group: AppConnectorGroupName,
    pub(crate) enabled: bool,
    pub(crate) max_uses: MaxUses,
    pub(crate) expire_time: Option<Timestamp>,
    /// Empty: from anywhere.
    pub(crate) allowed_cidrs: Vec<Cidr>,
    pub(crate) labels: Labels,
    /// What its connectors are labelled with.
    pub(crate) connector_labels: Labels,
}

/// What an update changes; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyPatch {
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) enabled: Option<bool>,
    pub(crate) max_uses: Option<MaxUses>,
    pub(crate) expire_time: Option<Option<Timestamp>>,
    pub(crate) allowed_cidrs: Option<Vec<Cidr>>,
    pub(crate) labels: Option<Labels>,
    pub(crate) connector_labels: Option<Labels>,
}

impl KeySpec {
    /// With the changes of a patch; the group is never one of them.
    pub(crate) fn patched(self, patch: KeyPatch) -> Self {
        Self {
            display_name: patch.display_name.unwrap_or(self.display_name),
            group: self.group,
            enabled: patch.enabled.unwrap_or(self.enabled),
            max_uses: patch.max_uses.unwrap_or(self.max_uses),
            expire_time: patch.expire_time.unwrap_or(self.expire_time),
            allowed_cidrs: patch.allowed_cidrs.unwrap_or(self.allowed_cidrs),
            labels: patch.labels.unwrap_or(self.labels),
            connector_labels: patch.connector_labels.unwrap_or(self.connector_labels),
        }
    }
}

/// A key without its use count, which is a record of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProvisioningKey {
    pub(crate) name: ProvisioningKeyName,
    pub(crate) uid: Uuid,
    pub(crate) secret: SecretHash,
    pub(crate) spec: KeySpec,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
    pub(crate) deleted: Option<Deletion>,
}

/// When a key was deleted, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) at: Timestamp,
    pub(crate) purge_time: Timestamp,
    /// The group whose deletion took it along.
    pub(crate) with: Option<AppConnectorGroupName>,
}

/// Whether a key enrols, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    Active,
    Disabled,
    Expired,
    Exhausted,
    Deleted,
}

/// Something an operator should know about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyCondition {
    pub(crate) reason: &'static str,
    pub(crate) since: Timestamp,
    pub(crate) message: String,
}

impl ProvisioningKey {
    /// Whether it would enrol at `now`, from its own point of view.
    pub(crate) fn state(&self, uses: Uses, now: Timestamp) -> KeyState {
        if self.deleted.is_some() {
            KeyState::Deleted
        } else if !self.spec.enabled {
            KeyState::Disabled
        } else if self.is_expired(now) {
            KeyState::Expired
        } else if uses.is_spent(self.spec.max_uses) {
            KeyState::Exhausted
        } else {
            KeyState::Active
        }
    }

    /// Whether anyone at `from` may use the key at all: it lives, is switched on, and the place is right.
    pub(crate) fn admits_source(&self, from: IpAddr) -> Result<(), Refusal> {
        if self.deleted.is_some() {
            return Err(Refusal::KeyUnknown);
        }
        let networks = &self.spec.allowed_cidrs;
        if !networks.is_empty() && !networks.iter().any(|network| network.contains(from)) {
            return Err(Refusal::SourceNotAllowed { from });
        }
        if !self.spec.enabled {
            return Err(Refusal::KeyDisabled);
        }
        Ok(())
    }

    /// Whether it enrols one more at `now`.
    pub(crate) fn admits_newcomer(&self, uses: Uses, now: Timestamp) -> Result<(), Refusal> {
        if let (true, Some(at)) = (self.is_expired(now), self.spec.expire_time) {
            return Err(Refusal::KeyExpired { at });
        }
        match self.spec.max_uses {
            Some(max) if uses.is_spent(Some(max)) => Err(Refusal::KeyExhausted { max: max.get() }),
            _ => Ok(()),
        }
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        self.spec.expire_time.is_some_and(|end| end <= now)
    }

    /// The key after its deletion at `now`.
    pub(crate) fn delete(self, now: Timestamp, with: Option<AppConnectorGroupName>) -> Self {
        let purge_time = now.checked_add(KEPT_AFTER_DELETE).unwrap_or(Timestamp::MAX);
        Self { deleted: Some(Deletion { at: now, purge_time, with }), update_time: now, ..self }
    }

    /// What an operator should know; nothing of a key that does not enrol anyway.
    pub(crate) fn conditions(&self, uses: Uses, now: Timestamp) -> Vec<KeyCondition> {
        if self.state(uses, now) != KeyState::Active {
            return Vec::new();
        }
        [self.expiring(now), self.nearly_spent(uses), self.unused(uses, now)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn expiring(&self, now: Timestamp) -> Option<KeyCondition> {
        let end = self.spec.expire_time?;
        let since = end.checked_sub(EXPIRING_WITHIN).unwrap_or(Timestamp::MIN);
        (since <= now).then(|| KeyCondition {
            reason: "EXPIRING",
            since: since.max(self.create_time),
            message: format!("The key expires at {end}. Extend expire_time or create another key."),
        })
    }

    fn nearly_spent(&self, uses: Uses) -> Option<KeyCondition> {
        let max = self.spec.max_uses?.get();
        let left = max.saturating_sub(uses.count);
        (uses.count > 0 && left.saturating_mul(NEARLY_SPENT_PART) <= max).then(|| KeyCondition {
            reason: "NEARLY_SPENT",
            since: uses.last.unwrap_or(self.create_time),
            message: format!(
                "{left} of {max} uses are left. Raise max_uses or create another key."
            ),
        })
    }

    fn unused(&self, uses: Uses, now: Timestamp) -> Option<KeyCondition> {
        let last = uses.last.unwrap_or(self.create_time);
        let since = last.checked_add(UNUSED_AFTER).unwrap_or(Timestamp::MAX);
        (since <= now).then(|| KeyCondition {
            reason: "UNUSED",
            since,
            message: format!(
                "The key was not used since {last}. Delete or disable it if nothing needs it."
            ),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::num::NonZeroU64;

    use super::*;

    pub(crate) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A key of `tenants/acme` with three uses, made at second 0.
    pub(crate) fn key() -> ProvisioningKey {
        let spec = KeySpec {
            display_name: DisplayName::parse("Berlin").unwrap(),
            group: "tenants/acme/appConnectorGroups/berlin".parse().unwrap(),
            enabled: true,
            max_uses: NonZeroU64::new(3),
            expire_time: None,
            allowed_cidrs: Vec::new(),
            labels: Labels::default(),
            connector_labels: Labels::default(),
        };
        ProvisioningKey {
            name: "tenants/acme/provisioningKeys/k".parse().unwrap(),
            uid: Uuid::from_u128(1),
            secret: SecretHash([1; 32]),
            spec,
            create_time: at(0),
            update_time: at(0),
            deleted: None,
        }
    }

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn uses(count: u64) -> Uses {
        Uses { count, last: None }
    }

    #[test]
    fn the_state_names_the_first_reason_in_a_fixed_order() {
        let mut key = key();
        assert_eq!(key.state(uses(2), at(5)), KeyState::Active);
        assert_eq!(key.state(uses(3), at(5)), KeyState::Exhausted);
        key.spec.expire_time = Some(at(5));
        assert_eq!(key.state(uses(3), at(4)), KeyState::Exhausted);
        assert_eq!(key.state(uses(3), at(5)), KeyState::Expired);
        key.spec.enabled = false;
        assert_eq!(key.state(uses(3), at(5)), KeyState::Disabled);
        assert_eq!(key.delete(at(6), None).state(uses(3), at(6)), KeyState::Deleted);
    }

    #[test]
    fn each_state_refuses_with_its_own_reason() {
        let reason = |key: &ProvisioningKey, count, now| {
            key.admits_source(FROM)
                .and_then(|()| key.admits_newcomer(uses(count), at(now)))
                .map_or_else(|refusal| refusal.reason().word(), |()| "")
        };
        let mut key = key();
        assert_eq!(reason(&key, 2, 5), "");
        assert_eq!(reason(&key, 3, 5), "KEY_EXHAUSTED");
        key.spec.expire_time = Some(at(5));
        assert_eq!(reason(&key, 0, 4), "");
        assert_eq!(reason(&key, 3, 5), "KEY_EXPIRED");
        key.spec.enabled = false;
        assert_eq!(reason(&key, 3, 5), "KEY_DISABLED");
        key.spec.allowed_cidrs = vec!["10.0.0.0/8".parse().unwrap()];
        assert_eq!(reason(&key, 3, 5), "KEY_SOURCE_NOT_ALLOWED");
        assert_eq!(reason(&key.delete(at(6), None), 3, 5), "KEY_UNKNOWN");
    }

    #[test]
    fn conditions_speak_before_it_is_too_late() {
        const DAY: i64 = 24 * 3600;
        let reasons = |key: &ProvisioningKey, uses, now| -> Vec<&str> {
            key.conditions(uses, at(now)).iter().map(|c| c.reason).collect()
        };
        let mut key = key();
        assert!(reasons(&key, uses(0), DAY).is_empty());
        assert_eq!(reasons(&key, uses(0), 90 * DAY), ["UNUSED"]);
        key.spec.max_uses = NonZeroU64::new(10);
        assert!(reasons(&key, uses(8), DAY).is_empty());
        assert_eq!(reasons(&key, uses(9), DAY), ["NEARLY_SPENT"]);
        key.spec.expire_time = Some(at(10 * DAY));
        assert!(reasons(&key, uses(0), 2 * DAY).is_empty());
        assert_eq!(reasons(&key, uses(0), 3 * DAY), ["EXPIRING"]);
        assert!(reasons(&key, uses(0), 10 * DAY).is_empty(), "an expired key is told by its state");
    }
}
