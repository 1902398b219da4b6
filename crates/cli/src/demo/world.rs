//! The demo's objects, made through the public API as an administrator would.

use anyhow::{Context as _, Result};
use names::JoinToken;
use serde_json::{Value, json};

use super::{
    cities,
    plan::{GROUPS, GroupPlan},
    servers::Application,
};
use crate::client::{context::Context, kinds::Kind, output, wire::Connection};

/// A group that exists and the token with which its connectors join.
pub(crate) struct Joinable {
    /// What was planned.
    pub(crate) plan: &'static GroupPlan,
    /// Good for exactly the planned number of connectors.
    pub(crate) token: JoinToken,
}

/// Creates groups and keys, then server groups and segments.
///
/// # Errors
/// The first refusal.
pub(crate) async fn create(
    context: &Context,
    applications: &[Application],
) -> Result<Vec<Joinable>> {
    let maker = Maker { connection: Connection::open(context)?, tenant: context.tenant.clone() };
    let mut joinable = Vec::new();
    for plan in GROUPS {
        maker.group(plan).await?;
        joinable.push(Joinable { plan, token: maker.key(plan).await? });
    }
    for application in applications {
        maker.server_group(application).await?;
        maker.segment(application).await?;
    }
    Ok(joinable)
}

struct Maker {
    connection: Connection,
    tenant: String,
}

impl Maker {
    async fn group(&self, plan: &GroupPlan) -> Result<()> {
        let city = cities::get(plan.city)?;
        let group = json!({
            "displayName": city.name,
            "location": {
                "city": city.name,
                "countryCode": city.country_code,
                "coordinates": { "latitude": city.latitude, "longitude": city.longitude },
                "timeZone": city.time_zone,
            },
        });
        self.create("AppConnectorGroup", plan.city, group).await?;
        Ok(())
    }

    async fn key(&self, plan: &GroupPlan) -> Result<JoinToken> {
        let key = json!({
            "displayName": plan.city,
            "appConnectorGroup": self.name("appConnectorGroups", plan.city),
            "maxUses": plan.connectors.to_string(),
        });
        let answer = self.create("ProvisioningKey", plan.city, key).await?;
        let token = output::cell(&answer, "issuedSecret.joinToken");
        token.parse().with_context(|| format!("the join token of {}", plan.city))
    }

    async fn server_group(&self, application: &Application) -> Result<()> {
        let plan = application.plan;
        let groups: Vec<_> = GROUPS
            .iter()
            .filter(|group| plan.is_reached_from(group.city))
            .map(|group| self.name("appConnectorGroups", group.city))
            .collect();
        let servers: Vec<_> = application
            .servers
            .iter()
            .map(|server| {
                json!({ "address": server.address.ip().to_string(), "ports": [application.port] })
            })
            .collect();
        let server_group = json!({
            "displayName": plan.display_name,
            "appConnectorGroups": groups,
            "dynamicDiscovery": false,
            "servers": servers,
        });
        self.create("ServerGroup", plan.id, server_group).await?;
        Ok(())
    }

    async fn segment(&self, application: &Application) -> Result<()> {
        let plan = application.plan;
        let segment = json!({
            "displayName": plan.display_name,
            "domains": [plan.domain()],
            "tcpPortRanges": [{ "first": application.port }],
            "serverGroups": [self.name("serverGroups", plan.id)],
            "healthReporting": "HEALTH_REPORTING_CONTINUOUS",
        });
        self.create("ApplicationSegment", plan.id, segment).await?;
        Ok(())
    }

    async fn create(&self, kind: &str, id: &str, object: Value) -> Result<Value> {
        let kind = Kind::named(kind)?;
        let request = json!({
            "parent": format!("tenants/{}", self.tenant),
            format!("{}_id", kind.field): id,
            kind.field: object,
        });
        let answer = self
            .connection
            .unary(&kind.method("Create")?, request)
            .await
            .with_context(|| format!("creating {} {id}", kind.message))?;
        output::to_json(&answer)
    }

    fn name(&self, collection: &str, id: &str) -> String {
        format!("tenants/{}/{collection}/{id}", self.tenant)
    }
}
