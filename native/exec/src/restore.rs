//! A restart: the journal read back, row by row in the order of `seq`, into the state that the
//! process before had.
//!
//! A fill row is written before the order row that counts it, so a fill at the end of the journal
//! without its order row is counted by the same code as when it came. Positions and balances follow
//! from the fills; their rows are needed only where older segments were removed.

mod switches;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustonite_core::datasets::{
    Contingency, EventSource, FillKind, Liquidity, OffsetUnit, OrderEvent, OrderKind, OrderSide,
    OrderState, PositionCause, PositionSide, StateSource, Stp, Tif, TriggerDirection,
    TriggerSource,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_core::{Amount, Schema};
use rustonite_tape::{TapeError, TapeOptions};

use crate::apply::{Told, Values};
use crate::cells::{Cells, Rows, columns};
use crate::change::Change;
use crate::directory::Directory;
use crate::filling::booking_of;
use crate::fills::INFERRED_PREFIX;
use crate::journal::{Durability, JournalError, TAPES, Tapes};
use crate::ledger::Ledger;
use crate::order::{self, Facts, Leg, Link, Order};
use crate::past::{Passed, RowSays, event_of, reset_of};
use crate::positions::{Position, PositionKey};
use crate::report::{Correction, Fill, Report, What};
use crate::rows::{Booking, FactsTold, SNAPSHOT, facts_told, reason_about, snapshot_note};
use crate::rules::AccountRules;
use crate::wish::{OrderId, Trail, Trigger, Wish};

use self::switches::SwitchColumns;
pub use self::switches::Thrown;

/// The end of a journal, where a kill may have come between the row of a fill and those of what it
/// changed.
#[derive(Default)]
struct Torn {
    /// When the last fill came, if no row says that it is whole.
    since: Option<i64>,
    /// Orders with a fill, and no row of theirs since.
    orders: BTreeSet<OrderId>,
    /// Some tapes begin only after the present row.
    is_cut: bool,
}

impl Torn {
    fn told(&mut self, order: OrderId) {
        self.orders.remove(&order);
        self.since = self.since.filter(|_| !self.orders.is_empty());
    }
}

/// What a restart found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Rows read.
    pub rows: u64,
    /// Rows that are missing in the middle, as a crash of the machine can leave it: first and last
    /// number. Only a reconciliation can tell what was in them.
    pub gaps: Vec<(i64, i64)>,
    /// Accounts, strategies and instruments of rows that are not listed; the rows were left out.
    pub unlisted: BTreeSet<String>,
    /// What was earned with instruments that are not listed.
    pub earned: Vec<Earned>,
    /// Orders whose rows count more fills than there are.
    pub fills_missing: BTreeSet<OrderId>,
    /// Switches that were thrown and not put back since, as far as rows are kept.
    pub thrown: Vec<Thrown>,
}

/// What was earned with an instrument that is not listed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earned {
    /// On which account.
    pub account: AccountId,
    /// By which strategy; `None` for all of the account.
    pub strategy: Option<StrategyId>,
    /// Its venue and symbol.
    pub instrument: String,
    /// Which position, in hedge mode.
    pub side: PositionSide,
    /// What it was settled in.
    pub settle: Box<str>,
    /// Profit realised, fees and funding taken off.
    pub profit: Amount,
}

impl Earned {
    /// Whether it is about the same position.
    fn is_of_same(&self, other: &Self) -> bool {
        let whose = |one: &Self| (one.account, one.strategy, one.side);
        whose(self) == whose(other) && self.instrument == other.instrument
    }
}

impl Ledger<Tapes> {
    /// Opens the journal of a name in a folder of tapes and goes on where it ends.
    ///
    /// Requests that were in flight are still so: [`Ledger::lose_requests`] is the next step.
    ///
    /// # Errors
    /// The journal is open elsewhere or damaged.
    pub fn open(
        directory: Arc<Directory>,
        accounts: impl IntoIterator<Item = (AccountId, AccountRules)>,
        journal: (&std::path::Path, &str, TapeOptions, Durability),
    ) -> Result<(Self, Restored), JournalError> {
        Self::open_and_tell(directory, accounts, journal, &mut |_| {})
    }

