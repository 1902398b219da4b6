//! Provisioning: keys with their use counts.

use proto::provisioning::v1::{
    Event, ResourceType, WatchRequest, event::Resource,
    provisioning_service_client::ProvisioningServiceClient,
};
use proto::r#type::v1::ChangeType;
use rpc::{
    client::Channel,
    watch::{self, Source},
};

use crate::domain::{fleet::Key, keys::KeyChange};

/// Provisioning, as far as the console needs it.
#[derive(Clone)]
pub struct Provisioning {
    client: ProvisioningServiceClient<Channel>,
}

impl Provisioning {
    /// Over a channel; nothing is dialled before the first call.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { client: ProvisioningServiceClient::new(channel) }
    }

    /// The watch of all keys of all tenants.
    pub fn keys(&self) -> impl Source<Event = KeyChange> + use<> {
        let client = self.client.clone();
        let open = move |resume_token| {
            let mut client = client.clone();
            let request = WatchRequest {
                parent: rpc::access::ALL_TENANTS.to_owned(),
                types: vec![ResourceType::ProvisioningKey.into()],
                resume_token,
                filter: String::new(),
            };
            async move { client.watch(request).await }
        };
        watch::source(open, change_in)
    }
}

/// What an event means here; `None` for what is no key.
pub(super) fn change_in(event: Event) -> Option<KeyChange> {
    let purged = event.r#type() == ChangeType::Deleted;
    let Event { r#type: _, delete_cause: _, resource } = event;
    let Some(Resource::ProvisioningKey(key)) = resource else { return None };
    if purged || key.delete_time.is_some() {
        return Some(KeyChange::Gone(key.name.parse().ok()?));
    }
    Some(KeyChange::Is(Key {
        name: key.name.parse().ok()?,
        display_name: key.display_name,
        group: key.app_connector_group.parse().ok()?,
        enabled: key.enabled.unwrap_or(true),
        use_count: key.use_count,
        max_uses: key.max_uses,
        expire_time: key.expire_time.as_ref().and_then(rpc::time::parse),
    }))
}
