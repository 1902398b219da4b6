//! The README: short, and its links true.

use crate::workspace::{Finding, SourceFile, Tree};

/// Longest README, in lines: a page that one reads to the end.
const MAX_README_LINES: usize = 200;
const PAGES: &[&str] = &["README.md", "CONTRIBUTING.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    PAGES
        .iter()
        .flat_map(|page| match tree.get(page) {
            None => vec![Finding::new(*page, "is missing")],
            Some(file) => check_page(tree, file),
        })
        .collect()
}

fn check_page(tree: &Tree, page: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines = page.text.lines().count();
    if lines > MAX_README_LINES {
        let message = format!("{lines} lines; at most {MAX_README_LINES}");
        found.push(Finding::new(&page.path, message));
    }
    for (index, line) in page.text.lines().enumerate() {
        for target in links(line).filter(|t| !t.contains("://") && !t.starts_with('#')) {
            let path = target.split('#').next().unwrap_or(target).trim_end_matches('/');
            let exists = tree
                .files
                .iter()
                .any(|f| f.path == path || f.path.starts_with(&format!("{path}/")));
            if !exists {
                let place = format!("{}:{}", page.path, index + 1);
                found.push(Finding::new(place, format!("links to `{target}`, which is not there")));
            }
        }
    }
    found
}

/// The targets of the Markdown links in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split(')').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_link_a_long_page_and_a_missing_page_are_found() {
        let readme = "see [a](crates/a.rs) and [b](crates/b.rs#L1)\n";
        let contributing = "x\n".repeat(201);
        let tree = Tree::of(&[
            ("CONTRIBUTING.md", &contributing),
            ("README.md", readme),
            ("crates/a.rs", ""),
        ]);
        assert_eq!(check(&tree).len(), 2);
        assert_eq!(check(&Tree::of(&[("README.md", "")])).len(), 1);
    }
}
