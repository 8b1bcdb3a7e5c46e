//! Positions and balances: spot, linear, inverse, hedged, per strategy; fees and funding.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{FillKind, OrderSide, PositionSide};
use rustonite_core::ids::{AssetId, InstrumentId, StrategyId};
use rustonite_exec::gateway::{Balance, Position as Held};
use rustonite_exec::{
    Booked, Fill, Journal, JournalError, JournalRow, Ledger, Link, Nowhere, Owned, Position,
    PositionKey, Report, What, Wish,
};

fn asset(ledger: &Ledger<Nowhere>, name: &str) -> AssetId {
    ledger.directory().asset(name).unwrap()
}

fn total(ledger: &Ledger<Nowhere>, name: &str) -> Amount {
    ledger.balances().get(ACCOUNT, asset(ledger, name)).total
}

fn key(instrument: InstrumentId) -> PositionKey {
    PositionKey { account: ACCOUNT, strategy: None, instrument, side: PositionSide::Net }
}

/// Trades at once; returns the profit that the account realised.
fn trade<J: Journal>(ledger: &mut Ledger<J>, wish: Wish, price: &str) -> Amount {
    booked(ledger, wish, price).pnl_realised
}

fn booked<J: Journal>(ledger: &mut Ledger<J>, wish: Wish, price: &str) -> Booked {
    let (side, instrument, size) = (wish.side, wish.instrument, wish.size);
    let (id, _) = ledger.submit(NOW, wish, Link::default()).unwrap();
    let fill = Fill { side, size, ..fill(&format!("t{}", id.0), "1", price) };
    let report = Report { instrument, ..of(ledger, id, What::Fill(fill)) };
    ledger.report(&report).fills.remove(0)
}

fn of_instrument(instrument: InstrumentId, side: OrderSide, size: &str) -> Wish {
    Wish { instrument, side, size: amount(size), ..wish() }
}

#[test]
fn spot_changes_two_balances_and_a_position() {
    let mut ledger = ledger();
    trade(&mut ledger, of_instrument(SPOT, OrderSide::Buy, "2"), "100");
    let profit = trade(&mut ledger, of_instrument(SPOT, OrderSide::Sell, "0.5"), "120");
    assert_eq!((total(&ledger, "BTC"), total(&ledger, "USDT")), (amount("1.5"), amount("-140")));
    assert_eq!(profit, amount("10"));
    assert_eq!(ledger.positions().get(&key(SPOT)).pnl_realised, amount("10"));
}

#[test]
fn what_an_average_cannot_hold_is_no_trade_that_was_closed() {
    let mut ledger = ledger();
    let mut closed = |side, size, price| {
        let booked = booked(&mut ledger, of_instrument(LINEAR, side, size), price);
        (booked.pnl_realised != Amount::ZERO, booked.pnl_closed())
    };
    let (buy, sell) = (OrderSide::Buy, OrderSide::Sell);
    assert_eq!(closed(buy, "1", "100"), (false, None));
    assert_eq!(closed(buy, "2", "100.01"), (true, None));
    let (_, loss) = closed(sell, "1", "99");
    assert!(loss.is_some_and(|loss| loss < amount("-1")), "{loss:?}");
    // It closes two and sells one.
    let (_, profit) = closed(sell, "3", "110");
    assert!(profit.is_some_and(|profit| profit > amount("19")), "{profit:?}");
}

#[test]
fn a_linear_contract_moves_only_profit() {
    let mut ledger = ledger();
    trade(&mut ledger, of_instrument(LINEAR, OrderSide::Sell, "2"), "100");
    assert_eq!(total(&ledger, "USDT"), Amount::ZERO);
    trade(&mut ledger, of_instrument(LINEAR, OrderSide::Buy, "1"), "90");
    assert_eq!((total(&ledger, "USDT"), total(&ledger, "BTC")), (amount("10"), Amount::ZERO));
}

#[test]
fn an_inverse_contract_is_settled_in_the_base() {
    let mut ledger = ledger();
    trade(&mut ledger, of_instrument(INVERSE, OrderSide::Buy, "10"), "50000");
    trade(&mut ledger, of_instrument(INVERSE, OrderSide::Sell, "10"), "62500");
    assert_eq!((total(&ledger, "BTC"), total(&ledger, "USDT")), (amount("0.004"), Amount::ZERO));
}

