//! `causeway`: the operator's command, and the whole control plane in one process for a first look.
//!
//! Owns: the command line. Always holds: everything printed on standard output is the answer, everything else goes to
//! standard error; a failed command exits with 1 and says what to do.
//! Absent on purpose: any rule of the domain; the services answer.

mod arguments;
mod client;
mod command;
mod demo;
mod dev;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match arguments::Arguments::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", client::failure::describe_error(&error));
            ExitCode::FAILURE
        }
    }
}
