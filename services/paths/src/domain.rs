//! The rules of path selection: pure functions of configuration, reports, question and moment.
//!
//! In reading order: what is asked ([`query`], [`host`]), what is configured ([`configuration`],
//! [`snapshot`], [`matcher`]), what is reported ([`fleet`], [`live`], [`slot`], [`health`], [`demand`],
//! [`board`]), and how an answer comes about ([`select`]: [`assess`], [`score`], [`priority`],
//! [`hysteresis`], [`sharing`], [`spread`], [`verdict`]). [`assignment`] says what connectors probe, and
//! [`model`] is the configuration as registry tells it.

pub mod assess;
pub mod assignment;
pub mod board;
pub mod configuration;
pub mod demand;
pub mod fleet;
#[cfg(test)]
mod fuzz;
pub mod health;
pub mod host;
pub mod hysteresis;
pub mod live;
pub mod matcher;
pub mod model;
pub mod place;
pub mod priority;
mod punycode;
pub mod query;
pub mod score;
pub mod select;
pub mod sharing;
pub mod slot;
pub mod snapshot;
pub mod spread;
#[cfg(test)]
pub(crate) mod testing;
pub mod verdict;
