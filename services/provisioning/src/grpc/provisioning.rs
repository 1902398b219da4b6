//! ProvisioningService: keys, ledger and certificates.

use std::sync::Arc;

use ::store::Epoch;
use jiff::Timestamp;
use names::{
    AppConnectorGroupName, CertificateAuthorityName, Id, ProvisioningKeyName, Reason, TenantName,
};
use proto::{
    provisioning::v1::{self as pb, provisioning_service_server::ProvisioningService},
    r#type::v1::ServerInfo,
};
use rpc::{
    Refuse as _, Violations,
    access::{ALL_TENANTS, Authorised, Caller, Scope, caller},
    mask::Mask,
    page::{QueryFingerprint, TokenKey},
    time::{from_proto, to_proto},
};
use runtime::{Clock, about::About, follow::Siblings};
use tonic::{Request, Response, Status};

use super::{
    accept_snapshot,
    backup::{self, BackupStream},
    convert::{self, UPDATABLE},
    requests::{Paging, change, idempotency, only_by_name},
    watch::{WatchStream, Watches},
};
use crate::{
    clients::NewGroup,
    domain::key::in_the_future,
    error::Error,
    metrics::Metrics,
    service::{
        authorities::Authorities,
        keys::{Change, Keys, Wanted},
        ledger::Ledger,
        renewal::Renewal,
    },
    store::{KeyRow, Records},
};

/// Most keys of one BatchGet.
const MAX_BATCH: usize = 100;

/// The handlers and what they call.
#[derive(Clone)]
pub(crate) struct ProvisioningHandlers {
    pub(crate) records: Records,
    pub(crate) keys: Arc<Keys>,
    pub(crate) ledger: Ledger,
    pub(crate) authorities: Authorities,
    pub(crate) renewal: Renewal,
    pub(crate) watches: Watches,
    pub(crate) siblings: Siblings,
    pub(crate) tokens: TokenKey,
    pub(crate) metrics: Metrics,
    pub(crate) about: About,
    pub(crate) clock: Clock,
}

type Answer<T> = Result<Response<T>, Status>;

impl ProvisioningHandlers {
    fn epoch(&self) -> Epoch {
        self.records.epoch()
    }

    fn rendered(&self, row: KeyRow) -> Response<pb::ProvisioningKey> {
        Response::new(convert::key(row, self.epoch(), self.clock.now()))
    }
}

#[tonic::async_trait]
impl ProvisioningService for ProvisioningHandlers {
    async fn create_provisioning_key(
        &self,
        request: Request<pb::CreateProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let caller = caller(&request)?;
        let now = self.clock.now();
        let (tenant, wanted) = parse_create(&caller, request.into_inner(), now)?;
        let (row, issued) = self.keys.create(tenant, wanted, now).await?;
        tracing::info!(caller = caller.audit_name(), provisioning_key = %row.key.value.name, "key created");
        Ok(Response::new(convert::key_with_secret(row, issued, self.epoch(), now)))
    }

    async fn get_provisioning_key(
        &self,
        request: Request<pb::GetProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let caller = caller(&request)?;
        let pb::GetProvisioningKeyRequest { name, read_time: _ } = request.into_inner();
        let name: ProvisioningKeyName = required_name("name", &name)?;
        let row = self.keys.get(caller.authorise(&name.tenant())?, &name).await?;
        Ok(self.rendered(row))
    }

    async fn batch_get_provisioning_keys(
        &self,
        request: Request<pb::BatchGetProvisioningKeysRequest>,
    ) -> Answer<pb::BatchGetProvisioningKeysResponse> {
        let caller = caller(&request)?;
        let (scope, names) = parse_batch_get(&caller, &request.into_inner())?;
        let rows = self.keys.batch_get(scope, &names).await?;
        let now = self.clock.now();
        let keys = rows.into_iter().map(|row| convert::key(row, self.epoch(), now));
        let provisioning_keys = keys.collect();
        Ok(Response::new(pb::BatchGetProvisioningKeysResponse { provisioning_keys }))
    }

