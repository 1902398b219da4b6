//! Placeholder until its owner lands the real one.
fn main() {}
