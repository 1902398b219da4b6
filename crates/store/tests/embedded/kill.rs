//! A process killed in the middle of writing keeps what it acknowledged.

use store::{Revision, StoreConfig};

use crate::{
    open,
    writers::{WriterProcess, assert_kept},
};

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_and_commits_stay_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut last_revision = Revision::ZERO;
    for round in 0..5 {
        let mut writer = WriterProcess::start(dir.path());
        writer.read_acknowledged(60 + round * 37);
        let acknowledged = writer.kill();

        let store = open(StoreConfig::new(dir.path())).await.unwrap();
        assert_kept(&store, &acknowledged).await;
        assert!(store.published() > last_revision);
        last_revision = store.published();
        store.close().await;
    }
}
