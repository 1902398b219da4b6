//! What registry deletes, over a real store that cannot be read for a while.

use std::{collections::VecDeque, future::Future, time::Duration};

use ::store::{At, Commit, Key, Store, StoreConfig};
use futures::StreamExt as _;
use prost::bytes::Bytes;
use proto::r#type::v1::WatchPhase;
use resource::history::{History, HistoryLimits};
use rpc::{
    access::Principal,
    client::{ClientConfig, connect},
    peer::PeerIdentity,
    revocation::DenyList,
    watch::{Batch, Batches},
};
use runtime::{
    Clock,
    follow::{FollowMetrics, Followers},
    health::Health,
    identity::{SystemPki, client_tls},
    metrics::Registry as Metrics,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use super::*;
use crate::{
    clients::Registry,
    domain::{key::tests::key, secret::SecretHash},
    service::{keys::JoinFacts, tenants::Tenants},
    store::{Author, CreateKey, NewKey},
};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);
/// Most live keys of a tenant.
const QUOTA: u64 = 10;

/// Plays these streams, one after the other; each stays open.
struct Streams(VecDeque<Vec<Batch<Told>>>);

impl Source for Streams {
    type Event = Told;

    async fn open(&mut self, _: String) -> Result<Batches<Told>, Status> {
        let batches = self.0.pop_front().unwrap_or_default();
        let stream = futures::stream::iter(batches.into_iter().map(Ok));
        Ok(stream.chain(futures::stream::pending()).boxed())
    }
}

/// Provisioning's part of a process, with one key.
struct Ground {
    _directory: TempDir,
    store: Store,
    rows: Rows,
    keys: Arc<Keys>,
    denied: DenyList,
    metrics: Metrics,
    counted: FollowMetrics,
    health: Health,
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

async fn ground() -> Ground {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(directory.path().join("store")), now).await.unwrap();
    let rows = Rows::new(store.clone());
    let history = History::open(store.clone(), HistoryLimits::default(), now()).await.unwrap();
    let (key, secret, tenant) = (key(), SecretHash([1; 32]), Uuid::from_u128(5));
    rows.keep_tenant_uid(&key.name.tenant(), tenant, now()).await.unwrap();
    let by = Principal::worker("test", "", "");
    let author = Author { history: &history, by: &by, tenant };
    let made = CreateKey { key: &key, secret, quota: QUOTA, request: None, author, now: now() };
    let made = rows.create_key(made).await.unwrap();
    assert!(matches!(made, Ok(NewKey::Made(_))), "{made:?}");
    let domain = names::TrustDomain::parse("causeway.test").unwrap();
    let pki = SystemPki::init(&directory.path().join("pki"), &domain, &[], now()).unwrap();
    let trust = pki.bundles(&pki.identity("provisioning").unwrap()).unwrap();
    let tls = client_tls(None, trust, &Clock::system()).unwrap();
    // Nobody listens there, and nobody is asked.
    let registry = Registry::new(connect(&ClientConfig::new("https://localhost:1", tls)).unwrap());
    let join = JoinFacts { endpoint: String::new(), root_pin: [0; 32] };
    let tenants = Tenants { rows: rows.clone(), registry: registry.clone() };
    let keys = Keys { rows: rows.clone(), history, registry, tenants, join, quota: QUOTA };
    let keys = Arc::new(keys);
    let (denied, metrics, health) = (DenyList::new(), Metrics::new(), Health::new());
    let counted = FollowMetrics::register(&metrics);
    Ground { _directory: directory, store, rows, keys, denied, metrics, counted, health }
}

impl Ground {
    /// Follows these streams while the story is told.
    async fn while_following(
        &self,
        streams: impl IntoIterator<Item = Vec<Batch<Told>>>,
        story: impl Future<Output = ()>,
    ) {
        let health = self.health.service("provisioning", &[]);
        let stop = CancellationToken::new();
        let followers = Followers::new(health, Clock::system(), self.counted.clone(), stop);
        let sink = FollowRegistry {
            keys: self.keys.clone(),
            revoking: Revoking { rows: self.rows.clone() },
            rows: self.rows.clone(),
            denied: self.denied.voice("provisioning/registry"),
            followed: self.rows.followed(REGISTRY).await.unwrap().unwrap_or_default(),
        };
        let source = Streams(streams.into_iter().collect());
        let sibling = followers.sibling(REGISTRY);
        tokio::select! {
            () = sibling.follow(source, sink, None) => unreachable!("nobody stops it"),
            () = story => {}
        }
    }

    async fn is_deleted(&self) -> bool {
        let found = self.rows.key(&key().name, At::Published).await.unwrap().unwrap();
        found.key.value.deleted.is_some()
    }

    async fn put(&self, at: &Key, value: Bytes) {
        self.store.commit(Commit::new(now()).put(at.clone(), value)).await.unwrap();
    }
}

