//! Every built method in three moves: parse, call, render.

use proto::{
    overview::v1::{self as wire, overview_service_server::OverviewService},
    r#type::v1::ServerInfo,
};
use rpc::access::caller;
use runtime::{about::About, follow::Siblings};
use tonic::{Request, Response, Status};

use super::{accept_snapshot, convert};
use crate::service::overviews::Overviews;

/// The service as the wire sees it. Methods that are planned keep their generated body.
#[derive(Clone)]
pub struct Api {
    overviews: Overviews,
    siblings: Siblings,
    about: About,
}

impl Api {
    /// Over the use cases.
    #[must_use]
    pub fn new(overviews: Overviews, siblings: Siblings, about: About) -> Self {
        Self { overviews, siblings, about }
    }
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OverviewService for Api {
    async fn get_app_connector_group_overview(
        &self,
        request: Request<wire::GetAppConnectorGroupOverviewRequest>,
    ) -> Reply<wire::AppConnectorGroupOverview> {
        let caller = caller(&request)?;
        let ask = convert::get_request(request.into_inner())?;
        let tenant = caller.authorise(&ask.name.tenant())?;
        let row = self.overviews.get(&tenant, ask.name.id()).await?;
        Ok(Response::new(convert::row(row, ask.full)))
    }

    async fn list_app_connector_group_overviews(
        &self,
        request: Request<wire::ListAppConnectorGroupOverviewsRequest>,
    ) -> Reply<wire::ListAppConnectorGroupOverviewsResponse> {
        let caller = caller(&request)?;
        let ask = convert::list_request(request.into_inner())?;
        let tenant = caller.authorise(&ask.tenant)?;
        let page = self.overviews.list(&tenant, ask.after.as_ref(), ask.size).await?;
        Ok(Response::new(ask.render(page)))
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
        Ok(Response::new(ServerInfo {
            service: self.about.service.to_owned(),
            version: self.about.version.to_owned(),
            tzdb_version: self.about.tzdb_version.to_owned(),
            epoch: String::new(),
            revision: 0,
            start_time: Some(rpc::time::to_proto(self.about.start_time)),
        }))
    }
}
