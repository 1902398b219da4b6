//! How everything that administrators write here is read, as it is or as of a time, and written.
//!
//! Owns: the order of a write: repeat, etag, change, history, commit, and again after a lost race.
//! Always holds: a write is checked as a whole before anything is written; it replaces exactly what it was decided on; who wrote it and
//! what stood before are remembered in its commit; the times of one object's writes rise strictly.
//! Absent on purpose: what a kind's fields mean, and what follows from them.
//!
//! ## Design notes
//! Schedules and policies have nothing to create and nothing to delete: there is one at each place, with defaults until it is written.
//! So one read and one write serve every such kind. What goes with a purged group leaves no event: registry remembers that purge.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use names::TenantName;
use resource::{
    Fault, Tries, Write,
    history::{AsOf, Deed, History},
    record,
    write::{self, Ran},
};
use store::{At, Commit, CommitError, Etag, Revision};
use uuid::Uuid;

use super::tenants::Tenants;
use crate::{
    domain::policy::UpdatePolicy,
    error::Error,
    metrics::Metrics,
    store::{Found, Kept, Place, Rows, Slot, Written},
};

/// Least time between two writes of one object: what history can tell apart.
const BETWEEN_WRITES: SignedDuration = SignedDuration::from_micros(1);

/// What administrators wrote. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Configuration {
    /// What stands.
    pub(crate) rows: Rows,
    /// What stood before.
    pub(crate) history: History,
    /// Whose it is.
    pub(crate) tenants: Tenants,
    /// Where lost races are counted.
    pub(crate) metrics: Metrics,
}

impl Configuration {
    /// What stands at a place now; `None`: the defaults.
    ///
    /// # Errors
    /// The store could not be read.
    pub(crate) async fn now<T: Kept>(&self, place: &Place) -> Result<Option<Found<T>>, Error> {
        Ok(self.rows.slot(place).await?.found)
    }

