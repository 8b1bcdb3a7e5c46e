//! Rules of positions, one by one.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{
    BTC, NET, PERP, SPOT, USD, amount, buy, deal, done, funded, levels, leverage, mark, market,
    order, perp, placed, refused, sell, trades,
};
use rustonite_sim::{
    Amount, CancelReason, Command, Event, Exchange, Expiry, NewOrder, PositionSide, Quantity,
    Reject, Side, Tier, Tiers, Trailing, Trigger, TriggerSource,
};

#[test]
fn a_position_opens_grows_shrinks_and_turns() {
    let mut exchange = funded();
    deal(&mut exchange, 10_000, 10_000);
    deal(&mut exchange, 20_000, 10_000);
    assert_eq!(exchange.position(1, PERP, NET), (20_000, amount("3000"), Amount::ZERO));
    assert_eq!(exchange.position(0, PERP, NET), (-20_000, amount("-3000"), Amount::ZERO));
    // Sells half of it at 200: entered at 150.
    done(&mut exchange, Command::Place(perp(buy(2, 20_000, 10_000))));
    done(&mut exchange, Command::Place(perp(sell(1, 20_000, 10_000))));
    assert_eq!(exchange.balance(1, USD).0, amount("100500"));
    // Turns.
    done(&mut exchange, Command::Place(perp(buy(2, 10_000, 30_000))));
    let events = done(&mut exchange, Command::Place(perp(sell(1, 10_000, 30_000))));
    let gained = |event: &Event| match *event {
        Event::Fill { account: 1, realised, .. } => Some(realised),
        _ => None,
    };
    assert_eq!(events.iter().find_map(gained), Some(amount("-500")));
    assert_eq!(exchange.position(1, PERP, NET), (-20_000, amount("-2000"), Amount::ZERO));
    assert_eq!(exchange.balance(1, USD).0, amount("100000"));
}

#[test]
fn what_makers_may_close_is_used_up_once() {
    for (lots, bought) in [(10, vec![(10_000, 6), (10_000, 4)]), (11, vec![])] {
        let mut exchange = funded();
        deal(&mut exchange, 10_000, 10);
        for _ in 0..2 {
            let closing = NewOrder { reduce_only: true, ..perp(sell(1, 10_000, 6)) };
            done(&mut exchange, Command::Place(closing));
        }
        let whole = NewOrder { expiry: Expiry::AllOrNothing, ..perp(buy(2, 10_000, lots)) };
        assert_eq!(exchange.would_trade(&whole), 10);
        let events = done(&mut exchange, Command::Place(whole));
        assert_eq!(trades(&events), bought);
    }
}

#[test]
fn orders_need_margin_by_leverage_and_those_that_reduce_need_none() {
    let mut exchange = funded();
    // 100,000 buys 1,000 at 100.
    let found = refused(&mut exchange, Command::Place(perp(buy(1, 10_000, 1_000_001))));
    assert!(matches!(found, Reject::Balance { asset: USD, .. }), "{found}");
    leverage(&mut exchange, 1, 10);
    leverage(&mut exchange, 0, 50);
    done(&mut exchange, Command::Place(perp(sell(0, 10_000, 9_000_000))));
    done(&mut exchange, Command::Place(perp(buy(1, 10_000, 9_000_000))));
    assert_eq!(exchange.available(1, USD), amount("10000"));
    let open = perp(buy(1, 9_900, 2_000_000));
    assert!(matches!(refused(&mut exchange, Command::Place(open)), Reject::Balance { .. }));
    done(&mut exchange, Command::Place(perp(sell(1, 10_100, 9_000_000))));
    let found =
        refused(&mut exchange, Command::SetLeverage { account: 1, instrument: PERP, leverage: 5 });
    assert!(matches!(found, Reject::Balance { .. }), "{found}");
    let found =
        refused(&mut exchange, Command::SetLeverage { account: 1, instrument: PERP, leverage: 51 });
    assert_eq!(found, Reject::Leverage { found: 51, largest: 50 });
}

