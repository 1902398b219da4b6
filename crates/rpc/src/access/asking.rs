//! Who asks for what, without rights: what a proof of authorisation keeps of its caller.
//!
//! Always holds: it is made once for a call, and never changes. Absent on purpose: what the caller may do; `caller` decides that, and
//! a proof says that it was decided.

use std::{net::SocketAddr, sync::Arc};

use names::{AppConnectorName, Id};

use super::{
    class::AccessClass,
    principal::{Actor, Principal},
    table::MethodRule,
};
use crate::tokens::TokenGrants;

/// What proved who the caller is.
#[derive(Clone, Debug)]
pub enum CallerKind {
    /// Nothing.
    Anonymous,
    /// A connector's certificate.
    Connector(AppConnectorName),
    /// A sibling service's certificate.
    Service(Id),
    /// A bearer token.
    Token(Arc<TokenGrants>),
}

/// One call: who asks, from where, for which method.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) kind: CallerKind,
    pub(super) remote: SocketAddr,
    pub(super) rule: Arc<MethodRule>,
}

impl Asking {
    /// Who asks.
    pub(super) fn actor(&self) -> Actor {
        match &self.kind {
            CallerKind::Anonymous => Actor::Anonymous,
            CallerKind::Connector(name) => Actor::Connector(name.clone()),
            CallerKind::Service(name) => Actor::Service(name.clone()),
            CallerKind::Token(grants) => Actor::Token(grants.name.clone()),
        }
    }

    /// Who asks, for history, let in by `class`.
    pub(super) fn principal(&self, class: AccessClass) -> Principal {
        let Self { remote, rule, .. } = self;
        Principal {
            actor: self.actor(),
            class: Some(class),
            source: Some(remote.ip()),
            method: format!("{}/{}", rule.service, rule.method).into(),
            request_id: crate::context::current().map_or_else(|| "".into(), |call| call.request_id),
        }
    }
}
