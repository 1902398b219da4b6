//! Compiles the client side of etcd's interface without protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["etcd.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".")
        .include_file("etcd.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
