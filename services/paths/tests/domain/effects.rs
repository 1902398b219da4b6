//! What an answer implies comes true when it is applied, and not before.

use paths::{
    domain::{
        choice::{priority::Spill, select::Depth},
        configuration::{HealthReporting, Preference, Protocol},
        matching::host::{Domain, Host},
        probing::demand::{Access, InUse},
        question::query::Query,
    },
    live::tenant::MAX_DEMAND,
};

use crate::world::{BERLIN, HOST, PARIS, World, first, from_place, id};

/// Two sites, the first of which has fallen below half of its connectors.
fn fallen(health: HealthReporting) -> (World, Query) {
    let mut world = World::new();
    world.group("main", PARIS);
    for name in ["main-1", "main-2", "main-3"] {
        let mark = world.member("main", name);
        if name != "main-1" {
            world.connector(name).close(mark, true, world.now);
        }
    }
    world.site("spare", BERLIN);
    let segment = world.segment();
    segment.preferences.insert(id("spare"), Preference { priority: 1, weight: 100 });
    segment.domains.push(Domain::parse("*.corp.example").unwrap());
    segment.health_reporting = health;
    (world, from_place(BERLIN))
}

/// All that a question may leave behind.
#[derive(Clone, Debug, PartialEq)]
struct Traces {
    in_use: Vec<InUse>,
    /// An access without a question: a place in memory that is taken for nothing.
    unused: bool,
    /// Targets that each connector knows.
    targets: Vec<usize>,
    grants: Vec<u32>,
    spill: Spill,
}

fn traces(world: &World) -> Traces {
    let connectors = ["main-1", "main-2", "main-3", "spare"].map(|name| world.connector(name));
    Traces {
        in_use: world.live.in_use(world.now),
        unused: world.live.forget_unused(world.now),
        targets: connectors.iter().map(|live| live.targets().len()).collect(),
        grants: connectors.iter().map(|live| live.numbers().grants).collect(),
        spill: world.live.segment(&id("wiki")).spill(),
    }
}

#[test]
fn evaluating_at_any_depth_changes_nothing_and_applying_changes_all_that_was_implied() {
    for health in [HealthReporting::OnAccess, HealthReporting::Continuous, HealthReporting::None] {
        let (mut world, query) = fallen(health);
        let (before, moment) = (traces(&world), world.moment());
        let mut implied = Vec::new();
        for depth in [Depth::Select, Depth::Explain, Depth::Select, Depth::Explain] {
            let evaluated = world.evaluate(&query, None, &moment, depth);
            assert_eq!(first(evaluated.answer.outcome.as_ref().unwrap()), "spare");
            implied.push(evaluated.answer.effects.unwrap());
            assert_eq!(traces(&world), before, "{depth:?} of {health:?} changed something");
        }
        assert!(implied.iter().all(|effects| *effects == implied[0]), "{implied:?}");

        let evaluated = world.evaluate(&query, None, &moment, Depth::Select);
        let begins = world.apply(&evaluated, &query);
        let after = traces(&world);
        let is_followed = health == HealthReporting::OnAccess;
        assert_eq!((begins, after.in_use.len()), (is_followed, usize::from(is_followed)));
        let slots = usize::from(health != HealthReporting::None);
        assert_eq!(after.targets, [slots; 4], "{health:?}");
        assert_eq!(after.grants, [0, 0, 0, 1]);
        assert!(after.spill.0[0] > world.now.as_millisecond() && !after.unused);

        let again = world.evaluate(&query, None, &moment, Depth::Select);
        assert!(!world.apply(&again, &query), "it is in use already");
    }
}

#[test]
fn a_client_that_stays_is_no_further_session() {
    let (mut world, query) = fallen(HealthReporting::OnAccess);
    let moment = world.moment();
    let evaluated = world.evaluate(&query, None, &moment, Depth::Select);
    let hold = evaluated.answer.outcome.unwrap().hold;
    let again = world.evaluate(&query, Some(&hold), &moment, Depth::Select);
    assert_eq!(again.answer.effects.unwrap().grant, None);
}

#[test]
fn results_count_in_answers_that_leave_nothing_behind() {
    let (mut world, query) = fallen(HealthReporting::OnAccess);
    let moment = world.moment();
    let leg = |world: &mut World| {
        let answer = world.evaluate(&query, None, &moment, Depth::Explain).answer;
        let best = answer.outcome.unwrap().ranked[0].assessed;
        best.measured.then_some(best.application_ms)
    };
    assert_eq!(leg(&mut world), None);
    world.reaches("spare", 7.0);
    assert_eq!(leg(&mut world), Some(7.0));
    let evaluated = world.evaluate(&query, None, &moment, Depth::Select);
    world.apply(&evaluated, &query);
    world.reaches("spare", 9.0);
    assert_eq!(leg(&mut world), Some(8.0), "the median of both, by the board that stays");
}

#[test]
fn what_finds_no_place_among_what_is_in_use_is_answered_and_followed_later() {
    let (mut world, query) = fallen(HealthReporting::OnAccess);
    let moment = world.moment();
    for n in 0..MAX_DEMAND {
        let host = Host::parse(&format!("n{n}.corp.example")).unwrap();
        let access = Access { segment: id("other"), host, port: 443, protocol: Protocol::Tcp };
        assert!(world.live.access(&access).is_some());
    }
    let evaluated = world.evaluate(&query, None, &moment, Depth::Select);
    assert!(!world.apply(&evaluated, &query));
    assert!(world.live.forget_unused(world.now), "what nobody asked for makes place");
    let evaluated = world.evaluate(&query, None, &moment, Depth::Select);
    assert!(world.apply(&evaluated, &query));
    let assigned = world.assignment("spare", 20).targets;
    assert_eq!(assigned[0].target.host.to_string(), HOST);
}
