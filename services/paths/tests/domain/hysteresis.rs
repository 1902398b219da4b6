use std::time::Duration;

use paths::domain::{choice::hysteresis::Hold, question::query::Query};

use crate::world::{BERLIN, PARIS, World, first, from_place};

/// Two sites in one place; `a` is chosen first.
fn two() -> (World, Query, Hold) {
    let mut world = World::new();
    for (name, ms) in [("a", 100.0), ("b", 103.0)] {
        world.site(name, PARIS);
        set(&world, name, ms);
    }
    let query = from_place(PARIS);
    let hold = world.path(&query, None).hold;
    assert_eq!(hold.connector.app_connector.as_str(), "a");
    (world, query, hold)
}

/// Five checks, so that the median is the new number.
fn set(world: &World, name: &str, ms: f32) {
    for _ in 0..5 {
        world.reaches(name, ms);
    }
}

fn after(world: &mut World, seconds: u64, b: f32) {
    world.later(Duration::from_secs(seconds));
    set(world, "a", 100.0);
    set(world, "b", b);
}

#[test]
fn a_small_gain_moves_no_client_and_is_named() {
    let (mut world, query, hold) = two();
    after(&mut world, 3_600, 96.0);
    let path = world.path(&query, Some(&hold));
    assert_eq!(first(&path), "a");
    assert!(path.kept_previous && !path.is_new);
    assert_eq!(first(&world.path(&query, None)), "b", "without the token the best is chosen");
}

#[test]
fn a_gain_over_both_lines_moves_a_client_once_sticky_for_is_over() {
    let (mut world, query, hold) = two();
    after(&mut world, 599, 90.0);
    assert_eq!(first(&world.path(&query, Some(&hold))), "a");
    after(&mut world, 1, 90.0);
    let path = world.path(&query, Some(&hold));
    assert_eq!(first(&path), "b");
    assert!(path.is_new && path.hold.moves.len() == 1);
    assert_eq!(path.hold.since, world.now.as_second());
}

#[test]
fn a_great_gain_moves_at_once() {
    let (mut world, query, hold) = two();
    after(&mut world, 10, 45.0);
    assert_eq!(first(&world.path(&query, Some(&hold))), "b");
}

#[test]
fn four_improving_moves_an_hour_are_the_most() {
    let (mut world, query, mut hold) = two();
    world.segment().sticky_for = Duration::ZERO;
    for round in 0..6 {
        world.later(Duration::from_secs(60));
        let (a, b) = if round % 2 == 0 { (100.0, 50.0) } else { (50.0, 100.0) };
        set(&world, "a", a);
        set(&world, "b", b);
        hold = world.path(&query, Some(&hold)).hold;
    }
    assert_eq!(hold.moves.len(), 4);
    assert_eq!(hold.connector.app_connector.as_str(), "a", "the fifth move was not made");
}

#[test]
fn a_failure_moves_at_once_and_counts_as_no_improvement() {
    let (mut world, query, hold) = two();
    world.fails("a");
    let path = world.path(&query, Some(&hold));
    assert_eq!(first(&path), "b");
    assert!(path.hold.moves.is_empty());
    world.reaches("a", 100.0);
    assert_eq!(first(&world.path(&query, Some(&path.hold))), "b", "nor does it flap back");
}

#[test]
fn a_client_that_moved_or_changed_its_network_is_free() {
    let (mut world, query, hold) = two();
    after(&mut world, 10, 97.0);
    assert_eq!(first(&world.path(&query, Some(&hold))), "a");
    let elsewhere = from_place(BERLIN);
    assert_eq!(first(&world.path(&elsewhere, Some(&hold))), "b");
    let network = Query { client_network: "home".into(), ..query.clone() };
    assert_eq!(first(&world.path(&network, Some(&hold))), "b");
    let nearby = from_place((PARIS.0 + 0.3, PARIS.1));
    assert_eq!(first(&world.path(&nearby, Some(&hold))), "a");
}

#[test]
fn a_choice_made_without_a_measurement_does_not_stick() {
    let mut world = World::new();
    world.site("a", PARIS);
    world.site("b", BERLIN);
    let query = from_place(PARIS);
    let hold = world.path(&query, None).hold;
    assert!(hold.provisional && hold.connector.app_connector.as_str() == "a");
    world.later(Duration::from_secs(1));
    set(&world, "a", 80.0);
    set(&world, "b", 2.0);
    let path = world.path(&query, Some(&hold));
    assert_eq!(first(&path), "b");
    assert!(!path.hold.provisional);
}

#[test]
fn a_token_of_another_day_or_application_is_forgotten() {
    let (mut world, query, hold) = two();
    after(&mut world, 10, 97.0);
    let other =
        Hold { segment: "tenants/acme/applicationSegments/mail".parse().unwrap(), ..hold.clone() };
    assert_eq!(first(&world.path(&query, Some(&other))), "b");
    after(&mut world, 86_400, 97.0);
    assert_eq!(first(&world.path(&query, Some(&hold))), "b");
}
