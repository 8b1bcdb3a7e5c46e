//! When who learns what.

use super::*;
use crate::Delay;

/// Notes when it hears what, and places an order at the first event.
#[derive(Default)]
struct Notes {
    orders: Vec<OwnOrder>,
    cancels: bool,
    seen: Vec<i64>,
    told: Vec<(i64, Report)>,
}

impl Strategy for Notes {
    fn seen(&mut self, _: &Recorded, desk: &mut Desk) {
        self.seen.push(desk.now());
        if let Some(order) = self.orders.pop() {
            let id = desk.place(order);
            if self.cancels {
                desk.cancel(id);
            }
        }
    }

    fn told(&mut self, report: &Report, desk: &mut Desk) {
        self.told.push((desk.now(), *report));
    }
}

fn latency() -> Latency {
    let config = LatencyConfig {
        feed: Delay::Constant(10),
        place: Delay::Constant(100),
        cancel: Delay::Constant(50),
        response: Delay::Constant(1000),
        ..LatencyConfig::constant(0)
    };
    Latency::new(&config)
}

fn at(at: i64, what: What) -> Recorded {
    Recorded { at, received: at + 3, what }
}

#[test]
fn an_order_meets_the_book_of_the_moment_at_which_it_arrives() {
    let mut replay = Replay::new(&config(QueueModel::RiskAverse), latency());
    let mut notes = Notes { orders: vec![limit(Buy, 101, 5)], ..Notes::default() };
    replay.event(&at(0, level(Sell, 101, 5)), &mut notes);
    // Seen at 10, the order arrives at 110: after this change, before the next.
    replay.event(&at(109, level(Sell, 101, 3)), &mut notes);
    replay.event(&at(110, level(Sell, 101, 0)), &mut notes);
    replay.event(&at(111, level(Buy, 101, 0)), &mut notes);
    replay.run_until(i64::MAX, &mut notes);
    assert_eq!(notes.seen, [10, 119, 120, 121]);
    let rests = Report { order: OwnId(1), at: 110, told: Told::Rests { open: 5, ahead: 0 } };
    assert_eq!(notes.told, [(1110, rests)], "what happens at the same moment was there before");
}

#[test]
fn a_cancel_does_not_overtake_its_order() {
    let mut replay = Replay::new(&config(QueueModel::RiskAverse), latency());
    let mut notes = Notes { orders: vec![limit(Buy, 99, 5)], cancels: true, ..Notes::default() };
    replay.event(&at(0, level(Sell, 101, 5)), &mut notes);
    replay.run_until(i64::MAX, &mut notes);
    let told: Vec<_> = notes.told.iter().map(|(at, report)| (*at, report.told)).collect();
    let ended = Told::Ended { reason: CancelReason::Asked, open: 5 };
    assert_eq!(told, [(1110, Told::Rests { open: 5, ahead: 0 }), (1110, ended)]);
}

#[test]
fn a_fill_is_heard_after_the_cancel_was_sent() {
    let mut replay = Replay::new(&config(QueueModel::RiskAverse), latency());
    let mut notes = Notes { orders: vec![limit(Buy, 99, 5)], ..Notes::default() };
    replay.event(&at(0, level(Sell, 101, 5)), &mut notes);
    replay.event(&at(200, trade(Sell, 98, 1)), &mut notes);
    let order = OwnId(1);
    replay.run_until(201, &mut notes);
    replay.desk.cancel(order);
    replay.run_until(i64::MAX, &mut notes);
    let kinds: Vec<_> = notes.told.iter().map(|(_, report)| report.told).collect();
    assert!(matches!(
        kinds[..],
        [Told::Rests { .. }, Told::Filled { .. }, Told::Refused(Reject::UnknownOrder(_))]
    ));
}

#[test]
fn the_recorded_feed_is_followed_and_never_goes_back() {
    let recorded = ReplayConfig { feed: FeedClock::Recorded, ..config(QueueModel::Log) };
    let mut replay = Replay::new(&recorded, latency());
    let mut notes = Notes::default();
    for received in [5, 9, 7, 12] {
        let event = Recorded { at: received - 5, received, what: level(Buy, 99, received) };
        let event = Recorded { at: event.at.max(4), ..event };
        replay.event(&event, &mut notes);
    }
    replay.run_until(i64::MAX, &mut notes);
    assert_eq!(notes.seen, [5, 9, 9, 12]);
}
