//! Users, applications and connectors of two cities, and who should serve whom.

use connector::AgentError;
use proto::{
    paths::v1::Selection,
    registry::v1::{AppConnectorGroup, DeleteAppConnectorRequest},
};
use tempfile::TempDir;
use testkit::{
    Application, Connector, FRANKFURT, NEW_YORK, PATIENCE, Place, SINGAPORE, System, Tenant,
    eventually,
};

/// Users, and the city from which they are served if it can serve.
const NEAREST: [(Place, &str); 3] =
    [(FRANKFURT, "frankfurt"), (SINGAPORE, "singapore"), (NEW_YORK, "frankfurt")];

/// City of a user, application, and the connector that is chosen.
pub(crate) type Choice = (&'static str, &'static str, String);

pub(crate) struct Fleet {
    pub(crate) tenant: Tenant,
    /// Names of the connectors that serve.
    pub(crate) in_frankfurt: String,
    pub(crate) in_singapore: String,
    /// Both cities reach the same server.
    crm: Application,
    /// Only Frankfurt reaches it.
    pub(crate) wiki: Application,
    /// Each city has a server of its own; this is Frankfurt's, on the port that users ask for. Singapore's is a spare.
    pub(crate) mail: Application,
    _mail_in_singapore: Application,
    serving: [Connector; 2],
    /// In a group that serves no application.
    pub(crate) spare: Option<Connector>,
    /// What is left of a connector that was deleted.
    pub(crate) deleted: Option<TempDir>,
}

impl Fleet {
    pub(crate) async fn start(system: &System) -> Self {
        let tenant = system.tenant().await;
        let near = tenant.group("frankfurt", FRANKFURT).await.unwrap();
        let far = tenant.group("singapore", SINGAPORE).await.unwrap();
        let idle = tenant.group("idle", NEW_YORK).await.unwrap();
        let [crm, wiki, mail, mail_far] = applications().await;
        tenant.application("crm", &crm, &[&near, &far]).await.unwrap();
        tenant.application("wiki", &wiki, &[&near]).await.unwrap();
        tenant
            .application_with("mail", mail.port(), &[(&mail, &near), (&mail_far, &far)])
            .await
            .unwrap();
        let (one, in_frankfurt) = connector(&tenant, &near).await;
        let (other, in_singapore) = connector(&tenant, &far).await;
        let (spare, _) = connector(&tenant, &idle).await;
        let key = tenant.join_token("doomed", &idle, 1).await;
        let deleted = deleted(&tenant, Connector::start(&key)).await;
        Self {
            tenant,
            in_frankfurt,
            in_singapore,
            crm,
            wiki,
            mail,
            _mail_in_singapore: mail_far,
            serving: [one, other],
            spare: Some(spare),
            deleted: Some(deleted),
        }
    }

    /// What every user should be told of every application.
    pub(crate) fn expected(&self) -> Vec<Choice> {
        let of = |id, place: Place, city| match (id, city) {
            ("crm", "singapore") => (place.city, id, self.in_singapore.clone()),
            _ => (place.city, id, self.in_frankfurt.clone()),
        };
        let all = |id| NEAREST.map(|(place, city)| of(id, place, city));
        ["crm", "wiki", "mail"].into_iter().flat_map(all).collect()
    }

    /// What every user is told of every application now.
    pub(crate) async fn choices(&self) -> Result<Vec<Choice>, String> {
        let mut choices = Vec::new();
        for (id, server) in [("crm", &self.crm), ("wiki", &self.wiki), ("mail", &self.mail)] {
            for (place, _) in NEAREST {
                choices.push((place.city, id, self.choice(place, id, server).await?));
            }
        }
        Ok(choices)
    }

    async fn choice(&self, from: Place, id: &str, server: &Application) -> Result<String, String> {
        let answer = self.tenant.path(from, id, server).await.map_err(|it| it.to_string())?;
        let Selection { candidates, reason, message, .. } = answer;
        let first = candidates.into_iter().next().map(|first| first.app_connector);
        first.ok_or_else(|| format!("{id} from {}: {reason} {message}", from.city))
    }

    pub(crate) async fn chooses_as_it_should(&self) {
        eventually("every choice is as it should be", || async {
            let choices = self.choices().await?;
            if choices == self.expected() { Ok(()) } else { Err(format!("{choices:?}")) }
        })
        .await;
    }

    /// Waits until a user's mail goes through this connector.
    pub(crate) async fn chooses(&self, from: Place, id: &str, connector: &str) {
        eventually(&format!("{id} goes through {connector}"), || async {
            match self.choice(from, id, &self.mail).await? {
                choice if choice == connector => Ok(()),
                choice => Err(choice),
            }
        })
        .await;
    }

    /// Streams that each serving connector has opened so far.
    pub(crate) fn sessions(&self) -> [u64; 2] {
        self.serving.each_ref().map(|connector| connector.progress().sessions)
    }

    /// Waits until each has opened a further stream.
    pub(crate) async fn have_come_back(&self, before: &[u64; 2]) {
        eventually("every connector is on a new stream", || async {
            let now = self.sessions();
            let all = now.iter().zip(before).all(|(now, before)| now > before);
            if all { Ok(()) } else { Err(format!("{now:?} after {before:?}")) }
        })
        .await;
    }
}

async fn applications() -> [Application; 4] {
    let start = async || Application::start().await.unwrap();
    [start().await, start().await, start().await, start().await]
}

async fn connector(tenant: &Tenant, group: &AppConnectorGroup) -> (Connector, String) {
    let connector = Connector::start(&tenant.join_token(&group.display_name, group, 1).await);
    let name = connector.reporting().await.to_string();
    (connector, name)
}

/// Deletes a connector, and gives what is left on its host once it was cut off.
async fn deleted(tenant: &Tenant, connector: Connector) -> TempDir {
    let name = connector.reporting().await.to_string();
    let request = DeleteAppConnectorRequest { name, ..DeleteAppConnectorRequest::default() };
    tenant.api.registry.clone().delete_app_connector(request).await.unwrap();
    let (ended, state) = connector.ended_within(PATIENCE).await;
    assert_eq!(refusal(ended), "IDENTITY_REVOKED");
    state
}

/// Why an agent was refused.
pub(crate) fn refusal(ended: Result<(), AgentError>) -> String {
    match ended {
        Err(AgentError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    }
}
