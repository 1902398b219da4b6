//! Places on the sphere and the estimated round trip between two of them.

/// Mean radius of the Earth, kilometres.
const EARTH_RADIUS_KM: f32 = 6_371.0;
/// Round trip per kilometre of great circle, milliseconds: the slope with the least regret over measured
/// pairs. Light in fibre would be 0.010; real cables bend.
const MS_PER_KM: f32 = 0.015;
/// Least round trip to another host, milliseconds: below it an estimate says nothing.
const FLOOR_MS: f32 = 0.3;

/// Coordinates in degrees, always finite and in range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    latitude: f64,
    longitude: f64,
}

impl Coordinates {
    /// Coordinates in degrees: latitude -90 to 90, longitude -180 to 180; `None` outside of that.
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let fits = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        fits.then_some(Self { latitude, longitude })
    }

    /// Degrees north.
    #[must_use]
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east.
    #[must_use]
    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// The point on the unit sphere.
    #[must_use]
    pub fn direction(self) -> Direction {
        let (lat, lon) = (self.latitude.to_radians(), self.longitude.to_radians());
        Direction {
            x: (lat.cos() * lon.cos()) as f32,
            y: (lat.cos() * lon.sin()) as f32,
            z: lat.sin() as f32,
        }
    }

    /// Great-circle distance, kilometres.
    #[must_use]
    pub fn distance_km(self, other: Self) -> f32 {
        self.direction().distance_km(other.direction())
    }
}

/// A point on the unit sphere: what the selector computes with, so that no trigonometry of angles is
/// left in its loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Direction {
    /// Towards 0° N 0° E.
    pub x: f32,
    /// Towards 0° N 90° E.
    pub y: f32,
    /// Towards the north pole.
    pub z: f32,
}

impl Direction {
    /// Great-circle distance, kilometres. By the chord, which keeps its precision for near points where
    /// the arc cosine of a dot product loses it.
    #[must_use]
    #[inline]
    pub fn distance_km(self, other: Self) -> f32 {
        let (dx, dy, dz) = (self.x - other.x, self.y - other.y, self.z - other.z);
        let half_chord = (dx * dx + dy * dy + dz * dz).sqrt() * 0.5;
        2.0 * EARTH_RADIUS_KM * half_chord.min(1.0).asin()
    }
}

/// Estimated round trip over a great-circle distance, milliseconds.
#[must_use]
#[inline]
pub fn round_trip_ms(distance_km: f32) -> f32 {
    (MS_PER_KM * distance_km).max(FLOOR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Coordinates {
        Coordinates::new(latitude, longitude).unwrap()
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let (berlin, sydney) = (at(52.52, 13.405), at(-33.8688, 151.2093));
        assert!((berlin.distance_km(sydney) - 16_089.0).abs() < 25.0);
        assert!((at(0.0, 179.5).distance_km(at(0.0, -179.5)) - 111.2).abs() < 0.5);
        assert!((at(90.0, 0.0).distance_km(at(-90.0, 77.0)) - 20_015.0).abs() < 2.0);
        assert!((at(90.0, 0.0).distance_km(at(90.0, 120.0))).abs() < 0.01);
    }

    #[test]
    fn near_points_keep_their_distance() {
        let km = at(48.2082, 16.3738).distance_km(at(48.2083, 16.3738));
        assert!((km - 0.0111).abs() < 0.002, "{km}");
    }

    #[test]
    fn the_estimate_is_15_ms_a_thousand_kilometres_and_never_nothing() {
        assert!((round_trip_ms(1_000.0) - 15.0).abs() < 1e-4);
        assert_eq!(round_trip_ms(0.0), FLOOR_MS);
    }

    #[test]
    fn coordinates_outside_the_globe_are_refused() {
        for (lat, lon) in
            [(90.1, 0.0), (-91.0, 0.0), (0.0, 180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)]
        {
            assert!(Coordinates::new(lat, lon).is_none(), "{lat} {lon}");
        }
    }
}
