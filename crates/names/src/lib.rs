//! Resource names and typed ids: parse, display, order.
//!
//! Owns: the one spelling of every name in the contract (`tenants/{t}/appConnectorGroups/{g}`), of the
//! ids inside them, of SPIFFE ids, of networks and of the join token; when two display names look alike; the reason words of
//! errors and the list of what is wrong with a request.
//! Always holds: a value of one of these types is valid; `parse(display(x)) == x`; order is the order of the text
//! segments, so rows sorted by name list a tenant together.
//! Absent on purpose: wildcards (`tenants/-` is a scope of the edge, not a name), and any look-up.
//!
//! Read in this order: `id`, `name` (how a name is declared), `resources` (the list), `spiffe`, `join_token`, `cidr`, `text`, then
//! `reason`, `violations` and `draft` (partial updates).

mod cidr;
mod draft;
#[cfg(test)]
mod fuzz;
mod id;
mod join_token;
mod name;
mod reason;
mod resources;
mod spiffe;
mod text;
mod violations;

pub use cidr::{Cidr, CidrError};
pub use draft::Draft;
pub use id::{Id, IdError, MAX_ID_LEN};
pub use join_token::{
    JOIN_TOKEN_PREFIX, JoinToken, JoinTokenError, MAX_JOIN_TOKEN_LEN, ROOT_PIN_LEN,
};
pub use name::NameError;
pub use reason::Reason;
pub use resources::{
    AppConnectorGroupName, AppConnectorName, ApplicationSegmentName, BelowTenant,
    CertificateAuthorityName, ClientNetworkName, ConnectorStatusName, DisasterRecoveryName,
    EnrolmentName, ProvisioningKeyName, ReleaseName, ResourceName, RolloutName, ServerGroupName,
    TenantName, UpdatePolicyName, UpdateScheduleName, VersionProfileName,
};
pub use spiffe::{MAX_TRUST_DOMAIN_LEN, SpiffeError, SpiffeId, TrustDomain, Workload};
pub use text::{MAX_LABEL_KEY_BYTES, display_key, is_label_key};
pub use violations::{Violation, Violations};
