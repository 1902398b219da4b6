//! Which app connector should carry the traffic.

pub mod domain;
