//! The first steps of a process that goes on with a journal, and rows of whole books that sum it up.

use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    BalanceCause, EventSource, OrderEvent, OrderState, PositionCause, StateSource,
};
use rustonite_core::ids::{AccountId, AssetId};

use crate::apply::{About, Told};
use crate::change::{Applied, Ask, Change};
use crate::error::{ExecError, Result};
use crate::journal::{Journal, Tapes};
use crate::ledger::Ledger;
use crate::order::Order;
use crate::positions::{Position, PositionKey};
use crate::report::Report;
use crate::rows::{BalanceOf, OrderNote, StateNote, about_reason, facts_words, snapshot_note};
use crate::wish::OrderId;

/// How far the clocks of a venue and of ours may be apart where nothing tells of them.
const CLOCKS_NS: i64 = 2_000_000_000;
/// How much later an execution may come than one that happened at the same time.
const LATE_NS: i64 = 60_000_000_000;
/// So many executions tell how far the clocks are apart: one alone may have come late.
const TELL_CLOCKS: u32 = 100;
/// Books were compared within so long before the last word of an order.
const COMPARED_NS: i64 = 24 * 3_600_000_000_000;

/// How much of the past is kept at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Housekeeping {
    /// A snapshot is written after so many rows: far fewer than the tapes keep.
    pub snapshot_rows: i64,
    /// The same after so long, if there are new rows; in nanoseconds.
    pub snapshot_every_ns: i64,
    /// Orders are forgotten so long after they ended, in nanoseconds.
    pub keep_ended_ns: i64,
    /// Rows are kept so long for a restart, also when a lake has them; and always from a snapshot on.
    pub keep_rows_ns: i64,
}

impl Default for Housekeeping {
    fn default() -> Self {
        Self {
            snapshot_rows: 100_000,
            snapshot_every_ns: 300_000_000_000,
            keep_ended_ns: 3_600_000_000_000,
            keep_rows_ns: 900_000_000_000,
        }
    }
}

impl Ledger<Tapes> {
    /// Does what is due without a new row. Call it now and then.
    ///
    /// # Errors
    /// The journal cannot be written or synced any more; trading is halted then.
    pub fn tick(&mut self, now: i64, housekeeping: &Housekeeping) -> Result<()> {
        if let Err(error) = self.journal_mut().tick() {
            self.scribe.halt(error.to_string());
            return Err(ExecError::Halted(error.to_string()));
        }
        self.forget(now.saturating_sub(housekeeping.keep_ended_ns));
        let past = now.saturating_sub(housekeeping.keep_rows_ns);
        if self.is_to_be_summed_up(now, housekeeping) {
            let rows = self.journal_mut().rows();
            self.snapshot(now)?;
            self.summed_at = Some(now);
            self.snapshots.push_back((now, rows));
        }
        while let Some((_, rows)) = self.snapshots.pop_front_if(|(at, _)| *at <= past) {
            self.journal_mut().keep_from(rows);
        }
        Ok(())
    }

    fn is_to_be_summed_up(&mut self, now: i64, housekeeping: &Housekeeping) -> bool {
        // What a restart has read is summed up soon: should it end soon again and again, tapes would
        // be full of what each began with.
        let first = if self.is_resumed { i64::MIN } else { now };
        let since = *self.summed_at.get_or_insert(first);
        let rows = self.seq() - self.summed_up;
        let is_old = now.saturating_sub(since) >= housekeeping.snapshot_every_ns;
        rows >= housekeeping.snapshot_rows || (rows > 0 && is_old)
    }
}

impl<J: Journal> Ledger<J> {
    /// From when on a venue is asked for executions at a start, by its clock: what was traded before
    /// the first one is not ours to count, and what was compared long before the last one ended is
    /// known. Of what came before the oldest row that is kept nothing says whether it is counted: it
    /// was compared then.
    pub fn fills_from(&self, account: AccountId, now: i64) -> i64 {
        let mine = self.orders.iter().filter(|order| order.wish.account == account);
        let Some(seen) = mine.map(|order| order.ts_seen).max() else {
            return now.saturating_sub(CLOCKS_NS).max(0);
        };
        // Rows have our times.
        let ahead = self.ahead.get(&account).map_or(0, |(ahead, _)| *ahead);
        let there = |here: i64| here.saturating_add(ahead);
        let first = match (self.began.get(&account), self.known_from) {
            (Some(began), _) => there(*began).saturating_sub(CLOCKS_NS),
            (None, Some(known)) => there(known).saturating_add(LATE_NS),
            (None, None) => 0,
        };
        let compared = there(seen).saturating_sub(COMPARED_NS);
        compared.max(first).max(self.fills_known_from(account))
    }

    /// From when on all executions that were counted are remembered, by the venue's clock: one that
    /// it tells of before may be one of them.
    pub fn fills_known_from(&self, account: AccountId) -> i64 {
        self.fills.known_from(account)
    }

