//! Server groups.

use std::collections::{BTreeMap, BTreeSet};

use names::{AppConnectorGroupName, Reason, ServerGroupName};
use serde::{Deserialize, Serialize};

use super::{
    Description, DisplayName, Kind, Labels, MAX_REFERENCES, Rules, Target, Violations, ports,
    resource::{About, Link, Resource, Spec, Subject, loses, references},
};

/// A server group.
pub type ServerGroup = Resource<ServerGroupSpec>;

/// A server as a caller writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerDraft {
    /// Host name or address.
    pub address: String,
    /// Ports; empty: those of the segment.
    pub ports: Vec<i32>,
}

names::draft! {
    /// A server group as a caller writes it.
    pub struct ServerGroupDraft {
        /// Name for people.
        "display_name" => display_name: String;
        /// Free text.
        "description" => description: String;
        /// Labels.
        "labels" => labels: BTreeMap<String, String>;
        /// `None`: true.
        "enabled" => enabled: Option<bool>;
        /// Names of groups.
        "app_connector_groups" => app_connector_groups: Vec<String>;
        /// `None`: true.
        "dynamic_discovery" => dynamic_discovery: Option<bool>;
        /// Servers.
        "servers" => servers: Vec<ServerDraft>;
    }
}

/// One server of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// A host name or an address, never a wildcard or network.
    pub address: Target,
    /// Ports in order; empty: those of the segment that is being reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
}

impl Server {
    fn check(
        draft: &ServerDraft,
        rules: &Rules,
        at: &str,
        problems: &mut Violations,
    ) -> Option<Self> {
        let address_at = format!("{at}.address");
        let address = problems.take(&address_at, Target::parse(&draft.address)).filter(|target| {
            let exact = target.is_exact();
            if !exact {
                problems.add(&address_at, Reason::Malformed, "must be one host name or address");
            }
            exact
        });
        let most = rules.quotas.port_ranges_per_object;
        if draft.ports.len() > most {
            problems.add(
                format!("{at}.ports"),
                Reason::QuotaExceeded,
                format!("at most {most} ports a server"),
            );
            return None;
        }
        let mut ports = BTreeSet::new();
        for (index, &number) in draft.ports.iter().enumerate() {
            let here = format!("{at}.ports[{index}]");
            if let Some(port) = ports::port(number, &here, problems)
                && !ports.insert(port)
            {
                problems.add(
                    here,
                    Reason::Repeated,
                    format!("port {port} is listed twice; remove one"),
                );
            }
        }
        Some(Self { address: address?, ports: ports.into_iter().collect() })
    }
}

/// A valid server group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerGroupSpec {
    /// Name for people, unique among the tenant's live server groups.
    pub display_name: DisplayName,
    /// Free text.
    pub description: Description,
    /// Labels.
    pub labels: Labels,
    /// Whether it is part of a chain.
    pub enabled: bool,
    /// The groups whose connectors reach the servers.
    pub app_connector_groups: Vec<AppConnectorGroupName>,
    /// True: connectors resolve the application's own name.
    pub dynamic_discovery: bool,
    /// Empty exactly if `dynamic_discovery`.
    pub servers: Vec<Server>,
}

impl ServerGroupSpec {
    fn check_servers(
        draft: &ServerGroupDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Vec<Server>> {
        let (rules, at) = (subject.rules, subject.at("servers"));
        let before = problems.list().len();
        let most = rules.quotas.servers_per_server_group;
        if draft.servers.len() > most {
            problems.add(
                at,
                Reason::QuotaExceeded,
                format!("at most {most} servers a server group"),
            );
            return None;
        }
        let servers: Vec<Server> = draft
            .servers
            .iter()
            .enumerate()
            .filter_map(|(index, server)| {
                Server::check(server, rules, &format!("{at}[{index}]"), problems)
            })
            .collect();
        match (draft.dynamic_discovery.unwrap_or(true), draft.servers.is_empty()) {
            (true, false) => problems.add(
                at,
                Reason::NotAllowed,
                "must be empty with dynamic_discovery, which is on by default; set dynamic_discovery to false, or remove the servers",
            ),
            (false, true) => {
                problems.missing(at, "name at least one server, or set dynamic_discovery to true");
            }
            _ => {}
        }
        (problems.list().len() == before).then_some(servers)
    }
}

impl Spec for ServerGroupSpec {
    type Name = ServerGroupName;
    type Draft = ServerGroupDraft;
    type ServerFields = ();
    const KIND: Kind = Kind::ServerGroup;
    const ABOUT: About = About::below_tenant(
        0x04,
        "server group",
        "server_group",
        ServerGroupName::TYPE,
        |quotas| quotas.server_groups,
    );

