//! A call by name: JSON in, messages out, through the contract's descriptors.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, MethodDescriptor};
use rpc::client::Channel;
use rustls::ClientConfig;
use serde_json::Value;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
};

use super::context::Context;

/// How long one call may take: long enough for a loaded server, short enough to not look hung.
const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// Connections to one installation, with the caller's token.
pub(crate) struct Connection {
    context: Context,
    tls: Arc<ClientConfig>,
    token: Option<MetadataValue<tonic::metadata::Ascii>>,
    channels: Mutex<BTreeMap<String, Channel>>,
}

impl Connection {
    /// Prepares connections; nothing is dialled before the first call.
    pub(crate) fn open(context: &Context) -> Result<Self> {
        let token = match &context.token {
            None => None,
            Some(token) => Some(
                format!("Bearer {token}")
                    .parse()
                    .context("the token has characters no header can carry")?,
            ),
        };
        let channels = Mutex::default();
        Ok(Self { context: context.clone(), tls: context.tls()?, token, channels })
    }

    /// The one channel to whoever serves the method.
    fn channel(&self, method: &MethodDescriptor) -> Result<Channel> {
        let endpoint = self.context.endpoint_of(server_of(method));
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(endpoint) {
            return Ok(channel.clone());
        }
        let config = rpc::client::ClientConfig::new(endpoint, self.tls.clone());
        let channel = rpc::client::connect(&config)?;
        channels.insert(endpoint.to_owned(), channel.clone());
        Ok(channel)
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
        let mut client = self.ready(method).await?;
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
        let mut client = self.ready(method).await?;
        let request = self.request(method, request)?;
        let answer =
            client.server_streaming(request, path(method), DynamicCodec(method.output())).await?;
        Ok(answer.into_inner())
    }

    async fn ready(&self, method: &MethodDescriptor) -> Result<Grpc<Channel>> {
        let mut client = Grpc::new(self.channel(method)?);
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

/// The process that serves a method: its package is `causeway.<process>.v1`, but for the console's.
fn server_of(method: &MethodDescriptor) -> &str {
    match method.full_name().split('.').nth(1) {
        Some("overview") => "console",
        Some(package) => package,
        None => "",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_service_has_a_process_that_a_context_can_name() {
        let processes = ["registry", "provisioning", "updates", "paths", "console"];
        for service in proto::POOL.services().filter(|s| s.full_name().starts_with("causeway.")) {
            for method in service.methods() {
                assert!(processes.contains(&server_of(&method)), "{}", method.full_name());
            }
        }
    }
}
