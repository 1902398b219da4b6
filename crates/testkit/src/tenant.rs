//! A tenant and the objects of a story, made through the public API.
//!
//! Always holds: every object goes through the same calls that an administrator would make. What a story does not care
//! about gets a plain value here; what it does care about it says itself.

use names::TenantName;
use proto::{
    google::r#type::LatLng,
    paths::v1::{
        Client, Destination, ExplainPathRequest, ExplainPathResponse, PathQuery, Protocol,
        SelectPathRequest, Selection,
    },
    provisioning::v1::{CreateProvisioningKeyRequest, ProvisioningKey},
    registry::v1::{
        AppConnectorGroup, ApplicationSegment, CreateAppConnectorGroupRequest,
        CreateApplicationSegmentRequest, CreateServerGroupRequest, CreateTenantRequest,
        HealthReporting, Location, PortRange, Server, ServerGroup, Tenant as TenantMessage,
        UpdateAppConnectorGroupRequest,
    },
};
use tonic::Status;

use crate::{api::Api, application::Application};

/// A place on Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// City, for people.
    pub city: &'static str,
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
}

/// Frankfurt am Main.
pub const FRANKFURT: Place = Place { city: "Frankfurt", latitude: 50.11, longitude: 8.68 };
/// Singapore.
pub const SINGAPORE: Place = Place { city: "Singapore", latitude: 1.35, longitude: 103.82 };
/// New York.
pub const NEW_YORK: Place = Place { city: "New York", latitude: 40.71, longitude: -74.01 };

impl Place {
    /// As the wire says it.
    #[must_use]
    pub fn coordinates(self) -> LatLng {
        LatLng { latitude: self.latitude, longitude: self.longitude }
    }

    /// A location with these coordinates and nothing that could be derived.
    #[must_use]
    pub fn location(self) -> Location {
        Location {
            city: self.city.to_owned(),
            coordinates: Some(self.coordinates()),
            ..Location::default()
        }
    }
}

/// A tenant seen by its administrator.
#[derive(Clone)]
pub struct Tenant {
    /// The administrator's clients.
    pub api: Api,
    /// Its name.
    pub name: TenantName,
}

impl Tenant {
    /// Makes a tenant.
    ///
    /// # Errors
    /// The server's status.
    pub async fn create(api: &Api, id: &str) -> Result<Self, Status> {
        let request = CreateTenantRequest {
            tenant_id: id.to_owned(),
            tenant: Some(TenantMessage { display_name: id.to_owned(), ..TenantMessage::default() }),
            ..CreateTenantRequest::default()
        };
        let made = api.registry.clone().create_tenant(request).await?.into_inner();
        let name = made.name.parse().map_err(|error| Status::internal(format!("{error}")))?;
        Ok(Self { api: api.clone(), name })
    }

    /// Its name as text.
    #[must_use]
    pub fn parent(&self) -> String {
        self.name.to_string()
    }

    /// Makes an app connector group at a place.
    ///
    /// # Errors
    /// The server's status.
    pub async fn group(&self, id: &str, place: Place) -> Result<AppConnectorGroup, Status> {
        let request = CreateAppConnectorGroupRequest {
            parent: self.parent(),
            app_connector_group_id: id.to_owned(),
            app_connector_group: Some(AppConnectorGroup {
                display_name: id.to_owned(),
                location: Some(place.location()),
                ..AppConnectorGroup::default()
            }),
            ..CreateAppConnectorGroupRequest::default()
        };
        Ok(self.api.registry.clone().create_app_connector_group(request).await?.into_inner())
    }