    async fn list_provisioning_keys(
        &self,
        request: Request<pb::ListProvisioningKeysRequest>,
    ) -> Answer<pb::ListProvisioningKeysResponse> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (group, paging) = parse_list_keys(&request, &self.tokens)?;
        let scope = caller.authorise_scope(&request.parent)?;
        let page = self.keys.list(&scope, group, request.show_deleted, paging.page()).await?;
        let next_page_token = paging.next(&page);
        let now = self.clock.now();
        let keys = page.items.into_iter().map(|row| convert::key(row, self.epoch(), now));
        let provisioning_keys = keys.collect();
        Ok(Response::new(pb::ListProvisioningKeysResponse {
            provisioning_keys,
            next_page_token,
            total_size: None,
        }))
    }

    async fn update_provisioning_key(
        &self,
        request: Request<pb::UpdateProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let caller = caller(&request)?;
        let now = self.clock.now();
        let (name, patch, change) = parse_update(&caller, request.into_inner(), now)?;
        let tenant = caller.authorise(&name.tenant())?;
        let row = self.keys.update(tenant, &name, patch, change, now).await?;
        tracing::info!(caller = caller.audit_name(), provisioning_key = %name, "key updated");
        Ok(self.rendered(row))
    }

    async fn delete_provisioning_key(
        &self,
        request: Request<pb::DeleteProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        let caller = caller(&request)?;
        let (name, allow_missing, change) = parse_delete(&caller, request.into_inner())?;
        let tenant = caller.authorise(&name.tenant())?;
        match self.keys.delete(tenant, &name, change, self.clock.now()).await {
            Err(Error::NotFound { .. }) if allow_missing => {
                Ok(Response::new(pb::ProvisioningKey::default()))
            }
            done => {
                let row = done?;
                tracing::info!(caller = caller.audit_name(), provisioning_key = %name, "key deleted");
                Ok(self.rendered(row))
            }
        }
    }

    async fn get_enrolment(
        &self,
        request: Request<pb::GetEnrolmentRequest>,
    ) -> Answer<pb::Enrolment> {
        let caller = caller(&request)?;
        let pb::GetEnrolmentRequest { name } = request.into_inner();
        let name: names::EnrolmentName = required_name("name", &name)?;
        let found = self.ledger.get(caller.authorise(&name.tenant())?, &name).await?;
        Ok(Response::new(convert::enrolment(found)))
    }

    async fn list_enrolments(
        &self,
        request: Request<pb::ListEnrolmentsRequest>,
    ) -> Answer<pb::ListEnrolmentsResponse> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (key, paging) = parse_list_enrolments(&request, &self.tokens)?;
        let scope = caller.authorise_scope(&request.parent)?;
        let page = self.ledger.list(&scope, key.as_ref(), paging.page()).await?;
        let next_page_token = paging.next(&page);
        let enrolments = page.items.into_iter().map(convert::enrolment).collect();
        Ok(Response::new(pb::ListEnrolmentsResponse { enrolments, next_page_token }))
    }

    async fn get_certificate_authority(
        &self,
        request: Request<pb::GetCertificateAuthorityRequest>,
    ) -> Answer<pb::CertificateAuthority> {
        let caller = caller(&request)?;
        let pb::GetCertificateAuthorityRequest { name } = request.into_inner();
        let name: CertificateAuthorityName = required_name("name", &name)?;
        let found = self.authorities.get(caller.authorise(&name.tenant())?).await?;
        let trust_domain = self.authorities.trust_domain().as_str();
        Ok(Response::new(convert::authority(found, trust_domain, self.epoch())))
    }

    async fn renew_certificate(
        &self,
        request: Request<pb::RenewCertificateRequest>,
    ) -> Answer<pb::RenewCertificateResponse> {
        let caller = caller(&request)?;
        let connector = caller.connector()?;
        let pb::RenewCertificateRequest { csr, client_time } = request.into_inner();
        let mut v = Violations::new();
        if csr.is_empty() {
            v.add("csr", Reason::Required, "`csr` must be set: a PKCS #10 request, DER");
        }
        let client_time = from_proto("client_time", client_time.as_ref(), &mut v);
        v.finish()?;
        let now = self.clock.now();
        let renewed = self.renewal.renew(connector, &csr, client_time, now).await;
        self.metrics.renewal(match &renewed {
            Ok(_) => "RENEWED",
            Err(Error::Refused(refusal)) => refusal.reason().word(),
            Err(_) => "ERROR",
        });
        Ok(Response::new(pb::RenewCertificateResponse {
            certificates: Some(convert::certificates(renewed?)),
            server_time: Some(to_proto(now)),
        }))
    }

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Answer<WatchStream> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let scope = caller.authorise_scope(&request.parent)?;
        let stream = self.watches.open(caller, &scope, &request).await?;
        Ok(Response::new(stream))
    }

    async fn backup(&self, request: Request<pb::BackupRequest>) -> Answer<BackupStream> {
        let caller = caller(&request)?;
        let _system = caller.authorise_system()?;
        tracing::info!(caller = caller.audit_name(), "a backup is being made");
        Ok(Response::new(backup::stream(self.records.store()).await?))
    }

    async fn accept_snapshot(
        &self,
        request: Request<pb::AcceptSnapshotRequest>,
    ) -> Answer<pb::AcceptSnapshotResponse> {
        let caller = caller(&request)?;
        let answer = accept_snapshot::accept(&self.siblings, &caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_server_info(
        &self,
        request: Request<pb::GetServerInfoRequest>,
    ) -> Answer<ServerInfo> {
        let _allowed = caller(&request)?.authorise_global();
        let revision = self.records.published();
        Ok(Response::new(convert::server_info(&self.about, self.epoch(), revision)))
    }
}

fn required_name<N>(field: &str, text: &str) -> Result<N, rpc::Failure>
where
    N: std::str::FromStr,
    N::Err: std::fmt::Display,
{
    let mut v = Violations::new();
    let name = v.take(field, text.parse::<N>());
    v.finish_with(|| name)
}

fn parse_create(
    caller: &Caller,
    mut request: pb::CreateProvisioningKeyRequest,
    now: Timestamp,
) -> Result<(Authorised<TenantName>, Wanted), rpc::Failure> {
    let mut v = Violations::new();
    let request_id = std::mem::take(&mut request.request_id);
    let id_request = idempotency("CreateProvisioningKey", caller, &request_id, &request, &mut v);
    let pb::CreateProvisioningKeyRequest {
        parent,
        provisioning_key_id,
        provisioning_key,
        validate_only,
        request_id: _,
        new_app_connector_group,
    } = request;
    let tenant = v.take("parent", parent.parse::<TenantName>());
    let id = match provisioning_key_id.as_str() {
        "" => None,
        text => v.take("provisioning_key_id", Id::parse(text)),
    };
    let key = v.require("provisioning_key", provisioning_key);
    let end = key.as_ref().and_then(end_of);
    let spec = key.and_then(|key| {
        v.within("provisioning_key", |v| convert::key_spec(key, tenant.as_ref(), v))
    });
    if let (Some(group), Some(spec)) = (&new_app_connector_group, &spec)
        && !group.name.is_empty()
        && group.name != spec.group.to_string()
    {
        let rule = "must be empty or the same as provisioning_key.app_connector_group";
        v.add("new_app_connector_group.name", Reason::NamesDiffer, rule);
    }
    add_past_end(end, now, &mut v);
    let (tenant, spec) = v.finish_with(|| Some((tenant?, spec?)))?;
    let new_group = new_app_connector_group.map(NewGroup);
    let wanted = Wanted { id, spec, new_group, validate_only, request: id_request };
    Ok((caller.authorise(&tenant)?, wanted))
}

fn parse_batch_get(
    caller: &Caller,
    request: &pb::BatchGetProvisioningKeysRequest,
) -> Result<(Authorised<Scope>, Vec<ProvisioningKeyName>), rpc::Failure> {
    let pb::BatchGetProvisioningKeysRequest { parent, names } = request;
    let mut v = Violations::new();
    if names.is_empty() || names.len() > MAX_BATCH {
        let rule = format!("1 to {MAX_BATCH} names; split a longer list");
        v.add("names", Reason::OutOfRange, rule);
    }
    let mut parsed = Vec::with_capacity(names.len().min(MAX_BATCH));
    for (at, name) in names.iter().enumerate() {
        let field = format!("names[{at}]");
        let Some(name) = v.take(&field, name.parse::<ProvisioningKeyName>()) else { continue };
        if parent != ALL_TENANTS && name.tenant().to_string() != *parent {
            v.add(&field, Reason::ForeignTenant, "must be below parent");
        }
        parsed.push(name);
    }
    v.finish()?;
    Ok((caller.authorise_scope(parent)?, parsed))
}

fn parse_list_keys<'a>(
    request: &pb::ListProvisioningKeysRequest,
    tokens: &'a TokenKey,
) -> Result<(Option<AppConnectorGroupName>, Paging<'a>), rpc::Failure> {
    let pb::ListProvisioningKeysRequest {
        parent,
        page_size,
        page_token,
        filter,
        order_by,
        show_deleted,
        app_connector_group,
        read_time: _,
    } = request;
    let mut v = Violations::new();
    only_by_name(filter, order_by, "; use app_connector_group", &mut v);
    let group = match app_connector_group.as_str() {
        "" => None,
        text => v.take("app_connector_group", text.parse::<AppConnectorGroupName>()),
    };
    if let Some(group) = &group
        && parent != ALL_TENANTS
        && group.tenant().to_string() != *parent
    {
        v.add("app_connector_group", Reason::ForeignTenant, "must be below parent");
    }
    v.finish()?;
    let deleted = if *show_deleted { "deleted" } else { "" };
    let query =
        QueryFingerprint::of("ListProvisioningKeys", &[parent, app_connector_group, deleted]);
    Ok((group, Paging::parse(*page_size, page_token, query, tokens)?))
}

