//! Letting a call in: who the caller is, whether it may call the method, and whether the method is built.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};
use names::{Reason, Workload};

use crate::{
    access::{AccessClass, Caller, CallerKind, Guard, MethodRule, token_unknown},
    error::{Failure, Kind},
    peer::{ListenerKind, PeerInfo},
};

const BEARER: &str = "bearer ";
/// The address of a connection that the accept loop did not describe; such a connection gives no rights.
const NOWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// The caller, if the call may go on to its handler; otherwise why not.
pub(super) fn admit(
    headers: &HeaderMap,
    peer: Option<&PeerInfo>,
    rule: Option<&Arc<MethodRule>>,
    guard: &Guard,
) -> Result<Caller, Failure> {
    let rule = rule.ok_or_else(unknown)?;
    let on_enrolment = peer.is_some_and(|peer| peer.listener == ListenerKind::Enrolment);
    if on_enrolment && !rule.allows(AccessClass::Public) {
        return Err(wrong_listener(rule));
    }
    let identity = peer.and_then(|peer| peer.identity.clone());
    if let Some(identity) = &identity {
        guard.check(identity)?;
    }
    let kind = match bearer(headers) {
        Some(token) => CallerKind::Token(guard.tokens.verify(token).ok_or_else(token_unknown)?),
        None => match identity.as_ref().map(|identity| &identity.spiffe.workload) {
            Some(Workload::Service(name)) => CallerKind::Service(name.clone()),
            Some(Workload::AppConnector(name)) => CallerKind::Connector(name.clone()),
            None => CallerKind::Anonymous,
        },
    };
    let remote = peer.map_or(NOWHERE, |peer| peer.remote);
    let caller = Caller::new(kind, remote, identity, rule.clone(), guard.clone());
    caller.admit()?;
    if rule.planned {
        return Err(planned(rule));
    }
    Ok(caller)
}

/// The token of an `authorization` header of scheme `Bearer`; the scheme's case does not count.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim())
}

fn unknown() -> Failure {
    let fix = "the contract has no such method; list what there is by reflection";
    Failure::new(Kind::Unimplemented, Reason::MethodUnknown, fix)
}

fn planned(rule: &MethodRule) -> Failure {
    let MethodRule { service, method, .. } = rule;
    Failure::new(
        Kind::Unimplemented,
        Reason::MethodPlanned,
        format!("{service}.{method} is in the contract but not built yet; the README lists what is planned"),
    )
    .metadata("service", service)
    .metadata("method", method)
}

fn wrong_listener(rule: &MethodRule) -> Failure {
    let method = &rule.method;
    Failure::new(
        Kind::PermissionDenied,
        Reason::WrongListener,
        format!("this listener is for joining only; call {method} on the API's listener"),
    )
    .metadata("method", method)
}

#[cfg(test)]
mod fuzz {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_authorization_header_holds_a_bearer_token_or_none() {
        trial::target!("bearers").words(&["Bearer ", "bearer ", "cwt_"]).run(|input| {
            let value = HeaderValue::from_bytes(input).ok()?;
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            let token = bearer(&headers)?;
            assert_eq!(token, token.trim());
            assert!(input.len() >= BEARER.len() + token.len());
            Some(())
        });
    }
}
