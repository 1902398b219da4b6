//! A copy of what a sibling tells by its watch, and how fresh it is.

use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;

use crate::domain::{
    keys::{KeyChange, Keys},
    registered::{Change, Registered},
    source::Freshness,
};

/// What a copy is kept in: an index that changes are applied to.
pub trait Index: Default + Send + Sync + 'static {
    /// One change that the sibling tells.
    type Change: Clone + Send + Sync;

    /// Takes over one change.
    fn apply(&mut self, change: Self::Change);

    /// The name of the object that a change is about.
    fn name(change: &Self::Change) -> String;

    /// Shows every object: its kind, as a plural, and its name.
    fn held(&self, look: &mut dyn FnMut(&'static str, String));
}

impl Index for Registered {
    type Change = Change;

    fn apply(&mut self, change: Change) {
        Registered::apply(self, change);
    }

    fn name(change: &Change) -> String {
        change.name()
    }

    fn held(&self, look: &mut dyn FnMut(&'static str, String)) {
        self.groups().for_each(|name| look("groups", name.to_string()));
        self.connectors().for_each(|name| look("connectors", name.to_string()));
    }
}

impl Index for Keys {
    type Change = KeyChange;

    fn apply(&mut self, change: KeyChange) {
        Keys::apply(self, change);
    }

    fn name(change: &KeyChange) -> String {
        match change {
            KeyChange::Is(key) => key.name.to_string(),
            KeyChange::Gone(name) => name.to_string(),
        }
    }

    fn held(&self, look: &mut dyn FnMut(&'static str, String)) {
        self.names().for_each(|name| look("keys", name.to_string()));
    }
}

/// A copy of one sibling's objects; its follower writes, everybody reads.
#[derive(Debug, Default)]
pub struct Copy<I>(RwLock<State<I>>);

#[derive(Debug, Default)]
struct State<I> {
    /// `None` before the first snapshot.
    index: Option<I>,
    heard: Option<Timestamp>,
    /// Why the watch is broken, while it is.
    lost: Option<String>,
}

impl<I: Index> Copy<I> {
    /// Takes over a whole snapshot.
    pub fn reset(&self, all: impl IntoIterator<Item = I::Change>, now: Timestamp) {
        let mut index = I::default();
        all.into_iter().for_each(|change| index.apply(change));
        self.write(|state| *state = State { index: Some(index), heard: Some(now), lost: None });
    }

    /// Takes over the changes of one commit.
    pub fn commit(&self, changes: impl IntoIterator<Item = I::Change>, now: Timestamp) {
        self.write(|state| {
            if let Some(index) = &mut state.index {
                changes.into_iter().for_each(|change| index.apply(change));
            }
            (state.heard, state.lost) = (Some(now), None);
        });
    }

    /// The watch broke.
    pub fn lost(&self, why: String) {
        self.write(|state| state.lost = Some(why));
    }

    /// Reads the index, `None` before the first snapshot, with its freshness and when the sibling was last heard.
    pub fn read<T>(&self, look: impl FnOnce(Option<&I>) -> T) -> (T, Freshness, Option<Timestamp>) {
        // A panic while writing leaves the state as whole as before: it is replaced or changed in place by code that
        // does not panic.
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let freshness = match (&state.index, &state.lost) {
            (Some(_), None) => Freshness::Available,
            (Some(_), Some(why)) => Freshness::Stale(why.clone()),
            (None, Some(why)) => Freshness::Unavailable(why.clone()),
            (None, None) => Freshness::Unavailable("its first answer is on its way".to_owned()),
        };
        (look(state.index.as_ref()), freshness, state.heard)
    }

    fn write(&self, change: impl FnOnce(&mut State<I>)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_copy_is_missing_then_current_then_stale_then_current_again() {
        let copy = Copy::<Keys>::default();
        let fresh = |copy: &Copy<Keys>| {
            let (there, freshness, heard) = copy.read(|index| index.is_some());
            (there, freshness, heard)
        };
        assert!(matches!(fresh(&copy), (false, Freshness::Unavailable(_), None)));
        copy.lost("refused".into());
        let refused = Freshness::Unavailable("refused".into());
        assert_eq!(fresh(&copy), (false, refused, None));
        copy.reset(vec![], at(1));
        assert_eq!(fresh(&copy), (true, Freshness::Available, Some(at(1))));
        copy.lost("gone".into());
        assert_eq!(fresh(&copy), (true, Freshness::Stale("gone".into()), Some(at(1))));
        copy.commit(vec![], at(2));
        assert_eq!(fresh(&copy), (true, Freshness::Available, Some(at(2))));
    }
}
