//! Keys of the rows. A tag is never used again for something else.

use names::{AppConnectorGroupName, Id, TenantName};
use store::{Key, Prefix};

use super::RecordError;

/// A group's zone, by tenant and group.
const GROUP: u8 = 1;
/// A written schedule, by tenant and group.
const SCHEDULE: u8 = 2;
/// A written policy, by tenant.
const POLICY: u8 = 3;

/// The token of the snapshot of registry's groups that was taken over first of those of its life, as text; `1` from before
/// tokens were kept.
const SNAPSHOT: u8 = 4;

pub(super) fn snapshot() -> Key {
    Key::builder(SNAPSHOT).finish()
}

pub(super) fn group(name: &AppConnectorGroupName) -> Key {
    below_tenant(GROUP, name)
}

pub(super) fn schedule(name: &AppConnectorGroupName) -> Key {
    below_tenant(SCHEDULE, name)
}

pub(super) fn policy(tenant: &TenantName) -> Key {
    Key::builder(POLICY).text(tenant.tenant.as_str()).finish()
}

pub(super) fn all_groups() -> Prefix {
    Key::builder(GROUP).prefix()
}

/// The group that a key made by [`group`] names.
pub(super) fn read_group(key: &Key) -> Result<AppConnectorGroupName, RecordError> {
    let mut parts = key.parts();
    let mut id = || parts.text().ok().and_then(|text| Id::parse(&text).ok());
    match (id(), id()) {
        (Some(tenant), Some(group)) => Ok(AppConnectorGroupName::new(tenant, group)),
        _ => Err(RecordError::Key(format!("{key:?}"))),
    }
}

fn below_tenant(tag: u8, name: &AppConnectorGroupName) -> Key {
    Key::builder(tag).text(name.tenant.as_str()).text(name.app_connector_group.as_str()).finish()
}
