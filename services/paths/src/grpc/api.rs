//! Every built method in three moves: parse, call, render.

use std::sync::Arc;

use proto::{
    paths::v1::{self as wire, paths_service_server::PathsService},
    r#type::v1::ServerInfo,
};
use resource::backup::{self, Chunks};
use rpc::{access::caller, page::TokenKey};
use runtime::{Clock, about::About, follow::Siblings};
use store::Store;
use tonic::{Request, Response, Status, Streaming};

use super::{
    accept_snapshot, convert,
    report::{self, Orders},
};
use crate::service::{
    index::Index,
    report::ReportSettings,
    select::Selector,
    status::{Listing, Statuses},
};

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
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PathsService for Api {
    async fn select_path(
        &self,
        request: Request<wire::SelectPathRequest>,
    ) -> Answer<wire::SelectPathResponse> {
        let caller = caller(&request)?;
        let wire::SelectPathRequest { parent, query } = request.into_inner();
        let asked = convert::path_request(&parent, query)?;
        let tenant = caller.authorise(&asked.tenant)?;
        let question = asked.at(self.0.clock.now(), rand::random());
        let answered = self.0.selector.select(&tenant, &question);
        Ok(Response::new(wire::SelectPathResponse {
            selection: Some(convert::selection(&answered)),
        }))
    }

    async fn explain_path(
        &self,
        request: Request<wire::ExplainPathRequest>,
    ) -> Answer<wire::ExplainPathResponse> {
        let caller = caller(&request)?;
        let asked = convert::explain_request(request.into_inner())?;
        let tenant = caller.authorise(&asked.tenant)?;
        let question = asked.at(self.0.clock.now(), rand::random());
        let answered = self.0.selector.explain(&tenant, &question);
        Ok(Response::new(convert::explanation(&answered)))
    }

    async fn report_status(
        &self,
        request: Request<Streaming<wire::ReportStatusRequest>>,
    ) -> Answer<Orders> {
        let caller = caller(&request)?;
        let name = caller.connector()?.clone();
        Ok(Response::new(report::serve(self.0.clone(), caller, name, request.into_inner())))
    }

    async fn get_connector_status(
        &self,
        request: Request<wire::GetConnectorStatusRequest>,
    ) -> Answer<wire::ConnectorStatus> {
        let caller = caller(&request)?;
        let name = convert::status_name("name", &request.into_inner().name)?;
        let tenant = caller.authorise(&name.tenant())?;
        let now = self.0.clock.now();
        let status = self.0.statuses.get(&tenant, &name.app_connector, now)?;
        Ok(Response::new(convert::connector_status(&status)))
    }

    async fn list_connector_statuses(
        &self,
        request: Request<wire::ListConnectorStatusesRequest>,
    ) -> Answer<wire::ListConnectorStatusesResponse> {
        let caller = caller(&request)?;
        let asked = convert::list_request(request.into_inner(), &self.0.page_key)?;
        let scope = caller.authorise_scope(&asked.parent)?;
        let listing =
            Listing { scope, group: asked.group, after: asked.after, size: asked.page.size };
        let (page, more) = self.0.statuses.list(&listing, self.0.clock.now())?;
        let last = page.last().filter(|_| more).map(|status| status.name.to_string());
        let next = |last: String| asked.page.next_token(&self.0.page_key, 0, last.as_bytes());
        Ok(Response::new(wire::ListConnectorStatusesResponse {
            connector_statuses: page.iter().map(convert::connector_status).collect(),
            next_page_token: last.map(next).unwrap_or_default(),
        }))
    }

    async fn batch_get_connector_statuses(
        &self,
        request: Request<wire::BatchGetConnectorStatusesRequest>,
    ) -> Answer<wire::BatchGetConnectorStatusesResponse> {
        let caller = caller(&request)?;
        let (parent, names) = convert::batch_request(request.into_inner())?;
        let scope = caller.authorise_scope(&parent)?;
        let found = self.0.statuses.batch_get(&scope, names, self.0.clock.now())?;
        Ok(Response::new(wire::BatchGetConnectorStatusesResponse {
            connector_statuses: found.iter().map(convert::connector_status).collect(),
        }))
    }

    async fn backup(
        &self,
        request: Request<wire::BackupRequest>,
    ) -> Answer<Chunks<wire::BackupResponse>> {
        let caller = caller(&request)?;
        let wire::BackupRequest {} = request.into_inner();
        let chunk = |chunk| wire::BackupResponse { chunk };
        Ok(Response::new(backup::stream(&caller, &self.0.store, chunk).await?))
    }

    async fn accept_snapshot(
        &self,
        request: Request<wire::AcceptSnapshotRequest>,
    ) -> Answer<wire::AcceptSnapshotResponse> {
        let caller = caller(&request)?;
        let answer =
            accept_snapshot::accept(&self.0.siblings, &caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_server_info(
        &self,
        request: Request<wire::GetServerInfoRequest>,
    ) -> Answer<ServerInfo> {
        let caller = caller(&request)?;
        let wire::GetServerInfoRequest {} = request.into_inner();
        let _anyone = caller.authorise_global();
        let (epoch, revision) = (self.0.store.epoch(), self.0.store.published());
        Ok(Response::new(self.0.about.server_info(epoch.to_string(), revision.get())))
    }
}
