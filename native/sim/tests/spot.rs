//! Rules of spot orders, one by one.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{
    BNB, BTC, SPOT, USD, amount, buy, done, fees, funded, levels, market, placed, refused, sell,
    trades,
};
use rustonite_sim::{
    Amount, CancelReason, Command, Event, Exchange, Expiry, FeeAsset, Fees, Instrument, NewOrder,
    OrderId, Quantity, Reject, SelfTrade, Side, Trailing, Trigger, TriggerSource,
};

fn cancelled(events: &[Event]) -> Vec<(u64, CancelReason)> {
    let of = |event: &Event| match *event {
        Event::Cancelled { order, reason, .. } => Some((order.0, reason)),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

fn stop(order: NewOrder, price: i64, rises: bool) -> NewOrder {
    let trigger = Trigger { price, rises, source: TriggerSource::Last, trailing: None };
    NewOrder { trigger: Some(trigger), ..order }
}

/// A trade at a price, so that there is a last one.
fn trade_at(exchange: &mut Exchange, price: i64) {
    done(exchange, Command::Place(sell(0, price, 1)));
    assert_eq!(trades(&done(exchange, Command::Place(buy(1, price, 1)))), [(price, 1)]);
}

#[test]
fn the_best_price_trades_first_and_of_one_price_the_oldest() {
    let mut exchange = funded();
    let [far, first, second] = [(101, 5), (100, 5), (100, 5)]
        .map(|(price, lots)| placed(&mut exchange, sell(0, price, lots)));
    let events = done(&mut exchange, Command::Place(buy(1, 101, 12)));
    let of = |event: &Event| match *event {
        Event::Trade { maker, price, quantity, .. } => Some((maker, price, quantity)),
        _ => None,
    };
    let found: Vec<_> = events.iter().filter_map(of).collect();
    assert_eq!(found, [(first, 100, 5), (second, 100, 5), (far, 101, 2)]);
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(101, 3)]);
}

#[test]
fn money_is_locked_at_the_limit_and_what_was_cheaper_comes_back() {
    let mut exchange = funded();
    done(&mut exchange, Command::Place(sell(0, 10_000, 1_000)));
    let events = done(&mut exchange, Command::Place(buy(1, 11_000, 3_000)));
    assert_eq!(trades(&events), [(10_000, 1_000)]);
    // One bought at 100, two wanted at 110.
    assert_eq!(exchange.balance(1, USD), (amount("99680"), amount("220")));
    assert_eq!(exchange.balance(1, BTC), (amount("101"), Amount::ZERO));
    assert_eq!(exchange.balance(0, USD), (amount("100100"), Amount::ZERO));
    done(&mut exchange, Command::Cancel { account: 1, order: OrderId(2) });
    assert_eq!(exchange.balance(1, USD), (amount("99900"), Amount::ZERO));
}

#[test]
fn fees_are_of_what_is_received_and_rebates_come_from_the_venue() {
    let mut exchange = funded();
    fees(&mut exchange, 0, -100, 0);
    fees(&mut exchange, 1, 0, 1_000);
    done(&mut exchange, Command::Place(sell(0, 10_000, 1_000)));
    done(&mut exchange, Command::Place(buy(1, 10_000, 1_000)));
    assert_eq!(exchange.balance(0, USD).0, amount("100100.01"));
    assert_eq!(exchange.balance(1, BTC).0, amount("100.999"));
    assert_eq!(exchange.collected(USD), amount("-0.01"));
    assert_eq!(exchange.collected(BTC), amount("0.001"));
}

#[test]
fn an_instrument_may_be_free_for_everybody() {
    let mut exchange = funded();
    exchange.waive_fees(SPOT);
    fees(&mut exchange, 0, -100, 0);
    fees(&mut exchange, 1, 0, 1_000);
    trade_at(&mut exchange, 10_000);
    assert_eq!([BTC, USD].map(|asset| exchange.collected(asset)), [Amount::ZERO; 2]);
}

#[test]
fn fees_in_a_third_asset_as_long_as_there_is_some() {
    let mut exchange = funded();
    let fees = Fees { maker_ppm: 0, taker_ppm: 1_000 };
    let fee_asset =
        Some(FeeAsset { asset: BNB, price: amount("500"), quote: USD, discount_ppm: 250_000 });
    done(&mut exchange, Command::SetFees { account: 1, fees, fee_asset });
    done(&mut exchange, Command::Place(sell(0, 10_000, 2_000)));
    done(&mut exchange, Command::Place(buy(1, 10_000, 1_000)));
    // 0.1 % of 100, less a quarter, at 500.
    assert_eq!(exchange.balance(1, BNB).0, amount("9.99985"));
    assert_eq!(exchange.balance(1, BTC).0, amount("101"));
    done(&mut exchange, Command::Deposit { account: 1, asset: BNB, amount: amount("-9.99985") });
    done(&mut exchange, Command::Place(buy(1, 10_000, 1_000)));
    assert_eq!(exchange.balance(1, BTC).0, amount("101.999"));
}

