//! Enroll and RenewCertificate.

use jiff::Timestamp;
use proto::provisioning::v1::{
    EnrollRequest, EnrollResponse, RenewCertificateRequest, RenewCertificateResponse,
    enrolment_service_client::EnrolmentServiceClient,
    provisioning_service_client::ProvisioningServiceClient,
};
use rpc::client::Channel;

use super::convert;
use crate::{
    host::Host,
    identity::{Certificates, Identity},
    link::Refusal,
};

/// Joins with a secret. A repeat with the same key pair finds the same connector.
///
/// # Errors
/// [`Refusal`] with the reason words of the contract.
pub(crate) async fn enrol(
    channel: Channel,
    secret: &str,
    csr: &[u8],
    host: &Host,
    now: Timestamp,
) -> Result<Identity, Refusal> {
    let request = EnrollRequest {
        secret: secret.to_owned(),
        csr: csr.to_vec().into(),
        host: Some(convert::host(host)),
        client_time: Some(convert::timestamp(now)),
        replaces: String::new(),
    };
    let reply = EnrolmentServiceClient::new(channel).enroll(request).await;
    let EnrollResponse {
        enrolment: _,
        app_connector,
        app_connector_group,
        certificates,
        provisioning_endpoint,
        paths_endpoint,
        heartbeat_period: _, // The Welcome of each stream names it,
        probe_period: _,     // and each probe target names its own.
        server_time: _,      // Skew is judged by the server, which refuses with both clocks named.
        replay,
    } = reply.map_err(|status| convert::refusal(&status))?.into_inner();
    tracing::info!(app_connector, app_connector_group, replay, "enrolled");
    Ok(Identity {
        app_connector: app_connector.parse().map_err(|_| convert::unusable("connector name"))?,
        certificates: certificates
            .ok_or_else(|| convert::unusable("certificate"))
            .and_then(convert::certificates)?,
        provisioning_endpoint,
        paths_endpoint,
    })
}

/// Asks for a new leaf over a connection made with the present one.
///
/// # Errors
/// [`Refusal`] with the reason words of the contract.
pub(crate) async fn renew(
    channel: Channel,
    csr: &[u8],
    now: Timestamp,
) -> Result<Certificates, Refusal> {
    let request = RenewCertificateRequest {
        csr: csr.to_vec().into(),
        client_time: Some(convert::timestamp(now)),
    };
    let reply = ProvisioningServiceClient::new(channel).renew_certificate(request).await;
    let RenewCertificateResponse { certificates, server_time: _ } =
        reply.map_err(|status| convert::refusal(&status))?.into_inner();
    certificates.ok_or_else(|| convert::unusable("certificate")).and_then(convert::certificates)
}
