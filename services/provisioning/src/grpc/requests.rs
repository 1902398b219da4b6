//! What many requests have in common: request ids, etags, pages.

use ::store::IdempotencyKey;
use prost::Message;
use rpc::{
    Failure, Reason, Violations,
    access::Caller,
    page::{PageRequest, QueryFingerprint, TokenKey},
    request_id::RequestId,
};

use crate::{
    service::keys::{Change, Expected},
    store::{Page, PageOf},
};

/// The idempotency key of a request; `None` without a request_id. `bare` is the request with an empty request_id: the
/// same id with another request is refused.
pub(crate) fn idempotency(
    method: &str,
    caller: &Caller,
    request_id: &str,
    bare: &impl Message,
    v: &mut Violations,
) -> Option<IdempotencyKey> {
    let parsed = RequestId::parse(method, caller, request_id, bare);
    let RequestId { scope, id, fingerprint } = v.take("request_id", parsed)??;
    Some(IdempotencyKey { scope, request_id: id, fingerprint })
}

/// How a change is to be made.
pub(crate) fn change(
    etag_field: &str,
    etag: &str,
    validate_only: bool,
    request: Option<IdempotencyKey>,
    v: &mut Violations,
) -> Option<Change> {
    let expected = v.take(etag_field, Expected::parse(etag))?;
    Some(Change { expected, validate_only, request })
}

/// Refuses what the contract plans and nobody has built: filters, and orders other than by name.
pub(crate) fn only_by_name(filter: &str, order_by: &str, instead: &str, v: &mut Violations) {
    if !filter.is_empty() {
        let fix = format!("filters are not built; leave it empty{instead}");
        v.add("filter", Reason::Planned, fix);
    }
    if !matches!(order_by, "" | "name") {
        v.add("order_by", Reason::Planned, "only `name` is built; leave it empty");
    }
}

/// One page of a list, from its request to its token.
pub(crate) struct Paging<'a> {
    request: PageRequest,
    keys: &'a TokenKey,
}

impl<'a> Paging<'a> {
    pub(crate) fn parse(
        size: i32,
        token: &str,
        query: QueryFingerprint,
        keys: &'a TokenKey,
    ) -> Result<Self, Failure> {
        Ok(Self { request: PageRequest::parse(size, token, query, keys)?, keys })
    }

    pub(crate) fn page(&self) -> PageOf {
        PageOf {
            size: self.request.size,
            after: self.request.after.clone(),
            revision: self.request.revision,
        }
    }

    /// The token of the page after this one; empty on the last.
    pub(crate) fn next<T>(&self, page: &Page<T>) -> String {
        let token =
            |after: &Vec<u8>| self.request.next_token(self.keys, page.revision.get(), after);
        page.next.as_ref().map(token).unwrap_or_default()
    }
}
