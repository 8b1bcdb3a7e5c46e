//! A recorded market in the book, and orders of accounts in it.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::BTreeMap;

use common::{
    BTC, PERP, SPOT, USD, amount, buy, done, funded, levels, perp, placed, refused, sell, trades,
};
use fastrand::Rng;
use rustonite_sim::Side::{Buy, Sell};
use rustonite_sim::{
    Amount, Command, Desk, Event, Exchange, Expiry, FeedClock, Fees, Latency, LatencyConfig,
    NewOrder, OrderId, OwnId, OwnOrder, Penetration, QueueModel, Recorded, Reject, Replay,
    ReplayConfig, Report, Side, Strategy, Told, Trigger, TriggerSource, What,
};

const LATE_NS: i64 = 20;

fn level(side: Side, price: i64, quantity: i64) -> What {
    What::Level { side, price, quantity }
}

fn trade(taker: Side, price: i64, quantity: i64) -> What {
    What::Trade { taker, price, quantity }
}

fn picture(levels: &[What]) -> Vec<What> {
    [&[What::SnapshotBegins], levels, &[What::SnapshotEnds]].concat()
}

/// An exchange that follows a recording of spot at a time of its own.
struct Market {
    exchange: Exchange,
    at: i64,
}

impl Market {
    fn empty(model: QueueModel) -> Self {
        let mut exchange = funded();
        let outside = exchange.follow(model, LATE_NS);
        for asset in [BTC, USD] {
            let rich = Command::Deposit { account: outside, asset, amount: amount("1000000000") };
            done(&mut exchange, rich);
        }
        Self { exchange, at: 0 }
    }

    /// Ten lots at 98 and 99, and at 101 and 102.
    fn filled() -> Self {
        let mut market = Self::empty(QueueModel::RiskAverse);
        let all = [(Buy, 98), (Buy, 99), (Sell, 101), (Sell, 102)];
        market.happens(&picture(&all.map(|(side, price)| level(side, price, 10))));
        market
    }

    fn happens(&mut self, what: &[What]) -> Vec<Event> {
        // So that a trade that comes later explains nothing of before, unless a test says so.
        self.at += 2 * LATE_NS;
        self.happens_at(self.at, what)
    }

    fn happens_at(&mut self, at: i64, what: &[What]) -> Vec<Event> {
        self.at = at;
        let what = what.to_vec();
        done(&mut self.exchange, Command::Recorded { instrument: SPOT, at, what })
    }

    fn place(&mut self, order: NewOrder) -> OrderId {
        placed(&mut self.exchange, order)
    }

    fn filled_of(&self, order: OrderId) -> i64 {
        self.exchange.order(order).unwrap().filled
    }

    fn side(&self, side: Side) -> Vec<(i64, i64)> {
        levels(&self.exchange, SPOT, side)
    }
}

#[test]
fn a_picture_is_the_book_and_the_next_one_takes_its_place() {
    let mut market = Market::filled();
    assert_eq!(market.side(Buy), [(99, 10), (98, 10)]);
    assert_eq!(market.side(Sell), [(101, 10), (102, 10)]);
    let events = market.happens(&picture(&[level(Buy, 98, 4), level(Sell, 101, 10)]));
    assert_eq!((market.side(Buy), market.side(Sell)), (vec![(98, 4)], vec![(101, 10)]));
    let told = events.iter().filter(|event| matches!(event, Event::Level { .. }));
    assert_eq!(told.count(), 3, "what stays is not told");
}

#[test]
fn an_order_waits_for_what_was_there_before_it() {
    let mut market = Market::filled();
    let own = market.place(buy(0, 99, 5));
    assert_eq!(market.side(Buy)[0], (99, 15));
    assert_eq!(trades(&market.happens(&[trade(Sell, 99, 8)])), [(99, 8)]);
    assert_eq!(market.filled_of(own), 0);
    let events = market.happens(&[level(Buy, 99, 2), trade(Sell, 99, 5)]);
    assert_eq!(trades(&events), [(99, 3), (99, 2)]);
    assert_eq!(market.filled_of(own), 3);
    assert_eq!(market.exchange.balance(0, BTC).0, amount("100.003"));
}

