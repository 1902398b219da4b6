//! The process's metrics: one registry, filled while the process is built, read by the admin port.
//!
//! Owns: the registry and its text form (OpenMetrics).
//! Always holds: a metric is registered once, at build; reading never blocks a request for longer than
//! one encoding.
//! Absent on purpose: the metrics themselves; each stands in the `metrics.rs` of the module that emits it.

use std::sync::{Arc, Mutex, PoisonError};

/// The content type of [`Registry::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Prefix of every metric of the product.
pub const PREFIX: &str = "causeway";

/// A shared handle on the process's metrics.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Mutex<prometheus_client::registry::Registry>>);

impl Registry {
    /// An empty registry whose metrics all begin with [`PREFIX`].
    #[must_use]
    pub fn new() -> Self {
        let registry = prometheus_client::registry::Registry::with_prefix(PREFIX);
        Self(Arc::new(Mutex::new(registry)))
    }

    /// Registers metrics: `metrics.register(|r| r.register("name", "Help", family.clone()))`. Help ends without a
    /// full stop: the encoder writes one.
    pub fn register<T>(
        &self,
        add: impl FnOnce(&mut prometheus_client::registry::Registry) -> T,
    ) -> T {
        // A panic while registering leaves the registry as usable as before.
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every metric as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &registry) {
            tracing::error!(%error, "metrics could not be encoded");
        }
        text
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