    fn check(
        draft: &ServerGroupDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Self> {
        let display_name =
            DisplayName::check(&draft.display_name, &subject.at("display_name"), problems);
        let description =
            Description::check(&draft.description, &subject.at("description"), problems);
        let labels = Labels::check(&draft.labels, subject.rules, &subject.at("labels"), problems);
        let groups = references(
            &draft.app_connector_groups,
            subject.tenant,
            MAX_REFERENCES,
            &subject.at("app_connector_groups"),
            problems,
        );
        let servers = Self::check_servers(draft, subject, problems);
        Some(Self {
            display_name: display_name?,
            description: description?,
            labels: labels?,
            enabled: draft.enabled.unwrap_or(true),
            app_connector_groups: groups?,
            dynamic_discovery: draft.dynamic_discovery.unwrap_or(true),
            servers: servers?,
        })
    }

    fn draft(&self) -> ServerGroupDraft {
        let server = |server: &Server| ServerDraft {
            address: server.address.to_string(),
            ports: server.ports.iter().map(|&port| port.into()).collect(),
        };
        ServerGroupDraft {
            display_name: self.display_name.as_str().to_owned(),
            description: self.description.as_str().to_owned(),
            labels: self.labels.as_map().clone(),
            enabled: Some(self.enabled),
            app_connector_groups: self
                .app_connector_groups
                .iter()
                .map(ToString::to_string)
                .collect(),
            dynamic_discovery: Some(self.dynamic_discovery),
            servers: self.servers.iter().map(server).collect(),
        }
    }

    fn display_name(&self) -> &DisplayName {
        &self.display_name
    }

    fn withdraws(&self, after: &Self) -> bool {
        let groups = loses(&self.app_connector_groups, &after.app_connector_groups);
        self.enabled && (!after.enabled || groups || loses(&self.servers, &after.servers))
    }

    fn links(group: &ServerGroup) -> Vec<Link> {
        let field = "app_connector_groups";
        let link = |(index, to)| Link::listed(Kind::Group, field, index, to);
        group.spec.app_connector_groups.iter().enumerate().map(link).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(draft: &ServerGroupDraft) -> Result<ServerGroupSpec, Vec<String>> {
        let tenant = "tenants/acme".parse().unwrap();
        let rules = Rules::default();
        let subject = Subject { tenant: Some(&tenant), previous: None, rules: &rules };
        let mut problems = Violations::new();
        let found = ServerGroupSpec::check(draft, &subject, &mut problems);
        found.filter(|_| problems.is_empty()).ok_or_else(|| {
            problems.list().iter().map(|p| format!("{} {}", p.field, p.reason)).collect()
        })
    }

    fn crm() -> ServerGroupDraft {
        ServerGroupDraft { display_name: "CRM".to_owned(), ..ServerGroupDraft::default() }
    }

    #[test]
    fn dynamic_discovery_is_the_default_and_excludes_servers() {
        assert!(check(&crm()).unwrap().dynamic_discovery);
        let server = ServerDraft { address: "10.0.0.1".to_owned(), ports: vec![443, 80] };
        let both = ServerGroupDraft { servers: vec![server.clone()], ..crm() };
        assert_eq!(check(&both).unwrap_err(), ["server_group.servers NOT_ALLOWED"]);
        let fixed = ServerGroupDraft { dynamic_discovery: Some(false), ..both };
        let spec = check(&fixed).unwrap();
        assert_eq!(spec.servers[0].ports, [80, 443]);
        assert_eq!(check(&spec.draft()).unwrap(), spec);
        let none = ServerGroupDraft { dynamic_discovery: Some(false), ..crm() };
        assert_eq!(check(&none).unwrap_err(), ["server_group.servers REQUIRED"]);
    }

    #[test]
    fn every_bad_reference_and_server_is_named() {
        let draft = ServerGroupDraft {
            dynamic_discovery: Some(false),
            app_connector_groups: [
                "tenants/acme/appConnectorGroups/a",
                "tenants/acme/appConnectorGroups/a",
                "tenants/other/appConnectorGroups/a",
                "a",
                "",
            ]
            .map(str::to_owned)
            .to_vec(),
            servers: vec![
                ServerDraft { address: "*.corp.example".to_owned(), ports: vec![80, 80, 0] },
                ServerDraft { address: String::new(), ports: vec![] },
            ],
            ..crm()
        };
        assert_eq!(
            check(&draft).unwrap_err(),
            [
                "server_group.app_connector_groups[1] REPEATED",
                "server_group.app_connector_groups[2] FOREIGN_TENANT",
                "server_group.app_connector_groups[3] MALFORMED",
                "server_group.app_connector_groups[4] REQUIRED",
                "server_group.servers[0].address MALFORMED",
                "server_group.servers[0].ports[1] REPEATED",
                "server_group.servers[0].ports[2] OUT_OF_RANGE",
                "server_group.servers[1].address MALFORMED",
            ]
        );
    }

    #[test]
    fn a_server_group_names_at_most_forty_groups() {
        let names =
            |n: usize| (0..n).map(|i| format!("tenants/acme/appConnectorGroups/g{i}")).collect();
        assert!(check(&ServerGroupDraft { app_connector_groups: names(40), ..crm() }).is_ok());
        assert_eq!(
            check(&ServerGroupDraft { app_connector_groups: names(41), ..crm() }).unwrap_err(),
            ["server_group.app_connector_groups TOO_MANY"]
        );
    }

    #[test]
    fn what_switches_off_or_removes_is_a_cut_and_what_adds_or_renames_is_none() {
        let group = |id: &str| format!("tenants/acme/appConnectorGroups/{id}");
        let two = ServerGroupDraft { app_connector_groups: vec![group("a"), group("b")], ..crm() };
        let spec = |draft: &ServerGroupDraft| check(draft).unwrap();
        let cut = |after: ServerGroupDraft| spec(&two).withdraws(&spec(&after));
        assert!(cut(ServerGroupDraft { enabled: Some(false), ..two.clone() }));
        assert!(cut(ServerGroupDraft { app_connector_groups: vec![group("b")], ..two.clone() }));
        let more = vec![group("b"), group("c"), group("a")];
        assert!(!cut(ServerGroupDraft { app_connector_groups: more, ..two.clone() }));
        assert!(!cut(ServerGroupDraft { display_name: "Other".to_owned(), ..two.clone() }));
        let off = spec(&ServerGroupDraft { enabled: Some(false), ..two.clone() });
        assert!(!off.withdraws(&spec(&crm())), "nothing was in service");
    }
}
