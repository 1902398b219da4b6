//! Enrolment: from a secret and a signing request to a connector with a certificate.
//!
//! Owns: the order of the checks, and step (a), the reservation. Steps (b) to (d) are `finish`'s.
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
use names::{AppConnectorName, EnrolmentName, Id};
use runtime::identity::{Csr, PublicKey};

use super::{
    authorities::Certificates,
    finish::{Finished, Finisher},
    limits::FailureLimits,
    turns::Turns,
};
use crate::{
    domain::{
        certificate::check_clock,
        connector_id::ConnectorPrefix,
        enrolment::{Enrolment, EnrolmentState, Host, Repeat},
        key::ProvisioningKey,
        refusal::Refusal,
        secret::PresentedSecret,
    },
    error::Error,
    metrics::Metrics,
    store::{KeyRow, Records, Reservation, Versioned},
};

/// How often a reservation that lost a race is decided anew. Within this process joins take turns; only other changes
/// of the key, and joins at other keys of the same prefix, get in between.
const MAX_RACES: usize = 64;

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
    pub(crate) records: Records,
    pub(crate) finisher: Finisher,
    pub(crate) limits: Arc<FailureLimits>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) metrics: Metrics,
}

/// Step (a), or what an earlier call left.
enum Start {
    Reserved(Versioned<Enrolment>),
    Known(Versioned<Enrolment>, Repeat),
}

impl Enrolling {
    /// The whole way in.
    pub(crate) async fn enrol(&self, joining: Joining, now: Timestamp) -> Result<Joined, Error> {
        let outcome = self.try_enrol(joining, now).await;
        match &outcome {
            Ok(joined) if joined.replay => self.metrics.enrolment("REPLAY"),
            Ok(_) => self.metrics.enrolment("ENROLLED"),
            Err(Error::Refused(refusal)) => self.metrics.enrolment(refusal.reason()),
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
        let start = self.start(&key.key.value, &joining, public_key, now).await?;
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
        let found = self.records.key_by_uid(presented.key_uid).await?;
        match found {
            Some(row) if row.key.value.secret.fits(&presented) => {
                if row.key.value.deleted.is_some() {
                    return Err(wrong(Refusal::KeyUnknown).into());
                }
                Ok(row)
            }
            _ => Err(wrong(Refusal::KeyUnknown).into()),
        }
    }

    /// A repeat's enrolment, or step (a).
    async fn start(
        &self,
        key: &ProvisioningKey,
        joining: &Joining,
        public_key: &PublicKey,
        now: Timestamp,
    ) -> Result<Start, Error> {
        let _turn = self.turns.take(key.uid).await;
        for _ in 0..MAX_RACES {
            let row = self.records.key_by_uid(key.uid).await?.ok_or(Refusal::KeyUnknown)?;
            row.key.value.admits_source(joining.source)?;
            let known = self.records.enrolment_by_public_key(&public_key.sha256()).await?;
            if let Some(known) = known {
                return self.judge_known(known, &row, &joining.host, now);
            }
            if let Some(reserved) = self.reserve(&row, joining, public_key, now).await? {
                return Ok(Start::Reserved(reserved));
            }
        }
        Err(Refusal::Pending.into())
    }

    fn judge_known(
        &self,
        known: Versioned<Enrolment>,
        row: &KeyRow,
        host: &Host,
        now: Timestamp,
    ) -> Result<Start, Error> {
        let key = &row.key.value;
        if known.value.key_uid != key.uid {
            let revoked = matches!(known.value.state, EnrolmentState::Revoked { .. });
            let refusal = if revoked { Refusal::IdentityRevoked } else { Refusal::PublicKeyInUse };
            return Err(refusal.into());
        }
        let repeat = known.value.judge_repeat(key, row.uses.value, &host.fingerprint, now);
        let repeat = repeat.map_err(|refusal| self.counted(key, refusal, now))?;
        Ok(Start::Known(known, repeat))
    }

    /// (a) One commit: the enrolment RESERVED and the use counted. `None` when a race was lost.
    async fn reserve(
        &self,
        row: &KeyRow,
        joining: &Joining,
        public_key: &PublicKey,
        now: Timestamp,
    ) -> Result<Option<Versioned<Enrolment>>, Error> {
        let key = &row.key.value;
        let admitted = key.admits_newcomer(row.uses.value, now);
        admitted.map_err(|refusal| self.counted(key, refusal, now))?;
        let Ok(uses) = row.uses.value.reserve(key.spec.max_uses, now) else {
            return Err(Error::Broken("an admitted newcomer found no use".to_owned()));
        };
        let prefix = ConnectorPrefix::of(&key.spec.display_name);
        let sequence = self.records.sequence(&key.name.tenant, &prefix).await?;
        let connector = prefix.id(sequence.next()).ok_or_else(|| Refusal::QuotaExceeded {
            problem: "all numbers below the display name are used; change display_name".to_owned(),
        })?;
        let enrolment = new_enrolment(key, connector, joining, public_key, now)?;
        let reservation = Reservation { key: row, uses, sequence, enrolment: &enrolment };
        let reserved = self.records.reserve(reservation, now).await?;
        Ok(reserved.ok().map(|revision| Versioned { value: enrolment, revision }))
    }

    /// An exhausted key draws on its own budget.
    fn counted(&self, key: &ProvisioningKey, refusal: Refusal, now: Timestamp) -> Refusal {
        match refusal {
            Refusal::KeyExhausted { .. } => self.limits.exhausted(key.uid, now, refusal),
            other => other,
        }
    }
}

fn new_enrolment(
    key: &ProvisioningKey,
    connector: Id,
    joining: &Joining,
    public_key: &PublicKey,
    now: Timestamp,
) -> Result<Enrolment, Error> {
    let tenant = key.name.tenant.clone();
    Ok(Enrolment {
        name: EnrolmentName::new(tenant.clone(), new_enrolment_id(now)?),
        key: key.name.clone(),
        key_uid: key.uid,
        group: key.spec.group.clone(),
        connector: AppConnectorName::new(tenant, connector),
        connector_labels: key.spec.connector_labels.clone(),
        public_key: public_key.sha256(),
        source: joining.source,
        host: joining.host.clone(),
        state: EnrolmentState::Reserved,
        create_time: now,
        update_time: now,
        leaf: None,
    })
}

/// Ids sort by time, so that the ledger by name is the ledger by time; 80 random bits keep them apart.
fn new_enrolment_id(now: Timestamp) -> Result<Id, Error> {
    let random: [u8; 10] = rand::random();
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("e{:012x}{random}", now.as_millisecond().max(0));
    Id::parse(&text).map_err(|error| Error::Broken(error.to_string()))
}
