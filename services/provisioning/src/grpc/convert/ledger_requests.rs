//! Requests about the ledger.

use names::{EnrolmentName, ProvisioningKeyName, Violations};
use proto::provisioning::v1 as pb;
use resource::listing::Listing;
use rpc::{
    Failure, Refuse as _,
    access::{Authorised, Caller},
    page::TokenKey,
};

use super::name_within;
use crate::service::ledger::Lines;

/// The full name of an enrolment's message, and what a list of them can be ordered by.
const OF: (&str, &[&str]) =
    ("causeway.provisioning.v1.Enrolment", &["name", "create_time", "update_time"]);

pub(crate) fn get_enrolment(
    caller: &Caller,
    message: &pb::GetEnrolmentRequest,
) -> Result<Authorised<EnrolmentName>, Failure> {
    let pb::GetEnrolmentRequest { name } = message;
    let mut problems = Violations::new();
    let name = problems.take("name", name.parse::<EnrolmentName>());
    caller.authorise_name(problems.finish_with(|| name)?)
}

pub(crate) fn list_enrolments(
    caller: &Caller,
    message: &pb::ListEnrolmentsRequest,
    tokens: &TokenKey,
) -> Result<(Lines, Listing), Failure> {
    let scope = caller.authorise_scope(&message.parent)?;
    let mut problems = Violations::new();
    let key: Option<ProvisioningKeyName> = match message.provisioning_key.as_str() {
        "" => None,
        text => name_within(&scope, "provisioning_key", text, &mut problems),
    };
    let extra = [message.provisioning_key.as_str()];
    let listing = Listing::parse(caller.method(), message, OF, &extra, tokens, problems)?;
    let lines = match key {
        Some(key) => Lines::Of(caller.authorise_name(key)?),
        None => Lines::In(scope),
    };
    Ok((lines, listing))
}
