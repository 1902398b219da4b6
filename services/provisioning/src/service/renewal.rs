//! A new leaf for a connector that has one.
//!
//! Always holds: the identity stays the same; a revoked one gets nothing; registry is not asked, so that a fleet
//! outlives its absence. Absent on purpose: any look at whether connector, group or key are enabled. Renewals go on.

use jiff::Timestamp;
use names::AppConnectorName;
use resource::Tries;
use runtime::identity::Csr;

use super::authorities::{Authorities, Certificates};
use crate::{
    domain::{
        certificate::check_clock,
        enrolment::{Enrolment, EnrolmentState},
        refusal::Refusal,
    },
    error::Error,
    store::{Found, Rows},
};

/// Renews leaves.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    pub(crate) rows: Rows,
    pub(crate) authorities: Authorities,
}

impl Renewal {
    /// Signs a new leaf for `connector`, whose present certificate proved who it is.
    pub(crate) async fn renew(
        &self,
        connector: &AppConnectorName,
        csr: &[u8],
        client_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Certificates, Error> {
        check_clock(client_time, now)?;
        let csr = Csr::parse_and_verify(csr)
            .map_err(|error| Refusal::CsrInvalid { problem: error.to_string() })?;
        let public_key = csr.public_key();
        let mut certificates: Option<Certificates> = None;
        let mut tries = Tries::default();
        loop {
            let enrolment = self.standing(connector).await?;
            let owner = self.rows.enrolment_by_public_key(&public_key.sha256()).await?;
            let known = match owner {
                Some(owner) if owner.value.name == enrolment.value.name => true,
                Some(_) => return Err(Refusal::PublicKeyInUse.into()),
                None => false,
            };
            let fresh = match certificates {
                Some(fresh) => fresh,
                None => self.authorities.sign(connector, public_key, now).await?,
            };
            if self.keep(&enrolment, &fresh, (!known).then(|| public_key.sha256()), now).await? {
                return Ok(fresh);
            }
            certificates = Some(fresh);
            // A connector that keeps losing comes back by itself.
            if tries.lost().await.is_err() {
                return Err(Refusal::Pending.into());
            }
        }
    }

    /// The enrolment of a connector that may renew.
    async fn standing(&self, connector: &AppConnectorName) -> Result<Found<Enrolment>, Error> {
        let enrolment = self.rows.enrolment_by_connector(connector).await?;
        let enrolment = enrolment.ok_or(Refusal::IdentityRevoked)?;
        match enrolment.value.state {
            EnrolmentState::Active { .. } | EnrolmentState::Reserved => Ok(enrolment),
            EnrolmentState::Abandoned { .. } | EnrolmentState::Revoked { .. } => {
                Err(Refusal::IdentityRevoked.into())
            }
        }
    }

    /// Writes the new leaf, and a new public key if there is one, into the ledger; false if a race was lost.
    async fn keep(
        &self,
        enrolment: &Found<Enrolment>,
        fresh: &Certificates,
        new_key: Option<[u8; 32]>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Ok(renewed) = enrolment.value.clone().activate(Some(fresh.record.clone()), now) else {
            return Ok(false);
        };
        let kept = match new_key {
            Some(key) => self.rows.advance_with_public_key(enrolment, &renewed, &key, now).await?,
            None => self.rows.advance(enrolment, &renewed, now).await?,
        };
        Ok(kept.is_ok())
    }
}
