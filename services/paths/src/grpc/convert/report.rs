//! The report stream, in and out.

use std::time::Duration;

use jiff::Timestamp;
use names::{AppConnectorName, Reason};
use proto::paths::v1::{
    self as wire, AddressFamilies, ProbeOutcome, Protocol as WireProtocol, ReportStatusResponse,
    report_status_response::Order,
};
use rpc::{Failure, Refuse as _, Violations, access::Caller};

use crate::{
    domain::{
        configuration::{Families, Protocol},
        probing::{
            assignment::{Assigned, Assignment, PROBE_TIMEOUT},
            health::Check,
        },
        reporting::report::{Instance, Load},
    },
    service::report::{ProbeResult, ReportSettings, target_id},
};

/// Longest short text of a Hello, bytes.
const MAX_TEXT: usize = 64;
/// Longest host name, bytes.
const MAX_HOSTNAME: usize = 253;
/// Most addresses of a host.
const MAX_ADDRESSES: usize = 32;
/// Longest words on a failure; longer ones are cut.
const MAX_DETAIL: usize = 256;
/// Most results in one report.
const MAX_RESULTS: usize = 1_000;

/// A Hello, parsed.
#[derive(Debug)]
pub(in crate::grpc) struct Hello {
    pub(in crate::grpc) instance: Instance,
    pub(in crate::grpc) sent: Option<Timestamp>,
}

/// Parses a Hello and adds what the connection says.
pub(in crate::grpc) fn hello(hello: wire::Hello, caller: &Caller) -> Result<Hello, Failure> {
    let certificate_end = caller.identity().map(|identity| identity.not_after);
    introduced(hello, &caller.remote().ip().to_string(), certificate_end)
}

pub(super) fn introduced(
    hello: wire::Hello,
    public_address: &str,
    certificate_end: Option<Timestamp>,
) -> Result<Hello, Failure> {
    let wire::Hello {
        instance_id,
        version,
        platform,
        hostname,
        private_addresses,
        start_time,
        send_time,
        previous_version,
    } = hello;
    let mut v = Violations::new();
    for (field, text, limit, required) in [
        ("hello.instance_id", &instance_id, MAX_TEXT, true),
        ("hello.version", &version, MAX_TEXT, true),
        ("hello.platform", &platform, MAX_TEXT, false),
        ("hello.hostname", &hostname, MAX_HOSTNAME, false),
        ("hello.previous_version", &previous_version, MAX_TEXT, false),
    ] {
        if required && text.is_empty() {
            v.add(field, Reason::Required, "must be set");
        } else if text.len() > limit {
            v.add(field, Reason::OutOfRange, format!("must be at most {limit} bytes"));
        }
    }
    if private_addresses.iter().any(|address| address.len() > MAX_TEXT) {
        let rule = format!("each must be at most {MAX_TEXT} bytes");
        v.add("hello.private_addresses", Reason::OutOfRange, rule);
    }
    if private_addresses.len() > MAX_ADDRESSES {
        v.add("hello.private_addresses", Reason::OutOfRange, "at most 32");
    }
    v.finish()?;
    Ok(Hello {
        instance: Instance {
            instance_id,
            version,
            platform,
            hostname,
            private_addresses,
            public_address: public_address.to_owned(),
            start: start_time.as_ref().and_then(rpc::time::parse),
            previous_version,
            certificate_end,
        },
        sent: send_time.as_ref().and_then(rpc::time::parse),
    })
}

/// Parses a heartbeat: its load and the connector's clock.
pub(in crate::grpc) fn heartbeat(
    heartbeat: wire::Heartbeat,
) -> Result<(Option<Load>, Option<Timestamp>), Failure> {
    let wire::Heartbeat { sequence: _, send_time, load } = heartbeat;
    let mut v = Violations::new();
    let load = load.map(|load| parse_load(&mut v, load));
    v.finish()?;
    Ok((load, send_time.as_ref().and_then(rpc::time::parse)))
}

