//! What an answer tells, and whether that is what may be told.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, Kind, ReflectMessage as _, Value};
use rpc::Failure;
use tonic::{Code, Status};

use super::contract::{Input, Method};

/// A tenant that nobody has made. Its id is as long as the foreign one's, so that two answers differ in nothing else.
pub(super) const ABSENT: &str = "absent";

/// What a call came to.
pub(super) type Answer = Result<Bytes, Status>;

/// The answer without what changes by itself.
pub(super) fn lasting(method: &Method, answer: Bytes) -> serde_json::Value {
    let mut json = serde_json::to_value(decode(method, answer)).expect("JSON");
    if let Some(fields) = json.as_object_mut() {
        fields.remove("registryHeardTime");
    }
    json
}

/// The answer without times and ages, which differ from call to call.
fn timeless(method: &Method, answer: Bytes) -> String {
    let mut message = decode(method, answer);
    forget_times(&mut message);
    serde_json::to_string(&message).expect("JSON")
}

fn forget_times(message: &mut DynamicMessage) {
    const TIMES: [&str; 2] = ["google.protobuf.Timestamp", "google.protobuf.Duration"];
    for field in message.descriptor().fields() {
        let Kind::Message(kind) = field.kind() else { continue };
        if TIMES.contains(&kind.full_name()) {
            message.clear_field(&field);
        } else if message.has_field(&field) {
            match message.get_field_mut(&field) {
                Value::Message(inner) => forget_times(inner),
                Value::List(items) => {
                    items.iter_mut().filter_map(Value::as_message_mut).for_each(forget_times);
                }
                _ => {}
            }
        }
    }
}

fn decode(method: &Method, answer: Bytes) -> DynamicMessage {
    let service = proto::POOL.get_service_by_name(&method.service).expect("a service of ours");
    let described = service.methods().find(|it| it.name() == method.name).expect("its method");
    DynamicMessage::decode(described.output(), answer).expect("its answer")
}

/// Refused in just these words.
pub(super) fn refused(answer: &Answer, (code, reason): (Code, &str)) -> Result<(), String> {
    match answer {
        Ok(_) => Err(format!("let in, instead of {code:?} {reason}")),
        Err(status) => {
            let told = Failure::from_status(status);
            let as_expected = status.code() == code && told.reason() == reason;
            as_expected
                .then_some(())
                .ok_or_else(|| format!("{status:?}, instead of {code:?} {reason}"))
        }
    }
}

/// Let in: whether it then succeeds depends on more than who calls.
pub(super) fn admitted(method: &Method, answer: &Answer) -> Result<(), String> {
    use Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};
    if method.planned {
        return refused(answer, (Code::Unimplemented, "METHOD_PLANNED"));
    }
    match (answer, &method.input) {
        (Ok(_), _) => Ok(()),
        // What others have defined, we need not have built.
        (Err(status), Input::Theirs(_)) if status.code() == Code::Unimplemented => Ok(()),
        (Err(status), _) => {
            let by_handler = [AlreadyExists, FailedPrecondition, InvalidArgument, NotFound];
            by_handler.contains(&status.code()).then_some(()).ok_or_else(|| format!("{status:?}"))
        }
    }
}

/// A foreign tenant's object is not there, and is told as one of a tenant that does not exist.
pub(super) fn hidden(method: &Method, foreign: &Answer, absent: &Answer) -> Result<(), String> {
    match foreign {
        Err(status) if status.code() == Code::NotFound => alike(method, foreign, absent),
        other => Err(format!("{other:?}, instead of NOT_FOUND")),
    }
}

/// The answers differ in nothing but the name that was asked for. A field that a method ignores may name anything.
pub(super) fn alike(method: &Method, foreign: &Answer, absent: &Answer) -> Result<(), String> {
    let telling = [Code::PermissionDenied, Code::Unauthenticated, Code::Internal, Code::Unknown];
    if let Err(status) = foreign
        && telling.contains(&status.code())
    {
        return Err(format!("{status:?}"));
    }
    let same = match (foreign, absent) {
        (Ok(one), Ok(other)) => {
            let told = |answer: &Bytes| plain(timeless(method, answer.clone()).as_bytes());
            told(one) == told(other) && !holds(one, "tenants/globex")
        }
        (Err(one), Err(other)) => shape(one) == shape(other),
        _ => false,
    };
    same.then_some(()).ok_or_else(|| format!("{foreign:?} differs from {absent:?}"))
}

fn plain(bytes: &[u8]) -> String {
    let absent = format!("tenants/{ABSENT}");
    String::from_utf8_lossy(bytes).replace(&absent, "tenants/globex")
}

fn shape(status: &Status) -> (Code, String, String) {
    (status.code(), plain(status.message().as_bytes()), plain(status.details()))
}

pub(super) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
