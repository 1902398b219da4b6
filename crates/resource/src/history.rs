//! Who changed what, and what an object was at a time.
//!
//! Owns: the audit rows, which are the history, and the two questions that they answer: the events of a tenant, newest first
//! (`events`), and an object or a list as of a time (`past`).
//! Always holds: a row stands in the commit of the write that it tells of; it holds the object's stored record of *before*, never the
//! one after, which is the next row's before or the object itself; the time of one object's rows rises strictly; no secret is in a row,
//! since none is in a record that is remembered here.
//! Absent on purpose: joins, renewals, counters and workers' steps that the row of an intent stands for.
//!
//! Read in this order: `deed` (what is remembered), `rows` (how it is remembered), `past` and `events` (what is asked), `trim`.
//!
//! ## Design notes
//! An object at time T is what stands before in its first row later than T, else the object as it is now. So an object needs no row to
//! be remembered, and only rows younger than the horizon are kept. The horizon is the youngest of: the age that is kept, the first start
//! with this version, a restore (another epoch), and what was trimmed because there were too many. Rows are keyed by the uid of the
//! tenant, so that a tenant made anew under an old id never sees its predecessor's. The other choice, the store's own revisions, would
//! keep every counter and index for 90 days to remember a few writes.

mod deed;
mod events;
mod keys;
mod limits;
mod past;
mod record;
mod rows;
mod trim;

pub use deed::{Deed, OPS_PER_ROW, Shelf};
pub use events::{Event, Objects, changed_paths};
pub use keys::{FIRST_TAG, LAST_TAG};
pub use limits::HistoryLimits;
pub use past::{AsOf, Live, Past};
pub use rows::{History, NOW_IS_WITHIN};
pub use trim::Trimmed;
