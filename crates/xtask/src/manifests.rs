//! The Kubernetes manifests: they build, and every object fits the schema of the oldest and newest release we name.
//!
//! Absent on purpose: what only an API server knows, such as admission and quotas.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::packages;

const BASE: &str = "deploy/kubernetes/base";
const REQUIREMENTS: &str = "crates/xtask/tools/requirements.txt";
/// Releases whose schemas every object must fit: the oldest with stable ReadWriteOncePod that is still common, and the newest
/// that the validator knows.
const RELEASES: &[&str] = &["1.29", "1.37"];

/// Builds the base and validates it.
///
/// # Errors
/// When a tool cannot be installed, the base does not build, or an object does not fit.
pub fn run(root: &Path) -> Result<()> {
    let validator = install_validator(root)?;
    let built = build(root)?;
    let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    fs::write(file.path(), &built)?;
    for release in RELEASES {
        let output = Command::new(&validator)
            .args(["--strict", "-k", release])
            .arg(file.path())
            .stdin(Stdio::null())
            .output()
            .context("kubernetes-validate")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "release {release}:\n{text}{errors}");
    }
    Ok(())
}

fn build(root: &Path) -> Result<Vec<u8>> {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        packages::install(&["kubernetes-client"])?;
    }
    let output = Command::new("kubectl")
        .args(["kustomize", BASE])
        .current_dir(root)
        .output()
        .context("kubectl")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// The validator in an environment of its own below `target/`, at the versions of the requirements file.
fn install_validator(root: &Path) -> Result<PathBuf> {
    let environment = root.join("target/manifest-tools");
    let validator = environment.join("bin/kubernetes-validate");
    let wanted = fs::read(root.join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let stamp = environment.join("installed-requirements");
    if validator.exists() && fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(validator);
    }
    let make = || Command::new("python3").args(["-m", "venv"]).arg(&environment).output();
    if !make().is_ok_and(|output| output.status.success()) {
        packages::install(&["python3", "python3-venv"])?;
        let output = make().context("python3")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let status = Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS])
        .current_dir(root)
        .status()
        .context("pip")?;
    ensure!(status.success(), "pip ended with {status}");
    fs::write(stamp, wanted)?;
    Ok(validator)
}
