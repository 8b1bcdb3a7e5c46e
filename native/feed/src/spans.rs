//! What is known of the completeness of the record: for how long each dataset of each instrument is
//! whole, and what is missing.

use std::mem;

use rustonite_book::{Anchor, Kept as Book, Scheme};
use rustonite_core::datasets::FeedEvent;

use crate::events::Fact;
use crate::instrument::{
    BOOK_DELTAS, BOOK_ORDERS, BookState, DATASETS, Kept, Span, TRADES, dataset_place,
};
use crate::recording::Recording;

/// What can be said of a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Proof {
    /// A loss would have been noticed.
    is_checked: bool,
    /// Why not, where that is worth saying.
    but: Option<&'static str>,
    /// Nothing that is needed is missing.
    is_whole: bool,
}

impl Proof {
    /// What a keeper checks. A checksum that was never sent proves nothing.
    pub(crate) fn of_book<B: Book>(kept: &Kept<B>) -> Self {
        let rules = kept.keeper.rules();
        let is_summed = kept.keeper.verified() > 0;
        let is_checked = rules.is_verifiable() && (rules.scheme != Scheme::Checksum || is_summed);
        let but = match (kept.state.is_doubtful, rules.sums_top && is_summed) {
            (true, _) => Some("a message could not be read"),
            (false, true) => Some("checksums of the best levels agree"),
            (false, false) => None,
        };
        let is_checked = is_checked && !kept.state.is_doubtful;
        Self { is_checked, but, is_whole: kept.is_whole() }
    }

    /// The same of a book as it was.
    pub(crate) fn given(self, is_whole: bool) -> Self {
        Self { is_whole, ..self }
    }
}

