//! The rules: types that cannot be invalid, and pure functions of (input, previous, now).
//!
//! Always holds: a `*Spec` obeys every rule that one object can obey alone; rules between objects
//! (references, unique names, domain conflicts, quotas) are decided here too where they are pure
//! (`overlap`) and guarded by commits in `service/`.
//! Absent on purpose: wire, disk, clocks and randomness; `now` and ids are arguments.
//!
//! How a write is checked: `grpc/convert` turns a message into a `*Draft` (plain values, nothing
//! checked), an update lays the masked fields over the draft of what is stored, and `check` turns the
//! draft into a spec or reports **every** problem.

mod client_network;
mod connector;
#[cfg(test)]
mod fuzz;
mod group;
mod kind;
mod meta;
mod overlap;
mod place;
mod ports;
mod quota;
mod resource;
mod segment;
mod server_group;
mod target;
mod tenant;
mod text;
mod zone;

pub use client_network::{ClientNetworkDraft, ClientNetworkSpec};
pub use connector::{
    Connector, ConnectorDraft, ConnectorSpec, Origin, Registration, RegistrationDraft,
};
pub use group::{DnsResolution, Group, GroupDraft, GroupServerFields, GroupSpec};
pub use meta::{Meta, PURGE_AFTER_DAYS};
pub use overlap::{Conflict, Coverage, TargetIndex};
pub use place::{Coordinates, CountryCode, Location, LocationDraft, PlaceSource};
pub use ports::{PortRange, PortRangeDraft, Ports};

pub use kind::Kind;
pub(crate) use kind::for_each_kind;
pub use names::{Draft, Reason, ResourceName, Violation, Violations};
pub use quota::{Quotas, Rules};
pub use resource::{About, Claim, Link, Resource, Spec, Subject};
pub use segment::{
    HealthReporting, MatchStyle, Preference, PreferenceDraft, Segment, SegmentDraft, SegmentSpec,
    SelectionPolicy, UnhealthyPolicy,
};
pub use server_group::{Server, ServerDraft, ServerGroup, ServerGroupDraft, ServerGroupSpec};
pub use target::Target;
pub use tenant::{Tenant, TenantDraft, TenantSpec, TenantState};
pub use text::{Description, DisplayName, Labels};

/// Most other objects that one object may name (groups of a server group, server groups of a
/// segment). A commit writes at most 100 rows, and replacing all references writes two rows for each;
/// 40 leave room for the object, its name and its guards.
pub const MAX_REFERENCES: usize = 40;
