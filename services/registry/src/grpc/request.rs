//! What requests have in common: masks, orders, ids, repeatable calls.

use names::{Id, Reason};
use prost::Message;
use rpc::{Refuse as _, access::Caller, order::OrderTerm, request_id::RequestId};
use store::{Etag, IdempotencyKey};

use crate::{
    domain::{Draft, Order, Violations},
    error::Error,
    service::Writing,
};

/// The caller and the message.
pub(super) fn open<T>(request: tonic::Request<T>) -> Result<(Caller, T), tonic::Status> {
    Ok((rpc::access::caller(&request)?, request.into_inner()))
}

/// Takes the request id out of a write, which is then what it makes repeatable.
pub(super) fn writing<T: Message>(
    caller: &Caller,
    method: &str,
    message: &mut T,
    parts: impl Fn(&mut T) -> (&mut String, bool),
) -> Writing {
    let (request_id, validate_only) = parts(message);
    let request_id = std::mem::take(request_id);
    repeatable(caller, method, message, &request_id, validate_only)
}

/// How a write is wanted. `message` is the request without its request id: the id is good for this message and caller
/// only.
fn repeatable(
    caller: &Caller,
    method: &str,
    message: &impl Message,
    request_id: &str,
    validate_only: bool,
) -> Writing {
    let mut problems = Violations::new();
    let request = RequestId::parse(method, caller, request_id, message);
    let request = problems.take("request_id", request).flatten().map(
        |RequestId { scope, id, fingerprint }| IdempotencyKey {
            scope,
            request_id: id,
            fingerprint,
        },
    );
    Writing { request, validate_only, problems, ..Writing::default() }
}

/// The version that the caller read; `None` for none. What is no etag at all is noted.
pub(super) fn etag(field: &str, text: &str, problems: &mut Violations) -> Option<Etag> {
    if text.is_empty() { None } else { problems.take(field, Etag::parse(text)) }
}

/// The id of a new object. A wrong one is noted, and stands in so that the rest is checked too: with
/// a problem noted, nothing is written.
pub(super) fn id(field: &str, text: &str, problems: &mut Violations) -> Result<Id, Error> {
    if text.is_empty() {
        problems
            .missing(field, "choose an id of 1 to 63 of a-z, 0-9 and `-`, beginning with a letter");
    } else if let Some(id) = problems.take(field, Id::parse(text)) {
        return Ok(id);
    }
    Id::parse("unnamed").map_err(|error| Error::Defect(error.to_string()))
}

/// A name; a wrong one is noted.
pub(super) fn parsed<N: crate::domain::ResourceName>(
    field: &str,
    text: &str,
    problems: &mut Violations,
) -> Option<N> {
    problems.take(field, text.parse())
}

/// A name without which nothing else can be done; a wrong one is refused together with what was found before it.
pub(super) fn named<N: crate::domain::ResourceName>(
    field: &str,
    text: &str,
    problems: &mut Violations,
) -> Result<N, Error> {
    parsed(field, text, problems).ok_or_else(|| Error::Invalid(std::mem::take(problems)))
}

/// A name without which nothing else can be done.
pub(super) fn name<N: crate::domain::ResourceName>(field: &str, text: &str) -> Result<N, Error> {
    text.parse().map_err(|error: names::NameError| {
        Error::field(field, Reason::Malformed, error.to_string())
    })
}

/// The paths of an update mask; `None` if there is no mask. An unknown path is noted, and the others count all the
/// same, so that what they would change is checked too.
pub(super) fn paths<D: Draft>(
    mask: Option<&prost_types::FieldMask>,
    problems: &mut Violations,
) -> Option<Vec<&'static str>> {
    let mask = mask.filter(|mask| !mask.paths.is_empty())?;
    let mut found = Vec::new();
    for path in &mask.paths {
        let one = prost_types::FieldMask { paths: vec![path.clone()] };
        match rpc::mask::paths(&one, D::PATHS) {
            Ok(paths) => found.extend(paths),
            Err(violations) => absorb(violations, Reason::UnknownPath, problems),
        }
    }
    Some(found)
}

/// The order of a list.
pub(super) fn order(text: &str, problems: &mut Violations) -> Order {
    let mut violations = Violations::new();
    let terms = rpc::order::parse(text, Order::FIELDS, &mut violations);
    absorb(violations, Reason::Malformed, problems);
    Order::of(terms.iter().map(|OrderTerm { field, descending }| (*field, *descending)))
}

/// Filters are in the contract and not built: refused, never ignored.
pub(super) fn no_filter(filter: &str, problems: &mut Violations) {
    if !filter.is_empty() {
        let fix = "filters are not built yet; leave it empty";
        problems.add("filter", Reason::Planned, fix);
    }
}

fn absorb(violations: Violations, reason: Reason, problems: &mut Violations) {
    if let Err(failure) = violations.finish() {
        for found in failure.violations() {
            problems.add(found.field.as_str(), reason, found.description.as_str());
        }
    }
}
