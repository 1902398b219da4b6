//! Ends and beginnings: what survives a restart and a kill.

use proto::{
    provisioning::v1::GetProvisioningKeyRequest,
    registry::v1::{AppConnectorGroup, GetAppConnectorGroupRequest},
};
use testkit::{Application, Connector, FRANKFURT, SINGAPORE, System, Tenant, eventually};

/// A tenant with a group, an application and a connector that serves it.
struct Serving {
    tenant: Tenant,
    group: AppConnectorGroup,
    application: Application,
    connector: Connector,
}

impl Serving {
    async fn start(system: &System) -> Self {
        let tenant = system.tenant().await;
        let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
        let application = Application::start().await.unwrap();
        tenant.application("crm", &application, &[&group]).await.unwrap();
        let connector = Connector::start(&tenant.join_token("key", &group, 3).await);
        connector.reporting().await;
        let serving = Self { tenant, group, application, connector };
        serving.chosen().await;
        serving
    }

    /// Waits until the connector is chosen.
    async fn chosen(&self) {
        let name = self.connector.progress().app_connector.expect("it has joined").to_string();
        eventually("the connector is chosen", || async {
            let path = self.tenant.path(FRANKFURT, "crm", &self.application).await;
            let path = path.map_err(|status| status.to_string())?;
            match path.candidates.first() {
                Some(first) if first.app_connector == name => Ok(()),
                _ => Err(format!("{} {}", path.reason, path.message)),
            }
        })
        .await;
    }
}

async fn read(tenant: &Tenant, name: &str) -> AppConnectorGroup {
    let request = GetAppConnectorGroupRequest { name: name.to_owned(), read_time: None };
    eventually("the group is read", || async {
        tenant.api.registry.clone().get_app_connector_group(request.clone()).await
    })
    .await
    .into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_everything_is_known_and_connectors_come_back_by_themselves() {
    let mut system = System::start().await;
    let serving = Serving::start(&system).await;
    let sessions = serving.connector.progress().sessions;
    system.restart().await.expect("a clean end and a new beginning");

    assert_eq!(read(&serving.tenant, &serving.group.name).await, serving.group, "etag included");
    let name = format!("{}/provisioningKeys/key", serving.tenant.parent());
    let request = GetProvisioningKeyRequest { name, read_time: None };
    let key = serving.tenant.api.provisioning.clone().get_provisioning_key(request).await.unwrap();
    assert_eq!(key.into_inner().use_count, 1);
    serving.chosen().await;
    eventually("the connector is on a new stream", || async {
        match serving.connector.progress() {
            progress if progress.sessions > sessions => Ok(()),
            progress => Err(format!("{progress:?}")),
        }
    })
    .await;
    system.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_registry_acknowledged_survives_a_kill_at_that_moment() {
    let mut system = System::start_as_five().await;
    let tenant = system.tenant().await;
    let mut made = Vec::new();
    for round in 0..5 {
        let (id, place) = (format!("group-{round}"), [FRANKFURT, SINGAPORE][round % 2]);
        made.push(eventually("the group is made", || tenant.group(&id, place)).await);
        system.kill("registry");
        system.start_again("registry").await;
    }
    for group in made {
        assert_eq!(read(&tenant, &group.name).await, group);
    }
}
