use std::time::Duration;

use paths::domain::{
    candidates::verdict::{Reason, Verdict},
    choice::{answer::Degradation, select::Depth},
    configuration::{
        ClientNetwork, Country, Families, HealthReporting, Preference, SelectionPolicy, Server,
        ServerGroup, UnhealthyPolicy,
    },
    matching::host::Host,
    probing::health::{Check, Health},
    question::{location::LocationSource, moment::Moment, query::Query},
    reporting::report::{Instance, Load},
};

use crate::world::{BERLIN, PARIS, SYDNEY, World, all, first, from_place, id, place};

fn three_sites() -> World {
    let mut world = World::new();
    for (name, at, ms) in [("berlin", BERLIN, 40.0), ("paris", PARIS, 5.0), ("sydney", SYDNEY, 1.0)]
    {
        world.site(name, at);
        world.reaches(name, ms);
    }
    world
}

fn reason(world: &mut World) -> Reason {
    world.ask(&from_place(BERLIN), None).outcome.unwrap_err()
}

fn verdict(world: &mut World, name: &str) -> Verdict {
    let answer = world.ask(&from_place(BERLIN), None);
    let of =
        |one: &&paths::domain::choice::answer::Candidate| one.connector.app_connector == id(name);
    answer.considered.iter().find(of).unwrap().assessed.verdict
}

#[test]
fn the_sum_of_both_legs_decides() {
    let mut world = three_sites();
    // Berlin to Paris is 878 km, 13.2 ms: 18 ms in all against 40 at home and 240 over Sydney.
    assert_eq!(all(&world.path(&from_place(BERLIN), None)), ["paris", "berlin", "sydney"]);
    let best = world.path(&from_place(BERLIN), None).ranked[0].assessed;
    assert!((best.user_ms - 13.2).abs() < 0.1 && best.application_ms == 5.0, "{best:?}");
    assert!(best.measured && (best.total_ms - best.user_ms - 5.0).abs() < 1e-4);
    assert_eq!(world.choice(SYDNEY), "sydney");
}

#[test]
fn the_policy_names_the_leg_that_decides() {
    let mut world = three_sites();
    world.segment().policy = SelectionPolicy::ClosestToUser;
    assert_eq!(world.choice(BERLIN), "berlin");
    world.segment().policy = SelectionPolicy::ClosestToApplication;
    assert_eq!(world.choice(BERLIN), "sydney");
}

#[test]
fn an_unmeasured_leg_counts_as_the_worst_known_and_comes_behind_every_measured_one() {
    let mut world = three_sites();
    world.site("potsdam", (52.4, 13.06));
    let answer = world.ask(&from_place(BERLIN), None);
    let of = |name: &str| {
        let found = answer.considered.iter().find(|one| one.connector.app_connector == id(name));
        found.unwrap().assessed
    };
    assert_eq!(of("potsdam").application_ms, 40.0);
    assert!(!of("potsdam").measured);
    assert_eq!(first(answer.outcome.as_ref().unwrap()), "paris");

    let mut unknown = World::new();
    unknown.site("berlin", BERLIN);
    unknown.site("paris", PARIS);
    let path = unknown.path(&from_place(PARIS), None);
    assert_eq!(first(&path), "paris", "with nothing measured the user leg decides");
    assert_eq!(path.degradation, Degradation::Reduced);
}

#[test]
fn an_unknown_client_place_leaves_the_application_leg_to_decide() {
    let mut world = three_sites();
    let query = Query { coordinates: None, ..from_place(BERLIN) };
    let answer = world.ask(&query, None);
    assert_eq!(answer.reason(), Some(Reason::ClientLocationUnknown));
    let path = answer.outcome.unwrap();
    assert_eq!(first(&path), "sydney");
    assert_eq!(path.degradation, Degradation::Reduced);
}

#[test]
fn a_client_network_places_the_client_before_anything_that_the_caller_says() {
    let mut world = three_sites();
    let networks = vec!["10.1.0.0/16".parse().unwrap()];
    let office = ClientNetwork { networks, coordinates: place(SYDNEY) };
    world.configuration.client_networks.insert(id("sydney-office"), office);
    let mut query = from_place(BERLIN);
    query.address = "::ffff:10.1.2.3".parse().ok();
    let answer = world.ask(&query, None);
    assert_eq!(answer.location.source, LocationSource::ClientNetwork);
    assert_eq!(first(&answer.outcome.unwrap()), "sydney");
    query.address = "10.2.2.3".parse().ok();
    let answer = world.ask(&query, None);
    assert_eq!(answer.location.source, LocationSource::Coordinates);
    assert_eq!(first(&answer.outcome.unwrap()), "paris");
}

