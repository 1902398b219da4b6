//! Every conversion between the wire and the domain.
//!
//! Always holds: messages that come in are taken apart in full, so that a new field is a compile error; what is wrong
//! is collected, not told one by one.

use std::{num::NonZeroU64, time::Duration};

use ::store::{Epoch, Etag, Revision};
use jiff::Timestamp;
use names::{AppConnectorGroupName, CertificateAuthorityName, TenantName};
use proto::{
    provisioning::v1 as pb,
    r#type::v1::{ChangeType, Condition, DeleteCause, ServerInfo},
};
use rpc::{
    Violations,
    time::{duration_to_proto, from_proto, to_proto},
};
use runtime::about::About;
use uuid::Uuid;

use crate::{
    domain::{
        certificate::{Authority, CaCertificate, Revocation},
        cidr::Cidr,
        enrolment::{Enrolment, EnrolmentState, Host},
        key::{
            Deletion, KeyCondition, KeyPatch, KeySpec, KeyState, MAX_ALLOWED_CIDRS, MAX_USES_LIMIT,
            ProvisioningKey,
        },
        text::{DisplayName, Labels, TextError},
        uses::MaxUses,
    },
    service::{authorities::Certificates, enrol::Joined, keys::Issued},
    store::{KeyRow, Seen, Versioned, Watched},
};

/// Longest fingerprint of a host, in bytes: a hash or two.
const MAX_FINGERPRINT_BYTES: usize = 128;
/// Longest host name, in bytes (RFC 1035).
const MAX_HOSTNAME_BYTES: usize = 255;
/// Longest platform and version words, in bytes.
const MAX_WORD_BYTES: usize = 64;
/// Violation reason: the field is in the contract and not built.
pub(crate) const PLANNED: &str = "PLANNED";

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
        v.add("approval", PLANNED, "only APPROVAL_AUTOMATIC is built; leave it out");
    }
    if ephemeral.is_some() {
        v.add("ephemeral", PLANNED, "ephemeral keys are not built; leave it out");
    }
    if max_live != 0 {
        v.add("max_live", PLANNED, "max_live is not built; leave it at 0");
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
            v.add("max_uses", rpc::violations::OUT_OF_RANGE, rule);
            None
        }
    }
}

