//! A tenant's events, newest first.

use bytes::Bytes;
use jiff::Timestamp;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};
use proto::r#type::v1::AuditEvent;
use store::{At, Key, Revision, Row, ScanOptions};
use uuid::Uuid;

use super::{
    deed::Shelf,
    keys,
    record::{StoredEvent, Told},
    rows::History,
};
use crate::{
    Fault,
    listing::{Filling, Listing, Page},
};

/// Fields that change with every write and say nothing of what it changed.
const NOT_TOLD: [&str; 2] = ["update_time", "etag"];
/// Rows that are read at once.
const ROWS_AT_ONCE: usize = 100;

/// A record of an object, of the kind that its shelf says.
#[derive(Clone, Debug)]
pub struct Event {
    /// The kind's number.
    pub kind: u8,
    /// The object's name, for a record that does not say it.
    pub name: String,
    /// The stored record.
    pub record: Bytes,
    /// Its revision.
    pub revision: Revision,
}

/// The objects that events are about, as the service knows them.
pub trait Objects: Sync {
    /// The row of an object as it is, by kind and name, at a revision.
    fn row(
        &self,
        kind: u8,
        name: &str,
        at: At,
    ) -> impl Future<Output = Result<Option<Row>, Fault>> + Send;

    /// Whether the row that stands at an object's name is of the object with this uid, and not of a later one of the same name.
    ///
    /// # Errors
    /// The row cannot be read.
    fn is_of(&self, kind: u8, row: &Row, uid: Uuid) -> Result<bool, Fault>;

    /// The message of a record: its type's full name in the contract, and its bytes.
    ///
    /// # Errors
    /// The record cannot be read.
    fn render(&self, event: &Event) -> Result<(&'static str, Vec<u8>), Fault>;
}

impl History {
    /// A page of a tenant's events.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn events(
        &self,
        tenant: (&names::TenantName, Uuid),
        listing: &Listing,
        objects: &impl Objects,
    ) -> Result<Page<AuditEvent>, Fault> {
        let (name, uid) = tenant;
        let mut at = listing.at();
        let mut after = listing.page.after.clone().map(Key::from_bytes);
        let mut filling = Filling::new(listing.page.size);
        loop {
            let options = ScanOptions { after, limit: ROWS_AT_ONCE, at };
            let page = self.store.scan(&keys::of_tenant(uid), options).await;
            let page = page.map_err(|error| listing.compacted(error.into()))?;
            at = At::Revision(page.revision);
            for index in &page.rows {
                let place = Key::from_bytes(index.value.to_vec());
                let Some(row) = self.store.get(&place, at).await? else { continue };
                let event = self.event(name, &row, at, objects).await?;
                let event = Some(event).filter(|event| listing.wants(event));
                if !filling.offer(index.key.as_bytes(), event) {
                    return Ok(filling.cut(page.revision));
                }
            }
            after = page.rows.last().map(|row| row.key.clone());
            if !page.more {
                return Ok(Page { items: filling.items, revision: page.revision, next: None });
            }
        }
    }

    async fn event(
        &self,
        tenant: &names::TenantName,
        row: &Row,
        at: At,
        objects: &impl Objects,
    ) -> Result<AuditEvent, Fault> {
        let told = crate::record::decode::<StoredEvent>(&row.value)?;
        let kind = told.kind;
        let event = |(record, revision)| Event { kind, name: told.name.clone(), record, revision };
        let before = self.before(row, at).await?.map(event);
        let after = match self.following(row, at).await? {
            Some(next) => self.before(&next, at).await?.map(event),
            // What a purge leaves is nothing, and the id may be another object's by now.
            None => {
                let row = objects.row(kind, &told.name, at).await?;
                match row {
                    Some(row) if objects.is_of(kind, &row, told.uid)? => {
                        Some(event((row.value, row.revision)))
                    }
                    _ => None,
                }
            }
        };
        let before = before.as_ref().map(|event| objects.render(event)).transpose()?;
        let after = after.as_ref().map(|event| objects.render(event)).transpose()?;
        Ok(message(tenant, told, row.revision, before, after))
    }

