//! The methods, each handed to what does it.
//!
//! Methods that are PLANNED keep their generated default; the planned layer answers before it.

use std::sync::Arc;

use proto::{
    registry::v1::{registry_service_server::RegistryService, *},
    r#type::v1::{ListAuditEventsRequest, ListAuditEventsResponse, ServerInfo},
};
use resource::{
    backup::{self, Chunks},
    watch::Responses,
};
use rpc::page::TokenKey;
use runtime::Clock;
use runtime::about::About;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use super::{
    standard::{Answer, open},
    watch::Objects,
};
use crate::{
    domain::{
        ClientNetworkSpec, ConnectorSpec, GroupSpec, SegmentSpec, ServerGroupSpec, TenantSpec,
    },
    service::Registry,
};

/// The registry's gRPC service.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// The use cases.
    pub(crate) registry: Arc<Registry>,
    /// Seals page tokens.
    pub(crate) tokens: TokenKey,
    /// Cancelled when watches must end.
    pub(crate) streams: CancellationToken,
    /// Time.
    pub(crate) clock: Clock,
    /// What this process is.
    pub(crate) about: About,
}

#[tonic::async_trait]
impl RegistryService for Api {
    async fn create_tenant(&self, request: Request<CreateTenantRequest>) -> Answer<Tenant> {
        self.create::<TenantSpec, _>(request).await
    }

    async fn get_tenant(&self, request: Request<GetTenantRequest>) -> Answer<Tenant> {
        self.get::<TenantSpec, _>(request).await
    }

    async fn batch_get_tenants(
        &self,
        request: Request<BatchGetTenantsRequest>,
    ) -> Answer<BatchGetTenantsResponse> {
        self.batch_get::<TenantSpec, _, _>(request).await
    }

    async fn list_tenants(
        &self,
        request: Request<ListTenantsRequest>,
    ) -> Answer<ListTenantsResponse> {
        self.list_roots::<TenantSpec, _, _>(request).await
    }

    async fn update_tenant(&self, request: Request<UpdateTenantRequest>) -> Answer<Tenant> {
        self.update::<TenantSpec, _>(request).await
    }

    async fn delete_tenant(&self, request: Request<DeleteTenantRequest>) -> Answer<Tenant> {
        self.delete::<TenantSpec, _>(request).await
    }

    async fn undelete_tenant(&self, request: Request<UndeleteTenantRequest>) -> Answer<Tenant> {
        self.undelete::<TenantSpec, _>(request).await
    }

    async fn create_app_connector_group(
        &self,
        request: Request<CreateAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        self.create::<GroupSpec, _>(request).await
    }

    async fn get_app_connector_group(
        &self,
        request: Request<GetAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        self.get::<GroupSpec, _>(request).await
    }

    async fn batch_get_app_connector_groups(
        &self,
        request: Request<BatchGetAppConnectorGroupsRequest>,
    ) -> Answer<BatchGetAppConnectorGroupsResponse> {
        self.batch_get::<GroupSpec, _, _>(request).await
    }

    async fn list_app_connector_groups(
        &self,
        request: Request<ListAppConnectorGroupsRequest>,
    ) -> Answer<ListAppConnectorGroupsResponse> {
        self.list::<GroupSpec, _, _>(request).await
    }

    async fn update_app_connector_group(
        &self,
        request: Request<UpdateAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        self.update::<GroupSpec, _>(request).await
    }

    async fn delete_app_connector_group(
        &self,
        request: Request<DeleteAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        self.delete_group(request).await
    }

    async fn get_app_connector(
        &self,
        request: Request<GetAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        self.get::<ConnectorSpec, _>(request).await
    }

    async fn batch_get_app_connectors(
        &self,
        request: Request<BatchGetAppConnectorsRequest>,
    ) -> Answer<BatchGetAppConnectorsResponse> {
        self.batch_get::<ConnectorSpec, _, _>(request).await
    }

    async fn list_app_connectors(
        &self,
        request: Request<ListAppConnectorsRequest>,
    ) -> Answer<ListAppConnectorsResponse> {
        self.list::<ConnectorSpec, _, _>(request).await
    }

    async fn update_app_connector(
        &self,
        request: Request<UpdateAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        self.update::<ConnectorSpec, _>(request).await
    }

    async fn delete_app_connector(
        &self,
        request: Request<DeleteAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        self.delete::<ConnectorSpec, _>(request).await
    }

    async fn create_server_group(
        &self,
        request: Request<CreateServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        self.create::<ServerGroupSpec, _>(request).await
    }

    async fn get_server_group(
        &self,
        request: Request<GetServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        self.get::<ServerGroupSpec, _>(request).await
    }

    async fn batch_get_server_groups(
        &self,
        request: Request<BatchGetServerGroupsRequest>,
    ) -> Answer<BatchGetServerGroupsResponse> {
        self.batch_get::<ServerGroupSpec, _, _>(request).await
    }

