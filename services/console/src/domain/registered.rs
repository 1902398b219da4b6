//! The index of what registry tells: groups, their connectors, and the server groups that name them.
//!
//! Always holds: members and servers of a group follow from the connectors and server groups that are in the index,
//! whichever order their changes came in; a group need not be there for its members to be known.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use names::{AppConnectorGroupName, AppConnectorName, Id, ServerGroupName};

use super::fleet::{Connector, Group, ServerGroup};

/// One change that registry tells; a soft delete counts as gone.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The group is now like this.
    Group(Box<Group>),
    /// The group is gone.
    GroupGone(AppConnectorGroupName),
    /// The connector is now like this.
    Connector(Connector),
    /// The connector is gone.
    ConnectorGone(AppConnectorName),
    /// The server group is now like this.
    ServerGroup(ServerGroup),
    /// The server group is gone.
    ServerGroupGone(ServerGroupName),
}

impl Change {
    /// The name of the object that it is about.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Group(group) => group.name.to_string(),
            Self::GroupGone(name) => name.to_string(),
            Self::Connector(connector) => connector.name.to_string(),
            Self::ConnectorGone(name) => name.to_string(),
            Self::ServerGroup(group) => group.name.to_string(),
            Self::ServerGroupGone(name) => name.to_string(),
        }
    }
}

/// Most connectors on one page, whichever way they are spread over its groups; the first group is always there. With
/// 1,000 listed a row, a full page stays at about 1 MiB, and paths is asked about no more than this at once.
pub const MAX_PAGE_CONNECTORS: usize = 10_000;

/// Everything registry tells, by tenant.
#[derive(Debug, Default)]
pub struct Registered {
    tenants: BTreeMap<Id, Tenant>,
}

/// One tenant's part.
#[derive(Debug, Default)]
struct Tenant {
    groups: BTreeMap<AppConnectorGroupName, Group>,
    connectors: BTreeMap<AppConnectorName, Connector>,
    server_groups: BTreeMap<ServerGroupName, ServerGroup>,
    members: BTreeMap<AppConnectorGroupName, BTreeSet<AppConnectorName>>,
    servers: BTreeMap<AppConnectorGroupName, BTreeSet<ServerGroupName>>,
}

/// A group with what hangs on it in registry.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFacts {
    /// The group.
    pub group: Group,
    /// Its connectors, by name.
    pub connectors: Vec<Connector>,
    /// The server groups that name it, by name.
    pub server_groups: Vec<ServerGroupName>,
}

impl Registered {
    /// Takes over one change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Group(group) => {
                let tenant = self.tenant(&group.name.tenant);
                tenant.groups.insert(group.name.clone(), *group);
            }
            Change::GroupGone(name) => {
                self.tenant(&name.tenant).groups.remove(&name);
            }
            Change::Connector(connector) => {
                self.tenant(&connector.name.tenant).put_connector(connector);
            }
            Change::ConnectorGone(name) => self.tenant(&name.tenant).remove_connector(&name),
            Change::ServerGroup(group) => {
                self.tenant(&group.name.tenant).put_server_group(group);
            }
            Change::ServerGroupGone(name) => self.tenant(&name.tenant).remove_server_group(&name),
        }
    }

    fn tenant(&mut self, id: &Id) -> &mut Tenant {
        self.tenants.entry(id.clone()).or_default()
    }

    /// The names of all groups.
    pub fn groups(&self) -> impl Iterator<Item = &AppConnectorGroupName> {
        self.tenants.values().flat_map(|tenant| tenant.groups.keys())
    }

    /// The names of all connectors.
    pub fn connectors(&self) -> impl Iterator<Item = &AppConnectorName> {
        self.tenants.values().flat_map(|tenant| tenant.connectors.keys())
    }

    /// One group.
    #[must_use]
    pub fn group(&self, name: &AppConnectorGroupName) -> Option<GroupFacts> {
        let tenant = self.tenants.get(&name.tenant)?;
        Some(tenant.facts(tenant.groups.get(name)?.clone()))
    }

    /// What hangs on a group that is not in the index yet.
    #[must_use]
    pub fn around(&self, group: Group) -> GroupFacts {
        match self.tenants.get(&group.name.tenant) {
            Some(tenant) => tenant.facts(group),
            None => GroupFacts { group, connectors: Vec::new(), server_groups: Vec::new() },
        }
    }

    /// The groups of a tenant after `after`, by name, at most `limit` and with at most [`MAX_PAGE_CONNECTORS`]
    /// connectors; and whether more follow.
    #[must_use]
    pub fn page(
        &self,
        tenant: &Id,
        after: Option<&AppConnectorGroupName>,
        limit: usize,
    ) -> (Vec<GroupFacts>, bool) {
        let Some(tenant) = self.tenants.get(tenant) else { return (Vec::new(), false) };
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut groups = tenant.groups.range::<AppConnectorGroupName, _>((begin, Bound::Unbounded));
        let (mut page, mut connectors) = (Vec::new(), 0);
        for (name, group) in groups.by_ref() {
            connectors += tenant.members.get(name).map_or(0, BTreeSet::len);
            let full = page.len() == limit || connectors > MAX_PAGE_CONNECTORS;
            if full && !page.is_empty() {
                return (page, true);
            }
            page.push(tenant.facts(group.clone()));
        }
        (page, false)
    }
}

