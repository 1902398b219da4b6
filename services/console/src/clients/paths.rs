//! Paths: which connectors are connected.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use names::{AppConnectorGroupName, AppConnectorName, ConnectorStatusName, TenantName};
use proto::paths::v1::{
    ConnectionState, ConnectorStatus, ListConnectorStatusesRequest,
    paths_service_client::PathsServiceClient,
};
use rpc::{
    Failure,
    client::{Channel, RetryPolicy, retry},
};

use crate::domain::fleet::Status;

/// Groups asked about at once: enough to hide the round trips, few enough to leave paths its own work.
const CONCURRENCY: usize = 16;

/// Statuses of one page: what paths gives at most.
const PAGE_SIZE: i32 = 1_000;

/// Paths, as far as the console needs it.
#[derive(Clone)]
pub struct Paths {
    client: PathsServiceClient<Channel>,
}

impl Paths {
    /// Over a channel; nothing is dialled before the first call.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { client: PathsServiceClient::new(channel) }
    }

    /// The live status of all connectors of these groups.
    pub async fn statuses(
        &self,
        tenant: &TenantName,
        groups: Vec<AppConnectorGroupName>,
    ) -> Result<BTreeMap<AppConnectorName, Status>, Failure> {
        let lists = stream::iter(groups).map(|group| self.of_group(tenant, group));
        let lists: Vec<Vec<Status>> = lists.buffer_unordered(CONCURRENCY).try_collect().await?;
        let statuses = lists.into_iter().flatten();
        Ok(statuses.map(|status| (status.connector.clone(), status)).collect())
    }

    async fn of_group(
        &self,
        tenant: &TenantName,
        group: AppConnectorGroupName,
    ) -> Result<Vec<Status>, Failure> {
        let mut request = ListConnectorStatusesRequest {
            parent: tenant.to_string(),
            page_size: PAGE_SIZE,
            page_token: String::new(),
            app_connector_group: group.to_string(),
        };
        let mut statuses = Vec::new();
        loop {
            let answer = retry(RetryPolicy::default(), || {
                let (mut client, request) = (self.client.clone(), request.clone());
                async move { client.list_connector_statuses(request).await }
            });
            let answer = answer.await.map_err(|status| Failure::from_status(&status))?.into_inner();
            statuses.extend(answer.connector_statuses.into_iter().filter_map(status_in));
            if answer.next_page_token.is_empty() {
                return Ok(statuses);
            }
            request.page_token = answer.next_page_token;
        }
    }
}

fn status_in(status: ConnectorStatus) -> Option<Status> {
    let name: ConnectorStatusName = status.name.parse().ok()?;
    let connected = status.state() == ConnectionState::Connected;
    let time = |time: &Option<prost_types::Timestamp>| time.as_ref().and_then(rpc::time::parse);
    Some(Status {
        connector: name.app_connector(),
        connected,
        connect_time: time(&status.connect_time).filter(|_| connected),
        last_heard: time(&status.last_heartbeat_time),
        version: status.version,
    })
}
