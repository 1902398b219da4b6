//! What one listener and one connection may use.

use std::time::Duration;

use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto,
};

/// Limits of a listener. [`Limits::default`] is what the product runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for the TLS handshake. 5 s: three round trips across the world are under one.
    pub handshake_timeout: Duration,
    /// Time from the handshake to the HTTP/2 preface, or between an HTTP/1 request's first and last header
    /// byte. 10 s: a client connects in order to send a request.
    pub first_bytes_timeout: Duration,
    /// Handshakes at one time. 256: each costs a signature and about 50 KB.
    pub handshakes: usize,
    /// Connections that wait for their handshake. 512: if all before them are silent, the last waits for two rounds of 256,
    /// which is 10 s.
    pub waiting_handshakes: usize,
    /// Open connections. 16,000: a fleet of 10,000 that comes again while old connections linger.
    pub connections: usize,
    /// Calls at one time on one connection. 256: a watch client needs a handful, a console page some dozens.
    pub streams_per_connection: u32,
    /// Header bytes of one request. 16 KiB: tokens are under 4 KiB.
    pub header_bytes: u32,
    /// Idle time after which a peer is pinged, and then the time it has to answer. 20 s each: a dead peer is
    /// noticed within a minute, and balancers keep the connection.
    pub keepalive: Duration,
    /// Age at which a connection is asked to end (calls in flight go on). 60 min, less up to a tenth: replicas
    /// share load again, and peers prove their certificates anew.
    pub connection_age: Duration,
}

/// Streams that may be reset by our own errors before a connection is cut: hyper's own default, which an unset value
/// would remove.
const MAX_LOCAL_ERROR_RESETS: usize = 1024;

/// Streams a peer may open and reset before they are accepted (rapid reset): hyper's own default.
const MAX_PENDING_ACCEPT_RESETS: usize = 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            first_bytes_timeout: Duration::from_secs(10),
            handshakes: 256,
            waiting_handshakes: 512,
            connections: 16_000,
            streams_per_connection: 256,
            header_bytes: 16 * 1024,
            keepalive: Duration::from_secs(20),
            connection_age: Duration::from_secs(60 * 60),
        }
    }
}

impl Limits {
    /// An HTTP server with these limits, for the protocol that ALPN has chosen.
    pub(super) fn http(&self, http1: bool) -> auto::Builder<TokioExecutor> {
        let builder = auto::Builder::new(TokioExecutor::new());
        if http1 {
            let mut builder = builder.http1_only();
            builder.http1().timer(TokioTimer::new()).header_read_timeout(self.first_bytes_timeout);
            return builder;
        }
        let mut builder = builder.http2_only();
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.streams_per_connection)
            .max_local_error_reset_streams(MAX_LOCAL_ERROR_RESETS)
            .max_pending_accept_reset_streams(MAX_PENDING_ACCEPT_RESETS)
            .max_header_list_size(self.header_bytes)
            .keep_alive_interval(self.keepalive)
            .keep_alive_timeout(self.keepalive);
        builder
    }

    /// The age limit of the `nth` connection: spread over a tenth, so that a fleet that came at once does not
    /// leave at once.
    pub(super) fn age_of(&self, nth: u64) -> Duration {
        const STEPS: u32 = 64;
        let step = u32::try_from(nth % u64::from(STEPS)).unwrap_or(0);
        self.connection_age - self.connection_age / 10 * step / STEPS
    }
}
