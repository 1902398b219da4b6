//! Where things lie in sled, and how a stored body is cut into checked pieces.

use bytes::{BufMut, Bytes, BytesMut};
use sled::IVec;

use crate::{
    key::{Key, Prefix, escape_into},
    read::ReadError,
    revision::Revision,
};

/// Bytes of a body in one stored piece. A leaf of sled splits by count only: 17 pieces of 4 KiB
/// with the longest keys are about 100 KiB, well below the 512 KiB from which a page becomes a file
/// of its own (see `SEGMENT_BYTES`).
const PIECE_BYTES: usize = 4096;

/// Bytes of BLAKE3 kept with each piece: 128 bits, for accidents, not for attackers.
const CHECKSUM_BYTES: usize = 16;

/// The length that stands before the body in its first piece.
const LENGTH_BYTES: usize = 4;

const ROWS: u8 = b'r';
const LOG: u8 = b'l';
const META: u8 = b'm';

const GROUP_END: [u8; 2] = [0x00, 0x00];
const REVISION_BYTES: usize = 8;
const PIECE_NUMBER_BYTES: usize = 2;

/// The bytes before all versions of a key.
pub(super) fn row_group(key: &Key) -> BytesMut {
    let mut out = BytesMut::with_capacity(key.as_bytes().len() + 24);
    out.put_u8(ROWS);
    escape_into(key.as_bytes(), &mut out);
    out.put_slice(&GROUP_END);
    out
}

/// The first place after all versions of the key whose group this is.
pub(super) fn after_group(group: &[u8]) -> Vec<u8> {
    let mut out = group.to_vec();
    if let Some(last) = out.last_mut() {
        *last += 1;
    }
    out
}

/// The bytes before the pieces of one version of a key.
pub(super) fn row_stem(group: &[u8], revision: Revision) -> Vec<u8> {
    let mut out = group.to_vec();
    out.put_u64(!revision.get().cast_unsigned());
    out
}

/// The bytes before the pieces of one commit's record.
pub(super) fn log_stem(revision: Revision) -> Vec<u8> {
    let mut out = vec![LOG];
    out.put_u64(revision.get().cast_unsigned());
    out
}

/// The whole of the log, as a range's ends.
pub(super) fn log_range() -> (Vec<u8>, Vec<u8>) {
    (vec![LOG], vec![LOG + 1])
}

/// The place of a piece of the store's own facts.
pub(super) fn meta_stem(name: &str) -> Vec<u8> {
    let mut out = vec![META];
    out.put_slice(name.as_bytes());
    out.put_u8(0);
    out
}

/// The ends of the range in which all versions of all keys of a prefix lie.
pub(super) fn row_range(prefix: &Prefix) -> (Vec<u8>, Vec<u8>) {
    let mut start = vec![ROWS];
    escape_into(prefix.as_bytes(), &mut start);
    let mut end = start.clone();
    while end.last() == Some(&0xFF) {
        end.pop();
    }
    // Never empty: the first byte is ROWS.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    (start, end)
}

/// A stored row's place, taken apart.
pub(super) struct RowPlace<'a> {
    /// The bytes before all versions of the key.
    pub(super) group: &'a [u8],
    pub(super) revision: Revision,
    pub(super) piece: u16,
}

impl RowPlace<'_> {
    pub(super) fn read(stored: &[u8]) -> Result<RowPlace<'_>, ReadError> {
        let damage = || damaged("a row's place", stored);
        let tail = REVISION_BYTES + PIECE_NUMBER_BYTES;
        let at = stored.len().checked_sub(tail).ok_or_else(damage)?;
        let (group, tail) = stored.split_at(at);
        let (revision, piece) = tail.split_first_chunk::<REVISION_BYTES>().ok_or_else(damage)?;
        let piece = piece.try_into().map(u16::from_be_bytes).map_err(|_| damage())?;
        let revision = Revision::new((!u64::from_be_bytes(*revision)).cast_signed());
        Ok(RowPlace { group, revision, piece })
    }

    /// The key whose versions lie here.
    pub(super) fn key(&self) -> Result<Key, ReadError> {
        let damage = || damaged("a row's key", self.group);
        let escaped = self.group.strip_prefix(&[ROWS]).ok_or_else(damage)?;
        let escaped = escaped.strip_suffix(&GROUP_END).ok_or_else(damage)?;
        let mut out = BytesMut::with_capacity(escaped.len());
        let mut bytes = escaped.iter();
        while let Some(byte) = bytes.next() {
            out.put_u8(*byte);
            if *byte == 0 && bytes.next() != Some(&0xFF) {
                return Err(damage());
            }
        }
        Ok(Key::from_bytes(out.freeze()))
    }
}

