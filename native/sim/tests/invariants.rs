//! What holds whatever anybody does: money is conserved, books are not crossed, what is refused
//! changes nothing, and the same commands do the same.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use common::{ACCOUNTS, BNB, BTC, PERP, SPOT, USD, amount, empty_with};
use proptest::prelude::*;
use rustonite_sim::{
    AccountId, Amount, AssetId, Command, Event, Exchange, Expiry, FeeAsset, FeeTier, FeeTiers,
    Fees, Filters, InstrumentId, NewOrder, Order, OrderId, PositionSide, Quantity, SelfTrade, Side,
    Tier, Tiers, Trailing, Trigger, TriggerSource,
};

/// Numbers that a command is made of.
type Seeds = (u8, u16, u16, u16, u16);

const PRICE: i64 = 10_000;

fn side(seed: u16) -> Side {
    if seed.is_multiple_of(2) { Side::Buy } else { Side::Sell }
}

fn self_trade(seed: u16) -> SelfTrade {
    use SelfTrade::{Allow, Decrement, ExpireBoth, ExpireMaker, ExpireTaker};
    [Allow, ExpireTaker, ExpireMaker, ExpireBoth, Decrement][usize::from(seed % 5)]
}

fn new_order((_, a, b, c, d): Seeds) -> NewOrder {
    let instrument = InstrumentId::from(a / 3 % 3 == 2);
    let price = PRICE + i64::from(b % 41) - 20;
    let is_market = c % 7 == 0;
    let expiry = match c % 11 {
        0..4 => Expiry::Immediate,
        4 => Expiry::AllOrNothing,
        5 => Expiry::At(i64::from(d) + 1),
        _ => Expiry::Never,
    };
    let at_once = matches!(expiry, Expiry::Immediate | Expiry::AllOrNothing);
    let trigger = (d % 13 < 3).then(|| Trigger {
        price: PRICE + i64::from(d / 13 % 61) - 30,
        rises: d / 793 % 2 == 0,
        source: if d % 5 == 0 { TriggerSource::Mark } else { TriggerSource::Last },
        trailing: (d % 13 == 2).then(|| Trailing {
            distance_ppm: 200 + i64::from(d % 1000),
            distance_ticks: i64::from(d % 3),
            activation: (d % 3 == 0).then_some(PRICE + i64::from(d % 21) - 10),
            begins_at_rise: d / 13 % 2 == 0,
        }),
    });
    let quantity = match c / 77 % 23 {
        0 if is_market => Quantity::Quote(Amount(i128::from(d) * 10_i128.pow(16))),
        1 if trigger.is_some() && is_market => Quantity::Position,
        _ => Quantity::Lots(1 + i64::from(c / 11 % 50)),
    };
    NewOrder {
        account: AccountId::from(a % 3),
        instrument,
        side: side(a / 9),
        price: (!is_market).then_some(price),
        quantity,
        expiry: if is_market && !at_once { Expiry::Immediate } else { expiry },
        post_only: !is_market && !at_once && b / 41 % 5 == 0,
        reduce_only: instrument == PERP && b / 205 % 4 == 0,
        display: (!is_market && !at_once && b / 820 % 4 == 0).then_some(1 + i64::from(d % 9)),
        trigger,
        self_trade: self_trade(a / 18),
        position: [PositionSide::Net, PositionSide::Net, PositionSide::Long, PositionSide::Short]
            [usize::from(if instrument == PERP { d / 7 % 4 } else { 0 })],
    }
}

/// Other prices for one of the open orders of an account, whether it is of a list or not.
fn leg(exchange: &Exchange, (_, a, b, c, d): Seeds) -> Command {
    let account = AccountId::from(a % 3);
    let Some(order) = exchange.open_orders(account).nth(usize::from(b % 4)) else {
        return Command::Tick;
    };
    let moved = |price: i64, seed: u16| price + i64::from(seed % 41) - 20;
    let trigger = order.asked.trigger.filter(|_| !order.is_working);
    let new = NewOrder {
        price: order.asked.price.map(|price| moved(price, c)),
        trigger: trigger.map(|trigger| Trigger { price: moved(trigger.price, d), ..trigger }),
        ..order.asked
    };
    Command::ReplaceLeg { order: order.id, new }
}

