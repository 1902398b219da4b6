//! A host that wants to join: a real key pair, a real signing request, and the patience of a connector.
//!
//! Always holds: it sends the same request until it is told something final; what is no such answer (the process died, the server is
//! full, registry is away) it tries again, as long as it is told to wait.

use std::time::Duration;

use proto::provisioning::v1::{
    EnrollRequest, EnrollResponse, enrolment_service_client::EnrolmentServiceClient,
};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rpc::{
    Failure,
    client::{Channel, RetryPolicy, retry},
};
use tonic::{Code, Status};

/// A host's way in.
pub(super) type Door = EnrolmentServiceClient<Channel>;

/// As a connector that never gives up, in the time of a test.
const PATIENCE: RetryPolicy = RetryPolicy {
    retries: 1_000,
    first_pause: Duration::from_millis(20),
    longest_pause: Duration::from_millis(500),
};

/// A key pair's request to join.
#[derive(Clone)]
pub(super) struct Host {
    csr: Vec<u8>,
}

/// What a host is told in the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// The name of its connector.
    Joined(String),
    /// The reason of a refusal.
    Refused(String),
}

impl Host {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { csr: CertificateParams::default().serialize_request(&key).unwrap().der().to_vec() }
    }

    /// Asks once.
    pub(super) async fn ask(&self, door: &Door, secret: &str) -> Result<EnrollResponse, Status> {
        let request = EnrollRequest {
            secret: secret.to_owned(),
            csr: self.csr.clone().into(),
            ..EnrollRequest::default()
        };
        let answer = door.clone().enroll(request).await?.into_inner();
        let certificates = answer.certificates.as_ref().expect("who joins gets a certificate");
        assert!(
            !certificates.certificate_chain.is_empty() && !certificates.tenant_bundle.is_empty()
        );
        Ok(answer)
    }

    /// Asks until it is told something final.
    pub(super) async fn join(&self, door: &Door, secret: &str) -> Told {
        let ask = || async { self.ask(door, secret).await.map_err(no_answer_is_unavailable) };
        match retry(PATIENCE, ask).await {
            Ok(answer) => Told::Joined(answer.app_connector),
            Err(status) if status.code() == Code::FailedPrecondition => {
                Told::Refused(Failure::from_status(&status).reason().to_owned())
            }
            Err(status) => panic!("neither an answer nor a reason to wait: {status}"),
        }
    }
}

/// A call whose connection or time ended was not answered, whatever it is called: it may be made again.
fn no_answer_is_unavailable(status: Status) -> Status {
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Internal => {
            Status::unavailable(format!("no answer: {status}"))
        }
        _ => status,
    }
}
