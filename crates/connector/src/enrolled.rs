//! A connector that has its identity: what reporting and renewing share.

use std::sync::Arc;

use runtime::identity::{ServiceIdentity, TrustBundles};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{host::Host, identity::OwnKey, state::StateDir};

/// What the sessions and the renewal share once there is an identity.
pub(crate) struct Enrolled<'a> {
    pub(crate) state: &'a StateDir,
    pub(crate) key_pem: &'a str,
    pub(crate) key: &'a OwnKey,
    pub(crate) host: &'a Host,
    /// The current leaf and its key, as they are presented to servers.
    pub(crate) tls_identity: ServiceIdentity,
    pub(crate) trust: TrustBundles,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// Cancelled and replaced at each renewal.
    pub(crate) renewed: watch::Sender<CancellationToken>,
}
