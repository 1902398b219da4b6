//! The classes that a method lists and the roles that a token carries.

use std::{fmt, str::FromStr};

use proto::r#type::v1 as wire;

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessClass {
    /// Anyone.
    Public,
    /// An app connector, by its certificate.
    Connector,
    /// A sibling service, by its certificate.
    Service,
    /// A person or program with this role, by its bearer token.
    Role(Role),
}

/// What a bearer token may do, in one tenant or in the whole installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Asks for paths and reports outcomes.
    Edge,
    /// Reads.
    Viewer,
    /// Runs the fleet.
    Operator,
    /// Changes configuration.
    Admin,
    /// Makes and ends tenants; only installation-wide.
    SystemAdmin,
}

impl AccessClass {
    /// The class behind a number of the contract; `None` for `UNSPECIFIED` and unknown numbers.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        match wire::AccessClass::try_from(number).ok()? {
            wire::AccessClass::Unspecified => None,
            wire::AccessClass::Public => Some(Self::Public),
            wire::AccessClass::Connector => Some(Self::Connector),
            wire::AccessClass::Service => Some(Self::Service),
            wire::AccessClass::Edge => Some(Self::Role(Role::Edge)),
            wire::AccessClass::Viewer => Some(Self::Role(Role::Viewer)),
            wire::AccessClass::Operator => Some(Self::Role(Role::Operator)),
            wire::AccessClass::Admin => Some(Self::Role(Role::Admin)),
            wire::AccessClass::SystemAdmin => Some(Self::Role(Role::SystemAdmin)),
        }
    }
}

impl fmt::Display for AccessClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("PUBLIC"),
            Self::Connector => f.write_str("CONNECTOR"),
            Self::Service => f.write_str("SERVICE"),
            Self::Role(role) => role.fmt(f),
        }
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::Edge, Self::Viewer, Self::Operator, Self::Admin, Self::SystemAdmin];

    /// The word that contract and token file use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "EDGE",
            Self::Viewer => "VIEWER",
            Self::Operator => "OPERATOR",
            Self::Admin => "ADMIN",
            Self::SystemAdmin => "SYSTEM_ADMIN",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|role| role.as_str()).collect();
            format!("`{text}` is not a role; use one of {}", known.join(", "))
        })
    }
}
