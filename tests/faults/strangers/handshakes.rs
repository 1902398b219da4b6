//! Ten thousand half-open handshakes.
//!
//! Always holds: the attacker never completes a handshake; part of it says nothing, part begins and stops. At the
//! API all come from one address, at the door of enrolment from twenty.

use std::{fs, io, net::Ipv4Addr, time::Duration};

use futures::{StreamExt as _, stream};
use proto::provisioning::v1::{
    GetServerInfoRequest, provisioning_service_client::ProvisioningServiceClient,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::{System, within};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

/// Half-open handshakes.
const ATTACKERS: usize = 10_000;
/// Addresses at the door.
const ADDRESSES: usize = 20;
/// Connections that the attacker makes at once.
const AT_ONCE: usize = 128;
/// Handles of this process beside the attacker's.
const SPARE_HANDLES: usize = 500;
/// What an honest newcomer waits at most: as long as our own clients do.
const NEWCOMER_PATIENCE: Duration = rpc::client::CONNECT_TIMEOUT;
/// Honest newcomers during the siege.
const NEWCOMERS: usize = 30;
/// Until the last is dropped: three rounds of handshakes that time out after 5 s, and a busy machine.
const DROP_PATIENCE: Duration = Duration::from_secs(45);
/// What the siege may cost the process: on each of its two listeners 256 handshakes and 512 who wait, and some that are
/// about to be closed.
const MOST_HANDLES: usize = 2 * (256 + 512) + 256;
/// 256 handshakes at 50 KB, what waits, and what an allocator keeps.
const MOST_BYTES: usize = 100 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_handshakes_keep_nobody_out_and_cost_little() {
    take_handles();
    let system = System::start_as_five().await;
    let process = system.process_id("provisioning");
    let (handles, bytes) = (handles_of(process), bytes_of(process));
    let ports = [system.endpoint("provisioning"), system.enrolment_endpoint()];
    let ports = ports.map(|it| it.rsplit(':').next().unwrap().parse::<u16>().unwrap());

    let attack = tokio::spawn(async move {
        let attackers = stream::iter(0..ATTACKERS).map(|nth| half_open(nth, ports[nth % 2]));
        attackers
            .buffer_unordered(AT_ONCE)
            .filter_map(|it| async { it.ok() })
            .collect::<Vec<_>>()
            .await
    });
    let (mut slowest, mut served, mut most_handles, mut most_bytes) = (Duration::ZERO, 0, 0, 0);
    while served < NEWCOMERS || !attack.is_finished() {
        let start = Instant::now();
        newcomer(&system, served).await;
        served += 1;
        slowest = slowest.max(start.elapsed());
        most_handles = most_handles.max(handles_of(process));
        most_bytes = most_bytes.max(bytes_of(process));
    }
    let attackers = attack.await.unwrap();
    assert!(attackers.len() > ATTACKERS * 9 / 10, "only {} connected", attackers.len());
    println!("{served} newcomers, slowest {slowest:?}; {most_handles} handles, {most_bytes} bytes");
    assert!(most_handles < handles + MOST_HANDLES, "{handles} handles grew to {most_handles}");
    assert!(most_bytes < bytes + MOST_BYTES, "{bytes} bytes grew to {most_bytes}");

    let all_dropped = async {
        for mut attacker in attackers {
            // An end and a reset are both what it shall get; an answer is not.
            let read = attacker.read(&mut [0; 1]).await;
            assert!(read.unwrap_or(0) == 0, "an attacker was answered");
        }
    };
    let dropped = timeout(DROP_PATIENCE, all_dropped).await;
    assert!(dropped.is_ok(), "half-open handshakes outlive their deadline");
    within(DROP_PATIENCE, "the handles are given back", || async {
        let now = handles_of(process);
        (now < handles + 20).then_some(()).ok_or(format!("{now}, before the siege {handles}"))
    })
    .await;
    newcomer(&system, 0).await;
    newcomer(&system, 1).await;
}

/// Connects, and says nothing, a byte, or a hello that breaks off.
async fn half_open(nth: usize, port: u16) -> io::Result<TcpStream> {
    let host = if nth.is_multiple_of(2) { 2 } else { 3 + (nth / 2 % ADDRESSES) as u8 };
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 1, host), 0).into())?;
    let connected = timeout(DROP_PATIENCE, socket.connect((Ipv4Addr::LOCALHOST, port).into()));
    let mut stream = connected.await??;
    let said: &[u8] = match nth % 3 {
        0 => b"",
        1 => b"\x16",
        // A record of 512 bytes, of which the first of a ClientHello come.
        _ => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03half of a hello",
    };
    stream.write_all(said).await.ok();
    Ok(stream)
}

/// Somebody who was not there before, on a connection of its own: at the API, or at the door.
async fn newcomer(system: &System, nth: usize) {
    let endpoint = if nth.is_multiple_of(2) {
        system.endpoint("provisioning")
    } else {
        system.enrolment_endpoint()
    };
    let channel = system.channel(&endpoint, None);
    let start = Instant::now();
    let request = GetServerInfoRequest {};
    // Nobody in particular: being refused is an answer, and takes a whole handshake.
    let refused = ProvisioningServiceClient::new(channel).get_server_info(request).await;
    let refused = refused.unwrap_err();
    let waited = start.elapsed();
    let answered = [tonic::Code::Unauthenticated, tonic::Code::PermissionDenied];
    assert!(answered.contains(&refused.code()), "{endpoint} after {waited:?}: {refused}");
    assert!(waited < NEWCOMER_PATIENCE, "{endpoint}: {waited:?}");
}

/// Raises this process's limit of handles to what the system allows.
fn take_handles() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum");
    let needed = (ATTACKERS + SPARE_HANDLES) as u64;
    assert!(
        maximum.is_none_or(|most| most >= needed),
        "this machine allows {maximum:?} handles and the siege needs {needed}: raise `ulimit -Hn`"
    );
}

fn handles_of(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count()
}

/// Resident memory.
pub(crate) fn bytes_of(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of it");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
