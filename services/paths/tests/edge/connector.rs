//! A connector that reports what the test says.

use std::time::Duration;

use proto::paths::v1::{
    Goodbye, Heartbeat, Hello, Load, ProbeAssignment, ProbeOutcome, ProbeReport, ProbeResult,
    ReportStatusRequest, ReportStatusResponse, Welcome, paths_service_client::PathsServiceClient,
    report_status_request::Report, report_status_response::Order,
};
use rpc::client::Channel;
use runtime::Clock;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

/// More than any answer here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Agent {
    reports: mpsc::UnboundedSender<ReportStatusRequest>,
    orders: Streaming<ReportStatusResponse>,
    clock: Clock,
    sequence: i64,
    pub(crate) welcome: Welcome,
}

impl Agent {
    /// Opens the stream, sends a hello and waits for the terms.
    pub(crate) async fn open(
        mut client: PathsServiceClient<Channel>,
        clock: Clock,
    ) -> Result<Self, Status> {
        let (reports, receiver) = mpsc::unbounded_channel();
        let hello = Hello {
            instance_id: "a63e8d0c-4b0c-4a3a-8c7a-0f5a6f1f0001".into(),
            version: "0.1.0".into(),
            platform: "linux-x86_64".into(),
            hostname: "host.example".into(),
            private_addresses: vec!["10.0.0.9".into()],
            start_time: Some(rpc::time::to_proto(clock.now())),
            send_time: Some(rpc::time::to_proto(clock.now())),
            previous_version: String::new(),
        };
        let hello = ReportStatusRequest { report: Some(Report::Hello(hello)) };
        reports.send(hello).unwrap();
        let opened = client.report_status(UnboundedReceiverStream::new(receiver)).await?;
        let mut orders = opened.into_inner();
        let first = tokio::time::timeout(PATIENCE, orders.message()).await.expect("an answer")?;
        let Some(ReportStatusResponse { order: Some(Order::Welcome(welcome)) }) = first else {
            panic!("the first answer is {first:?}")
        };
        Ok(Self { reports, orders, clock, sequence: 0, welcome })
    }

    pub(crate) fn say(&self, report: Report) {
        // The other side may have ended the stream; then the next order shows it.
        self.reports.send(ReportStatusRequest { report: Some(report) }).ok();
    }

    /// The next order, or how the stream ended.
    pub(crate) async fn order(&mut self) -> Result<Option<Order>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.orders.message()).await;
        Ok(next.expect("an order")?.and_then(|response| response.order))
    }

    /// The next assignment.
    pub(crate) async fn assignment(&mut self) -> ProbeAssignment {
        loop {
            match self.order().await.unwrap() {
                Some(Order::Assignment(assignment)) => return assignment,
                Some(_) => {}
                None => panic!("the stream ended"),
            }
        }
    }

    /// A heartbeat that was handled when this returns.
    pub(crate) async fn beat(&mut self, sessions: i32) {
        self.sequence += 1;
        let load = Load { sessions, session_limit: 100, ..Default::default() };
        self.say(Report::Heartbeat(Heartbeat {
            sequence: self.sequence,
            send_time: Some(rpc::time::to_proto(self.clock.now())),
            load: Some(load),
        }));
        loop {
            match self.order().await.unwrap() {
                Some(Order::HeartbeatAck(ack)) if ack.sequence == self.sequence => return,
                Some(_) => {}
                None => panic!("the stream ended"),
            }
        }
    }

    /// A result of each probe, handled when this returns: a beat behind it was.
    pub(crate) async fn report(&mut self, results: Vec<ProbeResult>) {
        self.say(Report::ProbeReport(ProbeReport { results }));
        self.beat(0).await;
    }

    pub(crate) async fn reaches(&mut self, host: &str, milliseconds: f64) {
        self.report(vec![ProbeResult {
            target_id: format!("tcp:443:{host}"),
            outcome: ProbeOutcome::Connected.into(),
            connect_milliseconds: milliseconds,
            ..Default::default()
        }])
        .await;
    }

    pub(crate) async fn fails(&mut self, host: &str) {
        let result = ProbeResult {
            target_id: format!("tcp:443:{host}"),
            outcome: ProbeOutcome::Refused.into(),
            ..Default::default()
        };
        self.report(vec![result.clone(), result]).await;
    }

    /// Leaves on purpose; the other side has taken note when this returns.
    pub(crate) async fn goodbye(mut self) {
        self.say(Report::Goodbye(Goodbye { reason: "SHUTDOWN".into() }));
        while self.order().await.unwrap().is_some() {}
    }
}
