//! Filters by table, and any text in the place of one.

use names::{Reason, Violations};
use proto::registry::v1::{AppConnectorGroup, DnsResolutionOption, Location};
use trial::fuzz::Verdict;

use super::Filter;

const GROUP: &str = "causeway.registry.v1.AppConnectorGroup";

fn berlin() -> AppConnectorGroup {
    AppConnectorGroup {
        name: "tenants/acme/appConnectorGroups/berlin".to_owned(),
        display_name: "Berlin 1".to_owned(),
        enabled: Some(false),
        labels: [("site".to_owned(), "b1".to_owned())].into(),
        location: Some(Location { city: "Berlin".to_owned(), ..Location::default() }),
        dns_resolution_option: DnsResolutionOption::Ipv4.into(),
        create_time: Some(prost_types::Timestamp { seconds: 1_764_547_200, nanos: 0 }),
        former_server_groups: vec!["tenants/acme/serverGroups/crm".to_owned()],
        ..AppConnectorGroup::default()
    }
}

#[test]
fn a_filter_asks_for_fields_as_the_contract_names_them() {
    for (filter, expected) in [
        ("enabled = false", true),
        ("enabled = true", false),
        ("enabled != true", true),
        ("display_name = \"Berlin 1\"", true),
        ("display_name = \"Ber*\"", true),
        ("display_name = \"*lin\"", false),
        ("display_name = '*lin*'", true),
        ("labels.site = b1", true),
        ("labels.site != \"b1\"", false),
        ("labels:site", true),
        ("labels:rack", false),
        ("labels.rack = \"x\"", false),
        ("labels.rack != \"x\"", true),
        ("location.city = \"Berlin\"", true),
        ("location:*", true),
        ("delete_time:*", false),
        ("NOT delete_time:*", true),
        ("-delete_time:*", true),
        ("dns_resolution_option = IPV4", true),
        ("dns_resolution_option = DNS_RESOLUTION_OPTION_IPV4", true),
        ("dns_resolution_option != IPV4", false),
        ("create_time > \"2025-11-30T00:00:00Z\"", true),
        ("create_time <= \"2025-11-30T00:00:00Z\"", false),
        ("former_server_groups:\"tenants/acme/serverGroups/crm\"", true),
        ("former_server_groups:\"*crm\"", true),
        ("former_server_groups:nobody", false),
        ("enabled = true OR labels.site = b1", true),
        ("enabled = true AND labels.site = b1", false),
        // OR binds tighter than AND, and a gap is an AND.
        ("enabled = true AND labels.site = b1 OR enabled = false", false),
        ("enabled = false (labels.site = b2 OR labels.site = b1)", true),
    ] {
        let mut problems = Violations::new();
        let parsed = Filter::parse(filter, GROUP, &mut problems);
        let parsed = parsed.unwrap_or_else(|| panic!("{filter}: {problems:?}"));
        assert_eq!(parsed.matches(&berlin()), expected, "{filter}");
    }
}

#[test]
fn what_is_no_filter_is_told_with_place_and_fix() {
    let deep = format!("{}enabled=true{}", "(".repeat(20), ")".repeat(20));
    for (filter, reason, part) in [
        ("enabled", Reason::Malformed, "needs a comparison"),
        ("enabled =", Reason::Malformed, "compared with nothing"),
        ("enabled = maybe", Reason::Malformed, "true or false"),
        ("enabled > true", Reason::Malformed, "use `=`"),
        ("enbled = true", Reason::UnknownField, "enabled"),
        ("display_name.x = 1", Reason::UnknownField, "has no fields"),
        ("create_time > yesterday", Reason::Malformed, "2026-12-01"),
        ("dns_resolution_option = IPV5", Reason::Malformed, "words"),
        ("(enabled = true", Reason::Malformed, "parenthesis at byte 0"),
        ("display_name = \"x", Reason::Malformed, "quote at byte 15"),
        ("enabled = true)", Reason::Malformed, "byte 14"),
        ("enabled ? true", Reason::Malformed, "`?` at byte 8"),
        (deep.as_str(), Reason::TooLarge, "levels"),
        (&"x".repeat(1025), Reason::TooLong, "1024 bytes"),
    ] {
        let mut problems = Violations::new();
        assert!(Filter::parse(filter, GROUP, &mut problems).is_none(), "{filter}");
        let told = &problems.list()[0];
        assert_eq!((told.field.as_str(), told.reason), ("filter", reason), "{filter}");
        assert!(told.description.contains(part), "{filter}: {}", told.description);
    }
}

#[test]
fn any_text_is_a_filter_or_names_what_is_wrong() {
    let words = [
        "enabled",
        " AND ",
        " OR ",
        "NOT ",
        "(",
        ")",
        " = ",
        ":*",
        "\"x\"",
        "labels.site",
        "2026-12-01T00:00:00Z",
        "create_time",
    ];
    let target = trial::target!("filters").words(&words);
    target.with("enabled = false AND (labels.site = \"b1\" OR NOT location:*)").run(|input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return Verdict::Refused("no text".to_owned());
        };
        let mut problems = Violations::new();
        match Filter::parse(text, GROUP, &mut problems) {
            Some(filter) => {
                assert!(problems.is_empty());
                let _ = filter.matches(&berlin());
                Verdict::Taken
            }
            None if text.is_empty() => Verdict::Refused("empty".to_owned()),
            None => {
                assert!(!problems.is_empty(), "refused without a word");
                Verdict::Refused(problems.list()[0].reason.word().to_owned())
            }
        }
    });
}
