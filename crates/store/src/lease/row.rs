//! The stored form of a lease.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    commit::CommitError,
    read::{ReadError, Row},
};

/// A lease's row, of every version that was ever written.
#[derive(Serialize, Deserialize)]
enum Stored {
    /// Holder, number, and life in milliseconds.
    V1([u8; 16], u64, u64),
}

/// What a lease's row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredLease {
    /// Who has it: drawn anew for each [`Lease`](super::Lease).
    pub(super) holder: Uuid,
    /// Rises with each write of the row.
    pub(super) number: u64,
    /// How long it is the holder's after it was written.
    pub(super) life: Duration,
}

impl StoredLease {
    pub(super) fn read(row: &Row) -> Result<StoredLease, ReadError> {
        let stored: Stored = postcard::from_bytes(&row.value)
            .map_err(|error| ReadError::Corrupt(format!("the lease {:?}: {error}", row.key)))?;
        let Stored::V1(holder, number, life) = stored;
        let (holder, life) = (Uuid::from_bytes(holder), Duration::from_millis(life));
        Ok(StoredLease { holder, number, life })
    }

    pub(super) fn encoded(&self) -> Result<Bytes, CommitError> {
        // Half a billion years fit.
        let life = self.life.as_millis() as u64;
        let encoded = postcard::to_stdvec(&Stored::V1(self.holder.into_bytes(), self.number, life));
        encoded
            .map(Bytes::from)
            .map_err(|error| CommitError::Unavailable(format!("cannot record a lease: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{key::Key, revision::Revision};

    fn row(value: &[u8]) -> Row {
        let (revision, created) = (Revision::new(3), Revision::new(3));
        Row { key: Key::builder(1).finish(), value: value.to_vec().into(), revision, created }
    }

    #[test]
    fn a_lease_is_written_as_ever_and_what_was_ever_written_is_read() {
        let lease = StoredLease {
            holder: Uuid::from_bytes([0xA5; 16]),
            number: 300,
            life: Duration::from_secs(15),
        };
        // The version, the holder, then 300 and 15,000 in seven bits a byte, the lowest first.
        let golden = [&[0][..], &[0xA5; 16], &[0xAC, 0x02], &[0x98, 0x75]].concat();
        assert_eq!(lease.encoded().as_deref(), Ok(&golden[..]));
        assert_eq!(StoredLease::read(&row(&golden)), Ok(lease));
    }

    #[test]
    fn any_bytes_are_a_lease_or_damage() {
        let lease = StoredLease { holder: Uuid::nil(), number: 1, life: Duration::from_secs(1) };
        let target = trial::target!("leases").with(lease.encoded().unwrap().to_vec());
        target.run(|input| {
            let read = StoredLease::read(&row(input));
            if let Ok(lease) = &read {
                let encoded = lease.encoded().unwrap();
                assert_eq!(StoredLease::read(&row(&encoded)).as_ref(), Ok(lease));
            }
            read
        });
    }
}
