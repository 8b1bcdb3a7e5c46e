//! A book whose size has settled allocates nothing, nor does its keeper.

use allocation_counter::measure;
use rustonite_book::{Keeper, L3Book, Verdict, rules};
use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, OrderAction};
use rustonite_wire::{BookUpdate, Level, Order, OrdersUpdate};

/// Small numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> i128 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i128::from(self.0 % end)
    }

    fn side(&mut self) -> BookSide {
        if self.below(2) == 0 { BookSide::Bid } else { BookSide::Ask }
    }

    /// A price on the right side of the middle: mostly near it, sometimes far away.
    fn price(&mut self, side: BookSide) -> Decimal {
        let distance = match self.below(10) {
            0 => 1 + self.below(500_000),
            1..4 => 1 + self.below(5000),
            _ => 1 + self.below(200),
        };
        let sign = if side == BookSide::Bid { -1 } else { 1 };
        Decimal::new(1_000_000 + sign * distance, -2).expect("small")
    }

    fn size(&mut self) -> Decimal {
        Decimal::new(self.below(4), 0).expect("small")
    }
}

fn messages() -> Vec<Vec<Level>> {
    let mut random = Random(88_172_645_463_325_252);
    let level = |random: &mut Random| {
        let side = random.side();
        Level { side, price: random.price(side), size: random.size(), count: Some(1) }
    };
    (0..5000).map(|_| (0..10).map(|_| level(&mut random)).collect()).collect()
}

#[test]
fn levels() {
    for (venue, channel) in [("binance-usdm", "depth"), ("kraken", "book"), ("okx", "books")] {
        let messages = messages();
        let mut keeper: Keeper = Keeper::new(rules(venue, channel).expect("rules"));
        let depth = Some(1000);
        let picture = BookUpdate { is_snapshot: true, seq: Some(0), depth, ..Default::default() };
        keeper.update(&picture);
        let mut seq = 0;
        let mut run = || {
            for levels in &messages {
                let update = BookUpdate {
                    seq_first: Some(seq + 1),
                    seq: Some(seq + 1),
                    seq_prev: Some(seq),
                    levels,
                    ..BookUpdate::default()
                };
                assert_eq!(keeper.update(&update), Verdict::Applied);
                seq += 1;
            }
        };
        assert!(measure(&mut run).count_total > 0, "a book that grows allocates");
        run();
        assert_eq!(measure(run).count_total, 0, "{venue}");
    }
}

#[test]
fn orders() {
    let mut random = Random(88_172_645_463_325_252);
    let ids: Vec<String> = (0..2000).map(|id| format!("ORDER-{id:030}")).collect();
    let mut draw = || {
        let side = random.side();
        let price = random.price(side);
        let action = if random.below(2) == 0 { OrderAction::Add } else { OrderAction::Remove };
        (action, side, usize::try_from(random.below(2000)).expect("small"), price)
    };
    let draws: Vec<_> = (0..50_000).map(|_| draw()).collect();
    let mut keeper: Keeper<L3Book> = Keeper::new(rules("kraken", "level3").expect("rules"));
    keeper.update(&OrdersUpdate { is_snapshot: true, ..OrdersUpdate::default() });
    let mut run = || {
        for (action, side, id, price) in &draws {
            let order = Order {
                action: *action,
                side: Some(*side),
                order_uid: Some(&ids[*id]),
                price: Some(*price),
                size: Decimal::new(1, 0).ok(),
                ..Order::default()
            };
            let orders = [order];
            let update = OrdersUpdate { orders: &orders, ..OrdersUpdate::default() };
            assert_eq!(keeper.update(&update), Verdict::Applied);
        }
    };
    assert!(measure(&mut run).count_total > 0, "a book that grows allocates");
    run();
    assert_eq!(measure(run).count_total, 0);
}
