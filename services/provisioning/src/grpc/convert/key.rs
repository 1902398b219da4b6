//! Provisioning keys.

use std::num::NonZeroU64;

use ::store::Epoch;
use jiff::Timestamp;
use names::{AppConnectorGroupName, Cidr, Reason, TenantName};
use proto::{provisioning::v1 as pb, r#type::v1::Condition};
use rpc::{
    Violations,
    time::{from_proto, to_proto},
};

use super::etag;
use crate::{
    domain::{
        key::{
            Deletion, KeyCondition, KeyPatch, KeySpec, KeyState, MAX_ALLOWED_CIDRS, MAX_USES_LIMIT,
            ProvisioningKey,
        },
        text::{DisplayName, Labels, TextError},
        uses::MaxUses,
    },
    service::keys::Issued,
    store::{KeyRow, Versioned},
};

/// The fields that an update may name.
pub(crate) const UPDATABLE: &[&str] = &[
    "display_name",
    "enabled",
    "max_uses",
    "expire_time",
    "allowed_cidrs",
    "labels",
    "app_connector_labels",
];

/// What callers write of a key, each field parsed or noted.
struct Written {
    display_name: Option<DisplayName>,
    group: Option<AppConnectorGroupName>,
    enabled: bool,
    max_uses: Option<MaxUses>,
    expire_time: Option<Timestamp>,
    allowed_cidrs: Option<Vec<Cidr>>,
    labels: Option<Labels>,
    connector_labels: Option<Labels>,
}

/// Which fields of a key count; the others are not even looked at.
type Includes<'a> = &'a dyn Fn(&str) -> bool;

fn written(key: pb::ProvisioningKey, includes: Includes<'_>, v: &mut Violations) -> Written {
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
    if !automatic.iter().any(|known| *known as i32 == approval) {
        v.add("approval", Reason::Planned, "only APPROVAL_AUTOMATIC is built; leave it out");
    }
    if ephemeral.is_some() {
        v.add("ephemeral", Reason::Planned, "ephemeral keys are not built; leave it out");
    }
    if max_live != 0 {
        v.add("max_live", Reason::Planned, "max_live is not built; leave it at 0");
    }
    let text = |v: &mut Violations, field: &str, parsed: Result<_, TextError>| {
        parsed.map_err(|error| v.add(field, error.reason, error.rule)).ok()
    };
    let labelled = |v: &mut Violations, field, labels| {
        if !includes(field) {
            return None;
        }
        Labels::parse(labels).map_err(|error| v.add(field, error.reason, error.rule)).ok()
    };
    Written {
        display_name: includes("display_name")
            .then(|| text(v, "display_name", DisplayName::parse(&display_name)))
            .flatten(),
        group: includes("app_connector_group")
            .then(|| v.take("app_connector_group", app_connector_group.parse()))
            .flatten(),
        enabled: enabled.unwrap_or(true),
        max_uses: includes("max_uses").then(|| uses(max_uses, v)).flatten(),
        expire_time: includes("expire_time")
            .then(|| from_proto("expire_time", expire_time.as_ref(), v))
            .flatten(),
        allowed_cidrs: includes("allowed_cidrs").then(|| cidrs(&allowed_cidrs, v)).flatten(),
        labels: labelled(v, "labels", labels),
        connector_labels: labelled(v, "app_connector_labels", app_connector_labels),
    }
}

fn uses(max_uses: i64, v: &mut Violations) -> Option<MaxUses> {
    match u64::try_from(max_uses) {
        Ok(max) if max <= MAX_USES_LIMIT => Some(NonZeroU64::new(max)),
        _ => {
            let rule = format!("must be 0 (no limit) to {MAX_USES_LIMIT}");
            v.add("max_uses", Reason::OutOfRange, rule);
            None
        }
    }
}

fn cidrs(texts: &[String], v: &mut Violations) -> Option<Vec<Cidr>> {
    if texts.len() > MAX_ALLOWED_CIDRS {
        v.add("allowed_cidrs", Reason::TooMany, format!("at most {MAX_ALLOWED_CIDRS} networks"));
        return None;
    }
    let parsed = texts.iter().enumerate();
    let parsed = parsed.map(|(at, text)| v.take(format!("allowed_cidrs[{at}]"), text.parse()));
    let parsed: Vec<Option<Cidr>> = parsed.collect();
    parsed.into_iter().collect()
}

/// The spec of a key to be made.
pub(crate) fn key_spec(
    key: pb::ProvisioningKey,
    tenant: Option<&TenantName>,
    v: &mut Violations,
) -> Option<KeySpec> {
    let written = written(key, &|_| true, v);
    if let (Some(group), Some(tenant)) = (&written.group, tenant)
        && group.tenant() != *tenant
    {
        v.add("app_connector_group", Reason::ForeignTenant, format!("must be below {tenant}"));
    }
    Some(KeySpec {
        display_name: written.display_name?,
        group: written.group?,
        enabled: written.enabled,
        max_uses: written.max_uses?,
        expire_time: written.expire_time,
        allowed_cidrs: written.allowed_cidrs?,
        labels: written.labels?,
        connector_labels: written.connector_labels?,
    })
}

/// The change that an update's mask and key describe.
pub(crate) fn key_patch(
    key: pb::ProvisioningKey,
    includes: Includes<'_>,
    v: &mut Violations,
) -> KeyPatch {
    let written = written(key, includes, v);
    KeyPatch {
        display_name: written.display_name,
        enabled: includes("enabled").then_some(written.enabled),
        max_uses: written.max_uses,
        expire_time: includes("expire_time").then_some(written.expire_time),
        allowed_cidrs: written.allowed_cidrs,
        labels: written.labels,
        connector_labels: written.connector_labels,
    }
}

/// A key as callers see it at `now`.
pub(crate) fn key(row: KeyRow, epoch: Epoch, now: Timestamp) -> pb::ProvisioningKey {
    let KeyRow { key: Versioned { value, revision }, uses: Versioned { value: uses, .. } } = row;
    let state = value.state(uses, now);
    let conditions = value.conditions(uses, now).into_iter().map(condition).collect();
    let ProvisioningKey { name, uid, secret: _, spec, create_time, update_time, deleted } = value;
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
pub(crate) fn key_with_secret(
    row: KeyRow,
    issued: Issued,
    epoch: Epoch,
    now: Timestamp,
) -> pb::ProvisioningKey {
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
    pb::ProvisioningKey { issued_secret, ..key(row, epoch, now) }
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
