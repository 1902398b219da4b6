//! The format of the records: who may open a store.

use bytes::Bytes;
use store::{At, CommitError, FIRST_FORMAT, IdempotencyKey, OpenError, RecordFormat, Store, Value};
use uuid::Uuid;

use crate::harness::{Harness, Settings, commit, key, put, text};

/// A program that reads up to this format.
fn program(format: u32, version: &'static str) -> Settings {
    Settings { reads: (format, version), ..Settings::default() }
}

fn value(format: u32) -> Value {
    Value { bytes: Bytes::from_static(b"x"), format }
}

async fn put_of(store: &Store, name: &str, format: u32) -> Result<(), CommitError> {
    store.commit(commit().put(key(name), value(format))).await.map(|_| ())
}

async fn format_of(store: &Store) -> RecordFormat {
    let dir = tempfile::tempdir().unwrap();
    store.backup(dir.path().join("backup")).await.unwrap().format
}

pub(crate) async fn a_store_is_refused_to_a_program_that_is_too_old_and_it_is_told_which_one_reads_it<
    H: Harness,
>(
    place: H,
) {
    let store = place.open_with(program(3, "1.7.0")).await;
    put_of(&store, "new", 2).await.unwrap();
    store.close().await;
    drop(store);

    let refused = place.try_open_with(program(1, "1.0.0")).await.unwrap_err();
    let OpenError::RecordFormat { found, reads, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((found.number, found.version.as_str(), *reads), (2, "1.7.0", 1));
    let told = refused.to_string();
    assert!(told.contains("run version 1.7.0 or later"), "{told}");

    // Who reads just this format opens it, though another one wrote it: also right after a refusal, which kept nothing.
    let store = place.open_with(program(2, "1.6.1")).await;
    assert_eq!(text(&store, "new", At::Published).await.as_deref(), Some("x"));
}

pub(crate) async fn a_format_comes_with_the_first_value_that_needs_it_and_stays<H: Harness>(
    place: H,
) {
    let store = place.open_with(program(3, "1.7.0")).await;
    put(&store, "old", "x").await;
    assert_eq!(format_of(&store).await, RecordFormat::default(), "nobody needed it yet");
    let (first, request) = (store.published(), Uuid::from_u128(7));
    put_of(&store, "new", 2).await.unwrap();
    let raised = store.published();
    put_of(&store, "newer", 2).await.unwrap();
    put(&store, "old", "y").await;
    let version = "1.7.0".to_owned();
    assert_eq!(format_of(&store).await, RecordFormat { number: 2, version });
    assert!(first < raised && raised < store.published());
    store.close().await;
    drop(store);

    // What is remembered of a request is a record too.
    let store = place.open_with(program(3, "1.8.0")).await;
    let scope = "Create token:admin".to_owned();
    let request = IdempotencyKey { scope, request_id: request, fingerprint: [0; 32] };
    let remembering = commit().put(key("old"), "z").idempotent(request, value(3));
    store.commit(remembering).await.unwrap();
    let version = "1.8.0".to_owned();
    assert_eq!(format_of(&store).await, RecordFormat { number: 3, version });
}

pub(crate) async fn a_value_that_the_program_itself_does_not_read_is_refused<H: Harness>(place: H) {
    let store = place.open_with(program(2, "1.7.0")).await;
    let refused = put_of(&store, "far", 3).await;
    assert_eq!(refused, Err(CommitError::UnreadFormat { needed: 3, reads: 2 }));
    assert_eq!(text(&store, "far", At::Published).await, None);
    assert_eq!(format_of(&store).await.number, FIRST_FORMAT);
}

pub(crate) async fn of_two_handles_that_raise_the_format_at_once_the_higher_stands<H: Harness>(
    place: H,
) {
    let one = place.open_with(program(9, "1.7.0")).await;
    let two = place.open_second(&one).await;
    // The second hears nothing of what the first one raises, and must not lower it.
    two.pause_watch();
    for format in 2..=9 {
        let (higher, lower) = (format.max(3), format - 1);
        let writes = futures::join!(put_of(&one, "one", higher), put_of(&two, "two", lower.max(1)));
        assert_eq!(writes, (Ok(()), Ok(())));
        assert_eq!(format_of(&one).await.number, higher);
    }
}

pub(crate) async fn a_backup_says_its_format_and_carries_it<H: Harness>(place: H) {
    let store = place.open_with(program(2, "1.7.0")).await;
    put_of(&store, "new", 2).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    let summary = store.backup(&file).await.unwrap();
    assert_eq!(summary.format, RecordFormat { number: 2, version: "1.7.0".to_owned() });
    assert_eq!(store::verify(&file).await.unwrap(), summary);

    let other = H::new();
    other.restore(&file).await.unwrap();
    let refused = other.try_open_with(program(1, "1.0.0")).await.unwrap_err();
    assert!(matches!(refused, OpenError::RecordFormat { .. }), "{refused:?}");
    let restored = other.open_with(program(2, "1.7.0")).await;
    assert_eq!(text(&restored, "new", At::Published).await.as_deref(), Some("x"));
}