#[test]
fn open_profit_is_margin_of_shared_positions_alone() {
    let mut exchange = funded();
    // 500 at 100, and all the rest of 50,000 is ordered.
    deal(&mut exchange, 10_000, 500_000);
    done(&mut exchange, Command::Place(perp(buy(1, 10_000, 500_000))));
    assert_eq!(exchange.available(1, USD), Amount::ZERO);
    mark(&mut exchange, 16_000);
    assert_eq!(exchange.balance(1, USD).0, amount("100000"));
    assert_eq!(exchange.available(1, USD), amount("30000"));
    assert_eq!(exchange.movable(1, USD), Amount::ZERO);
    let found = refused(&mut exchange, Command::Place(perp(buy(1, 10_000, 300_001))));
    assert!(matches!(found, Reject::Balance { asset: USD, .. }), "{found}");
    let more = placed(&mut exchange, perp(buy(1, 10_000, 300_000)));
    done(&mut exchange, Command::Cancel { account: 1, order: more });
    // What is lost is neither.
    mark(&mut exchange, 9_900);
    assert_eq!(exchange.available(1, USD), amount("-500"));
    assert_eq!(exchange.movable(1, USD), amount("-500"));
}

/// Up to 1,000 a leverage of 50 and 1 %, up to 5,000 of 20 and 2.5 %, up to 20,000 of 5 and 10 %.
fn with_tiers() -> Exchange {
    let tier = |worth, leverage_max, maintenance_ppm| Tier {
        worth_max: amount(worth),
        leverage_max,
        maintenance_ppm,
    };
    let tiers = [tier("1000", 50, 10_000), tier("5000", 20, 25_000), tier("20000", 5, 100_000)];
    let mut exchange = funded();
    exchange.set_tiers(PERP, Tiers::new(&tiers).unwrap()).unwrap();
    exchange
}

#[test]
fn a_larger_position_may_have_less_leverage() {
    let mut exchange = with_tiers();
    leverage(&mut exchange, 1, 20);
    let found = refused(&mut exchange, Command::Place(perp(buy(1, 10_000, 50_001))));
    let (worth, largest) = (amount("5000.1"), amount("5000"));
    assert_eq!(found, Reject::Tier { worth, largest });
    deal(&mut exchange, 10_000, 40_000);
    // 1,000 more are ordered, so that nothing more may be.
    let more = placed(&mut exchange, perp(buy(1, 9_000, 11_111)));
    let found = refused(&mut exchange, Command::Place(perp(buy(1, 9_000, 1))));
    assert!(matches!(found, Reject::Tier { .. }), "{found}");
    let raised = Command::SetLeverage { account: 1, instrument: PERP, leverage: 21 };
    let worth = amount("4999.99");
    let found = refused(&mut exchange, raised);
    assert_eq!(found, Reject::Tier { worth, largest: amount("1000") });
    // The other side is free as far as it goes, and so is all of it with less leverage.
    done(&mut exchange, Command::Place(perp(sell(1, 11_000, 70_000))));
    done(&mut exchange, Command::Cancel { account: 1, order: more });
    leverage(&mut exchange, 1, 5);
    done(&mut exchange, Command::Place(perp(buy(1, 9_000, 100_000))));
}

#[test]
fn a_larger_position_keeps_more_margin() {
    let mut exchange = with_tiers();
    leverage(&mut exchange, 1, 5);
    done(&mut exchange, Command::SetIsolated { account: 1, instrument: PERP, isolated: true });
    // 10,000 with a margin of 2,000; it keeps a tenth, less 390.
    deal(&mut exchange, 10_000, 100_000);
    let liquidated = |events: &[Event]| {
        events.iter().any(|event| matches!(event, Event::Liquidated { account: 1, .. }))
    };
    // Worth 8,456: equity 456, and 455.6 is kept. A tick below, 455 is less than 455.5.
    assert!(!liquidated(&mark(&mut exchange, 8_456)));
    assert!(liquidated(&mark(&mut exchange, 8_455)));
}

#[test]
fn only_positions_have_tiers() {
    let mut exchange = funded();
    let tiers = exchange.tiers(PERP).unwrap().clone();
    assert!(exchange.set_tiers(SPOT, tiers.clone()).is_err());
    assert!(exchange.set_tiers(9, tiers).is_err());
}

