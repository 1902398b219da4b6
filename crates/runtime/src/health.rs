//! Whether this process should get work, and which of its services.
//!
//! Owns: the state behind `grpc.health.v1`, `/readyz` and `/livez`.
//! Always holds: a service is SERVING when nothing holds it back (store, first snapshot, …) and the process is not
//! draining; the name "" is all of them together; once draining, never again SERVING.
//! Absent on purpose: siblings. A sibling that is stale has a health name of its own (`paths/registry`), never a
//! part in readiness: a service that reports itself as not ready because a sibling is late only makes the outage larger.

mod grpc;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::sync::watch;

pub use grpc::{health_service, reflection_services};

/// The health of a process; clones share it.
#[derive(Clone, Debug)]
pub struct Health(Arc<watch::Sender<Board>>);

#[derive(Clone, Debug, Default)]
struct Board {
    /// What holds each hosted service back, by number of the hold.
    services: BTreeMap<&'static str, BTreeMap<u64, String>>,
    /// Full names of gRPC services, each with the hosted service that offers it.
    grpc_names: BTreeMap<&'static str, &'static str>,
    /// Siblings of hosted services (`paths/registry`): whether what is known of them is fresh.
    siblings: BTreeMap<String, bool>,
    next_hold: u64,
    draining: bool,
}

/// The health of one hosted service.
#[derive(Clone, Debug)]
pub struct ServiceHealth {
    health: Health,
    service: &'static str,
}

/// A reason not to serve yet, or not any more. Dropping it releases nothing: a task that dies must not make its
/// service look healthy.
#[derive(Debug)]
#[must_use = "the service does not serve until this is released"]
pub struct Hold {
    health: Health,
    service: &'static str,
    number: u64,
}

