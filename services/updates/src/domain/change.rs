//! A change of a schedule, field by field.
//!
//! Owns: what a write may change, and the rule that a group's own version profile and its flag go together.
//! Always holds: a change that is refused changes nothing.
//! Absent on purpose: the wire's field masks; a field here is written or it is not.

use names::VersionProfileName;

use super::{
    pace::{Canary, FailureAction, MaxUnavailable},
    schedule::Schedule,
    window::MaintenanceWindow,
};

/// What a write changes; `None` is a field that is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleChange {
    /// Whether windows open at all.
    pub enabled: Option<bool>,
    /// The windows; an empty list means the default one.
    pub windows: Option<Vec<MaintenanceWindow>>,
    /// The schedule's own zone; the inner `None` means the group's.
    pub time_zone: Option<Option<String>>,
    /// The group's own version profile.
    pub profile: ProfileChange,
    /// How many may be unavailable at once.
    pub max_unavailable: Option<MaxUnavailable>,
    /// Who goes first.
    pub canary: Option<Canary>,
    /// How often one connector is tried again.
    pub retry_limit: Option<u8>,
    /// Failed connectors at which a rollout halts.
    pub failure_threshold: Option<u16>,
    /// What happens then.
    pub on_failure: Option<FailureAction>,
}

impl ScheduleChange {
    /// The schedule after the change.
    pub fn apply(self, current: Schedule) -> Result<Schedule, ProfileChangeError> {
        let Schedule { enabled, windows, time_zone, persisted_profile, mut pace } = current;
        set(&mut pace.max_unavailable, self.max_unavailable);
        set(&mut pace.canary, self.canary);
        set(&mut pace.retry_limit, self.retry_limit);
        set(&mut pace.failure_threshold, self.failure_threshold);
        set(&mut pace.on_failure, self.on_failure);
        Ok(Schedule {
            enabled: self.enabled.unwrap_or(enabled),
            windows: self.windows.unwrap_or(windows),
            time_zone: self.time_zone.unwrap_or(time_zone),
            persisted_profile: change_profile(persisted_profile, self.profile)?,
            pace,
        })
    }
}

fn set<T>(field: &mut T, written: Option<T>) {
    if let Some(value) = written {
        *field = value;
    }
}

/// A change of a group's own profile, field by field; `None` is a field that is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// `persist_local_version_profile`.
    pub persist: Option<bool>,
    /// `version_profile`; the inner `None` empties it.
    pub profile: Option<Option<VersionProfileName>>,
}

/// Why a change of a group's own profile is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileChangeError {
    /// A profile without the flag would never count.
    #[error(
        "version_profile counts only while persist_local_version_profile is on: set both in one \
         write, or leave version_profile empty"
    )]
    NotPersisted,
    /// The flag without a profile would leave the group with none.
    #[error(
        "persist_local_version_profile needs a version_profile: set both in one write, or turn \
         the flag off"
    )]
    Missing,
}

/// The group's own profile after a change. Turning the flag off alone drops the profile.
pub fn change_profile(
    current: Option<VersionProfileName>,
    change: ProfileChange,
) -> Result<Option<VersionProfileName>, ProfileChangeError> {
    let persist = change.persist.unwrap_or(current.is_some());
    match (persist, change.profile) {
        (true, Some(written)) => written.map(Some).ok_or(ProfileChangeError::Missing),
        (true, None) => current.map(Some).ok_or(ProfileChangeError::Missing),
        (false, Some(Some(_))) => Err(ProfileChangeError::NotPersisted),
        (false, Some(None) | None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_own_profile_and_its_flag_go_together() {
        use ProfileChangeError::{Missing, NotPersisted};
        let name = |id: &str| Some(format!("versionProfiles/{id}").parse().unwrap());
        let (new, old) = (name("new-release"), name("default"));
        for (current, persist, profile, expected) in [
            (None, None, None, Ok(None)),
            (None, Some(true), Some(new.clone()), Ok(new.clone())),
            (None, None, Some(new.clone()), Err(NotPersisted)),
            (None, Some(false), Some(new.clone()), Err(NotPersisted)),
            (None, Some(true), None, Err(Missing)),
            (None, Some(true), Some(None), Err(Missing)),
            (None, Some(false), Some(None), Ok(None)),
            (old.clone(), None, Some(new.clone()), Ok(new.clone())),
            (old.clone(), Some(true), None, Ok(old.clone())),
            (old.clone(), Some(false), None, Ok(None)),
            (old.clone(), Some(false), Some(new.clone()), Err(NotPersisted)),
            (old.clone(), None, Some(None), Err(Missing)),
            (old.clone(), None, None, Ok(old.clone())),
        ] {
            let change = ProfileChange { persist, profile };
            assert_eq!(
                change_profile(current.clone(), change.clone()),
                expected,
                "{current:?} {change:?}"
            );
        }
    }

    #[test]
    fn what_is_not_written_stays_as_it_was() {
        let profile = Some("versionProfiles/default".parse().unwrap());
        let before = Schedule { persisted_profile: profile, ..Schedule::default() };
        assert_eq!(ScheduleChange::default().apply(before.clone()), Ok(before.clone()));
        let change = ScheduleChange { enabled: Some(false), ..ScheduleChange::default() };
        let after = change.apply(before.clone());
        assert_eq!(after, Ok(Schedule { enabled: false, ..before }));
    }
}
