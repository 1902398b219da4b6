//! The checker against histories that are known to be good or bad, and against trying every order.

use rand::{Rng as _, rngs::StdRng, seq::SliceRandom as _};

use super::{Model as _, Timed, explain};
use crate::kills::object::{Action, Answer, Call, Object, Objects, Refusal, Tag, Version};

const MODEL: Objects = Objects { limit: |_| 0 };

fn call(sent: u64, answered: u64, action: Action, answer: Answer) -> Timed<Call> {
    Timed { sent, answered: Some(answered), call: Call { action, answer: Some(answer) } }
}

fn lost(sent: u64, action: Action) -> Timed<Call> {
    Timed { sent, answered: None, call: Call { action, answer: None } }
}

fn shows(tag: Tag) -> Answer {
    Answer::Shows { version: Version::live(tag), uses: 0 }
}

fn create(tag: Tag) -> Action {
    Action::Create { tag }
}

fn update(tag: Tag) -> Action {
    Action::Update { tag, expected: None }
}

fn update_of(expected: Tag, tag: Tag) -> Action {
    Action::Update { tag, expected: Some(Version::live(expected)) }
}

const STALE: Answer = Answer::Refused(Refusal::Stale);
const EXISTS: Answer = Answer::Refused(Refusal::Exists);
const MISSING: Answer = Answer::Refused(Refusal::Missing);

fn good(history: &[Timed<Call>]) -> bool {
    explain(&MODEL, Object::default(), history).is_ok()
}

/// One after the other, in the order given.
fn in_turn(calls: &[(Action, Answer)]) -> Vec<Timed<Call>> {
    let at = |index: usize| 10 * index as u64;
    let timed = |(index, (action, answer)): (usize, &(Action, Answer))| {
        call(at(index), at(index) + 1, *action, *answer)
    };
    calls.iter().enumerate().map(timed).collect()
}

#[test]
fn what_one_caller_does_in_turn_is_explained() {
    let deleted = Answer::Shows { version: Version { tag: 3, deleted: true }, uses: 0 };
    assert!(good(&in_turn(&[
        (Action::Get, MISSING),
        (update(9), MISSING),
        (create(1), shows(1)),
        (create(2), EXISTS),
        (update_of(1, 3), shows(3)),
        (update_of(1, 4), STALE),
        (Action::Delete { expected: Some(Version::live(3)) }, deleted),
        (Action::Get, deleted),
        (update(5), Answer::Refused(Refusal::Deleted)),
        (create(6), EXISTS),
    ])));
}

#[test]
fn a_stale_read_is_refused() {
    assert!(!good(&in_turn(&[
        (create(1), shows(1)),
        (update(2), shows(2)),
        (Action::Get, shows(1)),
    ])));
}

#[test]
fn an_acknowledged_write_that_is_gone_is_refused() {
    assert!(!good(&in_turn(&[(create(1), shows(1)), (Action::Get, MISSING)])));
    assert!(!good(&in_turn(&[
        (create(1), shows(1)),
        (update(2), shows(2)),
        (update_of(1, 3), shows(3)),
    ])));
}

#[test]
fn two_updates_of_one_version_that_both_succeed_are_refused() {
    let history = [
        call(0, 1, create(1), shows(1)),
        call(2, 10, update_of(1, 2), shows(2)),
        call(3, 11, update_of(1, 3), shows(3)),
    ];
    assert!(!good(&history));
}

#[test]
fn a_create_that_succeeds_twice_is_refused_also_at_the_same_time() {
    assert!(!good(&in_turn(&[(create(1), shows(1)), (create(2), shows(2))])));
    assert!(!good(&[call(0, 10, create(1), shows(1)), call(1, 11, create(2), shows(2))]));
}

#[test]
fn readers_who_see_two_writes_in_opposite_orders_are_refused() {
    let history = [
        call(0, 1, create(1), shows(1)),
        call(2, 50, update(2), shows(2)),
        call(3, 51, update(3), shows(3)),
        call(10, 11, Action::Get, shows(2)),
        call(12, 13, Action::Get, shows(3)),
        call(14, 15, Action::Get, shows(2)),
    ];
    assert!(!good(&history));
    assert!(good(&history[..5]));
}

