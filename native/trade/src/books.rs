//! Books of levels as the tape of their changes tells them, for strategies to look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustonite_book::L2Book;
use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, LevelAction, flags};
use rustonite_core::ids::InstrumentId;
use rustonite_tape::Result;
use rustonite_wire::Level;

use crate::market::{BOOK_DELTAS, Market};
use crate::rows::Deltas;

/// The book of an instrument. Copies show the same one, as it is at the moment. While it is not whole
/// it shows no levels: after a loss until the next picture, and within a message.
#[derive(Clone, Debug)]
pub struct Book {
    instrument: InstrumentId,
    kept: Arc<Mutex<Kept>>,
}

impl Book {
    fn new(instrument: InstrumentId) -> Self {
        Self { instrument, kept: Arc::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of what.
    pub fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// Whether it is the venue's, as far as that can be told.
    pub fn is_whole(&self) -> bool {
        self.kept().is_whole()
    }

    /// The venue's clock at the last change.
    pub fn ts_event(&self) -> i64 {
        self.kept().ts_event
    }

    /// Our clock at the last change.
    pub fn ts_recv(&self) -> i64 {
        self.kept().ts_recv
    }

    /// The venue's number of the last change, where it has one.
    pub fn seq(&self) -> Option<i64> {
        self.kept().seq
    }

    /// The best level of a side.
    pub fn best(&self, side: BookSide) -> Option<Level> {
        self.kept().shown()?.best(side)
    }

    /// Levels of a side, best first, at most so many.
    pub fn levels(&self, side: BookSide, most: usize) -> Vec<Level> {
        let kept = self.kept();
        kept.shown().map_or_else(Vec::new, |book| book.levels(side).take(most).collect())
    }

    /// What rests on a side at a price or at better ones.
    pub fn size_to(&self, side: BookSide, price: f64) -> f64 {
        let is_within = |level: &Level| match side {
            BookSide::Bid => level.price.to_f64() >= price,
            BookSide::Ask => level.price.to_f64() <= price,
        };
        let kept = self.kept();
        let Some(book) = kept.shown() else { return 0.0 };
        book.levels(side).take_while(is_within).fold(0.0, |sum, level| sum + level.size.to_f64())
    }

    /// What so much of a side comes to: price times size, from the best level on. `None` if there is
    /// less.
    pub fn cost(&self, side: BookSide, size: f64) -> Option<f64> {
        let kept = self.kept();
        let (mut left, mut cost) = (size, 0.0);
        for level in kept.shown()?.levels(side) {
            let part = level.size.to_f64().min(left);
            cost += part * level.price.to_f64();
            left -= part;
            if left <= 0.0 {
                return Some(cost);
            }
        }
        None
    }
}

/// A book as its rows have made it.
#[derive(Debug)]
struct Kept {
    levels: L2Book,
    /// There was a picture, and no loss since.
    is_known: bool,
    /// Those of the last row.
    flags: i32,
    ts_event: i64,
    ts_recv: i64,
    seq: Option<i64>,
}

impl Default for Kept {
    fn default() -> Self {
        let (ts_event, ts_recv) = (0, 0);
        let (levels, flags) = (L2Book::new(), flags::LAST);
        Self { levels, is_known: false, flags, ts_event, ts_recv, seq: None }
    }
}

/// A row of `book_deltas`.
#[derive(Clone, Copy)]
struct Change {
    action: i8,
    /// `None` if it empties both sides.
    side: Option<BookSide>,
    price: f64,
    size: f64,
    count: Option<i32>,
    position: i32,
    flags: i32,
}

impl Kept {
    fn is_whole(&self) -> bool {
        self.is_known && self.flags & flags::LAST != 0
    }

    fn shown(&self) -> Option<&L2Book> {
        self.is_whole().then_some(&self.levels)
    }

    /// Applies a row; true if the book is lost by it.
    #[inline]
    fn take(&mut self, row: Change) -> bool {
        let is_picture = row.flags & flags::SNAPSHOT != 0;
        let goes_on = self.flags & (flags::SNAPSHOT | flags::LAST) == flags::SNAPSHOT;
        self.flags = row.flags;
        let is_clear = row.action == LevelAction::Clear as i8;
        let empties = is_clear && row.side.is_none();
        if empties || (is_picture && row.position == 0 && !goes_on) {
            self.levels.clear();
            self.is_known = true;
        } else if row.flags & flags::GAP != 0 && !is_picture {
            return self.lose();
        }
        match row.side.filter(|_| self.is_known) {
            Some(side) if is_clear => {
                self.empty(side);
                false
            }
            Some(side) => !self.put(side, row) && self.lose(),
            None => false,
        }
    }

    /// False if the book cannot hold it.
    fn put(&mut self, side: BookSide, row: Change) -> bool {
        let size = if row.action == LevelAction::Remove as i8 { 0.0 } else { row.size };
        let (Some(price), Some(size)) = (decimal(row.price), decimal(size)) else { return false };
        self.levels.set(&Level { side, price, size, count: row.count }).is_ok()
    }

    fn empty(&mut self, side: BookSide) {
        let all: Vec<_> = self.levels.levels(side).collect();
        for level in all {
            // It was there, so it fits.
            let _ = self.levels.set(&Level { size: Decimal::ZERO, ..level });
        }
    }

    /// Waits for the next picture; true if it was known until now.
    fn lose(&mut self) -> bool {
        self.levels.clear();
        std::mem::take(&mut self.is_known)
    }
}

/// The shortest decimal of a float, mostly without printing it.
#[inline]
fn decimal(value: f64) -> Option<Decimal> {
    const SCALE: f64 = 1e8;
    let units = (value * SCALE).round();
    // Of up to 15 digits each decimal has a float of its own.
    if units.abs() < 1e15 && (units / SCALE).to_bits() == value.to_bits() {
        #[allow(clippy::cast_possible_truncation, reason = "checked to be in range")]
        return Decimal::new(i128::from(units as i64), -8).ok();
    }
    Decimal::from_f64(value).ok()
}

/// Books of all instruments whose changes are followed.
#[derive(Debug, Default)]
pub(crate) struct Books {
    books: BTreeMap<InstrumentId, Book>,
    /// Those that changed since they were last asked for, in the order of their changes.
    changed: Vec<InstrumentId>,
}

impl Books {
    /// With what the tapes have of the time before a market begins, so that nobody has to wait for
    /// the next pictures.
    pub(crate) fn before(market: &Market) -> Result<Self> {
        let mut books = Self::default();
        market.before(BOOK_DELTAS, i64::MIN, &mut |rows, instruments| {
            books.take(&Deltas::new(&rows.batch, instruments));
        })?;
        books.changed.clear();
        Ok(books)
    }

    /// Applies rows. The instruments whose book is lost by them.
    pub(crate) fn take(&mut self, rows: &Deltas<'_>) -> Vec<InstrumentId> {
        let set = |name: &str| {
            let column = rows.batch.schema().index_of(name).unwrap_or(usize::MAX);
            let set = rows.batch.validity(column);
            move |at: usize| set.as_ref().is_none_or(|set| set.is_valid(at))
        };
        let (is_sided, is_counted, is_numbered) = (set("side"), set("count"), set("seq"));
        let change = |at: usize| Change {
            action: rows.action[at],
            side: is_sided(at).then(|| side_of(rows.side[at])),
            price: rows.price[at],
            size: rows.size[at],
            count: is_counted(at).then(|| rows.count[at]),
            position: rows.position[at],
            flags: rows.flags[at],
        };
        let (mut lost, mut begin) = (Vec::new(), 0);
        for run in rows.instrument.chunk_by(|one, next| one == next) {
            let places = begin..begin + run.len();
            begin = places.end;
            let Some(instrument) = run[0] else { continue };
            let last = places.end - 1;
            let book = self.books.entry(instrument).or_insert_with(|| Book::new(instrument));
            let mut kept = book.kept();
            if places.filter(|at| kept.take(change(*at))).count() > 0 {
                lost.push(instrument);
            }
            (kept.ts_event, kept.ts_recv) = (rows.ts_event[last], rows.ts_recv[last]);
            kept.seq = is_numbered(last).then(|| rows.seq[last]);
            if kept.is_known && !self.changed.contains(&instrument) {
                self.changed.push(instrument);
            }
        }
        lost
    }

    /// Rows of some instruments are missing: their books wait for the next picture.
    pub(crate) fn lose(&mut self, is_missing: impl Fn(InstrumentId) -> bool) {
        for book in self.books.values().filter(|book| is_missing(book.instrument)) {
            let mut kept = book.kept();
            kept.lose();
            // What comes next is the middle of something for all we know.
            kept.flags = flags::LAST;
        }
    }

    /// Whole books that changed since the last call. One whose message is not over yet comes later.
    pub(crate) fn changed(&mut self) -> Vec<Book> {
        let mut told = Vec::new();
        let books = &self.books;
        self.changed.retain(|instrument| {
            let Some(book) = books.get(instrument) else { return false };
            let kept = book.kept();
            if kept.is_whole() {
                told.push(book.clone());
            }
            kept.is_known && !kept.is_whole()
        });
        told
    }
}

fn side_of(code: i8) -> BookSide {
    if code == BookSide::Bid as i8 { BookSide::Bid } else { BookSide::Ask }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rustonite_core::Row as _;
    use rustonite_core::datasets::{BookDeltas, BookSide, LevelAction, draft, flags};
    use rustonite_core::ids::InstrumentId;
    use rustonite_tape::{Batch, Polled, Reader, Start, TapeOptions, Writer};

    use super::{Books, decimal};
    use crate::rows::Deltas;

    /// A message about one of two books: what it is, and its levels as side, price and size.
    type Message = (u8, Vec<(bool, u8, u8)>, bool);
    /// Sizes by price, bids and asks.
    type Levels = [BTreeMap<u8, u8>; 2];

    const BEGINS: u8 = 0;
    const LOSES: u8 = 1;

    fn messages() -> impl Strategy<Value = Vec<Message>> {
        let level = (any::<bool>(), 0_u8..12, 0_u8..4);
        let levels = prop::collection::vec(level, 1..6);
        prop::collection::vec((0_u8..8, levels, any::<bool>()), 1..40)
    }

    type Pushed<'a> = draft::BookDeltas<'a>;

    /// The rows of a message, as the recorder writes them.
    fn rows_of(at: usize, (kind, levels, _): &Message) -> Vec<Pushed<'static>> {
        let shared = match *kind {
            BEGINS => flags::SNAPSHOT,
            LOSES => flags::GAP,
            _ => 0,
        };
        let time = i64::try_from(at).unwrap();
        let row = Pushed {
            ts_event: time,
            ts_recv: time + 1,
            venue: "binance",
            symbol: "BTCUSDT",
            seq: Some(time + 2),
            flags: shared,
            ..Pushed::default()
        };
        let clear = Pushed { action: LevelAction::Clear, ..row };
        let mut rows = Vec::from_iter((*kind == BEGINS).then_some(clear));
        rows.extend(levels.iter().map(|(is_bid, price, size)| Pushed {
            action: if *size == 0 { LevelAction::Remove } else { LevelAction::Set },
            side: Some(if *is_bid { BookSide::Bid } else { BookSide::Ask }),
            price: Some(price_of(*price)),
            size: Some(f64::from(*size) * 0.3),
            ..row
        }));
        for (position, row) in (0..).zip(&mut rows) {
            row.position = position;
        }
        rows.last_mut().unwrap().flags |= flags::LAST;
        rows
    }

    fn price_of(cents: u8) -> f64 {
        (10_010.0 + f64::from(cents)) / 100.0
    }

    fn apply(known: &mut Option<Levels>, (kind, levels, _): &Message) {
        match *kind {
            BEGINS => *known = Some(Levels::default()),
            LOSES => *known = None,
            _ => {}
        }
        let Some(book) = known else { return };
        for (is_bid, price, size) in levels {
            let side = &mut book[usize::from(!is_bid)];
            if *size == 0 {
                side.remove(price);
            } else {
                side.insert(*price, *size);
            }
        }
    }

    fn written(rows: &[Pushed<'_>]) -> Batch {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape");
        let options = TapeOptions { segment_bytes: 1 << 20, ..TapeOptions::default() };
        let mut writer = Writer::create(&path, BookDeltas::schema(), options)
            .unwrap()
            .typed::<BookDeltas>()
            .unwrap();
        rows.iter().for_each(|row| writer.push_draft(row).unwrap());
        writer.commit().unwrap();
        let mut reader = Reader::open(&path, Start::First, false).unwrap();
        let Polled::Rows(batch) = reader.poll(usize::MAX).unwrap() else { panic!("no rows") };
        batch
    }

    fn shown(book: &super::Book) -> [Vec<(f64, f64)>; 2] {
        [BookSide::Bid, BookSide::Ask].map(|side| {
            let levels = book.levels(side, usize::MAX);
            levels.iter().map(|one| (one.price.to_f64(), one.size.to_f64())).collect()
        })
    }

    fn expected(levels: &Levels) -> [Vec<(f64, f64)>; 2] {
        let level = |(price, size): (&u8, &u8)| (price_of(*price), f64::from(*size) * 0.3);
        [levels[0].iter().rev().map(level).collect(), levels[1].iter().map(level).collect()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_book_that_is_told_is_what_the_messages_make_however_rows_are_cut(
            messages in messages(),
            cuts in prop::collection::vec(1_usize..7, 1..8),
        ) {
            let (mut rows, mut of, mut ends) = (Vec::new(), Vec::new(), Vec::new());
            for (at, message) in messages.iter().enumerate() {
                let made = rows_of(at, message);
                of.resize(of.len() + made.len(), Some(InstrumentId(u32::from(message.2))));
                rows.extend(made);
                ends.push(rows.len());
            }
            let batch = written(&rows);
            prop_assert_eq!(batch.len(), rows.len());
            let (mut books, mut model, mut done) = (Books::default(), [None, None], 0);
            let (mut begin, mut cuts) = (0, cuts.iter().cycle());
            while begin < rows.len() {
                let end = rows.len().min(begin + cuts.next().unwrap());
                let mut expected_lost = Vec::new();
                let mut last = [None; 2];
                let slice = batch.slice(begin, end - begin);
                let lost = books.take(&Deltas::new(&slice, &of[begin..end]));
                // A loss shows with the first row of its message.
                let starts = ends[..].iter().scan(0, |start, end| Some(std::mem::replace(start, *end)));
                for (at, start) in starts.enumerate() {
                    let (kind, _, which) = &messages[at];
                    let place = usize::from(*which);
                    if (begin..end).contains(&start) && *kind == LOSES && model[place].is_some() {
                        expected_lost.push(InstrumentId(u32::from(*which)));
                        model[place] = None;
                    }
                    if (begin + 1..=end).contains(&ends[at]) {
                        apply(&mut model[place], &messages[at]);
                        last[place] = Some(at);
                        done = at + 1;
                    }
                }
                let torn = messages.get(done).filter(|_| end > ends.get(done.wrapping_sub(1)).copied().unwrap_or(0));
                let torn = torn.map(|message| usize::from(message.2));
                prop_assert!(expected_lost.iter().all(|one| lost.contains(one)));
                let mut told = [false; 2];
                for book in books.changed() {
                    let place = usize::try_from(book.instrument().0).unwrap();
                    told[place] = true;
                    prop_assert_eq!(Some(shown(&book)), model[place].as_ref().map(expected));
                    let at = i64::try_from(last[place].unwrap()).unwrap();
                    prop_assert_eq!((book.ts_event(), book.ts_recv(), book.seq()), (at, at + 1, Some(at + 2)));
                }
                for place in 0..2 {
                    let is_told = last[place].is_some() && model[place].is_some() && torn != Some(place);
                    prop_assert_eq!(told[place], is_told, "book {} after row {}", place, end);
                }
                begin = end;
            }
        }
    }

    #[test]
    fn depth_is_counted_from_the_best_level() {
        let levels = vec![(true, 1, 1), (true, 2, 2), (false, 5, 1), (false, 6, 2)];
        let rows = rows_of(0, &(BEGINS, levels, false));
        let (batch, of) = (written(&rows), vec![Some(InstrumentId(0)); rows.len()]);
        let mut books = Books::default();
        books.take(&Deltas::new(&batch, &of));
        let book = books.changed().remove(0);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        near(book.size_to(BookSide::Bid, 100.12), 0.6);
        near(book.size_to(BookSide::Bid, 100.0), 0.9);
        near(book.size_to(BookSide::Ask, 100.14), 0.0);
        near(book.cost(BookSide::Ask, 0.5).unwrap(), 0.3 * 100.15 + 0.2 * 100.16);
        assert_eq!(book.cost(BookSide::Ask, 1.0), None, "there is less");
        books.lose(|_| true);
        assert!(!book.is_whole());
        assert_eq!((book.best(BookSide::Bid), book.cost(BookSide::Ask, 0.1)), (None, None));
    }

    #[test]
    fn what_is_left_of_a_picture_is_no_book() {
        let rows = rows_of(0, &(BEGINS, vec![(true, 1, 1), (true, 2, 2)], false));
        let (batch, of) = (written(&rows), vec![Some(InstrumentId(0)); rows.len()]);
        let mut books = Books::default();
        books.take(&Deltas::new(&batch.slice(1, 2), &of[1..]));
        assert!(books.changed().is_empty());
    }

    proptest! {
        #[test]
        fn decimals_of_floats_are_the_shortest(value in prop_oneof![
            any::<f64>().prop_filter("finite", |one| one.is_finite()),
            (0_i64..10_000_000_000_000, 0_i32..12).prop_map(|(units, scale)| {
                #[allow(clippy::cast_precision_loss)]
                let value = units as f64 / 10_f64.powi(scale);
                value
            }),
        ]) {
            let slow = rustonite_core::Decimal::from_f64(value).ok();
            prop_assert_eq!(decimal(value), slow);
        }
    }
}
