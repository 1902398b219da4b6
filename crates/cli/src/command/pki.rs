//! `causeway pki`: the system's own certificates, in a directory.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use names::TrustDomain;
use runtime::{
    Clock,
    identity::{SERVICES, SystemPki},
};

use crate::client::output;

/// Trust domain of an installation that does not name one.
pub(crate) const DEFAULT_TRUST_DOMAIN: &str = "causeway.internal";

/// Arguments of `pki`.
#[derive(Args)]
pub(crate) struct PkiArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Makes a system CA and one certificate per service
    Init(InitArguments),
    /// Signs anew what is past two thirds of its life; needs the directory with `ca.key`
    Renew(RenewArguments),
}

#[derive(Args)]
struct InitArguments {
    /// Directory to make, mode 0700; an existing PKI is never overwritten
    directory: PathBuf,
    /// Name of the installation in every identity
    #[arg(long, default_value = DEFAULT_TRUST_DOMAIN)]
    trust_domain: String,
    /// Host names and addresses under which the services are reached; repeat for several
    #[arg(long = "host")]
    hosts: Vec<String>,
}

#[derive(Args)]
struct RenewArguments {
    /// Directory that `pki init` made
    directory: PathBuf,
    /// Host names and addresses, as with `pki init`
    #[arg(long = "host")]
    hosts: Vec<String>,
}

/// Makes or renews certificates.
pub(crate) fn run(arguments: PkiArguments) -> Result<()> {
    let now = Clock::system().now();
    match arguments.action {
        Action::Init(InitArguments { directory, trust_domain, hosts }) => {
            let trust_domain = TrustDomain::parse(&trust_domain)?;
            SystemPki::init(&directory, &trust_domain, &hosts, now)
                .with_context(|| format!("making a PKI in {}", directory.display()))?;
            output::write_out(&format!(
                "{}: ca.pem, ca.key, and a certificate and key each for {}\nkeep ca.key offline; give each service ca.pem and its own pair\n",
                directory.display(),
                SERVICES.join(", "),
            ))
        }
        Action::Renew(RenewArguments { directory, hosts }) => {
            let renewed = SystemPki::open(&directory)?.renew(&hosts, now)?;
            let text =
                if renewed.is_empty() { "none is due".to_owned() } else { renewed.join(", ") };
            output::write_out(&format!("renewed: {text}\n"))
        }
    }
}
