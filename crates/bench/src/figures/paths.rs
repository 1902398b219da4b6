//! A tenant of many connectors: what a question costs, what a start takes, what each connector weighs.
//!
//! Always holds: a question goes through the same listener, layers, token and connection as the empty call that it is held
//! against, which is `GetServerInfo` of the same process: it reads nothing but the service's name and revision. The
//! connectors that can serve are real: they joined, report, and have measured the application.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use proto::{
    google::r#type::LatLng,
    paths::v1::{
        Client, Destination, GetServerInfoRequest, PathQuery, SelectPathRequest,
        paths_service_client::PathsServiceClient,
    },
};
use testkit::Wire;
use tonic::Status;

use crate::{
    contest::{Side, contest},
    figure::Figure,
    figures::fleet::{Fleet, host},
    installation::{CONNECTIONS, Installation},
    load::{Caller, Callers},
    machine::resident_bytes,
    scale::Scale,
};

/// Callers of questions: a quiet edge, and enough to keep both cores busy.
const ASKERS: [usize; 2] = [4, 64];
/// The empty call.
const EMPTY: &str = "empty call";
/// Clients that an edge asks for.
const CLIENTS: u64 = 10_000;
/// A new application that has no path by then never will.
const VISIBLE_PATIENCE: Duration = Duration::from_secs(60);

/// Measures starts, memory and questions.
pub(crate) async fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let mut installation = Installation::start().await?;
    let empty = resident(&installation)?;
    let mut figures = Vec::new();
    let fleet = Fleet::register(&mut installation, scale).await?;

    let connectors = scale.connectors;
    let mut weigh = |service: &'static str, start: Starts, bytes: u64, empty: u64| {
        let of = |what: &str| format!("{service} with {connectors} connectors: {what}");
        let each = bytes.saturating_sub(empty) as f64 / connectors as f64;
        figures.push(Figure::alone(of("start to ready"), "s", start.seconds));
        figures.push(Figure::alone(of("memory"), "MiB", [bytes as f64 / f64::from(1 << 20)]));
        let note = "resident bytes above those of the same service without connectors";
        figures.push(Figure::alone(of("memory of each"), "bytes", [each]).note(note));
    };
    let registry = starts(&mut installation, "registry", scale).await?;
    let bytes = resident_bytes(installation.system.process_id("registry"))?;
    weigh("registry", registry, bytes, empty.0);

    installation.system.start_again("provisioning").await;
    installation.system.ready_again("provisioning").await;
    let first = Instant::now();
    installation.system.start_again("paths").await;
    installation.system.ready_again("paths").await;
    let first = first.elapsed().as_secs_f64();
    let again = starts(&mut installation, "paths", scale).await?;
    let bytes = resident_bytes(installation.system.process_id("paths"))?;
    weigh("paths", again, bytes, empty.1);
    let name = format!("paths with {connectors} connectors: first start, all from registry");
    figures.push(Figure::alone(name, "s", [first]));

    let fleet = fleet.open(scale).await?;
    figures.push(visible(&fleet, scale).await?);
    for askers in ASKERS {
        figures.extend(questions(&installation, &fleet, scale, askers).await?);
    }
    Ok(figures)
}

/// Resident bytes of registry and paths.
fn resident(installation: &Installation) -> Result<(u64, u64)> {
    let of = |service| resident_bytes(installation.system.process_id(service));
    Ok((of("registry")?, of("paths")?))
}

/// How long starts took.
struct Starts {
    seconds: Vec<f64>,
}

/// Ends a service and starts it again, until it is ready.
async fn starts(installation: &mut Installation, service: &str, scale: &Scale) -> Result<Starts> {
    let mut seconds = Vec::new();
    for _ in 0..scale.starts {
        installation.system.end(service).await?;
        let begun = Instant::now();
        installation.system.start_again(service).await;
        installation.system.ready_again(service).await;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    Ok(Starts { seconds })
}

/// From a new application to the first answer about it.
async fn visible(fleet: &Fleet, scale: &Scale) -> Result<Figure> {
    let mut seconds = Vec::new();
    for nth in 0..scale.starts {
        let begun = Instant::now();
        fleet.application(scale.applications + nth).await?;
        let asked = tokio::time::timeout(VISIBLE_PATIENCE, async {
            while !fleet.has_path(scale.applications + nth).await? {}
            anyhow::Ok(())
        });
        asked.await.context("a new application is not answered")??;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let name = format!("new application → path, beside {} connectors", scale.connectors);
    Ok(Figure::alone(name, "s", seconds))
}

/// Questions against empty calls.
async fn questions(
    installation: &Installation,
    fleet: &Fleet,
    scale: &Scale,
    askers: usize,
) -> Result<Vec<Figure>> {
    let process = installation.system.process_id("paths");
    let apis = installation.apis("paths", CONNECTIONS)?;
    let client = |index: usize| apis[index % CONNECTIONS].paths.clone();
    let asker = |index| Asker {
        client: client(index),
        parent: fleet.name().to_string(),
        port: fleet.port(),
        index: index as u64,
        applications: scale.applications as u64,
    };
    let mut ours = Side { callers: Callers::new((0..askers).map(asker)), process };
    let nobody = (0..askers).map(|index| Nothing(client(index)));
    let mut theirs = Side { callers: Callers::new(nobody), process };
    let pairs = contest(scale, &mut ours, &mut theirs).await?;
    let (rate, p99) = (
        pairs.rate(format!("SelectPath by {askers}"), EMPTY).goal(0.9),
        pairs.p99(format!("SelectPath by {askers}, p99"), EMPTY).goal(0.9),
    );
    Ok(vec![
        rate,
        p99,
        pairs.p50(format!("SelectPath by {askers}, p50"), EMPTY),
        pairs.processor(format!("SelectPath by {askers}, server's processor time"), EMPTY),
    ])
}

struct Asker {
    client: PathsServiceClient<Wire>,
    parent: String,
    port: u32,
    index: u64,
    applications: u64,
}

impl Asker {
    /// From a place on Earth to one of the applications, both of which differ from question to question.
    fn question(&self, nth: u64) -> SelectPathRequest {
        // Two primes; the product walks through all applications.
        let at = self.index.wrapping_mul(7_919).wrapping_add(nth.wrapping_mul(104_729));
        let (latitude, longitude) = ((at % 120) as f64 - 59.5, (at % 360) as f64 - 179.5);
        let coordinates = Some(LatLng { latitude, longitude });
        let query = PathQuery {
            client: Some(Client { coordinates, ..Client::default() }),
            destination: Some(Destination {
                host: host(at % self.applications),
                port: self.port,
                ..Destination::default()
            }),
            client_key: format!("client-{}", at % CLIENTS),
            ..PathQuery::default()
        };
        SelectPathRequest { parent: self.parent.clone(), query: Some(query) }
    }
}

impl Caller for Asker {
    async fn call(&mut self, nth: u64) -> Result<(), Status> {
        let answer = self.client.select_path(self.question(nth)).await?.into_inner();
        let selection = answer.selection.unwrap_or_default();
        match selection.candidates.first() {
            Some(_) => Ok(()),
            None => Err(Status::not_found(selection.message)),
        }
    }
}

struct Nothing(PathsServiceClient<Wire>);

impl Caller for Nothing {
    async fn call(&mut self, _: u64) -> Result<(), Status> {
        self.0.get_server_info(GetServerInfoRequest {}).await.map(drop)
    }
}
