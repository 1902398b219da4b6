//! The methods, each in three moves: parse, call, render.

use proto::{
    overview::v1::{self as wire, overview_service_server::OverviewService},
    r#type::v1::ServerInfo,
};
use rpc::{Answer, open};
use runtime::{about::About, follow::Siblings};
use tonic::{Request, Response};

use super::convert;
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

rpc::delegate! {
    impl OverviewService for Api {
        get_app_connector_group_overview(wire::GetAppConnectorGroupOverviewRequest) -> wire::AppConnectorGroupOverview => Self::group;
        list_app_connector_group_overviews(wire::ListAppConnectorGroupOverviewsRequest) -> wire::ListAppConnectorGroupOverviewsResponse => Self::groups;
        accept_snapshot(wire::AcceptSnapshotRequest) -> wire::AcceptSnapshotResponse => Self::accept;
        get_server_info(wire::GetServerInfoRequest) -> ServerInfo => Self::server_info;
    }
}

impl Api {
    async fn group(
        &self,
        request: Request<wire::GetAppConnectorGroupOverviewRequest>,
    ) -> Answer<wire::AppConnectorGroupOverview> {
        let (caller, message) = open(request)?;
        let ask = convert::get_request(message)?;
        let tenant = caller.authorise(&ask.name.tenant())?;
        let row = self.overviews.get(&tenant, ask.name.id()).await?;
        Ok(Response::new(convert::row(row, ask.full)))
    }

    async fn groups(
        &self,
        request: Request<wire::ListAppConnectorGroupOverviewsRequest>,
    ) -> Answer<wire::ListAppConnectorGroupOverviewsResponse> {
        let (caller, message) = open(request)?;
        let ask = convert::list_request(message)?;
        let tenant = caller.authorise(&ask.tenant)?;
        let page = self.overviews.list(&tenant, ask.after.as_ref(), ask.size).await?;
        Ok(Response::new(ask.render(page)))
    }

    async fn accept(
        &self,
        request: Request<wire::AcceptSnapshotRequest>,
    ) -> Answer<wire::AcceptSnapshotResponse> {
        self.siblings.accept(request).await
    }

    async fn server_info(
        &self,
        request: Request<wire::GetServerInfoRequest>,
    ) -> Answer<ServerInfo> {
        let (caller, wire::GetServerInfoRequest {}) = open(request)?;
        let _anyone = caller.authorise_global();
        // It stores nothing, so it has neither epoch nor revision.
        Ok(Response::new(self.about.server_info(String::new(), 0)))
    }
}
