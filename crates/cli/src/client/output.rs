//! How answers are printed: a table for people, JSON and YAML for programs.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{Table, presets};
use prost_reflect::{DynamicMessage, SerializeOptions};
use serde_json::Value;

/// The form of what a command prints.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns, for people.
    #[default]
    Table,
    /// The contract's JSON.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Spaces left and right of a cell: the first column begins at the margin.
const COLUMN_PADDING: (u16, u16) = (0, 2);

/// The contract's JSON of a message: camelCase keys, times in RFC 3339, unset fields left out.
pub(crate) fn to_json(message: &DynamicMessage) -> Result<Value> {
    serialize(message, true)
}

/// The same with every field, so that a table shows a zero as 0.
pub(crate) fn to_full_json(message: &DynamicMessage) -> Result<Value> {
    serialize(message, false)
}

fn serialize(message: &DynamicMessage, skip_defaults: bool) -> Result<Value> {
    let options = SerializeOptions::new().skip_default_fields(skip_defaults);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// Prints a value as JSON or YAML.
pub(crate) fn print(format: Format, value: &Value) -> Result<()> {
    let text = match format {
        Format::Yaml => serde_yaml_ng::to_string(value)?,
        Format::Json | Format::Table => format!("{}\n", serde_json::to_string_pretty(value)?),
    };
    write_out(&text)
}

/// Prints rows below titles, without frames, so that `awk` and `grep` see plain columns.
pub(crate) fn print_table(titles: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    if rows.is_empty() {
        return write_out(&format!("{}\n", titles.join("  ")));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding(COLUMN_PADDING);
    }
    let text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    write_out(&text)
}

/// Writes to standard output; a reader that has gone (`| head`) is no error.
pub(crate) fn write_out(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// The cell at a path of keys: nothing is `-`, a list is joined.
pub(crate) fn cell(value: &Value, path: &str) -> String {
    path.split('.').try_fold(value, |value, key| value.get(key)).map_or("-".to_owned(), text)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_follows_its_path_and_joins_lists() {
        let value = json!({"location": {"city": "Berlin"}, "domains": ["a.b", "c.d"], "n": 3});
        assert_eq!(cell(&value, "location.city"), "Berlin");
        assert_eq!(cell(&value, "location.street"), "-");
        assert_eq!(cell(&value, "n"), "3");
        assert_eq!(cell(&value, "domains"), "a.b,c.d");
    }
}
