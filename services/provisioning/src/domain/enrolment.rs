//! One connector's joining, as a state machine.
//!
//! Owns: the states, the moves between them, and the two judgements: what a registry's answer means, and
//! what a repeat may get. Always holds: RESERVED is the only state that can still go both ways; a use is given back only
//! by the move to ABANDONED; ACTIVE and REVOKED keep it for ever.
//! Absent on purpose: PENDING and REJECTED, which come with manual approval.
//!
//! ```text
//!            (b) registered, (c) signed           identity revoked
//! RESERVED ──────────────────────────▶ ACTIVE ──────────────────▶ REVOKED
//!     └──── refused and given up at registry ───▶ ABANDONED (use − 1)
//! ```

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use names::{AppConnectorGroupName, AppConnectorName, EnrolmentName, ProvisioningKeyName};
use uuid::Uuid;

use super::{
    certificate::{LeafRecord, RevocationReason},
    key::ProvisioningKey,
    refusal::Refusal,
    text::Labels,
    uses::Uses,
};

/// How long after its first answer a repeat is answered on an expired or exhausted key.
const REPEAT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// SHA-256 of a public key's DER form.
pub(crate) type PublicKeyHash = [u8; 32];

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Enrolment {
    pub(crate) name: EnrolmentName,
    pub(crate) key: ProvisioningKeyName,
    pub(crate) key_uid: Uuid,
    pub(crate) group: AppConnectorGroupName,
    pub(crate) connector: AppConnectorName,
    /// What the connector begins with, as the key said when the use was reserved.
    pub(crate) connector_labels: Labels,
    pub(crate) public_key: PublicKeyHash,
    pub(crate) source: IpAddr,
    pub(crate) host: Host,
    pub(crate) state: EnrolmentState,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
    pub(crate) leaf: Option<LeafRecord>,
}

/// What a host says of itself; empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) fingerprint: String,
    pub(crate) hostname: String,
    pub(crate) platform: String,
    pub(crate) version: String,
    pub(crate) instance_id: Option<Uuid>,
}

/// How far an enrolment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnrolmentState {
    Reserved,
    Active { since: Timestamp },
    Abandoned { reason: String },
    Revoked { since: Timestamp, reason: RevocationReason },
}

/// What the registry answered to RegisterAppConnector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// The connector exists.
    Registered,
    /// A definite no: the connector does not exist, and this answer will not make it exist.
    Refused(Refusal),
    /// No answer, or none that says which: the connector may exist.
    Unknown,
}

/// What to do after a registry's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// (c) sign and (d) make it ACTIVE.
    Activate,
    /// Leave a tombstone at registry, then give the use back. Tell the caller this.
    GiveUp(Refusal),
    /// Keep the use; the worker, or the caller's repeat, tries again.
    Wait,
}

/// What a repeat gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The steps (b) to (d) that the first call did not reach.
    Finish,
    /// A fresh leaf for the same connector.
    FreshLeaf,
}

/// The move is not in the picture above.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{enrolment} is not in a state from which it can become {target}")]
pub(crate) struct NoSuchMove {
    enrolment: EnrolmentName,
    target: &'static str,
}

/// What the registry's answer means for a RESERVED enrolment.
pub(crate) fn after_registration(answer: Registration) -> Step {
    match answer {
        Registration::Registered => Step::Activate,
        Registration::Refused(refusal) => Step::GiveUp(refusal),
        Registration::Unknown => Step::Wait,
    }
}

impl Enrolment {
    /// (d): RESERVED to ACTIVE, or ACTIVE again with a newer leaf.
    pub(crate) fn activate(
        self,
        leaf: Option<LeafRecord>,
        now: Timestamp,
    ) -> Result<Self, NoSuchMove> {
        let since = match &self.state {
            EnrolmentState::Reserved => now,
            EnrolmentState::Active { since } => *since,
            _ => return Err(self.no_such_move("ACTIVE")),
        };
        let leaf = leaf.or_else(|| self.leaf.clone());
        Ok(Self { state: EnrolmentState::Active { since }, update_time: now, leaf, ..self })
    }

