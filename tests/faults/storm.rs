//! The enrolment storm: many hosts, one key with too few uses, and processes that die in the middle.
//!
//! Owns: the proof that a use is counted exactly once. Always holds: hosts bring real key pairs over real TLS; what is promised is read
//! from both services' books when all are answered. Absent on purpose: the connectors' own program (`tests/src/enrolment.rs`); two thousand
//! of them would measure themselves.
//!
//! ## Design notes
//! A host that is shed (RESOURCE_EXHAUSTED with a time to wait) or finds nobody asks again with the same request, as the
//! contract says; it counts when it is told something final. No setting is changed for the storm.

mod books;
mod gate;
mod host;
mod steps;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{Rng as _, seq::IndexedRandom as _};
use testkit::{FRANKFURT, System, within};
use tokio::task::JoinSet;

use books::Books;
use host::{Door, Host, Told};

/// Calls in flight, the connections that they share, and the uses of the key.
const HOSTS: usize = 2_000;
const CONNECTIONS: usize = 64;
const USES: usize = 500;
/// How often processes are killed during a storm.
const KILLS: usize = 6;
/// How long a storm may take on a busy machine of two cores.
const PATIENCE: Duration = Duration::from_secs(180);

/// A key with [`USES`] uses, and its secret.
async fn key(system: &System) -> (Books, String) {
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let key = tenant.key("storm", &group, USES as i64).await.unwrap();
    (Books { tenant, key: key.name }, key.issued_secret.unwrap().secret)
}

/// Hosts that ask all at once.
struct Storm {
    asking: JoinSet<Told>,
    joined: Arc<AtomicUsize>,
}

impl Storm {
    fn begin(system: &System, secret: &str) -> Self {
        let doors: Vec<Door> = (0..CONNECTIONS).map(|_| system.door()).collect();
        let hosts: Vec<Host> = (0..HOSTS).map(|_| Host::new()).collect();
        let joined = Arc::new(AtomicUsize::new(0));
        let mut asking = JoinSet::new();
        for (index, host) in hosts.into_iter().enumerate() {
            let (door, secret) = (doors[index % CONNECTIONS].clone(), secret.to_owned());
            let joined = Arc::clone(&joined);
            asking.spawn(async move {
                let told = host.join(&door, &secret).await;
                joined.fetch_add(usize::from(matches!(told, Told::Joined(_))), Ordering::SeqCst);
                told
            });
        }
        Self { asking, joined }
    }

    /// Waits until so many have joined.
    async fn joined(&self, count: usize) {
        within(PATIENCE, "the storm goes on", || async {
            match self.joined.load(Ordering::SeqCst) {
                joined if joined >= count => Ok(()),
                joined => Err(format!("{joined} of {count} have joined")),
            }
        })
        .await;
    }

    /// What the hosts were told: the connectors, and how often each refusal was given.
    async fn end(self) -> (BTreeSet<String>, BTreeMap<String, usize>) {
        let told = tokio::time::timeout(PATIENCE, self.asking.join_all()).await;
        let (mut connectors, mut refusals) = (Vec::new(), BTreeMap::new());
        for told in told.expect("every host is told something final") {
            match told {
                Told::Joined(connector) => connectors.push(connector),
                Told::Refused(reason) => *refusals.entry(reason).or_default() += 1,
            }
        }
        let distinct: BTreeSet<_> = connectors.iter().cloned().collect();
        assert_eq!(distinct.len(), connectors.len(), "no two hosts are one connector");
        (distinct, refusals)
    }
}

/// Exactly as many hosts as there were uses are connectors, in both books and in their own eyes; all others were told why not.
async fn assert_exact(storm: Storm, books: &Books) {
    let (connectors, refusals) = storm.end().await;
    assert_eq!(refusals, BTreeMap::from([("KEY_EXHAUSTED".to_owned(), HOSTS - USES)]));
    assert_eq!(connectors.len(), USES);
    assert_eq!(books.use_count().await.unwrap(), USES as i64);
    assert_eq!(books.balanced_with_registry().await, connectors);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_2000_hosts_at_once_on_a_key_with_500_uses_exactly_500_become_connectors() {
    let system = System::start_as_five().await;
    let (books, secret) = key(&system).await;
    let began = Instant::now();
    let storm = Storm::begin(&system, &secret);
    assert_exact(storm, &books).await;
    eprintln!("the storm was over after {:.1} s", began.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_count_is_exact_though_provisioning_and_registry_are_killed_in_the_middle() {
    let mut system = System::start_as_five().await;
    let (books, secret) = key(&system).await;
    let mut chance = trial::chance("storm: who is killed, and when");
    let mut moments: Vec<usize> = (0..KILLS).map(|_| chance.random_range(1..USES - 50)).collect();
    moments.sort_unstable();
    let began = Instant::now();
    let storm = Storm::begin(&system, &secret);
    for moment in moments {
        storm.joined(moment).await;
        let victims: &[&str] =
            [&["provisioning"][..], &["registry"], &["provisioning", "registry"]]
                .choose(&mut chance)
                .unwrap();
        victims.iter().for_each(|victim| system.kill(victim));
        for victim in victims {
            system.start_again(victim).await;
        }
    }
    assert_exact(storm, &books).await;
    eprintln!("the storm was over after {:.1} s", began.elapsed().as_secs_f64());
}
