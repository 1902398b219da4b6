//! Locations.

use proto::{google::r#type::LatLng, registry::v1 as wire};

use crate::domain::{CountryCode, Location, LocationDraft, PlaceSource};

pub(super) fn draft(message: wire::Location) -> LocationDraft {
    let wire::Location {
        address,
        city,
        country_code,
        coordinates,
        time_zone,
        effective_time_zone: _,
        time_zone_source: _,
        effective_country_code: _,
        country_code_source: _,
    } = message;
    let coordinates = coordinates.map(|LatLng { latitude, longitude }| (latitude, longitude));
    LocationDraft { address, city, country_code, coordinates, time_zone }
}

pub(super) fn message(location: &Location) -> wire::Location {
    let country_code = location.country_code.as_ref().map_or("", CountryCode::as_str).to_owned();
    let country_code_source = match location.country_code {
        Some(_) => wire::PlaceSource::Configured,
        None => wire::PlaceSource::Unspecified,
    };
    let time_zone_source = match location.time_zone_source {
        PlaceSource::Configured => wire::PlaceSource::Configured,
        PlaceSource::Derived => wire::PlaceSource::Derived,
    };
    wire::Location {
        address: location.address.clone(),
        city: location.city.clone(),
        effective_country_code: country_code.clone(),
        country_code,
        coordinates: Some(LatLng {
            latitude: location.coordinates.latitude(),
            longitude: location.coordinates.longitude(),
        }),
        time_zone: location.configured_time_zone().to_owned(),
        effective_time_zone: location.effective_time_zone.clone(),
        time_zone_source: time_zone_source.into(),
        country_code_source: country_code_source.into(),
    }
}
