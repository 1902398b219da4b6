//! More calls than can be answered.
//!
//! Always holds: the load is open, as the load of many strangers is: whoever comes does not wait for those before. The
//! server has one core of its own, so that making the load takes nothing from serving it.
//!
//! ## Design notes
//! At four times the peak, three refusals come with each answer, and what they cost is missing for answers: a tenth is left
//! for them only if a refusal is thirty times as cheap as an answer. So the call is a long list. For one that costs little
//! more than its refusal, no server can keep this promise alone; that is what `retry_delay` asks of callers.

use names::Reason;
use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::uri::PathAndQuery;
use proto::registry::v1::{
    AppConnectorGroup, CreateAppConnectorGroupRequest, ListAppConnectorGroupsRequest,
};
use rpc::{Failure, client::Channel};
use testkit::{FRANKFURT, Plan, System, Tenant};
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};
use tonic::{Code, Status};

use super::wire;

/// How many times the peak comes in.
const OVER: u32 = 4;
/// Goodput that must be left, as a part of the peak.
const KEPT: f64 = 0.9;
/// How long a caller waits, in answers of the peak. The ninety-ninth of a hundred served callers has its answer by then, or it is no
/// answer.
const PATIENCE: f64 = 50.0;
/// How long a caller waits while the peak is not known yet.
const FIRST_PATIENCE: Duration = Duration::from_secs(6);
/// A machine that others use too gets so many tries.
const TRIES: usize = 5;
/// Callers at one time that make the peak: enough that the server is never idle.
const CALLERS: usize = 4;
/// Time in which the peak is measured.
const PEAK_TIME: Duration = Duration::from_secs(6);
/// Time of an overload before and while it is measured, in answers of the peak.
const SETTLING: f64 = 45.0;
const MEASURED: f64 = 72.0;
/// Calls that are due are made this often.
const PERIOD: Duration = Duration::from_millis(5);
/// Connections that carry the load.
const CONNECTIONS: usize = 16;
/// Objects in a list and labels of each: in a debug build a tenth of a second of work.
const OBJECTS: usize = 600;
const LABELS: usize = 60;

/// A call to make again and again.
struct Load {
    channels: Vec<Channel>,
    token: String,
    path: PathAndQuery,
    message: Bytes,
}

/// How a call ended, when, and how long it took.
struct Ended {
    outcome: Result<(), Status>,
    at: Instant,
    took: Duration,
}