    /// The next event of the same object.
    async fn following(&self, row: &Row, at: At) -> Result<Option<Row>, Fault> {
        let Some((id, uid, _)) = keys::read_event(&row.key) else { return Ok(None) };
        let mut parts = row.key.parts();
        let tenant = parts.bytes().ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
        let kind = parts.u64().ok().and_then(|kind| u8::try_from(kind).ok());
        let (Some(tenant), Some(kind)) = (tenant, kind) else { return Ok(None) };
        let prefix = keys::of_id(Shelf { tenant, kind }, &id);
        let next = self.next(&prefix, Some(row.key.clone()), at).await?;
        Ok(next.filter(|next| keys::read_event(&next.key).is_some_and(|(_, of, _)| of == uid)))
    }
}

type Rendered = Option<(&'static str, Vec<u8>)>;

fn message(
    tenant: &names::TenantName,
    told: Told,
    revision: Revision,
    before: Rendered,
    after: Rendered,
) -> AuditEvent {
    let type_name = before.as_ref().or(after.as_ref()).map_or("", |(name, _)| name);
    let bytes = |rendered: &Rendered| rendered.as_ref().map_or_else(Vec::new, |(_, it)| it.clone());
    let (before, after) = (bytes(&before), bytes(&after));
    AuditEvent {
        name: format!("{tenant}/auditEvents/{}", id(told.time, told.uid)),
        event_time: Some(rpc::time::to_proto(told.time)),
        caller: told.actor,
        role: told.role,
        source_address: told.source,
        method: told.method,
        resource: told.name,
        resource_uid: told.uid.to_string(),
        request_id: told.request_id,
        reason: String::new(),
        revision: revision.get(),
        changed_paths: changed_paths(type_name, &before, &after),
        before: before.into(),
        after: after.into(),
        resource_type: resource_type(type_name),
    }
}

/// An id that sorts as the events came, and is of one object and moment.
fn id(time: Timestamp, uid: Uuid) -> String {
    format!("e{:016x}-{:08x}", time.as_microsecond(), uid.as_fields().0)
}

/// `causeway/Tenant` for `causeway.registry.v1.Tenant`, as the message's own option says.
fn resource_type(type_name: &str) -> String {
    type_name.rsplit('.').next().map_or_else(String::new, |name| format!("causeway/{name}"))
}

/// The fields that differ between two encoded messages of a type; of messages within them, the fields of those.
#[must_use]
pub fn changed_paths(type_name: &str, before: &[u8], after: &[u8]) -> Vec<String> {
    let Some(descriptor) = proto::POOL.get_message_by_name(type_name) else { return Vec::new() };
    if before.is_empty() || after.is_empty() {
        return Vec::new();
    }
    let decode = |bytes: &[u8]| DynamicMessage::decode(descriptor.clone(), bytes);
    let (Ok(before), Ok(after)) = (decode(before), decode(after)) else { return Vec::new() };
    let mut paths = Vec::new();
    differing("", &descriptor, &before, &after, &mut paths);
    paths
}

fn differing(
    above: &str,
    descriptor: &MessageDescriptor,
    before: &DynamicMessage,
    after: &DynamicMessage,
    paths: &mut Vec<String>,
) {
    for field in descriptor.fields().filter(|field| !NOT_TOLD.contains(&field.name())) {
        let (was, is) = (before.get_field(&field), after.get_field(&field));
        if was == is && before.has_field(&field) == after.has_field(&field) {
            continue;
        }
        let path = format!("{above}{}", field.name());
        match (&*was, &*is) {
            (Value::Message(was), Value::Message(is))
                if before.has_field(&field)
                    && after.has_field(&field)
                    && !was.descriptor().full_name().starts_with("google.") =>
            {
                differing(&format!("{path}."), &was.descriptor(), was, is, paths);
            }
            _ => paths.push(path),
        }
    }
}
