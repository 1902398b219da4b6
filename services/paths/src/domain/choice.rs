//! Which candidate is it to be, and who comes next?
//!
//! In the order in which they are asked by [`select`]: which priorities serve ([`priority`]), whether an earlier choice
//! stays ([`hysteresis`]), who among near-equals ([`sharing`]), and who stands second and third ([`spread`]).

pub mod hysteresis;
pub mod priority;
pub mod select;
pub mod sharing;
pub mod spread;
