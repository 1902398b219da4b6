//! What goes on by itself: following the siblings, and tidying up.

pub(crate) mod feed;
pub(crate) mod tidy;
