//! `main` of a service, as a process of its own: signals, exit codes, flags.
//!
//! The process under test is this very program, told to run its one ignored test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use jiff::Timestamp;
use names::TrustDomain;
use runtime::{
    identity::SystemPki,
    process::{Deps, Mounts, Service, Shutdown, main_with},
};

/// Where the command line of the child is, one word a line.
const CHILD_ARGS: &str = "ENTRY_TEST_ARGS";

/// A service without methods.
struct Idle;

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct IdleConfig {
    fails: bool,
    api_token: String,
}

impl Service for Idle {
    const NAME: &'static str = "updates";
    const GRPC_SERVICES: &'static [&'static str] = &[];
    type Config = IdleConfig;

    async fn build(config: IdleConfig, _: Deps) -> anyhow::Result<Self> {
        anyhow::ensure!(!config.fails, "the store is locked by another process");
        Ok(Self)
    }

    fn mount(&self, _: &mut Mounts) {}

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.workers.cancelled().await;
        Ok(())
    }
}

#[test]
#[ignore = "the process under test, not a test"]
fn child() {
    let args = std::env::var(CHILD_ARGS).unwrap();
    let code = main_with::<Idle>(args.lines().map(Into::into));
    std::process::exit(code.into());
}

fn spawn(args: &[&str]) -> Child {
    let args = [&["causeway-updates"], args].concat().join("\n");
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(CHILD_ARGS, args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A service that has said it serves, with its standard error from there on.
fn serving(pki: &Path, more: &[&str]) -> (Child, impl BufRead + use<>) {
    let directory = format!("identity.directory={}", pki.display());
    let mut args = vec!["--set", &directory];
    args.extend(["--set", "server.listen=127.0.0.1:0", "--set", "server.admin_listen=127.0.0.1:0"]);
    args.extend(more.iter().flat_map(|setting| ["--set", *setting]));
    let mut child = spawn(&args);
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut errors, r#""message":"serving""#);
    (child, errors)
}

fn wait_for(errors: &mut impl BufRead, text: &str) -> String {
    let mut line = String::new();
    while errors.read_line(&mut line).unwrap() > 0 {
        if line.contains(text) {
            return line;
        }
        line.clear();
    }
    panic!("the process ended without saying {text}");
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
}

fn pki(root: &Path) -> std::path::PathBuf {
    let directory = root.join("pki");
    let domain = TrustDomain::parse("test.example").unwrap();
    SystemPki::init(&directory, &domain, &[], Timestamp::now()).unwrap();
    directory
}

fn output(mut child: Child) -> (ExitStatus, String, String) {
    let (mut out, mut errors) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    (child.wait().unwrap(), out, errors)
}

#[test]
fn a_sigterm_drains_and_exits_with_0() {
    let root = tempfile::tempdir().unwrap();
    let (mut child, mut errors) = serving(&pki(root.path()), &["server.balancer_wait=0s"]);
    send("TERM", &child);
    wait_for(&mut errors, r#""message":"ended""#);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_wait() {
    let root = tempfile::tempdir().unwrap();
    let (mut child, mut errors) = serving(&pki(root.path()), &["server.balancer_wait=1h"]);
    send("TERM", &child);
    wait_for(&mut errors, r#""message":"draining""#);
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_sighup_takes_up_new_files() {
    let root = tempfile::tempdir().unwrap();
    let directory = pki(root.path());
    let (mut child, mut errors) = serving(&directory, &["server.balancer_wait=0s"]);
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(24 * 61);
    SystemPki::open(&directory).unwrap().renew(&[], later).unwrap();
    send("HUP", &child);
    wait_for(&mut errors, "a new certificate is in use");
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_wrong_configuration_exits_with_2_and_says_all_that_is_wrong() {
    let child = spawn(&["--set", "server.lisen=x", "--set", "updates.nothing=1"]);
    let (status, _, errors) = output(child);
    assert_eq!(status.code(), Some(2), "{errors}");
    assert!(errors.contains("`server.lisen` is not a setting"), "{errors}");
    assert!(errors.contains("`updates.nothing` is not a setting"), "{errors}");
}

#[test]
fn a_service_that_cannot_start_exits_with_3_and_says_why() {
    let root = tempfile::tempdir().unwrap();
    let directory = format!("identity.directory={}", pki(root.path()).display());
    let mut args = vec!["--set", &directory, "--set", "updates.fails=true"];
    args.extend(["--set", "server.listen=127.0.0.1:0", "--set", "server.admin_listen=127.0.0.1:0"]);
    let (status, _, errors) = output(spawn(&args));
    assert_eq!(status.code(), Some(3), "{errors}");
    assert!(
        errors.contains("cannot start updates: the store is locked by another process"),
        "{errors}"
    );
}

#[test]
fn config_show_lists_every_value_with_its_source_and_no_secret() {
    let args = ["--set", "updates.api_token=hunter2", "config", "show"];
    let (status, out, errors) = output(spawn(&args));
    assert_eq!(status.code(), Some(0), "{errors}");
    let line = r#"server.listen = "127.0.0.1:7453"  # default; CAUSEWAY_SERVER_LISTEN"#;
    assert!(out.contains(line), "{out}");
    assert!(out.contains("updates.api_token = (redacted)  # flag"), "{out}");
    assert!(!out.contains("hunter2"), "{out}");
}
