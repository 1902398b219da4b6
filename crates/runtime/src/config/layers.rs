//! Laying one layer over the other.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{ENV_PREFIX, secret::is_place_of_secret, tree};

/// Where an effective value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was not set.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// The command line.
    Flag,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is wrong:\n  {}", .0.join("\n  "))]
pub struct ConfigError(pub Vec<String>);

/// Layers in the making: sections first, then file, environment, flags, in this order.
#[derive(Debug, Default)]
pub struct Layers {
    defaults: Map<String, Value>,
    values: Map<String, Value>,
    sources: BTreeMap<String, Source>,
    problems: Vec<String>,
}

/// Settings as they are, each with its source.
#[derive(Clone, Debug)]
pub struct Effective {
    pub(super) values: Map<String, Value>,
    pub(super) sources: BTreeMap<String, Source>,
}

impl Layers {
    /// No sections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the section `name`, with its defaults.
    pub fn section<T: Serialize + Default>(&mut self, name: &str) {
        match serde_json::to_value(T::default()) {
            Ok(value @ Value::Object(_)) => {
                self.defaults.insert(name.to_owned(), value.clone());
                self.values.insert(name.to_owned(), value);
            }
            Ok(_) => self.problems.push(format!("section `{name}` is not a table")),
            Err(error) => self.problems.push(format!("section `{name}`: {error}")),
        }
    }

    /// Changes a default before any layer is laid: for a process whose surroundings differ, such as `dev`.
    pub fn preset(&mut self, path: &str, value: impl Into<Value>) {
        let value = value.into();
        if tree::get(&self.defaults, path).is_none() {
            self.problems.push(self.unknown(path));
            return;
        }
        tree::set(&mut self.defaults, path, value.clone());
        tree::set(&mut self.values, path, value);
    }

