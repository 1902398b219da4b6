//! What a row of the history says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::Revision;
use uuid::Uuid;

use super::deed::{Deed, MAX_INLINE_BYTES};
use crate::{Fault, Record, RecordError};

/// One event as it was written.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) kind: u8,
    pub(super) name: String,
    pub(super) uid: Uuid,
    pub(super) time: Timestamp,
    pub(super) actor: String,
    pub(super) role: String,
    pub(super) source: String,
    pub(super) method: String,
    pub(super) request_id: String,
    /// The revision of what stood before; `None` if nothing did.
    pub(super) before_revision: Option<i64>,
    /// What stood before, if it stands here.
    pub(super) before: Option<Box<RawValue>>,
}

/// Versions of a row.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum StoredEvent {
    #[serde(rename = "1")]
    V1(EventV1),
}

#[derive(Serialize, Deserialize)]
pub(super) struct EventV1 {
    kind: u8,
    name: String,
    uid: Uuid,
    time: Timestamp,
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    role: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source: String,
    method: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before_revision: Option<i64>,
    /// The record of before, as JSON within a text: a tagged enum cannot carry JSON as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

impl Record for StoredEvent {
    type Domain = Told;

    fn of(told: &Told) -> Self {
        let told = told.clone();
        Self::V1(EventV1 {
            kind: told.kind,
            name: told.name,
            uid: told.uid,
            time: told.time,
            by: told.actor,
            role: told.role,
            source: told.source,
            method: told.method,
            request_id: told.request_id,
            before_revision: told.before_revision,
            before: told.before.map(|before| before.get().to_owned()),
        })
    }

    fn into_domain(self) -> Result<Told, String> {
        let Self::V1(row) = self;
        let before = row.before.map(RawValue::from_string).transpose();
        Ok(Told {
            kind: row.kind,
            name: row.name,
            uid: row.uid,
            time: row.time,
            actor: row.by,
            role: row.role,
            source: row.source,
            method: row.method,
            request_id: row.request_id,
            before_revision: row.before_revision,
            before: before.map_err(|error| error.to_string())?,
        })
    }
}

/// The row of a deed; and what stood before, where it is too large for the row.
pub(super) fn event(deed: &Deed<'_>) -> Result<(Told, Option<bytes::Bytes>), Fault> {
    let (mut inline, mut apart) = (None, None);
    if let Some((before, _)) = &deed.before {
        // A quarter more for what JSON escapes.
        if before.len() * 5 / 4 > MAX_INLINE_BYTES {
            apart = Some(before.clone());
        } else {
            let text = std::str::from_utf8(before).map_err(|e| RecordError(e.to_string()))?;
            let json = RawValue::from_string(text.to_owned());
            inline = Some(json.map_err(|e| RecordError(e.to_string()))?);
        }
    }
    let by = deed.by;
    let told = Told {
        kind: deed.shelf.kind,
        name: deed.name.clone(),
        uid: deed.uid,
        time: deed.time,
        actor: by.actor.to_string(),
        role: by.class.map_or_else(String::new, |class| class.to_string()),
        source: by.source.map_or_else(String::new, |source| source.to_string()),
        method: by.method.to_string(),
        request_id: by.request_id.to_string(),
        before_revision: deed.before.as_ref().map(|(_, revision)| revision.get()),
        before: inline,
    };
    Ok((told, apart))
}

impl Told {
    /// The revision of what stood before; `None` if nothing did.
    pub(super) fn before_revision(&self) -> Option<Revision> {
        self.before_revision.map(Revision::new)
    }
}

/// Since when there is history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) epoch: String,
    pub(super) began: Timestamp,
}

/// Versions of the start's record.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum StoredStart {
    #[serde(rename = "1")]
    V1 { epoch: String, began: Timestamp },
}

impl Record for StoredStart {
    type Domain = Start;

    fn of(start: &Start) -> Self {
        Self::V1 { epoch: start.epoch.clone(), began: start.began }
    }

    fn into_domain(self) -> Result<Start, String> {
        let Self::V1 { epoch, began } = self;
        Ok(Start { epoch, began })
    }
}

/// Versions of the record that says up to when rows were dropped.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum StoredTrimmed {
    #[serde(rename = "1")]
    V1 { until: Timestamp },
}

impl Record for StoredTrimmed {
    type Domain = Timestamp;

    fn of(until: &Timestamp) -> Self {
        Self::V1 { until: *until }
    }

    fn into_domain(self) -> Result<Timestamp, String> {
        let Self::V1 { until } = self;
        Ok(until)
    }
}
