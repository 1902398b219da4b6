//! Damaged directories are refused, never repaired and never shown as something else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use store::{At, OpenError, Prefix, Row, ScanOptions, StoreConfig};

use crate::{commit, key, open};

/// A store with a few hundred commits of different sizes; gives its rows.
async fn filled(dir: &Path) -> Vec<Row> {
    let store = open(StoreConfig::new(dir)).await.unwrap();
    for number in 0..300 {
        let name = format!("{:03}", number % 150);
        let value = name.repeat(1 + number % 97);
        store.commit(commit().put(key(&name), value)).await.unwrap();
    }
    let page = store.scan(&Prefix::everything(), ScanOptions::default()).await.unwrap();
    store.close().await;
    page.rows
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("sled").join("db")
}

/// Opens a damaged copy: refused with the way out, or whole because the damage hit nothing that
/// counts.
async fn is_refused(dir: &Path, expected: &[Row]) -> bool {
    match open(StoreConfig::new(dir)).await {
        Err(refusal @ OpenError::Corrupt { .. }) => {
            assert!(refusal.to_string().contains("causeway restore"), "{refusal}");
            true
        }
        Err(other) => panic!("damage is called damage, not {other}"),
        Ok(store) => {
            let page = store.scan(&Prefix::everything(), ScanOptions::default()).await.unwrap();
            // Not assert_eq, whose message would be all the rows.
            assert!(page.rows == expected, "damage must not pass for data");
            store.get(&key("000"), At::Published).await.unwrap();
            store.close().await;
            false
        }
    }
}

#[tokio::test]
async fn flipped_bytes_anywhere_are_refused_or_hit_nothing() {
    let home = tempfile::tempdir().unwrap();
    let good = home.path().join("good");
    let rows = filled(&good).await;
    let size = fs::metadata(log_file(&good)).unwrap().len() as usize;
    let mut refused = 0;
    for place in (0..24).map(|part| size / 24 * part + 17) {
        let damaged = home.path().join(format!("damaged-{place}"));
        copy(&good, &damaged);
        let mut bytes = fs::read(log_file(&damaged)).unwrap();
        for byte in bytes.iter_mut().skip(place).take(64) {
            *byte = !*byte;
        }
        fs::write(log_file(&damaged), bytes).unwrap();
        refused += usize::from(is_refused(&damaged, &rows).await);
        fs::remove_dir_all(damaged).unwrap();
    }
    assert!(refused > 0, "some of the places hold data");
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let good = home.path().join("good");
    let rows = filled(&good).await;
    let size = fs::metadata(log_file(&good)).unwrap().len();
    for part in 1..8 {
        let cut = home.path().join(format!("cut-{part}"));
        copy(&good, &cut);
        let file = fs::File::options().write(true).open(log_file(&cut)).unwrap();
        file.set_len(size * part / 8).unwrap();
        // The end of the file may hold nothing; whatever opens must be whole.
        let refused = is_refused(&cut, &rows).await;
        assert!(refused || part > 4, "half of the log cannot be enough");
    }
}

#[tokio::test]
async fn a_log_that_is_older_than_the_mark_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("store");
    filled(&dir).await;
    let old = home.path().join("old");
    copy(&dir.join("sled"), &old);
    let rows = filled(&dir).await;
    fs::remove_dir_all(dir.join("sled")).unwrap();
    copy(&old, &dir.join("sled"));
    assert!(is_refused(&dir, &rows).await);
}

#[tokio::test]
async fn data_that_is_gone_is_not_replaced_by_an_empty_store() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("store");
    let rows = filled(&dir).await;
    fs::remove_dir_all(dir.join("sled")).unwrap();
    assert!(is_refused(&dir, &rows).await);
    // And not by the next attempt either.
    assert!(is_refused(&dir, &rows).await);
}

#[tokio::test]
async fn the_data_of_another_store_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (home.path().join("one"), home.path().join("two"));
    let rows = filled(&one).await;
    filled(&two).await;
    fs::remove_dir_all(two.join("sled")).unwrap();
    copy(&one.join("sled"), &two.join("sled"));
    assert!(is_refused(&two, &rows).await);
}
