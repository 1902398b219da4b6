//! Messages to drafts, objects to messages.
//!
//! Always holds: messages are taken apart in full, so that a new field does not compile until somebody decided what it
//! means; what a message cannot say (an enum number nobody knows) is a problem, never a default.

mod client_network;
mod connector;
mod group;
mod location;
mod segment;
mod server_group;
mod tenant;

use jiff::SignedDuration;
use names::Reason;
use proto::registry::v1::event;

pub(super) use connector::registration;

use crate::{
    domain::{Meta, Violations},
    service::Registry,
    store::{Found, Kept},
};

/// A kind of object that has a message.
pub(super) trait Wire: Kept {
    /// The message.
    type Message: Default + prost::Message + proto::shapes::Resource + Send + 'static;
    /// The message's full name in the contract.
    const MESSAGE: &'static str;

    /// The writable fields of a message.
    fn read(message: Self::Message, problems: &mut Violations) -> Self::Draft;

    /// The message of an object.
    fn message(found: &Found<Self>, registry: &Registry) -> Self::Message;

    /// The message as an event carries it.
    fn event(message: Self::Message) -> event::Resource;
}

/// What every message says of an object's life.
struct Life {
    uid: String,
    create_time: Option<prost_types::Timestamp>,
    update_time: Option<prost_types::Timestamp>,
    delete_time: Option<prost_types::Timestamp>,
    purge_time: Option<prost_types::Timestamp>,
}

impl From<&Meta> for Life {
    fn from(meta: &Meta) -> Self {
        Self {
            uid: meta.uid.to_string(),
            create_time: Some(rpc::time::to_proto(meta.create_time)),
            update_time: Some(rpc::time::to_proto(meta.update_time)),
            delete_time: meta.delete_time.map(rpc::time::to_proto),
            purge_time: meta.purge_time.map(rpc::time::to_proto),
        }
    }
}

/// A choice: 0 is not written, an unknown number is a problem.
fn choice<E: TryFrom<i32>, T>(
    number: i32,
    at: &str,
    problems: &mut Violations,
    known: impl FnOnce(E) -> Option<T>,
) -> Option<T> {
    match E::try_from(number) {
        Ok(word) => known(word),
        Err(_) => {
            problems.add(at, Reason::Malformed, format!("{number} is none of the known values"));
            None
        }
    }
}

fn duration_in(
    duration: Option<prost_types::Duration>,
    at: &str,
    problems: &mut Violations,
) -> Option<SignedDuration> {
    let length = duration?;
    let parsed =
        rpc::time::parse_duration(&length).and_then(|length| SignedDuration::try_from(length).ok());
    if parsed.is_none() {
        problems.add(
            at,
            Reason::OutOfRange,
            "must not be negative, with nanos from 0 to 999999999",
        );
    }
    parsed
}

fn duration_out(duration: SignedDuration) -> prost_types::Duration {
    rpc::time::duration_to_proto(duration.unsigned_abs())
}

fn texts(names: &[impl ToString]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
