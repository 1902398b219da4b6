//! Requests nobody would write: every method of the contract, filled by chance, sent to a whole installation.
//!
//! Owns: the promise that no request makes a service fail. Always holds: requests follow the contract's descriptors, so a
//! new method or field is tried by itself; each goes over real TLS with credentials that its method takes; answers feed the
//! next requests, so that names, etags and tokens are real as often as wrong. A request that breaks the promise is
//! printed, and kept in `tests/fuzz/requests/`, where every run replays it.
//! Absent on purpose: what a right answer would be; the stories know that.

mod callers;
mod message;

use std::{collections::BTreeSet, fs, io::Write as _, path::PathBuf};

use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use proto::POOL;
use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};
use rpc::Failure;
use testkit::{FRANKFURT, System, Tenant};
use tonic::{Code, Status};

use callers::Callers;
use message::Words;

/// Requests of a run: some forty for every method that is built; about ten seconds on an idle machine.
const REQUESTS: usize = 3_000;
/// Tenants of a run: as many as the harness has administrators for.
const TENANTS: usize = 4;
/// Messages that a connector sends on streams of its own.
const REPORTS: usize = 300;

/// Requests that once broke the promise: `package.Service/Method` and the message in hex.
fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/requests/kept.lines")
}

/// Every method but planned ones, which one layer refuses before anybody looks at the message.
fn methods() -> Vec<MethodDescriptor> {
    let table = rpc::access::AccessTable::from_pool(&POOL).unwrap();
    let is_built = |method: &MethodDescriptor| {
        table.get(&callers::path(method)).is_some_and(|rule| !rule.planned)
    };
    let services = POOL.services().filter(|service| service.full_name().starts_with("causeway."));
    services.flat_map(|service| service.methods().collect::<Vec<_>>()).filter(is_built).collect()
}

/// What breaks the promise: a defect, or a refusal that names no reason.
fn fault(answer: &Result<Vec<u8>, Status>) -> Option<String> {
    let status = answer.as_ref().err()?;
    let is_defect = matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss);
    let is_mute = Failure::from_status(status).reason().is_empty();
    (is_defect || is_mute).then(|| format!("{status:?}"))
}

/// Keeps a request that broke the promise and ends the test with it.
fn broken(method: &MethodDescriptor, bytes: &[u8], why: &str) -> ! {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let line = format!("{}/{} {hex}\n", method.parent_service().full_name(), method.name());
    let file = fs::OpenOptions::new().append(true).create(true).open(kept());
    let is_kept = file.and_then(|mut file| file.write_all(line.as_bytes()));
    let shown = DynamicMessage::decode(method.input(), bytes).map(|m| m.to_string());
    panic!("{why}\nkept {is_kept:?}\n{line}{}", shown.unwrap_or_else(|error| error.to_string()));
}

async fn is_well(system: &System) {
    let metrics = system.metrics().await;
    let panics = metrics.lines().filter(|line| line.contains("_panics_total"));
    for line in panics {
        assert!(line.ends_with(" 0"), "somebody panicked: {line}");
    }
    assert!(metrics.contains("rpc_answers_total"), "these are no metrics:\n{metrics}");
}

async fn replay(callers: &Callers) {
    for line in fs::read_to_string(kept()).unwrap().lines() {
        let (name, hex) = line.split_once(' ').unwrap();
        let found = methods().into_iter().find(|method| callers::path(method)[1..] == *name);
        // A method may leave the contract; its request then has nobody to break.
        let Some(method) = found else { continue };
        let pairs = (0..hex.len()).step_by(2);
        let bytes: Vec<u8> =
            pairs.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        if let Some(why) = fault(&callers.call(&method, bytes.clone()).await) {
            panic!("kept request {line}: {why}");
        }
    }
}

/// Sends one request, and learns from its answer; whether it was taken.
async fn send(
    callers: &Callers,
    method: &MethodDescriptor,
    words: &mut Words,
    chance: &mut StdRng,
) -> bool {
    words.about(method.name());
    let mut bytes = words.message(&method.input(), chance.random_bool(0.6), chance).encode_to_vec();
    if chance.random_ratio(1, 20) {
        message::damage(&mut bytes, chance);
    }
    let answer = callers.call(method, bytes.clone()).await;
    if let Some(why) = fault(&answer) {
        broken(method, &bytes, &why);
    }
    if let Ok(answer) = &answer {
        words.learn(&DynamicMessage::decode(method.output(), &answer[..]).unwrap());
    }
    answer.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_makes_a_service_fail_or_refuse_without_a_reason() {
    let mut system = System::start().await;
    let callers = Callers::of(&system);
    replay(&callers).await;
    let mut chance = trial::chance("requests");
    let methods = methods();
    let mut taken = BTreeSet::new();
    // Chance deletes and suspends tenants, so it gets a new one now and then.
    for _ in 0..TENANTS {
        let mut words = furnished(&system.tenant().await).await;
        for _ in 0..REQUESTS / TENANTS {
            let method = methods.choose(&mut chance).unwrap();
            if send(&callers, method, &mut words, &mut chance).await {
                taken.insert(method.full_name().to_owned());
            }
        }
    }
    let (some, all) = (taken.len(), methods.len());
    eprintln!("{REQUESTS} requests; {some} of {all} methods took at least one");
    let never = methods.iter().filter(|method| !taken.contains(method.full_name()));
    let never: Vec<_> = never.map(|method| method.full_name().to_owned()).collect();
    assert!(some * 2 > all, "chance must be let in, too; nothing was taken by {never:#?}");
    is_well(&system).await;
    // Whatever was written reads back, and the same doors still open.
    system.restart().await.unwrap();
    let tenant = Tenant::create(&system.administrator(), "afterwards").await.unwrap();
    tenant.group("frankfurt", FRANKFURT).await.unwrap();
    is_well(&system).await;
    system.stop().await.unwrap();
}

/// The names of a tenant with an object of each kind.
async fn furnished(tenant: &Tenant) -> Words {
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let key = tenant.key("key", &group, 0).await.unwrap();
    Words::new([tenant.parent(), group.name, key.name])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_report_of_a_connector_makes_a_service_fail() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let key = tenant.key("key", &group, 0).await.unwrap();
    let connector = callers::Connector::enrol(&system, &key).await;
    let mut chance = trial::chance("reports");
    let words = Words::new([tenant.parent(), group.name, key.name]);
    let method = methods().into_iter().find(|method| method.name() == "ReportStatus").unwrap();
    let mut sent = 0;
    while sent < REPORTS {
        let count = chance.random_range(1..20);
        let messages: Vec<Vec<u8>> = (0..count)
            .map(|_| words.message(&method.input(), chance.random(), &mut chance).encode_to_vec())
            .collect();
        sent += messages.len();
        let shown = messages.concat();
        if let Some(why) = fault(&connector.report(&method, messages).await) {
            broken(&method, &shown, &why);
        }
    }
    is_well(&system).await;
    system.stop().await.unwrap();
}
