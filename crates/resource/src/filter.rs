//! Filters over the fields of a message (AIP-160).
//!
//! Owns: reading a filter against the contract's descriptor of a message, and asking a message whether it matches.
//! Always holds: a filter that is taken asks only for fields that the message has, each compared with a value of its type; what is
//! refused is refused with the place and the fix; a filter costs no more than its length times the message.
//! Absent on purpose: bare words that search everywhere, and functions; both are refused.
//!
//! ## Design notes
//! A filter is asked about the message that the caller sees, through the descriptor, not about the domain's types: so every field of
//! every kind can be asked for with nothing written by hand, under the names of the contract. The price is that a row is rendered
//! before it is filtered, some microseconds each; lists read at most 10,000 rows a page.

mod parse;
mod term;
mod value;

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use names::{Reason, Violations};

use term::Term;

/// Longest filter, in bytes: a dozen comparisons of full resource names.
pub const MAX_FILTER_BYTES: usize = 1024;

/// Which messages are wanted.
#[derive(Clone, Debug)]
pub struct Filter {
    message: MessageDescriptor,
    terms: Term,
}

impl Filter {
    /// Reads a filter over messages of the type `full_name`; empty wants all (`None`). What is wrong with it is noted under `filter`.
    pub fn parse(text: &str, full_name: &str, problems: &mut Violations) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        if text.len() > MAX_FILTER_BYTES {
            let fix = format!("at most {MAX_FILTER_BYTES} bytes; shorten it");
            problems.add("filter", Reason::TooLong, fix);
            return None;
        }
        let Some(message) = proto::POOL.get_message_by_name(full_name) else {
            problems.add("filter", Reason::Planned, "this list cannot be filtered; leave it empty");
            return None;
        };
        match parse::terms(text, &message) {
            Ok(terms) => Some(Self { message, terms }),
            Err((reason, fix)) => {
                problems.add("filter", reason, fix);
                None
            }
        }
    }

    /// Whether a message of the filter's type matches.
    #[must_use]
    pub fn matches(&self, message: &impl Message) -> bool {
        let bytes = message.encode_to_vec();
        DynamicMessage::decode(self.message.clone(), bytes.as_slice())
            .is_ok_and(|message| self.terms.holds(&message))
    }
}

#[cfg(test)]
mod tests;
