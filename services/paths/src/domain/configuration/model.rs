//! The configuration of all tenants, one fact about one object at a time.
//!
//! Always holds: the model depends on the last fact of each object only, so facts that arrive twice
//! change nothing; an object below a tenant may come before the tenant.

use std::collections::{BTreeMap, BTreeSet};

use names::{
    AppConnectorGroupName, AppConnectorName, ApplicationSegmentName, ClientNetworkName, Id,
    ServerGroupName, TenantName,
};

use super::{ClientNetwork, Connector, Group, Segment, ServerGroup, TenantConfiguration};

/// What is known of one object. `None`: it does not exist, or is deleted, also softly.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A tenant.
    Tenant(TenantName, Option<Standing>),
    /// An app connector group.
    Group(AppConnectorGroupName, Option<Group>),
    /// An app connector.
    Connector(AppConnectorName, Membership),
    /// A server group.
    ServerGroup(ServerGroupName, Option<ServerGroup>),
    /// An application segment.
    Segment(ApplicationSegmentName, Option<Segment>),
    /// A client network.
    ClientNetwork(ClientNetworkName, Option<ClientNetwork>),
}

/// Whether a tenant may get paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It may not.
    pub suspended: bool,
}

/// Whether a connector is one of the fleet.
#[derive(Clone, Debug, PartialEq)]
pub enum Membership {
    /// It is.
    Member(Connector),
    /// It was deleted: its certificates are to be refused.
    Deleted,
    /// It never was, or was purged, long after its last certificate ended.
    Gone,
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct Model {
    tenants: BTreeMap<TenantName, Known>,
    deleted: BTreeSet<AppConnectorName>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    exists: bool,
    configuration: TenantConfiguration,
}

impl Model {
    /// Applies a fact, and names the tenant that it is about.
    pub fn learn(&mut self, fact: Fact) -> TenantName {
        match fact {
            Fact::Tenant(name, standing) => {
                let known = self.tenants.entry(name.clone()).or_default();
                known.exists = standing.is_some();
                known.configuration.suspended = standing.is_some_and(|it| it.suspended);
                name
            }
            Fact::Group(name, group) => {
                let of = self.configuration(name.tenant());
                put(&mut of.groups, name.app_connector_group.clone(), group);
                name.tenant()
            }
            Fact::Connector(name, membership) => self.learn_connector(name, membership),
            Fact::ServerGroup(name, server_group) => {
                let of = self.configuration(name.tenant());
                put(&mut of.server_groups, name.server_group.clone(), server_group);
                name.tenant()
            }
            Fact::Segment(name, segment) => {
                let of = self.configuration(name.tenant());
                put(&mut of.segments, name.application_segment.clone(), segment);
                name.tenant()
            }
            Fact::ClientNetwork(name, network) => {
                let of = self.configuration(name.tenant());
                put(&mut of.client_networks, name.client_network.clone(), network);
                name.tenant()
            }
        }
    }

    fn learn_connector(&mut self, name: AppConnectorName, membership: Membership) -> TenantName {
        let tenant = name.tenant();
        let of = self.configuration(tenant.clone());
        let (connector, deleted) = match membership {
            Membership::Member(connector) => (Some(connector), false),
            Membership::Deleted => (None, true),
            Membership::Gone => (None, false),
        };
        put(&mut of.connectors, name.app_connector.clone(), connector);
        if deleted {
            self.deleted.insert(name);
        } else {
            self.deleted.remove(&name);
        }
        tenant
    }

    fn configuration(&mut self, tenant: TenantName) -> &mut TenantConfiguration {
        &mut self.tenants.entry(tenant).or_default().configuration
    }

    /// A tenant's configuration; `None` for one that does not exist.
    #[must_use]
    pub fn tenant(&self, name: &TenantName) -> Option<&TenantConfiguration> {
        self.tenants.get(name).filter(|known| known.exists).map(|known| &known.configuration)
    }

    /// Every tenant that exists.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantName> {
        self.tenants.iter().filter(|(_, known)| known.exists).map(|(name, _)| name)
    }

    /// Connectors whose certificates are to be refused.
    #[must_use]
    pub fn deleted(&self) -> &BTreeSet<AppConnectorName> {
        &self.deleted
    }
}

fn put<T>(objects: &mut BTreeMap<Id, T>, id: Id, object: Option<T>) {
    match object {
        Some(object) => objects.insert(id, object),
        None => objects.remove(&id),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{id, segment};

    #[test]
    fn what_lies_below_a_tenant_may_come_before_it() {
        let tenant = TenantName::new(id("acme"));
        let wiki = ApplicationSegmentName::new(id("acme"), id("wiki"));
        let mut model = Model::default();
        assert_eq!(model.learn(Fact::Segment(wiki, Some(segment(&["a.b"], 1)))), tenant);
        assert!(model.tenant(&tenant).is_none());
        model.learn(Fact::Tenant(tenant.clone(), Some(Standing { suspended: false })));
        assert_eq!(model.tenant(&tenant).unwrap().segments.len(), 1);
        model.learn(Fact::Tenant(tenant.clone(), None));
        assert!(model.tenant(&tenant).is_none() && model.tenants().next().is_none());
    }

    #[test]
    fn a_deleted_connector_is_refused_until_it_is_back_or_purged() {
        let name = AppConnectorName::new(id("acme"), id("c-1"));
        let mut model = Model::default();
        model.learn(Fact::Connector(name.clone(), Membership::Deleted));
        assert!(model.deleted().contains(&name));
        model.learn(Fact::Connector(name.clone(), Membership::Gone));
        assert!(model.deleted().is_empty());
    }
}
