//! What is probed for a host and port of a segment.

use crate::domain::{
    configuration::{Protocol, Server},
    matching::host::Host,
};

/// What is probed: a server's host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Name or address.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// What a server group leads to for one host and port of a segment: its servers that serve the port,
/// or, without servers, the host itself.
pub fn targets<'a>(
    servers: &'a [Server],
    host: &'a Host,
    port: u16,
    protocol: Protocol,
) -> impl Iterator<Item = Target> + 'a {
    let own = servers.is_empty().then(|| Target { host: host.clone(), port, protocol });
    let listed = servers
        .iter()
        .filter(move |server| server.serves(port))
        .map(move |server| Target { host: server.host.clone(), port, protocol });
    own.into_iter().chain(listed)
}
