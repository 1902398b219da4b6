//! One check of one target.
//!
//! Owns: what is measured and how a failure is named. Always holds: a success carries the connect time of the
//! address that answered; a check ends within the target's timeout.
//! Absent on purpose: any judgement. Up and down are decided by the control plane, from checks in a row.
//!
//! ## Design notes
//! Resolution is not part of the time: the path carries sessions, not look-ups. Addresses are tried one after the
//! other, as a client would, and the time counted is that of the one that answered.

use std::{io, net::SocketAddr, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::{
    dial::Dialer,
    resolve::{NoAddress, resolve},
    schedule::Target,
};

/// Timeout of a target that names none.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest timeout that is accepted: a probe holds a socket and one of the connector's probe places.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(30);

/// What one check found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProbeResult {
    /// [`Target::id`].
    pub target_id: String,
    /// When the check began, on the connector's clock.
    pub started: Timestamp,
    /// When it ended, on the machine's timer: the age of a result must not jump with the calendar.
    pub ended: Instant,
    /// Connect time, or why there is none.
    pub outcome: Result<Connected, Failure>,
}

/// A connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connected {
    /// The address that answered.
    pub address: SocketAddr,
    /// From the first packet to the established connection.
    pub time: Duration,
}

/// Why a check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The name does not resolve.
    #[error("the name does not resolve")]
    NotResolved,
    /// The name has no address in the group's families.
    #[error("no address in the families of the group's DNS resolution option")]
    FamilyMismatch,
    /// The server refused.
    #[error("connection refused")]
    Refused,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No way there: no route, or the host is out of sockets.
    #[error("not reachable")]
    Unreachable,
    /// Not a TCP target, so a connect would show nothing.
    #[error("not a TCP port")]
    NotProbed,
}

/// Resolves and connects.
pub(crate) async fn probe(
    dialer: &impl Dialer,
    target: &Target,
    started: Timestamp,
) -> ProbeResult {
    let deadline = Instant::now() + target.timeout.min(MAX_TIMEOUT);
    let outcome = match target.tcp {
        true => timeout_at(deadline, connect(dialer, target, deadline))
            .await
            .unwrap_or(Err(Failure::TimedOut)),
        false => Err(Failure::NotProbed),
    };
    ProbeResult { target_id: target.id.clone(), started, ended: Instant::now(), outcome }
}

async fn connect(
    dialer: &impl Dialer,
    target: &Target,
    deadline: Instant,
) -> Result<Connected, Failure> {
    let addresses = resolve(&target.host, target.port, target.families).await;
    let addresses = addresses.map_err(|missing| match missing {
        NoAddress::NotResolved => Failure::NotResolved,
        NoAddress::FamilyMismatch => Failure::FamilyMismatch,
    })?;
    let mut failure = Failure::Unreachable;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        // Each address gets its fair share of what is left, so that one that does not answer leaves time for the next.
        let started = Instant::now();
        let share = deadline.saturating_duration_since(started) / left;
        left = left.saturating_sub(1).max(1);
        match timeout_at(started + share, dialer.connect(address)).await {
            Ok(Ok(())) => return Ok(Connected { address, time: started.elapsed() }),
            Ok(Err(error)) => failure = named(&error),
            Err(_) => failure = Failure::TimedOut,
        }
    }
    Err(failure)
}

fn named(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Failure::Refused,
        io::ErrorKind::TimedOut => Failure::TimedOut,
        _ => Failure::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::{dial::TcpDialer, resolve::Families};

    /// Takes 30 ms for every connection, as a server in another city would.
    struct Far;

    impl Dialer for Far {
        async fn connect(&self, address: SocketAddr) -> io::Result<()> {
            tokio::time::sleep_until(Instant::now() + Duration::from_millis(30)).await;
            TcpDialer.connect(address).await
        }
    }

    fn target(address: SocketAddr) -> Target {
        Target {
            id: "1".into(),
            host: address.ip().to_string(),
            port: address.port(),
            tcp: true,
            families: Families::Both,
            period: Duration::from_secs(1),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    async fn check(dialer: &impl Dialer, target: Target) -> Result<Connected, Failure> {
        probe(dialer, &target, Timestamp::UNIX_EPOCH).await.outcome
    }

    #[tokio::test]
    async fn the_time_of_a_real_connection_is_measured_through_the_dialer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let near = check(&TcpDialer, target(address)).await.unwrap();
        let far = check(&Far, target(address)).await.unwrap();
        assert_eq!(near.address, address);
        assert!(far.time >= Duration::from_millis(30), "{far:?}");
    }

    #[tokio::test]
    async fn a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(check(&TcpDialer, target(address)).await, Err(Failure::Refused));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_times_out() {
        struct Silent;
        impl Dialer for Silent {
            async fn connect(&self, _: SocketAddr) -> io::Result<()> {
                std::future::pending().await
            }
        }
        let started = Instant::now();
        let silent = target("192.0.2.1:80".parse().unwrap());
        assert_eq!(check(&Silent, silent).await, Err(Failure::TimedOut));
        assert_eq!(started.elapsed(), DEFAULT_TIMEOUT);
    }

    #[tokio::test]
    async fn a_literal_of_a_family_that_is_off_is_not_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let v4 = target(listener.local_addr().unwrap());
        let v6_only = Target { families: Families::V6, ..v4.clone() };
        assert_eq!(check(&TcpDialer, v6_only).await, Err(Failure::FamilyMismatch));
        let udp = Target { tcp: false, ..v4 };
        assert_eq!(check(&TcpDialer, udp).await, Err(Failure::NotProbed));
    }
}
