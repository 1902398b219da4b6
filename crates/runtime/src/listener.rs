//! Our own TLS accept loop.
//!
//! Owns: sockets, handshakes, HTTP/2 connections and their limits; attaching to every request who its peer is.
//! Always holds: a request reaches a handler only over TLS and carries a [`rpc::peer::PeerInfo`]; every stage of a
//! connection has a limit in number and in time; a new certificate or root is used by the next handshake while open
//! connections stay.
//! Absent on purpose: deciding what a peer may do (`rpc::access`).
//!
//! Read in this order: `bind`, `limits`, `serving`, `accept` (the loop), `handshakes` (who is next), `connection` (one peer).
//!
//! ## Design notes
//! tonic's own server cannot change its certificate, has no cap on handshakes, and removes hyper's limits on
//! streams unless they are set. This loop does no more than those need: accept, handshake, hand over to hyper.
//!
//! At the limit of connections a new one is accepted and closed at once, so that its client tries another replica. The loop
//! itself never waits: at the limit of handshakes a connection waits for its turn, and turns are shared between sources, so
//! that ten thousand half-open handshakes of a few addresses cost the others nothing (`handshakes`).

mod accept;
mod bind;
mod connection;
mod handshakes;
mod limits;
mod metrics;
mod serving;
mod watched;

pub use accept::serve;
pub use bind::{Listener, ServerTls};
pub use limits::Limits;
pub use metrics::ListenerMetrics;
pub use serving::{Drain, Serving};
