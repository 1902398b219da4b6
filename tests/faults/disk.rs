//! The disk under a store: it fills up, it fails to sync, it loses its power.
//!
//! Owns: what registry and provisioning do on such a disk, as real processes with real callers. Always holds: what was
//! acknowledged is known to the caller by name and etag, and is looked for after each accident. Absent on purpose: what the
//! store alone can prove; that is tested beside it.

mod cut;
mod full;
mod sync;

use std::{collections::BTreeMap, path::Path};

use proto::{
    provisioning::v1::ListProvisioningKeysRequest,
    registry::v1::{AppConnectorGroup, ListAppConnectorGroupsRequest},
};
use testkit::{FRANKFURT, Plan, System, Tenant, eventually};
use tokio::task::JoinSet;
use tonic::Status;

/// Objects of a page: the most there may be.
const PAGE: i32 = 1_000;
/// More than one caller gets made before its disk fails, is full or dies; whoever makes more will never be refused.
const MOST_EACH: usize = 2_000;

/// Names of objects, each with its etag.
type Made = BTreeMap<String, String>;

/// Callers who make objects of one service: groups of registry, or keys of provisioning.
#[derive(Clone)]
struct Makers {
    service: &'static str,
    tenant: Tenant,
    group: AppConnectorGroup,
}

impl Makers {
    async fn of(service: &'static str, tenant: &Tenant, group: &AppConnectorGroup) -> Self {
        Self { service, tenant: tenant.clone(), group: group.clone() }
    }

    /// Makes one object; gives its name and etag.
    async fn make(&self, id: &str) -> Result<(String, String), Status> {
        if self.service == "registry" {
            let made = self.tenant.group(id, FRANKFURT).await?;
            return Ok((made.name, made.etag));
        }
        let made = self.tenant.key(id, &self.group, 1).await?;
        Ok((made.name, made.etag))
    }

    /// So many callers at once, each making one object after another until it is refused. Gives what was acknowledged, and
    /// what each was told at last.
    fn make_until_refused(&self, prefix: &str, callers: usize) -> JoinSet<(Made, Status)> {
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

    async fn list(&self) -> Result<Made, Status> {
        let mut all = Made::new();
        let mut page_token = String::new();
        loop {
            page_token = match self.service {
                "registry" => self.list_groups(page_token, &mut all).await?,
                _ => self.list_keys(page_token, &mut all).await?,
            };
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    async fn list_groups(&self, page_token: String, all: &mut Made) -> Result<String, Status> {
        let request = ListAppConnectorGroupsRequest {
            parent: self.tenant.parent(),
            page_size: PAGE,
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
            page_size: PAGE,
            page_token,
            ..Default::default()
        };
        let mut provisioning = self.tenant.api.provisioning.clone();
        let page = provisioning.list_provisioning_keys(request).await?.into_inner();
        all.extend(page.provisioning_keys.into_iter().map(|it| (it.name, it.etag)));
        Ok(page.next_page_token)
    }

    /// Everything acknowledged is there as it was acknowledged, and at most `open` objects beside it: those whose makers
    /// were told that the outcome is unknown, or nothing.
    async fn assert_kept(&self, acknowledged: &Made, open: usize) {
        let all = self.all().await;
        for (name, etag) in acknowledged {
            assert_eq!(all.get(name), Some(etag), "{name} was acknowledged");
        }
        let more: Vec<_> = all.keys().filter(|name| !acknowledged.contains_key(*name)).collect();
        assert!(more.len() <= open, "at most {open} were under way, found {more:?}");
    }
}

/// What callers were told at last, and all that was acknowledged, added to `acknowledged`.
async fn refusals(callers: JoinSet<(Made, Status)>, acknowledged: &mut Made) -> Vec<Status> {
    let mut refusals = Vec::new();
    for (made, status) in callers.join_all().await {
        acknowledged.extend(made);
        refusals.push(status);
    }
    refusals
}

/// The reason word of a refusal; empty if it came from no service but from the loss of one.
fn reason(status: &Status) -> String {
    rpc::Failure::from_status(status).reason().to_owned()
}

/// A plan in which a service keeps its store on a disk that is mounted there.
fn stored_on(service: &str, mounted: &Path) -> Plan {
    on_disk(Plan::default(), service, mounted)
}

fn on_disk(plan: Plan, service: &str, mounted: &Path) -> Plan {
    let store = mounted.join("store");
    plan.set(&format!("{service}.data_dir"), &store.display().to_string())
}

/// A tenant with a group, and makers of a service's objects in it, with what there is of them already.
async fn makers(system: &System, service: &'static str) -> (Makers, Made) {
    let tenant = system.tenant().await;
    let group = eventually("a group is made", || tenant.group("first", FRANKFURT)).await;
    let makers = Makers::of(service, &tenant, &group).await;
    let there = makers.all().await;
    (makers, there)
}