fn command(seeds: Seeds, exchange: &Exchange, orders: u64) -> Command {
    let (kind, a, b, c, d) = seeds;
    let account = AccountId::from(a % 3);
    let instrument = InstrumentId::from(b % 2);
    let order = OrderId(orders.saturating_sub(u64::from(c % 30)));
    let money = Amount((i128::from(d) - 20_000) * 10_i128.pow(16));
    match kind {
        0..100 => Command::Place(new_order(seeds)),
        100..112 => {
            let new = new_order(seeds);
            let stop = NewOrder {
                price: Some(PRICE + i64::from(d % 41) - 20),
                post_only: false,
                display: None,
                expiry: Expiry::Never,
                trigger: Some(Trigger {
                    price: PRICE + i64::from(c % 41) - 20,
                    rises: new.side == Side::Buy,
                    source: TriggerSource::Last,
                    trailing: None,
                }),
                ..new
            };
            Command::PlaceOco([NewOrder { trigger: None, ..new }, stop])
        }
        112..120 => {
            let working = new_order(seeds);
            let after = NewOrder { side: working.side.opposite(), ..new_order((0, a, c, b, d)) };
            Command::PlaceOto { working, pending: vec![NewOrder { account, ..after }] }
        }
        120..155 => Command::Cancel { account, order },
        155..160 => Command::Revoke { account, order },
        160..165 => leg(exchange, seeds),
        165..170 => Command::Replace { order, new: new_order(seeds), always: d % 2 == 0 },
        170..185 => Command::Amend {
            account,
            order,
            price: (b % 3 == 0).then_some(PRICE + i64::from(b % 41) - 20),
            quantity: i64::from(d % 40),
        },
        185..190 => Command::CancelAll { account, instrument },
        190..200 => {
            let asset = AssetId::from([BTC, USD, BNB][usize::from(b % 3)]);
            Command::Deposit { account, asset, amount: money }
        }
        200..205 => Command::SetFees {
            account,
            fees: Fees { maker_ppm: i32::from(b % 500) - 100, taker_ppm: i32::from(c % 1000) },
            fee_asset: (d % 2 == 0).then(|| FeeAsset {
                asset: BNB,
                price: amount("300"),
                quote: USD,
                discount_ppm: 250_000,
            }),
        },
        205..208 => Command::SetLeverage { account, instrument: PERP, leverage: u32::from(b % 55) },
        208..211 => Command::SetIsolated { account, instrument: PERP, isolated: b % 2 == 0 },
        211..213 => Command::SetHedged { account, hedged: b % 2 == 0 },
        213..217 => Command::MoveMargin {
            account,
            instrument: PERP,
            position: PositionSide::Net,
            amount: money,
        },
        217..232 => Command::Mark { instrument: PERP, price: PRICE + i64::from(b % 4000) - 2000 },
        232..236 => Command::Funding { instrument: PERP, rate_ppm: i64::from(b % 2000) - 1000 },
        236..250 => Command::Tick,
        _ => Command::Halt { instrument, halted: b % 5 == 0 },
    }
}

/// What must hold, and what has to be remembered for that.
struct Judge {
    exchange: Exchange,
    deposited: [Amount; 3],
    shown: BTreeMap<(InstrumentId, bool, i64), i64>,
    orders: u64,
    now: i64,
    /// When orders came to the book, in numbers.
    came: BTreeMap<OrderId, u64>,
    moves: u64,
    amended: BTreeSet<OrderId>,
}

/// Rules and tiers that orders and positions of these tests outgrow.
fn strict() -> Exchange {
    let filters = Filters {
        price: Some((PRICE - 19, PRICE + 28)),
        quantity: Some((2, 48)),
        market_quantity_max: Some(45),
        notional_min: Some(amount("0.3")),
        notional_max: Some(amount("4.7")),
        iceberg_parts_max: Some(12),
        band_ppm: Some((998_200, 1_001_800)),
        orders_max: Some(8),
        triggers_max: Some(2),
    };
    let tier = |worth, leverage_max, maintenance_ppm| Tier {
        worth_max: amount(worth),
        leverage_max,
        maintenance_ppm,
    };
    let tiers = [tier("20", 50, 10_000), tier("60", 20, 25_000), tier("1000", 5, 100_000)];
    let fee = |volume, maker_ppm, taker_ppm| FeeTier {
        volume: amount(volume),
        fees: Fees { maker_ppm, taker_ppm },
    };
    let fees = [fee("0", 200, 500), fee("10", 100, 450), fee("40", -50, 300)];
    let mut exchange = empty_with(&filters);
    exchange.set_tiers(PERP, Tiers::new(&tiers).unwrap()).unwrap();
    exchange.set_fee_tiers(FeeTiers::new(USD, &fees).unwrap()).unwrap();
    exchange
}

