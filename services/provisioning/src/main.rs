//! `causeway-provisioning`: the service in a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::process::main::<provisioning::App>()
}
