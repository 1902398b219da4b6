//! The paths service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::process::main::<paths::App>()
}
