//! What rows of the market say, counted before the strategy is told of them.

use rustonite_core::Amount;
use rustonite_core::datasets::{INSTRUMENT_STATUS, InstrumentStatus, VOLUME_WINDOW, VolumeWindow};
use rustonite_core::ids::InstrumentId;
use rustonite_core::schema::Vocabulary;
use rustonite_tape::Batch;

use super::{FEED_SILENCE_NS, TradeError, Trader, lock};
use crate::market::{BOOK_DELTAS, INSTRUMENTS, Rows};
use crate::rows::{Deltas, Quotes, Tickers, Trades};

impl Trader {
    pub(super) fn count_rows(&mut self, rows: &Rows, instruments: &[Option<InstrumentId>]) {
        let followed = &self.market.followed()[rows.followed];
        let at = rows.venue.index();
        let now = lock(&self.shared).now();
        // Rules are told however long prices have not been.
        let is_market = followed.dataset != INSTRUMENTS;
        self.rows_seen[rows.followed] = Some(now);
        let before = if is_market { std::mem::replace(&mut self.heard[at], now) } else { now };
        if now.saturating_sub(before) > FEED_SILENCE_NS {
            let mut inner = lock(&self.shared);
            let now = inner.now();
            inner.desk.feed_connected(rows.venue, true, now);
        }
        match followed.dataset.as_str() {
            "quotes" => {
                let quotes = Quotes::new(&rows.batch, instruments);
                self.papers.quotes(rows.venue, &quotes);
                self.count_quotes(&quotes);
                if !self.profits.is_known() {
                    // The first price of what is held may be traded on.
                    self.tell_profit();
                }
            }
            "trades" => {
                let trades = Trades::new(&rows.batch, instruments);
                self.papers.trades(rows.venue, &trades);
                self.count_trades(&trades);
            }
            "tickers" => {
                let tickers = Tickers::new(&rows.batch, instruments);
                self.papers.marks(rows.venue, &tickers);
                self.count_tickers(&tickers);
            }
            INSTRUMENTS => self.count_instruments(&rows.batch, instruments),
            BOOK_DELTAS if !self.papers.is_empty() => {
                self.papers.deltas(rows.venue, &Deltas::new(&rows.batch, instruments));
            }
            _ => {}
        }
    }

    /// Counts prices of before the start, if they are fresh: the strategy's first call may trade.
    pub(super) fn count_before(&mut self) -> Result<(), TradeError> {
        let Self { market, shared, heard, rows_seen, .. } = self;
        let since = lock(shared).now().saturating_sub(FEED_SILENCE_NS);
        market.before("quotes", since, &mut |rows, instruments| {
            let quotes = Quotes::new(&rows.batch, instruments);
            let mut inner = lock(shared);
            for (instrument, row, at) in fresh(rows, instruments, quotes.ts_recv, since) {
                let (bid, ask) = (quotes.bid_price[at], quotes.ask_price[at]);
                let ts = inner.clock.ours(quotes.ts_recv[at]);
                inner.desk.price_by_quote(instrument, bid, ask, ts, row);
                (heard[rows.venue.index()], rows_seen[rows.followed]) = (ts, Some(ts));
            }
        })?;
        market.before("trades", since, &mut |rows, instruments| {
            let trades = Trades::new(&rows.batch, instruments);
            let mut inner = lock(shared);
            for (instrument, row, at) in fresh(rows, instruments, trades.ts_recv, since) {
                let ts = inner.clock.ours(trades.ts_recv[at]);
                inner.desk.price_by_trade(instrument, trades.price[at], ts, row);
                let heard = &mut heard[rows.venue.index()];
                (*heard, rows_seen[rows.followed]) = (ts.max(*heard), Some(ts));
            }
        })?;
        Ok(())
    }

    fn count_quotes(&self, rows: &Quotes<'_>) {
        let mut inner = lock(&self.shared);
        let first = i64::try_from(rows.batch.first_row()).unwrap_or(i64::MAX);
        for (at, instrument) in rows.instrument.iter().enumerate() {
            let Some(instrument) = *instrument else { continue };
            let row = first.saturating_add(i64::try_from(at).unwrap_or(i64::MAX));
            let (bid, ask) = (rows.bid_price[at], rows.ask_price[at]);
            let ts = inner.clock.ours(rows.ts_recv[at]);
            inner.desk.quote(instrument, bid, ask, ts, row);
        }
        inner.release_due();
    }

