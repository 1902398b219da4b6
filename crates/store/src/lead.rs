//! Which of the handles on one store does its service's work that needs doing once.
//!
//! Owns the task that drives one lease for the whole handle, and what it says. What always holds: a handle that nobody shares
//! its store with leads from the start and writes nothing; one that cannot renew its lease stops leading when its life is over,
//! by its own clock; one that is closed gives it back, so that another one goes on within [`LEAD_LIFE`].
//! Absent on purpose: protection. Two handles may lead for a moment, see [`crate::lease`].

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use crate::{clock::MonotonicClock, lease::Lease, revision::Revision, view::View};

/// How long the work may rest when the process that led dies: 15 s. What it does is due by the minute at the earliest.
pub const LEAD_LIFE: Duration = Duration::from_secs(15);

/// The lease's name in its row.
const NAME: &str = "lead";

/// The lease of one handle, once somebody asked for it.
pub(crate) struct Lead {
    lease: Arc<Mutex<Lease>>,
    told: watch::Receiver<bool>,
}

impl Lead {
    /// Begins to drive the lease until the view's engine is closed or this is dropped.
    pub(crate) fn begin(view: &Arc<View>, clock: MonotonicClock) -> Lead {
        let lease = Lease::new(Arc::clone(view), clock, NAME, LEAD_LIFE);
        let period = lease.period();
        let (telling, told) = watch::channel(lease.leads());
        let lease = Arc::new(Mutex::new(lease));
        tokio::spawn(drive(Arc::downgrade(&lease), telling, view.heard(), period));
        Lead { lease, told }
    }

    /// Whether this handle leads, to be read and waited for.
    pub(crate) fn told(&self) -> watch::Receiver<bool> {
        self.told.clone()
    }

    /// Lets another handle lead at once. A lease that cannot be given back runs out.
    pub(crate) async fn end(&self) {
        if let Err(error) = self.lease.lock().await.release().await {
            tracing::debug!(%error, "the lease of the store's leader is left to run out");
        }
    }
}

async fn drive(
    lease: Weak<Mutex<Lease>>,
    telling: watch::Sender<bool>,
    mut heard: watch::Receiver<Revision>,
    period: Duration,
) {
    loop {
        let Some(lease) = lease.upgrade() else { return };
        let leads = {
            let mut lease = lease.lock().await;
            // A renewal that hangs is given up: what it may have written is this handle's own and is renewed next time.
            match timeout(period, lease.tick()).await {
                Ok(Ok(leads)) => leads,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the lease of the store's leader was not renewed");
                    lease.leads()
                }
                Err(_) => lease.leads(),
            }
        };
        drop(lease);
        telling.send_if_modified(|told| std::mem::replace(told, leads) != leads);
        // Only a closed store ends this.
        if let Ok(Err(_closed)) = timeout(period, heard.wait_for(|_| false)).await {
            return;
        }
    }
}
