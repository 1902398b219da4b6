//! What is wrong with a group, as far as several services together can tell.
//!
//! Always holds: a condition rests only on what is known; one whose source is missing is left out.
//! Absent on purpose: conditions that one service alone can tell; that service tells them and they are passed on.

/// Something wrong, with its fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Stable word.
    pub reason: &'static str,
    /// What is wrong and how to mend it.
    pub message: &'static str,
}

const NO_SERVER_GROUP: Condition = Condition {
    reason: "NO_SERVER_GROUP",
    message: "No server group names this group, so it serves no application. Add it to a server group.",
};
const NO_PROVISIONING_KEY: Condition = Condition {
    reason: "NO_PROVISIONING_KEY",
    message: "No usable provisioning key is left, so the group cannot grow. Create a key for it, or raise, prolong \
              or enable one it has.",
};
const NO_APP_CONNECTOR: Condition = Condition {
    reason: "NO_APP_CONNECTOR",
    message: "No app connector has joined. Start one with a provisioning key of this group.",
};
const NO_CONNECTED_APP_CONNECTOR: Condition = Condition {
    reason: "NO_CONNECTED_APP_CONNECTOR",
    message: "None of its app connectors is connected, so the group serves nobody. Look at their hosts and their way \
              out.",
};
const SINGLE_APP_CONNECTOR: Condition = Condition {
    reason: "SINGLE_APP_CONNECTOR",
    message: "Only one app connector is enabled: its failure or update stops the group. Enrol a second one.",
};

/// What is known of a group; `None` where the source is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Server groups that name it.
    pub server_groups: usize,
    /// Usable provisioning keys.
    pub usable_keys: Option<usize>,
    /// App connectors.
    pub connectors: usize,
    /// Those that are enabled.
    pub enabled_connectors: usize,
    /// Those that are connected.
    pub connected: Option<usize>,
}

/// Everything wrong, in the order in which a group is set up.
#[must_use]
pub fn conditions(known: Known) -> Vec<Condition> {
    let Known { server_groups, usable_keys, connectors, enabled_connectors, connected } = known;
    [
        (server_groups == 0, NO_SERVER_GROUP),
        (usable_keys == Some(0), NO_PROVISIONING_KEY),
        (connectors == 0, NO_APP_CONNECTOR),
        (connectors > 0 && connected == Some(0), NO_CONNECTED_APP_CONNECTOR),
        (enabled_connectors == 1, SINGLE_APP_CONNECTOR),
    ]
    .into_iter()
    .filter_map(|(holds, condition)| holds.then_some(condition))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Known = Known {
        server_groups: 1,
        usable_keys: Some(1),
        connectors: 2,
        enabled_connectors: 2,
        connected: Some(1),
    };

    fn reasons(known: Known) -> Vec<&'static str> {
        conditions(known).into_iter().map(|condition| condition.reason).collect()
    }

    #[test]
    fn each_condition_stands_for_what_is_missing() {
        assert_eq!(reasons(WELL), [""; 0]);
        let empty = Known {
            server_groups: 0,
            usable_keys: Some(0),
            connectors: 0,
            enabled_connectors: 0,
            connected: Some(0),
        };
        assert_eq!(reasons(empty), ["NO_SERVER_GROUP", "NO_PROVISIONING_KEY", "NO_APP_CONNECTOR"]);
        let cut_off = Known { connected: Some(0), ..WELL };
        assert_eq!(reasons(cut_off), ["NO_CONNECTED_APP_CONNECTOR"]);
        let single = Known { enabled_connectors: 1, ..WELL };
        assert_eq!(reasons(single), ["SINGLE_APP_CONNECTOR"]);
    }

    #[test]
    fn a_source_that_is_missing_accuses_nobody() {
        assert_eq!(reasons(Known { usable_keys: None, connected: None, ..WELL }), [""; 0]);
    }
}
