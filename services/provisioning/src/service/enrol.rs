//! Enrolment: from a secret and a signing request to a connector with a certificate.
//!
//! Owns: the order of the checks. Step (a), the reservation, is `reserving`'s, steps (b) to (d) are `finish`'s.
//! Always holds: nothing but `KEY_UNKNOWN` (or that there were too many attempts) is told to who does not hold the
//! secret; a repeat by the same public key is found before the key's own limits are looked at, and
//! spends nothing; a use is counted in the same commit that reserves the enrolment.
//!
//! ## Design notes
//! Connector ids come from a counter per tenant and prefix, which never goes back: an id stands in certificates, so it is
//! never given out twice, and gaps are the price.
//! The public key's row is what makes a repeat find its enrolment. It is written with the reservation and
//! removed only when that one is abandoned; a deleted connector's key pair therefore stays taken for ever.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use runtime::identity::Csr;

use super::{
    authorities::Certificates,
    finish::{Finished, Finisher},
    folding::Queue,
    limits::FailureLimits,
    reserving::{Applicant, Reserving, Start},
};
use crate::{
    domain::{
        certificate::check_clock,
        enrolment::{Enrolment, Host, Repeat},
        refusal::Refusal,
        secret::PresentedSecret,
    },
    error::Error,
    metrics::Metrics,
    store::{KeyRow, Rows},
};

/// What a newcomer brings.
pub(crate) struct Joining {
    /// As it was sent.
    pub(crate) secret: String,
    /// DER.
    pub(crate) csr: Vec<u8>,
    pub(crate) host: Host,
    /// The TCP peer.
    pub(crate) source: IpAddr,
    pub(crate) client_time: Option<Timestamp>,
}

/// What it gets.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) enrolment: Enrolment,
    pub(crate) certificates: Certificates,
    /// Whether it had joined before.
    pub(crate) replay: bool,
}

/// Lets connectors in.
#[derive(Clone, Debug)]
pub(crate) struct Enrolling {
    pub(crate) rows: Rows,
    pub(crate) finisher: Finisher,
    pub(crate) limits: Arc<FailureLimits>,
    pub(crate) joins: Queue<Reserving>,
    pub(crate) metrics: Metrics,
}

impl Enrolling {
    /// The whole way in.
    pub(crate) async fn enrol(&self, joining: Joining, now: Timestamp) -> Result<Joined, Error> {
        let outcome = self.try_enrol(joining, now).await;
        match &outcome {
            Ok(joined) if joined.replay => self.metrics.enrolment("REPLAY"),
            Ok(_) => self.metrics.enrolment("ENROLLED"),
            Err(Error::Refused(refusal)) => self.metrics.enrolment(refusal.reason().word()),
            Err(_) => self.metrics.enrolment("ERROR"),
        }
        outcome
    }

    async fn try_enrol(&self, joining: Joining, now: Timestamp) -> Result<Joined, Error> {
        let key = self.authenticate(&joining, now).await?;
        key.key.value.admits_source(joining.source)?;
        check_clock(joining.client_time, now)?;
        let csr = Csr::parse_and_verify(&joining.csr)
            .map_err(|error| Refusal::CsrInvalid { problem: error.to_string() })?;
        let public_key = csr.public_key();
        let applicant = Applicant {
            source: joining.source,
            host: joining.host,
            public_key: public_key.sha256(),
            now,
        };
        let start = self.joins.ask(key.key.value.uid, applicant).await?;
        let replay = matches!(start, Start::Known(..));
        let finished = match start {
            Start::Reserved(enrolment) | Start::Known(enrolment, Repeat::Finish) => {
                self.finisher.finish(enrolment, Some(public_key), now).await?
            }
            Start::Known(enrolment, Repeat::FreshLeaf) => {
                self.finisher.registry.check_standing(&enrolment.value).await?;
                self.finisher.activate(enrolment, Some(public_key), now).await?
            }
        };
        let Finished { enrolment, certificates: Some(certificates) } = finished else {
            return Err(Error::Broken("a leaf was asked for and not signed".to_owned()));
        };
        tracing::info!(
            enrolment = %enrolment.name,
            app_connector = %enrolment.connector,
            provisioning_key = %enrolment.key,
            source = %joining.source,
            replay,
            "enrolled"
        );
        Ok(Joined { enrolment, certificates, replay })
    }

    /// The key of a right secret. Whatever is wrong with the secret, the answer is the same, and draws on the
    /// source's budget.
    async fn authenticate(&self, joining: &Joining, now: Timestamp) -> Result<KeyRow, Error> {
        let wrong = |refusal| self.limits.failed_look_up(joining.source, now, refusal);
        let Ok(presented) = PresentedSecret::parse(&joining.secret) else {
            return Err(wrong(Refusal::KeyMalformed).into());
        };
        let found = self.rows.key_by_uid(presented.key_uid).await?;
        match found {
            Some(row) if row.secret.fits(&presented) => {
                if row.key.value.deleted.is_some() {
                    return Err(wrong(Refusal::KeyUnknown).into());
                }
                Ok(row)
            }
            _ => Err(wrong(Refusal::KeyUnknown).into()),
        }
    }
}
