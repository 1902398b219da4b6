//! Every built method in three moves: parse, call, render.

use proto::{
    r#type::v1::ServerInfo,
    updates::v1::{self as wire, updates_service_server::UpdatesService},
};
use rpc::access::{Caller, caller};
use runtime::{about::About, follow::Siblings};
use tonic::{Request, Response, Status};

use super::{
    accept_snapshot,
    backup::{self, BackupStream},
    convert,
};
use crate::{
    error::Error,
    service::{policies::Policies, schedules::Schedules},
    store::Keeper,
};

/// The service as the wire sees it. Methods that are planned keep their generated body.
#[derive(Clone)]
pub struct Api {
    schedules: Schedules,
    policies: Policies,
    keeper: Keeper,
    siblings: Siblings,
    about: About,
}

impl Api {
    /// Over the use cases.
    #[must_use]
    pub fn new(
        schedules: Schedules,
        policies: Policies,
        keeper: Keeper,
        siblings: Siblings,
        about: About,
    ) -> Self {
        Self { schedules, policies, keeper, siblings, about }
    }
}

type Reply<T> = Result<Response<T>, Status>;

fn failure(error: Error) -> Status {
    rpc::Failure::from(error).into()
}

/// Writes are told to the log with who, what and after; the store keeps before.
fn audit(
    caller: &Caller,
    method: &str,
    name: &dyn std::fmt::Display,
    etag: &dyn std::fmt::Display,
) {
    let who = caller.audit_name();
    tracing::info!(target: "causeway::audit", who, method, %name, %etag, "configuration written");
}

#[tonic::async_trait]
impl UpdatesService for Api {
    async fn get_update_schedule(
        &self,
        request: Request<wire::GetUpdateScheduleRequest>,
    ) -> Reply<wire::UpdateSchedule> {
        let caller = caller(&request)?;
        let name = convert::schedule_name(request.into_inner().name)?;
        let tenant = caller.authorise(&name.tenant())?;
        let answer = self.schedules.get(&tenant, name.id()).await.map_err(failure)?;
        Ok(Response::new(convert::schedule(answer)))
    }

    async fn batch_get_update_schedules(
        &self,
        request: Request<wire::BatchGetUpdateSchedulesRequest>,
    ) -> Reply<wire::BatchGetUpdateSchedulesResponse> {
        let caller = caller(&request)?;
        let (tenant, groups) = convert::batch_request(request.into_inner())?;
        let tenant = caller.authorise(&tenant)?;
        let (found, missing) = self.schedules.batch_get(&tenant, &groups).await.map_err(failure)?;
        Ok(Response::new(wire::BatchGetUpdateSchedulesResponse {
            update_schedules: found.into_iter().map(convert::schedule).collect(),
            not_found: missing.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn update_update_schedule(
        &self,
        request: Request<wire::UpdateUpdateScheduleRequest>,
    ) -> Reply<wire::UpdateSchedule> {
        let caller = caller(&request)?;
        let update = convert::update_schedule_request(request.into_inner(), &caller)?;
        let tenant = caller.authorise(&update.name.tenant())?;
        let validate_only = update.options.validate_only;
        let answer = self
            .schedules
            .update(&tenant, update.name.id(), update.change, update.options)
            .await
            .map_err(failure)?;
        if !validate_only {
            audit(&caller, "UpdateUpdateSchedule", &answer.name, &answer.etag);
        }
        Ok(Response::new(convert::schedule(answer)))
    }

    async fn preview_windows(
        &self,
        request: Request<wire::PreviewWindowsRequest>,
    ) -> Reply<wire::PreviewWindowsResponse> {
        let caller = caller(&request)?;
        let ask = convert::preview_request(request.into_inner())?;
        let tenant = caller.authorise(&ask.name.tenant())?;
        let preview = self
            .schedules
            .preview(&tenant, ask.name.id(), ask.draft, ask.count, ask.from)
            .await
            .map_err(failure)?;
        Ok(Response::new(convert::preview(preview)))
    }

    async fn get_update_policy(
        &self,
        request: Request<wire::GetUpdatePolicyRequest>,
    ) -> Reply<wire::UpdatePolicy> {
        let caller = caller(&request)?;
        let name = convert::policy_name(request.into_inner().name)?;
        let tenant = caller.authorise(&name.tenant())?;
        let answer = self.policies.get(&tenant).await.map_err(failure)?;
        Ok(Response::new(convert::policy(answer)))
    }

    async fn update_update_policy(
        &self,
        request: Request<wire::UpdateUpdatePolicyRequest>,
    ) -> Reply<wire::UpdatePolicy> {
        let caller = caller(&request)?;
        let update = convert::update_policy_request(request.into_inner(), &caller)?;
        let tenant = caller.authorise(&update.name.tenant())?;
        let validate_only = update.options.validate_only;
        let answer =
            self.policies.update(&tenant, update.change, update.options).await.map_err(failure)?;
        if !validate_only {
            audit(&caller, "UpdateUpdatePolicy", &update.name, &answer.etag);
        }
        Ok(Response::new(convert::policy(answer)))
    }

    async fn get_version_profile(
        &self,
        request: Request<wire::GetVersionProfileRequest>,
    ) -> Reply<wire::VersionProfile> {
        let caller = caller(&request)?;
        let name = convert::profile_name(request.into_inner().name)?;
        if let Some(tenant) = &name.tenant {
            let _tenant = caller.authorise(&names::TenantName::new(tenant.clone()))?;
        }
        let profile = crate::domain::profile::system_profile(&name)
            .ok_or_else(|| failure(Error::ProfileNotFound(name)))?;
        Ok(Response::new(convert::profile(profile)))
    }

    async fn list_version_profiles(
        &self,
        request: Request<wire::ListVersionProfilesRequest>,
    ) -> Reply<wire::ListVersionProfilesResponse> {
        let caller = caller(&request)?;
        let epoch = *self.keeper.store().epoch().as_bytes();
        let ask = convert::list_profiles_request(request.into_inner(), epoch)?;
        let _tenant = caller.authorise(&ask.tenant)?;
        Ok(Response::new(ask.page_of(&crate::domain::profile::SYSTEM_PROFILES)))
    }

    async fn accept_snapshot(
        &self,
        request: Request<wire::AcceptSnapshotRequest>,
    ) -> Reply<wire::AcceptSnapshotResponse> {
        let caller = caller(&request)?;
        let answer = accept_snapshot::accept(&self.siblings, &caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_server_info(
        &self,
        request: Request<wire::GetServerInfoRequest>,
    ) -> Reply<ServerInfo> {
        let _ = caller(&request)?.authorise_global();
        let store = self.keeper.store();
        Ok(Response::new(ServerInfo {
            service: self.about.service.to_owned(),
            version: self.about.version.to_owned(),
            tzdb_version: self.about.tzdb_version.to_owned(),
            epoch: store.epoch().to_string(),
            revision: store.published().get(),
            start_time: Some(rpc::time::to_proto(self.about.start_time)),
        }))
    }

    async fn backup(&self, request: Request<wire::BackupRequest>) -> Reply<BackupStream> {
        let caller = caller(&request)?;
        let _system = caller.authorise_system()?;
        tracing::info!(target: "causeway::audit", who = caller.audit_name(), "backup taken");
        Ok(Response::new(backup::stream(self.keeper.store()).await?))
    }
}
