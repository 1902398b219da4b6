//! Provisioning: keys that are made, changed, deleted and joined with, through seven kills.
//!
//! Always holds: a use is one enrolment and one connector: in the count, in the ledger, in the watch, and at registry.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use futures::StreamExt as _;
use proto::{
    provisioning::v1::{
        CreateProvisioningKeyRequest, DeleteProvisioningKeyRequest, EnrollRequest, Enrolment,
        Event, GetProvisioningKeyRequest, ListEnrolmentsRequest, ListProvisioningKeysRequest,
        ProvisioningKey, ResourceType, UpdateProvisioningKeyRequest, WatchRequest, WatchResponse,
        enrolment::State, enrolment_service_client::EnrolmentServiceClient, event::Resource,
        provisioning_service_client::ProvisioningServiceClient,
    },
    registry::v1::{ListAppConnectorsRequest, registry_service_client::RegistryServiceClient},
    r#type::v1::ChangeType,
};
use rand::{Rng as _, rngs::StdRng};
use rcgen::{CertificateParams, KeyPair};
use rpc::{
    Failure, Kind,
    client::Channel,
    watch::{Batch, Batches, Source},
};
use testkit::{FRANKFURT, System, Tenant, Wire};
use tonic::Status;

use super::{
    ROUNDS,
    board::{Known, Shown},
    object::{Action, Object, Objects, Tag, Version},
    storm::{Ask, CONNECTIONS, Newcomer, OBJECTS, Storm, Subject, Told, plan},
    watching::{Commit, Sight, Witnesses, expect_every_write_once},
};

/// Of the writes to a live key, so many are joins.
const JOINS: f64 = 0.4;
/// More than the storm needs at any moment, so that it is reached only on purpose.
const QUOTA: usize = OBJECTS + 50;
/// Objects on a page: several pages, all of one revision.
const PAGE: i32 = 100;

/// Uses that write number `tag` allows: none at all, or so few that some keys are spent.
fn limit(tag: Tag) -> u32 {
    tag % 8 * 4
}

