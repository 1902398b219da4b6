//! A gate on the way from provisioning to registry, which can hold what either of them says.
//!
//! Owns: forwarding of bytes, unread (they are TLS), and holding them. Always holds: what is held is neither lost nor
//! changed, and arrives when the gate opens, unless the connection is cut first. Dropping the gate ends it.

use std::sync::Arc;

use testkit::eventually;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// Bytes that are read at once; a call of enrolment has some hundreds.
const CHUNK: usize = 64 * 1024;

/// A direction's bar.
#[derive(Clone, Copy, Debug, Default)]
struct Bar {
    down: bool,
    /// Chunks that were let through below the bar.
    passed: u64,
    /// Chunks that have come to it.
    arrived: u64,
}

impl Bar {
    fn holds(&self) -> bool {
        self.down && self.arrived > self.passed
    }
}

/// A side of the gate, which looks one way.
#[derive(Clone, Debug)]
pub(super) struct Side(Arc<watch::Sender<Bar>>);

impl Side {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Bar::default())))
    }

    /// From now on nothing passes.
    pub(super) fn close(&self) {
        self.0.send_modify(|bar| bar.down = true);
    }

    fn open(&self) {
        self.0.send_modify(|bar| *bar = Bar::default());
    }

    /// Waits until something is held.
    pub(super) async fn holding(&self) {
        eventually("something is held at the gate", || async {
            if self.0.borrow().holds() { Ok(()) } else { Err("nothing is held") }
        })
        .await;
    }

    /// Lets through what is held now, and nothing after it.
    pub(super) fn pass(&self) {
        self.0.send_modify(|bar| bar.passed = bar.arrived);
    }

    /// Carries bytes until either end is gone.
    async fn carry(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; CHUNK];
        let mut bar = self.0.subscribe();
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            let mut mine = 0;
            self.0.send_modify(|bar| {
                bar.arrived += u64::from(bar.down);
                mine = bar.arrived;
            });
            let passes = bar.wait_for(|bar| !bar.down || bar.passed >= mine).await;
            drop(passes);
            if to.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    }
}

/// The gate.
pub(super) struct Gate {
    /// Where provisioning finds registry.
    pub(super) endpoint: String,
    /// What provisioning asks.
    pub(super) requests: Side,
    /// What registry answers.
    pub(super) replies: Side,
    registry: watch::Sender<Option<u16>>,
    /// Rises when all connections are cut.
    cuts: watch::Sender<u64>,
    _keeper: JoinSet<()>,
}

impl Gate {
    /// An open gate that leads nowhere yet; connections wait until it leads somewhere.
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (requests, replies) = (Side::new(), Side::new());
        let (registry, cuts) = (watch::Sender::new(None), watch::Sender::new(0));
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(
            listener,
            registry.subscribe(),
            cuts.clone(),
            requests.clone(),
            replies.clone(),
        ));
        Self { endpoint, requests, replies, registry, cuts, _keeper: keeper }
    }

    /// Says where registry listens.
    pub(super) fn lead_to(&self, registry: &str) {
        let port = registry.rsplit(':').next().and_then(|port| port.parse().ok());
        self.registry.send_replace(Some(port.expect("an endpoint has a port")));
    }

    /// Cuts every connection, with all that is held, and opens.
    pub(super) fn cut_and_open(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        self.requests.open();
        self.replies.open();
    }
}

/// Takes connections and carries their bytes, each until an end or the next cut.
async fn keep(
    listener: TcpListener,
    mut registry: watch::Receiver<Option<u16>>,
    cuts: watch::Sender<u64>,
    requests: Side,
    replies: Side,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        let Ok(port) = registry.wait_for(Option::is_some).await.map(|port| *port) else { return };
        // Registry may be down: who connects is told by the closed connection.
        let Ok(far) = TcpStream::connect(("127.0.0.1", port.unwrap_or_default())).await else {
            continue;
        };
        let (from_near, to_near) = near.into_split();
        let (from_far, to_far) = far.into_split();
        let (requests, replies) = (requests.clone(), replies.clone());
        let mut cut = cuts.subscribe();
        connections.spawn(async move {
            tokio::select! {
                biased;
                _ = cut.changed() => {}
                () = requests.carry(from_near, to_far) => {}
                () = replies.carry(from_far, to_near) => {}
            }
        });
    }
}
