//! Provisioning's watch: who signs a tenant's connectors, and which identities are refused.

use bytes::Bytes;
use names::{AppConnectorName, CertificateAuthorityName, TenantName};
use prost::Message as _;
use proto::provisioning::v1::{
    Event, ResourceType, WatchRequest, event::Resource,
    provisioning_service_client::ProvisioningServiceClient,
};
use proto::r#type::v1::ChangeType;
use rpc::{client::Channel, watch::Source};

use super::Told;

/// What is known of one object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TrustFact {
    /// Roots that verify a tenant's connectors, DER; empty: none.
    Roots(TenantName, Vec<Vec<u8>>),
    /// Whether an identity is refused.
    Refused(AppConnectorName, bool),
}

/// The trust bundles and revocations of all tenants.
pub(crate) fn trust_source(channel: Channel) -> impl Source<Event = Told<TrustFact>> {
    let client = ProvisioningServiceClient::new(channel);
    let open = move |resume_token| {
        let mut client = client.clone();
        let types = [ResourceType::CertificateAuthority, ResourceType::Revocation];
        let request = WatchRequest {
            parent: rpc::access::ALL_TENANTS.to_owned(),
            types: types.into_iter().map(Into::into).collect(),
            resume_token,
            filter: String::new(),
        };
        async move { client.watch(request).await }
    };
    rpc::watch::source(open, told)
}

/// The meaning of an event that was kept.
///
/// # Errors
/// The bytes are no event.
pub(crate) fn read(message: &Bytes) -> Result<Option<TrustFact>, prost::DecodeError> {
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
    use proto::provisioning::v1 as wire;

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
