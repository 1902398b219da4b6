//! The numbers of a connector that a selection reads, and what follows from them.
//!
//! Always holds: times are milliseconds since the Unix epoch.

/// Heartbeats that may be missed before a connector is disconnected.
const MISSED_HEARTBEATS: i64 = 3;
/// How long a connector stays connected after its stream closed, milliseconds: time to come back.
const GRACE_AFTER_CLOSE_MS: i64 = 5_000;

/// Whether a connector can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Reports.
    Connected,
    /// Has reported, and no longer does.
    Disconnected {
        /// Since when, milliseconds.
        since_ms: i64,
    },
    /// Has never reported here.
    NotSeen,
}

/// The numbers of one connector as its reports and selections left them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectorNumbers {
    /// When the last heartbeat arrived; `None`: it has never reported.
    pub last_beat_ms: Option<i64>,
    /// Between two heartbeats.
    pub period_ms: i64,
    /// From when on it is gone because its stream closed; `None`: the stream is open.
    pub leaves_ms: Option<i64>,
    /// Since when it has been connected without a break, if it is connected.
    pub connected_since_ms: i64,
    /// End of its certificate.
    pub certificate_end_ms: i64,
    /// Whether its host has no capacity left.
    pub is_spent: bool,
    /// Sessions at the last report.
    pub sessions: u32,
    /// Sessions that it can carry, above 0.
    pub session_limit: u32,
    /// Share of all cores, in thousandths.
    pub cpu_permille: u32,
    /// Selections of this process since the last report.
    pub grants: u32,
}

impl ConnectorNumbers {
    /// Whether it can serve now.
    #[must_use]
    #[inline]
    pub fn presence(&self, now_ms: i64) -> Presence {
        let Some(beat) = self.last_beat_ms else { return Presence::NotSeen };
        let silent = beat + MISSED_HEARTBEATS * self.period_ms;
        let gone = self.leaves_ms.map_or(silent, |leaves| silent.min(leaves));
        if now_ms < gone { Presence::Connected } else { Presence::Disconnected { since_ms: gone } }
    }

    /// For how long it has been connected without a break, milliseconds; `None` if it is not.
    #[must_use]
    #[inline]
    pub fn connected_for_ms(&self, now_ms: i64) -> Option<i64> {
        match self.presence(now_ms) {
            Presence::Connected => Some(now_ms.saturating_sub(self.connected_since_ms).max(0)),
            Presence::Disconnected { .. } | Presence::NotSeen => None,
        }
    }

    /// Share of its capacity in use, 0 and up: the greater of processor and sessions. Sessions are those
    /// of the last report plus what all replicas granted since; those that ended since still count, which
    /// errs towards too much load.
    #[must_use]
    #[inline]
    pub fn utilisation(&self, replicas: u32) -> f32 {
        let granted = self.grants.saturating_mul(replicas);
        let sessions = self.sessions.saturating_add(granted) as f32;
        let cpu = self.cpu_permille as f32 / 1_000.0;
        (sessions / self.session_limit as f32).max(cpu)
    }
}

/// From when on a connector is gone whose stream closed now. With a goodbye there is nothing to wait for.
#[must_use]
pub fn leaves_ms(now_ms: i64, goodbye: bool) -> i64 {
    if goodbye { now_ms } else { now_ms.saturating_add(GRACE_AFTER_CLOSE_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> ConnectorNumbers {
        ConnectorNumbers {
            last_beat_ms: Some(0),
            period_ms: 10_000,
            leaves_ms: None,
            connected_since_ms: 0,
            certificate_end_ms: i64::MAX,
            is_spent: false,
            sessions: 20,
            session_limit: 100,
            cpu_permille: 0,
            grants: 0,
        }
    }

    #[test]
    fn three_missed_heartbeats_disconnect_an_open_stream() {
        let numbers = open();
        assert_eq!(numbers.presence(29_999), Presence::Connected);
        assert_eq!(numbers.presence(30_000), Presence::Disconnected { since_ms: 30_000 });
        assert_eq!(numbers.connected_for_ms(29_999), Some(29_999));
        assert_eq!(numbers.connected_for_ms(30_000), None);
        let never = ConnectorNumbers { last_beat_ms: None, ..numbers };
        assert_eq!(never.presence(0), Presence::NotSeen);
    }

    #[test]
    fn a_closed_stream_leaves_five_seconds_to_come_back_and_a_goodbye_none() {
        for (goodbye, gone) in [(false, 6_000), (true, 1_000)] {
            let closed = ConnectorNumbers { leaves_ms: Some(leaves_ms(1_000, goodbye)), ..open() };
            assert_eq!(closed.presence(gone - 1), Presence::Connected);
            assert_eq!(closed.presence(gone), Presence::Disconnected { since_ms: gone });
        }
        let silent = ConnectorNumbers { leaves_ms: Some(40_000), ..open() };
        assert_eq!(silent.presence(30_000), Presence::Disconnected { since_ms: 30_000 });
    }

    #[test]
    fn utilisation_is_the_greater_of_processor_and_sessions_with_what_all_replicas_granted() {
        let granted = ConnectorNumbers { grants: 30, ..open() };
        assert!((granted.utilisation(1) - 0.5).abs() < 1e-6);
        assert!((granted.utilisation(2) - 0.8).abs() < 1e-6);
        let busy = ConnectorNumbers { cpu_permille: 900, ..granted };
        assert!((busy.utilisation(2) - 0.9).abs() < 1e-6);
    }
}
