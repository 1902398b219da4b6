//! Keys and certificates on disk: PEM, written whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use super::IdentityError;

/// Mode of private keys and of everything beside them: the owner alone.
const FILE_MODE: u32 = 0o600;
/// Mode of the directory.
const DIRECTORY_MODE: u32 = 0o700;

/// Makes a directory that only its owner enters.
pub(super) fn make_directory(path: &Path) -> Result<(), IdentityError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
        .map_err(IdentityError::file("create", path))
}

/// Writes beside the target, syncs, renames: a reader sees the old file or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    let draft = path.with_extension("new");
    let save = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    save().map_err(IdentityError::file("write", path))
}

pub(super) fn read(path: &Path) -> Result<String, IdentityError> {
    fs::read_to_string(path).map_err(IdentityError::file("read", path))
}

/// At least one certificate.
pub(super) fn parse_chain(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| IdentityError::parse(what, problem(&error)))?;
    if chain.is_empty() {
        return Err(IdentityError::parse(what, "it holds no PEM block `CERTIFICATE`"));
    }
    Ok(chain)
}

pub(super) fn parse_key(
    what: &'static str,
    pem: &[u8],
) -> Result<PrivateKeyDer<'static>, IdentityError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| IdentityError::parse(what, problem(&error)))
}

/// What is wrong with a PEM text, without a word of it: where line ends are lost, the line that is wrong is the key.
fn problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a PEM block has no line `-----END …-----`",
        pem::Error::IllegalSectionStart { .. } => {
            "a line `-----BEGIN …-----` is damaged, or has lost its line end"
        }
        pem::Error::Base64Decode(_) => "a PEM block holds what is not base64",
        pem::Error::NoItemsFound => "it holds no such PEM block",
        _ => "it is no PEM text",
    }
}

/// One certificate as PEM with lines of 64 characters (RFC 7468).
pub(super) fn certificate_pem(der: &CertificateDer<'_>) -> String {
    const LINE: usize = 64;
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in body.as_bytes().chunks(LINE) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