#[test]
fn who_comes_later_stands_behind() {
    let mut market = Market::filled();
    let own = market.place(buy(0, 99, 5));
    market.happens(&[level(Buy, 99, 30)]);
    // A taker of another account meets the recorded ten, then the order, then those behind it.
    let events = done(&mut market.exchange, Command::Place(common::market(1, Sell, 20)));
    assert_eq!(trades(&events), [(99, 10), (99, 5), (99, 5)]);
    assert_eq!(market.filled_of(own), 5);
    assert_eq!(market.side(Buy)[0], (99, 15));
    market.happens(&[level(Buy, 99, 31)]);
    assert_eq!(market.side(Buy)[0], (99, 31), "the recording says again what is there");
}

#[test]
fn a_market_order_takes_recorded_levels_and_pays() {
    let mut market = Market::filled();
    let events = done(&mut market.exchange, Command::Place(common::market(0, Buy, 14)));
    assert_eq!(trades(&events), [(101, 10), (102, 4)]);
    assert_eq!(market.side(Sell), [(102, 6)]);
    let cost = amount("0.01418");
    assert_eq!(market.exchange.balance(0, USD).0, amount("100000") - cost);
    market.happens(&[level(Buy, 98, 9)]);
    assert_eq!(market.side(Sell), [(102, 6)], "what was taken stays away until its level is told");
}

#[test]
fn cancellations_are_thought_to_come_from_behind() {
    let mut market = Market::filled();
    let own = market.place(buy(0, 99, 1));
    market.happens(&[level(Buy, 99, 16)]);
    market.happens(&[level(Buy, 99, 10)]);
    market.happens(&[trade(Sell, 99, 10)]);
    assert_eq!(market.filled_of(own), 0);
    market.happens(&[level(Buy, 99, 3)]);
    market.happens(&[trade(Sell, 99, 1)]);
    assert_eq!(market.filled_of(own), 1);
}

#[test]
fn a_trade_that_is_told_late_is_not_counted_twice() {
    let mut market = Market::filled();
    let own = market.place(buy(0, 99, 1));
    market.happens(&[level(Buy, 99, 4)]);
    let at = market.at;
    market.happens_at(at + 1, &[trade(Sell, 99, 6)]);
    assert_eq!(market.filled_of(own), 0);
    assert_eq!(market.side(Buy)[0], (99, 5));
    market.happens_at(at + 2, &[trade(Sell, 99, 5)]);
    assert_eq!(market.filled_of(own), 1);
}

#[test]
fn a_trade_through_the_price_fills_not_more_than_was_traded() {
    let mut market = Market::filled();
    let own = market.place(buy(0, 99, 50));
    let events = market.happens(&[trade(Sell, 98, 7)]);
    assert_eq!(trades(&events), [(99, 7)]);
    assert_eq!(market.filled_of(own), 7);
}

#[test]
fn new_levels_meet_orders_that_they_reach_and_never_cross_them() {
    let mut market = Market::filled();
    let own = market.place(buy(0, 100, 8));
    let events = market.happens(&[level(Sell, 100, 5)]);
    assert_eq!(trades(&events), [(100, 5)]);
    assert_eq!((market.side(Buy)[0], market.side(Sell)[0]), ((100, 3), (101, 10)));
    market.happens(&[level(Sell, 100, 6)]);
    assert_eq!(market.filled_of(own), 6);
    assert_eq!((market.side(Buy)[0], market.side(Sell)[0]), ((100, 2), (101, 10)));
    market.happens(&[level(Sell, 100, 10)]);
    assert_eq!(market.filled_of(own), 8);
    assert_eq!(market.side(Sell)[0], (100, 8), "what was taken before is told again");
}

