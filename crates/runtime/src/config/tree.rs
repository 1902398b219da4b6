//! Settings as a tree of JSON values, addressed by dotted paths.

use serde_json::{Map, Value};

/// The leaves of a tree with their dotted paths, in order. An empty table is a leaf: it holds free names.
pub(super) fn leaves(tree: &Map<String, Value>) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    collect("", tree, &mut found);
    found
}

fn collect<'t>(above: &str, tree: &'t Map<String, Value>, found: &mut Vec<(String, &'t Value)>) {
    for (key, value) in tree {
        let path = join(above, key);
        match value {
            Value::Object(below) if !below.is_empty() => collect(&path, below, found),
            leaf => found.push((path, leaf)),
        }
    }
}

pub(super) fn join(above: &str, key: &str) -> String {
    if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") }
}

/// The value at a path.
pub(super) fn get<'t>(tree: &'t Map<String, Value>, path: &str) -> Option<&'t Value> {
    let (first, rest) = match path.split_once('.') {
        None => (path, None),
        Some((first, rest)) => (first, Some(rest)),
    };
    match (tree.get(first)?, rest) {
        (value, None) => Some(value),
        (Value::Object(below), Some(rest)) => get(below, rest),
        _ => None,
    }
}

/// Puts a value at a path, making tables on the way.
pub(super) fn set(tree: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let below = tree.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            if let Value::Object(below) = below {
                set(below, rest, value);
            }
        }
    }
}

/// Reads text as the kind of value that stands there by default.
pub(super) fn parse_like(default: &Value, text: &str) -> Result<Value, String> {
    let json = |kind: &str| {
        serde_json::from_str::<Value>(text).map_err(|_| format!("expected {kind}, got `{text}`"))
    };
    let fits = |value: Value, fits: bool, kind: &str| {
        if fits { Ok(value) } else { Err(format!("expected {kind}, got `{text}`")) }
    };
    match default {
        Value::Bool(_) => {
            let value = json("true or false")?;
            let is = value.is_boolean();
            fits(value, is, "true or false")
        }
        Value::Number(_) => {
            let value = json("a number")?;
            let is = value.is_number();
            fits(value, is, "a number")
        }
        Value::Array(_) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(items.map(|item| Value::String(item.to_owned())).collect())
        }
        Value::Array(_) => json("a list, as `a,b` or JSON"),
        Value::Object(_) => {
            let value = json("a table as JSON")?;
            let is = value.is_object();
            fits(value, is, "a table as JSON")
        }
        Value::Null | Value::String(_) => Ok(Value::String(text.to_owned())),
    }
}
