//! Every method × every class of caller × the own and a foreign tenant.
//!
//! Always holds: what a caller may not do is refused before anything is looked at, and changes nothing; another tenant's
//! object is told exactly as one that does not exist, whichever field of the request names it.
//!
//! ## Design notes
//! One process hosts all five here: every caller then reaches the access check of every method. In five, registry, updates
//! and console know no tenant's authority, and refuse connectors at the handshake already (`certificates` shows that).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::StreamExt as _;
use proto::r#type::v1::AccessClass;
use rpc::{access::AccessTable, client::Channel};
use testkit::{Role, System};
use tonic::Code;

use super::{
    answer::{ABSENT, Answer, admitted, alike, hidden, holds, lasting, refused},
    contract::{Input, Method, methods, third_party},
    ground::{Ground, csr},
    request::{Filling, Place, references},
    wire,
};

/// Calls at one time: enough to keep two cores busy, far below every limit of the server.
const AT_ONCE: usize = 16;
/// Complaints that a failure shows.
const SHOWN: usize = 30;
/// Every tenant at once, which is for siblings and system administrators.
const EVERYWHERE: &str = "-";

/// Built methods whose request names no tenant. One that is missing here was given no tenant by the test: either it is
/// about none and belongs here, or its field lacks a `resource_reference`.
const ABOUT_NO_TENANT: [&str; 21] = [
    "OverviewService.GetServerInfo",
    "PathsService.GetServerInfo",
    "ProvisioningService.GetServerInfo",
    "RegistryService.GetServerInfo",
    "UpdatesService.GetServerInfo",
    "OverviewService.AcceptSnapshot",
    "PathsService.AcceptSnapshot",
    "ProvisioningService.AcceptSnapshot",
    "UpdatesService.AcceptSnapshot",
    "PathsService.Backup",
    "ProvisioningService.Backup",
    "RegistryService.Backup",
    "UpdatesService.Backup",
    "EnrolmentService.Enroll",
    "PathsService.ReportStatus",
    "ProvisioningService.RenewCertificate",
    "RegistryService.ConfirmWatch",
    "RegistryService.CreateTenant",
    "RegistryService.ListTenants",
    "Health.Check",
    "Health.List",
];

/// Built methods that a request made from its descriptor alone does not bring to success: a secret, a running watch's token, a
/// deleted object, a refused snapshot, a rule over several fields. They are let in all the same, as far as their handler.
const NEEDS_MORE: [&str; 17] = [
    "EnrolmentService.Enroll",
    "Health.List",
    "OverviewService.AcceptSnapshot",
    "PathsService.AcceptSnapshot",
    "ProvisioningService.AcceptSnapshot",
    "RegistryService.ConfirmWatch",
    "RegistryService.CreateApplicationSegment",
    "RegistryService.DeleteAppConnectorGroup",
    "RegistryService.DeleteServerGroup",
    "RegistryService.DeleteTenant",
    "RegistryService.RegisterAppConnector",
    "RegistryService.UndeleteApplicationSegment",
    "RegistryService.UndeleteClientNetwork",
    "RegistryService.UndeleteServerGroup",
    "RegistryService.UndeleteTenant",
    "UpdatesService.AcceptSnapshot",
    "UpdatesService.GetVersionProfile",
];

/// Who asks.
struct Caller {
    name: &'static str,
    /// `None` has nothing to show.
    class: Option<AccessClass>,
    token: Option<String>,
    main: Channel,
    door: Channel,
}

impl Caller {
    fn may(&self, method: &Method) -> bool {
        method.access.contains(&AccessClass::Public)
            || self.class.is_some_and(|class| method.access.contains(&class))
    }

    /// Whether it may do in every tenant what it may do at all.
    fn is_everywhere(&self) -> bool {
        matches!(self.class, Some(AccessClass::Service | AccessClass::SystemAdmin))
    }
}

/// The two tenants and the callers, who but for two belong to the first.
struct Siege {
    system: System,
    own: Ground,
    foreign: Ground,
    callers: Vec<Caller>,
    methods: Vec<Method>,
    csr: Bytes,
}

/// What was tried: cells by class and outcome.
#[derive(Default)]
struct Tally {
    cells: usize,
    let_in: BTreeMap<&'static str, usize>,
    kept_out: BTreeMap<&'static str, usize>,
    hidden: usize,
    nested: usize,
    succeeded: BTreeSet<String>,
    complaints: Vec<String>,
}

impl Siege {
    async fn lay() -> Self {
        let system = System::start_as_one().await;
        let own = Ground::lay(&system).await;
        let foreign = Ground::lay(&system).await;
        let callers = callers(&system, &own);
        let methods = methods().into_iter().chain(third_party()).collect();
        let csr = csr(&own.connector.key, &[]);
        Self { system, own, foreign, callers, methods, csr }
    }

