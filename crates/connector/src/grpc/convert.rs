//! Messages to values and back.

use std::time::Duration;

use jiff::Timestamp;
use proto::{
    paths::v1::{
        AddressFamilies, DrainOrder, Farewell, Goodbye, Heartbeat, Hello, Load as WireLoad,
        ProbeAssignment, ProbeOutcome, ProbeReport, ProbeResult as WireResult, ProbeTarget,
        Protocol, ReportStatusRequest, ReportStatusResponse, Welcome,
        report_status_request::Report as WireReport, report_status_response::Order as WireOrder,
    },
    provisioning::v1::{CertificateBundle, Host as WireHost},
};
use rpc::Failure;
use tonic::{Code, Status};

use crate::{
    host::Host,
    identity::{Certificate, Certificates},
    link::{Order, Refusal, Report},
    load::Load,
    probe::{self, ProbeResult},
    resolve::Families,
    schedule::{self, Target},
};

/// Targets that are taken from one assignment; the contract's limit. What is beyond is left out, and logged.
const MAX_TARGETS: usize = 6_000;
/// Heartbeat period of a Welcome that names none.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(10);

/// Longest wait that the control plane may order, for a heartbeat, a probe or an attempt. Orders are seconds to minutes; a
/// connector that waits for longer than a day looks like one that is gone.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3_600);

pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

