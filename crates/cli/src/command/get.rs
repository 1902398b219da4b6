//! `causeway get KIND [ID …]`: objects as a table, JSON or YAML.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::client::{
    context::Context,
    kinds::Kind,
    output::{self, Format},
    wire::Connection,
};

/// Objects fetched by one List call: the largest page that the services give.
const PAGE_SIZE: u32 = 1_000;

/// Arguments of `get`.
#[derive(Args)]
pub(crate) struct GetArguments {
    /// Kind, for example `groups`, `connectors`, `serverGroups`, `segments`, `keys`, `tenants`
    kind: String,
    /// Ids in the context's tenant, or full names; none means all
    ids: Vec<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// Lists soft-deleted objects too
    #[arg(long)]
    show_deleted: bool,
}

/// Fetches and prints.
pub(crate) async fn run(context: &Context, arguments: GetArguments) -> Result<()> {
    let kind = Kind::named(&arguments.kind)?;
    let connection = Connection::open(context)?;
    let objects = if arguments.ids.is_empty() {
        list(&connection, kind, &context.tenant, arguments.show_deleted).await?
    } else {
        let mut objects = Vec::new();
        for id in &arguments.ids {
            objects.push(one(&connection, kind, &kind.name_of(&context.tenant, id)).await?);
        }
        objects
    };
    match arguments.output {
        Format::Table => {
            let titles: Vec<_> = kind.columns.iter().map(|(title, _)| *title).collect();
            let row = |object: &Value| {
                kind.columns.iter().map(|(_, path)| output::cell(object, path)).collect()
            };
            output::print_table(&titles, objects.iter().map(row).collect())
        }
        format => output::print(format, &Value::Array(objects)),
    }
}

/// The object with this full name.
pub(crate) async fn one(connection: &Connection, kind: &Kind, name: &str) -> Result<Value> {
    let answer = connection.unary(&kind.method("Get")?, json!({ "name": name })).await?;
    output::to_json(&answer)
}

async fn list(
    connection: &Connection,
    kind: &Kind,
    tenant: &str,
    show_deleted: bool,
) -> Result<Vec<Value>> {
    let method = kind.list_method()?;
    let mut objects = Vec::new();
    let mut request = json!({ "pageSize": PAGE_SIZE });
    if kind.collection != "tenants" {
        request["parent"] = json!(format!("tenants/{tenant}"));
    }
    if show_deleted {
        request["showDeleted"] = json!(true);
    }
    loop {
        let page = output::to_json(&connection.unary(&method, request.clone()).await?)?;
        if let Some(Value::Array(items)) = page.get(kind.list_key()) {
            objects.extend(items.iter().cloned());
        }
        match page.get("nextPageToken").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => request["pageToken"] = json!(token),
            _ => return Ok(objects),
        }
    }
}
