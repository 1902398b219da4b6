//! From a change to 99 of 100 watchers: registry against etcd.
//!
//! Always holds: the time runs from before the create is sent; the next change waits until every watcher has the last. etcd is
//! measured twice: as its own clients do (all watches of a connection on one stream), and with a stream for each watch,
//! as ours is.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use proto::{
    registry::v1::{ResourceType, WatchRequest, WatchResponse},
    r#type::v1::WatchPhase,
};
use rpc::client::Channel;
use testkit::FRANKFURT;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
    time::timeout,
};
use tonic::Streaming;

use crate::{
    etcd::{self, Etcd, wire},
    figure::{Better, Figure},
    installation::{Installation, TENANT},
    scale::Scale,
    spread::Spread,
};

/// Connections that the watchers share: 125 streams on each, half of what a listener allows.
const CONNECTIONS: usize = 8;
/// Watches opened at one time.
const OPENING: usize = 32;
/// A watcher that has nothing by then never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures how fast changes spread.
pub(crate) async fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let mut installation = Installation::start().await?;
    installation.leave_only(&["registry"]);
    let tenant = installation.system.tenant_called(TENANT).await;
    let etcd = Etcd::start(&installation).await?;
    let mut kv = wire::kv_client::KvClient::new(etcd.connection(&installation)?);
    let mut ours = registry_crowd(&installation, &tenant.parent(), scale.watchers).await?;
    let mut shared = etcd_crowd(&installation, &etcd, scale.watchers, SHARED).await?;
    let mut own = etcd_crowd(&installation, &etcd, scale.watchers, OWN).await?;

    let (mut against_shared, mut against_own) = (Vec::new(), Vec::new());
    for repetition in 0..scale.repetitions {
        let [mut we, mut they_shared, mut they_own] = [const { Vec::new() }; 3];
        for change in 0..scale.changes {
            let id = format!("change-{repetition}-{change}");
            let begun = Instant::now();
            tenant.group(&id, FRANKFURT).await?;
            we.push(ours.heard(begun).await?);
            for (crowd, times, prefix) in
                [(&mut shared, &mut they_shared, SHARED), (&mut own, &mut they_own, OWN)]
            {
                let key = format!("{prefix}/{id}").into_bytes();
                let begun = Instant::now();
                kv.txn(etcd::create(key, vec![7; VALUE_BYTES])).await?;
                times.push(crowd.heard(begun).await?);
            }
        }
        let we = Spread::of(we).median;
        against_shared.push((we, Spread::of(they_shared).median));
        against_own.push((we, Spread::of(they_own).median));
    }
    let name = format!("change → 99 % of {} watchers", scale.watchers);
    let figure = |what, pairs: &[_]| Figure::compared(&name, "ms", Better::Less, what, pairs);
    Ok(vec![
        figure("etcd, watches share streams", &against_shared),
        figure("etcd, a stream each", &against_own),
    ])
}

/// Prefixes of the keys that the two crowds at etcd watch.
const SHARED: &str = "shared";
const OWN: &str = "own";
/// About what a group takes.
const VALUE_BYTES: usize = 300;

/// Many watchers of the same change.
struct Crowd {
    size: usize,
    heard: UnboundedReceiver<Instant>,
    /// Ends them with the crowd.
    _watching: JoinSet<()>,
}

impl Crowd {
    /// Each of these streams stands for some watchers; `delivers` says whether an answer is news for one of them.
    fn of<T: Send + 'static>(
        size: usize,
        streams: Vec<Streaming<T>>,
        delivers: fn(&T) -> bool,
    ) -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        let mut watching = JoinSet::new();
        for stream in streams {
            watching.spawn(listen(stream, delivers, tell.clone()));
        }
        Self { size, heard, _watching: watching }
    }

    /// Waits until all have it; milliseconds until 99 of 100 had.
    async fn heard(&mut self, begun: Instant) -> Result<f64> {
        let mut times = Vec::with_capacity(self.size);
        for _ in 0..self.size {
            let next = timeout(PATIENCE, self.heard.recv()).await;
            let at = next.context("a watcher was not told")?.context("every watch ended")?;
            times.push(at.saturating_duration_since(begun).as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[(self.size * 99).div_ceil(100) - 1])
    }
}

async fn listen<T>(
    mut stream: Streaming<T>,
    delivers: fn(&T) -> bool,
    tell: UnboundedSender<Instant>,
) {
    // A watch that ends is missed by the next change.
    while let Ok(Some(answer)) = stream.message().await {
        if delivers(&answer) && tell.send(Instant::now()).is_err() {
            return;
        }
    }
}

/// A stream for each watcher, past its snapshot.
async fn registry_crowd(
    installation: &Installation,
    parent: &str,
    watchers: usize,
) -> Result<Crowd> {
    let apis = installation.apis("registry", CONNECTIONS)?;
    let open = |index: usize| {
        let mut client = apis[index % CONNECTIONS].registry.clone();
        let request = WatchRequest {
            parent: parent.to_owned(),
            types: vec![ResourceType::AppConnectorGroup.into()],
            ..WatchRequest::default()
        };
        async move {
            let mut stream = client.watch(request).await?.into_inner();
            loop {
                let answer = stream.message().await?.context("a watch ended in its snapshot")?;
                if answer.phase() == WatchPhase::SnapshotEnd {
                    return anyhow::Ok(stream);
                }
            }
        }
    };
    let streams = stream::iter(0..watchers).map(open).buffer_unordered(OPENING);
    let delivers = |answer: &WatchResponse| !answer.events.is_empty();
    Ok(Crowd::of(watchers, streams.try_collect().await?, delivers))
}

/// Watches of everything below a prefix: on one stream for each connection ([`SHARED`]), or on one each ([`OWN`]).
async fn etcd_crowd(
    installation: &Installation,
    etcd: &Etcd,
    watchers: usize,
    prefix: &'static str,
) -> Result<Crowd> {
    let connections = (0..CONNECTIONS).map(|_| etcd.connection(installation));
    let connections = connections.collect::<Result<Vec<_>>>()?;
    let count = if prefix == SHARED { CONNECTIONS } else { watchers };
    let open = |index: usize| {
        // The remainder goes to the first ones.
        let watches = watchers / count + usize::from(index < watchers % count);
        etcd_stream(connections[index % CONNECTIONS].clone(), watches, prefix)
    };
    let streams = stream::iter(0..count).map(open).buffer_unordered(OPENING);
    let delivers = |answer: &wire::WatchResponse| !answer.events.is_empty();
    Ok(Crowd::of(watchers, streams.try_collect().await?, delivers))
}

/// One stream with so many watches, each of which the server has confirmed.
async fn etcd_stream(
    connection: Channel,
    watches: usize,
    prefix: &str,
) -> Result<Streaming<wire::WatchResponse>> {
    use wire::watch_request::RequestUnion;
    let create = wire::WatchCreateRequest {
        key: format!("{prefix}/").into_bytes().into(),
        // The first key after all that begin with it: the byte after `/`.
        range_end: format!("{prefix}0").into_bytes().into(),
    };
    let request = wire::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let requests = stream::iter(vec![request; watches]).chain(stream::pending());
    let mut client = wire::watch_client::WatchClient::new(connection);
    let mut stream = client.watch(requests).await?.into_inner();
    for _ in 0..watches {
        let answer = stream.message().await?.context("a watch ended at once")?;
        ensure!(answer.created && !answer.canceled, "a watch was not made: {answer:?}");
    }
    Ok(stream)
}
