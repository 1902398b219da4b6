//! What happens in the background.

mod figures;
mod purge;
mod sweep;
mod trim;

pub(crate) use figures::{FIGURES_PERIOD, Figures};
pub(crate) use purge::{PURGE_PERIOD, Purge};
pub(crate) use sweep::{SWEEP_PERIOD, Sweep};
pub(crate) use trim::{TRIM_PERIOD, Trim};
