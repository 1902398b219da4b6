//! Callers who make objects of one service until it refuses.
//!
//! Always holds: each object is made once, so its name and etag say whether what was acknowledged is still there.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures::{StreamExt as _, stream};
use proto::{
    provisioning::v1::ListProvisioningKeysRequest,
    registry::v1::{AppConnectorGroup, ListAppConnectorGroupsRequest},
    updates::v1::{BatchGetUpdateSchedulesRequest, UpdateSchedule, UpdateUpdateScheduleRequest},
};
use testkit::{FRANKFURT, System, Tenant, eventually};
use tokio::task::JoinSet;
use tonic::Status;

/// Objects of a page, or of a batch: the most there may be.
const PAGE: usize = 1_000;
/// More than one caller gets made before its disk fails, is full or dies; whoever makes more will never be refused.
const MOST_EACH: usize = 2_000;
/// Groups whose schedules are made: more than all callers of a story get made.
const GROUPS: usize = 2_000;
/// Groups that are made at a time.
const AT_ONCE: usize = 64;

/// Names of objects, each with its etag.
pub(super) type Made = BTreeMap<String, String>;

/// What is made.
#[derive(Clone)]
enum Kind {
    /// Groups, of registry.
    Groups,
    /// Keys of a group, of provisioning.
    Keys(Box<AppConnectorGroup>),
    /// Schedules, of updates: of groups that there are already, so that nothing but its callers makes the service write. The
    /// number of the next one.
    Schedules(Arc<AtomicUsize>),
}

/// Callers who make objects of one service.
#[derive(Clone)]
pub(super) struct Makers {
    kind: Kind,
    tenant: Tenant,
}

impl Makers {
    /// In a tenant of their own, with what there is already.
    pub(super) async fn of(service: &str, system: &System) -> (Self, Made) {
        let tenant = system.tenant().await;
        let first = eventually("a group is made", || tenant.group("first", FRANKFURT)).await;
        let kind = match service {
            "registry" => Kind::Groups,
            "provisioning" => Kind::Keys(Box::new(first)),
            "updates" => {
                make_groups(&tenant).await;
                Kind::Schedules(Arc::default())
            }
            other => panic!("nobody makes objects of {other}"),
        };
        let makers = Self { kind, tenant };
        let there = makers.all().await;
        (makers, there)
    }

    /// Makes one object; gives its name and etag. Schedules have the names of their groups, whatever the id.
    pub(super) async fn make(&self, id: &str) -> Result<(String, String), Status> {
        match &self.kind {
            Kind::Groups => {
                let made = self.tenant.group(id, FRANKFURT).await?;
                Ok((made.name, made.etag))
            }
            Kind::Keys(group) => {
                let made = self.tenant.key(id, group, 1).await?;
                Ok((made.name, made.etag))
            }
            Kind::Schedules(next) => {
                let made = self.make_schedule(next.fetch_add(1, Relaxed)).await?;
                Ok((made.name, made.etag))
            }
        }
    }

    async fn make_schedule(&self, nth: usize) -> Result<UpdateSchedule, Status> {
        assert!(nth < GROUPS, "all groups have their schedules, and none was refused");
        let schedule = UpdateSchedule {
            name: self.schedule(nth),
            enabled: Some(true),
            retry_limit: Some(7),
            ..UpdateSchedule::default()
        };
        let request = UpdateUpdateScheduleRequest {
            update_schedule: Some(schedule),
            ..UpdateUpdateScheduleRequest::default()
        };
        let mut updates = self.tenant.api.updates.clone();
        Ok(updates.update_update_schedule(request).await?.into_inner())
    }

    fn schedule(&self, nth: usize) -> String {
        format!("{}/appConnectorGroups/{}/updateSchedule", self.tenant.parent(), group_id(nth))
    }

    /// So many callers at once, each making one object after another until it is refused. Gives what was acknowledged, and
    /// what each was told at last.
    pub(super) fn make_until_refused(
        &self,
        prefix: &str,
        callers: usize,
    ) -> JoinSet<(Made, Status)> {
        let mut set = JoinSet::new();
        for caller in 0..callers {
            let (makers, prefix) = (self.clone(), format!("{prefix}-{caller}"));
            set.spawn(async move {
                let mut made = Made::new();
                for number in 0..MOST_EACH {
                    match makers.make(&format!("{prefix}-{number}")).await {
                        Ok((name, etag)) => made.insert(name, etag),
                        Err(status) => return (made, status),
                    };
                }
                panic!("{prefix}: {MOST_EACH} objects were made and none refused")
            });
        }
        set
    }

