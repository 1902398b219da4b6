//! Identities to refuse, from the deletion of their connectors.

use jiff::{SignedDuration, Timestamp};
use names::AppConnectorName;

use crate::{
    domain::{
        certificate::{Revocation, RevocationReason},
        enrolment::{Enrolment, EnrolmentState},
    },
    error::Error,
    store::Rows,
};

/// How long a revocation outlives the leaf that it is about: what a clock may be off, and a listener late.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);
/// How often a revocation that lost a race is decided anew.
const MAX_RACES: usize = 16;

/// The revocation of an enrolment's identity.
pub(crate) fn revocation_of(
    enrolment: &Enrolment,
    reason: RevocationReason,
    now: Timestamp,
) -> Revocation {
    let end = enrolment.leaf.as_ref().map_or(now, |leaf| leaf.not_after.max(now));
    Revocation {
        connector: enrolment.connector.clone(),
        reason,
        revoke_time: now,
        expire_time: end.checked_add(MARGIN).unwrap_or(Timestamp::MAX),
        leaf: enrolment.leaf.clone(),
    }
}

/// Revokes what registry has deleted.
#[derive(Clone, Debug)]
pub(crate) struct Revoking {
    pub(crate) rows: Rows,
}

impl Revoking {
    /// The connector was deleted: its identity is refused from now on. Doing it twice equals doing it once.
    pub(crate) async fn connector_deleted(
        &self,
        connector: &AppConnectorName,
        now: Timestamp,
    ) -> Result<(), Error> {
        let reason = RevocationReason::AppConnectorDeleted;
        for _ in 0..MAX_RACES {
            let Some(enrolment) = self.rows.enrolment_by_connector(connector).await? else {
                return Ok(());
            };
            if matches!(enrolment.value.state, EnrolmentState::Revoked { .. }) {
                return Ok(());
            }
            let Ok(revoked) = enrolment.value.clone().revoke(reason, now) else { return Ok(()) };
            let revocation = revocation_of(&revoked, reason, now);
            if self.rows.revoke(&enrolment, &revoked, &revocation).await?.is_ok() {
                return Ok(());
            }
        }
        Err(Error::Broken(format!("{connector} could not be revoked against others' changes")))
    }
}
