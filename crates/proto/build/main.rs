//! Compiles every `.proto` below `proto/` without protoc and keeps the descriptor set, comments
//! included, for reflection and for the options that the access layer reads; writes what messages of one shape share.

#![expect(clippy::print_stdout, reason = "a build script speaks to Cargo on its standard output")]

mod shapes;
mod watched;

use std::{env, error::Error, fs, path::Path, path::PathBuf};

/// Maps are ordered (`btree_map`), so that encoding a message twice gives the same bytes: fingerprints
/// of repeated requests rest on it.
fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    println!("cargo:rerun-if-changed=build");
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort();

    let descriptors = protox::Compiler::new([&root])?
        .include_source_info(true)
        .include_imports(true)
        .open_files(&files)?
        .encode_file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), &descriptors)?;

    let set: prost_types::FileDescriptorSet = prost::Message::decode(descriptors.as_slice())?;
    fs::write(out.join("shapes.rs"), shapes::implementations(&set))?;
    fs::write(out.join("watched.rs"), watched::implementations(&set))?;
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .generate_default_stubs(true)
        .include_file("all.rs")
        .compile_well_known_types(false)
        .compile_fds(set)?;
    Ok(())
}

fn collect(dir: &Path, root: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, root, files)?;
        } else if path.extension().is_some_and(|ext| ext == "proto") {
            files.push(path.strip_prefix(root)?.to_path_buf());
        }
    }
    Ok(())
}
