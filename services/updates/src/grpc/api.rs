//! The methods, each handed to what does it.
//!
//! Methods that are PLANNED keep their generated default; the planned layer answers before it.

use proto::{
    r#type::v1::{ListAuditEventsRequest, ListAuditEventsResponse, ServerInfo},
    updates::v1::{updates_service_server::UpdatesService, *},
};
use resource::backup::{self, Chunks};
use rpc::{
    Failure,
    access::{Caller, caller},
    page::TokenKey,
};
use runtime::{Clock, about::About, follow::Siblings};
use tonic::{Request, Response, Status};

use super::accept_snapshot;
use crate::service::{configuration::Configuration, policies::Policies, schedules::Schedules};

/// An answer of a method.
pub(super) type Answer<T> = Result<Response<T>, Status>;

/// The caller and the message.
pub(super) fn open<T>(request: Request<T>) -> Result<(Caller, T), Failure> {
    Ok((caller(&request)?, request.into_inner()))
}

/// The service as the wire sees it.
#[derive(Clone)]
pub(crate) struct Api {
    /// The use cases of schedules.
    pub(crate) schedules: Schedules,
    /// The use cases of policies.
    pub(crate) policies: Policies,
    /// What is written, and its history.
    pub(crate) configuration: Configuration,
    /// What this service follows.
    pub(crate) siblings: Siblings,
    /// Seals page tokens.
    pub(crate) tokens: TokenKey,
    /// Where time comes from.
    pub(crate) clock: Clock,
    /// What this process is.
    pub(crate) about: About,
}

#[tonic::async_trait]
impl UpdatesService for Api {
    async fn get_update_schedule(
        &self,
        request: Request<GetUpdateScheduleRequest>,
    ) -> Answer<UpdateSchedule> {
        self.schedule(request).await
    }

    async fn batch_get_update_schedules(
        &self,
        request: Request<BatchGetUpdateSchedulesRequest>,
    ) -> Answer<BatchGetUpdateSchedulesResponse> {
        self.batch_schedules(request).await
    }

    async fn update_update_schedule(
        &self,
        request: Request<UpdateUpdateScheduleRequest>,
    ) -> Answer<UpdateSchedule> {
        self.update_schedule(request).await
    }

    async fn preview_windows(
        &self,
        request: Request<PreviewWindowsRequest>,
    ) -> Answer<PreviewWindowsResponse> {
        self.preview(request).await
    }

    async fn get_update_policy(
        &self,
        request: Request<GetUpdatePolicyRequest>,
    ) -> Answer<UpdatePolicy> {
        self.policy(request).await
    }

    async fn update_update_policy(
        &self,
        request: Request<UpdateUpdatePolicyRequest>,
    ) -> Answer<UpdatePolicy> {
        self.update_policy(request).await
    }

    async fn get_version_profile(
        &self,
        request: Request<GetVersionProfileRequest>,
    ) -> Answer<VersionProfile> {
        self.profile(request)
    }

    async fn list_version_profiles(
        &self,
        request: Request<ListVersionProfilesRequest>,
    ) -> Answer<ListVersionProfilesResponse> {
        self.profiles(request)
    }

    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Answer<ListAuditEventsResponse> {
        self.audit_events(request).await
    }

    async fn accept_snapshot(
        &self,
        request: Request<AcceptSnapshotRequest>,
    ) -> Answer<AcceptSnapshotResponse> {
        let (caller, request) = open(request)?;
        Ok(Response::new(accept_snapshot::accept(&self.siblings, &caller, request).await?))
    }

    async fn get_server_info(&self, request: Request<GetServerInfoRequest>) -> Answer<ServerInfo> {
        let (_, GetServerInfoRequest {}) = open(request)?;
        let store = self.configuration.rows.store();
        let revision = store.published().get();
        Ok(Response::new(self.about.server_info(store.epoch().to_string(), revision)))
    }

    async fn backup(&self, request: Request<BackupRequest>) -> Answer<Chunks<BackupResponse>> {
        let (caller, BackupRequest {}) = open(request)?;
        let store = self.configuration.rows.store();
        Ok(Response::new(backup::stream(&caller, store, |chunk| BackupResponse { chunk }).await?))
    }
}
