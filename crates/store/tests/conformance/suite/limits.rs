//! Limits, which are the same on every engine.

use store::{
    At, Commit, CommitError, IdempotencyKey, Key, MAX_COMMIT_BYTES, MAX_COMMIT_OPS, MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
};
use uuid::Uuid;

use crate::harness::{Harness, all, commit, key, list};

fn writes(count: usize) -> Commit {
    (0..count).fold(commit(), |commit, number| commit.put(key(&number.to_string()), "x"))
}

fn guards(count: usize) -> Commit {
    (0..count).fold(commit(), |commit, number| commit.require_absent(&key(&number.to_string())))
}

pub(crate) async fn a_hundred_writes_and_a_hundred_preconditions_are_allowed_and_one_more_is_not(
    place: impl Harness,
) {
    let store = place.open().await;
    let expected = CommitError::TooManyOps { ops: MAX_COMMIT_OPS + 1, max: MAX_COMMIT_OPS };
    assert_eq!(store.commit(writes(MAX_COMMIT_OPS + 1)).await, Err(expected.clone()));
    let too_many_guards = guards(MAX_COMMIT_OPS + 1).put(key("x"), "x");
    assert_eq!(store.commit(too_many_guards).await, Err(expected));
    assert!(list(&store, &all(), 10, At::Published).await.is_empty());

    let both = (0..MAX_COMMIT_OPS).fold(writes(MAX_COMMIT_OPS), |commit, number| {
        commit.require_absent(&key(&number.to_string()))
    });
    let id = IdempotencyKey {
        scope: "limits".to_owned(),
        request_id: Uuid::nil(),
        fingerprint: [0; 32],
    };
    store.commit(both.idempotent(id, "done")).await.unwrap();
    assert_eq!(list(&store, &all(), 1000, At::Published).await.len(), MAX_COMMIT_OPS);
}

/// A commit whose keys and values are `total` bytes together.
fn commit_of(total: usize) -> Commit {
    let (mut left, mut number, mut filled) = (total, 0_u64, commit());
    while left > 0 {
        let name = Key::builder(1).u64(number).finish();
        let key_bytes = name.as_bytes().len();
        // The last value takes the rest, and at least a key's worth is left for it.
        let value_bytes = MAX_VALUE_BYTES.min(left - key_bytes);
        let rest = left - key_bytes - value_bytes;
        let value_bytes = if rest > 0 && rest < 64 { value_bytes - 64 } else { value_bytes };
        filled = filled.put(name, vec![7; value_bytes]);
        left -= key_bytes + value_bytes;
        number += 1;
    }
    filled
}

pub(crate) async fn a_mebibyte_is_allowed_and_one_more_byte_is_not(place: impl Harness) {
    let store = place.open().await;
    let result = store.commit(commit_of(MAX_COMMIT_BYTES + 1)).await;
    assert!(
        matches!(result, Err(CommitError::TooLarge { bytes, max, .. })
            if bytes == MAX_COMMIT_BYTES + 1 && max == MAX_COMMIT_BYTES),
        "{result:?}"
    );
    assert!(list(&store, &all(), 10, At::Published).await.is_empty());
    store.commit(commit_of(MAX_COMMIT_BYTES)).await.unwrap();
    let rows = list(&store, &all(), 10, At::Published).await;
    let size: usize = rows.iter().map(|row| row.key.as_bytes().len() + row.value.len()).sum();
    assert_eq!(size, MAX_COMMIT_BYTES);
}

fn key_of(bytes: usize, fill: u8) -> Key {
    let mut raw = vec![fill; bytes];
    raw[0] = 1;
    Key::from_bytes(raw)
}

pub(crate) async fn the_longest_key_and_value_are_kept_whole_and_longer_ones_are_refused(
    place: impl Harness,
) {
    let store = place.open().await;
    let value: Vec<u8> = (0..MAX_VALUE_BYTES).map(|place| (place % 251) as u8).collect();
    // Zero bytes are the longest when stored.
    for fill in [0, 0xFF] {
        let longest = key_of(MAX_KEY_BYTES, fill);
        store.commit(commit().put(longest.clone(), value.clone())).await.unwrap();
        let row = store.get(&longest, At::Published).await.unwrap().unwrap();
        assert_eq!((&row.key, &row.value[..]), (&longest, &value[..]));

        let longer = key_of(MAX_KEY_BYTES + 1, fill);
        for refused in [
            commit().put(longer.clone(), "x"),
            commit().delete(longer.clone()),
            commit().require_absent(&longer).put(key("x"), "x"),
        ] {
            let result = store.commit(refused).await;
            assert!(matches!(result, Err(CommitError::TooLarge { .. })), "{result:?}");
        }
    }
    let result = store.commit(commit().put(key("x"), vec![0; MAX_VALUE_BYTES + 1])).await;
    assert!(matches!(result, Err(CommitError::TooLarge { .. })), "{result:?}");
    assert_eq!(store.get(&key("x"), At::Published).await, Ok(None));
}

pub(crate) async fn two_writes_of_one_key_are_refused(place: impl Harness) {
    let store = place.open().await;
    let twice = commit().put(key("a"), "1").put(key("b"), "2").delete(key("a"));
    let expected = CommitError::DuplicateKey { key: key("a") };
    assert_eq!(store.commit(twice).await, Err(expected));
    assert!(list(&store, &all(), 10, At::Published).await.is_empty());
}

pub(crate) async fn the_keys_of_the_store_itself_are_refused(place: impl Harness) {
    let store = place.open().await;
    for reserved in [Key::builder(0xF0).finish(), Key::from_bytes(Vec::new())] {
        let expected = CommitError::ReservedKey { key: reserved.clone() };
        assert_eq!(store.commit(commit().put(reserved, "x")).await, Err(expected));
    }
    store.commit(commit().put(Key::builder(0xEF).finish(), "x")).await.unwrap();
}
