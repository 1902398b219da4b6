//! What happens in the background.

mod sweep;

pub(crate) use sweep::{SWEEP_PERIOD, Sweep};
