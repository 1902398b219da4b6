//! A provisioning key: what was written, what it allows, what an operator should know.
//!
//! Always holds: a key is bound to one group for life; a deleted key enrols nobody; the order in which
//! reasons are found is fixed (deleted, source, disabled, expired, exhausted), so that the same call gets the same answer.

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU64};

use jiff::{SignedDuration, Timestamp};
use names::{AppConnectorGroupName, Cidr, ProvisioningKeyName, Reason, Violations};
use uuid::Uuid;

use super::{
    refusal::Refusal,
    text::{DisplayName, Labels, TextError},
    uses::{MaxUses, Uses},
};

/// Most uses that a limit may name: ten times a tenant's quota of connectors.
pub(crate) const MAX_USES_LIMIT: u64 = 1_000_000;
/// Most networks of one key.
pub(crate) const MAX_ALLOWED_CIDRS: usize = 100;
/// How long a deleted key is kept before it is purged.
pub(crate) const KEPT_AFTER_DELETE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Least time between two writes of one key: history tells its rows apart by microseconds.
const BETWEEN_WRITES: SignedDuration = SignedDuration::from_micros(1);
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

names::draft! {
    /// What a caller sends of a key, unchecked: all that can be changed.
    #[allow(unreachable_pub, reason = "the macro declares what it makes public")]
    pub struct KeyDraft {
        /// Name for people.
        "display_name" => display_name: String;
        /// `None`: it enrols.
        "enabled" => enabled: Option<bool>;
        /// 0: no limit.
        "max_uses" => max_uses: i64;
        /// `None`: never.
        "expire_time" => expire_time: Option<Timestamp>;
        /// Networks; empty: from anywhere.
        "allowed_cidrs" => allowed_cidrs: Vec<String>;
        /// Labels.
        "labels" => labels: BTreeMap<String, String>;
        /// What its connectors are labelled with.
        "app_connector_labels" => connector_labels: BTreeMap<String, String>;
    }
}

impl KeySpec {
    /// Checks a draft of a key of this group, noting every problem.
    pub(crate) fn check(
        draft: &KeyDraft,
        group: Option<AppConnectorGroupName>,
        problems: &mut Violations,
    ) -> Option<Self> {
        let display_name = text("display_name", DisplayName::parse(&draft.display_name), problems);
        let max_uses = max_uses(draft.max_uses, problems);
        let allowed_cidrs = cidrs(&draft.allowed_cidrs, problems);
        let labels = text("labels", Labels::parse(draft.labels.clone()), problems);
        let connector_labels = Labels::parse(draft.connector_labels.clone());
        let connector_labels = text("app_connector_labels", connector_labels, problems);
        Some(Self {
            display_name: display_name?,
            group: group?,
            enabled: draft.enabled.unwrap_or(true),
            max_uses: max_uses?,
            expire_time: draft.expire_time,
            allowed_cidrs: allowed_cidrs?,
            labels: labels?,
            connector_labels: connector_labels?,
        })
    }

    /// What a caller would have sent to get this.
    pub(crate) fn draft(&self) -> KeyDraft {
        let max_uses = self.max_uses.map_or(0, NonZeroU64::get);
        KeyDraft {
            display_name: self.display_name.as_str().to_owned(),
            enabled: Some(self.enabled),
            max_uses: i64::try_from(max_uses).unwrap_or(i64::MAX),
            expire_time: self.expire_time,
            allowed_cidrs: self.allowed_cidrs.iter().map(ToString::to_string).collect(),
            labels: self.labels.as_map().clone(),
            connector_labels: self.connector_labels.as_map().clone(),
        }
    }
}

fn text<T>(field: &str, parsed: Result<T, TextError>, problems: &mut Violations) -> Option<T> {
    parsed.map_err(|error| problems.add(field, error.reason, error.rule)).ok()
}

fn max_uses(max_uses: i64, problems: &mut Violations) -> Option<MaxUses> {
    match u64::try_from(max_uses) {
        Ok(max) if max <= MAX_USES_LIMIT => Some(NonZeroU64::new(max)),
        _ => {
            let rule = format!("must be 0 (no limit) to {MAX_USES_LIMIT}");
            problems.add("max_uses", Reason::OutOfRange, rule);
            None
        }
    }
}

fn cidrs(texts: &[String], problems: &mut Violations) -> Option<Vec<Cidr>> {
    if texts.len() > MAX_ALLOWED_CIDRS {
        let rule = format!("at most {MAX_ALLOWED_CIDRS} networks");
        problems.add("allowed_cidrs", Reason::TooMany, rule);
        return None;
    }
    let parsed = texts.iter().enumerate();
    let parsed =
        parsed.map(|(at, text)| problems.take(format!("allowed_cidrs[{at}]"), text.parse()));
    // Collected first, so that every one that is wrong is noted.
    let parsed: Vec<Option<Cidr>> = parsed.collect();
    parsed.into_iter().collect()
}

/// A key without its secret, of which only the store keeps a hash, and without its use count, which is a record of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProvisioningKey {
    pub(crate) name: ProvisioningKeyName,
    pub(crate) uid: Uuid,
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

    /// When a write at `now` counts as made: later than the one before, whatever the clock did, so that history has an order.
    pub(crate) fn next_write(&self, now: Timestamp) -> Timestamp {
        let later = self.update_time.checked_add(BETWEEN_WRITES).unwrap_or(self.update_time);
        now.max(later)
    }

    /// The key after its deletion at `now`.
    pub(crate) fn delete(self, now: Timestamp, with: Option<AppConnectorGroupName>) -> Self {
        let now = self.next_write(now);
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
            spec,
            create_time: at(0),
            update_time: at(0),
            deleted: None,
        }
    }

    #[test]
    fn a_spec_is_the_spec_of_its_draft_and_every_path_moves_one_field() {
        use names::Draft as _;
        let mut spec = key().spec;
        spec.expire_time = Some(at(9));
        spec.enabled = false;
        spec.allowed_cidrs = vec!["10.0.0.0/8".parse().unwrap()];
        spec.labels = Labels::parse([("a".to_owned(), "b".to_owned())]).unwrap();
        spec.connector_labels = Labels::parse([("c".to_owned(), "d".to_owned())]).unwrap();
        let (full, mut problems) = (spec.draft(), Violations::new());
        let again = KeySpec::check(&full, Some(spec.group.clone()), &mut problems);
        assert_eq!((again, problems.is_empty()), (Some(spec), true));
        assert_eq!(full.non_default_paths(), KeyDraft::PATHS);
        for path in KeyDraft::PATHS {
            let one = KeyDraft::default().patched(&[path], &full);
            assert_eq!(one.non_default_paths(), [*path]);
        }
    }

    #[test]
    fn a_write_counts_as_later_than_the_one_before_whatever_the_clock_says() {
        let key = key();
        assert_eq!(key.next_write(at(7)), at(7));
        assert_eq!(key.next_write(at(-7)), at(0) + SignedDuration::from_micros(1));
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
