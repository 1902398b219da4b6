//! The modules of one crate: what each declares, and where a path leads.
//!
//! Owns: `mod`, `use` and items of every file that a root reaches. Always holds: following a path ends, whatever the
//! imports say. Absent on purpose: the difference between types, values and macros; a name that is both a module and an
//! item is the module before `::` and the item at the end.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use super::names::{self, Name};
use crate::workspace::Tree;

/// Most re-exports that are followed for one name; more only happens when imports name each other.
const MAX_HOPS: usize = 16;

/// All modules of one crate; the root is the first.
#[derive(Debug, Default)]
pub(super) struct Modules(Vec<Module>);

#[derive(Debug, Default)]
struct Module {
    /// The file it is written in.
    file: String,
    parent: usize,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// What its code names.
    names: Vec<Name>,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Found {
    Module(usize),
    /// An item, in this module.
    Item(usize),
}

impl Modules {
    /// Reads what `root` reaches. A file that does not parse has no names: other checks tell of it.
    pub(super) fn read(tree: &Tree, root: &str) -> Self {
        let mut modules = Self::default();
        let dir = root.rsplit_once('/').map_or("", |(dir, _)| dir);
        modules.read_file(tree, root, dir, 0);
        modules
    }

    /// Every name in the code, with the module that names it.
    pub(super) fn names(&self) -> impl Iterator<Item = (usize, &Name)> {
        self.0
            .iter()
            .enumerate()
            .flat_map(|(at, module)| module.names.iter().map(move |name| (at, name)))
    }

    /// The file in which a module is written.
    pub(super) fn file(&self, module: usize) -> &str {
        &self.0[module].file
    }

    /// The file that holds the item to which `path` leads from `module`; `None` if it leads out of the crate.
    pub(super) fn file_of(&self, module: usize, path: &[String]) -> Option<&str> {
        match self.find(module, path, MAX_HOPS)? {
            Found::Item(at) => Some(self.file(at)),
            Found::Module(_) => None,
        }
    }

    fn read_file(&mut self, tree: &Tree, path: &str, dir: &str, parent: usize) -> Option<usize> {
        let file = syn::parse_file(&tree.get(path)?.text).ok()?;
        Some(self.add(tree, path, dir, parent, file.items))
    }

    /// Adds a module and all below it. `dir` is where the files of its children lie.
    fn add(
        &mut self,
        tree: &Tree,
        file: &str,
        dir: &str,
        parent: usize,
        items: Vec<Item>,
    ) -> usize {
        let at = self.0.len();
        let read = names::read(&items);
        self.0.push(Module {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            items: read.items,
            imports: read.imports,
            globs: read.globs,
            names: read.names,
        });
        for item in items {
            let Item::Mod(child) = item else { continue };
            if names::is_for_tests(&child.attrs) {
                continue;
            }
            let name = child.ident.to_string();
            let below = format!("{dir}/{name}");
            let added = match child.content {
                Some((_, items)) => Some(self.add(tree, file, &below, at, items)),
                None => self.read_file(tree, &format!("{below}.rs"), &below, at),
            };
            if let Some(added) = added {
                self.0[at].children.insert(name, added);
            }
        }
        at
    }

    fn find(&self, at: usize, path: &[String], hops: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(at),
            "super" => Found::Module(self.0[at].parent),
            name => self.look_up(at, name, rest.is_empty(), hops)?,
        };
        self.follow(start, rest, hops)
    }

    fn follow(&self, found: Found, rest: &[String], hops: usize) -> Option<Found> {
        let (Found::Module(at), Some((first, rest))) = (found, rest.split_first()) else {
            return Some(found);
        };
        let next = match first.as_str() {
            "super" => Found::Module(self.0[at].parent),
            "self" => found,
            name => self.look_up(at, name, rest.is_empty(), hops)?,
        };
        self.follow(next, rest, hops)
    }

    /// What `name` is in a module. `is_last`: it ends a path, so an item comes before a module of that name.
    fn look_up(&self, at: usize, name: &str, is_last: bool, hops: usize) -> Option<Found> {
        let hops = hops.checked_sub(1)?;
        let module = &self.0[at];
        let child = module.children.get(name).copied().map(Found::Module);
        let item = || module.items.contains(name).then_some(Found::Item(at));
        let import = || self.find(at, module.imports.get(name)?, hops);
        let glob = || module.globs.iter().find_map(|glob| self.in_glob(at, glob, name, hops));
        if is_last {
            item().or_else(import).or(child).or_else(glob)
        } else {
            child.or_else(item).or_else(import).or_else(glob)
        }
    }

    fn in_glob(&self, at: usize, glob: &[String], name: &str, hops: usize) -> Option<Found> {
        match self.find(at, glob, hops)? {
            Found::Module(other) if other != at => self.look_up(other, name, true, hops),
            _ => None,
        }
    }
}
