//! What is known of a connector's way to an application at one moment.

use super::health::Health;

/// What the checks of a target, or the best of several, say at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// UNKNOWN when the last check is too old.
    pub health: Health,
    /// What the last check said, whatever its age.
    pub last_known: Health,
    /// Median round trip, milliseconds.
    pub milliseconds: Option<f32>,
    /// Age of the newest success, milliseconds.
    pub age_ms: i64,
    /// Whether the last check found no address in the allowed families.
    pub no_address_in_family: bool,
}

impl Reading {
    /// Nothing was ever checked.
    pub const UNKNOWN: Self = Self {
        health: Health::Unknown,
        last_known: Health::Unknown,
        milliseconds: None,
        age_ms: 0,
        no_address_in_family: false,
    };

    /// A connector reaches an application as well as it reaches the best of its servers: a healthier one
    /// first, then a measured one, then a faster one.
    #[must_use]
    pub fn better(self, other: Self) -> Self {
        let rank = |reading: &Self| {
            (
                reading.health,
                reading.last_known,
                reading.milliseconds.is_none(),
                reading.no_address_in_family,
            )
        };
        let key = rank(&self).cmp(&rank(&other)).then_with(|| {
            self.milliseconds.unwrap_or_default().total_cmp(&other.milliseconds.unwrap_or_default())
        });
        if key.is_le() { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_server_is_healthier_then_measured_then_faster() {
        let up = |milliseconds| Reading {
            health: Health::Up,
            last_known: Health::Up,
            milliseconds,
            ..Reading::UNKNOWN
        };
        let down = Reading { health: Health::Down, milliseconds: Some(0.1), ..up(None) };
        for (better, worse) in [
            (up(Some(9.0)), Reading::UNKNOWN),
            (Reading::UNKNOWN, down),
            (up(Some(9.0)), up(None)),
            (up(Some(4.0)), up(Some(9.0))),
        ] {
            assert_eq!(better.better(worse), better);
            assert_eq!(worse.better(better), better);
        }
    }
}
