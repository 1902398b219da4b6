//! One process at a time.

use std::time::Duration;

use store::{At, EmbeddedConfig, OpenError, StoreConfig};

use crate::{commit, key, open, writers::WriterProcess};

fn impatient(dir: &std::path::Path) -> StoreConfig {
    let lock_wait = Duration::from_millis(300);
    StoreConfig::embedded(EmbeddedConfig { lock_wait, ..EmbeddedConfig::new(dir) })
}

#[tokio::test]
async fn a_second_opener_is_refused_and_the_first_is_not_disturbed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(StoreConfig::new(dir.path())).await.unwrap();
    let refused = open(impatient(dir.path())).await.unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("another process"), "{refused}");
    first.commit(commit().put(key("a"), "1")).await.unwrap();
    first.close().await;
    let second = open(impatient(dir.path())).await.unwrap();
    assert!(second.get(&key("a"), At::Published).await.unwrap().is_some());
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = WriterProcess::start(dir.path());
    first.read_acknowledged(1);
    let refused = open(impatient(dir.path())).await.unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    first.kill();
    open(impatient(dir.path())).await.unwrap();
}

#[tokio::test]
async fn a_patient_opener_waits_for_the_first_to_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(StoreConfig::new(dir.path())).await.unwrap();
    let second = tokio::spawn(open(StoreConfig::new(dir.path())));
    tokio::task::yield_now().await;
    first.close().await;
    second.await.unwrap().unwrap();
}