/// Looks until the condition holds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let mut looks = tokio::time::interval(LOOK);
    let looking = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn group(is_deleted: bool) -> Told {
    Told { subject: Subject::Group(key().spec.group), is_deleted }
}

fn peer_name() -> AppConnectorName {
    "tenants/acme/appConnectors/c".parse().unwrap()
}

fn connector(is_deleted: bool) -> Told {
    Told { subject: Subject::Connector(peer_name()), is_deleted }
}

/// A certificate of the connector.
fn peer() -> PeerIdentity {
    let domain = names::TrustDomain::parse("causeway.test").unwrap();
    PeerIdentity {
        spiffe: names::SpiffeId::app_connector(domain, peer_name()),
        serial: vec![1],
        not_after: Timestamp::MAX,
        public_key_sha256: [0; 32],
    }
}

fn snapshot(all: Vec<Told>, token: &str) -> Vec<Batch<Told>> {
    let batch = |phase, events, resume_token: &str| {
        let resume_token = resume_token.to_owned();
        Batch { phase, events, end_of_commit: false, resume_token }
    };
    vec![batch(WatchPhase::Snapshot, all, ""), batch(WatchPhase::SnapshotEnd, Vec::new(), token)]
}

fn commit(events: Vec<Told>, token: &str) -> Batch<Told> {
    let (phase, resume_token) = (WatchPhase::Changes, token.to_owned());
    Batch { phase, events, end_of_commit: true, resume_token }
}

#[tokio::test]
async fn a_group_that_is_deleted_while_the_store_cannot_be_read_takes_its_keys_with_it_all_the_same()
 {
    let ground = ground().await;
    // The key's row, by the first tag of all.
    let row = Key::builder(1).text("acme").text("k").finish();
    let whole = ground.store.get(&row, At::Published).await.unwrap().unwrap().value;
    ground.put(&row, Bytes::from_static(b"{}")).await;
    let mut first = snapshot(vec![group(false)], "t1");
    first.push(commit(vec![group(true)], "t2"));
    // What registry answers who begins anew: the group is deleted, and its row is there until it is purged.
    let later = (0..20).map(|_| snapshot(vec![group(true)], "t2"));
    let story = async {
        until("an attempt fails", || async {
            ground.metrics.encode().contains("follower_failed_applies_total{")
        })
        .await;
        ground.put(&row, whole).await;
        until("the key is deleted", || ground.is_deleted()).await;
    };
    ground.while_following(std::iter::once(first).chain(later), story).await;
}

#[tokio::test]
async fn one_key_that_cannot_be_read_does_not_keep_connectors_from_being_refused() {
    let ground = ground().await;
    let row = Key::builder(1).text("acme").text("k").finish();
    ground.put(&row, Bytes::from_static(b"{}")).await;
    let all = || snapshot(vec![group(true), connector(true)], "t1");
    let refused = || async { ground.denied.denies(&peer()) };
    ground.while_following([all(), all()], until("it is refused", refused)).await;
}

#[tokio::test]
async fn an_undeleted_connector_is_let_in_again_by_registrys_voice_alone() {
    let ground = ground().await;
    let mut stream = snapshot(vec![connector(true)], "t1");
    let refused = || async { ground.denied.denies(&peer()) };
    ground.while_following([stream.clone()], until("it is refused", refused)).await;
    stream.push(commit(vec![connector(false)], "t2"));
    let let_in = || async { !ground.denied.denies(&peer()) };
    ground.while_following([stream.clone()], until("it is let in", let_in)).await;
    ground.denied.voice("provisioning").deny_name(peer_name());
    let mut stream = snapshot(vec![connector(true)], "t1");
    stream.push(commit(vec![connector(false), group(true)], "t2"));
    ground.while_following([stream], until("the commit is applied", || ground.is_deleted())).await;
    assert!(ground.denied.denies(&peer()), "another voice denies it");
}

#[tokio::test]
async fn what_a_restored_registry_names_as_deleted_is_carried_out_only_when_it_is_accepted() {
    let ground = ground().await;
    let token = |epoch: u8| {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode([epoch; 24])
    };
    let known = || async { ground.rows.followed(REGISTRY).await.unwrap() == Some(token(1)) };
    let stream = snapshot(vec![group(false)], &token(1));
    ground.while_following([stream], until("its life is kept", known)).await;
    // A new process, with a registry that was restored meanwhile.
    let refused =
        || async { ground.health.is_serving("provisioning/registry/snapshot") == Some(false) };
    let stream = snapshot(vec![group(true)], &token(2));
    ground.while_following([stream], until("it is refused", refused)).await;
    assert!(!ground.is_deleted().await);
    assert_eq!(ground.rows.followed(REGISTRY).await.unwrap(), Some(token(1)));
}
