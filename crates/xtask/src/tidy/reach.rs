//! Files that nothing reaches: a Rust file that no `mod` names is not compiled, and rots.

use std::collections::BTreeSet;

use crate::workspace::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let modules: BTreeSet<String> = tree.rust().flat_map(|f| named_by(&f.path, &f.text)).collect();
    tree.shipped_rust()
        .filter(|file| !is_root(&file.path) && !modules.contains(&file.path))
        .map(|file| Finding::new(&file.path, "no `mod` names this file: it is never compiled"))
        .collect()
}

fn is_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs") || path.contains("/src/bin/")
}

/// The files that the `mod x;` lines of this file stand for.
fn named_by(path: &str, text: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let is_index = ["/lib", "/main", "/mod"].iter().any(|end| stem.ends_with(end))
        || path.split('/').rev().nth(1) == Some("tests");
    let dir = if is_index { stem.rsplit_once('/').map_or("", |(dir, _)| dir) } else { stem };
    let mut named = Vec::new();
    let mut explicit = None;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("#[path = \"") {
            explicit = rest.strip_suffix("\"]").map(str::to_owned);
            continue;
        }
        let Some(declared) = line.strip_suffix(';') else { continue };
        let Some((visibility, name)) = declared.rsplit_once("mod ") else { continue };
        if !(visibility.is_empty() || visibility.starts_with("pub")) {
            continue;
        }
        match explicit.take() {
            Some(file) => {
                let beside = path.rsplit_once('/').map_or("", |(dir, _)| dir);
                named.push(format!("{beside}/{file}"));
            }
            None => {
                named.push(format!("{dir}/{name}.rs"));
                named.push(format!("{dir}/{name}/mod.rs"));
            }
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_module_names_is_found() {
        let found = check(&Tree::of(&[
            ("crates/x/src/lib.rs", "mod a;\npub(crate) mod c;\n"),
            ("crates/x/src/a.rs", "mod b;\n"),
            ("crates/x/src/a/b.rs", ""),
            ("crates/x/src/c.rs", ""),
            ("crates/x/src/lost.rs", ""),
        ]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "crates/x/src/lost.rs");
    }
}
