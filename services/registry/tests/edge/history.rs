//! Who changed what, and what objects were: held against a plain model that keeps everything.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use proto::{registry::v1::*, r#type::v1::*};
use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};
use rpc::Kind;
use runtime::{Clock, ManualClock};

use crate::ground::{ACME, Registry, group_request, mask, refusal};

/// Steps of the random test: some hundred objects' lives in a few seconds.
const STEPS: usize = 150;
/// Ids in play; few, so that they come back.
const IDS: [&str; 5] = ["a", "b", "b-1", "bb", "c"];

fn at(time: Timestamp) -> Option<prost_types::Timestamp> {
    Some(rpc::time::to_proto(time))
}

fn time(of: &Option<prost_types::Timestamp>) -> Timestamp {
    let of = of.unwrap();
    Timestamp::new(of.seconds, of.nanos).unwrap()
}

fn name(id: &str) -> String {
    format!("{ACME}/appConnectorGroups/{id}")
}

/// The states of one id, each with when it began; `None` after a purge.
#[derive(Clone, Default)]
struct Kept(BTreeMap<&'static str, Vec<(Timestamp, Option<AppConnectorGroup>)>>);

impl Kept {
    fn note(&mut self, id: &'static str, group: AppConnectorGroup) {
        let began = time(&group.update_time);
        self.0.entry(id).or_default().push((began, Some(group)));
    }

    fn now(&self, id: &str) -> Option<&AppConnectorGroup> {
        self.0.get(id)?.last()?.1.as_ref()
    }

    fn was(&self, id: &str, when: Timestamp) -> Option<&AppConnectorGroup> {
        // Of one object the times rise; of an id that was purged and taken again they may not, so the last that began counts.
        let states = self.0.get(id)?.iter().rev();
        states.clone().find(|(began, _)| *began <= when)?.1.as_ref()
    }
}

struct Play {
    registry: Registry,
    clock: ManualClock,
    chance: StdRng,
    kept: Kept,
    /// Pages of the past that were read.
    compared: usize,
}

impl Play {
    async fn step(&mut self) {
        self.clock.advance(Duration::from_secs(self.chance.random_range(6..1_200)));
        let id = *IDS.choose(&mut self.chance).unwrap();
        let mut root = self.registry.root();
        let done = match self.kept.now(id) {
            None => root.create_app_connector_group(group_request(id)).await,
            Some(group) if group.delete_time.is_some() => return self.purge(id).await,
            Some(_) if self.chance.random_bool(0.3) => {
                let delete = DeleteAppConnectorGroupRequest {
                    name: name(id),
                    force: true,
                    ..DeleteAppConnectorGroupRequest::default()
                };
                root.delete_app_connector_group(delete).await
            }
            Some(_) => {
                let description = format!("d{}", self.chance.random::<u32>());
                let group = AppConnectorGroup {
                    name: name(id),
                    description,
                    ..AppConnectorGroup::default()
                };
                let update = UpdateAppConnectorGroupRequest {
                    app_connector_group: Some(group),
                    update_mask: mask(&["description"]),
                    ..UpdateAppConnectorGroupRequest::default()
                };
                root.update_app_connector_group(update).await
            }
        };
        self.kept.note(id, done.unwrap().into_inner());
    }

    /// A deleted group is taken for good, so that another may have its id.
    async fn purge(&mut self, id: &'static str) {
        self.clock.advance(SignedDuration::from_hours(24 * 31).unsigned_abs());
        let get = GetAppConnectorGroupRequest { name: name(id), read_time: None };
        let mut period = tokio::time::interval(Duration::from_millis(5));
        while self.registry.root().get_app_connector_group(get.clone()).await.is_ok() {
            period.tick().await;
            self.clock.advance(Duration::from_secs(60 * 60));
        }
        self.note_purged().await;
    }

    /// The worker takes every group that is due.
    async fn note_purged(&mut self) {
        let mut period = tokio::time::interval(Duration::from_millis(5));
        let now = self.registry.now();
        for id in IDS {
            let due = self.kept.now(id).and_then(|group| group.purge_time.as_ref());
            if due.is_some_and(|due| time(&Some(*due)) <= now) {
                let get = GetAppConnectorGroupRequest { name: name(id), read_time: None };
                while self.registry.root().get_app_connector_group(get.clone()).await.is_ok() {
                    period.tick().await;
                }
                self.kept.0.get_mut(id).unwrap().push((now, None));
            }
        }
    }

    /// Some writes are lost with the store, which goes on from its backup. Objects are remembered from there on; who wrote
    /// what before is still told.
    async fn restore(&mut self) {
        let (backup, kept) = (self.registry.backup().await, self.kept.clone());
        let taken = self.registry.now();
        for _ in 0..3 {
            self.step().await;
        }
        self.registry.restore(&backup).await;
        self.kept = kept;
        self.note_purged().await;
        self.note_etags().await;
        let before = self.registry.now().checked_sub(SignedDuration::from_hours(1)).unwrap();
        let get = GetAppConnectorGroupRequest { name: name("a"), read_time: at(before) };
        let refused = refusal(self.registry.root().get_app_connector_group(get).await);
        assert_eq!(refused.1, "READ_TIME_TOO_OLD", "what was lost may have stood then");
        let events = ListAuditEventsRequest { parent: ACME.to_owned(), ..Default::default() };
        let events = self.registry.root().list_audit_events(events).await.unwrap().into_inner();
        let lost = taken..self.registry.now();
        let times: Vec<_> = events.audit_events.iter().map(|it| time(&it.event_time)).collect();
        assert!(!times.iter().any(|time| *time > taken && lost.contains(time)), "{times:?}");
    }

    /// A restored store has versions of its own.
    async fn note_etags(&mut self) {
        for id in IDS {
            let Some(group) = self.kept.now(id).cloned() else { continue };
            let get = GetAppConnectorGroupRequest { name: name(id), read_time: None };
            let found = self.registry.root().get_app_connector_group(get).await.unwrap();
            let found = found.into_inner();
            assert_eq!(AppConnectorGroup { etag: found.etag.clone(), ..group }, found);
            self.kept.0.get_mut(id).unwrap().last_mut().unwrap().1 = Some(found);
        }
    }

    /// A time that history has, and that is past.
    fn past(&mut self) -> Timestamp {
        let now = self.registry.now();
        let back = SignedDuration::from_secs(self.chance.random_range(6..60 * 60 * 24 * 80));
        now.checked_sub(back).unwrap()
    }

    async fn compare(&mut self) {
        let when = self.past();
        let mut root = self.registry.root();
        let id = *IDS.choose(&mut self.chance).unwrap();
        let get = GetAppConnectorGroupRequest { name: name(id), read_time: at(when) };
        let expected = self.kept.was(id, when).cloned();
        match root.get_app_connector_group(get).await {
            Ok(found) => assert_eq!(Some(found.into_inner()), expected, "{id} at {when}"),
            Err(status) if status.code() == tonic::Code::OutOfRange => return,
            Err(status) => {
                assert_eq!(status.code(), tonic::Code::NotFound, "{status:?}");
                assert_eq!(expected, None, "{id} at {when}");
            }
        }
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let list = ListAppConnectorGroupsRequest {
                parent: ACME.to_owned(),
                page_size: 1,
                page_token,
                show_deleted: true,
                read_time: at(when),
                ..ListAppConnectorGroupsRequest::default()
            };
            let page = match root.list_app_connector_groups(list).await {
                Ok(page) => page.into_inner(),
                // Writes between the pages jumped over months, and what was asked about is too old by now.
                Err(status) if status.code() == tonic::Code::OutOfRange => return,
                Err(status) => panic!("{status:?}"),
            };
            self.compared += 1;
            found.extend(page.app_connector_groups);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
            // Writes go on while somebody pages through the past.
            if self.chance.random_bool(0.2) {
                self.step().await;
            }
        }
        let mut ids: Vec<_> = IDS.to_vec();
        ids.sort_unstable();
        let expected: Vec<_> =
            ids.into_iter().filter_map(|id| self.kept.was(id, when).cloned()).collect();
        assert_eq!(found, expected, "the list at {when}");
    }
}

