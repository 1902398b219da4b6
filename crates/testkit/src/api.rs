//! Typed clients of the five services, with a caller's token.
//!
//! Always holds: calls travel through real TLS to a real listener; the server is verified against the installation's root.

use rpc::client::Channel;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};

use proto::{
    overview::v1::overview_service_client::OverviewServiceClient,
    paths::v1::paths_service_client::PathsServiceClient,
    provisioning::v1::provisioning_service_client::ProvisioningServiceClient,
    registry::v1::registry_service_client::RegistryServiceClient,
    updates::v1::updates_service_client::UpdatesServiceClient,
};

/// A channel that sends a caller's token.
pub type Wire = InterceptedService<Channel, Bearer>;

/// Where each service is reached; in one process they all share a channel.
#[derive(Clone)]
pub struct Channels {
    /// RegistryService.
    pub registry: Channel,
    /// ProvisioningService.
    pub provisioning: Channel,
    /// UpdatesService.
    pub updates: Channel,
    /// PathsService.
    pub paths: Channel,
    /// OverviewService.
    pub console: Channel,
}

/// One caller's clients. Cheap to clone; a clone is needed for each call at a time.
#[derive(Clone)]
pub struct Api {
    /// What administrators wrote.
    pub registry: RegistryServiceClient<Wire>,
    /// Keys and enrolments.
    pub provisioning: ProvisioningServiceClient<Wire>,
    /// Schedules and profiles.
    pub updates: UpdatesServiceClient<Wire>,
    /// Status and selection.
    pub paths: PathsServiceClient<Wire>,
    /// The page's rows.
    pub overview: OverviewServiceClient<Wire>,
}

impl Api {
    /// Clients of a caller with this token; `None` sends none.
    ///
    /// # Panics
    /// If the token cannot stand in a header.
    #[must_use]
    pub fn new(channels: &Channels, token: Option<&str>) -> Self {
        let bearer = Bearer(token.map(|token| {
            format!("Bearer {token}").parse().expect("a token of this testkit is plain text")
        }));
        let wire = |channel: &Channel| InterceptedService::new(channel.clone(), bearer.clone());
        Self {
            registry: RegistryServiceClient::new(wire(&channels.registry)),
            provisioning: ProvisioningServiceClient::new(wire(&channels.provisioning)),
            updates: UpdatesServiceClient::new(wire(&channels.updates)),
            paths: PathsServiceClient::new(wire(&channels.paths)),
            overview: OverviewServiceClient::new(wire(&channels.console)),
        }
    }
}

/// Puts the token into each request.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}
