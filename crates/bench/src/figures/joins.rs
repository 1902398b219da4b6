//! Enrolments a second, against what no server could do without: verify each signing request, sign each leaf with P-256, and
//! sync the disk once for each batch.
//!
//! Always holds: the bound runs the product's own functions on as many threads as there are cores, in this process, without
//! network, store or registry; both have the same machine to themselves in turn, though for the enrolments it is shared by the
//! callers and both servers. Every join has a key pair of its own, made beforehand.

use std::{fs::File, io::Write as _, sync::Arc, thread, time::Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use names::{AppConnectorName, SpiffeId, TrustDomain};
use proto::provisioning::v1::{EnrollRequest, enrolment_service_client::EnrolmentServiceClient};
use rcgen::{CertificateParams, KeyPair};
use rpc::client::Channel;
use runtime::{
    Clock,
    identity::{AUTHORITY_LIFETIME, CertificateAuthority, Csr, LEAF_LIFETIME, Validity},
};
use testkit::FRANKFURT;

use crate::{
    figure::{Better, Figure},
    installation::{CONNECTIONS, Installation, TENANT},
    machine::processor_time,
    scale::Scale,
};

/// Joins in flight, and joins of one batch of the bound: what a group commit folds at most.
const BATCH: usize = 256;
/// Bytes that the bound writes for a join: its certificate.
const RECORD_BYTES: usize = 600;

/// Measures joins.
pub(crate) async fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let mut installation = Installation::start().await?;
    installation.leave_only(&["registry", "provisioning"]);
    let tenant = installation.system.tenant_called(TENANT).await;
    let group = tenant.group("storm", FRANKFURT).await?;
    let key = tenant.key("storm", &group, 0).await?;
    let secret = key.issued_secret.context("the first answer shows the secret")?.secret;
    let endpoint = installation.system.enrolment_endpoint();
    let clients = (0..CONNECTIONS)
        .map(|_| Ok(EnrolmentServiceClient::new(installation.connection(&endpoint)?)))
        .collect::<Result<Vec<_>>>()?;

    let bound = Bound::new()?;
    let (mut all_cores, mut one_core, mut processor) = (Vec::new(), Vec::new(), Vec::new());
    join_all(&clients, &secret, requests(scale.joins.min(BATCH)).await?).await?;
    for _ in 0..scale.repetitions {
        let requests = requests(scale.joins).await?;
        let provisioning = installation.system.process_id("provisioning");
        let registry = installation.system.process_id("registry");
        let used =
            || Ok::<_, anyhow::Error>([processor_time(provisioning)?, processor_time(registry)?]);
        let before = used()?;
        let rate = join_all(&clients, &secret, requests.clone()).await?;
        let after = used()?;
        let us = |n: usize| (after[n] - before[n]).as_secs_f64() * 1e6 / scale.joins as f64;
        processor.push((us(0), us(1)));
        all_cores.push((rate, bound.rate(&requests, cores())?));
        one_core.push((rate, bound.rate(&requests, 1)?));
    }
    let name = format!("enrolments by {BATCH}");
    let compared = |what, pairs: &[_]| Figure::compared(&name, "/s", Better::More, what, pairs);
    Ok(vec![
        compared("P-256 and a sync a batch, all cores", &all_cores).goal(0.7),
        compared("P-256 and a sync a batch, one core", &one_core),
        Figure::alone(
            "enrolment, provisioning's processor time",
            "µs",
            processor.iter().map(|p| p.0),
        ),
        Figure::alone("enrolment, registry's processor time", "µs", processor.iter().map(|p| p.1)),
    ])
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Signing requests of as many new key pairs.
async fn requests(count: usize) -> Result<Arc<Vec<Vec<u8>>>> {
    let make = move || {
        let one = |_| {
            let key = KeyPair::generate()?;
            let request = CertificateParams::default().serialize_request(&key)?;
            Ok(request.der().to_vec())
        };
        (0..count).map(one).collect::<Result<Vec<_>, rcgen::Error>>()
    };
    Ok(Arc::new(tokio::task::spawn_blocking(make).await??))
}

/// Joins with each of them, [`BATCH`] at a time; joins a second.
async fn join_all(
    clients: &[EnrolmentServiceClient<Channel>],
    secret: &str,
    requests: Arc<Vec<Vec<u8>>>,
) -> Result<f64> {
    let begun = Instant::now();
    let joins = requests.iter().enumerate().map(|(index, csr)| {
        let mut client = clients[index % clients.len()].clone();
        let request = EnrollRequest {
            secret: secret.to_owned(),
            csr: csr.clone().into(),
            ..EnrollRequest::default()
        };
        async move {
            let joined = tokio::spawn(async move { client.enroll(request).await });
            joined.await?.map(drop).context("a join was refused")
        }
    });
    stream::iter(joins).buffer_unordered(BATCH).try_collect::<Vec<()>>().await?;
    Ok(requests.len() as f64 / begun.elapsed().as_secs_f64())
}

/// What no server could do without.
struct Bound {
    authority: CertificateAuthority,
    identity: SpiffeId,
    now: Timestamp,
    file: File,
}

impl Bound {
    fn new() -> Result<Self> {
        let now = Clock::system().now();
        let name: AppConnectorName = format!("tenants/{TENANT}/appConnectors/bound-1").parse()?;
        Ok(Self {
            authority: CertificateAuthority::create("bound", now, AUTHORITY_LIFETIME)?,
            identity: SpiffeId::app_connector(TrustDomain::parse("causeway.test")?, name),
            now,
            file: tempfile::tempfile()?,
        })
    }

    /// Requests a second on so many threads.
    fn rate(&self, requests: &[Vec<u8>], threads: usize) -> Result<f64> {
        let begun = Instant::now();
        for batch in requests.chunks(BATCH) {
            thread::scope(|scope| {
                let parts = batch.chunks(batch.len().div_ceil(threads));
                let at_work: Vec<_> = parts.map(|part| scope.spawn(|| self.sign(part))).collect();
                at_work.into_iter().try_for_each(|one| one.join().expect("signing panicked"))
            })?;
            (&self.file).write_all(&vec![7; batch.len() * RECORD_BYTES])?;
            rustix::fs::syncfs(&self.file)?;
        }
        Ok(requests.len() as f64 / begun.elapsed().as_secs_f64())
    }

    fn sign(&self, requests: &[Vec<u8>]) -> Result<()> {
        for request in requests {
            let csr = Csr::parse_and_verify(request)?;
            let validity = Validity::starting(self.now, LEAF_LIFETIME);
            self.authority.sign_leaf(csr.public_key(), &self.identity, validity)?;
        }
        Ok(())
    }
}