#[test]
fn the_price_of_a_third_asset_is_good_for_one_quote_asset() {
    let mut exchange = funded();
    let like = exchange.instruments().next().unwrap().clone();
    let listed = Instrument { symbol: "BNBBTC".to_owned(), base: BNB, quote: BTC, ..like };
    let other = exchange.list(listed).unwrap();
    let fee_asset =
        Some(FeeAsset { asset: BNB, price: amount("500"), quote: USD, discount_ppm: 250_000 });
    let fees = Fees { maker_ppm: 0, taker_ppm: 1_000 };
    done(&mut exchange, Command::SetFees { account: 1, fees, fee_asset });
    let there = |order| NewOrder { instrument: other, ..order };
    done(&mut exchange, Command::Place(there(buy(0, 100, 1_000))));
    done(&mut exchange, Command::Place(there(sell(1, 100, 1_000))));
    assert_eq!(exchange.balance(1, BNB).0, amount("9"), "no fee in it");
    assert_eq!(exchange.balance(1, BTC).0, amount("100.999"), "0.1 % of 1");
}

#[test]
fn orders_that_do_not_wait() {
    let mut exchange = funded();
    done(&mut exchange, Command::Place(sell(0, 100, 5)));
    let whole = NewOrder { expiry: Expiry::AllOrNothing, ..buy(1, 100, 6) };
    let events = done(&mut exchange, Command::Place(whole));
    assert_eq!(cancelled(&events), [(2, CancelReason::AllOrNothing)]);
    assert_eq!(trades(&events), []);
    let at_once = NewOrder { expiry: Expiry::Immediate, ..buy(1, 100, 6) };
    let events = done(&mut exchange, Command::Place(at_once));
    assert_eq!(trades(&events), [(100, 5)]);
    assert_eq!(cancelled(&events), [(3, CancelReason::Immediate)]);
    let events = done(&mut exchange, Command::Place(market(1, Side::Buy, 6)));
    assert_eq!(cancelled(&events), [(4, CancelReason::NoLiquidity)]);
    assert_eq!(levels(&exchange, SPOT, Side::Buy), []);
}

#[test]
fn a_market_order_for_an_amount_of_quote_buys_whole_lots() {
    let mut exchange = funded();
    done(&mut exchange, Command::Place(sell(0, 10_000, 1_500)));
    done(&mut exchange, Command::Place(sell(0, 20_000, 1_000)));
    let quantity = Quantity::Quote(amount("200.3"));
    let order = NewOrder { quantity, ..market(1, Side::Buy, 0) };
    let events = done(&mut exchange, Command::Place(order));
    // 1.5 for 150, then 50.3 buys 0.251 at 200.
    assert_eq!(trades(&events), [(10_000, 1_500), (20_000, 251)]);
    assert_eq!(cancelled(&events), []);
    assert_eq!(exchange.balance(1, USD), (amount("99799.8"), Amount::ZERO));
    assert_eq!(exchange.order(OrderId(3)).unwrap().quantity, 1_751);
    assert_eq!(left_open(&events, 3), [true, false]);
    // What is too much for the book is never filled.
    let events = done(&mut exchange, Command::Place(order));
    assert_eq!(trades(&events), [(20_000, 749)]);
    assert_eq!(cancelled(&events), [(4, CancelReason::Immediate)]);
    assert_eq!(left_open(&events, 4), [true]);
}

