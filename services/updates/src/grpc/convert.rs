//! Between the wire and the domain: every message is taken apart in full here.

#[cfg(test)]
mod fuzz;
mod policy;
mod profile;
mod read;
mod schedule;
mod window;

pub(super) use policy::{policy, policy_name, update_policy_request};
pub(super) use profile::{list_profiles_request, profile, profile_name};
pub(super) use read::{batch_request, preview_request, schedule_name};
pub(super) use schedule::{preview, schedule, update_schedule_request};

use std::{fmt::Display, str::FromStr};

use rpc::{Failure, Refuse as _, Violations};

/// Reads the one field of a request that names its resource.
fn only_name<T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: FromStr,
    T::Err: Display,
{
    let mut violations = Violations::new();
    let name = violations.take(field, text.parse());
    violations.finish_with(|| name)
}
