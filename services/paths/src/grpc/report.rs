//! The report stream: reads a connector's reports, and sends it what to do.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::Stream;
use names::AppConnectorName;
use proto::paths::v1::{
    ReportStatusRequest, ReportStatusResponse, report_status_request::Report,
    report_status_response::Order,
};
use rpc::{Answer, access::Caller, open};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use super::{Api, Parts, convert};
use crate::{
    error::Error,
    service::{index::Index, report::Session},
};

/// Hello must come within this time.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a connector whose enrolment is still on its way here.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a stream looks whether it still may be: a revoked peer is out within 5 s.
const CHECK_PERIOD: Duration = Duration::from_secs(2);
/// When a connector shall come back after this process ends: a restart lasts about that long.
const RETRY_AFTER_SHUTDOWN: Duration = Duration::from_secs(1);
/// Reasons of a farewell.
const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
const SUPERSEDED: &str = "SUPERSEDED";

/// What goes to a connector.
pub(super) type Orders = Pin<Box<dyn Stream<Item = Result<ReportStatusResponse, Status>> + Send>>;

impl Api {
    /// Connectors' reports.
    pub(super) async fn report(
        &self,
        request: Request<Streaming<ReportStatusRequest>>,
    ) -> Answer<Orders> {
        let (caller, reports) = open(request)?;
        let name = caller.connector()?.clone();
        Ok(Response::new(serve(self.parts().clone(), caller, name, reports)))
    }
}

/// Serves one stream until either side ends it.
fn serve(
    parts: Arc<Parts>,
    caller: Caller,
    name: AppConnectorName,
    mut reports: Streaming<ReportStatusRequest>,
) -> Orders {
    Box::pin(async_stream::try_stream! {
        let hello = hello(&mut reports).await?;
        let hello = convert::hello(hello, &caller)?;
        arrival(&parts.index, &name).await?;
        let mut stream = Open::begin(&parts, caller, name, hello)?;
        yield convert::welcome(&stream.name, &parts.reports, parts.clock.now());
        loop {
            if std::mem::take(&mut stream.reassign)
                && let Some((version, assignment)) = stream.session.assignment()
            {
                yield convert::assignment(version, assignment);
            }
            match stream.next(&mut reports).await? {
                Step::Silent => {}
                Step::Answer(answer) => yield answer,
                Step::Last(answer) => {
                    yield answer;
                    break;
                }
                Step::End => break,
            }
        }
    })
}

async fn hello(
    reports: &mut Streaming<ReportStatusRequest>,
) -> Result<proto::paths::v1::Hello, Status> {
    let first = tokio::time::timeout(HELLO_TIMEOUT, reports.message()).await;
    match first {
        Ok(Ok(Some(ReportStatusRequest { report: Some(Report::Hello(hello)) }))) => Ok(hello),
        Ok(Err(status)) => Err(status),
        Ok(Ok(_)) | Err(_) => Err(Error::HelloExpected.into()),
    }
}

/// Waits for a connector that has just enrolled: its certificate may be faster than its registration.
async fn arrival(index: &Index, name: &AppConnectorName) -> Result<(), Error> {
    let mut arrivals = index.arrivals();
    let arrived = async {
        while index.connector(name).is_none() {
            if arrivals.changed().await.is_err() {
                break;
            }
        }
    };
    match tokio::time::timeout(ARRIVAL_TIMEOUT, arrived).await {
        Ok(()) => Ok(()),
        Err(_) if index.is_ready() => Err(Error::AppConnectorNotFound(name.clone())),
        Err(_) => Err(Error::SnapshotNotReady),
    }
}

/// An open stream.
struct Open<'a> {
    parts: &'a Parts,
    caller: Caller,
    name: AppConnectorName,
    session: Session,
    changes: watch::Receiver<u64>,
    /// Something happened that may change what it is to probe.
    reassign: bool,
}

/// What a step of the stream comes to.
enum Step {
    /// Nothing to send.
    Silent,
    /// Something to send.
    Answer(ReportStatusResponse),
    /// The last message.
    Last(ReportStatusResponse),
    /// Nothing more to send.
    End,
}

impl<'a> Open<'a> {
    fn begin(
        parts: &'a Parts,
        caller: Caller,
        name: AppConnectorName,
        hello: convert::Hello,
    ) -> Result<Self, Error> {
        let gone = || Error::AppConnectorNotFound(name.clone());
        let tenant = parts.index.tenant(&name.tenant()).ok_or_else(gone)?;
        let changes = tenant.changes();
        let session = Session::open(
            parts.index.clone(),
            parts.reports,
            parts.clock.clone(),
            name.clone(),
            hello.instance,
        )
        .ok_or_else(gone)?;
        session.beat(None, hello.sent);
        parts.metrics.streams().inc();
        tracing::info!(connector = %name, remote = %caller.remote(), "a connector reports");
        Ok(Self { parts, caller, name, session, changes, reassign: true })
    }

    async fn next(&mut self, reports: &mut Streaming<ReportStatusRequest>) -> Result<Step, Status> {
        let parts = self.parts;
        tokio::select! {
            biased;
            () = parts.shutdown.streams.cancelled() => {
                Ok(Step::Last(convert::farewell(SHUTTING_DOWN, RETRY_AFTER_SHUTDOWN)))
            }
            report = reports.message() => match report? {
                Some(ReportStatusRequest { report }) => self.handle(report),
                None => Ok(Step::End),
            },
            changed = self.changes.changed() => {
                if changed.is_err() || !self.session.is_enrolled() {
                    return Err(Error::AppConnectorNotFound(self.name.clone()).into());
                }
                self.reassign = true;
                Ok(Step::Silent)
            }
            () = parts.clock.sleep(CHECK_PERIOD) => self.check(),
        }
    }

    /// Whether the stream still may be.
    fn check(&self) -> Result<Step, Status> {
        self.caller.still_valid()?;
        if self.session.is_superseded() {
            return Ok(Step::Last(convert::farewell(SUPERSEDED, Duration::ZERO)));
        }
        if self.session.is_silent() {
            return Err(Error::HeartbeatMissed.into());
        }
        if !self.session.is_enrolled() {
            return Err(Error::AppConnectorNotFound(self.name.clone()).into());
        }
        Ok(Step::Silent)
    }

    fn handle(&mut self, report: Option<Report>) -> Result<Step, Status> {
        match report {
            // A report of a newer connector: nothing that this version understands.
            None => Ok(Step::Silent),
            Some(Report::Hello(_)) => Err(Error::HelloExpected.into()),
            Some(Report::Heartbeat(heartbeat)) => {
                self.caller.still_valid()?;
                if self.session.is_superseded() {
                    return Ok(Step::Last(convert::farewell(SUPERSEDED, Duration::ZERO)));
                }
                let sequence = heartbeat.sequence;
                let (load, sent) = convert::heartbeat(heartbeat)?;
                self.session.beat(load, sent);
                let ack = convert::heartbeat_ack(sequence, self.parts.clock.now());
                Ok(Step::Answer(ReportStatusResponse { order: Some(Order::HeartbeatAck(ack)) }))
            }
            Some(Report::ProbeReport(report)) => {
                let counted = self.session.results(convert::probe_results(report)?);
                self.parts.metrics.results(counted);
                Ok(Step::Silent)
            }
            Some(Report::Goodbye(goodbye)) => {
                tracing::info!(connector = %self.name, reason = goodbye.reason, "a connector says goodbye");
                self.session.goodbye();
                Ok(Step::End)
            }
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.parts.metrics.streams().dec();
        tracing::info!(connector = %self.name, "a report stream ended");
    }
}