#[test]
fn a_connector_that_cannot_reach_the_application_is_not_chosen_and_explained() {
    let mut world = three_sites();
    world.fails("paris");
    assert_eq!(all(&world.path(&from_place(BERLIN), None)), ["berlin", "sydney"]);
    assert_eq!(verdict(&mut world, "paris"), Verdict::Unreachable);
    world.reaches("paris", 5.0);
    assert_eq!(world.choice(BERLIN), "paris", "up after one success");
}

#[test]
fn a_group_that_is_disabled_is_out_of_the_very_next_answer() {
    let mut world = three_sites();
    assert_eq!(world.choice(BERLIN), "paris");
    world.configuration.groups.get_mut("paris").unwrap().enabled = false;
    world.segment();
    assert_eq!(world.choice(BERLIN), "berlin");
    assert_eq!(verdict(&mut world, "paris"), Verdict::GroupDisabled);
}

#[test]
fn each_broken_link_of_the_chain_has_its_reason() {
    let mut world = World::new();
    world.segment().server_groups.clear();
    assert_eq!(reason(&mut world), Reason::NoServerGroup);
    world.segment().server_groups.push(id("servers"));
    assert_eq!(reason(&mut world), Reason::NoAppConnectorGroup);
    world.group("paris", PARIS).enabled = false;
    assert_eq!(reason(&mut world), Reason::AppConnectorGroupDisabled);
    world.configuration.groups.get_mut("paris").unwrap().enabled = true;
    world.configuration.server_groups.get_mut("servers").unwrap().enabled = false;
    world.segment();
    assert_eq!(reason(&mut world), Reason::ServerGroupDisabled);
    world.configuration.server_groups.get_mut("servers").unwrap().enabled = true;
    world.segment();
    assert_eq!(reason(&mut world), Reason::NoConnectedConnector);
    let mark = world.member("paris", "paris");
    assert_eq!(first(&world.path(&from_place(BERLIN), None)), "paris");
    world.connector("paris").close(mark, true, world.now);
    assert_eq!(reason(&mut world), Reason::NoConnectedConnector);
    assert_eq!(verdict(&mut world, "paris"), Verdict::Disconnected);
    world.segment().enabled = false;
    assert_eq!(reason(&mut world), Reason::SegmentDisabled);
    world.segment().enabled = true;
    world.configuration.suspended = true;
    world.segment();
    assert_eq!(reason(&mut world), Reason::TenantSuspended);
}

#[test]
fn when_nobody_reaches_the_application_the_reason_says_so() {
    let mut world = three_sites();
    for name in ["berlin", "paris", "sydney"] {
        world.fails(name);
    }
    assert_eq!(reason(&mut world), Reason::ApplicationUnreachable);
    let mark =
        world.connector("berlin").open(Default::default(), Duration::from_secs(10), world.now);
    world.connector("berlin").beat(
        mark,
        Some(Load { memory: 0.99, ..Load::default() }),
        None,
        world.now,
    );
    assert_eq!(reason(&mut world), Reason::AllUnhealthy, "different causes");
    assert_eq!(verdict(&mut world, "berlin"), Verdict::ResourcesSpent);
}

#[test]
fn the_policy_for_unhealthy_sets_lets_through_but_never_widens() {
    let mut world = three_sites();
    for name in ["paris", "sydney"] {
        world.fails(name);
    }
    world.later(Duration::from_secs(5));
    world.reaches("berlin", 40.0);
    world.fails("berlin");
    world.segment().unhealthy = UnhealthyPolicy::LastKnownGood;
    let path = world.path(&from_place(BERLIN), None);
    assert_eq!(all(&path), ["berlin"], "the one that was healthy last");
    assert_eq!(path.degradation, Degradation::Unhealthy);
    world.segment().unhealthy = UnhealthyPolicy::Any;
    assert_eq!(world.path(&from_place(BERLIN), None).ranked.len(), 3);
    world.configuration.groups.get_mut("paris").unwrap().enabled = false;
    world.segment();
    assert_eq!(all(&world.path(&from_place(BERLIN), None)), ["berlin", "sydney"]);
}

