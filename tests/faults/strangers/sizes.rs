//! Messages that are too large, and messages that lie about their size.
//!
//! Always holds: the caller is told what is wrong in words of the contract, and the same connection goes on serving.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use names::Reason;
use rpc::{Failure, client::Channel};
use testkit::System;
use tonic::{Code, Status, body::Body};
use tower::{Service as _, ServiceExt as _};

use super::{ground::Ground, wire};

/// Twice the limit of a request, and above what gRPC itself takes.
const TOO_LARGE: usize = 5 << 20;
/// One method of each service, and whose port it is at.
const METHODS: [(&str, &str); 6] = [
    ("registry", "/causeway.registry.v1.RegistryService/CreateTenant"),
    ("provisioning", "/causeway.provisioning.v1.ProvisioningService/CreateProvisioningKey"),
    ("updates", "/causeway.updates.v1.UpdatesService/UpdateUpdatePolicy"),
    ("paths", "/causeway.paths.v1.PathsService/ExplainPath"),
    ("console", "/causeway.overview.v1.OverviewService/ListAppConnectorGroupOverviews"),
    ("door", "/causeway.provisioning.v1.EnrolmentService/Enroll"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_refused_in_words_and_the_connection_goes_on() {
    let system = System::start_as_five().await;
    for (process, path) in METHODS {
        let endpoint = match process {
            "door" => system.enrolment_endpoint(),
            process => system.endpoint(process),
        };
        let channel = system.channel(&endpoint, None);
        let token = Some(system.administrator_token());
        let ask = |message| wire::ask(&channel, token, path.parse().unwrap(), message, false);
        let refused = ask(vec![0; TOO_LARGE].into()).await.unwrap_err();
        is_told(&refused, Code::ResourceExhausted, Reason::RequestTooLarge.word(), process);
        for (what, body, code, reason) in lies() {
            let refused = send(&channel, token, path, body).await;
            is_told(&refused, code, reason, &format!("{process}, {what}"));
        }
        let empty = ask(Bytes::new()).await.unwrap_err();
        is_told(&empty, Code::InvalidArgument, "FIELDS_INVALID", process);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_sends_too_much_is_ended_in_words() {
    let system = System::start_as_one().await;
    let connector = Ground::lay(&system).await.connector.identity();
    let channel = system.channel(&system.endpoint("paths"), Some(connector));
    let path = "/causeway.paths.v1.PathsService/ReportStatus";
    for (message, code, reason) in [
        (vec![0; TOO_LARGE], Code::ResourceExhausted, Reason::RequestTooLarge.word()),
        (vec![0xff; 3], Code::InvalidArgument, Reason::RequestUnreadable.word()),
    ] {
        let refused = wire::ask(&channel, None, path.parse().unwrap(), message.into(), true).await;
        is_told(&refused.unwrap_err(), code, reason, path);
    }
}

fn is_told(refused: &Status, code: Code, reason: &str, what: &str) {
    let told = Failure::from_status(refused);
    assert_eq!((refused.code(), told.reason()), (code, reason), "{what}: {refused:?}");
}

/// Bodies whose first five bytes are not true.
fn lies() -> [(&'static str, Bytes, Code, &'static str); 5] {
    let framed = |flag: u8, length: u32, rest: &[u8]| {
        let mut body = BytesMut::new();
        body.put_u8(flag);
        body.put_u32(length);
        body.put(rest);
        body.freeze()
    };
    let large = (Code::ResourceExhausted, Reason::RequestTooLarge.word());
    let broken = (Code::InvalidArgument, Reason::RequestUnreadable.word());
    [
        ("four gigabytes in three bytes", framed(0, u32::MAX, b"abc"), large),
        ("a megabyte in three bytes", framed(0, 1 << 20, b"abc"), broken),
        ("compressed with nothing", framed(1, 3, b"abc"), broken),
        ("half a header", Bytes::from_static(&[0, 0, 0]), broken),
        ("no message", framed(0, 3, &[0xff; 3]), broken),
    ]
    .map(|(what, body, (code, reason))| (what, body, code, reason))
}

/// Sends a body as it is, and gives the status of the answer.
async fn send(channel: &Channel, token: Option<&str>, path: &str, body: Bytes) -> Status {
    let mut channel = channel.clone();
    let mut request = Request::post(format!("https://localhost{path}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = Body::new(Full::new(body));
    let ready = channel.ready().await.expect("it is served");
    let answer = ready.call(request.body(body).unwrap()).await.expect("an answer");
    let (head, body) = answer.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers) {
        return status;
    }
    let rest = body.collect().await.expect("a whole answer");
    let trailers = rest.trailers().expect("a status");
    Status::from_header_map(trailers).expect("a status")
}
