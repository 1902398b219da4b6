//! A call by name: JSON in, messages out, through the contract's descriptors.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::Value;
use tonic::{
    Request, Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
};

use super::context::Context;

/// How long one call may take: long enough for a loaded server, short enough to not look hung.
const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// A connection to one installation with the caller's token.
pub(crate) struct Connection {
    channel: rpc::client::Channel,
    token: Option<MetadataValue<tonic::metadata::Ascii>>,
}

impl Connection {
    /// Prepares a connection; nothing is dialled before the first call.
    pub(crate) fn open(context: &Context) -> Result<Self> {
        let token = match &context.token {
            None => None,
            Some(token) => Some(
                format!("Bearer {token}")
                    .parse()
                    .context("the token has characters no header can carry")?,
            ),
        };
        Ok(Self { channel: context.channel()?, token })
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// The server's status as it came, or what is wrong with the request's JSON.
    pub(crate) async fn unary(
        &self,
        method: &MethodDescriptor,
        request: Value,
    ) -> Result<DynamicMessage> {
        let mut client = self.ready().await?;
        let request = self.request(method, request)?;
        let answer = client.unary(request, path(method), DynamicCodec(method.output())).await?;
        Ok(answer.into_inner())
    }

    /// One request, a stream of answers without a deadline.
    pub(crate) async fn server_streaming(
        &self,
        method: &MethodDescriptor,
        request: Value,
    ) -> Result<Streaming<DynamicMessage>> {
        let mut client = self.ready().await?;
        let request = self.request(method, request)?;
        let answer =
            client.server_streaming(request, path(method), DynamicCodec(method.output())).await?;
        Ok(answer.into_inner())
    }

    async fn ready(&self) -> Result<tonic::client::Grpc<rpc::client::Channel>> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(client)
    }

    fn request(&self, method: &MethodDescriptor, json: Value) -> Result<Request<DynamicMessage>> {
        let mut request = Request::new(from_json(method.input(), json)?);
        if !method.is_server_streaming() {
            request.set_timeout(CALL_DEADLINE);
        }
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// The method `Service.Method` of the contract.
pub(crate) fn method(service: &str, name: &str) -> Result<MethodDescriptor> {
    proto::POOL
        .get_service_by_name(service)
        .and_then(|s| s.methods().find(|m| m.name() == name))
        .ok_or_else(|| anyhow!("the contract has no method {service}/{name}"))
}

/// A message from its JSON; an unknown field is an error that names it.
pub(crate) fn from_json(descriptor: MessageDescriptor, json: Value) -> Result<DynamicMessage> {
    let name = descriptor.full_name().to_owned();
    let strict = DeserializeOptions::new().deny_unknown_fields(true);
    DynamicMessage::deserialize_with_options(descriptor, json, &strict)
        .with_context(|| format!("this is not a {name}"))
}

fn path(method: &MethodDescriptor) -> http::uri::PathAndQuery {
    let text = format!("/{}/{}", method.parent_service().full_name(), method.name());
    http::uri::PathAndQuery::try_from(text).expect("names in a descriptor are URI-safe")
}

/// Encodes and decodes messages that are known by descriptor only.
#[derive(Clone)]
struct DynamicCodec(MessageDescriptor);

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> DynamicEncoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        DynamicDecoder(self.0.clone())
    }
}

struct DynamicEncoder;

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}

struct DynamicDecoder(MessageDescriptor);

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        DynamicMessage::decode(self.0.clone(), from)
            .map(Some)
            .map_err(|error| Status::internal(format!("the server's answer: {error}")))
    }
}
