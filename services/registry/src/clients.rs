//! Calls to sibling services.

use names::AppConnectorGroupName;
use proto::provisioning::v1::{
    ListProvisioningKeysRequest, provisioning_service_client::ProvisioningServiceClient,
};
use rpc::client::Channel;
use tonic::{Request, Status};

/// Most keys of a group that a refusal names.
const MAX_KEYS_NAMED: i32 = 50;

/// How long a delete waits for provisioning: long enough for a slow answer, short enough for a
/// person who waits for the delete.
const KEYS_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// Provisioning, as far as the registry needs it: which keys stop the delete of a group.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    client: ProvisioningServiceClient<Channel>,
}

impl Keys {
    /// Asks over this channel.
    #[must_use]
    pub(crate) fn new(channel: Channel) -> Self {
        Self { client: ProvisioningServiceClient::new(channel) }
    }

    /// Names of the group's keys that are not deleted, at most 50. Spent, expired and disabled ones count: deleting
    /// the group under them would be as much of a surprise.
    ///
    /// # Errors
    /// Whatever provisioning or the way to it answered; nothing is known then.
    pub(crate) async fn of_group(
        &self,
        group: &AppConnectorGroupName,
    ) -> Result<Vec<String>, Status> {
        let mut request = Request::new(ListProvisioningKeysRequest {
            parent: group.tenant().to_string(),
            page_size: MAX_KEYS_NAMED,
            app_connector_group: group.to_string(),
            ..ListProvisioningKeysRequest::default()
        });
        request.set_timeout(KEYS_TIMEOUT);
        let answer = self.client.clone().list_provisioning_keys(request).await?;
        Ok(answer.into_inner().provisioning_keys.into_iter().map(|key| key.name).collect())
    }
}
