//! Where something is.

use names::Reason;
use serde::{Deserialize, Serialize};

use super::{Rules, Violations, zone};

/// Longest address and city, in characters.
pub(super) const MAX_PLACE_TEXT_CHARS: usize = 255;

/// Micro-degrees: coordinates are kept and compared at 6 decimals, about 11 cm.
const PER_DEGREE: f64 = 1_000_000.0;

/// WGS 84 coordinates at 6 decimals; latitude −90 to 90, longitude −180 to 180 degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinates {
    latitude_e6: i32,
    longitude_e6: i32,
}

impl Coordinates {
    /// Coordinates in degrees, or `None` outside the ranges.
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let within = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        within.then(|| Self { latitude_e6: micro(latitude), longitude_e6: micro(longitude) })
    }

    /// Degrees north.
    #[must_use]
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude_e6) / PER_DEGREE
    }

    /// Degrees east.
    #[must_use]
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude_e6) / PER_DEGREE
    }

    fn is_null_island(self) -> bool {
        self.latitude_e6 == 0 && self.longitude_e6 == 0
    }

    /// Checks a place; 0/0 is taken for a mistake unless it stood there before, or is meant.
    pub(super) fn check(
        (latitude, longitude): (f64, f64),
        previous: Option<Self>,
        rules: &Rules,
        at: &str,
        problems: &mut Violations,
    ) -> Option<Self> {
        if !(-90.0..=90.0).contains(&latitude) {
            let fix = "must be -90 to 90 degrees; send the latitude north of the equator";
            problems.add(format!("{at}.latitude"), Reason::OutOfRange, fix);
        }
        if !(-180.0..=180.0).contains(&longitude) {
            let fix = "must be -180 to 180 degrees; send the longitude east of Greenwich";
            problems.add(format!("{at}.longitude"), Reason::OutOfRange, fix);
        }
        let found = Self::new(latitude, longitude)?;
        if found.is_null_island() && !rules.allow_null_island && previous != Some(found) {
            problems.add(
                at,
                Reason::NullIsland,
                "0/0 is a place in the Atlantic and mostly a mistake; send the real coordinates, or set allow_null_island",
            );
            return None;
        }
        Some(found)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "at most 180,000,000 after the range check")]
fn micro(degrees: f64) -> i32 {
    (degrees * PER_DEGREE).round() as i32
}

/// ISO 3166-1 alpha-2 code. The shape is checked, not membership: codes come and go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountryCode(String);

impl CountryCode {
    /// Checks a code.
    pub fn check(text: &str, at: &str, problems: &mut Violations) -> Option<Self> {
        let fits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
        if !fits {
            let fix = "must be two capital letters (ISO 3166-1 alpha-2), for example `DE`";
            problems.add(at, Reason::Malformed, fix);
        }
        fits.then(|| Self(text.to_owned()))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an effective value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PlaceSource {
    /// Somebody wrote it.
    Configured,
    /// From the coordinates.
    Derived,
}

/// A location as a caller writes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocationDraft {
    /// Postal address.
    pub address: String,
    /// City.
    pub city: String,
    /// Country code; empty: not written.
    pub country_code: String,
    /// Latitude and longitude in degrees.
    pub coordinates: Option<(f64, f64)>,
    /// Zone; empty: derive it.
    pub time_zone: String,
}

impl LocationDraft {
    /// What an update that names the whole place leaves: the new one, with the coordinates that stood
    /// if it brings none.
    #[must_use]
    fn replaced(before: Option<Self>, new: Option<&Self>) -> Option<Self> {
        let stood = before.and_then(|place| place.coordinates);
        match (new, stood) {
            (Some(new), _) => Some(Self { coordinates: new.coordinates.or(stood), ..new.clone() }),
            (None, Some(stood)) => Some(Self { coordinates: Some(stood), ..Self::default() }),
            (None, None) => None,
        }
    }

    /// Copies what `path` names: all of the place (coordinates that are absent never drop those that stand), or a part.
    pub fn copy(to: &mut Option<Self>, path: &str, from: &Option<Self>) {
        match path {
            "location" => *to = Self::replaced(to.take(), from.as_ref()),
            part => Self::copy_part(to, part, from.as_ref()),
        }
    }

    /// As [`copy`](Self::copy), of a place that may be taken away.
    pub fn copy_optional(to: &mut Option<Self>, path: &str, from: &Option<Self>) {
        match (path, from) {
            ("location", None) => *to = None,
            _ => Self::copy(to, path, from),
        }
    }

