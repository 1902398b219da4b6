//! What connectors are to probe: what is asked for, and no more than their budget.

use std::time::Duration;

use paths::domain::{
    choice::select::Depth,
    configuration::{HealthReporting, PortRange},
    matching::host::Domain,
    question::moment::Moment,
};

use crate::world::{BERLIN, HOST, PARIS, World, from_place};

#[test]
fn what_is_asked_for_is_probed_and_what_is_only_explained_is_not() {
    let mut world = World::new();
    world.site("paris", PARIS);
    world.segment().domains = vec![Domain::parse("*.corp.example").unwrap()];
    let (query, moment) = (from_place(BERLIN), world.moment());
    assert!(world.assignment("paris", 20).targets.is_empty());
    let _ = world.evaluate(&query, None, &moment, Depth::Explain);
    assert!(world.assignment("paris", 20).targets.is_empty());
    let evaluated = world.evaluate(&query, None, &moment, Depth::Select);
    assert!(world.apply(&evaluated, &query));
    let assignment = world.assignment("paris", 20);
    let hosts: Vec<_> = assignment.targets.iter().map(|one| one.target.host.to_string()).collect();
    assert_eq!(hosts, [HOST]);
    assert_eq!(assignment.period, Duration::from_secs(30));
    world.later(Duration::from_secs(1_801));
    assert!(world.assignment("paris", 20).targets.is_empty());

    assert!(world.live.forget_unused(world.now));
    let moment = Moment { now: world.now, ..moment };
    let again = world.evaluate(&query, None, &moment, Depth::Select);
    assert!(world.apply(&again, &query));
    assert_eq!(
        world.assignment("paris", 20).targets.len(),
        1,
        "what is used again is probed again"
    );
}

#[test]
fn more_targets_than_the_budget_are_probed_less_often_and_the_rest_is_left_out() {
    let mut world = World::new();
    world.site("paris", PARIS);
    world.segment().health_reporting = HealthReporting::Continuous;
    world.segment().tcp = vec![PortRange { first: 1, last: 100 }];
    let roomy = world.assignment("paris", 20);
    assert_eq!(
        (roomy.targets.len(), roomy.period, roomy.budget_permille),
        (100, Duration::from_secs(30), 166)
    );
    let tight = world.assignment("paris", 1);
    assert_eq!((tight.targets.len(), tight.period), (100, Duration::from_secs(100)));
    assert!(!tight.exceeds_budget());
    world.segment().tcp = vec![PortRange { first: 1, last: 400 }];
    let over = world.assignment("paris", 1);
    assert_eq!((over.targets.len(), over.left_out), (300, 100));
    assert!(over.exceeds_budget());
}
