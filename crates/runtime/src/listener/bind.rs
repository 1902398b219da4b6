//! A bound socket and the TLS that is spoken on it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use rpc::peer::ListenerKind;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use crate::{
    clock::Clock,
    identity::{
        ALPN_H2, ALPN_HTTP1, IdentityError, PeerVerifier, ServiceIdentity, TrustBundles, server_tls,
    },
};

/// A socket that is bound but not served yet: a taken port shows before anything runs.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) kind: ListenerKind,
    address: SocketAddr,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound; the message names it and says what to change.
    pub async fn bind(address: SocketAddr, kind: ListenerKind) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address} ({kind:?}); free the port or configure another")
        })?;
        let address = socket.local_addr()?;
        Ok(Self { socket, kind, address })
    }

    /// Where it listens; never port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Which of the two kinds it is.
    #[must_use]
    pub fn kind(&self) -> ListenerKind {
        self.kind
    }
}

/// TLS of a listener; cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls(pub(super) Arc<ServerConfig>);

impl ServerTls {
    /// For the main listener: a client may show a certificate, which `trust` judges. Connectors are
    /// let in for `grace` after their leaf's end (see [`PeerVerifier::new`]).
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] if the provider lacks TLS 1.3, which ours does not.
    pub fn main(
        identity: ServiceIdentity,
        trust: TrustBundles,
        grace: Duration,
        http1: bool,
        clock: &Clock,
    ) -> Result<Self, IdentityError> {
        let verifier = PeerVerifier::new(trust, grace);
        let alpn: &[&[u8]] = if http1 { &[ALPN_H2, ALPN_HTTP1] } else { &[ALPN_H2] };
        Ok(Self(server_tls(identity, Some(verifier), alpn, clock)?))
    }

    /// For the enrolment listener: only the server shows a certificate.
    ///
    /// # Errors
    /// As [`ServerTls::main`].
    pub fn enrolment(identity: ServiceIdentity, clock: &Clock) -> Result<Self, IdentityError> {
        Ok(Self(server_tls(identity, None, &[ALPN_H2], clock)?))
    }
}