fn instant(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

pub(super) fn period(duration: Option<&prost_types::Duration>, default: Duration) -> Duration {
    duration
        .and_then(|duration| Duration::try_from(*duration).ok())
        .filter(|duration| !duration.is_zero())
        .map_or(default, |duration| duration.min(MAX_WAIT))
}

/// A reply that this connector cannot use.
pub(super) fn unusable(what: &str) -> Refusal {
    Refusal {
        reason: "REPLY_UNUSABLE".into(),
        message: format!("the control plane's reply has no usable {what}: update the connector"),
        retry_after: None,
        transient: false,
    }
}

pub(super) fn host(host: &Host) -> WireHost {
    WireHost {
        fingerprint: host.fingerprint.clone(),
        hostname: host.hostname.clone(),
        platform: host.platform.clone(),
        version: host.version.to_owned(),
        instance_id: host.instance_id.clone(),
    }
}

pub(super) fn certificates(bundle: CertificateBundle) -> Result<Certificates, Refusal> {
    let CertificateBundle {
        certificate_chain,
        tenant_bundle,
        system_bundle,
        not_before_time,
        not_after_time,
        renew_time: _, // Two thirds of the life, which `Identity` computes itself.
        trust_domain,
    } = bundle;
    let list =
        |ders: Vec<prost::bytes::Bytes>| ders.iter().map(|der| Certificate(der.to_vec())).collect();
    if certificate_chain.is_empty() || system_bundle.is_empty() {
        return Err(unusable("certificate or system bundle"));
    }
    let validity = |time: Option<prost_types::Timestamp>| time.as_ref().and_then(instant);
    Ok(Certificates {
        chain: list(certificate_chain),
        tenant_bundle: list(tenant_bundle),
        system_bundle: list(system_bundle),
        not_before: validity(not_before_time).ok_or_else(|| unusable("validity"))?,
        not_after: validity(not_after_time).ok_or_else(|| unusable("validity"))?,
        trust_domain,
    })
}

pub(super) fn hello(
    host: &Host,
    address: Option<std::net::IpAddr>,
    now: Timestamp,
) -> ReportStatusRequest {
    let hello = Hello {
        instance_id: host.instance_id.clone(),
        version: host.version.to_owned(),
        platform: host.platform.clone(),
        hostname: host.hostname.clone(),
        private_addresses: address.map(|address| address.to_string()).into_iter().collect(),
        start_time: Some(timestamp(host.start_time)),
        send_time: Some(timestamp(now)),
        previous_version: String::new(),
    };
    ReportStatusRequest { report: Some(WireReport::Hello(hello)) }
}

pub(super) fn report(report: Report, now: Timestamp) -> ReportStatusRequest {
    let report = match report {
        Report::Heartbeat { sequence, load } => WireReport::Heartbeat(Heartbeat {
            sequence,
            send_time: Some(timestamp(now)),
            load: Some(wire_load(load)),
        }),
        Report::Probes(results) => WireReport::ProbeReport(ProbeReport {
            results: results.into_iter().map(probe_result).collect(),
        }),
        Report::Goodbye { reason } => WireReport::Goodbye(Goodbye { reason: reason.to_owned() }),
    };
    ReportStatusRequest { report: Some(report) }
}

fn wire_load(load: Load) -> WireLoad {
    let Load {
        cpu_utilisation,
        memory_utilisation,
        descriptors,
        descriptor_limit,
        disk_free_bytes,
    } = load;
    WireLoad {
        sessions: 0,
        session_limit: 0,
        cpu_utilisation,
        memory_utilisation,
        descriptors,
        descriptor_limit,
        ports: 0,
        disk_free_bytes,
    }
}

fn probe_result(result: ProbeResult) -> WireResult {
    let ProbeResult { target_id, started: _, ended, outcome } = result;
    let age = prost_types::Duration::try_from(ended.elapsed()).ok();
    let empty = WireResult { target_id, age, ..WireResult::default() };
    match outcome {
        Ok(connected) => WireResult {
            outcome: ProbeOutcome::Connected.into(),
            connect_milliseconds: connected.time.as_secs_f64() * 1_000.0,
            address: connected.address.ip().to_string(),
            ..empty
        },
        Err(failure) => {
            WireResult { outcome: outcome_of(failure).into(), detail: failure.to_string(), ..empty }
        }
    }
}

fn outcome_of(failure: probe::Failure) -> ProbeOutcome {
    match failure {
        probe::Failure::NotResolved => ProbeOutcome::NameUnresolved,
        probe::Failure::FamilyMismatch => ProbeOutcome::NoAddressInFamily,
        probe::Failure::Refused => ProbeOutcome::Refused,
        probe::Failure::TimedOut => ProbeOutcome::TimedOut,
        probe::Failure::Unreachable => ProbeOutcome::Unreachable,
        probe::Failure::NotProbed => ProbeOutcome::NotProbed,
    }
}

pub(super) fn order(response: ReportStatusResponse) -> Order {
    match response.order {
        Some(WireOrder::Welcome(Welcome { heartbeat_period, probes_per_second, .. })) => {
            Order::Welcome {
                heartbeat_period: period(heartbeat_period.as_ref(), DEFAULT_HEARTBEAT),
                probes_per_second: u32::try_from(probes_per_second)
                    .ok()
                    .filter(|rate| *rate > 0)
                    .unwrap_or(schedule::DEFAULT_PROBES_PER_SECOND),
            }
        }
        Some(WireOrder::Assignment(ProbeAssignment { targets, version: _ })) => {
            if targets.len() > MAX_TARGETS {
                tracing::warn!(
                    targets = targets.len(),
                    "more probe targets than a connector takes"
                );
            }
            Order::Assign(targets.into_iter().take(MAX_TARGETS).filter_map(target).collect())
        }
        Some(WireOrder::HeartbeatAck(_)) => Order::HeartbeatAck,
        Some(WireOrder::Drain(DrainOrder { reason, until: _ })) => Order::Drain { reason },
        Some(WireOrder::Farewell(Farewell { reason, retry_after })) => {
            Order::Farewell { reason, retry_after: period(retry_after.as_ref(), Duration::ZERO) }
        }
        None => Order::Unknown,
    }
}

/// `None` for a target without id, host or port: there is nothing to connect to.
fn target(target: ProbeTarget) -> Option<Target> {
    let families = match target.families() {
        AddressFamilies::Ipv4 => Families::V4,
        AddressFamilies::Ipv6 => Families::V6,
        AddressFamilies::Ipv4Ipv6 | AddressFamilies::Unspecified => Families::Both,
    };
    let tcp = matches!(target.protocol(), Protocol::Tcp | Protocol::Unspecified);
    let ProbeTarget { target_id, host, port, period: every, timeout, .. } = target;
    let port = u16::try_from(port).ok().filter(|port| *port > 0)?;
    (!target_id.is_empty() && !host.is_empty()).then(|| Target {
        id: target_id,
        host,
        port,
        tcp,
        families,
        period: period(every.as_ref(), schedule::DEFAULT_PERIOD),
        timeout: period(timeout.as_ref(), probe::DEFAULT_TIMEOUT),
    })
}

/// What a failed call means for the next attempt.
pub(super) fn refusal(status: &Status) -> Refusal {
    let failure = Failure::from_status(status);
    let reason = match failure.reason() {
        "" => format!("{:?}", status.code()),
        reason => reason.to_owned(),
    };
    let definite = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Unimplemented
    );
    Refusal {
        reason,
        message: failure.message().to_owned(),
        retry_after: failure.retry_delay().map(|delay| delay.min(MAX_WAIT)),
        transient: !definite,
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
