//! The things that a row shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use names::{AppConnectorGroupName, AppConnectorName, ProvisioningKeyName, ServerGroupName};

/// An app connector group, as registry tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: AppConnectorGroupName,
    /// Name for people.
    pub display_name: String,
    /// Description.
    pub description: String,
    /// Whether it serves and enrols.
    pub enabled: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Where it is.
    pub place: Place,
    /// Address families for name resolution.
    pub dns: DnsResolution,
    /// Whether it takes part in disaster recovery.
    pub disaster_recovery: bool,
    /// When it was created.
    pub create_time: Option<Timestamp>,
    /// When it last changed.
    pub update_time: Option<Timestamp>,
    /// Opaque version.
    pub etag: String,
}

/// Where a group is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Postal address.
    pub address: String,
    /// City.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country_code: String,
    /// Latitude and longitude, WGS 84 degrees.
    pub coordinates: Option<(f64, f64)>,
    /// The IANA zone that counts.
    pub time_zone: String,
}

/// Address families for name resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsResolution {
    /// Both.
    Both,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// An app connector, as registry tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Its name.
    pub name: AppConnectorName,
    /// Name for people.
    pub display_name: String,
    /// Whether it may be selected.
    pub enabled: bool,
    /// Its group.
    pub group: AppConnectorGroupName,
}

/// A server group, as far as it names groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerGroup {
    /// Its name.
    pub name: ServerGroupName,
    /// The groups that serve it.
    pub groups: Vec<AppConnectorGroupName>,
}

/// A provisioning key, as provisioning tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: ProvisioningKeyName,
    /// Name for people.
    pub display_name: String,
    /// The group that its connectors join.
    pub group: AppConnectorGroupName,
    /// Whether it is switched on.
    pub enabled: bool,
    /// How often it was used.
    pub use_count: i64,
    /// How often it may be used; 0 means without limit.
    pub max_uses: i64,
    /// When it ends.
    pub expire_time: Option<Timestamp>,
}

impl Key {
    /// Whether it enrols a connector now.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        let spent = self.max_uses != 0 && self.use_count >= self.max_uses;
        self.enabled && !spent && self.expire_time.is_none_or(|end| now < end)
    }
}

/// How a connector is now, as paths tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which connector.
    pub connector: AppConnectorName,
    /// Whether it is connected.
    pub connected: bool,
    /// Since when.
    pub connect_time: Option<Timestamp>,
    /// When it was last heard.
    pub last_heard: Option<Timestamp>,
    /// Version of its software.
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_usable_while_it_is_on_not_spent_and_not_over() {
        let now: Timestamp = "2026-11-23T14:00:00Z".parse().unwrap();
        let key = Key {
            name: "tenants/acme/provisioningKeys/k".parse().unwrap(),
            display_name: "k".into(),
            group: "tenants/acme/appConnectorGroups/berlin".parse().unwrap(),
            enabled: true,
            use_count: 3,
            max_uses: 0,
            expire_time: None,
        };
        assert!(key.is_usable(now));
        assert!(Key { max_uses: 4, ..key.clone() }.is_usable(now));
        for unusable in [
            Key { enabled: false, ..key.clone() },
            Key { max_uses: 3, ..key.clone() },
            Key { expire_time: Some(now), ..key.clone() },
        ] {
            assert!(!unusable.is_usable(now), "{unusable:?}");
        }
    }
}
