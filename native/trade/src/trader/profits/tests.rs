use std::path::Path;
use std::sync::Arc;

use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderKind, OrderSide, Tif,
};
use rustonite_core::ids::VenueId;
use rustonite_core::instrument::Instrument;
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIdForm, ClientIds, Durability, External, Figures, Fill, Ledger,
    Link, Report, Tapes, What, Wish,
};
use rustonite_risk::{Account, Capabilities, Latches, Limits, Venue};
use rustonite_tape::TapeOptions;

use super::*;
use crate::state::Kept;

const MAIN: AccountId = AccountId(0);
const STRATEGY: StrategyId = StrategyId(0);
const IT: InstrumentId = InstrumentId(0);
const NOON: i64 = 20_000 * DAY_NS + DAY_NS / 2;
const LIMITS: &str = include_str!("../../../tests/limits.toml");

fn amount(text: &str) -> Amount {
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

/// A trader's desk and profits, as a start finds them.
struct Run {
    desk: Desk<Tapes>,
    profits: Profits,
}

impl Run {
    fn start(folder: &Path, kept: &Kept, limits: &str) -> Self {
        let directory = directory();
        let rules = AccountRules {
            venue: VenueId(0),
            client_ids: ClientIds::new(ClientIdForm::Letters, "profit").unwrap(),
            changes: ChangeIds::New,
            figures: Figures::Order,
            external: External::Watched,
        };
        let options = TapeOptions { segment_bytes: 1 << 20, ..TapeOptions::default() };
        let journal = (folder, "main", options, Durability::Interval);
        let (ledger, _) = Ledger::open(Arc::clone(&directory), [(MAIN, rules)], journal).unwrap();
        let risk_directory = rustonite_risk::Directory {
            currency: "USDT".into(),
            assets: ["BTC", "USDT"].map(Into::into).to_vec(),
            venues: vec![Venue {
                name: "binance".into(),
                can: Capabilities::of(&[OrderKind::Limit], &[Tif::Gtc], 0),
            }],
            accounts: vec![Account { name: "main".into(), venue: VenueId(0), hedging: false }],
            strategies: vec!["test".into()],
            instruments: directory.instruments().map(|(_, one)| one.clone()).collect(),
            orders_max: 64,
            client_ids_max: 64,
        };
        let limits = Limits::parse("limits.toml", limits).unwrap();
        let mut risk = Risk::new(risk_directory, limits, &Latches::default()).unwrap();
        restore_peaks(&mut risk, &kept.peaks);
        let mut desk = Desk::new(ledger, risk, STRATEGY);
        desk.quote(IT, 99.0, 101.0, NOON, 1);
        let profits = Profits::new("USDT".to_owned(), kept.day, kept.profit.clone());
        Self { desk, profits }
    }

    /// What the next run finds besides the journal.
    fn kept(&self) -> Kept {
        let (day, profit) = (self.profits.day, self.profits.began.clone());
        Kept { day, profit, peaks: peaks(self.desk.risk()), ..Kept::default() }
    }

    /// Buys and sells one, and tells the profit.
    fn round_trip(&mut self, bought_at: &str, sold_at: &str) {
        for (side, price) in [(OrderSide::Buy, bought_at), (OrderSide::Sell, sold_at)] {
            let report = executed(self.desk.ledger_mut(), side, amount(price));
            assert_eq!(self.desk.ledger_mut().report(&report).fills.len(), 1);
        }
        self.profits.tell(&mut self.desk, NOON);
    }

    fn thrown(&self) -> Vec<(&'static str, String)> {
        let thrown = self.desk.risk().thrown().iter();
        thrown.map(|trip| (trip.code.name(), name_of(self.desk.risk(), trip.target))).collect()
    }
}

fn executed(ledger: &mut Ledger<Tapes>, side: OrderSide, price: Amount) -> Report {
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

#[test]
fn losses_of_closed_positions_add_up_and_are_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("daily_loss_max = 5_000", "daily_loss_max = 10");
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    // Each loses one, and none is open in between.
    (0..10).for_each(|_| run.round_trip("100", "99"));
    assert_eq!(run.profits.totals["strategy test"], amount("-10"));
    assert_eq!(run.thrown(), []);
    let kept = run.kept();
    drop(run);
    let mut run = Run::start(folder.path(), &kept, &limits);
    run.profits.tell(&mut run.desk, NOON);
    assert_eq!(run.thrown(), []);
    run.round_trip("100", "99");
    let expected = [("daily_loss", "all ".to_owned())];
    assert_eq!(run.thrown()[..1], expected, "{:?}", run.profits.totals);
}

#[test]
fn drawdown_is_measured_from_the_peak_of_earlier_runs() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("drawdown_max = 5_000", "drawdown_max = 10");
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    run.round_trip("100", "120");
    run.round_trip("100", "95");
    assert_eq!(run.thrown(), []);
    let kept = run.kept();
    assert_eq!(kept.peaks["account main"], amount("20"));
    drop(run);
    let mut run = Run::start(folder.path(), &kept, &limits);
    // The timer knows of no fall before the profit is told.
    run.desk.tick(NOON, 0);
    assert_eq!(run.thrown(), []);
    run.round_trip("100", "94");
    assert_eq!(run.thrown()[..1], [("drawdown", "all ".to_owned())]);
}

#[test]
fn a_new_peak_is_kept_and_not_with_every_beat() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &Kept::default(), LIMITS);
    run.profits.tell(&mut run.desk, NOON);
    let is_to_be_kept = |run: &mut Run, seconds: i64| {
        run.profits.is_to_be_kept(run.desk.risk(), NOON + seconds * 1_000_000_000)
    };
    assert!(is_to_be_kept(&mut run, 0));
    run.round_trip("100", "101");
    assert!(!is_to_be_kept(&mut run, 9));
    assert!(is_to_be_kept(&mut run, 10));
    assert!(!is_to_be_kept(&mut run, 20));
}
