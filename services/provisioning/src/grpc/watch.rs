//! What the Watch shows.
//!
//! Absent on purpose: the stream itself (`resource::watch`), the join of a key with its count (`store::watch`), and filters (refused).

use ::store::{Change, Prefix, Revision, Row};
use names::{Reason, Violations};
use proto::{
    provisioning::v1::{Event, ResourceType, WatchRequest, WatchResponse},
    r#type::v1::WatchPhase,
};
use resource::{
    Fault,
    watch::{self, Events, Happened, Responses, Watching},
};
use rpc::Refuse as _;
use rpc::{Answer, open};
use runtime::Clock;
use tonic::{Request, Response};

use super::{Api, View};
use crate::{
    service::keys::tenant_of,
    store::{Kind, Rows, prefixes, seen, snapshot},
};

impl Api {
    pub(super) async fn open_watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Answer<Responses<Objects>> {
        let (caller, WatchRequest { parent, types, resume_token, filter }) = open(request)?;
        let scope = caller.authorise_scope(&parent)?;
        let mut problems = Violations::new();
        if !filter.is_empty() {
            let fix = "filters of a watch are not built; leave it empty";
            problems.add("filter", Reason::Planned, fix);
        }
        let kinds = kinds(&types, &mut problems);
        problems.finish()?;
        let from = watch::from(self.store(), &resume_token)?;
        let tenant = tenant_of(&scope);
        let prefixes: Vec<Prefix> =
            kinds.into_iter().flat_map(|kind| prefixes(kind, tenant)).collect();
        let (rows, view) = (self.keys.rows.clone(), self.view.clone());
        let objects = Objects { rows, view, clock: self.clock.clone() };
        let watching = Watching { caller, streams: self.streams.clone() };
        let stream = watch::open(self.store(), prefixes, from, objects, watching, ()).await?;
        Ok(Response::new(stream))
    }
}

/// The kinds that are asked for; all if none is named.
fn kinds(types: &[i32], problems: &mut Violations) -> Vec<Kind> {
    if types.is_empty() {
        return vec![Kind::Key, Kind::Enrolment, Kind::Authority, Kind::Revocation];
    }
    let mut kinds = Vec::new();
    for (at, number) in types.iter().enumerate() {
        match kind(*number) {
            Some(kind) => kinds.push(kind),
            None => {
                let fix = "name a kind that this service watches";
                problems.add(format!("types[{at}]"), Reason::UnknownValue, fix);
            }
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn kind(number: i32) -> Option<Kind> {
    match ResourceType::try_from(number).ok()? {
        ResourceType::Unspecified => None,
        ResourceType::ProvisioningKey => Some(Kind::Key),
        ResourceType::Enrolment => Some(Kind::Enrolment),
        ResourceType::CertificateAuthority => Some(Kind::Authority),
        ResourceType::Revocation => Some(Kind::Revocation),
    }
}

/// The objects of a watch, as events.
pub(crate) struct Objects {
    rows: Rows,
    view: View,
    clock: Clock,
}

impl Events for Objects {
    type Event = Event;
    type Response = WatchResponse;

    async fn snapshot(&self, rows: Vec<Row>, revision: Revision) -> Result<Vec<Event>, Fault> {
        let now = self.clock.now();
        let found = snapshot(&self.rows, &rows, revision).await?.into_iter();
        Ok(found.map(|watched| self.view.event(Happened::Added, watched, now)).collect())
    }

    async fn changes(&self, changes: Vec<Change>, revision: Revision) -> Result<Vec<Event>, Fault> {
        let now = self.clock.now();
        let seen = seen(&self.rows, &changes, revision).await?.into_iter();
        Ok(seen.map(|(happened, watched)| self.view.event(happened, watched, now)).collect())
    }

    fn response(
        phase: WatchPhase,
        events: Vec<Event>,
        end_of_commit: bool,
        resume_token: String,
    ) -> WatchResponse {
        WatchResponse { phase: phase.into(), events, end_of_commit, resume_token }
    }
}
