//! Durable creates and current reads of one record: registry against etcd.
//!
//! Always holds: both answer a create only when it is on the disk, and a read with what was created last: registry because it alone
//! writes its store, etcd because its reads are linearizable unless one asks otherwise. The value that etcd keeps
//! is as long as the object that registry answers.

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use names::TenantName;
use prost::Message as _;
use proto::registry::v1::{
    AppConnectorGroup, CreateAppConnectorGroupRequest, GetAppConnectorGroupRequest,
    registry_service_client::RegistryServiceClient,
};
use rpc::client::Channel;
use testkit::{FRANKFURT, Wire};
use tonic::Status;

use crate::{
    contest::{Side, contest},
    etcd::{self, Etcd, wire::kv_client::KvClient},
    figure::Figure,
    installation::{CONNECTIONS, Installation, TENANT},
    load::{Caller, Callers},
    scale::Scale,
};

/// Callers of creates: one that waits for each, a console's worth, a storm.
const CREATORS: [usize; 3] = [1, 16, 256];
/// Callers of reads: enough to keep both cores busy.
const READERS: usize = 64;
/// Writes in flight while the records to read are made.
const FILLERS: usize = 64;
const ETCD: &str = "etcd";

/// Both servers.
struct Ground {
    installation: Installation,
    etcd: Etcd,
    tenant: TenantName,
    registries: Vec<RegistryServiceClient<Wire>>,
    etcds: Vec<KvClient<Channel>>,
    /// What etcd keeps for a record.
    value: Vec<u8>,
}

/// Measures creates and reads.
pub(crate) async fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let ground = Ground::start().await?;
    let mut figures = Vec::new();
    for creators in CREATORS {
        figures.extend(ground.creates(scale, creators).await?);
    }
    figures.extend(ground.reads(scale).await?);
    Ok(figures)
}

impl Ground {
    async fn start() -> Result<Self> {
        let mut installation = Installation::start().await?;
        installation.leave_only(&["registry"]);
        let tenant = installation.system.tenant_called(TENANT).await;
        let made = tenant.group("sample", FRANKFURT).await?;
        let etcd = Etcd::start(&installation).await?;
        let apis = installation.apis("registry", CONNECTIONS)?;
        let etcds = (0..CONNECTIONS).map(|_| Ok(KvClient::new(etcd.connection(&installation)?)));
        Ok(Self {
            tenant: tenant.name.clone(),
            registries: apis.into_iter().map(|api| api.registry).collect(),
            etcds: etcds.collect::<Result<_>>()?,
            value: made.encode_to_vec(),
            installation,
            etcd,
        })
    }

    async fn creates(&self, scale: &Scale, creators: usize) -> Result<Vec<Figure>> {
        let prefix = |index| format!("c{creators}x{index}");
        let ours = (0..creators).map(|index| self.creator(prefix(index), index));
        let theirs = (0..creators).map(|index| self.etcd_creator(prefix(index), index));
        let mut ours = Side {
            callers: Callers::new(ours.collect::<Vec<_>>()),
            process: self.installation.system.process_id("registry"),
        };
        let mut theirs = Side {
            callers: Callers::new(theirs.collect::<Vec<_>>()),
            process: self.etcd.process_id(),
        };
        let pairs = contest(scale, &mut ours, &mut theirs).await?;
        let by = format!("by {creators}");
        let rate = pairs.rate(format!("durable creates {by}"), ETCD);
        let rate = if creators == 256 { rate.goal(3.0) } else { rate };
        Ok(vec![
            rate,
            pairs.p50(format!("durable create {by}, p50"), ETCD),
            pairs.p99(format!("durable create {by}, p99"), ETCD),
            pairs.processor(format!("durable create {by}, server's processor time"), ETCD),
        ])
    }