    /// The moment in a tenant's past that is asked about; `None` for now.
    ///
    /// # Errors
    /// It lies before what is kept; or the tenant is not known.
    pub(crate) async fn moment(
        &self,
        tenant: &TenantName,
        read_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Moment>, Error> {
        if read_time.is_none() {
            return Ok(None);
        }
        let tenant = self.tenants.uid(tenant, now).await?;
        let time = self.history.asked(read_time, tenant, now).await?;
        Ok(time.map(|time| Moment { tenant, time }))
    }

    /// What stood at a place at a moment, or stands now without one; `None`: the defaults.
    ///
    /// # Errors
    /// The store could not be read.
    pub(crate) async fn at<T: Kept>(
        &self,
        place: &Place,
        moment: Option<Moment>,
    ) -> Result<Option<Found<T>>, Error> {
        // Read first: what is written afterwards has a row in the history that says so.
        let now = self.now(place).await?;
        let Some(Moment { tenant, time }) = moment else { return Ok(now) };
        let (shelf, id) = (place.shelf(tenant), place.id.as_str());
        let past = self.history.past(shelf, id, time, At::Published).await?;
        let stood = past.stood(place.uid(tenant)?);
        Ok(match past.as_of {
            AsOf::AsNow => now.filter(|_| stood),
            AsOf::Was(record, revision) => {
                Some(Rows::remembered(record, revision)?).filter(|was| place.has(&was.written))
            }
        })
    }

    /// A tenant's policy, as it is or as it was at a moment; `None`: the defaults.
    ///
    /// # Errors
    /// The store could not be read; or something was written, and it cannot be said for whom.
    pub(crate) async fn policy(
        &self,
        tenant: &TenantName,
        moment: Option<Moment>,
        now: Timestamp,
    ) -> Result<Option<Found<UpdatePolicy>>, Error> {
        let uid = match moment {
            Some(moment) => moment.tenant,
            // What was never written needs nobody who knows the tenant.
            None if !self.rows.has_policy(tenant).await? => return Ok(None),
            None => self.tenants.uid(tenant, now).await?,
        };
        self.at(&Place::of_policy(tenant, uid), moment).await
    }

    /// Changes what stands at a place, once.
    ///
    /// # Errors
    /// The change's own; the etag is stale; the tenant is not known; others keep writing it; the store's side.
    pub(crate) async fn write<T: Kept>(
        &self,
        place: &Place,
        write: &Write,
        change: impl Fn(T) -> Result<T, Error> + Send + Sync,
    ) -> Result<Found<T>, Error> {
        let work = self.decide(place, write, change);
        let ran = write::once(self.rows.store(), write, work).await;
        self.metrics.lost_races(resource::tries::lost_races());
        match ran? {
            Ran::Now(found) => Ok(found),
            Ran::Before(record, revision) => Ok(Rows::remembered(record, revision)?),
        }
    }

    async fn decide<T: Kept>(
        &self,
        place: &Place,
        write: &Write,
        change: impl Fn(T) -> Result<T, Error> + Send + Sync,
    ) -> Result<Found<T>, Error> {
        let now = write.now;
        let mut tries = Tries::default();
        loop {
            let slot = self.rows.slot::<T>(place).await?;
            let before = slot.found.as_ref();
            let revision = before.map_or(Revision::ZERO, |found| found.revision);
            write.expect(self.rows.store().epoch(), revision, &place.name())?;
            let value =
                change(before.map(|found| found.written.value.clone()).unwrap_or_default())?;
            let tenant = self.tenants.uid(&place.tenant, now).await?;
            if write.validate_only {
                let update_time = before.map_or(now, |found| found.written.update_time);
                let written = Written { value, of: place.of.clone(), update_time };
                return Ok(Found { written, revision, record: Bytes::new() });
            }
            let update_time = later(now, before.map(|found| found.written.update_time));
            let written = Written { value, of: place.of.clone(), update_time };
            if let Some(found) = self.commit(place, slot, written, tenant, write).await? {
                return Ok(found);
            }
            tries.lost().await?;
        }
    }

    /// One try. `None`: the race was lost, decide again.
    async fn commit<T: Kept>(
        &self,
        place: &Place,
        slot: Slot<T>,
        written: Written<T>,
        tenant: Uuid,
        write: &Write,
    ) -> Result<Option<Found<T>>, Fault> {
        let record = record::encode::<T::Stored>(&written)?;
        let commit = Rows::replace(Commit::new(write.now), place, &slot, record.clone());
        let commit = self.history.remember(
            commit,
            Deed {
                shelf: place.shelf(tenant),
                of_tenant: tenant,
                id: place.id.as_str(),
                uid: place.uid(tenant)?,
                name: place.name(),
                time: written.update_time,
                by: &write.by,
                before: slot.found.map(|found| (found.record, found.revision)),
            },
        )?;
        let commit = match &write.request {
            Some(request) => commit.idempotent(request.clone(), record.clone()),
            None => commit,
        };
        match self.rows.store().commit(commit).await {
            Ok(done) => {
                let stands = done.replay.unwrap_or(record.bytes);
                Ok(Some(Rows::remembered(stands, done.revision)?))
            }
            Err(CommitError::Precondition { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The version of what stands; what was never written has one too.
    #[must_use]
    pub(crate) fn etag<T>(&self, found: Option<&Found<T>>) -> Etag {
        self.etag_of(found.map_or(Revision::ZERO, |found| found.revision))
    }

    /// The version of what was written at a revision.
    #[must_use]
    pub(crate) fn etag_of(&self, revision: Revision) -> Etag {
        Etag::new(self.rows.store().epoch(), revision)
    }
}

/// A moment in the past of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    tenant: Uuid,
    /// When.
    pub(crate) time: Timestamp,
}

/// The time of a write: now, but later than the write before, whatever the clock does.
fn later(now: Timestamp, before: Option<Timestamp>) -> Timestamp {
    let after = before.map(|before| before.checked_add(BETWEEN_WRITES).unwrap_or(before));
    after.map_or(now, |after| now.max(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_writes_rise_though_the_clock_goes_back() {
        let [early, late] = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]
            .map(|text| text.parse::<Timestamp>().unwrap());
        assert_eq!(later(early, None), early);
        assert_eq!(later(late, Some(early)), late);
        assert_eq!(later(early, Some(late)), "2026-11-02T00:00:00.000001Z".parse().unwrap());
        assert!(later(late, Some(late)) > late);
    }
}
