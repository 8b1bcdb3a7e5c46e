//! Rules that an instrument is listed with.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{BTC, SPOT, USD, amount, buy, done, funded, market, placed, refused, sell};
use rustonite_sim::{
    Command, Exchange, Filters, Instrument, InstrumentId, Kind, NewOrder, Reject, Side, Trailing,
    Trigger, TriggerSource,
};

const STRICT: InstrumentId = 2;

/// A third instrument with rules.
fn listed(filters: Filters) -> Exchange {
    let mut exchange = funded();
    let listed = exchange.list(Instrument {
        symbol: "BTCUSD-STRICT".to_owned(),
        kind: Kind::Spot,
        base: BTC,
        quote: USD,
        tick: "0.01".parse().unwrap(),
        lot: "0.001".parse().unwrap(),
        filters,
    });
    assert_eq!(listed.unwrap(), STRICT);
    exchange
}

/// The same; its last price is 100.00.
fn strict(filters: Filters) -> Exchange {
    let mut exchange = listed(filters);
    done(&mut exchange, Command::Place(on(sell(1, 10_000, 100))));
    done(&mut exchange, Command::Place(on(buy(2, 10_000, 100))));
    exchange
}

fn on(order: NewOrder) -> NewOrder {
    assert_eq!(order.instrument, SPOT);
    NewOrder { instrument: STRICT, ..order }
}

fn stop(order: NewOrder, price: i64) -> NewOrder {
    let rises = order.side == Side::Buy;
    let trigger = Trigger { price, rises, source: TriggerSource::Last, trailing: None };
    NewOrder { trigger: Some(trigger), ..on(order) }
}

#[test]
fn filters_name_what_they_want() {
    let filters = Filters {
        price: Some((100, 1_000)),
        quantity: Some((10, 500)),
        market_quantity_max: Some(50),
        notional_min: Some(amount("0.05")),
        band_ppm: Some((500_000, 1_500_000)),
        orders_max: Some(2),
        triggers_max: Some(1),
        ..Filters::default()
    };
    let mut exchange = listed(filters);
    let with = |order: NewOrder| Command::Place(NewOrder { instrument: STRICT, ..order });
    let price = Reject::Price { price: 99, least: 100, largest: 1_000 };
    assert_eq!(refused(&mut exchange, with(buy(0, 99, 10))), price);
    let quantity = Reject::Quantity { quantity: 9, least: 10, largest: 500 };
    assert_eq!(refused(&mut exchange, with(buy(0, 100, 9))), quantity);
    let quantity = Reject::Quantity { quantity: 51, least: 10, largest: 50 };
    assert_eq!(refused(&mut exchange, with(market(0, Side::Buy, 51))), quantity);
    let notional = Reject::Notional { found: amount("0.01"), least: amount("0.05") };
    assert_eq!(refused(&mut exchange, with(buy(0, 100, 10))), notional);
    done(&mut exchange, with(sell(0, 500, 100)));
    done(&mut exchange, with(buy(1, 500, 50)));
    let band = Reject::Band { price: 249, least: 250, largest: 750 };
    assert_eq!(refused(&mut exchange, with(buy(1, 249, 100))), band);
    done(&mut exchange, with(stop(sell(0, 400, 100), 450)));
    assert_eq!(refused(&mut exchange, with(sell(0, 600, 100))), Reject::TooManyOrders(2));
    done(&mut exchange, with(stop(sell(1, 400, 30), 450)));
    assert_eq!(
        refused(&mut exchange, with(stop(sell(1, 400, 30), 440))),
        Reject::TooManyTriggers(1)
    );
}

#[test]
fn an_order_is_not_replaced_by_one_that_is_one_too_many() {
    let mut exchange = strict(Filters { triggers_max: Some(1), ..Filters::default() });
    let waits = placed(&mut exchange, stop(sell(0, 9_000, 5), 9_100));
    let rests = placed(&mut exchange, on(sell(0, 11_000, 5)));
    let replace = |order, new| Command::Replace { order, new, always: false };
    let found = refused(&mut exchange, replace(rests, stop(sell(0, 9_000, 5), 9_200)));
    assert_eq!(found, Reject::TooManyTriggers(1));
    done(&mut exchange, replace(waits, stop(sell(0, 9_000, 5), 9_200)));
}