    fn count_trades(&self, rows: &Trades<'_>) {
        let mut inner = lock(&self.shared);
        let first = i64::try_from(rows.batch.first_row()).unwrap_or(i64::MAX);
        for (at, instrument) in rows.instrument.iter().enumerate() {
            let Some(instrument) = *instrument else { continue };
            let row = first.saturating_add(i64::try_from(at).unwrap_or(i64::MAX));
            let ts = inner.clock.ours(rows.ts_recv[at]);
            inner.desk.trade(instrument, rows.price[at], ts, row);
        }
        inner.release_due();
    }

    pub(super) fn count_tickers(&self, rows: &Tickers<'_>) {
        let statuses = Words::of(rows.batch, "status", &INSTRUMENT_STATUS);
        let windows = Words::of(rows.batch, "volume_window", &VOLUME_WINDOW);
        let mut inner = lock(&self.shared);
        for (at, instrument) in rows.instrument.iter().enumerate() {
            let Some(instrument) = *instrument else { continue };
            let figure = |column: &[f64]| column.get(at).copied().unwrap_or(0.0);
            inner.desk.marks(instrument, figure(rows.mark_price), figure(rows.index_price));
            if let Some(status) = statuses.at(at).and_then(InstrumentStatus::parse) {
                inner.desk.status(instrument, status);
            }
            // A day that has only begun says nothing of a whole one.
            let window = windows.at(at).and_then(VolumeWindow::parse);
            let volume = figure(rows.volume);
            if window == Some(VolumeWindow::Rolling24h) && volume > 0.0 {
                inner.desk.daily_volume(instrument, volume);
            }
        }
        inner.release_due();
    }

    /// Halts and delistings, and steps of price and size that are not those of the start any more.
    pub(super) fn count_instruments(&self, batch: &Batch, instruments: &[Option<InstrumentId>]) {
        let statuses = Words::of(batch, "status", &INSTRUMENT_STATUS);
        let [ticks, lots] = ["tick_size", "lot_size"].map(|name| amounts(batch, name));
        let mut inner = lock(&self.shared);
        let now = inner.now();
        for (at, instrument) in instruments.iter().enumerate() {
            let Some(instrument) = *instrument else { continue };
            if let Some(status) = statuses.at(at).and_then(InstrumentStatus::parse) {
                inner.desk.status(instrument, status);
            }
            // A replay has the rules of its tape's end from the start.
            if !self.config.replay {
                let step = |steps: &[Option<Amount>]| steps.get(at).copied().flatten();
                inner.desk.steps(instrument, step(&ticks), step(&lots), now);
            }
        }
    }
}

/// Rows of what is traded that were received since then: the instrument, the number on the tape, and
/// the place here.
fn fresh<'a>(
    rows: &Rows,
    instruments: &'a [Option<InstrumentId>],
    received: &'a [i64],
    since: i64,
) -> impl Iterator<Item = (InstrumentId, i64, usize)> + 'a {
    let first = i64::try_from(rows.batch.first_row()).unwrap_or(i64::MAX);
    let known = (first..).zip(instruments.iter().zip(received)).enumerate();
    known.filter(move |(_, (_, (_, ts)))| **ts >= since).filter_map(
        |(at, (row, (instrument, _)))| instrument.map(|instrument| (instrument, row, at)),
    )
}

/// A column of amounts.
fn amounts(batch: &Batch, name: &str) -> Vec<Option<Amount>> {
    let column = batch.schema().index_of(name).unwrap_or(usize::MAX);
    let values = batch.values::<i128>(column).unwrap_or_default();
    let set = batch.validity(column);
    let is_set = |at: usize| set.as_ref().is_none_or(|set| set.is_valid(at));
    values.iter().enumerate().map(|(at, value)| is_set(at).then_some(Amount(*value))).collect()
}

/// A column of words of which some are not there.
struct Words<'a> {
    codes: &'a [i8],
    /// `None` if all are.
    is_set: Option<Vec<bool>>,
    vocabulary: &'static Vocabulary,
}

impl<'a> Words<'a> {
    fn of(batch: &'a Batch, name: &str, vocabulary: &'static Vocabulary) -> Self {
        let column = batch.schema().index_of(name).unwrap_or(usize::MAX);
        let codes = batch.values(column).unwrap_or_default();
        let is_set = batch.validity(column).map(|set| set.iter().collect());
        Self { codes, is_set, vocabulary }
    }

    fn at(&self, row: usize) -> Option<&'static str> {
        let code = usize::try_from(*self.codes.get(row)?).ok()?;
        let is_there = self.is_set.as_ref().is_none_or(|set| set.get(row) == Some(&true));
        self.vocabulary.values.get(code).map(|(word, _)| *word).filter(|_| is_there)
    }
}
