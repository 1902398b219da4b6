//! Who changed which key.
//!
//! An event shows a key without its use count, which is no part of what was written, and in the state that it had as it was written.

use ::store::{At, Row};
use names::{ProvisioningKeyName, TenantName, Violations};
use prost::Message as _;
use proto::r#type::v1::{ListAuditEventsRequest, ListAuditEventsResponse};
use resource::{
    Fault,
    history::{Event, Objects},
    listing::Listing,
};
use rpc::Refuse as _;
use rpc::{Answer, open};
use tonic::{Request, Response};
use uuid::Uuid;

use super::{
    Api,
    convert::{self, KEY_MESSAGE},
};
use crate::{
    domain::uses::Uses,
    service::keys::Shown,
    store::{Found, KEY_KIND, Rows},
};

/// The message of an event, for its filter.
const MESSAGE: &str = "causeway.type.v1.AuditEvent";

impl Api {
    pub(super) async fn audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Answer<ListAuditEventsResponse> {
        let (caller, message) = open(request)?;
        let mut problems = Violations::new();
        let tenant = problems.take("parent", message.parent.parse::<TenantName>());
        let tenant = caller.authorise_name(problems.finish_with(|| tenant)?)?;
        let of = (MESSAGE, [].as_slice());
        let listing =
            Listing::parse(caller.method(), &message, of, &[], &self.tokens, Violations::new())?;
        let uid = self.keys.tenants.uid_now(&tenant, self.clock.now()).await?;
        let history = &self.keys.history;
        let page = history.events((&tenant, uid), &listing, &Remembered(self)).await?;
        let next_page_token = listing.next_token(&page, &self.tokens);
        Ok(Response::new(ListAuditEventsResponse { audit_events: page.items, next_page_token }))
    }
}

/// The keys that events are about.
struct Remembered<'a>(&'a Api);

impl Objects for Remembered<'_> {
    async fn row(&self, kind: u8, name: &str, at: At) -> Result<Option<Row>, Fault> {
        match name.parse::<ProvisioningKeyName>() {
            Ok(name) if kind == KEY_KIND => self.0.keys.rows.past_row(&name, at).await,
            _ => Ok(None),
        }
    }

    fn is_of(&self, _kind: u8, row: &Row, uid: Uuid) -> Result<bool, Fault> {
        Ok(Rows::past_key(&row.value)?.uid == uid)
    }

    fn render(&self, event: &Event) -> Result<(&'static str, Vec<u8>), Fault> {
        if event.kind != KEY_KIND {
            return Err(Fault::Defect(format!("history has an object of kind {}", event.kind)));
        }
        let value = Rows::past_key(&event.record)?;
        let at = value.update_time;
        let key = Found { value, revision: event.revision };
        let shown = Shown { key, uses: Uses::default(), at };
        Ok((KEY_MESSAGE, convert::key(shown, self.0.view.epoch).encode_to_vec()))
    }
}
