//! The listing of all settings.

use serde_json::Value;

use super::{Effective, layers::env_name, secret::is_place_of_secret, tree};

/// What is shown instead.
const REDACTED: &str = "(redacted)";

impl Effective {
    /// One line per setting: name, value, source, and the environment variable that sets it.
    #[must_use]
    pub fn show(&self) -> String {
        let lines = tree::leaves(&self.values).into_iter().map(|(path, value)| {
            let value = if is_secret(&path, value) { REDACTED.to_owned() } else { shown(value) };
            let source = self.source(&path);
            format!("{path} = {value}  # {source}; {}\n", env_name(&path))
        });
        lines.collect()
    }
}

/// A value that is not set is no secret.
fn is_secret(path: &str, value: &Value) -> bool {
    let is_empty = value.is_null() || value.as_str() == Some("");
    !is_empty && is_place_of_secret(path)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(unset)".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::super::{Layers, Source};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Server {
        listen: String,
        limit: u32,
        http1: bool,
        names: Vec<String>,
        drain: Drain,
        token: String,
        token_file: Option<String>,
        passwords: Vec<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Drain {
        wait: String,
    }

    impl Default for Server {
        fn default() -> Self {
            Self {
                listen: "127.0.0.1:1".to_owned(),
                limit: 7,
                http1: false,
                names: vec![],
                drain: Drain { wait: "5s".to_owned() },
                token: String::new(),
                token_file: None,
                passwords: vec![],
            }
        }
    }

    fn layers() -> Layers {
        let mut layers = Layers::new();
        layers.section::<Server>("server");
        layers
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn later_layers_win_and_each_value_knows_its_source() {
        let file = file("[server]\nlisten = \"file\"\nlimit = 8\n[server.drain]\nwait = \"6s\"\n");
        let mut layers = layers();
        layers.preset("server.http1", true);
        layers.file(file.path());
        layers.env(variables(&[
            ("CAUSEWAY_SERVER_LISTEN", "env"),
            ("CAUSEWAY_SERVER_LIMIT", "9"),
            ("CAUSEWAY_SERVER_NAMES", "a, b"),
            ("CAUSEWAY_SERVER_SERVICE_HOST", "made by kubernetes"),
        ]));
        layers.flag("server.listen=flag");
        let effective = layers.finish().unwrap();
        let server: Server = effective.section("server").unwrap();
        assert_eq!((server.listen.as_str(), server.limit, server.http1), ("flag", 9, true));
        assert_eq!(
            (server.names, server.drain.wait.as_str()),
            (vec!["a".into(), "b".into()], "6s")
        );
        assert_eq!(effective.source("server.listen"), Source::Flag);
        assert_eq!(effective.source("server.limit"), Source::Env("CAUSEWAY_SERVER_LIMIT".into()));
        assert_eq!(effective.source("server.drain.wait"), Source::File(file.path().into()));
        assert_eq!(effective.source("server.http1"), Source::Default);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_what_there_is() {
        let file = file("[server]\nlisen = \"x\"\ndrain = 5\n[sever]\nx = 1\n");
        let mut layers = layers();
        layers.file(file.path());
        layers.env(variables(&[("CAUSEWAY_SERVER_LIMIT", "many")]));
        layers.flag("server.http1=perhaps");
        layers.flag("nonsense");
        let error = layers.finish().unwrap_err().to_string();
        for part in [
            "`server.lisen` is not a setting; there are: drain, http1, limit, listen",
            "expected a table",
            "`sever` is not a setting; there are: server",
            "`server.limit` (CAUSEWAY_SERVER_LIMIT): expected a number, got `many`",
            "`server.http1` (flag): expected true or false, got `perhaps`",
            "`nonsense` is not of the form `setting=value`",
        ] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }

    #[test]
    fn a_number_that_is_not_finite_is_told_and_not_taken_for_one_that_is_not_set() {
        let file = file("[server]\nlimit = inf\nnames = [1.5, -inf]\n[server.token]\nt = nan\n");
        let mut layers = layers();
        layers.file(file.path());
        let error = layers.finish().unwrap_err().to_string();
        for path in ["server.limit", "server.names[1]", "server.token.t"] {
            let told = format!("`{path}` ({}): must be a finite number", file.path().display());
            assert!(error.contains(&told), "{told} is not in: {error}");
        }
        assert_eq!(error.matches("finite").count(), 3, "{error}");
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_its_setting_and_where_it_is_from() {
        let wrong = |layers: Layers| {
            layers.finish().unwrap().section::<Server>("server").unwrap_err().to_string()
        };
        let file = file("[server.drain]\nwait = 5\n");
        let mut of_file = layers();
        of_file.file(file.path());
        let error = wrong(of_file);
        let place = format!("`server.drain.wait` ({}): ", file.path().display());
        assert!(error.contains(&place) && error.contains("expected a string"), "{error}");

        let file = self::file("[server]\nnames = [\"a\", 7]\n");
        let mut of_list = layers();
        of_list.file(file.path());
        let error = wrong(of_list);
        let place = format!("`server.names[1]` ({}): ", file.path().display());
        assert!(error.contains(&place), "{error}");

        let mut of_flag = layers();
        of_flag.flag("server.limit=-1");
        let error = wrong(of_flag);
        let told = "`server.limit` (flag): invalid value: integer `-1`, expected u32";
        assert!(error.contains(told), "{error}");
    }

    #[test]
    fn the_listing_shows_every_value_its_source_and_variable_but_no_secret() {
        let mut layers = layers();
        layers.flag("server.token=hunter2");
        layers.flag("server.token_file=/run/tokens");
        let text = layers.finish().unwrap().show();
        for line in [
            "server.limit = 7  # default; CAUSEWAY_SERVER_LIMIT",
            "server.drain.wait = \"5s\"  # default; CAUSEWAY_SERVER_DRAIN_WAIT",
            "server.token = (redacted)  # flag; CAUSEWAY_SERVER_TOKEN",
            "server.token_file = \"/run/tokens\"  # flag; CAUSEWAY_SERVER_TOKEN_FILE",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn no_error_shows_a_secret() {
        let told = |text: &str| {
            let file = file(text);
            let mut layers = layers();
            layers.file(file.path());
            let error = match layers.finish() {
                Ok(effective) => effective.section::<Server>("server").unwrap_err(),
                Err(error) => error,
            };
            let error = error.to_string();
            assert!(!error.contains("31415"), "{error}");
            error.replace(&file.path().display().to_string(), "FILE")
        };
        for secret in ["31415", "[\"31415\"]", "{ value = 31415 }"] {
            let error = told(&format!("[server]\ntoken = {secret}\n"));
            assert!(error.contains("`server.token` (FILE): is of the wrong kind"), "{error}");
        }
        let error = told("[server]\npasswords = [\"a\", 31415]\n");
        assert!(error.contains("`server.passwords[1]` (FILE): is of the wrong kind"), "{error}");
        let error = told("[server]\nlimit = 7\n  token = 'é' 31415\n");
        assert!(error.contains("FILE:3:15: "), "{error}");
    }
}
