//! `causeway version`: this program, and the services that the context reaches.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::client::{
    context::{Context, ContextArguments},
    failure, output,
    wire::{self, Connection},
};

const SERVICES: &[&str] = &[
    "causeway.registry.v1.RegistryService",
    "causeway.provisioning.v1.ProvisioningService",
    "causeway.updates.v1.UpdatesService",
    "causeway.paths.v1.PathsService",
    "causeway.overview.v1.OverviewService",
];

/// Arguments of `version`.
#[derive(Args)]
pub(crate) struct VersionArguments {
    /// Asks the services too
    #[arg(long)]
    server: bool,
}

/// Prints the versions.
pub(crate) async fn run(context: &ContextArguments, arguments: &VersionArguments) -> Result<()> {
    let tzdb = runtime::about::tzdb_version();
    output::write_out(&format!("causeway {} (tzdb {tzdb})\n", env!("CARGO_PKG_VERSION")))?;
    if !arguments.server {
        return Ok(());
    }
    let connection = Connection::open(&Context::resolve(context)?)?;
    let mut rows = Vec::new();
    for service in SERVICES {
        let answer = match wire::method(service, "GetServerInfo") {
            Ok(method) => connection.unary(&method, json!({})).await,
            Err(error) => Err(error),
        };
        rows.push(match answer {
            Ok(answer) => {
                let answer = output::to_json(&answer)?;
                ["service", "version", "tzdbVersion", "revision", "epoch"]
                    .map(|key| output::cell(&answer, key))
                    .to_vec()
            }
            Err(error) => {
                let cause = failure::describe_error(&error);
                let first = cause.lines().next().unwrap_or_default().to_owned();
                vec![(*service).to_owned(), first, "-".into(), "-".into(), "-".into()]
            }
        });
    }
    output::print_table(&["SERVICE", "VERSION", "TZDB", "REVISION", "EPOCH"], rows)
}
