//! Cities with real places, zones and measured round trips between them; see the head of `cities.txt` for the source.

use std::sync::LazyLock;

use anyhow::{Context as _, Result, bail, ensure};

/// A round trip within one city, in milliseconds: metropolitan fibre is around 1 ms, and the table has no such pairs.
const SAME_CITY_MS: u32 = 1;

/// One city.
#[derive(Debug)]
pub(crate) struct City {
    /// Its id in names, `frankfurt`.
    pub(crate) id: String,
    /// Its name for people, `Frankfurt`.
    pub(crate) name: String,
    /// ISO 3166-1 alpha-2.
    pub(crate) country_code: String,
    /// Degrees, −90 to 90.
    pub(crate) latitude: f64,
    /// Degrees, −180 to 180.
    pub(crate) longitude: f64,
    /// IANA zone.
    pub(crate) time_zone: String,
    /// Milliseconds to each city before it in the file.
    round_trips: Vec<u32>,
}

static CITIES: LazyLock<Vec<City>> = LazyLock::new(|| {
    parse(include_str!("cities.txt")).expect("a test holds that the table in this crate parses")
});

/// The city with this id.
///
/// # Errors
/// When the table has none.
pub(crate) fn get(id: &str) -> Result<&'static City> {
    CITIES.iter().find(|city| city.id == id).with_context(|| format!("no city `{id}`"))
}

/// Measured round trip between two cities, in milliseconds; 1 within a city.
pub(crate) fn round_trip_ms(a: &City, b: &City) -> u32 {
    let index = |wanted: &City| CITIES.iter().position(|city| city.id == wanted.id);
    match (index(a), index(b)) {
        (Some(a), Some(b)) if a != b => CITIES[a.max(b)].round_trips[a.min(b)],
        _ => SAME_CITY_MS,
    }
}

fn parse(text: &str) -> Result<Vec<City>> {
    let mut cities: Vec<City> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [id, name, country_code, latitude, longitude, time_zone, trips] = fields[..] else {
            bail!("not seven fields: {line}");
        };
        let round_trips =
            trips.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        ensure!(round_trips.len() == cities.len(), "{id}: one round trip per city above");
        cities.push(City {
            id: id.to_owned(),
            name: name.to_owned(),
            country_code: country_code.to_owned(),
            latitude: latitude.parse()?,
            longitude: longitude.parse()?,
            time_zone: time_zone.to_owned(),
            round_trips,
        });
    }
    Ok(cities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_symmetric() {
        let cities = parse(include_str!("cities.txt")).unwrap();
        assert_eq!(cities.len(), 24);
        let (frankfurt, singapore) = (get("frankfurt").unwrap(), get("singapore").unwrap());
        assert_eq!(round_trip_ms(frankfurt, singapore), 157);
        assert_eq!(round_trip_ms(singapore, frankfurt), 157);
        assert_eq!(round_trip_ms(frankfurt, frankfurt), SAME_CITY_MS);
    }

    #[test]
    fn every_city_is_a_place_on_earth() {
        for city in CITIES.iter() {
            assert!(city.latitude.abs() <= 90.0 && city.longitude.abs() <= 180.0, "{}", city.name);
            assert!(jiff::tz::TimeZone::get(&city.time_zone).is_ok(), "{}", city.time_zone);
        }
    }
}
