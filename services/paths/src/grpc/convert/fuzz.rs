//! Any bytes in the place of a question, or of what a connector reports.

use std::time::Duration;

use prost::Message;
use proto::{
    google::r#type::LatLng,
    paths::v1::{self as wire, ReportStatusRequest, report_status_request::Report},
};
use rpc::Failure;
use trial::fuzz::Verdict;

use super::{
    question::path_request,
    report::{Hello, heartbeat, introduced, probe_results},
};
use crate::{
    domain::{probing::health::Check, reporting::report::Load},
    live::{
        slot::LegSlot,
        testing::{ask, noon, tenant},
    },
};

/// Refused as what was found, each field by its name.
fn refused(failure: &Failure) -> Verdict {
    assert!(!failure.violations().is_empty(), "{failure} names no field");
    for problem in failure.violations() {
        assert!(!problem.field.is_empty() && !problem.reason.is_empty(), "{problem:?}");
    }
    Verdict::Refused(failure.message().to_owned())
}

fn no_message() -> Verdict {
    Verdict::Refused("no message".to_owned())
}

fn asked() -> wire::SelectPathRequest {
    let client = wire::Client {
        coordinates: Some(LatLng { latitude: 52.52, longitude: 13.405 }),
        accuracy_radius_km: 50.0,
        ip_address: "2001:db8::1".to_owned(),
        edge_coordinates: Some(LatLng { latitude: -90.0, longitude: 180.0 }),
    };
    let destination =
        wire::Destination { host: "wiki.corp.example".to_owned(), port: 443, protocol: 1 };
    let query = wire::PathQuery {
        client: Some(client),
        destination: Some(destination),
        client_key: "client".to_owned(),
        limit: 2,
        app_connector_groups: vec!["tenants/acme/appConnectorGroups/paris".to_owned()],
        countries: vec!["FR".to_owned()],
        ..wire::PathQuery::default()
    };
    wire::SelectPathRequest { parent: "tenants/acme".to_owned(), query: Some(query) }
}

#[test]
fn any_bytes_are_a_question_that_is_answered_or_name_what_is_wrong() {
    let tenant = tenant();
    let mut anywhere = asked();
    anywhere.query.as_mut().unwrap().client = None;
    let target = trial::target!("questions").with(asked().encode_to_vec()).costs(2);
    let words =
        ["tenants/acme", "tenants/other/", "10.0.0.1", "ü.corp.example", "FR", "\u{10}\u{bb}\u{3}"];
    target.words(&words).with(anywhere.encode_to_vec()).run(|input| {
        let Ok(wire::SelectPathRequest { parent, query }) = wire::SelectPathRequest::decode(input)
        else {
            return no_message();
        };
        let asked = match path_request(&parent, query) {
            Ok(asked) => asked,
            Err(failure) => return refused(&failure),
        };
        assert_eq!(asked.tenant.to_string(), parent);
        let query = asked.query;
        assert!((1..=10).contains(&query.limit) && query.port > 0);
        assert!((0.0..=20_000.0).contains(&query.radius_km), "{}", query.radius_km);
        assert!(query.client_key.len() <= 256 && query.client_network.len() <= 256);
        assert!(query.groups.len() <= 100 && query.countries.len() <= 250);
        let first = ask(&tenant, &query, None);
        if let Ok(path) = &first.outcome {
            let again = ask(&tenant, &query, Some(&path.hold)).outcome.expect("nothing changed");
            assert!(!again.is_new, "the client is sent elsewhere for nothing");
        }
        Verdict::Taken
    });
}

fn reports() -> [Report; 3] {
    let hello = wire::Hello {
        instance_id: "6f9619ff-8b86-d011-b42d-00cf4fc964ff".to_owned(),
        version: "1.2.3".to_owned(),
        private_addresses: vec!["10.0.0.5".to_owned()],
        send_time: Some(prost_types::Timestamp { seconds: 1_790_000_000, nanos: 0 }),
        ..wire::Hello::default()
    };
    let load = wire::Load { sessions: 3, cpu_utilisation: 0.5, ..wire::Load::default() };
    let beat = wire::Heartbeat { sequence: 7, load: Some(load), ..wire::Heartbeat::default() };
    let result = |outcome: wire::ProbeOutcome, connect_milliseconds| wire::ProbeResult {
        target_id: "tcp:443:wiki.corp.example".to_owned(),
        outcome: outcome.into(),
        connect_milliseconds,
        address: "10.0.0.9:443".to_owned(),
        ..wire::ProbeResult::default()
    };
    let results =
        vec![result(wire::ProbeOutcome::Connected, 12.5), result(wire::ProbeOutcome::Refused, 0.0)];
    [
        Report::Hello(hello),
        Report::Heartbeat(beat),
        Report::ProbeReport(wire::ProbeReport { results }),
    ]
}

/// Texts of a connector are short, since they are kept for each connector and shown.
fn short(hello: &Hello) {
    let it = &hello.instance;
    let texts = [&it.instance_id, &it.version, &it.platform, &it.hostname, &it.previous_version];
    assert!(texts.iter().all(|text| text.len() <= 253), "{texts:?}");
    assert!(
        !it.instance_id.is_empty() && !it.version.is_empty() && it.private_addresses.len() <= 32
    );
    assert!(it.private_addresses.iter().all(|text| text.len() <= 64), "an address is long");
}

fn holds(load: &Load) {
    let shares = [load.cpu, load.memory];
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{load:?}");
}

/// Results one after the other give a slot that can be read.
fn recorded(checks: impl Iterator<Item = Check>) {
    let slot = LegSlot::default();
    for check in checks {
        match &check {
            Check::Connected { milliseconds, address } => {
                assert!(milliseconds.is_finite() && *milliseconds > 0.0, "{check:?}");
                assert!(address.len() <= 64, "{} bytes of address are kept", address.len());
            }
            Check::Failed { cause, .. } => {
                assert!(!cause.is_empty() && cause.chars().count() <= 256, "{check:?}");
            }
        }
        slot.record(check, noon(), Duration::from_secs(60));
    }
    let median = slot.read(noon()).milliseconds;
    assert!(median.is_none_or(|median| median.is_finite() && median >= 0.0), "{median:?}");
}

#[test]
fn any_bytes_of_a_connector_are_a_report_within_its_limits_or_name_what_is_wrong() {
    let encoded =
        reports().map(|report| ReportStatusRequest { report: Some(report) }.encode_to_vec());
    let target = trial::target!("reports").words(&["\u{8}\u{1}", "\u{10}\u{2}", "10.0.0.5"]);
    encoded.into_iter().fold(target, |target, report| target.with(report)).run(|input| {
        let Ok(ReportStatusRequest { report: Some(report) }) = ReportStatusRequest::decode(input)
        else {
            return no_message();
        };
        let failure = match report {
            Report::Hello(hello) => introduced(hello, "192.0.2.1", None).map(|it| short(&it)).err(),
            Report::Heartbeat(beat) => {
                heartbeat(beat).map(|(load, _)| load.iter().for_each(holds)).err()
            }
            Report::ProbeReport(report) => probe_results(report)
                .map(|results| recorded(results.into_iter().filter_map(|result| result.check)))
                .err(),
            Report::Goodbye(_) => None,
        };
        failure.map_or(Verdict::Taken, |failure| refused(&failure))
    });
}