#[test]
fn one_order_takes_the_place_of_another_where_no_more_are_taken() {
    let mut exchange = strict(Filters { orders_max: Some(1), ..Filters::default() });
    let order = placed(&mut exchange, on(sell(0, 11_000, 5)));
    let more = Command::Place(on(sell(0, 11_000, 5)));
    assert_eq!(refused(&mut exchange, more), Reject::TooManyOrders(1));
    let new = on(sell(0, 12_000, 5));
    done(&mut exchange, Command::Replace { order, new, always: false });
}

#[test]
fn of_a_list_those_count_that_wait_for_a_trigger() {
    let mut exchange = strict(Filters { triggers_max: Some(1), ..Filters::default() });
    let pair = Command::PlaceOco([on(sell(0, 11_000, 5)), stop(sell(0, 9_000, 5), 9_100)]);
    done(&mut exchange, pair.clone());
    assert_eq!(refused(&mut exchange, pair), Reject::TooManyTriggers(1));
    done(&mut exchange, Command::CancelAll { account: 0, instrument: STRICT });
    // A stop counts although the order that brings it is not filled.
    let row = Command::PlaceOto {
        working: on(buy(0, 9_500, 5)),
        pending: vec![stop(sell(0, 9_000, 5), 9_100)],
    };
    done(&mut exchange, row.clone());
    assert_eq!(refused(&mut exchange, row.clone()), Reject::TooManyTriggers(1));
    done(&mut exchange, Command::Place(on(sell(1, 9_500, 5))));
    assert_eq!(refused(&mut exchange, row.clone()), Reject::TooManyTriggers(1));
    done(&mut exchange, Command::Place(on(sell(1, 9_100, 5))));
    done(&mut exchange, Command::Place(on(buy(2, 9_100, 5))));
    done(&mut exchange, row);
}

#[test]
fn an_order_is_worth_at_most_so_much_unless_it_takes_any_price() {
    let most = Some(amount("10"));
    let mut exchange = strict(Filters { notional_max: most, ..Filters::default() });
    done(&mut exchange, Command::Place(on(buy(0, 10_000, 100))));
    let found = refused(&mut exchange, Command::Place(on(buy(0, 10_000, 101))));
    assert_eq!(found, Reject::NotionalMax { found: amount("10.1"), largest: amount("10") });
    done(&mut exchange, Command::Place(on(market(1, Side::Sell, 101))));
}

#[test]
fn an_iceberg_has_at_most_so_many_parts() {
    let mut exchange = strict(Filters { iceberg_parts_max: Some(10), ..Filters::default() });
    let iceberg = |lots| on(NewOrder { display: Some(5), ..sell(0, 11_000, lots) });
    done(&mut exchange, Command::Place(iceberg(50)));
    let found = refused(&mut exchange, Command::Place(iceberg(51)));
    assert_eq!(found, Reject::IcebergParts { found: 11, largest: 10 });
}

#[test]
fn a_trailing_order_is_worth_what_it_would_be_now() {
    let least = Some(amount("10"));
    let mut exchange = strict(Filters { notional_min: least, ..Filters::default() });
    let trailing = Trailing {
        distance_ppm: 10_000,
        distance_ticks: 0,
        activation: None,
        begins_at_rise: false,
    };
    let trigger =
        Trigger { price: 0, rises: false, source: TriggerSource::Last, trailing: Some(trailing) };
    let order = |lots| on(NewOrder { trigger: Some(trigger), ..market(0, Side::Sell, lots) });
    let found = refused(&mut exchange, Command::Place(order(99)));
    assert_eq!(found, Reject::Notional { found: amount("9.9"), least: amount("10") });
    done(&mut exchange, Command::Place(order(100)));
}