/// Whether anything was open behind each fill of an order.
fn left_open(events: &[Event], id: u64) -> Vec<bool> {
    let of = |event: &Event| match *event {
        Event::Fill { order, open, .. } if order == OrderId(id) => Some(open > 0),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn a_market_order_that_costs_more_than_there_is_is_refused() {
    let mut exchange = funded();
    done(&mut exchange, Command::Place(sell(0, 200_000_000, 100)));
    let found = refused(&mut exchange, Command::Place(market(1, Side::Buy, 100)));
    assert!(matches!(found, Reject::Balance { asset: USD, .. }), "{found}");
    let found = refused(&mut exchange, Command::Place(sell(1, 100, 100_001)));
    assert!(matches!(found, Reject::Balance { asset: BTC, .. }), "{found}");
}

#[test]
fn a_post_only_order_never_takes() {
    let mut exchange = funded();
    done(&mut exchange, Command::Place(sell(0, 100, 5)));
    let order = NewOrder { post_only: true, ..buy(1, 100, 5) };
    assert_eq!(refused(&mut exchange, Command::Place(order)), Reject::WouldTrade);
    done(&mut exchange, Command::Place(NewOrder { price: Some(99), ..order }));
}

#[test]
fn an_order_that_gets_smaller_keeps_its_rank() {
    let mut exchange = funded();
    let first = placed(&mut exchange, sell(0, 100, 10));
    let second = placed(&mut exchange, sell(0, 100, 10));
    let amend = |order, price, quantity| Command::Amend { account: 0, order, price, quantity };
    done(&mut exchange, amend(first, None, 4));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(100, 14)]);
    assert_eq!(trades(&done(&mut exchange, Command::Place(buy(1, 100, 4)))), [(100, 4)]);
    assert!(!exchange.order(first).unwrap().is_open);
    // Larger: behind the one that came later.
    let third = placed(&mut exchange, sell(0, 100, 10));
    done(&mut exchange, amend(second, None, 20));
    done(&mut exchange, Command::Place(buy(1, 100, 10)));
    assert!(!exchange.order(third).unwrap().is_open);
    assert_eq!(exchange.order(second).unwrap().filled, 0);
    // To a price where somebody waits: it trades.
    done(&mut exchange, Command::Place(buy(1, 90, 5)));
    assert_eq!(trades(&done(&mut exchange, amend(second, Some(90), 20))), [(90, 5)]);
    let least = Reject::Quantity { quantity: 5, least: 6, largest: i64::MAX };
    assert_eq!(refused(&mut exchange, amend(second, None, 5)), least);
    assert_eq!(exchange.balance(0, BTC).1, amount("0.015"));
}

#[test]
fn a_replaced_order_gives_its_money_to_the_new_one() {
    let mut exchange = funded();
    let old = placed(&mut exchange, buy(0, 10_000, 1_000_000));
    assert_eq!(exchange.balance(0, USD), (Amount::ZERO, amount("100000")));
    let replace = |order, new, always| Command::Replace { order, new, always };
    let found = refused(&mut exchange, replace(old, buy(0, 10_001, 1_000_000), false));
    assert!(matches!(found, Reject::Balance { .. }), "{found}");
    let events = done(&mut exchange, replace(old, buy(0, 9_000, 1_000_000), false));
    assert_eq!(cancelled(&events), [(1, CancelReason::Replaced)]);
    assert_eq!(exchange.balance(0, USD), (amount("10000"), amount("90000")));
    let gone = replace(old, buy(0, 100, 1), false);
    assert_eq!(refused(&mut exchange, gone), Reject::UnknownOrder(old));
    done(&mut exchange, replace(old, buy(0, 100, 1), true));
}

#[test]
fn an_iceberg_shows_a_part_and_queues_anew_with_the_next() {
    let mut exchange = funded();
    let berg = placed(&mut exchange, NewOrder { display: Some(3), ..sell(0, 100, 8) });
    let plain = placed(&mut exchange, sell(0, 100, 4));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(100, 7)]);
    done(&mut exchange, Command::Place(buy(1, 100, 5)));
    assert_eq!(exchange.order(berg).unwrap().filled, 3);
    assert_eq!(exchange.order(plain).unwrap().filled, 2);
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(100, 5)]);
    // All that is hidden can be had.
    let whole = NewOrder { expiry: Expiry::AllOrNothing, ..buy(1, 100, 7) };
    done(&mut exchange, Command::Place(whole));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), []);
}

#[test]
fn what_ends_is_prevented_whole() {
    // By how many lots the one that rested got smaller, and the one that came.
    for (mode, lots) in [
        (SelfTrade::ExpireTaker, [0, 6]),
        (SelfTrade::ExpireMaker, [4, 0]),
        (SelfTrade::ExpireBoth, [4, 6]),
        (SelfTrade::Decrement, [4, 4]),
    ] {
        let mut exchange = funded();
        done(&mut exchange, Command::Place(sell(0, 100, 4)));
        let taker = NewOrder { self_trade: mode, ..buy(0, 100, 6) };
        let events = done(&mut exchange, Command::Place(taker));
        let found = [1, 2].map(|id| exchange.order(OrderId(id)).unwrap().prevented);
        assert_eq!(found, lots, "{mode:?}");
        let told = [1, 2].map(|id| {
            let of = |event: &Event| match *event {
                Event::Prevented { order, quantity, .. } if order == OrderId(id) => quantity,
                _ => 0,
            };
            events.iter().map(of).sum::<i64>()
        });
        assert_eq!(told, lots, "{mode:?}");
    }
}

