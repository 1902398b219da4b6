//! Connections to the control plane.

use std::sync::Arc;

use rpc::client::{Channel, ClientConfig, connect};

use crate::link::Refusal;

/// A channel that connects when it is first used.
///
/// # Errors
/// [`Refusal`] if the endpoint is not `https://host:port`.
pub(crate) fn channel(endpoint: &str, tls: Arc<rustls::ClientConfig>) -> Result<Channel, Refusal> {
    connect(&ClientConfig::new(endpoint, tls)).map_err(|error| Refusal {
        reason: "ENDPOINT_INVALID".into(),
        message: error.to_string(),
        retry_after: None,
        transient: false,
    })
}