/// Keys `k0`, `k1`, …; every field of one follows from the number of its last write.
#[derive(Clone)]
struct Keys {
    provisioning: ProvisioningServiceClient<Wire>,
    registry: RegistryServiceClient<Wire>,
    door: EnrolmentServiceClient<Channel>,
    parent: String,
    group: String,
    /// Connectors that joined, with the keys they joined by, as their callers were told.
    joined: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Keys {
    fn new(system: &System, tenant: &Tenant, group: &str, of: &Joined) -> Self {
        let api = system.administrator_apart();
        Self {
            provisioning: api.provisioning,
            registry: api.registry,
            door: system.door(),
            parent: tenant.parent(),
            group: group.to_owned(),
            joined: of.clone(),
        }
    }

    fn name(&self, key: usize) -> String {
        format!("{}/provisioningKeys/k{key}", self.parent)
    }

    fn wanted(&self, key: usize, tag: Tag, etag: &str) -> ProvisioningKey {
        ProvisioningKey {
            name: self.name(key),
            display_name: format!("k{key} {tag}"),
            app_connector_group: self.group.clone(),
            max_uses: limit(tag).into(),
            labels: [("write".to_owned(), tag.to_string())].into(),
            etag: etag.to_owned(),
            ..ProvisioningKey::default()
        }
    }

    /// What an answer, a list or an event shows. Values of two writes in one key are half a write.
    fn shown(&self, found: &ProvisioningKey) -> (usize, Shown) {
        let key = number_of(&found.name);
        let tag: Tag = found.labels["write"].parse().unwrap();
        let wanted = self.wanted(key, tag, &found.etag);
        let fields = |key: &ProvisioningKey| {
            let ProvisioningKey { name, display_name, max_uses, labels, .. } = key.clone();
            (name, display_name, max_uses, labels)
        };
        assert_eq!(fields(found), fields(&wanted), "half a write");
        let uses = u32::try_from(found.use_count).unwrap();
        assert!(limit(tag) == 0 || uses <= limit(tag), "{uses} of {} uses", limit(tag));
        let version = Version { tag, deleted: found.delete_time.is_some() };
        let issued = found.issued_secret.as_ref().map(|issued| issued.secret.clone());
        let secret = issued.filter(|secret| !secret.is_empty());
        (key, Shown { version, etag: found.etag.clone(), uses, secret })
    }

    /// Every key, deleted ones too.
    async fn list(&self) -> BTreeMap<usize, Shown> {
        let mut request = ListProvisioningKeysRequest {
            parent: self.parent.clone(),
            page_size: PAGE,
            show_deleted: true,
            ..ListProvisioningKeysRequest::default()
        };
        let mut found = BTreeMap::new();
        loop {
            let page = self.provisioning.clone().list_provisioning_keys(request.clone()).await;
            let page = page.unwrap().into_inner();
            found.extend(page.provisioning_keys.iter().map(|key| self.shown(key)));
            if page.next_page_token.is_empty() {
                return found;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The ledger, by name.
    async fn ledger(&self) -> BTreeMap<String, Enrolment> {
        let mut request = ListEnrolmentsRequest {
            parent: self.parent.clone(),
            page_size: PAGE,
            ..ListEnrolmentsRequest::default()
        };
        let mut found = BTreeMap::new();
        loop {
            let page = self.provisioning.clone().list_enrolments(request.clone()).await;
            let page = page.unwrap().into_inner();
            found.extend(page.enrolments.into_iter().map(|line| (line.name.clone(), line)));
            if page.next_page_token.is_empty() {
                return found;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The connectors that registry has.
    async fn registered(&self) -> BTreeSet<String> {
        let mut request = ListAppConnectorsRequest {
            parent: self.parent.clone(),
            page_size: PAGE,
            ..ListAppConnectorsRequest::default()
        };
        let mut found = BTreeSet::new();
        loop {
            let page = self.registry.clone().list_app_connectors(request.clone()).await.unwrap();
            let page = page.into_inner();
            found.extend(page.app_connectors.into_iter().map(|connector| connector.name));
            if page.next_page_token.is_empty() {
                return found;
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn create(&self, id: &str, display_name: &str, check: bool) -> Result<(), Failure> {
        let request = CreateProvisioningKeyRequest {
            parent: self.parent.clone(),
            provisioning_key_id: id.to_owned(),
            provisioning_key: Some(ProvisioningKey {
                display_name: display_name.to_owned(),
                app_connector_group: self.group.clone(),
                ..ProvisioningKey::default()
            }),
            validate_only: check,
            ..CreateProvisioningKeyRequest::default()
        };
        let answer = self.provisioning.clone().create_provisioning_key(request).await;
        answer.map(drop).map_err(|status| Failure::from_status(&status))
    }

    async fn join(&self, key: usize, newcomer: &Newcomer) -> Result<Told, Status> {
        let Newcomer { secret, csr } = newcomer.clone();
        let request = EnrollRequest { secret, csr: csr.into(), ..EnrollRequest::default() };
        let answer = self.door.clone().enroll(request).await?.into_inner();
        let leaf = answer.certificates.is_some_and(|bundle| !bundle.certificate_chain.is_empty());
        assert!(leaf, "who joined has no certificate");
        let before = self.joined.lock().unwrap().insert(answer.app_connector.clone(), key);
        assert!(before.is_none(), "{} was given to two newcomers", answer.app_connector);
        Ok(Told::Joined)
    }
}

type Joined = Arc<Mutex<BTreeMap<String, usize>>>;

/// The number of the key with this name.
fn number_of(name: &str) -> usize {
    name.rsplit('k').next().unwrap().parse().unwrap()
}

impl Subject for Keys {
    const SERVICE: &'static str = "provisioning";

    fn choose(&self, chance: &mut StdRng, _: usize, known: Option<&Known>, tag: Tag) -> Ask {
        let live = known.filter(|known| known.versions.last().is_some_and(|(v, _)| !v.deleted));
        let secret = live.and_then(|known| known.secret.clone());
        match secret.filter(|_| chance.random_bool(JOINS)) {
            // Key pairs are not repeated with the seed. Nothing that happens depends on their values.
            Some(secret) => {
                let pair = KeyPair::generate().unwrap();
                let csr = CertificateParams::default().serialize_request(&pair).unwrap();
                let newcomer = Newcomer { secret, csr: csr.der().to_vec() };
                Ask { newcomer: Some(newcomer), ..Ask::of(chance, Action::Join, "") }
            }
            None => Ask::any_write(chance, known, tag),
        }
    }

    async fn call(&self, key: usize, ask: &Ask) -> Result<Told, Status> {
        let mut provisioning = self.provisioning.clone();
        let (name, etag, request_id) = (self.name(key), ask.etag.clone(), ask.request_id.clone());
        let answer = match ask.action {
            Action::Join => return self.join(key, ask.newcomer.as_ref().unwrap()).await,
            Action::Create { tag } => {
                let request = CreateProvisioningKeyRequest {
                    parent: self.parent.clone(),
                    provisioning_key_id: format!("k{key}"),
                    provisioning_key: Some(self.wanted(key, tag, "")),
                    request_id,
                    ..CreateProvisioningKeyRequest::default()
                };
                provisioning.create_provisioning_key(request).await
            }
            Action::Update { tag, .. } => {
                let paths = ["display_name", "max_uses", "labels"].map(str::to_owned).to_vec();
                let request = UpdateProvisioningKeyRequest {
                    provisioning_key: Some(self.wanted(key, tag, &etag)),
                    update_mask: Some(prost_types::FieldMask { paths }),
                    request_id,
                    validate_only: false,
                };
                provisioning.update_provisioning_key(request).await
            }
            Action::Delete { .. } => {
                let request = DeleteProvisioningKeyRequest {
                    name,
                    etag,
                    request_id,
                    ..DeleteProvisioningKeyRequest::default()
                };
                provisioning.delete_provisioning_key(request).await
            }
            Action::Get => {
                provisioning
                    .get_provisioning_key(GetProvisioningKeyRequest { name, read_time: None })
                    .await
            }
        }?;
        let (named, shown) = self.shown(answer.get_ref());
        assert_eq!(named, key, "the answer is about another object");
        Ok(Told::Object(shown))
    }
}

impl Source for Keys {
    type Event = Event;

    async fn open(&mut self, resume_token: String) -> Result<Batches<Event>, Status> {
        let request = WatchRequest {
            parent: self.parent.clone(),
            types: vec![ResourceType::ProvisioningKey.into(), ResourceType::Enrolment.into()],
            resume_token,
            filter: String::new(),
        };
        let stream = self.provisioning.watch(request).await?.into_inner();
        Ok(stream.map(|response| response.map(batch)).boxed())
    }
}

fn batch(response: WatchResponse) -> Batch<Event> {
    let phase = response.phase();
    let WatchResponse { events, end_of_commit, resume_token, .. } = response;
    Batch { phase, events, end_of_commit, resume_token }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provisioning_counts_each_use_once_and_keeps_each_key_whole_through_seven_kills() {
    let plan = plan::<Keys>().set("provisioning.max_keys_per_tenant", &QUOTA.to_string());
    let mut system = System::start_as_five_with(plan).await;
    let tenant = system.tenant().await;
    let group = tenant.group("g", FRANKFURT).await.unwrap().name;
    let joined = Joined::default();
    let apart = || Keys::new(&system, &tenant, &group, &joined);
    let storm = Storm::new((0..CONNECTIONS).map(|_| apart()).collect());
    let witnesses = Witnesses::call(apart).await;

    for _ in 0..ROUNDS {
        let read = storm.rage(&mut system).await;
        let listed = storm.subject().list().await;
        assert_eq!(listed, read, "a list shows what single reads show");
        expect_ledger(&storm.subject().ledger().await, &listed, &joined);
    }
    storm.history.expect_linearizable(&Objects { limit }, Object::default());

    let last = storm.write_a_last_one().await;
    let listed = storm.subject().list().await;
    let is_last = |event: &Event| match event.resource.as_ref().unwrap() {
        Resource::ProvisioningKey(key) => key.etag == last.etag,
        _ => false,
    };
    let seen = witnesses.testify(is_last).await;
    let sights = expect_uses_with_enrolments(&storm, &seen);
    expect_every_write_once(&storm.history, &sights.writes);
    let without_secrets = |(key, shown)| (key, Shown { secret: None, ..shown });
    let listed: BTreeMap<_, _> = listed.into_iter().map(without_secrets).collect();
    assert_eq!(sights.last, listed, "what watchers saw last is what a list shows");

    let registered = storm.subject().registered().await;
    let ledger = storm.subject().ledger().await;
    let of_ledger = |line: &Enrolment| line.app_connector.clone();
    let active = ledger.values().filter(|line| line.state() == State::Active).map(of_ledger);
    let unregistered: Vec<_> = active.filter(|name| !registered.contains(name)).collect();
    assert!(unregistered.is_empty(), "enrolled and not registered: {unregistered:?}");
    let known: BTreeSet<_> = ledger.values().map(of_ledger).collect();
    let unknown: Vec<_> = registered.difference(&known).collect();
    assert!(unknown.is_empty(), "registered without a use: {unknown:?}");

    expect_names_claimed(&storm, &listed).await;
    expect_counted(&storm, &listed).await;
    eprintln!("provisioning: {} joined", joined.lock().unwrap().len());
    storm.tell(seen.len());
}

/// As many lines as uses, key by key; everybody who was told that they joined is there, joined.
fn expect_ledger(
    ledger: &BTreeMap<String, Enrolment>,
    listed: &BTreeMap<usize, Shown>,
    joined: &Joined,
) {
    let mut lines: BTreeMap<usize, u32> = BTreeMap::new();
    for line in ledger.values() {
        let held = matches!(line.state(), State::Reserved | State::Active);
        assert!(held, "nobody gave up or was refused, yet {line:?}");
        *lines.entry(number_of(&line.provisioning_key)).or_default() += 1;
    }
    for (key, shown) in listed {
        let lines = lines.remove(key).unwrap_or_default();
        assert_eq!(shown.uses, lines, "uses of key {key} and its lines in the ledger");
    }
    assert!(lines.is_empty(), "uses of keys that are not there: {lines:?}");
    let of: BTreeMap<&str, &Enrolment> =
        ledger.values().map(|line| (line.app_connector.as_str(), line)).collect();
    assert_eq!(of.len(), ledger.len(), "two enrolments of one connector");
    for (connector, key) in joined.lock().unwrap().iter() {
        let line = of.get(connector.as_str());
        let line = line.unwrap_or_else(|| panic!("{connector} joined and is in no ledger"));
        let (state, by) = (line.state(), number_of(&line.provisioning_key));
        assert_eq!((state, by), (State::Active, *key), "{connector}");
    }
}

/// What the watchers saw of keys.
struct Sights {
    /// Without the uses.
    writes: Vec<Sight>,
    /// The last of each key.
    last: BTreeMap<usize, Shown>,
}

/// A use is seen in the commit that reserves its enrolment, and never without; a write changes no count.
fn expect_uses_with_enrolments(storm: &Storm<Keys>, commits: &[Commit<Event>]) -> Sights {
    let mut sights = Sights { writes: Vec::new(), last: BTreeMap::new() };
    for commit in commits {
        let mut reserved: BTreeMap<usize, u32> = BTreeMap::new();
        for event in &commit.events {
            match event.resource.as_ref().unwrap() {
                Resource::Enrolment(line) if event.r#type() == ChangeType::Added => {
                    assert_eq!(line.state(), State::Reserved, "an enrolment begins otherwise");
                    *reserved.entry(number_of(&line.provisioning_key)).or_default() += 1;
                }
                Resource::ProvisioningKey(_) | Resource::Enrolment(_) => {}
                other => panic!("nobody asked for {other:?}"),
            }
        }
        for event in &commit.events {
            let Some(Resource::ProvisioningKey(key)) = &event.resource else { continue };
            let (key, shown) = storm.subject().shown(key);
            storm.board.saw(key, &shown);
            let before = sights.last.insert(key, shown.clone());
            let added = event.r#type() == ChangeType::Added;
            let uses = before.as_ref().map_or(0, |before| before.uses);
            let more = reserved.remove(&key).unwrap_or_default();
            assert_eq!(shown.uses, uses + more, "key {key} and its newcomers in {commit:?}");
            match before.is_some_and(|before| before.version == shown.version) {
                true => assert_ne!(more, 0, "key {key} is seen without a change in {commit:?}"),
                false => sights.writes.push(Sight { key, added, shown }),
            }
        }
        assert!(reserved.is_empty(), "enrolments without a use: {reserved:?} in {commit:?}");
    }
    sights
}

/// A live key holds its display name and nothing else does.
async fn expect_names_claimed(storm: &Storm<Keys>, listed: &BTreeMap<usize, Shown>) {
    let keys = storm.subject();
    for (key, shown) in listed {
        let known = storm.board.known(*key).unwrap();
        for (version, _) in known.versions.iter().rev().take(3) {
            let name = keys.wanted(*key, version.tag, "").display_name;
            let holds = !shown.version.deleted && version.tag == shown.version.tag;
            match keys.create("another", &name, true).await {
                Ok(()) => assert!(!holds, "{name} is in use and free"),
                Err(failure) => {
                    assert_eq!(failure.reason(), "DISPLAY_NAME_TAKEN");
                    assert!(holds, "{name} is claimed by nothing that lives: {failure}");
                }
            }
        }
    }
}

/// The tenant holds as many as its quota says: so many more go in, and no more.
async fn expect_counted(storm: &Storm<Keys>, listed: &BTreeMap<usize, Shown>) {
    let keys = storm.subject();
    let live = listed.values().filter(|shown| !shown.version.deleted).count();
    for number in live..QUOTA {
        let made = keys.create(&format!("f{number}"), &format!("f{number}"), false).await;
        made.unwrap_or_else(|failure| panic!("{number} of {QUOTA} live: {failure}"));
    }
    let full = keys.create("f", "f", false).await.unwrap_err();
    assert_eq!((full.kind(), full.reason()), (Kind::ResourceExhausted, "QUOTA_EXCEEDED"));
}