#[test]
fn hedged_positions_do_not_net() {
    let mut ledger = ledger();
    let side = |side, position_side| Wish {
        position_side: Some(position_side),
        ..of_instrument(LINEAR, side, "2")
    };
    trade(&mut ledger, side(OrderSide::Buy, PositionSide::Long), "100");
    trade(&mut ledger, side(OrderSide::Sell, PositionSide::Short), "110");
    let size = |side| ledger.positions().get(&PositionKey { side, ..key(LINEAR) }).size;
    assert_eq!(size(PositionSide::Long), amount("2"));
    assert_eq!(size(PositionSide::Short), amount("-2"));
    assert_eq!(size(PositionSide::Net), Amount::ZERO);
    assert_eq!(total(&ledger, "USDT"), Amount::ZERO);
}

#[test]
fn strategies_have_positions_of_their_own_and_the_account_their_sum() {
    let mut ledger = ledger();
    let by = |strategy, side, size: &str| Wish {
        strategy: Some(StrategyId(strategy)),
        ..of_instrument(LINEAR, side, size)
    };
    trade(&mut ledger, by(0, OrderSide::Buy, "3"), "100");
    let profit = trade(&mut ledger, by(1, OrderSide::Sell, "1"), "120");
    // For the account it closes a third; for the second strategy it opens a short.
    assert_eq!(profit, amount("20"));
    let of = |strategy| PositionKey { strategy: Some(StrategyId(strategy)), ..key(LINEAR) };
    let size = |key| ledger.positions().get(&key).size;
    assert_eq!([size(of(0)), size(of(1)), size(key(LINEAR))], ["3", "-1", "2"].map(amount));
    assert_eq!(ledger.positions().get(&of(1)).pnl_realised, Amount::ZERO);
}

#[test]
fn funding_is_paid_by_the_position_and_counted_once() {
    let mut ledger = ledger();
    trade(&mut ledger, of_instrument(LINEAR, OrderSide::Buy, "2"), "100");
    let usdt = asset(&ledger, "USDT");
    let paid = |id: &str, fee: &str| {
        let fee = Some((amount(fee), usdt));
        let funding = Fill { kind: FillKind::Funding, fee, ..fill(id, "0", "100") };
        Report { instrument: LINEAR, ..by_id("", What::Fill(funding)) }
    };
    ledger.report(&paid("f1", "0.25"));
    assert!(ledger.report(&paid("f1", "0.25")).is_empty());
    ledger.report(&paid("f2", "-0.05"));
    let position = ledger.positions().get(&key(LINEAR));
    assert_eq!((position.size, position.funding), (amount("2"), amount("0.2")));
    assert_eq!(position.pnl_net(), amount("-0.2"));
    assert_eq!(total(&ledger, "USDT"), amount("-0.2"));
}

/// Funding of so much, for what was held at a moment.
fn funding(ledger: &Ledger<Nowhere>, id: &str, fee: &str, at: i64) -> Report {
    let fee = Some((amount(fee), asset(ledger, "USDT")));
    let paid = Fill { kind: FillKind::Funding, fee, ..fill(id, "0", "100") };
    Report { instrument: LINEAR, ts_event: at, ..by_id("", What::Fill(paid)) }
}

fn of_strategy(strategy: u16) -> PositionKey {
    PositionKey { strategy: Some(StrategyId(strategy)), ..key(LINEAR) }
}

/// What each strategy has paid, and the account.
fn paid(ledger: &Ledger<Nowhere>) -> [Amount; 3] {
    let funding = |key| ledger.positions().get(&key).funding;
    [funding(of_strategy(0)), funding(of_strategy(1)), funding(key(LINEAR))]
}

fn by(strategy: Option<u16>, side: OrderSide, size: &str) -> Wish {
    Wish { strategy: strategy.map(StrategyId), ..of_instrument(LINEAR, side, size) }
}

#[test]
fn funding_is_shared_by_what_strategies_hold() {
    let mut ledger = ledger();
    trade(&mut ledger, by(Some(0), OrderSide::Buy, "3"), "100");
    trade(&mut ledger, by(Some(1), OrderSide::Sell, "1"), "100");
    // The account is long 2: the long pays for 3 and the short is paid for 1.
    let report = funding(&ledger, "f1", "0.2", NOW + 1);
    assert_eq!(ledger.report(&report).anomalies, []);
    assert_eq!(paid(&ledger), ["0.3", "-0.1", "0.2"].map(amount));
    assert!(ledger.report(&report).is_empty());
    assert_eq!(paid(&ledger), ["0.3", "-0.1", "0.2"].map(amount));
    // Money moves once.
    assert_eq!(total(&ledger, "USDT"), amount("-0.2"));
    assert_eq!(ledger.positions().get(&of_strategy(0)).pnl_net(), amount("-0.3"));
}

