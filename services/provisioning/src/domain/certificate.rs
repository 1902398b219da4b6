//! Authorities as others see them, leaves as the ledger keeps them, and identities to refuse.
//!
//! Absent on purpose: private keys and signing, which are `runtime::identity`'s.

use jiff::{SignedDuration, Timestamp};
use names::{AppConnectorName, TenantName};

use super::refusal::Refusal;

/// Largest difference between a host's clock and ours.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A tenant's authority: its trust bundle and when it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) tenant: TenantName,
    /// Never empty; the first signs.
    pub(crate) certificates: Vec<CaCertificate>,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
}

/// One root of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaCertificate {
    pub(crate) der: Vec<u8>,
    pub(crate) public_key_sha256: [u8; 32],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

/// The newest leaf of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeafRecord {
    /// Big endian.
    pub(crate) serial: Vec<u8>,
    pub(crate) not_after: Timestamp,
}

/// An identity that no service may accept any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) connector: AppConnectorName,
    pub(crate) reason: RevocationReason,
    pub(crate) revoke_time: Timestamp,
    /// When its newest leaf has ended, and the revocation can go.
    pub(crate) expire_time: Timestamp,
    pub(crate) leaf: Option<LeafRecord>,
}

/// Why an identity is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevocationReason {
    /// Its connector was deleted at registry.
    AppConnectorDeleted,
    /// An operator revoked what its key enrolled.
    EnrolmentRevoked,
}

impl RevocationReason {
    /// The stable reason word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AppConnectorDeleted => "APP_CONNECTOR_DELETED",
            Self::EnrolmentRevoked => "ENROLMENT_REVOKED",
        }
    }
}

/// When to renew a leaf: at two thirds of its life, which leaves 56 of 168 hours for repairs.
pub(crate) fn renew_time(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    let life = not_after.duration_since(not_before);
    not_before.checked_add(life / 3 * 2).unwrap_or(not_after)
}

/// Refuses a host whose clock is so far off that its certificate would seem invalid to it.
pub(crate) fn check_clock(client: Option<Timestamp>, server: Timestamp) -> Result<(), Refusal> {
    match client {
        Some(client) if client.duration_since(server).abs() > MAX_CLOCK_SKEW => {
            Err(Refusal::ClockSkew { client, server })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_of_seven_days_is_renewed_56_hours_before_its_end() {
        let start = Timestamp::UNIX_EPOCH;
        let end = start + SignedDuration::from_hours(7 * 24);
        assert_eq!(end.duration_since(renew_time(start, end)), SignedDuration::from_hours(56));
    }

    #[test]
    fn a_clock_is_refused_when_it_is_more_than_five_minutes_off() {
        let server = Timestamp::from_second(10_000).unwrap();
        for (offset, refused) in
            [(0, false), (300, false), (-300, false), (301, true), (-301, true)]
        {
            let client = Timestamp::from_second(10_000 + offset).unwrap();
            assert_eq!(check_clock(Some(client), server).is_err(), refused, "{offset} s");
        }
        assert!(check_clock(None, server).is_ok());
    }
}