fn parse_list_enrolments<'a>(
    request: &pb::ListEnrolmentsRequest,
    tokens: &'a TokenKey,
) -> Result<(Option<ProvisioningKeyName>, Paging<'a>), rpc::Failure> {
    let pb::ListEnrolmentsRequest {
        parent,
        page_size,
        page_token,
        filter,
        order_by,
        provisioning_key,
    } = request;
    let mut v = Violations::new();
    only_by_name(filter, order_by, "; use provisioning_key", &mut v);
    let key = match provisioning_key.as_str() {
        "" => None,
        text => v.take("provisioning_key", text.parse::<ProvisioningKeyName>()),
    };
    if let Some(key) = &key
        && parent != ALL_TENANTS
        && key.tenant().to_string() != *parent
    {
        v.add("provisioning_key", Reason::ForeignTenant, "must be below parent");
    }
    v.finish()?;
    let query = QueryFingerprint::of("ListEnrolments", &[parent, provisioning_key]);
    Ok((key, Paging::parse(*page_size, page_token, query, tokens)?))
}

type Update = (ProvisioningKeyName, crate::domain::key::KeyPatch, Change);

fn parse_update(
    caller: &Caller,
    mut request: pb::UpdateProvisioningKeyRequest,
    now: Timestamp,
) -> Result<Update, rpc::Failure> {
    let mut v = Violations::new();
    let request_id = std::mem::take(&mut request.request_id);
    let id_request = idempotency("UpdateProvisioningKey", caller, &request_id, &request, &mut v);
    let pb::UpdateProvisioningKeyRequest {
        provisioning_key,
        update_mask,
        validate_only,
        request_id: _,
    } = request;
    let mask = Mask::parse("update_mask", update_mask.as_ref(), UPDATABLE, &mut v);
    let Some(key) = v.require("provisioning_key", provisioning_key) else {
        return v.finish_with(|| None);
    };
    let name = v.take("provisioning_key.name", key.name.parse::<ProvisioningKeyName>());
    let how = change("provisioning_key.etag", &key.etag, validate_only, id_request, &mut v);
    let populated = populated(&key);
    let includes = |field: &str| mask.includes(field, populated.contains(&field));
    let end = end_of(&key).filter(|_| includes("expire_time"));
    let patch = v.within("provisioning_key", |v| convert::key_patch(key, &includes, v));
    add_past_end(end, now, &mut v);
    v.finish_with(|| Some((name?, patch, how?)))
}

