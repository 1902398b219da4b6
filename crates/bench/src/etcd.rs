//! The reference: one etcd, as Debian ships it, and a client of our own.
//!
//! Always holds: TLS with a certificate of the same authority, the same client channel, the same file system (the temporary
//! directory's); everything else is etcd's default. Absent on purpose: a cluster. One member is what one of our
//! processes is held against.

use std::{
    fs::{self, Permissions},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rpc::client::{Channel, ClientConfig, connect};
use tempfile::TempDir;

use crate::installation::Installation;

#[allow(missing_docs, clippy::all, unreachable_pub, rustdoc::all, dead_code)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/etcd.rs"));
}

pub(crate) use generated::etcdserverpb as wire;

/// Longest life of a watch, which the channel takes for a call and gives a deadline.
const DEADLINE: Duration = Duration::from_secs(3_600);
/// Time to start on a busy disk.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A running etcd. Dropping it kills it.
pub(crate) struct Etcd {
    child: Child,
    endpoint: String,
    directory: TempDir,
}

/// What `etcd --version` says first, if there is one.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("etcd").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(|line| line.trim_start_matches("etcd Version: ").to_owned())
}

impl Etcd {
    /// Starts one with a certificate of this installation, and waits until it answers.
    pub(crate) async fn start(installation: &Installation) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700))?;
        let [clients, peers] = free_ports()?;
        let endpoint = format!("https://localhost:{clients}");
        let (clients, peers) =
            (format!("https://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
        let child = Command::new("etcd")
            .args(["--name", "bench", "--logger", "zap", "--log-level", "error"])
            .arg("--data-dir")
            .arg(directory.path())
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("bench={peers}")])
            .arg("--cert-file")
            .arg(installation.pki_file("dev.pem"))
            .arg("--key-file")
            .arg(installation.pki_file("dev.key"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting etcd")?;
        let etcd = Self { child, endpoint, directory };
        let mut client = wire::kv_client::KvClient::new(etcd.connection(installation)?);
        testkit::within(START_PATIENCE, "etcd answers", || {
            let mut client = client.clone();
            async move { client.range(read(b"ready")).await.map_err(|s| s.message().to_owned()) }
        })
        .await;
        client.range(read(b"ready")).await?;
        ensure!(etcd.directory.path().join("member").exists(), "etcd keeps its data elsewhere");
        Ok(etcd)
    }

    /// A new connection.
    pub(crate) fn connection(&self, installation: &Installation) -> Result<Channel> {
        let config = ClientConfig::new(&self.endpoint, installation.tls()?);
        Ok(connect(&ClientConfig { deadline: DEADLINE, ..config })?)
    }

    /// Its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A linearizable read of one key.
pub(crate) fn read(key: &[u8]) -> wire::RangeRequest {
    let key = key.to_vec().into();
    wire::RangeRequest { key, ..wire::RangeRequest::default() }
}

/// Writes a key that must not exist.
pub(crate) fn create(key: Vec<u8>, value: Vec<u8>) -> wire::TxnRequest {
    use wire::{compare, request_op::Request};
    let put = wire::PutRequest { key: key.clone().into(), value: value.into() };
    wire::TxnRequest {
        compare: vec![wire::Compare {
            result: compare::CompareResult::Equal.into(),
            target: compare::CompareTarget::Create.into(),
            key: key.into(),
            target_union: Some(compare::TargetUnion::CreateRevision(0)),
        }],
        success: vec![wire::RequestOp { request: Some(Request::RequestPut(put)) }],
        failure: Vec::new(),
    }
}

/// Two ports that were free a moment ago.
fn free_ports() -> Result<[u16; 2]> {
    let held = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let [a, b] = held;
    Ok([a?.local_addr()?.port(), b?.local_addr()?.port()])
}
