//! Distance, staged: the kernel completes a loopback handshake at once, so the demo's dialer first waits the measured round
//! trip between the connector's city and the application's, and then really connects.

use std::{collections::BTreeMap, io, net::SocketAddr, time::Duration};

use connector::Dialer;
use tokio::net::TcpStream;

use super::{
    cities::{self, City},
    servers::Application,
};

/// Connects from one city.
pub(crate) struct CityDialer {
    round_trips: BTreeMap<SocketAddr, Duration>,
}

impl CityDialer {
    /// A dialer for a connector in this city.
    pub(crate) fn new(from: &City, applications: &[Application]) -> Self {
        let servers = applications.iter().flat_map(|application| &application.servers);
        let round_trips = servers
            .map(|server| {
                let wait = cities::round_trip_ms(from, server.city);
                (server.address, Duration::from_millis(wait.into()))
            })
            .collect();
        Self { round_trips }
    }
}

impl Dialer for CityDialer {
    async fn connect(&self, address: SocketAddr) -> io::Result<()> {
        if let Some(wait) = self.round_trips.get(&address) {
            tokio::time::sleep(*wait).await;
        }
        TcpStream::connect(address).await.map(drop)
    }
}
