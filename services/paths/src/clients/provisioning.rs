//! Provisioning's watch: who signs a tenant's connectors, and which identities are refused.

use bytes::Bytes;
use futures::StreamExt as _;
use names::{AppConnectorName, CertificateAuthorityName, TenantName};
use prost::Message as _;
use proto::provisioning::v1::{
    self as wire, Event, ResourceType, WatchRequest, event::Resource,
    provisioning_service_client::ProvisioningServiceClient,
};
use proto::r#type::v1::ChangeType;
use rpc::{
    client::Channel,
    watch::{Batch, Batches, Source},
};
use tonic::Status;

use super::Told;

/// What is known of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum TrustFact {
    /// Roots that verify a tenant's connectors, DER; empty: none.
    Roots(TenantName, Vec<Vec<u8>>),
    /// Whether an identity is refused.
    Refused(AppConnectorName, bool),
}

/// The watch, for [`rpc::watch::Follower`].
pub struct TrustWatch {
    client: ProvisioningServiceClient<Channel>,
}

impl TrustWatch {
    /// Over a channel; nothing is dialled before the watch is opened.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { client: ProvisioningServiceClient::new(channel) }
    }
}

impl Source for TrustWatch {
    type Event = Told<TrustFact>;

    async fn open(&mut self, resume_token: String) -> Result<Batches<Told<TrustFact>>, Status> {
        let types = [ResourceType::CertificateAuthority, ResourceType::Revocation];
        let request = WatchRequest {
            parent: rpc::access::ALL_TENANTS.to_owned(),
            types: types.into_iter().map(Into::into).collect(),
            resume_token,
            filter: String::new(),
        };
        let stream = self.client.watch(request).await?.into_inner();
        Ok(stream.map(|response| response.map(batch)).boxed())
    }
}

pub(super) fn batch(response: wire::WatchResponse) -> Batch<Told<TrustFact>> {
    let phase = response.phase();
    let wire::WatchResponse { phase: _, events, end_of_commit, resume_token } = response;
    let events = events.into_iter().filter_map(told).collect();
    Batch { phase, events, end_of_commit, resume_token }
}

/// The meaning of an event that was kept.
///
/// # Errors
/// The bytes are no event.
pub fn read(message: &Bytes) -> Result<Option<TrustFact>, prost::DecodeError> {
    Ok(told(Event::decode(message.clone())?).map(|told| told.fact))
}

pub(crate) fn told(event: Event) -> Option<Told<TrustFact>> {
    let gone = event.r#type() == ChangeType::Deleted;
    let message = (!gone).then(|| Bytes::from(event.encode_to_vec()));
    let Event { r#type: _, delete_cause: _, resource } = event;
    let (name, fact) = match resource? {
        Resource::CertificateAuthority(authority) => {
            let name: CertificateAuthorityName = authority.name.parse().ok()?;
            let roots = authority.certificates.iter().map(|root| root.der.to_vec());
            let roots = if gone { Vec::new() } else { roots.collect() };
            (authority.name, TrustFact::Roots(name.tenant(), roots))
        }
        Resource::Revocation(revocation) => {
            let name: AppConnectorName = revocation.app_connector.parse().ok()?;
            // Its own kind of name, beside the authorities'.
            let key = format!("{}/revocation", revocation.app_connector);
            (key, TrustFact::Refused(name, !gone))
        }
        Resource::ProvisioningKey(_) | Resource::Enrolment(_) => return None,
    };
    Some(Told { name, fact, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revocation(change: ChangeType) -> Event {
        let revocation = wire::Revocation {
            app_connector: "tenants/acme/appConnectors/c-1".into(),
            ..Default::default()
        };
        Event {
            r#type: change.into(),
            resource: Some(Resource::Revocation(revocation)),
            ..Default::default()
        }
    }

    #[test]
    fn a_revocation_holds_until_it_leaves_the_list() {
        let name: AppConnectorName = "tenants/acme/appConnectors/c-1".parse().unwrap();
        let stands = told(revocation(ChangeType::Added)).unwrap();
        assert_eq!(stands.fact, TrustFact::Refused(name.clone(), true));
        assert_eq!(read(&stands.message.unwrap()).unwrap(), Some(stands.fact));
        let over = told(revocation(ChangeType::Deleted)).unwrap();
        assert_eq!((over.fact, over.message), (TrustFact::Refused(name, false), None));
    }
}
