//! What both sides have written down: provisioning's count and ledger, registry's connectors.

use std::collections::BTreeSet;

use proto::{
    provisioning::v1::{
        Enrolment, GetProvisioningKeyRequest, ListEnrolmentsRequest, enrolment::State,
    },
    registry::v1::ListAppConnectorsRequest,
};
use testkit::{Tenant, eventually};
use tonic::Status;

/// Objects of one page: what the contract allows.
const PAGE: i32 = 1_000;

/// A tenant's provisioning key, and the books that tell of it.
#[derive(Clone)]
pub(super) struct Books {
    pub(super) tenant: Tenant,
    /// The key's name.
    pub(super) key: String,
}

impl Books {
    /// How often the key was used.
    pub(super) async fn use_count(&self) -> Result<i64, Status> {
        let request = GetProvisioningKeyRequest { name: self.key.clone(), read_time: None };
        let key = self.tenant.api.provisioning.clone().get_provisioning_key(request).await?;
        Ok(key.into_inner().use_count)
    }

    /// Every enrolment with the key.
    pub(super) async fn ledger(&self) -> Result<Vec<Enrolment>, Status> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListEnrolmentsRequest {
                parent: self.tenant.parent(),
                provisioning_key: self.key.clone(),
                page_size: PAGE,
                page_token,
                ..ListEnrolmentsRequest::default()
            };
            let page = self.tenant.api.provisioning.clone().list_enrolments(request).await?;
            let page = page.into_inner();
            all.extend(page.enrolments);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Names of the tenant's connectors, as registry lists them.
    pub(super) async fn connectors(&self) -> Result<Vec<String>, Status> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListAppConnectorsRequest {
                parent: self.tenant.parent(),
                page_size: PAGE,
                page_token,
                ..ListAppConnectorsRequest::default()
            };
            let page = self.tenant.api.registry.clone().list_app_connectors(request).await?;
            let page = page.into_inner();
            all.extend(page.app_connectors.into_iter().map(|connector| connector.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// The states of the key's enrolments, oldest first.
    pub(super) async fn states(&self) -> Result<Vec<State>, Status> {
        Ok(self.ledger().await?.iter().map(Enrolment::state).collect())
    }

    /// Waits until the key's latest enrolment is in this state.
    pub(super) async fn latest_is(&self, state: State) {
        eventually(&format!("the latest enrolment is {}", state.as_str_name()), || async {
            match self.states().await {
                Ok(states) if states.last() == Some(&state) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Once nothing is RESERVED, the count is the enrolments ever ACTIVE and those PENDING; every one of them is a
    /// connector of its own, with a public key of its own, and registry knows those and no others. Answers their names.
    pub(super) async fn balanced(&self) -> BTreeSet<String> {
        let ledger = self.ledger().await.unwrap();
        let spends = |line: &&Enrolment| {
            matches!(line.state(), State::Active | State::Revoked | State::Pending)
        };
        let reserved = ledger.iter().filter(|line| line.state() == State::Reserved).count();
        assert_eq!(reserved, 0, "nothing is left half way");
        let spending: Vec<_> = ledger.iter().filter(spends).collect();
        let connectors: BTreeSet<_> = spending.iter().map(|l| l.app_connector.clone()).collect();
        let public_keys: BTreeSet<_> = spending.iter().map(|l| &l.public_key_sha256).collect();
        assert_eq!(connectors.len(), spending.len(), "each is a connector of its own");
        assert_eq!(public_keys.len(), spending.len(), "each is a key pair of its own");
        assert_eq!(self.use_count().await.unwrap(), spending.len() as i64, "used = ever active");
        connectors
    }

    /// As [`Books::balanced`], of a tenant's only key: registry lists those connectors and no others.
    pub(super) async fn balanced_with_registry(&self) -> BTreeSet<String> {
        let connectors = self.balanced().await;
        let listed = self.connectors().await.unwrap();
        assert_eq!(listed.len(), connectors.len(), "registry holds nothing that nobody enrolled");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), connectors);
        connectors
    }
}
