//! What is done to one process of five: killed, ended, started again, asked.
//!
//! Always holds: in an installation of one process all of this panics, because there is no single one to mean.

use std::process::ExitStatus;

use anyhow::Result;
use tokio::{net::TcpStream, sync::Mutex};

use super::{Form, START_PATIENCE, System, end, readyz, until_ended};
use crate::{
    endpoints::index_of,
    eventually::{eventually, within},
    five_processes::Process,
    plan::Plan,
};

impl System {
    /// Ends one of five processes as a power cut would.
    ///
    /// # Panics
    /// In one process, and for a name that is none of the five.
    pub fn kill(&mut self, service: &str) {
        self.process(service).kill().expect("it can be killed");
    }

    /// Starts one of five processes again, on its ports and its store, and waits until it listens; whether it is ready may
    /// depend on others.
    ///
    /// # Panics
    /// As [`System::kill`], and if it does not start.
    pub async fn start_again(&mut self, service: &str) {
        self.begin_again(service);
        let port = self.endpoints.services[index_of(service)];
        let process = Mutex::new(self.process(service));
        eventually(&format!("{service} listens"), || async {
            if let Some(ended) = process.lock().await.ended() {
                panic!("{ended}");
            }
            TcpStream::connect(("127.0.0.1", port)).await.map(drop)
        })
        .await;
    }

    /// Ends one of five processes as an operator does.
    ///
    /// # Errors
    /// What was not clean about its end.
    ///
    /// # Panics
    /// As [`System::kill`].
    pub async fn end(&mut self, service: &str) -> Result<()> {
        end(self.process(service)).await
    }

    /// Waits until one of five processes that was started again is ready.
    ///
    /// # Panics
    /// As [`System::kill`], and if it does not become ready.
    pub async fn ready_again(&mut self, service: &str) {
        let port = self.endpoints.admin[index_of(service)];
        let process = Mutex::new(self.process(service));
        within(START_PATIENCE, &format!("{service} is ready"), || async {
            if let Some(ended) = process.lock().await.ended() {
                panic!("{ended}");
            }
            readyz(port).await
        })
        .await;
    }

    /// The id of one of five processes.
    ///
    /// # Panics
    /// As [`System::kill`].
    #[must_use]
    pub fn process_id(&self, service: &str) -> u32 {
        self.running(service).id()
    }

    /// As [`System::start_again`], without waiting for anything: it may not get far.
    ///
    /// # Panics
    /// As [`System::kill`], and if there is no such program.
    pub fn begin_again(&mut self, service: &str) {
        let plan = self.plan.clone();
        self.process(service).start_again(&plan).expect("it starts");
    }

    /// From its next start on, each process is told this.
    pub fn replan(&mut self, plan: Plan) {
        self.plan = plan;
    }

    /// Waits until one of five processes has ended by itself; how, and the last lines of its log.
    ///
    /// # Panics
    /// As [`System::kill`], and if it goes on.
    pub async fn ended(&mut self, service: &str) -> (ExitStatus, String) {
        let process = self.process(service);
        (until_ended(process).await, process.tail())
    }

    /// The last lines that one of five processes logged.
    ///
    /// # Panics
    /// As [`System::kill`].
    #[must_use]
    pub fn log(&self, service: &str) -> String {
        self.running(service).tail()
    }

    /// Whether one of five processes says that it is ready, and if not, why.
    ///
    /// # Errors
    /// What it says, or why it says nothing.
    ///
    /// # Panics
    /// For a name that is none of the five.
    pub async fn readiness(&self, service: &str) -> Result<()> {
        readyz(self.endpoints.admin[index_of(service)]).await
    }

    fn running(&self, service: &str) -> &Process {
        let Form::Five(processes) = &self.form else {
            panic!("one of five processes is asked for, and one hosts all")
        };
        processes.iter().find(|one| one.name() == service).expect("one of the five")
    }

    fn process(&mut self, service: &str) -> &mut Process {
        match &mut self.form {
            Form::One(_) => panic!("a story about single processes starts with `start_as_five`"),
            Form::Five(processes) => processes
                .iter_mut()
                .find(|process| process.name() == service)
                .expect("one of the five"),
        }
    }
}
