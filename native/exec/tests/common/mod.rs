//! What the tests share: three instruments, a ledger, a venue's words.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::hash::{Hash, Hasher};
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
    AccountRules, ChangeIds, ClientIds, Directory, Durability, External, Figures, Fill, Journal,
    Ledger, Link, Nowhere, OrderId, OrderPicture, Outcome, Refusal, RefusalKind, Report, Request,
    Restored, Tapes, Values, What, Wish,
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
        venue: rustonite_core::ids::VenueId(0),
        client_ids: ClientIds::new("test01").unwrap(),
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

pub(crate) fn tape_options() -> TapeOptions {
    TapeOptions {
        segment_bytes: 1 << 20,
        seal_after_ms: None,
        fsync_interval_ms: None,
        segments_max: 1_000,
        ..TapeOptions::default()
    }
}

pub(crate) fn tapes(folder: &Path) -> Tapes {
    Tapes::open(folder, "main", tape_options(), Durability::Interval).unwrap()
}

/// A ledger as a restart finds it.
pub(crate) fn reopened(folder: &Path) -> (Ledger<Tapes>, Restored) {
    let journal = (folder, "main", tape_options(), Durability::Interval);
    Ledger::open(directory(), [(ACCOUNT, rules())], journal).unwrap()
}

pub(crate) fn in_memory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("rustonite-test-").tempdir_in("/dev/shm").unwrap()
}

pub(crate) fn on_disk() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
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
        price_trigger: None,
        limit_tif: None,
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

/// A number of all that a ledger remembers, ended orders included.
pub(crate) fn whole_hash<J: Journal>(ledger: &Ledger<J>) -> u64 {
    let mut orders: Vec<_> = ledger.orders().collect();
    orders.sort_by_key(|order| order.id);
    let mut hasher = std::hash::DefaultHasher::new();
    (orders, ledger.state_hash()).hash(&mut hasher);
    hasher.finish()
}

/// Where two ledgers differ, for people.
pub(crate) fn differences<A: Journal, B: Journal>(one: &Ledger<A>, other: &Ledger<B>) -> String {
    let mut text = String::new();
    let orders = one.orders().map(|order| (Some(order), other.order(order.id)));
    for (one, other) in orders.filter(|(one, other)| parts(*one) != parts(*other)) {
        text.push_str(&format!("\n{}\n{}", parts(one), parts(other)));
    }
    for (key, position) in one.positions().iter() {
        let other = other.positions().get(key);
        if *position != other {
            text.push_str(&format!("\n{key:?}: {position:?}\n{other:?}"));
        }
    }
    for (account, asset, owned) in one.balances().iter() {
        let other = other.balances().get(account, asset);
        if owned != other {
            text.push_str(&format!("\n{asset:?}: {owned:?}\n{other:?}"));
        }
    }
    text
}

/// What a restart gives back of an order.
fn parts(order: Option<&rustonite_exec::Order>) -> String {
    order.map_or("none".to_owned(), |one| {
        let state = (&one.id, &one.state, &one.facts, &one.legs, one.leg, &one.changes);
        let rest = (&one.size_filled, &one.price_average, &one.size_prevented, &one.link);
        format!("{state:?} {rest:?} {:?}", one.wish)
    })
}