#[test]
fn levels_of_one_message_move_together() {
    let mut market = Market::filled();
    let events = market.happens(&[
        level(Buy, 101, 3),
        level(Buy, 102, 1),
        level(Sell, 101, 0),
        level(Sell, 102, 0),
        level(Sell, 103, 2),
    ]);
    assert_eq!(trades(&events), []);
    assert_eq!((market.side(Buy)[0], market.side(Sell)[0]), ((102, 1), (103, 2)));
}

#[test]
fn a_halted_market_stands_still_and_catches_up() {
    let mut market = Market::filled();
    let own = market.place(sell(0, 103, 2));
    let halt = |halted| Command::Halt { instrument: SPOT, halted };
    done(&mut market.exchange, halt(true));
    let events = market.happens(&[trade(Buy, 101, 10), level(Sell, 101, 0), level(Buy, 104, 5)]);
    assert_eq!(events, []);
    assert_eq!(market.side(Sell)[0], (101, 10));
    done(&mut market.exchange, halt(false));
    let events = market.happens(&[level(Sell, 102, 0)]);
    assert_eq!((trades(&events), market.filled_of(own)), (vec![(103, 2)], 2));
    assert_eq!((market.side(Buy)[0], market.side(Sell)), ((104, 3), vec![]));
}

#[test]
fn recorded_trades_hit_triggers() {
    let mut market = Market::filled();
    let trigger = Trigger { price: 105, rises: true, source: TriggerSource::Last, trailing: None };
    let stop = NewOrder { trigger: Some(trigger), ..common::market(0, Buy, 4) };
    let stop = market.place(stop);
    market.happens(&[trade(Buy, 104, 1)]);
    assert_eq!(market.filled_of(stop), 0);
    market.happens(&[trade(Buy, 105, 1)]);
    assert_eq!(market.filled_of(stop), 4);
}

#[test]
fn a_refilled_iceberg_stands_behind_all() {
    let mut market = Market::filled();
    let own = market.place(NewOrder { display: Some(2), ..buy(0, 99, 4) });
    market.happens(&[level(Buy, 99, 20)]);
    market.happens(&[trade(Sell, 99, 12)]);
    assert_eq!((market.filled_of(own), market.side(Buy)[0]), (2, (99, 10)));
    market.happens(&[trade(Sell, 99, 8)]);
    assert_eq!(market.filled_of(own), 2);
    market.happens(&[trade(Sell, 99, 1)]);
    assert_eq!(market.filled_of(own), 3);
}

#[test]
fn positions_in_a_recorded_perpetual_follow_its_mark() {
    let mut market = Market::filled();
    let what = picture(&[level(Buy, 9_900, 100), level(Sell, 10_100, 100)]);
    done(&mut market.exchange, Command::Recorded { instrument: PERP, at: 1, what });
    done(&mut market.exchange, Command::Place(perp(common::market(0, Buy, 50))));
    assert_eq!(market.exchange.position(0, PERP, common::NET).0, 50);
    assert_eq!(levels(&market.exchange, PERP, Sell), [(10_100, 50)]);
    done(&mut market.exchange, Command::Mark { instrument: PERP, price: 10_500 });
    done(&mut market.exchange, Command::Place(perp(common::market(0, Sell, 50))));
    // Bought at 101, sold at 99, 0.05 of them.
    assert_eq!(market.exchange.balance(0, USD).0, amount("99999.9"));
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let command = |instrument, what| Command::Recorded { instrument, at: 1, what };
    let mut exchange = funded();
    let refusal = refused(&mut exchange, command(SPOT, vec![]));
    assert_eq!(refusal, Reject::Contradiction("it follows no recording"));
    exchange.follow(QueueModel::Log, 0);
    let single = What::Added { order: 1, side: Buy, price: 99, quantity: 1 };
    let refusal = refused(&mut exchange, command(SPOT, vec![single]));
    assert_eq!(refusal, Reject::Contradiction("single orders are not followed"));
    assert_eq!(refused(&mut exchange, command(9, vec![])), Reject::UnknownInstrument(9));
}

