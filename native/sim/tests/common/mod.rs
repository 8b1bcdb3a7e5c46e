//! A small exchange for tests: a spot pair, a perpetual, three accounts.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::needless_pass_by_value, reason = "commands are written where they are given")]

use rustonite_sim::{
    AccountId, Amount, AssetId, Command, Event, Exchange, Fees, Filters, Instrument, InstrumentId,
    Kind, NewOrder, OrderId, PositionSide, Reject, Side,
};

pub(crate) const BTC: AssetId = 0;
pub(crate) const USD: AssetId = 1;
pub(crate) const BNB: AssetId = 2;
pub(crate) const SPOT: InstrumentId = 0;
pub(crate) const PERP: InstrumentId = 1;
pub(crate) const ACCOUNTS: AccountId = 3;
pub(crate) const NET: PositionSide = PositionSide::Net;

pub(crate) fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

/// A tick is 0.01, a lot 0.001. Accounts have no money.
pub(crate) fn empty() -> Exchange {
    empty_with(&Filters::default())
}

/// The same with rules.
pub(crate) fn empty_with(filters: &Filters) -> Exchange {
    let mut exchange = Exchange::new();
    for (name, number) in [("BTC", BTC), ("USD", USD), ("BNB", BNB)] {
        assert_eq!(exchange.asset(name, 8), number);
    }
    let kinds = [Kind::Spot, Kind::Perpetual { leverage_max: 50, maintenance_ppm: 10_000 }];
    for (kind, symbol) in kinds.into_iter().zip(["BTCUSD", "BTCUSD-PERP"]) {
        let listed = exchange.list(Instrument {
            symbol: symbol.to_owned(),
            kind,
            base: BTC,
            quote: USD,
            tick: "0.01".parse().unwrap(),
            lot: "0.001".parse().unwrap(),
            filters: filters.clone(),
        });
        listed.unwrap();
    }
    for account in 0..ACCOUNTS {
        assert_eq!(exchange.open(), account);
    }
    exchange
}

/// Each account has 100 BTC and 100,000 USD.
pub(crate) fn funded() -> Exchange {
    let mut exchange = empty();
    for account in 0..ACCOUNTS {
        for (asset, text) in [(BTC, "100"), (USD, "100000"), (BNB, "10")] {
            done(&mut exchange, Command::Deposit { account, asset, amount: amount(text) });
        }
    }
    exchange
}

pub(crate) fn order(account: AccountId, side: Side, price: i64, lots: i64) -> NewOrder {
    NewOrder::limit(account, SPOT, side, price, lots)
}

pub(crate) fn buy(account: AccountId, price: i64, lots: i64) -> NewOrder {
    order(account, Side::Buy, price, lots)
}

pub(crate) fn sell(account: AccountId, price: i64, lots: i64) -> NewOrder {
    order(account, Side::Sell, price, lots)
}

pub(crate) fn market(account: AccountId, side: Side, lots: i64) -> NewOrder {
    NewOrder::market(account, SPOT, side, lots)
}

pub(crate) fn perp(order: NewOrder) -> NewOrder {
    NewOrder { instrument: PERP, ..order }
}

/// Does a command that must not be refused.
pub(crate) fn done(exchange: &mut Exchange, command: Command) -> Vec<Event> {
    let mut events = Vec::new();
    let found = exchange.apply(0, &command, &mut events);
    assert!(found.is_ok(), "{command:?}: {found:?}");
    events
}

pub(crate) fn placed(exchange: &mut Exchange, order: NewOrder) -> OrderId {
    let mut events = Vec::new();
    exchange.apply(0, &Command::Place(order), &mut events).unwrap().unwrap()
}

/// Does a command that must be refused, and change nothing.
pub(crate) fn refused(exchange: &mut Exchange, command: Command) -> Reject {
    let (before, mut events) = (exchange.state_hash(), Vec::new());
    let found = exchange.apply(0, &command, &mut events).unwrap_err();
    assert_eq!(exchange.state_hash(), before);
    assert_eq!(events, []);
    found
}

pub(crate) fn fees(exchange: &mut Exchange, account: AccountId, maker_ppm: i32, taker_ppm: i32) {
    let fees = Fees { maker_ppm, taker_ppm };
    done(exchange, Command::SetFees { account, fees, fee_asset: None });
}

/// Price and lots of each trade.
pub(crate) fn trades(events: &[Event]) -> Vec<(i64, i64)> {
    let of = |event: &Event| match *event {
        Event::Trade { price, quantity, .. } => Some((price, quantity)),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

pub(crate) fn levels(exchange: &Exchange, instrument: InstrumentId, side: Side) -> Vec<(i64, i64)> {
    exchange.levels(instrument, side).collect()
}

pub(crate) fn leverage(exchange: &mut Exchange, account: u32, leverage: u32) {
    done(exchange, Command::SetLeverage { account, instrument: PERP, leverage });
}

pub(crate) fn mark(exchange: &mut Exchange, price: i64) -> Vec<Event> {
    done(exchange, Command::Mark { instrument: PERP, price })
}

/// Account 0 sells to account 1.
pub(crate) fn deal(exchange: &mut Exchange, price: i64, lots: i64) {
    done(exchange, Command::Place(perp(sell(0, price, lots))));
    let events = done(exchange, Command::Place(perp(buy(1, price, lots))));
    assert_eq!(trades(&events), [(price, lots)]);
}
