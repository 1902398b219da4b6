//! Two tenants with the same objects under the same ids, and a connector of each.
//!
//! Always holds: whoever confuses the tenants finds an object, so a confusion shows as an answer and not as a miss.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use proto::{
    provisioning::v1::{
        EnrollRequest, EnrollResponse, GetCertificateAuthorityRequest,
        enrolment_service_client::EnrolmentServiceClient,
        provisioning_service_client::ProvisioningServiceClient,
    },
    registry::v1::{ClientNetwork, CreateClientNetworkRequest},
};
use rcgen::{CertificateParams, KeyPair};
use runtime::identity::ServiceIdentity;
use testkit::{FRANKFURT, System, Tenant, eventually};

use super::request::Place;

/// A connector that has joined, without the connector's program.
pub(crate) struct Joined {
    pub(crate) key: KeyPair,
    pub(crate) answer: EnrollResponse,
}

/// A tenant with one object of each kind that is built.
pub(crate) struct Ground {
    pub(crate) tenant: Tenant,
    pub(crate) place: Place,
    pub(crate) connector: Joined,
}

impl Ground {
    /// Makes a tenant and its objects, the connector by a real enrolment.
    pub(crate) async fn lay(system: &System) -> Self {
        let tenant = system.tenant().await;
        let group = tenant.group("berlin", FRANKFURT).await.expect("the group is made");
        let servers = tenant.server_group("wiki", Vec::new(), &[&group]).await;
        let servers = servers.expect("the server group is made");
        let segment = tenant.segment("wiki", 443, vec![servers.name]).await;
        segment.expect("the segment is made");
        let office = CreateClientNetworkRequest {
            parent: tenant.parent(),
            client_network_id: "office".to_owned(),
            client_network: Some(ClientNetwork {
                display_name: "Office".to_owned(),
                cidrs: vec!["198.51.100.0/24".to_owned()],
                coordinates: Some(FRANKFURT.coordinates()),
                ..ClientNetwork::default()
            }),
            ..CreateClientNetworkRequest::default()
        };
        let office = tenant.api.registry.clone().create_client_network(office).await;
        office.expect("the client network is made");
        let key = tenant.key("berlin", &group, 0).await.expect("the key is made");
        let secret = key.issued_secret.expect("the first answer shows the secret").secret;
        let connector = Joined::by(system, &secret, &[]).await;
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let ids = BTreeMap::from([
            ("app_connector_group", "berlin".to_owned()),
            ("server_group", "wiki".to_owned()),
            ("application_segment", "wiki".to_owned()),
            ("client_network", "office".to_owned()),
            ("provisioning_key", "berlin".to_owned()),
            ("app_connector", last(&connector.answer.app_connector)),
            ("enrolment", last(&connector.answer.enrolment)),
        ]);
        let place = Place { tenant: tenant.name.tenant.to_string(), ids };
        Self { tenant, place, connector }
    }
}

impl Joined {
    /// Joins with a secret and a request that asks for these names.
    pub(crate) async fn by(system: &System, secret: &str, names: &[String]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let csr = csr(&key, names);
        let request = EnrollRequest { secret: secret.to_owned(), csr, ..EnrollRequest::default() };
        let channel = system.channel(&system.enrolment_endpoint(), None);
        let answer = EnrolmentServiceClient::new(channel).enroll(request).await;
        let joined = Self { key, answer: answer.expect("it joins").into_inner() };
        joined.believed(system).await;
        joined
    }

    /// What it shows in a handshake.
    pub(crate) fn identity(&self) -> ServiceIdentity {
        let bundle = self.answer.certificates.as_ref().expect("the answer has certificates");
        identity(&bundle.certificate_chain, &self.key)
    }

    /// Waits until provisioning takes its certificate: its tenant's authority may be minutes or a moment old.
    async fn believed(&self, system: &System) {
        let name = &self.answer.app_connector;
        let tenant = name.split("/appConnectors/").next().unwrap_or_default();
        let request =
            GetCertificateAuthorityRequest { name: format!("{tenant}/certificateAuthority") };
        eventually("the connector is believed", || async {
            let channel = system.channel(&system.endpoint("provisioning"), Some(self.identity()));
            let mut client = ProvisioningServiceClient::new(channel);
            client.get_certificate_authority(request.clone()).await
        })
        .await;
    }
}

/// A signing request that asks for these names, as URIs.
pub(crate) fn csr(key: &KeyPair, names: &[String]) -> Bytes {
    let mut params = CertificateParams::default();
    let uri = |name: &String| rcgen::SanType::URI(name.as_str().try_into().expect("plain text"));
    params.subject_alt_names = names.iter().map(uri).collect();
    params.serialize_request(key).expect("a request").der().to_vec().into()
}

/// A chain, leaf first, with its key.
pub(crate) fn identity(chain: &[Bytes], key: &KeyPair) -> ServiceIdentity {
    let pem: String = chain.iter().map(|der| pem(der)).collect();
    ServiceIdentity::from_pem(&pem, &key.serialize_pem()).expect("the key fits the leaf")
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