#[test]
fn nobody_trades_with_himself_unless_he_wants_to() {
    let met = |mode| {
        let mut exchange = funded();
        done(&mut exchange, Command::Place(sell(0, 100, 4)));
        done(&mut exchange, Command::Place(sell(1, 100, 5)));
        let taker = NewOrder { self_trade: mode, ..buy(0, 100, 6) };
        let events = done(&mut exchange, Command::Place(taker));
        let left = [1, 3].map(|id| {
            let order = exchange.order(OrderId(id)).unwrap();
            if order.is_open { order.quantity - order.filled } else { 0 }
        });
        (trades(&events), cancelled(&events).len(), left)
    };
    assert_eq!(met(SelfTrade::Allow), (vec![(100, 4), (100, 2)], 0, [0, 0]));
    assert_eq!(met(SelfTrade::ExpireTaker), (vec![], 1, [4, 0]));
    assert_eq!(met(SelfTrade::ExpireMaker), (vec![(100, 5)], 1, [0, 1]));
    assert_eq!(met(SelfTrade::ExpireBoth), (vec![], 2, [0, 0]));
    assert_eq!(met(SelfTrade::Decrement), (vec![(100, 2)], 1, [0, 0]));
    let quantity = Quantity::Quote(amount("10"));
    let order = NewOrder { quantity, ..market(0, Side::Buy, 0) };
    let order = NewOrder { self_trade: SelfTrade::Decrement, ..order };
    let found = refused(&mut funded(), Command::Place(order));
    assert!(matches!(found, Reject::Contradiction(_)), "{found}");
}

#[test]
fn a_stop_waits_for_its_price_and_then_trades() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let hit = Command::Place(stop(buy(0, 120, 5), 100, true));
    assert_eq!(refused(&mut exchange, hit), Reject::WouldTrigger);
    let limit = placed(&mut exchange, stop(buy(0, 120, 5), 110, true));
    let at_market = placed(&mut exchange, stop(market(0, Side::Sell, 5), 95, false));
    assert_eq!(levels(&exchange, SPOT, Side::Buy), []);
    done(&mut exchange, Command::Place(sell(1, 110, 6)));
    let events = done(&mut exchange, Command::Place(buy(2, 110, 1)));
    assert!(events.contains(&Event::Triggered { order: limit }));
    assert_eq!(trades(&events), [(110, 1), (110, 5)]);
    done(&mut exchange, Command::Place(buy(1, 95, 6)));
    let events = done(&mut exchange, Command::Place(sell(2, 95, 1)));
    assert_eq!(trades(&events), [(95, 1), (95, 5)]);
    assert!(!exchange.order(at_market).unwrap().is_open);
}

#[test]
fn of_stops_at_one_price_the_oldest_comes_first() {
    for (side, rises) in [(Side::Sell, false), (Side::Buy, true)] {
        let mut exchange = funded();
        let waits = |lots| stop(market(0, side, lots), 100, rises);
        let stops = [1, 2, 3].map(|lots| placed(&mut exchange, waits(lots)));
        let events = {
            done(&mut exchange, Command::Place(buy(1, 100, 1)));
            done(&mut exchange, Command::Place(sell(2, 100, 1)))
        };
        let hit = |event: &Event| match *event {
            Event::Triggered { order } => Some(order),
            _ => None,
        };
        assert_eq!(events.iter().filter_map(hit).collect::<Vec<_>>(), stops, "{side:?}");
    }
}

#[test]
fn one_stop_sets_off_the_next() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    for price in [99, 98, 97] {
        done(&mut exchange, Command::Place(buy(1, price, 1)));
        done(&mut exchange, Command::Place(stop(market(0, Side::Sell, 1), price, false)));
    }
    done(&mut exchange, Command::Place(buy(1, 96, 1)));
    let events = done(&mut exchange, Command::Place(sell(2, 99, 1)));
    assert_eq!(trades(&events), [(99, 1), (98, 1), (97, 1), (96, 1)]);
}

fn trailing(distance_ppm: i64, distance_ticks: i64) -> Trailing {
    Trailing { distance_ppm, distance_ticks, activation: None, begins_at_rise: false }
}