#[test]
fn what_no_strategy_holds_is_paid_by_the_account_alone() {
    let mut ledger = ledger();
    trade(&mut ledger, by(Some(0), OrderSide::Buy, "1"), "100");
    trade(&mut ledger, by(None, OrderSide::Buy, "3"), "100");
    ledger.report(&funding(&ledger, "f1", "0.4", NOW + 1));
    assert_eq!(paid(&ledger), ["0.1", "0", "0.4"].map(amount));
}

#[test]
fn parts_of_funding_add_up_to_the_last_decimal() {
    let mut ledger = ledger();
    trade(&mut ledger, by(Some(0), OrderSide::Buy, "2"), "100");
    trade(&mut ledger, by(Some(1), OrderSide::Buy, "1"), "100");
    ledger.report(&funding(&ledger, "f1", "0.1", NOW + 1));
    let [first, second, all] = paid(&ledger);
    assert_eq!((first + second, all), (amount("0.1"), amount("0.1")));
    assert_eq!(second, amount("0.033333333333333333"));
}

#[test]
fn funding_is_for_what_was_held_at_its_moment_and_not_when_it_is_told() {
    let mut ledger = ledger();
    trade(&mut ledger, by(Some(0), OrderSide::Buy, "2"), "100");
    // What is told later was executed later, and the funding in between.
    let later = |ledger: &mut Ledger<Nowhere>, wish: Wish, id: &str| {
        let (side, size) = (wish.side, wish.size);
        let (order, _) = ledger.submit(NOW, wish, Link::default()).unwrap();
        let fill = Fill { side, size, ..fill(id, "1", "100") };
        let report = Report { instrument: LINEAR, ..of(ledger, order, What::Fill(fill)) };
        ledger.report(&Report { ts_event: NOW + 1_000, ..report });
    };
    later(&mut ledger, by(Some(0), OrderSide::Sell, "2"), "900");
    later(&mut ledger, by(Some(1), OrderSide::Buy, "5"), "901");
    ledger.report(&funding(&ledger, "f1", "0.2", NOW + 500));
    assert_eq!(paid(&ledger), ["0.2", "0", "0.2"].map(amount));
    // The next one is for what is held by then.
    ledger.report(&funding(&ledger, "f2", "0.5", NOW + 2_000));
    assert_eq!(paid(&ledger), ["0.2", "0.5", "0.7"].map(amount));
}

#[test]
fn funding_of_hedged_positions_is_shared_side_by_side() {
    let mut ledger = ledger();
    let hedged = |strategy, side, position_side, size: &str| Wish {
        position_side: Some(position_side),
        ..by(Some(strategy), side, size)
    };
    trade(&mut ledger, hedged(0, OrderSide::Buy, PositionSide::Long, "3"), "100");
    trade(&mut ledger, hedged(1, OrderSide::Sell, PositionSide::Short, "1"), "100");
    // Of the account's sum, and then of one side alone.
    ledger.report(&funding(&ledger, "f1", "0.2", NOW + 1));
    let mut long = funding(&ledger, "f2", "0.3", NOW + 1);
    let What::Fill(fill) = &mut long.what else { unreachable!() };
    fill.position_side = Some(PositionSide::Long);
    ledger.report(&long);
    let paid = |strategy, side| {
        ledger.positions().get(&PositionKey { side, ..of_strategy(strategy) }).funding
    };
    assert_eq!(paid(0, PositionSide::Long), amount("0.6"));
    assert_eq!(paid(1, PositionSide::Short), amount("-0.1"));
}

#[test]
fn shares_of_funding_outlive_a_restart() {
    let folder = in_memory();
    let before = {
        let (mut ledger, _) = reopened(folder.path());
        trade(&mut ledger, by(Some(0), OrderSide::Buy, "3"), "100");
        trade(&mut ledger, by(Some(1), OrderSide::Sell, "1"), "100");
        let usdt = ledger.directory().asset("USDT").unwrap();
        let fee = Some((amount("0.2"), usdt));
        let paid = Fill { kind: FillKind::Funding, fee, ..fill("f1", "0", "100") };
        ledger.report(&Report { instrument: LINEAR, ..by_id("", What::Fill(paid)) });
        ledger.positions().clone()
    };
    let (ledger, _) = reopened(folder.path());
    assert_eq!(ledger.positions(), &before);
    assert_eq!(ledger.positions().get(&of_strategy(1)).funding, amount("-0.1"));
}

