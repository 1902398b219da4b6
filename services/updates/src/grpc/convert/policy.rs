//! Update policies, both ways.

use jiff::Timestamp;
use names::{Draft as _, Reason, UpdatePolicyName};
use proto::updates::v1 as wire;
use resource::Parsing;
use rpc::{Violations, mask::Mask};
use store::Etag;

use super::edit_of;
use crate::{
    domain::{
        change::Edit,
        freeze::{Freeze, MAX_FREEZES, MAX_GROUPS, MAX_REASON_CHARS},
        policy::{PolicyDraft, UpdatePolicy},
    },
    service::policies::PolicyView,
};

/// A write of a policy, as far as it can be read.
pub(in crate::grpc) fn policy_edit(
    request: wire::UpdateUpdatePolicyRequest,
    parsing: &mut Parsing,
) -> (Option<UpdatePolicyName>, Edit<PolicyDraft>) {
    let wire::UpdateUpdatePolicyRequest {
        update_policy,
        update_mask,
        validate_only: _,
        request_id: _,
    } = request;
    let problems = &mut parsing.problems;
    let mask = Mask::parse("update_mask", update_mask.as_ref(), PolicyDraft::PATHS, problems);
    let policy = problems.require("update_policy", update_policy).unwrap_or_default();
    let name: Option<UpdatePolicyName> = problems.take("update_policy.name", policy.name.parse());
    parsing.etag("update_policy.etag", &policy.etag);
    let draft = parsing
        .problems
        .within("update_policy", |problems| draft_in(problems, policy, &mask, name.as_ref()));
    (name, edit_of(draft, mask))
}

/// The fields that the mask means; what is wrong with them is noted.
pub(super) fn draft_in(
    problems: &mut Violations,
    policy: wire::UpdatePolicy,
    mask: &Mask,
    name: Option<&UpdatePolicyName>,
) -> PolicyDraft {
    let wire::UpdatePolicy { name: _, version_profile, freezes, etag: _, update_time: _ } = policy;
    let mut draft = PolicyDraft::default();
    if mask.includes("version_profile", !version_profile.is_empty()) && !version_profile.is_empty()
    {
        draft.version_profile = problems.take("version_profile", version_profile.parse());
    }
    if mask.includes("freezes", !freezes.is_empty()) {
        draft.freezes = freezes_in(problems, freezes, name).unwrap_or_default();
    }
    draft
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

pub(in crate::grpc) fn policy(view: PolicyView) -> wire::UpdatePolicy {
    let PolicyView { tenant, policy, etag, update_time } = view;
    let name = UpdatePolicyName { tenant: tenant.tenant }.to_string();
    written_policy(name, policy, etag, update_time)
}

/// What was written, which is all that a policy says.
pub(in crate::grpc) fn written_policy(
    name: String,
    policy: UpdatePolicy,
    etag: Etag,
    update_time: Option<Timestamp>,
) -> wire::UpdatePolicy {
    let UpdatePolicy { version_profile, freezes } = policy;
    wire::UpdatePolicy {
        name,
        version_profile: version_profile.to_string(),
        freezes: freezes.into_iter().map(freeze_out).collect(),
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
