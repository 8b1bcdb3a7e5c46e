//! What the tests share: three instruments, a ledger, a venue's words.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::path::Path;
use std::sync::Arc;

use rustonite_core::datasets::{
    ContractKind, EventSource, FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderEvent,
    OrderKind, OrderSide, OrderState, Tif,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_core::instrument::Instrument;
use rustonite_core::{Amount, Decimal};
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIdForm, ClientIds, Directory, Durability, External, Figures,
    Fill, Journal, Ledger, Link, Nowhere, OrderId, OrderPicture, Outcome, Refusal, RefusalKind,
    Report, Request, Tapes, Values, What, Wish,
};
use rustonite_tape::TapeOptions;

pub(crate) const ACCOUNT: AccountId = AccountId(0);
pub(crate) const STRATEGY: StrategyId = StrategyId(0);
pub(crate) const SPOT: InstrumentId = InstrumentId(0);
pub(crate) const LINEAR: InstrumentId = InstrumentId(1);
pub(crate) const INVERSE: InstrumentId = InstrumentId(2);
pub(crate) const NOW: i64 = 1_767_323_045_000_000_000;

pub(crate) fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse::<Decimal>().unwrap()).unwrap()
}

fn instrument(symbol: &str, kind: InstrumentKind, contract: Option<ContractKind>) -> Instrument {
    let settle = if contract == Some(ContractKind::Inverse) { "BTC" } else { "USDT" };
    Instrument {
        venue: "binance".into(),
        symbol: symbol.into(),
        kind,
        contract,
        base: "BTC".into(),
        quote: "USDT".into(),
        settle: settle.into(),
        tick: amount("0.01"),
        lot: amount("0.001"),
        multiplier: amount(if contract == Some(ContractKind::Inverse) { "100" } else { "1" }),
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (None, None),
        status: InstrumentStatus::Trading,
    }
}

pub(crate) fn directory() -> Arc<Directory> {
    let mut directory = Directory::default();
    directory.add_account("main");
    directory.add_strategy("maker");
    directory.add_strategy("taker");
    directory.list(instrument("BTCUSDT", InstrumentKind::Spot, None));
    let perpetual = InstrumentKind::Perpetual;
    directory.list(instrument("BTCUSDT-PERP", perpetual, Some(ContractKind::Linear)));
    directory.list(instrument("BTCUSD-PERP", perpetual, Some(ContractKind::Inverse)));
    directory.add_asset("BNB");
    Arc::new(directory)
}

pub(crate) fn rules() -> AccountRules {
    AccountRules {
        client_ids: ClientIds::new(ClientIdForm::Letters, "test01").unwrap(),
        changes: ChangeIds::New,
        figures: Figures::Order,
        external: External::Watched,
    }
}

pub(crate) fn open_with<J: Journal>(journal: J, rules: AccountRules) -> Ledger<J> {
    let mut ledger = Ledger::new(directory(), journal);
    ledger.open_account(ACCOUNT, rules);
    ledger
}

pub(crate) fn ledger() -> Ledger<Nowhere> {
    open_with(Nowhere, rules())
}

pub(crate) fn tapes(folder: &Path) -> Tapes {
    let options = TapeOptions {
        segment_bytes: 4 << 20,
        seal_after_ms: None,
        fsync_interval_ms: None,
        segments_max: 1_000,
        ..TapeOptions::default()
    };
    Tapes::open(folder, options, Durability::Interval).unwrap()
}

/// A buy of 10 at 100.
pub(crate) fn wish() -> Wish {
    Wish {
        account: ACCOUNT,
        strategy: Some(STRATEGY),
        instrument: SPOT,
        side: OrderSide::Buy,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(amount("100")),
        price_protect: None,
        size: amount("10"),
        size_quote: None,
        size_display: None,
        size_min: None,
        trigger: None,
        flags: 0,
        position_side: None,
        stp: None,
        ts_expire: None,
        tags: None,
    }
}

pub(crate) fn values(price: &str, size: &str) -> Values {
    Values { price: Some(amount(price)), size: amount(size), price_trigger: None }
}

/// An order that was just submitted.
pub(crate) fn submitted<J: Journal>(ledger: &mut Ledger<J>) -> OrderId {
    ledger.submit(NOW, wish(), Link::default()).unwrap().0
}

/// An order that works.
pub(crate) fn working<J: Journal>(ledger: &mut Ledger<J>) -> OrderId {
    let id = submitted(ledger);
    ledger.report(&of(ledger, id, What::Accepted));
    assert_eq!(state(ledger, id), OrderState::Accepted);
    id
}

pub(crate) fn state<J: Journal>(ledger: &Ledger<J>, id: OrderId) -> OrderState {
    ledger.order(id).unwrap().state
}

pub(crate) fn filled<J: Journal>(ledger: &Ledger<J>, id: OrderId) -> Amount {
    ledger.order(id).unwrap().size_filled
}

/// What the stream says of an order by its client id in force and a venue id made of its number.
pub(crate) fn of<J: Journal>(ledger: &Ledger<J>, id: OrderId, what: What) -> Report {
    let order = ledger.order(id).unwrap();
    Report { venue_order_id: Some(format!("v{}", id.0).into()), ..by_id(order.client_id(), what) }
}

/// What the stream says of a client id.
pub(crate) fn by_id(client_id: &str, what: What) -> Report {
    Report {
        ts_event: NOW + 1,
        ts_recv: NOW + 2,
        source: EventSource::Stream,
        account: ACCOUNT,
        instrument: SPOT,
        client_id: client_id.into(),
        client_id_prev: None,
        venue_order_id: None,
        what,
    }
}

pub(crate) fn rest(report: Report) -> Report {
    Report { source: EventSource::Rest, ..report }
}

pub(crate) fn fill(id: &str, size: &str, price: &str) -> Fill {
    Fill {
        fill_id: id.into(),
        trade_id: id.parse().ok(),
        kind: FillKind::Trade,
        side: OrderSide::Buy,
        price: amount(price),
        size: amount(size),
        size_filled: None,
        fee: None,
        liquidity: Liquidity::Maker,
        position_side: None,
    }
}

pub(crate) fn filled_by(id: &str, size: &str) -> What {
    What::Fill(fill(id, size, "100"))
}

pub(crate) fn cancelled(size_filled: Option<&str>) -> What {
    What::Cancelled { size_filled: size_filled.map(amount), size_prevented: None, refusal: None }
}

pub(crate) fn refusal(reason: RefusalKind) -> Refusal {
    Refusal { reason, venue_code: "-1".into(), detail: "no".into() }
}

pub(crate) fn lost(request: OrderEvent) -> What {
    What::Ended { request, outcome: Outcome::Unknown, detail: "time-out".into() }
}

pub(crate) fn picture(state: OrderState, size_filled: &str) -> OrderPicture {
    OrderPicture {
        state,
        side: OrderSide::Buy,
        price: Some(amount("100")),
        size: amount("10"),
        size_filled: amount(size_filled),
        price_average: None,
    }
}

pub(crate) fn client_id_of(request: &Request) -> Box<str> {
    match request {
        Request::Submit { client_id, .. }
        | Request::Replace { client_id, .. }
        | Request::Cancel { client_id, .. }
        | Request::Query { client_id, .. } => client_id.clone(),
    }
}
