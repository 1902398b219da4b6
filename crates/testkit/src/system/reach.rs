//! Reaching an installation under test: who calls, over which connection.
//!
//! Always holds: callers come over the wire, with a token or a certificate of the installation; what is called apart has a
//! connection of its own.

use std::{path::PathBuf, sync::atomic::Ordering};

use names::TenantName;
use proto::{
    provisioning::v1::enrolment_service_client::EnrolmentServiceClient,
    registry::v1::registry_service_client::RegistryServiceClient,
};
use rpc::{
    access::Role,
    client::{self, Channel},
};
use runtime::{
    Clock,
    identity::{ServiceIdentity, SystemPki, client_tls},
};

use super::{System, get};
use crate::{
    api::Api,
    callers::TENANT_IDS,
    endpoints::{index_of, trust},
    tenant::Tenant,
};

impl System {
    /// Clients of a caller who may do everything.
    #[must_use]
    pub fn administrator(&self) -> Api {
        Api::new(&self.channels, Some(&self.callers.everything))
    }

    /// As [`System::administrator`], over connections of its own: many callers on one connection wait for each other.
    ///
    /// # Panics
    /// If an endpoint is none, which the start would have shown.
    #[must_use]
    pub fn administrator_apart(&self) -> Api {
        let channels = self.endpoints.channels(&self.tls).expect("endpoints");
        Api::new(&channels, Some(&self.callers.everything))
    }

    /// Clients of a caller without a token.
    #[must_use]
    pub fn anonymous(&self) -> Api {
        Api::new(&self.channels, None)
    }

    /// Clients of a caller who has one role in one tenant made by [`System::tenant`].
    ///
    /// # Panics
    /// If the tenant is not one of those.
    #[must_use]
    pub fn caller(&self, role: Role, tenant: &TenantName) -> Api {
        let token = self.callers.of(role, tenant.tenant.as_str());
        Api::new(&self.channels, Some(token.expect("a tenant that the token file knows")))
    }

    /// A new tenant, seen by the administrator.
    ///
    /// # Panics
    /// If it cannot be made, or the known ids are spent.
    pub async fn tenant(&self) -> Tenant {
        let index = self.tenants_made.fetch_add(1, Ordering::Relaxed);
        self.tenant_called(TENANT_IDS[index]).await
    }

    /// A new tenant with this id.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn tenant_called(&self, id: &str) -> Tenant {
        Tenant::create(&self.administrator(), id).await.expect("the tenant is made")
    }

    /// A host's way to the enrolment listener, over a connection of its own.
    ///
    /// # Panics
    /// If the endpoint is none, which the start would have shown.
    #[must_use]
    pub fn door(&self) -> EnrolmentServiceClient<Channel> {
        EnrolmentServiceClient::new(self.channel(&self.enrolment_endpoint(), None))
    }

    /// Registry, as one of its siblings calls it: with that service's certificate.
    ///
    /// # Panics
    /// For a name that is none of the five.
    #[must_use]
    pub fn registry_as(&self, service: &str) -> RegistryServiceClient<Channel> {
        let identity = self.pki.identity(service).expect("one of the five");
        RegistryServiceClient::new(self.channel(&self.endpoint("registry"), Some(identity)))
    }

    /// Where connectors enrol.
    #[must_use]
    pub fn enrolment_endpoint(&self) -> String {
        format!("https://localhost:{}", self.endpoints.enrolment)
    }

    /// Where a service's API is: `registry`, `provisioning`, `updates`, `paths` or `console`.
    ///
    /// # Panics
    /// For any other name.
    #[must_use]
    pub fn endpoint(&self, service: &str) -> String {
        format!("https://localhost:{}", self.endpoints.services[index_of(service)])
    }

    /// The token of the caller who may do everything.
    #[must_use]
    pub fn administrator_token(&self) -> &str {
        &self.callers.everything
    }

    /// The token of a caller who has one role in one tenant made by [`System::tenant`]; SYSTEM_ADMIN is of no tenant.
    ///
    /// # Panics
    /// If the tenant is not one of those.
    #[must_use]
    pub fn token(&self, role: Role, tenant: &TenantName) -> &str {
        match role {
            Role::SystemAdmin => &self.callers.system_admin,
            role => {
                let token = self.callers.of(role, tenant.tenant.as_str());
                token.expect("a tenant that the token file knows")
            }
        }
    }

    /// The installation's certificates and the keys that made them.
    #[must_use]
    pub fn pki(&self) -> &SystemPki {
        &self.pki
    }

    /// A connection of its own to an endpoint, as somebody with this certificate; `None` shows none.
    ///
    /// # Panics
    /// If the endpoint is none.
    #[must_use]
    pub fn channel(&self, endpoint: &str, identity: Option<ServiceIdentity>) -> Channel {
        let tls = match identity {
            None => self.tls.clone(),
            some => {
                let trust = trust(&self.pki).expect("the root can be read");
                client_tls(some, trust, &Clock::system()).expect("the certificate fits its key")
            }
        };
        let config = client::ClientConfig::new(endpoint, tls);
        client::connect(&config).expect("an endpoint")
    }

    /// The metrics of every process.
    ///
    /// # Panics
    /// If an admin port does not answer.
    pub async fn metrics(&self) -> String {
        let mut all = String::new();
        for port in &self.endpoints.admin {
            all += &get(*port, "/metrics").await.expect("the admin port answers");
        }
        all
    }

    /// The installation's root certificate, PEM.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.directory.path().join("pki/ca.pem")
    }
}