    fn cells(&self) -> impl Iterator<Item = (&Method, &Caller)> {
        self.methods.iter().flat_map(|method| self.callers.iter().map(move |it| (method, it)))
    }

    async fn ask(&self, method: &Method, caller: &Caller, filling: &Filling<'_>) -> Answer {
        let channel = if method.is_enrolment() { &caller.door } else { &caller.main };
        self.ask_at(channel, method, caller, filling).await
    }

    async fn ask_at(
        &self,
        channel: &Channel,
        method: &Method,
        caller: &Caller,
        filling: &Filling<'_>,
    ) -> Answer {
        let message = filling.request(method);
        let token = caller.token.as_deref();
        wire::ask(channel, token, method.path(), message, method.client_streaming).await
    }

    fn filling<'a>(&'a self, place: &'a Place, validate_only: bool) -> Filling<'a> {
        Filling { place, but: None, validate_only, csr: &self.csr }
    }
}

fn callers(system: &System, own: &Ground) -> Vec<Caller> {
    use AccessClass::{Admin, Connector, Edge, Operator, Service, SystemAdmin, Viewer};
    let tenant = &own.tenant.name;
    let token = |role| Some(system.token(role, tenant).to_owned());
    let service = system.pki().identity("console").expect("a service's certificate");
    let shown = [
        ("none", None, None, None),
        ("viewer", Some(Viewer), token(Role::Viewer), None),
        ("operator", Some(Operator), token(Role::Operator), None),
        ("admin", Some(Admin), token(Role::Admin), None),
        ("system admin", Some(SystemAdmin), token(Role::SystemAdmin), None),
        ("edge", Some(Edge), token(Role::Edge), None),
        ("service", Some(Service), None, Some(service)),
        ("connector", Some(Connector), None, Some(own.connector.identity())),
    ];
    let channel = |endpoint: &str, identity| system.channel(endpoint, identity);
    shown
        .into_iter()
        .map(|(name, class, token, identity)| Caller {
            name,
            class,
            token,
            main: channel(&system.endpoint("registry"), identity.clone()),
            door: channel(&system.enrolment_endpoint(), identity),
        })
        .collect()
}

/// The process reads the same table; a row of its own that the siege does not know is a method nobody tries.
#[test]
fn every_method_that_we_serve_and_did_not_write_is_tried() {
    let table = AccessTable::from_pool(&proto::POOL).unwrap();
    let theirs = table.rules().filter(|rule| !rule.ours);
    let served: BTreeSet<_> = theirs.map(|it| format!("/{}/{}", it.service, it.method)).collect();
    let tried: BTreeSet<_> = third_party().iter().map(|it| it.path().to_string()).collect();
    assert_eq!(served, tried);
}

