//! What is taken out of service is out of the very next answer; what comes back follows soon.

use prost_types::FieldMask;
use proto::registry::v1::{
    AppConnector, AppConnectorGroup, ApplicationSegment, ServerGroup, Tenant as TenantMessage,
    TenantState, UpdateAppConnectorRequest, UpdateApplicationSegmentRequest,
    UpdateServerGroupRequest, UpdateTenantRequest,
};
use testkit::{Application, Connector, FRANKFURT, System, Tenant, eventually};

/// How often each way is tried: an answer that only mostly is right must not pass.
const ROUNDS: usize = 5;

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.to_owned()] })
}

/// One connector that serves one application, and every object of its chain.
struct Chain {
    tenant: Tenant,
    group: AppConnectorGroup,
    application: Application,
    segment: ApplicationSegment,
    connector: Connector,
}

impl Chain {
    async fn start(system: &System) -> Self {
        let tenant = system.tenant().await;
        let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
        let application = Application::start().await.unwrap();
        let segment = tenant.application("crm", &application, &[&group]).await.unwrap();
        let connector = Connector::start(&tenant.join_token("key", &group, 1).await);
        connector.reporting().await;
        let chain = Self { tenant, group, application, segment, connector };
        chain.serves().await;
        chain
    }

    async fn serves(&self) {
        eventually("the connector is chosen", || async {
            match self.reason().await {
                reason if reason.is_empty() => Ok(()),
                reason => Err(reason),
            }
        })
        .await;
    }

    /// Why the answer of this moment has no path; empty with one.
    async fn reason(&self) -> String {
        let answer = self.tenant.path(FRANKFURT, "crm", &self.application).await.unwrap();
        assert_eq!(answer.reason.is_empty(), !answer.candidates.is_empty(), "{answer:?}");
        answer.reason
    }

    async fn switch_group(&self, on: bool) {
        self.tenant.enable_group(&self.group, on).await.unwrap();
    }

    async fn switch_connector(&self, on: bool) {
        let name = self.connector.progress().app_connector.expect("it has joined").to_string();
        let request = UpdateAppConnectorRequest {
            app_connector: Some(AppConnector { name, enabled: Some(on), ..Default::default() }),
            update_mask: mask("enabled"),
            ..Default::default()
        };
        self.tenant.api.registry.clone().update_app_connector(request).await.unwrap();
    }

    async fn write_server_group(&self, path: &str, server_group: ServerGroup) {
        let name = self.segment.server_groups[0].clone();
        let request = UpdateServerGroupRequest {
            server_group: Some(ServerGroup { name, ..server_group }),
            update_mask: mask(path),
            ..Default::default()
        };
        self.tenant.api.registry.clone().update_server_group(request).await.unwrap();
    }

    async fn switch_server_group(&self, on: bool) {
        let enabled = ServerGroup { enabled: Some(on), ..Default::default() };
        self.write_server_group("enabled", enabled).await;
    }

    async fn switch_membership(&self, on: bool) {
        let app_connector_groups = if on { vec![self.group.name.clone()] } else { Vec::new() };
        let members = ServerGroup { app_connector_groups, ..Default::default() };
        self.write_server_group("app_connector_groups", members).await;
    }

    async fn switch_segment(&self, on: bool) {
        let name = self.segment.name.clone();
        let segment = ApplicationSegment { name, enabled: Some(on), ..Default::default() };
        let request = UpdateApplicationSegmentRequest {
            application_segment: Some(segment),
            update_mask: mask("enabled"),
            ..Default::default()
        };
        self.tenant.api.registry.clone().update_application_segment(request).await.unwrap();
    }

    async fn switch_tenant(&self, on: bool) {
        let state = if on { TenantState::Active } else { TenantState::Suspended }.into();
        let tenant = TenantMessage { name: self.tenant.parent(), state, ..Default::default() };
        let request = UpdateTenantRequest {
            tenant: Some(tenant),
            update_mask: mask("state"),
            ..Default::default()
        };
        self.tenant.api.registry.clone().update_tenant(request).await.unwrap();
    }
}

/// Off, the very next answer, on again; some rounds of it.
async fn out_of_the_very_next_answer(chain: &Chain, switch: impl AsyncFn(bool), reason: &str) {
    for round in 0..ROUNDS {
        switch(false).await;
        assert_eq!(chain.reason().await, reason, "round {round}");
        switch(true).await;
        chain.serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_group_is_out_of_the_very_next_answer() {
    let system = System::start().await;
    let chain = Chain::start(&system).await;
    let switch = async |on| chain.switch_group(on).await;
    out_of_the_very_next_answer(&chain, switch, "APP_CONNECTOR_GROUP_DISABLED").await;
    assert_eq!(chain.connector.progress().sessions, 1, "its stream was never cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_every_other_link_of_the_chain_that_is_switched_off_or_cut() {
    let system = System::start().await;
    let chain = Chain::start(&system).await;
    let connector = async |on| chain.switch_connector(on).await;
    out_of_the_very_next_answer(&chain, connector, "NO_CONNECTED_CONNECTOR").await;
    let server_group = async |on| chain.switch_server_group(on).await;
    out_of_the_very_next_answer(&chain, server_group, "SERVER_GROUP_DISABLED").await;
    let membership = async |on| chain.switch_membership(on).await;
    out_of_the_very_next_answer(&chain, membership, "NO_APP_CONNECTOR_GROUP").await;
    let segment = async |on| chain.switch_segment(on).await;
    out_of_the_very_next_answer(&chain, segment, "SEGMENT_DISABLED").await;
    let tenant = async |on| chain.switch_tenant(on).await;
    out_of_the_very_next_answer(&chain, tenant, "TENANT_SUSPENDED").await;
}
