//! Keys of the rows. A tag is never used again for something else.
//!
//! | tag | key | value |
//! | --- | --- | --- |
//! | 01 | tenant, group | the copy of a group |
//! | 02 | tenant, group | a written schedule |
//! | 03 | tenant | a written policy |
//! | 04 | | a token, as text, of the first snapshot taken over of registry's life; `1` from before tokens were kept |
//! | 05 | tenant | the tenant's global id |
//! | E0 … | | history: `resource::history` |

use names::{AppConnectorGroupName, Id, TenantName};
use resource::RecordError;
use store::{Key, Prefix};

const GROUP: u8 = 1;
/// Of a schedule; its kind in history, too.
pub(super) const SCHEDULE: u8 = 2;
/// Of a policy; its kind in history, too.
pub(super) const POLICY: u8 = 3;
const SNAPSHOT: u8 = 4;
const TENANT: u8 = 5;

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

pub(super) fn tenant(tenant: &TenantName) -> Key {
    Key::builder(TENANT).text(tenant.tenant.as_str()).finish()
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
        _ => Err(RecordError(format!("the key {key:?} names no group"))),
    }
}

fn below_tenant(tag: u8, name: &AppConnectorGroupName) -> Key {
    Key::builder(tag).text(name.tenant.as_str()).text(name.app_connector_group.as_str()).finish()
}
