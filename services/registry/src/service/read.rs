//! Reading: one, several, lists.

use std::marker::PhantomData;

use names::{BelowTenant as _, Reason, TenantName};
use rpc::access::{Authorised, Scope};
use store::{At, Key, MAX_SCAN_ROWS, Revision};

use super::Registry;
use crate::{
    domain::{Kind, Order, OrderKey, Resource, Spec, TenantSpec, Violations},
    error::Error,
    store::{Found, Rows, objects},
};

/// Most rows that one page looks at: a page of a list in which almost everything is deleted may be short. Also the most
/// rows that an order other than by name may sort. 10,000 small records are read in some 10 ms.
pub(crate) const SCAN_LIMIT: usize = 10_000;

/// Most names of one BatchGet: as many as fit a default page twice.
pub(crate) const MAX_BATCH_GET: usize = 100;

/// What a list asks for.
pub(crate) struct ListQuery<S: Spec> {
    size: usize,
    after: Option<Key>,
    revision: Option<Revision>,
    order: Order,
    show_deleted: bool,
    kind: PhantomData<S>,
}

impl<S: Spec> ListQuery<S> {
    /// A page of at most `size` objects that follows `after` of a list that began at `revision`.
    pub(crate) fn new(
        size: usize,
        after: Option<Key>,
        revision: Option<Revision>,
        order: Order,
        show_deleted: bool,
    ) -> Self {
        Self { size, after, revision, order, show_deleted, kind: PhantomData }
    }
}

/// A list as it is read: what is asked, where, and what the caller may see.
struct Reading<'a, S: Spec> {
    query: ListQuery<S>,
    tenant: Option<&'a TenantName>,
    visible: &'a (dyn Fn(&S::Name) -> bool + Sync),
}

/// One page of a list.
pub(crate) struct Page<S: Spec> {
    /// The objects.
    pub(crate) items: Vec<Found<S>>,
    /// The revision that was read.
    pub(crate) revision: Revision,
    /// Where the next page goes on; `None` on the last one.
    pub(crate) next: Option<Key>,
}

impl Registry {
    /// One object, live or soft-deleted.
    pub(crate) async fn get<S: Spec>(
        &self,
        scope: &Authorised<Scope>,
        name: &S::Name,
    ) -> Result<Found<S>, Error> {
        self.get_at(scope, name, At::Published).await
    }

    async fn get_at<S: Spec>(
        &self,
        scope: &Authorised<Scope>,
        name: &S::Name,
        at: At,
    ) -> Result<Found<S>, Error> {
        let missing = || Error::NotFound(S::KIND, name.to_string());
        if !scope.contains(&name.tenant()) {
            return Err(missing());
        }
        self.rows.get(name, at).await?.ok_or_else(missing)
    }

    /// Several objects, each where its scope allows, all at one revision.
    pub(crate) async fn batch_get<S: Spec>(
        &self,
        names: &[(Authorised<Scope>, S::Name)],
    ) -> Result<Vec<Found<S>>, Error> {
        let at = At::Revision(self.rows.store().published());
        let mut found = Vec::with_capacity(names.len());
        for (scope, name) in names {
            found.push(self.get_at(scope, name, at).await?);
        }
        Ok(found)
    }

    /// One page of a list. A tenant that never was is not taken for an empty one: its name is mistyped.
    pub(crate) async fn list<S: Spec>(
        &self,
        scope: &Authorised<Scope>,
        query: ListQuery<S>,
    ) -> Result<Page<S>, Error> {
        let tenant = match &**scope {
            Scope::All => None,
            Scope::Tenant(tenant) => Some(tenant),
        };
        if let Some(tenant) = tenant {
            let found = self.rows.get::<TenantSpec>(tenant, At::Published).await?;
            found.ok_or_else(|| Error::NotFound(Kind::Tenant, tenant.to_string()))?;
        }
        self.read_page(Reading { query, tenant, visible: &|_| true }).await
    }

    /// One page of the tenants that the caller may see.
    pub(crate) async fn list_tenants<S: Spec<Name = TenantName>>(
        &self,
        _caller: &Authorised<()>,
        query: ListQuery<S>,
        visible: &(dyn Fn(&TenantName) -> bool + Sync),
    ) -> Result<Page<S>, Error> {
        self.read_page(Reading { query, tenant: None, visible }).await
    }

