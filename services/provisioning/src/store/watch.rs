//! Changes in the words of the domain.
//!
//! Always holds: a key and its use count are shown joined, of one revision; a change of either is a change of the key;
//! an authority's private key is never watched.

use std::collections::BTreeMap;

use ::store::{At, Change, Key, Prefix, Revision, Row};
use names::{Id, ProvisioningKeyName, TenantName};
use resource::{
    Fault,
    watch::{Happened, happened},
};

use super::{
    Found, KeyRow, Rows, damaged, decode_value, keys,
    records::{KeptKey, StoredAuthority, StoredEnrolment, StoredKey, StoredRevocation, StoredUses},
};
use crate::domain::{
    certificate::{Authority, Revocation},
    enrolment::Enrolment,
    uses::Uses,
};

/// Kinds of objects that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Key,
    Enrolment,
    Authority,
    Revocation,
}

/// An object of one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    Key(KeyRow),
    Enrolment(Enrolment),
    Authority(Found<Authority>),
    Revocation(Revocation),
}

/// What happened to an object, with its state after it, or before it when it is gone.
pub(crate) type Seen = (Happened, Watched);

/// The rows that a kind is made of: a key's two are joined.
pub(crate) fn prefixes(kind: Kind, tenant: Option<&TenantName>) -> Vec<Prefix> {
    let tags: &[u8] = match kind {
        Kind::Key => &[keys::KEY, keys::USES],
        Kind::Enrolment => &[keys::ENROLMENT],
        Kind::Authority => &[keys::AUTHORITY],
        Kind::Revocation => &[keys::REVOCATION],
    };
    tags.iter().map(|tag| keys::of_tenant(*tag, tenant)).collect()
}

/// The objects of a page of a snapshot; a count is shown with its key, read at the same revision.
pub(crate) async fn snapshot(
    rows: &Rows,
    page: &[Row],
    revision: Revision,
) -> Result<Vec<Watched>, Fault> {
    let mut watched = Vec::new();
    for row in page {
        match row.key.tag() {
            keys::KEY => {
                let row = rows.key_in(row, At::Revision(revision)).await?;
                watched.push(Watched::Key(row));
            }
            keys::USES => {}
            tag => watched.push(read(tag, &row.key, &row.value, row.revision)?),
        }
    }
    Ok(watched)
}

/// What a commit did: to objects of one row, then to keys.
pub(crate) async fn seen(
    rows: &Rows,
    changes: &[Change],
    revision: Revision,
) -> Result<Vec<Seen>, Fault> {
    let mut seen = Vec::new();
    let mut keys_changed = BTreeMap::new();
    for change in changes {
        match change.key.tag() {
            keys::KEY => {
                keys_changed.insert(key_name(&change.key)?, Some(change));
            }
            keys::USES => {
                keys_changed.entry(key_name(&change.key)?).or_insert(None);
            }
            tag => {
                if let Some((happened, value)) = happened(change) {
                    seen.push((happened, read(tag, &change.key, value, revision)?));
                }
            }
        }
    }
    for (name, change) in keys_changed {
        seen.extend(key_change(rows, revision, &name, change, changes).await?);
    }
    Ok(seen)
}

async fn key_change(
    rows: &Rows,
    revision: Revision,
    name: &ProvisioningKeyName,
    change: Option<&Change>,
    all: &[Change],
) -> Result<Option<Seen>, Fault> {
    let row = rows.key(name, At::Revision(revision)).await?;
    let existed = change.is_none_or(|change| change.before.is_some());
    Ok(match (row, existed) {
        (Some(row), true) => Some((Happened::Modified, Watched::Key(row))),
        (Some(row), false) => Some((Happened::Added, Watched::Key(row))),
        (None, _) => gone_key(revision, change, all)?.map(|key| (Happened::Purged, key)),
    })
}

/// The last state of a purged key.
fn gone_key(
    revision: Revision,
    change: Option<&Change>,
    all: &[Change],
) -> Result<Option<Watched>, Fault> {
    let Some((change, before)) = change.and_then(|c| Some((c, c.before.as_ref()?))) else {
        return Ok(None);
    };
    let KeptKey { key: value, secret } = decode_value::<StoredKey>(&change.key, before)?;
    let at_uses = keys::uses(&value.name);
    let uses = match all.iter().find(|c| c.key == at_uses).and_then(|c| c.before.as_ref()) {
        Some(bytes) => decode_value::<StoredUses>(&at_uses, bytes)?,
        None => Uses::default(),
    };
    let key = Found { value, revision };
    Ok(Some(Watched::Key(KeyRow { key, secret, uses: Found { value: uses, revision } })))
}

/// An object that is one row.
fn read(tag: u8, key: &Key, value: &[u8], revision: Revision) -> Result<Watched, Fault> {
    Ok(match tag {
        keys::ENROLMENT => Watched::Enrolment(decode_value::<StoredEnrolment>(key, value)?),
        keys::AUTHORITY => {
            let value = decode_value::<StoredAuthority>(key, value)?;
            Watched::Authority(Found { value, revision })
        }
        _ => Watched::Revocation(decode_value::<StoredRevocation>(key, value)?),
    })
}

/// The key's name, from the place of its row or of its count's.
pub(super) fn key_name(key: &Key) -> Result<ProvisioningKeyName, Fault> {
    let mut parts = key.parts();
    let mut id = || {
        let text = parts.text().map_err(|error| damaged(key, error))?;
        Id::parse(&text).map_err(|error| damaged(key, error))
    };
    Ok(ProvisioningKeyName::new(id()?, id()?))
}
