//! Authorities and renewals.

use names::{CertificateAuthorityName, Violations};
use proto::provisioning::v1 as pb;
use rpc::{Answer, Refuse as _, open, time::to_proto};
use tonic::{Request, Response};

use super::{Api, convert};
use crate::error::Error;

impl Api {
    pub(super) async fn get_authority(
        &self,
        request: Request<pb::GetCertificateAuthorityRequest>,
    ) -> Answer<pb::CertificateAuthority> {
        let (caller, pb::GetCertificateAuthorityRequest { name }) = open(request)?;
        let mut problems = Violations::new();
        let name = problems.take("name", name.parse::<CertificateAuthorityName>());
        let name = caller.authorise_name(problems.finish_with(|| name)?)?;
        let found = self.authorities.get(&name).await?;
        let trust_domain = &self.view.trust_domain;
        Ok(Response::new(convert::authority(found, trust_domain, self.view.epoch)))
    }

    pub(super) async fn renew(
        &self,
        request: Request<pb::RenewCertificateRequest>,
    ) -> Answer<pb::RenewCertificateResponse> {
        let (caller, message) = open(request)?;
        let connector = caller.connector()?;
        let (csr, client_time) = convert::renewal(message)?;
        let now = self.clock.now();
        let renewed = self.renewal.renew(connector, &csr, client_time, now).await;
        self.metrics.renewal(match &renewed {
            Ok(_) => "RENEWED",
            Err(Error::Refused(refusal)) => refusal.reason().word(),
            Err(_) => "ERROR",
        });
        Ok(Response::new(pb::RenewCertificateResponse {
            certificates: Some(convert::certificates(renewed?)),
            server_time: Some(to_proto(now)),
        }))
    }
}
