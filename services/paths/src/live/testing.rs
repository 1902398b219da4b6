//! A tenant to be asked, for tests that need one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use names::{AppConnectorName, TenantName};

use super::{fleet::Fleet, view::TenantView};
use crate::domain::{
    choice::{answer::Answer, hysteresis::Hold, select::Depth},
    configuration::{
        Connector, Country, Families, Group, Segment, ServerGroup, TenantConfiguration,
    },
    cost::place::Coordinates,
    question::{asked::Asked, location::place, moment::Moment, query::Query},
    reporting::report::Instance,
    testing::{id, segment},
};

/// When [`tenant`] is asked.
pub(crate) fn noon() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

/// `acme` with two connected connectors in `paris` for `*.corp.example:443`.
pub(crate) fn tenant() -> TenantView {
    let (mut configuration, fleet) = (TenantConfiguration::default(), Fleet::default());
    let coordinates = Coordinates::new(48.85, 2.35).unwrap();
    let group = Group { enabled: true, coordinates, country: None, families: Families::Both };
    configuration.groups.insert(id("paris"), group);
    for name in ["paris-1", "paris-2"] {
        let connector = Connector {
            group: id("paris"),
            enabled: true,
            coordinates: None,
            country: Country::parse("FR"),
            failure_domain: None,
        };
        configuration.connectors.insert(id(name), connector);
        let live = fleet.connector(&AppConnectorName::new(id("acme"), id(name)));
        let _ = live.open(Instance::default(), Duration::from_secs(3_600), noon());
    }
    let servers = ServerGroup { enabled: true, groups: vec![id("paris")], servers: Vec::new() };
    configuration.server_groups.insert(id("servers"), servers);
    let wiki = Segment { server_groups: vec![id("servers")], ..segment(&["*.corp.example"], 443) };
    configuration.segments.insert(id("wiki"), wiki);
    let name = TenantName::new(id("acme"));
    TenantView::build(name, &configuration, &fleet, Arc::default())
}

/// Asks at noon, and asserts what holds of every answer.
pub(crate) fn ask(tenant: &TenantView, query: &Query, previous: Option<&Hold>) -> Answer {
    let moment = Moment {
        now: noon(),
        replicas: 1,
        certificate_grace: Duration::ZERO,
        stale_configuration: false,
        hash_key: [1; 32],
        seed: 3,
    };
    let location = place(query, &tenant.snapshot.client_networks);
    let asked = Asked { query, location, previous, moment: &moment };
    let answer = tenant.answer(&asked, Depth::Explain).answer;
    assert!((5..=60).contains(&answer.ttl.as_secs()), "{:?}", answer.ttl);
    for candidate in &answer.considered {
        let of_tenant = tenant.connectors.contains_key(&candidate.connector.app_connector);
        assert!(
            of_tenant && candidate.connector.tenant() == tenant.snapshot.tenant,
            "{candidate:?}"
        );
        assert!(!candidate.assessed.metric.is_nan(), "{candidate:?}");
    }
    if let Ok(path) = &answer.outcome {
        assert!((1..=query.limit).contains(&path.ranked.len()), "{}", path.ranked.len());
        assert_eq!(path.hold.connector, path.ranked[0].connector);
        let groups = path.ranked.iter().map(|one| &one.group.app_connector_group);
        assert!(query.groups.is_empty() || groups.into_iter().all(|it| query.groups.contains(it)));
    }
    answer
}
