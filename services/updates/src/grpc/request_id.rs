//! Request ids: what makes a repeated write answer like the first.

use prost::Message;
use rpc::{Violations, access::Caller, request_id::RequestId};
use store::IdempotencyKey;

/// The key of a request that carries an id. `request` must be the message with its id emptied, so that the fingerprint
/// is that of the content.
pub(super) fn parse(
    violations: &mut Violations,
    method: &str,
    caller: &Caller,
    request_id: &str,
    request: &impl Message,
) -> Option<IdempotencyKey> {
    let parsed = RequestId::parse(method, caller, request_id, request);
    let RequestId { scope, id, fingerprint } = violations.take("request_id", parsed)??;
    Some(IdempotencyKey { scope, request_id: id, fingerprint })
}
