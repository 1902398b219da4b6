//! What the code of one module declares and names.
//!
//! Always holds: nothing that is compiled for tests only is in the answer. Absent on purpose: what a name means (`modules`).

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Ident, Item, UseTree, Visibility, visit::Visit};

/// A path that code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Its segments.
    pub(super) path: Vec<String>,
    /// Where it begins.
    pub(super) line: usize,
}

/// What a module declares and names.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Items written in it.
    pub(super) items: BTreeSet<String>,
    /// Imports and re-exports: the name here, and the path that it stands for.
    pub(super) imports: BTreeMap<String, Vec<String>>,
    /// Imports and re-exports of all that a module has.
    pub(super) globs: Vec<Vec<String>>,
    /// Paths of its code, those of private imports among them.
    pub(super) names: Vec<Name>,
}

/// Reads the items of one module; those of the modules below it are left out.
pub(super) fn read(items: &[Item]) -> Read {
    let mut read = Read::default();
    for item in items {
        read.visit_item(item);
    }
    read
}

/// Whether this is compiled for tests only.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().ok().map(|list| list.tokens.to_string());
        let path = attribute.path();
        path.segments.last().is_some_and(|last| last.ident == "test")
            || path.is_ident("cfg") && condition.is_some_and(|text| text == "test")
    })
}

impl Read {
    fn name(&mut self, segments: impl Iterator<Item = Ident>) {
        let mut line = 0;
        let path: Vec<String> = segments
            .inspect(|ident| line = if line == 0 { ident.span().start().line } else { line })
            .map(|ident| ident.to_string())
            .collect();
        self.names.push(Name { path, line });
    }

    /// An import's tree below `above`. A re-export gives another name and needs nothing.
    fn import(&mut self, tree: &UseTree, above: &[Ident], is_private: bool) {
        let mut path = above.to_vec();
        let mut leaf = |here: &Ident, there: &Ident| {
            // `use a::{self}` stands for `a`.
            if there != "self" || path.is_empty() {
                path.push(there.clone());
            }
            let here = if here == "self" { path.last().unwrap_or(here) } else { here };
            let (here, text) = (here.to_string(), path.iter().map(ToString::to_string).collect());
            self.imports.insert(here, text);
            if is_private {
                self.name(path.iter().cloned());
            }
        };
        match tree {
            UseTree::Name(name) => leaf(&name.ident, &name.ident),
            UseTree::Rename(name) => leaf(&name.rename, &name.ident),
            UseTree::Path(part) => {
                path.push(part.ident.clone());
                self.import(&part.tree, &path, is_private);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(tree, above, is_private));
            }
            UseTree::Glob(_) => self.globs.push(path.iter().map(ToString::to_string).collect()),
        }
    }

    /// Paths in the tokens of a macro: names with `::` between them, and capitalised ones alone.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<Ident> = Vec::new();
        let (mut colons, mut after_dot) = (0, false);
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => {
                    path.push(ident.clone());
                    colons = 0;
                }
                TokenTree::Punct(colon) if colon.as_char() == ':' => colons += 1,
                other => {
                    self.end_of_path(&mut path);
                    colons = 0;
                    match other {
                        TokenTree::Ident(ident) if !after_dot => path.push(ident.clone()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
            after_dot = matches!(&token, TokenTree::Punct(dot) if dot.as_char() == '.');
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Vec<Ident>) {
        let path = std::mem::take(path);
        let is_type = |ident: &Ident| ident.to_string().starts_with(char::is_uppercase);
        if path.len() > 1 || path.first().is_some_and(is_type) {
            self.name(path.into_iter());
        }
    }
}

impl<'ast> Visit<'ast> for Read {
    fn visit_item(&mut self, item: &'ast Item) {
        let (declared, attributes) = declared(item);
        if is_for_tests(attributes) {
            return;
        }
        self.items.extend(declared.map(ToString::to_string));
        syn::visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &[], matches!(item.vis, Visibility::Inherited));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_for_tests(&field.attrs) {
            syn::visit::visit_field(self, field);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.name(path.segments.iter().map(|segment| segment.ident.clone()));
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        self.visit_path(&it.path);
        self.tokens(it.tokens.clone());
    }

    /// A module of its own, if it is written out here.
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// The name that an item gives to its module, and its attributes.
fn declared(item: &Item) -> (Option<&Ident>, &[Attribute]) {
    match item {
        Item::Const(it) => (Some(&it.ident), &it.attrs),
        Item::Enum(it) => (Some(&it.ident), &it.attrs),
        Item::Fn(it) => (Some(&it.sig.ident), &it.attrs),
        Item::Macro(it) => (it.ident.as_ref(), &it.attrs),
        Item::Static(it) => (Some(&it.ident), &it.attrs),
        Item::Struct(it) => (Some(&it.ident), &it.attrs),
        Item::Trait(it) => (Some(&it.ident), &it.attrs),
        Item::Type(it) => (Some(&it.ident), &it.attrs),
        Item::Union(it) => (Some(&it.ident), &it.attrs),
        Item::Impl(it) => (None, &it.attrs),
        Item::Use(it) => (None, &it.attrs),
        Item::Mod(it) => (None, &it.attrs),
        _ => (None, &[]),
    }
}