/// The revision in a place of the log.
pub(super) fn log_revision(stored: &[u8]) -> Result<Revision, ReadError> {
    let number = stored.get(1..1 + REVISION_BYTES).and_then(|bytes| bytes.try_into().ok());
    let number = number.ok_or_else(|| damaged("a place in the log", stored))?;
    Ok(Revision::new(u64::from_be_bytes(number).cast_signed()))
}

/// Whether this is the first piece of a body, and of which kind of place.
pub(super) fn is_log_place(stored: &[u8]) -> bool {
    stored.first() == Some(&LOG)
}

/// Cuts a body into pieces and hands each to `put`.
pub(super) fn write_pieces(stem: &[u8], body: &[u8], mut put: impl FnMut(Vec<u8>, Vec<u8>)) {
    let mut framed = BytesMut::with_capacity(LENGTH_BYTES + body.len());
    // Bodies are bounded by MAX_VALUE_BYTES and MAX_COMMIT_BYTES, far below 4 GiB.
    framed.put_u32(body.len() as u32);
    framed.put_slice(body);
    for (number, data) in framed.chunks(PIECE_BYTES).enumerate() {
        let place = piece_place(stem, number);
        let mut value = Vec::with_capacity(CHECKSUM_BYTES + data.len());
        value.put_slice(&checksum(&place, data));
        value.put_slice(data);
        put(place, value);
    }
}

/// How many pieces a body of this length has.
pub(super) fn piece_count(body_bytes: usize) -> usize {
    (LENGTH_BYTES + body_bytes).div_ceil(PIECE_BYTES)
}

/// The place of one piece.
pub(super) fn piece_place(stem: &[u8], number: usize) -> Vec<u8> {
    let mut place = stem.to_vec();
    // A body of 1 MiB has 257 pieces.
    place.put_u16(number as u16);
    place
}

/// Reads the body whose first piece was just met; the others follow it in `rest`.
pub(super) fn read_pieces(
    first: &(IVec, IVec),
    rest: &mut impl Iterator<Item = sled::Result<(IVec, IVec)>>,
) -> Result<Bytes, ReadError> {
    let (place, value) = first;
    let damage = || damaged("a body's pieces", place);
    let stem_bytes = place.len().checked_sub(PIECE_NUMBER_BYTES).ok_or_else(damage)?;
    let stem = &place[..stem_bytes];
    let data = checked(place, value)?;
    let (length, data) = data.split_first_chunk::<LENGTH_BYTES>().ok_or_else(damage)?;
    let length = u32::from_be_bytes(*length) as usize;
    let mut body = BytesMut::with_capacity(length.min(crate::commit::MAX_COMMIT_BYTES));
    body.put_slice(data);
    let mut number = 0;
    while body.len() < length {
        number += 1;
        let (place, value) = rest.next().ok_or_else(damage)?.map_err(fault)?;
        if *place != piece_place(stem, number) {
            return Err(damage());
        }
        body.put_slice(checked(&place, &value)?);
    }
    if body.len() != length {
        return Err(damage());
    }
    Ok(body.freeze())
}

/// The data of a stored piece, if its checksum holds.
pub(super) fn checked<'a>(place: &[u8], value: &'a [u8]) -> Result<&'a [u8], ReadError> {
    match value.split_first_chunk::<CHECKSUM_BYTES>() {
        Some((sum, data)) if *sum == checksum(place, data) => Ok(data),
        _ => Err(damaged("a checksum", place)),
    }
}

/// The place is part of the sum, so that a piece in a wrong place is damage too.
fn checksum(place: &[u8], data: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(place.len() as u64).to_be_bytes());
    hasher.update(place);
    hasher.update(data);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
    sum
}

/// Stored bytes are not what they must be.
pub(super) fn damaged(what: &str, place: &[u8]) -> ReadError {
    ReadError::Corrupt(format!("{what} is wrong at {}", place.escape_ascii()))
}