    fn copy_part(onto: &mut Option<Self>, path: &str, from: Option<&Self>) {
        let empty = Self::default();
        let from = from.unwrap_or(&empty);
        let Some(part) = path.strip_prefix("location.") else { return };
        if onto.is_none() && *from == empty {
            return;
        }
        let place = onto.get_or_insert_default();
        match part {
            "address" => place.address.clone_from(&from.address),
            "city" => place.city.clone_from(&from.city),
            "country_code" => place.country_code.clone_from(&from.country_code),
            "coordinates" => place.coordinates = from.coordinates.or(place.coordinates),
            "time_zone" => place.time_zone.clone_from(&from.time_zone),
            _ => {}
        }
        if *place == empty {
            *onto = None;
        }
    }
}

/// A valid location with its effective time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Postal address; may be empty.
    pub address: String,
    /// City; may be empty.
    pub city: String,
    /// Country, if written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<CountryCode>,
    /// Where.
    pub coordinates: Coordinates,
    /// The zone that counts: written, or derived when these coordinates were written.
    pub effective_time_zone: String,
    /// Where the zone comes from.
    pub time_zone_source: PlaceSource,
}

impl Location {
    /// Checks a location. `previous` is the stored one: its derived zone stays as long as the
    /// coordinates do, so that a new release of the zone database moves no maintenance window.
    pub fn check(
        draft: &LocationDraft,
        previous: Option<&Self>,
        rules: &Rules,
        at: &str,
        problems: &mut Violations,
    ) -> Option<Self> {
        let address = place_text(&draft.address, &format!("{at}.address"), problems);
        let city = place_text(&draft.city, &format!("{at}.city"), problems);
        let country = (!draft.country_code.is_empty()).then(|| {
            CountryCode::check(&draft.country_code, &format!("{at}.country_code"), problems)
        });
        let coordinates_at = format!("{at}.coordinates");
        let coordinates = match draft.coordinates {
            Some(pair) => {
                let before = previous.map(|location| location.coordinates);
                Coordinates::check(pair, before, rules, &coordinates_at, problems)
            }
            None => {
                let fix = "send latitude and longitude; they steer which connector is chosen";
                problems.missing(coordinates_at, fix);
                None
            }
        };
        let written = written_zone(&draft.time_zone, &format!("{at}.time_zone"), problems);
        let (coordinates, written) = (coordinates?, written?);
        let (effective_time_zone, time_zone_source) =
            effective_zone(written, coordinates, previous);
        Some(Self {
            address: address?,
            city: city?,
            country_code: match country {
                Some(checked) => Some(checked?),
                None => None,
            },
            coordinates,
            effective_time_zone,
            time_zone_source,
        })
    }

    /// What a caller would have written to get this.
    #[must_use]
    pub fn draft(&self) -> LocationDraft {
        LocationDraft {
            address: self.address.clone(),
            city: self.city.clone(),
            country_code: self.country_code.as_ref().map_or("", CountryCode::as_str).to_owned(),
            coordinates: Some((self.coordinates.latitude(), self.coordinates.longitude())),
            time_zone: self.configured_time_zone().to_owned(),
        }
    }

    /// The zone that was written; empty if it is derived.
    #[must_use]
    pub fn configured_time_zone(&self) -> &str {
        match self.time_zone_source {
            PlaceSource::Configured => &self.effective_time_zone,
            PlaceSource::Derived => "",
        }
    }
}

fn place_text(text: &str, at: &str, problems: &mut Violations) -> Option<String> {
    let long = text.chars().count() > MAX_PLACE_TEXT_CHARS;
    if long || text.chars().any(char::is_control) {
        problems.add(at, Reason::Malformed, "at most 255 characters and no control characters");
        return None;
    }
    Some(text.to_owned())
}

/// `Some(None)`: nothing was written, which is fine.
#[allow(clippy::option_option, reason = "outer: valid; inner: written")]
fn written_zone(text: &str, at: &str, problems: &mut Violations) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let known = zone::canonical(text);
    if known.is_none() {
        let fix = format!(
            "`{text:.80}` is not in the IANA time zone database; send a name such as `Europe/Berlin`, or leave it empty to derive it from the coordinates"
        );
        problems.add(at, Reason::TimeZoneUnknown, fix);
    }
    known.map(Some)
}

