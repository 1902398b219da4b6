//! Keys.

use proto::provisioning::v1 as pb;
use rpc::{Answer, open};
use tonic::{Request, Response};

use super::{Api, convert};
use crate::{error::Error, service::keys::Shown, store::KeyRow};

impl Api {
    fn key(&self, row: KeyRow) -> pb::ProvisioningKey {
        convert::key(Shown::now(row, self.clock.now()), self.view.epoch)
    }

    pub(super) async fn create_key(
        &self,
        request: Request<pb::CreateProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let (caller, message) = open(request)?;
        let now = self.clock.now();
        let (tenant, wanted, write) = convert::create_key(caller, message, now)?;
        let (row, issued) = self.keys.create(&tenant, wanted, &write).await?;
        tracing::info!(caller = %write.by.actor, provisioning_key = %row.key.value.name, "key created");
        let shown = Shown::now(row, now);
        Ok(Response::new(convert::key_with_secret(shown, issued, self.view.epoch)))
    }

    pub(super) async fn get_key(
        &self,
        request: Request<pb::GetProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let (caller, message) = open(request)?;
        let (name, time) = convert::get_key(&caller, &message)?;
        let shown = self.keys.get(&name, time, self.clock.now()).await?;
        Ok(Response::new(convert::key(shown, self.view.epoch)))
    }

    pub(super) async fn batch_get_keys(
        &self,
        request: Request<pb::BatchGetProvisioningKeysRequest>,
    ) -> Answer<pb::BatchGetProvisioningKeysResponse> {
        let (caller, message) = open(request)?;
        let names = convert::batch_get_keys(&caller, &message)?;
        let rows = self.keys.batch_get(&names).await?;
        let provisioning_keys = rows.into_iter().map(|row| self.key(row)).collect();
        Ok(Response::new(pb::BatchGetProvisioningKeysResponse { provisioning_keys }))
    }

    pub(super) async fn list_keys(
        &self,
        request: Request<pb::ListProvisioningKeysRequest>,
    ) -> Answer<pb::ListProvisioningKeysResponse> {
        let (caller, message) = open(request)?;
        let (listed, listing) = convert::list_keys(&caller, &message, &self.tokens)?;
        let epoch = self.view.epoch;
        let render = |shown| convert::key(shown, epoch);
        let page = self.keys.list(&listed, &listing, self.clock.now(), render).await?;
        let total_size = self.keys.total_size(&listed, &listing, &page).await?;
        let next_page_token = listing.next_token(&page, &self.tokens);
        let provisioning_keys = page.items;
        Ok(Response::new(pb::ListProvisioningKeysResponse {
            provisioning_keys,
            next_page_token,
            total_size,
        }))
    }

    pub(super) async fn update_key(
        &self,
        request: Request<pb::UpdateProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let (caller, message) = open(request)?;
        let now = self.clock.now();
        let (name, edit, write) = convert::update_key(caller, message, now)?;
        let row = self.keys.update(&name, &edit, &write).await?;
        tracing::info!(caller = %write.by.actor, provisioning_key = %*name, "key updated");
        Ok(Response::new(self.key(row)))
    }

    pub(super) async fn delete_key(
        &self,
        request: Request<pb::DeleteProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let (caller, message) = open(request)?;
        let (name, allow_missing, write) = convert::delete_key(caller, message, self.clock.now())?;
        match self.keys.delete(&name, &write).await {
            Err(Error::NotFound { .. }) if allow_missing => {
                Ok(Response::new(pb::ProvisioningKey::default()))
            }
            done => {
                let row = done?;
                tracing::info!(caller = %write.by.actor, provisioning_key = %*name, "key deleted");
                Ok(Response::new(self.key(row)))
            }
        }
    }
}
