//! From settings to a process that serves.
//!
//! ## Design notes
//! Ports are bound before the services are built, though stores open there: a taken port is found in a millisecond,
//! while opening a store may take minutes; and a service may need to know where it will be reached (a join token names
//! the enrolment port, which may have been 0). Connections wait in the kernel until the accept loops start.

use std::sync::Arc;

use anyhow::Context;

use super::{
    Mounts, Running, Service, Settings,
    base::Base,
    bound::Bound,
    edge::{Edge, Offer},
    hosted::Hosted,
    reload::{RELOAD_PERIOD, Reload},
    running::Parts,
    settings::DEV,
};
use crate::{
    clock::Clock,
    identity::{SystemPki, provider},
    listener::Drain,
    worker::Signal,
};

/// A process before it starts: its settings and what it will host.
pub struct Plan {
    settings: Settings,
    clock: Clock,
    hosted: Vec<Hosted>,
}

impl Plan {
    /// A process that hosts nothing yet.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self { settings, clock, hosted: Vec::new() }
    }

    /// Hosts a service with its configuration.
    #[must_use]
    pub fn host<S: Service>(mut self, config: S::Config) -> Self
    where
        S::Config: 'static,
    {
        self.hosted.push(Hosted::new::<S>(config));
        self
    }

    /// Loads identities, binds every port, builds every service, then starts them. Returns when everything runs;
    /// readiness follows when nothing holds a service back.
    ///
    /// # Errors
    /// What prevented the start; nothing is left running then.
    pub async fn start(self) -> anyhow::Result<Running> {
        // Libraries that build TLS on their own find the same provider; the first to install it wins.
        rustls::crypto::CryptoProvider::install_default(Arc::unwrap_or_clone(provider())).ok();
        let Self { settings, clock, hosted } = self;
        let server_name = server_name(&hosted)?;
        let pki = SystemPki::open(&settings.identity.directory)
            .context("no identity; make one with `causeway pki init DIR` (identity.directory)")?;
        let server_identity = pki.identity(server_name)?;
        let base = Base::new(&settings, clock, pki, &server_identity)?;
        let bound = Bound::bind(&settings.server).await?;
        let addresses = bound.addresses();
        let offer = Offer::of(&hosted);
        let edge = Edge::new(&base, &settings, server_identity.clone(), offer)?;

        let mut identities = vec![server_identity];
        let mut built = Vec::with_capacity(hosted.len());
        let mut mounts = Mounts::default();
        for hosted in hosted {
            let (name, identity) = (hosted.name, base.pki.identity(hosted.name)?);
            identities.push(identity.clone());
            let service = base.build(hosted, identity, &settings.peers, addresses).await?;
            service.mount(&mut mounts);
            built.push((name, service));
        }

        let drain = Drain::default();
        let listeners = edge.serve(&base, bound, mounts, &drain)?;
        let reloaded = Signal::new();
        let renewing = (server_name == DEV).then(|| settings.identity.host_names.clone());
        let reload = Reload::new(&base, identities, renewing);
        base.workers.spawn(reload, RELOAD_PERIOD, reloaded.clone());
        let services = built.into_iter().map(|(name, service)| base.run(name, service)).collect();
        let server = settings.server;
        Ok(Running::new(Parts { base, server, addresses, drain, listeners, services, reloaded }))
    }
}

/// The name in the certificate that the listeners present: the one service's, or that of the process that hosts several.
fn server_name(hosted: &[Hosted]) -> anyhow::Result<&'static str> {
    match hosted {
        [] => anyhow::bail!("a process without a service has nothing to do"),
        [only] => Ok(only.name),
        _ => Ok(DEV),
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosted: Vec<_> = self.hosted.iter().map(|hosted| hosted.name).collect();
        f.debug_struct("Plan").field("hosted", &hosted).finish_non_exhaustive()
    }
}
