//! Update schedules: read, many at once, changed, previewed.
//!
//! Owns: the answer about a schedule: what was written joined with what follows from it.
//! Always holds: a write that names no etag is applied to what is there at that moment, never to something older.
//! Absent on purpose: rollouts.
//!
//! ## Design notes
//! As of a time, a schedule shows what was written then, and what followed from it at that moment: the next window after it, with the
//! policy that the tenant had; so the answer explains what the fleet did. A schedule that was not written before shows the defaults.
//! The group itself is today's, its zone and whether registry was heard too: registry has the group's own history.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use names::{AppConnectorGroupName, TenantName, UpdateScheduleName};
use resource::Write;
use rpc::access::Authorised;
use store::Etag;

use super::{
    configuration::{Configuration, Moment},
    groups::Groups,
};
use crate::{
    domain::{
        change::{Edit, ScheduleDraft},
        group::Group,
        occurrence::Stretch,
        policy::UpdatePolicy,
        profile::{self, EffectiveProfile},
        schedule::{self, NextUpdate, Schedule},
        window::MaintenanceWindow,
        zone::Zone,
    },
    error::Error,
    store::{Found, Place},
};

/// Schedules of one batch that are read at once: enough to hide one look-up at registry behind others.
const BATCH_CONCURRENCY: usize = 16;

/// Groups of one batch that registry is asked about when they are not known here. More are missing only while the first
/// snapshot is on its way, and registry shall not be asked a thousand single questions then.
const MAX_LOOKUPS: usize = 100;

/// Where a schedule's zone comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ZoneSource {
    /// Written in the schedule.
    Schedule,
    /// The group's.
    Group,
}

/// The zone that counts for a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EffectiveZone {
    /// Its name, as it was written or as registry derived it.
    pub(crate) name: String,
    /// Where it comes from.
    pub(crate) source: ZoneSource,
    /// Its rules; `None` when this server's database does not have it.
    pub(crate) zone: Option<Zone>,
}

/// A schedule and what follows from it at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleView {
    /// Its name.
    pub(crate) name: UpdateScheduleName,
    /// What was written, or the defaults.
    pub(crate) schedule: Schedule,
    /// The zone that counts.
    pub(crate) zone: EffectiveZone,
    /// The profile that counts.
    pub(crate) profile: EffectiveProfile,
    /// The next window; `None` when the zone is not known.
    pub(crate) next: Option<NextUpdate>,
    /// Version of what was written.
    pub(crate) etag: Etag,
    /// When it was last written; `None` while it has the defaults.
    pub(crate) update_time: Option<Timestamp>,
    /// How old the group's zone may be; `None` if registry was not heard since the start.
    pub(crate) registry_heard: Option<Timestamp>,
}

/// What a preview shows instead of the stored schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// The windows; empty means the default one.
    pub(crate) windows: Vec<MaintenanceWindow>,
    /// The zone; `None` means the group's.
    pub(crate) time_zone: Option<String>,
}

/// The next windows of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preview {
    /// The zone that they were computed in.
    pub(crate) zone: EffectiveZone,
    /// In order; none when the zone is not known.
    pub(crate) windows: Vec<Stretch>,
}

/// What a preview is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PreviewQuery {
    /// Instead of the stored schedule.
    pub(crate) proposal: Option<Proposal>,
    /// How many windows.
    pub(crate) count: usize,
    /// From when on; `None`: from now on.
    pub(crate) from: Option<Timestamp>,
}

/// The use cases of schedules.
#[derive(Clone)]
pub(crate) struct Schedules {
    configuration: Configuration,
    groups: Groups,
}

impl Schedules {
    /// Over what is written.
    #[must_use]
    pub(crate) fn new(configuration: Configuration, groups: Groups) -> Self {
        Self { configuration, groups }
    }

