//! Changes, field by field.
//!
//! Owns: what a write may change of a schedule, and the rule that a group's own version profile and its flag go together.
//! Always holds: a change that is refused changes nothing; a field that the change does not name stays as it is.
//! Absent on purpose: the wire's field masks; here a change lists its paths.

use names::{Draft, VersionProfileName};

use super::{
    pace::{Canary, FailureAction, MaxUnavailable, Pace},
    schedule::Schedule,
    window::MaintenanceWindow,
};

/// The path of a group's own profile.
const PROFILE: &str = "version_profile";
/// The path of the flag that keeps it.
const PERSIST: &str = "persist_local_version_profile";

/// A change of some fields of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Edit<D> {
    /// The new values.
    pub(crate) draft: D,
    /// Which of them count.
    pub(crate) paths: Vec<&'static str>,
}

impl<D: Draft> Edit<D> {
    /// What was before, with the fields that count.
    #[must_use]
    pub(crate) fn laid_over(&self, before: D) -> D {
        before.patched(&self.paths, &self.draft)
    }

    fn names(&self, path: &str) -> bool {
        self.paths.contains(&path)
    }
}

names::draft! {
    /// A schedule as a caller writes it; what is absent has its default.
    pub(crate) struct ScheduleDraft {
        /// Whether windows open at all; `None`: true.
        "enabled" => enabled: Option<bool>;
        /// The windows; none means the default one.
        "windows" => windows: Vec<MaintenanceWindow>;
        /// The schedule's own zone; `None`: the group's.
        "time_zone" => time_zone: Option<String>;
        /// The group's own version profile.
        "version_profile" => version_profile: Option<VersionProfileName>;
        /// Whether that counts; `None`: false.
        "persist_local_version_profile" => persist: Option<bool>;
        /// How many may be unavailable at once; `None`, here and below: the default of [`Pace`].
        "max_unavailable" => max_unavailable: Option<MaxUnavailable>;
        /// Who goes first.
        "canary" => canary: Option<Canary>;
        /// How often one connector is tried again.
        "retry_limit" => retry_limit: Option<u8>;
        /// Failed connectors at which a rollout halts.
        "failure_threshold" => failure_threshold: Option<u16>;
        /// What happens then.
        "on_failure" => on_failure: Option<FailureAction>;
    }
}

impl Schedule {
    fn draft(&self) -> ScheduleDraft {
        let Self { enabled, windows, time_zone, persisted_profile, pace } = self.clone();
        ScheduleDraft {
            enabled: Some(enabled),
            windows,
            time_zone,
            persist: Some(persisted_profile.is_some()),
            version_profile: persisted_profile,
            max_unavailable: Some(pace.max_unavailable),
            canary: Some(pace.canary),
            retry_limit: Some(pace.retry_limit),
            failure_threshold: Some(pace.failure_threshold),
            on_failure: Some(pace.on_failure),
        }
    }

    /// The schedule after a change.
    ///
    /// # Errors
    /// The group's own profile and its flag would not go together.
    pub(crate) fn changed(&self, edit: &Edit<ScheduleDraft>) -> Result<Self, ProfileChangeError> {
        let draft = edit.laid_over(self.draft());
        // Turning the flag off alone drops the profile, so the rule must know which of the two were written.
        let persist = edit.names(PERSIST).then_some(draft.persist.unwrap_or(false));
        let profile = edit.names(PROFILE).then_some(draft.version_profile);
        let change = ProfileChange { persist, profile };
        let defaults = Pace::default();
        Ok(Self {
            enabled: draft.enabled.unwrap_or(true),
            windows: draft.windows,
            time_zone: draft.time_zone,
            persisted_profile: change_profile(self.persisted_profile.clone(), change)?,
            pace: Pace {
                max_unavailable: draft.max_unavailable.unwrap_or(defaults.max_unavailable),
                canary: draft.canary.unwrap_or(defaults.canary),
                retry_limit: draft.retry_limit.unwrap_or(defaults.retry_limit),
                failure_threshold: draft.failure_threshold.unwrap_or(defaults.failure_threshold),
                on_failure: draft.on_failure.unwrap_or(defaults.on_failure),
            },
        })
    }
}

/// A change of a group's own profile, field by field; `None` is a field that is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProfileChange {
    /// `persist_local_version_profile`.
    pub(crate) persist: Option<bool>,
    /// `version_profile`; the inner `None` empties it.
    pub(crate) profile: Option<Option<VersionProfileName>>,
}

/// Why a change of a group's own profile is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProfileChangeError {
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
pub(crate) fn change_profile(
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

    fn full() -> ScheduleDraft {
        ScheduleDraft {
            enabled: Some(false),
            windows: vec![MaintenanceWindow::DEFAULT],
            time_zone: Some("Asia/Tokyo".to_owned()),
            version_profile: Some("versionProfiles/new-release".parse().unwrap()),
            persist: Some(true),
            max_unavailable: Some(MaxUnavailable::Percent(20)),
            canary: Some(Canary { count: 2, soak_seconds: 60 }),
            retry_limit: Some(7),
            failure_threshold: Some(9),
            on_failure: Some(FailureAction::Continue),
        }
    }

    #[test]
    fn what_is_not_written_stays_as_it_was() {
        let profile = Some("versionProfiles/default".parse().unwrap());
        let before = Schedule { persisted_profile: profile, ..Schedule::default() };
        assert_eq!(before.changed(&Edit::default()), Ok(before.clone()));
        let edit = Edit { paths: vec!["enabled"], draft: full() };
        assert_eq!(before.changed(&edit), Ok(Schedule { enabled: false, ..before }));
    }

    #[test]
    fn turning_the_flag_off_drops_the_profile_only_if_the_flag_is_what_is_written() {
        let before = Schedule::default()
            .changed(&Edit { paths: ScheduleDraft::PATHS.to_vec(), draft: full() });
        let before = before.unwrap();
        let off = ScheduleDraft { persist: Some(false), ..full() };
        let edit = |paths: &[&'static str]| Edit { paths: paths.to_vec(), draft: off.clone() };
        assert_eq!(before.changed(&edit(&[PERSIST])).unwrap().persisted_profile, None);
        assert_eq!(before.changed(&edit(&["enabled"])), Ok(before.clone()));
        let both = before.changed(&edit(&[PERSIST, PROFILE]));
        assert_eq!(both, Err(ProfileChangeError::NotPersisted));
        let emptied = Edit { paths: vec![PERSIST], draft: ScheduleDraft::default() };
        assert_eq!(before.changed(&emptied).unwrap().persisted_profile, None, "absent is off");
    }

    #[test]
    fn every_path_changes_what_it_names_and_nothing_else() {
        for path in ScheduleDraft::PATHS {
            let mut one = ScheduleDraft::default();
            one.copy_field(path, &full());
            assert_eq!(one.non_default_paths(), [*path]);
        }
        let all = Edit { paths: ScheduleDraft::PATHS.to_vec(), draft: full() };
        let changed = Schedule::default().changed(&all).unwrap();
        assert_eq!(changed.draft(), full());
        let back = Edit { draft: ScheduleDraft::default(), ..all };
        assert_eq!(changed.changed(&back), Ok(Schedule::default()), "all take their defaults");
    }
}
