//! The methods, each handed to what does it.
//!
//! Methods that are PLANNED keep their generated default; the planned layer answers before it.

use proto::{
    r#type::v1::{ListAuditEventsRequest, ListAuditEventsResponse, ServerInfo},
    updates::v1::{updates_service_server::UpdatesService, *},
};
use resource::backup::{self, Chunks};
use rpc::{Answer, open, page::TokenKey};
use runtime::{Clock, about::About, follow::Siblings};
use tonic::{Request, Response};

use crate::service::{configuration::Configuration, policies::Policies, schedules::Schedules};

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

rpc::delegate! {
    impl UpdatesService for Api {
        get_update_schedule(GetUpdateScheduleRequest) -> UpdateSchedule => Self::schedule;
        batch_get_update_schedules(BatchGetUpdateSchedulesRequest) -> BatchGetUpdateSchedulesResponse => Self::batch_schedules;
        update_update_schedule(UpdateUpdateScheduleRequest) -> UpdateSchedule => Self::update_schedule;
        preview_windows(PreviewWindowsRequest) -> PreviewWindowsResponse => Self::preview;
        get_update_policy(GetUpdatePolicyRequest) -> UpdatePolicy => Self::policy;
        update_update_policy(UpdateUpdatePolicyRequest) -> UpdatePolicy => Self::update_policy;
        get_version_profile(GetVersionProfileRequest) -> VersionProfile => Self::profile;
        list_version_profiles(ListVersionProfilesRequest) -> ListVersionProfilesResponse => Self::profiles;
        list_audit_events(ListAuditEventsRequest) -> ListAuditEventsResponse => Self::audit_events;
        accept_snapshot(AcceptSnapshotRequest) -> AcceptSnapshotResponse => Self::accept;
        get_server_info(GetServerInfoRequest) -> ServerInfo => Self::server_info;
        backup(BackupRequest) -> Chunks<BackupResponse> => Self::whole_store;
    }
}

impl Api {
    async fn accept(
        &self,
        request: Request<AcceptSnapshotRequest>,
    ) -> Answer<AcceptSnapshotResponse> {
        self.siblings.accept(request).await
    }

    async fn server_info(&self, request: Request<GetServerInfoRequest>) -> Answer<ServerInfo> {
        let (_, GetServerInfoRequest {}) = open(request)?;
        let store = self.configuration.rows.store();
        let revision = store.published().get();
        Ok(Response::new(self.about.server_info(store.epoch().to_string(), revision)))
    }

    async fn whole_store(&self, request: Request<BackupRequest>) -> Answer<Chunks<BackupResponse>> {
        let (caller, BackupRequest {}) = open(request)?;
        let store = self.configuration.rows.store();
        Ok(Response::new(backup::stream(&caller, store, |chunk| BackupResponse { chunk }).await?))
    }
}
