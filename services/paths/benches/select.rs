//! What a choice costs without the wire: `cargo bench -p paths`.
//!
//! A plain program: a choice takes a microsecond, far above the clock's grain, and the median of many says
//! enough. Compare runs on one idle machine only.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use names::{AppConnectorName, Id, TenantName};
use paths::{
    domain::{
        choice::select::Depth,
        configuration::{
            Connector, DEFAULT_STICKY_FOR, Families, Group, HealthReporting, MatchStyle, PortRange,
            Protocol, Segment, SelectionPolicy, ServerGroup, TenantConfiguration, UnhealthyPolicy,
        },
        cost::place::Coordinates,
        matching::host::{Domain, Host},
        probing::{health::Check, target::Target},
        question::{asked::Asked, location::place, moment::Moment, query::Query},
        reporting::report::Instance,
    },
    live::{fleet::Fleet, tenant::TenantLive, view::TenantView},
};

const HOUR: Duration = Duration::from_secs(3_600);

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

fn wiki() -> Host {
    Host::parse("wiki.corp.example").unwrap()
}

/// A tenant whose one application is served by as many connectors, spread over the globe and measured.
fn tenant(candidates: usize, now: Timestamp) -> TenantView {
    let mut configuration = TenantConfiguration::default();
    let fleet = Fleet::default();
    let mut groups = Vec::new();
    for n in 0..candidates {
        let (latitude, longitude) = ((n * 37 % 180) as f64 - 90.0, (n * 71 % 360) as f64 - 180.0);
        let coordinates = Coordinates::new(latitude, longitude).unwrap();
        let group = id(&format!("g{n}"));
        let families = Families::Both;
        let place = Group { enabled: true, coordinates, country: None, families };
        configuration.groups.insert(group.clone(), place);
        groups.push(group.clone());
        let connector = Connector {
            group,
            enabled: true,
            coordinates: None,
            country: None,
            failure_domain: None,
        };
        configuration.connectors.insert(id(&format!("c{n}")), connector);
        let live = fleet.connector(&AppConnectorName::new(id("acme"), id(&format!("c{n}"))));
        let _ = live.open(Instance::default(), HOUR, now);
        let target = Target { host: wiki(), port: 443, protocol: Protocol::Tcp };
        let milliseconds = 1.0 + (n * 13 % 97) as f32;
        let check = Check::Connected { milliseconds, address: String::new() };
        live.slot(&target).record(check, now, HOUR);
    }
    let servers = ServerGroup { enabled: true, groups, servers: Vec::new() };
    configuration.server_groups.insert(id("servers"), servers);
    configuration.segments.insert(id("wiki"), segment());
    let live = Arc::new(TenantLive::default());
    TenantView::build(TenantName::new(id("acme")), &configuration, &fleet, live)
}

fn segment() -> Segment {
    Segment {
        enabled: true,
        domains: vec![Domain::parse("*.corp.example").unwrap()],
        tcp: vec![PortRange { first: 443, last: 443 }],
        udp: Vec::new(),
        server_groups: vec![id("servers")],
        health_reporting: HealthReporting::Continuous,
        match_style: MatchStyle::Inclusive,
        policy: SelectionPolicy::LowestTotalLatency,
        preferences: Default::default(),
        allowed_countries: Vec::new(),
        unhealthy: UnhealthyPolicy::Refuse,
        sticky_for: DEFAULT_STICKY_FOR,
    }
}

fn query() -> Query {
    Query {
        coordinates: Coordinates::new(50.0, 8.0),
        radius_km: 0.0,
        address: None,
        edge: None,
        host: wiki(),
        port: 443,
        protocol: Protocol::Tcp,
        client_key: "client".into(),
        client_network: String::new(),
        limit: 3,
        groups: Vec::new(),
        countries: Vec::new(),
    }
}

/// Median and 99th percentile of many runs.
fn measure(rounds: usize, mut run: impl FnMut()) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    times.sort();
    (times[rounds / 2], times[rounds * 99 / 100])
}

fn main() {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let moment = Moment {
        now,
        replicas: 1,
        certificate_grace: Duration::ZERO,
        stale_configuration: false,
        hash_key: [1; 32],
        seed: 3,
    };
    let query = query();
    for candidates in [4, 8, 16, 50, 256, 1_000, 10_000] {
        let tenant = tenant(candidates, now);
        let location = place(&query, &tenant.snapshot.client_networks);
        let asked = Asked { query: &query, location, previous: None, moment: &moment };
        // The board stays from the first question on.
        let _ = tenant.apply(&tenant.answer(&asked, Depth::Select), &query, now);
        let rounds = 1_000_000 / (candidates + 20);
        let (median, p99) = measure(rounds, || {
            black_box(tenant.answer(&asked, Depth::Select));
        });
        let (matched, _) = measure(rounds, || {
            black_box(tenant.snapshot.matcher.search(&query.host, query.protocol, query.port));
        });
        println!(
            "{candidates:>6} candidates: p50 {median:>9.1?}  p99 {p99:>9.1?}  of which matching {matched:?}"
        );
    }
}
