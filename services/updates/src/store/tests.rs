//! The verbs over a real store.

use jiff::Timestamp;
use resource::record;
use store::{Commit, CommitError, Revision, StoreConfig};

use super::*;
use crate::domain::{group::Group, schedule::Schedule};

const NOW: &str = "2026-11-23T14:00:00Z";

async fn rows() -> (tempfile::TempDir, Rows) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(dir.path()), now).await.unwrap();
    (dir, Rows::new(store))
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn group(id: &str, uid: &str) -> Group {
    Group {
        name: format!("tenants/acme/appConnectorGroups/{id}").parse().unwrap(),
        uid: uid.into(),
        time_zone: "Europe/Berlin".into(),
        deleted: false,
    }
}

async fn slot(rows: &Rows, group: &Group) -> Slot<Schedule> {
    rows.slot(&Place::of_schedule(group)).await.unwrap()
}

/// Writes a disabled schedule over what was read.
async fn disable(
    rows: &Rows,
    group: &Group,
    over: &Slot<Schedule>,
) -> Result<Revision, CommitError> {
    let value = Schedule { enabled: false, ..Schedule::default() };
    let written = Written { value, of: group.uid.clone(), update_time: now() };
    let record = record::encode::<<Schedule as Kept>::Stored>(&written).unwrap();
    let place = Place::of_schedule(group);
    let commit = Rows::replace(Commit::new(now()), &place, over, record.into());
    rows.store().commit(commit).await.map(|done| done.revision)
}

#[tokio::test]
async fn a_schedule_outlives_a_restart_and_belongs_to_its_groups_uid() {
    let (dir, rows) = rows().await;
    let berlin = group("berlin", "first");
    rows.put_groups(std::slice::from_ref(&berlin), now()).await.unwrap();
    let revision = disable(&rows, &berlin, &slot(&rows, &berlin).await).await.unwrap();
    rows.store().close().await;
    drop(rows);

    let rows = Rows::new(Store::open(StoreConfig::new(dir.path()), now).await.unwrap());
    assert_eq!(rows.group(&berlin.name).await.unwrap(), Some(berlin.clone()));
    let found = slot(&rows, &berlin).await.found.unwrap();
    assert_eq!((found.revision, found.written.value.enabled), (revision, false));
    let reborn = group("berlin", "second");
    let leftover = slot(&rows, &reborn).await;
    assert_eq!(leftover.found, None);
    disable(&rows, &reborn, &leftover).await.expect("what is left over stands in nobody's way");
    assert!(slot(&rows, &reborn).await.found.is_some());
}

#[tokio::test]
async fn a_write_over_an_old_version_is_refused() {
    let (_dir, rows) = rows().await;
    let berlin = group("berlin", "first");
    let nothing = slot(&rows, &berlin).await;
    disable(&rows, &berlin, &nothing).await.unwrap();
    let first = slot(&rows, &berlin).await;
    disable(&rows, &berlin, &first).await.unwrap();
    for stale in [nothing, first] {
        let refused = disable(&rows, &berlin, &stale).await.unwrap_err();
        assert!(matches!(refused, CommitError::Precondition { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_snapshot_removes_the_groups_that_are_not_in_it_and_keeps_schedules() {
    let (_dir, rows) = rows().await;
    let groups: Vec<_> = (0..120).map(|i| group(&format!("g{i}"), "u")).collect();
    rows.put_groups(&groups, now()).await.unwrap();
    let gone = &groups[119];
    disable(&rows, gone, &slot(&rows, gone).await).await.unwrap();

    rows.replace_groups(&groups[..119], None, now()).await.unwrap();
    assert_eq!(rows.group(&gone.name).await.unwrap(), None);
    assert_eq!(rows.group(&groups[118].name).await.unwrap().as_ref(), Some(&groups[118]));
    assert!(slot(&rows, gone).await.found.is_some());

    let before = rows.store().published();
    rows.replace_groups(&groups[..119], None, now()).await.unwrap();
    assert_eq!(rows.store().published(), before, "the same again writes nothing");

    rows.purge_group(&gone.name, now()).await.unwrap();
    assert_eq!(slot(&rows, gone).await.found, None);
}
