//! What is true of each instrument: its books and its newest trades, as messages say.

use std::collections::{HashMap, VecDeque};

use rustonite_book::{Anchor, Keeper, L2Book, Rules, State};
use rustonite_core::Decimal;
use rustonite_core::datasets::{Aggressor, BookSide, draft, flags};
use rustonite_wire::{BookUpdate, Codec, Control, Feed, Frame, Host, Level, Sink, Topic, Trade};

use super::source::Recorded;
use super::{TradesSent, TrueBook};

/// Trades that a venue repeats after a subscription.
const HISTORY: usize = 50;

/// What is true of all instruments.
pub(super) struct Truths {
    venue: String,
    codec: Box<dyn Codec>,
    known: HashMap<String, Truth>,
}

#[derive(Default)]
struct Truth {
    /// One for each channel of books.
    books: Vec<Book>,
    recent: VecDeque<Told>,
    sent: TradesSent,
}

struct Book {
    topic: Topic,
    keeper: Keeper<L2Book>,
    ts_event: i64,
    /// Its first picture, for whoever asks for one that is too old.
    early: Option<(i64, Vec<Level>)>,
}

/// A trade that was sent.
#[derive(Clone, Copy)]
struct Told {
    id: i64,
    ts_event: i64,
    price: Decimal,
    size: Decimal,
    side: Aggressor,
}

/// What a message was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Book,
    /// An answer to somebody's request.
    Answer,
    Other,
}

impl Truths {
    pub(super) fn new(venue: &str, codec: Box<dyn Codec>) -> Self {
        Self { venue: venue.to_owned(), codec, known: HashMap::new() }
    }

    /// Takes what a message says. Acknowledgements have what the codec needs to know, such as the
    /// depth of a book.
    pub(super) fn note(&mut self, host: &dyn Host, topic: &Topic, message: &Recorded) -> Sort {
        let Self { venue, codec, known } = self;
        let mut noting = Noting { host, topic, known, venue, sort: Sort::Other };
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let _ = codec.decode(frame, &mut noting);
        noting.sort
    }

    /// Takes what an answer of REST says.
    pub(super) fn note_answer(
        &mut self,
        host: &dyn Host,
        topic: &Topic,
        feed: &Feed,
        answer: &Recorded,
    ) {
        let Self { venue, codec, known } = self;
        let mut noting = Noting { host, topic, known, venue, sort: Sort::Other };
        let frame = Frame { ts_recv: answer.ts_recv, data: &answer.data };
        let _ = codec.decode_answer(feed, frame, &mut noting);
    }

    /// The picture that a stream begins with, and its checksum.
    pub(super) fn picture_by_stream(&self, host: &dyn Host, topic: &Topic) -> Vec<String> {
        let symbol = topic.symbol.as_deref().unwrap_or_default();
        let books = self.known.get(symbol).map(|truth| &truth.books[..]).unwrap_or_default();
        let is_due = |book: &&Book| {
            let rules = book.keeper.rules();
            let is_meant = host.carries(topic, &book.topic);
            is_meant && rules.anchor == Anchor::Subscription && book.keeper.state() == State::Live
        };
        let Some(Book { keeper, ts_event, .. }) = books.iter().find(is_due) else {
            return Vec::new();
        };
        let levels: Vec<_> = keeper.book().iter().collect();
        let sum = keeper.rules().checksum;
        let update = BookUpdate {
            symbol,
            ts_event: *ts_event,
            is_snapshot: true,
            seq: keeper.seq(),
            checksum: sum.map(|sum| sum.of_levels(keeper.book(), &mut String::new())),
            levels: &levels,
            ..BookUpdate::default()
        };
        [host.book(topic, &update), host.checksum(topic, &update)].into_iter().flatten().collect()
    }

    /// The picture that REST answers with: the present one or, if it is to be `stale`, the first.
    pub(super) fn picture_by_rest(
        &self,
        host: &dyn Host,
        symbol: &str,
        depth: usize,
        stale: bool,
    ) -> Option<Vec<u8>> {
        let Book { keeper, ts_event, early, .. } = self.book(symbol)?;
        let now = || (keeper.seq(), keeper.book().iter().collect());
        let (seq, levels): (Option<i64>, Vec<Level>) = match early {
            Some((seq, levels)) if stale => (Some(*seq), levels.clone()),
            _ => now(),
        };
        let update = BookUpdate {
            symbol,
            ts_event: *ts_event,
            is_snapshot: true,
            seq,
            depth: Some(depth),
            levels: &levels,
            ..BookUpdate::default()
        };
        Some(host.picture(&update).into_bytes())
    }