    /// Lays a TOML file over the defaults.
    pub fn file(&mut self, path: &Path) {
        let shown = path.display();
        let table = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {shown}: {error}"))
            .and_then(|text| {
                toml::from_str::<toml::Table>(&text).map_err(|error| {
                    format!("{shown}{}: {}", place(&text, &error), error.message())
                })
            });
        match table {
            Ok(table) => self.table(table, &Source::File(path.to_owned())),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn table(&mut self, table: toml::Table, source: &Source) {
        let (mut not_finite, table) = (Vec::new(), toml::Value::Table(table));
        collect_not_finite("", &table, &mut not_finite);
        let problem =
            |path| format!("`{path}` ({source}): must be a finite number, written in digits");
        self.problems.extend(not_finite.into_iter().map(problem));
        match serde_json::to_value(table) {
            Ok(Value::Object(table)) => self.overlay("", table, source),
            Ok(_) => {}
            Err(error) => self.problems.push(error.to_string()),
        }
    }

    /// Lays environment variables over it; those that name no setting are ignored.
    pub fn env(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        let variables: BTreeMap<String, String> =
            variables.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
        let paths: Vec<String> =
            tree::leaves(&self.defaults).into_iter().map(|(path, _)| path).collect();
        for path in paths {
            let name = env_name(&path);
            if let Some(text) = variables.get(&name) {
                self.put_text(&path, text, Source::Env(name));
            }
        }
    }

    /// Lays one flag over it: `server.listen=127.0.0.1:7451`.
    pub fn flag(&mut self, assignment: &str) {
        match assignment.split_once('=') {
            Some((path, text)) => self.put_text(path.trim(), text.trim(), Source::Flag),
            None => {
                self.problems.push(format!("`{assignment}` is not of the form `setting=value`"))
            }
        }
    }

    /// The settings, or everything that is wrong with them.
    ///
    /// # Errors
    /// [`ConfigError`] with one line per problem.
    pub fn finish(self) -> Result<Effective, ConfigError> {
        if self.problems.is_empty() {
            Ok(Effective { values: self.values, sources: self.sources })
        } else {
            Err(ConfigError(self.problems))
        }
    }

    fn put_text(&mut self, path: &str, text: &str, source: Source) {
        let Some(default) = tree::get(&self.defaults, path) else {
            self.problems.push(self.unknown(path));
            return;
        };
        if default.as_object().is_some_and(|table| !table.is_empty()) {
            self.problems.push(format!("`{path}` is a table; set the values in it"));
            return;
        }
        match tree::parse_like(default, text) {
            Ok(value) => self.put(path, value, source),
            Err(problem) => self.problems.push(format!("`{path}` ({source}): {problem}")),
        }
    }

    fn put(&mut self, path: &str, value: Value, source: Source) {
        tree::set(&mut self.values, path, value);
        self.sources.insert(path.to_owned(), source);
    }

    fn overlay(&mut self, above: &str, table: Map<String, Value>, source: &Source) {
        for (key, value) in table {
            let path = tree::join(above, &key);
            let known = tree::get(&self.defaults, &path);
            let is_table = known.and_then(Value::as_object).is_some_and(|known| !known.is_empty());
            match (known, value) {
                (None, _) => self.problems.push(self.unknown(&path)),
                (Some(_), Value::Object(below)) if is_table => self.overlay(&path, below, source),
                (Some(_), _) if is_table => {
                    self.problems.push(format!("`{path}` ({source}): expected a table"));
                }
                (Some(_), value) => self.put(&path, value, source.clone()),
            }
        }
    }

    fn unknown(&self, path: &str) -> String {
        let (above, _) = path.rsplit_once('.').unwrap_or(("", path));
        let siblings = match above {
            "" => Some(&self.defaults),
            above => tree::get(&self.defaults, above).and_then(Value::as_object),
        };
        let names = siblings.unwrap_or(&self.defaults).keys();
        let names: Vec<&str> = names.map(String::as_str).collect();
        format!("`{path}` is not a setting; there are: {}", names.join(", "))
    }
}

impl Effective {
    /// Reads a section.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first setting that does not fit, where its value is from, and the rule.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        let value = self.values.get(name).cloned().unwrap_or(Value::Null);
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = match error.path().to_string().as_str() {
                "." => name.to_owned(),
                below => tree::join(name, below),
            };
            let source = self.source(&path);
            let rule = if is_place_of_secret(&path) {
                "is of the wrong kind or breaks its rule; what stands there is not shown".to_owned()
            } else {
                error.into_inner().to_string()
            };
            ConfigError(vec![format!("`{path}` ({source}): {rule}")])
        })
    }

    /// Where the value at `path` comes from. What stands in a list or in a table of free names came with the whole.
    #[must_use]
    pub fn source(&self, path: &str) -> Source {
        let mut above = Some(path);
        while let Some(path) = above {
            if let Some(source) = self.sources.get(path) {
                return source.clone();
            }
            above = path.rfind(['.', '[']).map(|end| &path[..end]);
        }
        Source::Default
    }
}

/// The paths of `nan` and `inf`: JSON has neither, and would say that nothing is set there.
fn collect_not_finite(path: &str, value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::Float(number) if !number.is_finite() => found.push(path.to_owned()),
        toml::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_not_finite(&format!("{path}[{index}]"), item, found);
            }
        }
        toml::Value::Table(table) => {
            for (key, below) in table {
                collect_not_finite(&tree::join(path, key), below, found);
            }
        }
        _ => {}
    }
}

/// `:3:7` for line and column. The line itself, which the error would quote, may hold a secret.
fn place(text: &str, error: &toml::de::Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return String::new();
    };
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() + 1;
    format!(":{line}:{}", before[line_start..].chars().count() + 1)
}

/// `server.drain.wait` is `CAUSEWAY_SERVER_DRAIN_WAIT` in the environment.
pub(super) fn env_name(path: &str) -> String {
    format!("{ENV_PREFIX}_{}", path.replace('.', "_").to_uppercase())
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}
