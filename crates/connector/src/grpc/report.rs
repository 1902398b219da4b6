//! ReportStatus: opening the stream and turning it into a [`Link`].

use std::time::Duration;

use futures::{StreamExt, channel::mpsc, stream};
use proto::paths::v1::paths_service_client::PathsServiceClient;
use rpc::client::Channel;
use runtime::Clock;

use super::convert;
use crate::{
    host::Host,
    link::{Link, REPORT_QUEUE, Refusal},
};

/// The stream must be open within this time.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the stream and sends the Hello.
///
/// # Errors
/// [`Refusal`] if the stream does not open.
pub(crate) async fn open(
    channel: Channel,
    host: &Host,
    address: Option<std::net::IpAddr>,
    clock: &Clock,
) -> Result<Link, Refusal> {
    let (sender, receiver) = mpsc::channel(REPORT_QUEUE);
    let hello = convert::hello(host, address, clock.now());
    let clock = clock.clone();
    let reports = receiver.map(move |report| convert::report(report, clock.now()));
    let requests = stream::once(async move { hello }).chain(reports);
    let mut client = PathsServiceClient::new(channel);
    let opened = tokio::time::timeout(OPEN_TIMEOUT, client.report_status(requests)).await;
    let answers = opened
        .map_err(|_| tonic::Status::unavailable("the report stream does not open in 10 s"))
        .and_then(|opened| opened)
        .map_err(|status| convert::refusal(&status))?
        .into_inner();
    let orders = answers.map(|answer| match answer {
        Ok(answer) => Ok(convert::order(answer)),
        Err(status) => Err(convert::refusal(&status)),
    });
    Ok(Link { reports: sender, orders: orders.boxed() })
}
