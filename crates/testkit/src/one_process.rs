//! All five services in the test's own process.

use std::path::Path;

use anyhow::{Context as _, Result};
use runtime::{
    Clock,
    process::{DEV, Plan as ProcessPlan, Running, Service, Settings},
};

use crate::{endpoints::Endpoints, plan::Plan};

/// Starts the five on the ports of `before`, or on free ones.
pub(crate) async fn start(
    plan: &Plan,
    directory: &Path,
    clock: Clock,
    before: Option<&Endpoints>,
) -> Result<(Running, Endpoints)> {
    let mut layers = Settings::layers(DEV);
    layers.section::<registry::Config>("registry");
    layers.section::<provisioning::Config>("provisioning");
    layers.section::<updates::Config>("updates");
    layers.section::<paths::Config>("paths");
    layers.section::<console::Config>("console");
    let (api, enrolment, admin) =
        before.map_or((0, 0, 0), |before| (before.services[0], before.enrolment, before.admin[0]));
    layers.flag(&format!("server.listen=127.0.0.1:{api}"));
    layers.flag(&format!("server.enrolment_listen=127.0.0.1:{enrolment}"));
    layers.flag(&format!("server.admin_listen=127.0.0.1:{admin}"));
    let services = ["registry", "provisioning", "updates", "paths", "console"];
    let own = services.iter().flat_map(|name| plan.of(name, directory));
    for setting in plan.common(directory).into_iter().chain(own) {
        layers.flag(&setting);
    }
    let effective = layers.finish()?;
    let running = ProcessPlan::new(Settings::read(&effective)?, clock)
        .host::<registry::App>(effective.section(registry::App::NAME)?)
        .host::<provisioning::App>(effective.section(provisioning::App::NAME)?)
        .host::<updates::App>(effective.section(updates::App::NAME)?)
        .host::<paths::App>(effective.section(paths::App::NAME)?)
        .host::<console::App>(effective.section(console::App::NAME)?)
        .start()
        .await?;
    let addresses = running.addresses();
    let enrolment = addresses.enrolment.context("no enrolment listener")?;
    let endpoints = Endpoints {
        services: [addresses.main.port(); 5],
        enrolment: enrolment.port(),
        admin: vec![addresses.admin.port()],
    };
    Ok((running, endpoints))
}