impl Recording {
    pub(crate) fn book_is_whole(
        &mut self,
        place: usize,
        dataset: usize,
        state: &mut BookState,
        symbol: &str,
        now: i64,
    ) {
        state.asked = false;
        if self.drops_rows() {
            // A picture is written once tapes take it.
            state.lost_since.get_or_insert(now);
            state.anchored = 1;
            return;
        }
        state.is_doubtful = false;
        let span = &mut self.instruments[place].spans[dataset];
        *span = Span { from: now, ..Span::default() };
        let Some(since) = state.lost_since.take() else { return };
        self.pending_fact(&Fact {
            symbol: Some(symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(&state.channel),
            ts_event: Some(since),
            span: Some((since, Some(now))),
            detail: Some("whole again"),
            ..Fact::of(FeedEvent::Gap)
        });
    }

    /// Ends what can be vouched for, and returns when it was whole last.
    pub(crate) fn break_span(
        &mut self,
        place: usize,
        dataset: usize,
        now: i64,
        proof: Proof,
    ) -> i64 {
        let span = mem::take(&mut self.instruments[place].spans[dataset]);
        if span.from == 0 {
            return now;
        }
        // A message that shows the loss was counted already: the span ends with the one before it.
        let until = if span.last == now { span.before.max(span.from) } else { span.last };
        let until = until.max(span.from);
        self.vouch_for(place, dataset, &span, until, proof);
        until
    }

    /// Data of a topic do not come any more; a planned end is no loss.
    pub(crate) fn end_data(
        &mut self,
        place: usize,
        channel: &str,
        dataset: &str,
        why: &str,
        is_planned: bool,
    ) {
        let Some(dataset) = dataset_place(dataset) else { return };
        let now = self.now();
        if self.instruments[place].book_state(dataset).is_some_and(|state| state.channel != channel)
        {
            // The book is made of another channel by now.
            return;
        }
        let since = self.break_span(place, dataset, now, self.proof(place, dataset));
        let instrument = &mut self.instruments[place];
        instrument.lose_book(dataset);
        if let Some(state) = instrument.book_state(dataset) {
            state.asked = false;
            let lost_since =
                if is_planned { None } else { Some(state.lost_since.unwrap_or(since)) };
            if mem::replace(&mut state.lost_since, lost_since).is_some() {
                // Told when it was lost.
                return;
            }
        } else if dataset == TRADES && instrument.trades_step {
            // Their ids will show what is missing.
            return;
        } else if !is_planned {
            instrument.lost_since[dataset] = Some(since);
        }
        if is_planned {
            return;
        }
        let symbol = instrument.symbol.clone();
        self.pending_fact(&Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[dataset]),
            channel: Some(channel),
            ts_event: Some(since),
            span: Some((since, None)),
            detail: Some(why),
            ..Fact::of(FeedEvent::Gap)
        });
    }

    /// Messages of a connection are missing, whose books do not show it themselves.
    pub(crate) fn connection_lost_messages(&mut self, connection: i64, why: &str) {
        for place in 0..self.instruments.len() {
            for dataset in [BOOK_DELTAS, BOOK_ORDERS] {
                let instrument = &mut self.instruments[place];
                let counted =
                    instrument.book_rules(dataset).is_some_and(|it| it.counted_by_connection);
                let Some(state) = instrument.book_state(dataset).filter(|_| counted) else {
                    continue;
                };
                let channel = state.channel.clone();
                if instrument.is_carried_by(&channel, connection) {
                    self.end_data(place, &channel, DATASETS[dataset], why, false);
                }
            }
        }
    }

    /// A message of a connection could not be read, and had rows of some books that are not written
    /// now. What else it had to say of books will show where they have numbers or checksums.
    pub(crate) fn lost_a_message(&mut self, connection: i64) {
        for (place, dataset) in mem::take(&mut self.touched) {
            self.unwritten(place, dataset);
        }
        for instrument in &mut self.instruments {
            for dataset in [BOOK_DELTAS, BOOK_ORDERS] {
                let shows = instrument.book_rules(dataset).is_none_or(|rules| {
                    let by_itself = rules.scheme != Scheme::None || rules.anchor == Anchor::Message;
                    by_itself && !rules.sums_top
                });
                let Some(state) = instrument.book_state(dataset).filter(|_| !shows) else {
                    continue;
                };
                let channel = state.channel.clone();
                let is_concerned = instrument.is_carried_by(&channel, connection);
                if let Some(state) = instrument.book_state(dataset) {
                    state.is_doubtful |= is_concerned;
                }
            }
        }
    }

    /// Rows are not on the tapes that should be: nothing is whole any more until data come again, and
    /// books until a picture of them is written, which is due at once.
    pub(crate) fn nothing_is_whole(&mut self) {
        for place in 0..self.instruments.len() {
            for dataset in 0..DATASETS.len() {
                self.unwritten(place, dataset);
            }
        }
    }

    fn unwritten(&mut self, place: usize, dataset: usize) {
        let had_data = self.instruments[place].had_data[dataset];
        if !had_data {
            return;
        }
        let now = self.now();
        let since = self.break_span(place, dataset, now, self.proof(place, dataset));
        let instrument = &mut self.instruments[place];
        match instrument.book_state(dataset) {
            Some(state) => {
                state.lost_since.get_or_insert(since);
                state.anchored = state.anchored.min(1);
            }
            None => drop(instrument.lost_since[dataset].get_or_insert(since)),
        }
    }

    /// Says of each instrument and dataset whether the interval is whole.
    pub(crate) fn vouch(&mut self, now: i64) {
        let can_vouch = !self.drops_rows();
        for place in 0..self.instruments.len() {
            for dataset in 0..DATASETS.len() {
                let span = self.instruments[place].spans[dataset];
                if span.from == 0 {
                    continue;
                }
                if can_vouch {
                    self.vouch_for(place, dataset, &span, now, self.proof(place, dataset));
                }
                // What nothing carries is vouched for as long as something came, as by REST.
                let goes_on = span.count > 0 || self.instruments[place].is_carried();
                let from = if goes_on && can_vouch { now } else { 0 };
                self.instruments[place].spans[dataset] = Span { from, ..Span::default() };
            }
        }
    }

    /// What is known of an instrument's data at the moment.
    pub(crate) fn proof(&self, place: usize, dataset: usize) -> Proof {
        let instrument = &self.instruments[place];
        match dataset {
            TRADES => {
                Proof { is_checked: instrument.trades_step, is_whole: true, ..Proof::default() }
            }
            BOOK_DELTAS => instrument.book.as_ref().map(Proof::of_book).unwrap_or_default(),
            BOOK_ORDERS => instrument.orders.as_ref().map(Proof::of_book).unwrap_or_default(),
            _ => Proof { is_whole: true, ..Proof::default() },
        }
    }

    fn vouch_for(&mut self, place: usize, dataset: usize, span: &Span, until: i64, proof: Proof) {
        if !proof.is_whole {
            return;
        }
        let instrument = &self.instruments[place];
        let symbol = instrument.symbol.clone();
        let fact = |kind| Fact {
            symbol: Some(&symbol),
            dataset: Some(DATASETS[dataset]),
            ts_event: Some(span.from),
            span: Some((span.from, Some(until))),
            ..Fact::of(kind)
        };
        let kind = if proof.is_checked { FeedEvent::Clean } else { FeedEvent::Unverifiable };
        let detail = proof.but.filter(|_| !proof.is_checked);
        self.pending_fact(&Fact { seq: span.seq, count: Some(span.count), detail, ..fact(kind) });
        if span.duplicates > 0 {
            self.pending_fact(&Fact { count: Some(span.duplicates), ..fact(FeedEvent::Duplicate) });
        }
    }
}
