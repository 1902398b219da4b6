//! `causeway apply -f FILE`: makes the tenant hold what a file says.
//!
//! A file is one or more YAML (or JSON) documents, each an object in the contract's JSON with its `kind` and full or
//! short `name`. An object that is not there is created; one that is there is updated in just the fields that the
//! document names. Nothing is ever deleted.

use std::{io::Read as _, path::PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use tonic::{Code, Status};

use super::get;
use crate::client::{
    context::Context,
    kinds::{KINDS, Kind},
    output,
    wire::Connection,
};

/// Arguments of `apply`.
#[derive(Args)]
pub(crate) struct ApplyArguments {
    /// YAML or JSON file with the objects; `-` is standard input
    #[arg(short, long)]
    file: PathBuf,
    /// Checks everything on the server and writes nothing
    #[arg(long)]
    dry_run: bool,
}

/// One document of the file.
struct Document {
    kind: &'static Kind,
    name: String,
    body: Map<String, Value>,
}

/// What became of a document.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Created,
    Updated,
    Unchanged,
}

/// Applies every document, in the order of what refers to what.
pub(crate) async fn run(context: &Context, arguments: ApplyArguments) -> Result<()> {
    let mut documents = parse(&read(&arguments.file)?, &context.tenant)?;
    documents.sort_by_key(|document| {
        KINDS.iter().position(|kind| kind.message == document.kind.message)
    });
    let connection = Connection::open(context)?;
    for document in documents {
        let name = document.name.clone();
        let (outcome, answer) = apply(&connection, document, arguments.dry_run)
            .await
            .with_context(|| format!("applying {name}"))?;
        let word = match outcome {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
        };
        let note = if arguments.dry_run { " (dry run)" } else { "" };
        output::write_out(&format!("{name} {word}{note}\n"))?;
        // The only moment at which a new key's secret exists outside the host that will use it.
        if let Some(token) = answer.pointer("/issuedSecret/joinToken").and_then(Value::as_str) {
            output::write_out(&format!("  join token (shown once): {token}\n"))?;
        }
    }
    Ok(())
}

fn read(path: &PathBuf) -> Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn parse(text: &str, tenant: &str) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let place = || format!("document {}", index + 1);
        let value = Value::deserialize(document).with_context(place)?;
        if value.is_null() {
            continue;
        }
        let Value::Object(mut body) = value else {
            bail!("{} is not an object with `kind` and `name`", place());
        };
        let kind = take_text(&mut body, "kind").with_context(place)?;
        let kind = Kind::named(&kind).with_context(place)?;
        let name = take_text(&mut body, "name").with_context(place)?;
        documents.push(Document { kind, name: kind.name_of(tenant, &name), body });
    }
    Ok(documents)
}

fn take_text(body: &mut Map<String, Value>, key: &str) -> Result<String> {
    match body.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(anyhow!("`{key}` is missing or not a text")),
    }
}

async fn apply(
    connection: &Connection,
    document: Document,
    dry_run: bool,
) -> Result<(Outcome, Value)> {
    match get::one(connection, document.kind, &document.name).await {
        Ok(current) => {
            let changed = changed(&current, &document.body);
            if changed.is_empty() {
                return Ok((Outcome::Unchanged, Value::Null));
            }
            let answer = update(connection, document, &changed, dry_run).await?;
            Ok((Outcome::Updated, answer))
        }
        Err(error) if is_not_found(&error) => {
            let answer = create(connection, document, dry_run).await?;
            Ok((Outcome::Created, answer))
        }
        Err(error) => Err(error),
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::NotFound)
}

async fn create(connection: &Connection, document: Document, dry_run: bool) -> Result<Value> {
    let Document { kind, name, body } = document;
    let id = name.rsplit('/').next().unwrap_or_default();
    let mut request = json!({
        format!("{}_id", kind.field): id,
        kind.field: body,
        "request_id": uuid::Uuid::new_v4().to_string(),
        "validate_only": dry_run,
    });
    if kind.collection != "tenants" {
        request["parent"] = json!(kind.parent_of(&name));
    }
    output::to_json(&connection.unary(&kind.method("Create")?, request).await?)
}

async fn update(
    connection: &Connection,
    document: Document,
    changed: &[String],
    dry_run: bool,
) -> Result<Value> {
    let Document { kind, name, mut body } = document;
    body.insert("name".to_owned(), json!(name));
    let request = json!({
        kind.field: body,
        "update_mask": changed.join(","),
        "request_id": uuid::Uuid::new_v4().to_string(),
        "validate_only": dry_run,
    });
    output::to_json(&connection.unary(&kind.method("Update")?, request).await?)
}

/// The fields whose value the document changes. An etag guards the write; it is not a field to write.
fn changed(current: &Value, body: &Map<String, Value>) -> Vec<String> {
    let differs =
        |key: &str, wanted| !current.get(key).is_some_and(|current| holds(current, wanted));
    body.iter()
        .filter(|(key, wanted)| *key != "etag" && differs(key, wanted))
        .map(|(key, _)| key.clone())
        .collect()
}

/// Whether `current` already holds everything that `wanted` says. Numbers compare as numbers: YAML writes 52 where
/// JSON wrote 52.0, or "52" for a 64-bit integer.
fn holds(current: &Value, wanted: &Value) -> bool {
    match (current, wanted) {
        (Value::Object(current), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| current.get(key).is_some_and(|current| holds(current, value))),
        (Value::Array(current), Value::Array(wanted)) => {
            current.len() == wanted.len()
                && current.iter().zip(wanted).all(|(current, wanted)| holds(current, wanted))
        }
        (Value::Number(current), Value::Number(wanted)) => current.as_f64() == wanted.as_f64(),
        (Value::String(current), Value::Number(wanted)) => {
            current.parse::<f64>().ok() == wanted.as_f64()
        }
        (current, wanted) => current == wanted,
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
kind: ServerGroup
name: web
appConnectorGroups: [tenants/acme/appConnectorGroups/berlin]
---
kind: group
name: tenants/acme/appConnectorGroups/berlin
displayName: Berlin
location: {coordinates: {latitude: 52, longitude: 13.4}}
---
";

    #[test]
    fn a_file_is_read_with_short_and_full_names() {
        let documents = parse(FILE, "acme").unwrap();
        let names: Vec<_> = documents.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(
            names,
            ["tenants/acme/serverGroups/web", "tenants/acme/appConnectorGroups/berlin"]
        );
    }

    #[test]
    fn a_document_without_kind_says_which_one() {
        let error = format!("{:#}", parse("name: x\n", "acme").err().unwrap());
        assert!(error.contains("document 1") && error.contains("`kind`"), "{error}");
    }

    #[test]
    fn an_object_holds_a_document_when_every_named_field_agrees() {
        let current = json!({"a": {"b": 52.0, "c": 1}, "l": ["x"], "d": "kept"});
        assert!(holds(&current, &json!({"a": {"b": 52}, "l": ["x"]})));
        assert!(!holds(&current, &json!({"a": {"b": 53}})));
        assert!(!holds(&current, &json!({"l": ["x", "y"]})));
        assert!(!holds(&current, &json!({"new": true})));
        assert!(holds(&json!({"maxUses": "3"}), &json!({"maxUses": 3})));
    }

    #[test]
    fn only_fields_that_change_are_written() {
        let current = json!({"group": "x", "maxUses": "3", "enabled": true});
        let body = json!({"group": "x", "maxUses": 5, "etag": "e"});
        assert_eq!(changed(&current, body.as_object().unwrap()), ["maxUses"]);
    }
}