impl Health {
    /// No services yet; so nothing is ready.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Board::default())))
    }

    /// Adds a hosted service and the gRPC services it offers.
    #[must_use]
    pub fn service(&self, service: &'static str, grpc: &[&'static str]) -> ServiceHealth {
        self.0.send_modify(|board| {
            board.services.entry(service).or_default();
            board.grpc_names.extend(grpc.iter().map(|name| (*name, service)));
        });
        ServiceHealth { health: self.clone(), service }
    }

    /// Reports NOT_SERVING from now on, for the rest of the process.
    pub fn drain(&self) {
        self.0.send_modify(|board| board.draining = true);
    }

    /// Why the process is not ready; empty when it is.
    #[must_use]
    pub fn obstacles(&self) -> Vec<String> {
        self.0.borrow().obstacles()
    }

    /// Waits until the process is ready.
    pub async fn ready(&self) {
        let mut board = self.0.subscribe();
        if board.wait_for(|board| board.obstacles().is_empty()).await.is_err() {
            // Cannot end: `self` keeps the sender.
            std::future::pending::<()>().await;
        }
    }

    /// `None` for a name that is not known.
    #[must_use]
    pub fn is_serving(&self, name: &str) -> Option<bool> {
        self.0.borrow().is_serving(name)
    }

    fn subscribe(&self) -> watch::Receiver<Board> {
        self.0.subscribe()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Board {
    fn obstacles(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.draining {
            found.push("the process is draining".to_owned());
        }
        if self.services.is_empty() {
            found.push("no service is built yet".to_owned());
        }
        for (service, holds) in &self.services {
            // The same reason may be held twice; it is reported once.
            let reasons: BTreeSet<_> = holds.values().collect();
            found.extend(reasons.into_iter().map(|reason| format!("{service}: {reason}")));
        }
        found
    }

    fn is_serving(&self, name: &str) -> Option<bool> {
        if name.is_empty() {
            return Some(self.obstacles().is_empty());
        }
        if let Some(fresh) = self.siblings.get(name) {
            return Some(*fresh && !self.draining);
        }
        let service = self.grpc_names.get(name).copied().unwrap_or(name);
        let holds = self.services.get(service)?;
        Some(holds.is_empty() && !self.draining)
    }
}

impl ServiceHealth {
    /// Name of the service.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Keeps the service from serving until the hold is released; `reason` is shown by `/readyz`.
    pub fn hold(&self, reason: impl Into<String>) -> Hold {
        let reason = reason.into();
        let mut number = 0;
        self.health.0.send_modify(|board| {
            number = board.next_hold;
            board.next_hold += 1;
            board.services.entry(self.service).or_default().insert(number, reason);
        });
        Hold { health: self.health.clone(), service: self.service, number }
    }

    /// Holds the service back for as long as what is watched gives a reason to, such as a store that takes no commits.
    /// Never ends by itself: when what is watched has ended, its last reason stays in force, and so does the last one that was
    /// seen when the caller stopped waiting.
    pub async fn hold_while<T>(
        &self,
        mut watched: watch::Receiver<T>,
        refusal: impl Fn(&T) -> Option<String>,
    ) {
        let mut held: Option<Hold> = None;
        loop {
            let reason = refusal(&watched.borrow_and_update());
            // The next reason is taken before the last one goes, so that between two reasons nothing serves.
            let last = std::mem::replace(&mut held, reason.map(|reason| self.hold(reason)));
            if let Some(last) = last {
                last.release();
            }
            if watched.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Reports whether what is known of a sibling is fresh, under the health name `<service>/<sibling>`. A follower reports under
    /// `<service>/<sibling>/snapshot` whether no snapshot of it is refused.
    pub fn sibling(&self, sibling: &str, fresh: bool) {
        let name = format!("{}/{sibling}", self.service);
        self.health.0.send_if_modified(|board| board.siblings.insert(name, fresh) != Some(fresh));
    }
}

impl Hold {
    /// The reason is gone.
    pub fn release(self) {
        self.health.0.send_modify(|board| {
            if let Some(holds) = board.services.get_mut(self.service) {
                holds.remove(&self.number);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_serves_when_nothing_holds_it_and_the_process_when_all_do() {
        let health = Health::new();
        assert_eq!(health.is_serving(""), Some(false), "nothing is built");
        let registry = health.service("registry", &["causeway.registry.v1.RegistryService"]);
        let paths = health.service("paths", &["causeway.paths.v1.PathsService"]);
        let snapshot = paths.hold("first snapshot of registry");
        assert_eq!(health.is_serving("registry"), Some(true));
        assert_eq!(health.is_serving("causeway.registry.v1.RegistryService"), Some(true));
        assert_eq!(health.is_serving("causeway.paths.v1.PathsService"), Some(false));
        assert_eq!(health.is_serving("causeway.other.v1.OtherService"), None);
        assert_eq!(health.obstacles(), ["paths: first snapshot of registry"]);
        snapshot.release();
        health.ready().await;
        registry.sibling("updates", false);
        assert_eq!(health.is_serving("registry/updates"), Some(false));
        assert_eq!(health.is_serving(""), Some(true), "a stale sibling is no part of readiness");
        health.drain();
        for name in ["", "registry", "causeway.paths.v1.PathsService"] {
            assert_eq!(health.is_serving(name), Some(false), "{name}");
        }
    }

    #[tokio::test]
    async fn a_service_is_held_back_while_what_it_watches_gives_a_reason() {
        let health = Health::new();
        let service = health.service("registry", &[]);
        let (state, watched) = watch::channel(Some("the disk is full".to_owned()));
        let holding = service.hold_while(watched, Clone::clone);
        let telling = async {
            let mut board = health.subscribe();
            let reasons = [Some("the disk is full"), None, Some("it failed"), Some("it is closed")];
            for reason in reasons {
                state.send_replace(reason.map(str::to_owned));
                let expected: Vec<_> = reason.iter().map(|r| format!("registry: {r}")).collect();
                board.wait_for(|board| board.obstacles() == expected).await.unwrap();
            }
            drop(state);
            // A caller that holds the service back sees the end now.
            tokio::task::yield_now().await;
            health.obstacles()
        };
        tokio::select! {
            () = holding => unreachable!("it never ends"),
            obstacles = telling => assert_eq!(obstacles, ["registry: it is closed"], "the last word stays"),
        }
    }

    #[test]
    fn a_hold_that_is_dropped_by_a_dying_task_stays() {
        let health = Health::new();
        drop(health.service("registry", &[]).hold("the store hangs"));
        assert_eq!(health.obstacles(), ["registry: the store hangs"]);
    }
}
