//! The demo's application servers: real TCP listeners on loopback that say hello and close.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinSet};

use super::plan::ApplicationPlan;

/// An application whose server accepts.
#[derive(Clone, Copy)]
pub(crate) struct Application {
    /// What it is.
    pub(crate) plan: &'static ApplicationPlan,
    /// Where its server listens.
    pub(crate) address: SocketAddr,
}

/// Listeners that accept until this is dropped.
pub(crate) struct ApplicationServers {
    /// Each application with its address, in the order of the plan.
    pub(crate) applications: Vec<Application>,
    _accepting: JoinSet<()>,
}

impl ApplicationServers {
    /// Binds one server per application, each on a free port of its own loopback address.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub(crate) async fn start(plans: &'static [ApplicationPlan]) -> Result<Self> {
        let mut applications = Vec::new();
        let mut accepting = JoinSet::new();
        for plan in plans {
            let listener = TcpListener::bind((plan.host, 0))
                .await
                .with_context(|| format!("binding {} for {}", plan.host, plan.display_name))?;
            applications.push(Application { plan, address: listener.local_addr()? });
            accepting.spawn(serve(listener, plan.display_name));
        }
        Ok(Self { applications, _accepting: accepting })
    }
}

async fn serve(listener: TcpListener, greeting: &'static str) {
    // A failed accept is one client's trouble (it went away, or descriptors ran short for a moment).
    loop {
        if let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(greeting.as_bytes()).await;
            });
        }
    }
}
