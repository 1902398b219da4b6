//! What happens in the background, beside following registry (`follow`).

mod trim;

pub use trim::{TRIM_PERIOD, Trim};
