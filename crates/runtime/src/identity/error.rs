//! What can be wrong with an identity.

use std::path::{Path, PathBuf};

/// Why a certificate, key or request is of no use.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried, for example `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// Text that should be PEM, or DER inside it, is not.
    #[error("{what} cannot be parsed: {problem}")]
    Parse {
        /// What it should have been, for example `the certificate of the authority`.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The key of a request or certificate is not on P-256.
    #[error(
        "the key is not an ECDSA key on P-256 (prime256v1); make one with `openssl ecparam -name prime256v1 -genkey`"
    )]
    KeyKind,
    /// A signing request was not signed by the key that it carries.
    #[error("the request's signature does not fit its public key")]
    RequestSignature,
    /// A certificate and a private key do not belong together.
    #[error("the certificate and the private key do not belong together")]
    KeyMismatch,
    /// A leaf does not carry exactly one SPIFFE id of ours.
    #[error("the certificate names no one: {0}")]
    Name(String),
    /// The authority's own time is over, or has not come.
    #[error("the authority is valid from {start} to {end}, not at {now}; make a new one")]
    AuthorityExpired {
        /// First instant of the authority.
        start: jiff::Timestamp,
        /// Last instant of the authority.
        end: jiff::Timestamp,
        /// When it was asked to sign.
        now: jiff::Timestamp,
    },
    /// Something stands where a new PKI should go.
    #[error("{} exists already; delete it or name another directory", .0.display())]
    Exists(PathBuf),
    /// Making a key or a certificate failed in the cryptographic library.
    #[error("cryptography failed: {0}")]
    Crypto(String),
}

impl IdentityError {
    pub(super) fn file(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    pub(super) fn parse(what: &'static str, problem: impl ToString) -> Self {
        Self::Parse { what, problem: problem.to_string() }
    }
}

impl From<rcgen::Error> for IdentityError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}
