//! The directory of a single-process installation: certificates, token, context and stores.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use names::TrustDomain;
use rpc::tokens::{TokenEntry, TokenFile, token_sha256, token_text};
use runtime::identity::SystemPki;

use crate::{
    client::context::{CONTEXT_FILE, Context},
    command::pki::DEFAULT_TRUST_DOMAIN,
};

const TOKEN_FILE: &str = "tokens.toml";
const CA_FILE: &str = "ca.pem";
const PKI_DIR: &str = "pki";

/// Random bytes for the first token.
pub(crate) type Randomness = [u8; 32];

/// A directory with everything that the process needs and keeps.
pub(crate) struct Home {
    directory: PathBuf,
}

impl Home {
    /// The places in this directory, made or not.
    pub(crate) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Opens the directory; what is missing is made: PKI, token, CA copy and context. `randomness` becomes the token
    /// of the first start.
    ///
    /// # Errors
    /// When something cannot be made or written.
    pub(crate) fn open(
        directory: &Path,
        tenant: &str,
        now: Timestamp,
        randomness: &Randomness,
    ) -> Result<Self> {
        let home = Self::at(directory);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| format!("making {}", directory.display()))?;
        if !home.pki().join(CA_FILE).exists() {
            SystemPki::init(&home.pki(), &TrustDomain::parse(DEFAULT_TRUST_DOMAIN)?, &[], now)?;
        }
        fs::copy(home.pki().join(CA_FILE), home.path(CA_FILE)).context("copying ca.pem")?;
        // The context is written last and holds the token: without it, a token in the other file would be lost, so both
        // are made anew.
        if !home.path(CONTEXT_FILE).exists() {
            home.write_token(tenant, randomness)?;
        }
        Ok(home)
    }

    /// The certificates.
    pub(crate) fn pki(&self) -> PathBuf {
        self.path(PKI_DIR)
    }

    /// The hashes of the tokens.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.path(TOKEN_FILE)
    }

    /// The store of a service.
    pub(crate) fn store(&self, service: &str) -> PathBuf {
        self.path(service)
    }

    /// The context for commands.
    pub(crate) fn context_file(&self) -> PathBuf {
        self.path(CONTEXT_FILE)
    }

    /// The context for commands, read back.
    ///
    /// # Errors
    /// When the file is not valid.
    pub(crate) fn context(&self) -> Result<Context> {
        Context::read(&self.context_file())
    }

    /// Writes where the process listens into the context.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn write_endpoint(&self, endpoint: &str) -> Result<()> {
        let mut context = self.context()?;
        context.endpoint = endpoint.to_owned();
        context.ca = PathBuf::from(CA_FILE);
        write_private(&self.context_file(), &toml::to_string(&context)?)
    }

    fn write_token(&self, tenant: &str, randomness: &Randomness) -> Result<()> {
        let token = token_text(randomness);
        let entry = TokenEntry {
            name: "dev-admin".to_owned(),
            sha256: token_sha256(&token),
            roles: vec!["SYSTEM_ADMIN".to_owned(), "ADMIN".to_owned()],
            tenants: BTreeMap::new(),
        };
        let file = TokenFile { tokens: vec![entry] };
        write_private(&self.token_file(), &toml::to_string(&file)?)?;
        let context = Context {
            endpoint: String::new(),
            endpoints: BTreeMap::new(),
            ca: PathBuf::from(CA_FILE),
            token: Some(token),
            tenant: tenant.to_owned(),
        };
        write_private(&self.context_file(), &toml::to_string(&context)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Writes a file that only its owner reads, whole or not at all.
fn write_private(path: &Path, text: &str) -> Result<()> {
    let place = || format!("writing {}", path.display());
    let partial = path.with_extension("partial");
    let mut file = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .with_context(place)?;
    file.write_all(text.as_bytes()).with_context(place)?;
    file.sync_all().with_context(place)?;
    fs::rename(&partial, path).with_context(place)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_start_makes_everything_and_the_second_keeps_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("home");
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let home = Home::open(&path, "default", now, &[1; 32]).unwrap();
        home.write_endpoint("https://127.0.0.1:7443").unwrap();
        let first = home.context().unwrap();
        assert_eq!(first.endpoint, "https://127.0.0.1:7443");
        assert!(first.ca.exists());

        let again = Home::open(&path, "default", now, &[2; 32]).unwrap();
        assert_eq!(again.context().unwrap().token, first.token);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&home.context_file()), 0o600);
        assert_eq!(mode(&home.token_file()), 0o600);
        let text = fs::read_to_string(home.token_file()).unwrap();
        assert!(!text.contains(first.token.as_deref().unwrap()), "the token itself is not kept");
    }
}