/// Notes what is filled.
#[derive(Default)]
struct Ears(BTreeMap<u64, i64>);

impl Strategy for Ears {
    fn seen(&mut self, _event: &Recorded, _desk: &mut Desk) {}

    fn told(&mut self, report: &Report, _desk: &mut Desk) {
        if let Told::Filled { quantity, .. } = report.told {
            *self.0.entry(report.order.0).or_default() += quantity;
        }
    }
}

fn random(rng: &mut Rng) -> What {
    let price = rng.i64(95..=105);
    let side = if price + rng.i64(-1..=1) < 100 { Buy } else { Sell };
    if rng.u32(..4) == 0 {
        trade(side.opposite(), price, rng.i64(1..=9))
    } else {
        level(side, price, rng.i64(0..=12))
    }
}

/// An order gets what a replay of the same recording gives it, whatever the queue model.
#[test]
fn an_order_is_filled_as_in_a_replay() {
    let mut filled = 0;
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let model = [
            QueueModel::RiskAverse,
            QueueModel::Power(1.0),
            QueueModel::Power(3.0),
            QueueModel::Log,
        ][usize::try_from(seed % 4).unwrap()];
        let config = ReplayConfig {
            queue: model,
            late_ns: LATE_NS,
            penetration: Penetration::Traded,
            feed: FeedClock::Recorded,
            fees: Fees::default(),
            unit: Amount(1),
        };
        let mut replay = Replay::new(&config, Latency::new(&LatencyConfig::constant(0)));
        let (mut ears, mut market) = (Ears::default(), Market::empty(model));
        let (side, price) = if rng.bool() { (Buy, 98) } else { (Sell, 102) };
        let (quantity, comes) = (rng.i64(1..=20), rng.i64(5..=40));
        let mut own = None;
        for at in 1..200 {
            let what = random(&mut rng);
            if at == comes {
                let order = OwnOrder {
                    side,
                    price: Some(price),
                    quantity,
                    expiry: Expiry::Never,
                    post_only: false,
                };
                replay.desk(at).place(order);
                replay.run_until(at + 1, &mut ears);
                market.happens_at(at, &[]);
                own = Some(market.place(common::order(0, side, price, quantity)));
            }
            replay.event(&Recorded { at, received: at, what }, &mut ears);
            replay.run_until(at + 1, &mut ears);
            market.happens_at(at, &[what]);
            let got = own.map_or(0, |own| market.filled_of(own));
            assert_eq!(ears.0.get(&1).copied().unwrap_or(0), got, "{model:?} {seed} at {at}");
            let open = replay.open_orders().next().map(|(id, open, _)| (id, open));
            assert_eq!(open, own.and((got < quantity).then_some((OwnId(1), quantity - got))));
        }
        filled += own.map_or(0, |own| market.filled_of(own));
    }
    assert!(filled > 2_000, "found {filled}: most orders are filled");
}

/// The same recording and the same orders give the same state, and money is conserved.
#[test]
fn the_same_recording_gives_the_same_state() {
    let run = || {
        let (mut rng, mut market) = (Rng::with_seed(7), Market::empty(QueueModel::Log));
        let mut hashes = Vec::new();
        for at in 1..3_000 {
            market.happens_at(at, &[random(&mut rng)]);
            if rng.u32(..6) == 0 {
                let (account, side) = (rng.u32(..3), if rng.bool() { Buy } else { Sell });
                let order = common::order(account, side, rng.i64(94..=106), rng.i64(1..=9));
                let _ = market.exchange.apply(at, &Command::Place(order), &mut Vec::new());
            }
            hashes.push(market.exchange.state_hash());
            for asset in [BTC, USD] {
                let all = (0..4).map(|account| {
                    let (free, locked) = market.exchange.balance(account, asset);
                    free + locked
                });
                let put_in = if asset == BTC { "1000000300" } else { "1000300000" };
                assert_eq!(all.sum::<Amount>(), amount(put_in));
            }
        }
        hashes
    };
    assert_eq!(run(), run());
}
