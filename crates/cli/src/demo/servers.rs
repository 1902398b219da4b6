//! The demo's application servers: real TCP listeners on loopback that say hello and close.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinSet};

use super::{
    cities::{self, City},
    plan::ApplicationPlan,
};

/// An application whose servers accept.
pub(crate) struct Application {
    /// What it is.
    pub(crate) plan: &'static ApplicationPlan,
    /// Where its servers listen: one port on several addresses.
    pub(crate) servers: Vec<Server>,
    /// The port of all of them.
    pub(crate) port: u16,
}

/// One server and the city it stands in.
pub(crate) struct Server {
    /// The city.
    pub(crate) city: &'static City,
    /// Its loopback address.
    pub(crate) address: SocketAddr,
}

impl Application {
    /// The measured round trip from a city to the nearest server, in milliseconds.
    pub(crate) fn round_trip_ms(&self, from: &City) -> u32 {
        let trips = self.servers.iter().map(|server| cities::round_trip_ms(from, server.city));
        trips.min().unwrap_or(u32::MAX)
    }

    /// Its cities, for people.
    pub(crate) fn place(&self) -> String {
        let names: Vec<_> = self.servers.iter().map(|server| server.city.name.as_str()).collect();
        match names[..] {
            [only] => only.to_owned(),
            _ => format!("{} cities", names.len()),
        }
    }
}

/// Listeners that accept until this is dropped.
pub(crate) struct ApplicationServers {
    /// Each application with its address, in the order of the plan.
    pub(crate) applications: Vec<Application>,
    _accepting: JoinSet<()>,
}

impl ApplicationServers {
    /// Binds the servers of every application, each on its own loopback address.
    ///
    /// # Errors
    /// When an address cannot be bound, or a city is unknown.
    pub(crate) async fn start(plans: &'static [ApplicationPlan]) -> Result<Self> {
        let mut applications = Vec::new();
        let mut accepting = JoinSet::new();
        for (number, plan) in (1..).zip(plans) {
            let mut servers = Vec::new();
            // The first server takes a free port, the others the same one on their own addresses.
            let mut port = 0;
            for (last, city) in (1..).zip(plan.cities) {
                let host = Ipv4Addr::new(127, 20, number, last);
                let listener = TcpListener::bind((host, port))
                    .await
                    .with_context(|| format!("binding {host}:{port} for {}", plan.display_name))?;
                let address = listener.local_addr()?;
                port = address.port();
                servers.push(Server { city: cities::get(city)?, address });
                accepting.spawn(serve(listener, plan.display_name));
            }
            applications.push(Application { plan, servers, port });
        }
        Ok(Self { applications, _accepting: accepting })
    }
}

async fn serve(listener: TcpListener, greeting: &'static str) {
    // A failed accept is one client's trouble (it went away, or descriptors ran short for a moment).
    loop {
        if let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(greeting.as_bytes()).await;
            });
        }
    }
}
