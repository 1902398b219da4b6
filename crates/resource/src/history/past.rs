//! Objects as of a time.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use store::{At, Key, MAX_SCAN_ROWS, Prefix, Revision, Row, ScanOptions, Store};
use uuid::Uuid;

use super::{deed::Shelf, keys, record::StoredEvent, rows::History};
use crate::{
    Fault,
    listing::{Filling, Listing, Page},
};

/// What an id was as of a time, by the rows later than that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// No row is later: what stands now stood then, if it is not one of those that came to be later.
    AsNow,
    /// This record stood then, with the revision that it had.
    Was(Bytes, Revision),
}

/// An id's past: what it was, and which objects of that id came to be later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The id.
    pub id: String,
    /// What it was.
    pub as_of: AsOf,
    later: Vec<Uuid>,
}

impl Past {
    fn of(id: String) -> Self {
        Self { id, as_of: AsOf::AsNow, later: Vec::new() }
    }

    /// Whether an object that stands now, and has this uid, stood there then.
    #[must_use]
    pub fn stood(&self, uid: Uuid) -> bool {
        self.as_of == AsOf::AsNow && !self.later.contains(&uid)
    }
}

impl History {
    /// What an id was as of a time, at a revision of the store.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn past(
        &self,
        shelf: Shelf,
        id: &str,
        time: Timestamp,
        at: At,
    ) -> Result<Past, Fault> {
        let mut past = Past::of(id.to_owned());
        let prefix = keys::of_id(shelf, id);
        let mut after = None;
        // One seek for each object that ever had the id.
        loop {
            let Some(row) = self.next(&prefix, after, at).await? else { return Ok(past) };
            let Some((_, uid, _)) = keys::read_event(&row.key) else { return Ok(past) };
            self.learn(&mut past, shelf, uid, time, at).await?;
            after = Some(keys::event(shelf, id, uid, Timestamp::MAX));
        }
    }

    /// Whether anything is remembered of an object. What is not was written before there was history, or below another tenant.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn knows(&self, shelf: Shelf, id: &str, uid: Uuid) -> Result<bool, Fault> {
        let from = keys::event(shelf, id, uid, Timestamp::MIN);
        let row = self.next(&keys::of_id(shelf, id), Some(from), At::Published).await?;
        let of = row.and_then(|row| keys::read_event(&row.key)).map(|(_, of, _)| of);
        Ok(of == Some(uid))
    }

    /// The past of the first id after `after` that has any.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn next_past(
        &self,
        shelf: Shelf,
        after: Option<&str>,
        time: Timestamp,
        at: At,
    ) -> Result<Option<Past>, Fault> {
        let prefix = keys::shelf(shelf);
        let after = after.map(|id| keys::event(shelf, id, Uuid::max(), Timestamp::MAX));
        let Some(row) = self.next(&prefix, after, at).await? else { return Ok(None) };
        let Some((id, _, _)) = keys::read_event(&row.key) else { return Ok(None) };
        Ok(Some(self.past(shelf, &id, time, at).await?))
    }

    /// Looks at an object's first row later than the time.
    async fn learn(
        &self,
        past: &mut Past,
        shelf: Shelf,
        uid: Uuid,
        time: Timestamp,
        at: At,
    ) -> Result<(), Fault> {
        let from = keys::event(shelf, &past.id, uid, time);
        let Some(row) = self.next(&keys::of_id(shelf, &past.id), Some(from), at).await? else {
            return Ok(());
        };
        let is_its = keys::read_event(&row.key).is_some_and(|(_, of, _)| of == uid);
        if !is_its {
            return Ok(());
        }
        match self.before(&row, at).await? {
            Some((record, revision)) => past.as_of = AsOf::Was(record, revision),
            None => past.later.push(uid),
        }
        Ok(())
    }

    /// What stood before an event; `None` if nothing did.
    pub(super) async fn before(
        &self,
        row: &Row,
        at: At,
    ) -> Result<Option<(Bytes, Revision)>, Fault> {
        let told = crate::record::decode::<StoredEvent>(&row.value)?;
        let Some(revision) = told.before_revision() else { return Ok(None) };
        let record = match told.before {
            Some(before) => Bytes::from(Box::<str>::from(before).into_string()),
            None => {
                let part = self.store.get(&keys::part(&row.key), at).await?;
                let missing = || Fault::Defect(format!("what stood before {:?} is gone", row.key));
                part.ok_or_else(missing)?.value
            }
        };
        Ok(Some((record, revision)))
    }

    /// The first row of a prefix after a key.
    pub(super) async fn next(
        &self,
        prefix: &Prefix,
        after: Option<Key>,
        at: At,
    ) -> Result<Option<Row>, Fault> {
        let page = self.store.scan(prefix, ScanOptions { after, limit: 1, at }).await?;
        Ok(page.rows.into_iter().next())
    }
}