    /// Everything there is, once the service answers.
    async fn all(&self) -> Made {
        eventually("everything is listed", || self.list()).await
    }

    pub(super) async fn list(&self) -> Result<Made, Status> {
        let mut all = Made::new();
        let mut page_token = String::new();
        loop {
            page_token = match self.kind {
                Kind::Groups => self.list_groups(page_token, &mut all).await?,
                Kind::Keys(_) => self.list_keys(page_token, &mut all).await?,
                Kind::Schedules(_) => self.list_schedules(&page_token, &mut all).await?,
            };
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    async fn list_groups(&self, page_token: String, all: &mut Made) -> Result<String, Status> {
        let request = ListAppConnectorGroupsRequest {
            parent: self.tenant.parent(),
            page_size: PAGE as i32,
            page_token,
            ..Default::default()
        };
        let mut registry = self.tenant.api.registry.clone();
        let page = registry.list_app_connector_groups(request).await?.into_inner();
        all.extend(page.app_connector_groups.into_iter().map(|it| (it.name, it.etag)));
        Ok(page.next_page_token)
    }

    async fn list_keys(&self, page_token: String, all: &mut Made) -> Result<String, Status> {
        let request = ListProvisioningKeysRequest {
            parent: self.tenant.parent(),
            page_size: PAGE as i32,
            page_token,
            ..Default::default()
        };
        let mut provisioning = self.tenant.api.provisioning.clone();
        let page = provisioning.list_provisioning_keys(request).await?.into_inner();
        all.extend(page.provisioning_keys.into_iter().map(|it| (it.name, it.etag)));
        Ok(page.next_page_token)
    }

    /// Those that somebody wrote; the others show their defaults. There is no list of them: a page is a batch, and its token the
    /// number of the first.
    async fn list_schedules(&self, page_token: &str, all: &mut Made) -> Result<String, Status> {
        let first = if page_token.is_empty() { 0 } else { page_token.parse().unwrap() };
        let next = GROUPS.min(first + PAGE);
        let names = (first..next).map(|nth| self.schedule(nth)).collect();
        let request = BatchGetUpdateSchedulesRequest { parent: self.tenant.parent(), names };
        let mut updates = self.tenant.api.updates.clone();
        let found = updates.batch_get_update_schedules(request).await?.into_inner();
        if let Some(group) = found.not_found.first() {
            return Err(Status::not_found(format!("updates has not heard of {group}")));
        }
        let written = found.update_schedules.into_iter().filter(|it| it.update_time.is_some());
        all.extend(written.map(|it| (it.name, it.etag)));
        Ok(if next < GROUPS { next.to_string() } else { String::new() })
    }

    /// Everything acknowledged is there as it was acknowledged, and at most `open` objects beside it: those whose makers
    /// were told that the outcome is unknown, or nothing.
    pub(super) async fn assert_kept(&self, acknowledged: &Made, open: usize) {
        let all = self.all().await;
        for (name, etag) in acknowledged {
            assert_eq!(all.get(name), Some(etag), "{name} was acknowledged");
        }
        let more: Vec<_> = all.keys().filter(|name| !acknowledged.contains_key(*name)).collect();
        assert!(more.len() <= open, "at most {open} were under way, found {more:?}");
    }
}

async fn make_groups(tenant: &Tenant) {
    let making = (0..GROUPS).map(|nth| async move {
        tenant.group(&group_id(nth), FRANKFURT).await.expect("a group is made");
    });
    stream::iter(making).buffer_unordered(AT_ONCE).collect::<()>().await;
}

fn group_id(nth: usize) -> String {
    format!("g{nth}")
}

/// What callers were told at last, and all that was acknowledged, added to `acknowledged`.
pub(super) async fn refusals(
    callers: JoinSet<(Made, Status)>,
    acknowledged: &mut Made,
) -> Vec<Status> {
    let mut refusals = Vec::new();
    for (made, status) in callers.join_all().await {
        acknowledged.extend(made);
        refusals.push(status);
    }
    refusals
}

/// The reason word of a refusal; empty if it came from no service but from the loss of one.
pub(super) fn reason(status: &Status) -> String {
    rpc::Failure::from_status(status).reason().to_owned()
}