#[test]
fn results_that_are_too_old_are_unknown_and_labelled() {
    let mut world = three_sites();
    world.later(Duration::from_secs(91));
    world.reaches("berlin", 40.0);
    let path = world.path(&from_place(BERLIN), None);
    assert_eq!(all(&path), ["berlin", "paris", "sydney"], "UP comes before UNKNOWN");
    let stale = path.ranked[1].assessed;
    assert_eq!(stale.tier(), Health::Unknown);
    assert_eq!((stale.application_ms, stale.reading.age_ms), (5.0, 91_000));
}

#[test]
fn an_address_family_that_the_group_does_not_resolve_is_a_mismatch() {
    let mut world = World::new();
    world
        .segment()
        .domains
        .push(paths::domain::matching::host::Domain::parse("2001:db8::5").unwrap());
    world.group("paris", PARIS).families = Families::Ipv4;
    world.member("paris", "paris");
    let mut query = from_place(BERLIN);
    query.host = Host::parse("2001:db8::5").unwrap();
    assert_eq!(world.ask(&query, None).outcome.unwrap_err(), Reason::DnsFamilyMismatch);

    let mut named = World::new();
    named.site("paris", PARIS);
    for _ in 0..2 {
        let cause = "no A record".to_owned();
        named.record("paris", Check::Failed { cause, no_address_in_family: true });
    }
    assert_eq!(reason(&mut named), Reason::DnsFamilyMismatch);
}

#[test]
fn countries_and_groups_that_the_caller_or_segment_do_not_allow_are_left_out() {
    let mut world = three_sites();
    world.configuration.groups.get_mut("paris").unwrap().country = Country::parse("FR");
    world.segment().allowed_countries = vec![Country::parse("fr").unwrap()];
    assert_eq!(all(&world.path(&from_place(BERLIN), None)), ["paris"]);
    world.segment().allowed_countries = vec![Country::parse("PL").unwrap()];
    assert_eq!(reason(&mut world), Reason::CountryExcluded);
    world.segment().allowed_countries.clear();
    let mut query = from_place(BERLIN);
    query.groups = vec![id("sydney")];
    assert_eq!(all(&world.path(&query, None)), ["sydney"]);
    query.groups.clear();
    query.countries = vec![Country::parse("FR").unwrap()];
    assert_eq!(all(&world.path(&query, None)), ["paris"]);
}

#[test]
fn a_lower_priority_serves_when_less_than_half_of_the_higher_is_usable_and_steps_back_later() {
    let mut world = World::new();
    world.group("main", PARIS);
    for name in ["main-1", "main-2", "main-3"] {
        world.member("main", name);
        world.reaches(name, 30.0);
    }
    world.site("spare", BERLIN);
    world.reaches("spare", 1.0);
    world.segment().preferences.insert(id("spare"), Preference { priority: 1, weight: 100 });
    assert_eq!(first(&world.path(&from_place(BERLIN), None)), "main-1");
    assert_eq!(verdict(&mut world, "spare"), Verdict::LowerPriority);
    world.fails("main-1");
    assert_eq!(first(&world.path(&from_place(BERLIN), None)), "main-2", "two of three are enough");
    world.fails("main-2");
    let (query, moment) = (from_place(BERLIN), world.moment());
    let evaluated = world.evaluate(&query, None, &moment, Depth::Select);
    assert_eq!(first(evaluated.answer.outcome.as_ref().unwrap()), "spare");
    world.apply(&evaluated, &query);
    world.reaches("main-1", 30.0);
    world.reaches("main-2", 30.0);
    world.later(Duration::from_secs(299));
    for name in ["main-1", "main-2", "main-3", "spare"] {
        world.reaches(name, if name == "spare" { 1.0 } else { 30.0 });
    }
    assert_eq!(first(&world.path(&from_place(BERLIN), None)), "spare");
    world.later(Duration::from_secs(1));
    assert!(first(&world.path(&from_place(BERLIN), None)).starts_with("main"));
}

#[test]
fn a_weight_of_nought_takes_no_traffic_and_unequal_weights_divide_it() {
    let mut world = World::new();
    world.site("a", PARIS);
    world.site("b", PARIS);
    for name in ["a", "b"] {
        world.reaches(name, 5.0);
    }
    world.segment().preferences.insert(id("b"), Preference { priority: 0, weight: 0 });
    assert_eq!(all(&world.path(&from_place(BERLIN), None)), ["a"]);
    world.segment().preferences.insert(id("b"), Preference { priority: 0, weight: 300 });
    let mut to_b = 0;
    for client in 0..1_000 {
        let mut query = from_place(BERLIN);
        query.client_key = format!("client-{client}");
        to_b += u32::from(first(&world.path(&query, None)) == "b");
    }
    assert!((700..800).contains(&to_b), "{to_b} of 1000 for weight 300 against 100");
}

