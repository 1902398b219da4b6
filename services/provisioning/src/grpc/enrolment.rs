//! EnrolmentService: the door for who has no certificate yet.
//!
//! Always holds: the request is never logged; the source is the TCP peer, never a header.

use std::sync::Arc;

use proto::provisioning::v1::{
    EnrollRequest, EnrollResponse, enrolment_service_server::EnrolmentService,
};
use rpc::access::caller;
use runtime::Clock;
use tonic::{Request, Response, Status};

use super::convert::{self, NextSteps};
use crate::service::enrol::Enrolling;

/// The handlers.
#[derive(Clone)]
pub(crate) struct EnrolmentApi {
    pub(crate) enrolling: Arc<Enrolling>,
    pub(crate) next: NextSteps,
    pub(crate) clock: Clock,
}

#[tonic::async_trait]
impl EnrolmentService for EnrolmentApi {
    async fn enroll(
        &self,
        request: Request<EnrollRequest>,
    ) -> Result<Response<EnrollResponse>, Status> {
        let source = caller(&request)?.remote().ip().to_canonical();
        let joining = convert::joining(request.into_inner(), source)?;
        let now = self.clock.now();
        let joined = self.enrolling.enrol(joining, now).await?;
        Ok(Response::new(convert::enroll_response(joined, &self.next, now)))
    }
}
