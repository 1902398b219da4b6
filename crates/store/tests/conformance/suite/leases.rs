//! Leases between the handles of one store.

use std::time::Duration;

use futures::{StreamExt as _, future::join_all};
use store::{Lease, Prefix, Store, WatchFrom, WatchItem};

use crate::harness::{Harness, put};

/// The life of the leases here, in seconds.
const LIFE: i64 = 30;

fn lease(store: &Store) -> Lease {
    store.lease("work", Duration::from_secs(LIFE.unsigned_abs()))
}

async fn leads(lease: &mut Lease) -> bool {
    let leads = lease.tick().await.unwrap();
    assert_eq!(lease.leads(), leads);
    leads
}

/// Two handles and a lease of each, the first of which leads; the second has not looked yet.
async fn a_leader(place: &impl Harness) -> ((Store, Lease), (Store, Lease)) {
    let first = place.open().await;
    let second = place.open_second(&first).await;
    let (mut one, two) = (lease(&first), lease(&second));
    assert!(!one.leads() && !two.leads(), "nobody leads a shared store before it has asked");
    assert!(leads(&mut one).await);
    ((first, one), (second, two))
}

pub(crate) async fn of_two_handles_one_leads_and_the_other_follows(place: impl Harness) {
    let ((first, mut one), (second, mut two)) = a_leader(&place).await;
    for _ in 0..3 {
        assert!(!leads(&mut two).await);
        assert!(leads(&mut one).await);
    }
    // Another name is another lease.
    let mut other = second.lease("other work", Duration::from_secs(1));
    assert!(leads(&mut other).await);
    // Of two on one handle one leads as well.
    assert!(!leads(&mut lease(&first)).await);
}

pub(crate) async fn a_lease_that_is_renewed_is_never_taken(place: impl Harness) {
    let ((_first, mut one), (second, mut two)) = a_leader(&place).await;
    // How late the watch is does not matter.
    second.pause_watch();
    for _ in 0..20 {
        assert!(!leads(&mut two).await);
        place.clock().advance(LIFE - 1);
        assert!(!leads(&mut two).await);
        assert!(leads(&mut one).await);
    }
}

pub(crate) async fn a_lease_is_taken_when_it_was_seen_unchanged_for_a_whole_life_and_never_at_the_first_look(
    place: impl Harness,
) {
    let ((_first, mut one), (_second, mut two)) = a_leader(&place).await;
    place.clock().advance(LIFE * 100);
    assert!(!leads(&mut two).await, "it has only just seen it");
    place.clock().advance(LIFE - 1);
    assert!(!leads(&mut two).await);
    place.clock().advance(1);
    assert!(leads(&mut two).await);
    assert!(!leads(&mut one).await);
    // And back, by the same rule.
    place.clock().advance(LIFE);
    assert!(leads(&mut one).await);
    assert!(!two.leads());
}

pub(crate) async fn a_holder_that_does_not_renew_stops_leading_by_its_own_clock(
    place: impl Harness,
) {
    let ((_first, mut one), (_second, mut two)) = a_leader(&place).await;
    assert!(!leads(&mut two).await);
    place.clock().advance(LIFE - 1);
    assert!(one.leads());
    place.clock().advance(1);
    assert!(!one.leads(), "another one may have it by now");
    // Nobody has taken it, so it is still there to be renewed.
    assert!(leads(&mut one).await);
    assert!(!leads(&mut two).await);
}

pub(crate) async fn a_holder_that_lost_its_lease_is_told_so(place: impl Harness) {
    let ((_first, mut one), (_second, mut two)) = a_leader(&place).await;
    assert!(!leads(&mut two).await);
    place.clock().advance(LIFE);
    assert!(leads(&mut two).await);
    // Stopped for all that time, and just awake.
    assert!(!one.leads());
    assert!(!leads(&mut one).await);
    place.clock().advance(LIFE / 2);
    assert!(leads(&mut two).await);
    place.clock().advance(LIFE / 2);
    assert!(!leads(&mut one).await, "it was renewed since it was first seen");
}

