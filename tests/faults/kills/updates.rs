//! Updates: the schedules of groups, through seven kills.
//!
//! Absent on purpose: watchers. The service's Watch is planned; when it is built, it belongs here.

use std::collections::BTreeMap;

use proto::updates::v1::{
    BatchGetUpdateSchedulesRequest, DayOfWeek, GetUpdateScheduleRequest, MaintenanceWindow,
    MaxUnavailable, UpdateSchedule, UpdateUpdateScheduleRequest, WeeklyDays,
    maintenance_window::Days, max_unavailable::Limit, updates_service_client::UpdatesServiceClient,
};
use rand::rngs::StdRng;
use testkit::{Api, FRANKFURT, System, Tenant, Wire};
use tonic::Status;

use super::{
    ROUNDS,
    board::{Known, Shown},
    object::{Action, Object, Objects, Tag, Version},
    storm::{Ask, CONNECTIONS, OBJECTS, Storm, Subject, Told, plan},
};

/// Schedules that are asked for at once: half of the most there may be.
const BATCH: usize = 500;
/// Values of `failure_threshold`; a write's number is written in these digits.
const THRESHOLDS: u32 = 1_000;

/// The schedules of groups `g0`, `g1`, …; every field of one follows from the number of its last write.
#[derive(Clone)]
struct Schedules {
    updates: UpdatesServiceClient<Wire>,
    parent: String,
}

impl Schedules {
    fn new(api: &Api, tenant: &Tenant) -> Self {
        Self { updates: api.updates.clone(), parent: tenant.parent() }
    }

    fn name(&self, key: usize) -> String {
        format!("{}/appConnectorGroups/g{key}/updateSchedule", self.parent)
    }

    fn wanted(&self, key: usize, tag: Tag, etag: &str) -> UpdateSchedule {
        let day = DayOfWeek::try_from(1 + (tag % 7) as i32).unwrap();
        let window = MaintenanceWindow {
            days: Some(Days::Weekly(WeeklyDays { days: vec![day.into()] })),
            start: format!("{:02}:{:02}", tag % 24, tag % 60),
            duration: Some(prost_types::Duration {
                seconds: 60 * i64::from(15 + tag % 600),
                nanos: 0,
            }),
        };
        let count = Limit::Count((1 + tag / THRESHOLDS) as i32);
        UpdateSchedule {
            name: self.name(key),
            enabled: Some(!tag.is_multiple_of(3)),
            windows: vec![window],
            max_unavailable: Some(MaxUnavailable { limit: Some(count) }),
            retry_limit: Some((tag % 11) as i32),
            failure_threshold: Some((1 + tag % THRESHOLDS) as i32),
            etag: etag.to_owned(),
            ..UpdateSchedule::default()
        }
    }

    /// What an answer shows. Values of two writes in one schedule are half a write.
    fn shown(&self, found: &UpdateSchedule) -> (usize, Shown) {
        let id = found.name.strip_suffix("/updateSchedule").unwrap().rsplit('g').next().unwrap();
        let key = id.parse().unwrap();
        let tag = written(found).unwrap_or_else(|| panic!("half a write: {found:?}"));
        if tag == 0 {
            assert!(found.windows_defaulted && found.update_time.is_none(), "{found:?}");
        } else {
            let fields = |schedule: &UpdateSchedule| {
                let UpdateSchedule { name, enabled, windows, retry_limit, .. } = schedule.clone();
                (name, enabled, windows, retry_limit)
            };
            assert_eq!(fields(found), fields(&self.wanted(key, tag, "")), "half a write");
        }
        let version = Version::live(tag);
        (key, Shown { version, etag: found.etag.clone(), uses: 0, secret: None })
    }

    /// Many at once.
    async fn batch(&self, keys: std::ops::Range<usize>) -> BTreeMap<usize, Shown> {
        let mut found = BTreeMap::new();
        for first in keys.clone().step_by(BATCH) {
            let names = (first..keys.end.min(first + BATCH)).map(|key| self.name(key)).collect();
            let request = BatchGetUpdateSchedulesRequest { parent: self.parent.clone(), names };
            let answer = self.updates.clone().batch_get_update_schedules(request).await.unwrap();
            let answer = answer.into_inner();
            assert!(answer.not_found.is_empty(), "schedules of groups that exist are lost");
            found.extend(answer.update_schedules.iter().map(|schedule| self.shown(schedule)));
        }
        found
    }
}

/// The number of the write that a schedule shows; 0 is the defaults.
fn written(schedule: &UpdateSchedule) -> Option<Tag> {
    let Limit::Count(count) = schedule.max_unavailable?.limit? else { return None };
    let high = Tag::try_from(count - 1).ok()?;
    let low = Tag::try_from(schedule.failure_threshold? - 1).ok()?;
    Some(high * THRESHOLDS + low)
}

impl Subject for Schedules {
    const SERVICE: &'static str = "updates";

    fn choose(&self, chance: &mut StdRng, _: usize, known: Option<&Known>, tag: Tag) -> Ask {
        Ask::update(chance, known.unwrap_or(&Known::default()), tag)
    }

    async fn call(&self, key: usize, ask: &Ask) -> Result<Told, Status> {
        let mut updates = self.updates.clone();
        let answer = match ask.action {
            Action::Update { tag, .. } => {
                let request = UpdateUpdateScheduleRequest {
                    update_schedule: Some(self.wanted(key, tag, &ask.etag)),
                    request_id: ask.request_id.clone(),
                    ..UpdateUpdateScheduleRequest::default()
                };
                updates.update_update_schedule(request).await
            }
            Action::Get => {
                let name = self.name(key);
                updates
                    .get_update_schedule(GetUpdateScheduleRequest { name, read_time: None })
                    .await
            }
            other => panic!("a schedule is never asked for {other:?}"),
        }?;
        let (named, shown) = self.shown(answer.get_ref());
        assert_eq!(named, key, "the answer is about another object");
        Ok(Told::Object(shown))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_keeps_each_acknowledged_schedule_whole_through_seven_kills() {
    let mut system = System::start_as_five_with(plan::<Schedules>()).await;
    let tenant = system.tenant().await;
    for number in 0..OBJECTS {
        tenant.group(&format!("g{number}"), FRANKFURT).await.unwrap();
    }
    let apart = || Schedules::new(&system.administrator_apart(), &tenant);
    let storm = Storm::new((0..CONNECTIONS).map(|_| apart()).collect());

    for _ in 0..ROUNDS {
        let read = storm.rage(&mut system).await;
        let batch = storm.subject().batch(storm.keys()).await;
        assert_eq!(batch, read, "a batch shows what single reads show");
    }
    let defaults = Object { version: Some(Version::live(0)), uses: 0 };
    storm.history.expect_linearizable(&Objects { limit: |_| 0 }, defaults);
    storm.tell(0);
}
