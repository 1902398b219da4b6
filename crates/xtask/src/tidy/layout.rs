//! One way to lay out modules: the head of `x/` is `x.rs` beside it.

use crate::workspace::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let heads = tree.shipped_rust().filter(|file| is_inner_head(&file.path));
    heads
        .map(|file| {
            let beside = file.path.trim_end_matches("/mod.rs");
            Finding::new(
                &file.path,
                format!("a module's head stands beside its folder: `{beside}.rs`"),
            )
        })
        .collect()
}

/// Below `tests/` it is the custom, because there a file beside the folder would be a test program.
fn is_inner_head(path: &str) -> bool {
    path.contains("/src/") && path.ends_with("/mod.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_inside_its_folder_is_found() {
        let found = check(&Tree::of(&[
            ("crates/x/src/a/mod.rs", ""),
            ("crates/x/src/b.rs", ""),
            ("crates/x/tests/c/mod.rs", ""),
        ]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "crates/x/src/a/mod.rs");
    }
}
