//! Provisioning: keys with their use counts.

use futures::StreamExt;
use proto::provisioning::v1::{
    self as wire, Event, ResourceType, WatchRequest, event::Resource,
    provisioning_service_client::ProvisioningServiceClient,
};
use proto::r#type::v1::ChangeType;
use rpc::{
    client::Channel,
    watch::{Batch, Batches, Source},
};
use tonic::Status;

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
    #[must_use]
    pub fn keys(&self) -> KeyWatch {
        KeyWatch { client: self.client.clone() }
    }
}

/// The watch of keys, for [`rpc::watch::Follower`].
pub struct KeyWatch {
    client: ProvisioningServiceClient<Channel>,
}

impl Source for KeyWatch {
    type Event = KeyChange;

    async fn open(&mut self, resume_token: String) -> Result<Batches<KeyChange>, Status> {
        let request = WatchRequest {
            parent: rpc::access::ALL_TENANTS.to_owned(),
            types: vec![ResourceType::ProvisioningKey.into()],
            resume_token,
            filter: String::new(),
        };
        let stream = self.client.watch(request).await?.into_inner();
        Ok(stream.map(|response| response.map(batch_in)).boxed())
    }
}

pub(super) fn batch_in(response: wire::WatchResponse) -> Batch<KeyChange> {
    let phase = response.phase();
    let wire::WatchResponse { phase: _, events, end_of_commit, resume_token } = response;
    let events = events.into_iter().filter_map(change_in).collect();
    Batch { phase, events, end_of_commit, resume_token }
}

/// What an event means here; `None` for what is no key.
fn change_in(event: Event) -> Option<KeyChange> {
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
