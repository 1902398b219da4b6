//! Any text in the place of what a segment covers, of ports, of a place, or of a text for people.

use std::collections::BTreeMap;

use jiff::tz::TimeZoneDatabase;
use trial::fuzz::Verdict;

use super::{
    Coordinates, CountryCode, Description, DisplayName, Labels, Location, LocationDraft,
    PlaceSource, PortRangeDraft, Ports, Rules, Target, Violation, Violations,
    target::MAX_HOST_BYTES, zone,
};

/// Longest refusal: the text it repeats, up to 80 characters of four bytes, and the rule.
const MAX_FIX_BYTES: usize = 640;

/// Taken, or refused as what was found at `at` or below it.
fn verdict<T>(found: Option<T>, problems: &Violations, at: &str) -> Verdict {
    if found.is_some() && problems.is_empty() {
        return Verdict::Taken;
    }
    assert!(!problems.is_empty(), "refused without a word");
    for Violation { field, description: fix, .. } in problems.list() {
        assert!(field.starts_with(at), "{field} is not {at}");
        assert!(!fix.is_empty() && fix.len() <= MAX_FIX_BYTES, "{fix}");
    }
    Verdict::Refused(format!("{} {}", problems.list()[0].field, problems.list()[0].reason))
}

#[test]
fn a_text_is_one_host_wildcard_address_or_network_or_says_how_to_mend_it() {
    let words = ["*.", "xn--", "/", "/8", "/128", "::ffff:", "10.0.0.0", ".", "-", "_", "0x"];
    trial::target!("targets").words(&words).run_on_text(|text| {
        let parsed = Target::parse(text);
        match &parsed {
            Ok(target) => {
                let spelling = target.to_string();
                assert_eq!(Target::parse(&spelling).as_ref(), Ok(target), "{spelling} is another");
                assert!(spelling.is_ascii() && spelling.len() <= MAX_HOST_BYTES + "*.".len());
                assert_eq!(spelling, spelling.to_ascii_lowercase());
                match target {
                    Target::Host(name) | Target::Wildcard(name) => {
                        assert!(name.parse::<std::net::IpAddr>().is_err(), "{name} is an address");
                        assert!(name.split('.').all(|label| (1..=63).contains(&label.len())));
                    }
                    Target::Address(address) => assert_eq!(*address, address.to_canonical()),
                    Target::Network(address, length) => {
                        assert_eq!(*address, address.to_canonical());
                        assert!(*length < if address.is_ipv4() { 32 } else { 128 });
                    }
                }
                assert_eq!(target.is_exact(), !spelling.contains(['*', '/']));
            }
            Err(error) => assert!(error.to_string().len() <= MAX_FIX_BYTES, "{error}"),
        }
        parsed
    });
}

/// `first-last` on a line each; what is no number is 0.
fn drafts(text: &str) -> Vec<PortRangeDraft> {
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    let range = |(first, last)| PortRangeDraft { first: number(first), last: number(last) };
    text.lines().filter_map(|line| line.split_once(' ')).map(range).collect()
}

#[test]
fn port_ranges_are_in_order_and_apart_or_each_wrong_one_is_named() {
    let words = ["65535", "65536", "0", "443 ", "\n", "-1", "2147483648"];
    trial::target!("ports").words(&words).run_on_text(|text| {
        let (drafts, mut problems) = (drafts(text), Violations::new());
        let found = Ports::check(&drafts, "tcp", &mut problems);
        if let Some(ports) = &found {
            let ranges = ports.ranges();
            assert_eq!(ranges.len(), drafts.len(), "a range is lost");
            assert!(ranges.iter().all(|range| 1 <= range.first && range.first <= range.last));
            assert!(ranges.windows(2).all(|pair| pair[0].last < pair[1].first), "{ranges:?}");
            assert!(ports.count() <= 65_535);
            assert_eq!(Ports::check(&ports.drafts(), "tcp", &mut problems).as_ref(), Some(ports));
            assert_eq!(ports.overlap(ports), !ranges.is_empty());
        }
        verdict(found, &problems, "tcp")
    });
}

