//! The house rules as a test, so that `cargo test` alone holds them.

use xtask::{dependencies, tidy, workspace};

#[test]
fn the_tree_is_tidy() {
    let tree = workspace::Tree::read(&workspace::root()).unwrap();
    let found = tidy::findings(&tree);
    assert!(found.is_empty(), "{}", lines(&found));
}

#[test]
fn dependencies_are_licensed_single_and_used() {
    let found = dependencies::findings(&workspace::root()).unwrap();
    assert!(found.is_empty(), "{}", lines(&found));
}

fn lines(found: &[workspace::Finding]) -> String {
    found.iter().map(|finding| format!("\n{finding}")).collect()
}
