//! The cryptography behind every certificate and connection.

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;

/// The one cryptographic provider of the product.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    PROVIDER.clone()
}