impl Tenant {
    fn facts(&self, group: Group) -> GroupFacts {
        let members = self.members.get(&group.name).into_iter().flatten();
        let connectors = members.filter_map(|name| self.connectors.get(name)).cloned().collect();
        let servers = self.servers.get(&group.name).into_iter().flatten();
        let server_groups = servers.cloned().collect();
        GroupFacts { group, connectors, server_groups }
    }

    fn put_connector(&mut self, connector: Connector) {
        self.remove_connector(&connector.name);
        let members = self.members.entry(connector.group.clone()).or_default();
        members.insert(connector.name.clone());
        self.connectors.insert(connector.name.clone(), connector);
    }

    fn remove_connector(&mut self, name: &AppConnectorName) {
        if let Some(old) = self.connectors.remove(name) {
            unlink(&mut self.members, &old.group, name);
        }
    }

    fn put_server_group(&mut self, server_group: ServerGroup) {
        self.remove_server_group(&server_group.name);
        for group in &server_group.groups {
            self.servers.entry(group.clone()).or_default().insert(server_group.name.clone());
        }
        self.server_groups.insert(server_group.name.clone(), server_group);
    }

    fn remove_server_group(&mut self, name: &ServerGroupName) {
        for group in self.server_groups.remove(name).into_iter().flat_map(|old| old.groups) {
            unlink(&mut self.servers, &group, name);
        }
    }
}

