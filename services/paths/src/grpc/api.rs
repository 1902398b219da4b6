//! Every built method in three moves: parse, call, render.

use std::sync::Arc;

use proto::{
    paths::v1::{self as wire, paths_service_server::PathsService},
    r#type::v1::ServerInfo,
};
use resource::backup::{self, Chunks};
use rpc::{Answer, open, page::TokenKey};
use runtime::{Clock, about::About, follow::Siblings};
use store::Store;
use tonic::{Request, Response, Streaming};

use super::report::Orders;
use crate::service::{index::Index, report::ReportSettings, select::Selector, status::Statuses};

/// The service as the wire sees it. Methods that are planned keep their generated body.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

/// What the api call.
pub(crate) struct Parts {
    /// Questions.
    pub(crate) selector: Selector,
    /// The fleet.
    pub(crate) statuses: Statuses,
    /// The configuration, for report streams.
    pub(crate) index: Arc<Index>,
    /// How connectors report.
    pub(crate) reports: ReportSettings,
    /// Open streams are counted here.
    pub(crate) metrics: crate::metrics::Metrics,
    /// Time.
    pub(crate) clock: Clock,
    /// What the service says of itself.
    pub(crate) about: About,
    /// For backups and for what the service says of itself.
    pub(crate) store: Store,
    /// Who is followed, for AcceptSnapshot.
    pub(crate) siblings: Siblings,
    /// Seals page tokens.
    pub(crate) page_key: TokenKey,
    /// The phases of the end.
    pub(crate) shutdown: runtime::process::Shutdown,
}

impl Api {
    /// Over the use cases.
    #[must_use]
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(super) fn parts(&self) -> &Arc<Parts> {
        &self.0
    }
}

rpc::delegate! {
    impl PathsService for Api {
        select_path(wire::SelectPathRequest) -> wire::SelectPathResponse => Self::select;
        explain_path(wire::ExplainPathRequest) -> wire::ExplainPathResponse => Self::explain;
        report_status(Streaming<wire::ReportStatusRequest>) -> Orders => Self::report;
        get_connector_status(wire::GetConnectorStatusRequest) -> wire::ConnectorStatus => Self::status;
        list_connector_statuses(wire::ListConnectorStatusesRequest) -> wire::ListConnectorStatusesResponse => Self::statuses;
        batch_get_connector_statuses(wire::BatchGetConnectorStatusesRequest) -> wire::BatchGetConnectorStatusesResponse => Self::batch_statuses;
        backup(wire::BackupRequest) -> Chunks<wire::BackupResponse> => Self::whole_store;
        accept_snapshot(wire::AcceptSnapshotRequest) -> wire::AcceptSnapshotResponse => Self::accept;
        get_server_info(wire::GetServerInfoRequest) -> ServerInfo => Self::server_info;
    }
}

impl Api {
    async fn whole_store(
        &self,
        request: Request<wire::BackupRequest>,
    ) -> Answer<Chunks<wire::BackupResponse>> {
        let (caller, wire::BackupRequest {}) = open(request)?;
        let chunk = |chunk| wire::BackupResponse { chunk };
        Ok(Response::new(backup::stream(&caller, &self.parts().store, chunk).await?))
    }

    async fn accept(
        &self,
        request: Request<wire::AcceptSnapshotRequest>,
    ) -> Answer<wire::AcceptSnapshotResponse> {
        self.parts().siblings.accept(request).await
    }

    async fn server_info(
        &self,
        request: Request<wire::GetServerInfoRequest>,
    ) -> Answer<ServerInfo> {
        let (caller, wire::GetServerInfoRequest {}) = open(request)?;
        let _anyone = caller.authorise_global();
        let (epoch, revision) = (self.parts().store.epoch(), self.parts().store.published());
        Ok(Response::new(self.parts().about.server_info(epoch.to_string(), revision.get())))
    }
}
