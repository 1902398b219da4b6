//! What an installation under test is told: one list of settings, for one process and for five alike.
//!
//! Always holds: a setting is written as on the command line (`paths.probe_period=200ms`), so a story reads as an operator
//! would say it; everything lives in one temporary directory.

use std::{path::Path, time::Duration};

/// Time between two probes of a target: short, so that stories take no longer than they must.
pub const TEST_PROBE_PERIOD: Duration = Duration::from_millis(200);
/// Services that keep a store.
const STORING: [&str; 4] = ["registry", "provisioning", "updates", "paths"];

/// Settings of an installation under test.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    settings: Vec<String>,
    /// Of one process alone.
    own: Vec<(&'static str, String)>,
    wrappers: Vec<(&'static str, Vec<String>)>,
}

impl Plan {
    /// Adds a setting.
    #[must_use]
    pub fn set(mut self, path: &str, value: &str) -> Self {
        self.settings.push(format!("{path}={value}"));
        self
    }

    /// Adds a setting of one of five processes, in whatever section; it wins over what every process is told.
    #[must_use]
    pub fn set_for(mut self, process: &'static str, path: &str, value: &str) -> Self {
        self.own.push((process, format!("{path}={value}")));
        self
    }

    /// What one of five processes is told last.
    pub(crate) fn own(&self, process: &str) -> impl Iterator<Item = String> {
        self.own.iter().filter(move |(of, _)| *of == process).map(|(_, setting)| setting.clone())
    }

    /// Starts a service's process through another program, as `["strace", "-D", …]`. That must become the service itself,
    /// as `strace -D` and `nice` do, or signals reach the wrong process. In one process it has no meaning.
    #[must_use]
    pub fn under(mut self, service: &'static str, program: &[&str]) -> Self {
        let words = program.iter().map(ToString::to_string).collect();
        self.wrappers.push((service, words));
        self
    }

    /// The program through which a service is started, if there is one.
    pub(crate) fn wrapper(&self, name: &str) -> Option<&[String]> {
        let wrapper = self.wrappers.iter().rfind(|(service, _)| *service == name);
        wrapper.map(|(_, words)| words.as_slice())
    }

    /// What every process is told, below `directory`.
    pub(crate) fn common(&self, directory: &Path) -> Vec<String> {
        let at = |name: &str| directory.join(name).display().to_string();
        vec![
            format!("identity.directory={}", at("pki")),
            format!("access.token_file={}", at("tokens.toml")),
            "server.balancer_wait=0s".to_owned(),
            "server.calls_deadline=5s".to_owned(),
        ]
    }

    /// What the service `name` is told besides: where it keeps its store, and what the story says of it.
    pub(crate) fn of(&self, name: &str, directory: &Path) -> Vec<String> {
        let mut settings = Vec::new();
        if STORING.contains(&name) {
            settings.push(format!("{name}.data_dir={}", directory.join(name).display()));
        }
        if name == "paths" {
            settings.push(format!("paths.probe_period={}ms", TEST_PROBE_PERIOD.as_millis()));
        }
        let section = format!("{name}.");
        settings.extend(self.settings.iter().filter(|s| s.starts_with(&section)).cloned());
        settings
    }
}
