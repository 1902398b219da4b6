//! Request ids: what makes a repeated write answer like the first.

use prost::Message;
use ring::digest;
use rpc::{Violations, access::Caller};
use store::IdempotencyKey;
use uuid::Uuid;

/// The key of a request that carries an id. `request` must be the message with its id emptied, so that the fingerprint
/// is that of the content.
pub(super) fn parse(
    violations: &mut Violations,
    method: &str,
    caller: &Caller,
    request_id: &str,
    request: &impl Message,
) -> Option<IdempotencyKey> {
    if request_id.is_empty() {
        return None;
    }
    let rule = "must be a UUID, for example 0190b4f2-7a3c-7def-8a21-3f5f0c9b6d11, or empty";
    let request_id = Uuid::parse_str(request_id).map_err(|_| rule);
    let request_id = violations.take("request_id", request_id)?;
    let mut fingerprint = [0; digest::SHA256_OUTPUT_LEN];
    fingerprint.copy_from_slice(digest::digest(&digest::SHA256, &request.encode_to_vec()).as_ref());
    let scope = format!("{method} {}", caller.audit_name());
    Some(IdempotencyKey { scope, request_id, fingerprint })
}
