//! The house rules that a machine can hold.
//!
//! Each module below checks one family of rules on a [`Tree`] and returns findings; each has a test that
//! shows it finding something.

mod budgets;
mod circles;
mod imports;
mod layers;
mod layout;
mod reach;
mod readme;
mod words;

use std::path::Path;

use anyhow::Result;

use crate::{
    planned,
    workspace::{Finding, Tree, settle},
};

/// Runs every rule over the checkout.
///
/// # Errors
/// When a rule is broken; all findings are printed.
pub fn run(root: &Path) -> Result<()> {
    settle("tidy", &findings(&Tree::read(root)?))
}

/// Every broken rule of this tree.
#[must_use]
pub fn findings(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(budgets::check(tree));
    found.extend(circles::check(tree));
    found.extend(imports::check(tree));
    found.extend(layers::check(tree));
    found.extend(layout::check(tree));
    found.extend(reach::check(tree));
    found.extend(readme::check(tree));
    found.extend(words::check(tree));
    if let Some(readme) = tree.get("README.md") {
        found.extend(planned::check(&readme.text));
    }
    found
}
