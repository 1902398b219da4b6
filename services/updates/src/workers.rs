//! What happens in the background, beside following registry (`follow`).

mod trim;

pub(crate) use trim::{TRIM_PERIOD, Trim};