impl Judge {
    fn new() -> Self {
        let exchange = strict();
        let mut judge = Self {
            exchange,
            deposited: [Amount::ZERO; 3],
            shown: BTreeMap::new(),
            orders: 0,
            now: 0,
            came: BTreeMap::new(),
            moves: 0,
            amended: BTreeSet::new(),
        };
        for account in 0..ACCOUNTS {
            for (asset, text) in [(BTC, "5"), (USD, "5000"), (BNB, "1")] {
                let amount = amount(text);
                judge.run(&Command::Deposit { account, asset, amount });
            }
        }
        judge
    }

    fn run(&mut self, command: &Command) -> Vec<Event> {
        self.now += 97;
        let (before, mut events) = (self.exchange.state_hash(), Vec::new());
        let before_it = self.plain();
        let done = self.exchange.apply(self.now, command, &mut events);
        if done.is_err() {
            assert_eq!(before, self.exchange.state_hash(), "{command:?}: {done:?}");
            assert_eq!(events, [], "{command:?}: {done:?}");
            return events;
        }
        if let Command::Deposit { asset, amount, .. } = command {
            self.deposited[*asset as usize] += *amount;
        }
        self.note_places(&events);
        self.check_priority(&before_it, &events);
        self.follow(&events);
        self.check(command);
        events
    }

    fn follow(&mut self, events: &[Event]) {
        for event in events {
            match *event {
                Event::Placed { order } => self.orders = self.orders.max(order.0),
                Event::Level { instrument, side, price, quantity } => {
                    let key = (instrument, side == Side::Buy, price);
                    let before = if quantity == 0 {
                        self.shown.remove(&key)
                    } else {
                        self.shown.insert(key, quantity)
                    };
                    assert_ne!(before.unwrap_or(0), quantity, "nothing has changed");
                }
                Event::Fill { order, quantity, filled, open, .. } => {
                    assert!(quantity > 0 && open >= 0);
                    let order = self.exchange.order(order).unwrap();
                    let fits = match order.asked.quantity {
                        Quantity::Quote(amount) => order.filled_quote <= amount,
                        Quantity::Lots(_) | Quantity::Position => order.open() >= 0,
                    };
                    assert!(filled <= order.filled && fits, "{order:?}");
                }
                Event::Cancelled { order, .. } => {
                    let order = self.exchange.order(order).unwrap();
                    let counted = !matches!(order.asked.quantity, Quantity::Quote(_));
                    if order.asked.expiry == Expiry::AllOrNothing && counted {
                        assert_eq!(order.filled, 0, "all or nothing: {order:?}");
                    }
                }
                _ => {}
            }
        }
    }

    /// Orders in the book that were never anywhere else, all of them seen, and since when.
    fn plain(&self) -> Vec<(Order, u64)> {
        let all = (0..ACCOUNTS).flat_map(|account| self.exchange.open_orders(account));
        let is_plain = |order: &Order| {
            let NewOrder { trigger, display, .. } = order.asked;
            trigger.is_none() && display.is_none() && !self.amended.contains(&order.id)
        };
        all.filter(is_plain).filter_map(|order| Some((order, *self.came.get(&order.id)?))).collect()
    }

    /// Notes since when orders are in the book.
    fn note_places(&mut self, events: &[Event]) {
        for event in events {
            match *event {
                Event::Placed { order } | Event::Triggered { order } => {
                    self.moves += 1;
                    self.came.insert(order, self.moves);
                }
                Event::Amended { order, .. } => {
                    self.amended.insert(order);
                }
                _ => {}
            }
        }
    }

    /// Nobody traded while somebody stood before him: those who are there still, and were before.
    fn check_priority(&self, before: &[(Order, u64)], events: &[Event]) {
        for event in events {
            let &Event::Trade { instrument, price, taker_side, maker, .. } = event else {
                continue;
            };
            let is_ahead = |order: &Order, came: u64| {
                let Some(limit) = order.asked.price else { return false };
                let is_better = if taker_side == Side::Buy { limit < price } else { limit > price };
                is_better
                    || limit == price
                        && !self.amended.contains(&maker)
                        && self.came.get(&maker).is_some_and(|since| came < *since)
            };
            for (order, came) in before {
                let there = self.exchange.order(order.id).unwrap();
                let rests = there.is_open && !self.amended.contains(&order.id);
                let side = order.asked.side.opposite();
                if rests && (order.asked.instrument, side) == (instrument, taker_side) {
                    assert!(!is_ahead(order, *came), "{order:?} stood before {event:?}");
                }
            }
        }
    }

