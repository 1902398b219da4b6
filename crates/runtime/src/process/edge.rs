//! The listeners of a process and the layers around its handlers.
//!
//! Always holds: both listeners go through the same layers, with one set of counters; a process whose contract has a
//! method without allowed callers does not start.

use std::sync::Arc;

use jiff::SignedDuration;
use rpc::{
    access::{AccessTable, Guard},
    server::{EdgeMetrics, Limits as CallLimits, Stack},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use super::{Mounts, Settings, base::Base, bound::Bound, hosted::Hosted};
use crate::{
    health::{health_service, reflection_services},
    identity::ServiceIdentity,
    listener::{self, Drain, Limits, Listener, ListenerMetrics, ServerTls},
};

/// What the hosted services offer together.
pub(super) struct Offer {
    grpc_services: Vec<&'static str>,
    http1: bool,
}

/// TLS, limits and layers, ready for handlers.
pub(super) struct Edge {
    offer: Offer,
    main: ServerTls,
    enrolment: ServerTls,
    limits: Limits,
    metrics: ListenerMetrics,
    stack: Stack,
}

/// Listeners that serve.
pub(super) struct Serving {
    /// Ends when both listeners have drained.
    pub(super) listeners: TaskTracker,
    /// Closes the admin port.
    pub(super) admin: CancellationToken,
}

impl Offer {
    pub(super) fn of(hosted: &[Hosted]) -> Self {
        let grpc_services = hosted.iter().flat_map(|hosted| hosted.grpc_services).copied();
        Self {
            grpc_services: grpc_services.collect(),
            http1: hosted.iter().any(|hosted| hosted.http1),
        }
    }
}

impl Edge {
    pub(super) fn new(
        base: &Base,
        settings: &Settings,
        server_identity: ServiceIdentity,
        offer: Offer,
    ) -> anyhow::Result<Self> {
        let grace = settings.identity.expired_leaf_grace;
        let clock = &base.clock;
        let trust = base.trust.clone();
        let limits = Limits { connections: settings.server.max_connections, ..Limits::default() };
        let calls = CallLimits { calls: settings.server.max_calls, ..CallLimits::default() };
        let guard = Guard {
            denied: base.denied.clone(),
            tokens: base.tokens.clone(),
            now: Arc::new({
                let clock = clock.clone();
                move || clock.now()
            }),
            expired_grace: SignedDuration::try_from(grace)?,
        };
        let table = AccessTable::from_pool(&proto::POOL)?;
        let counters = base.metrics.register(EdgeMetrics::register);
        Ok(Self {
            main: ServerTls::main(server_identity.clone(), trust, grace, offer.http1, clock)?,
            enrolment: ServerTls::enrolment(server_identity, clock)?,
            limits,
            metrics: ListenerMetrics::new(&base.metrics),
            stack: Stack::new(table, guard, calls, counters),
            offer,
        })
    }

    /// Starts every listener.
    pub(super) fn serve(
        self,
        base: &Base,
        bound: Bound,
        mut mounts: Mounts,
        drain: &Drain,
    ) -> anyhow::Result<Serving> {
        let streams = base.shutdown.streams.clone();
        mounts.main.add_service(health_service(base.health.clone(), streams));
        reflection_services(&mut mounts.main, &self.offer.grpc_services)?;
        let serving = Serving { listeners: TaskTracker::new(), admin: CancellationToken::new() };
        let spawn = |name, listener: Listener, tls: &ServerTls, routes: Routes| {
            let with = listener::Serving {
                tls: tls.clone(),
                limits: self.limits.clone(),
                metrics: self.metrics.clone(),
                tasks: base.tasks.clone(),
                drain: drain.clone(),
            };
            let work = listener::serve(listener, with, self.stack.around(routes));
            let work = serving.listeners.track_future(work);
            base.tasks.spawn_vital(name, async move {
                work.await;
                Ok(())
            });
        };
        spawn("main-listener", bound.main, &self.main, mounts.main.routes());
        if let Some(listener) = bound.enrolment {
            spawn("enrolment-listener", listener, &self.enrolment, mounts.enrolment.routes());
        }
        serving.listeners.close();
        let admin = bound.admin.serve(
            base.health.clone(),
            base.metrics.clone(),
            base.tasks.clone(),
            serving.admin.clone(),
        );
        base.tasks.spawn("admin-listener", admin);
        Ok(serving)
    }
}
