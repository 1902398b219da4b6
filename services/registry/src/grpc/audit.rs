//! Who changed what.

use bytes::Bytes;
use names::{TenantName, Violations};
use prost::Message as _;
use proto::r#type::v1::{ListAuditEventsRequest, ListAuditEventsResponse};
use resource::{
    Fault,
    history::{Event, Objects},
    listing::Listing,
};
use rpc::Refuse as _;
use rpc::{Answer, open};
use store::{At, Revision, Row};
use tonic::{Request, Response};
use uuid::Uuid;

use super::{Api, convert::Wire};
use crate::{
    domain::{Kind, for_each_kind},
    service::Registry,
    store::Rows,
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
        let registry = &self.registry;
        let uid = registry.uid_of(&tenant).await?;
        let objects = Remembered(registry);
        let page = registry.history().events((&tenant, uid), &listing, &objects).await?;
        let next_page_token = listing.next_token(&page, &self.tokens);
        Ok(Response::new(ListAuditEventsResponse { audit_events: page.items, next_page_token }))
    }
}

/// The objects that events are about.
struct Remembered<'a>(&'a Registry);

impl Objects for Remembered<'_> {
    async fn row(&self, kind: u8, name: &str, at: At) -> Result<Option<Row>, Fault> {
        self.0.row_of(kind, name, at).await
    }

    fn is_of(&self, kind: u8, row: &Row, uid: Uuid) -> Result<bool, Fault> {
        macro_rules! uid {
            ($($kind:ident: $spec:ty,)+) => {
                match of_tag(kind)? {
                    $(Kind::$kind => Rows::found::<$spec>(row)?.resource.meta.uid,)+
                }
            };
        }
        Ok(for_each_kind!(uid) == uid)
    }

    fn render(&self, event: &Event) -> Result<(&'static str, Vec<u8>), Fault> {
        macro_rules! message {
            ($($kind:ident: $spec:ty,)+) => {
                match of_tag(event.kind)? {
                    $(Kind::$kind => message::<$spec>(self.0, &event.record, event.revision),)+
                }
            };
        }
        for_each_kind!(message)
    }
}

fn of_tag(tag: u8) -> Result<Kind, Fault> {
    Kind::of_tag(tag.into())
        .ok_or_else(|| Fault::Defect(format!("history has an object of kind {tag}")))
}

fn message<S: Wire>(
    registry: &Registry,
    record: &Bytes,
    revision: Revision,
) -> Result<(&'static str, Vec<u8>), Fault> {
    let found = Rows::remembered::<S>(record.clone(), revision)?;
    Ok((S::MESSAGE, S::message(&found, registry).encode_to_vec()))
}