    async fn list_server_groups(
        &self,
        request: Request<ListServerGroupsRequest>,
    ) -> Answer<ListServerGroupsResponse> {
        self.list::<ServerGroupSpec, _, _>(request).await
    }

    async fn update_server_group(
        &self,
        request: Request<UpdateServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        self.update::<ServerGroupSpec, _>(request).await
    }

    async fn delete_server_group(
        &self,
        request: Request<DeleteServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        self.delete::<ServerGroupSpec, _>(request).await
    }

    async fn undelete_server_group(
        &self,
        request: Request<UndeleteServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        self.undelete::<ServerGroupSpec, _>(request).await
    }

    async fn create_application_segment(
        &self,
        request: Request<CreateApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        self.create::<SegmentSpec, _>(request).await
    }

    async fn get_application_segment(
        &self,
        request: Request<GetApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        self.get::<SegmentSpec, _>(request).await
    }

    async fn batch_get_application_segments(
        &self,
        request: Request<BatchGetApplicationSegmentsRequest>,
    ) -> Answer<BatchGetApplicationSegmentsResponse> {
        self.batch_get::<SegmentSpec, _, _>(request).await
    }

    async fn list_application_segments(
        &self,
        request: Request<ListApplicationSegmentsRequest>,
    ) -> Answer<ListApplicationSegmentsResponse> {
        self.list::<SegmentSpec, _, _>(request).await
    }

    async fn update_application_segment(
        &self,
        request: Request<UpdateApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        self.update::<SegmentSpec, _>(request).await
    }

    async fn delete_application_segment(
        &self,
        request: Request<DeleteApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        self.delete::<SegmentSpec, _>(request).await
    }

    async fn undelete_application_segment(
        &self,
        request: Request<UndeleteApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        self.undelete::<SegmentSpec, _>(request).await
    }

    async fn create_client_network(
        &self,
        request: Request<CreateClientNetworkRequest>,
    ) -> Answer<ClientNetwork> {
        self.create::<ClientNetworkSpec, _>(request).await
    }

    async fn get_client_network(
        &self,
        request: Request<GetClientNetworkRequest>,
    ) -> Answer<ClientNetwork> {
        self.get::<ClientNetworkSpec, _>(request).await
    }

    async fn batch_get_client_networks(
        &self,
        request: Request<BatchGetClientNetworksRequest>,
    ) -> Answer<BatchGetClientNetworksResponse> {
        self.batch_get::<ClientNetworkSpec, _, _>(request).await
    }

    async fn list_client_networks(
        &self,
        request: Request<ListClientNetworksRequest>,
    ) -> Answer<ListClientNetworksResponse> {
        self.list::<ClientNetworkSpec, _, _>(request).await
    }

    async fn update_client_network(
        &self,
        request: Request<UpdateClientNetworkRequest>,
    ) -> Answer<ClientNetwork> {
        self.update::<ClientNetworkSpec, _>(request).await
    }

    async fn delete_client_network(
        &self,
        request: Request<DeleteClientNetworkRequest>,
    ) -> Answer<ClientNetwork> {
        self.delete::<ClientNetworkSpec, _>(request).await
    }

    async fn undelete_client_network(
        &self,
        request: Request<UndeleteClientNetworkRequest>,
    ) -> Answer<ClientNetwork> {
        self.undelete::<ClientNetworkSpec, _>(request).await
    }

    async fn register_app_connector(
        &self,
        request: Request<RegisterAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        self.register(request).await
    }

    async fn abandon_registration(
        &self,
        request: Request<AbandonRegistrationRequest>,
    ) -> Answer<AbandonRegistrationResponse> {
        self.abandon(request).await
    }

    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Answer<ListAuditEventsResponse> {
        self.audit_events(request).await
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Answer<Responses<Objects>> {
        self.open_watch(request).await
    }

    async fn confirm_watch(
        &self,
        request: Request<ConfirmWatchRequest>,
    ) -> Answer<ConfirmWatchResponse> {
        self.confirm(request)
    }

    async fn backup(&self, request: Request<BackupRequest>) -> Answer<Chunks<BackupResponse>> {
        let (caller, BackupRequest {}) = open(request)?;
        let store = self.registry.rows().store();
        Ok(Response::new(backup::stream(&caller, store, |chunk| BackupResponse { chunk }).await?))
    }

    async fn get_server_info(&self, request: Request<GetServerInfoRequest>) -> Answer<ServerInfo> {
        let (_, GetServerInfoRequest {}) = open(request)?;
        let store = self.registry.rows().store();
        let revision = store.published().get();
        Ok(Response::new(self.about.server_info(store.epoch().to_string(), revision)))
    }
}
