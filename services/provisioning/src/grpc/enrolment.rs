//! EnrolmentService: the door for who has no certificate yet.
//!
//! Always holds: the request is never logged; the source is the TCP peer, never a header.

use names::Reason;
use std::sync::Arc;

use proto::provisioning::v1::{
    EnrollRequest, EnrollResponse, enrolment_service_server::EnrolmentService,
};
use rpc::{Failure, Refuse as _, Violations, access::caller, time::from_proto};
use runtime::Clock;
use tonic::{Request, Response, Status};

use super::convert::{self, NextSteps};
use crate::service::enrol::{Enrolling, Joining};

/// Longest secret that is looked at, in bytes; a real one has 87.
const MAX_SECRET_BYTES: usize = 256;
/// Longest signing request that is looked at, in bytes; a real one has about 300.
const MAX_CSR_BYTES: usize = 4096;

/// The handlers.
#[derive(Clone)]
pub(crate) struct EnrolmentHandlers {
    pub(crate) enrolling: Arc<Enrolling>,
    pub(crate) next: NextSteps,
    pub(crate) clock: Clock,
}

#[tonic::async_trait]
impl EnrolmentService for EnrolmentHandlers {
    async fn enroll(
        &self,
        request: Request<EnrollRequest>,
    ) -> Result<Response<EnrollResponse>, Status> {
        let source = caller(&request)?.remote().ip().to_canonical();
        let joining = parse(request.into_inner(), source)?;
        let now = self.clock.now();
        let joined = self.enrolling.enrol(joining, now).await?;
        Ok(Response::new(convert::enroll_response(joined, &self.next, now)))
    }
}

pub(super) fn parse(request: EnrollRequest, source: std::net::IpAddr) -> Result<Joining, Failure> {
    let EnrollRequest { secret, csr, host, client_time, replaces } = request;
    let mut v = Violations::new();
    v.require_text("secret", &secret);
    if secret.len() > MAX_SECRET_BYTES {
        v.add(
            "secret",
            Reason::TooLong,
            "a secret has 87 characters; send it alone, not the join token",
        );
    }
    if csr.is_empty() {
        v.add("csr", Reason::Required, "`csr` must be set: a PKCS #10 request, DER");
    }
    if csr.len() > MAX_CSR_BYTES {
        v.add(
            "csr",
            Reason::TooLong,
            format!("at most {MAX_CSR_BYTES} bytes; send one DER request"),
        );
    }
    if !replaces.is_empty() {
        v.add(
            "replaces",
            Reason::Planned,
            "taking another connector's place is not built; leave it empty",
        );
    }
    let host = v.within("host", |v| convert::host(host, v));
    let client_time = from_proto("client_time", client_time.as_ref(), &mut v);
    v.finish_with(|| Some(Joining { secret, csr: csr.to_vec(), host: host?, source, client_time }))
}