    fn check(&self, command: &Command) {
        let exchange = &self.exchange;
        let sides = [PositionSide::Net, PositionSide::Long, PositionSide::Short];
        for asset in [BTC, USD, BNB] {
            let mut total = exchange.collected(asset) + exchange.insurance(asset);
            for account in 0..ACCOUNTS {
                let (free, locked) = exchange.balance(account, asset);
                assert!(locked >= Amount::ZERO, "{command:?}: {account} {asset} {locked}");
                assert!(asset == USD || free >= Amount::ZERO, "{command:?}: {asset} {free}");
                if exchange.open_orders(account).next().is_none() {
                    assert_eq!(locked, Amount::ZERO, "{command:?}");
                }
                total += free + locked;
                if asset == USD {
                    for side in sides {
                        let (_, entry, margin) = exchange.position(account, PERP, side);
                        total += margin - entry;
                    }
                }
            }
            assert_eq!(total, self.deposited[asset as usize], "asset {asset} after {command:?}");
        }
        let all = (0..ACCOUNTS).flat_map(|account| sides.map(|side| (account, side)));
        let held: i64 = all.map(|(account, side)| exchange.position(account, PERP, side).0).sum();
        assert_eq!(held, 0, "{command:?}");
        let mut shown = BTreeMap::new();
        for instrument in [SPOT, PERP] {
            let best = |side| exchange.levels(instrument, side).next();
            if let (Some((bid, _)), Some((ask, _))) = (best(Side::Buy), best(Side::Sell)) {
                assert!(bid < ask, "{command:?}: {bid} {ask}");
            }
            for side in [Side::Buy, Side::Sell] {
                for (price, lots) in exchange.levels(instrument, side) {
                    assert!(lots > 0, "{command:?}");
                    shown.insert((instrument, side == Side::Buy, price), lots);
                }
            }
        }
        assert_eq!(shown, self.shown, "{command:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn money_is_conserved_and_books_are_sound(
        seeds in prop::collection::vec(any::<Seeds>(), 1..150),
    ) {
        let mut judge = Judge::new();
        for seeds in seeds {
            let command = command(seeds, &judge.exchange, judge.orders + 2);
            judge.run(&command);
        }
        for account in 0..ACCOUNTS {
            for instrument in [SPOT, PERP] {
                judge.run(&Command::CancelAll { account, instrument });
            }
            prop_assert_eq!(judge.exchange.open_orders(account).count(), 0);
        }
        prop_assert!(judge.shown.is_empty());
    }
}

/// Lets accounts have little money again. Deposits make them rich, and then nobody is liquidated any
/// more: how many positions were closed for others depended on how long that took.
fn keep_poor(exchange: &mut Exchange, now: i64) {
    for account in 0..ACCOUNTS {
        let wanted = amount("40") - exchange.balance(account, USD).0;
        let amount = wanted.max(-exchange.movable(account, USD).max(Amount::ZERO));
        let deposit = Command::Deposit { account, asset: USD, amount };
        exchange.apply(now, &deposit, &mut Vec::new()).unwrap();
    }
}

/// Events of many random commands and the state after them, as numbers; and how many trades there
/// were, and positions that were closed for others.
fn run(seed: u64, count: u32) -> (u64, u64, [u32; 2]) {
    let (mut rng, mut exchange) = (fastrand::Rng::with_seed(seed), strict());
    let mut hasher = DefaultHasher::new();
    let (mut events, mut orders, mut trades, mut deleveraged) = (Vec::new(), 0, 0, 0);
    for account in 0..ACCOUNTS {
        for asset in [BTC, USD, BNB] {
            let deposit = Command::Deposit { account, asset, amount: amount("1000000") };
            exchange.apply(0, &deposit, &mut events).unwrap();
        }
    }
    for number in 0..count {
        let seeds = (rng.u8(..), rng.u16(..), rng.u16(..), rng.u16(..), rng.u16(..));
        let now = i64::from(number);
        events.clear();
        if number % 1_000 == 0 {
            keep_poor(&mut exchange, now);
        }
        let command = command(seeds, &exchange, orders + 2);
        let _ = exchange.apply(now, &command, &mut events);
        for event in &events {
            format!("{event:?}").hash(&mut hasher);
            match event {
                Event::Placed { order } => orders = orders.max(order.0),
                Event::Trade { .. } => trades += 1,
                Event::Deleveraged { .. } => deleveraged += 1,
                _ => {}
            }
        }
        exchange.forget(now - 1000);
    }
    (hasher.finish(), exchange.state_hash(), [trades, deleveraged])
}

#[test]
fn the_same_commands_do_the_same() {
    let first = run(1, 1_000_000);
    assert_eq!(first, run(1, 1_000_000));
    assert!(first.2[0] > 50_000 && first.2[1] > 30, "{first:?}");
    assert_ne!(first.0, run(2, 1_000).0);
}
