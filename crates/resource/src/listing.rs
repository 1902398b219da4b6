//! Lists: a page at a time, of one revision, filtered and ordered.
//!
//! Owns: how a list's request is read, how far one page may scan, and where the next one begins.
//! Always holds: all pages of a list show one revision; a page ends at its size, at [`MAX_PAGE_BYTES`] or after [`SCAN_LIMIT`] rows,
//! so a page of a list in which almost nothing matches may be short, and even empty, and still name a next one.
//! Absent on purpose: where a kind's rows stand and what they hold: the service gives a prefix and reads a row.

use jiff::Timestamp;
use names::{Reason, Violations};
use prost::Message;
use proto::shapes::ListRequest;
use rpc::{
    Failure, Refuse as _,
    page::{PageRequest, QueryFingerprint, TokenKey},
};
use store::{At, Key, MAX_SCAN_ROWS, Prefix, ReadError, Revision, Row, ScanOptions, Store};

use crate::{
    Fault,
    filter::Filter,
    order::{Order, OrderKey},
};

/// Most rows that one page looks at; also the most that an order other than by name may sort. 10,000 small records are read in
/// some 10 ms.
pub const SCAN_LIMIT: usize = 10_000;
/// Most bytes of messages in one page, if it has more than one: three quarters of the largest response that clients take (4 MiB).
pub const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

/// What a list asks.
#[derive(Debug)]
pub struct Listing {
    /// The page.
    pub page: PageRequest,
    /// Whether soft-deleted objects are shown.
    pub show_deleted: bool,
    /// The time that is asked about; `None`: now.
    pub read_time: Option<Timestamp>,
    order: Order,
    filter: Option<Filter>,
}

/// Makes the message of a row, with what it is sorted by; or nothing, if the row is not shown.
pub trait ReadRow<M>: Sync {
    /// Reads a row; what else it needs it reads at the revision that it is given.
    fn read(
        &self,
        row: Row,
        at: At,
    ) -> impl Future<Output = Result<Option<(M, OrderKey)>, Fault>> + Send;
}