/// Removes one link, and the set with its last.
pub(super) fn unlink<T: Ord>(
    links: &mut BTreeMap<AppConnectorGroupName, BTreeSet<T>>,
    group: &AppConnectorGroupName,
    linked: &T,
) {
    if let Some(set) = links.get_mut(group) {
        set.remove(linked);
        if set.is_empty() {
            links.remove(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fleet::{DnsResolution, Place};

    fn group(id: &str) -> Group {
        Group {
            name: group_name(id),
            display_name: id.into(),
            description: String::new(),
            enabled: true,
            labels: BTreeMap::new(),
            place: Place::default(),
            dns: DnsResolution::Both,
            disaster_recovery: false,
            create_time: None,
            update_time: None,
            etag: String::new(),
        }
    }

    fn group_name(id: &str) -> AppConnectorGroupName {
        format!("tenants/acme/appConnectorGroups/{id}").parse().unwrap()
    }

    fn connector(id: &str, group: &str) -> Connector {
        Connector {
            name: format!("tenants/acme/appConnectors/{id}").parse().unwrap(),
            display_name: id.into(),
            enabled: true,
            group: group_name(group),
        }
    }

    fn server_group(id: &str, groups: &[&str]) -> ServerGroup {
        ServerGroup {
            name: format!("tenants/acme/serverGroups/{id}").parse().unwrap(),
            groups: groups.iter().map(|id| group_name(id)).collect(),
        }
    }

    fn index(changes: impl IntoIterator<Item = Change>) -> Registered {
        let mut index = Registered::default();
        changes.into_iter().for_each(|change| index.apply(change));
        index
    }

    fn members(index: &Registered, group: &str) -> Vec<String> {
        let facts = index.group(&group_name(group)).unwrap();
        facts.connectors.iter().map(|c| c.display_name.clone()).collect()
    }

    #[test]
    fn members_are_known_whichever_comes_first_and_move_with_their_connector() {
        let mut index = index([
            Change::Connector(connector("c1", "berlin")),
            Change::Group(Box::new(group("berlin"))),
            Change::Group(Box::new(group("paris"))),
            Change::Connector(connector("c2", "berlin")),
        ]);
        assert_eq!(members(&index, "berlin"), ["c1", "c2"]);
        index.apply(Change::Connector(connector("c1", "paris")));
        assert_eq!(
            (members(&index, "berlin"), members(&index, "paris")),
            (vec!["c2".into()], vec!["c1".into()])
        );
        index.apply(Change::ConnectorGone(connector("c1", "paris").name));
        assert!(members(&index, "paris").is_empty());
    }

    #[test]
    fn a_server_group_links_exactly_the_groups_it_names_now() {
        let mut index = index([
            Change::Group(Box::new(group("berlin"))),
            Change::Group(Box::new(group("paris"))),
            Change::ServerGroup(server_group("erp", &["berlin", "paris"])),
        ]);
        let servers = |index: &Registered, id| index.group(&group_name(id)).unwrap().server_groups;
        assert_eq!(servers(&index, "berlin"), servers(&index, "paris"));
        index.apply(Change::ServerGroup(server_group("erp", &["paris"])));
        assert!(servers(&index, "berlin").is_empty());
        assert_eq!(servers(&index, "paris").len(), 1);
        index.apply(Change::ServerGroupGone(server_group("erp", &[]).name));
        assert!(servers(&index, "paris").is_empty());
    }

    #[test]
    fn a_page_ends_before_its_groups_have_too_many_connectors_together() {
        let large = MAX_PAGE_CONNECTORS / 2 + 1;
        let mut index = index(["a", "b"].map(|id| Change::Group(Box::new(group(id)))));
        for (number, id) in
            (0..2 * large).map(|number| (number, if number < large { "a" } else { "b" }))
        {
            index.apply(Change::Connector(connector(&format!("c{number}"), id)));
        }
        let acme = Id::parse("acme").unwrap();
        let (page, more) = index.page(&acme, None, 10);
        assert_eq!((page.len(), page[0].connectors.len(), more), (1, large, true));
        let (page, more) = index.page(&acme, Some(&group_name("a")), 10);
        assert_eq!((page.len(), more), (1, false));
    }

    #[test]
    fn pages_go_by_name_and_stay_within_the_tenant() {
        let other = AppConnectorGroupName { tenant: Id::parse("zeta").unwrap(), ..group_name("x") };
        let index = index(
            ["c", "a", "b"]
                .map(|id| Change::Group(Box::new(group(id))))
                .into_iter()
                .chain([Change::Group(Box::new(Group { name: other, ..group("x") }))]),
        );
        let acme = Id::parse("acme").unwrap();
        let ids = |page: &[GroupFacts]| -> Vec<String> {
            page.iter().map(|facts| facts.group.display_name.clone()).collect()
        };
        let (first, more) = index.page(&acme, None, 2);
        assert_eq!((ids(&first), more), (vec!["a".to_owned(), "b".to_owned()], true));
        let (second, more) = index.page(&acme, Some(&group_name("b")), 2);
        assert_eq!((ids(&second), more), (vec!["c".to_owned()], false));
        assert_eq!(index.page(&Id::parse("nobody").unwrap(), None, 2), (vec![], false));
    }
}
