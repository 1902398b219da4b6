//! Any bytes in the place of what the control plane orders, and of the certificates that it sends.

use prost::Message as _;
use rand::{SeedableRng as _, rngs::StdRng};
use trial::fuzz::Verdict;

use super::*;
use crate::schedule::Schedule;

fn whole(order: WireOrder) -> Vec<u8> {
    ReportStatusResponse { order: Some(order) }.encode_to_vec()
}

/// A target of its own; `seconds` is its period.
fn assigned(id: &str, seconds: i64) -> ProbeTarget {
    ProbeTarget {
        target_id: id.to_owned(),
        host: "wiki.corp.example".to_owned(),
        port: 443,
        period: Some(prost_types::Duration { seconds, nanos: 0 }),
        ..ProbeTarget::default()
    }
}

/// A list of targets can be worked through, and never runs ahead of the clock.
fn probed(targets: Vec<Target>) {
    let (mut schedule, mut rng) = (Schedule::default(), StdRng::seed_from_u64(1));
    let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
    for target in &targets {
        assert!(!target.id.is_empty() && !target.host.is_empty() && target.port > 0, "{target:?}");
        assert!(!target.timeout.is_zero() && target.period <= MAX_WAIT, "{target:?}");
    }
    schedule.replace(targets, now);
    for ok in [true, false] {
        let Some(target) = schedule.take(now) else { continue };
        schedule.probed(&target.id, ok, now, &mut rng);
        assert!(schedule.next_due().is_some_and(|due| due > now || schedule.len() > 1));
    }
}

#[test]
fn any_bytes_are_an_order_that_can_be_obeyed_or_unknown() {
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let welcome = Welcome { heartbeat_period: seconds(10), ..Welcome::default() };
    let endless = Welcome {
        heartbeat_period: seconds(i64::MAX),
        probes_per_second: i32::MAX,
        ..Welcome::default()
    };
    let farewell = Farewell { reason: "SHUTTING_DOWN".to_owned(), retry_after: seconds(i64::MAX) };
    let targets = vec![assigned("a", 30), assigned("b", i64::MAX), assigned("", 1)];
    let target = trial::target!("orders").with(whole(WireOrder::Welcome(welcome)));
    let target = target.with(whole(WireOrder::Welcome(endless)));
    let target = target.with(whole(WireOrder::Farewell(farewell)));
    let assignment = ProbeAssignment { version: 1, targets };
    target.with(whole(WireOrder::Assignment(assignment))).run(|input| {
        let Ok(response) = ReportStatusResponse::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        match order(response) {
            Order::Welcome { heartbeat_period, probes_per_second } => {
                assert!(heartbeat_period <= MAX_WAIT && !heartbeat_period.is_zero());
                assert!(probes_per_second > 0);
            }
            Order::Assign(targets) => {
                assert!(targets.len() <= MAX_TARGETS);
                probed(targets);
            }
            Order::Farewell { retry_after, .. } => assert!(retry_after <= MAX_WAIT),
            Order::HeartbeatAck | Order::Drain { .. } => {}
            Order::Unknown => return Verdict::Refused("unknown".to_owned()),
        }
        Verdict::Taken
    });
}

#[test]
fn any_bytes_are_certificates_with_an_end_or_named_as_unusable() {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let bundle = CertificateBundle {
        certificate_chain: vec![vec![0x30, 0].into()],
        system_bundle: vec![vec![0x30, 0].into()],
        not_before_time: at(1_790_000_000),
        not_after_time: at(1_790_604_800),
        trust_domain: "causeway.test".to_owned(),
        ..CertificateBundle::default()
    };
    let rootless = CertificateBundle { system_bundle: Vec::new(), ..bundle.clone() };
    let target = trial::target!("certificate_bundles").with(bundle.encode_to_vec());
    target.with(rootless.encode_to_vec()).run(|input| {
        let Ok(bundle) = CertificateBundle::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let sent = bundle.clone();
        let found = certificates(bundle);
        match &found {
            Ok(found) => {
                assert!(!found.chain.is_empty() && !found.system_bundle.is_empty());
                assert_eq!(found.chain.len(), sent.certificate_chain.len(), "one is lost");
                assert_eq!(Some(timestamp(found.not_after)), sent.not_after_time);
                assert_eq!(found.trust_domain, sent.trust_domain);
            }
            Err(refusal) => {
                assert_eq!(refusal.reason, "REPLY_UNUSABLE");
                assert!(!refusal.transient && refusal.message.contains("no usable"), "{refusal}");
            }
        }
        found.into()
    });
}
