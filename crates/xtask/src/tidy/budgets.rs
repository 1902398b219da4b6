//! Sizes: a file and a function that one can hold in mind.

use syn::{spanned::Spanned as _, visit::Visit};

use crate::workspace::{Finding, SourceFile, Tree};

/// Longest file below `src/`, in lines: beyond it a module has a second purpose.
const MAX_FILE_LINES: usize = 500;
/// Longest function below `src/`, in lines from `fn` to `}`: one screen.
const MAX_FUNCTION_LINES: usize = 70;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.shipped_rust().filter(|file| !is_excused(&file.path)).flat_map(measure).collect()
}

/// Conversions are long lists of fields and read better unbroken; a test may need many steps.
fn is_excused(path: &str) -> bool {
    path.ends_with("/convert.rs")
        || path.contains("/convert/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.starts_with("tests/")
}

fn measure(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if lines > MAX_FILE_LINES {
        let message = format!("{lines} lines; at most {MAX_FILE_LINES}: split it by purpose");
        found.push(Finding::new(&file.path, message));
    }
    match syn::parse_file(&file.text) {
        Ok(parsed) => {
            let mut functions = Functions { path: &file.path, found: &mut found };
            functions.visit_file(&parsed);
        }
        Err(error) => found.push(Finding::new(&file.path, format!("does not parse: {error}"))),
    }
    found
}

struct Functions<'a> {
    path: &'a str,
    found: &'a mut Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, span: proc_macro2::Span) {
        let (first, last) = (name.span().start().line, span.end().line);
        let lines = last + 1 - first;
        if lines > MAX_FUNCTION_LINES {
            self.found.push(Finding::new(
                format!("{}:{first}", self.path),
                format!("`{name}` has {lines} lines; at most {MAX_FUNCTION_LINES}: name its parts"),
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, item.span());
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, item.span());
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_and_a_long_function_are_found() {
        let long = format!("fn f() {{\n{}}}\n", "let _ = 1;\n".repeat(600));
        let found = check(&Tree::of(&[("crates/x/src/a.rs", &long)]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(check(&Tree::of(&[("crates/x/src/grpc/convert.rs", &long)])).is_empty());
    }
}
