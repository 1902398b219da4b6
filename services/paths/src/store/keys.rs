//! Keys of the store. Tags are never reused.

use store::{Key, Prefix};

/// What a copy is a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// Registry's objects.
    Registry,
    /// Provisioning's trust bundles and revocations.
    Provisioning,
}

/// An object of registry: name.
const TAG_REGISTRY_OBJECT: u8 = 1;
/// An object of provisioning: name.
const TAG_PROVISIONING_OBJECT: u8 = 2;
/// How far a copy has come: area.
const TAG_PROGRESS: u8 = 3;
/// The secret behind tokens.
const TAG_SECRET: u8 = 4;

impl Area {
    /// The word in keys, logs and metrics.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Provisioning => "provisioning",
        }
    }

    fn tag(self) -> u8 {
        match self {
            Self::Registry => TAG_REGISTRY_OBJECT,
            Self::Provisioning => TAG_PROVISIONING_OBJECT,
        }
    }
}

/// The copy of one object, by a name that is unique in its area.
#[must_use]
pub(crate) fn object(area: Area, name: &str) -> Key {
    Key::builder(area.tag()).text(name).finish()
}

/// All objects of an area.
#[must_use]
pub(crate) fn objects(area: Area) -> Prefix {
    Key::builder(area.tag()).prefix()
}

/// How far the copy of an area has come.
#[must_use]
pub(crate) fn progress(area: Area) -> Key {
    Key::builder(TAG_PROGRESS).text(area.word()).finish()
}

/// The secret behind tokens.
#[must_use]
pub(crate) fn secret() -> Key {
    Key::builder(TAG_SECRET).finish()
}
