//! What is asked, by whom, and from where?

pub mod query;
