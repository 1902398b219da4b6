//! What happens in the background.

mod purge;
mod sweep;

pub(crate) use purge::{PURGE_PERIOD, Purge};
pub(crate) use sweep::{SWEEP_PERIOD, Sweep};
