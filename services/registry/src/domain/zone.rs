//! IANA time zones: checking a name, and deriving one from a place.
//!
//! ## Design notes
//! The borders are `tzf-rs`'s simplified ones, "not entirely accurate around the border"; so a derived
//! zone is shown as derived and anybody may write another. The finder reads the bundled bytes in
//! place (4 ms to open, about 4 MB), once per process. At sea it answers `Etc/GMT±n`.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use tzf_rs::EmbeddedFinder;

use super::Coordinates;

static FINDER: LazyLock<EmbeddedFinder> = LazyLock::new(EmbeddedFinder::new);

/// The zone's canonical spelling, or `None` if the bundled zone database does not know it.
pub(super) fn canonical(name: &str) -> Option<String> {
    TimeZone::get(name).ok()?.iana_name().map(str::to_owned)
}

/// The zone of a place. Where no border matches or the zone database does not know the answer, the
/// nautical zone of the longitude.
pub(super) fn at(coordinates: Coordinates) -> String {
    // The finder takes longitude first.
    let found = FINDER.get_tz_name(coordinates.longitude(), coordinates.latitude());
    canonical(found).unwrap_or_else(|| nautical(coordinates.longitude()))
}

/// `Etc/GMT±n`; the sign is reversed in these names, west is plus.
fn nautical(longitude: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "|longitude| / 15 is at most 12")]
    let hours = (longitude / 15.0).round() as i32;
    match hours {
        0 => "Etc/GMT".to_owned(),
        east if east > 0 => format!("Etc/GMT-{east}"),
        west => format!("Etc/GMT+{}", -west),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_the_zone_of_their_country_and_not_that_of_swapped_coordinates() {
        for (latitude, longitude, zone) in [
            (52.52, 13.405, "Europe/Berlin"),
            (40.7128, -74.006, "America/New_York"),
            (-33.8688, 151.2093, "Australia/Sydney"),
            (35.6764, 139.65, "Asia/Tokyo"),
            (-23.5505, -46.6333, "America/Sao_Paulo"),
            (1.3521, 103.8198, "Asia/Singapore"),
            (-13.8333, -171.75, "Pacific/Apia"),
            (-31.55, 159.08, "Australia/Lord_Howe"),
        ] {
            let place = Coordinates::new(latitude, longitude).unwrap();
            assert_eq!(at(place), zone, "{latitude}/{longitude}");
        }
    }

    #[test]
    fn the_open_sea_has_a_nautical_zone_and_every_place_has_one_that_the_database_knows() {
        assert_eq!(at(Coordinates::new(0.0, -30.0).unwrap()), "Etc/GMT+2");
        for latitude in (-90..=90).step_by(6) {
            for longitude in (-180..=180).step_by(6) {
                let place = Coordinates::new(latitude.into(), longitude.into()).unwrap();
                let zone = at(place);
                assert!(canonical(&zone).is_some(), "{zone} at {latitude}/{longitude}");
            }
        }
    }

    #[test]
    fn every_zone_that_the_borders_know_is_in_the_zone_database() {
        let unknown: Vec<_> =
            FINDER.timezonenames().into_iter().filter(|name| canonical(name).is_none()).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn a_zone_is_known_by_its_iana_name_whatever_the_case() {
        assert_eq!(canonical("europe/berlin").as_deref(), Some("Europe/Berlin"));
        for bad in ["", "Europe/Atlantis", "+01:00", "CET+1"] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
    }
}
