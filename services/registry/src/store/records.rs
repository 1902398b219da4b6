//! What is written: JSON with a version, one golden file for each record and version.
//!
//! ## Design notes
//! A kind's first version is the domain's own shape ([`AsWritten`]): as long as a kind has one version there is no second set of
//! structs to keep alike, and the golden file fails when the domain's shape moves. A kind whose shape changes gets records of its own,
//! an explicit struct a version; `group` is the example. Old versions are read for ever and written never again.

mod group;

use names::AppConnectorName;
use resource::Record;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::domain::{
    ClientNetworkSpec, ConnectorSpec, Resource, SegmentSpec, ServerGroupSpec, Spec, TenantSpec,
};
pub(crate) use group::StoredGroup;

/// A kind of object that is kept, and its record.
pub(crate) trait Kept: Spec {
    /// Its record, of all versions.
    type Stored: Record<Domain = Resource<Self>>;
}

impl Kept for TenantSpec {
    type Stored = AsWritten<Resource<Self>>;
}

impl Kept for crate::domain::GroupSpec {
    type Stored = StoredGroup;
}

impl Kept for ConnectorSpec {
    type Stored = AsWritten<Resource<Self>>;
}

impl Kept for ServerGroupSpec {
    type Stored = AsWritten<Resource<Self>>;
}

impl Kept for SegmentSpec {
    type Stored = AsWritten<Resource<Self>>;
}

impl Kept for ClientNetworkSpec {
    type Stored = AsWritten<Resource<Self>>;
}

/// A record whose only version is the domain's own shape.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v", bound = "T: Serialize + DeserializeOwned")]
pub(crate) enum AsWritten<T> {
    #[serde(rename = "1")]
    V1(T),
}

impl<T: Clone + Serialize + DeserializeOwned> Record for AsWritten<T> {
    type Domain = T;

    fn of(domain: &T) -> Self {
        Self::V1(domain.clone())
    }

    fn into_domain(self) -> Result<T, String> {
        let Self::V1(domain) = self;
        Ok(domain)
    }
}

/// What became of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "outcome")]
pub(crate) enum Registration {
    /// It made this connector.
    Registered {
        /// The connector.
        app_connector: AppConnectorName,
    },
    /// It was given up; a late registration is refused.
    Abandoned,
}

/// Who brought a public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyOwner {
    /// The connector.
    pub(crate) app_connector: AppConnectorName,
}

/// Which call ordered a sweep, for the history of what the sweep does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cause {
    /// The method.
    pub(crate) method: String,
    /// The call's id in the logs.
    pub(crate) request_id: String,
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod tests;
