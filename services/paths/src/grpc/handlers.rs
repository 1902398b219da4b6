//! Every built method in three moves: parse, call, render.

use std::sync::Arc;

use proto::{
    paths::v1::{self as wire, paths_service_server::PathsService},
    r#type::v1::ServerInfo,
};
use rpc::{access::caller, page::TokenKey};
use runtime::{Clock, about::About, follow::Siblings};
use store::Store;
use tonic::{Request, Response, Status, Streaming};

use super::{
    accept_snapshot,
    backup::{self, BackupStream},
    convert,
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
pub struct Api(Arc<Parts>);

/// What the handlers call.
pub struct Parts {
    /// Questions.
    pub selector: Selector,
    /// The fleet.
    pub statuses: Statuses,
    /// The configuration, for report streams.
    pub index: Arc<Index>,
    /// How connectors report.
    pub reports: ReportSettings,
    /// Open streams are counted here.
    pub metrics: crate::metrics::Metrics,
    /// Time.
    pub clock: Clock,
    /// What the service says of itself.
    pub about: About,
    /// For backups and for what the service says of itself.
    pub store: Store,
    /// Who is followed, for AcceptSnapshot.
    pub siblings: Siblings,
    /// Seals page tokens.
    pub page_key: TokenKey,
    /// The phases of the end.
    pub shutdown: runtime::process::Shutdown,
}

impl Api {
    /// Over the use cases.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PathsService for Api {
    async fn select_path(
        &self,
        request: Request<wire::SelectPathRequest>,
    ) -> Reply<wire::SelectPathResponse> {
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
    ) -> Reply<wire::ExplainPathResponse> {
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
    ) -> Reply<Orders> {
        let caller = caller(&request)?;
        let name = caller.connector()?.clone();
        Ok(Response::new(report::serve(self.0.clone(), caller, name, request.into_inner())))
    }

    async fn get_connector_status(
        &self,
        request: Request<wire::GetConnectorStatusRequest>,
    ) -> Reply<wire::ConnectorStatus> {
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
    ) -> Reply<wire::ListConnectorStatusesResponse> {
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
    ) -> Reply<wire::BatchGetConnectorStatusesResponse> {
        let caller = caller(&request)?;
        let (parent, names) = convert::batch_request(request.into_inner())?;
        let scope = caller.authorise_scope(&parent)?;
        let found = self.0.statuses.batch_get(&scope, names, self.0.clock.now())?;
        Ok(Response::new(wire::BatchGetConnectorStatusesResponse {
            connector_statuses: found.iter().map(convert::connector_status).collect(),
        }))
    }

    async fn backup(&self, request: Request<wire::BackupRequest>) -> Reply<BackupStream> {
        let caller = caller(&request)?;
        let wire::BackupRequest {} = request.into_inner();
        let _system = caller.authorise_system()?;
        let parts = backup::stream(&self.0.store).await?;
        tracing::info!(target: "causeway::audit", who = caller.audit_name(), "a backup is read");
        Ok(Response::new(parts))
    }

    async fn accept_snapshot(
        &self,
        request: Request<wire::AcceptSnapshotRequest>,
    ) -> Reply<wire::AcceptSnapshotResponse> {
        let caller = caller(&request)?;
        let answer =
            accept_snapshot::accept(&self.0.siblings, &caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_server_info(
        &self,
        request: Request<wire::GetServerInfoRequest>,
    ) -> Reply<ServerInfo> {
        let caller = caller(&request)?;
        let wire::GetServerInfoRequest {} = request.into_inner();
        let _anyone = caller.authorise_global();
        Ok(Response::new(convert::server_info(&self.0.about, &self.0.store)))
    }
}
