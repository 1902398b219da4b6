//! Which of our crates may depend on which.

use crate::workspace::{Finding, Tree};

/// Package, and the packages of ours that it may name in `[dependencies]`. A package that is not listed is a finding,
/// so that a new crate is placed on purpose.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("trial", &[]),
    ("names", &[]),
    ("proto", &[]),
    ("store", &[]),
    ("rpc", &["names", "proto"]),
    ("resource", &["names", "proto", "rpc", "store"]),
    ("runtime", &["names", "proto", "rpc"]),
    ("connector", &["names", "proto", "rpc", "runtime"]),
    ("registry", SERVICE),
    ("provisioning", SERVICE),
    ("updates", SERVICE),
    ("paths", SERVICE),
    ("console", &["names", "proto", "rpc", "runtime"]),
    ("testkit", EVERYTHING),
    ("cli", EVERYTHING),
    ("tests", &["testkit", "trial", "names", "proto", "rpc", "runtime", "connector", "store"]),
    ("bench", &["testkit", "names", "proto", "rpc", "runtime"]),
    ("xtask", &["proto"]),
];

const SERVICE: &[&str] = &["names", "proto", "resource", "rpc", "runtime", "store"];
const EVERYTHING: &[&str] = &[
    "names",
    "proto",
    "rpc",
    "runtime",
    "store",
    "connector",
    "registry",
    "provisioning",
    "updates",
    "paths",
    "console",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let manifests =
        tree.files.iter().filter(|f| f.path.ends_with("/Cargo.toml") && !f.path.contains("/fuzz/"));
    manifests.flat_map(|file| check_manifest(&file.path, &file.text)).collect()
}

fn check_manifest(path: &str, text: &str) -> Vec<Finding> {
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(path, format!("does not parse: {error}"))],
    };
    let package = manifest["package"]["name"].as_str().unwrap_or_default().to_owned();
    let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(name, _)| *name == package) else {
        return vec![Finding::new(
            path,
            format!("`{package}` has no place in the layers; add it to tidy/layers.rs"),
        )];
    };
    let ours = |name: &str| MAY_DEPEND_ON.iter().any(|(package, _)| *package == name);
    let mut found = Vec::new();
    if let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table) {
        for name in dependencies.keys().filter(|n| ours(n) && !allowed.contains(&n.as_str())) {
            let message = format!("`{package}` may not depend on `{name}`");
            found.push(Finding::new(path, message));
        }
    }
    let inherits = |table: &str, key: &str| {
        manifest
            .get(table)
            .and_then(|t| t.get(key))
            .is_some_and(|v| v.as_bool() == Some(true) || v.get("workspace").is_some())
    };
    if !inherits("lints", "workspace") {
        found.push(Finding::new(path, "does not inherit the workspace's lints"));
    }
    if !inherits("package", "license") {
        found.push(Finding::new(path, "does not inherit the workspace's licence"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"rpc\"\nlicense.workspace = true\n[lints]\nworkspace = true\n[dependencies]\nnames.workspace = true\n";

    #[test]
    fn an_arrow_against_the_layers_and_a_stray_crate_are_found() {
        assert!(check(&Tree::of(&[("crates/rpc/Cargo.toml", GOOD)])).is_empty());
        let upward = format!("{GOOD}registry.workspace = true\n");
        assert_eq!(check(&Tree::of(&[("crates/rpc/Cargo.toml", &upward)])).len(), 1);
        let stray = GOOD.replace("rpc", "helpers");
        assert_eq!(check(&Tree::of(&[("crates/helpers/Cargo.toml", &stray)])).len(), 1);
        let bare = "[package]\nname = \"rpc\"\n";
        assert_eq!(check(&Tree::of(&[("crates/rpc/Cargo.toml", bare)])).len(), 2);
    }
}
