//! Partial updates: what a caller sent, field by field.
//!
//! Owns: the trait of a draft and the macro that declares one. Always holds: a draft's fields, their paths in the contract and what a
//! mask of such a path copies stand in one place, so that two fields cannot swap their meaning.
//! Absent on purpose: rules; a draft is unchecked.

/// What a caller sent, unchecked: every writable field, absent ones at their default.
pub trait Draft: Clone + Default + PartialEq + Send + Sync + 'static {
    /// The writable paths, leaves after the messages that hold them.
    const PATHS: &'static [&'static str];

    /// Overwrites what `path`, one of [`PATHS`](Self::PATHS), names with what `from` has there.
    fn copy_field(&mut self, path: &str, from: &Self);

    /// The leaves in which this differs from the default: what an update without a mask changes.
    #[must_use]
    fn non_default_paths(&self) -> Vec<&'static str> {
        let holds_leaves =
            |path: &str| Self::PATHS.iter().any(|p| p.starts_with(&format!("{path}.")));
        let differs = |path: &str| {
            let mut only = Self::default();
            only.copy_field(path, self);
            only != Self::default()
        };
        Self::PATHS.iter().copied().filter(|p| !holds_leaves(p) && differs(p)).collect()
    }

    /// This with the masked fields of `from`.
    #[must_use]
    fn patched(mut self, paths: &[&'static str], from: &Self) -> Self {
        paths.iter().for_each(|path| self.copy_field(path, from));
        self
    }
}

/// Declares a draft: `"path" => field: Type;` for a field that is copied whole, and
/// `"place" | "place.city" => field: Type, by copy;` for a message that is copied in parts, by
/// `fn copy(to: &mut Type, path: &str, from: &Type)`.
#[macro_export]
macro_rules! draft {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$doc:meta])* $($path:literal)|+ => $field:ident: $type:ty $(, by $copy:path)?; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        $vis struct $name {
            $( $(#[$doc])* $vis $field: $type, )+
        }

        impl $crate::Draft for $name {
            const PATHS: &'static [&'static str] = &[$($($path),+),+];

            fn copy_field(&mut self, path: &str, from: &Self) {
                match path {
                    $( $($path)|+ => $crate::draft!(@copy self, from, path, $field $(, $copy)?), )+
                    _ => {}
                }
            }
        }
    };
    (@copy $to:ident, $from:ident, $path:ident, $field:ident) => {
        $to.$field.clone_from(&$from.$field)
    };
    (@copy $to:ident, $from:ident, $path:ident, $field:ident, $copy:path) => {
        $copy(&mut $to.$field, $path, &$from.$field)
    };
}

#[cfg(test)]
mod tests {
    use super::Draft as _;

    crate::draft! {
        /// An example.
        struct Example {
            /// A name.
            "name" => name: String;
            /// A place in parts.
            "place" | "place.city" | "place.country" => place: (String, String), by copy_place;
        }
    }

    fn copy_place(to: &mut (String, String), path: &str, from: &(String, String)) {
        if path != "place.country" {
            to.0.clone_from(&from.0);
        }
        if path != "place.city" {
            to.1.clone_from(&from.1);
        }
    }

    #[test]
    fn a_path_copies_what_it_names_and_nothing_else() {
        let sent = Example { name: "n".into(), place: ("c".into(), String::new()) };
        assert_eq!(sent.non_default_paths(), ["name", "place.city"]);
        let stored = Example { name: "old".into(), place: ("d".into(), "DE".into()) };
        let patched = stored.clone().patched(&["place.city"], &sent);
        assert_eq!(patched, Example { place: ("c".into(), "DE".into()), ..stored });
    }
}