#[test]
fn a_trail_begins_where_its_kind_begins_and_fires_where_its_side_does() {
    // Side, activation and whether that is a rise; the prices that come, and the one that fires.
    for (side, at, begins_at_rise, seen, fires) in [
        (Side::Buy, 4_400, true, vec![3_700, 4_400, 4_600, 4_200, 4_409], 4_410),
        (Side::Sell, 3_900, false, vec![4_150, 3_900, 3_710, 4_100, 3_896], 3_895),
        (Side::Buy, 3_800, false, vec![4_200, 3_800, 3_700, 3_800, 3_884], 3_885),
        (Side::Sell, 4_200, true, vec![4_150, 3_900, 4_200, 4_500, 4_276], 4_275),
    ] {
        let mut exchange = funded();
        trade_at(&mut exchange, 4_000);
        let trailing = Trailing { activation: Some(at), begins_at_rise, ..trailing(50_000, 0) };
        let rises = side == Side::Buy;
        let trigger =
            Trigger { price: at, rises, source: TriggerSource::Last, trailing: Some(trailing) };
        let order = NewOrder { trigger: Some(trigger), ..market(2, side, 1) };
        let order = placed(&mut exchange, order);
        let fired = |exchange: &Exchange| exchange.order(order).unwrap().is_working;
        for price in seen {
            trade_at(&mut exchange, price);
            assert!(!fired(&exchange), "{side:?} {begins_at_rise} {price}");
        }
        trade_at(&mut exchange, fires);
        assert!(fired(&exchange), "{side:?} {begins_at_rise}");
    }
}

#[test]
fn a_trailing_stop_follows_the_best_price() {
    let mut exchange = funded();
    trade_at(&mut exchange, 10_000);
    let trailing = Some(trailing(10_000, 0));
    let trigger = Trigger { price: 0, rises: false, source: TriggerSource::Last, trailing };
    let order = NewOrder { trigger: Some(trigger), ..market(2, Side::Sell, 1) };
    let order = placed(&mut exchange, order);
    assert_eq!(exchange.trigger_price(order), Some(9_900));
    trade_at(&mut exchange, 11_000);
    assert_eq!(exchange.trigger_price(order), Some(10_890));
    assert_eq!(exchange.trail_peak(order), Some(11_000));
    trade_at(&mut exchange, 10_900);
    assert!(exchange.order(order).unwrap().is_open);
    done(&mut exchange, Command::Place(buy(1, 10_000, 5)));
    done(&mut exchange, Command::Place(sell(0, 10_890, 1)));
    let events = done(&mut exchange, Command::Place(buy(1, 10_890, 1)));
    assert_eq!(trades(&events), [(10_890, 1), (10_000, 1)]);
    assert_eq!(exchange.order(order).unwrap().filled, 1);
}

#[test]
fn a_trail_may_be_so_many_ticks() {
    let mut exchange = funded();
    trade_at(&mut exchange, 10_000);
    let trail = |distance_ppm, distance_ticks, rises| {
        let trailing = Some(trailing(distance_ppm, distance_ticks));
        Trigger { price: 0, rises, source: TriggerSource::Last, trailing }
    };
    let sells = |trigger| NewOrder { trigger: Some(trigger), ..market(2, Side::Sell, 1) };
    let order = placed(&mut exchange, sells(trail(0, 500, false)));
    assert_eq!(exchange.trigger_price(order), Some(9_500));
    trade_at(&mut exchange, 12_000);
    assert_eq!(exchange.trigger_price(order), Some(11_500));
    let buys = NewOrder { trigger: Some(trail(10_000, 5, true)), ..market(2, Side::Buy, 1) };
    let other = placed(&mut exchange, buys);
    assert_eq!(exchange.trigger_price(other), Some(12_125));
    for wrong in [trail(0, 0, false), trail(0, -1, false), trail(1_000_000, 0, false)] {
        let why = "a trailing distance is from 1 to 999999 millionths, or ticks";
        assert_eq!(
            refused(&mut exchange, Command::Place(sells(wrong))),
            Reject::Contradiction(why)
        );
    }
}

