//! What is asked, by whom, from where, and when?
//!
//! What the caller says ([`query`]), the place that follows for the client ([`location`], [`client_network`]), and the
//! moment with the settings of the installation ([`moment`]): all of it together is what is [`asked`].

pub mod asked;
pub mod client_network;
pub mod location;
pub mod moment;
pub mod query;
