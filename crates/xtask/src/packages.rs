//! What the checks use beside Rust and Node.js, installed on a machine that lacks it.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// Programs that tests use where they are there, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("strace", "strace"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mount", "mount"),
    ("etcd", "etcd-server"),
];

/// Installs the programs that tests would otherwise do without: strace injects failing syncs, the disks that lose their
/// power or fill up are file systems in files, etcd is what the figures are held against.
///
/// # Errors
/// When one is missing and cannot be installed.
pub fn run(_: &Path) -> Result<()> {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs Debian packages.
///
/// # Errors
/// When apt fails.
pub fn install(packages: &[&str]) -> Result<()> {
    for words in
        [&["update", "--quiet"][..], &["install", "--yes", "--quiet", "--no-install-recommends"]]
    {
        let mut command = Command::new("apt-get");
        command.args(words);
        if words.first() == Some(&"install") {
            command.args(packages);
        }
        let status = command.stdout(Stdio::null()).status().context("apt-get")?;
        ensure!(status.success(), "apt-get {} ended with {status}", words.join(" "));
    }
    Ok(())
}
