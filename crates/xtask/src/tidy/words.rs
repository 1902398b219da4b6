//! Names and words: modules named for a purpose, no unfinished work, no sleeping tests, no file without a head.

use crate::workspace::{Finding, SourceFile, Tree};

/// Names of modules that hold whatever has found no place.
const NO_SUCH_MODULE: &[&str] =
    &["common", "helper", "helpers", "info", "manager", "misc", "types", "util", "utils"];
/// Marks of work left lying about. Split, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    // With a reason it may stand: the body of a process that other tests start, or a test that needs root.
    concat!("#[ig", "nore]"),
];
const SLEEPS: &[&str] = &[concat!("thread::", "sleep("), concat!("time::", "sleep(")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let modules = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
    for name in modules.filter(|part| NO_SUCH_MODULE.contains(part)) {
        let message = format!("no module is called `{name}`: name it for what it owns");
        found.push(Finding::new(&file.path, message));
    }
    if file.path.contains("/src/") && !file.text.starts_with("//!") {
        found.push(Finding::new(
            &file.path,
            "has no head: say what it owns, what always holds, what is absent on purpose",
        ));
    }
    let mut in_tests = is_test_file(&file.path);
    for (index, line) in file.text.lines().enumerate() {
        in_tests |= line.trim() == "#[cfg(test)]";
        let place = || format!("{}:{}", file.path, index + 1);
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            found.push(Finding::new(place(), format!("`{word}`: finish it or leave it out")));
        }
        if in_tests && SLEEPS.iter().any(|sleep| line.contains(sleep)) {
            found.push(Finding::new(place(), "a test waits for a condition, never for a time"));
        }
    }
    found
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_without_purpose_unfinished_work_and_sleeping_tests_are_found() {
        let unfinished = format!("//! Head.\nfn f() {{ {}) }}\n", UNFINISHED[0]);
        let sleepy = format!("//! Head.\n#[cfg(test)]\nfn f() {{ std::{}x) }}\n", SLEEPS[0]);
        let awake = format!("//! Head.\nfn f() {{ std::{}x) }}\n", SLEEPS[0]);
        let tree = Tree::of(&[
            ("crates/x/src/utils.rs", "//! Head.\n"),
            ("crates/x/src/headless.rs", "fn f() {}\n"),
            ("crates/x/src/unfinished.rs", &unfinished),
            ("crates/x/src/sleepy.rs", &sleepy),
            ("crates/x/src/awake.rs", &awake),
        ]);
        let places: Vec<_> = check(&tree).into_iter().map(|f| f.place).collect();
        assert_eq!(
            places,
            [
                "crates/x/src/utils.rs",
                "crates/x/src/headless.rs",
                "crates/x/src/unfinished.rs:2",
                "crates/x/src/sleepy.rs:3"
            ]
        );
    }
}
