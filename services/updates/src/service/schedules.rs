//! Update schedules: read, many at once, changed, previewed.
//!
//! Owns: the answer about a schedule: what was written joined with what follows from it.
//! Always holds: a write is checked as a whole before anything is written; one that names no etag is applied to what is
//! there at that moment, never to something older.
//! Absent on purpose: rollouts.

use futures::{StreamExt, stream};
use jiff::Timestamp;
use names::{AppConnectorGroupName, Id, TenantName, UpdateScheduleName};
use rpc::access::Authorised;
use runtime::Clock;
use store::{CommitError, Etag, IdempotencyKey, Revision};

use super::groups::Groups;
use crate::{
    domain::{
        change::ScheduleChange,
        group::Group,
        occurrence::Stretch,
        policy::UpdatePolicy,
        profile::{self, EffectiveProfile},
        schedule::{self, NextUpdate, Schedule},
        window::MaintenanceWindow,
        zone::Zone,
    },
    error::Error,
    store::{Expected, Keeper, Kept, StoreError},
};

/// How often a write without an etag is applied anew when others keep writing the same schedule.
const WRITE_ATTEMPTS: usize = 8;

/// Schedules of one batch that are read at once: enough to hide one look-up at registry behind others.
const BATCH_CONCURRENCY: usize = 16;

/// Groups of one batch that registry is asked about when they are not known here. More are missing only while the first
/// snapshot is on its way, and registry shall not be asked a thousand single questions then.
const MAX_LOOKUPS: usize = 100;

/// Where a schedule's zone comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneSource {
    /// Written in the schedule.
    Schedule,
    /// The group's.
    Group,
}

/// The zone that counts for a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveZone {
    /// Its name, as it was written or as registry derived it.
    pub name: String,
    /// Where it comes from.
    pub source: ZoneSource,
    /// Its rules; `None` when this server's database does not have it.
    pub zone: Option<Zone>,
}

/// A schedule and what follows from it at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleAnswer {
    /// Its name.
    pub name: UpdateScheduleName,
    /// What was written, or the defaults.
    pub schedule: Schedule,
    /// The zone that counts.
    pub zone: EffectiveZone,
    /// The profile that counts.
    pub profile: EffectiveProfile,
    /// The next window; `None` when the zone is not known.
    pub next: Option<NextUpdate>,
    /// Version of what was written.
    pub etag: Etag,
    /// When it was last written; `None` while it has the defaults.
    pub update_time: Option<Timestamp>,
    /// How old the group's zone may be; `None` if registry was not heard since the start.
    pub registry_heard: Option<Timestamp>,
}

/// What a preview shows instead of the stored schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The windows; empty means the default one.
    pub windows: Vec<MaintenanceWindow>,
    /// The zone; `None` means the group's.
    pub time_zone: Option<String>,
}

/// The next windows of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The zone that they were computed in.
    pub zone: EffectiveZone,
    /// In order; none when the zone is not known.
    pub windows: Vec<Stretch>,
}

/// How a write is to be done.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Refuse unless this is the current version.
    pub etag: Option<Etag>,
    /// Only check.
    pub validate_only: bool,
    /// What makes a repeat answer like the first.
    pub request: Option<IdempotencyKey>,
}

/// The use cases of schedules.
#[derive(Clone)]
pub struct Schedules {
    keeper: Keeper,
    groups: Groups,
    clock: Clock,
}

impl Schedules {
    /// Over what is kept.
    #[must_use]
    pub fn new(keeper: Keeper, groups: Groups, clock: Clock) -> Self {
        Self { keeper, groups, clock }
    }

    /// A group's schedule.
    pub async fn get(
        &self,
        tenant: &Authorised<TenantName>,
        group: &Id,
    ) -> Result<ScheduleAnswer, Error> {
        let policy = self.policy(tenant).await?;
        let group = self.groups.find(&below(tenant, group)).await?;
        let kept = self.keeper.schedule(&group).await?;
        Ok(self.answer(&group, kept, &policy))
    }

    /// Many schedules of one tenant, in the order asked; the names whose group is not known come second.
    pub async fn batch_get(
        &self,
        tenant: &Authorised<TenantName>,
        groups: &[Id],
    ) -> Result<(Vec<ScheduleAnswer>, Vec<UpdateScheduleName>), Error> {
        let policy = self.policy(tenant).await?;
        let lookups = std::sync::atomic::AtomicUsize::new(0);
        let names: Vec<_> = groups.iter().map(|id| below(tenant, id)).collect();
        let found: Vec<_> = stream::iter(names)
            .map(|name| self.answer_or_name(name, &policy, &lookups))
            .buffered(BATCH_CONCURRENCY)
            .collect()
            .await;
        let (mut answers, mut missing) = (Vec::new(), Vec::new());
        for result in found {
            match result? {
                Ok(answer) => answers.push(answer),
                Err(name) => missing.push(name),
            }
        }
        Ok((answers, missing))
    }

    async fn answer_or_name(
        &self,
        name: AppConnectorGroupName,
        policy: &UpdatePolicy,
        lookups: &std::sync::atomic::AtomicUsize,
    ) -> Result<Result<ScheduleAnswer, UpdateScheduleName>, Error> {
        let group = match self.keeper.group(&name).await? {
            Some(group) => Some(group).filter(|group| !group.deleted),
            None if lookups.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= MAX_LOOKUPS => {
                None
            }
            None => match self.groups.find(&name).await {
                Ok(group) => Some(group),
                Err(Error::GroupNotFound(_)) => None,
                Err(error) => return Err(error),
            },
        };
        let Some(group) = group else { return Ok(Err(name.update_schedule())) };
        let kept = self.keeper.schedule(&group).await?;
        Ok(Ok(self.answer(&group, kept, policy)))
    }

