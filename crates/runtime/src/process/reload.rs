//! Taking up what changed in files: certificates, roots, tokens.

use std::{convert::Infallible, time::Duration};

use jiff::Timestamp;
use rpc::tokens::TokenVerifier;

use super::base::Base;
use crate::{
    identity::{IdentityError, ServiceIdentity, SystemPki, TrustBundles},
    worker::{Next, Worker},
};

/// How long a changed file waits at most; SIGHUP is sooner.
pub(super) const RELOAD_PERIOD: Duration = Duration::from_secs(30);

/// Reads identities, roots and tokens again; in the process that hosts all services it renews their leaves too, since
/// no other process does.
pub(super) struct Reload {
    pki: SystemPki,
    trust: TrustBundles,
    tokens: TokenVerifier,
    identities: Vec<ServiceIdentity>,
    renewing: Option<Vec<String>>,
}

impl Reload {
    /// With `renewing`, leaves near their end are signed anew with these host names.
    pub(super) fn new(
        base: &Base,
        identities: Vec<ServiceIdentity>,
        renewing: Option<Vec<String>>,
    ) -> Self {
        let Base { pki, trust, tokens, .. } = base.clone();
        Self { pki, trust, tokens, identities, renewing }
    }

    fn renew(&self, now: Timestamp) -> Result<(), IdentityError> {
        let Some(host_names) = &self.renewing else { return Ok(()) };
        let renewed = self.pki.renew(host_names, now)?;
        if !renewed.is_empty() {
            tracing::info!(?renewed, "service certificates renewed");
        }
        Ok(())
    }

    fn roots(&self) -> Result<(), IdentityError> {
        let roots = self.pki.roots()?;
        if roots != self.trust.system_roots() {
            self.trust.set_system(roots)?;
            tracing::info!("the system's roots changed");
        }
        Ok(())
    }
}

impl Worker for Reload {
    const NAME: &'static str = "reload";
    // Files are independent: one that is broken must not keep the others from being read.
    type Error = Infallible;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Infallible> {
        if let Err(error) = self.renew(now) {
            tracing::error!(%error, "service certificates were not renewed");
        }
        if let Err(error) = self.roots() {
            tracing::error!(%error, "the system's roots cannot be read; the old ones stay");
        }
        for identity in &self.identities {
            match identity.reload() {
                Ok(true) => tracing::info!(?identity, "a new certificate is in use"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(?identity, %error, "the old certificate stays in use");
                }
            }
        }
        if let Err(error) = self.tokens.reload() {
            tracing::error!(%error, "the old tokens stay in use");
        }
        Ok(Next::Idle)
    }
}
