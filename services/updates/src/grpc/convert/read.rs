//! Requests that change nothing.

use jiff::{civil::date, tz::TimeZone};
use names::{Reason, TenantName, UpdateScheduleName};
use proto::updates::v1 as wire;
use rpc::{Failure, Refuse as _, Violations};

use super::{schedule::zone_in, window::windows_in};
use crate::service::schedules::{PreviewQuery, Proposal};

/// Most schedules in one batch: a page of the console, with room.
const MAX_BATCH: usize = 1_000;
/// Windows in a preview when the request does not say how many: a month of the default schedule, and one.
const DEFAULT_PREVIEW: usize = 5;
/// Most windows in one preview: a year of two windows a week.
const MAX_PREVIEW: usize = 100;
/// First and last year in which a preview may begin: rules of time zones say little outside of them.
const PREVIEW_YEARS: std::ops::RangeInclusive<i16> = 1970..=2200;

/// The tenant and the schedules of a batch.
pub(in crate::grpc) fn batch_request(
    request: wire::BatchGetUpdateSchedulesRequest,
) -> Result<(TenantName, Vec<UpdateScheduleName>), Failure> {
    let wire::BatchGetUpdateSchedulesRequest { parent, names } = request;
    let mut violations = Violations::new();
    let tenant: Option<TenantName> = violations.take("parent", parent.parse());
    if !(1..=MAX_BATCH).contains(&names.len()) {
        violations.add("names", Reason::OutOfRange, format!("must be 1 to {MAX_BATCH} names"));
    }
    let mut schedules = Vec::with_capacity(names.len().min(MAX_BATCH));
    for (index, name) in names.iter().take(MAX_BATCH).enumerate() {
        let field = format!("names[{index}]");
        let Some(name) = violations.take::<UpdateScheduleName, _>(&field, name.parse()) else {
            continue;
        };
        if tenant.as_ref().is_some_and(|tenant| name.tenant() != *tenant) {
            violations.add(&field, Reason::Malformed, format!("must be below parent `{parent}`"));
        }
        schedules.push(name);
    }
    violations.finish_with(|| Some((tenant?, schedules)))
}

/// The schedule and what is asked of it.
pub(in crate::grpc) fn preview_request(
    request: wire::PreviewWindowsRequest,
) -> Result<(UpdateScheduleName, PreviewQuery), Failure> {
    let wire::PreviewWindowsRequest { name, count, start_time, draft } = request;
    let mut violations = Violations::new();
    let name = violations.take("name", name.parse());
    let count = match usize::try_from(count) {
        Ok(0) => Some(DEFAULT_PREVIEW),
        Ok(count) if count <= MAX_PREVIEW => Some(count),
        _ => {
            violations.add("count", Reason::OutOfRange, format!("must be 0 to {MAX_PREVIEW}"));
            None
        }
    };
    let from = rpc::time::from_proto("start_time", start_time.as_ref(), &mut violations);
    if from.is_some_and(|from| !PREVIEW_YEARS.contains(&TimeZone::UTC.to_datetime(from).year())) {
        let (first, last) =
            (date(*PREVIEW_YEARS.start(), 1, 1), date(*PREVIEW_YEARS.end(), 12, 31));
        violations.add("start_time", Reason::OutOfRange, format!("must be from {first} to {last}"));
    }
    let proposal = draft.map(|draft| {
        violations.within("draft", |violations| {
            let time_zone = zone_in(violations, &draft.time_zone);
            let windows = windows_in(violations, draft.windows);
            Some(Proposal { windows: windows?, time_zone: time_zone? })
        })
    });
    violations.finish_with(|| {
        let proposal = match proposal {
            Some(proposal) => Some(proposal?),
            None => None,
        };
        Some((name?, PreviewQuery { proposal, count: count?, from }))
    })
}
