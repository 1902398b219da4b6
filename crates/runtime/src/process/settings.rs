//! The settings every process has, whatever it hosts.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use rpc::server::Limits as CallLimits;
use serde::{Deserialize, Serialize};

use crate::{
    config::{ConfigError, Effective, Layers},
    listener::Limits,
    telemetry::TelemetrySettings,
};

/// Name of the one process that hosts all services.
pub const DEV: &str = "dev";

/// Ports by process: (process, API). A process of its own has its admin port 100 above.
const PORTS: [(&str, u16); 6] = [
    (DEV, 7443),
    ("registry", 7451),
    ("provisioning", 7452),
    ("updates", 7453),
    ("paths", 7454),
    ("console", 7455),
];
/// Port of the enrolment listener.
const ENROLMENT_PORT: u16 = 7444;
/// Admin port of the process that hosts all services.
const DEV_ADMIN_PORT: u16 = 7480;
/// Processes that have an enrolment listener.
const ENROLLERS: [&str; 2] = [DEV, "provisioning"];

/// Listeners and the end of the process: section `server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Address of the API. Default: loopback, and the port of the process (README).
    pub listen: SocketAddr,
    /// Address where connectors enrol; unset in processes that enrol nobody.
    pub enrolment_listen: Option<SocketAddr>,
    /// Address of the plaintext admin port. Default: loopback.
    pub admin_listen: SocketAddr,
    /// Open connections per listener. Default 16,000.
    pub max_connections: usize,
    /// Unary calls at once, over all listeners; those above are refused and may be repeated. Default 512.
    pub max_calls: NonZeroUsize,
    /// Threads that serve; 0, the default, is one per core.
    pub worker_threads: usize,
    /// Time between "not ready" and closing the port, for balancers to notice. Default 5 s.
    #[serde(with = "friendly")]
    pub balancer_wait: Duration,
    /// Time for calls in flight at the end. Default 20 s.
    #[serde(with = "friendly")]
    pub calls_deadline: Duration,
    /// Time for workers to stop and stores to close at the end. Default 15 s.
    #[serde(with = "friendly")]
    pub close_deadline: Duration,
}

/// Certificates: section `identity`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentitySettings {
    /// Directory that `causeway pki init` made. Default `./.causeway/pki`.
    pub directory: PathBuf,
    /// Names beside `localhost` and the service's own that renewed leaves carry. Default none.
    pub host_names: Vec<String>,
    /// How long after its leaf's end a connector is still accepted, marked as expired. Zero, the default, for all but
    /// paths, which must go on while provisioning cannot renew.
    #[serde(with = "friendly")]
    pub expired_leaf_grace: Duration,
}

/// Operators' access: section `access`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessSettings {
    /// File with the hashes of bearer tokens. Unset: no token is accepted.
    pub token_file: Option<PathBuf>,
}

/// Where the siblings are: section `peers`. `https://host:port`; an empty text means "in this process".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSettings {
    /// The registry.
    pub registry: String,
    /// Provisioning.
    pub provisioning: String,
    /// Updates.
    pub updates: String,
    /// Paths.
    pub paths: String,
}

/// All of the above.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Section `server`.
    pub server: ServerSettings,
    /// Section `identity`.
    pub identity: IdentitySettings,
    /// Section `access`.
    pub access: AccessSettings,
    /// Section `peers`.
    pub peers: PeerSettings,
    /// Section `telemetry`.
    pub telemetry: TelemetrySettings,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: loopback(0),
            enrolment_listen: None,
            admin_listen: loopback(0),
            max_connections: Limits::default().connections,
            max_calls: CallLimits::default().calls,
            worker_threads: 0,
            balancer_wait: Duration::from_secs(5),
            calls_deadline: Duration::from_secs(20),
            close_deadline: Duration::from_secs(15),
        }
    }
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            directory: PathBuf::from(".causeway/pki"),
            host_names: Vec::new(),
            expired_leaf_grace: Duration::ZERO,
        }
    }
}

impl Default for PeerSettings {
    fn default() -> Self {
        let at = |name| format!("https://localhost:{}", port_of(name));
        Self {
            registry: at("registry"),
            provisioning: at("provisioning"),
            updates: at("updates"),
            paths: at("paths"),
        }
    }
}

impl Settings {
    /// Layers with these sections, and the defaults of the process `name` (a service, or [`DEV`]).
    #[must_use]
    pub fn layers(name: &str) -> Layers {
        let mut layers = Layers::new();
        layers.section::<ServerSettings>("server");
        layers.section::<IdentitySettings>("identity");
        layers.section::<AccessSettings>("access");
        layers.section::<PeerSettings>("peers");
        layers.section::<TelemetrySettings>("telemetry");
        let port = port_of(name);
        let admin = if name == DEV { DEV_ADMIN_PORT } else { port + 100 };
        layers.preset("server.listen", loopback(port).to_string());
        layers.preset("server.admin_listen", loopback(admin).to_string());
        if ENROLLERS.contains(&name) {
            layers.preset("server.enrolment_listen", loopback(ENROLMENT_PORT).to_string());
        }
        if name == DEV {
            layers.preset("server.balancer_wait", "0s");
            layers.preset("telemetry.format", "text");
            for peer in ["registry", "provisioning", "updates", "paths"] {
                layers.preset(&format!("peers.{peer}"), "");
            }
        }
        layers
    }

    /// Reads the sections back.
    ///
    /// # Errors
    /// [`ConfigError`] naming the section that does not fit.
    pub fn read(effective: &Effective) -> Result<Self, ConfigError> {
        Ok(Self {
            server: effective.section("server")?,
            identity: effective.section("identity")?,
            access: effective.section("access")?,
            peers: effective.section("peers")?,
            telemetry: effective.section("telemetry")?,
        })
    }
}

fn port_of(name: &str) -> u16 {
    PORTS.iter().find(|(process, _)| *process == name).map_or(0, |(_, port)| *port)
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_a_process_are_its_documented_ports() {
        let settings = Settings::read(&Settings::layers("paths").finish().unwrap()).unwrap();
        assert_eq!(settings.server.listen, loopback(7454));
        assert_eq!(settings.server.admin_listen, loopback(7554));
        assert_eq!(settings.server.enrolment_listen, None);
        assert_eq!(settings.peers.registry, "https://localhost:7451");
        let settings = Settings::read(&Settings::layers(DEV).finish().unwrap()).unwrap();
        assert_eq!(settings.server.enrolment_listen, Some(loopback(7444)));
        assert_eq!(settings.server.admin_listen, loopback(7480));
        assert_eq!(
            settings.peers,
            PeerSettings {
                registry: String::new(),
                provisioning: String::new(),
                updates: String::new(),
                paths: String::new(),
            }
        );
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        let mut layers = Settings::layers("registry");
        layers.flag("server.balancer_wait=250ms");
        layers.flag("server.enrolment_listen=127.0.0.1:9");
        layers.flag("identity.expired_leaf_grace=3 days");
        let settings = Settings::read(&layers.finish().unwrap());
        assert!(settings.is_err(), "days are no fixed unit: {settings:?}");
        let mut layers = Settings::layers("registry");
        layers.flag("identity.expired_leaf_grace=72h");
        layers.flag("server.balancer_wait=250ms");
        let settings = Settings::read(&layers.finish().unwrap()).unwrap();
        assert_eq!(settings.server.balancer_wait, Duration::from_millis(250));
        assert_eq!(settings.identity.expired_leaf_grace, Duration::from_secs(72 * 3600));
    }
}