    /// Changes a group's schedule.
    pub async fn update(
        &self,
        tenant: &Authorised<TenantName>,
        group: &Id,
        change: ScheduleChange,
        options: WriteOptions,
    ) -> Result<ScheduleAnswer, Error> {
        let policy = self.policy(tenant).await?;
        let group = self.groups.find(&below(tenant, group)).await?;
        let mut attempt = 1;
        loop {
            let kept = self.keeper.schedule(&group).await?;
            let written = match self.write(&group, &kept, change.clone(), &options).await {
                Err(error) if lost_race(&error) => {
                    if options.etag.is_none() && attempt < WRITE_ATTEMPTS {
                        attempt += 1;
                        continue;
                    }
                    let current = self.etag(&self.keeper.schedule(&group).await?);
                    return Err(Error::EtagMismatch { current });
                }
                written => written?,
            };
            return Ok(self.answer(&group, written, &policy));
        }
    }

    /// One attempt: checks, then writes over exactly what was read.
    async fn write(
        &self,
        group: &Group,
        kept: &Option<Kept<Schedule>>,
        change: ScheduleChange,
        options: &WriteOptions,
    ) -> Result<Option<Kept<Schedule>>, Error> {
        let current = kept.as_ref().map_or_else(Schedule::default, |kept| kept.value.clone());
        let expected = Expected::from(kept);
        let now = self.clock.now();
        if let Some(request) = &options.request
            && let Some(first) = self.keeper.first_schedule(request).await?
        {
            return Ok(Some(first));
        }
        let etag = self.etag(kept);
        if options.etag.is_some_and(|sent| sent != etag) {
            return Err(Error::EtagMismatch { current: etag });
        }
        let changed = change.apply(current)?;
        if let Some(name) = &changed.persisted_profile
            && profile::system_profile(name).is_none()
        {
            return Err(Error::ProfileNotFound(name.clone()));
        }
        if options.validate_only {
            let revision = kept.as_ref().map_or(Revision::ZERO, |kept| kept.revision);
            let update_time = kept.as_ref().map_or(now, |kept| kept.update_time);
            return Ok(Some(Kept { value: changed, revision, update_time }));
        }
        let request = options.request.clone();
        Ok(Some(self.keeper.write_schedule(group, changed, expected, request, now).await?))
    }

    /// The next windows of the stored schedule, or of a draft.
    pub async fn preview(
        &self,
        tenant: &Authorised<TenantName>,
        group: &Id,
        draft: Option<Draft>,
        count: usize,
        from: Option<Timestamp>,
    ) -> Result<Preview, Error> {
        let policy = self.policy(tenant).await?;
        let group = self.groups.find(&below(tenant, group)).await?;
        let stored = self.keeper.schedule(&group).await?.map(|kept| kept.value);
        let schedule = match draft {
            Some(Draft { windows, time_zone }) => {
                Schedule { windows, time_zone, ..Schedule::default() }
            }
            None => stored.unwrap_or_default(),
        };
        let zone = effective_zone(&schedule, &group);
        let from = from.unwrap_or_else(|| self.clock.now());
        let windows = zone.zone.as_ref().map_or_else(Vec::new, |zone| {
            let freezes = schedule::freezes_for(&policy.freezes, &group.name);
            schedule::upcoming(schedule.effective_windows(), zone, freezes, from)
                .take(count)
                .collect()
        });
        Ok(Preview { zone, windows })
    }

    async fn policy(&self, tenant: &TenantName) -> Result<UpdatePolicy, Error> {
        Ok(self.keeper.policy(tenant).await?.map_or_else(UpdatePolicy::default, |kept| kept.value))
    }

    fn etag(&self, kept: &Option<Kept<Schedule>>) -> Etag {
        let revision = kept.as_ref().map_or(Revision::ZERO, |kept| kept.revision);
        Etag::new(self.keeper.store().epoch(), revision)
    }

    fn answer(
        &self,
        group: &Group,
        kept: Option<Kept<Schedule>>,
        policy: &UpdatePolicy,
    ) -> ScheduleAnswer {
        let etag = self.etag(&kept);
        let update_time = kept.as_ref().map(|kept| kept.update_time);
        let schedule = kept.map_or_else(Schedule::default, |kept| kept.value);
        let zone = effective_zone(&schedule, group);
        let profile =
            profile::effective(&policy.version_profile, schedule.persisted_profile.as_ref());
        let next = zone.zone.as_ref().map(|zone| {
            let freezes = schedule::freezes_for(&policy.freezes, &group.name);
            // No profile has a target while there are no releases.
            schedule::next_update(&schedule, zone, freezes, false, self.clock.now())
        });
        let name = group.name.update_schedule();
        let registry_heard = self.groups.heard();
        ScheduleAnswer { name, schedule, zone, profile, next, etag, update_time, registry_heard }
    }
}

fn below(tenant: &Authorised<TenantName>, group: &Id) -> AppConnectorGroupName {
    AppConnectorGroupName::new(tenant.tenant.clone(), group.clone())
}

fn effective_zone(schedule: &Schedule, group: &Group) -> EffectiveZone {
    let (name, source) = match &schedule.time_zone {
        Some(own) => (own.clone(), ZoneSource::Schedule),
        None => (group.time_zone.clone(), ZoneSource::Group),
    };
    EffectiveZone { zone: name.parse().ok(), name, source }
}

fn lost_race(error: &Error) -> bool {
    matches!(error, Error::Store(StoreError::Commit(CommitError::Precondition { .. })))
}