    /// An execution that its venue told at once says how far the clocks are apart.
    pub(crate) fn note_clocks(&mut self, report: &Report) {
        if report.source != EventSource::Stream {
            return;
        }
        let (ahead, told) = self.ahead.entry(report.account).or_insert((i64::MIN, 0));
        if *told < TELL_CLOCKS {
            *ahead = (*ahead).max(report.ts_event.saturating_sub(report.ts_recv));
            *told += 1;
        }
    }

    /// After a restart: what was in flight has lost its answers. Its outcome is not known, and each
    /// order is to be asked for.
    pub fn lose_requests(&mut self, now: i64) -> Change {
        let mut change = Change::default();
        let orders = self.orders.sorted().into_iter();
        // Of what has ended nothing is in flight.
        let may_change = orders.filter(|order| !order.is_final() || order.ts_seen > now);
        let ids: Vec<OrderId> = may_change.map(|order| order.id).collect();
        for id in ids {
            let Some(mut order) = self.orders.take(id) else { continue };
            // The clock may have been ahead then.
            order.ts_asked = order.ts_asked.min(now);
            order.ts_placed = order.ts_placed.min(now);
            order.ts_seen = order.ts_seen.min(now);
            let in_flight: Vec<_> = Self::in_flight(&order).collect();
            for (about, leg) in in_flight {
                self.lose_request(&mut order, about, leg, now, &mut change);
            }
            if order.state == OrderState::Unknown {
                change.ask(Ask::Order(id));
            }
            self.orders.put(order);
        }
        change
    }

    fn lose_request(
        &mut self,
        order: &mut Order,
        about: About,
        leg: usize,
        now: i64,
        change: &mut Change,
    ) {
        let (event, source) = (OrderEvent::OutcomeUnknown, EventSource::Own);
        let before = order.state;
        order.apply(&Told { event, source, ts_event: now, leg, values: None, about });
        change.events.push(Applied { event, before, after: order.state });
        let note = OrderNote {
            event,
            source,
            ts_event: now,
            ts_recv: now,
            leg,
            reason: about_reason(about),
            venue_code: None,
            detail: Some("the process was restarted"),
            market_seq: None,
        };
        // A row that is not taken halts trading; the outcome is not known all the same.
        let _ = self.scribe.order(order, note);
    }

    /// Writes rows of all that is open: orders, positions and balances. Segments before them are
    /// needed no more for a restart.
    ///
    /// # Errors
    /// The journal took no row.
    pub fn snapshot(&mut self, now: i64) -> Result<()> {
        for order in self.orders.open() {
            let leg = order.changes.last().map_or(order.leg, |change| change.leg);
            let facts = facts_words(order);
            let note = snapshot_note(order, leg, now, Some(&facts));
            self.scribe.order(order, note)?;
        }
        let note = own_note(now, None);
        let directory = Arc::clone(self.directory());
        for (key, position) in self.positions.iter() {
            if *position != Position::default() {
                self.scribe.position(key, position, PositionCause::Snapshot, note)?;
            }
        }
        for (account, asset, owned) in self.balances.iter().filter(|(.., one)| one.is_counted) {
            let rules = self.accounts.get(account.index()).and_then(Option::as_ref);
            let venue = rules.map_or("", |rules| directory.venue_name(rules.venue));
            let available = owned.available();
            let of = BalanceOf { account, venue, asset, owned, available, change: None };
            self.scribe.balance(of, BalanceCause::Snapshot, note)?;
        }
        self.summed_up = self.seq();
        Ok(())
    }

    /// Sets a balance of our own count to a figure that is known to be true.
    ///
    /// # Errors
    /// The journal took no row.
    pub fn set_balance(
        &mut self,
        now: i64,
        (account, asset): (AccountId, AssetId),
        total: Amount,
        cause: BalanceCause,
    ) -> Result<()> {
        let change = total - self.balances.get(account, asset).total;
        let owned = self.balances.count(account, asset, |_| total);
        let directory = Arc::clone(self.directory());
        let venue = self.rules(account).map_or("", |rules| directory.venue_name(rules.venue));
        let (available, change) = (owned.available(), Some(change));
        let of = BalanceOf { account, venue, asset, owned, available, change };
        self.scribe.balance(of, cause, own_note(now, None))
    }

    /// Sets a position of our own count to a figure that is known to be true.
    ///
    /// # Errors
    /// The journal took no row.
    pub fn set_position(
        &mut self,
        now: i64,
        key: PositionKey,
        position: Position,
        cause: PositionCause,
    ) -> Result<()> {
        self.positions.set(key, position);
        self.scribe.position(&key, &position, cause, own_note(now, None))
    }
}

fn own_note(now: i64, detail: Option<&str>) -> StateNote<'_> {
    let source = StateSource::Own;
    StateNote { ts_event: now, ts_recv: now, source, fill_id: None, detail }
}
