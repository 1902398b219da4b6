//! The methods of ProvisioningService, each handed to what does it.
//!
//! Methods that are PLANNED keep their generated default; the planned layer answers before it.

use std::sync::Arc;

use ::store::Store;
use proto::{
    provisioning::v1::{self as pb, provisioning_service_server::ProvisioningService},
    r#type::v1::{ListAuditEventsRequest, ListAuditEventsResponse, ServerInfo},
};
use resource::{
    backup::{self, Chunks},
    watch::Responses,
};
use rpc::{
    Failure,
    access::{Caller, caller},
    page::TokenKey,
};
use runtime::{Clock, about::About, follow::Siblings};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{View, accept_snapshot, watch::Objects};
use crate::{
    metrics::Metrics,
    service::{authorities::Authorities, keys::Keys, ledger::Ledger, renewal::Renewal},
};

/// ProvisioningService and what it calls.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) keys: Arc<Keys>,
    pub(crate) ledger: Ledger,
    pub(crate) authorities: Authorities,
    pub(crate) renewal: Renewal,
    pub(crate) view: View,
    /// What this service follows.
    pub(crate) siblings: Siblings,
    /// Seals page tokens.
    pub(crate) tokens: TokenKey,
    pub(crate) metrics: Metrics,
    pub(crate) about: About,
    pub(crate) clock: Clock,
    /// Cancelled when watches must end.
    pub(crate) streams: CancellationToken,
}

/// An answer of a method.
pub(super) type Answer<T> = Result<Response<T>, Status>;

/// The caller and the message.
pub(super) fn open<T>(request: Request<T>) -> Result<(Caller, T), Failure> {
    Ok((caller(&request)?, request.into_inner()))
}

impl Api {
    pub(super) fn store(&self) -> &Store {
        self.keys.rows.store()
    }
}

#[tonic::async_trait]
impl ProvisioningService for Api {
    async fn create_provisioning_key(
        &self,
        request: Request<pb::CreateProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        self.create_key(request).await
    }

    async fn get_provisioning_key(
        &self,
        request: Request<pb::GetProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        self.get_key(request).await
    }

    async fn batch_get_provisioning_keys(
        &self,
        request: Request<pb::BatchGetProvisioningKeysRequest>,
    ) -> Answer<pb::BatchGetProvisioningKeysResponse> {
        self.batch_get_keys(request).await
    }

    async fn list_provisioning_keys(
        &self,
        request: Request<pb::ListProvisioningKeysRequest>,
    ) -> Answer<pb::ListProvisioningKeysResponse> {
        self.list_keys(request).await
    }

    async fn update_provisioning_key(
        &self,
        request: Request<pb::UpdateProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        self.update_key(request).await
    }

    async fn delete_provisioning_key(
        &self,
        request: Request<pb::DeleteProvisioningKeyRequest>,
    ) -> Answer<pb::ProvisioningKey> {
        self.delete_key(request).await
    }

    async fn get_enrolment(
        &self,
        request: Request<pb::GetEnrolmentRequest>,
    ) -> Answer<pb::Enrolment> {
        self.get_line(request).await
    }

    async fn list_enrolments(
        &self,
        request: Request<pb::ListEnrolmentsRequest>,
    ) -> Answer<pb::ListEnrolmentsResponse> {
        self.list_lines(request).await
    }

    async fn get_certificate_authority(
        &self,
        request: Request<pb::GetCertificateAuthorityRequest>,
    ) -> Answer<pb::CertificateAuthority> {
        self.get_authority(request).await
    }

    async fn renew_certificate(
        &self,
        request: Request<pb::RenewCertificateRequest>,
    ) -> Answer<pb::RenewCertificateResponse> {
        self.renew(request).await
    }

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Answer<Responses<Objects>> {
        self.open_watch(request).await
    }

    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Answer<ListAuditEventsResponse> {
        self.audit_events(request).await
    }

    async fn accept_snapshot(
        &self,
        request: Request<pb::AcceptSnapshotRequest>,
    ) -> Answer<pb::AcceptSnapshotResponse> {
        let (caller, message) = open(request)?;
        Ok(Response::new(accept_snapshot::accept(&self.siblings, &caller, message).await?))
    }

    async fn backup(
        &self,
        request: Request<pb::BackupRequest>,
    ) -> Answer<Chunks<pb::BackupResponse>> {
        let (caller, pb::BackupRequest {}) = open(request)?;
        let chunk = |chunk| pb::BackupResponse { chunk };
        Ok(Response::new(backup::stream(&caller, self.store(), chunk).await?))
    }

    async fn get_server_info(
        &self,
        request: Request<pb::GetServerInfoRequest>,
    ) -> Answer<ServerInfo> {
        let (_, pb::GetServerInfoRequest {}) = open(request)?;
        let (epoch, revision) = (self.store().epoch(), self.store().published());
        Ok(Response::new(self.about.server_info(epoch.to_string(), revision.get())))
    }
}