#[test]
fn of_two_orders_the_first_to_trade_ends_the_other() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let pair = [sell(0, 110, 10), stop(sell(0, 85, 10), 90, false)];
    done(&mut exchange, Command::PlaceOco(pair));
    assert_eq!(exchange.balance(0, BTC).1, amount("0.01"));
    let events = done(&mut exchange, Command::Place(buy(1, 110, 3)));
    assert_eq!(cancelled(&events), [(4, CancelReason::OtherOfList)]);
    assert_eq!(exchange.balance(0, BTC).1, amount("0.007"));
    done(&mut exchange, Command::Cancel { account: 0, order: OrderId(3) });

    done(&mut exchange, Command::PlaceOco([sell(0, 120, 10), stop(sell(0, 85, 10), 90, false)]));
    done(&mut exchange, Command::Place(buy(1, 90, 1)));
    let events = done(&mut exchange, Command::Place(sell(2, 90, 1)));
    assert_eq!(cancelled(&events), [(6, CancelReason::OtherOfList)]);
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(85, 10)]);
    assert_eq!(exchange.balance(0, BTC).1, amount("0.01"));

    done(&mut exchange, Command::Cancel { account: 0, order: OrderId(7) });
    done(&mut exchange, Command::PlaceOco([sell(0, 120, 10), stop(sell(0, 70, 10), 80, false)]));
    let events = done(&mut exchange, Command::Cancel { account: 0, order: OrderId(10) });
    assert_eq!(cancelled(&events).len(), 2, "who cancels one cancels both");
    assert_eq!(exchange.balance(0, BTC).1, Amount::ZERO);
}

#[test]
fn of_two_orders_only_what_is_still_there_keeps_money() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let pair = [buy(0, 90, 10), stop(buy(0, 120, 10), 110, true)];
    done(&mut exchange, Command::PlaceOco(pair));
    assert_eq!(exchange.balance(0, USD).1, amount("0.012"));
    done(&mut exchange, Command::Place(sell(1, 90, 4)));
    assert_eq!(exchange.balance(0, USD).1, amount("0.0054"), "the dearer one has ended");
    done(&mut exchange, Command::Cancel { account: 0, order: OrderId(3) });

    let pair = [stop(buy(0, 80, 10), 85, false), stop(buy(0, 120, 10), 110, true)];
    done(&mut exchange, Command::PlaceOco(pair));
    done(&mut exchange, Command::Place(buy(1, 85, 1)));
    done(&mut exchange, Command::Place(sell(2, 85, 1)));
    assert_eq!(levels(&exchange, SPOT, Side::Buy), [(80, 10)]);
    assert_eq!(exchange.balance(0, USD).1, amount("0.008"));
}

#[test]
fn what_is_prevented_leaves_enough_for_the_other_order_of_a_list() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let pair = [sell(0, 110, 10), stop(sell(0, 85, 10), 90, false)];
    done(&mut exchange, Command::PlaceOco(pair));
    let own = NewOrder { self_trade: SelfTrade::Decrement, ..buy(0, 110, 4) };
    done(&mut exchange, Command::Place(own));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(110, 6)]);
    assert_eq!(exchange.balance(0, BTC).1, amount("0.01"));
}

#[test]
fn an_order_of_a_list_gets_smaller_and_its_list_stays() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let amend = |order, price, quantity| Command::Amend { account: 0, order, price, quantity };
    done(&mut exchange, Command::Place(buy(1, 90, 1)));
    let pending = vec![sell(0, 130, 5), stop(market(0, Side::Sell, 5), 80, false)];
    done(&mut exchange, Command::PlaceOto { working: buy(0, 90, 5), pending });
    done(&mut exchange, Command::Place(buy(1, 90, 1)));
    let found = refused(&mut exchange, amend(OrderId(4), Some(91), 4));
    let why = "an order that waits, or is of a list, only gets smaller";
    assert_eq!(found, Reject::Contradiction(why));
    assert_eq!(refused(&mut exchange, amend(OrderId(4), None, 6)), Reject::Contradiction(why));
    // The first one keeps its place, one that waits for it is not there so far.
    let events = done(&mut exchange, amend(OrderId(4), None, 4));
    let is_told = |event: &Event| matches!(event, Event::Amended { order: OrderId(4), .. });
    assert!(events.iter().any(is_told));
    assert_eq!(levels(&exchange, SPOT, Side::Buy), [(90, 6)]);
    assert_eq!(exchange.balance(0, USD).1, amount("0.0036"));
    // Of the two that follow one ends the other, so both are over the same.
    let events = done(&mut exchange, amend(OrderId(5), None, 3));
    let changed = |event: &Event| match *event {
        Event::Amended { order, .. } => Some(order.0),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(changed).collect::<Vec<_>>(), [5, 6]);
    let events = done(&mut exchange, Command::Place(sell(2, 90, 5)));
    let filled = |event: &Event| match *event {
        Event::Trade { maker, quantity, .. } => Some((maker.0, quantity)),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(filled).collect::<Vec<_>>(), [(3, 1), (4, 4)]);
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(130, 3)]);
    assert_eq!(exchange.balance(0, BTC).1, amount("0.003"));
    done(&mut exchange, amend(OrderId(6), None, 2));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(130, 2)]);
    assert_eq!(exchange.balance(0, BTC).1, amount("0.002"));
    done(&mut exchange, Command::Place(sell(2, 80, 1)));
    done(&mut exchange, Command::Place(buy(1, 80, 1)));
    assert_eq!(exchange.order(OrderId(6)).unwrap().quantity, 2);
}

