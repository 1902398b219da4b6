//! The verbs over a real store.

use store::StoreConfig;

use super::*;

const NOW: &str = "2026-11-23T14:00:00Z";

async fn keeper() -> (tempfile::TempDir, Keeper) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(dir.path()), now).await.unwrap();
    (dir, Keeper::new(store))
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

fn disabled() -> Schedule {
    Schedule { enabled: false, ..Schedule::default() }
}

#[tokio::test]
async fn a_schedule_outlives_a_restart_and_belongs_to_its_groups_uid() {
    let (dir, keeper) = keeper().await;
    let berlin = group("berlin", "first");
    keeper.put_groups(std::slice::from_ref(&berlin), now()).await.unwrap();
    let written =
        keeper.write_schedule(&berlin, disabled(), Expected::Absent, None, now()).await.unwrap();
    keeper.store().close().await;
    drop(keeper);

    let keeper = Keeper::new(Store::open(StoreConfig::new(dir.path()), now).await.unwrap());
    assert_eq!(keeper.group(&berlin.name).await.unwrap(), Some(berlin.clone()));
    assert_eq!(keeper.schedule(&berlin).await.unwrap(), Some(written));
    let reborn = group("berlin", "second");
    assert_eq!(keeper.schedule(&reborn).await.unwrap(), None);
    let written = keeper.write_schedule(&reborn, disabled(), Expected::Absent, None, now()).await;
    assert_eq!(written.unwrap().value, disabled(), "what is left over does not stand in the way");
}

#[tokio::test]
async fn a_write_against_an_old_version_is_refused() {
    let (_dir, keeper) = keeper().await;
    let berlin = group("berlin", "first");
    let write = |expected| keeper.write_schedule(&berlin, disabled(), expected, None, now());
    let first = write(Expected::Absent).await.unwrap();
    let second = write(Expected::At(first.revision)).await.unwrap();
    let stale = write(Expected::At(first.revision)).await.unwrap_err();
    assert!(
        matches!(stale, StoreError::Commit(CommitError::Precondition { .. })),
        "{stale:?} after {second:?}"
    );
}

#[tokio::test]
async fn a_snapshot_removes_the_groups_that_are_not_in_it_and_keeps_schedules() {
    let (_dir, keeper) = keeper().await;
    let groups: Vec<_> = (0..120).map(|i| group(&format!("g{i}"), "u")).collect();
    keeper.put_groups(&groups, now()).await.unwrap();
    let gone = &groups[119];
    keeper.write_schedule(gone, disabled(), Expected::Absent, None, now()).await.unwrap();

    keeper.replace_groups(&groups[..119], None, now()).await.unwrap();
    assert_eq!(keeper.group(&gone.name).await.unwrap(), None);
    assert_eq!(keeper.group(&groups[118].name).await.unwrap().as_ref(), Some(&groups[118]));
    assert!(keeper.schedule(gone).await.unwrap().is_some());

    let before = keeper.store().published();
    keeper.replace_groups(&groups[..119], None, now()).await.unwrap();
    assert_eq!(keeper.store().published(), before, "the same again writes nothing");

    keeper.purge_group(&gone.name, now()).await.unwrap();
    assert_eq!(keeper.schedule(gone).await.unwrap(), None);
}
