//! What lies on the disk is the owner's alone, and nothing is left of what was sent.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use store::StoreConfig;

use crate::{commit, key, open};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_store_and_its_backups_are_the_owners_alone() {
    let place = tempfile::tempdir().unwrap();
    let (dir, file) = (place.path().join("store"), place.path().join("backup"));
    let store = open(StoreConfig::new(&dir)).await.unwrap();
    store.commit(commit().put(key("a"), "1")).await.unwrap();
    store.backup(&file).await.unwrap();
    assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
}

#[tokio::test]
async fn nothing_is_left_of_a_backup_whose_reader_went_away_or_whose_process_was_killed() {
    let place = tempfile::tempdir().unwrap();
    let store = open(StoreConfig::new(place.path())).await.unwrap();
    let before = names(place.path());
    let parts = store.backup_parts().await.unwrap();
    assert_eq!(names(place.path()), before, "a file that is sent has no name");
    drop(parts);
    store.close().await;
    fs::write(place.path().join("sending-killed.unfinished"), "half").unwrap();
    open(StoreConfig::new(place.path())).await.unwrap();
    assert_eq!(names(place.path()), before);
}

#[tokio::test]
async fn a_backup_is_sent_from_the_spool_directory_which_is_the_owners_alone_and_left_empty() {
    let place = tempfile::tempdir().unwrap();
    let (dir, spool_dir) = (place.path().join("store"), place.path().join("spool").join("deep"));
    let config = StoreConfig { spool_dir: spool_dir.clone(), ..StoreConfig::new(&dir) };
    let store = open(config.clone()).await.unwrap();
    assert_eq!(mode(&spool_dir), 0o700);
    let before = names(&dir);
    let parts = store.backup_parts().await.unwrap();
    assert_eq!((names(&spool_dir), names(&dir)), (vec![], before));
    drop(parts);
    // Where nothing can be written there is no backup, whatever room the store's own directory has.
    fs::remove_dir_all(&spool_dir).unwrap();
    let refused = store.backup_parts().await.err().unwrap();
    assert!(refused.to_string().contains("spool"), "{refused}");
    store.close().await;
    fs::create_dir_all(&spool_dir).unwrap();
    fs::write(spool_dir.join("sending-killed"), "half").unwrap();
    open(config).await.unwrap();
    assert!(names(&spool_dir).is_empty());
}
