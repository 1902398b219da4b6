//! Whoever may call a method, with the message as bytes.

use std::{collections::BTreeMap, time::Duration};

use bytes::{Buf as _, BufMut as _};
use prost_reflect::MethodDescriptor;
use proto::provisioning::v1::{
    EnrollRequest, ProvisioningKey, enrolment_service_client::EnrolmentServiceClient,
};
use rpc::{
    access::{AccessClass, AccessTable, Role},
    client::{Channel, ClientConfig, connect},
};
use runtime::{
    Clock,
    identity::{ServiceIdentity, SystemPki, TrustBundles, client_tls},
};
use testkit::System;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// How long a stream is listened to: its first answer comes at once or, where nothing happens, not at all.
const LISTEN: Duration = Duration::from_millis(100);
const SERVICES: [(&str, &str); 5] = [
    ("registry", "registry"),
    ("provisioning", "provisioning"),
    ("updates", "updates"),
    ("paths", "paths"),
    ("overview", "console"),
];

/// The path of a call.
pub(super) fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// An administrator of everything, and a sibling service for the methods that only those may call.
pub(super) struct Callers {
    table: AccessTable,
    token: String,
    as_person: BTreeMap<&'static str, Channel>,
    as_service: BTreeMap<&'static str, Channel>,
    door: Channel,
}

impl Callers {
    pub(super) fn of(system: &System) -> Self {
        let pki = SystemPki::open(system.root_file().parent().unwrap()).unwrap();
        let identity = pki.identity("console").unwrap();
        let trust = pki.bundles(&identity).unwrap();
        let channels = |identity: Option<ServiceIdentity>| {
            let tls = client_tls(identity, trust.clone(), &Clock::system()).unwrap();
            let open = |service| connect(&ClientConfig::new(system.endpoint(service), tls.clone()));
            SERVICES.map(|(package, service)| (package, open(service).unwrap())).into()
        };
        Self {
            table: AccessTable::from_pool(&proto::POOL).unwrap(),
            token: system.administrator_token().to_owned(),
            as_person: channels(None),
            door: {
                let tls = client_tls(None, trust.clone(), &Clock::system()).unwrap();
                connect(&ClientConfig::new(system.enrolment_endpoint(), tls)).unwrap()
            },
            as_service: channels(Some(identity)),
        }
    }

    /// The answer to a message: of a stream, the first of its messages, or nothing.
    pub(super) async fn call(
        &self,
        method: &MethodDescriptor,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let package = method.full_name().split('.').nth(1).unwrap();
        let rule = self.table.get(&path(method)).unwrap();
        let is_for = |role| rule.allows(AccessClass::Role(role));
        let by_token = is_for(Role::Admin) || is_for(Role::SystemAdmin);
        let channels = if by_token { &self.as_person } else { &self.as_service };
        let mut request = Request::new(message);
        if by_token {
            let token = format!("Bearer {}", self.token).parse().unwrap();
            request.metadata_mut().insert("authorization", token);
        }
        let enrols = method.parent_service().name() == "EnrolmentService";
        let channel = if enrols { &self.door } else { &channels[package] };
        answer(channel.clone(), method, request).await
    }
}

async fn answer(
    channel: Channel,
    method: &MethodDescriptor,
    request: Request<Vec<u8>>,
) -> Result<Vec<u8>, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let path = path(method).parse().unwrap();
    if method.is_client_streaming() {
        let once = request.map(tokio_stream::once);
        let stream = client.streaming(once, path, Bytes).await?.into_inner();
        return first(stream).await;
    }
    if method.is_server_streaming() {
        return first(client.server_streaming(request, path, Bytes).await?.into_inner()).await;
    }
    Ok(client.unary(request, path, Bytes).await?.into_inner())
}

async fn first(mut stream: tonic::Streaming<Vec<u8>>) -> Result<Vec<u8>, Status> {
    match tokio::time::timeout(LISTEN, stream.message()).await {
        Ok(message) => Ok(message?.unwrap_or_default()),
        Err(_) => Ok(Vec::new()),
    }
}

/// A connector that enrolled and then says what it likes.
pub(super) struct Connector(Channel);

impl Connector {
    pub(super) async fn enrol(system: &System, key: &ProvisioningKey) -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let request = rcgen::CertificateParams::default().serialize_request(&pair).unwrap();
        let pki = SystemPki::open(system.root_file().parent().unwrap()).unwrap();
        let roots = pki.roots().unwrap();
        let domain = pki.identity("console").unwrap().leaf().spiffe.trust_domain;
        let trust = TrustBundles::new(domain, roots).unwrap();
        let tls = client_tls(None, trust.clone(), &Clock::system()).unwrap();
        let door = connect(&ClientConfig::new(system.enrolment_endpoint(), tls)).unwrap();
        let token = &key.issued_secret.as_ref().unwrap().join_token;
        let secret = token.parse::<names::JoinToken>().unwrap().secret;
        let enrol = EnrollRequest {
            secret,
            csr: request.der().to_vec().into(),
            ..EnrollRequest::default()
        };
        let answer = EnrolmentServiceClient::new(door).enroll(enrol).await.unwrap().into_inner();
        let chain = answer.certificates.unwrap().certificate_chain;
        let pem: String = chain.iter().map(|der| pem(der)).collect();
        let identity = ServiceIdentity::from_pem(&pem, &pair.serialize_pem()).unwrap();
        let tls = client_tls(Some(identity), trust, &Clock::system()).unwrap();
        Self(connect(&ClientConfig::new(system.endpoint("paths"), tls)).unwrap())
    }

    /// Sends these messages on one stream, and listens until it ends or falls silent.
    pub(super) async fn report(
        &self,
        method: &MethodDescriptor,
        messages: Vec<Vec<u8>>,
    ) -> Result<Vec<u8>, Status> {
        let mut client = Grpc::new(self.0.clone());
        client.ready().await.unwrap();
        let messages = Request::new(tokio_stream::iter(messages));
        let answers = client.streaming(messages, path(method).parse().unwrap(), Bytes).await?;
        let mut answers = answers.into_inner();
        while let Ok(answer) = tokio::time::timeout(LISTEN, answers.message()).await {
            if answer?.is_none() {
                break;
            }
        }
        Ok(Vec::new())
    }
}

fn pem(der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

/// Messages as the bytes that they are.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}
