//! The certificate chain that a process presents, and its key; both can be replaced while connections are open.
//!
//! Owns: reading the pair, checking that it belongs together, and handing it to rustls per handshake.
//! Always holds: what is presented is a whole pair; a file pair caught half way through its replacement is
//! refused, and the old pair stays.
//! Absent on purpose: a file watcher of the kernel. The pair is read again by a worker and on SIGHUP; mounted
//! secrets change by symbolic link, which watchers miss.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    pki_types::CertificateDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{IdentityError, files, leaf::LeafContent, provider, read_leaf};

/// A reloadable identity; clones share it.
#[derive(Clone)]
pub struct ServiceIdentity(Arc<Shared>);

struct Shared {
    pair: ArcSwap<Pair>,
    files: Option<(PathBuf, PathBuf)>,
}

struct Pair {
    certified: Arc<CertifiedKey>,
    leaf: LeafContent,
}

impl ServiceIdentity {
    /// Takes a chain (leaf first) and its key from PEM text.
    ///
    /// # Errors
    /// [`IdentityError`] for text that does not parse, or a pair that does not belong together.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, IdentityError> {
        let pair = ArcSwap::from_pointee(Pair::parse(chain, key)?);
        Ok(Self(Arc::new(Shared { pair, files: None })))
    }

    /// Reads the pair from two files, and remembers them for [`ServiceIdentity::reload`].
    ///
    /// # Errors
    /// As [`ServiceIdentity::from_pem`], and [`IdentityError::File`].
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let pair = ArcSwap::from_pointee(Pair::read(chain, key)?);
        let files = Some((chain.to_owned(), key.to_owned()));
        Ok(Self(Arc::new(Shared { pair, files })))
    }

    /// Reads the files again; `true` if they hold another leaf than before. New handshakes use it, open
    /// connections stay. Without files it does nothing.
    ///
    /// # Errors
    /// As [`ServiceIdentity::from_files`]; the pair in use stays.
    pub fn reload(&self) -> Result<bool, IdentityError> {
        let Some((chain, key)) = &self.0.files else { return Ok(false) };
        let fresh = Pair::read(chain, key)?;
        let changed = fresh.certified.cert != self.0.pair.load().certified.cert;
        if changed {
            self.0.pair.store(Arc::new(fresh));
        }
        Ok(changed)
    }

    /// Presents another pair from the next handshake on.
    ///
    /// # Errors
    /// As [`ServiceIdentity::from_pem`]; the pair in use stays.
    pub fn replace(&self, chain: &str, key: &str) -> Result<(), IdentityError> {
        self.0.pair.store(Arc::new(Pair::parse(chain, key)?));
        Ok(())
    }

    /// The identity that is presented, and the end of its validity.
    #[must_use]
    pub fn leaf(&self) -> LeafContent {
        self.0.pair.load().leaf.clone()
    }

    /// The chain presented now, leaf first.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.pair.load().certified.cert.clone()
    }
}

impl Pair {
    fn read(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        Self::parse(&files::read(chain)?, &files::read(key)?)
    }

    fn parse(chain: &str, key: &str) -> Result<Self, IdentityError> {
        let chain = files::parse_chain("the certificate chain", chain.as_bytes())?;
        let leaf = read_leaf(&chain[0])?;
        let key = files::parse_key("the private key", key.as_bytes())?;
        // `from_der` compares the key's public half with the leaf's.
        let certified = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|_| IdentityError::KeyMismatch)?;
        Ok(Self { certified: Arc::new(certified), leaf })
    }
}

impl ResolvesServerCert for ServiceIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.pair.load().certified.clone())
    }
}

impl ResolvesClientCert for ServiceIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.pair.load().certified.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for ServiceIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceIdentity({})", self.0.pair.load().leaf.spiffe)
    }
}