/// A row that says all by itself.
impl<M: Send, F> ReadRow<M> for F
where
    F: Fn(&Row) -> Result<Option<(M, OrderKey)>, Fault> + Sync,
{
    async fn read(&self, row: Row, _at: At) -> Result<Option<(M, OrderKey)>, Fault> {
        self(&row)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The revision that was read.
    pub revision: Revision,
    /// Where the next page goes on; `None` on the last one.
    pub next: Option<Vec<u8>>,
}

impl Listing {
    /// Reads a list's request. `message` is the full name of the listed type, for the filter; `orders` are the fields that it can be
    /// ordered by; `extra` is what else of the request changes which objects come.
    ///
    /// # Errors
    /// Everything that is wrong with it; a token that does not fit.
    pub fn parse(
        method: &str,
        request: &impl ListRequest,
        (message, orders): (&str, &'static [&'static str]),
        extra: &[&str],
        keys: &TokenKey,
        mut problems: Violations,
    ) -> Result<Self, Failure> {
        let filter = Filter::parse(request.filter(), message, &mut problems);
        let terms = rpc::order::parse(request.order_by(), orders, &mut problems);
        let read_time = rpc::time::from_proto("read_time", request.read_time(), &mut problems);
        let order = Order::of(terms.iter().map(|term| (term.field, term.descending)));
        if read_time.is_some() && !order.is_by_name() {
            let fix = "a list as of a time is ordered by name; leave order_by or read_time out";
            problems.add("order_by", Reason::NotAllowed, fix);
        }
        problems.finish()?;
        let shown = if request.show_deleted() { "deleted too" } else { "live" };
        let time = read_time.map_or_else(String::new, |time| time.to_string());
        let mut parts = vec![request.parent(), request.filter(), request.order_by(), shown];
        // A list of now keeps the fingerprint that it always had.
        if !time.is_empty() {
            parts.push(&time);
        }
        parts.extend(extra);
        let fingerprint = QueryFingerprint::of(method, &parts);
        let page =
            PageRequest::parse(request.page_size(), request.page_token(), fingerprint, keys)?;
        let show_deleted = request.show_deleted();
        Ok(Self { page, show_deleted, read_time, order, filter })
    }

    /// Whether the list is of everything that lives, which has a known size.
    #[must_use]
    pub fn is_of_all(&self) -> bool {
        self.filter.is_none() && !self.show_deleted && self.read_time.is_none()
    }

    /// Whether the filter wants a message.
    #[must_use]
    pub fn wants(&self, message: &impl Message) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(message))
    }

    /// The revision at which the list is read: that of its first page.
    #[must_use]
    pub fn at(&self) -> At {
        self.page.revision.map_or(At::Published, |revision| At::Revision(Revision::new(revision)))
    }

    /// The token of the page that follows one; empty after the last.
    #[must_use]
    pub fn next_token<T>(&self, page: &Page<T>, keys: &TokenKey) -> String {
        let token = |after: &Vec<u8>| self.page.next_token(keys, page.revision.get(), after);
        page.next.as_ref().map_or_else(String::new, token)
    }

    /// A page of the rows below a prefix. `read` makes the messages.
    ///
    /// # Errors
    /// The store could not be read, the list's revision is gone, or the order needs too much.
    pub async fn scan<M: Message>(
        &self,
        store: &Store,
        prefix: &Prefix,
        read: &impl ReadRow<M>,
    ) -> Result<Page<M>, Fault> {
        let page = if self.order.is_by_name() {
            self.by_name(store, prefix, read).await
        } else {
            self.sorted(store, prefix, read).await
        };
        page.map_err(|fault| self.compacted(fault))
    }

    /// Names the revision that the list began on, when that is what is gone.
    pub(crate) fn compacted(&self, fault: Fault) -> Fault {
        match (fault, self.page.revision) {
            (Fault::Read(ReadError::Compacted { oldest }), Some(began)) => {
                Fault::ListCompacted { revision: Revision::new(began), oldest }
            }
            (fault, _) => fault,
        }
    }

    async fn by_name<M: Message>(
        &self,
        store: &Store,
        prefix: &Prefix,
        read: &impl ReadRow<M>,
    ) -> Result<Page<M>, Fault> {
        let mut filling = Filling::new(self.page.size);
        let mut at = self.at();
        let mut after = self.page.after.clone().map(Key::from_bytes);
        loop {
            let limit = (self.page.size + 1).clamp(SMALLEST_SCAN, MAX_SCAN_ROWS);
            let rows = store.scan(prefix, ScanOptions { after, limit, at }).await?;
            at = At::Revision(rows.revision);
            for row in rows.rows.iter().cloned() {
                let place = row.key.clone();
                let item = read.read(row, at).await?.filter(|(message, _)| self.wants(message));
                if !filling.offer(place.as_bytes(), item.map(|(message, _)| message)) {
                    return Ok(filling.cut(rows.revision));
                }
            }
            after = rows.rows.last().map(|row| row.key.clone());
            if !rows.more {
                return Ok(Page { items: filling.items, revision: rows.revision, next: None });
            }
        }
    }

    async fn sorted<M: Message>(
        &self,
        store: &Store,
        prefix: &Prefix,
        read: &impl ReadRow<M>,
    ) -> Result<Page<M>, Fault> {
        let (mut at, mut after, mut seen) = (self.at(), None, 0);
        let mut found: Vec<(OrderKey, M)> = Vec::new();
        let revision = loop {
            let options = ScanOptions { after, limit: MAX_SCAN_ROWS, at };
            let rows = store.scan(prefix, options).await?;
            seen += rows.rows.len();
            if seen > SCAN_LIMIT {
                return Err(Fault::OrderTooLarge { limit: SCAN_LIMIT });
            }
            at = At::Revision(rows.revision);
            after = rows.rows.last().map(|row| row.key.clone());
            for row in rows.rows {
                if let Some((message, key)) = read.read(row, at).await?
                    && self.wants(&message)
                {
                    found.push((key, message));
                }
            }
            if !rows.more {
                break rows.revision;
            }
        };
        found.sort_by(|(a, _), (b, _)| self.order.compare(a, b));
        Ok(self.page_of(found, revision))
    }

    /// The page of a sorted list that follows the one before: the list is the same on every page, since all read one revision.
    fn page_of<M: Message>(&self, sorted: Vec<(OrderKey, M)>, revision: Revision) -> Page<M> {
        let start = self.page.after.as_ref().map_or(0, |after| {
            let ended = sorted.iter().position(|(key, _)| key.place == *after);
            ended.map_or(sorted.len(), |position| position + 1)
        });
        let mut filling = Filling::new(self.page.size);
        for (key, message) in sorted.into_iter().skip(start) {
            if !filling.offer(&key.place, Some(message)) {
                return filling.cut(revision);
            }
        }
        Page { items: filling.items, revision, next: None }
    }
}

/// Fewest rows that are read at once: a small page of a long list is filtered from more than it shows.
const SMALLEST_SCAN: usize = 100;

/// A page that is being filled.
pub(crate) struct Filling<M> {
    pub(crate) items: Vec<M>,
    size: usize,
    bytes: usize,
    looked_at: usize,
    /// The last place that was looked at.
    last: Option<Vec<u8>>,
}

impl<M: Message> Filling<M> {
    pub(crate) fn new(size: usize) -> Self {
        Self { items: Vec::new(), size, bytes: 0, looked_at: 0, last: None }
    }

    /// Takes the next place with what is shown there; false if the page ends before it.
    pub(crate) fn offer(&mut self, place: &[u8], item: Option<M>) -> bool {
        let bytes = item.as_ref().map_or(0, Message::encoded_len);
        let full = self.looked_at == SCAN_LIMIT
            || self.items.len() == self.size
            || (self.bytes + bytes > MAX_PAGE_BYTES && !self.items.is_empty());
        if full {
            return false;
        }
        self.looked_at += 1;
        self.bytes += bytes;
        self.items.extend(item);
        self.last = Some(place.to_vec());
        true
    }

    /// The page, which more follows.
    pub(crate) fn cut(self, revision: Revision) -> Page<M> {
        Page { items: self.items, revision, next: self.last }
    }
}