fn parse_load(v: &mut Violations, load: wire::Load) -> Load {
    let wire::Load {
        sessions,
        session_limit,
        cpu_utilisation,
        memory_utilisation,
        descriptors,
        descriptor_limit,
        ports,
        disk_free_bytes,
    } = load;
    let mut count = |field: &str, number: i32| {
        u32::try_from(number).unwrap_or_else(|_| {
            v.add(field, Reason::OutOfRange, "must be 0 or more");
            0
        })
    };
    let mut parsed = Load {
        sessions: count("heartbeat.load.sessions", sessions),
        session_limit: count("heartbeat.load.session_limit", session_limit),
        descriptors: count("heartbeat.load.descriptors", descriptors),
        descriptor_limit: count("heartbeat.load.descriptor_limit", descriptor_limit),
        ports: count("heartbeat.load.ports", ports),
        disk_free_bytes: u64::try_from(disk_free_bytes).unwrap_or(0),
        ..Load::default()
    };
    for (field, share, slot) in [
        ("heartbeat.load.cpu_utilisation", cpu_utilisation, &mut parsed.cpu),
        ("heartbeat.load.memory_utilisation", memory_utilisation, &mut parsed.memory),
    ] {
        if share.is_finite() && share >= 0.0 {
            // A rounding above 1 is no mistake.
            *slot = share.min(1.0);
        } else {
            v.add(field, Reason::OutOfRange, "must be 0 to 1");
        }
    }
    parsed
}

/// Parses a report of probes.
pub(in crate::grpc) fn probe_results(
    report: wire::ProbeReport,
) -> Result<Vec<ProbeResult>, Failure> {
    let wire::ProbeReport { results } = report;
    let mut v = Violations::new();
    if results.len() > MAX_RESULTS {
        v.add("probe_report.results", Reason::OutOfRange, "at most 1,000 in one report");
        v.finish()?;
        return Ok(Vec::new());
    }
    let mut parsed = Vec::with_capacity(results.len());
    for (n, result) in results.into_iter().enumerate() {
        let field = format!("probe_report.results[{n}]");
        v.within(&field, |v| parsed.extend(probe_result(v, result)));
    }
    v.finish()?;
    Ok(parsed)
}

fn probe_result(v: &mut Violations, result: wire::ProbeResult) -> Option<ProbeResult> {
    let outcome = result.outcome();
    let wire::ProbeResult { target_id, outcome: _, connect_milliseconds, address, age, detail } =
        result;
    let check = match outcome {
        ProbeOutcome::Unspecified => {
            v.add("outcome", Reason::Malformed, "must be one that this server knows");
            return None;
        }
        ProbeOutcome::NotProbed => None,
        ProbeOutcome::Connected => {
            // As it is kept: 1e300 is endless there, and 1e-300 is nothing.
            let milliseconds = connect_milliseconds as f32;
            if !(milliseconds.is_finite() && milliseconds > 0.0) {
                v.add("connect_milliseconds", Reason::OutOfRange, "must be above 0 when connected");
                return None;
            }
            if address.len() > MAX_TEXT {
                v.add("address", Reason::OutOfRange, format!("must be at most {MAX_TEXT} bytes"));
                return None;
            }
            Some(Check::Connected { milliseconds, address })
        }
        failed => Some(Check::Failed {
            cause: cause(failed, &detail),
            no_address_in_family: failed == ProbeOutcome::NoAddressInFamily,
        }),
    };
    let age = age.as_ref().and_then(rpc::time::parse_duration).unwrap_or_default();
    Some(ProbeResult { target_id, check, age })
}

/// The connector's words, or ours when it has none.
fn cause(outcome: ProbeOutcome, detail: &str) -> String {
    if !detail.is_empty() {
        return detail.chars().take(MAX_DETAIL).collect();
    }
    let words = match outcome {
        ProbeOutcome::Refused => "the server refused the connection",
        ProbeOutcome::TimedOut => "no answer in time",
        ProbeOutcome::NameUnresolved => "the name could not be resolved",
        ProbeOutcome::NoAddressInFamily => "no address in the allowed families",
        ProbeOutcome::Unreachable => "the network cannot be reached",
        ProbeOutcome::Unspecified
        | ProbeOutcome::Connected
        | ProbeOutcome::Failed
        | ProbeOutcome::NotProbed => "failed",
    };
    words.to_owned()
}

fn order(order: Order) -> ReportStatusResponse {
    ReportStatusResponse { order: Some(order) }
}

