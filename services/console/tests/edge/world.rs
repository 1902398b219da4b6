//! What the four siblings know, as the test says.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

use proto::{
    google::r#type::LatLng,
    paths::v1::{ConnectionState, ConnectorStatus},
    provisioning::v1::{self as provisioning, ProvisioningKey},
    registry::v1::{
        self as registry, AppConnector, AppConnectorGroup, DnsResolutionOption, Location,
        ServerGroup, event::Resource,
    },
    r#type::v1::ChangeType,
};
use tokio::sync::{broadcast, watch};

/// Knowledge and behaviour of the siblings; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct World(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) registered: Mutex<Vec<registry::Event>>,
    pub(crate) register: broadcast::Sender<registry::Event>,
    pub(crate) keys: Mutex<Vec<provisioning::Event>>,
    pub(crate) key: broadcast::Sender<provisioning::Event>,
    pub(crate) statuses: Mutex<Vec<ConnectorStatus>>,
    /// Provisioning ends its watches and takes no new ones.
    pub(crate) provisioning_down: watch::Sender<bool>,
    /// What epoch provisioning's tokens are of.
    pub(crate) provisioning_life: AtomicU8,
    /// Updates refuses.
    pub(crate) updates_down: AtomicBool,
    /// Paths never answers.
    pub(crate) paths_hangs: AtomicBool,
}

impl Default for World {
    fn default() -> Self {
        Self(Arc::new(Inner {
            registered: Mutex::default(),
            register: broadcast::Sender::new(64),
            keys: Mutex::default(),
            key: broadcast::Sender::new(64),
            statuses: Mutex::default(),
            provisioning_down: watch::Sender::new(false),
            provisioning_life: AtomicU8::new(0),
            updates_down: AtomicBool::new(false),
            paths_hangs: AtomicBool::new(false),
        }))
    }
}

impl std::ops::Deref for World {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

pub(crate) fn group_name(id: &str) -> String {
    format!("tenants/acme/appConnectorGroups/{id}")
}

/// A group of the seed's page, in Berlin.
pub(crate) fn group(id: &str) -> AppConnectorGroup {
    let coordinates = Some(LatLng { latitude: 52.52, longitude: 13.405 });
    AppConnectorGroup {
        name: group_name(id),
        uid: id.into(),
        display_name: format!("Group {id}"),
        description: "the first floor".into(),
        labels: [("team".to_owned(), "blue".to_owned())].into(),
        enabled: Some(true),
        location: Some(Location {
            address: "Alexanderplatz 1".into(),
            city: "Berlin".into(),
            country_code: "DE".into(),
            coordinates,
            effective_time_zone: "Europe/Berlin".into(),
            ..Location::default()
        }),
        dns_resolution_option: DnsResolutionOption::Ipv4.into(),
        disaster_recovery: true,
        etag: "etag-1".into(),
        ..AppConnectorGroup::default()
    }
}

pub(crate) fn as_group(group: AppConnectorGroup) -> Resource {
    Resource::AppConnectorGroup(group)
}

pub(crate) fn connector(id: &str, group: &str) -> Resource {
    Resource::AppConnector(AppConnector {
        name: format!("tenants/acme/appConnectors/{id}"),
        display_name: id.into(),
        enabled: Some(true),
        app_connector_group: group_name(group),
        ..AppConnector::default()
    })
}

pub(crate) fn server_group(id: &str, group: &str) -> Resource {
    Resource::ServerGroup(ServerGroup {
        name: format!("tenants/acme/serverGroups/{id}"),
        app_connector_groups: vec![group_name(group)],
        ..ServerGroup::default()
    })
}

pub(crate) fn key(id: &str, group: &str, use_count: i64, max_uses: i64) -> ProvisioningKey {
    ProvisioningKey {
        name: format!("tenants/acme/provisioningKeys/{id}"),
        display_name: id.into(),
        app_connector_group: group_name(group),
        enabled: Some(true),
        use_count,
        max_uses,
        ..ProvisioningKey::default()
    }
}

impl World {
    /// Registry has this from now on.
    pub(crate) fn register(&self, resource: Resource) {
        let event = registry::Event {
            r#type: ChangeType::Modified.into(),
            delete_cause: 0,
            resource: Some(resource),
        };
        self.registered.lock().unwrap().push(event.clone());
        // Nobody may be watching yet; then the snapshot tells it.
        self.0.register.send(event).ok();
    }

    /// Provisioning has this key from now on.
    pub(crate) fn key(&self, key: ProvisioningKey) {
        let event = provisioning::Event {
            r#type: ChangeType::Modified.into(),
            delete_cause: 0,
            resource: Some(provisioning::event::Resource::ProvisioningKey(key)),
        };
        self.keys.lock().unwrap().push(event.clone());
        self.0.key.send(event).ok();
    }

    /// Paths sees this connector.
    pub(crate) fn sees(&self, id: &str, group: &str, state: ConnectionState) {
        self.statuses.lock().unwrap().push(ConnectorStatus {
            name: format!("tenants/acme/appConnectors/{id}/status"),
            app_connector_group: group_name(group),
            state: state.into(),
            version: "0.1.0".into(),
            connect_time: Some(prost_types::Timestamp { seconds: 1_000, nanos: 0 }),
            last_heartbeat_time: Some(prost_types::Timestamp { seconds: 2_000, nanos: 0 }),
            ..ConnectorStatus::default()
        });
    }

    /// A group with everything a group needs: two connectors, one of them connected, a server group and a key.
    pub(crate) fn complete_group(&self, id: &str) {
        self.register(as_group(group(id)));
        self.register(server_group(&format!("{id}-servers"), id));
        for (number, state) in [(1, ConnectionState::Connected), (2, ConnectionState::Disconnected)]
        {
            let name = format!("{id}-{number}");
            self.register(connector(&name, id));
            self.sees(&name, id, state);
        }
        self.key(key(&format!("{id}-key"), id, 2, 10));
    }

    pub(crate) fn updates_refuses(&self, down: bool) {
        self.updates_down.store(down, Ordering::Relaxed);
    }

    pub(crate) fn paths_hang(&self, hangs: bool) {
        self.paths_hangs.store(hangs, Ordering::Relaxed);
    }

    /// Provisioning was made anew and knows no key.
    pub(crate) fn forget_keys(&self) {
        self.keys.lock().unwrap().clear();
        self.provisioning_life.fetch_add(1, Ordering::Relaxed);
    }

    /// The token of provisioning's life.
    pub(crate) fn key_token(&self) -> String {
        // An epoch and a revision, as base64url.
        let letter = char::from(b'A' + self.provisioning_life.load(Ordering::Relaxed));
        String::from(letter).repeat(32)
    }

    pub(crate) fn provisioning_refuses(&self, down: bool) {
        self.provisioning_down.send_replace(down);
    }
}
