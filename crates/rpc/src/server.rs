//! What surrounds every handler.
//!
//! Owns: the stages between a connection and a handler, outside in: panic, request id, trace, metrics, load shed and
//! concurrency, deadline, access, planned.
//! Always holds: a handler runs only for a method of the contract, built, with a [`Caller`](crate::access::Caller) whom
//! the method's classes allow; every answer is counted once, with a label from the contract, and carries its request id.
//! A stream is checked again on every message it sends and every [`RECHECK`], so that a revoked peer loses it even if the
//! handler never asks.
//! Absent on purpose: rate limits per caller, and HTTP that is not gRPC.
//!
//! ## Design notes
//! One service with the stages as plain functions instead of a pile of generic tower layers: the order is
//! a page to read, there is one box per call instead of eight, and the two halves of a stage (before the
//! handler, and at the end of a body that may stream for hours) share one value, `call::Call`. Panics are caught just inside
//! the request id, so that even those answers carry it; nothing outside runs anything but header parsing.

mod admission;
mod body;
mod call;
mod entry;
mod metrics;
mod stack;
mod unreadable;

pub use admission::{Limits, OVERLOADED};
pub use body::RECHECK;
pub use call::INTERNAL_PANIC;
pub use entry::{METHOD_PLANNED, METHOD_UNKNOWN, WRONG_LISTENER};
pub use metrics::EdgeMetrics;
pub use stack::{Edge, Stack};
pub use unreadable::{REQUEST_TOO_LARGE, REQUEST_UNREADABLE};
