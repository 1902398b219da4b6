//! `causeway describe KIND ID`: everything about one object; for a group, what hangs on it too.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::get;
use crate::client::{
    context::Context,
    kinds::Kind,
    output::{self, Format},
    wire::{self, Connection},
};

/// Arguments of `describe`.
#[derive(Args)]
pub(crate) struct DescribeArguments {
    /// Kind, for example `group`
    kind: String,
    /// Id in the context's tenant, or full name
    id: String,
    /// Form of the output; a table has no room for everything, so YAML stands in for it
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Fetches and prints.
pub(crate) async fn run(context: &Context, arguments: DescribeArguments) -> Result<()> {
    let kind = Kind::named(&arguments.kind)?;
    let connection = Connection::open(context)?;
    let name = kind.name_of(&context.tenant, &arguments.id);
    let described = if kind.message == "AppConnectorGroup" {
        // The overview joins what four services know of a group: keys, connectors, schedule, conditions.
        let method =
            wire::method("causeway.overview.v1.OverviewService", "GetAppConnectorGroupOverview")?;
        let request = json!({ "name": name });
        output::to_json(&connection.unary(&method, request).await?)?
    } else {
        get::one(&connection, kind, &name).await?
    };
    let format = if arguments.output == Format::Table { Format::Yaml } else { arguments.output };
    output::print(format, &described)
}
