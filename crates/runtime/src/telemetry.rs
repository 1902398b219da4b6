//! Logs and traces.
//!
//! Owns: the process's one subscriber: structured logs to standard error, and traces over OTLP if an endpoint is set.
//! Always holds: nothing leaves the machine unless `telemetry.otlp_endpoint` is set; the exporter's own calls are
//! not traced.
//! Absent on purpose: log files and rotation, which the platform does better.

mod fields;
mod propagation;

use std::io::IsTerminal as _;
use std::{fmt, str::FromStr, time::Duration};

use anyhow::Context;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt,
};

use fields::AppendedFields;

/// Time for the last traces to leave at the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Crates below the exporter: tracing them would make each export the cause of the next.
const NOT_TRACED: [&str; 5] = ["h2", "hyper", "hyper_util", "tonic", "tower"];

/// Settings of logs and traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// What is logged: a level, or directives like `info,registry=debug`. Default `info`.
    pub log: String,
    /// `text` for people or `json` for machines. Default `json`.
    pub format: Format,
    /// Where traces go (`http://collector:4317`, gRPC). Empty, the default, turns tracing off.
    pub otlp_endpoint: String,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people at a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { log: "info".to_owned(), format: Format::Json, otlp_endpoint: String::new() }
    }
}

/// Keeps telemetry running; [`Telemetry::shutdown`] sends what is left.
#[must_use = "traces end when this is dropped"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Installs the process's subscriber; once per process. Needs a tokio runtime if traces are on.
///
/// # Errors
/// When a setting cannot be used, or there is a subscriber already.
pub fn init(settings: &TelemetrySettings, service: &'static str) -> anyhow::Result<Telemetry> {
    let filter = Targets::from_str(&settings.log)
        .with_context(|| format!("telemetry.log: `{}` is not a filter", settings.log))?;
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true);
    let logs: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        Format::Text => Box::new(logs.with_filter(filter)),
        Format::Json => {
            let logs = logs.json().flatten_event(true).fmt_fields(AppendedFields::default());
            Box::new(logs.with_filter(filter))
        }
    };
    let provider = match settings.otlp_endpoint.as_str() {
        "" => None,
        endpoint => Some(provider(endpoint, service)?),
    };
    let traces = provider.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("causeway"));
        layer.with_filter(not_the_exporter())
    });
    tracing_subscriber::registry()
        .with(logs)
        .with(traces)
        .try_init()
        .context("telemetry is running already")?;
    if provider.is_some() {
        rpc::context::join_tracer(propagation::TRACER);
    }
    Ok(Telemetry { provider })
}

fn provider(endpoint: &str, service: &'static str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("telemetry.otlp_endpoint: `{endpoint}` cannot be used"))?;
    let resource = Resource::builder().with_service_name(format!("causeway-{service}")).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn not_the_exporter() -> Targets {
    let quiet = NOT_TRACED.map(|name| (name, LevelFilter::OFF));
    Targets::new().with_default(LevelFilter::INFO).with_targets(quiet)
}

impl Telemetry {
    /// Sends the traces that wait, within three seconds.
    pub async fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        // The exporter blocks while it flushes; on a runtime thread it would wait for itself.
        let flush = move || provider.shutdown_with_timeout(FLUSH_TIMEOUT);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(flush).await {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("traces", &self.provider.is_some()).finish()
    }
}