fn end_of(key: &pb::ProvisioningKey) -> Option<Timestamp> {
    key.expire_time.as_ref().and_then(rpc::time::parse)
}

/// A request that is refused anyway is told of an end in the past as well. By itself that is for the use case to say:
/// a repeat of a request is answered though its end has come meanwhile.
fn add_past_end(end: Option<Timestamp>, now: Timestamp, v: &mut Violations) {
    let past = end.is_some_and(|end| end <= now);
    if past && !v.is_empty() {
        v.add("provisioning_key.expire_time", Reason::InThePast, in_the_future(now));
    }
}

/// The fields that carry a value, which an update without a mask is about.
fn populated(key: &pb::ProvisioningKey) -> Vec<&'static str> {
    let carried = [
        !key.display_name.is_empty(),
        key.enabled.is_some(),
        key.max_uses != 0,
        key.expire_time.is_some(),
        !key.allowed_cidrs.is_empty(),
        !key.labels.is_empty(),
        !key.app_connector_labels.is_empty(),
    ];
    UPDATABLE.iter().zip(carried).filter(|(_, carried)| *carried).map(|(field, _)| *field).collect()
}

fn parse_delete(
    caller: &Caller,
    mut request: pb::DeleteProvisioningKeyRequest,
) -> Result<(ProvisioningKeyName, bool, Change), rpc::Failure> {
    let mut v = Violations::new();
    let request_id = std::mem::take(&mut request.request_id);
    let id_request = idempotency("DeleteProvisioningKey", caller, &request_id, &request, &mut v);
    let pb::DeleteProvisioningKeyRequest {
        name,
        etag,
        allow_missing,
        request_id: _,
        validate_only,
    } = request;
    let name = v.take("name", name.parse::<ProvisioningKeyName>());
    let how = change("etag", &etag, validate_only, id_request, &mut v);
    v.finish_with(|| Some((name?, allow_missing, how?)))
}