/// Where the live objects of a shelf stand, and how a row of them is read.
pub struct Live<I, U> {
    /// The rows, in the order of ids.
    pub prefix: Prefix,
    /// The id that a key names.
    pub id: I,
    /// The uid of the object in a row.
    pub uid: U,
}

impl History {
    /// A page of a list as of a time: the live rows at the revision of the first page, merged by id with what the rows later than the
    /// time say. `render` makes a message of a record, or `None` if it is not shown.
    ///
    /// # Errors
    /// The store could not be read, or the list's revision is gone.
    pub async fn list<M: Message, I, U>(
        &self,
        shelf: Shelf,
        listing: &Listing,
        time: Timestamp,
        live: Live<I, U>,
        render: impl Fn(Bytes, Revision) -> Result<Option<M>, Fault>,
    ) -> Result<Page<M>, Fault>
    where
        I: Fn(&Key) -> Option<String>,
        U: Fn(&Row) -> Result<Uuid, Fault>,
    {
        let revision = match listing.at() {
            At::Revision(revision) => revision,
            _ => self.store.published(),
        };
        let at = At::Revision(revision);
        let mut last = listing.page.after.clone().and_then(|id| String::from_utf8(id).ok());
        let mut rows = Ahead::new(&self.store, live.prefix, at);
        let mut past = self.next_past(shelf, last.as_deref(), time, at).await;
        let mut filling = Filling::new(listing.page.size);
        loop {
            let next = past.map_err(|fault| listing.compacted(fault))?;
            let (row, id) = loop {
                let row = rows.peek().await.map_err(|fault| listing.compacted(fault))?;
                let Some(row) = row else { break (None, None) };
                let id = (live.id)(&row.key);
                if id.is_some() && id.as_deref() > last.as_deref() {
                    break (Some(row.clone()), id);
                }
                rows.take();
            };
            let Some(id) = first(id, next.as_ref().map(|past| past.id.clone())) else {
                return Ok(Page { items: filling.items, revision, next: None });
            };
            let row = row.filter(|row| (live.id)(&row.key).as_deref() == Some(&id));
            let (its, other) = match next {
                Some(past) if past.id == id => (past, None),
                other => (Past::of(id.clone()), other),
            };
            let record = match (&its.as_of, row) {
                (AsOf::Was(record, revision), _) => Some((record.clone(), *revision)),
                (AsOf::AsNow, Some(row))
                    if its.later.is_empty() || its.stood((live.uid)(&row)?) =>
                {
                    Some((row.value, row.revision))
                }
                (AsOf::AsNow, _) => None,
            };
            let item = record.map(|(record, revision)| render(record, revision)).transpose()?;
            let item = item.flatten().filter(|message| listing.wants(message));
            if !filling.offer(id.as_bytes(), item) {
                return Ok(filling.cut(revision));
            }
            past = match other {
                Some(past) => Ok(Some(past)),
                None => self.next_past(shelf, Some(&id), time, at).await,
            };
            last = Some(id);
        }
    }
}

/// The smaller of two ids.
fn first(a: Option<String>, b: Option<String>) -> Option<String> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Rows of a prefix, read ahead a page at a time.
struct Ahead<'a> {
    store: &'a Store,
    prefix: Prefix,
    at: At,
    rows: VecDeque<Row>,
    after: Option<Key>,
    more: bool,
}

impl<'a> Ahead<'a> {
    fn new(store: &'a Store, prefix: Prefix, at: At) -> Self {
        Self { store, prefix, at, rows: VecDeque::new(), after: None, more: true }
    }

    /// The next row, which stays the next.
    async fn peek(&mut self) -> Result<Option<&Row>, Fault> {
        if self.rows.is_empty() && self.more {
            let options =
                ScanOptions { after: self.after.take(), limit: MAX_SCAN_ROWS, at: self.at };
            let page = self.store.scan(&self.prefix, options).await?;
            self.more = page.more;
            self.after = page.rows.last().map(|row| row.key.clone());
            self.rows.extend(page.rows);
        }
        Ok(self.rows.front())
    }

    fn take(&mut self) {
        self.rows.pop_front();
    }
}
