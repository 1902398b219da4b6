//! A question with everything beside the tenant that its answer depends on.

use super::{location::ClientLocation, moment::Moment, query::Query};
use crate::domain::choice::hysteresis::Hold;

/// A question with everything beside the tenant that its answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What the caller says.
    pub query: &'a Query,
    /// Where the client is.
    pub location: ClientLocation,
    /// The earlier choice that the client sent back.
    pub previous: Option<&'a Hold>,
    /// When it is answered, and under which settings.
    pub moment: &'a Moment,
}
