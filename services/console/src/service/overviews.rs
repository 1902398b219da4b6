//! Rows of app connector groups.
//!
//! ## Design notes
//! Registry and provisioning are followed into an index in memory; updates and paths are asked for each answer. Asking all
//! four would mean to list every connector of a tenant for one page, since nothing finds connectors by group over the
//! wire, and following all four would mean to follow time itself: the next window and who is connected change
//! without a write. The price: a row may be milliseconds behind registry, and a restart reads everything once. A copy whose
//! watch broke is still shown, and marked as old as it is.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use names::{AppConnectorGroupName, AppConnectorName, Id, Reason, ServerGroupName, TenantName};
use rpc::{Failure, Kind, access::Authorised};
use runtime::Clock;

use super::{copy::Copy, live::Live};
use crate::{
    clients::{Paths, Registry, ScheduleColumns, Updates},
    domain::{
        condition::{Condition, Known, conditions},
        fleet::{Connector, Group, Key, Status},
        keys::Keys,
        registered::{GroupFacts, Registered},
        source::{Freshness, Source, SourceStatus},
    },
};

/// When a caller may ask again before registry was ever heard: its watch is tried again within this time.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// One group with everything known of it at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The group.
    pub group: Group,
    /// The server groups that name it.
    pub server_groups: Vec<ServerGroupName>,
    /// Its connectors, each with its live status where that is known.
    pub connectors: Vec<(Connector, Option<Status>)>,
    /// How many of them are connected; `None` while paths is missing.
    pub connected: Option<usize>,
    /// Its keys, each with whether it is usable now; `None` while provisioning is missing.
    pub keys: Option<Vec<(Key, bool)>>,
    /// What updates says; `None` while it is missing.
    pub schedule: Option<ScheduleColumns>,
    /// What is wrong.
    pub conditions: Vec<Condition>,
    /// How fresh each part is.
    pub sources: Vec<SourceStatus>,
}

/// One page of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows, by name.
    pub rows: Vec<Row>,
    /// Whether more follow.
    pub more: bool,
}

/// What rows are made from.
pub struct Sources {
    /// The copy of registry's objects.
    pub registered: Arc<Copy<Registered>>,
    /// The copy of provisioning's keys.
    pub keys: Arc<Copy<Keys>>,
    /// For what is not in the copy yet.
    pub registry: Registry,
    /// Schedules.
    pub updates: Updates,
    /// Live status.
    pub paths: Paths,
}

/// The use cases of rows.
#[derive(Clone)]
pub struct Overviews {
    sources: Arc<Sources>,
    asked_updates: Arc<Live>,
    asked_paths: Arc<Live>,
    clock: Clock,
}

impl Overviews {
    /// Over the sources; `limit` is how long a row waits for updates and paths.
    #[must_use]
    pub fn new(sources: Arc<Sources>, limit: Duration, clock: Clock) -> Self {
        let asked_updates = Arc::new(Live::new(Source::Updates, limit));
        let asked_paths = Arc::new(Live::new(Source::Paths, limit));
        Self { sources, asked_updates, asked_paths, clock }
    }

    /// One group's row. A group that is not in the copy yet is read once from registry.
    pub async fn get(&self, tenant: &Authorised<TenantName>, group: &Id) -> Result<Row, Failure> {
        let name = AppConnectorGroupName::new(tenant.tenant.clone(), group.clone());
        let (facts, status) = self.registered(|index| index.group(&name))?;
        let facts = match facts {
            Some(facts) => facts,
            None => {
                let asked = self.sources.registry.group(&name).await?;
                let missing = || Failure::not_found(AppConnectorGroupName::TYPE, &name);
                let group = asked.ok_or_else(missing)?;
                self.registered(|index| index.around(group))?.0
            }
        };
        let mut rows = self.rows(tenant, vec![facts], status).await;
        rows.pop().ok_or_else(|| Failure::not_found(AppConnectorGroupName::TYPE, &name))
    }

    /// The rows of a tenant's groups after `after`, by name, at most `limit`.
    pub async fn list(
        &self,
        tenant: &Authorised<TenantName>,
        after: Option<&AppConnectorGroupName>,
        limit: usize,
    ) -> Result<Page, Failure> {
        let ((facts, more), status) =
            self.registered(|index| index.page(&tenant.tenant, after, limit))?;
        if facts.is_empty() && after.is_none() && status.freshness == Freshness::Available {
            // An empty page of a tenant that does not exist would hide a typing error.
            if !self.sources.registry.has_tenant(tenant).await? {
                return Err(Failure::not_found(TenantName::TYPE, &**tenant));
            }
        }
        Ok(Page { rows: self.rows(tenant, facts, status).await, more })
    }

