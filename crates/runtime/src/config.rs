//! Settings from four layers: defaults, a TOML file, the environment, flags. Later layers win.
//!
//! Owns: layering, the source of each value, and how they are shown.
//! Always holds: every setting has a default and is shown with its source; a name that is no setting is refused, in a
//! file or flag, with the names that exist; secrets are never shown.
//! Absent on purpose: what the settings mean. Each section is a plain serde struct of the module that uses it, whose
//! `Default` is the documentation of its defaults.
//!
//! ## Design notes
//! The defaults are serialised to a tree, the layers are laid over that tree, and each section is read back from
//! it. So the names that exist, their environment variables and the listing need no second description. The cost: an
//! optional number cannot be set from the environment, because its default has no type; use a number with a
//! default that means "off".
//!
//! An unknown `CAUSEWAY_…` variable is ignored: Kubernetes makes such variables of its own
//! (`CAUSEWAY_REGISTRY_SERVICE_HOST`), and the command line has some.

#[cfg(test)]
mod fuzz;
mod layers;
mod secret;
mod show;
mod tree;

pub use layers::{ConfigError, Effective, Layers, Source};

/// Prefix of every environment variable of the product.
pub const ENV_PREFIX: &str = "CAUSEWAY";
