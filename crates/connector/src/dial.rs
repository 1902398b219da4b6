//! How a probe reaches an application server.
//!
//! Owns: the `Dialer` seam and the dialer of production. Always holds: what a dialer reports as success was a real
//! TCP connection. Absent on purpose: name resolution (`resolve`) and timing (`probe`).
//!
//! ## Design notes
//! The one trait of this crate. The demo puts application servers of many cities on one machine, where the kernel
//! completes handshakes at once; its dialer waits the measured round trip between the cities before it connects.

use std::{future::Future, io, net::SocketAddr};

use tokio::net::TcpStream;

/// Opens TCP connections for probes.
pub trait Dialer: Send + Sync + 'static {
    /// Connects and closes again; the time until it returns is the measurement.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<()>> + Send;
}

/// Connects with the system's sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDialer;

impl Dialer for TcpDialer {
    async fn connect(&self, address: SocketAddr) -> io::Result<()> {
        TcpStream::connect(address).await.map(drop)
    }
}
