//! Registry: server groups, whose names are claimed and whose references are indexed, through seven kills.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use proto::{
    registry::v1::{
        AppConnectorGroup, CreateServerGroupRequest, DeleteAppConnectorGroupRequest,
        DeleteServerGroupRequest, Event, GetServerGroupRequest, ListServerGroupsRequest,
        ResourceType, ServerGroup, UpdateServerGroupRequest, WatchRequest, event::Resource,
        registry_service_client::RegistryServiceClient,
    },
    r#type::v1::ChangeType,
};
use rand::rngs::StdRng;
use rpc::{
    Failure, Kind,
    watch::{Batch, Batches, Source},
};
use testkit::{Api, FRANKFURT, System, Tenant, Wire};
use tonic::Status;

use super::{
    ROUNDS,
    board::{Known, Shown},
    object::{Action, Object, Objects, Tag, Version},
    storm::{Ask, CONNECTIONS, OBJECTS, Storm, Subject, Told, plan},
    watching::{Sight, Witnesses, expect_every_write_once},
};

/// App connector groups that server groups refer to: few enough that most have several referrers, and none has
/// more than a refusal names. A prime, so that the two of one server group are spread alike.
const GROUPS: u32 = 127;
/// So many referrers a refusal names.
const NAMED: usize = 20;
/// More than the storm needs at any moment, so that it is reached only on purpose.
const QUOTA: usize = OBJECTS + 400;

/// Server groups `s0`, `s1`, …; every field of one follows from the number of its last write.
#[derive(Clone)]
struct ServerGroups {
    registry: RegistryServiceClient<Wire>,
    parent: String,
}

impl ServerGroups {
    fn new(api: &Api, tenant: &Tenant) -> Self {
        Self { registry: api.registry.clone(), parent: tenant.parent() }
    }

    fn name(&self, key: usize) -> String {
        format!("{}/serverGroups/s{key}", self.parent)
    }

    fn group(&self, number: u32) -> String {
        format!("{}/appConnectorGroups/g{number}", self.parent)
    }

    fn wanted(&self, key: usize, tag: Tag, etag: &str) -> ServerGroup {
        let groups = BTreeSet::from([tag % GROUPS, (tag * 31 + 7) % GROUPS]);
        ServerGroup {
            name: self.name(key),
            display_name: format!("s{key} {tag}"),
            description: tag.to_string(),
            app_connector_groups: groups.into_iter().map(|number| self.group(number)).collect(),
            etag: etag.to_owned(),
            ..ServerGroup::default()
        }
    }

    /// What an answer, a list or an event shows. Values of two writes in one object are half a write.
    fn shown(&self, found: &ServerGroup) -> (usize, Shown) {
        let id = found.name.rsplit('s').next().unwrap();
        let key = id.parse().unwrap();
        let tag: Tag = found.description.parse().unwrap();
        let wanted = self.wanted(key, tag, &found.etag);
        let fields = |group: &ServerGroup| {
            let ServerGroup { name, display_name, description, app_connector_groups, .. } =
                group.clone();
            (name, display_name, description, app_connector_groups)
        };
        assert_eq!(fields(found), fields(&wanted), "half a write");
        let version = Version { tag, deleted: found.delete_time.is_some() };
        (key, Shown { version, etag: found.etag.clone(), uses: 0, secret: None })
    }