#[test]
fn a_reduce_only_order_is_measured_again_at_each_fill() {
    let mut exchange = funded();
    let reduce = |order: NewOrder| NewOrder { reduce_only: true, ..perp(order) };
    let found = refused(&mut exchange, Command::Place(reduce(sell(1, 10_000, 5))));
    assert_eq!(found, Reject::WouldNotReduce);
    deal(&mut exchange, 10_000, 10);
    let resting = placed(&mut exchange, reduce(sell(1, 11_000, 10)));
    done(&mut exchange, Command::Place(perp(buy(2, 10_000, 6))));
    done(&mut exchange, Command::Place(perp(sell(1, 10_000, 6))));
    let events = done(&mut exchange, Command::Place(perp(buy(2, 11_000, 10))));
    assert_eq!(trades(&events), [(11_000, 4)]);
    assert_eq!(exchange.order(resting).unwrap().cancelled, Some(CancelReason::ReduceOnly));
    assert_eq!(exchange.position(1, PERP, NET).0, 0);
}

#[test]
fn a_reduce_only_order_ends_with_the_position_that_it_reduces() {
    // Closed, and turned.
    for lots in [10, 15] {
        let mut exchange = funded();
        deal(&mut exchange, 10_000, 10);
        let reduce = |price| NewOrder { reduce_only: true, ..perp(sell(1, price, 10)) };
        let trigger =
            Trigger { price: 9_000, rises: false, source: TriggerSource::Last, trailing: None };
        let waits = NewOrder { trigger: Some(trigger), ..reduce(9_000) };
        let [rests, waits] = [reduce(11_000), waits].map(|order| placed(&mut exchange, order));
        done(&mut exchange, Command::Place(perp(buy(2, 10_000, lots))));
        let events = done(&mut exchange, Command::Place(perp(sell(1, 10_000, lots))));
        let reason = CancelReason::ReduceOnly;
        assert!(events.contains(&Event::Cancelled { order: rests, reason, prevented: 0 }));
        assert_eq!(levels(&exchange, PERP, Side::Sell), []);
        assert!(exchange.order(waits).unwrap().is_open, "it is measured when its trigger is hit");
    }
}

#[test]
fn an_order_that_closes_one_side_ends_with_that_side() {
    let mut exchange = funded();
    done(&mut exchange, Command::SetHedged { account: 1, hedged: true });
    let on = |position, order: NewOrder| NewOrder { position, ..perp(order) };
    for (position, side) in [(PositionSide::Long, Side::Sell), (PositionSide::Short, Side::Buy)] {
        done(&mut exchange, Command::Place(perp(order(0, side, 10_000, 10))));
        let opens = on(position, order(1, side.opposite(), 10_000, 10));
        done(&mut exchange, Command::Place(opens));
    }
    let long = placed(&mut exchange, on(PositionSide::Long, sell(1, 11_000, 10)));
    let short = placed(&mut exchange, on(PositionSide::Short, buy(1, 9_000, 10)));
    done(&mut exchange, Command::Place(perp(buy(2, 10_000, 10))));
    done(&mut exchange, Command::Place(on(PositionSide::Long, market(1, Side::Sell, 10))));
    assert_eq!(exchange.order(long).unwrap().cancelled, Some(CancelReason::ReduceOnly));
    assert!(exchange.order(short).unwrap().is_open);
}

#[test]
fn long_and_short_side_by_side() {
    let mut exchange = funded();
    done(&mut exchange, Command::SetHedged { account: 1, hedged: true });
    let found = refused(&mut exchange, Command::Place(perp(buy(1, 10_000, 5))));
    assert_eq!(found, Reject::PositionSide);
    let on = |position, order: NewOrder| NewOrder { position, ..perp(order) };
    let close = on(PositionSide::Long, sell(1, 10_000, 5));
    assert_eq!(refused(&mut exchange, Command::Place(close)), Reject::WouldNotReduce);
    done(&mut exchange, Command::Place(perp(sell(0, 10_000, 5))));
    done(&mut exchange, Command::Place(on(PositionSide::Long, buy(1, 10_000, 5))));
    done(&mut exchange, Command::Place(perp(buy(0, 9_000, 7))));
    done(&mut exchange, Command::Place(on(PositionSide::Short, sell(1, 9_000, 7))));
    assert_eq!(exchange.position(1, PERP, PositionSide::Long).0, 5);
    assert_eq!(exchange.position(1, PERP, PositionSide::Short).0, -7);
    let found = refused(&mut exchange, Command::SetHedged { account: 1, hedged: false });
    assert_eq!(found, Reject::InUse);
    // More than there is closes nothing.
    done(&mut exchange, Command::Place(perp(buy(0, 9_000, 9))));
    let close = |lots| on(PositionSide::Long, sell(1, 9_000, lots));
    assert_eq!(refused(&mut exchange, Command::Place(close(6))), Reject::WouldNotReduce);
    assert_eq!(trades(&done(&mut exchange, Command::Place(close(5)))), [(9_000, 5)]);
}

