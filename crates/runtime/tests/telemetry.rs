//! Traces leave the process when, and only when, there is a place for them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::convert::Infallible;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use runtime::telemetry::{self, TelemetrySettings};
use tokio::{net::TcpListener, sync::mpsc};

/// Takes exports and tells their path and size.
async fn collector() -> (String, mpsc::UnboundedReceiver<(String, Bytes)>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let (sender, exports) = mpsc::unbounded_channel();
    let app = tower::service_fn(move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            sender.send((path, body)).ok();
            // One empty message, and the status OK.
            let status = HeaderMap::from_iter([(
                HeaderName::from_static("grpc-status"),
                HeaderValue::from_static("0"),
            )]);
            let frames = [Frame::data(Bytes::from_static(&[0; 5])), Frame::trailers(status)];
            let body = StreamBody::new(futures::stream::iter(frames.map(Ok::<_, Infallible>)));
            let response = Response::builder().header(CONTENT_TYPE, "application/grpc");
            Ok::<_, Infallible>(response.body(body).unwrap())
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let service = TowerToHyperService::new(app.clone());
            tokio::spawn(async move {
                let http = auto::Builder::new(TokioExecutor::new());
                http.serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    });
    (endpoint, exports)
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_go_to_the_collector_and_the_last_ones_leave_with_the_process() {
    let (endpoint, mut exports) = collector().await;
    let settings = TelemetrySettings { otlp_endpoint: endpoint, ..TelemetrySettings::default() };
    let telemetry = telemetry::init(&settings, "registry").unwrap();
    assert!(telemetry::init(&settings, "registry").is_err(), "once per process");
    tracing::info_span!("a walk to Emmaus").in_scope(|| {});
    telemetry.shutdown().await;
    let (path, body) = exports.recv().await.unwrap();
    assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("a walk to Emmaus"), "{text}");
    assert!(text.contains("causeway-registry"), "{text}");
}

#[test]
fn a_filter_that_cannot_be_read_is_told() {
    let settings =
        TelemetrySettings { log: "registry=loud".to_owned(), ..TelemetrySettings::default() };
    let error = telemetry::init(&settings, "registry").unwrap_err().to_string();
    assert!(error.contains("telemetry.log: `registry=loud` is not a filter"), "{error}");
}
