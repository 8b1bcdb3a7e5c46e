//! A replay whose book has settled allocates nothing, own orders included.

use allocation_counter::measure;
use rustonite_sim::{
    Amount, Desk, Expiry, FeedClock, Fees, Latency, LatencyConfig, OwnOrder, Penetration,
    QueueModel, Recorded, Replay, ReplayConfig, Report, Side, Strategy, What,
};

/// Places an order now and then, and cancels it at the next turn.
#[derive(Default)]
struct Busy {
    events: u64,
    told: u64,
    last: Option<rustonite_sim::OwnId>,
}

impl Strategy for Busy {
    fn seen(&mut self, _: &Recorded, desk: &mut Desk) {
        self.events += 1;
        if !self.events.is_multiple_of(50) {
            return;
        }
        if let Some(last) = self.last.take() {
            desk.cancel(last);
        }
        let (side, price) =
            if self.events.is_multiple_of(100) { (Side::Buy, 9995) } else { (Side::Sell, 10_005) };
        let expiry = Expiry::Never;
        let order = OwnOrder { side, price: Some(price), quantity: 20, expiry, post_only: false };
        self.last = Some(desk.place(order));
    }

    fn told(&mut self, _: &Report, _: &mut Desk) {
        self.told += 1;
    }
}

fn events() -> Vec<What> {
    let mut rng = fastrand::Rng::with_seed(5);
    (0..20_000)
        .map(|_| {
            let side = if rng.bool() { Side::Buy } else { Side::Sell };
            let distance = rng.i64(1..=20);
            let price = if side == Side::Buy { 10_000 - distance } else { 10_000 + distance };
            match rng.u32(0..8) {
                0 => What::Trade { taker: side.opposite(), price, quantity: rng.i64(1..30) },
                _ => What::Level { side, price, quantity: rng.i64(0..100) },
            }
        })
        .collect()
}

#[test]
fn a_settled_replay() {
    let config = ReplayConfig {
        queue: QueueModel::Power(2.0),
        late_ns: 0,
        penetration: Penetration::Whole,
        feed: FeedClock::Modelled,
        fees: Fees::default(),
        unit: Amount(1),
    };
    let mut replay = Replay::new(&config, Latency::new(&LatencyConfig::constant(5000)));
    let mut strategy = Busy::default();
    let events = events();
    let mut at = 0;
    let mut run = || {
        for what in &events {
            at += 100;
            replay.event(&Recorded { at, received: at, what: *what }, &mut strategy);
        }
    };
    run();
    run();
    assert_eq!(measure(run).count_total, 0);
    assert!(strategy.told > 1000, "own orders were there: {}", strategy.told);
}