#[test]
fn open_orders_lock_what_they_may_take() {
    let mut ledger = ledger();
    let locked = |ledger: &Ledger<Nowhere>, name: &str| -> Owned {
        ledger.balances().get(ACCOUNT, asset(ledger, name))
    };
    let buy = working(&mut ledger);
    let (sell, _) =
        ledger.submit(NOW, of_instrument(SPOT, OrderSide::Sell, "3"), Link::default()).unwrap();
    assert_eq!(locked(&ledger, "USDT").locked, amount("1000"));
    assert_eq!(locked(&ledger, "BTC").locked, amount("3"));
    ledger.report(&of(&ledger, buy, What::Fill(fill("1", "4", "99"))));
    let money = locked(&ledger, "USDT");
    assert_eq!((money.locked, money.available()), (amount("600"), amount("-996")));
    ledger.report(&of(&ledger, buy, cancelled(Some("4"))));
    ledger.report(&of(&ledger, sell, What::Rejected(refusal(rustonite_exec::RefusalKind::Rules))));
    assert_eq!(locked(&ledger, "USDT").locked, Amount::ZERO);
    assert_eq!(locked(&ledger, "BTC").locked, Amount::ZERO);
    // Contracts are paid by margin, which is the risk layer's to count.
    ledger.submit(NOW, of_instrument(LINEAR, OrderSide::Buy, "3"), Link::default()).unwrap();
    assert_eq!(locked(&ledger, "USDT").locked, Amount::ZERO);
}

/// Keeps what was written of positions and balances.
#[derive(Default)]
struct Kept(Vec<(&'static str, String)>);

impl Journal for Kept {
    fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError> {
        match row {
            JournalRow::Position(row) => {
                let text = format!("{:?} {} {:?}", row.strategy, row.size, row.pnl_realised);
                self.0.push((row.source.name(), text));
            }
            JournalRow::Fill(row) => {
                self.0.push(("fill", format!("{:?}", row.position_after)));
            }
            JournalRow::Balance(row) => {
                self.0.push((row.source.name(), format!("{} {}", row.asset, row.total)));
            }
            _ => {}
        }
        Ok(())
    }

    fn intent_written(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

#[test]
fn both_accounts_of_the_books_are_written() {
    let mut ledger = open_with(Kept::default(), rules());
    trade(&mut ledger, of_instrument(SPOT, OrderSide::Buy, "2"), "100");
    let usdt = ledger.directory().asset("USDT").unwrap();
    let balance = Balance::plain(NOW, usdt, amount("5"), amount("1"));
    let held = |size| Held {
        ts_event: NOW,
        instrument: LINEAR,
        side: PositionSide::Net,
        size: amount(size),
        price_entry: None,
    };
    // Nothing that never was is no news, nor is what was said before.
    ledger.note_position(NOW, ACCOUNT, &held("0")).unwrap();
    for _ in 0..2 {
        ledger.note_balance(NOW, ACCOUNT, &balance).unwrap();
        ledger.note_position(NOW, ACCOUNT, &held("3")).unwrap();
    }
    assert_eq!(ledger.gone_positions(NOW, ACCOUNT, &[held("3")]), []);
    assert_eq!(ledger.gone_positions(NOW, ACCOUNT, &[]), [held("0")]);
    assert_eq!(ledger.gone_balances(NOW, ACCOUNT, &[balance]), []);
    let gone = Balance::plain(NOW, usdt, Amount::ZERO, Amount::ZERO);
    assert_eq!(ledger.gone_balances(NOW, ACCOUNT, &[]), [gone]);
    let unit = 10_i128.pow(18);
    let expected = [
        ("fill", format!("{:?}", Some(2 * unit))),
        ("own", format!("None {} Some(0)", 2 * unit)),
        ("own", format!("Some(\"maker\") {} Some(0)", 2 * unit)),
        ("own", format!("BTC {}", 2 * unit)),
        ("own", format!("USDT {}", -200 * unit)),
        ("venue", format!("USDT {}", 6 * unit)),
        ("venue", format!("None {} None", 3 * unit)),
    ];
    assert_eq!(ledger.journal_mut().0, expected);
    // The venue's word is written down; ours is still ours.
    assert_eq!(ledger.positions().get(&key(LINEAR)), Position::default());
}

#[test]
fn no_request_leaves_before_it_is_asked_for_whatever_the_clock_does() {
    let mut ledger = ledger();
    let (id, _) = ledger.submit(NOW, wish(), Link::default()).unwrap();
    let moment = |ledger: &Ledger<Nowhere>| ledger.order(id).unwrap().ts_sent;
    assert_eq!(moment(&ledger), None);
    ledger.sent(id, NOW + 7);
    assert_eq!(moment(&ledger), Some(NOW + 7));
    ledger.sent(id, NOW - 1);
    assert_eq!(moment(&ledger), Some(NOW));
}
