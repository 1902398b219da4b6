//! What comes of a question.

use std::{sync::Arc, time::Duration};

use names::{AppConnectorGroupName, AppConnectorName, ApplicationSegmentName};

use super::{hysteresis::Hold, priority::Fallen};
use crate::domain::{
    candidates::{assess::Assessed, verdict::Reason},
    matching::host::Domain,
    question::location::{ClientLocation, LocationSource},
};

/// Life of an answer without a path: the chain may be mended any moment.
pub(super) const TTL_WITHOUT_PATH: Duration = Duration::from_secs(5);

/// How much an answer rests on full knowledge, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degradation {
    /// On all of it.
    None,
    /// Something was estimated or assumed that is known when all is well.
    Reduced,
    /// The configuration may have changed since.
    StaleConfiguration,
    /// A policy let an unhealthy candidate through.
    Unhealthy,
}

/// One connector in an answer.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub connector: AppConnectorName,
    /// Its group.
    pub group: AppConnectorGroupName,
    /// What fails together with it.
    pub failure_domain: Arc<str>,
    /// Its numbers and verdict.
    pub assessed: Assessed,
}

/// Candidates in order.
#[derive(Clone, Debug)]
pub struct Path {
    /// Best first, at least one.
    pub ranked: Vec<Candidate>,
    /// The earlier choice was kept although another is slightly better.
    pub kept_previous: bool,
    /// Whether the first candidate is another than before.
    pub is_new: bool,
    /// What to remember for the client.
    pub hold: Hold,
    /// How much it rests on full knowledge.
    pub degradation: Degradation,
}

/// What an answer implies for the answers after it. The caller applies it for a question that a client asked, and not for
/// one that is only explained or simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// Position of the segment whose application was asked for: it is in use from now on.
    pub segment: u32,
    /// Position, among the candidates of that segment, of the connector that begins to carry the client: one more
    /// session until its next report. `None`: no path, or the connector of before.
    pub grant: Option<u32>,
    /// Priorities of that segment that have fallen, to be remembered.
    pub fallen: Fallen,
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Candidates, or the first broken link of the chain.
    pub outcome: Result<Path, Reason>,
    /// The segment that matched.
    pub segment: Option<ApplicationSegmentName>,
    /// Its domain that matched.
    pub domain: Option<Domain>,
    /// Segments that name the host and not the port.
    pub passed_over: Vec<ApplicationSegmentName>,
    /// The place used for the client.
    pub location: ClientLocation,
    /// Every connector of the chain. Only for Explain.
    pub considered: Vec<Candidate>,
    /// How long the answer may be used.
    pub ttl: Duration,
    /// What it implies; `None`: nothing, since the question led to no candidates.
    pub effects: Option<Effects>,
}

impl Answer {
    /// An answer that is no path.
    #[must_use]
    pub fn without(reason: Reason, location: ClientLocation) -> Self {
        Self {
            outcome: Err(reason),
            segment: None,
            domain: None,
            passed_over: Vec::new(),
            location,
            considered: Vec::new(),
            ttl: TTL_WITHOUT_PATH,
            effects: None,
        }
    }

    /// The word for the answer: why there is no path, or what makes it less good.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match &self.outcome {
            Err(reason) => Some(*reason),
            Ok(_) if self.location.source == LocationSource::Unknown => {
                Some(Reason::ClientLocationUnknown)
            }
            Ok(_) => None,
        }
    }
}
