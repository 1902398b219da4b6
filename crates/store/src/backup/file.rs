//! The file format: a magic line, frames behind their length, and a BLAKE3 of everything before.

use std::io::{self, Read, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    commit::MAX_VALUE_BYTES,
    key::MAX_KEY_BYTES,
    revision::{Epoch, Revision},
};

/// The first bytes of every backup, readable by `file` and `head`.
const MAGIC: &[u8; 22] = b"causeway store backup\n";

/// The format that is written, and the latest that is read.
pub(super) const FORMAT: u32 = 1;

/// Longest frame: the largest row and room for its numbers.
const MAX_FRAME_BYTES: usize = MAX_KEY_BYTES + MAX_VALUE_BYTES + 1024;

const HASH_BYTES: usize = 32;

/// One frame, in postcard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Frame {
    /// The first frame; its first field stays first in every format.
    Header { format: u32, epoch: Epoch, revision: Revision, taken: Timestamp },
    /// One object. `revision` and `created` are those in the store it comes from.
    Row { key: Vec<u8>, value: Vec<u8>, revision: Revision, created: Revision },
    /// The last frame: how many rows there were.
    End { rows: u64 },
}

/// Writes frames and hashes what it writes.
pub(super) struct FrameWriter<W> {
    out: W,
    hash: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(out: W) -> io::Result<FrameWriter<W>> {
        let mut writer = FrameWriter { out, hash: blake3::Hasher::new(), bytes: 0 };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    pub(super) fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let encoded = postcard::to_stdvec(frame).map_err(io::Error::other)?;
        // Rows are bounded by MAX_FRAME_BYTES.
        self.put(&(encoded.len() as u32).to_be_bytes())?;
        self.put(&encoded)
    }

    /// Ends with the hash; gives the writer back and the file's size.
    pub(super) fn finish(mut self) -> io::Result<(W, u64)> {
        let hash = self.hash.finalize();
        self.put(hash.as_bytes())?;
        Ok((self.out, self.bytes))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// Reads frames and hashes what it reads.
pub(super) struct FrameReader<R> {
    input: R,
    hash: blake3::Hasher,
}

/// What is wrong with a file; an `Io` of kind `UnexpectedEof` means that it is cut off.
#[derive(Debug)]
pub(super) enum FrameError {
    Io(io::Error),
    Damaged(String),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> FrameError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => FrameError::Damaged("it is cut off".to_owned()),
            _ => FrameError::Io(error),
        }
    }
}

impl<R: Read> FrameReader<R> {
    pub(super) fn new(input: R) -> Result<FrameReader<R>, FrameError> {
        let mut reader = FrameReader { input, hash: blake3::Hasher::new() };
        let mut magic = [0; MAGIC.len()];
        reader.take(&mut magic)?;
        if magic != *MAGIC {
            return Err(FrameError::Damaged("it does not begin like a backup".to_owned()));
        }
        Ok(reader)
    }

    pub(super) fn frame(&mut self) -> Result<Frame, FrameError> {
        let mut length = [0; 4];
        self.take(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(FrameError::Damaged(format!("a frame claims {length} bytes")));
        }
        let mut encoded = vec![0; length];
        self.take(&mut encoded)?;
        postcard::from_bytes(&encoded)
            .map_err(|error| FrameError::Damaged(format!("a frame is unreadable: {error}")))
    }

