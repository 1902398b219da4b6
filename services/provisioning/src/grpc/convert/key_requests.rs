//! Requests about keys.

use jiff::Timestamp;
use names::{
    AppConnectorGroupName, Draft as _, Id, ProvisioningKeyName, Reason, TenantName, Violations,
};
use proto::provisioning::v1 as pb;
use resource::{Parsing, Write, listing::Listing, order::Order};
use rpc::{
    Failure, Refuse as _,
    access::{Authorised, Caller, Scope},
    mask::Mask,
    page::TokenKey,
    time::from_proto,
};

use super::{KEY_MESSAGE, key_draft, name_within};
use crate::{
    clients::NewGroup,
    domain::key::{KeyDraft, KeySpec, in_the_future},
    service::keys::{Edit, Listed, Wanted},
};

/// Most keys of one BatchGet.
const MAX_BATCH: usize = 100;
/// The field of a key in requests.
const FIELD: &str = "provisioning_key";

/// A key's name.
type Name = Authorised<ProvisioningKeyName>;

pub(crate) fn create_key(
    caller: Caller,
    mut message: pb::CreateProvisioningKeyRequest,
    now: Timestamp,
) -> Result<(Authorised<TenantName>, Wanted, Write), Failure> {
    let mut parsing = Parsing::of(caller, &mut message, now);
    let pb::CreateProvisioningKeyRequest {
        parent,
        provisioning_key_id,
        provisioning_key,
        new_app_connector_group,
        validate_only: _,
        request_id: _,
    } = message;
    let tenant = parsing.name::<TenantName>("parent", &parent);
    let problems = &mut parsing.problems;
    let id = match provisioning_key_id.as_str() {
        "" => None,
        text => problems.take("provisioning_key_id", Id::parse(text)),
    };
    let key = problems.require(FIELD, provisioning_key);
    let spec = key.and_then(|key| spec(key, tenant.as_ref(), now, problems));
    if let (Some(group), Some(spec)) = (&new_app_connector_group, &spec)
        && !group.name.is_empty()
        && group.name != spec.group.to_string()
    {
        let rule = "must be empty or the same as provisioning_key.app_connector_group";
        problems.add("new_app_connector_group.name", Reason::NamesDiffer, rule);
    }
    let (tenant, write) = parsing.write(tenant)?;
    let spec = spec.ok_or_else(|| Failure::defect("a spec that is not there has no problem"))?;
    let new_group = new_app_connector_group.map(NewGroup);
    Ok((tenant, Wanted { id, spec, new_group }, write))
}

/// The spec of a key to be made.
pub(in crate::grpc) fn spec(
    key: pb::ProvisioningKey,
    tenant: Option<&TenantName>,
    now: Timestamp,
    problems: &mut Violations,
) -> Option<KeySpec> {
    let (spec, end) = problems.within(FIELD, |problems| {
        let (draft, group) = key_draft(key, problems);
        let group = problems.take("app_connector_group", group.parse::<AppConnectorGroupName>());
        if let (Some(group), Some(tenant)) = (&group, tenant)
            && group.tenant() != *tenant
        {
            let rule = format!("must be below {tenant}");
            problems.add("app_connector_group", Reason::ForeignTenant, rule);
        }
        (KeySpec::check(&draft, group, problems), draft.expire_time)
    });
    add_past_end(end, now, problems);
    spec
}

/// A request that is refused anyway is told of an end in the past as well. By itself that is for the use case to say:
/// a repeat of a request is answered though its end has come meanwhile.
fn add_past_end(end: Option<Timestamp>, now: Timestamp, problems: &mut Violations) {
    let past = end.is_some_and(|end| end <= now);
    if past && !problems.is_empty() {
        problems.add("provisioning_key.expire_time", Reason::InThePast, in_the_future(now));
    }
}

pub(crate) fn get_key(
    caller: &Caller,
    message: &pb::GetProvisioningKeyRequest,
) -> Result<(Name, Option<Timestamp>), Failure> {
    let pb::GetProvisioningKeyRequest { name, read_time } = message;
    let mut problems = Violations::new();
    let name = problems.take("name", name.parse::<ProvisioningKeyName>());
    let time = from_proto("read_time", read_time.as_ref(), &mut problems);
    Ok((caller.authorise_name(problems.finish_with(|| name)?)?, time))
}

