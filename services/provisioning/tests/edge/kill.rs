//! The count across `kill -9`, with the real program.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use jiff::Timestamp;
use names::TrustDomain;
use proto::provisioning::v1::enrolment::State;
use runtime::{
    Clock,
    identity::SystemPki,
    process::{Plan, Running, Settings},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::watch,
};

use crate::{
    ground::{Callers, GROUP, key_of, write_tokens},
    newcomer::Newcomer,
    registry::{Script, ScriptConfig, ScriptedRegistry},
};

/// How many may join, and how many try.
const USES: usize = 40;
const NEWCOMERS: usize = 48;
/// The program is killed when so many have joined: early, in the thick of it, and near the end.
const KILLED_AT: [usize; 5] = [1, 8, 16, 24, 33];
/// How long all of it may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program, which is killed and started again on the same directory.
struct Program {
    directory: PathBuf,
    registry: String,
    child: Child,
}

impl Program {
    /// Starts it; answers its ports: API, enrolment.
    async fn start(directory: PathBuf, registry: String) -> (Self, (u16, u16)) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_causeway-provisioning"))
            .env("CAUSEWAY_SERVER_LISTEN", "127.0.0.1:0")
            .env("CAUSEWAY_SERVER_ENROLMENT_LISTEN", "127.0.0.1:0")
            .env("CAUSEWAY_SERVER_ADMIN_LISTEN", "127.0.0.1:0")
            .env("CAUSEWAY_IDENTITY_DIRECTORY", directory.join("pki"))
            .env("CAUSEWAY_ACCESS_TOKEN_FILE", directory.join("tokens.toml"))
            .env("CAUSEWAY_PEERS_REGISTRY", &registry)
            .env("CAUSEWAY_PROVISIONING_DATA_DIR", directory.join("store"))
            .env("CAUSEWAY_TELEMETRY_FORMAT", "json")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ports = loop {
            let line = lines.next_line().await.unwrap().expect("it ended before it served");
            if let (Some(main), Some(enrolment)) = (port(&line, "main"), port(&line, "enrolment")) {
                break (main, enrolment);
            }
        };
        // What it says later is read, so that it never waits for a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (Self { directory, registry, child }, ports)
    }

    async fn kill_and_start(mut self) -> (Self, (u16, u16)) {
        self.child.kill().await.unwrap();
        Self::start(self.directory.clone(), self.registry.clone()).await
    }
}

/// The port in the `serving` line's field, as `"main":"127.0.0.1:7452"`.
fn port(line: &str, field: &str) -> Option<u16> {
    let (_, rest) = line.split_once(&format!("\"{field}\":\"127.0.0.1:"))?;
    rest.split('"').next()?.parse().ok()
}

async fn registry(directory: &std::path::Path, script: &Script) -> Running {
    let mut settings = Settings::default();
    settings.server.balancer_wait = Duration::ZERO;
    settings.identity.directory = directory.join("pki");
    settings.peers.registry = String::new();
    Plan::new(settings, Clock::system())
        .host::<ScriptedRegistry>(ScriptConfig { script: script.clone() })
        .start()
        .await
        .unwrap()
}

/// Tries until it is in, or the key is spent; a connection that dies under it is no answer.
async fn joins(
    callers: Arc<Callers>,
    secret: String,
    mut ports: watch::Receiver<(u16, u16)>,
    joined: Arc<AtomicUsize>,
) -> Option<String> {
    let newcomer = Newcomer::new();
    loop {
        let (_, port) = *ports.borrow_and_update();
        let mut door = callers.door(port);
        match door.enroll(newcomer.request(&secret)).await.map_err(crate::ground::failure) {
            Ok(answer) => {
                joined.fetch_add(1, Ordering::SeqCst);
                return Some(answer.into_inner().app_connector);
            }
            Err(no) if ["KEY_EXHAUSTED", "ENROLMENT_RATE_LIMITED"].contains(&no.reason()) => {
                return None;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_is_exact_though_the_program_is_killed_five_times_while_many_join() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().to_owned();
    let domain = TrustDomain::parse("causeway.test").unwrap();
    let pki = SystemPki::init(&directory.join("pki"), &domain, &[], Timestamp::now()).unwrap();
    let token = rpc::tokens::token_text(&[7; 32]);
    write_tokens(&directory, &token);
    let script = Script::default();
    script.group(GROUP, true);
    let registry = registry(&directory, &script).await;
    let endpoint = format!("https://localhost:{}", registry.addresses().main.port());
    let (mut program, first) = Program::start(directory, endpoint).await;
    let callers = Arc::new(Callers::new(&pki, &token));
    let (key, secret) = callers.key(first.0, key_of("Berlin", USES as i64)).await;

    let (announce, ports) = watch::channel(first);
    let joined = Arc::new(AtomicUsize::new(0));
    let all = join_all((0..NEWCOMERS).map(|_| {
        tokio::spawn(joins(callers.clone(), secret.clone(), ports.clone(), joined.clone()))
    }));
    let killer = async {
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        for threshold in KILLED_AT {
            while joined.load(Ordering::SeqCst) < threshold {
                looks.tick().await;
            }
            let (next, ports) = program.kill_and_start().await;
            program = next;
            announce.send_replace(ports);
        }
        program
    };
    let both = async { tokio::join!(all, killer) };
    let (answers, program) = tokio::time::timeout(PATIENCE, both).await.expect("all get an answer");

    let connectors: BTreeSet<String> =
        answers.into_iter().filter_map(|answer| answer.unwrap()).collect();
    assert_eq!(connectors.len(), USES, "each use is one connector");
    let (main, _) = *announce.borrow();
    let read = callers.read_key(main, &key.name).await;
    assert_eq!(read.use_count, USES as i64);
    let ledger = callers.ledger(main, &key.name).await;
    let active = ledger.iter().filter(|line| line.state() == State::Active).count();
    assert_eq!((active, ledger.len()), (USES, USES), "nothing is left half way");
    let registered: BTreeSet<String> = script.connectors().into_iter().collect();
    assert_eq!(registered, connectors);
    drop(program);
    registry.stop().await.unwrap();
}
