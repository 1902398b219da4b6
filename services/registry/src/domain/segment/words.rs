//! The choices of a segment; the first of each is the default.

use serde::{Deserialize, Serialize};

macro_rules! word {
    ($(#[$meta:meta])* $name:ident { $(#[$first_meta:meta])* $first:ident, $($(#[$variant_meta:meta])* $variant:ident),+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum $name {
            $(#[$first_meta])*
            #[default]
            $first,
            $($(#[$variant_meta])* $variant),+
        }
    };
}

word! {
    /// When connectors measure an application.
    HealthReporting {
        /// While it is used and 30 min after.
        OnAccess,
        /// All the time.
        Continuous,
        /// Never.
        None
    }
}

word! {
    /// What happens when a name matches and its port does not.
    MatchStyle {
        /// The next less specific segment is tried.
        Inclusive,
        /// The most specific name ends the search.
        Exclusive
    }
}

word! {
    /// What the best connector is.
    SelectionPolicy {
        /// Smallest sum of both legs.
        LowestTotalLatency,
        /// Smallest user leg.
        ClosestToUser,
        /// Smallest application leg.
        ClosestToApplication
    }
}

word! {
    /// What to answer when every candidate is unhealthy.
    UnhealthyPolicy {
        /// No path.
        Refuse,
        /// The one that was healthy last.
        LastKnownGood,
        /// As if all were healthy.
        Any
    }
}
