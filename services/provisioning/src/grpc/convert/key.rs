//! Provisioning keys.

use std::num::NonZeroU64;

use ::store::Epoch;
use names::{Reason, Violations};
use proto::{provisioning::v1 as pb, r#type::v1::Condition};
use rpc::time::{from_proto, to_proto};

use super::etag;
use crate::{
    domain::key::{Deletion, KeyCondition, KeyDraft, KeyState, ProvisioningKey},
    service::keys::{Issued, Shown},
    store::Found,
};

/// The full name of a key's message.
pub(crate) const KEY_MESSAGE: &str = "causeway.provisioning.v1.ProvisioningKey";

/// What a caller sent of a key, and the text of its group; what is not built, or no time, is noted.
pub(crate) fn key_draft(key: pb::ProvisioningKey, problems: &mut Violations) -> (KeyDraft, String) {
    let pb::ProvisioningKey {
        display_name,
        app_connector_group,
        enabled,
        max_uses,
        expire_time,
        allowed_cidrs,
        labels,
        app_connector_labels,
        approval,
        ephemeral,
        max_live,
        // What the server says, or what is read elsewhere.
        name: _,
        uid: _,
        use_count: _,
        last_use_time: _,
        state: _,
        conditions: _,
        create_time: _,
        update_time: _,
        delete_time: _,
        purge_time: _,
        deleted_with: _,
        etag: _,
        issued_secret: _,
    } = key;
    let automatic =
        [pb::provisioning_key::Approval::Unspecified, pb::provisioning_key::Approval::Automatic];
    let mut planned = |field: &str, fix: &str| problems.add(field, Reason::Planned, fix);
    if !automatic.iter().any(|known| *known as i32 == approval) {
        planned("approval", "only APPROVAL_AUTOMATIC is built; leave it out");
    }
    if ephemeral.is_some() {
        planned("ephemeral", "ephemeral keys are not built; leave it out");
    }
    if max_live != 0 {
        planned("max_live", "max_live is not built; leave it at 0");
    }
    let expire_time = from_proto("expire_time", expire_time.as_ref(), problems);
    let draft = KeyDraft {
        display_name,
        enabled,
        max_uses,
        expire_time,
        allowed_cidrs,
        labels,
        connector_labels: app_connector_labels,
    };
    (draft, app_connector_group)
}

/// A key as callers see it, as of a time.
pub(crate) fn key(shown: Shown, epoch: Epoch) -> pb::ProvisioningKey {
    let Shown { key: Found { value, revision }, uses, at } = shown;
    let state = value.state(uses, at);
    let conditions = value.conditions(uses, at).into_iter().map(condition).collect();
    let ProvisioningKey { name, uid, spec, create_time, update_time, deleted } = value;
    let (delete_time, purge_time, deleted_with) = match deleted {
        Some(Deletion { at, purge_time, with }) => {
            let with = with.map(|group| group.to_string()).unwrap_or_default();
            (Some(to_proto(at)), Some(to_proto(purge_time)), with)
        }
        None => (None, None, String::new()),
    };
    pb::ProvisioningKey {
        name: name.to_string(),
        uid: uid.to_string(),
        display_name: spec.display_name.as_str().to_owned(),
        app_connector_group: spec.group.to_string(),
        enabled: Some(spec.enabled),
        max_uses: signed(spec.max_uses.map_or(0, NonZeroU64::get)),
        expire_time: spec.expire_time.map(to_proto),
        allowed_cidrs: spec.allowed_cidrs.iter().map(ToString::to_string).collect(),
        labels: spec.labels.as_map().clone(),
        app_connector_labels: spec.connector_labels.as_map().clone(),
        approval: pb::provisioning_key::Approval::Automatic.into(),
        ephemeral: None,
        max_live: 0,
        use_count: signed(uses.count),
        last_use_time: uses.last.map(to_proto),
        state: key_state(state).into(),
        conditions,
        create_time: Some(to_proto(create_time)),
        update_time: Some(to_proto(update_time)),
        delete_time,
        purge_time,
        deleted_with,
        etag: etag(epoch, revision),
        issued_secret: None,
    }
}

/// A key with the secret that was made for it.
pub(crate) fn key_with_secret(shown: Shown, issued: Issued, epoch: Epoch) -> pb::ProvisioningKey {
    use pb::issued_secret::SecretState;
    let issued_secret = match issued {
        Issued::Shown { secret, join_token, join_command } => Some(pb::IssuedSecret {
            state: SecretState::Shown.into(),
            secret: secret.reveal().to_owned(),
            join_token,
            join_command,
        }),
        Issued::AlreadyShown => Some(pb::IssuedSecret {
            state: SecretState::AlreadyShown.into(),
            ..pb::IssuedSecret::default()
        }),
        Issued::Nothing => None,
    };
    pb::ProvisioningKey { issued_secret, ..key(shown, epoch) }
}

fn key_state(state: KeyState) -> pb::provisioning_key::State {
    use pb::provisioning_key::State;
    match state {
        KeyState::Active => State::Active,
        KeyState::Disabled => State::Disabled,
        KeyState::Expired => State::Expired,
        KeyState::Exhausted => State::Exhausted,
        KeyState::Deleted => State::Deleted,
    }
}

fn condition(KeyCondition { reason, since, message }: KeyCondition) -> Condition {
    Condition { reason: reason.to_owned(), since: Some(to_proto(since)), message }
}

/// Counts are below 2^63 by their limits.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