#[tokio::test]
async fn every_get_and_list_of_the_past_is_what_a_model_that_kept_everything_says() {
    let (clock, manual) = Clock::manual(Clock::system().now());
    let registry = Registry::start_on(clock, |_| {}).await;
    registry.tenant("acme").await;
    let chance = trial::chance("history");
    let mut play = Play { registry, clock: manual, chance, kept: Kept::default(), compared: 0 };
    for step in 0..STEPS {
        play.step().await;
        play.compare().await;
        if step % 40 == 20 {
            play.registry.restart().await;
        }
        if step % 60 == 45 {
            play.restore().await;
        }
        if step % 50 == 30 {
            let back = SignedDuration::from_secs(play.chance.random_range(1..7_200));
            play.clock.set(play.registry.now().checked_sub(back).unwrap());
        }
    }
    assert!(play.compared > STEPS, "only {} pages of the past were compared", play.compared);
    play.registry.stop().await;
}

#[tokio::test]
async fn what_is_older_than_history_is_refused_with_the_oldest_time() {
    let (clock, manual) = Clock::manual(Clock::system().now());
    let mut registry = Registry::start_on(clock, |_| {}).await;
    registry.tenant("acme").await;
    registry.group("a").await;
    let began = registry.now();
    manual.advance(Duration::from_secs(60));
    registry.restart().await;
    let get = |when| GetAppConnectorGroupRequest { name: name("a"), read_time: at(when) };
    let mut root = registry.root();
    let before = began.checked_sub(SignedDuration::from_secs(1)).unwrap();
    let (kind, reason, failure) = refusal(root.get_app_connector_group(get(before)).await);
    assert_eq!((kind, reason.as_str()), (Kind::OutOfRange, "READ_TIME_TOO_OLD"));
    let oldest: Timestamp = failure.metadata_map()["oldest_read_time"].parse().unwrap();
    assert!(oldest <= began, "{oldest}");
    root.get_app_connector_group(get(oldest.max(began))).await.unwrap();
    // Ninety days later the day of creation is forgotten, and the group is not.
    manual.advance(SignedDuration::from_hours(24 * 91).unsigned_abs());
    assert_eq!(refusal(root.get_app_connector_group(get(began)).await).1, "READ_TIME_TOO_OLD");
    let yesterday = registry.now().checked_sub(SignedDuration::from_hours(24)).unwrap();
    root.get_app_connector_group(get(yesterday)).await.unwrap();
    registry.stop().await;
}