    /// As [`Ledger::open`], and tells what the journal says of the past, in its order.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_and_tell(
        directory: Arc<Directory>,
        accounts: impl IntoIterator<Item = (AccountId, AccountRules)>,
        journal: (&std::path::Path, &str, TapeOptions, Durability),
        tell: &mut dyn FnMut(Passed<'_>),
    ) -> Result<(Self, Restored), JournalError> {
        let (folder, name, options, durability) = journal;
        let tapes = Tapes::open(folder, name, options, durability)?;
        let mut ledger = Self::new(directory, tapes);
        for (account, rules) in accounts {
            ledger.open_account(account, rules);
        }
        let restored = ledger.restore(folder, name, tell)?;
        Ok((ledger, restored))
    }

    fn restore(
        &mut self,
        folder: &std::path::Path,
        name: &str,
        tell: &mut dyn FnMut(Passed<'_>),
    ) -> Result<Restored, JournalError> {
        let tapes = TAPES.map(|dataset| Rows::open(&folder.join(dataset).join(name)));
        let mut tapes = tapes.into_iter().collect::<Result<Vec<_>, TapeError>>()?;
        let columns = Columns::of(&tapes);
        let (mut restored, mut torn) = (Restored::default(), Torn::default());
        let removed = tapes.iter().filter(|rows| rows.removed).filter_map(Rows::seq);
        let complete_from = removed.max().unwrap_or(1);
        self.scribe.mute(true);
        while let Some((seq, tape)) = first(&tapes) {
            if seq > self.scribe.seq() + 1 && seq > complete_from {
                let from = (self.scribe.seq() + 1).max(complete_from);
                restored.gaps.push((from, seq - 1));
            }
            self.scribe.start_after(seq);
            restored.rows += 1;
            torn.is_cut = seq < complete_from;
            if let Some(cells) = tapes[tape].cells() {
                if complete_from > 1 && !torn.is_cut && self.known_from.is_none() {
                    self.known_from = cells.int(columns.began(tape)[1]);
                }
                self.restore_row(tape, cells, &columns, (&mut restored, &mut torn), tell);
            }
            tapes[tape].advance()?;
        }
        if complete_from > 1 {
            // What came first is not there any more.
            self.began.clear();
        }
        self.is_resumed = restored.rows > 0;
        self.scribe.mute(false);
        self.skip_numbers();
        self.mend(&torn);
        Ok(restored)
    }

    /// Writes down what is counted and has no row, for readers who look at rows alone.
    fn mend(&mut self, torn: &Torn) {
        let Some(now) = torn.since else { return };
        // A row that is not taken halts trading; what is counted is true all the same.
        let _ = self.snapshot(now);
        let ended = torn.orders.iter().filter_map(|id| self.orders.get(*id));
        for order in ended.filter(|order| order.is_final()) {
            let _ = self.scribe.order(order, snapshot_note(order, order.leg, now, None));
        }
    }

    fn restore_row(
        &mut self,
        tape: usize,
        cells: Cells<'_>,
        columns: &Columns,
        (restored, torn): (&mut Restored, &mut Torn),
        tell: &mut dyn FnMut(Passed<'_>),
    ) {
        self.note_began(cells, columns.began(tape));
        let seq = self.scribe.seq();
        let found = match TAPES[tape] {
            "orders" => self.restore_order(cells, &columns.orders, (restored, torn), tell),
            "fills" => self.restore_fill(cells, &columns.fills, torn, tell),
            "positions" => self.restore_position(cells, &columns.positions, restored),
            "balances" => self.restore_balance(cells, &columns.balances),
            _ => {
                columns.switches.take(cells, &mut restored.thrown);
                let (account, strategy) = Default::default();
                let says = reset_of(cells, &columns.risk_events);
                says.into_iter()
                    .for_each(|says| tell(Passed { account, strategy, ts: 0, seq, says }));
                Ok(())
            }
        };
        if let Err(Unlisted(name)) = found {
            restored.unlisted.insert(name);
        }
    }

    fn restore_order(
        &mut self,
        cells: Cells<'_>,
        columns: &OrderColumns,
        (restored, torn): (&mut Restored, &mut Torn),
        tell: &mut dyn FnMut(Passed<'_>),
    ) -> Result<(), Unlisted> {
        let wish = self.wish(cells, columns)?;
        if let Some(event) = event_of(cells, columns) {
            let Wish { account, strategy, .. } = wish;
            let ts = cells.int(columns.ts_recv).unwrap_or(0);
            let parent = cells.int(columns.parent_id).map(OrderId);
            let (seq, says) = (self.scribe.seq(), RowSays::Order(event, &wish, parent));
            tell(Passed { account, strategy, ts, seq, says });
        }
        let id = OrderId(cells.int(columns.order_id).unwrap_or(0));
        torn.told(id);
        let event = cells.word(columns.event, OrderEvent::parse).unwrap_or_default();
        let is_snapshot = cells.text(columns.reason) == Some(SNAPSHOT);
        let told = facts_told(cells.text(columns.detail)).filter(|_| is_snapshot);
        let (mut order, is_new) = match self.orders.take(id) {
            Some(order) => (order, false),
            None => (base(id, wish.clone(), cells, columns, (event, told.as_ref())), true),
        };
        let leg = named_leg(&mut order, cells, columns);
        let about = reason_about(cells.text(columns.reason));
        let ts_event = cells.int(columns.ts_event).unwrap_or(0);
        if is_new || !is_snapshot {
            let source = cells.word(columns.source, EventSource::parse).unwrap_or_default();
            let values = change_values(cells, columns, event, &wish);
            order.apply(&Told { event, source, ts_event, leg, values, about });
        }
        let size_filled = cells.amount(columns.size_filled).unwrap_or_default();
        if is_new {
            let of_leg = told.as_ref().and_then(|told| told.leg_filled).unwrap_or(size_filled);
            spread_filled(&mut order, size_filled, of_leg);
            order.price_average = cells.amount(columns.price_average);
        } else if size_filled > order.size_filled && torn.is_cut {
            // Rows of those executions were removed; what they came to stands here.
            order.legs[leg].size_filled += size_filled - order.size_filled;
            order.size_filled = size_filled;
            order.price_average = cells.amount(columns.price_average);
        } else if size_filled > order.size_filled {
            order.size_announced = size_filled;
            restored.fills_missing.insert(id);
        } else {
            restored.fills_missing.remove(&id);
        }
        let state = cells.word(columns.state, OrderState::parse).unwrap_or_default();
        agree(&mut order, wish, state, cells.amount(columns.size_asked).is_none());
        if let Some(told) = told.filter(|_| is_new) {
            take_facts(&mut order, leg, &told, cells, columns);
        }
        order.size_prevented = cells.amount(columns.size_prevented);
        order.ts_seen = cells.int(columns.ts_recv).unwrap_or(0);
        match event {
            OrderEvent::Submitted | OrderEvent::ReplaceAsked => {
                (order.ts_asked, order.ts_placed) = (order.ts_seen, order.ts_seen);
            }
            OrderEvent::CancelAsked => order.ts_asked = order.ts_seen,
            _ => {}
        }
        self.holds.update(&mut self.balances, &self.scribe.directory, &order);
        self.orders.add(order);
        Ok(())
    }

    fn wish(&self, cells: Cells<'_>, columns: &OrderColumns) -> Result<Wish, Unlisted> {
        let (account, instrument) =
            self.place(cells, [columns.account, columns.venue, columns.symbol])?;
        let trail = cells.amount(columns.trail_offset).map(|offset| Trail {
            offset,
            unit: cells.word(columns.trail_unit, OffsetUnit::parse).unwrap_or_default(),
            activation: cells.amount(columns.price_activation),
        });
        let trigger = cells.amount(columns.price_trigger).map(|price| Trigger {
            price,
            source: cells.word(columns.trigger_source, TriggerSource::parse).unwrap_or_default(),
            direction: cells
                .word(columns.trigger_direction, TriggerDirection::parse)
                .unwrap_or_default(),
            trail,
        });
        Ok(Wish {
            account,
            strategy: self.strategy(cells, columns.strategy)?,
            instrument,
            side: cells.word(columns.side, OrderSide::parse).unwrap_or_default(),
            kind: cells.word(columns.kind, OrderKind::parse).unwrap_or(OrderKind::Unknown),
            tif: cells.word(columns.tif, Tif::parse),
            price: cells.amount(columns.price),
            price_protect: cells.amount(columns.price_protect),
            size: cells.amount(columns.size).unwrap_or_default(),
            size_quote: cells.amount(columns.size_quote),
            size_display: cells.amount(columns.size_display),
            size_min: cells.amount(columns.size_min),
            trigger,
            flags: cells.flags(columns.order_flags),
            position_side: cells.word(columns.position_side, PositionSide::parse),
            stp: cells.word(columns.stp, Stp::parse),
            ts_expire: cells.int(columns.ts_expire),
            tags: cells.text(columns.tags).map(Into::into),
        })
    }

    /// Counts a fill again, as when it came.
    fn restore_fill(
        &mut self,
        cells: Cells<'_>,
        columns: &FillColumns,
        torn: &mut Torn,
        tell: &mut dyn FnMut(Passed<'_>),
    ) -> Result<(), Unlisted> {
        let (account, instrument) =
            self.place(cells, [columns.account, columns.venue, columns.symbol])?;
        let strategy = self.strategy(cells, columns.strategy)?;
        let fill = self.fill_of(cells, columns);
        let prev = cells.text(columns.fill_id_prev);
        let report = Report {
            ts_event: cells.int(columns.ts_event).unwrap_or(0),
            ts_recv: cells.int(columns.ts_recv).unwrap_or(0),
            source: cells.word(columns.source, EventSource::parse).unwrap_or_default(),
            account,
            instrument,
            client_id: cells.text(columns.client_id).unwrap_or_default().into(),
            client_id_prev: None,
            venue_order_id: cells.text(columns.venue_order_id).map(Into::into),
            what: What::NotFound,
        };
        self.note_clocks(&report);
        let mut change = Change::default();
        match (fill.kind, prev) {
            (FillKind::Bust | FillKind::Correction, Some(prev)) => {
                let corrects = fill.kind == FillKind::Correction;
                let correction = Correction {
                    fill_id: fill.fill_id.clone(),
                    fill_id_prev: prev.into(),
                    becomes: corrects.then_some((fill.price, fill.size)),
                };
                if prev.starts_with(INFERRED_PREFIX) {
                    self.give_way(&report, &correction, &mut change);
                } else {
                    self.correct(&report, &correction, &mut change);
                }
            }
            (FillKind::Fee, Some(prev)) => {
                if let Some(counted) = self.fills.get_mut((account, instrument), prev) {
                    counted.has_fee = true;
                }
                let fee = Booking { strategy, ..booking_of(&report, &fill, None) };
                self.count_fill(None, &fee, false, &mut change);
            }
            _ => self.count_again(&report, &fill, strategy, &mut change),
        }
        for booked in &change.fills {
            let (account, strategy, ts) = (booked.account, booked.strategy, report.ts_recv);
            let (seq, says) = (self.scribe.seq(), RowSays::Booked(booked));
            tell(Passed { account, strategy, ts, seq, says });
        }
        self.note_counted(&change, report.ts_recv, torn);
        Ok(())
    }

    /// Of a fill's orders the rows are still to come.
    fn note_counted(&self, change: &Change, now: i64, torn: &mut Torn) {
        torn.since = Some(now);
        for order in change.fills.iter().filter_map(|booked| self.order(booked.order?)) {
            let parent = order.link.parent.and_then(|id| self.order(id));
            torn.orders.insert(order.id);
            torn.orders.extend(parent.filter(|one| one.is_split()).map(|one| one.id));
        }
    }

    fn count_again(
        &mut self,
        report: &Report,
        fill: &Fill,
        strategy: Option<StrategyId>,
        change: &mut Change,
    ) {
        if let Some(mut subject) = self.subject(report, change) {
            self.fill(&mut subject, report, fill, change);
            self.put_back(subject, report.ts_recv, change);
        } else {
            let booking = Booking { strategy, ..booking_of(report, fill, None) };
            self.count_fill(None, &booking, false, change);
        }
    }

    fn fill_of(&self, cells: Cells<'_>, columns: &FillColumns) -> Fill {
        let fee_asset = cells.text(columns.fee_asset);
        let fee_asset = fee_asset.and_then(|name| self.directory().asset(name));
        Fill {
            fill_id: cells.text(columns.fill_id).unwrap_or_default().into(),
            trade_id: cells.int(columns.trade_id),
            kind: cells.word(columns.kind, FillKind::parse).unwrap_or_default(),
            side: cells.word(columns.side, OrderSide::parse).unwrap_or_default(),
            price: cells.amount(columns.price).unwrap_or_default(),
            size: cells.amount(columns.size).unwrap_or_default(),
            size_filled: None,
            fee: cells.amount(columns.fee).zip(fee_asset),
            liquidity: cells
                .word(columns.liquidity, Liquidity::parse)
                .unwrap_or(Liquidity::Unknown),
            position_side: cells.word(columns.position_side, PositionSide::parse),
        }
    }

    fn restore_position(
        &mut self,
        cells: Cells<'_>,
        columns: &PositionColumns,
        restored: &mut Restored,
    ) -> Result<(), Unlisted> {
        if cells.word(columns.source, StateSource::parse) != Some(StateSource::Own) {
            return Ok(());
        }
        let account = self.account(cells, columns.account)?;
        let strategy = self.strategy(cells, columns.strategy)?;
        let side = cells.word(columns.position_side, PositionSide::parse).unwrap_or_default();
        let position = Position {
            size: cells.amount(columns.size).unwrap_or_default(),
            price_entry: cells.amount(columns.price_entry),
            pnl_realised: cells.amount(columns.pnl_realised).unwrap_or_default(),
            fees: cells.amount(columns.fees).unwrap_or_default(),
            funding: cells.amount(columns.funding).unwrap_or_default(),
        };
        let (venue, symbol) = (columns.venue, columns.symbol);
        let instrument = match self.instrument(cells, [venue, symbol]) {
            Ok(instrument) => instrument,
            Err(Unlisted(what)) => {
                let text = |column| cells.text(column).unwrap_or_default();
                let instrument = format!("{} {}", text(venue), text(symbol));
                let (settle, profit) = (text(columns.settle).into(), position.pnl_net());
                let earned = Earned { account, strategy, instrument, side, settle, profit };
                restored.earned.retain(|one| !one.is_of_same(&earned));
                restored.earned.push(earned);
                return Err(Unlisted(what));
            }
        };
        let key = PositionKey { account, strategy, instrument, side };
        if cells.word(columns.cause, PositionCause::parse) == Some(PositionCause::Reconciliation) {
            self.realise_again(key, position.pnl_realised);
        }
        self.positions.set(key, position);
        self.note_booked(account, instrument, cells.int(columns.ts_event).unwrap_or(0));
        Ok(())
    }

    /// What an entry that was set realised is money, of which the row may not have been written.
    fn realise_again(&mut self, key: PositionKey, pnl_realised: Amount) {
        let realised = pnl_realised - self.positions.get(&key).pnl_realised;
        let listed = self.directory().listed(key.instrument);
        let settle = listed.and_then(|listed| self.directory().asset(&listed.settle));
        if let (Some(asset), None) = (settle, key.strategy) {
            self.balances.count(key.account, asset, |total| total + realised);
        }
    }

    fn restore_balance(
        &mut self,
        cells: Cells<'_>,
        columns: &BalanceColumns,
    ) -> Result<(), Unlisted> {
        if cells.word(columns.source, StateSource::parse) != Some(StateSource::Own) {
            return Ok(());
        }
        let account = self.account(cells, columns.account)?;
        let name = cells.text(columns.asset).unwrap_or_default();
        let asset =
            self.directory().asset(name).ok_or_else(|| Unlisted(format!("asset {name}")))?;
        let total = cells.amount(columns.total).unwrap_or_default();
        self.balances.count(account, asset, |_| total);
        Ok(())
    }

    // Names

    fn account(&self, cells: Cells<'_>, column: usize) -> Result<AccountId, Unlisted> {
        let name = cells.text(column).unwrap_or_default();
        self.directory().account(name).ok_or_else(|| Unlisted(format!("account {name}")))
    }

    /// The first row of an account says when it began here.
    fn note_began(&mut self, cells: Cells<'_>, [account, ts_recv]: [usize; 2]) {
        if let (Ok(account), Some(at)) = (self.account(cells, account), cells.int(ts_recv)) {
            self.began.entry(account).or_insert(at);
        }
    }

    fn place(
        &self,
        cells: Cells<'_>,
        [account, venue, symbol]: [usize; 3],
    ) -> Result<(AccountId, InstrumentId), Unlisted> {
        Ok((self.account(cells, account)?, self.instrument(cells, [venue, symbol])?))
    }

    fn instrument(
        &self,
        cells: Cells<'_>,
        [venue, symbol]: [usize; 2],
    ) -> Result<InstrumentId, Unlisted> {
        let venue = cells.text(venue).unwrap_or_default();
        let symbol = cells.text(symbol).unwrap_or_default();
        let directory = self.directory();
        let instrument =
            directory.venue(venue).and_then(|venue| directory.instrument(venue, symbol));
        instrument.ok_or_else(|| Unlisted(format!("instrument {venue} {symbol}")))
    }

    fn strategy(&self, cells: Cells<'_>, column: usize) -> Result<Option<StrategyId>, Unlisted> {
        let Some(name) = cells.text(column) else { return Ok(None) };
        let found = self.directory().strategy(name);
        found.map(Some).ok_or_else(|| Unlisted(format!("strategy {name}")))
    }
}

/// A name that the directory does not have.
struct Unlisted(String);

/// The tape with the lowest number.
fn first(tapes: &[Rows]) -> Option<(i64, usize)> {
    let heads = tapes.iter().enumerate();
    heads.filter_map(|(tape, rows)| Some((rows.seq()?, tape))).min()
}

/// The order of the first row that there is of it: its submit, unless older rows were removed.
fn base(
    id: OrderId,
    wish: Wish,
    cells: Cells<'_>,
    columns: &OrderColumns,
    (event, told): (OrderEvent, Option<&FactsTold>),
) -> Order {
    let link = Link {
        parent: cells.int(columns.parent_id).map(OrderId),
        group: cells.int(columns.group_id),
        contingency: cells.word(columns.contingency, Contingency::parse),
        algo: cells.text(columns.algo).map(Into::into),
    };
    let client_id = cells.text(columns.client_id).unwrap_or_default();
    let first = cells.text(columns.client_id_prev).unwrap_or(client_id);
    let mut order = Order::new(id, wish, link, first.into());
    let state = cells.word(columns.state, OrderState::parse).unwrap_or_default();
    let is_held = matches!(state, OrderState::Held | OrderState::Released);
    if is_held {
        order.state = state;
    } else if !matches!(event, OrderEvent::Submitted | OrderEvent::Denied) {
        order.be_found();
    }
    let is_reached = state != OrderState::Held && order.wish.is_emulated();
    order.facts.triggered = is_reached || (is_held && event == OrderEvent::Triggered);
    let is_ahead = told.and_then(|told| told.is_ahead);
    if first != client_id && !is_ahead.unwrap_or(event == OrderEvent::ReplaceAsked) {
        order.legs.push(Leg { client_id: client_id.into(), prev: Some(0), ..Leg::default() });
        order.leg = 1;
    }
    order
}

/// What is filled of an order that a row is the first of: under the id in force, and under the one
/// before it.
fn spread_filled(order: &mut Order, size_filled: Amount, of_leg: Amount) {
    order.size_filled = size_filled;
    order.legs[order.leg].size_filled = of_leg;
    if let Some(prev) = order.legs[order.leg].prev {
        order.legs[prev].size_filled = size_filled - of_leg;
    }
}

/// The leg that a row names, with its venue id.
fn named_leg(order: &mut Order, cells: Cells<'_>, columns: &OrderColumns) -> usize {
    let client_id = cells.text(columns.client_id).unwrap_or_default();
    let number = cells.text(columns.venue_order_id);
    // It may have been known by its number alone.
    let is_unnamed =
        |leg: &Leg| leg.client_id.is_empty() && leg.venue_order_id.as_deref() == number;
    let unnamed = order.legs.iter().position(is_unnamed);
    let leg = order.leg_of(client_id).or(unnamed).unwrap_or_else(|| {
        let prev = cells.text(columns.client_id_prev).and_then(|id| order.leg_of(id));
        order.legs.push(Leg { client_id: client_id.into(), prev, ..Leg::default() });
        order.legs.len() - 1
    });
    order.legs[leg].client_id = client_id.into();
    order.legs[leg].venue_order_id = number.map(Into::into);
    leg
}

fn change_values(
    cells: Cells<'_>,
    columns: &OrderColumns,
    event: OrderEvent,
    wish: &Wish,
) -> Option<Values> {
    match event {
        OrderEvent::ReplaceAsked => Some(Values {
            price: cells.amount(columns.price_asked),
            size: cells.amount(columns.size_asked)?,
            price_trigger: cells.amount(columns.price_trigger_asked),
        }),
        OrderEvent::Replaced => Some(Values {
            price: wish.price,
            size: wish.size,
            price_trigger: wish.trigger.map(|trigger| trigger.price),
        }),
        _ => None,
    }
}

/// What a row says of the whole order counts, whatever the events made of it.
fn agree(order: &mut Order, wish: Wish, state: OrderState, no_change_in_flight: bool) {
    order.wish = wish;
    if no_change_in_flight {
        order.changes.clear();
    }
    if order.state == state {
        return;
    }
    if state == OrderState::Unknown {
        order.be_doubted();
    }
    order.state = state;
}

/// What the row of a snapshot says of how far requests have got.
fn take_facts(
    order: &mut Order,
    leg: usize,
    told: &FactsTold,
    cells: Cells<'_>,
    columns: &OrderColumns,
) {
    let Facts { known, doubt, submit, cancel, .. } = told.facts;
    order.facts = Facts { submit, cancel, known, doubt, ..order.facts };
    let asked = change_values(cells, columns, OrderEvent::ReplaceAsked, &order.wish);
    if let Some(Values { price, size, price_trigger }) = asked.filter(|_| order.changes.is_empty())
    {
        let flight = told.change;
        order.changes.push(order::Change { leg, price, size, price_trigger, flight });
    }
}

columns!(pub(crate) OrderColumns: ts_event ts_recv account strategy venue symbol order_id client_id
    client_id_prev venue_order_id parent_id group_id contingency algo event source state side kind
    tif price price_asked price_protect size size_asked size_quote size_filled size_prevented
    price_average size_display size_min price_trigger price_trigger_asked trigger_source
    trigger_direction trail_offset trail_unit price_activation order_flags position_side stp
    ts_expire reason detail tags);
columns!(FillColumns: ts_event ts_recv account strategy venue symbol client_id venue_order_id
    fill_id fill_id_prev trade_id kind source side price size fee fee_asset liquidity position_side);
columns!(PositionColumns: ts_event ts_recv account strategy venue symbol source cause position_side size
    price_entry pnl_realised fees funding settle);
columns!(BalanceColumns: ts_recv account asset source total);
columns!(pub(crate) RiskColumns: ts_recv account strategy venue verdict scope);

struct Columns {
    orders: OrderColumns,
    fills: FillColumns,
    positions: PositionColumns,
    balances: BalanceColumns,
    switches: SwitchColumns,
    risk_events: RiskColumns,
}

impl Columns {
    /// Whose a row of a tape is, and when it was written.
    fn began(&self, tape: usize) -> [usize; 2] {
        match TAPES[tape] {
            "orders" => [self.orders.account, self.orders.ts_recv],
            "fills" => [self.fills.account, self.fills.ts_recv],
            "positions" => [self.positions.account, self.positions.ts_recv],
            "balances" => [self.balances.account, self.balances.ts_recv],
            _ => [self.risk_events.account, self.risk_events.ts_recv],
        }
    }

    fn of(tapes: &[Rows]) -> Self {
        let schema = |name: &str| -> &Schema {
            let tape = TAPES.iter().position(|tape| *tape == name).unwrap_or(0);
            tapes[tape].schema()
        };
        Self {
            orders: OrderColumns::of(schema("orders")),
            fills: FillColumns::of(schema("fills")),
            positions: PositionColumns::of(schema("positions")),
            balances: BalanceColumns::of(schema("balances")),
            switches: SwitchColumns::of(schema("risk_events")),
            risk_events: RiskColumns::of(schema("risk_events")),
        }
    }
}