    async fn read_page<S: Spec>(&self, reading: Reading<'_, S>) -> Result<Page<S>, Error> {
        let began = reading.query.revision;
        let page = if reading.query.order.is_by_name() {
            self.list_by_name(reading).await
        } else {
            self.list_sorted(reading).await
        };
        page.map_err(|error| match (error, began) {
            (Error::Compacted { oldest, .. }, Some(began)) => {
                Error::Compacted { revision: began.get(), oldest }
            }
            (error, _) => error,
        })
    }

    async fn list_by_name<S: Spec>(&self, reading: Reading<'_, S>) -> Result<Page<S>, Error> {
        let prefix = objects(S::KIND, reading.tenant);
        let mut at = reading.at();
        let (mut after, mut items, mut seen) = (reading.query.after.clone(), Vec::new(), 0);
        loop {
            let page = self.rows.page(&prefix, after, MAX_SCAN_ROWS, at).await?;
            at = At::Revision(page.revision);
            let rows = page.rows.len();
            for (index, row) in page.rows.iter().enumerate() {
                let found = Rows::found::<S>(row)?;
                if reading.shows(&found.resource) {
                    items.push(found);
                }
                seen += 1;
                let more = page.more || index + 1 < rows;
                if (items.len() == reading.query.size || seen == SCAN_LIMIT) && more {
                    let next = Some(row.key.clone());
                    return Ok(Page { items, revision: page.revision, next });
                }
            }
            if !page.more {
                return Ok(Page { items, revision: page.revision, next: None });
            }
            after = page.rows.last().map(|row| row.key.clone());
        }
    }

    async fn list_sorted<S: Spec>(&self, reading: Reading<'_, S>) -> Result<Page<S>, Error> {
        let prefix = objects(S::KIND, reading.tenant);
        let mut at = reading.at();
        let mut after = None;
        let (mut sorted, mut seen) = (Vec::new(), 0);
        let revision = loop {
            let page = self.rows.page(&prefix, after, MAX_SCAN_ROWS, at).await?;
            seen += page.rows.len();
            if seen > SCAN_LIMIT {
                return Err(Error::OrderTooLarge { limit: SCAN_LIMIT });
            }
            for row in &page.rows {
                let found = Rows::found::<S>(row)?;
                if reading.shows(&found.resource) {
                    let place = row.key.as_bytes().to_vec();
                    sorted.push((OrderKey::of(place, &found.resource), found));
                }
            }
            if !page.more {
                break page.revision;
            }
            at = At::Revision(page.revision);
            after = page.rows.last().map(|row| row.key.clone());
        };
        sorted.sort_by(|(a, _), (b, _)| reading.query.order.compare(a, b));
        Ok(cut(sorted, &reading.query, revision))
    }
}

impl<S: Spec> Reading<'_, S> {
    fn shows(&self, resource: &Resource<S>) -> bool {
        (self.query.show_deleted || !resource.is_deleted()) && (self.visible)(&resource.name)
    }

    fn at(&self) -> At {
        self.query.revision.map_or(At::Published, At::Revision)
    }
}

/// The names of a batch, noting every problem.
pub(crate) fn batch_names<S: Spec>(texts: &[String], problems: &mut Violations) -> Vec<S::Name> {
    if texts.is_empty() {
        problems.missing("names", "send 1 to 100 names");
    }
    if texts.len() > MAX_BATCH_GET {
        problems.add("names", Reason::TooMany, format!("at most {MAX_BATCH_GET}"));
        return Vec::new();
    }
    let name = |(index, text): (usize, &String)| {
        problems.take(&format!("names[{index}]"), text.parse::<S::Name>())
    };
    texts.iter().enumerate().filter_map(name).collect()
}

/// The page of a sorted list that follows `after`; the list is the same on every page, since all
/// read one revision.
fn cut<S: Spec>(
    sorted: Vec<(OrderKey, Found<S>)>,
    query: &ListQuery<S>,
    revision: Revision,
) -> Page<S> {
    let start = query.after.as_ref().map_or(0, |after| {
        let ended = sorted.iter().position(|(key, _)| key.place == after.as_bytes());
        ended.map_or(sorted.len(), |position| position + 1)
    });
    let more = sorted.len() > start + query.size;
    let page: Vec<_> = sorted.into_iter().skip(start).take(query.size).collect();
    let last = page.last().map(|(key, _)| Key::from_bytes(key.place.clone()));
    let items = page.into_iter().map(|(_, found)| found).collect();
    Page { items, revision, next: last.filter(|_| more) }
}
