//! Who changed what.

use names::{TenantName, Violations};
use prost::Message as _;
use proto::r#type::v1::{ListAuditEventsRequest, ListAuditEventsResponse};
use resource::{
    Fault,
    history::{Event, Objects},
    listing::Listing,
};
use rpc::{Answer, open};
use store::{At, Row};
use tonic::{Request, Response};
use uuid::Uuid;

use super::{api::Api, convert};
use crate::{
    domain::{policy::UpdatePolicy, schedule::Schedule},
    service::configuration::Configuration,
    store::{Kind, Rows},
};

/// The message of an event, for its filter.
const MESSAGE: &str = "causeway.type.v1.AuditEvent";
/// The messages of what events are about.
const SCHEDULE: &str = "causeway.updates.v1.UpdateSchedule";
const POLICY: &str = "causeway.updates.v1.UpdatePolicy";

impl Api {
    pub(super) async fn audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Answer<ListAuditEventsResponse> {
        let (caller, message) = open(request)?;
        let tenant = convert::only_name::<TenantName>("parent", &message.parent)?;
        let tenant = caller.authorise_name(tenant)?;
        let of = (MESSAGE, [].as_slice());
        let listing =
            Listing::parse(caller.method(), &message, of, &[], &self.tokens, Violations::new())?;
        let Configuration { history, tenants, .. } = &self.configuration;
        let uid = tenants.uid(&tenant, self.clock.now()).await?;
        let objects = Remembered(&self.configuration);
        let page = history.events((&tenant, uid), &listing, &objects).await?;
        let next_page_token = listing.next_token(&page, &self.tokens);
        Ok(Response::new(ListAuditEventsResponse { audit_events: page.items, next_page_token }))
    }
}

/// The objects that events are about.
struct Remembered<'a>(&'a Configuration);

fn kind(tag: u8) -> Result<Kind, Fault> {
    Kind::of_tag(tag).ok_or_else(|| Fault::Defect(format!("history has an object of kind {tag}")))
}

impl Objects for Remembered<'_> {
    async fn row(&self, tag: u8, name: &str, at: At) -> Result<Option<Row>, Fault> {
        self.0.rows.row(kind(tag)?, name, at).await
    }

    /// What goes with a purged group leaves no event, and another group may have written since.
    fn is_of(&self, tag: u8, row: &Row, uid: Uuid) -> Result<bool, Fault> {
        match kind(tag)? {
            // A policy has its tenant's, as all events of one list have.
            Kind::Policy => Ok(true),
            Kind::Schedule => {
                let found = Rows::remembered::<Schedule>(row.value.clone(), row.revision)?;
                Ok(Uuid::parse_str(&found.written.of).is_ok_and(|of| of == uid))
            }
        }
    }

    fn render(&self, event: &Event) -> Result<(&'static str, Vec<u8>), Fault> {
        let Event { kind: tag, name, record, revision } = event.clone();
        let etag = self.0.etag_of(revision);
        Ok(match kind(tag)? {
            Kind::Schedule => {
                let written = Rows::remembered::<Schedule>(record, revision)?.written;
                let message = convert::written_schedule(
                    name,
                    &written.value,
                    etag,
                    Some(written.update_time),
                );
                (SCHEDULE, message.encode_to_vec())
            }
            Kind::Policy => {
                let written = Rows::remembered::<UpdatePolicy>(record, revision)?.written;
                let message =
                    convert::written_policy(name, written.value, etag, Some(written.update_time));
                (POLICY, message.encode_to_vec())
            }
        })
    }
}
