//! The schedule on a clock made of numbers.

use rand::{SeedableRng, rngs::StdRng};

use super::*;

fn target(port: u16, period_millis: u64) -> Target {
    Target {
        id: port.to_string(),
        host: "app.example".into(),
        port,
        tcp: true,
        families: Families::Both,
        period: Duration::from_millis(period_millis),
        timeout: Duration::from_secs(1),
    }
}

fn schedule(rate: u32, targets: impl IntoIterator<Item = Target>) -> Schedule {
    let mut schedule = Schedule::default();
    schedule.set_pace(rate);
    schedule.replace(targets, at(0));
    schedule
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_000_000 + millis).unwrap()
}

fn take(schedule: &mut Schedule, millis: i64) -> Option<u16> {
    schedule.take(at(millis)).map(|target| target.port)
}

/// Runs the schedule for `millis` with checks that take no time; returns which port was probed when.
fn run(schedule: &mut Schedule, millis: i64, ok: bool) -> Vec<(i64, u16)> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut probed = Vec::new();
    for now in 0..millis {
        while let Some(target) = schedule.take(at(now)) {
            schedule.probed(&target.id, ok, at(now), &mut rng);
            probed.push((now, target.port));
        }
    }
    probed
}

#[test]
fn every_target_is_probed_once_a_period_and_never_late() {
    let mut schedule = schedule(100, (1..=5).map(|port| target(port, 1_000)));
    let probed = run(&mut schedule, 10_000, true);
    for port in 1..=5 {
        let times: Vec<_> = probed.iter().filter(|(_, p)| *p == port).map(|(at, _)| *at).collect();
        for gap in times.windows(2).map(|pair| pair[1] - pair[0]) {
            // Ten milliseconds of pace stand between any two of the five.
            assert!((890..=1_050).contains(&gap), "port {port}: {gap} ms");
        }
    }
}

#[test]
fn two_failed_checks_fit_in_half_a_period() {
    let mut schedule = schedule(100, [target(1, 200)]);
    let first_two: Vec<_> = run(&mut schedule, 300, false).into_iter().take(2).collect();
    assert!(first_two[1].0 - first_two[0].0 <= 100, "{first_two:?}");
}

#[test]
fn the_pace_is_kept_and_nobody_starves_when_it_does_not_suffice() {
    let mut schedule = schedule(20, (1..=40).map(|port| target(port, 100)));
    let probed = run(&mut schedule, 10_000, true);
    assert_eq!(probed.len(), 200, "20 a second for 10 s");
    for port in 1..=40 {
        let count = probed.iter().filter(|(_, p)| *p == port).count();
        assert_eq!(count, 5, "port {port}");
    }
}

#[test]
fn a_replaced_list_keeps_due_times_starts_new_targets_and_forgets_old_ones() {
    let mut schedule = schedule(1_000, [target(1, 10_000), target(2, 10_000)]);
    assert_eq!(run(&mut schedule, 50, true).len(), 2);
    schedule.replace([target(2, 10_000), target(3, 10_000)], at(50));
    assert_eq!(take(&mut schedule, 60), Some(3));
    assert_eq!(take(&mut schedule, 70), None, "2 keeps its time, 1 is gone");
    assert_eq!(schedule.len(), 2);
}

#[test]
fn a_shorter_period_takes_hold_with_the_next_list() {
    let mut schedule = schedule(20, [target(1, 30_000)]);
    assert_eq!(run(&mut schedule, 10, true).len(), 1);
    schedule.replace([target(1, 200)], at(10));
    assert!(schedule.next_due().unwrap() <= at(210));
}

#[test]
fn a_target_is_not_taken_again_while_its_probe_runs() {
    let mut schedule = schedule(20, [target(1, 1_000)]);
    assert_eq!(take(&mut schedule, 0), Some(1));
    assert_eq!(take(&mut schedule, 100_000), None);
    schedule.replace([target(1, 1_000)], at(100_000));
    assert_eq!(take(&mut schedule, 200_000), None, "not even when the list is sent again");
    schedule.probed("1", true, at(0), &mut StdRng::seed_from_u64(1));
    assert_eq!(take(&mut schedule, 200_000), Some(1));
}

#[test]
fn a_clock_that_is_set_back_silences_nobody() {
    let mut schedule = schedule(20, [target(1, 1_000), target(2, 1_000)]);
    assert_eq!(run(&mut schedule, 3_600_000, true).len() / 3_600, 2);
    assert_eq!(take(&mut schedule, 0), None, "an hour back");
    assert!(schedule.next_due().unwrap() <= at(1_000));
}

#[test]
fn periods_and_paces_out_of_range_are_brought_into_it() {
    let mut schedule = schedule(0, [target(1, 0)]);
    assert_eq!(run(&mut schedule, 2_000, true).len(), 2, "one a second at least");
    schedule.set_pace(u32::MAX);
    assert!(run(&mut schedule, 2_000, true).len() <= 45, "50 ms at least");
}
