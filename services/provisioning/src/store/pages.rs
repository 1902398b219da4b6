//! Lists, a page at a time, on one revision.

use ::store::{At, Key, Prefix, Revision, Row, ScanOptions};

use super::{Records, StoreError};

/// Most rows that one page looks at; with a filter that fits few of them the page is short.
const MAX_SCANNED_ROWS: usize = 10_000;

/// Which page to read.
#[derive(Clone, Debug)]
pub(crate) struct PageOf {
    /// Most items.
    pub(crate) size: usize,
    /// Where the page before ended.
    pub(crate) after: Option<Vec<u8>>,
    /// The revision of the first page; `None` on that one.
    pub(crate) revision: Option<i64>,
}

/// A page, and where it ended if more follows.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) revision: Revision,
    pub(crate) next: Option<Vec<u8>>,
}

/// The rows of a prefix for one page: the caller takes rows until its page is full.
pub(super) struct Scan {
    prefix: Prefix,
    at: At,
    after: Option<Key>,
    size: usize,
    scanned: usize,
    more: bool,
}

impl Scan {
    pub(super) fn new(records: &Records, prefix: Prefix, page: PageOf) -> Self {
        let revision = page.revision.map_or_else(|| records.published(), Revision::new);
        Self {
            prefix,
            at: At::Revision(revision),
            after: page.after.map(Key::from_bytes),
            size: page.size,
            scanned: 0,
            more: true,
        }
    }

    /// The revision that is read.
    pub(super) fn at(&self) -> At {
        self.at
    }

    /// More rows, or none when the page must end: the prefix, or the patience, is exhausted.
    pub(super) async fn rows(&mut self, records: &Records) -> Result<Vec<Row>, StoreError> {
        if !self.more || self.scanned >= MAX_SCANNED_ROWS {
            return Ok(Vec::new());
        }
        let options = ScanOptions { after: self.after.clone(), limit: self.size, at: self.at };
        let page = records.store.scan(&self.prefix, options).await?;
        self.more = page.more;
        self.scanned += page.rows.len();
        if let Some(last) = page.rows.last() {
            self.after = Some(last.key.clone());
        }
        Ok(page.rows)
    }

    /// The page, which took rows up to `last`; rows after that one were read but not taken if `cut`.
    pub(super) fn finish<T>(self, items: Vec<T>, last: Option<Key>, cut: bool) -> Page<T> {
        let At::Revision(revision) = self.at else {
            // `new` sets a revision and nothing changes it.
            return Page { items, revision: Revision::ZERO, next: None };
        };
        let last = if cut { last } else { self.after };
        let next = (cut || self.more).then_some(last).flatten().map(|key| key.as_bytes().to_vec());
        Page { items, revision, next }
    }
}
