//! Sessions against a peer in memory, real sockets and a clock that the tests move.

use futures::{SinkExt, channel::mpsc};
use rand::SeedableRng;
use runtime::ManualClock;
use tokio::{net::TcpListener, task::JoinHandle};

use super::*;
use crate::{dial::TcpDialer, link::REPORT_QUEUE, resolve::Families, schedule::Target};

const PERIOD: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// The control plane's end of a session on a clock that stands still.
struct Peer {
    clock: ManualClock,
    orders: mpsc::Sender<Result<Order, Refusal>>,
    reports: mpsc::Receiver<Report>,
    signals: Signals,
    session: JoinHandle<End>,
}

impl Peer {
    async fn welcomed() -> Self {
        let mut peer = Self::silent();
        peer.order(Order::Welcome { heartbeat_period: PERIOD, probes_per_second: 1_000 }).await;
        assert!(matches!(peer.report().await, Report::Heartbeat { sequence: 1, .. }));
        peer
    }

    fn silent() -> Self {
        let (clock, manual) = Clock::manual(Timestamp::UNIX_EPOCH);
        let (orders, orders_down) = mpsc::channel(8);
        let (reports_up, reports) = mpsc::channel(REPORT_QUEUE);
        let link = Link { reports: reports_up, orders: orders_down.boxed() };
        let rng = StdRng::seed_from_u64(1);
        let load = LoadMeter::new(std::env::temp_dir());
        let session = Session::new(link, Arc::new(TcpDialer), clock, rng, load);
        let signals = Signals::default();
        let its = signals.clone();
        let session = tokio::spawn(async move { session.run(&its, || ()).await });
        Self { clock: manual, orders, reports, signals, session }
    }

    async fn order(&mut self, order: Order) {
        self.orders.send(Ok(order)).await.unwrap();
    }

    async fn report(&mut self) -> Report {
        self.reports.next().await.expect("the session ended")
    }

    /// The next result, whatever else is reported meanwhile.
    async fn result(&mut self) -> ProbeResult {
        loop {
            if let Report::Probes(mut results) = self.report().await {
                return results.remove(0);
            }
        }
    }
}

/// Lets time pass second by second until `event` has happened, everybody having their turn in between.
async fn passing<T>(clock: &ManualClock, event: impl Future<Output = T>) -> T {
    let passing = async {
        loop {
            clock.advance(SECOND);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        happened = event => happened,
        () = passing => unreachable!("time does not end"),
    }
}

async fn server() -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        id: "app".into(),
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        tcp: true,
        families: Families::Both,
        period: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
    };
    (listener, target)
}

#[tokio::test]
async fn a_heartbeat_leaves_each_period_and_counts_up() {
    let mut peer = Peer::welcomed().await;
    for expected in 2..5 {
        peer.order(Order::HeartbeatAck).await;
        let heartbeat = passing(&peer.clock.clone(), peer.report()).await;
        assert!(matches!(heartbeat, Report::Heartbeat { sequence, .. } if sequence == expected));
    }
}

#[tokio::test]
async fn an_assigned_server_is_measured_at_once_and_found_down_within_the_next_period() {
    let mut peer = Peer::welcomed().await;
    let (listener, target) = server().await;
    peer.order(Order::Assign(vec![target.clone()])).await;
    assert!(peer.result().await.outcome.is_ok());
    drop(listener);
    peer.clock.advance(SECOND * 5);
    assert!(peer.result().await.outcome.is_err());
    // The confirmation comes after a quarter of the period.
    peer.clock.advance(PERIOD / 8);
    let second = peer.result().await;
    assert!(second.outcome.is_err());
    assert_eq!(second.target_id, target.id);
}

#[tokio::test]
async fn a_stop_sends_a_goodbye_and_waits_for_the_stream_to_end() {
    let mut peer = Peer::welcomed().await;
    peer.signals.stop.cancel();
    assert!(matches!(peer.report().await, Report::Goodbye { reason: "SHUTDOWN" }));
    assert!(peer.reports.next().await.is_none(), "nothing follows a goodbye");
    assert!(!peer.session.is_finished());
    drop(peer.orders);
    assert_eq!(peer.session.await.unwrap(), End::Stopped);
}

#[tokio::test]
async fn a_silent_control_plane_is_given_up_after_three_periods() {
    let peer = Peer::welcomed().await;
    let End::Lost(refusal) = passing(&peer.clock, peer.session).await.unwrap() else {
        panic!("not lost")
    };
    assert_eq!(refusal.reason, "NO_ANSWER");
    assert!(refusal.transient);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_welcome_is_given_up() {
    let peer = Peer::silent();
    assert!(matches!(peer.session.await.unwrap(), End::Lost(_)));
}

#[tokio::test]
async fn a_farewell_carries_the_wait_and_a_renewal_ends_the_stream_without_goodbye() {
    let mut peer = Peer::welcomed().await;
    let retry_after = Duration::from_secs(7);
    peer.order(Order::Farewell { reason: "SHUTTING_DOWN".into(), retry_after }).await;
    let end = peer.session.await.unwrap();
    assert_eq!(end, End::Farewell { reason: "SHUTTING_DOWN".into(), retry_after });

    let mut peer = Peer::welcomed().await;
    peer.signals.renewed.cancel();
    assert_eq!(peer.session.await.unwrap(), End::Renewed);
    assert!(peer.reports.next().await.is_none());
}
