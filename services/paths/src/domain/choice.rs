//! Which candidate is it to be, and who comes next?
//!
//! [`select`] asks in this order: which priorities serve ([`priority`]), whether an earlier choice stays
//! ([`hysteresis`]), who among near-equals ([`sharing`]), and who stands second and third ([`spread`]). What comes of it
//! is an [`answer`].

pub mod answer;
pub mod hysteresis;
pub mod priority;
pub mod select;
pub mod sharing;
pub mod spread;