#[test]
fn a_lost_write_may_have_happened_at_any_later_time_but_once_and_not_before() {
    let first = call(0, 1, create(1), shows(1));
    let read = |at, tag| call(at, at + 1, Action::Get, shows(tag));
    let seen_late = [first.clone(), lost(2, update(2)), read(10, 1), read(20, 2)];
    assert!(good(&seen_late));
    assert!(good(&seen_late[..3]), "it may never have happened");
    let taken_back = [first.clone(), lost(2, update(2)), read(10, 2), read(20, 1)];
    assert!(!good(&taken_back));
    let again = [
        first.clone(),
        lost(2, update(2)),
        read(10, 2),
        call(12, 13, update(3), shows(3)),
        read(20, 2),
    ];
    assert!(!good(&again), "once it was seen it does not happen again");
    let too_early = [first, read(10, 2), lost(20, update(2))];
    assert!(!good(&too_early));
}

#[test]
fn a_lost_write_that_nobody_saw_explains_why_an_etag_is_stale() {
    let history = [
        call(0, 1, create(1), shows(1)),
        lost(2, update(2)),
        call(10, 11, update_of(1, 3), STALE),
        call(12, 13, Action::Get, shows(2)),
    ];
    assert!(good(&history));
    let without = [&history[..1], &history[2..3]].concat();
    assert!(!good(&without), "nothing else made it stale");
}

#[test]
fn a_write_that_would_change_nothing_now_may_be_what_changes_something_later() {
    let deleted = Answer::Shows { version: Version { tag: 1, deleted: true }, uses: 0 };
    let history = [
        call(0, 10, create(1), shows(1)),
        call(1, 11, update(1), shows(1)),
        call(2, 12, update_of(1, 3), shows(3)),
        call(20, 21, Action::Delete { expected: Some(Version::live(1)) }, deleted),
    ];
    assert!(good(&history), "create, update to 3, update to 1 again, delete");
}

#[test]
fn uses_are_counted_exactly() {
    let model = Objects { limit: |_| 2 };
    let shows = |uses| Answer::Shows { version: Version::live(1), uses };
    let join = (Action::Join, Answer::Joined);
    let exhausted = (Action::Join, Answer::Refused(Refusal::Exhausted));
    let made = (create(1), shows(0));
    let fits = |calls: &[_]| explain(&model, Object::default(), &in_turn(calls)).is_ok();
    assert!(fits(&[made, join, (Action::Get, shows(1)), join, exhausted, (Action::Get, shows(2))]));
    assert!(!fits(&[made, join, join, join]), "one too many");
    assert!(!fits(&[made, join, exhausted]), "one too few");
    assert!(!fits(&[made, join, (Action::Get, shows(2))]), "one counted twice");
    assert!(!fits(&[made, join, (Action::Get, shows(0))]), "one not counted");
}

/// Callers of a real object: each call takes effect at a moment of its own between its start and its answer.
fn truthful(chance: &mut StdRng, calls: usize, callers: u64) -> Vec<Timed<Call>> {
    let mut object = Object::default();
    let mut past = vec![Version::live(0)];
    let mut history = Vec::new();
    for index in 0..calls {
        let effect = 1_000 + 10 * index as u64;
        let reach = 10 * callers;
        let sent = effect - chance.random_range(0..reach.min(effect)) - 1;
        let answered = effect + chance.random_range(0..reach) + 1;
        let tag = Tag::try_from(index + 1).unwrap();
        let expected = chance.random_bool(0.5).then(|| past[chance.random_range(0..past.len())]);
        let action = match chance.random_range(0..10) {
            0 => create(tag),
            1..5 => Action::Update { tag, expected },
            5 if chance.random_bool(0.02) => Action::Delete { expected },
            _ => Action::Get,
        };
        let is_lost = chance.random_bool(0.1);
        let happens = !is_lost || chance.random_bool(0.5);
        let answer = answer_of(&mut object, action, happens);
        past.extend(object.version);
        history.push(if is_lost {
            lost(sent, action)
        } else {
            call(sent, answered, action, answer)
        });
    }
    history.shuffle(chance);
    history
}

/// What the object says, as the model defines it.
fn answer_of(object: &mut Object, action: Action, happens: bool) -> Answer {
    let Some(after) = MODEL.step(object, &Call { action, answer: None }) else {
        let reasons = [Refusal::Missing, Refusal::Exists, Refusal::Stale, Refusal::Deleted];
        let answers = reasons.map(Answer::Refused);
        let fits =
            |answer: &Answer| MODEL.step(object, &Call { action, answer: Some(*answer) }).is_some();
        return answers.into_iter().find(fits).unwrap();
    };
    if happens {
        *object = after;
    }
    Answer::Shows { version: after.version.unwrap(), uses: 0 }
}

