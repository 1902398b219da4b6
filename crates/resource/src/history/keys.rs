//! Where the history's rows stand, in every service's store.
//!
//! | tag | key | value |
//! | --- | --- | --- |
//! | E0 | tenant's uid, kind, id, object's uid, time | the row: who, when, what stood before |
//! | E1 | tenant's uid, time from the newest on, object's uid | the key of the row |
//! | E2 | | since when there is history, and in which epoch |
//! | E3 | tenant's uid | up to when rows were dropped because there were too many |
//! | E4 | as E0 | what stood before, where it is too large for the row |

use jiff::Timestamp;
use store::{Key, Prefix};
use uuid::Uuid;

use super::deed::Shelf;

/// The tags from here to [`LAST_TAG`] are the history's; no service gives them to rows of its own.
pub const FIRST_TAG: u8 = 0xE0;
/// See [`FIRST_TAG`].
pub const LAST_TAG: u8 = 0xE4;

const EVENT: u8 = 0xE0;
const BY_TIME: u8 = 0xE1;
const START: u8 = 0xE2;
const TRIMMED: u8 = 0xE3;
const PART: u8 = 0xE4;

/// Where an event stands.
pub(super) fn event(shelf: Shelf, id: &str, uid: Uuid, time: Timestamp) -> Key {
    let Shelf { tenant, kind } = shelf;
    let builder = Key::builder(EVENT).bytes(tenant.as_bytes()).u64(kind.into()).text(id);
    builder.bytes(uid.as_bytes()).u64(rising(time)).finish()
}

/// All events of a shelf, in the order of ids.
pub(super) fn shelf(shelf: Shelf) -> Prefix {
    Key::builder(EVENT).bytes(shelf.tenant.as_bytes()).u64(shelf.kind.into()).prefix()
}

/// All events of the objects that ever had an id.
pub(super) fn of_id(shelf: Shelf, id: &str) -> Prefix {
    let builder = Key::builder(EVENT).bytes(shelf.tenant.as_bytes()).u64(shelf.kind.into());
    builder.text(id).prefix()
}

/// Which object an event is of, and when it was: id, uid, time.
pub(super) fn read_event(key: &Key) -> Option<(String, Uuid, Timestamp)> {
    let mut parts = key.parts();
    let _tenant = parts.bytes().ok()?;
    let _kind = parts.u64().ok()?;
    let id = parts.text().ok()?;
    let uid = Uuid::from_slice(&parts.bytes().ok()?).ok()?;
    Some((id, uid, risen(parts.u64().ok()?)?))
}

/// Where an event is found by its time, newest first.
pub(super) fn by_time(tenant: Uuid, time: Timestamp, uid: Uuid) -> Key {
    let falling = u64::MAX - rising(time);
    Key::builder(BY_TIME).bytes(tenant.as_bytes()).u64(falling).bytes(uid.as_bytes()).finish()
}

/// All events of a tenant, newest first.
pub(super) fn of_tenant(tenant: Uuid) -> Prefix {
    Key::builder(BY_TIME).bytes(tenant.as_bytes()).prefix()
}

/// All events of all tenants, each tenant's newest first.
pub(super) fn of_all() -> Prefix {
    Key::builder(BY_TIME).prefix()
}

/// Whose event it is, and when it was.
pub(super) fn read_by_time(key: &Key) -> Option<(Uuid, Timestamp)> {
    let mut parts = key.parts();
    let tenant = Uuid::from_slice(&parts.bytes().ok()?).ok()?;
    Some((tenant, risen(u64::MAX - parts.u64().ok()?)?))
}

/// Since when there is history.
pub(super) fn start() -> Key {
    Key::builder(START).finish()
}

/// Up to when a tenant's rows were dropped.
pub(super) fn trimmed(tenant: Uuid) -> Key {
    Key::builder(TRIMMED).bytes(tenant.as_bytes()).finish()
}

/// Where what stood before an event lies, if it is too large for the row.
pub(super) fn part(event: &Key) -> Key {
    Key::builder(PART).bytes(event.as_bytes()).finish()
}

/// Microseconds since the epoch, as a number that rises: rows are told apart by microseconds.
fn rising(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}

fn risen(micros: u64) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::try_from(micros).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_it_was_made_of_and_newest_comes_first() {
        let time = |micros| Timestamp::from_microsecond(micros).unwrap();
        let (tenant, uid) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let place = Shelf { tenant, kind: 2 };
        let key = event(place, "berlin", uid, time(7));
        assert_eq!(read_event(&key), Some(("berlin".to_owned(), uid, time(7))));
        assert!(shelf(place).matches(&key) && of_id(place, "berlin").matches(&key));
        assert!(!of_id(place, "berl").matches(&key));
        let (older, newer) = (by_time(tenant, time(7), uid), by_time(tenant, time(8), uid));
        assert!(newer < older);
        assert_eq!(read_by_time(&older), Some((tenant, time(7))));
    }
}