#[test]
fn the_second_and_third_come_from_other_failure_domains_where_that_is_cheap() {
    let mut world = World::new();
    world.group("paris", PARIS);
    for (name, ms) in [("paris-1", 5.0), ("paris-2", 6.0), ("paris-3", 7.0)] {
        world.member("paris", name);
        world.reaches(name, ms);
    }
    world.site("berlin", BERLIN);
    world.reaches("berlin", 12.0);
    assert_eq!(all(&world.path(&from_place(PARIS), None)), ["paris-1", "berlin", "paris-2"]);
    for _ in 0..5 {
        world.reaches("berlin", 60.0);
    }
    assert_eq!(all(&world.path(&from_place(PARIS), None)), ["paris-1", "paris-2", "paris-3"]);
}

#[test]
fn listed_servers_are_what_counts_and_the_best_of_them_is_the_leg() {
    let mut world = World::new();
    world.site("paris", PARIS);
    let server = |host: &str| Server { host: Host::parse(host).unwrap(), ports: Vec::new() };
    let servers = ServerGroup {
        enabled: true,
        groups: vec![id("paris")],
        servers: vec![server("10.0.0.1"), server("10.0.0.2")],
    };
    world.configuration.server_groups.insert(id("servers"), servers);
    world.segment();
    world.reaches("paris", 1.0); // of the segment's own name: nobody asks for it
    let at = |host: &str| crate::world::target(host);
    let check = |ms| Check::Connected { milliseconds: ms, address: String::new() };
    let valid = Duration::from_secs(90);
    world.connector("paris").slot(&at("10.0.0.1")).record(check(9.0), world.now, valid);
    world.connector("paris").slot(&at("10.0.0.2")).record(check(4.0), world.now, valid);
    let path = world.path(&from_place(PARIS), None);
    assert_eq!(path.ranked[0].assessed.application_ms, 4.0);
    let refused = || Check::Failed { cause: String::new(), no_address_in_family: false };
    for _ in 0..2 {
        world.connector("paris").slot(&at("10.0.0.2")).record(refused(), world.now, valid);
    }
    assert_eq!(world.path(&from_place(PARIS), None).ranked[0].assessed.application_ms, 9.0);
    for _ in 0..2 {
        world.connector("paris").slot(&at("10.0.0.1")).record(refused(), world.now, valid);
    }
    assert_eq!(reason(&mut world), Reason::ApplicationUnreachable);
}

#[test]
fn without_health_reporting_an_application_is_taken_to_be_up() {
    let mut world = World::new();
    world.segment().health_reporting = HealthReporting::None;
    world.site("paris", PARIS);
    let best = world.path(&from_place(PARIS), None).ranked[0].assessed;
    assert_eq!((best.tier(), best.measured), (Health::Up, false));
}

#[test]
fn an_ended_certificate_counts_only_while_none_can_be_renewed() {
    let mut world = three_sites();
    let ended = Some(world.now - Duration::from_secs(1));
    let instance = Instance { certificate_end: ended, ..Default::default() };
    world.connector("paris").open(instance, Duration::from_secs(10), world.now);
    assert_eq!(world.choice(BERLIN), "berlin");
    assert_eq!(verdict(&mut world, "paris"), Verdict::CertificateExpired);
    let mut moment = world.moment();
    moment.certificate_grace = Duration::from_secs(60);
    let query = from_place(BERLIN);
    let answer = world.evaluate(&query, None, &moment, Depth::Select).answer;
    assert_eq!(first(&answer.outcome.unwrap()), "paris");
}

#[test]
fn the_time_to_live_is_jittered_between_30_and_60_seconds() {
    let mut world = three_sites();
    let mut seen = std::collections::BTreeSet::new();
    for seed in [0, 1, 17_000, 30_000, 30_001, u64::MAX] {
        let moment = Moment { seed, ..world.moment() };
        let query = from_place(BERLIN);
        let answer = world.evaluate(&query, None, &moment, Depth::Select).answer;
        assert!((30_000..=60_000).contains(&answer.ttl.as_millis()));
        seen.insert(answer.ttl);
    }
    assert!(seen.len() > 3);
    let mut query = from_place(BERLIN);
    query.host = Host::parse("nobody.example").unwrap();
    assert_eq!(world.ask(&query, None).ttl, Duration::from_secs(5));
}