#[tokio::test]
async fn every_write_is_told_with_who_when_before_and_after() {
    let (clock, manual) = Clock::manual(Clock::system().now());
    let registry = Registry::start_on(clock, |_| {}).await;
    registry.tenant("acme").await;
    manual.advance(Duration::from_secs(10));
    registry.group("a").await;
    manual.advance(Duration::from_secs(10));
    let mut admin = registry.caller("acme-admin");
    let group = AppConnectorGroup {
        name: name("a"),
        enabled: Some(false),
        location: Some(Location { city: "Potsdam".to_owned(), ..Location::default() }),
        ..AppConnectorGroup::default()
    };
    let update = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(group),
        update_mask: mask(&["enabled", "location.city"]),
        ..UpdateAppConnectorGroupRequest::default()
    };
    let after = admin.update_app_connector_group(update).await.unwrap().into_inner();

    let list = |filter: &str, token: &str| ListAuditEventsRequest {
        parent: ACME.to_owned(),
        page_size: 1,
        page_token: token.to_owned(),
        filter: filter.to_owned(),
    };
    let mut viewer = registry.caller("acme-viewer");
    let first = viewer.list_audit_events(list("", "")).await.unwrap().into_inner();
    let event = &first.audit_events[0];
    assert_eq!((event.caller.as_str(), event.role.as_str()), ("token:acme-admin", "ADMIN"));
    assert_eq!(event.method, "causeway.registry.v1.RegistryService/UpdateAppConnectorGroup");
    assert_eq!(
        (event.resource.clone(), event.resource_uid.clone()),
        (name("a"), after.uid.clone())
    );
    assert_eq!(event.resource_type, "causeway/AppConnectorGroup");
    assert_eq!(event.event_time, after.update_time);
    assert_eq!(event.changed_paths, ["enabled", "location.city"]);
    assert!(!event.request_id.is_empty() && !event.source_address.is_empty());
    assert_eq!(AppConnectorGroup::decode(event.after.clone()).unwrap(), after);
    let before = AppConnectorGroup::decode(event.before.clone()).unwrap();
    assert_eq!((before.enabled, before.location.unwrap().city.as_str()), (Some(true), "Berlin"));

    let mut told = vec![event.method.rsplit('/').next().unwrap().to_owned()];
    let mut token = first.next_page_token;
    while !token.is_empty() {
        let page = viewer.list_audit_events(list("", &token)).await.unwrap().into_inner();
        let method = |event: &AuditEvent| event.method.rsplit('/').next().unwrap().to_owned();
        told.extend(page.audit_events.iter().map(method));
        token = page.next_page_token;
    }
    assert_eq!(told, ["UpdateAppConnectorGroup", "CreateAppConnectorGroup", "CreateTenant"]);
    let mine = list("caller = \"token:acme-admin\"", "");
    let mine = viewer.list_audit_events(mine).await.unwrap().into_inner();
    assert_eq!(mine.audit_events.len(), 1);
    let wrong = viewer.list_audit_events(list("colour = red", "")).await;
    assert_eq!(refusal(wrong).2.violations()[0].reason, "UNKNOWN_FIELD");
    registry.stop().await;
}

