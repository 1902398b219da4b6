//! What one object answers, whatever service keeps it: the model that histories are checked against.
//!
//! Owns: the words of a history (actions, answers, refusals) and what each does. Always holds: every write has a number of its
//! own, so what is read says which write it shows. Absent on purpose: etags. A caller got each from an answer, so it stands
//! for the version it came with (`board` holds the two to each other).

use super::linearizable::Model;

/// The number of a write. 0 is what was there before any.
pub(super) type Tag = u32;

/// A version of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Version {
    /// The write whose values it has.
    pub(super) tag: Tag,
    /// Whether it was deleted with them.
    pub(super) deleted: bool,
}

impl Version {
    /// As a write leaves it.
    pub(super) fn live(tag: Tag) -> Self {
        Self { tag, deleted: false }
    }
}

/// What a caller asks of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create {
        tag: Tag,
    },
    Update {
        tag: Tag,
        expected: Option<Version>,
    },
    Delete {
        expected: Option<Version>,
    },
    Get,
    /// Of a key: lets one newcomer in.
    Join,
}

/// Why a call did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    Exists,
    Deleted,
    Stale,
    /// The update would allow fewer uses than there were.
    BelowUses,
    /// All uses are spent.
    Exhausted,
    /// The secret belongs to no live key.
    Unknown,
}

/// What a caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Shows { version: Version, uses: u32 },
    Joined,
    Refused(Refusal),
}

/// A call and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) action: Action,
    /// `None`: lost.
    pub(super) answer: Option<Answer>,
}

/// An object as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Object {
    /// `None`: not made yet.
    pub(super) version: Option<Version>,
    /// How many joined with it.
    pub(super) uses: u32,
}

/// Objects whose writes allow so many uses; 0 is no limit.
pub(super) struct Objects {
    pub(super) limit: fn(Tag) -> u32,
}

impl Objects {
    fn done(&self, object: Object, action: Action) -> Option<Object> {
        let live = object.version.filter(|version| !version.deleted);
        let as_expected = |expected: Option<Version>| expected.is_none() || expected == live;
        match action {
            Action::Create { tag } => {
                let version = Some(Version::live(tag));
                object.version.is_none().then_some(Object { version, ..object })
            }
            Action::Update { tag, expected } => {
                let may = live.is_some() && as_expected(expected) && self.allows(tag, object.uses);
                may.then_some(Object { version: Some(Version::live(tag)), ..object })
            }
            // Deleting what is deleted changes nothing.
            Action::Delete { expected } if live.is_some() => as_expected(expected).then(|| {
                let deleted = |version: Version| Version { deleted: true, ..version };
                Object { version: live.map(deleted), ..object }
            }),
            Action::Delete { .. } | Action::Get => object.version.map(|_| object),
            Action::Join => {
                let limit = (self.limit)(live?.tag);
                let room = limit == 0 || object.uses < limit;
                room.then_some(Object { uses: object.uses + 1, ..object })
            }
        }
    }

    fn allows(&self, tag: Tag, uses: u32) -> bool {
        let limit = (self.limit)(tag);
        limit == 0 || limit >= uses
    }

    /// Whether this is a reason to refuse. Where two reasons hold, services differ in which they tell.
    fn refuses(&self, object: Object, action: Action, refusal: Refusal) -> bool {
        let Object { version, uses } = object;
        let deleted = version.is_some_and(|version| version.deleted);
        match (refusal, action) {
            (Refusal::Missing, Action::Create { .. } | Action::Join) => false,
            (Refusal::Missing, _) => version.is_none(),
            (Refusal::Exists, Action::Create { .. }) => version.is_some(),
            (Refusal::Deleted, Action::Update { .. }) => deleted,
            (Refusal::Stale, Action::Update { expected, .. } | Action::Delete { expected }) => {
                version.is_some() && expected.is_some() && expected != version
            }
            (Refusal::BelowUses, Action::Update { tag, .. }) => {
                version.is_some() && !deleted && !self.allows(tag, uses)
            }
            (Refusal::Exhausted, Action::Join) => {
                let limit = version.map_or(0, |version| (self.limit)(version.tag));
                limit != 0 && uses >= limit
            }
            (Refusal::Unknown, Action::Join) => deleted || version.is_none(),
            _ => false,
        }
    }
}

impl Model for Objects {
    type State = Object;
    type Call = Call;

    fn step(&self, object: &Object, call: &Call) -> Option<Object> {
        let after = self.done(*object, call.action);
        match (call.answer, call.action) {
            (None, _) => after,
            (Some(Answer::Refused(refusal)), action) => {
                self.refuses(*object, action, refusal).then_some(*object)
            }
            (Some(Answer::Joined), Action::Join) => after,
            (Some(Answer::Joined), _) => None,
            // A write shows the uses as they are when it is rendered; they are no part of it.
            (Some(Answer::Shows { version, uses }), action) => after.filter(|after| {
                let counted = action != Action::Get || after.uses == uses;
                after.version == Some(version) && counted && action != Action::Join
            }),
        }
    }

    fn looks(&self, call: &Call) -> bool {
        call.action == Action::Get || matches!(call.answer, Some(Answer::Refused(_)))
    }
}