#[test]
fn a_text_is_a_time_zone_of_the_database_in_its_spelling_or_none() {
    let database = TimeZoneDatabase::bundled();
    let known: Vec<String> = database.available().map(|name| name.to_string()).collect();
    let words = ["Europe/", "Etc/", "Unknown", "GMT", "+1", "posix/", "right/", "localtime"];
    trial::target!("time_zones").words(&words).run_on_text(|text| {
        let found = zone::canonical(text);
        if let Some(name) = &found {
            assert!(known.contains(name), "{name} is in no database");
            assert!(name.eq_ignore_ascii_case(text), "{text} is called {name}");
            assert_eq!(zone::canonical(name).as_ref(), Some(name));
        }
        found
    });
}

/// Two numbers, then a country, a zone, a city and an address, a line each.
fn place(text: &str) -> LocationDraft {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (latitude, longitude) = (line().parse(), line().parse());
    LocationDraft {
        coordinates: latitude.ok().zip(longitude.ok()),
        country_code: line(),
        time_zone: line(),
        city: line(),
        address: line(),
    }
}

#[test]
fn a_place_is_on_the_globe_with_its_zone_or_each_wrong_part_is_named() {
    let words = ["-90", "180.0000001", "1e-320", "inf", "NaN", "-0", "DE", "Etc/GMT+12", "\n"];
    trial::target!("places").words(&words).run_on_text(|text| {
        let (draft, rules, mut problems) = (place(text), Rules::default(), Violations::new());
        let found = Location::check(&draft, None, &rules, "place", &mut problems);
        if let Some(location) = found.as_ref().filter(|_| problems.is_empty()) {
            let (north, east) = draft.coordinates.expect("a place has coordinates");
            let at: Coordinates = location.coordinates;
            assert!((at.latitude() - north).abs() < 1e-6 && (at.longitude() - east).abs() < 1e-6);
            assert!(at.latitude().abs() <= 90.0 && at.longitude().abs() <= 180.0);
            assert_eq!(
                draft.time_zone.is_empty(),
                location.time_zone_source == PlaceSource::Derived
            );
            assert!(zone::canonical(&location.effective_time_zone).is_some());
            let again =
                Location::check(&location.draft(), Some(location), &rules, "", &mut problems);
            assert_eq!(
                again.as_ref(),
                Some(location),
                "it is another place when it is written again"
            );
            let code = location.country_code.as_ref().map_or("", CountryCode::as_str);
            assert_eq!(code, draft.country_code);
        }
        verdict(found, &problems, "place")
    });
}

/// The lines `key=value` of a text.
fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn texts_for_people_keep_their_limits_and_come_back_as_they_were() {
    let words = ["rack.eu/row-1=", "=", "\u{7}", "\u{85}", "\u{3000}", "\t", "\n", "\u{feff}"];
    trial::target!("written").words(&words).run_on_text(|text| {
        let (rules, mut problems) = (Rules::default(), Violations::new());
        if let Some(kept) = Labels::check(&labels(text), &rules, "labels", &mut problems) {
            assert_eq!(kept.as_map(), &labels(text), "a label is lost");
            assert!(kept.as_map().len() <= rules.quotas.labels_per_object);
        }
        verdict(problems.is_empty().then_some(()), &problems, "labels");
        let mut problems = Violations::new();
        if let Some(kept) = Description::check(text, "description", &mut problems) {
            assert!(kept.as_str() == text && text.chars().count() <= 2_048);
        }
        verdict(problems.is_empty().then_some(()), &problems, "description");
        let mut problems = Violations::new();
        let name = DisplayName::check(text, "display_name", &mut problems);
        if let Some(name) = &name {
            assert!(name.as_str() == text && (1..=255).contains(&text.chars().count()));
            assert_eq!(names::display_key(&name.key()), name.key());
        }
        verdict(name, &problems, "display_name")
    });
}