/// The terms of a stream.
pub(in crate::grpc) fn welcome(
    name: &AppConnectorName,
    settings: &ReportSettings,
    now: Timestamp,
) -> ReportStatusResponse {
    order(Order::Welcome(wire::Welcome {
        app_connector: name.to_string(),
        heartbeat_period: Some(rpc::time::duration_to_proto(settings.heartbeat_period)),
        probes_per_second: i32::try_from(settings.pace.per_second).unwrap_or(i32::MAX),
        server_time: Some(rpc::time::to_proto(now)),
    }))
}

/// What to probe.
pub(in crate::grpc) fn assignment(version: i64, assignment: &Assignment) -> ReportStatusResponse {
    let families = match assignment.families {
        Families::Both => AddressFamilies::Ipv4Ipv6,
        Families::Ipv4 => AddressFamilies::Ipv4,
        Families::Ipv6 => AddressFamilies::Ipv6,
    };
    let target = |one: &Assigned| wire::ProbeTarget {
        target_id: target_id(&one.target),
        host: one.target.host.to_string(),
        port: one.target.port.into(),
        protocol: protocol(one.target.protocol).into(),
        families: families.into(),
        period: Some(rpc::time::duration_to_proto(assignment.period)),
        timeout: Some(rpc::time::duration_to_proto(PROBE_TIMEOUT)),
        application_segment: one.segment.to_string(),
    };
    order(Order::Assignment(wire::ProbeAssignment {
        version,
        targets: assignment.targets.iter().map(target).collect(),
    }))
}

/// Renders a protocol.
pub(super) fn protocol(protocol: Protocol) -> WireProtocol {
    match protocol {
        Protocol::Tcp => WireProtocol::Tcp,
        Protocol::Udp => WireProtocol::Udp,
    }
}

/// Answers a heartbeat.
pub(in crate::grpc) fn heartbeat_ack(sequence: i64, now: Timestamp) -> wire::HeartbeatAck {
    wire::HeartbeatAck { sequence, server_time: Some(rpc::time::to_proto(now)) }
}

/// Ends a stream.
pub(in crate::grpc) fn farewell(reason: &str, retry_after: Duration) -> ReportStatusResponse {
    order(Order::Farewell(wire::Farewell {
        reason: reason.to_owned(),
        retry_after: Some(rpc::time::duration_to_proto(retry_after)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(outcome: ProbeOutcome, connect_milliseconds: f64) -> wire::ProbeResult {
        wire::ProbeResult {
            target_id: "tcp:443:wiki.corp".into(),
            outcome: outcome.into(),
            connect_milliseconds,
            ..Default::default()
        }
    }

    #[test]
    fn a_time_that_is_no_time_is_refused_with_its_place() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let results =
                vec![result(ProbeOutcome::Connected, 1.0), result(ProbeOutcome::Connected, wrong)];
            let failure = probe_results(wire::ProbeReport { results }).unwrap_err();
            let field = &failure.violations()[0].field;
            assert_eq!(field, "probe_report.results[1].connect_milliseconds");
        }
    }

    #[test]
    fn a_failure_without_words_gets_ours_and_long_words_are_cut() {
        let checked = |result| {
            let report = wire::ProbeReport { results: vec![result] };
            probe_results(report).unwrap().remove(0).check
        };
        let Some(Check::Failed { cause, no_address_in_family }) =
            checked(result(ProbeOutcome::NoAddressInFamily, 0.0))
        else {
            panic!()
        };
        assert!(no_address_in_family && cause.contains("families"));
        let long =
            wire::ProbeResult { detail: "ü".repeat(1_000), ..result(ProbeOutcome::Refused, 0.0) };
        let Some(Check::Failed { cause, .. }) = checked(long) else { panic!() };
        assert_eq!(cause.chars().count(), MAX_DETAIL);
        assert_eq!(checked(result(ProbeOutcome::NotProbed, 0.0)), None);
    }

    #[test]
    fn a_load_out_of_range_names_its_fields() {
        let load = wire::Load { sessions: -1, cpu_utilisation: f64::NAN, ..Default::default() };
        let beat = wire::Heartbeat { load: Some(load), ..Default::default() };
        let failure = heartbeat(beat).unwrap_err();
        assert_eq!(failure.violations().len(), 2);
    }
}