/// What became of an overload.
struct Figures {
    served_per_second: f64,
    p99: Duration,
    shed: usize,
    /// Ended neither with an answer nor as shed.
    wrongly: Vec<Status>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served_per_second, p99, shed, wrongly } = self;
        write!(
            f,
            "{served_per_second:.1} a second, p99 {p99:?}; {shed} shed, {} lost",
            wrongly.len()
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_times_as_many_calls_as_can_be_answered_leave_nine_tenths_of_the_peak() {
    let plan = Plan::default().under("registry", &["taskset", "--cpu-list", "0"]);
    let system = System::start_as_five_with(plan).await;
    let tenant = system.tenant().await;
    let made = stream::iter(0..OBJECTS).map(|nth| create(&tenant, nth));
    let made: Vec<_> = made.buffer_unordered(8).collect().await;
    assert_eq!(made.len(), OBJECTS);
    let list = ListAppConnectorGroupsRequest {
        parent: tenant.parent(),
        page_size: 1000,
        ..ListAppConnectorGroupsRequest::default()
    };
    besieged(Load::of(&system, "ListAppConnectorGroups", &list)).await;
}

async fn create(tenant: &Tenant, nth: usize) {
    let labels = (0..LABELS).map(|nth| (format!("label-{nth}"), "some value".to_owned()));
    let group = AppConnectorGroup {
        display_name: format!("group {nth}"),
        location: Some(FRANKFURT.location()),
        labels: labels.collect(),
        ..AppConnectorGroup::default()
    };
    let request = CreateAppConnectorGroupRequest {
        parent: tenant.parent(),
        app_connector_group_id: format!("group-{nth}"),
        app_connector_group: Some(group),
        ..CreateAppConnectorGroupRequest::default()
    };
    tenant.api.registry.clone().create_app_connector_group(request).await.expect("it is made");
}

/// Finds the peak, asks for more, and judges what is left. Each try has a peak of its own: a shared machine is not as fast
/// in one minute as in the next.
async fn besieged(load: Load) {
    let load = Arc::new(load);
    for _ in 0..TRIES {
        let peak = load.closed(CALLERS).await;
        let figures = load.open(peak).await;
        eprintln!("of a peak of {peak:.1} a second, {OVER} times as many left {figures}");
        assert!(figures.shed > 0, "nobody was shed: that was no overload");
        let in_time = figures.wrongly.is_empty() && figures.p99 <= answers(PATIENCE, peak);
        if in_time && figures.served_per_second >= KEPT * peak {
            return;
        }
        eprintln!("lost, for example: {:?}", figures.wrongly.first());
    }
    panic!("{}: in none of {TRIES} tries was the peak kept, and in time", load.path);
}

/// The time in which so many answers are given at the peak: a machine that others use is slow by its own measure.
fn answers(count: f64, peak: f64) -> Duration {
    Duration::from_secs_f64(count / peak)
}

impl Load {
    fn of(system: &System, method: &str, message: &impl prost::Message) -> Self {
        let endpoint = system.endpoint("registry");
        let channels = (0..CONNECTIONS).map(|_| system.channel(&endpoint, None)).collect();
        let path = format!("/causeway.registry.v1.RegistryService/{method}");
        Self {
            channels,
            token: system.administrator_token().to_owned(),
            path: path.parse().expect("a path"),
            message: message.encode_to_vec().into(),
        }
    }

    async fn ask(&self, nth: usize, patience: Duration) -> Ended {
        let channel = &self.channels[nth % self.channels.len()];
        let begun = Instant::now();
        let (path, message) = (self.path.clone(), self.message.clone());
        let outcome = wire::ask_within(patience, channel, &self.token, path, message).await;
        let at = Instant::now();
        Ended { outcome: outcome.map(drop), at, took: at - begun }
    }

    /// Answers a second, when so many callers each wait for their answer before they ask again.
    async fn closed(&self, callers: usize) -> f64 {
        let end = Instant::now() + PEAK_TIME;
        let asking = (0..callers).map(|nth| async move {
            let mut served = 0_u32;
            while Instant::now() < end {
                let ended = self.ask(nth, FIRST_PATIENCE).await;
                ended.outcome.unwrap_or_else(|status| panic!("{callers} callers: {status:?}"));
                served += u32::from(ended.at < end);
            }
            served
        });
        let served: u32 = futures::future::join_all(asking).await.into_iter().sum();
        f64::from(served) / PEAK_TIME.as_secs_f64()
    }

    /// What becomes of [`OVER`] times the peak, whoever is still waiting.
    async fn open(self: &Arc<Self>, peak: f64) -> Figures {
        let (per_second, patience) = (peak * f64::from(OVER), answers(PATIENCE, peak));
        let measured_time = answers(MEASURED, peak);
        let start = Instant::now();
        let first = start + answers(SETTLING, peak);
        let last = first + measured_time;
        let mut asking = JoinSet::new();
        let mut period = interval(PERIOD);
        while Instant::now() < last {
            let due = (start.elapsed().as_secs_f64() * per_second) as usize;
            for nth in asking.len()..due {
                let load = self.clone();
                asking.spawn(async move { load.ask(nth, patience).await });
            }
            period.tick().await;
        }
        let ended = asking.join_all().await;
        let measured = ended.iter().filter(|it| (first..last).contains(&it.at));
        let (served, refused): (Vec<_>, Vec<_>) = measured.partition(|it| it.outcome.is_ok());
        let failed = ended.iter().filter_map(|it| it.outcome.as_ref().err());
        let mut took: Vec<_> = served.iter().map(|it| it.took).collect();
        took.sort();
        Figures {
            served_per_second: served.len() as f64 / measured_time.as_secs_f64(),
            p99: took.get(took.len() * 99 / 100).copied().unwrap_or(Duration::MAX),
            shed: refused.len(),
            wrongly: failed.filter(|status| !is_shed(status)).cloned().collect(),
        }
    }
}

/// Whether a caller was told in the one way that says when to come again.
fn is_shed(status: &Status) -> bool {
    let failure = Failure::from_status(status);
    status.code() == Code::ResourceExhausted
        && failure.reason() == Reason::Overloaded
        && failure.retry_delay().is_some_and(|delay| !delay.is_zero())
}