    /// Checks the hash at the end, and that nothing follows it.
    pub(super) fn finish(mut self) -> Result<(), FrameError> {
        let expected = self.hash.finalize();
        let mut found = [0; HASH_BYTES];
        self.input.read_exact(&mut found)?;
        // Compared through blake3's own constant-time equality.
        if expected != blake3::Hash::from_bytes(found) {
            return Err(FrameError::Damaged("its checksum is wrong".to_owned()));
        }
        match self.input.read(&mut [0; 1])? {
            0 => Ok(()),
            _ => Err(FrameError::Damaged("something follows its end".to_owned())),
        }
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), FrameError> {
        self.input.read_exact(bytes)?;
        self.hash.update(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_backup() -> Vec<u8> {
        let mut writer = FrameWriter::new(Vec::new()).expect("memory");
        let epoch = Epoch::from_bytes([3; 16]);
        let taken = Timestamp::UNIX_EPOCH;
        let revision = Revision::new(9);
        writer.frame(&Frame::Header { format: FORMAT, epoch, revision, taken }).expect("memory");
        let value = b"value".to_vec();
        let row = Frame::Row { key: vec![1, 2], value, revision, created: Revision::new(4) };
        writer.frame(&row).expect("memory");
        writer.frame(&Frame::End { rows: 1 }).expect("memory");
        writer.finish().expect("memory").0
    }

    fn read(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
        let mut reader = FrameReader::new(bytes)?;
        let mut frames = Vec::new();
        loop {
            frames.push(reader.frame()?);
            if matches!(frames.last(), Some(Frame::End { .. })) {
                return reader.finish().map(|()| frames);
            }
        }
    }

    #[test]
    fn frames_read_back_and_every_changed_or_missing_byte_is_noticed() {
        let good = a_backup();
        assert_eq!(read(&good).expect("whole").len(), 3);
        for place in 0..good.len() {
            let mut changed = good.clone();
            changed[place] ^= 0x10;
            assert!(read(&changed).is_err(), "byte {place}");
            assert!(read(&good[..place]).is_err(), "cut at {place}");
        }
        let longer = [&good[..], b"x"].concat();
        assert!(read(&longer).is_err());
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    fn whole(frames: &[Frame]) -> Vec<u8> {
        let mut writer = FrameWriter::new(Vec::new()).unwrap();
        frames.iter().for_each(|frame| writer.frame(frame).unwrap());
        writer.finish().unwrap().0
    }

    fn frames() -> [Frame; 3] {
        let (epoch, revision) = (Epoch::from_bytes([3; 16]), Revision::new(9));
        let header =
            Frame::Header { format: FORMAT, epoch, revision, taken: Timestamp::UNIX_EPOCH };
        let row = Frame::Row {
            key: vec![1, 2],
            value: b"value".to_vec(),
            revision: Revision::new(9),
            created: Revision::new(4),
        };
        [header, row, Frame::End { rows: 1 }]
    }

    #[test]
    fn any_file_is_a_backup_with_a_right_sum_or_not_a_whole_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        let target = trial::target!("backups").words(&["causeway store backup\n"]);
        target.with(whole(&frames())).costs(4).run(|input| {
            std::fs::write(&path, input).unwrap();
            let read = super::super::restore::read_file(&path);
            if read.is_ok() {
                let (body, sum) = input.split_at(input.len() - HASH_BYTES);
                assert_eq!(blake3::hash(body).as_bytes(), sum, "any sum is taken");
            }
            read
        });
    }

    #[test]
    fn any_frame_behind_a_right_sum_is_a_frame_or_damage() {
        let encoded = frames().map(|frame| postcard::to_stdvec(&frame).unwrap());
        let [header, row, end] = encoded.clone();
        let target = trial::target!("backup_frames").with(header).with(row).with(end);
        let words = ["1970-01-01T00:00:00Z", "-009999-01-02T01:59:59Z", "9999-12-31T23:59:60Z"];
        target.words(&words).run(|input| {
            let mut writer = FrameWriter::new(Vec::new()).unwrap();
            writer.put(&u32::try_from(input.len()).unwrap().to_be_bytes()).unwrap();
            writer.put(input).unwrap();
            let file = writer.finish().unwrap().0;
            let mut reader = FrameReader::new(&file[..]).unwrap();
            let frame = reader.frame().map_err(|error| format!("{error:?}"));
            if frame.is_ok() {
                reader.finish().unwrap();
            }
            frame
        });
    }
}
