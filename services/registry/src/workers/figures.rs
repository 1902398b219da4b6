//! Brings up to date the metrics that are counted and not added up.

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::Timestamp;
use runtime::worker::{Next, Worker};

use crate::service::Registry;

/// How often: each time a metrics server of the usual kind looks.
pub(crate) const FIGURES_PERIOD: Duration = Duration::from_secs(60);

/// The worker. Every process has its own figures, so it works whoever leads.
#[derive(Debug)]
pub(crate) struct Figures(pub(crate) Arc<Registry>);

impl Worker for Figures {
    const NAME: &'static str = "figures";
    type Error = Infallible;

    async fn tick(&mut self, _now: Timestamp) -> Result<Next, Infallible> {
        self.0.show_figures();
        Ok(Next::Idle)
    }
}
