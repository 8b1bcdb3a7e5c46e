use std::time::Duration;

use tokio::time::Instant;

use super::{Backoff, Budget, PAUSE_MAX};

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn no_window_holds_more_than_the_budget() {
    paused().block_on(async {
        let budget = Budget::new(5, Duration::from_secs(1));
        let mut spent = Vec::new();
        for _ in 0..23 {
            budget.spend(1).await;
            spent.push(Instant::now());
        }
        for window in spent.windows(6) {
            assert!(window[5] - window[0] >= Duration::from_secs(1));
        }
        assert_eq!(spent[22] - spent[0], Duration::from_secs(4));
    });
}

#[test]
fn more_than_the_whole_budget_is_possible_and_then_paid_for() {
    paused().block_on(async {
        let budget = Budget::new(5, Duration::from_secs(1));
        let started = Instant::now();
        budget.spend(50).await;
        assert_eq!(Instant::now(), started);
        budget.spend(1).await;
        assert_eq!(Instant::now() - started, Duration::from_secs(1));
    });
}

#[test]
fn a_venue_that_asks_for_peace_gets_it() {
    paused().block_on(async {
        let budget = Budget::new(5, Duration::from_secs(1));
        let started = Instant::now();
        budget.pause(Duration::from_mins(2));
        budget.pause(Duration::from_secs(10));
        budget.spend(1).await;
        assert_eq!(Instant::now() - started, Duration::from_mins(2));
    });
}

#[test]
fn pauses_grow_to_a_bound_and_never_coincide() {
    let mut backoff = Backoff::default();
    let pauses: Vec<_> = (0..20).map(|_| backoff.next()).collect();
    assert!(pauses[0] <= Duration::from_millis(250) && pauses[0] >= Duration::from_millis(125));
    assert!(pauses.iter().all(|pause| *pause <= PAUSE_MAX));
    assert!(pauses[19] >= PAUSE_MAX / 2);
    backoff.reset();
    assert!(backoff.next() <= Duration::from_millis(250));
}

#[test]
fn what_worked_for_a_while_is_tried_again_at_once() {
    let mut backoff = Backoff::default();
    let second = Duration::from_secs(1);
    let pauses = (0..8).map(|_| backoff.after(true, 9 * second));
    assert!(pauses.last() > Some(10 * second), "it is not wanted there");
    assert!(backoff.after(false, 3_600 * second) > 10 * second, "it was open and said nothing");
    for _ in 0..8 {
        assert!(backoff.after(true, 25 * second) <= Duration::from_millis(250));
    }
}
