//! Clients that ask and do not read.
//!
//! Always holds: their connections stay open, with all that was asked on the way; between them and the server stands a
//! forwarder that stops taking what the server sends, as a host does that hangs.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use proto::registry::v1::{
    AppConnectorGroup, CreateAppConnectorGroupRequest, ListAppConnectorGroupsRequest, WatchRequest,
    WatchResponse, registry_service_client::RegistryServiceClient,
};
use rpc::client::Channel;
use testkit::{Api, FRANKFURT, PATIENCE, System};
use tokio::{
    io::copy,
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Streaming};

use super::handshakes::bytes_of;

/// Hanging hosts, each with a connection.
const HANGING: usize = 4;
/// Watches and lists that each of them asks for and does not read.
const WATCHES: usize = 10;
const LISTS: usize = 5;
/// Objects, each of about 15 KB: a list of all is 1 MB.
const OBJECTS: usize = 70;
const LABELS: usize = 60;
/// Writes that are timed before and after.
const WRITES: usize = 60;
/// What one stream that nobody reads may hold: a page of the store and the message made of it, all 1 MB here, and as much
/// again for what the writes add.
const MOST_BYTES_A_STREAM: usize = 8 << 20;
/// What more may be held after more is written. Kept for each watch, the timed writes would be 36 MB.
const MOST_BYTES_AFTER_WRITES: usize = 18 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_hang_slow_nobody_and_cost_a_bounded_memory() {
    let system = System::start_as_five().await;
    let process = system.process_id("registry");
    let tenant = system.tenant().await;
    let api = system.administrator();
    let made = stream::iter(0..OBJECTS).map(|nth| create(&api, "fill", nth));
    made.buffer_unordered(16).collect::<Vec<_>>().await;
    let mut healthy = watch(&api.registry, &tenant.parent()).await;
    let before = timed_writes(&api, "before", &mut healthy).await;
    let bytes = bytes_of(process);

    let mut hanging = Vec::new();
    for _ in 0..HANGING {
        hanging.push(Hanging::ask(&system).await);
    }
    let during = timed_writes(&api, "during", &mut healthy).await;
    assert!(hanging.iter().all(Hanging::goes_on), "somebody was answered: nothing was tried");
    let held = bytes_of(process);
    let after = timed_writes(&api, "after", &mut healthy).await;
    let now = bytes_of(process);
    let mib = [bytes, held, now].map(|bytes| bytes >> 20);
    println!("median write {before:?}, {during:?}, {after:?}; resident MiB {mib:?}");
    // Far from what a busy machine does to a median, and from what waiting for a hanging reader would.
    let patience = before * 5 + Duration::from_millis(100);
    assert!(after < patience, "{before:?} grew to {after:?}");
    let streams = HANGING * (WATCHES + LISTS);
    assert!(held < bytes + streams * MOST_BYTES_A_STREAM, "{bytes} bytes grew to {held}");
    assert!(now < held + MOST_BYTES_AFTER_WRITES, "{held} bytes grew to {now} with the writes");
}

/// A host that has asked and hangs.
struct Hanging {
    _forwarder: AbortOnDropHandle<()>,
    asking: Vec<AbortOnDropHandle<()>>,
}

impl Hanging {
    async fn ask(system: &System) -> Self {
        let port = system.endpoint("registry").rsplit(':').next().unwrap().parse().unwrap();
        let (own, hang, forwarder) = forward(port).await;
        let channel = system.channel(&format!("https://localhost:{own}"), None);
        let token = system.administrator_token().to_owned();
        let asked = list(&channel, &token, "tenants/absent").await;
        asked.expect_err("the way is open as far as the server");
        hang.notify_one();
        let mut asking = Vec::new();
        for _ in 0..WATCHES {
            let (channel, token) = (channel.clone(), token.clone());
            let asked = async move {
                let request = with_token(&token, watch_of("tenants/acme"));
                let mut client = RegistryServiceClient::new(channel);
                if let Ok(answer) = client.watch(request).await {
                    answer.into_inner().message().await.ok();
                }
            };
            asking.push(AbortOnDropHandle::new(tokio::spawn(asked)));
        }
        for _ in 0..LISTS {
            let (channel, token) = (channel.clone(), token.clone());
            let asked = async move {
                list(&channel, &token, "tenants/acme").await.ok();
            };
            asking.push(AbortOnDropHandle::new(tokio::spawn(asked)));
        }
        Self { _forwarder: forwarder, asking }
    }

    fn goes_on(&self) -> bool {
        self.asking.iter().all(|asked| !asked.is_finished())
    }
}

/// Forwards to a port; from when it is told, nothing comes back.
async fn forward(port: u16) -> (u16, Arc<Notify>, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let hang = Arc::new(Notify::new());
    let hangs = hang.clone();
    let forwarding = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let back = async {
            tokio::select! {
                _ = copy(&mut from_server, &mut to_client) => {}
                () = hangs.notified() => std::future::pending().await,
            }
        };
        tokio::join!(copy(&mut from_client, &mut to_server), back).0.ok();
    });
    (own, hang, AbortOnDropHandle::new(forwarding))
}

/// The median time of a write, each of which the healthy watcher must see.
async fn timed_writes(api: &Api, prefix: &str, healthy: &mut Streaming<WatchResponse>) -> Duration {
    let mut took = Vec::new();
    for nth in 0..WRITES {
        let start = Instant::now();
        let name = create(api, prefix, nth).await;
        took.push(start.elapsed());
        let seen = async {
            loop {
                let response = healthy.message().await.unwrap().expect("the watch goes on");
                if format!("{response:?}").contains(&name) {
                    break;
                }
            }
        };
        timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{name} is not seen"));
    }
    took.sort();
    took[WRITES / 2]
}

async fn create(api: &Api, prefix: &str, nth: usize) -> String {
    let id = format!("{prefix}-{nth}");
    let labels: BTreeMap<_, _> =
        (0..LABELS).map(|nth| (format!("label-{nth}"), "x".repeat(250))).collect();
    let group = AppConnectorGroup {
        display_name: id.clone(),
        location: Some(FRANKFURT.location()),
        labels,
        ..AppConnectorGroup::default()
    };
    let request = CreateAppConnectorGroupRequest {
        parent: "tenants/acme".to_owned(),
        app_connector_group_id: id,
        app_connector_group: Some(group),
        ..CreateAppConnectorGroupRequest::default()
    };
    api.registry.clone().create_app_connector_group(request).await.unwrap().into_inner().name
}

async fn watch(
    client: &RegistryServiceClient<testkit::Wire>,
    parent: &str,
) -> Streaming<WatchResponse> {
    client.clone().watch(watch_of(parent)).await.unwrap().into_inner()
}

fn watch_of(parent: &str) -> WatchRequest {
    WatchRequest { parent: parent.to_owned(), ..WatchRequest::default() }
}

async fn list(channel: &Channel, token: &str, parent: &str) -> Result<(), tonic::Status> {
    let request = ListAppConnectorGroupsRequest {
        parent: parent.to_owned(),
        page_size: 1000,
        ..ListAppConnectorGroupsRequest::default()
    };
    let mut request = with_token(token, request);
    request.set_timeout(PATIENCE * 10);
    let mut client = RegistryServiceClient::new(channel.clone());
    client.list_app_connector_groups(request).await.map(drop)
}

fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().expect("a token is plain text");
    request.metadata_mut().insert("authorization", bearer);
    request
}