    /// RESERVED to ABANDONED; the caller gives the use back in the same commit.
    pub(crate) fn abandon(self, reason: &str, now: Timestamp) -> Result<Self, NoSuchMove> {
        if self.state != EnrolmentState::Reserved {
            return Err(self.no_such_move("ABANDONED"));
        }
        let state = EnrolmentState::Abandoned { reason: reason.to_owned() };
        Ok(Self { state, update_time: now, ..self })
    }

    /// ACTIVE (or RESERVED and registered) to REVOKED; the use stays counted.
    pub(crate) fn revoke(
        self,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<Self, NoSuchMove> {
        match self.state {
            EnrolmentState::Active { .. } | EnrolmentState::Reserved => {
                let state = EnrolmentState::Revoked { since: now, reason };
                Ok(Self { state, update_time: now, ..self })
            }
            EnrolmentState::Revoked { .. } => Ok(self),
            EnrolmentState::Abandoned { .. } => Err(self.no_such_move("REVOKED")),
        }
    }

    fn no_such_move(&self, target: &'static str) -> NoSuchMove {
        NoSuchMove { enrolment: self.name.clone(), target }
    }

    /// What a repeat of the same public key with the same key gets. It is judged before the key's own
    /// state; `key` has passed `admits_source`, so it lives and is enabled.
    pub(crate) fn judge_repeat(
        &self,
        key: &ProvisioningKey,
        uses: Uses,
        fingerprint: &str,
        now: Timestamp,
    ) -> Result<Repeat, Refusal> {
        let known = &self.host.fingerprint;
        if !known.is_empty() && !fingerprint.is_empty() && known != fingerprint {
            return Err(Refusal::FingerprintMismatch);
        }
        match &self.state {
            EnrolmentState::Reserved => Ok(Repeat::Finish),
            EnrolmentState::Active { since } => {
                if now.duration_since(*since) > REPEAT_WINDOW {
                    key.admits_newcomer(uses, now)?;
                }
                Ok(Repeat::FreshLeaf)
            }
            EnrolmentState::Abandoned { reason } => {
                Err(Refusal::Abandoned { reason: reason.clone() })
            }
            EnrolmentState::Revoked { .. } => Err(Refusal::IdentityRevoked),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use names::Reason;
    use proptest::prelude::*;

    use super::{
        super::key::tests::{at, key},
        *,
    };

    pub(crate) fn enrolment() -> Enrolment {
        let key = key();
        Enrolment {
            name: "tenants/acme/enrolments/e1".parse().unwrap(),
            key: key.name,
            key_uid: key.uid,
            group: key.spec.group,
            connector: "tenants/acme/appConnectors/berlin-1".parse().unwrap(),
            connector_labels: Labels::default(),
            public_key: [7; 32],
            source: "192.0.2.1".parse().unwrap(),
            host: Host { fingerprint: "f1".into(), ..Host::default() },
            state: EnrolmentState::Reserved,
            create_time: at(0),
            update_time: at(0),
            leaf: None,
        }
    }

    const DELETED: RevocationReason = RevocationReason::AppConnectorDeleted;

    #[test]
    fn the_registrys_answer_decides_the_step() {
        let no = Refusal::TenantSuspended;
        for (answer, step) in [
            (Registration::Registered, Step::Activate),
            (Registration::Refused(no.clone()), Step::GiveUp(no)),
            (Registration::Unknown, Step::Wait),
        ] {
            assert_eq!(after_registration(answer), step);
        }
    }

    #[test]
    fn only_the_moves_of_the_picture_exist() {
        let reserved = enrolment();
        let active = reserved.clone().activate(None, at(1)).unwrap();
        let abandoned = reserved.clone().abandon("GROUP_DISABLED", at(1)).unwrap();
        let revoked = active.clone().revoke(DELETED, at(2)).unwrap();
        assert_eq!(active.clone().activate(None, at(9)).unwrap().state, active.state);
        assert_eq!(revoked.clone().revoke(DELETED, at(9)).unwrap(), revoked);
        assert!(active.abandon("X", at(2)).is_err());
        assert!(abandoned.clone().activate(None, at(2)).is_err());
        assert!(abandoned.clone().revoke(DELETED, at(2)).is_err());
        assert!(abandoned.abandon("X", at(2)).is_err());
        assert!(revoked.clone().activate(None, at(3)).is_err());
        assert!(revoked.abandon("X", at(3)).is_err());
    }

    #[test]
    fn a_repeat_is_judged_before_the_keys_own_state() {
        let (mut key, spent) = (key(), Uses { count: 3, last: None });
        let judge = |enrolment: &Enrolment, key: &ProvisioningKey, fingerprint, second| {
            enrolment
                .judge_repeat(key, spent, fingerprint, at(second))
                .map_err(|refusal| refusal.reason())
        };
        const DAY: i64 = 24 * 3600;
        let reserved = enrolment();
        assert_eq!(judge(&reserved, &key, "f1", 90 * DAY), Ok(Repeat::Finish));
        let active = reserved.clone().activate(None, at(0)).unwrap();
        assert_eq!(judge(&active, &key, "f1", DAY), Ok(Repeat::FreshLeaf));
        assert_eq!(judge(&active, &key, "", DAY), Ok(Repeat::FreshLeaf));
        assert_eq!(judge(&active, &key, "f2", DAY), Err(Reason::FingerprintMismatch));
        assert_eq!(judge(&active, &key, "f1", DAY + 1), Err(Reason::KeyExhausted));
        key.spec.expire_time = Some(at(1));
        assert_eq!(judge(&active, &key, "f1", DAY), Ok(Repeat::FreshLeaf));
        assert_eq!(judge(&active, &key, "f1", DAY + 1), Err(Reason::KeyExpired));
        key.spec.expire_time = None;
        key.spec.max_uses = None;
        assert_eq!(judge(&active, &key, "f1", 90 * DAY), Ok(Repeat::FreshLeaf));
        let abandoned = reserved.abandon("GROUP_DISABLED", at(0)).unwrap();
        assert_eq!(judge(&abandoned, &key, "f1", 0), Err(Reason::EnrolmentAbandoned));
        let revoked = active.revoke(DELETED, at(0)).unwrap();
        assert_eq!(judge(&revoked, &key, "f1", 0), Err(Reason::IdentityRevoked));
    }

    proptest! {
        /// The invariant of the count, over any order of events on several enrolments of one key.
        #[test]
        fn when_nothing_is_reserved_the_count_is_the_enrolments_ever_active(
            events in proptest::collection::vec((0_usize..6, 0_u8..4), 0..120)
        ) {
            let max = std::num::NonZeroU64::new(4);
            let mut uses = Uses::default();
            let mut ledger: Vec<Option<Enrolment>> = vec![None; 6];
            for (which, event) in events {
                let slot = &mut ledger[which];
                match (event, slot.clone()) {
                    (0, None) => if let Ok(next) = uses.reserve(max, at(1)) {
                        uses = next;
                        *slot = Some(enrolment());
                    },
                    (1, Some(e)) => if let Ok(next) = e.activate(None, at(2)) { *slot = Some(next); },
                    (2, Some(e)) if e.clone().abandon("X", at(2)).is_ok() => {
                        uses = uses.give_back();
                        *slot = None;
                    }
                    (3, Some(e)) => if let Ok(next) = e.revoke(DELETED, at(3)) { *slot = Some(next); },
                    _ => {}
                }
                let held = ledger.iter().flatten().count() as u64;
                prop_assert_eq!(uses.count, held);
                prop_assert!(held <= 4);
            }
        }
    }
}
