//! Margin of what changes: orders that are amended or triggered, positions side by side, debts.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{PERP, USD, amount, buy, done, funded, market, perp, placed, refused, sell, trades};
use rustonite_sim::{
    Amount, CancelReason, Command, Event, Exchange, NewOrder, PositionSide, Reject, Side, Tier,
    Tiers, Trigger, TriggerSource,
};

/// With a leverage of 50 the 100,000 of an account buy 50,000,000 lots at 100.
const MOST: i64 = 50_000_000;

fn with_leverage() -> Exchange {
    let mut exchange = funded();
    for account in 0..3 {
        done(&mut exchange, Command::SetLeverage { account, instrument: PERP, leverage: 50 });
    }
    exchange
}

#[test]
fn an_order_that_takes_most_of_the_margin_is_amended() {
    let mut exchange = with_leverage();
    let order = placed(&mut exchange, perp(buy(1, 10_000, MOST / 10 * 9)));
    let amend = |price, quantity| Command::Amend { account: 1, order, price, quantity };
    done(&mut exchange, amend(Some(10_001), MOST / 10 * 9));
    done(&mut exchange, amend(None, MOST / 10 * 6));
    done(&mut exchange, amend(Some(10_000), MOST));
    assert_eq!(exchange.available(1, USD), Amount::ZERO);
    let found = refused(&mut exchange, amend(Some(10_001), MOST));
    assert!(matches!(found, Reject::Balance { asset: USD, .. }), "{found}");
}

#[test]
fn an_order_that_takes_most_of_its_tier_is_amended() {
    let mut exchange = with_leverage();
    let tier = |worth, leverage_max, maintenance_ppm| Tier {
        worth_max: amount(worth),
        leverage_max,
        maintenance_ppm,
    };
    let tiers = [tier("1000", 50, 10_000), tier("5000", 20, 25_000)];
    exchange.set_tiers(PERP, Tiers::new(&tiers).unwrap()).unwrap();
    let order = placed(&mut exchange, perp(buy(1, 10_000, 9_000)));
    let amend = |price, quantity| Command::Amend { account: 1, order, price, quantity };
    done(&mut exchange, amend(Some(9_999), 10_000));
    let found = refused(&mut exchange, amend(Some(10_001), 10_000));
    assert!(matches!(found, Reject::Tier { .. }), "{found}");
}

#[test]
fn an_order_that_takes_most_of_the_margin_is_replaced() {
    let mut exchange = with_leverage();
    let order = placed(&mut exchange, perp(buy(1, 10_000, MOST / 10 * 9)));
    let new = perp(buy(1, 9_999, MOST));
    done(&mut exchange, Command::Replace { order, new, always: false });
}

#[test]
fn an_order_is_replaced_by_a_smaller_one_although_nothing_is_free() {
    let mut exchange = with_leverage();
    done(&mut exchange, Command::Place(perp(sell(0, 10_000, 900_000))));
    done(&mut exchange, Command::Place(perp(buy(1, 10_000, 900_000))));
    done(&mut exchange, Command::Deposit { account: 1, asset: USD, amount: amount("-98000") });
    let order = placed(&mut exchange, perp(buy(1, 9_000, 90_000)));
    done(&mut exchange, Command::Mark { instrument: PERP, price: 9_990 });
    assert_eq!(exchange.available(1, USD), amount("-52"));
    let new = perp(buy(1, 9_000, 80_000));
    done(&mut exchange, Command::Replace { order, new, always: false });
    assert_eq!(exchange.available(1, USD), amount("-34"));
}

#[test]
fn a_trigger_takes_its_margin_when_it_is_hit() {
    let mut exchange = with_leverage();
    let stop = |trigger, price| {
        let trigger =
            Trigger { price: trigger, rises: true, source: TriggerSource::Mark, trailing: None };
        NewOrder { trigger: Some(trigger), ..perp(buy(1, price, MOST / 10 * 6)) }
    };
    done(&mut exchange, Command::Mark { instrument: PERP, price: 9_000 });
    let [first, second] = [(9_500, 9_400), (9_800, 9_700)]
        .map(|(trigger, price)| placed(&mut exchange, stop(trigger, price)));
    assert_eq!(exchange.available(1, USD), amount("100000"));
    assert_eq!(exchange.ordered(1, PERP), [Amount::ZERO; 2]);
    done(&mut exchange, Command::Mark { instrument: PERP, price: 9_500 });
    // 30,000,000 lots at 94, by 50.
    assert_eq!(exchange.available(1, USD), amount("43600"));
    done(&mut exchange, Command::Mark { instrument: PERP, price: 9_800 });
    let order = |id| exchange.order(id).unwrap();
    assert!(order(first).is_open && order(first).is_working);
    assert_eq!(order(second).cancelled, Some(CancelReason::Balance));
    assert_eq!(exchange.available(1, USD), amount("43600"));
}

#[test]
fn both_sides_of_a_hedge_need_margin() {
    let mut exchange = with_leverage();
    done(&mut exchange, Command::SetHedged { account: 1, hedged: true });
    let on = |position, order: NewOrder| NewOrder { position, ..perp(order) };
    let long = placed(&mut exchange, on(PositionSide::Long, buy(1, 10_000, MOST / 10 * 6)));
    assert_eq!(exchange.available(1, USD), amount("40000"));
    let short = |lots| Command::Place(on(PositionSide::Short, sell(1, 12_500, lots)));
    let found = refused(&mut exchange, short(16_000_001));
    assert!(matches!(found, Reject::Balance { asset: USD, .. }), "{found}");
    done(&mut exchange, short(16_000_000));
    assert_eq!(exchange.available(1, USD), Amount::ZERO);
    assert_eq!(exchange.ordered(1, PERP), ["3000000", "2000000"].map(amount));
    done(&mut exchange, Command::Cancel { account: 1, order: long });
    assert_eq!(exchange.available(1, USD), amount("60000"));
}

#[test]
fn the_insurance_pays_what_an_account_without_positions_owes() {
    let mut exchange = with_leverage();
    done(&mut exchange, Command::Place(perp(sell(0, 10_000, 900_000))));
    done(&mut exchange, Command::Place(perp(buy(1, 10_000, 900_000))));
    done(&mut exchange, Command::Deposit { account: 1, asset: USD, amount: amount("-98000") });
    done(&mut exchange, Command::Place(perp(buy(2, 9_700, 900_000))));
    // It closes its position itself, before anybody looks at it.
    let events = done(&mut exchange, Command::Place(perp(market(1, Side::Sell, 900_000))));
    assert_eq!(trades(&events), [(9_700, 900_000)]);
    assert_eq!(exchange.balance(1, USD).0, amount("-700"));
    let events = done(&mut exchange, Command::Mark { instrument: PERP, price: 9_800 });
    let told = Event::Insured { account: 1, asset: USD, amount: amount("700") };
    assert!(events.contains(&told), "{events:?}");
    assert_eq!(exchange.balance(1, USD).0, Amount::ZERO);
    assert_eq!(exchange.insurance(USD), amount("-700"));
    let events = done(&mut exchange, Command::Mark { instrument: PERP, price: 9_800 });
    assert_eq!(events, []);
}