/// What a failure of sled means to a reader.
pub(super) fn fault(error: sled::Error) -> ReadError {
    match error {
        sled::Error::Corruption { .. } => ReadError::Corrupt(error.to_string()),
        other => ReadError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces_of(stem: &[u8], body: &[u8]) -> Vec<(IVec, IVec)> {
        let mut pieces = Vec::new();
        write_pieces(stem, body, |place, value| pieces.push((place.into(), value.into())));
        pieces
    }

    fn read(pieces: &[(IVec, IVec)]) -> Result<Bytes, ReadError> {
        read_pieces(&pieces[0], &mut pieces[1..].iter().cloned().map(Ok))
    }

    #[test]
    fn bodies_of_every_size_around_a_piece_read_back() {
        for size in [0, 1, 4091, 4092, 4093, 8187, 8188, 8189, 65_536] {
            let body = vec![9; size];
            let pieces = pieces_of(b"stem", &body);
            assert_eq!(pieces.len(), piece_count(size));
            assert_eq!(read(&pieces).as_deref(), Ok(&body[..]), "{size}");
        }
    }

    #[test]
    fn a_flipped_bit_a_missing_and_a_misplaced_piece_are_damage() {
        let good = pieces_of(b"stem", &[1; 10_000]);
        let mut flipped = good.clone();
        let mut value = flipped[1].1.to_vec();
        value[100] ^= 1;
        flipped[1].1 = value.into();
        let missing = [good[0].clone(), good[2].clone()];
        let mut misplaced = good.clone();
        misplaced[1].1 = good[2].1.clone();
        for pieces in [&flipped[..], &missing, &misplaced, &good[..2]] {
            assert!(matches!(read(pieces), Err(ReadError::Corrupt(_))));
        }
    }

    #[test]
    fn newer_versions_of_a_key_come_first_and_keys_stay_in_order() {
        let key = |text: &str| Key::builder(1).text(text).finish();
        let place = |text, revision| row_stem(&row_group(&key(text)), Revision::new(revision));
        assert!(place("a", 9) < place("a", 8));
        assert!(place("a", 0) < place("aa", i64::MAX));
        assert!(place("a\0", 0) < place("b", 5));
        let group = row_group(&key("a"));
        assert!(place("a", 0) < after_group(&group));
        assert!(after_group(&group) <= place("aa", i64::MAX));
    }

    #[test]
    fn a_place_gives_its_key_and_revision_back() {
        let key = Key::builder(0).text("a\0b").u64(0).finish();
        let stored = piece_place(&row_stem(&row_group(&key), Revision::new(7)), 3);
        let place = RowPlace::read(&stored).expect("well formed");
        assert_eq!((place.revision, place.piece), (Revision::new(7), 3));
        assert_eq!(place.key(), Ok(key));
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn any_bytes_are_a_place_of_a_row_or_damage() {
        trial::target!("row_places").words(&["r", "l", "m"]).run(|input| {
            let _ = log_revision(input);
            let place = RowPlace::read(input)?;
            let key = place.key()?;
            let group = row_group(&key);
            let again = piece_place(&row_stem(&group, place.revision), usize::from(place.piece));
            assert_eq!(again, input, "a place has two spellings");
            assert!(*input < *after_group(&group), "it lies behind its group");
            Ok::<_, ReadError>(())
        });
    }

    /// Pieces as sled would give them: each behind its number and its length.
    fn pieces(mut input: &[u8], sealed: bool) -> Vec<sled::Result<(IVec, IVec)>> {
        let mut pieces = Vec::new();
        while let Some((&[number, length], rest)) = input.split_first_chunk::<2>() {
            let (data, tail) = rest.split_at(usize::from(length).min(rest.len()));
            let place = piece_place(b"stem", usize::from(number));
            let sum = if sealed { checksum(&place, data).to_vec() } else { Vec::new() };
            pieces.push(Ok((place.into(), [&sum, data].concat().into())));
            input = tail;
        }
        pieces
    }

    #[test]
    fn any_pieces_are_a_whole_body_or_damage() {
        let target = trial::target!("pieces")
            .with(b"\0\x08\0\0\0\x04body")
            .with([&b"\0\xff\0\0\x01\x2c"[..], &[1; 251], b"\x01\x31", &[2; 49]].concat());
        target.run(|input| {
            let mut bare = pieces(input, false).into_iter();
            if let Some(first) = bare.next() {
                let read = read_pieces(&first.unwrap(), &mut bare);
                assert!(read.is_err(), "a piece without its checksum is taken");
            }
            let mut sealed = pieces(input, true).into_iter();
            let body = read_pieces(&sealed.next()?.unwrap(), &mut sealed).ok()?;
            assert!(body.len() <= input.len());
            Some(())
        });
    }
}