    /// Every server group, deleted ones too, page by page.
    async fn list(&self) -> BTreeMap<usize, Shown> {
        let mut request = ListServerGroupsRequest {
            parent: self.parent.clone(),
            page_size: 100,
            show_deleted: true,
            ..ListServerGroupsRequest::default()
        };
        let mut found = BTreeMap::new();
        loop {
            let page = self.registry.clone().list_server_groups(request.clone()).await.unwrap();
            let page = page.into_inner();
            found.extend(page.server_groups.iter().map(|group| self.shown(group)));
            if page.next_page_token.is_empty() {
                return found;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Whether a server group could be made with this display name, and under which fresh id.
    async fn create(
        &self,
        id: &str,
        display_name: &str,
        validate_only: bool,
    ) -> Result<(), Failure> {
        let request = CreateServerGroupRequest {
            parent: self.parent.clone(),
            server_group_id: id.to_owned(),
            server_group: Some(ServerGroup {
                display_name: display_name.to_owned(),
                ..ServerGroup::default()
            }),
            validate_only,
            ..CreateServerGroupRequest::default()
        };
        let answer = self.registry.clone().create_server_group(request).await;
        answer.map(drop).map_err(|status| Failure::from_status(&status))
    }
}

impl Subject for ServerGroups {
    const SERVICE: &'static str = "registry";

    fn choose(&self, chance: &mut StdRng, _: usize, known: Option<&Known>, tag: Tag) -> Ask {
        Ask::any_write(chance, known, tag)
    }

    async fn call(&self, key: usize, ask: &Ask) -> Result<Told, Status> {
        let mut registry = self.registry.clone();
        let request_id = ask.request_id.clone();
        let answer = match ask.action {
            Action::Create { tag } => {
                let request = CreateServerGroupRequest {
                    parent: self.parent.clone(),
                    server_group_id: format!("s{key}"),
                    server_group: Some(self.wanted(key, tag, "")),
                    request_id,
                    validate_only: false,
                };
                registry.create_server_group(request).await
            }
            Action::Update { tag, .. } => {
                let request = UpdateServerGroupRequest {
                    server_group: Some(self.wanted(key, tag, &ask.etag)),
                    request_id,
                    ..UpdateServerGroupRequest::default()
                };
                registry.update_server_group(request).await
            }
            Action::Delete { .. } => {
                let (name, etag) = (self.name(key), ask.etag.clone());
                let request =
                    DeleteServerGroupRequest { name, etag, request_id, validate_only: false };
                registry.delete_server_group(request).await
            }
            Action::Get | Action::Join => {
                registry
                    .get_server_group(GetServerGroupRequest {
                        name: self.name(key),
                        read_time: None,
                    })
                    .await
            }
        }?;
        let (named, shown) = self.shown(answer.get_ref());
        assert_eq!(named, key, "the answer is about another object");
        Ok(Told::Object(shown))
    }
}

impl Source for ServerGroups {
    type Event = Event;

    async fn open(&mut self, resume_token: String) -> Result<Batches<Event>, Status> {
        let request = WatchRequest {
            parent: self.parent.clone(),
            types: vec![ResourceType::ServerGroup.into()],
            resume_token,
            filter: String::new(),
            follower: String::new(),
        };
        let stream = self.registry.watch(request).await?.into_inner();
        Ok(stream.map(|response| response.map(batch)).boxed())
    }
}

fn batch(response: proto::registry::v1::WatchResponse) -> Batch<Event> {
    let phase = response.phase();
    let proto::registry::v1::WatchResponse { events, end_of_commit, resume_token, .. } = response;
    Batch { phase, events, end_of_commit, resume_token }
}

fn server_group(event: &Event) -> &ServerGroup {
    match event.resource.as_ref().unwrap() {
        Resource::ServerGroup(group) => group,
        other => panic!("a watch of server groups shows {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registry_keeps_each_acknowledged_object_whole_through_seven_kills() {
    let plan = plan::<ServerGroups>().set("registry.quotas.server_groups", &QUOTA.to_string());
    let mut system = System::start_as_five_with(plan).await;
    let tenant = system.tenant().await;
    let mut groups: Vec<AppConnectorGroup> = Vec::new();
    for number in 0..GROUPS {
        groups.push(tenant.group(&format!("g{number}"), FRANKFURT).await.unwrap());
    }
    let apart = || ServerGroups::new(&system.administrator_apart(), &tenant);
    let storm = Storm::new((0..CONNECTIONS).map(|_| apart()).collect());
    let witnesses = Witnesses::call(apart).await;

    for _ in 0..ROUNDS {
        let read = storm.rage(&mut system).await;
        assert_eq!(storm.subject().list().await, read, "a list shows what single reads show");
    }
    storm.history.expect_linearizable(&Objects { limit: |_| 0 }, Object::default());

    let last = storm.write_a_last_one().await;
    let listed = storm.subject().list().await;
    let seen = witnesses.testify(|event| server_group(event).etag == last.etag).await;
    let events = seen.iter().flat_map(|commit| &commit.events);
    let sights: Vec<Sight> = events.map(|event| sight(&storm, event)).collect();
    expect_every_write_once(&storm.history, &sights);
    let at_the_end: BTreeMap<usize, Shown> =
        sights.into_iter().map(|sight| (sight.key, sight.shown)).collect();
    assert_eq!(at_the_end, listed, "what watchers saw last is what a list shows");

    expect_names_claimed(&storm, &listed).await;
    expect_references(&storm, &tenant, &listed).await;
    expect_counted(&storm, &listed).await;
    storm.tell(seen.len());
}

fn sight(storm: &Storm<ServerGroups>, event: &Event) -> Sight {
    let (key, shown) = storm.subject().shown(server_group(event));
    storm.board.saw(key, &shown);
    Sight { key, added: event.r#type() == ChangeType::Added, shown }
}

/// A live object holds its display name and nothing else does: no claim without its object, no object without its claim.
async fn expect_names_claimed(storm: &Storm<ServerGroups>, listed: &BTreeMap<usize, Shown>) {
    let registry = storm.subject();
    for (key, shown) in listed {
        let known = storm.board.known(*key).unwrap();
        for (version, _) in known.versions.iter().rev().take(3) {
            let name = registry.wanted(*key, version.tag, "").display_name;
            let holds = !shown.version.deleted && version.tag == shown.version.tag;
            match registry.create("another", &name, true).await {
                Ok(()) => assert!(!holds, "{name} is in use and free"),
                Err(failure) => {
                    assert_eq!(failure.reason(), "DISPLAY_NAME_TAKEN");
                    assert!(holds, "{name} is claimed by nothing that lives: {failure}");
                }
            }
        }
    }
}

/// A group cannot go exactly while a live object refers to it, and each that does is named.
async fn expect_references(
    storm: &Storm<ServerGroups>,
    tenant: &Tenant,
    listed: &BTreeMap<usize, Shown>,
) {
    let subject = storm.subject();
    for number in 0..GROUPS {
        let group = subject.group(number);
        let refers = |(key, shown): (&usize, &Shown)| {
            let wanted = subject.wanted(*key, shown.version.tag, "");
            let live = !shown.version.deleted;
            (live && wanted.app_connector_groups.contains(&group)).then_some(wanted.name)
        };
        let referring: BTreeSet<String> = listed.iter().filter_map(refers).collect();
        let request = DeleteAppConnectorGroupRequest {
            name: group.clone(),
            validate_only: true,
            ..DeleteAppConnectorGroupRequest::default()
        };
        let answer = tenant.api.registry.clone().delete_app_connector_group(request).await;
        let named: BTreeSet<String> = match answer {
            Ok(_) => BTreeSet::new(),
            Err(status) => {
                let failure = Failure::from_status(&status);
                assert_eq!(failure.reason(), "REFERENCED", "{failure}");
                failure.preconditions().iter().map(|one| one.subject.clone()).collect()
            }
        };
        let first: BTreeSet<String> = referring.into_iter().take(NAMED).collect();
        assert_eq!(named, first, "what refers to {group}");
    }
}

/// The tenant holds as many as its quota says: so many more go in, and no more.
async fn expect_counted(storm: &Storm<ServerGroups>, listed: &BTreeMap<usize, Shown>) {
    let registry = storm.subject();
    let live = listed.values().filter(|shown| !shown.version.deleted).count();
    for number in live..QUOTA {
        let made = registry.create(&format!("f{number}"), &format!("f{number}"), false).await;
        made.unwrap_or_else(|failure| panic!("{number} of {QUOTA} live: {failure}"));
    }
    let full = registry.create("f", "f", false).await.unwrap_err();
    assert_eq!((full.kind(), full.reason()), (Kind::ResourceExhausted, "QUOTA_EXCEEDED"));
}
