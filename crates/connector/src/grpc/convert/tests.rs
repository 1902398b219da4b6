//! What becomes of messages that are whole, empty or wrong.

use tokio::time::Instant;

use super::*;
use crate::probe::Connected;

fn wire_target() -> ProbeTarget {
    ProbeTarget {
        target_id: "t1".into(),
        host: "app.example".into(),
        port: 443,
        protocol: Protocol::Tcp.into(),
        families: AddressFamilies::Ipv6.into(),
        period: Some(prost_types::Duration { seconds: 0, nanos: 200_000_000 }),
        timeout: None,
        application_segment: "tenants/a/applicationSegments/b".into(),
    }
}

fn assigned(targets: Vec<ProbeTarget>) -> Vec<Target> {
    let assignment = ProbeAssignment { version: 1, targets };
    let response = ReportStatusResponse { order: Some(WireOrder::Assignment(assignment)) };
    match order(response) {
        Order::Assign(targets) => targets,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_target_keeps_its_terms_and_gets_the_documented_defaults() {
    let target = assigned(vec![wire_target()]).remove(0);
    assert_eq!((target.host.as_str(), target.port, target.tcp), ("app.example", 443, true));
    assert_eq!(target.families, Families::V6);
    assert_eq!(target.period, Duration::from_millis(200));
    assert_eq!(target.timeout, Duration::from_secs(5));
}

#[test]
fn targets_that_cannot_be_dialled_are_left_out_and_the_count_is_bounded() {
    let broken = [
        ProbeTarget { port: 0, ..wire_target() },
        ProbeTarget { port: 65_536, ..wire_target() },
        ProbeTarget { host: String::new(), ..wire_target() },
        ProbeTarget { target_id: String::new(), ..wire_target() },
    ];
    assert!(assigned(broken.to_vec()).is_empty());
    assert_eq!(assigned(vec![wire_target(); MAX_TARGETS + 1]).len(), MAX_TARGETS);
}

#[test]
fn a_welcome_without_terms_gives_the_defaults() {
    let response = ReportStatusResponse { order: Some(WireOrder::Welcome(Welcome::default())) };
    let Order::Welcome { heartbeat_period, probes_per_second } = order(response) else { panic!() };
    assert_eq!((heartbeat_period, probes_per_second), (Duration::from_secs(10), 20));
}

#[test]
fn a_measured_time_is_in_milliseconds_and_a_failure_has_its_words() {
    let result = |outcome| ProbeResult {
        target_id: "t1".into(),
        started: Timestamp::UNIX_EPOCH,
        ended: Instant::now(),
        outcome,
    };
    let address = "192.0.2.1:443".parse().unwrap();
    let connected = Connected { address, time: Duration::from_micros(12_500) };
    let ok = probe_result(result(Ok(connected)));
    assert_eq!(ok.outcome(), ProbeOutcome::Connected);
    assert_eq!((ok.connect_milliseconds, ok.address.as_str()), (12.5, "192.0.2.1"));
    let failed = probe_result(result(Err(probe::Failure::FamilyMismatch)));
    assert_eq!(failed.outcome(), ProbeOutcome::NoAddressInFamily);
    assert!(failed.detail.contains("DNS resolution option"));
    assert!(failed.age.is_some());
}

#[test]
fn outages_are_tried_again_and_refusals_are_not() {
    for (code, transient) in [
        (Code::Unavailable, true),
        (Code::DeadlineExceeded, true),
        (Code::ResourceExhausted, true),
        (Code::Unauthenticated, true),
        (Code::NotFound, true),
        (Code::FailedPrecondition, false),
        (Code::PermissionDenied, false),
        (Code::InvalidArgument, false),
    ] {
        let refusal = refusal(&Status::new(code, "words"));
        assert_eq!(refusal.transient, transient, "{code:?}");
        assert_eq!(refusal.message, "words");
    }
}

#[test]
fn a_reply_without_certificate_is_refused() {
    let bundle = CertificateBundle::default();
    assert_eq!(certificates(bundle).unwrap_err().reason, "REPLY_UNUSABLE");
}
