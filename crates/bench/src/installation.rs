//! An installation of five real processes, and ways to call it.
//!
//! Always holds: a call travels through TLS over loopback, on one of a handful of connections, with a token that is checked on
//! every call, as an operator's or an edge's does.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use names::TrustDomain;
use rpc::client::{Channel, ClientConfig, connect};
use runtime::{
    Clock,
    identity::{SystemPki, TrustBundles, client_tls},
};
use testkit::{Api, Channels, Plan, System};

/// Connections that the callers of one load share: few enough for HTTP/2 to matter, more than cores.
pub(crate) const CONNECTIONS: usize = 4;
/// The one tenant.
pub(crate) const TENANT: &str = "acme";
/// No quota: loads create as fast as they can.
const UNLIMITED: &str = "100000000";
/// Probing is no part of any figure; once in a while keeps a target's health fresh.
const PROBE_PERIOD: &str = "20s";

/// Five processes.
pub(crate) struct Installation {
    pub(crate) system: System,
    pki: SystemPki,
    roots: TrustBundles,
}

impl Installation {
    /// Starts the five.
    pub(crate) async fn start() -> Result<Self> {
        let plan = Plan::default()
            .set("registry.quotas.app_connector_groups", UNLIMITED)
            .set("registry.quotas.app_connectors", UNLIMITED)
            .set("paths.probe_period", PROBE_PERIOD);
        let system = System::start_as_five_with(plan).await;
        let root = system.root_file();
        let pki = SystemPki::open(root.parent().context("the root lies in a directory")?)?;
        let trust_domain: TrustDomain = pki.identity("registry")?.leaf().spiffe.trust_domain;
        let roots = TrustBundles::new(trust_domain, pki.roots()?)?;
        Ok(Self { system, pki, roots })
    }

    /// Leaves only these of the five running, as if each had a machine of its own: what its siblings do with a change is
    /// not what the figures are about.
    pub(crate) fn leave_only(&mut self, services: &[&str]) {
        for other in ["registry", "provisioning", "updates", "paths", "console"] {
            if !services.contains(&other) {
                self.system.kill(other);
            }
        }
    }

    /// TLS that believes this installation and shows no certificate.
    pub(crate) fn tls(&self) -> Result<Arc<rustls::ClientConfig>> {
        Ok(client_tls(None, self.roots.clone(), &Clock::system())?)
    }

    /// A new connection.
    pub(crate) fn connection(&self, endpoint: &str) -> Result<Channel> {
        Ok(connect(&ClientConfig::new(endpoint, self.tls()?))?)
    }

    /// A new connection with a service's certificate.
    pub(crate) fn connection_of(&self, service: &str, endpoint: &str) -> Result<Channel> {
        let identity = self.pki.identity(service)?;
        let tls = client_tls(Some(identity), self.roots.clone(), &Clock::system())?;
        Ok(connect(&ClientConfig::new(endpoint, tls))?)
    }

    /// Clients of one service, each on a connection of its own, with the administrator's token. Their clients of
    /// other services lead to that one too.
    pub(crate) fn apis(&self, service: &str, connections: usize) -> Result<Vec<Api>> {
        let endpoint = self.system.endpoint(service);
        let token = Some(self.system.administrator_token());
        (0..connections)
            .map(|_| {
                let channel = self.connection(&endpoint)?;
                let channels = Channels {
                    registry: channel.clone(),
                    provisioning: channel.clone(),
                    updates: channel.clone(),
                    paths: channel.clone(),
                    console: channel,
                };
                Ok(Api::new(&channels, token))
            })
            .collect()
    }

    /// Where the installation's certificates lie.
    pub(crate) fn pki_file(&self, name: &str) -> std::path::PathBuf {
        self.system.root_file().with_file_name(name)
    }
}
