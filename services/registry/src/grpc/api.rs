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
use rpc::{Answer, open};
use runtime::Clock;
use runtime::about::About;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use super::watch::Objects;
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

rpc::delegate! {
    impl RegistryService for Api {
        create_tenant(CreateTenantRequest) -> Tenant => Self::create::<TenantSpec, _>;
        get_tenant(GetTenantRequest) -> Tenant => Self::get::<TenantSpec, _>;
        batch_get_tenants(BatchGetTenantsRequest) -> BatchGetTenantsResponse => Self::batch_get::<TenantSpec, _, _>;
        list_tenants(ListTenantsRequest) -> ListTenantsResponse => Self::list_roots::<TenantSpec, _, _>;
        update_tenant(UpdateTenantRequest) -> Tenant => Self::update::<TenantSpec, _>;
        delete_tenant(DeleteTenantRequest) -> Tenant => Self::delete::<TenantSpec, _>;
        undelete_tenant(UndeleteTenantRequest) -> Tenant => Self::undelete::<TenantSpec, _>;
        create_app_connector_group(CreateAppConnectorGroupRequest) -> AppConnectorGroup => Self::create::<GroupSpec, _>;
        get_app_connector_group(GetAppConnectorGroupRequest) -> AppConnectorGroup => Self::get::<GroupSpec, _>;
        batch_get_app_connector_groups(BatchGetAppConnectorGroupsRequest) -> BatchGetAppConnectorGroupsResponse => Self::batch_get::<GroupSpec, _, _>;
        list_app_connector_groups(ListAppConnectorGroupsRequest) -> ListAppConnectorGroupsResponse => Self::list::<GroupSpec, _, _>;
        update_app_connector_group(UpdateAppConnectorGroupRequest) -> AppConnectorGroup => Self::update::<GroupSpec, _>;
        delete_app_connector_group(DeleteAppConnectorGroupRequest) -> AppConnectorGroup => Self::delete_group;
        get_app_connector(GetAppConnectorRequest) -> AppConnector => Self::get::<ConnectorSpec, _>;
        batch_get_app_connectors(BatchGetAppConnectorsRequest) -> BatchGetAppConnectorsResponse => Self::batch_get::<ConnectorSpec, _, _>;
        list_app_connectors(ListAppConnectorsRequest) -> ListAppConnectorsResponse => Self::list::<ConnectorSpec, _, _>;
        update_app_connector(UpdateAppConnectorRequest) -> AppConnector => Self::update::<ConnectorSpec, _>;
        delete_app_connector(DeleteAppConnectorRequest) -> AppConnector => Self::delete::<ConnectorSpec, _>;
        create_server_group(CreateServerGroupRequest) -> ServerGroup => Self::create::<ServerGroupSpec, _>;
        get_server_group(GetServerGroupRequest) -> ServerGroup => Self::get::<ServerGroupSpec, _>;
        batch_get_server_groups(BatchGetServerGroupsRequest) -> BatchGetServerGroupsResponse => Self::batch_get::<ServerGroupSpec, _, _>;
        list_server_groups(ListServerGroupsRequest) -> ListServerGroupsResponse => Self::list::<ServerGroupSpec, _, _>;
        update_server_group(UpdateServerGroupRequest) -> ServerGroup => Self::update::<ServerGroupSpec, _>;
        delete_server_group(DeleteServerGroupRequest) -> ServerGroup => Self::delete::<ServerGroupSpec, _>;
        undelete_server_group(UndeleteServerGroupRequest) -> ServerGroup => Self::undelete::<ServerGroupSpec, _>;
        create_application_segment(CreateApplicationSegmentRequest) -> ApplicationSegment => Self::create::<SegmentSpec, _>;
        get_application_segment(GetApplicationSegmentRequest) -> ApplicationSegment => Self::get::<SegmentSpec, _>;
        batch_get_application_segments(BatchGetApplicationSegmentsRequest) -> BatchGetApplicationSegmentsResponse => Self::batch_get::<SegmentSpec, _, _>;
        list_application_segments(ListApplicationSegmentsRequest) -> ListApplicationSegmentsResponse => Self::list::<SegmentSpec, _, _>;
        update_application_segment(UpdateApplicationSegmentRequest) -> ApplicationSegment => Self::update::<SegmentSpec, _>;
        delete_application_segment(DeleteApplicationSegmentRequest) -> ApplicationSegment => Self::delete::<SegmentSpec, _>;
        undelete_application_segment(UndeleteApplicationSegmentRequest) -> ApplicationSegment => Self::undelete::<SegmentSpec, _>;
        create_client_network(CreateClientNetworkRequest) -> ClientNetwork => Self::create::<ClientNetworkSpec, _>;
        get_client_network(GetClientNetworkRequest) -> ClientNetwork => Self::get::<ClientNetworkSpec, _>;
        batch_get_client_networks(BatchGetClientNetworksRequest) -> BatchGetClientNetworksResponse => Self::batch_get::<ClientNetworkSpec, _, _>;
        list_client_networks(ListClientNetworksRequest) -> ListClientNetworksResponse => Self::list::<ClientNetworkSpec, _, _>;
        update_client_network(UpdateClientNetworkRequest) -> ClientNetwork => Self::update::<ClientNetworkSpec, _>;
        delete_client_network(DeleteClientNetworkRequest) -> ClientNetwork => Self::delete::<ClientNetworkSpec, _>;
        undelete_client_network(UndeleteClientNetworkRequest) -> ClientNetwork => Self::undelete::<ClientNetworkSpec, _>;
        register_app_connector(RegisterAppConnectorRequest) -> AppConnector => Self::register;
        abandon_registration(AbandonRegistrationRequest) -> AbandonRegistrationResponse => Self::abandon;
        list_audit_events(ListAuditEventsRequest) -> ListAuditEventsResponse => Self::audit_events;
        watch(WatchRequest) -> Responses<Objects> => Self::open_watch;
        confirm_watch(ConfirmWatchRequest) -> ConfirmWatchResponse => Self::confirm;
        backup(BackupRequest) -> Chunks<BackupResponse> => Self::whole_store;
        get_server_info(GetServerInfoRequest) -> ServerInfo => Self::server_info;
    }
}

impl Api {
    async fn whole_store(&self, request: Request<BackupRequest>) -> Answer<Chunks<BackupResponse>> {
        let (caller, BackupRequest {}) = open(request)?;
        let store = self.registry.rows().store();
        Ok(Response::new(backup::stream(&caller, store, |chunk| BackupResponse { chunk }).await?))
    }

    async fn server_info(&self, request: Request<GetServerInfoRequest>) -> Answer<ServerInfo> {
        let (_, GetServerInfoRequest {}) = open(request)?;
        let store = self.registry.rows().store();
        let revision = store.published().get();
        Ok(Response::new(self.about.server_info(store.epoch().to_string(), revision)))
    }
}
