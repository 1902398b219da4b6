//! Where an installation is reached, and with which trust.

use std::sync::Arc;

use anyhow::Result;
use names::TrustDomain;
use rpc::client;
use runtime::identity::{SystemPki, TrustBundles};

use crate::api::Channels;

/// The five, in the order in which they are started.
pub(crate) const SERVICES: [&str; 5] = ["registry", "provisioning", "updates", "paths", "console"];
/// What every installation under test calls itself.
pub(crate) const TRUST_DOMAIN: &str = "causeway.test";

/// Where an installation is reached, all on loopback.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    /// API ports in the order of [`SERVICES`].
    pub(crate) services: [u16; 5],
    /// Where connectors enrol.
    pub(crate) enrolment: u16,
    /// Admin ports, one a process.
    pub(crate) admin: Vec<u16>,
}

impl Endpoints {
    /// A connection to each of the five, without a certificate.
    pub(crate) fn channels(&self, tls: &Arc<rustls::ClientConfig>) -> Result<Channels> {
        let channel = |port: u16| {
            client::connect(&client::ClientConfig::new(
                format!("https://localhost:{port}"),
                tls.clone(),
            ))
        };
        let [registry, provisioning, updates, paths, console] = self.services;
        Ok(Channels {
            registry: channel(registry)?,
            provisioning: channel(provisioning)?,
            updates: channel(updates)?,
            paths: channel(paths)?,
            console: channel(console)?,
        })
    }
}

/// Its place in the lists of all five.
pub(crate) fn index_of(service: &str) -> usize {
    SERVICES.iter().position(|name| *name == service).expect("one of the five")
}

/// What a client of the installation trusts.
pub(crate) fn trust(pki: &SystemPki) -> Result<TrustBundles> {
    Ok(TrustBundles::new(TrustDomain::parse(TRUST_DOMAIN)?, pki.roots()?)?)
}
