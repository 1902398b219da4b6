//! What the store costs on the disk under the directory given, or under the temporary one:
//! `cargo bench -p store [-- DIR]`.
//!
//! A plain program and not a statistics harness: every number is bounded by the disk's sync, whose
//! noise is larger than what a harness could tell apart. Compare runs on one idle machine only.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{
    env,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all};
use jiff::Timestamp;
use store::{
    At, Commit, Key, Prefix, Revision, ScanOptions, Store, StoreConfig, WatchFrom, WatchItem,
};

/// An ordinary record.
const VALUE_BYTES: usize = 300;

fn key(number: u64) -> Key {
    Key::builder(1).text("tenants/default").u64(number).finish()
}

async fn put(store: &Store, number: u64) {
    let commit = Commit::new(Timestamp::UNIX_EPOCH).put(key(number), vec![7; VALUE_BYTES]);
    store.commit(commit).await.unwrap();
}

fn tell(what: &str, count: u64, took: Duration) {
    let each = took.as_secs_f64() * 1e6 / count as f64;
    let rate = count as f64 / took.as_secs_f64();
    println!("{what:<28} {count:>7} in {took:>10.1?}   {each:>8.1} us each   {rate:>8.0}/s");
}

async fn commits_by(store: &Store, writers: u64, each: u64) {
    let begun = Instant::now();
    let before = store.stats().syncs;
    let tasks = (0..writers).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..each {
                put(&store, writer * each + number).await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    tell(&format!("commits by {writers}"), writers * each, begun.elapsed());
    println!("{:<28} {:>7}", "  syncs", store.stats().syncs - before);
}

async fn reads(store: &Store, rows: u64) {
    let begun = Instant::now();
    for number in 0..rows {
        store.get(&key(number), At::Published).await.unwrap().unwrap();
    }
    tell("gets", rows, begun.elapsed());
    let begun = Instant::now();
    let (mut after, mut count) = (None, 0);
    loop {
        let options = ScanOptions { after, ..ScanOptions::default() };
        let page = store.scan(&Prefix::everything(), options).await.unwrap();
        count += page.rows.len() as u64;
        after = page.rows.last().map(|row| row.key.clone());
        if !page.more {
            break;
        }
    }
    tell("rows listed", count, begun.elapsed());
}

async fn catching_up(store: &Store) {
    let begun = Instant::now();
    let published = store.published();
    let from = WatchFrom::After(Revision::ZERO);
    let mut watch = store.watch(vec![Prefix::everything()], from).await.unwrap();
    let mut count = 0;
    while let Some(item) = watch.next().await {
        if let WatchItem::Commit { revision, .. } = item.unwrap() {
            count += 1;
            if revision == published {
                break;
            }
        }
    }
    tell("commits watched from disk", count, begun.elapsed());
}

#[tokio::main]
async fn main() {
    // Cargo adds `--bench` of its own.
    let dir = env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let dir = match dir {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let open = || Store::open(StoreConfig::new(dir.path()), || Timestamp::UNIX_EPOCH);
    let store = open().await.unwrap();
    commits_by(&store, 1, 2_000).await;
    commits_by(&store, 16, 500).await;
    commits_by(&store, 64, 500).await;
    reads(&store, 20_000).await;
    catching_up(&store).await;
    let begun = Instant::now();
    let published = store.published();
    store.compact(published).await.unwrap();
    tell("commits compacted", published.get().unsigned_abs(), begun.elapsed());
    let begun = Instant::now();
    store.backup(dir.path().join("backup")).await.unwrap();
    tell("rows backed up", 32_000, begun.elapsed());
    store.close().await;
    let begun = Instant::now();
    open().await.unwrap();
    tell("rows checked on opening", 32_000, begun.elapsed());
}
