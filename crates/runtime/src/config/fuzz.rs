//! Any text in the place of a configuration file, of a variable or of a flag.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trial::fuzz::Verdict;

use super::{ConfigError, Effective, Layers, Source, layers::env_name, tree};

/// A section with a setting of every kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Server {
    listen: String,
    limit: u32,
    http1: bool,
    names: Vec<String>,
    free: std::collections::BTreeMap<String, String>,
    drain: Drain,
    token: String,
    token_file: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Drain {
    wait: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:1".to_owned(),
            limit: 7,
            http1: false,
            names: Vec::new(),
            free: std::collections::BTreeMap::new(),
            drain: Drain { wait: "5s".to_owned() },
            token: String::new(),
            token_file: None,
        }
    }
}

const WORDS: &[&str] = &[
    "[server]\n",
    "server.",
    "[server.drain]\n",
    "\"server.token\"",
    "token = ",
    "{ a = \"hunter2\" }",
    "[\"hunter2\"]",
    "1979-05-27",
    "nan",
    "= 4294967296",
    "free",
];

fn layers() -> Layers {
    let mut layers = Layers::new();
    layers.section::<Server>("server");
    layers
}

fn defaults() -> serde_json::Map<String, Value> {
    layers().finish().unwrap().values
}

/// Every setting is still there and each comes from somewhere; no secret is shown; the section is read or names itself.
fn settings(found: Result<Effective, ConfigError>) -> Verdict {
    let effective = match found {
        Ok(effective) => effective,
        Err(ConfigError(problems)) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.is_empty()));
            return Verdict::Refused(problems[0].clone());
        }
    };
    let shown = effective.show();
    for (path, _) in tree::leaves(&defaults()) {
        assert!(tree::get(&effective.values, &path).is_some(), "{path} is gone");
    }
    for (path, _) in tree::leaves(&effective.values) {
        let line = format!("{path} = ");
        assert!(shown.lines().any(|shown| shown.starts_with(&line)), "{path} is not shown");
        assert!(shown.contains(&env_name(&path)), "{path} has no variable");
    }
    let is_known = |path: &String| path.starts_with("server.");
    assert!(effective.sources.keys().all(is_known), "{:?}", effective.sources);
    let secret = shown.lines().filter(|line| line.starts_with("server.token"));
    let secret = secret.filter(|line| !line.starts_with("server.token_file"));
    for line in secret {
        let is_hidden = line.contains(" = (redacted)  #") || line.contains(" = \"\"  #");
        assert!(is_hidden || line.contains(" = {}  #"), "a secret is shown: {line}");
    }
    let section = effective.section::<Server>("server");
    if let Err(error) = &section {
        assert!(error.to_string().contains("\n  `server"), "{error}");
    }
    section.into()
}

#[test]
fn any_bytes_are_a_configuration_file_of_known_settings_or_told_with_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("causeway.toml");
    trial::target!("config_files").words(WORDS).costs(2).run(|input| {
        std::fs::write(&path, input).unwrap();
        let mut layers = layers();
        layers.file(&path);
        let found = layers.finish();
        if let Ok(effective) = &found {
            let is_file = |source: &Source| *source == Source::File(path.clone());
            assert!(effective.sources.values().all(is_file), "{:?}", effective.sources);
        }
        settings(found)
    });
}

#[test]
fn a_variable_and_a_flag_set_what_they_say_or_name_the_setting() {
    let words = ["server.listen=", "server.names=a,b", "server.drain=", "true", "[\"a\"]", "{}"];
    trial::target!("config_texts").words(&words).words(WORDS).run_on_text(|text| {
        let mut flagged = layers();
        text.lines().for_each(|line| flagged.flag(line));
        let flagged = flagged.finish();
        if let Ok(effective) = &flagged {
            assert!(effective.sources.values().all(|source| *source == Source::Flag));
            let mut flags = text.lines().filter_map(|line| line.split_once('='));
            let listen = flags.rfind(|(name, _)| name.trim() == "server.listen");
            let expected = listen.map_or("127.0.0.1:1", |(_, text)| text.trim());
            assert_eq!(effective.values["server"]["listen"], Value::from(expected));
        }
        // The same text in the variable of each setting.
        let defaults = defaults();
        for (path, default) in tree::leaves(&defaults) {
            let mut layers = layers();
            layers.env([(env_name(&path), text.to_owned())]);
            match layers.finish() {
                Ok(effective) => {
                    assert_eq!(effective.source(&path), Source::Env(env_name(&path)));
                    let value = tree::get(&effective.values, &path).expect("it was set");
                    let is_like = std::mem::discriminant(value) == std::mem::discriminant(default);
                    assert!(is_like || default.is_null(), "{path}: {value} for {default}");
                }
                Err(error) => assert!(error.to_string().contains(&path), "{error}"),
            }
        }
        settings(flagged)
    });
}
