//! Update policies, both ways.

use names::{Reason, UpdatePolicyName};
use proto::updates::v1 as wire;
use rpc::{Failure, Refuse as _, Violations, access::Caller, mask::Mask};

use super::{only_name, schedule::etag_in};
use crate::{
    domain::freeze::{Freeze, MAX_FREEZES, MAX_GROUPS, MAX_REASON_CHARS},
    domain::profile,
    grpc::request_id,
    service::{
        policies::{PolicyAnswer, PolicyChange},
        schedules::WriteOptions,
    },
};

/// What an update may name in its mask.
pub(super) const PATHS: &[&str] = &["version_profile", "freezes"];

pub(in crate::grpc) fn policy_name(name: String) -> Result<UpdatePolicyName, Failure> {
    only_name("name", &name)
}

/// A write of a policy.
pub(in crate::grpc) struct UpdateAsk {
    pub(in crate::grpc) name: UpdatePolicyName,
    pub(in crate::grpc) change: PolicyChange,
    pub(in crate::grpc) options: WriteOptions,
}

pub(in crate::grpc) fn update_policy_request(
    mut request: wire::UpdateUpdatePolicyRequest,
    caller: &Caller,
) -> Result<UpdateAsk, Failure> {
    let mut violations = Violations::new();
    let id = std::mem::take(&mut request.request_id);
    let repeat = request_id::parse(&mut violations, "UpdateUpdatePolicy", caller, &id, &request);
    let wire::UpdateUpdatePolicyRequest {
        update_policy,
        update_mask,
        validate_only,
        request_id: _,
    } = request;
    let mask = Mask::parse("update_mask", update_mask.as_ref(), PATHS, &mut violations);
    let policy = violations.require("update_policy", update_policy).unwrap_or_default();
    let (name, etag, change) = violations.within("update_policy", |violations| {
        let name: Option<UpdatePolicyName> = violations.take("name", policy.name.parse());
        let etag = etag_in(violations, &policy.etag);
        let change = change_in(violations, policy, &mask, name.as_ref());
        (name, etag, change)
    });
    violations.finish_with(|| {
        let options = WriteOptions { etag, validate_only, request: repeat };
        Some(UpdateAsk { name: name?, change, options })
    })
}

pub(super) fn change_in(
    violations: &mut Violations,
    policy: wire::UpdatePolicy,
    mask: &Mask,
    name: Option<&UpdatePolicyName>,
) -> PolicyChange {
    let wire::UpdatePolicy { name: _, version_profile, freezes, etag: _, update_time: _ } = policy;
    let mut change = PolicyChange::default();
    if mask.includes("version_profile", !version_profile.is_empty()) {
        change.version_profile = if version_profile.is_empty() {
            Some(profile::default_name())
        } else {
            violations.take("version_profile", version_profile.parse())
        };
    }
    if mask.includes("freezes", !freezes.is_empty()) {
        change.freezes = freezes_in(violations, freezes, name);
    }
    change
}

fn freezes_in(
    violations: &mut Violations,
    freezes: Vec<wire::Freeze>,
    name: Option<&UpdatePolicyName>,
) -> Option<Vec<Freeze>> {
    if freezes.len() > MAX_FREEZES {
        let rule = format!("at most {MAX_FREEZES}; drop those that are over");
        violations.add("freezes", Reason::OutOfRange, rule);
        return None;
    }
    let read = freezes.into_iter().enumerate().map(|(index, freeze)| {
        let field = format!("freezes[{index}]");
        violations.within(&field, |violations| freeze_in(violations, freeze, name))
    });
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

fn freeze_in(
    violations: &mut Violations,
    freeze: wire::Freeze,
    name: Option<&UpdatePolicyName>,
) -> Option<Freeze> {
    let wire::Freeze { start_time, end_time, reason, app_connector_groups } = freeze;
    let before = violations.len();
    let mut instant = |field, time: Option<prost_types::Timestamp>| {
        let time = violations.require(field, time);
        rpc::time::from_proto(field, time.as_ref(), violations)
    };
    let (start, end) = (instant("start_time", start_time), instant("end_time", end_time));
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        violations.add("end_time", Reason::OutOfRange, "must be later than start_time");
    }
    if !(1..=MAX_REASON_CHARS).contains(&reason.chars().count()) {
        let rule = format!("must be 1 to {MAX_REASON_CHARS} characters");
        violations.add("reason", Reason::Required, rule);
    }
    if app_connector_groups.len() > MAX_GROUPS {
        let rule = format!("at most {MAX_GROUPS} groups; none means all of the tenant");
        violations.add("app_connector_groups", Reason::OutOfRange, rule);
    }
    let mut groups = Vec::new();
    for (index, group) in app_connector_groups.iter().take(MAX_GROUPS).enumerate() {
        let field = format!("app_connector_groups[{index}]");
        let group: Option<names::AppConnectorGroupName> = violations.take(&field, group.parse());
        if let (Some(group), Some(name)) = (&group, name)
            && group.tenant() != name.tenant()
        {
            violations.add(
                &field,
                Reason::Malformed,
                format!("must be a group of `{}`", name.tenant()),
            );
        }
        groups.extend(group);
    }
    (violations.len() == before).then_some(Freeze { start: start?, end: end?, reason, groups })
}

pub(in crate::grpc) fn policy(answer: PolicyAnswer) -> wire::UpdatePolicy {
    let PolicyAnswer { tenant, policy, etag, update_time } = answer;
    wire::UpdatePolicy {
        name: UpdatePolicyName { tenant: tenant.tenant }.to_string(),
        version_profile: policy.version_profile.to_string(),
        freezes: policy.freezes.into_iter().map(freeze_out).collect(),
        etag: etag.to_string(),
        update_time: update_time.map(rpc::time::to_proto),
    }
}

fn freeze_out(freeze: Freeze) -> wire::Freeze {
    let Freeze { start, end, reason, groups } = freeze;
    wire::Freeze {
        start_time: Some(rpc::time::to_proto(start)),
        end_time: Some(rpc::time::to_proto(end)),
        reason,
        app_connector_groups: groups.iter().map(ToString::to_string).collect(),
    }
}
