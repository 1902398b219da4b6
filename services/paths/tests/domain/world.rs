//! A tenant with groups, connectors and one application, ready to be asked.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use names::{AppConnectorName, Id, TenantName};
use paths::{
    domain::{
        choice::{
            answer::{Answer, Path},
            hysteresis::Hold,
            select::Depth,
        },
        configuration::{
            Connector, DEFAULT_STICKY_FOR, Families, Group, HealthReporting, MatchStyle, PortRange,
            Protocol, Segment, SelectionPolicy, ServerGroup, TenantConfiguration, UnhealthyPolicy,
        },
        cost::place::Coordinates,
        matching::host::{Domain, Host},
        probing::{
            assignment::{Assignment, ProbePace, assign},
            health::Check,
            target::Target,
        },
        question::{asked::Asked, location, moment::Moment, query::Query},
        reporting::report::{Instance, Load},
    },
    live::{
        connector::{ConnectorLive, StreamMark},
        fleet::Fleet,
        tenant::TenantLive,
        view::{Evaluated, TenantView},
    },
};

pub(crate) const HOST: &str = "wiki.corp.example";
pub(crate) const PORT: u16 = 443;
pub(crate) const BERLIN: (f64, f64) = (52.52, 13.405);
pub(crate) const PARIS: (f64, f64) = (48.8566, 2.3522);
pub(crate) const SYDNEY: (f64, f64) = (-33.8688, 151.2093);

pub(crate) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

pub(crate) fn place((latitude, longitude): (f64, f64)) -> Coordinates {
    Coordinates::new(latitude, longitude).unwrap()
}

pub(crate) struct World {
    pub(crate) configuration: TenantConfiguration,
    pub(crate) fleet: Fleet,
    pub(crate) live: Arc<TenantLive>,
    pub(crate) now: Timestamp,
    view: Option<TenantView>,
}

impl World {
    /// A segment `wiki` for [`HOST`]:443 behind one server group, and nobody to serve it.
    pub(crate) fn new() -> Self {
        let mut configuration = TenantConfiguration::default();
        let servers = ServerGroup { enabled: true, groups: Vec::new(), servers: Vec::new() };
        configuration.server_groups.insert(id("servers"), servers);
        configuration.segments.insert(id("wiki"), segment());
        Self {
            configuration,
            fleet: Fleet::default(),
            live: Arc::default(),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            view: None,
        }
    }

    pub(crate) fn tenant() -> TenantName {
        TenantName::new(id("acme"))
    }

    pub(crate) fn group(&mut self, name: &str, at: (f64, f64)) -> &mut Group {
        self.view = None;
        let group = Group {
            enabled: true,
            coordinates: place(at),
            country: None,
            families: Families::Both,
        };
        let servers = self.configuration.server_groups.get_mut("servers").unwrap();
        servers.groups.push(id(name));
        self.configuration.groups.entry(id(name)).or_insert(group)
    }

    /// A group with one connector of the same name, connected long ago.
    pub(crate) fn site(&mut self, name: &str, at: (f64, f64)) -> StreamMark {
        self.group(name, at);
        self.member(name, name)
    }

    /// One more connector of a group, connected long ago.
    pub(crate) fn member(&mut self, group: &str, name: &str) -> StreamMark {
        self.view = None;
        let connector = Connector {
            group: id(group),
            enabled: true,
            coordinates: None,
            country: None,
            failure_domain: None,
        };
        self.configuration.connectors.insert(id(name), connector);
        let hour_ago = self.now - Duration::from_secs(3_600);
        // A period so long that no test has to send every heartbeat.
        self.connector(name).open(Instance::default(), PERIOD * 100_000, hour_ago)
    }

    pub(crate) fn connector(&self, name: &str) -> Arc<ConnectorLive> {
        self.fleet.connector(&AppConnectorName::new(id("acme"), id(name)))
    }

    pub(crate) fn load(&self, name: &str, mark: StreamMark, sessions: u32, session_limit: u32) {
        let load = Load { sessions, session_limit, ..Load::default() };
        self.connector(name).beat(mark, Some(load), None, self.now);
    }

    pub(crate) fn segment(&mut self) -> &mut Segment {
        self.view = None;
        self.configuration.segments.get_mut("wiki").unwrap()
    }