#[test]
fn an_order_of_a_list_that_gets_cheaper_frees_money() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let pair = [buy(0, 90, 10), stop(buy(0, 120, 10), 110, true)];
    done(&mut exchange, Command::PlaceOco(pair));
    let new = stop(buy(0, 112, 10), 110, true);
    done(&mut exchange, Command::ReplaceLeg { order: OrderId(4), new });
    assert_eq!(exchange.balance(0, USD).1, amount("0.0112"));
}

#[test]
fn orders_that_follow_another_come_once_it_is_filled() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let pending = vec![sell(0, 130, 5), stop(market(0, Side::Sell, 5), 80, false)];
    done(&mut exchange, Command::PlaceOto { working: buy(0, 100, 5), pending: pending.clone() });
    assert_eq!(exchange.balance(0, BTC).1, Amount::ZERO);
    done(&mut exchange, Command::Place(sell(1, 100, 3)));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), []);
    done(&mut exchange, Command::Place(sell(1, 100, 2)));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(130, 5)]);
    assert_eq!(exchange.balance(0, BTC).1, amount("0.005"));

    let other = Command::PlaceOto { working: buy(0, 90, 5), pending };
    for place in 0..3 {
        let OrderId(first) = exchange.apply(0, &other, &mut Vec::new()).unwrap().unwrap();
        let order = OrderId(first + place);
        let events = done(&mut exchange, Command::Cancel { account: 0, order });
        let all = [0, 1, 2].map(|place| (first + place, CancelReason::Asked));
        let mut ended = cancelled(&events);
        ended.sort_by_key(|(order, _)| *order);
        assert_eq!(ended, all, "who cancels one cancels all");
    }
}

#[test]
fn what_would_trade_with_its_own_account_is_told() {
    let mut exchange = funded();
    let maker = placed(&mut exchange, sell(0, 100, 10));
    let order = NewOrder { self_trade: SelfTrade::Decrement, ..buy(0, 101, 4) };
    let events = done(&mut exchange, Command::Place(order));
    let taker = OrderId(maker.0 + 1);
    let told = |order, other, is_maker| Event::Prevented {
        order,
        other,
        number: 1,
        price: 100,
        quantity: 4,
        prevented: 4,
        filled: 0,
        filled_quote: Amount::ZERO,
        is_maker,
        goes_on: is_maker,
    };
    assert!(events.contains(&told(maker, taker, true)), "{events:?}");
    assert!(events.contains(&told(taker, maker, false)), "{events:?}");
    let order = exchange.order(maker).unwrap();
    assert_eq!((order.quantity, order.prevented, order.open()), (10, 4, 6));
    assert_eq!(exchange.balance(0, BTC).1, amount("0.006"));
    assert_eq!(exchange.balance(0, USD).1, Amount::ZERO);
    // What is left may still be made smaller, and trades.
    let amend = |quantity| Command::Amend { account: 0, order: maker, price: None, quantity };
    let least = Reject::Quantity { quantity: 4, least: 5, largest: i64::MAX };
    assert_eq!(refused(&mut exchange, amend(4)), least);
    done(&mut exchange, amend(9));
    assert_eq!(trades(&done(&mut exchange, Command::Place(buy(1, 100, 9)))), [(100, 5)]);
    assert_eq!(exchange.balance(0, BTC).1, Amount::ZERO);
}