pub(crate) async fn of_many_that_see_a_lease_end_one_takes_it(place: impl Harness) {
    let ((first, _one), (second, _two)) = a_leader(&place).await;
    let mut leases: Vec<_> =
        (0..16).map(|number| lease(if number % 2 == 0 { &first } else { &second })).collect();
    for round in 0..3 {
        let all = join_all(leases.iter_mut().map(Lease::tick)).await;
        let leaders = all.into_iter().filter(|leads| *leads.as_ref().unwrap()).count();
        assert_eq!(leaders, usize::from(round > 0), "round {round}");
        place.clock().advance(LIFE);
        leases.retain(|lease| !lease.leads() || round == 0);
    }
}

pub(crate) async fn a_lease_that_is_released_is_free_at_once(place: impl Harness) {
    let ((first, mut one), (_second, mut two)) = a_leader(&place).await;
    assert!(!leads(&mut two).await);
    one.release().await.unwrap();
    assert!(leads(&mut two).await);
    // Who does not have it takes it from nobody.
    let mut other = lease(&first);
    assert!(!leads(&mut other).await);
    other.release().await.unwrap();
    place.clock().advance(LIFE / 2);
    assert!(leads(&mut two).await);
}

pub(crate) async fn a_lease_costs_three_commits_in_its_life_however_often_it_is_looked_at(
    place: impl Harness,
) {
    let ((first, mut one), (_second, mut two)) = a_leader(&place).await;
    let before = first.stats();
    for _ in 0..LIFE {
        for _ in 0..5 {
            assert!(leads(&mut one).await);
            assert!(!leads(&mut two).await);
        }
        place.clock().advance(1);
    }
    assert!(leads(&mut one).await);
    let after = first.stats();
    assert_eq!((after.commits - before.commits, after.conflicts - before.conflicts), (3, 0));
}

pub(crate) async fn leases_are_not_backed_up<H: Harness>(place: H) {
    let ((first, _one), _two) = a_leader(&place).await;
    put(&first, "a", "1").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    assert_eq!(first.backup(&file).await.unwrap().rows, 1);
    let other = H::new();
    other.restore(&file).await.unwrap();
    let copy = other.open().await;
    let _second = other.open_second(&copy).await;
    assert!(leads(&mut lease(&copy)).await, "nobody has it");
}

pub(crate) async fn a_store_that_nobody_shares_leads_from_the_start_and_writes_nothing_for_it(
    place: impl Harness,
) {
    let store = place.open().await;
    let before = put(&store, "a", "x").await;
    let everything = vec![Prefix::everything()];
    let mut watch = store.watch(everything, WatchFrom::After(before)).await.unwrap();
    assert!(*store.leads().borrow());
    let after = put(&store, "b", "x").await;
    let WatchItem::Commit { revision, .. } = watch.next().await.unwrap().unwrap() else {
        panic!("something was written");
    };
    assert_eq!(revision, after, "nothing else was");
}

pub(crate) async fn of_two_handles_that_do_work_one_leads_and_the_other_one_when_it_is_closed(
    place: impl Harness,
) {
    let first = place.open().await;
    let second = place.open_second(&first).await;
    let (mut one, mut two) = (first.leads(), second.leads());
    let leader = tokio::select! {
        led = one.wait_for(|leads| *leads) => led.map(|_| &first),
        led = two.wait_for(|leads| *leads) => led.map(|_| &second),
    };
    let is_first = std::ptr::eq(leader.unwrap(), &first);
    assert!(!(*one.borrow() && *two.borrow()), "one of them");
    let (leader, mut other) = if is_first { (&first, two) } else { (&second, one) };
    leader.close().await;
    assert!(*other.wait_for(|leads| *leads).await.unwrap());
}
