//! One call by path and bytes.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use futures::{StreamExt as _, stream};
use http::uri::PathAndQuery;
use rpc::client::Channel;
use tokio::sync::oneshot;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// How long one answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks once and takes the first message of the answer, which is all of a unary one. `goes_on` keeps the caller's side
/// open, as a stream of reports would.
pub(crate) async fn ask(
    channel: &Channel,
    token: Option<&str>,
    path: PathAndQuery,
    message: Bytes,
    goes_on: bool,
) -> Result<Bytes, Status> {
    // Says that it goes on until it is dropped; then the caller's side ends.
    let (_more, ended) = oneshot::channel();
    let ended = goes_on.then_some(ended);
    let asked = async {
        let mut answers = open(channel, token, path.clone(), message, None, ended).await?;
        Ok(answers.message().await?.unwrap_or_default())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded(format!("{path}: silence for {PATIENCE:?}"))),
    }
}

/// Asks a unary method, and tells the server how long the answer is waited for.
pub(crate) async fn ask_within(
    limit: Duration,
    channel: &Channel,
    token: &str,
    path: PathAndQuery,
    message: Bytes,
) -> Result<Bytes, Status> {
    let mut answers = open(channel, Some(token), path, message, Some(limit), None).await?;
    Ok(answers.message().await?.unwrap_or_default())
}

/// Opens a call, whatever its kind: on the wire all four are a stream each way. The caller's side ends with its message,
/// or when `ended` says so.
async fn open(
    channel: &Channel,
    token: Option<&str>,
    path: PathAndQuery,
    message: Bytes,
    limit: Option<Duration>,
    ended: Option<oneshot::Receiver<()>>,
) -> Result<Streaming<Bytes>, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await?;
    let waiting = async {
        if let Some(ended) = ended {
            ended.await.ok();
        }
    };
    let nothing_more = stream::once(waiting).filter_map(|()| async { None });
    let messages = stream::iter([message]).chain(nothing_more);
    let mut request = Request::new(messages);
    if let Some(token) = token {
        let bearer = format!("Bearer {token}").parse().expect("a token is plain text");
        request.metadata_mut().insert("authorization", bearer);
    }
    if let Some(limit) = limit {
        request.set_timeout(limit);
    }
    Ok(client.streaming(request, path, Plain).await?.into_inner())
}

/// Messages as the bytes they are.
#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