#[tokio::test]
async fn what_became_of_a_purged_object_is_not_shown_as_the_one_that_has_its_id_since() {
    let (clock, manual) = Clock::manual(Clock::system().now());
    let registry = Registry::start_on(clock, |_| {}).await;
    registry.tenant("acme").await;
    let old = registry.group("a").await;
    let mut root = registry.root();
    let delete = DeleteAppConnectorGroupRequest { name: name("a"), ..Default::default() };
    let with_force = DeleteAppConnectorGroupRequest { force: true, ..delete };
    root.delete_app_connector_group(with_force).await.unwrap();
    manual.advance(SignedDuration::from_hours(24 * 31).unsigned_abs());
    let get = GetAppConnectorGroupRequest { name: name("a"), read_time: None };
    let mut period = tokio::time::interval(Duration::from_millis(10));
    while root.get_app_connector_group(get.clone()).await.is_ok() {
        period.tick().await;
        manual.advance(Duration::from_secs(60 * 60));
    }
    let new = registry.group("a").await;
    let events = ListAuditEventsRequest { parent: ACME.to_owned(), ..Default::default() };
    let events = root.list_audit_events(events).await.unwrap().into_inner().audit_events;
    let of =
        |uid: &str| events.iter().filter(|event| event.resource_uid == uid).collect::<Vec<_>>();
    let (last, later) = (of(&old.uid)[0], of(&new.uid)[0]);
    assert_eq!((last.caller.as_str(), last.after.len()), ("worker:purge", 0), "{last:?}");
    assert!(later.before.is_empty() && !later.after.is_empty());
    registry.stop().await;
}

#[tokio::test]
async fn a_tenant_made_anew_never_sees_its_predecessors_past() {
    let (clock, manual) = Clock::manual(Clock::system().now());
    let registry = Registry::start_on(clock, |_| {}).await;
    registry.tenant("acme").await;
    registry.group("a").await;
    let mut root = registry.root();
    manual.advance(Duration::from_secs(60));
    let then = registry.now();
    manual.advance(Duration::from_secs(60));
    let force =
        DeleteAppConnectorGroupRequest { name: name("a"), force: true, ..Default::default() };
    root.delete_app_connector_group(force).await.unwrap();
    let delete = DeleteTenantRequest { name: ACME.to_owned(), ..Default::default() };
    let mut period = tokio::time::interval(Duration::from_millis(10));
    while root.delete_tenant(delete.clone()).await.is_err() {
        period.tick().await;
    }
    manual.advance(SignedDuration::from_hours(24 * 31).unsigned_abs());
    let get = GetTenantRequest { name: ACME.to_owned(), read_time: None };
    while root.get_tenant(get.clone()).await.is_ok() {
        period.tick().await;
        manual.advance(Duration::from_secs(60 * 60));
    }
    registry.tenant("acme").await;
    let old = GetAppConnectorGroupRequest { name: name("a"), read_time: at(then) };
    assert_eq!(refusal(root.get_app_connector_group(old).await).0, Kind::NotFound);
    let list = ListAppConnectorGroupsRequest {
        parent: ACME.to_owned(),
        read_time: at(then),
        ..Default::default()
    };
    let past = root.list_app_connector_groups(list).await.unwrap().into_inner();
    assert_eq!(past.app_connector_groups, []);
    let events = ListAuditEventsRequest { parent: ACME.to_owned(), ..Default::default() };
    let events = root.list_audit_events(events).await.unwrap().into_inner().audit_events;
    assert_eq!(events.len(), 1, "its own creation: {events:?}");
    registry.stop().await;
}
