//! From RESERVED to an end: steps (b), (c) and (d) of enrolment, for the call and for the worker.
//!
//! Always holds: after a use was reserved the way is forward only; back leads only a definite refusal, and only after
//! registry has written a tombstone against a late registration. Each step may be repeated; whoever comes second
//! finds it done.
//!
//! ## Design notes
//! Every refusal, the first one too, goes through AbandonRegistration before the use is given back. A refusal
//! alone would do if no earlier attempt could still be under way, but after a crash or a lost answer nobody knows that; one
//! path for both is simpler than remembering which attempts were made, and refusals are rare.

use jiff::Timestamp;
use resource::Tries;
use runtime::identity::PublicKey;

use super::{
    authorities::{Authorities, Certificates},
    folding::Queue,
    returning::{GivenUp, Returning},
    revoking::revocation_of,
};
use crate::{
    clients::{Abandonment, Registry},
    domain::{
        certificate::RevocationReason,
        enrolment::{Enrolment, EnrolmentState, Step, after_registration},
        refusal::Refusal,
    },
    error::Error,
    store::{Found, Rows},
};

/// How often a change that lost a race is decided anew before the caller is told to come back: more than a write of an administrator,
/// since repeats of one connector meet at its one enrolment, all at once.
const MAX_TRIES: u32 = 16;

/// An end that is no refusal.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) enrolment: Enrolment,
    /// For who asked with a public key.
    pub(crate) certificates: Option<Certificates>,
}

/// Brings enrolments to their end.
#[derive(Clone, Debug)]
pub(crate) struct Finisher {
    pub(crate) rows: Rows,
    pub(crate) registry: Registry,
    pub(crate) authorities: Authorities,
    pub(crate) returns: Queue<Returning>,
}

impl Finisher {
    /// (b) to (d) for a RESERVED enrolment. The worker has no public key to sign for; the connector gets its leaf
    /// when it repeats.
    pub(crate) async fn finish(
        &self,
        enrolment: Found<Enrolment>,
        key: Option<&PublicKey>,
        now: Timestamp,
    ) -> Result<Finished, Error> {
        let answer = self.registry.register(&enrolment.value).await;
        match after_registration(answer) {
            Step::Activate => self.activate(enrolment, key, now).await,
            Step::GiveUp(refusal) => Err(self.give_up(enrolment, refusal, now).await?.into()),
            Step::Wait => Err(Refusal::RegistryUnavailable.into()),
        }
    }

    /// (c) and (d), and a fresh leaf for one that is ACTIVE already.
    pub(crate) async fn activate(
        &self,
        mut enrolment: Found<Enrolment>,
        key: Option<&PublicKey>,
        now: Timestamp,
    ) -> Result<Finished, Error> {
        let certificates = match key {
            Some(key) => Some(self.authorities.sign(&enrolment.value.connector, key, now).await?),
            None => None,
        };
        let leaf = certificates.as_ref().map(|certificates| certificates.record.clone());
        let mut tries = Tries::up_to(MAX_TRIES);
        loop {
            let active = match enrolment.value.clone().activate(leaf.clone(), now) {
                Ok(active) => active,
                Err(_) => return Err(refused_meanwhile(&enrolment.value).into()),
            };
            if self.rows.advance(&enrolment, &active, now).await?.is_ok() {
                return Ok(Finished { enrolment: active, certificates });
            }
            if tries.lost().await.is_err() {
                return Err(Refusal::Pending.into());
            }
            enrolment = self.read_again(&enrolment.value).await?;
        }
    }

    /// Gives a refused enrolment up at registry, then its use back. Answers what the caller is told.
    async fn give_up(
        &self,
        enrolment: Found<Enrolment>,
        refusal: Refusal,
        now: Timestamp,
    ) -> Result<Refusal, Error> {
        match self.registry.abandon(&enrolment.value).await {
            Abandonment::Done => {
                if let Ok(abandoned) = enrolment.value.clone().abandon(refusal.reason().word(), now)
                {
                    let key = abandoned.key_uid;
                    self.returns.ask(key, GivenUp { enrolment, abandoned, now }).await?;
                }
                Ok(refusal)
            }
            // An earlier attempt did register it. It is finished, or, if it was deleted since, revoked.
            Abandonment::Registered if refusal == Refusal::IdentityRevoked => {
                self.revoke_deleted(&enrolment, now).await?;
                Ok(refusal)
            }
            Abandonment::Registered => Ok(Refusal::Pending),
            // The use stays reserved; the worker comes back to it.
            Abandonment::Unknown => Ok(refusal),
        }
    }

    async fn revoke_deleted(
        &self,
        enrolment: &Found<Enrolment>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let reason = RevocationReason::AppConnectorDeleted;
        if let Ok(revoked) = enrolment.value.clone().revoke(reason, now) {
            let revocation = revocation_of(&revoked, reason, now);
            // Lost to the watch of registry, which does the same.
            let _ = self.rows.revoke(enrolment, &revoked, &revocation).await?;
        }
        Ok(())
    }

    async fn read_again(&self, enrolment: &Enrolment) -> Result<Found<Enrolment>, Error> {
        let found = self.rows.enrolment(&enrolment.name, ::store::At::Published).await?;
        found.ok_or_else(|| Error::Broken(format!("{} is gone", enrolment.name)))
    }
}

/// Why an enrolment that should become ACTIVE cannot any more.
fn refused_meanwhile(enrolment: &Enrolment) -> Refusal {
    match &enrolment.state {
        EnrolmentState::Abandoned { reason } => Refusal::Abandoned { reason: reason.clone() },
        EnrolmentState::Revoked { .. } => Refusal::IdentityRevoked,
        EnrolmentState::Reserved | EnrolmentState::Active { .. } => Refusal::Pending,
    }
}
