//! What tests of this module share: an account, an instrument, a journal and the risk layer over it.

use std::path::Path;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderKind, OrderSide, Tif,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIdForm, ClientIds, Directory, Durability, External, Figures,
    Fill, Ledger, Link, Passed, Report, Tapes, What, Wish,
};
use rustonite_risk::{Account, Capabilities, Latches, Limits, Risk, Venue};
use rustonite_tape::TapeOptions;

pub(super) const MAIN: AccountId = AccountId(0);
pub(super) const STRATEGY: StrategyId = StrategyId(0);
pub(super) const IT: InstrumentId = InstrumentId(0);
pub(super) const DAY_NS: i64 = 86_400_000_000_000;
pub(super) const NOON: i64 = 20_000 * DAY_NS + DAY_NS / 2;
pub(super) const LIMITS: &str = include_str!("../../tests/limits.toml");

pub(super) fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

fn directory() -> Arc<Directory> {
    let mut directory = Directory::default();
    directory.add_account("main");
    directory.add_strategy("test");
    directory.list(Instrument {
        venue: "binance".into(),
        symbol: "BTCUSDT".into(),
        kind: InstrumentKind::Spot,
        contract: None,
        base: "BTC".into(),
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
    });
    Arc::new(directory)
}

/// The journal of a folder, and what it tells of the past.
pub(super) fn ledger(folder: &Path, tell: &mut dyn FnMut(Passed)) -> Ledger<Tapes> {
    let rules = AccountRules {
        venue: VenueId(0),
        client_ids: ClientIds::new(ClientIdForm::Letters, "profit").unwrap(),
        changes: ChangeIds::New,
        figures: Figures::Order,
        external: External::Watched,
    };
    let options = TapeOptions { segment_bytes: 1 << 20, ..TapeOptions::default() };
    let journal = (folder, "main", options, Durability::Interval);
    Ledger::open_and_tell(directory(), [(MAIN, rules)], journal, tell).unwrap().0
}

pub(super) fn risk(limits: &str) -> Risk {
    let directory = rustonite_risk::Directory {
        currency: "USDT".into(),
        assets: ["BTC", "USDT"].map(Into::into).to_vec(),
        venues: vec![Venue {
            name: "binance".into(),
            can: Capabilities::of(&[OrderKind::Limit], &[Tif::Gtc], 0),
        }],
        accounts: vec![Account { name: "main".into(), venue: VenueId(0), hedging: false }],
        strategies: vec!["test".into()],
        instruments: directory().instruments().map(|(_, one)| one.clone()).collect(),
        orders_max: 64,
        client_ids_max: 64,
    };
    let limits = Limits::parse("limits.toml", limits).unwrap();
    Risk::new(directory, limits, &Latches::default()).unwrap()
}

/// An order of one, and what fills it.
pub(super) fn executed(ledger: &mut Ledger<Tapes>, side: OrderSide, price: Amount) -> Report {
    let wish = Wish {
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
    };
    let (order, _) = ledger.submit(NOON, wish, Link::default()).unwrap();
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
