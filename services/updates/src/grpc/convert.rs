//! Between the wire and the domain: every message is taken apart in full here.

#[cfg(test)]
mod fuzz;
mod policy;
mod profile;
mod read;
mod schedule;
mod window;

pub(super) use policy::{policy, policy_edit, written_policy};
pub(super) use profile::profile;
pub(super) use read::{batch_request, preview_request};
pub(super) use schedule::{preview, schedule, schedule_edit, written_schedule};

use std::{fmt::Display, str::FromStr};

use names::Draft;
use rpc::{Failure, Refuse as _, Violations, mask::Mask};

use crate::domain::change::Edit;

/// Reads the one field of a request that names its resource.
pub(super) fn only_name<T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: FromStr,
    T::Err: Display,
{
    let mut violations = Violations::new();
    let name = violations.take(field, text.parse());
    violations.finish_with(|| name)
}

/// The change that a mask means; without one, of every field that was sent.
fn edit_of<D: Draft>(draft: D, mask: Mask) -> Edit<D> {
    let paths = match mask {
        Mask::Populated => draft.non_default_paths(),
        Mask::Paths(paths) => paths.into_iter().collect(),
    };
    Edit { draft, paths }
}
