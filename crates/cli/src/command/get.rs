//! `causeway get KIND [ID …]`: objects as a table, JSON or YAML.

use anyhow::Result;
use clap::Args;
use prost_reflect::DynamicMessage;
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
    let render = match arguments.output {
        Format::Table => output::to_full_json,
        Format::Json | Format::Yaml => output::to_json,
    };
    let objects = if arguments.ids.is_empty() {
        list(&connection, kind, context, arguments.show_deleted, render).await?
    } else {
        let mut objects = Vec::new();
        for id in &arguments.ids {
            let name = kind.name_of(&context.tenant, id);
            objects.push(render(&fetch(&connection, kind, &name).await?)?);
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
    output::to_json(&fetch(connection, kind, name).await?)
}

async fn fetch(connection: &Connection, kind: &Kind, name: &str) -> Result<DynamicMessage> {
    connection.unary(&kind.method("Get")?, json!({ "name": name })).await
}

async fn list(
    connection: &Connection,
    kind: &Kind,
    context: &Context,
    show_deleted: bool,
    render: fn(&DynamicMessage) -> Result<Value>,
) -> Result<Vec<Value>> {
    let method = kind.list_method()?;
    let mut objects = Vec::new();
    let mut request = json!({ "pageSize": PAGE_SIZE });
    if kind.collection != "tenants" {
        request["parent"] = json!(format!("tenants/{}", context.tenant));
    }
    if show_deleted {
        request["showDeleted"] = json!(true);
    }
    loop {
        let page = render(&connection.unary(&method, request.clone()).await?)?;
        if let Some(Value::Array(items)) = page.get(kind.list_key()) {
            objects.extend(items.iter().cloned());
        }
        match page.get("nextPageToken").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => request["pageToken"] = json!(token),
            _ => return Ok(objects),
        }
    }
}