#[test]
fn an_order_of_a_list_gets_other_prices_and_its_list_stays() {
    let mut exchange = funded();
    trade_at(&mut exchange, 100);
    let replace = |order, new| Command::ReplaceLeg { order: OrderId(order), new };
    let pending = vec![sell(0, 130, 5), stop(market(0, Side::Sell, 5), 80, false)];
    done(&mut exchange, Command::PlaceOto { working: buy(0, 90, 5), pending });
    // The first one, at another price; then one that waits for it.
    let events = done(&mut exchange, replace(3, buy(0, 95, 5)));
    assert_eq!(cancelled(&events), [(3, CancelReason::Replaced)]);
    assert_eq!(exchange.balance(0, USD).1, amount("0.00475"));
    let events = done(&mut exchange, replace(4, sell(0, 140, 5)));
    assert_eq!(cancelled(&events), [(4, CancelReason::Replaced)]);
    assert_eq!(levels(&exchange, SPOT, Side::Sell), []);
    done(&mut exchange, Command::Place(sell(1, 95, 5)));
    assert_eq!(levels(&exchange, SPOT, Side::Sell), [(140, 5)]);
    // A stop that waits, and then the limit: one still ends the other.
    done(&mut exchange, replace(5, stop(market(0, Side::Sell, 5), 85, false)));
    done(&mut exchange, replace(7, sell(0, 120, 5)));
    assert_eq!(exchange.balance(0, BTC).1, amount("0.005"));
    let wrong = "of an order of a list only prices are changed, before it is filled";
    for new in [sell(0, 120, 4), buy(0, 120, 5), stop(sell(0, 85, 5), 80, false)] {
        assert_eq!(refused(&mut exchange, replace(10, new)), Reject::Contradiction(wrong));
    }
    let alone = placed(&mut exchange, buy(0, 50, 5));
    let found = refused(&mut exchange, replace(alone.0, buy(0, 51, 5)));
    assert_eq!(found, Reject::Contradiction("the order is of no list"));
    let events = done(&mut exchange, Command::Place(buy(1, 120, 5)));
    assert_eq!(trades(&events), [(120, 5)]);
    assert_eq!(cancelled(&events), [(9, CancelReason::OtherOfList)]);
    assert_eq!(exchange.balance(0, BTC).1, Amount::ZERO);
}

#[test]
fn orders_expire_when_time_has_passed() {
    let mut exchange = funded();
    done(&mut exchange, Command::Place(NewOrder { expiry: Expiry::At(50), ..buy(0, 100, 5) }));
    let mut events = Vec::new();
    exchange.apply(49, &Command::Tick, &mut events).unwrap();
    assert_eq!(events, []);
    exchange.apply(50, &Command::Tick, &mut events).unwrap();
    assert_eq!(cancelled(&events), [(1, CancelReason::Expired)]);
    let late = NewOrder { expiry: Expiry::At(50), ..buy(0, 100, 5) };
    let found = exchange.apply(50, &Command::Place(late), &mut events);
    assert!(matches!(found, Err(Reject::Contradiction(_))));
}

#[test]
fn a_halted_instrument_only_lets_orders_go() {
    let mut exchange = funded();
    let order = placed(&mut exchange, buy(0, 100, 5));
    done(&mut exchange, Command::Halt { instrument: SPOT, halted: true });
    assert_eq!(refused(&mut exchange, Command::Place(buy(0, 100, 5))), Reject::Halted);
    done(&mut exchange, Command::Cancel { account: 0, order });
    done(&mut exchange, Command::Halt { instrument: SPOT, halted: false });
    done(&mut exchange, Command::Place(buy(0, 100, 5)));
}

#[test]
fn nobody_touches_the_order_of_another() {
    let mut exchange = funded();
    let order = placed(&mut exchange, buy(0, 100, 5));
    let reject = Reject::UnknownOrder(order);
    assert_eq!(refused(&mut exchange, Command::Cancel { account: 1, order }), reject);
    let amend = Command::Amend { account: 1, order, price: None, quantity: 1 };
    assert_eq!(refused(&mut exchange, amend), reject);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let mut exchange = funded();
    let (price, lots) = (1 << 40, 1 << 40);
    assert_eq!(refused(&mut exchange, Command::Place(buy(0, price, lots))), Reject::Overflow);
    for (price, lots) in [(0, 1), (-1, 1), (i64::MAX, 1), (1, 0), (1, -1), (1, i64::MIN)] {
        refused(&mut exchange, Command::Place(buy(0, price, lots)));
    }
    let amount = Amount(i128::MAX);
    let deposit = Command::Deposit { account: 0, asset: BTC, amount };
    assert_eq!(refused(&mut exchange, deposit), Reject::Overflow);
    let taken = Command::Deposit { account: 0, asset: BTC, amount: Amount(i128::MIN) };
    assert_eq!(refused(&mut exchange, taken), Reject::Overflow);
    refused(&mut exchange, Command::Place(NewOrder { instrument: 9, ..buy(0, 1, 1) }));
    refused(&mut exchange, Command::Place(buy(9, 1, 1)));
}
