//! How much a tenant may hold, and what a check may assume.

use serde::{Deserialize, Serialize};

/// Most objects and parts; settings of the service, alike for every tenant.
///
/// The defaults are the product's promise (a tenant of 100,000 connectors). Disabled objects count,
/// soft-deleted ones do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// App connector groups of a tenant. Default 10,000.
    pub app_connector_groups: usize,
    /// App connectors of a tenant. Default 100,000.
    pub app_connectors: usize,
    /// Server groups of a tenant. Default 10,000.
    pub server_groups: usize,
    /// Application segments of a tenant. Default 100,000.
    pub application_segments: usize,
    /// Client networks of a tenant. Default 10,000.
    pub client_networks: usize,
    /// Domains of one segment. Default 2,000.
    pub domains_per_segment: usize,
    /// Port ranges of one object. Default 100.
    pub port_ranges_per_object: usize,
    /// Labels of one object. Default 64.
    pub labels_per_object: usize,
    /// Servers of one server group. Default 1,000.
    pub servers_per_server_group: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            app_connector_groups: 10_000,
            app_connectors: 100_000,
            server_groups: 10_000,
            application_segments: 100_000,
            client_networks: 10_000,
            domains_per_segment: 2_000,
            port_ranges_per_object: 100,
            labels_per_object: 64,
            servers_per_server_group: 1_000,
        }
    }
}

/// What a check of one object depends on besides the object.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Limits of parts.
    pub quotas: Quotas,
    /// Whether the caller means it when the coordinates are 0/0.
    pub allow_null_island: bool,
}

impl Rules {
    /// What holds of objects that were accepted before, whatever the limits of today.
    #[must_use]
    pub fn of_stored() -> Self {
        let quotas = Quotas { labels_per_object: usize::MAX, ..Quotas::default() };
        Self { quotas, allow_null_island: true }
    }
}
