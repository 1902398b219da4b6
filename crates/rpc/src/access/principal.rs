//! Who does something, as history keeps it.
//!
//! Always holds: a principal is made of a proof of authorisation, or names a worker together with the call whose intent it
//! finishes. Absent on purpose: rights; a principal says who it was, not what it may.

use std::{fmt, net::IpAddr, sync::Arc};

use names::{AppConnectorName, Id};

use super::class::AccessClass;

/// Who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody who proved who he is.
    Anonymous,
    /// A connector, by its certificate.
    Connector(AppConnectorName),
    /// A sibling service, by its certificate.
    Service(Id),
    /// Who holds a bearer token of this name.
    Token(String),
    /// A task of the service itself.
    Worker(&'static str),
}

/// As audit events and logs write it: `token:ops`, `connector:tenants/…`, `service:paths`, `worker:sweep`, `anonymous`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Connector(name) => write!(f, "connector:{name}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Worker(name) => write!(f, "worker:{name}"),
        }
    }
}

/// Who did something, and with which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub actor: Actor,
    /// The class by which the method let it in; `None` for a worker.
    pub class: Option<AccessClass>,
    /// Where the connection came from; `None` for a worker.
    pub source: Option<IpAddr>,
    /// `package.Service/Method`; of a worker: of the call that gave the order, or empty.
    pub method: Arc<str>,
    /// The call's id in the logs; of a worker: of the call that gave the order, or empty.
    pub request_id: Arc<str>,
}

impl Principal {
    /// A worker that finishes what the call of this method and request id ordered.
    #[must_use]
    pub fn worker(name: &'static str, method: &str, request_id: &str) -> Self {
        Self {
            actor: Actor::Worker(name),
            class: None,
            source: None,
            method: method.into(),
            request_id: request_id.into(),
        }
    }
}