fn effective_zone(
    written: Option<String>,
    coordinates: Coordinates,
    previous: Option<&Location>,
) -> (String, PlaceSource) {
    if let Some(zone) = written {
        return (zone, PlaceSource::Configured);
    }
    let kept = previous
        .filter(|p| p.coordinates == coordinates && p.time_zone_source == PlaceSource::Derived)
        .map(|p| p.effective_time_zone.clone());
    (kept.unwrap_or_else(|| zone::at(coordinates)), PlaceSource::Derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> LocationDraft {
        LocationDraft { coordinates: Some((52.52, 13.405)), ..LocationDraft::default() }
    }

    fn check(draft: &LocationDraft, previous: Option<&Location>) -> Result<Location, Violations> {
        let mut problems = Violations::new();
        let found = Location::check(draft, previous, &Rules::default(), "location", &mut problems);
        found.filter(|_| problems.is_empty()).ok_or(problems)
    }

    fn reasons(problems: &Violations) -> Vec<(&str, &str)> {
        problems.list().iter().map(|p| (p.field.as_str(), p.reason.word())).collect()
    }

    #[test]
    fn the_zone_is_derived_when_none_is_written() {
        let derived = check(&berlin(), None).unwrap();
        assert_eq!(derived.effective_time_zone, "Europe/Berlin");
        assert_eq!(derived.time_zone_source, PlaceSource::Derived);
        let written = LocationDraft { time_zone: "Asia/Tokyo".to_owned(), ..berlin() };
        let written = check(&written, None).unwrap();
        assert_eq!(written.effective_time_zone, "Asia/Tokyo");
        assert_eq!(written.time_zone_source, PlaceSource::Configured);
    }

    #[test]
    fn a_derived_zone_stays_until_the_coordinates_change_or_it_was_written_over() {
        let mut stored = check(&berlin(), None).unwrap();
        // As if an older zone database had answered otherwise.
        stored.effective_time_zone = "Europe/Vienna".to_owned();
        assert_eq!(check(&berlin(), Some(&stored)).unwrap().effective_time_zone, "Europe/Vienna");
        let tokyo = LocationDraft { coordinates: Some((35.6764, 139.65)), ..berlin() };
        assert_eq!(check(&tokyo, Some(&stored)).unwrap().effective_time_zone, "Asia/Tokyo");
        stored.time_zone_source = PlaceSource::Configured;
        assert_eq!(check(&berlin(), Some(&stored)).unwrap().effective_time_zone, "Europe/Berlin");
    }

    #[test]
    fn every_bad_part_of_a_place_is_named() {
        let draft = LocationDraft {
            address: "a\u{0}".to_owned(),
            city: "c".repeat(256),
            country_code: "de".to_owned(),
            coordinates: Some((91.0, f64::NAN)),
            time_zone: "Mars/Base".to_owned(),
        };
        assert_eq!(
            reasons(&check(&draft, None).unwrap_err()),
            [
                ("location.address", "MALFORMED"),
                ("location.city", "MALFORMED"),
                ("location.country_code", "MALFORMED"),
                ("location.coordinates.latitude", "OUT_OF_RANGE"),
                ("location.coordinates.longitude", "OUT_OF_RANGE"),
                ("location.time_zone", "TIME_ZONE_UNKNOWN"),
            ]
        );
        let absent = check(&LocationDraft::default(), None).unwrap_err();
        assert_eq!(reasons(&absent), [("location.coordinates", "REQUIRED")]);
    }

    #[test]
    fn null_island_is_refused_unless_it_is_meant_or_stands_already() {
        let zero = LocationDraft { coordinates: Some((0.0, 0.000_000_4)), ..berlin() };
        let refused = check(&zero, None).unwrap_err();
        assert_eq!(reasons(&refused), [("location.coordinates", "NULL_ISLAND")]);
        let mut problems = Violations::new();
        let meant = Rules { allow_null_island: true, ..Rules::default() };
        let stored = Location::check(&zero, None, &meant, "location", &mut problems).unwrap();
        assert!(check(&zero, Some(&stored)).is_ok());
    }

    #[test]
    fn coordinates_compare_at_six_decimals_and_come_back_as_they_went_in() {
        let a = Coordinates::new(52.520_006_4, 13.404_954).unwrap();
        let b = Coordinates::new(52.520_006, 13.404_954_4).unwrap();
        assert_eq!(a, b);
        assert!((a.latitude() - 52.520_006).abs() < f64::EPSILON);
        let location = check(&berlin(), None).unwrap();
        assert_eq!(check(&location.draft(), Some(&location)).unwrap(), location);
    }
}
