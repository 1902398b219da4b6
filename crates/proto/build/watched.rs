//! Writes `impl Watched` for every message that is a response of a Watch.
//!
//! Always holds: a message counts when it has exactly the four fields of [`FIELDS`], so a new service's Watch is followed
//! without a line about it anywhere else; one that has other fields too gets no implementation, and its follower does not
//! compile until somebody decides what they mean.

use std::fmt::Write as _;

use prost_types::{DescriptorProto, FileDescriptorSet};

/// The fields of a response, as the contract names them.
const FIELDS: [&str; 4] = ["end_of_commit", "events", "phase", "resume_token"];

/// The implementations as Rust, to be included at the root of the crate.
pub(super) fn implementations(set: &FileDescriptorSet) -> String {
    let mut text = String::new();
    for file in &set.file {
        for message in file.message_type.iter().filter(|message| is_watched(message)) {
            let own = path(&format!(".{}.{}", file.package(), message.name()));
            let events = message.field.iter().find(|field| field.name() == "events");
            let event = path(events.map_or("", |field| field.type_name()));
            // Cannot fail: it is a string.
            let _ = write!(
                text,
                "impl Watched for {own} {{
    type Event = {event};

    fn into_parts(self) -> WatchParts<{event}> {{
        let phase = self.phase();
        let Self {{ phase: _, events, end_of_commit, resume_token }} = self;
        WatchParts {{ phase, events, end_of_commit, resume_token }}
    }}
}}
"
            );
        }
    }
    text
}

fn is_watched(message: &DescriptorProto) -> bool {
    let mut names: Vec<&str> = message.field.iter().map(|field| field.name()).collect();
    names.sort_unstable();
    names == FIELDS
}

/// `.causeway.type.v1.Event` as `generated::causeway::r#type::v1::Event`.
fn path(full_name: &str) -> String {
    let parts: Vec<String> = full_name
        .split('.')
        .filter(|part| !part.is_empty())
        .map(|part| if part == "type" { "r#type".to_owned() } else { part.to_owned() })
        .collect();
    format!("generated::{}", parts.join("::"))
}
