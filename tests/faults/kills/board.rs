//! What is known of each object from the answers so far: its versions with their etags, and a key's secret.
//!
//! Always holds: one etag stands for one version and one version has one etag, whoever shows it (an answer, a list, a watch) and
//! on whichever side of a kill.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use super::object::Version;

/// What an answer shows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) version: Version,
    pub(super) etag: String,
    /// How many joined; 0 for what nobody joins.
    pub(super) uses: u32,
    /// Of a key, when it was made.
    pub(super) secret: Option<String>,
}

/// One object.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// In the order in which they were first seen.
    pub(super) versions: Vec<(Version, String)>,
    pub(super) secret: Option<String>,
}

/// All objects of a suite.
#[derive(Default)]
pub(super) struct Board {
    objects: Mutex<BTreeMap<usize, Known>>,
    etags: Mutex<HashMap<(usize, String), Version>>,
}

impl Board {
    /// Notes what was shown.
    pub(super) fn saw(&self, key: usize, shown: &Shown) {
        let mut objects = self.objects.lock().unwrap();
        let known = objects.entry(key).or_default();
        known.secret = known.secret.take().or_else(|| shown.secret.clone());
        let Shown { version, etag, .. } = shown;
        assert!(!etag.is_empty(), "object {key} is shown without an etag: {shown:?}");
        let first = *self.etags.lock().unwrap().entry((key, etag.clone())).or_insert(*version);
        assert_eq!(first, *version, "etag {etag} of object {key} stands for two versions");
        match known.versions.iter().find(|(seen, _)| seen == version) {
            Some((_, first)) => {
                assert_eq!(first, etag, "{version:?} of object {key} has two etags");
            }
            None => known.versions.push((*version, etag.clone())),
        }
    }

    pub(super) fn known(&self, key: usize) -> Option<Known> {
        self.objects.lock().unwrap().get(&key).cloned()
    }
}
