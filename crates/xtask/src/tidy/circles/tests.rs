//! The check itself: what it finds, and what it leaves alone.

use super::*;

fn found(files: &[(&str, &str)]) -> Vec<Finding> {
    found_but(files, &[])
}

fn found_but(files: &[(&str, &str)], owed: &[(&str, &str)]) -> Vec<Finding> {
    let files: Vec<_> =
        files.iter().map(|(name, text)| (format!("crates/x/src/{name}"), *text)).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    check_with(&Tree::of(&files), owed)
}

#[test]
fn two_files_that_import_each_other_are_found_with_both_places() {
    let found = found(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "//! A.\nuse crate::b::Two;\npub(crate) struct One(Two);\n"),
        ("b.rs", "pub(crate) struct Two;\nfn f(_: &super::a::One) {}\n"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].place, "crates/x/src/a.rs:2");
    for part in ["2 files", "a.rs:2 names `crate::b::Two`", "b.rs:2 names `super::a::One`"] {
        assert!(found[0].message.contains(part), "{part}: {}", found[0].message);
    }
}

#[test]
fn a_circle_over_three_files_is_found_once() {
    let found = found(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\n"),
        ("a.rs", "use crate::b;\npub struct A(b::B);\n"),
        ("b.rs", "pub struct B(crate::c::C);\n"),
        ("c.rs", "pub struct C;\nfn f() { tracing::info!(\"{}\", crate::a::A::name()) }\n"),
        ("d.rs", "use crate::a::A;\n"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("3 files"), "{}", found[0].message);
}

#[test]
fn a_parent_that_uses_a_child_that_uses_its_parent_is_found() {
    let child = ("a/child.rs", "use super::Config;\npub(super) fn run(_: &Config) {}\n");
    let found = found(&[
        ("lib.rs", "mod a;\n"),
        ("a.rs", "mod child;\npub struct Config;\nfn f(it: &Config) { child::run(it) }\n"),
        child,
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_head_that_only_exports_its_children_needs_none_of_them() {
    let found = found(&[
        ("lib.rs", "mod a;\npub use a::{Limits, serve};\npub const MOST: usize = 1;\n"),
        ("a.rs", "mod limits;\nmod serve;\npub use limits::*;\npub use serve::serve;\n"),
        ("a/limits.rs", "pub struct Limits;\n"),
        ("a/serve.rs", "use super::Limits;\npub fn serve(_: &Limits) { let _ = crate::MOST; }\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_name_is_followed_through_exports_to_the_file_that_holds_it() {
    let found = found(&[
        ("lib.rs", "mod a;\n"),
        ("a.rs", "mod one;\nmod two;\npub use one::One;\npub use two::two as second;\n"),
        ("a/one.rs", "pub struct One;\nfn f() { super::second() }\n"),
        ("a/two.rs", "use super::*;\npub fn two() -> One { One }\n"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("`super::second`"), "{}", found[0].message);
}

#[test]
fn code_for_tests_visibilities_and_comments_are_no_need() {
    let found = found(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "pub(in crate::b) struct One;\nuse crate::b::Two;\nfn f(_: Two) {}\n"),
        (
            "b.rs",
            "/// See [`One`](crate::a::One).\npub struct Two { #[cfg(test)] one: crate::a::One }\n\
             impl Two { #[cfg(test)] fn f(_: crate::a::One) {} }\n\
             #[cfg(test)] use crate::a::One;\n#[cfg(test)] mod tests { use crate::a::One; }\n",
        ),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_module_and_a_function_of_one_name_are_told_apart() {
    let found = found(&[
        ("lib.rs", "mod probe;\nmod session;\n"),
        ("probe.rs", "pub struct Target;\npub fn probe(_: &Target) {}\n"),
        (
            "session.rs",
            "use crate::probe::{self, probe};\nfn f(it: probe::Target) { probe(&it) }\n",
        ),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn imports_that_name_each_other_end() {
    let found = found(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "pub use crate::b::X;\npub use crate::b::*;\n"),
        ("b.rs", "pub use crate::a::X;\npub use crate::a::*;\nfn f(_: X, _: Y) {}\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_circle_that_is_owed_is_left_out_and_an_entry_that_closes_none_is_found() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "pub struct One(crate::b::Two);\n"),
        ("b.rs", "pub struct Two;\nfn f(_: crate::a::One) {}\n"),
    ];
    let (a, b) = ("crates/x/src/a.rs", "crates/x/src/b.rs");
    assert!(found_but(&files, &[(b, a)]).is_empty());
    let found = found_but(&files, &[(b, a), (b, "crates/x/src/lib.rs")]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].place == b && found[0].message.contains("OWED"), "{found:?}");
}
