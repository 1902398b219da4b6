//! The rules of a segment, by table.

use names::Draft as _;

use super::*;
use crate::domain::Rules;

fn check(draft: &SegmentDraft) -> Result<SegmentSpec, Vec<String>> {
    let tenant = "tenants/acme".parse().unwrap();
    let rules = Rules::default();
    let subject = Subject { tenant: Some(&tenant), previous: None, rules: &rules };
    let mut problems = Violations::new();
    let found = SegmentSpec::check(draft, &subject, &mut problems);
    found.filter(|_| problems.is_empty()).ok_or_else(|| {
        problems
            .list()
            .iter()
            .map(|p| format!("{} {}", p.field.trim_start_matches("application_segment."), p.reason))
            .collect()
    })
}

fn crm() -> SegmentDraft {
    SegmentDraft {
        display_name: "CRM".to_owned(),
        domains: vec!["CRM.corp.example.".to_owned()],
        tcp: vec![PortRangeDraft { first: 443, last: 0 }],
        ..SegmentDraft::default()
    }
}

#[test]
fn silence_means_the_documented_default() {
    let spec = check(&crm()).unwrap();
    assert!(spec.enabled);
    assert_eq!(spec.domains[0].to_string(), "crm.corp.example");
    assert_eq!(spec.health_reporting, HealthReporting::OnAccess);
    assert_eq!(spec.match_style, MatchStyle::Inclusive);
    assert_eq!(spec.selection_policy, SelectionPolicy::LowestTotalLatency);
    assert_eq!(spec.unhealthy_policy, UnhealthyPolicy::Refuse);
    assert_eq!(spec.sticky_for, SignedDuration::from_mins(10));
    assert_eq!(spec.minimum_available, None);
    assert_eq!(check(&spec.draft()).unwrap(), spec);
}

#[test]
fn every_bad_field_is_named_at_once() {
    let group = |id: &str| format!("tenants/acme/appConnectorGroups/{id}");
    let preference = |id: &str, priority, weight| PreferenceDraft {
        app_connector_group: group(id),
        priority,
        weight,
    };
    let draft = SegmentDraft {
        display_name: String::new(),
        domains: ["a.example", "A.example.", "*"].map(str::to_owned).to_vec(),
        tcp: vec![],
        server_groups: vec!["tenants/acme/appConnectorGroups/x".to_owned()],
        preferences: vec![
            preference("a", 10, None),
            preference("b", 0, Some(1001)),
            preference("c", 9, Some(0)),
            preference("c", 0, None),
        ],
        allowed_countries: ["DE", "de", "DE"].map(str::to_owned).to_vec(),
        minimum_available: Some(-1),
        sticky_for: Some(SignedDuration::from_hours(25)),
        ..crm()
    };
    assert_eq!(
        check(&draft).unwrap_err(),
        [
            "display_name REQUIRED",
            "domains[1] REPEATED",
            "domains[2] MALFORMED",
            "tcp_port_ranges REQUIRED",
            "server_groups[0] MALFORMED",
            "app_connector_group_preferences[0].priority OUT_OF_RANGE",
            "app_connector_group_preferences[1].weight OUT_OF_RANGE",
            "app_connector_group_preferences[3].app_connector_group REPEATED",
            "allowed_countries[1] MALFORMED",
            "allowed_countries[2] REPEATED",
            "minimum_available OUT_OF_RANGE",
            "sticky_for OUT_OF_RANGE",
        ]
    );
}

#[test]
fn continuous_reporting_needs_exact_targets_and_few_ports() {
    let continuous = SegmentDraft { health_reporting: Some(HealthReporting::Continuous), ..crm() };
    assert!(check(&continuous).is_ok());
    for domain in ["*.corp.example", "10.0.0.0/8"] {
        let wide = SegmentDraft { domains: vec![domain.to_owned()], ..continuous.clone() };
        assert_eq!(check(&wide).unwrap_err(), ["health_reporting NOT_ALLOWED"], "{domain}");
    }
    let many =
        |last| SegmentDraft { udp: vec![PortRangeDraft { first: 1, last }], ..continuous.clone() };
    assert!(check(&many(9)).is_ok());
    assert_eq!(check(&many(10)).unwrap_err(), ["health_reporting NOT_ALLOWED"]);
}

#[test]
fn closest_to_application_needs_something_that_measures() {
    let closest =
        SegmentDraft { selection_policy: Some(SelectionPolicy::ClosestToApplication), ..crm() };
    assert!(check(&closest).is_ok());
    let unmeasured =
        SegmentDraft { health_reporting: Some(HealthReporting::None), ..closest.clone() };
    assert_eq!(check(&unmeasured).unwrap_err(), ["selection_policy NOT_ALLOWED"]);
    let udp_only = SegmentDraft { tcp: vec![], udp: closest.tcp.clone(), ..closest };
    assert_eq!(check(&udp_only).unwrap_err(), ["selection_policy NOT_ALLOWED"]);
}

#[test]
fn every_path_lays_what_it_names() {
    let full = SegmentDraft {
        description: "d".to_owned(),
        labels: [("a".to_owned(), "b".to_owned())].into(),
        server_groups: vec!["tenants/acme/serverGroups/x".to_owned()],
        preferences: vec![PreferenceDraft::default()],
        allowed_countries: vec!["DE".to_owned()],
        minimum_available: Some(1),
        disaster_recovery: true,
        ..check(&SegmentDraft { udp: crm().tcp, ..crm() }).unwrap().draft()
    };
    for path in SegmentDraft::PATHS {
        let mut draft = SegmentDraft::default();
        draft.copy_field(path, &full);
        assert_ne!(draft, SegmentDraft::default(), "{path} lays nothing");
    }
    let mut all = SegmentDraft::default();
    for path in full.non_default_paths() {
        all.copy_field(path, &full);
    }
    assert_eq!(all, full);
}

#[test]
fn what_switches_off_or_narrows_is_a_cut_and_what_adds_or_renames_is_none() {
    let spec = |draft: &SegmentDraft| check(draft).unwrap();
    let server_group = |id: &str| format!("tenants/acme/serverGroups/{id}");
    let crm = SegmentDraft { server_groups: vec![server_group("a")], ..crm() };
    let cut = |after: SegmentDraft| spec(&crm).withdraws(&spec(&after));
    assert!(cut(SegmentDraft { enabled: Some(false), ..crm.clone() }));
    assert!(cut(SegmentDraft { domains: vec!["erp.corp.example".to_owned()], ..crm.clone() }));
    assert!(cut(SegmentDraft { server_groups: vec![server_group("b")], ..crm.clone() }));
    let moved = vec![PortRangeDraft { first: 444, last: 0 }];
    assert!(cut(SegmentDraft { tcp: moved, ..crm.clone() }));
    assert!(cut(SegmentDraft { allowed_countries: vec!["DE".to_owned()], ..crm.clone() }));
    let more = vec!["crm.corp.example".to_owned(), "erp.corp.example".to_owned()];
    assert!(!cut(SegmentDraft { domains: more, ..crm.clone() }));
    assert!(!cut(SegmentDraft { display_name: "Sales".to_owned(), ..crm.clone() }));
}
