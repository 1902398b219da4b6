//! Hosts, their enrolments, and what Enroll answers.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use names::{Reason, Violations};
use proto::provisioning::v1::{self as pb, EnrollRequest};
use rpc::{
    Failure, Refuse as _,
    time::{duration_to_proto, from_proto, to_proto},
};
use uuid::Uuid;

use super::{certificates, hex};
use crate::{
    domain::enrolment::{Enrolment, EnrolmentState, Host},
    service::enrol::{Joined, Joining},
};

/// Longest fingerprint of a host, in bytes: a hash or two.
const MAX_FINGERPRINT_BYTES: usize = 128;
/// Longest host name, in bytes (RFC 1035).
const MAX_HOSTNAME_BYTES: usize = 255;
/// Longest platform and version words, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// Longest secret that is looked at, in bytes; a real one has 87.
const MAX_SECRET_BYTES: usize = 256;
/// Longest signing request that is looked at, in bytes; a real one has about 300.
const MAX_CSR_BYTES: usize = 4096;

/// A request to join.
pub(crate) fn joining(request: EnrollRequest, source: IpAddr) -> Result<Joining, Failure> {
    let EnrollRequest { secret, csr, host, client_time, replaces } = request;
    let mut v = Violations::new();
    v.require_text("secret", &secret);
    if secret.len() > MAX_SECRET_BYTES {
        v.add(
            "secret",
            Reason::TooLong,
            "a secret has 87 characters; send it alone, not the join token",
        );
    }
    if csr.is_empty() {
        v.add("csr", Reason::Required, "`csr` must be set: a PKCS #10 request, DER");
    }
    if csr.len() > MAX_CSR_BYTES {
        v.add(
            "csr",
            Reason::TooLong,
            format!("at most {MAX_CSR_BYTES} bytes; send one DER request"),
        );
    }
    if !replaces.is_empty() {
        v.add(
            "replaces",
            Reason::Planned,
            "taking another connector's place is not built; leave it empty",
        );
    }
    let host = v.within("host", |v| self::host(host, v));
    let client_time = from_proto("client_time", client_time.as_ref(), &mut v);
    v.finish_with(|| Some(Joining { secret, csr: csr.to_vec(), host: host?, source, client_time }))
}

/// What a host says of itself.
fn host(host: Option<pb::Host>, v: &mut Violations) -> Option<Host> {
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
            v.add(field, Reason::Malformed, rule);
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
