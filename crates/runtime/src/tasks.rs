//! Every background task of a process: named, counted, waited for.
//!
//! Owns: spawning; what happens when a task panics or ends though it should not.
//! Always holds: a task has a name; a panic is logged, counted and never lost; the process can wait until
//! all tasks have ended.
//! Absent on purpose: restarting. A task that must come back is a [`crate::worker::Worker`], whose retry is
//! its next tick.

use std::{future::Future, panic::AssertUnwindSafe};

use futures::FutureExt;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::metrics::Registry;

/// What a task's unexpected end means for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A panic is counted; the process goes on. For work on behalf of one peer.
    Contain,
    /// The process cannot do its job without this task: a panic or an error drains it and ends it with
    /// a failure, and its supervisor starts it anew.
    Vital,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

/// A handle to spawn and await the tasks of a process.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    running: Family<TaskLabels, Gauge>,
    panics: Family<TaskLabels, Counter>,
    failure: watch::Sender<Option<String>>,
}

impl Tasks {
    /// No tasks yet; registers `tasks_running` and `task_panics`.
    #[must_use]
    pub fn new(metrics: &Registry) -> Self {
        let tasks = Self {
            tracker: TaskTracker::new(),
            running: Family::default(),
            panics: Family::default(),
            failure: watch::Sender::new(None),
        };
        metrics.register(|registry| {
            registry.register("tasks_running", "Tasks now running", tasks.running.clone());
            registry.register("task_panics", "Tasks ended by a panic", tasks.panics.clone());
        });
        tasks
    }

    /// Starts a task that serves one peer or ends by itself.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.start(name, Policy::Contain, work.map(|()| Ok(())));
    }

    /// Starts a task that the process cannot work without; its error ends the process.
    pub fn spawn_vital(
        &self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.start(name, Policy::Vital, work);
    }

    fn start(
        &self,
        name: &'static str,
        policy: Policy,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let tasks = self.clone();
        let running = self.running.get_or_create(&TaskLabels { task: name }).clone();
        running.inc();
        self.tracker.spawn(async move {
            let end = AssertUnwindSafe(work).catch_unwind().await;
            running.dec();
            let problem = match end {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{error:#}"),
                Err(panic) => {
                    tasks.count_panic(name);
                    panic_message(panic.as_ref())
                }
            };
            tracing::error!(task = name, problem, ?policy, "a task ended unexpectedly");
            if policy == Policy::Vital {
                tasks.fail(format!("task `{name}`: {problem}"));
            }
        });
    }

    pub(crate) fn count_panic(&self, name: &'static str) {
        self.panics.get_or_create(&TaskLabels { task: name }).inc();
    }

    /// Asks the process to drain and to end with a failure. The first reason stays.
    pub fn fail(&self, reason: impl Into<String>) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                *failure = Some(reason.into());
            }
            first
        });
    }

    /// Waits until something vital has failed, and returns the reason.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // Cannot end: `self` keeps a sender.
            Err(_) => std::future::pending().await,
        }
    }

    /// Why something vital has failed, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// Waits until every task has ended.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// How many tasks have not ended yet.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.tracker.len()
    }
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_contained_panic_is_counted_and_the_process_goes_on() {
        let metrics = Registry::new();
        let tasks = Tasks::new(&metrics);
        tasks.spawn("fragile", async { panic!("boom") });
        tasks.ended().await;
        assert_eq!(tasks.failure(), None);
        let text = metrics.encode();
        assert!(text.contains(r#"causeway_task_panics_total{task="fragile"} 1"#), "{text}");
        assert!(text.contains(r#"causeway_tasks_running{task="fragile"} 0"#), "{text}");
    }

    #[tokio::test]
    async fn a_vital_task_that_panics_or_errs_fails_the_process_with_the_first_reason() {
        let tasks = Tasks::new(&Registry::new());
        tasks.spawn_vital("writer", async { panic!("disk gone") });
        assert_eq!(tasks.failed().await, "task `writer`: panic: disk gone");
        tasks.spawn_vital("reader", async { anyhow::bail!("too late") });
        tasks.ended().await;
        assert_eq!(tasks.failure().unwrap(), "task `writer`: panic: disk gone");
    }
}
