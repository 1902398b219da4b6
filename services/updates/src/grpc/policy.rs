//! Update policies.

use proto::updates::v1::{GetUpdatePolicyRequest, UpdatePolicy, UpdateUpdatePolicyRequest};
use resource::Parsing;
use rpc::{Answer, open};
use tonic::{Request, Response};

use super::{api::Api, convert};

impl Api {
    pub(super) async fn policy(
        &self,
        request: Request<GetUpdatePolicyRequest>,
    ) -> Answer<UpdatePolicy> {
        let (caller, GetUpdatePolicyRequest { name }) = open(request)?;
        let name = caller.authorise_name(convert::only_name("name", &name)?)?;
        Ok(Response::new(convert::policy(self.policies.get(&name, self.clock.now()).await?)))
    }

    pub(super) async fn update_policy(
        &self,
        request: Request<UpdateUpdatePolicyRequest>,
    ) -> Answer<UpdatePolicy> {
        let (caller, mut message) = open(request)?;
        let mut parsing = Parsing::of(caller, &mut message, self.clock.now());
        let (name, edit) = convert::policy_edit(message, &mut parsing);
        let (name, write) = parsing.write(name)?;
        let view = self.policies.update(&name, &edit, &write).await?;
        Ok(Response::new(convert::policy(view)))
    }
}
