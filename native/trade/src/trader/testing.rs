//! What tests of this module share: an account, an instrument, a journal and the risk layer over it.

use std::path::Path;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    ContractKind, EventSource, FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderKind,
    OrderSide, Tif,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIds, Directory, Durability, External, Figures, Fill, Ledger,
    Link, Passed, Report, Restored, Tapes, What, Wish,
};
use rustonite_risk::{Account, Capabilities, Limits, Risk, Venue};
use rustonite_tape::TapeOptions;

pub(super) const MAIN: AccountId = AccountId(0);
pub(super) const STRATEGY: StrategyId = StrategyId(0);
pub(super) const IT: InstrumentId = InstrumentId(0);
/// EURUSDT.
pub(super) const RATE: InstrumentId = InstrumentId(1);
pub(super) const DAY_NS: i64 = 86_400_000_000_000;
pub(super) const NOON: i64 = 20_000 * DAY_NS + DAY_NS / 2;
pub(super) const LIMITS: &str = include_str!("../../tests/limits.toml");

pub(super) fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

pub(super) const PAIRS: [&str; 2] = ["BTC", "EUR"];

fn directory(pairs: &[&str]) -> Arc<Directory> {
    let mut directory = Directory::default();
    directory.add_account("main");
    directory.add_strategy("test");
    for base in pairs {
        directory.list(pair(base));
    }
    Arc::new(directory)
}

/// The contract that is named so, instead of an asset.
pub(super) const PERPETUAL: &str = "PERP";

/// A pair of an asset and USDT.
fn pair(base: &str) -> Instrument {
    let is_contract = base == PERPETUAL;
    Instrument {
        venue: "binance".into(),
        symbol: format!("{base}USDT").into(),
        kind: if is_contract { InstrumentKind::Perpetual } else { InstrumentKind::Spot },
        contract: is_contract.then_some(ContractKind::Linear),
        base: base.into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        tick: amount("0.01"),
        lot: amount("0.001"),
        multiplier: amount("1"),
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (None, None),
        status: InstrumentStatus::Trading,
    }
}

/// The journal of a folder, and what it tells of the past.
pub(super) fn ledger(folder: &Path, tell: &mut dyn FnMut(Passed<'_>)) -> Ledger<Tapes> {
    ledger_of(&PAIRS, folder, tell).0
}

/// The same where only these are traded against USDT.
pub(super) fn ledger_of(
    pairs: &[&str],
    folder: &Path,
    tell: &mut dyn FnMut(Passed<'_>),
) -> (Ledger<Tapes>, Restored) {
    let options = TapeOptions { segment_bytes: 1 << 20, ..TapeOptions::default() };
    ledger_on(pairs, (folder, options), tell)
}

/// The same, whose tapes are to be so if they are made.
pub(super) fn ledger_on(
    pairs: &[&str],
    (folder, options): (&Path, TapeOptions),
    tell: &mut dyn FnMut(Passed<'_>),
) -> (Ledger<Tapes>, Restored) {
    let rules = AccountRules {
        venue: VenueId(0),
        client_ids: ClientIds::new("profit").unwrap(),
        changes: ChangeIds::New,
        figures: Figures::Order,
        external: External::Watched,
    };
    let journal = (folder, "main", options, Durability::Interval);
    Ledger::open_and_tell(directory(pairs), [(MAIN, rules)], journal, tell).unwrap()
}

pub(super) fn risk(limits: &str) -> Risk {
    risk_of(&PAIRS, limits)
}

pub(super) fn risk_of(pairs: &[&str], limits: &str) -> Risk {
    let known = directory(pairs);
    let assets =
        (0..).map(AssetId).map(|id| known.asset_name(id)).take_while(|name| !name.is_empty());
    let limits = Limits::parse("limits.toml", limits).unwrap();
    let directory = rustonite_risk::Directory {
        currency: limits.currency.clone(),
        assets: assets.map(Into::into).collect(),
        venues: vec![Venue {
            name: "binance".into(),
            can: Capabilities::of(&[OrderKind::Limit], &[Tif::Gtc], 0),
        }],
        accounts: vec![Account { name: "main".into(), venue: VenueId(0), hedging: false }],
        strategies: vec!["test".into()],
        instruments: known.instruments().map(|(_, one)| one.clone()).collect(),
        orders_max: 64,
        client_ids_max: 64,
    };
    Risk::new(directory, limits).unwrap()
}

/// An order of one.
pub(super) fn wish(side: OrderSide, price: Amount) -> Wish {
    Wish {
        account: MAIN,
        strategy: Some(STRATEGY),
        instrument: IT,
        side,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(price),
        price_protect: None,
        size: amount("1"),
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

/// An order of one, and what fills it.
pub(super) fn executed(ledger: &mut Ledger<Tapes>, side: OrderSide, price: Amount) -> Report {
    let (order, _) = ledger.submit(NOON, wish(side, price), Link::default()).unwrap();
    let fill = Fill {
        fill_id: order.0.to_string().into(),
        trade_id: None,
        kind: FillKind::Trade,
        side,
        price,
        size: amount("1"),
        size_filled: None,
        fee: None,
        liquidity: Liquidity::Maker,
        position_side: None,
    };
    Report {
        ts_event: NOON,
        ts_recv: NOON,
        source: EventSource::Stream,
        account: MAIN,
        instrument: IT,
        client_id: ledger.order(order).unwrap().client_id().into(),
        client_id_prev: None,
        venue_order_id: None,
        what: What::Fill(fill),
    }
}