#[test]
fn side_by_side_limits_close_a_position_once_and_markets_come_first() {
    let mut exchange = funded();
    done(&mut exchange, Command::SetHedged { account: 1, hedged: true });
    let on = |order: NewOrder| NewOrder { position: PositionSide::Long, ..perp(order) };
    done(&mut exchange, Command::Place(perp(sell(0, 10_000, 10))));
    done(&mut exchange, Command::Place(on(buy(1, 10_000, 10))));
    let first = placed(&mut exchange, on(sell(1, 11_000, 6)));
    let found = refused(&mut exchange, Command::Place(on(sell(1, 12_000, 5))));
    assert_eq!(found, Reject::WouldNotReduce);
    let second = placed(&mut exchange, on(sell(1, 12_000, 4)));
    let amend = |quantity| Command::Amend { account: 1, order: first, price: None, quantity };
    assert_eq!(refused(&mut exchange, amend(7)), Reject::WouldNotReduce);
    done(&mut exchange, amend(5));
    // One that waits is measured when it comes.
    let trigger =
        Trigger { price: 9_000, rises: false, source: TriggerSource::Last, trailing: None };
    let waits = |order| NewOrder { trigger: Some(trigger), ..on(order) };
    let late = placed(&mut exchange, waits(sell(1, 9_000, 2)));
    let stop = placed(&mut exchange, waits(market(1, Side::Sell, 10)));
    done(&mut exchange, Command::Place(perp(buy(2, 8_900, 20))));
    done(&mut exchange, Command::Place(perp(buy(2, 9_000, 1))));
    done(&mut exchange, Command::Place(perp(sell(0, 9_000, 1))));
    let cancelled = |order| exchange.order(order).unwrap().cancelled;
    assert_eq!(cancelled(late), Some(CancelReason::ReduceOnly));
    assert_eq!((exchange.order(stop).unwrap().filled, cancelled(stop)), (10, None));
    assert_eq!([first, second].map(cancelled), [Some(CancelReason::ReduceOnly); 2]);
}

#[test]
fn a_reduce_only_order_that_comes_to_no_position_does_not_rest() {
    let mut exchange = funded();
    deal(&mut exchange, 10_000, 10);
    let trigger =
        Trigger { price: 9_000, rises: false, source: TriggerSource::Last, trailing: None };
    let stop = NewOrder { reduce_only: true, ..perp(sell(1, 9_500, 10)) };
    let stop = placed(&mut exchange, NewOrder { trigger: Some(trigger), ..stop });
    done(&mut exchange, Command::Place(perp(buy(2, 10_000, 10))));
    done(&mut exchange, Command::Place(perp(sell(1, 10_000, 10))));
    done(&mut exchange, Command::Place(perp(buy(2, 9_000, 1))));
    done(&mut exchange, Command::Place(perp(sell(0, 9_000, 1))));
    assert_eq!(exchange.order(stop).unwrap().cancelled, Some(CancelReason::ReduceOnly));
    assert_eq!(levels(&exchange, PERP, Side::Sell), []);
}

#[test]
fn a_trigger_on_the_mark_price_closes_the_position() {
    for expiry in [Expiry::Immediate, Expiry::AllOrNothing] {
        let mut exchange = funded();
        deal(&mut exchange, 10_000, 10);
        mark(&mut exchange, 10_000);
        let trigger =
            Trigger { price: 9_500, rises: false, source: TriggerSource::Mark, trailing: None };
        let order = NewOrder {
            quantity: Quantity::Position,
            trigger: Some(trigger),
            expiry,
            ..perp(market(1, Side::Sell, 0))
        };
        let order = placed(&mut exchange, order);
        done(&mut exchange, Command::Place(perp(buy(2, 9_400, 30))));
        mark(&mut exchange, 9_501);
        assert!(exchange.order(order).unwrap().is_open);
        mark(&mut exchange, 9_500);
        let order = exchange.order(order).unwrap();
        assert_eq!((order.quantity, order.filled, order.cancelled), (10, 10, None));
        assert_eq!(exchange.position(1, PERP, NET).0, 0);
    }
}

