//! How much one message may be.
//!
//! Set on every generated server; tonic by itself takes 4 MiB in and sends without limit. Clients keep its 4 MiB.

/// Largest request, in bytes: a commit takes at most 1 MiB, and a request is not more than what it writes twice over.
pub const MAX_REQUEST_BYTES: usize = 2 << 20;

/// Largest response, in bytes: what gRPC clients of every language accept unless told otherwise (4 MiB). A full page of
/// 1,000 objects of some KiB each fits. Servers set it for encoding.
pub const MAX_RESPONSE_BYTES: usize = 4 << 20;