#[test]
fn whatever_a_real_object_tells_many_callers_is_explained() {
    let mut chance = trial::chance("linearizable: truthful");
    for _ in 0..30 {
        let history = truthful(&mut chance, 200, 12);
        if let Err(why) = explain(&MODEL, Object::default(), &history) {
            panic!("{why:#?}\n{history:#?}");
        }
    }
}

#[test]
fn one_answer_from_the_past_in_a_long_history_is_found() {
    let mut chance = trial::chance("linearizable: one lie");
    let mut found = 0;
    for _ in 0..30 {
        let mut history = truthful(&mut chance, 200, 12);
        found += usize::from(lie(&mut history));
    }
    assert!(found >= 15, "only {found} histories could be falsified");
}

/// Lets the last read that can lie show a version that was overwritten before it was sent; checks that it is found.
fn lie(history: &mut [Timed<Call>]) -> bool {
    let updates: Vec<(u64, u64, Tag)> = history
        .iter()
        .filter_map(|timed| match (timed.call.answer, timed.answered) {
            (Some(Answer::Shows { version, .. }), Some(answered))
                if matches!(timed.call.action, Action::Update { .. }) =>
            {
                Some((timed.sent, answered, version.tag))
            }
            _ => None,
        })
        .collect();
    let overwritten_before = |moment: u64| {
        updates.iter().find(|(_, answered, _)| {
            updates.iter().any(|(sent, end, _)| sent > answered && *end < moment)
        })
    };
    for timed in history.iter_mut().filter(|timed| timed.call.action == Action::Get) {
        if timed.answered.is_some()
            && let Some((.., tag)) = overwritten_before(timed.sent)
        {
            timed.call.answer = Some(shows(*tag));
            assert!(!good(history), "the lie passed: {history:#?}");
            return true;
        }
    }
    false
}

/// Tries every order of every choice of lost calls, without any cleverness.
fn tried(history: &[Timed<Call>]) -> bool {
    fn from(object: Object, left: &[&Timed<Call>]) -> bool {
        if left.iter().all(|timed| timed.answered.is_none()) {
            return true;
        }
        (0..left.len()).any(|index| {
            let next = left[index];
            let early = left.iter().any(|o| o.answered.is_some_and(|end| end < next.sent));
            let rest = [&left[..index], &left[index + 1..]].concat();
            !early && MODEL.step(&object, &next.call).is_some_and(|object| from(object, &rest))
        })
    }
    from(Object::default(), &history.iter().collect::<Vec<_>>())
}

#[test]
fn short_histories_are_judged_as_trying_every_order_judges_them() {
    let mut chance = trial::chance("linearizable: every order");
    let (mut explained, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let history: Vec<_> = (0..chance.random_range(2..7)).map(|_| any(&mut chance)).collect();
        let verdict = good(&history);
        assert_eq!(verdict, tried(&history), "{history:#?}");
        *if verdict { &mut explained } else { &mut refused } += 1;
    }
    assert!(explained > 50 && refused > 50, "{explained} explained, {refused} refused");
}

/// Any call with any answer, from few values, so that they meet.
fn any(chance: &mut StdRng) -> Timed<Call> {
    let tag = chance.random_range(1..4);
    let version = Version { tag: chance.random_range(1..4), deleted: chance.random_bool(0.1) };
    let expected = chance.random_bool(0.5).then_some(version);
    let (action, refusal) = match chance.random_range(0..5) {
        0 | 1 => (create(tag), Refusal::Exists),
        2 => (Action::Update { tag, expected }, Refusal::Stale),
        3 => (Action::Delete { expected }, Refusal::Stale),
        _ => (Action::Get, Refusal::Missing),
    };
    let sent = chance.random_range(0..20);
    let shown = match action {
        Action::Create { tag } | Action::Update { tag, .. } => Version::live(tag),
        Action::Delete { .. } => Version { deleted: true, ..version },
        Action::Get | Action::Join => version,
    };
    match chance.random_range(0..8) {
        0 => lost(sent, action),
        1 => call(sent, sent + chance.random_range(1..12), action, Answer::Refused(refusal)),
        _ => {
            let answer = Answer::Shows { version: shown, uses: 0 };
            call(sent, sent + chance.random_range(1..12), action, answer)
        }
    }
}
