//! What groups have besides the standard methods: a delete with `force`.

use proto::registry::v1::{AppConnectorGroup, DeleteAppConnectorGroupRequest};
use rpc::{Answer, open};
use tonic::Request;

use super::{Api, standard::named};
use crate::domain::GroupSpec;

impl Api {
    /// A group goes alone, or with `force` together with what refers to it.
    pub(super) async fn delete_group(
        &self,
        request: Request<DeleteAppConnectorGroupRequest>,
    ) -> Answer<AppConnectorGroup> {
        let (caller, mut message) = open(request)?;
        let (name, write) =
            named::<GroupSpec, _>(caller, &mut message, self.clock.now())?.write_named()?;
        Ok(self.show(&self.registry.delete_group(&name, message.force, &write).await?))
    }
}
