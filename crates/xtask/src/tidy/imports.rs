//! What a module may import.

use crate::workspace::{Finding, SourceFile, Tree};

/// Roots that no `domain/` may name: wire, disk and runtime.
const NOT_IN_DOMAIN: &[&str] = &[
    "tonic",
    "prost",
    "prost_types",
    "sled",
    "tokio",
    "proto",
    "store",
    "rpc",
    "runtime",
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "tower",
    "hyper",
];
/// Generated types stop at `grpc/`; these modules never see them.
const NO_GENERATED_TYPES: &[&str] = &["/src/domain/", "/src/service/", "/src/store/"];
/// Only the store names an engine.
const ENGINES: &[&str] = &["sled", "etcd_client"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.shipped_rust() {
        let is_domain = file.path.starts_with("services/") && in_domain(&file.path);
        for (number, line) in code_lines(file) {
            let place = || format!("{}:{number}", file.path);
            if is_domain && let Some(root) = names_any(line, NOT_IN_DOMAIN) {
                found.push(Finding::new(
                    place(),
                    format!("a domain imports no wire, disk or runtime, yet names `{root}`"),
                ));
            }
            let sees_no_proto = file.path.starts_with("services/")
                && NO_GENERATED_TYPES.iter().any(|module| file.path.contains(module));
            if !is_domain && sees_no_proto && names_any(line, &["proto"]).is_some() {
                found.push(Finding::new(
                    place(),
                    "generated types stop at grpc/: convert there, pass domain types on",
                ));
            }
            if !file.path.starts_with("crates/store/")
                && let Some(engine) = names_any(line, ENGINES)
            {
                found.push(Finding::new(
                    place(),
                    format!("only crates/store names an engine, yet `{engine}` stands here"),
                ));
            }
        }
    }
    found
}

fn in_domain(path: &str) -> bool {
    path.contains("/src/domain/") || path.ends_with("/src/domain.rs")
}

/// Lines of code with their numbers: comments left out, and the file's tests with them.
fn code_lines(file: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    file.text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.starts_with("//"))
}

/// The first of these path roots that the line uses as a path.
fn names_any<'a>(line: &str, roots: &[&'a str]) -> Option<&'a str> {
    roots.iter().copied().find(|root| {
        let path = format!("{root}::");
        line.match_indices(&path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
        }) || line == format!("use {root};")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_names_the_wire_is_found() {
        let tree = Tree::of(&[
            ("services/x/src/domain/a.rs", "use tokio::sync::Mutex;\n"),
            ("services/x/src/domain/b.rs", "fn f(x: &std::net::IpAddr) {}\n// tokio::\n"),
            ("services/x/src/app.rs", "use tokio::sync::Mutex;\n"),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "services/x/src/domain/a.rs:1");
    }

    #[test]
    fn generated_types_below_grpc_and_engines_outside_the_store_are_found() {
        let tree = Tree::of(&[
            ("services/x/src/service/a.rs", "use proto::registry::v1::Tenant;\n"),
            ("services/x/src/grpc/a.rs", "use proto::registry::v1::Tenant;\n"),
            ("crates/cli/src/a.rs", "let db = sled::open(path);\n"),
        ]);
        assert_eq!(check(&tree).len(), 2);
    }
}
