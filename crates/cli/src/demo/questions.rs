//! The demo's path questions: every user asks for every application.

use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use proto::paths::v1::{Candidate, Consideration, ExplainPathResponse, LegSource, TargetHealth};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    cities::{self, City},
    judge::{self, Seen},
    plan::{GROUPS, USERS},
    servers::Application,
};
use crate::client::{context::Context, wire, wire::Connection};

/// How long the connectors may take to measure every application: some 300 probes, of up to 332 ms each.
const MEASURING_DEADLINE: Duration = Duration::from_secs(60);
/// Pause between two looks at what is measured.
const LOOK_PERIOD: Duration = Duration::from_millis(200);

/// One user's question and its answer, judged.
#[derive(Serialize)]
pub(crate) struct Answer {
    /// City of the user.
    pub(crate) user: String,
    /// Name of the application.
    pub(crate) application: String,
    /// City of the application, or how many it stands in.
    pub(crate) application_city: String,
    /// The choice.
    pub(crate) chosen: Option<Seen>,
    /// The next best.
    pub(crate) runner_up: Option<Seen>,
    /// What the nearest-to-user rule would choose.
    pub(crate) nearest_to_user: Option<Choice>,
    /// What the lowest-application-leg rule would choose.
    pub(crate) lowest_application_leg: Option<Choice>,
    /// The measured total of the choice, in milliseconds: the table's round trips, user leg included.
    pub(crate) chosen_true_ms: f64,
    /// The least measured total of all connectors.
    pub(crate) best_true_ms: f64,
    /// Rules that the answer breaks; empty when all is well.
    pub(crate) broken_rules: Vec<String>,
}

/// What a simpler rule would have chosen, and what that would cost.
#[derive(Serialize)]
pub(crate) struct Choice {
    /// The connector's id.
    pub(crate) connector: String,
    /// The group's id.
    pub(crate) group: String,
    /// The measured total, in milliseconds.
    pub(crate) true_ms: f64,
}

/// Asks the questions of one installation.
pub(crate) struct Questions<'a> {
    connection: Connection,
    tenant: String,
    applications: &'a [Application],
}

impl<'a> Questions<'a> {
    /// Questions about these applications.
    ///
    /// # Errors
    /// When the context is not valid.
    pub(crate) fn new(context: &Context, applications: &'a [Application]) -> Result<Self> {
        let connection = Connection::open(context)?;
        Ok(Self { connection, tenant: context.tenant.clone(), applications })
    }

    /// Waits until every connector has measured every application it serves, telling the counts.
    ///
    /// # Errors
    /// When the deadline passes or a call fails.
    pub(crate) async fn all_measured(&self, mut tell: impl FnMut(usize, usize)) -> Result<()> {
        let deadline = Instant::now() + MEASURING_DEADLINE;
        let wanted: usize = self.applications.iter().map(served_by).sum();
        let user = cities::get(USERS[0])?;
        loop {
            let mut measured = 0;
            for application in self.applications {
                let seen = self.ask(user, application).await?;
                measured += seen.iter().filter(|s| s.application_leg_source == "measured").count();
            }
            tell(measured, wanted);
            if measured >= wanted {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("only {measured} of {wanted} legs were measured within 60 s");
            }
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    }

    /// Every user asks for every application.
    ///
    /// # Errors
    /// When a call fails.
    pub(crate) async fn all(&self) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for user in USERS {
            for application in self.applications {
                answers.push(self.answer(cities::get(user)?, application).await?);
            }
        }
        Ok(answers)
    }

    async fn answer(&self, user: &City, application: &Application) -> Result<Answer> {
        let seen = self.ask(user, application).await?;
        let leg = |group: &str| Ok::<_, Error>(application.round_trip_ms(cities::get(group)?));
        let true_ms = |group: &str| {
            let user_leg = cities::round_trip_ms(user, cities::get(group)?);
            Ok::<_, Error>(f64::from(user_leg + leg(group)?))
        };
        let choice = |s: Option<&Seen>| {
            s.map(|s| {
                let (connector, group) = (s.connector.clone(), s.group.clone());
                Ok::<_, Error>(Choice { true_ms: true_ms(&group)?, connector, group })
            })
            .transpose()
        };
        let mut best_true_ms = f64::INFINITY;
        for group in GROUPS.iter().filter(|group| application.plan.is_reached_from(group.city)) {
            best_true_ms = best_true_ms.min(true_ms(group.city)?);
        }
        let chosen = judge::ranked(&seen, 1);
        let chosen_true_ms = chosen.map_or(Ok(f64::NAN), |s| true_ms(&s.group))?;
        let broken_rules = judge::broken_rules(
            &seen,
            |group| application.plan.is_reached_from(group),
            |group| leg(group).map_or(f64::INFINITY, f64::from),
        );
        Ok(Answer {
            user: user.name.clone(),
            application: application.plan.display_name.to_owned(),
            application_city: application.place(),
            chosen: chosen.cloned(),
            runner_up: judge::ranked(&seen, 2).cloned(),
            nearest_to_user: choice(judge::nearest_to_user(&seen))?,
            lowest_application_leg: choice(judge::lowest_application_leg(&seen))?,
            chosen_true_ms,
            best_true_ms,
            broken_rules,
        })
    }

    async fn ask(&self, user: &City, application: &Application) -> Result<Vec<Seen>> {
        let method = wire::method("causeway.paths.v1.PathsService", "ExplainPath")?;
        let request = json!({
            "parent": format!("tenants/{}", self.tenant),
            "query": {
                "client": {
                    "coordinates": { "latitude": user.latitude, "longitude": user.longitude },
                },
                "destination": {
                    "host": application.plan.domain(),
                    "port": application.port,
                },
                "clientKey": user.id,
            },
        });
        let answer = self.connection.unary(&method, request).await?;
        let answer: ExplainPathResponse = answer.transcode_to()?;
        answer.considered.iter().map(seen).collect()
    }
}

/// How many connectors serve an application.
fn served_by(application: &Application) -> usize {
    let groups = GROUPS.iter().filter(|group| application.plan.is_reached_from(group.city));
    groups.map(|group| group.connectors).sum()
}

fn seen(considered: &Consideration) -> Result<Seen> {
    let candidate = considered.candidate.as_ref().context("a consideration without a candidate")?;
    let Candidate { app_connector, app_connector_group, user_leg, application_leg, .. } = candidate;
    let id = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let user_leg = user_leg.unwrap_or_default();
    let application_leg = application_leg.unwrap_or_default();
    Ok(Seen {
        connector: id(app_connector),
        group: id(app_connector_group),
        user_leg_ms: user_leg.milliseconds,
        user_leg_source: source(user_leg.source()),
        application_leg_ms: application_leg.milliseconds,
        application_leg_source: source(application_leg.source()),
        total_ms: candidate.total_milliseconds,
        is_up: candidate.health() == TargetHealth::Up,
        rank: candidate.rank,
    })
}

fn source(source: LegSource) -> String {
    match source {
        LegSource::Measured => "measured",
        LegSource::Estimated => "estimated",
        LegSource::Assumed => "assumed",
        LegSource::Unspecified => "unknown",
    }
    .to_owned()
}