pub(crate) fn batch_get_keys(
    caller: &Caller,
    message: &pb::BatchGetProvisioningKeysRequest,
) -> Result<Vec<Name>, Failure> {
    let pb::BatchGetProvisioningKeysRequest { parent, names } = message;
    let scope = caller.authorise_scope(parent)?;
    let mut problems = Violations::new();
    if names.is_empty() || names.len() > MAX_BATCH {
        let rule = format!("1 to {MAX_BATCH} names; split a longer list");
        problems.add("names", Reason::OutOfRange, rule);
    }
    let mut parsed: Vec<ProvisioningKeyName> = Vec::with_capacity(names.len().min(MAX_BATCH));
    for (at, name) in names.iter().enumerate() {
        parsed.extend(name_within(&scope, &format!("names[{at}]"), name, &mut problems));
    }
    problems.finish()?;
    parsed.into_iter().map(|name| caller.authorise_name(name)).collect()
}

pub(crate) fn list_keys(
    caller: &Caller,
    message: &pb::ListProvisioningKeysRequest,
    tokens: &TokenKey,
) -> Result<(Listed, Listing), Failure> {
    let scope = caller.authorise_scope(&message.parent)?;
    let mut problems = Violations::new();
    let group: Option<AppConnectorGroupName> = match message.app_connector_group.as_str() {
        "" => None,
        text => name_within(&scope, "app_connector_group", text, &mut problems),
    };
    if message.read_time.is_some() && matches!(*scope, Scope::All) && group.is_none() {
        let fix = "a list as of a time is of one tenant; name it as `parent`, or leave read_time";
        problems.add("read_time", Reason::NotAllowed, fix);
    }
    let (of, extra) = ((KEY_MESSAGE, Order::FIELDS), [message.app_connector_group.as_str()]);
    let listing = Listing::parse(caller.method(), message, of, &extra, tokens, problems)?;
    let listed = match group {
        Some(group) => Listed::Of(caller.authorise_name(group)?),
        None => Listed::In(scope),
    };
    Ok((listed, listing))
}

pub(crate) fn update_key(
    caller: Caller,
    mut message: pb::UpdateProvisioningKeyRequest,
    now: Timestamp,
) -> Result<(Name, Edit, Write), Failure> {
    let mut parsing = Parsing::of(caller, &mut message, now);
    let pb::UpdateProvisioningKeyRequest {
        provisioning_key,
        update_mask,
        validate_only: _,
        request_id: _,
    } = message;
    let problems = &mut parsing.problems;
    let mask = Mask::parse("update_mask", update_mask.as_ref(), KeyDraft::PATHS, problems);
    let key = problems.require(FIELD, provisioning_key).unwrap_or_default();
    let name = match key.name.as_str() {
        "" if !parsing.problems.is_empty() => None,
        text => parsing.name::<ProvisioningKeyName>("provisioning_key.name", text),
    };
    parsing.etag("provisioning_key.etag", &key.etag);
    let problems = &mut parsing.problems;
    let (draft, _group) = problems.within(FIELD, |problems| key_draft(key, problems));
    let paths = match mask {
        Mask::Populated => draft.non_default_paths(),
        Mask::Paths(paths) => paths.into_iter().collect(),
    };
    let end = draft.expire_time.filter(|_| paths.contains(&"expire_time"));
    let edit = Edit { draft, paths };
    edit.check_sent(problems);
    add_past_end(end, now, problems);
    let (name, write) = parsing.write(name)?;
    Ok((name, edit, write))
}

pub(crate) fn delete_key(
    caller: Caller,
    mut message: pb::DeleteProvisioningKeyRequest,
    now: Timestamp,
) -> Result<(Name, bool, Write), Failure> {
    let mut parsing = Parsing::of(caller, &mut message, now);
    let pb::DeleteProvisioningKeyRequest {
        name,
        etag,
        allow_missing,
        request_id: _,
        validate_only: _,
    } = message;
    let name = parsing.name::<ProvisioningKeyName>("name", &name);
    parsing.etag("etag", &etag);
    let (name, write) = parsing.write(name)?;
    Ok((name, allow_missing, write))
}
