//! The system's own PKI in a directory: one authority, one leaf per service.
//!
//! Owns: `ca.pem`, `ca.key` and, per service, `<name>.pem` (leaf, then root) and `<name>.key`.
//! Always holds: the directory is 0700, every file 0600; an existing PKI is never overwritten.
//! Absent on purpose: tenants' authorities; provisioning makes those and keeps them in its store.
//!
//! ## Design notes
//! A service's chain carries the root, although TLS does not ask for it: a connector that knows only the hash of
//! the root's key (from its join token) finds the root there.
//!
//! Only `ca.pem` and the service's own pair belong on a service's machine; `ca.key` stays where `pki init` was run.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use names::{Id, SpiffeId, TrustDomain, Workload};
use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;

use super::{
    AUTHORITY_LIFETIME, CertificateAuthority, IdentityError, PublicKey, ServiceIdentity,
    TrustBundles, Validity, files,
    leaf::{LeafContent, read_leaf},
};

/// The services that get a leaf, and `dev`, the one process that hosts them all.
pub const SERVICES: [&str; 6] = ["registry", "provisioning", "updates", "paths", "console", "dev"];

/// How long a service's leaf is valid: renewing it is an operator's (or a pipeline's) act, so a quarter.
pub const SERVICE_LEAF_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// Host names every service's leaf carries, so that one machine needs no configuration.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A directory with the system's PKI.
#[derive(Clone, Debug)]
pub struct SystemPki {
    directory: PathBuf,
}

impl SystemPki {
    /// Makes a new authority and all leaves. `host_names` are added to the leaves' own: `localhost`, `127.0.0.1`,
    /// `::1`, the service's name and `causeway-<service>`.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] if there is one already, [`IdentityError::File`] if it cannot be written.
    pub fn init(
        directory: &Path,
        trust_domain: &TrustDomain,
        host_names: &[String],
        now: Timestamp,
    ) -> Result<Self, IdentityError> {
        let pki = Self { directory: directory.to_owned() };
        if pki.root_file().exists() || pki.path("ca", "key").exists() {
            return Err(IdentityError::Exists(pki.root_file()));
        }
        files::make_directory(directory)?;
        let name = format!("Causeway system authority of {trust_domain}");
        let authority = CertificateAuthority::create(&name, now, AUTHORITY_LIFETIME)?;
        files::write(&pki.path("ca", "key"), &authority.key_pem())?;
        for service in SERVICES {
            pki.issue(&authority, trust_domain, service, host_names, now)?;
        }
        // Last, since it is what `init` and `open` look for: a crash before it leaves nothing that looks whole.
        files::write(&pki.root_file(), &authority.certificate_pem())?;
        Ok(pki)
    }

    /// Uses the PKI in a directory.
    ///
    /// # Errors
    /// [`IdentityError::File`] if `ca.pem` is missing or unreadable.
    pub fn open(directory: &Path) -> Result<Self, IdentityError> {
        let pki = Self { directory: directory.to_owned() };
        pki.roots()?;
        Ok(pki)
    }

    /// Signs the leaves that are past two thirds of their life anew, with these host names. Needs `ca.key`. Returns the
    /// services whose leaf is new.
    ///
    /// # Errors
    /// [`IdentityError`] if a file cannot be read, parsed or written.
    pub fn renew(
        &self,
        host_names: &[String],
        now: Timestamp,
    ) -> Result<Vec<&'static str>, IdentityError> {
        let authority = self.authority()?;
        let mut renewed = Vec::new();
        for service in SERVICES {
            let leaf = self.leaf(service)?;
            let left = crate::clock::until(now, leaf.not_after);
            // A pair that does not fit is one whose renewal a crash has cut in half.
            let broken = matches!(self.identity(service), Err(IdentityError::KeyMismatch));
            if broken || left < SERVICE_LEAF_LIFETIME / 3 {
                let domain = &leaf.spiffe.trust_domain;
                self.issue(&authority, domain, service, host_names, now)?;
                renewed.push(service);
            }
        }
        Ok(renewed)
    }

    /// What a service's certificate says, without its key.
    fn leaf(&self, service: &str) -> Result<LeafContent, IdentityError> {
        let chain = files::read(&self.path(service, "pem"))?;
        let chain = files::parse_chain("a service's certificate", chain.as_bytes())?;
        read_leaf(&chain[0])
    }

    fn issue(
        &self,
        authority: &CertificateAuthority,
        trust_domain: &TrustDomain,
        service: &'static str,
        host_names: &[String],
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let id = Id::parse(service).map_err(|error| IdentityError::Name(error.to_string()))?;
        let mut hosts: Vec<String> = LOCAL_NAMES.map(str::to_owned).to_vec();
        hosts.extend([service.to_owned(), format!("causeway-{service}")]);
        hosts.extend(host_names.iter().filter(|name| !name.is_empty()).cloned());
        hosts.dedup();
        let key = KeyPair::generate()?;
        let public_key = PublicKey::from_der(&rcgen::PublicKeyData::subject_public_key_info(&key))?;
        let leaf = authority.sign_service_leaf(
            &public_key,
            &SpiffeId::service(trust_domain.clone(), id),
            &hosts,
            Validity::starting(now, SERVICE_LEAF_LIFETIME),
        )?;
        let chain = files::certificate_pem(&leaf.certificate) + &authority.certificate_pem();
        files::write(&self.path(service, "key"), &key.serialize_pem())?;
        files::write(&self.path(service, "pem"), &chain)
    }

    /// The authority with its key, where that is kept.
    ///
    /// # Errors
    /// [`IdentityError`] if `ca.pem` or `ca.key` is missing or broken.
    pub fn authority(&self) -> Result<CertificateAuthority, IdentityError> {
        let certificate = files::read(&self.root_file())?;
        CertificateAuthority::load(&certificate, &files::read(&self.path("ca", "key"))?)
    }

    /// The identity of a service, reloadable from its files.
    ///
    /// # Errors
    /// [`IdentityError`] if its files are missing, broken, or another service's.
    pub fn identity(&self, service: &str) -> Result<ServiceIdentity, IdentityError> {
        let identity =
            ServiceIdentity::from_files(&self.path(service, "pem"), &self.path(service, "key"))?;
        match identity.leaf().spiffe.workload {
            Workload::Service(name) if name.as_str() == service => Ok(identity),
            other => Err(IdentityError::Name(format!("expected service `{service}`: {other:?}"))),
        }
    }

    /// The system's roots.
    ///
    /// # Errors
    /// [`IdentityError`] if `ca.pem` is missing or broken.
    pub fn roots(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        let text = files::read(&self.root_file())?;
        files::parse_chain("the system's roots (ca.pem)", text.as_bytes())
    }

    /// Bundles that trust this PKI for services, and no root for connectors yet. The trust domain is that of
    /// `identity`.
    ///
    /// # Errors
    /// As [`SystemPki::roots`].
    pub fn bundles(&self, identity: &ServiceIdentity) -> Result<TrustBundles, IdentityError> {
        TrustBundles::new(identity.leaf().spiffe.trust_domain, self.roots()?)
    }

    /// The file that clients need: the system's roots.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.path("ca", "pem")
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(name).with_extension(extension)
    }
}
