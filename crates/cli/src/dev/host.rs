//! All five services on one plan.

use std::path::PathBuf;

use anyhow::Result;
use runtime::{
    Clock,
    config::{Effective, Layers},
    process::{DEV, Plan, Service, Settings},
};

use super::home::Home;

/// Sections and defaults of a process with all five services at this home.
pub(crate) fn layers(home: &Home) -> Layers {
    let mut layers = Settings::layers(DEV);
    section::<registry::App>(&mut layers);
    section::<provisioning::App>(&mut layers);
    section::<updates::App>(&mut layers);
    section::<paths::App>(&mut layers);
    section::<console::App>(&mut layers);
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    layers.preset("identity.directory", text(home.pki()));
    layers.preset("access.token_file", text(home.token_file()));
    for service in ["registry", "provisioning", "updates", "paths"] {
        layers.preset(&format!("{service}.data_dir"), text(home.store(service)));
    }
    layers
}

/// The plan of a process with these settings.
///
/// # Errors
/// When a section does not fit.
pub(crate) fn plan(effective: &Effective, clock: Clock) -> Result<(Settings, Plan)> {
    let settings = Settings::read(effective)?;
    let plan = Plan::new(settings.clone(), clock)
        .host::<registry::App>(config::<registry::App>(effective)?)
        .host::<provisioning::App>(config::<provisioning::App>(effective)?)
        .host::<updates::App>(config::<updates::App>(effective)?)
        .host::<paths::App>(config::<paths::App>(effective)?)
        .host::<console::App>(config::<console::App>(effective)?);
    Ok((settings, plan))
}

fn section<S: Service>(layers: &mut Layers) {
    layers.section::<S::Config>(S::NAME);
}

fn config<S: Service>(effective: &Effective) -> Result<S::Config> {
    Ok(effective.section(S::NAME)?)
}