    /// Looks into the copy of registry, which must have been heard once.
    fn registered<T>(
        &self,
        look: impl FnOnce(&Registered) -> T,
    ) -> Result<(T, SourceStatus), Failure> {
        let (found, freshness, heard) = self.sources.registered.read(|index| index.map(look));
        let status = SourceStatus { source: Source::Registry, freshness, heard };
        match found {
            Some(found) => Ok((found, status)),
            None => Err(Failure::new(
                Kind::Unavailable,
                Reason::RegistryUnavailable,
                "registry was not heard since this console started, so there are no rows: try again",
            )
            .retry_after(RETRY_AFTER)),
        }
    }

    /// Asks updates and paths at the same time and puts the rows together.
    async fn rows(
        &self,
        tenant: &TenantName,
        facts: Vec<GroupFacts>,
        registry: SourceStatus,
    ) -> Vec<Row> {
        let names: Vec<_> = facts.iter().map(|facts| facts.group.name.clone()).collect();
        let populated = facts.iter().filter(|facts| !facts.connectors.is_empty());
        let mut populated: Vec<_> = populated.map(|facts| facts.group.name.clone()).collect();
        if populated.is_empty() {
            // Without a connector there is nothing to ask, but a row must not call paths available unheard.
            populated.extend(names.first().cloned());
        }
        let ((schedules, updates), (statuses, paths)) = futures::join!(
            self.asked_updates.ask(&self.clock, self.sources.updates.schedules(tenant, &names)),
            self.asked_paths.ask(&self.clock, self.sources.paths.statuses(tenant, populated)),
        );
        let (keys, freshness, heard) = self.sources.keys.read(|index| {
            index.map(|index| names.iter().map(|name| index.of(name)).collect::<Vec<_>>())
        });
        let provisioning = SourceStatus { source: Source::Provisioning, freshness, heard };
        let mut keys = keys.map(Vec::into_iter);
        let now = self.clock.now();
        let make = |facts: GroupFacts| {
            let keys = keys.as_mut().map(|keys| keys.next().unwrap_or_default());
            let usable = |key: Key| {
                let usable = key.is_usable(now);
                (key, usable)
            };
            let name = &facts.group.name;
            let schedule = schedules.as_ref().map(|schedules| schedules.get(name).cloned());
            let updates = known_schedule(&updates, schedule.as_ref());
            Parts {
                facts,
                keys: keys.map(|keys| keys.into_iter().map(usable).collect()),
                schedule: schedule.flatten(),
                statuses: statuses.as_ref(),
                sources: vec![registry.clone(), provisioning.clone(), updates, paths.clone()],
            }
            .row()
        };
        facts.into_iter().map(make).collect()
    }
}

/// Updates may have answered and yet not know this group, which is too new to it.
fn known_schedule(
    updates: &SourceStatus,
    schedule: Option<&Option<ScheduleColumns>>,
) -> SourceStatus {
    match schedule {
        Some(None) => SourceStatus {
            freshness: Freshness::Unavailable("updates does not know the group yet".to_owned()),
            ..updates.clone()
        },
        _ => updates.clone(),
    }
}

/// What one row is put together from.
struct Parts<'a> {
    facts: GroupFacts,
    keys: Option<Vec<(Key, bool)>>,
    schedule: Option<ScheduleColumns>,
    statuses: Option<&'a BTreeMap<AppConnectorName, Status>>,
    sources: Vec<SourceStatus>,
}

impl Parts<'_> {
    fn row(self) -> Row {
        let Self { facts, keys, schedule, statuses, sources } = self;
        let GroupFacts { group, connectors, server_groups } = facts;
        let enabled_connectors = connectors.iter().filter(|it| it.enabled).count();
        let connectors: Vec<_> = connectors
            .into_iter()
            .map(|connector| {
                let status = statuses.and_then(|statuses| statuses.get(&connector.name)).cloned();
                (connector, status)
            })
            .collect();
        let is_connected = |status: &Option<Status>| status.as_ref().is_some_and(|it| it.connected);
        let connected =
            statuses.map(|_| connectors.iter().filter(|(_, status)| is_connected(status)).count());
        let known = Known {
            server_groups: server_groups.len(),
            usable_keys: keys
                .as_ref()
                .map(|keys| keys.iter().filter(|(_, usable)| *usable).count()),
            connectors: connectors.len(),
            enabled_connectors,
            connected,
        };
        let conditions = conditions(known);
        Row { group, server_groups, connectors, connected, keys, schedule, conditions, sources }
    }
}
