//! What connectors have besides the standard methods: how they come to be.

use names::{AppConnectorName, EnrolmentName, Violations};
use proto::registry::v1::{
    AbandonRegistrationRequest, AbandonRegistrationResponse, AppConnector,
    RegisterAppConnectorRequest,
};
use rpc::Refuse as _;
use rpc::{Answer, open};
use tonic::{Request, Response};

use super::{Api, convert};
use crate::domain::Reason;

impl Api {
    pub(super) async fn register(
        &self,
        request: Request<RegisterAppConnectorRequest>,
    ) -> Answer<AppConnector> {
        let (caller, message) = open(request)?;
        let mut problems = Violations::new();
        let draft = convert::registration(message, &mut problems);
        let wanted = self.registry.check_registration(&draft, problems)?;
        let name = caller.authorise_name(wanted.name.clone())?;
        Ok(self.show(&self.registry.register(&name, &wanted, self.clock.now()).await?))
    }

    pub(super) async fn abandon(
        &self,
        request: Request<AbandonRegistrationRequest>,
    ) -> Answer<AbandonRegistrationResponse> {
        let (caller, AbandonRegistrationRequest { enrolment, name }) = open(request)?;
        let mut problems = Violations::new();
        let enrolment = problems.take("enrolment", enrolment.parse::<EnrolmentName>());
        let name = problems.take("name", name.parse::<AppConnectorName>());
        if let (Some(enrolment), Some(name)) = (&enrolment, &name)
            && enrolment.tenant != name.tenant
        {
            let fix = format!("must belong to `{}`", enrolment.tenant());
            problems.add("name", Reason::ForeignTenant, fix);
        }
        let (enrolment, name) = problems.finish_with(|| enrolment.zip(name))?;
        let enrolment = caller.authorise_name(enrolment)?;
        self.registry.abandon(&enrolment, &name, self.clock.now()).await?;
        Ok(Response::new(AbandonRegistrationResponse {}))
    }
}
