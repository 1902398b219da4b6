//! What holds for every configuration, every report and every question.

use std::{sync::Arc, time::Duration};

use names::{AppConnectorName, TenantName};
use paths::{
    domain::{
        candidates::verdict::Verdict,
        choice::{answer::Answer, select::Depth},
        configuration::{Preference, SelectionPolicy, UnhealthyPolicy},
        probing::health::Health,
        question::{asked::Asked, location::place},
        reporting::numbers::Presence,
    },
    live::{tenant::TenantLive, view::TenantView},
};
use proptest::prelude::*;

use crate::world::{World, first, from_place, id};

#[derive(Clone, Debug)]
struct Site {
    group: usize,
    enabled: bool,
    /// 0 connected, 1 said goodbye, 2 silent, 3 never seen.
    presence: u8,
    /// Milliseconds; below 0: fails; `None`: never probed.
    leg: Option<f32>,
    sessions: u32,
}

#[derive(Clone, Debug)]
struct Case {
    sites: Vec<Site>,
    groups: Vec<(bool, f64, f64, u8, u16)>,
    policy: SelectionPolicy,
    unhealthy: UnhealthyPolicy,
    from: (f64, f64),
    client: String,
    limit: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let site = (
        0..4usize,
        prop::bool::weighted(0.8),
        prop_oneof![5 => Just(0u8), 1 => 1..4u8],
        prop::option::weighted(0.8, -20.0..200.0f32),
        0..1_500u32,
    )
        .prop_map(|(group, enabled, presence, leg, sessions)| Site {
            group,
            enabled,
            presence,
            leg,
            sessions,
        });
    let group = (prop::bool::weighted(0.8), -90.0..90.0f64, -180.0..180.0f64, 0..3u8, 0..300u16);
    let policy = prop_oneof![
        Just(SelectionPolicy::LowestTotalLatency),
        Just(SelectionPolicy::ClosestToUser),
        Just(SelectionPolicy::ClosestToApplication)
    ];
    let unhealthy = prop_oneof![
        Just(UnhealthyPolicy::Refuse),
        Just(UnhealthyPolicy::LastKnownGood),
        Just(UnhealthyPolicy::Any)
    ];
    (
        prop::collection::vec(site, 0..12),
        prop::collection::vec(group, 4),
        policy,
        unhealthy,
        (-90.0..90.0f64, -180.0..180.0f64),
        "[a-z]{0,6}",
        1..6usize,
    )
        .prop_map(|(sites, groups, policy, unhealthy, from, client, limit)| Case {
            sites,
            groups,
            policy,
            unhealthy,
            from,
            client,
            limit,
        })
}

fn build(case: &Case) -> World {
    let mut world = World::new();
    for (n, (enabled, latitude, longitude, priority, weight)) in case.groups.iter().enumerate() {
        let name = format!("g{n}");
        world.group(&name, (*latitude, *longitude)).enabled = *enabled;
        let preference = Preference { priority: *priority, weight: *weight };
        world.segment().preferences.insert(id(&name), preference);
    }
    world.segment().policy = case.policy;
    world.segment().unhealthy = case.unhealthy;
    for (n, site) in case.sites.iter().enumerate() {
        let name = format!("c{n}");
        let mark = world.member(&format!("g{}", site.group), &name);
        world.configuration.connectors.get_mut(name.as_str()).unwrap().enabled = site.enabled;
        world.load(&name, mark, site.sessions, 1_000);
        match site.leg {
            Some(leg) if leg > 0.0 => world.reaches(&name, leg),
            Some(_) => world.fails(&name),
            None => {}
        }
        match site.presence {
            1 => world.connector(&name).close(mark, true, world.now),
            2 => {
                let long_ago = world.now - Duration::from_secs(60);
                let _ = world.connector(&name).open(
                    Default::default(),
                    Duration::from_secs(10),
                    long_ago,
                );
            }
            3 => {
                let never = AppConnectorName::new(id("acme"), id(&name));
                world.fleet.retain(|known| *known != never);
            }
            _ => {}
        }
    }
    world
}

fn ask(world: &mut World, case: &Case, depth: Depth) -> Answer {
    let mut query = from_place(case.from);
    query.client_key.clone_from(&case.client);
    query.limit = case.limit;
    let moment = world.moment();
    world.evaluate(&query, None, &moment, depth).answer
}

