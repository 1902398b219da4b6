//! Signals of the operating system.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Running;

/// The signals that a process handles. Installed before anything starts: a signal that comes earlier kills the process,
/// one that comes between two waits is kept.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Handles SIGTERM, SIGINT and SIGHUP from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    pub async fn end_requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Reloads on SIGHUP; returns on SIGTERM or SIGINT.
    ///
    /// # Errors
    /// If something vital failed.
    pub async fn until_the_end(&mut self, running: &Running) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                reason = running.failed() => anyhow::bail!(reason),
                _ = self.terminate.recv() => return Ok(()),
                _ = self.interrupt.recv() => return Ok(()),
                _ = self.hangup.recv() => running.reload(),
            }
        }
    }
}

/// As [`Signals::until_the_end`], with signals installed now: for a process that needs no signal handling while it starts.
///
/// # Errors
/// If something vital failed, or the system refuses a handler.
pub async fn until_the_end(running: &Running) -> anyhow::Result<()> {
    Signals::install()?.until_the_end(running).await
}