    /// A group's schedule, as it is or as it was at a time.
    ///
    /// # Errors
    /// There is no such group, or it is not known; the time lies before what is kept.
    pub(crate) async fn get(
        &self,
        name: &Authorised<UpdateScheduleName>,
        read_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ScheduleView, Error> {
        let tenant = name.tenant();
        let group = self.groups.find(&group_of(name)).await?;
        let moment = self.configuration.moment(&tenant, read_time, now).await?;
        let policy = self.policy(&tenant, moment, now).await?;
        let found = self.configuration.at(&Place::of_schedule(&group), moment).await?;
        Ok(self.view(&group, found, &policy, moment.map_or(now, |moment| moment.time)))
    }

    /// Many schedules of one tenant, in the order asked; the names whose group is not known come second.
    ///
    /// # Errors
    /// Registry cannot be asked about a group; the store could not be read.
    pub(crate) async fn batch_get(
        &self,
        tenant: &Authorised<TenantName>,
        names: &[Authorised<UpdateScheduleName>],
        now: Timestamp,
    ) -> Result<(Vec<ScheduleView>, Vec<UpdateScheduleName>), Error> {
        let policy = self.policy(tenant, None, now).await?;
        let lookups = AtomicUsize::new(0);
        let groups: Vec<_> = names.iter().map(|name| group_of(name)).collect();
        let found: Vec<_> = stream::iter(groups)
            .map(|group| self.view_or_name(group, &policy, &lookups, now))
            .buffered(BATCH_CONCURRENCY)
            .collect()
            .await;
        let (mut views, mut missing) = (Vec::new(), Vec::new());
        for result in found {
            match result? {
                Ok(view) => views.push(view),
                Err(name) => missing.push(name),
            }
        }
        Ok((views, missing))
    }

    async fn view_or_name(
        &self,
        name: AppConnectorGroupName,
        policy: &UpdatePolicy,
        lookups: &AtomicUsize,
        now: Timestamp,
    ) -> Result<Result<ScheduleView, UpdateScheduleName>, Error> {
        let group = match self.configuration.rows.group(&name).await? {
            Some(group) => Some(group).filter(|group| !group.deleted),
            None if lookups.fetch_add(1, Relaxed) >= MAX_LOOKUPS => None,
            None => match self.groups.find(&name).await {
                Ok(group) => Some(group),
                Err(Error::GroupNotFound(_)) => None,
                Err(error) => return Err(error),
            },
        };
        let Some(group) = group else { return Ok(Err(name.update_schedule())) };
        let found = self.configuration.now(&Place::of_schedule(&group)).await?;
        Ok(Ok(self.view(&group, found, policy, now)))
    }

    /// Changes a group's schedule.
    ///
    /// # Errors
    /// There is no such group, tenant or version profile; the group's own profile and its flag do not go together; the caller's etag is
    /// stale; the store's side.
    pub(crate) async fn update(
        &self,
        name: &Authorised<UpdateScheduleName>,
        edit: &Edit<ScheduleDraft>,
        write: &Write,
    ) -> Result<ScheduleView, Error> {
        let now = write.now;
        let policy = self.policy(&name.tenant(), None, now).await?;
        let group = self.groups.find(&group_of(name)).await?;
        let change = |schedule: Schedule| {
            let changed = schedule.changed(edit)?;
            match &changed.persisted_profile {
                Some(own) if profile::system_profile(own).is_none() => {
                    Err(Error::ProfileNotFound(own.clone()))
                }
                _ => Ok(changed),
            }
        };
        let place = Place::of_schedule(&group);
        let written = self.configuration.write(&place, write, change).await?;
        Ok(self.view(&group, Some(written), &policy, now))
    }

    /// The next windows of the stored schedule, or of a proposal.
    ///
    /// # Errors
    /// There is no such group, or it is not known.
    pub(crate) async fn preview(
        &self,
        name: &Authorised<UpdateScheduleName>,
        query: PreviewQuery,
        now: Timestamp,
    ) -> Result<Preview, Error> {
        let PreviewQuery { proposal, count, from } = query;
        let policy = self.policy(&name.tenant(), None, now).await?;
        let group = self.groups.find(&group_of(name)).await?;
        let schedule = match proposal {
            Some(Proposal { windows, time_zone }) => {
                Schedule { windows, time_zone, ..Schedule::default() }
            }
            None => {
                let found = self.configuration.now(&Place::of_schedule(&group)).await?;
                found.map_or_else(Schedule::default, |found| found.written.value)
            }
        };
        let zone = effective_zone(&schedule, &group);
        let windows = zone.zone.as_ref().map_or_else(Vec::new, |zone| {
            let freezes = schedule::freezes_for(&policy.freezes, &group.name);
            let windows = schedule.effective_windows();
            schedule::upcoming(windows, zone, freezes, from.unwrap_or(now)).take(count).collect()
        });
        Ok(Preview { zone, windows })
    }

    async fn policy(
        &self,
        tenant: &TenantName,
        moment: Option<Moment>,
        now: Timestamp,
    ) -> Result<UpdatePolicy, Error> {
        let found = self.configuration.policy(tenant, moment, now).await?;
        Ok(found.map_or_else(UpdatePolicy::default, |found| found.written.value))
    }

    fn view(
        &self,
        group: &Group,
        found: Option<Found<Schedule>>,
        policy: &UpdatePolicy,
        now: Timestamp,
    ) -> ScheduleView {
        let etag = self.configuration.etag(found.as_ref());
        let update_time = found.as_ref().map(|found| found.written.update_time);
        let schedule = found.map_or_else(Schedule::default, |found| found.written.value);
        let zone = effective_zone(&schedule, group);
        let profile =
            profile::effective(&policy.version_profile, schedule.persisted_profile.as_ref());
        let next = zone.zone.as_ref().map(|zone| {
            let freezes = schedule::freezes_for(&policy.freezes, &group.name);
            // No profile has a target while there are no releases.
            schedule::next_update(&schedule, zone, freezes, false, now)
        });
        let name = group.name.update_schedule();
        let registry_heard = self.groups.heard();
        ScheduleView { name, schedule, zone, profile, next, etag, update_time, registry_heard }
    }
}

fn group_of(name: &UpdateScheduleName) -> AppConnectorGroupName {
    AppConnectorGroupName::new(name.tenant.clone(), name.app_connector_group.clone())
}

fn effective_zone(schedule: &Schedule, group: &Group) -> EffectiveZone {
    let (name, source) = match &schedule.time_zone {
        Some(own) => (own.clone(), ZoneSource::Schedule),
        None => (group.time_zone.clone(), ZoneSource::Group),
    };
    EffectiveZone { zone: name.parse().ok(), name, source }
}
