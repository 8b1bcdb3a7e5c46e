//! The end of positions that have too little margin.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{
    BNB, NET, PERP, USD, amount, buy, deal, done, fees, funded, leverage, mark, perp, placed,
    refused, sell, trades,
};
use rustonite_sim::{
    AccountId, Amount, CancelReason, Command, Event, Exchange, Instrument, InstrumentId, NewOrder,
    OrderId, Reject,
};

/// Account 1 is long 900 at 100 with a margin of 2,000: nothing is left of that at 97.78.
fn in_danger() -> Exchange {
    let mut exchange = funded();
    leverage(&mut exchange, 1, 50);
    deal(&mut exchange, 10_000, 900_000);
    done(&mut exchange, Command::Deposit { account: 1, asset: USD, amount: amount("-98000") });
    exchange
}

/// Another perpetual that is settled in the same asset.
const OTHER: InstrumentId = 2;

fn other(order: NewOrder) -> NewOrder {
    NewOrder { instrument: OTHER, ..order }
}

/// The same account may trade another perpetual, too.
fn in_danger_of_two() -> Exchange {
    let mut exchange = in_danger();
    let like = exchange.instruments().nth(PERP as usize).unwrap().clone();
    let listed = exchange.list(Instrument { symbol: "BNBUSD-PERP".to_owned(), base: BNB, ..like });
    assert_eq!(listed, Ok(OTHER));
    exchange
}

