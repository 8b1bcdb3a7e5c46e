//! Positions and balances: spot, linear, inverse, hedged, per strategy; fees and funding.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{FillKind, OrderSide, PositionSide};
use rustonite_core::ids::{AssetId, InstrumentId, StrategyId};
use rustonite_exec::{
    Fill, Journal, JournalError, JournalRow, Ledger, Link, Nowhere, Owned, Position, PositionKey,
    Report, What, Wish,
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
    let (side, instrument, size) = (wish.side, wish.instrument, wish.size);
    let (id, _) = ledger.submit(NOW, wish, Link::default()).unwrap();
    let fill = Fill { side, size, ..fill(&format!("t{}", id.0), "1", price) };
    let report = Report { instrument, ..of(ledger, id, What::Fill(fill)) };
    ledger.report(&report).fills[0].pnl_realised
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
    let balance = rustonite_exec::gateway::Balance {
        ts_event: NOW,
        asset: usdt,
        available: amount("5"),
        locked: amount("1"),
    };
    ledger.note_balance(NOW, ACCOUNT, &balance).unwrap();
    let position = rustonite_exec::reconcile::VenuePosition {
        instrument: LINEAR,
        side: PositionSide::Net,
        size: amount("3"),
        price_entry: None,
        ts_event: NOW,
    };
    ledger.note_position(NOW, ACCOUNT, &position).unwrap();
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
