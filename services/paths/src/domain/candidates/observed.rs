//! What is known of one candidate at the moment of a question.

use crate::domain::{probing::reading::Reading, reporting::numbers::ConnectorNumbers};

/// What is known of one member of a block when it is asked for one host and port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// What it reports of itself.
    pub connector: ConnectorNumbers,
    /// What its checks of the application say: the best of its targets.
    pub application: Reading,
    /// It has targets, and none of them is in its group's families.
    pub is_wrong_family: bool,
}
