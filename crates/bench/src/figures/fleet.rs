//! A tenant of many connectors and a thousand applications.
//!
//! Always holds: every connector was registered through the call that provisioning makes; those that serve the applications
//! joined, report and probe as any other; the rest are known and not connected. Each question has 16 candidates in
//! four places.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use names::TenantName;
use proto::{
    paths::v1::LegSource,
    registry::v1::{
        AppConnectorGroup, RegisterAppConnectorRequest, Server,
        registry_service_client::RegistryServiceClient,
    },
};
use testkit::{Application, Connector, FRANKFURT, NEW_YORK, Place, SINGAPORE, Tenant, within};

use crate::{
    installation::{CONNECTIONS, Installation, TENANT},
    scale::Scale,
};

/// Where the connectors that serve stand.
const PLACES: [Place; 4] = [
    FRANKFURT,
    NEW_YORK,
    SINGAPORE,
    Place { city: "São Paulo", latitude: -23.55, longitude: -46.63 },
];
/// Writes in flight while the tenant is filled.
const FILLERS: usize = 128;
/// The connectors that serve have joined and measured by then, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The tenant; dropping it stops its connectors.
pub(crate) struct Fleet {
    tenant: Tenant,
    server_group: String,
    server: Application,
    serving: Vec<AppConnectorGroup>,
    connectors: Vec<Connector>,
}

impl Fleet {
    /// Fills a tenant, with registry alone: a sibling that follows would only be in the way. The connectors that serve
    /// come with [`Fleet::open`].
    pub(crate) async fn register(installation: &mut Installation, scale: &Scale) -> Result<Self> {
        installation.leave_only(&["registry"]);
        let tenant = installation.system.tenant_called(TENANT).await;
        let server = Application::start().await?;
        let mut serving = Vec::new();
        for (index, place) in PLACES.into_iter().enumerate() {
            serving.push(tenant.group(&format!("serving-{index}"), place).await?);
        }
        let servers =
            vec![Server { address: "127.0.0.1".to_owned(), ports: vec![server.port().into()] }];
        let groups: Vec<&AppConnectorGroup> = serving.iter().collect();
        let server_group = tenant.server_group("servers", servers, &groups).await?.name;
        let fleet = Self { tenant, server_group, server, serving, connectors: Vec::new() };
        let applications = stream::iter(0..scale.applications).map(|n| fleet.application(n));
        applications.buffer_unordered(FILLERS).try_collect::<Vec<()>>().await?;
        fleet.fill(installation, scale).await?;
        Ok(fleet)
    }

    /// Registers the connectors that do not serve, spread over their groups.
    async fn fill(&self, installation: &Installation, scale: &Scale) -> Result<()> {
        // Off the whole degrees: 0/0 is refused as a mistake.
        let place = |n: usize| Place {
            latitude: (n * 37 % 120) as f64 - 59.5,
            longitude: (n * 71 % 360) as f64 - 179.5,
            ..FRANKFURT
        };
        let groups = (0..scale.groups).map(|n| async move {
            self.tenant.group(&format!("site-{n}"), place(n)).await.map(|group| group.name)
        });
        let groups: Vec<String> =
            stream::iter(groups).buffer_unordered(FILLERS).try_collect().await?;
        let endpoint = installation.system.endpoint("registry");
        let clients = (0..CONNECTIONS).map(|_| {
            let channel = installation.connection_of("provisioning", &endpoint)?;
            anyhow::Ok(RegistryServiceClient::new(channel))
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let count = scale.connectors.saturating_sub(PLACES.len() * scale.serving_each);
        let all = stream::iter(0..count).map(|n| {
            let mut client = clients[n % CONNECTIONS].clone();
            let request = registration(&self.tenant.name, &groups[n % groups.len()], n);
            async move { client.register_app_connector(request).await.map(drop) }
        });
        let registered = all.buffer_unordered(FILLERS).try_collect::<Vec<()>>().await;
        registered.context("registering connectors")?;
        Ok(())
    }

    /// Lets the connectors that serve join, and waits until each has measured the application.
    pub(crate) async fn open(mut self, scale: &Scale) -> Result<Self> {
        for (index, group) in self.serving.iter().enumerate() {
            let token = self.tenant.join_token(&format!("serving-{index}"), group, 0).await;
            let new = (0..scale.serving_each).map(|_| Connector::start(&token));
            self.connectors.extend(new);
        }
        let wanted = self.connectors.len();
        within(PATIENCE, "every connector has measured the application", || async {
            let measured = self.measured().await.map_err(|error| format!("{error:#}"))?;
            if measured == wanted { Ok(()) } else { Err(format!("{measured} of {wanted}")) }
        })
        .await;
        ensure!(self.has_path(0).await?, "an open application has no path");
        Ok(self)
    }

    /// How many connectors have measured the first application.
    async fn measured(&self) -> Result<usize> {
        let explained = self.tenant.explain(FRANKFURT, &application_id(0), &self.server).await?;
        let measured = |source: i32| source == i32::from(LegSource::Measured);
        let legs = explained
            .considered
            .iter()
            .filter_map(|one| one.candidate.as_ref()?.application_leg.map(|leg| leg.source));
        Ok(legs.filter(|source| measured(*source)).count())
    }

    /// Makes the `nth` application.
    pub(crate) async fn application(&self, nth: usize) -> Result<()> {
        let server_groups = vec![self.server_group.clone()];
        self.tenant.segment(&application_id(nth), self.server.port(), server_groups).await?;
        Ok(())
    }

    /// Whether the `nth` application has a path.
    pub(crate) async fn has_path(&self, nth: usize) -> Result<bool> {
        let asked = self.tenant.path(FRANKFURT, &application_id(nth), &self.server).await?;
        Ok(!asked.candidates.is_empty())
    }

    /// The tenant's name.
    pub(crate) fn name(&self) -> &TenantName {
        &self.tenant.name
    }

    /// The port of every application.
    pub(crate) fn port(&self) -> u32 {
        self.server.port().into()
    }
}

fn application_id(nth: usize) -> String {
    format!("app-{nth}")
}

/// The name that clients ask for.
pub(super) fn host(nth: u64) -> String {
    format!("app-{nth}.test")
}

/// The registration of the `nth` enrolment, with a public key of its own.
fn registration(tenant: &TenantName, group: &str, nth: usize) -> RegisterAppConnectorRequest {
    let mut public_key_sha256 = vec![0; 32];
    public_key_sha256[..8].copy_from_slice(&(nth as u64).to_be_bytes());
    RegisterAppConnectorRequest {
        name: format!("{tenant}/appConnectors/site-{nth}"),
        app_connector_group: group.to_owned(),
        enrolment: format!("{tenant}/enrolments/e{nth}"),
        provisioning_key: format!("{tenant}/provisioningKeys/site"),
        public_key_sha256: public_key_sha256.into(),
        ..RegisterAppConnectorRequest::default()
    }
}
