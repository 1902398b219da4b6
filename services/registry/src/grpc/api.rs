//! The methods: take the request apart, call, render.
//!
//! Methods that are PLANNED keep their generated default; the planned layer answers before it.

use std::sync::Arc;

use names::{AppConnectorName, EnrolmentName, Reason};
use proto::{
    registry::v1::{registry_service_server::RegistryService, *},
    r#type::v1::ServerInfo,
};
use rpc::page::TokenKey;
use runtime::{about::About, worker::Signal};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{
    backup::{self, BackupStream},
    convert,
    request::{self, open, writing},
    standard::{Listing, draft, refuse},
    watch,
};
use crate::{
    domain::{ConnectorSpec, GroupSpec, SegmentSpec, ServerGroupSpec, TenantSpec, Violations},
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
    /// Wakes the sweeper after a delete with `force`.
    pub(crate) swept: Signal,
    /// What this process is.
    pub(crate) about: About,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl RegistryService for Api {
    async fn create_tenant(&self, request: Request<CreateTenantRequest>) -> Answer<Tenant> {
        let (caller, mut message) = open(request)?;
        let mut writing = writing(&caller, "CreateTenant", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        let everywhere = caller.authorise_system()?;
        let id = request::id("tenant_id", &message.tenant_id, &mut writing.problems)?;
        let draft = draft::<TenantSpec>(message.tenant, &mut writing.problems);
        Ok(self.show(&self.registry.create_tenant(&everywhere, id, &draft, &writing).await?))
    }

    async fn get_tenant(&self, request: Request<GetTenantRequest>) -> Answer<Tenant> {
        let (caller, GetTenantRequest { name, read_time: _ }) = open(request)?;
        self.get::<TenantSpec>(&caller, &name).await
    }

    async fn batch_get_tenants(
        &self,
        request: Request<BatchGetTenantsRequest>,
    ) -> Answer<BatchGetTenantsResponse> {
        let (caller, BatchGetTenantsRequest { names }) = open(request)?;
        let tenants = self.batch_get_tenants_of::<TenantSpec>(&caller, &names).await?;
        Ok(Response::new(BatchGetTenantsResponse { tenants }))
    }

    async fn list_tenants(
        &self,
        request: Request<ListTenantsRequest>,
    ) -> Answer<ListTenantsResponse> {
        let (caller, message) = open(request)?;
        let ListTenantsRequest {
            page_size,
            page_token,
            filter,
            order_by,
            show_deleted,
            read_time: _,
        } = message;
        let (method, parent) = ("ListTenants", String::new());
        let listing =
            Listing { method, parent, page_size, page_token, filter, order_by, show_deleted };
        let (tenants, next_page_token) =
            self.list_tenants_of::<TenantSpec>(&caller, &listing).await?;
        Ok(Response::new(ListTenantsResponse { tenants, next_page_token, total_size: None }))
    }

    async fn update_tenant(&self, request: Request<UpdateTenantRequest>) -> Answer<Tenant> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "UpdateTenant", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        let mask = message.update_mask.as_ref();
        self.update::<TenantSpec>(&caller, message.tenant, mask, writing).await
    }

    async fn delete_tenant(&self, request: Request<DeleteTenantRequest>) -> Answer<Tenant> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "DeleteTenant", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.delete::<TenantSpec>(&caller, (&message.name, &message.etag), writing).await
    }

    async fn undelete_tenant(&self, request: Request<UndeleteTenantRequest>) -> Answer<Tenant> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "UndeleteTenant", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.undelete::<TenantSpec>(&caller, (&message.name, &message.etag), writing).await
    }

    async fn create_app_connector_group(
        &self,
        request: Request<CreateAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        let (caller, mut message) = open(request)?;
        let mut writing = writing(&caller, "CreateAppConnectorGroup", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        writing.allow_null_island = message.allow_null_island;
        let id = ("app_connector_group_id", message.app_connector_group_id.as_str());
        self.create::<GroupSpec>(&caller, &message.parent, id, message.app_connector_group, writing)
            .await
    }

    async fn get_app_connector_group(
        &self,
        request: Request<GetAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        let (caller, GetAppConnectorGroupRequest { name, read_time: _ }) = open(request)?;
        self.get::<GroupSpec>(&caller, &name).await
    }

    async fn batch_get_app_connector_groups(
        &self,
        request: Request<BatchGetAppConnectorGroupsRequest>,
    ) -> Answer<BatchGetAppConnectorGroupsResponse> {
        let (caller, BatchGetAppConnectorGroupsRequest { parent, names }) = open(request)?;
        let app_connector_groups = self.batch_get::<GroupSpec>(&caller, &parent, &names).await?;
        Ok(Response::new(BatchGetAppConnectorGroupsResponse { app_connector_groups }))
    }

    async fn list_app_connector_groups(
        &self,
        request: Request<ListAppConnectorGroupsRequest>,
    ) -> Answer<ListAppConnectorGroupsResponse> {
        let (caller, message) = open(request)?;
        let ListAppConnectorGroupsRequest {
            parent,
            page_size,
            page_token,
            filter,
            order_by,
            show_deleted,
            read_time: _,
        } = message;
        let method = "ListAppConnectorGroups";
        let listing =
            Listing { method, parent, page_size, page_token, filter, order_by, show_deleted };
        let (app_connector_groups, next_page_token) =
            self.list::<GroupSpec>(&caller, &listing).await?;
        Ok(Response::new(ListAppConnectorGroupsResponse {
            app_connector_groups,
            next_page_token,
            total_size: None,
        }))
    }

    async fn update_app_connector_group(
        &self,
        request: Request<UpdateAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        let (caller, mut message) = open(request)?;
        let mut writing = writing(&caller, "UpdateAppConnectorGroup", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        writing.allow_null_island = message.allow_null_island;
        let mask = message.update_mask.as_ref();
        self.update::<GroupSpec>(&caller, message.app_connector_group, mask, writing).await
    }

    async fn delete_app_connector_group(
        &self,
        request: Request<DeleteAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "DeleteAppConnectorGroup", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.delete_group(&caller, (&message.name, &message.etag), message.force, writing).await
    }

    async fn get_app_connector(
        &self,
        request: Request<GetAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        let (caller, GetAppConnectorRequest { name }) = open(request)?;
        self.get::<ConnectorSpec>(&caller, &name).await
    }

    async fn batch_get_app_connectors(
        &self,
        request: Request<BatchGetAppConnectorsRequest>,
    ) -> Answer<BatchGetAppConnectorsResponse> {
        let (caller, BatchGetAppConnectorsRequest { parent, names }) = open(request)?;
        let app_connectors = self.batch_get::<ConnectorSpec>(&caller, &parent, &names).await?;
        Ok(Response::new(BatchGetAppConnectorsResponse { app_connectors }))
    }

    async fn list_app_connectors(
        &self,
        request: Request<ListAppConnectorsRequest>,
    ) -> Answer<ListAppConnectorsResponse> {
        let (caller, message) = open(request)?;
        let ListAppConnectorsRequest {
            parent,
            page_size,
            page_token,
            filter,
            order_by,
            show_deleted,
        } = message;
        let method = "ListAppConnectors";
        let listing =
            Listing { method, parent, page_size, page_token, filter, order_by, show_deleted };
        let (app_connectors, next_page_token) =
            self.list::<ConnectorSpec>(&caller, &listing).await?;
        Ok(Response::new(ListAppConnectorsResponse {
            app_connectors,
            next_page_token,
            total_size: None,
        }))
    }

    async fn update_app_connector(
        &self,
        request: Request<UpdateAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        let (caller, mut message) = open(request)?;
        let mut writing = writing(&caller, "UpdateAppConnector", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        writing.allow_null_island = message.allow_null_island;
        let mask = message.update_mask.as_ref();
        self.update::<ConnectorSpec>(&caller, message.app_connector, mask, writing).await
    }

    async fn delete_app_connector(
        &self,
        request: Request<DeleteAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "DeleteAppConnector", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.delete::<ConnectorSpec>(&caller, (&message.name, &message.etag), writing).await
    }

    async fn create_server_group(
        &self,
        request: Request<CreateServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "CreateServerGroup", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        let id = ("server_group_id", message.server_group_id.as_str());
        self.create::<ServerGroupSpec>(&caller, &message.parent, id, message.server_group, writing)
            .await
    }

    async fn get_server_group(
        &self,
        request: Request<GetServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        let (caller, GetServerGroupRequest { name, read_time: _ }) = open(request)?;
        self.get::<ServerGroupSpec>(&caller, &name).await
    }

    async fn batch_get_server_groups(
        &self,
        request: Request<BatchGetServerGroupsRequest>,
    ) -> Answer<BatchGetServerGroupsResponse> {
        let (caller, BatchGetServerGroupsRequest { parent, names }) = open(request)?;
        let server_groups = self.batch_get::<ServerGroupSpec>(&caller, &parent, &names).await?;
        Ok(Response::new(BatchGetServerGroupsResponse { server_groups }))
    }

    async fn list_server_groups(
        &self,
        request: Request<ListServerGroupsRequest>,
    ) -> Answer<ListServerGroupsResponse> {
        let (caller, message) = open(request)?;
        let ListServerGroupsRequest {
            parent,
            page_size,
            page_token,
            filter,
            order_by,
            show_deleted,
            read_time: _,
        } = message;
        let method = "ListServerGroups";
        let listing =
            Listing { method, parent, page_size, page_token, filter, order_by, show_deleted };
        let (server_groups, next_page_token) =
            self.list::<ServerGroupSpec>(&caller, &listing).await?;
        Ok(Response::new(ListServerGroupsResponse {
            server_groups,
            next_page_token,
            total_size: None,
        }))
    }

    async fn update_server_group(
        &self,
        request: Request<UpdateServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "UpdateServerGroup", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        let mask = message.update_mask.as_ref();
        self.update::<ServerGroupSpec>(&caller, message.server_group, mask, writing).await
    }

    async fn delete_server_group(
        &self,
        request: Request<DeleteServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "DeleteServerGroup", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.delete::<ServerGroupSpec>(&caller, (&message.name, &message.etag), writing).await
    }

    async fn undelete_server_group(
        &self,
        request: Request<UndeleteServerGroupRequest>,
    ) -> Answer<ServerGroup> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "UndeleteServerGroup", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.undelete::<ServerGroupSpec>(&caller, (&message.name, &message.etag), writing).await
    }

    async fn create_application_segment(
        &self,
        request: Request<CreateApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "CreateApplicationSegment", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        let id = ("application_segment_id", message.application_segment_id.as_str());
        self.create::<SegmentSpec>(
            &caller,
            &message.parent,
            id,
            message.application_segment,
            writing,
        )
        .await
    }

    async fn get_application_segment(
        &self,
        request: Request<GetApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        let (caller, GetApplicationSegmentRequest { name, read_time: _ }) = open(request)?;
        self.get::<SegmentSpec>(&caller, &name).await
    }

    async fn batch_get_application_segments(
        &self,
        request: Request<BatchGetApplicationSegmentsRequest>,
    ) -> Answer<BatchGetApplicationSegmentsResponse> {
        let (caller, BatchGetApplicationSegmentsRequest { parent, names }) = open(request)?;
        let application_segments = self.batch_get::<SegmentSpec>(&caller, &parent, &names).await?;
        Ok(Response::new(BatchGetApplicationSegmentsResponse { application_segments }))
    }

    async fn list_application_segments(
        &self,
        request: Request<ListApplicationSegmentsRequest>,
    ) -> Answer<ListApplicationSegmentsResponse> {
        let (caller, message) = open(request)?;
        let ListApplicationSegmentsRequest {
            parent,
            page_size,
            page_token,
            filter,
            order_by,
            show_deleted,
            read_time: _,
        } = message;
        let method = "ListApplicationSegments";
        let listing =
            Listing { method, parent, page_size, page_token, filter, order_by, show_deleted };
        let (application_segments, next_page_token) =
            self.list::<SegmentSpec>(&caller, &listing).await?;
        Ok(Response::new(ListApplicationSegmentsResponse {
            application_segments,
            next_page_token,
            total_size: None,
        }))
    }

    async fn update_application_segment(
        &self,
        request: Request<UpdateApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "UpdateApplicationSegment", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        let mask = message.update_mask.as_ref();
        self.update::<SegmentSpec>(&caller, message.application_segment, mask, writing).await
    }

    async fn delete_application_segment(
        &self,
        request: Request<DeleteApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "DeleteApplicationSegment", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.delete::<SegmentSpec>(&caller, (&message.name, &message.etag), writing).await
    }

    async fn undelete_application_segment(
        &self,
        request: Request<UndeleteApplicationSegmentRequest>,
    ) -> Answer<ApplicationSegment> {
        let (caller, mut message) = open(request)?;
        let writing = writing(&caller, "UndeleteApplicationSegment", &mut message, |m| {
            (&mut m.request_id, m.validate_only)
        });
        self.undelete::<SegmentSpec>(&caller, (&message.name, &message.etag), writing).await
    }

    async fn register_app_connector(
        &self,
        request: Request<RegisterAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        let (caller, message) = open(request)?;
        let mut problems = Violations::new();
        let draft = convert::registration(message, &mut problems);
        let wanted = self.registry.check_registration(&draft, problems)?;
        let tenant = caller.authorise(&wanted.name.tenant())?;
        Ok(self.show(&self.registry.register(&tenant, &wanted).await?))
    }

    async fn abandon_registration(
        &self,
        request: Request<AbandonRegistrationRequest>,
    ) -> Answer<AbandonRegistrationResponse> {
        let (caller, AbandonRegistrationRequest { enrolment, name }) = open(request)?;
        let mut problems = Violations::new();
        let enrolment = problems.take::<EnrolmentName, _>("enrolment", enrolment.parse());
        let name = problems.take::<AppConnectorName, _>("name", name.parse());
        if let (Some(enrolment), Some(name)) = (&enrolment, &name) {
            if enrolment.tenant != name.tenant {
                let fix = format!("must belong to `{}`", enrolment.tenant());
                problems.add("name", Reason::ForeignTenant, fix);
            }
            refuse(problems)?;
            let tenant = caller.authorise(&enrolment.tenant())?;
            self.registry.abandon(&tenant, enrolment, name).await?;
            return Ok(Response::new(AbandonRegistrationResponse {}));
        }
        Err(crate::error::Error::Invalid(problems).into())
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Answer<watch::Responses> {
        let (caller, message) = open(request)?;
        let feed = watch::open(&self.registry, caller, message, self.streams.clone()).await?;
        Ok(Response::new(feed))
    }

    async fn confirm_watch(
        &self,
        request: Request<ConfirmWatchRequest>,
    ) -> Answer<ConfirmWatchResponse> {
        let (_, message) = open(request)?;
        watch::confirm(&self.registry, message)?;
        Ok(Response::new(ConfirmWatchResponse {}))
    }

    async fn backup(&self, request: Request<BackupRequest>) -> Answer<BackupStream> {
        let (caller, BackupRequest {}) = open(request)?;
        let _system = caller.authorise_system()?;
        Ok(Response::new(backup::stream(self.registry.rows().store()).await?))
    }

    async fn get_server_info(&self, request: Request<GetServerInfoRequest>) -> Answer<ServerInfo> {
        let (_, GetServerInfoRequest {}) = open(request)?;
        let store = self.registry.rows().store();
        Ok(Response::new(ServerInfo {
            service: self.about.service.to_owned(),
            version: self.about.version.to_owned(),
            tzdb_version: self.about.tzdb_version.to_owned(),
            epoch: store.epoch().to_string(),
            revision: store.published().get(),
            start_time: Some(rpc::time::to_proto(self.about.start_time)),
        }))
    }
}
