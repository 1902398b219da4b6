//! How fresh the columns of a row are, source by source.

use jiff::Timestamp;

/// A service whose columns a row is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// registry.
    Registry,
    /// provisioning.
    Provisioning,
    /// updates.
    Updates,
    /// paths.
    Paths,
}

impl Source {
    /// The columns that come from it alone, as the contract names them.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            // Without registry there is no row.
            Self::Registry => &[],
            Self::Provisioning => &["provisioning_key_count", "provisioning_keys"],
            Self::Updates => {
                &["version_profile", "next_periodic_update", "persist_local_version_profile"]
            }
            Self::Paths => &["connected_app_connector_count", "app_connectors"],
        }
    }
}

/// Whether a source's columns are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// They are current.
    Available,
    /// They are as they were when it was last heard; why, in a sentence.
    Stale(String),
    /// They are missing; why, in a sentence.
    Unavailable(String),
}

/// A source and how fresh its columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// Which.
    pub source: Source,
    /// Whether its columns are there.
    pub freshness: Freshness,
    /// When it was last heard; `None` if never since the start.
    pub heard: Option<Timestamp>,
}
