//! What goes on by itself: following the siblings, and tidying up.

pub mod feed;
pub mod tidy;