#[test]
fn a_protected_trigger_waits_while_last_and_mark_price_are_far_apart() {
    let trailing = Trailing {
        distance_ppm: 10_000,
        distance_ticks: 0,
        activation: None,
        begins_at_rise: true,
    };
    for (source, trailing) in [
        (TriggerSource::Last, None),
        (TriggerSource::Mark, None),
        (TriggerSource::Last, Some(trailing)),
        (TriggerSource::Mark, Some(trailing)),
    ] {
        let mut exchange = funded();
        deal(&mut exchange, 10_000, 10);
        mark(&mut exchange, 10_000);
        let trigger = Trigger { price: 9_900, rises: false, source, trailing };
        let order = NewOrder { trigger: Some(trigger), ..perp(market(1, Side::Sell, 10)) };
        let order = placed(&mut exchange, order);
        exchange.protect(order, 50_000);
        done(&mut exchange, Command::Place(perp(buy(2, 8_000, 10))));
        let waits = |exchange: &Exchange| !exchange.order(order).unwrap().is_working;
        // The price that it looks at is below its own, and 5.1 % from the other one.
        let (last, far) =
            if source == TriggerSource::Last { (9_490, 10_000) } else { (10_000, 9_510) };
        deal(&mut exchange, last, 1);
        mark(&mut exchange, far);
        deal(&mut exchange, last, 1);
        assert!(waits(&exchange), "{source:?} {trailing:?}");
        // 5 % is near enough, whichever price has moved.
        if source == TriggerSource::Last {
            mark(&mut exchange, 9_989);
        } else {
            done(&mut exchange, Command::Place(perp(sell(0, 9_985, 1))));
            done(&mut exchange, Command::Place(perp(buy(1, 9_985, 1))));
        }
        assert!(!waits(&exchange), "{source:?} {trailing:?}");
        assert_eq!(exchange.order(order).unwrap().filled, 10);
    }
}

#[test]
fn money_that_positions_need_is_not_taken() {
    let mut exchange = funded();
    leverage(&mut exchange, 1, 10);
    deal(&mut exchange, 10_000, 1_000_000);
    done(&mut exchange, Command::Place(perp(buy(1, 9_000, 1_000_000))));
    let take = |text| Command::Deposit { account: 1, asset: USD, amount: amount(text) };
    // A tenth of 100,000 and of 90,000.
    let found = refused(&mut exchange, take("-81000.01"));
    let (needed, free) = (amount("81000.01"), amount("81000"));
    assert_eq!(found, Reject::Balance { asset: USD, needed, free });
    done(&mut exchange, take("-80000"));
    // Open profit stays, and what is lost is not there.
    mark(&mut exchange, 11_000);
    assert!(matches!(refused(&mut exchange, take("-1000.01")), Reject::Balance { .. }));
    mark(&mut exchange, 9_950);
    assert!(matches!(refused(&mut exchange, take("-500.01")), Reject::Balance { .. }));
    done(&mut exchange, take("-500"));
    done(&mut exchange, Command::Deposit { account: 1, asset: BTC, amount: amount("-100") });
}

#[test]
fn longs_pay_shorts_and_the_venue_keeps_what_does_not_divide() {
    let mut exchange = funded();
    let found = refused(&mut exchange, Command::Funding { instrument: PERP, rate_ppm: 100 });
    assert!(matches!(found, Reject::Contradiction(_)));
    deal(&mut exchange, 10_000, 10_000);
    mark(&mut exchange, 11_000);
    done(&mut exchange, Command::Funding { instrument: PERP, rate_ppm: 100 });
    // 0.01 % of 1,100.
    assert_eq!(exchange.balance(1, USD).0, amount("99999.89"));
    assert_eq!(exchange.balance(0, USD).0, amount("100000.11"));
    done(&mut exchange, Command::Funding { instrument: PERP, rate_ppm: -100 });
    assert_eq!(exchange.balance(1, USD).0, amount("100000"));
}