fn names(answer: &Answer) -> Vec<String> {
    let path = answer.outcome.as_ref();
    path.map(|path| path.ranked.iter().map(|one| one.connector.to_string()).collect())
        .unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nobody_is_chosen_who_may_not_or_cannot_serve(case in cases()) {
        let mut world = build(&case);
        let answer = ask(&mut world, &case, Depth::Select);
        let Ok(path) = answer.outcome else { return Ok(()) };
        prop_assert!(!path.ranked.is_empty() && path.ranked.len() <= case.limit);
        let tenant = TenantName::new(id("acme"));
        for one in &path.ranked {
            prop_assert_eq!(one.connector.tenant(), tenant.clone());
            let config = &world.configuration.connectors[&one.connector.app_connector];
            prop_assert!(config.enabled);
            let group = &world.configuration.groups[&config.group];
            prop_assert!(group.enabled);
            let live = world.fleet.connector(&one.connector);
            prop_assert_eq!(live.presence(world.now), Presence::Connected);
            if case.unhealthy == UnhealthyPolicy::Refuse {
                prop_assert_ne!(one.assessed.tier(), Health::Down);
                prop_assert!(!live.numbers().is_spent);
            }
            prop_assert!(one.assessed.total_ms.is_finite());
        }
        let mut distinct: Vec<_> = path.ranked.iter().map(|one| &one.connector).collect();
        distinct.sort();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), path.ranked.len());
    }

    #[test]
    fn the_same_question_has_the_same_answer(case in cases()) {
        let mut world = build(&case);
        let once = names(&ask(&mut world, &case, Depth::Select));
        prop_assert_eq!(&once, &names(&ask(&mut world, &case, Depth::Select)));
        prop_assert_eq!(&once, &names(&ask(&mut world, &case, Depth::Explain)), "Explain agrees");
        let mut again = build(&case);
        prop_assert_eq!(&once, &names(&ask(&mut again, &case, Depth::Select)), "so does a replica");
    }

    #[test]
    fn the_choice_is_near_the_best_and_explained(case in cases()) {
        let mut world = build(&case);
        let answer = ask(&mut world, &case, Depth::Explain);
        prop_assert_eq!(answer.considered.len(), case.sites.len());
        let Ok(path) = &answer.outcome else {
            prop_assert!(!answer.considered.iter().any(|one| one.assessed.verdict.is_usable()));
            return Ok(());
        };
        let chosen = path.ranked[0].assessed;
        prop_assert_eq!(chosen.verdict, Verdict::Selected);
        let rivals = answer.considered.iter().map(|one| one.assessed);
        for rival in rivals.filter(|one| one.verdict > Verdict::LowerPriority) {
            prop_assert!(chosen.tier() <= rival.tier());
            let band = (0.05 * rival.metric).max(2.0);
            prop_assert!(
                chosen.tier() < rival.tier() || chosen.metric <= rival.metric + band + 1e-3,
                "{chosen:?} against {rival:?}"
            );
        }
    }

    #[test]
    fn the_hold_of_an_answer_repeats_it(case in cases()) {
        let mut world = build(&case);
        let Ok(path) = ask(&mut world, &case, Depth::Select).outcome else { return Ok(()) };
        let mut query = from_place(case.from);
        query.client_key = "another client".into();
        let again = world.path(&query, Some(&path.hold));
        prop_assert_eq!(first(&again), first(&path));
        prop_assert!(!again.is_new);
    }
}

#[test]
fn another_tenant_with_the_same_names_is_never_seen() {
    let mut world = World::new();
    world.site("paris", crate::world::PARIS);
    world.reaches("paris", 1.0);
    let other = TenantName::new(id("other"));
    let live = Arc::new(TenantLive::default());
    let view = TenantView::build(other, &world.configuration, &world.fleet, live);
    let moment = world.moment();
    let query = from_place(crate::world::PARIS);
    let location = place(&query, &view.snapshot.client_networks);
    let asked = Asked { query: &query, location, previous: None, moment: &moment };
    let answer = view.answer(&asked, Depth::Select).answer;
    assert!(
        answer.outcome.is_err(),
        "the connector of that name in the other tenant is not connected"
    );
}
