//! The contract as Rust: generated messages, clients and servers, and the descriptor set.
//!
//! Owns: nothing written by hand but this page, `shapes` and [`Watched`]. Always holds: the code here is what `proto/` says at
//! build time. Absent on purpose: validation, conversion and defaults, which belong to each service's
//! `grpc/convert.rs`.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

#[allow(missing_docs, clippy::all, unreachable_pub, rustdoc::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/all.rs"));
}

pub mod shapes;
mod watched;

#[allow(missing_docs, clippy::all)]
mod shaped {
    include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
}

pub use generated::causeway::*;
pub use generated::google;
pub use watched::{WatchParts, Watched};

include!(concat!(env!("OUT_DIR"), "/watched.rs"));

/// The encoded `FileDescriptorSet` of the whole contract, imports and comments included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The contract as data: method options, field behaviour, canonical JSON.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTORS).expect("the build script wrote a valid descriptor set")
});
