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
use rpc::{Answer, open, page::TokenKey};
use runtime::{Clock, about::About, follow::Siblings};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use super::{View, watch::Objects};
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

impl Api {
    pub(super) fn store(&self) -> &Store {
        self.keys.rows.store()
    }
}

rpc::delegate! {
    impl ProvisioningService for Api {
        create_provisioning_key(pb::CreateProvisioningKeyRequest) -> pb::ProvisioningKey => Self::create_key;
        get_provisioning_key(pb::GetProvisioningKeyRequest) -> pb::ProvisioningKey => Self::get_key;
        batch_get_provisioning_keys(pb::BatchGetProvisioningKeysRequest) -> pb::BatchGetProvisioningKeysResponse => Self::batch_get_keys;
        list_provisioning_keys(pb::ListProvisioningKeysRequest) -> pb::ListProvisioningKeysResponse => Self::list_keys;
        update_provisioning_key(pb::UpdateProvisioningKeyRequest) -> pb::ProvisioningKey => Self::update_key;
        delete_provisioning_key(pb::DeleteProvisioningKeyRequest) -> pb::ProvisioningKey => Self::delete_key;
        get_enrolment(pb::GetEnrolmentRequest) -> pb::Enrolment => Self::get_line;
        list_enrolments(pb::ListEnrolmentsRequest) -> pb::ListEnrolmentsResponse => Self::list_lines;
        get_certificate_authority(pb::GetCertificateAuthorityRequest) -> pb::CertificateAuthority => Self::get_authority;
        renew_certificate(pb::RenewCertificateRequest) -> pb::RenewCertificateResponse => Self::renew;
        watch(pb::WatchRequest) -> Responses<Objects> => Self::open_watch;
        list_audit_events(ListAuditEventsRequest) -> ListAuditEventsResponse => Self::audit_events;
        accept_snapshot(pb::AcceptSnapshotRequest) -> pb::AcceptSnapshotResponse => Self::accept;
        backup(pb::BackupRequest) -> Chunks<pb::BackupResponse> => Self::whole_store;
        get_server_info(pb::GetServerInfoRequest) -> ServerInfo => Self::server_info;
    }
}

impl Api {
    async fn accept(
        &self,
        request: Request<pb::AcceptSnapshotRequest>,
    ) -> Answer<pb::AcceptSnapshotResponse> {
        self.siblings.accept(request).await
    }

    async fn whole_store(
        &self,
        request: Request<pb::BackupRequest>,
    ) -> Answer<Chunks<pb::BackupResponse>> {
        let (caller, pb::BackupRequest {}) = open(request)?;
        let chunk = |chunk| pb::BackupResponse { chunk };
        Ok(Response::new(backup::stream(&caller, self.store(), chunk).await?))
    }

    async fn server_info(&self, request: Request<pb::GetServerInfoRequest>) -> Answer<ServerInfo> {
        let (_, pb::GetServerInfoRequest {}) = open(request)?;
        let (epoch, revision) = (self.store().epoch(), self.store().published());
        Ok(Response::new(self.about.server_info(epoch.to_string(), revision.get())))
    }
}