    /// Switches a group on or off.
    ///
    /// # Errors
    /// The server's status.
    pub async fn enable_group(
        &self,
        group: &AppConnectorGroup,
        enabled: bool,
    ) -> Result<AppConnectorGroup, Status> {
        let request = UpdateAppConnectorGroupRequest {
            app_connector_group: Some(AppConnectorGroup {
                name: group.name.clone(),
                enabled: Some(enabled),
                ..AppConnectorGroup::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] }),
            ..UpdateAppConnectorGroupRequest::default()
        };
        Ok(self.api.registry.clone().update_app_connector_group(request).await?.into_inner())
    }

    /// Makes an application: its segment `<id>.test` and the server group that joins it to app connector groups, which all
    /// reach the same server.
    ///
    /// # Errors
    /// The server's status.
    pub async fn application(
        &self,
        id: &str,
        server: &Application,
        groups: &[&AppConnectorGroup],
    ) -> Result<ApplicationSegment, Status> {
        let server_group = self.server_group(id, vec![as_server(server)], groups).await?;
        self.segment(id, server.port(), vec![server_group.name]).await
    }

    /// Makes an application at `port` with a server of its own for each group.
    ///
    /// # Errors
    /// The server's status.
    pub async fn application_with(
        &self,
        id: &str,
        port: u16,
        servers: &[(&Application, &AppConnectorGroup)],
    ) -> Result<ApplicationSegment, Status> {
        let mut server_groups = Vec::new();
        for (server, group) in servers {
            let id = format!("{id}-{}", group.display_name);
            server_groups
                .push(self.server_group(&id, vec![as_server(server)], &[*group]).await?.name);
        }
        self.segment(id, port, server_groups).await
    }

    /// Makes the segment `<id>.test` with one TCP port.
    ///
    /// # Errors
    /// The server's status.
    pub async fn segment(
        &self,
        id: &str,
        port: u16,
        server_groups: Vec<String>,
    ) -> Result<ApplicationSegment, Status> {
        let port = i32::from(port);
        let request = CreateApplicationSegmentRequest {
            parent: self.parent(),
            application_segment_id: id.to_owned(),
            application_segment: Some(ApplicationSegment {
                display_name: id.to_owned(),
                domains: vec![format!("{id}.test")],
                tcp_port_ranges: vec![PortRange { first: port, last: port }],
                server_groups,
                health_reporting: HealthReporting::Continuous.into(),
                ..ApplicationSegment::default()
            }),
            ..CreateApplicationSegmentRequest::default()
        };
        Ok(self.api.registry.clone().create_application_segment(request).await?.into_inner())
    }

    /// Makes a server group of known servers.
    ///
    /// # Errors
    /// The server's status.
    pub async fn server_group(
        &self,
        id: &str,
        servers: Vec<Server>,
        groups: &[&AppConnectorGroup],
    ) -> Result<ServerGroup, Status> {
        let request = CreateServerGroupRequest {
            parent: self.parent(),
            server_group_id: id.to_owned(),
            server_group: Some(ServerGroup {
                display_name: id.to_owned(),
                app_connector_groups: groups.iter().map(|group| group.name.clone()).collect(),
                dynamic_discovery: Some(servers.is_empty()),
                servers,
                ..ServerGroup::default()
            }),
            ..CreateServerGroupRequest::default()
        };
        Ok(self.api.registry.clone().create_server_group(request).await?.into_inner())
    }

    /// Makes a provisioning key of a group; `max_uses` 0 is no limit. The reply holds the secret, once.
    ///
    /// # Errors
    /// The server's status.
    pub async fn key(
        &self,
        id: &str,
        group: &AppConnectorGroup,
        max_uses: i64,
    ) -> Result<ProvisioningKey, Status> {
        let request = CreateProvisioningKeyRequest {
            parent: self.parent(),
            provisioning_key_id: id.to_owned(),
            provisioning_key: Some(ProvisioningKey {
                display_name: id.to_owned(),
                app_connector_group: group.name.clone(),
                max_uses,
                ..ProvisioningKey::default()
            }),
            ..CreateProvisioningKeyRequest::default()
        };
        Ok(self.api.provisioning.clone().create_provisioning_key(request).await?.into_inner())
    }

    /// Makes a key as [`Tenant::key`] does, and gives its join token.
    ///
    /// # Panics
    /// If the key is not made, or its secret not shown.
    pub async fn join_token(&self, id: &str, group: &AppConnectorGroup, max_uses: i64) -> String {
        let key = self.key(id, group, max_uses).await.expect("the key is made");
        key.issued_secret.expect("the first answer shows the secret").join_token
    }

    /// Asks for a path from a place to an application made by [`Tenant::application`].
    ///
    /// # Errors
    /// The server's status.
    pub async fn path(
        &self,
        from: Place,
        id: &str,
        server: &Application,
    ) -> Result<Selection, Status> {
        let request =
            SelectPathRequest { parent: self.parent(), query: Some(query(from, id, server)) };
        let answer = self.api.paths.clone().select_path(request).await?.into_inner();
        answer.selection.ok_or_else(|| Status::internal("an answer without a selection"))
    }

    /// As [`Tenant::path`], with every connector that was considered.
    ///
    /// # Errors
    /// The server's status.
    pub async fn explain(
        &self,
        from: Place,
        id: &str,
        server: &Application,
    ) -> Result<ExplainPathResponse, Status> {
        let request = ExplainPathRequest {
            parent: self.parent(),
            query: Some(query(from, id, server)),
            read_time: None,
        };
        Ok(self.api.paths.clone().explain_path(request).await?.into_inner())
    }
}

fn as_server(server: &Application) -> Server {
    Server { address: server.address().ip().to_string(), ports: vec![server.port().into()] }
}

fn query(from: Place, id: &str, server: &Application) -> PathQuery {
    PathQuery {
        client: Some(Client { coordinates: Some(from.coordinates()), ..Client::default() }),
        destination: Some(Destination {
            host: format!("{id}.test"),
            port: server.port().into(),
            protocol: Protocol::Tcp.into(),
        }),
        ..PathQuery::default()
    }
}
