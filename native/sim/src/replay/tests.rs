use super::*;
use crate::{LatencyConfig, OrderId};

mod clocks;
mod queues;
mod random;
mod taking;

use Side::{Buy, Sell};

fn config(queue: QueueModel) -> ReplayConfig {
    ReplayConfig {
        queue,
        late_ns: 0,
        penetration: Penetration::Whole,
        feed: FeedClock::Modelled,
        fees: Fees { maker_ppm: -100, taker_ppm: 500 },
        unit: Amount(1_000_000),
    }
}

fn limit(side: Side, price: i64, quantity: i64) -> OwnOrder {
    OwnOrder { side, price: Some(price), quantity, expiry: Expiry::Never, post_only: false }
}

fn level(side: Side, price: i64, quantity: i64) -> What {
    What::Level { side, price, quantity }
}

fn trade(taker: Side, price: i64, quantity: i64) -> What {
    What::Trade { taker, price, quantity }
}

/// The venue without clocks: each step takes a nanosecond.
struct Bench {
    venue: Venue,
    now: i64,
    orders: u64,
    reports: Vec<Report>,
}

impl Bench {
    fn new(queue: QueueModel) -> Self {
        Self::with(&config(queue))
    }

    fn with(config: &ReplayConfig) -> Self {
        Self { venue: Venue::new(config), now: 0, orders: 0, reports: Vec::new() }
    }

    /// With 100 lots on each of ten levels of both sides, 99 and 101 the best.
    fn filled(queue: QueueModel) -> Self {
        let mut bench = Self::new(queue);
        for distance in 1..=10 {
            bench.event(level(Buy, 100 - distance, 100));
            bench.event(level(Sell, 100 + distance, 100));
        }
        bench
    }

    /// What own orders hear because something happens.
    fn event(&mut self, what: What) -> Vec<(u64, Told)> {
        self.now += 1;
        let event = Recorded { at: self.now, received: self.now, what };
        self.venue.event(&event, &mut self.reports);
        self.heard()
    }

    /// What is filled because something happens: order and lots.
    fn fills(&mut self, what: What) -> Vec<(u64, i64)> {
        let told = self.event(what).into_iter();
        told.filter_map(|(order, told)| match told {
            Told::Filled { quantity, .. } => Some((order, quantity)),
            _ => None,
        })
        .collect()
    }

    fn place(&mut self, order: OwnOrder) -> Vec<(u64, Told)> {
        self.now += 1;
        self.orders += 1;
        self.venue.place(self.now, OwnId(self.orders), order, &mut self.reports);
        self.heard()
    }

    fn cancel(&mut self, order: u64) -> Vec<(u64, Told)> {
        self.now += 1;
        self.venue.cancel(self.now, OwnId(order), &mut self.reports);
        self.heard()
    }

    fn amend(&mut self, order: u64, price: i64, quantity: i64) -> Vec<(u64, Told)> {
        self.now += 1;
        self.venue.amend(self.now, OwnId(order), price, quantity, &mut self.reports);
        self.heard()
    }

    fn ahead(&self, order: u64) -> i64 {
        let mut open = self.venue.open_orders();
        open.find(|(id, ..)| id.0 == order).map(|(.., ahead)| ahead).expect("the order is open")
    }

    fn heard(&mut self) -> Vec<(u64, Told)> {
        self.reports.drain(..).map(|report| (report.order.0, report.told)).collect()
    }
}