fn cidrs(texts: &[String], v: &mut Violations) -> Option<Vec<Cidr>> {
    if texts.len() > MAX_ALLOWED_CIDRS {
        v.add("allowed_cidrs", "TOO_MANY", format!("at most {MAX_ALLOWED_CIDRS} networks"));
        return None;
    }
    let parsed = texts.iter().enumerate();
    let parsed = parsed.map(|(at, text)| v.take(&format!("allowed_cidrs[{at}]"), text.parse()));
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
        v.add("app_connector_group", "FOREIGN_TENANT", format!("must be below {tenant}"));
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

pub(crate) fn etag(epoch: Epoch, revision: Revision) -> String {
    Etag::new(epoch, revision).to_string()
}

/// Counts are below 2^63 by their limits.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a host says of itself.
pub(crate) fn host(host: Option<pb::Host>, v: &mut Violations) -> Option<Host> {
    let Some(host) = host else { return Some(Host::default()) };
    let pb::Host { fingerprint, hostname, platform, version, instance_id } = host;
    for (field, text, max) in [
        ("fingerprint", &fingerprint, MAX_FINGERPRINT_BYTES),
        ("hostname", &hostname, MAX_HOSTNAME_BYTES),
        ("platform", &platform, MAX_WORD_BYTES),
        ("version", &version, MAX_WORD_BYTES),
    ] {
        if text.len() > max || text.chars().any(char::is_control) {
            let rule = format!("at most {max} bytes, none of them a control character");
            v.add(field, "INVALID_TEXT", rule);
        }
    }
    let instance_id = match instance_id.as_str() {
        "" => None,
        text => Some(v.take("instance_id", Uuid::try_parse(text))?),
    };
    Some(Host { fingerprint, hostname, platform, version, instance_id })
}

/// A line of the ledger.
pub(crate) fn enrolment(enrolment: Enrolment) -> pb::Enrolment {
    use pb::enrolment::State;
    let Enrolment {
        name,
        key,
        key_uid,
        group,
        connector,
        connector_labels: _,
        public_key,
        source,
        host,
        state,
        create_time,
        update_time,
        leaf,
    } = enrolment;
    let (state, reason, active_time) = match state {
        EnrolmentState::Reserved => (State::Reserved, String::new(), None),
        EnrolmentState::Active { since } => (State::Active, String::new(), Some(to_proto(since))),
        EnrolmentState::Abandoned { reason } => (State::Abandoned, reason, None),
        EnrolmentState::Revoked { reason, .. } => {
            (State::Revoked, reason.as_str().to_owned(), None)
        }
    };
    let Host { fingerprint, hostname, platform, version, instance_id } = host;
    let instance_id = instance_id.map(|id| id.to_string()).unwrap_or_default();
    pb::Enrolment {
        name: name.to_string(),
        provisioning_key: key.to_string(),
        provisioning_key_uid: key_uid.to_string(),
        app_connector_group: group.to_string(),
        app_connector: connector.to_string(),
        state: state.into(),
        reason,
        public_key_sha256: public_key.to_vec().into(),
        source_address: source.to_string(),
        host: Some(pb::Host { fingerprint, hostname, platform, version, instance_id }),
        create_time: Some(to_proto(create_time)),
        active_time,
        update_time: Some(to_proto(update_time)),
        certificate_serial: leaf.as_ref().map(|leaf| hex(&leaf.serial)).unwrap_or_default(),
        certificate_expire_time: leaf.map(|leaf| to_proto(leaf.not_after)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A leaf and the roots.
pub(crate) fn certificates(certificates: Certificates) -> pb::CertificateBundle {
    let Certificates {
        leaf,
        record: _,
        tenant_bundle,
        system_bundle,
        validity,
        renew_time,
        trust_domain,
    } = certificates;
    pb::CertificateBundle {
        certificate_chain: vec![leaf.into()],
        tenant_bundle: tenant_bundle.into_iter().map(Into::into).collect(),
        system_bundle: system_bundle.into_iter().map(Into::into).collect(),
        not_before_time: Some(to_proto(validity.start)),
        not_after_time: Some(to_proto(validity.end)),
        renew_time: Some(to_proto(renew_time)),
        trust_domain: trust_domain.to_string(),
    }
}

/// Where a connector goes on from here.
#[derive(Clone, Debug)]
pub(crate) struct NextSteps {
    pub(crate) provisioning_endpoint: String,
    pub(crate) paths_endpoint: String,
    pub(crate) heartbeat_period: Duration,
    pub(crate) probe_period: Duration,
}

/// The answer to Enroll.
pub(crate) fn enroll_response(
    joined: Joined,
    next: &NextSteps,
    now: Timestamp,
) -> pb::EnrollResponse {
    let Joined { enrolment, certificates: signed, replay } = joined;
    pb::EnrollResponse {
        enrolment: enrolment.name.to_string(),
        app_connector: enrolment.connector.to_string(),
        app_connector_group: enrolment.group.to_string(),
        certificates: Some(certificates(signed)),
        provisioning_endpoint: next.provisioning_endpoint.clone(),
        paths_endpoint: next.paths_endpoint.clone(),
        heartbeat_period: Some(duration_to_proto(next.heartbeat_period)),
        probe_period: Some(duration_to_proto(next.probe_period)),
        server_time: Some(to_proto(now)),
        replay,
    }
}

/// A tenant's authority.
pub(crate) fn authority(
    authority: Versioned<Authority>,
    trust_domain: &str,
    epoch: Epoch,
) -> pb::CertificateAuthority {
    let Versioned { value, revision } = authority;
    let Authority { tenant, certificates, create_time, update_time } = value;
    let certificate = |certificate: CaCertificate| {
        let CaCertificate { der, public_key_sha256, not_before, not_after } = certificate;
        pb::CaCertificate {
            der: der.into(),
            public_key_sha256: public_key_sha256.to_vec().into(),
            not_before_time: Some(to_proto(not_before)),
            not_after_time: Some(to_proto(not_after)),
        }
    };
    pb::CertificateAuthority {
        name: CertificateAuthorityName { tenant: tenant.tenant }.to_string(),
        trust_domain: trust_domain.to_owned(),
        certificates: certificates.into_iter().map(certificate).collect(),
        create_time: Some(to_proto(create_time)),
        update_time: Some(to_proto(update_time)),
        etag: etag(epoch, revision),
    }
}

fn revocation(revocation: Revocation) -> pb::Revocation {
    let Revocation { connector, reason, revoke_time, expire_time, leaf } = revocation;
    pb::Revocation {
        app_connector: connector.to_string(),
        reason: reason.as_str().to_owned(),
        revoke_time: Some(to_proto(revoke_time)),
        expire_time: Some(to_proto(expire_time)),
        certificate_serial: leaf.map(|leaf| hex(&leaf.serial)).unwrap_or_default(),
    }
}

/// What a watch needs to render.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) epoch: Epoch,
    pub(crate) trust_domain: String,
}

impl View {
    /// An object of a snapshot.
    pub(crate) fn added(&self, watched: Watched, now: Timestamp) -> pb::Event {
        self.event(ChangeType::Added, DeleteCause::Unspecified, watched, now)
    }

    /// A change of an object.
    pub(crate) fn seen(&self, seen: Seen, now: Timestamp) -> pb::Event {
        match seen {
            Seen::Added(watched) => self.added(watched, now),
            Seen::Modified(watched) => {
                self.event(ChangeType::Modified, DeleteCause::Unspecified, watched, now)
            }
            Seen::Gone(watched) => {
                self.event(ChangeType::Deleted, DeleteCause::Purged, watched, now)
            }
        }
    }

    fn event(
        &self,
        change: ChangeType,
        cause: DeleteCause,
        watched: Watched,
        now: Timestamp,
    ) -> pb::Event {
        use pb::event::Resource;
        let resource = match watched {
            Watched::Key(row) => Resource::ProvisioningKey(key(row, self.epoch, now)),
            Watched::Enrolment(found) => Resource::Enrolment(enrolment(found)),
            Watched::Authority(found) => {
                Resource::CertificateAuthority(authority(found, &self.trust_domain, self.epoch))
            }
            Watched::Revocation(found) => Resource::Revocation(revocation(found)),
        };
        pb::Event { r#type: change.into(), delete_cause: cause.into(), resource: Some(resource) }
    }
}

/// What the service says of itself.
pub(crate) fn server_info(about: &About, epoch: Epoch, revision: Revision) -> ServerInfo {
    ServerInfo {
        service: about.service.to_owned(),
        version: about.version.to_owned(),
        tzdb_version: about.tzdb_version.to_owned(),
        epoch: epoch.to_string(),
        revision: revision.get(),
        start_time: Some(to_proto(about.start_time)),
    }
}
