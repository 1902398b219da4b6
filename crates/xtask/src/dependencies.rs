//! What we depend on: licences, bans, duplicate versions, and dependencies that nothing uses; all of it from
//! `cargo metadata`, so that no tool needs building.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace::{Finding, Tree, settle};

/// Licences that may be linked into an Apache-2.0 program without further duty than a notice.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "ODbL-1.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that must not enter, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls"),
    ("native-tls", "TLS is rustls"),
    (
        "aws-lc-sys",
        "one crypto provider in the tree, and it is ring: two make rustls panic at start",
    ),
    ("rio", "comes with sled's `io_uring` feature, which is unsound"),
    ("zstd-sys", "comes with sled's `compression` feature, which runs out of memory"),
    ("chrono", "time is jiff"),
    ("protobuf-src", "builds protoc; protox needs none"),
];

/// Crates of which several versions are known and accepted, and why.
const MAY_BE_DOUBLE: &[(&str, &str)] = &[
    ("parking_lot", "sled 0.34 stays on 0.11"),
    ("parking_lot_core", "sled 0.34 stays on 0.11"),
    ("bitflags", "sled's old parking_lot stays on 1"),
    ("redox_syscall", "never built: another system's, named by both parking_lots"),
    ("getrandom", "rand, ring and tempfile follow different majors"),
    ("r-efi", "never built: follows getrandom"),
    ("rand", "sled's and proptest's majors differ"),
    ("rand_core", "follows rand"),
    ("rand_chacha", "follows rand"),
    ("syn", "proc-macros move to the next major one by one"),
    ("hashbrown", "indexmap and dashmap follow different majors"),
    ("thiserror", "x509 and opentelemetry crates move one by one"),
    ("thiserror-impl", "follows thiserror"),
    ("itertools", "criterion, prost and tonic builds differ"),
    ("base64", "tonic and pem follow different minors"),
    ("socket2", "tokio and hyper-util move one by one"),
    ("bit-vec", "proptest and fancy-regex follow different minors"),
    ("embedded-io", "postcard takes both on purpose"),
    ("foldhash", "follows hashbrown"),
    ("prettyplease", "tonic-build and prost-build differ; build time only"),
    ("unicode-width", "miette, of the build, stays on 0.1"),
    ("wasi", "never built: follows getrandom"),
    ("wit-bindgen", "never built: follows wasi"),
];

/// Prefix of crates for another system, which never build here and may double at will.
const FOREIGN: &[&str] = &["windows"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    rename: Option<String>,
    kind: Option<String>,
}

/// Checks the checkout's dependencies.
///
/// # Errors
/// When cargo does not answer or something is found.
pub fn run(root: &Path) -> Result<()> {
    settle("dependencies", &findings(root)?)
}

/// Everything wrong with the checkout's dependencies.
///
/// # Errors
/// When cargo does not answer.
pub fn findings(root: &Path) -> Result<Vec<Finding>> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let tree = Tree::read(root)?;
    let mut found = licences(&metadata);
    found.extend(bans(&metadata));
    found.extend(doubles(&metadata));
    found.extend(unused(&metadata, root, &tree));
    Ok(found)
}

fn licences(metadata: &Metadata) -> Vec<Finding> {
    let judge = |package: &Package| {
        let place = format!("{} {}", package.name, package.version);
        match &package.license {
            None => Some(Finding::new(place, "states no licence")),
            Some(licence) if !is_allowed(licence) => {
                Some(Finding::new(place, format!("licence `{licence}` is not on the list")))
            }
            Some(_) => None,
        }
    };
    metadata.packages.iter().filter_map(judge).collect()
}

/// Whether an SPDX expression leaves us a choice of listed licences. Parentheses are flattened: `(A OR B) AND C` reads
/// as its parts, each of which needs one listed alternative.
fn is_allowed(expression: &str) -> bool {
    let flat = expression.replace(['(', ')'], "").replace('/', " OR ");
    flat.split(" AND ")
        .all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

fn bans(metadata: &Metadata) -> Vec<Finding> {
    let judge = |package: &Package| {
        let (_, why) = BANNED.iter().find(|(name, _)| *name == package.name)?;
        Some(Finding::new(&package.name, format!("is banned: {why}")))
    };
    metadata.packages.iter().filter_map(judge).collect()
}

fn doubles(metadata: &Metadata) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let excused = |name: &str| {
        MAY_BE_DOUBLE.iter().any(|(double, _)| *double == name)
            || FOREIGN.iter().any(|prefix| name.starts_with(prefix))
    };
    versions
        .iter()
        .filter(|(name, versions)| versions.len() > 1 && !excused(name))
        .map(|(name, versions)| {
            let all: Vec<_> = versions.iter().copied().collect();
            let message = format!("stands in the tree as {}; agree on one", all.join(" and "));
            Finding::new(*name, message)
        })
        .collect()
}

/// Dependencies of ours that no file of the package names.
fn unused(metadata: &Metadata, root: &Path, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in metadata.packages.iter().filter(|p| metadata.workspace_members.contains(&p.id)) {
        let manifest = Path::new(&package.manifest_path);
        let Some(dir) = manifest.parent().and_then(|dir| dir.strip_prefix(root).ok()) else {
            continue;
        };
        let below = format!("{}/", dir.display());
        let sources: Vec<_> = tree.rust().filter(|f| f.path.starts_with(&below)).collect();
        for dependency in &package.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
            if !sources.iter().any(|file| names_crate(&file.text, &name)) {
                let kind = dependency.kind.as_deref().unwrap_or("normal");
                let message = format!("{kind} dependency `{}` is not used", dependency.name);
                found.push(Finding::new(format!("{below}Cargo.toml"), message));
            }
        }
    }
    found
}

/// Whether the text uses the crate: as a path root, or in `use` or an attribute.
fn names_crate(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + name.len()..];
        !before.is_some_and(is_word)
            && (after.starts_with("::") || after.starts_with(';') || after.starts_with(" as "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, licence: &str) -> Package {
        Package {
            id: format!("{name}@{version}"),
            name: name.to_owned(),
            version: version.to_owned(),
            license: Some(licence.to_owned()),
            manifest_path: "/x/crates/a/Cargo.toml".to_owned(),
            dependencies: vec![Dependency { name: "left-pad".into(), rename: None, kind: None }],
        }
    }

    #[test]
    fn a_foreign_licence_a_banned_crate_and_a_double_are_found() {
        let metadata = Metadata {
            packages: vec![
                package("a", "1.0.0", "MIT OR Apache-2.0"),
                package("a", "2.0.0", "GPL-3.0"),
                package("openssl-sys", "1.0.0", "(MIT OR GPL-3.0) AND ISC"),
            ],
            workspace_members: BTreeSet::new(),
        };
        assert_eq!(licences(&metadata).len(), 1);
        assert_eq!(bans(&metadata).len(), 1);
        assert_eq!(doubles(&metadata).len(), 1);
    }

    #[test]
    fn a_dependency_that_no_file_names_is_found() {
        let metadata = Metadata {
            packages: vec![package("a", "1.0.0", "MIT")],
            workspace_members: BTreeSet::from(["a@1.0.0".to_owned()]),
        };
        let used = Tree::of(&[("crates/a/src/lib.rs", "use left_pad::pad;\n")]);
        let idle = Tree::of(&[("crates/a/src/lib.rs", "use not_left_pad::pad;\n")]);
        assert!(unused(&metadata, Path::new("/x"), &used).is_empty());
        assert_eq!(unused(&metadata, Path::new("/x"), &idle).len(), 1);
    }
}