    /// Trades that a subscription begins with.
    pub(super) fn history(&self, host: &dyn Host, topic: &Topic, repeats: bool) -> Vec<String> {
        let none = Vec::new;
        let Some(symbol) = topic.symbol.as_deref() else { return none() };
        let Some(truth) = self.known.get(symbol) else { return none() };
        let trades: Vec<_> = truth.recent.iter().map(|told| told.trade(symbol)).collect();
        let Some(newest) = trades.last() else { return none() };
        let one = host.trades(&[*newest], false);
        let sent = one.and_then(|text| host.topic_of(text.as_bytes()));
        if sent.is_none_or(|sent| !host.carries(topic, &sent)) {
            return none();
        }
        if host.repeats_trades() {
            return host.trades(&trades, true).into_iter().collect();
        }
        let each = trades.iter().filter_map(|trade| host.trades(&[*trade], false));
        if repeats { each.collect() } else { none() }
    }

    /// The deepest book of an instrument that is whole.
    fn book(&self, symbol: &str) -> Option<&Book> {
        let whole = |book: &&Book| book.keeper.state() == State::Live;
        let depth = |book: &&Book| {
            let book = book.keeper.book();
            book.len(BookSide::Bid) + book.len(BookSide::Ask)
        };
        self.known.get(symbol)?.books.iter().filter(whole).max_by_key(depth)
    }

    pub(super) fn true_book(&self, symbol: &str) -> Option<TrueBook> {
        let keeper = &self.book(symbol)?.keeper;
        Some(TrueBook { seq: keeper.seq(), levels: keeper.book().iter().collect() })
    }

    pub(super) fn trades_sent(&self, symbol: &str) -> TradesSent {
        self.known.get(symbol).map(|truth| truth.sent).unwrap_or_default()
    }
}

impl Told {
    fn trade<'a>(&self, symbol: &'a str) -> Trade<'a> {
        let Self { id, ts_event, price, size, side } = *self;
        Trade { symbol, id, ts_event, price, size, side }
    }
}

/// Notes what a message of the source says.
struct Noting<'a> {
    host: &'a dyn Host,
    topic: &'a Topic,
    known: &'a mut HashMap<String, Truth>,
    venue: &'a str,
    sort: Sort,
}

impl Noting<'_> {
    /// The book of an instrument that messages of this topic change.
    fn book_of(&mut self, symbol: &str) -> &mut Book {
        let Self { host, topic, known, venue, .. } = self;
        let books = &mut known.entry(symbol.to_owned()).or_default().books;
        let is_meant = |book: &Book| host.carries(&book.topic, topic);
        let place = books.iter().position(is_meant).unwrap_or_else(|| {
            let rules = rustonite_book::rules(venue, &topic.channel).unwrap_or(Rules::UNCHECKED);
            let (topic, keeper) = (topic.clone(), Keeper::new(rules));
            books.push(Book { topic, keeper, ts_event: 0, early: None });
            books.len() - 1
        });
        &mut books[place]
    }
}

impl Sink for Noting<'_> {
    fn book(&mut self, update: &BookUpdate<'_>) {
        self.sort = Sort::Book;
        let book = self.book_of(update.symbol);
        book.ts_event = update.ts_event;
        book.keeper.update(update);
        if book.early.is_none()
            && let Some(seq) = book.keeper.seq()
        {
            book.early = Some((seq, book.keeper.book().iter().collect()));
        }
    }

    fn trade(&mut self, row: &draft::Trades<'_>) {
        // What a recording has of the time before it was told already, or is from long ago.
        if row.flags & flags::STALE != 0 {
            return;
        }
        let id = row.trade_id.or_else(|| {
            let digits = row.trade_uid?.rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
            digits.parse().ok()
        });
        let (Some(id), Ok(price), Ok(size)) =
            (id, Decimal::from_f64(row.price), Decimal::from_f64(row.size))
        else {
            return;
        };
        let truth = self.known.entry(row.symbol.to_owned()).or_default();
        truth.sent.add(id);
        truth.recent.push_back(Told { id, ts_event: row.ts_event, price, size, side: row.side });
        if truth.recent.len() > HISTORY {
            truth.recent.pop_front();
        }
    }

    fn control(&mut self, control: &Control<'_>) {
        let is_answer = matches!(
            control,
            Control::Subscribed(_) | Control::Unsubscribed(_) | Control::Refused(_)
        );
        if is_answer {
            self.sort = Sort::Answer;
        }
    }
}

impl TradesSent {
    fn add(&mut self, id: i64) {
        self.first.get_or_insert(id);
        self.last = Some(id);
        self.count += 1;
    }
}
