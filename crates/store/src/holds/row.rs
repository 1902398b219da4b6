//! The stored form of a hold.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    commit::CommitError,
    key::{Key, Prefix},
    read::{ReadError, Row},
    reserved::TAG_HOLD,
    revision::Revision,
};

/// A hold's row, of every version that was ever written.
#[derive(Serialize, Deserialize)]
enum Stored {
    /// The revision that is held, and the hold's life in milliseconds.
    V1(Revision, u64),
}

/// What a hold's row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredHold {
    /// This revision and later ones are needed.
    pub(super) revision: Revision,
    /// How long after it was written.
    pub(super) life: Duration,
}

/// The range of all holds.
pub(super) fn prefix() -> Prefix {
    Key::builder(TAG_HOLD).prefix()
}

/// The key of a hold.
pub(super) fn key(hold: Uuid) -> Key {
    Key::builder(TAG_HOLD).bytes(hold.as_bytes()).finish()
}

impl StoredHold {
    pub(super) fn read(row: &Row) -> Result<StoredHold, ReadError> {
        let stored: Stored = postcard::from_bytes(&row.value)
            .map_err(|error| ReadError::Corrupt(format!("the hold {:?}: {error}", row.key)))?;
        let Stored::V1(revision, life) = stored;
        Ok(StoredHold { revision, life: Duration::from_millis(life) })
    }

    pub(super) fn encoded(&self) -> Result<Bytes, CommitError> {
        // Half a billion years fit.
        let life = self.life.as_millis() as u64;
        let encoded = postcard::to_stdvec(&Stored::V1(self.revision, life));
        encoded
            .map(Bytes::from)
            .map_err(|error| CommitError::Unavailable(format!("cannot record a hold: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: &[u8]) -> Row {
        let (revision, created) = (Revision::new(3), Revision::new(3));
        Row { key: key(Uuid::nil()), value: value.to_vec().into(), revision, created }
    }

    #[test]
    fn a_hold_is_written_as_ever_and_what_was_ever_written_is_read() {
        let hold = StoredHold { revision: Revision::new(150), life: Duration::from_secs(60) };
        // The version, then 150 doubled for its sign and 60,000, in seven bits a byte, the lowest first.
        let golden = [0, 0xAC, 0x02, 0xE0, 0xD4, 0x03];
        assert_eq!(hold.encoded().as_deref(), Ok(&golden[..]));
        assert_eq!(StoredHold::read(&row(&golden)), Ok(hold));
    }

    #[test]
    fn any_bytes_are_a_hold_or_damage() {
        let hold = StoredHold { revision: Revision::new(9), life: Duration::from_secs(1) };
        let target = trial::target!("holds").with(hold.encoded().unwrap().to_vec());
        target.run(|input| {
            let read = StoredHold::read(&row(input));
            if let Ok(hold) = &read {
                let encoded = hold.encoded().unwrap();
                assert_eq!(StoredHold::read(&row(&encoded)).as_ref(), Ok(hold));
            }
            read
        });
    }
}