    async fn reads(&self, scale: &Scale) -> Result<Vec<Figure>> {
        self.fill(scale.records).await?;
        let records = scale.records as u64;
        let ours = (0..READERS).map(|index| Reader {
            client: self.registries[index % CONNECTIONS].clone(),
            place: Place { index: index as u64, records },
            tenant: self.tenant.to_string(),
        });
        let theirs = (0..READERS).map(|index| EtcdReader {
            client: self.etcds[index % CONNECTIONS].clone(),
            place: Place { index: index as u64, records },
        });
        let mut ours = Side {
            callers: Callers::new(ours),
            process: self.installation.system.process_id("registry"),
        };
        let mut theirs = Side { callers: Callers::new(theirs), process: self.etcd.process_id() };
        let pairs = contest(scale, &mut ours, &mut theirs).await?;
        let by = format!("by {READERS}");
        Ok(vec![
            pairs.rate(format!("reads {by}"), "etcd, linearizable").goal(2.0),
            pairs.p99(format!("read {by}, p99"), "etcd, linearizable"),
            pairs.processor(format!("read {by}, server's processor time"), "etcd, linearizable"),
        ])
    }

    /// Makes the records to read, on both.
    async fn fill(&self, records: usize) -> Result<()> {
        let one = |nth: usize| async move {
            self.creator("read".to_owned(), nth).call(nth as u64).await?;
            self.etcd_creator("read".to_owned(), nth).call(nth as u64).await
        };
        let all = stream::iter(0..records).map(one).buffer_unordered(FILLERS);
        all.try_collect::<Vec<()>>().await.context("making the records to read")?;
        Ok(())
    }

    fn creator(&self, prefix: String, index: usize) -> Creator {
        let client = self.registries[index % CONNECTIONS].clone();
        Creator { client, parent: self.tenant.to_string(), prefix }
    }

    fn etcd_creator(&self, prefix: String, index: usize) -> EtcdCreator {
        let client = self.etcds[index % CONNECTIONS].clone();
        EtcdCreator { client, prefix, value: self.value.clone() }
    }
}

struct Creator {
    client: RegistryServiceClient<Wire>,
    parent: String,
    prefix: String,
}

impl Caller for Creator {
    async fn call(&mut self, nth: u64) -> Result<(), Status> {
        let id = format!("{}-{nth}", self.prefix);
        let request = CreateAppConnectorGroupRequest {
            parent: self.parent.clone(),
            app_connector_group: Some(AppConnectorGroup {
                display_name: id.clone(),
                location: Some(FRANKFURT.location()),
                ..AppConnectorGroup::default()
            }),
            app_connector_group_id: id,
            ..CreateAppConnectorGroupRequest::default()
        };
        self.client.create_app_connector_group(request).await.map(drop)
    }
}

struct EtcdCreator {
    client: KvClient<Channel>,
    prefix: String,
    value: Vec<u8>,
}

impl Caller for EtcdCreator {
    async fn call(&mut self, nth: u64) -> Result<(), Status> {
        let key = key(&format!("{}-{nth}", self.prefix));
        let answer = self.client.txn(etcd::create(key, self.value.clone())).await?.into_inner();
        if answer.succeeded { Ok(()) } else { Err(Status::already_exists("the key exists")) }
    }
}

/// A key as long as the name of a group.
fn key(id: &str) -> Vec<u8> {
    format!("tenants/{TENANT}/appConnectorGroups/{id}").into_bytes()
}

/// Where a reader's next record is: far from its last one and from where the others read.
#[derive(Clone, Copy)]
struct Place {
    index: u64,
    records: u64,
}

impl Place {
    fn id(self, nth: u64) -> String {
        // Two primes; the product walks through all records.
        let at = self.index.wrapping_mul(7_919).wrapping_add(nth.wrapping_mul(104_729));
        format!("read-{}", at % self.records)
    }
}

struct Reader {
    client: RegistryServiceClient<Wire>,
    place: Place,
    tenant: String,
}

impl Caller for Reader {
    async fn call(&mut self, nth: u64) -> Result<(), Status> {
        let name = format!("{}/appConnectorGroups/{}", self.tenant, self.place.id(nth));
        self.client
            .get_app_connector_group(GetAppConnectorGroupRequest { name, read_time: None })
            .await
            .map(drop)
    }
}

struct EtcdReader {
    client: KvClient<Channel>,
    place: Place,
}

impl Caller for EtcdReader {
    async fn call(&mut self, nth: u64) -> Result<(), Status> {
        let request = etcd::read(&key(&self.place.id(nth)));
        let answer = self.client.range(request).await?.into_inner();
        if answer.kvs.len() == 1 { Ok(()) } else { Err(Status::not_found("no such key")) }
    }
}
