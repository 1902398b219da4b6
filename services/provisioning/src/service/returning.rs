//! The way back: enrolments that registry gave up, and their uses, for all that wait at one key.
//!
//! Always holds: a use comes back in the commit that abandons its enrolment, and only if that is still as it was when it was
//! given up; whoever finished it meanwhile has said the last word.
//!
//! ## Design notes
//! A whole fleet may meet a disabled group or a suspended tenant at once. Each of its uses comes back, and alone each would race all the
//! others for the count.

use std::collections::BTreeSet;

use jiff::Timestamp;
use resource::Fault;
use uuid::Uuid;

use super::folding::Fold;
use crate::{
    domain::enrolment::Enrolment,
    error::Error,
    store::{Found, MAX_RETURNED, Rows},
};

/// An enrolment to be given up.
#[derive(Debug)]
pub(crate) struct GivenUp {
    /// RESERVED, as it was read.
    pub(crate) enrolment: Found<Enrolment>,
    /// ABANDONED.
    pub(crate) abandoned: Enrolment,
    pub(crate) now: Timestamp,
}

/// Gives uses back.
#[derive(Clone, Debug)]
pub(crate) struct Returning {
    pub(crate) rows: Rows,
}

impl Fold for Returning {
    type Asked = GivenUp;
    /// It is given up, or somebody else has ended it.
    type Done = ();
    const MOST: usize = MAX_RETURNED;

    async fn pass(
        &self,
        _: Uuid,
        asked: &[GivenUp],
        told: &mut [Option<Result<(), Error>>],
    ) -> Result<bool, Fault> {
        let Some(first) = asked.first() else { return Ok(true) };
        let mut giving = self.rows.begin_return(&first.abandoned, first.now).await?;
        let (mut names, mut given_up) = (BTreeSet::new(), Vec::new());
        for (one, told) in asked.iter().zip(told).filter(|(_, told)| told.is_none()) {
            let name = &one.abandoned.name;
            let current = self.rows.enrolment(name, ::store::At::Published).await?;
            if current.is_none_or(|current| current.revision != one.enrolment.revision) {
                *told = Some(Ok(()));
            } else if giving.has_room() && names.insert(name.to_string()) {
                giving.add(&one.enrolment, &one.abandoned)?;
                given_up.push(told);
            }
        }
        if given_up.is_empty() {
            return Ok(true);
        }
        if self.rows.give_back(giving).await?.is_err() {
            return Ok(false);
        }
        given_up.into_iter().for_each(|told| *told = Some(Ok(())));
        Ok(true)
    }
}
