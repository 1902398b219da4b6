//! Statuses of connectors.

use proto::paths::v1 as wire;
use rpc::{Answer, open};
use tonic::{Request, Response};

use super::{Api, convert};
use crate::service::status::Listing;

impl Api {
    pub(super) async fn status(
        &self,
        request: Request<wire::GetConnectorStatusRequest>,
    ) -> Answer<wire::ConnectorStatus> {
        let (caller, message) = open(request)?;
        let name = convert::status_name("name", &message.name)?;
        let tenant = caller.authorise(&name.tenant())?;
        let now = self.parts().clock.now();
        let status = self.parts().statuses.get(&tenant, &name.app_connector, now)?;
        Ok(Response::new(convert::connector_status(&status)))
    }

    pub(super) async fn statuses(
        &self,
        request: Request<wire::ListConnectorStatusesRequest>,
    ) -> Answer<wire::ListConnectorStatusesResponse> {
        let (caller, message) = open(request)?;
        let asked = convert::list_request(message, &self.parts().page_key)?;
        let scope = caller.authorise_scope(&asked.parent)?;
        let listing =
            Listing { scope, group: asked.group, after: asked.after, size: asked.page.size };
        let (page, more) = self.parts().statuses.list(&listing, self.parts().clock.now())?;
        let last = page.last().filter(|_| more).map(|status| status.name.to_string());
        let next = |last: String| asked.page.next_token(&self.parts().page_key, 0, last.as_bytes());
        Ok(Response::new(wire::ListConnectorStatusesResponse {
            connector_statuses: page.iter().map(convert::connector_status).collect(),
            next_page_token: last.map(next).unwrap_or_default(),
        }))
    }

    pub(super) async fn batch_statuses(
        &self,
        request: Request<wire::BatchGetConnectorStatusesRequest>,
    ) -> Answer<wire::BatchGetConnectorStatusesResponse> {
        let (caller, message) = open(request)?;
        let (parent, names) = convert::batch_request(message)?;
        let scope = caller.authorise_scope(&parent)?;
        let found = self.parts().statuses.batch_get(&scope, names, self.parts().clock.now())?;
        Ok(Response::new(wire::BatchGetConnectorStatusesResponse {
            connector_statuses: found.iter().map(convert::connector_status).collect(),
        }))
    }
}
