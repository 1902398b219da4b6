//! Services without their types, so that one process can host several.

use futures::{FutureExt, future::BoxFuture};

use super::{Deps, Mounts, Service, Shutdown};

type Build = Box<dyn FnOnce(Deps) -> BoxFuture<'static, anyhow::Result<Box<dyn Built>>> + Send>;

/// A service that has its configuration and waits to be built.
pub(super) struct Hosted {
    pub(super) name: &'static str,
    pub(super) grpc_services: &'static [&'static str],
    pub(super) http1: bool,
    pub(super) build: Build,
}

/// A service that has been built and waits to run.
pub(super) trait Built: Send {
    fn mount(&self, mounts: &mut Mounts);
    fn run(self: Box<Self>, shutdown: Shutdown) -> BoxFuture<'static, anyhow::Result<()>>;
}

impl Hosted {
    pub(super) fn new<S: Service>(config: S::Config) -> Self
    where
        S::Config: 'static,
    {
        let build = move |deps| {
            let built = S::build(config, deps);
            async move { Ok(Box::new(built.await?) as Box<dyn Built>) }.boxed()
        };
        Self {
            name: S::NAME,
            grpc_services: S::GRPC_SERVICES,
            http1: S::HTTP1,
            build: Box::new(build),
        }
    }
}

impl<S: Service> Built for S {
    fn mount(&self, mounts: &mut Mounts) {
        Service::mount(self, mounts);
    }

    fn run(self: Box<Self>, shutdown: Shutdown) -> BoxFuture<'static, anyhow::Result<()>> {
        Service::run(*self, shutdown).boxed()
    }
}