#[test]
fn a_request_is_about_the_tenant_that_it_was_made_for() {
    let ids = ["app_connector", "enrolment"].map(|id| (id, "one".to_owned()));
    let own = Place { tenant: "acme".to_owned(), ids: BTreeMap::from(ids) };
    let foreign = own.below("globex");
    let csr = Bytes::new();
    for method in methods().iter().filter(|it| !it.planned) {
        let plain = Filling { place: &foreign, but: None, validate_only: false, csr: &csr };
        let plain = plain.request(method);
        assert!(!holds(&plain, "tenants/acme"), "{}", method.label());
        let about_none = ABOUT_NO_TENANT.contains(&method.label().as_str());
        assert_eq!(holds(&plain, "tenants/globex"), !about_none, "{}", method.label());
        for path in references(method) {
            let but = Some((path.as_str(), &foreign));
            let mixed = Filling { place: &own, but, validate_only: false, csr: &csr };
            let mixed = mixed.request(method);
            assert!(holds(&mixed, "tenants/globex"), "{}: {path}", method.label());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_lets_in_whom_the_contract_names_and_nobody_else() {
    let siege = Siege::lay().await;
    let mut tally = Tally::default();
    let before = siege.snapshot().await;
    siege.keep_out(&mut tally).await;
    siege.hide(&mut tally).await;
    siege.refuse_at_the_door(&mut tally).await;
    let after = siege.snapshot().await;
    let changed = before.iter().filter(|(label, was)| after.get(*label) != Some(was));
    let changed: Vec<_> =
        changed.map(|(label, was)| format!("{label}: {was}, now {:?}", after.get(label))).collect();
    assert!(
        changed.is_empty(),
        "somebody who was refused has changed something:\n{}",
        changed.join("\n")
    );
    siege.let_in(&mut tally).await;
    tally.judge(&siege);
    siege.system.stop().await.expect("it ends cleanly");
}

impl Siege {
    /// Callers of a class that the method does not list, with requests that would change something.
    async fn keep_out(&self, tally: &mut Tally) {
        let places = [&self.own.place, &self.foreign.place];
        let cells = self.cells().filter(|(method, caller)| !caller.may(method));
        let cells = cells.flat_map(|cell| places.map(|place| (cell, place)));
        let tried = futures::stream::iter(cells).map(|((method, caller), place)| async move {
            let answer = self.ask(method, caller, &self.filling(place, false)).await;
            let expected = match caller.class {
                None => (Code::Unauthenticated, "CREDENTIALS_MISSING"),
                Some(_) => (Code::PermissionDenied, "ACCESS_DENIED"),
            };
            (caller.name, refused(&answer, expected).map_err(|it| complain(method, caller, it)))
        });
        let mut tried = tried.buffer_unordered(AT_ONCE);
        while let Some((caller, outcome)) = tried.next().await {
            tally.cells += 1;
            *tally.kept_out.entry(caller).or_default() += 1;
            tally.complaints.extend(outcome.err());
        }
    }

    /// Callers of a class that the method lists, who belong to another tenant than the object.
    async fn hide(&self, tally: &mut Tally) {
        let absent = self.foreign.place.below(ABSENT);
        let absent = &absent;
        let cells = self.cells().filter(|(method, caller)| self.is_hidden_from(method, caller));
        let tried = futures::stream::iter(cells).map(|(method, caller)| async move {
            let foreign = self.filling(&self.foreign.place, false);
            let foreign = self.ask(method, caller, &foreign).await;
            let absent_one = self.ask(method, caller, &self.filling(absent, false)).await;
            let whole =
                hidden(method, &foreign, &absent_one).map_err(|it| complain(method, caller, it));
            let (mut complaints, mut nested) = (Vec::from_iter(whole.err()), 0);
            for path in references(method) {
                nested += 1;
                let but = |place| Filling {
                    but: Some((&path, place)),
                    ..self.filling(&self.own.place, false)
                };
                let foreign = self.ask(method, caller, &but(&self.foreign.place)).await;
                let absent_one = self.ask(method, caller, &but(absent)).await;
                if let Err(problem) = alike(method, &foreign, &absent_one) {
                    complaints.push(complain(
                        method,
                        caller,
                        format!("by `{path}` alone: {problem}"),
                    ));
                }
            }
            let everywhere = self.own.place.below(EVERYWHERE);
            let everywhere = self.ask(method, caller, &self.filling(&everywhere, false)).await;
            if everywhere.is_ok() {
                complaints.push(complain(method, caller, "it is let into every tenant".to_owned()));
            }
            (caller.name, nested, complaints)
        });
        let mut tried = tried.buffer_unordered(AT_ONCE);
        while let Some((caller, nested, complaints)) = tried.next().await {
            tally.cells += 1;
            tally.hidden += 1;
            tally.nested += nested;
            *tally.kept_out.entry(caller).or_default() += 1;
            tally.complaints.extend(complaints);
        }
    }

    /// Everything but joining, at the listener where connectors join.
    async fn refuse_at_the_door(&self, tally: &mut Tally) {
        let is_inside = |method: &Method| !method.access.contains(&AccessClass::Public);
        let cells = self.cells().filter(|(method, _)| is_inside(method));
        let tried = futures::stream::iter(cells).map(|(method, caller)| async move {
            let filling = self.filling(&self.own.place, false);
            let answer = self.ask_at(&caller.door, method, caller, &filling).await;
            let expected = (Code::PermissionDenied, "WRONG_LISTENER");
            refused(&answer, expected)
                .map_err(|it| complain(method, caller, format!("at the door: {it}")))
        });
        let outcomes: Vec<_> = tried.buffer_unordered(AT_ONCE).collect().await;
        tally.complaints.extend(outcomes.into_iter().filter_map(Result::err));
    }

    /// Callers whom the method lists, where they belong.
    async fn let_in(&self, tally: &mut Tally) {
        let places = [&self.own.place, &self.foreign.place];
        let cells = self.cells().filter(|(method, caller)| caller.may(method));
        let cells = cells.flat_map(|cell| places.map(|place| (cell, place)));
        let cells = cells.filter(|((method, caller), place)| {
            place.tenant == self.own.place.tenant || !self.is_hidden_from(method, caller)
        });
        let tried = futures::stream::iter(cells).map(|((method, caller), place)| async move {
            let unmade = place.unmade();
            let place = if is_harmless(method) { place } else { &unmade };
            let answer = self.ask(method, caller, &self.filling(place, true)).await;
            let outcome = admitted(method, &answer).and_then(|()| self.tells_own(caller, &answer));
            let outcome = outcome.map_err(|it| complain(method, caller, it));
            (caller.name, answer.is_ok().then(|| method.label()), outcome)
        });
        let mut tried = tried.buffer_unordered(AT_ONCE);
        while let Some((caller, succeeded, outcome)) = tried.next().await {
            tally.cells += 1;
            *tally.let_in.entry(caller).or_default() += 1;
            tally.succeeded.extend(succeeded);
            tally.complaints.extend(outcome.err());
        }
    }

    /// Whether the method is about a tenant and the caller belongs to another.
    fn is_hidden_from(&self, method: &Method, caller: &Caller) -> bool {
        let request = self.filling(&self.foreign.place, false).request(method);
        let names_it = holds(&request, &format!("tenants/{}", self.foreign.place.tenant));
        caller.may(method)
            && names_it
            && !method.planned
            && !method.access.contains(&AccessClass::Public)
            && !caller.is_everywhere()
    }

    /// An answer to somebody of one tenant says nothing of the other.
    fn tells_own(&self, caller: &Caller, answer: &Answer) -> Result<(), String> {
        let foreign = format!("tenants/{}", self.foreign.place.tenant);
        match answer {
            Ok(bytes) if !caller.is_everywhere() && holds(bytes, &foreign) => {
                Err(format!("the answer tells of {foreign}"))
            }
            _ => Ok(()),
        }
    }

    /// What is kept of both tenants, as the one who may see everything reads it.
    async fn snapshot(&self) -> BTreeMap<String, serde_json::Value> {
        let kept = |method: &&Method| {
            let reads = ["Get", "List"].iter().any(|verb| method.name.starts_with(verb));
            let stores = ["registry", "provisioning", "updates"].contains(&method.process());
            reads && stores && !method.planned && method.name != "GetServerInfo"
        };
        let token = Some(self.system.administrator_token());
        let channel = self.system.channel(&self.system.endpoint("registry"), None);
        let mut seen = BTreeMap::new();
        for method in self.methods.iter().filter(kept) {
            for ground in [&self.own, &self.foreign] {
                let message = self.filling(&ground.place, false).request(method);
                let answer = wire::ask(&channel, token, method.path(), message, false).await;
                let label = format!("{} in {}", method.label(), ground.place.tenant);
                // No tenant has a version profile of its own yet.
                let absent = answer.as_ref().is_err_and(|it| it.code() == Code::NotFound);
                if !absent || method.name != "GetVersionProfile" {
                    let answer = answer.unwrap_or_else(|status| panic!("{label}: {status}"));
                    seen.insert(label, lasting(method, answer));
                }
            }
        }
        assert!(seen.len() > 20, "only {} answers are compared", seen.len());
        seen
    }
}

/// Whether a method that is let through changes nothing: it reads, or can be told to. Others are asked about objects that
/// nobody has made.
fn is_harmless(method: &Method) -> bool {
    const READS: [&str; 9] =
        ["Get", "List", "BatchGet", "Watch", "Select", "Explain", "Preview", "Backup", "Check"];
    let can_be_told = match &method.input {
        Input::Ours(input) => input.get_field_by_name("validate_only").is_some(),
        Input::Theirs(_) => true,
    };
    can_be_told || READS.iter().any(|verb| method.name.starts_with(verb))
}

fn complain(method: &Method, caller: &Caller, problem: String) -> String {
    format!("{} as {}: {problem}", method.label(), caller.name)
}

impl Tally {
    fn judge(&self, siege: &Siege) {
        let shown = self.complaints.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
        assert!(self.complaints.is_empty(), "{} cells:\n{shown}", self.complaints.len());
        assert_eq!(self.cells, siege.methods.len() * siege.callers.len() * 2, "cells tried");
        assert!(self.hidden > 100 && self.nested > 100, "{} and {}", self.hidden, self.nested);
        for caller in &siege.callers {
            let count = |by: &BTreeMap<&str, usize>| by.get(caller.name).copied().unwrap_or(0);
            assert!(count(&self.let_in) > 0, "{} was let in nowhere", caller.name);
            assert!(count(&self.kept_out) > 0, "{} was kept out nowhere", caller.name);
        }
        let built = siege.methods.iter().filter(|it| !it.planned).map(Method::label);
        let never: Vec<_> = built.filter(|label| !self.succeeded.contains(label)).collect();
        let unexpected: Vec<_> =
            never.iter().filter(|label| !NEEDS_MORE.contains(&label.as_str())).collect();
        assert!(unexpected.is_empty(), "nobody succeeded in calling {unexpected:?}");
    }
}
