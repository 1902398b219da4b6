//! Checks on the contract: buf's lint, and no breaking change against the baseline.
//!
//! ## Design notes
//! The baseline is a descriptor set in the tree, not a git revision: a clean checkout of any depth can check
//! itself, and moving the baseline shows up in review as a changed file. Both sides of the comparison lose what only
//! planned methods reach, since that may still change.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use prost::Message;
use prost_reflect::{DescriptorPool, EnumDescriptor, Kind, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::planned;

const BASELINE: &str = "proto/baseline.binpb";
const TOOLS: &str = "crates/xtask/tools";

/// Lints the contract, checks its layout and holds it against the baseline.
///
/// # Errors
/// When buf cannot be installed or finds something.
pub fn run(root: &Path) -> Result<()> {
    let buf = install_buf(root)?;
    let proto = root.join("proto");
    buf_says(&buf, &proto, &["lint"])?;
    buf_says(&buf, &proto, &["format", "--diff", "--exit-code", "--path", "causeway"])?;
    let today = tempfile::Builder::new().suffix(".binpb").tempfile()?;
    fs::write(today.path(), committed_contract(&proto::POOL).encode_to_vec())?;
    let today = today.path().to_string_lossy().into_owned();
    let baseline = root.join(BASELINE);
    let baseline = baseline.to_string_lossy();
    buf_says(&buf, &proto, &["breaking", &today, "--against", &baseline]).context(
        "if the change is meant, move the baseline: `cargo xtask contract --move-baseline`, and say why in the commit",
    )
}

/// Makes today's contract the baseline.
///
/// # Errors
/// When the file cannot be written.
pub fn move_baseline(root: &Path) -> Result<()> {
    let bytes = committed_contract(&proto::POOL).encode_to_vec();
    fs::write(root.join(BASELINE), bytes).context(BASELINE)
}

/// buf from its npm package, at the version in the lock file; installed once, then left alone.
///
/// # Errors
/// When npm fails.
pub fn install_buf(root: &Path) -> Result<PathBuf> {
    let tools = root.join(TOOLS);
    let buf = tools.join("node_modules/.bin/buf");
    let wanted = fs::read(tools.join("package-lock.json")).context("tools/package-lock.json")?;
    let stamp = tools.join("node_modules/.installed-lock");
    if buf.exists() && fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(buf);
    }
    let status = Command::new("npm")
        // Not `npm ci`: it wants every platform's optional package in the lock, and a mirror need not carry them all.
        .args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        .current_dir(&tools)
        .status()
        .context("npm is needed to install buf; install Node.js")?;
    ensure!(status.success(), "npm install in {TOOLS} ended with {status}");
    fs::write(stamp, wanted)?;
    Ok(buf)
}

fn buf_says(buf: &Path, proto: &Path, words: &[&str]) -> Result<()> {
    let status = Command::new(buf).args(words).current_dir(proto).status().context("buf")?;
    ensure!(status.success(), "buf {} found something", words.first().unwrap_or(&""));
    Ok(())
}

/// The contract less the methods that are planned and what only they reach.
fn committed_contract(pool: &DescriptorPool) -> FileDescriptorSet {
    let loose = reached_only_by_planned(pool);
    let file = |mut file: FileDescriptorProto| {
        let package = file.package().to_owned();
        strip(&mut file, &package, &loose);
        for service in &mut file.service {
            let service_name = format!("{package}.{}", service.name());
            service.method.retain(|method| {
                let descriptor = pool
                    .get_service_by_name(&service_name)
                    .and_then(|s| s.methods().find(|m| m.name() == method.name()));
                !descriptor.is_some_and(|m| planned::is_planned(&m))
            });
        }
        file.source_code_info = None;
        file
    };
    FileDescriptorSet { file: pool.file_descriptor_protos().cloned().map(file).collect() }
}

fn strip(file: &mut FileDescriptorProto, package: &str, loose: &BTreeSet<String>) {
    file.message_type.retain(|m| !loose.contains(&format!("{package}.{}", m.name())));
    file.enum_type.retain(|e| !loose.contains(&format!("{package}.{}", e.name())));
    for message in &mut file.message_type {
        strip_nested(message, package, loose);
    }
}

fn strip_nested(message: &mut DescriptorProto, scope: &str, loose: &BTreeSet<String>) {
    let scope = format!("{scope}.{}", message.name());
    message.nested_type.retain(|m| !loose.contains(&format!("{scope}.{}", m.name())));
    message.enum_type.retain(|e| !loose.contains(&format!("{scope}.{}", e.name())));
}

/// Full names of messages and enums that a planned method reaches and no built one does.
fn reached_only_by_planned(pool: &DescriptorPool) -> BTreeSet<String> {
    let (mut built, mut planned) = (BTreeSet::new(), BTreeSet::new());
    for method in pool.services().flat_map(|s| s.methods().collect::<Vec<_>>()) {
        let reached = if planned::is_planned(&method) { &mut planned } else { &mut built };
        reach(&method.input(), reached);
        reach(&method.output(), reached);
    }
    planned.difference(&built).cloned().collect()
}

fn reach(message: &MessageDescriptor, reached: &mut BTreeSet<String>) {
    if !reached.insert(message.full_name().to_owned()) {
        return;
    }
    for parent in std::iter::successors(message.parent_message(), MessageDescriptor::parent_message)
    {
        reached.insert(parent.full_name().to_owned());
    }
    for field in message.fields() {
        match field.kind() {
            Kind::Message(inner) => reach(&inner, reached),
            Kind::Enum(inner) => reach_enum(&inner, reached),
            _ => {}
        }
    }
}

fn reach_enum(inner: &EnumDescriptor, reached: &mut BTreeSet<String>) {
    reached.insert(inner.full_name().to_owned());
    if let Some(parent) = inner.parent_message() {
        reached.insert(parent.full_name().to_owned());
    }
}
