//! Which installation a command speaks to, and as whom.
//!
//! A context is a small TOML file that `causeway dev` writes and an operator can copy. It is looked for at
//! `--context`, then `CAUSEWAY_CONTEXT`, then `./.causeway/context.toml`; each value in it can be overridden by a
//! flag or a variable.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use names::TrustDomain;
use runtime::{
    Clock,
    identity::{TrustBundles, client_tls},
};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};

/// Where `causeway dev` keeps its files, below the folder it is started in.
pub(crate) const DEV_DIR: &str = ".causeway";
/// The context's name in that folder.
pub(crate) const CONTEXT_FILE: &str = "context.toml";

/// Flags that say which installation to call.
#[derive(Args, Clone, Default)]
pub(crate) struct ContextArguments {
    /// Context file; default `./.causeway/context.toml`, which `causeway dev` writes
    #[arg(long, env = "CAUSEWAY_CONTEXT", global = true)]
    context: Option<PathBuf>,
    /// API address, for example `https://127.0.0.1:7443`; overrides the context's
    #[arg(long, env = "CAUSEWAY_ENDPOINT", global = true)]
    endpoint: Option<String>,
    /// PEM file of the system CA; overrides the context's
    #[arg(long, env = "CAUSEWAY_CA", global = true)]
    ca: Option<PathBuf>,
    /// Bearer token; overrides the context's
    #[arg(long, env = "CAUSEWAY_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// Tenant id; overrides the context's
    #[arg(long, env = "CAUSEWAY_TENANT", global = true)]
    tenant: Option<String>,
}

/// An installation and a caller.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// API address, `https://host:port`.
    pub(crate) endpoint: String,
    /// Addresses of services that are not at `endpoint`, by name (`registry`, `provisioning`, `updates`, `paths`,
    /// `console`): for an installation of separate processes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) endpoints: BTreeMap<String, String>,
    /// PEM file of the system CA that the server's certificate must chain to.
    pub(crate) ca: PathBuf,
    /// Bearer token of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// Tenant id that commands mean unless they name another.
    pub(crate) tenant: String,
}

impl Context {
    /// The context that these flags mean.
    ///
    /// # Errors
    /// When no file is found and the flags do not say everything.
    pub(crate) fn resolve(arguments: &ContextArguments) -> Result<Self> {
        let path =
            arguments.context.clone().unwrap_or_else(|| Path::new(DEV_DIR).join(CONTEXT_FILE));
        let file = if path.exists() { Some(Self::read(&path)?) } else { None };
        if file.is_none() && arguments.context.is_some() {
            bail!("there is no context file at {}", path.display());
        }
        let from_file = |pick: fn(&Self) -> String| file.as_ref().map(pick);
        let missing = |what: &str| {
            format!(
                "no {what}: there is no context file at {}; start `causeway dev` here, or give --context, or --endpoint, --ca and --tenant",
                path.display()
            )
        };
        Ok(Self {
            endpoint: arguments
                .endpoint
                .clone()
                .or_else(|| from_file(|f| f.endpoint.clone()))
                .with_context(|| missing("endpoint"))?,
            // An address given by hand means just that address.
            endpoints: match (&arguments.endpoint, &file) {
                (None, Some(file)) => file.endpoints.clone(),
                _ => BTreeMap::new(),
            },
            ca: arguments
                .ca
                .clone()
                .or_else(|| file.as_ref().map(|f| f.ca.clone()))
                .with_context(|| missing("CA"))?,
            token: arguments.token.clone().or_else(|| file.as_ref().and_then(|f| f.token.clone())),
            tenant: arguments
                .tenant
                .clone()
                .or_else(|| from_file(|f| f.tenant.clone()))
                .with_context(|| missing("tenant"))?,
        })
    }

    /// Where a service of the contract is reached.
    pub(crate) fn endpoint_of(&self, service: &str) -> &str {
        self.endpoints.get(service).unwrap_or(&self.endpoint)
    }

    /// TLS that believes the installation's CA and shows no certificate.
    ///
    /// # Errors
    /// When the CA file is not valid.
    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>> {
        let roots = CertificateDer::pem_file_iter(&self.ca)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("reading the CA file {}", self.ca.display()))?;
        // Bundles carry the trust domain for judging peers that show SPIFFE ids; a server is judged by the roots and by
        // its host name alone, so any domain does.
        let bundles = TrustBundles::new(TrustDomain::parse("client.invalid")?, roots)?;
        Ok(client_tls(None, bundles, &Clock::system())?)
    }

    /// Reads a context file; a relative CA path in it is relative to the file.
    ///
    /// # Errors
    /// When it cannot be read or is not valid.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading the context file {}", path.display()))?;
        let mut context: Self = toml::from_str(&text)
            .with_context(|| format!("the context file {} is not valid", path.display()))?;
        if context.ca.is_relative() {
            // Relative to the file, so that the folder can be copied as a whole.
            context.ca = path.parent().unwrap_or(Path::new(".")).join(&context.ca);
        }
        Ok(context)
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn any_bytes_are_a_context_that_is_written_as_it_is_read_or_told_with_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(CONTEXT_FILE);
        let words =
            ["endpoint = ", "[endpoints]\n", "ca = ", "tenant = ", "\"/ca.pem\"", "token = "];
        trial::target!("contexts").words(&words).costs(2).run(|input| {
            std::fs::write(&path, input).unwrap();
            let context = Context::read(&path);
            match &context {
                Ok(context) => {
                    assert!(context.ca.is_absolute(), "{}", context.ca.display());
                    let written = toml::to_string(context).unwrap();
                    let again: Context = toml::from_str(&written).unwrap();
                    assert_eq!(toml::to_string(&again).unwrap(), written);
                    assert_eq!(again.endpoint_of("nobody"), context.endpoint);
                    for (service, endpoint) in &context.endpoints {
                        assert_eq!(again.endpoint_of(service), endpoint);
                    }
                }
                Err(error) => assert!(error.to_string().contains(CONTEXT_FILE), "{error:#}"),
            }
            context.map_err(|error| error.root_cause().to_string())
        });
    }
}
