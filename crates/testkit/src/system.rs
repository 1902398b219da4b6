//! An installation under test: five services, an own system CA, own stores, an administrator.
//!
//! Always holds: everything lives in one temporary directory and goes with the handle; callers reach it only over the wire.

mod one_of_five;
mod reach;

use std::{
    process::ExitStatus,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use names::TrustDomain;
use runtime::{
    Clock, ManualClock,
    identity::{SystemPki, client_tls},
    process::Running,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
};

use crate::{
    api::Channels,
    callers::Callers,
    endpoints::{self, Endpoints, TRUST_DOMAIN},
    eventually::{eventually, within},
    five_processes::{self, Process},
    one_process,
    plan::Plan,
};

/// Five processes that start at once on a busy disk: each makes a store, and each sync waits for the others.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Says how to start: `process`, the default, or `processes`.
const TARGET_VARIABLE: &str = "CAUSEWAY_TEST_TARGET";

/// An installation under test.
pub struct System {
    form: Form,
    endpoints: Endpoints,
    callers: Callers,
    pki: SystemPki,
    tls: Arc<rustls::ClientConfig>,
    channels: Channels,
    tenants_made: AtomicUsize,
    plan: Plan,
    directory: TempDir,
}

enum Form {
    /// All in this process; `None` only while it is being started again.
    One(Option<Box<Running>>),
    Five(Vec<Process>),
}

impl System {
    /// Starts an installation as `CAUSEWAY_TEST_TARGET` says, on the machine's clock.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Self {
        Self::start_with(Plan::default()).await
    }

    /// As [`System::start`], with settings of the story's own.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_with(plan: Plan) -> Self {
        let target = std::env::var(TARGET_VARIABLE).unwrap_or_default();
        let started = match target.as_str() {
            "" | "process" => Self::launch(&plan, Some(Clock::system())).await,
            "processes" => Self::launch(&plan, None).await,
            other => panic!("{TARGET_VARIABLE}={other}: use `process` or `processes`"),
        };
        started.expect("the installation starts")
    }

    /// Starts an installation in this process, whatever the target, on a clock that the story moves. It starts at the
    /// machine's time, because connectors and clients judge certificates by that.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_with_manual_clock(plan: Plan) -> (Self, Clock, ManualClock) {
        let (clock, manual) = Clock::manual(Clock::system().now());
        let started = Self::launch(&plan, Some(clock.clone())).await;
        (started.expect("the installation starts"), clock, manual)
    }

    /// Starts an installation in this process, whatever the target, on the machine's clock.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_as_one() -> Self {
        let started = Self::launch(&Plan::default(), Some(Clock::system())).await;
        started.expect("the installation starts")
    }

    /// Starts the five binaries, whatever the target, for stories about single processes.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_as_five() -> Self {
        Self::start_as_five_with(Plan::default()).await
    }

    /// As [`System::start_as_five`], with settings of its own.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_as_five_with(plan: Plan) -> Self {
        Self::launch(&plan, None).await.expect("the installation starts")
    }

    /// One process on this clock, or five without one.
    async fn launch(plan: &Plan, clock: Option<Clock>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let now = Clock::system().now();
        let domain = TrustDomain::parse(TRUST_DOMAIN)?;
        let pki = SystemPki::init(&directory.path().join("pki"), &domain, &[], now)?;
        let callers = Callers::write(&directory.path().join("tokens.toml"))?;
        let (form, endpoints) = match clock {
            Some(clock) => {
                let started = one_process::start(plan, directory.path(), clock, None).await?;
                (Form::One(Some(Box::new(started.0))), started.1)
            }
            None => {
                let started = five_processes::start(plan, directory.path())?;
                (Form::Five(started.0), started.1)
            }
        };
        let tls = client_tls(None, endpoints::trust(&pki)?, &Clock::system())?;
        let channels = endpoints.channels(&tls)?;
        let tenants_made = AtomicUsize::new(0);
        let plan = plan.clone();
        let mut system =
            Self { form, endpoints, callers, pki, tls, channels, tenants_made, plan, directory };
        system.ready().await;
        Ok(system)
    }

    async fn ready(&mut self) {
        let admin = self.endpoints.admin.clone();
        let processes = match &mut self.form {
            Form::One(_) => &mut [][..],
            Form::Five(processes) => processes,
        };
        let processes = Mutex::new(processes);
        within(START_PATIENCE, "every process is ready", || async {
            if let Some(ended) = processes.lock().await.iter_mut().find_map(Process::ended) {
                panic!("{ended}");
            }
            for port in &admin {
                readyz(*port).await.map_err(|error| format!("port {port}: {error:#}"))?;
            }
            Ok::<_, String>(())
        })
        .await;
    }

    /// Ends the installation as an operator does and starts it again, on the same ports and stores.
    ///
    /// # Errors
    /// What was not clean about its end, or what kept it from starting.
    pub async fn restart(&mut self) -> Result<()> {
        match &mut self.form {
            Form::One(running) => {
                let ending = running.take().context("it is being started already")?;
                let clock = ending.clock().clone();
                ending.stop().await?;
                let (directory, before) = (self.directory.path(), Some(&self.endpoints));
                let started = one_process::start(&self.plan, directory, clock, before).await?;
                *running = Some(Box::new(started.0));
            }
            Form::Five(processes) => {
                for process in processes.iter_mut() {
                    end(process).await?;
                }
                let plan = &self.plan;
                processes.iter_mut().try_for_each(|process| process.start_again(plan))?;
            }
        }
        self.ready().await;
        Ok(())
    }

    /// Ends it as an operator does, and says what was not clean.
    ///
    /// # Errors
    /// What was left when a deadline passed.
    pub async fn stop(self) -> Result<()> {
        match self.form {
            Form::One(Some(running)) => Ok(running.stop().await?),
            Form::One(None) => Ok(()),
            Form::Five(mut processes) => {
                for process in &mut processes {
                    end(process).await?;
                }
                Ok(())
            }
        }
    }
}

/// Asks a process to end and waits until it has, which must be a success.
async fn end(process: &mut Process) -> Result<()> {
    process.terminate()?;
    let status = until_ended(process).await;
    let name = process.name();
    ensure!(status.success(), "causeway-{name} ended with {status}:\n{}", process.tail());
    Ok(())
}

async fn until_ended(process: &mut Process) -> ExitStatus {
    let name = process.name();
    let process = Mutex::new(process);
    eventually(&format!("causeway-{name} ends"), || async {
        match process.lock().await.status() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it still runs".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

/// Asks an admin port whether its process is ready.
async fn readyz(port: u16) -> Result<()> {
    get(port, "/readyz").await.map(drop)
}

/// What the admin port answers.
async fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.lines().next().context("an empty answer")?;
    ensure!(status.contains(" 200"), "{}", answer.trim());
    Ok(answer)
}
