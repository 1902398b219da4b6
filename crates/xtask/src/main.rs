//! The project's own chores; its owner writes them.
fn main() {}
