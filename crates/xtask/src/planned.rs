//! The README's list of methods that are in the contract and not built, from the descriptors.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use prost_reflect::{MethodDescriptor, Value};

use crate::workspace::Finding;

const BEGIN: &str = "<!-- planned methods: written by `cargo xtask planned` -->";
const END: &str = "<!-- end of planned methods -->";

/// Number of `STAGE_PLANNED` in `causeway.type.v1.Stage`.
const STAGE_PLANNED: i32 = 1;

/// Whether the contract marks this method as planned.
#[must_use]
pub fn is_planned(method: &MethodDescriptor) -> bool {
    let Some(stage) = proto::POOL.get_extension_by_name("causeway.type.v1.stage") else {
        return false;
    };
    matches!(*method.options().get_extension(&stage), Value::EnumNumber(STAGE_PLANNED))
}

/// The list as Markdown: a line for each service of ours that has planned methods.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for service in proto::POOL.services().filter(|s| s.full_name().starts_with("causeway.")) {
        let planned: Vec<_> =
            service.methods().filter(is_planned).map(|m| format!("`{}`", m.name())).collect();
        if !planned.is_empty() {
            let _ = writeln!(text, "- **{}**: {}", service.name(), planned.join(", "));
        }
    }
    text
}

/// Writes the list into the README between its marks.
///
/// # Errors
/// When the README cannot be read or written, or has no marks.
pub fn write(root: &Path) -> Result<()> {
    let path = root.join("README.md");
    let text = fs::read_to_string(&path).context("README.md")?;
    let updated = replaced(&text).context("README.md has no marks for the planned methods")?;
    fs::write(path, updated).context("writing README.md")
}

/// Says when the README's list is not today's.
#[must_use]
pub fn check(readme: &str) -> Vec<Finding> {
    match replaced(readme) {
        None => vec![Finding::new(
            "README.md",
            format!("has no list of planned methods: put `{BEGIN}` and `{END}` where it goes"),
        )],
        Some(updated) if updated != readme => vec![Finding::new(
            "README.md",
            "its list of planned methods is not the contract's: run `cargo xtask planned`",
        )],
        Some(_) => Vec::new(),
    }
}

fn replaced(readme: &str) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}{END}{after}", list()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_list_and_a_missing_list_are_found_and_a_written_one_is_not() {
        let stale = format!("# x\n{BEGIN}\n- **Old**: `Gone`\n{END}\n");
        assert_eq!(check(&stale).len(), 1);
        assert_eq!(check("# x\n").len(), 1);
        assert!(check(&replaced(&stale).unwrap()).is_empty());
    }
}