/// Whose positions were taken for others, and by which orders.
fn deleveraged(events: &[Event]) -> Vec<(AccountId, OrderId)> {
    let of = |event: &Event| match *event {
        Event::Deleveraged { account, order, .. } => Some((account, order)),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

/// Account, price and lots of each fill.
fn fills(events: &[Event]) -> Vec<(AccountId, i64, i64)> {
    let of = |event: &Event| match *event {
        Event::Fill { account, price, quantity, .. } => Some((account, price, quantity)),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn the_book_takes_it_and_the_rest_of_the_margin_is_kept() {
    let mut exchange = in_danger();
    done(&mut exchange, Command::Place(perp(buy(2, 9_790, 900_000))));
    let events = mark(&mut exchange, 9_900);
    assert_eq!(trades(&events), [], "2,000 less 900 is more than 1 % of 89,100");
    let events = mark(&mut exchange, 9_800);
    let told = Event::Liquidated { account: 1, instrument: PERP, position: NET };
    assert!(events.contains(&told));
    assert_eq!(trades(&events), [(9_790, 900_000)]);
    assert_eq!(deleveraged(&events), []);
    assert_eq!(exchange.balance(1, USD).0, amount("110"), "it lost 1,890");
    assert_eq!(exchange.insurance(USD), Amount::ZERO);
}

#[test]
fn what_nobody_takes_is_closed_against_the_other_side_where_nothing_is_left() {
    let mut exchange = in_danger();
    // One of these is above 97.78.
    done(&mut exchange, Command::Place(perp(buy(2, 9_790, 300_000))));
    done(&mut exchange, Command::Place(perp(buy(2, 9_777, 600_000))));
    let events = mark(&mut exchange, 9_800);
    assert_eq!(trades(&events), [(9_790, 300_000)], "what follows is no trade of the market");
    let [(account, order)] = deleveraged(&events)[..] else { panic!("{events:?}") };
    assert_eq!(account, 0);
    let order = exchange.order(order).unwrap();
    assert_eq!((order.filled, order.is_open, order.asked.reduce_only), (600_000, false, true));
    let expected =
        [(2, 9_790, 300_000), (1, 9_790, 300_000), (0, 9_778, 600_000), (1, 9_778, 600_000)];
    assert_eq!(fills(&events), expected);
    assert_eq!(exchange.position(1, PERP, NET).0, 0);
    assert_eq!(exchange.position(0, PERP, NET).0, -300_000);
    assert_eq!(exchange.balance(0, USD).0, amount("101332"), "600 times 2.22");
    assert_eq!(exchange.last_price(PERP), Some(9_790));
}

#[test]
fn who_is_closed_for_another_pays_no_fee_and_keeps_no_order() {
    let mut exchange = in_danger();
    fees(&mut exchange, 0, 200, 500);
    let order = placed(&mut exchange, perp(sell(0, 11_000, 1_000)));
    let elsewhere = placed(&mut exchange, sell(0, 11_000, 1_000));
    let events = mark(&mut exchange, 9_800);
    assert_eq!(deleveraged(&events).len(), 1);
    assert_eq!(exchange.balance(0, USD).0, amount("101998"), "900 times 2.22");
    assert_eq!(exchange.order(order).unwrap().cancelled, Some(CancelReason::Liquidation));
    assert!(exchange.order(elsewhere).unwrap().is_open);
}

#[test]
fn a_mark_price_beyond_all_margin_costs_the_other_side_its_gain_and_no_more() {
    let mut exchange = in_danger();
    done(&mut exchange, Command::Place(perp(buy(2, 9_000, 900_000))));
    let events = mark(&mut exchange, 9_000);
    assert_eq!(trades(&events), []);
    assert_eq!(fills(&events), [(0, 9_778, 900_000), (1, 9_778, 900_000)]);
    assert_eq!(exchange.balance(1, USD).0, amount("2"), "the price is cut to the better tick");
    assert_eq!(exchange.insurance(USD), Amount::ZERO);
}

#[test]
fn a_short_position_ends_so_too() {
    let mut exchange = funded();
    leverage(&mut exchange, 0, 50);
    deal(&mut exchange, 10_000, 900_000);
    done(&mut exchange, Command::Deposit { account: 0, asset: USD, amount: amount("-98000") });
    done(&mut exchange, Command::Place(perp(sell(2, 10_300, 900_000))));
    let events = mark(&mut exchange, 10_200);
    assert_eq!(trades(&events), []);
    assert_eq!(fills(&events), [(1, 10_222, 900_000), (0, 10_222, 900_000)]);
    assert_eq!(exchange.balance(0, USD).0, amount("2"));
    assert_eq!(exchange.balance(1, USD).0, amount("101998"));
}

#[test]
fn who_gained_most_with_most_leverage_is_first() {
    let mut exchange = funded();
    leverage(&mut exchange, 1, 50);
    leverage(&mut exchange, 2, 10);
    // Both are short: 0 has gained more, 2 has five times as much of it by its leverage.
    deal(&mut exchange, 10_010, 450_000);
    done(&mut exchange, Command::Place(perp(sell(2, 10_000, 450_000))));
    done(&mut exchange, Command::Place(perp(buy(1, 10_000, 450_000))));
    done(&mut exchange, Command::Deposit { account: 1, asset: USD, amount: amount("-98000") });
    let events = mark(&mut exchange, 9_800);
    let whose: Vec<_> = deleveraged(&events).into_iter().map(|(account, _)| account).collect();
    assert_eq!(whose, [2, 0]);
    leverage(&mut exchange, 2, 1);
    assert_eq!(exchange.position(2, PERP, NET).0, 0);
}

#[test]
fn the_insurance_pays_the_fee_of_who_has_nothing_left() {
    let mut exchange = in_danger();
    fees(&mut exchange, 1, 0, 500);
    mark(&mut exchange, 9_800);
    assert_eq!(exchange.balance(1, USD).0, Amount::ZERO);
    // 0.05 % of 88,002, less the 2 that were left.
    assert_eq!(exchange.insurance(USD), amount("-42.001"));
    assert_eq!(exchange.collected(USD), amount("44.001"));
}

#[test]
fn an_isolated_position_loses_its_own_margin_and_no_more() {
    let mut exchange = funded();
    done(&mut exchange, Command::SetIsolated { account: 1, instrument: PERP, isolated: true });
    leverage(&mut exchange, 1, 20);
    deal(&mut exchange, 10_000, 100_000);
    assert_eq!(exchange.position(1, PERP, NET).2, amount("500"));
    assert_eq!(exchange.balance(1, USD).0, amount("99500"));
    mark(&mut exchange, 10_000);
    let move_margin = |text| Command::MoveMargin {
        account: 1,
        instrument: PERP,
        position: NET,
        amount: amount(text),
    };
    done(&mut exchange, move_margin("100"));
    assert!(matches!(refused(&mut exchange, move_margin("-101")), Reject::Balance { .. }));
    done(&mut exchange, move_margin("-100"));
    done(&mut exchange, Command::Place(perp(buy(2, 9_000, 200_000))));
    let events = mark(&mut exchange, 9_400);
    assert_eq!(fills(&events), [(0, 9_500, 100_000), (1, 9_500, 100_000)]);
    assert_eq!(exchange.position(1, PERP, NET).0, 0);
    assert_eq!(exchange.balance(1, USD).0, amount("99500"));
    assert_eq!(exchange.insurance(USD), Amount::ZERO);
}

#[test]
fn positions_of_its_own_other_side_take_nothing() {
    let mut exchange = funded();
    done(&mut exchange, Command::SetHedged { account: 1, hedged: true });
    let hedge = |order| rustonite_sim::NewOrder {
        position: rustonite_sim::PositionSide::Short,
        ..perp(order)
    };
    let long = |order| rustonite_sim::NewOrder {
        position: rustonite_sim::PositionSide::Long,
        ..perp(order)
    };
    leverage(&mut exchange, 1, 50);
    done(&mut exchange, Command::Place(perp(sell(0, 10_000, 900_000))));
    done(&mut exchange, Command::Place(long(buy(1, 10_000, 900_000))));
    done(&mut exchange, Command::Place(perp(buy(2, 10_000, 100_000))));
    done(&mut exchange, Command::Place(hedge(sell(1, 10_000, 100_000))));
    done(&mut exchange, Command::Deposit { account: 1, asset: USD, amount: amount("-98000") });
    let events = mark(&mut exchange, 9_800);
    let whose: Vec<_> = deleveraged(&events).into_iter().map(|(account, _)| account).collect();
    assert_eq!(whose, [0, 2], "the long one against 0, the short one against 2");
}

#[test]
fn orders_that_share_the_balance_end_with_a_position() {
    for isolated in [false, true] {
        let mut exchange = in_danger_of_two();
        done(&mut exchange, Command::SetIsolated { account: 1, instrument: OTHER, isolated });
        let order = placed(&mut exchange, other(buy(1, 500, 1_000)));
        let paid = placed(&mut exchange, buy(1, 500, 1_000));
        mark(&mut exchange, 9_800);
        assert_eq!(exchange.position(1, PERP, NET).0, 0);
        let order = exchange.order(order).unwrap();
        assert_eq!(order.cancelled, Some(CancelReason::Liquidation), "{isolated}");
        assert!(exchange.order(paid).unwrap().is_open, "spot has its money locked");
    }
}

#[test]
fn no_more_positions_end_than_have_to() {
    for (price, left) in [(9_790, 30_000), (9_000, 0)] {
        let mut exchange = in_danger_of_two();
        let leverage = Command::SetLeverage { account: 1, instrument: OTHER, leverage: 10 };
        done(&mut exchange, leverage);
        done(&mut exchange, Command::Place(other(sell(0, 1_000, 30_000))));
        done(&mut exchange, Command::Place(other(buy(1, 1_000, 30_000))));
        done(&mut exchange, Command::Place(perp(buy(2, price, 900_000))));
        mark(&mut exchange, 9_800);
        assert_eq!(exchange.position(1, PERP, NET).0, 0);
        // At 97.90 it keeps 110, and 1 % of 300 is needed; at 97.78 it keeps 2.
        assert_eq!(exchange.position(1, OTHER, NET).0, left);
    }
}
