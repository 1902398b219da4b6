//! Circles between the files of one crate: if `a` needs `b` and `b` needs `a`, neither can be read, tested or moved alone.
//!
//! The rule. A node is a file, together with the modules that are written out inside it. File A needs file B if code of A
//! names an item that is written in B: in an import, in a path, or in the tokens of a macro. A name is followed through
//! re-exports to the file that holds the item. So a head that only says `mod x; pub use x::Y;` needs nothing, and a module
//! that takes `super::Y` needs `x` and not the head. A circle is a way from a file back to itself; parents and children
//! count like any two files.
//!
//! Not counted: code for tests (`#[cfg(test)]`, `#[test]`), the name of a module by itself (`use crate::grpc;` counts where
//! `grpc::call` is named), visibilities, attributes and comments. Not seen: methods called on a value whose type is not
//! named, and names that a macro puts together.
//!
//! A circle nearly always ends by moving one type down, into a module that both may name.

mod graph;
mod modules;
mod names;

use graph::{Graph, Step};
use modules::Modules;

use crate::workspace::{Finding, Tree};

/// Where circles are looked for.
const CHECKED: &[&str] = &["crates/"];
/// The files that `mod` lines are followed from: each crate has one of these, or both.
const ROOTS: &[&str] = &["/src/lib.rs", "/src/main.rs"];
/// Owed: needs that are known to close a circle and are left out of account until they are mended. (from, to) of each; an entry
/// that closes no circle is a finding, so the list only shrinks.
const OWED: &[(&str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, OWED)
}

fn check_with(tree: &Tree, owed: &[(&str, &str)]) -> Vec<Finding> {
    let is_root = |path: &str| {
        CHECKED.iter().any(|place| path.starts_with(place))
            && ROOTS.iter().any(|root| path.ends_with(root))
    };
    let roots = tree.files.iter().map(|file| &*file.path).filter(|path| is_root(path));
    let mut graph = Graph::default();
    for root in roots {
        add_needs(&mut graph, &Modules::read(tree, root));
    }
    let mended = owed.iter().filter(|(from, to)| !graph.is_on_circle(from, to)).map(mended);
    let mut found: Vec<Finding> = mended.collect();
    for (from, to) in owed {
        graph.remove(from, to);
    }
    found.extend(graph.circles().iter().map(|circle| finding(circle)));
    found
}

/// Notes which file needs which, each with one place that shows it. Files of two crates never need each other here: a path
/// that leads out of its crate is not followed.
fn add_needs(graph: &mut Graph, modules: &Modules) {
    for (module, name) in modules.names() {
        if let Some(needed) = modules.file_of(module, &name.path) {
            let place = format!("{}:{}", modules.file(module), name.line);
            graph.add(modules.file(module), needed, place, name.path.join("::"));
        }
    }
}

fn mended((from, to): &(&str, &str)) -> Finding {
    let message = format!("no circle goes over its need of {to} any more: take it out of OWED");
    Finding::new(*from, message)
}

/// A circle as a finding: at its first step, with all of them.
fn finding(circle: &[Step]) -> Finding {
    let steps: Vec<String> =
        circle.iter().map(|step| format!("{} names `{}`", step.place, step.name)).collect();
    let message = format!(
        "{} files form a circle: {}; move what they share into a module that names none of them",
        circle.len(),
        steps.join(", ")
    );
    Finding::new(circle.first().map_or("", |step| &step.place), message)
}

#[cfg(test)]
mod tests;