    pub(crate) fn reaches(&self, name: &str, milliseconds: f32) {
        self.record(name, Check::Connected { milliseconds, address: "10.0.0.1".into() });
    }

    pub(crate) fn fails(&self, name: &str) {
        for _ in 0..2 {
            let cause = "connection refused".to_owned();
            self.record(name, Check::Failed { cause, no_address_in_family: false });
        }
    }

    pub(crate) fn record(&self, name: &str, check: Check) {
        let slot = self.connector(name).slot(&target(HOST));
        slot.record(check, self.now, Duration::from_secs(90));
    }

    pub(crate) fn view(&mut self) -> &TenantView {
        let build = || {
            let live = self.live.clone();
            TenantView::build(Self::tenant(), &self.configuration, &self.fleet, live)
        };
        self.view.get_or_insert_with(build)
    }

    /// What a connector is to probe at a moment.
    pub(crate) fn assignment(&mut self, name: &str, per_second: u32) -> Assignment {
        let name = AppConnectorName::new(id("acme"), id(name));
        let pace = ProbePace { period: Duration::from_secs(30), per_second };
        let (now, in_use) = (self.now, self.live.in_use(self.now));
        assign(&self.view().snapshot, &in_use, &name, pace, now)
    }

    /// Answers at a moment; nothing of it comes true.
    pub(crate) fn evaluate(
        &mut self,
        query: &Query,
        previous: Option<&Hold>,
        moment: &Moment,
        depth: Depth,
    ) -> Evaluated {
        let view = self.view();
        let location = location::place(query, &view.snapshot.client_networks);
        view.answer(&Asked { query, location, previous, moment }, depth)
    }

    /// Lets the effects of an answer come true; whether probes must begin.
    pub(crate) fn apply(&mut self, evaluated: &Evaluated, query: &Query) -> bool {
        let now = self.now;
        self.view().apply(evaluated, query, now)
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment {
            now: self.now,
            replicas: 1,
            certificate_grace: Duration::ZERO,
            stale_configuration: false,
            hash_key: [7; 32],
            seed: 11,
        }
    }

    pub(crate) fn ask(&mut self, query: &Query, previous: Option<&Hold>) -> Answer {
        let moment = self.moment();
        self.evaluate(query, previous, &moment, Depth::Explain).answer
    }

    pub(crate) fn path(&mut self, query: &Query, previous: Option<&Hold>) -> Path {
        self.ask(query, previous).outcome.unwrap()
    }

    /// Who would serve a client at a place.
    pub(crate) fn choice(&mut self, from: (f64, f64)) -> String {
        first(&self.path(&from_place(from), None))
    }

    pub(crate) fn later(&mut self, by: Duration) {
        self.now += by;
    }
}

const PERIOD: Duration = Duration::from_secs(10);

pub(crate) fn segment() -> Segment {
    Segment {
        enabled: true,
        domains: vec![Domain::parse(HOST).unwrap()],
        tcp: vec![PortRange { first: PORT, last: PORT }],
        udp: Vec::new(),
        server_groups: vec![id("servers")],
        health_reporting: HealthReporting::OnAccess,
        match_style: MatchStyle::Inclusive,
        policy: SelectionPolicy::LowestTotalLatency,
        preferences: Default::default(),
        allowed_countries: Vec::new(),
        unhealthy: UnhealthyPolicy::Refuse,
        sticky_for: DEFAULT_STICKY_FOR,
    }
}

pub(crate) fn target(host: &str) -> Target {
    Target { host: Host::parse(host).unwrap(), port: PORT, protocol: Protocol::Tcp }
}

pub(crate) fn from_place(at: (f64, f64)) -> Query {
    Query {
        coordinates: Some(place(at)),
        radius_km: 0.0,
        address: None,
        edge: None,
        host: Host::parse(HOST).unwrap(),
        port: PORT,
        protocol: Protocol::Tcp,
        client_key: String::new(),
        client_network: String::new(),
        limit: 3,
        groups: Vec::new(),
        countries: Vec::new(),
    }
}

pub(crate) fn first(path: &Path) -> String {
    path.ranked[0].connector.app_connector.to_string()
}

pub(crate) fn all(path: &Path) -> Vec<String> {
    path.ranked.iter().map(|one| one.connector.app_connector.to_string()).collect()
}
