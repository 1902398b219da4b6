//! The demo's world: which cities have connectors, where the applications stand, and who asks.

/// The demo's tenant.
pub(crate) const TENANT: &str = "demo";

/// An app connector group: its city and how many connectors enrol into it.
pub(crate) struct GroupPlan {
    /// Id of a city; also of the group and, as prefix, of its connectors.
    pub(crate) city: &'static str,
    /// Connectors to start.
    pub(crate) connectors: usize,
}

const fn group(city: &'static str, connectors: usize) -> GroupPlan {
    GroupPlan { city, connectors }
}

/// 14 groups with 32 connectors on six continents.
pub(crate) const GROUPS: &[GroupPlan] = &[
    group("boydton", 3),
    group("quincy", 2),
    group("toronto", 2),
    group("campinas", 2),
    group("london", 3),
    group("frankfurt", 3),
    group("milan", 2),
    group("warsaw", 2),
    group("johannesburg", 2),
    group("dubai", 2),
    group("pune", 2),
    group("singapore", 3),
    group("tokyo", 2),
    group("sydney", 2),
];

/// An application: real TCP servers on loopback, each of which stands for a server in a city.
pub(crate) struct ApplicationPlan {
    /// Id of its segment and server group.
    pub(crate) id: &'static str,
    /// Its name for people.
    pub(crate) display_name: &'static str,
    /// Ids of the cities where its servers stand.
    pub(crate) cities: &'static [&'static str],
    /// Ids of the groups that can reach it; empty for all.
    pub(crate) groups: &'static [&'static str],
}

/// What users ask for. The wiki is replicated, so that the lowest application leg alone says nothing; the archive is
/// reached from Europe only.
pub(crate) const APPLICATIONS: &[ApplicationPlan] = &[
    ApplicationPlan { id: "payroll", display_name: "Payroll", cities: &["frankfurt"], groups: &[] },
    ApplicationPlan {
        id: "source-code",
        display_name: "Source code",
        cities: &["boydton"],
        groups: &[],
    },
    ApplicationPlan { id: "trading", display_name: "Trading", cities: &["singapore"], groups: &[] },
    ApplicationPlan {
        id: "wiki",
        display_name: "Wiki",
        cities: &["boydton", "frankfurt", "singapore", "sydney", "campinas"],
        groups: &[],
    },
    ApplicationPlan {
        id: "archive",
        display_name: "Archive",
        cities: &["amsterdam"],
        groups: &["london", "frankfurt", "milan", "warsaw"],
    },
];

/// Cities of the users who ask; most have no connector of their own.
pub(crate) const USERS: &[&str] = &[
    "des-moines",
    "queretaro",
    "amsterdam",
    "gavle",
    "tel-aviv",
    "doha",
    "pune",
    "hong-kong",
    "seoul",
    "auckland",
];

impl ApplicationPlan {
    /// The name that users ask for.
    pub(crate) fn domain(&self) -> String {
        format!("{}.demo.internal", self.id)
    }

    /// Whether a group's connectors can reach it.
    pub(crate) fn is_reached_from(&self, city: &str) -> bool {
        self.groups.is_empty() || self.groups.contains(&city)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::cities;

    #[test]
    fn the_world_is_as_large_as_promised_and_every_city_is_known() {
        assert!(GROUPS.len() >= 12);
        assert!(GROUPS.iter().map(|group| group.connectors).sum::<usize>() >= 30);
        assert!(USERS.len() >= 8 && APPLICATIONS.len() >= 3);
        let groups = GROUPS.iter().map(|group| group.city);
        let applications = APPLICATIONS.iter().flat_map(|application| application.cities).copied();
        for city in groups.chain(applications).chain(USERS.iter().copied()) {
            cities::get(city).unwrap();
        }
        for application in APPLICATIONS {
            for city in application.groups {
                assert!(GROUPS.iter().any(|group| group.city == *city), "{city}");
            }
        }
    }
}
