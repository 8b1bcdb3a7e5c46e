//! Turns decoded updates of one instrument into a book that is proven right, or says why not.

use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;
use rustonite_wire::{BookUpdate, OrdersUpdate};

use crate::held::{Head, Held, Limits};
use crate::kept::{Kept, Trouble};
use crate::numbers::{Join, Numbers, Step};
use crate::rules::{Anchor, Rules};
use crate::{BookError, L2Book, L3Book, OrderEvent, OrderId};

#[cfg(test)]
mod tests;

/// A venue that repeats itself for so long has begun to count anew without saying so.
const OLD_MAX: u32 = 100_000;
/// What counts for more: old numbers on the connection that had the newest ones. On another one they
/// may come from a copy that lags, and before the first change after a picture by REST age is what is
/// to be expected, as calls have to wait for their turn.
const OLD_TELLING: u32 = 1_000;

/// What an update did. Every word that is not listed under [`Verdict::is_loss`] leaves the book as
/// good as it was.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The book has it. Write its rows, and those of [`Keeper::cut`].
    Applied,
    /// The book has it, and its best bid is at or above its best ask. Write its rows. Said once per
    /// crossing; [`Keeper::crossed`] counts on.
    Crossed,
    /// A picture was applied, and changes that had waited for it. Write the book as it is now.
    Anchored {
        /// Changes that were applied after the picture.
        buffered: usize,
        /// Changes that the picture had already.
        left_out: usize,
    },
    /// The change waits for a picture.
    Buffered,
    /// The change was left out: a picture is still to come by the stream and will have it.
    Waiting,
    /// Left out: the book has it already.
    Old,
    /// Nothing happened at the venue; it says that it is there.
    KeepAlive,
    /// The venue began to count anew. Not a loss.
    Restarted(Renewal),
    /// A picture from before the first change that waits: ask again.
    StalePicture {
        /// Number of the picture.
        picture: i64,
        /// First number of the first change that it does not have.
        first: i64,
    },
    /// Numbers are missing. Waits for a picture.
    Gap {
        /// The first number that is missing.
        from: i64,
        /// The last one; below `from` if the venue counts anew.
        to: i64,
        /// How many are missing, where each number is used.
        missing: Option<i64>,
    },
    /// The venue's book is another one. Waits for a picture.
    ChecksumFailed {
        /// What the venue sent.
        expected: i64,
        /// What our book gives.
        found: i64,
    },
    /// A level was to be removed that we do not have, although the venue only removes what is there.
    /// Waits for a picture.
    UnknownLevel {
        /// Its side.
        side: BookSide,
        /// Its price.
        price: Decimal,
    },
    /// The same for an order.
    UnknownOrder(OrderId),
    /// The message lacks the number by which it would be checked. Waits for a picture.
    Unnumbered,
    /// The book cannot hold what the message says. Waits for a picture.
    Unfit(BookError),
}

impl Verdict {
    /// Whether the book is broken, and a picture must be got. [`Keeper::rules`] say how.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::Gap { .. }
                | Self::ChecksumFailed { .. }
                | Self::UnknownLevel { .. }
                | Self::UnknownOrder(_)
                | Self::Unnumbered
                | Self::Unfit(_)
        )
    }
}

/// What a venue's new count means for the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The book goes on. Write the rows of the message.
    Continued,
    /// The message is a new book. Write the book as it is now.
    Replaced,
    /// The book is empty and waits for a picture by REST. An answer to a call from before must not
    /// be given to the keeper: its number tells nothing about the new book.
    Emptied,
}

/// Whether a book can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There was no picture so far, or something was lost since.
    Waiting,
    /// It is what the venue sent.
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// A picture that came by REST is there, and no change after it so far.
    Joining,
    Live,
}

/// A message of either sort of book.
#[derive(Debug)]
struct Message<'a, T> {
    is_picture: bool,
    numbers: Numbers,
    checksum: Option<i64>,
    depth: Option<usize>,
    items: &'a [T],
}

// Derived, these would ask the same of `T`.
impl<T> Clone for Message<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Message<'_, T> {}

/// Keeps the book of one instrument and channel by the rules of its venue.
#[derive(Clone, Debug)]
pub struct Keeper<B: Kept = L2Book> {
    rules: Rules,
    book: B,
    phase: Phase,
    /// Number of what was applied last.
    at: i64,
    /// The connection that brought it.
    at_by: Option<i64>,
    /// The connection of what is applied now.
    connection: i64,
    held: Held<B::Item>,
    depth: Option<usize>,
    cut: Vec<B::Item>,
    crossed: u64,
    crossing_told: bool,
    olds: u32,
    verified: u64,
    text: String,
    items: Vec<B::Item>,
}

impl Keeper<L2Book> {
    /// Takes an update of a book of levels.
    pub fn update(&mut self, update: &BookUpdate<'_>) -> Verdict {
        self.receive(Message {
            is_picture: update.is_snapshot,
            numbers: numbers(update),
            checksum: update.checksum,
            depth: update.depth,
            items: update.levels,
        })
    }
}

impl Keeper<L3Book> {
    /// Takes an update of a book of orders.
    pub fn update(&mut self, update: &OrdersUpdate<'_>) -> Verdict {
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        items.extend(update.orders.iter().map(OrderEvent::from));
        let verdict = self.receive(Message {
            is_picture: update.is_snapshot,
            numbers: Numbers { last: update.seq, ..Numbers::default() },
            checksum: update.checksum,
            depth: update.depth,
            items: &items,
        });
        self.items = items;
        verdict
    }
}

impl<B: Kept> Keeper<B> {
    /// Waits for the first picture.
    pub fn new(rules: Rules) -> Self {
        Self::with_limits(rules, Limits::default())
    }

    fn with_limits(rules: Rules, limits: Limits) -> Self {
        Self {
            rules,
            book: B::default(),
            phase: Phase::Waiting,
            at: 0,
            at_by: None,
            connection: 0,
            held: Held::new(limits),
            depth: None,
            cut: Vec::new(),
            crossed: 0,
            crossing_told: false,
            olds: 0,
            verified: 0,
            text: String::new(),
            items: Vec::new(),
        }
    }

    /// The rules that it goes by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The book. While [`State::Waiting`], as it was before the loss.
    pub fn book(&self) -> &B {
        &self.book
    }

    /// Whether the book can be relied on.
    pub fn state(&self) -> State {
        if self.phase == Phase::Waiting { State::Waiting } else { State::Live }
    }

    /// Number of what was applied last, where the venue numbers and the book is live.
    pub fn seq(&self) -> Option<i64> {
        (self.phase != Phase::Waiting && self.rules.is_numbered()).then_some(self.at)
    }

    /// What the last update pushed beyond the subscribed depth: the venue does not announce it.
    pub fn cut(&self) -> &[B::Item] {
        &self.cut
    }

    /// Updates in a row after which the book was crossed.
    pub fn crossed(&self) -> u64 {
        self.crossed
    }

    /// Checksums that were compared and agreed.
    pub fn verified(&self) -> u64 {
        self.verified
    }

    /// Updates come over this connection from now on.
    #[inline]
    pub fn hear(&mut self, connection: i64) {
        self.connection = connection;
    }

    /// A connection ended: another one may show by now that the venue counts anew.
    pub fn forget(&mut self, connection: i64) {
        self.at_by = self.at_by.filter(|by| *by != connection);
    }

    /// Something was lost: the connection ended, or whoever reads it says so. Waits for a picture;
    /// what waited so far is from before the loss and given up.
    pub fn lose(&mut self) {
        self.phase = Phase::Waiting;
        self.held.clear();
        self.cut.clear();
        self.olds = 0;
        self.crossed = 0;
        self.crossing_told = false;
    }

    #[inline]
    fn receive(&mut self, message: Message<'_, B::Item>) -> Verdict {
        self.cut.clear();
        if self.phase == Phase::Live && !message.is_picture && self.rules.anchor != Anchor::Message
        {
            return self.change(message);
        }
        match (self.rules.anchor, message.is_picture) {
            (Anchor::Message, _) => self.picture_again(message),
            (Anchor::Subscription, true) => self.picture(message),
            // The stream of a live book has no pictures but this.
            (Anchor::Rest, true)
                if self.phase != Phase::Waiting && self.rules.begins(message.numbers) =>
            {
                self.begin(message)
            }
            (Anchor::Rest, true) => self.picture_by_rest(message),
            (_, false) => self.early_change(message),
        }
    }

    /// A change while the book is live.
    #[inline]
    fn change(&mut self, message: Message<'_, B::Item>) -> Verdict {
        if self.rules.begins(message.numbers) {
            return self.begin(message);
        }
        let step = self.rules.step(self.at, message.numbers);
        match step {
            Step::Alive if message.items.is_empty() => {
                self.olds = 0;
                Verdict::KeepAlive
            }
            Step::Next | Step::Alive => self.apply(message, Verdict::Applied),
            Step::Lower => self.apply(message, Verdict::Restarted(Renewal::Continued)),
            Step::Old => self.old(message),
            Step::Gap { from, to, missing } => {
                self.broken(message, Verdict::Gap { from, to, missing })
            }
            Step::Unnumbered if self.is_summed(message) => self.apply(message, Verdict::Applied),
            Step::Unnumbered => self.broken(message, Verdict::Unnumbered),
        }
    }

    /// Whether a checksum proves what numbers do not: OKX had no numbers once.
    fn is_summed(&self, message: Message<'_, B::Item>) -> bool {
        let pair = self.rules.checksum.zip(message.checksum);
        pair.is_some_and(|(rule, sent)| rule.is_meant(sent))
    }

    /// A change that is not the next one after another.
    fn early_change(&mut self, message: Message<'_, B::Item>) -> Verdict {
        if self.rules.begins(message.numbers) {
            return self.begin(message);
        }
        if self.phase == Phase::Waiting {
            if self.rules.anchor != Anchor::Rest {
                return Verdict::Waiting;
            }
            self.hold(message);
            return Verdict::Buffered;
        }
        self.join(message)
    }

    /// A change that is the first after a picture by REST, or older than it.
    fn join(&mut self, message: Message<'_, B::Item>) -> Verdict {
        match self.rules.join(self.at, message.numbers) {
            Join::Old => self.old(message),
            Join::First => {
                self.phase = Phase::Live;
                self.apply(message, Verdict::Applied)
            }
            Join::Later(first) => {
                let (from, to) = (self.at.saturating_add(1), first.saturating_sub(1));
                self.broken(message, Verdict::Gap { from, to, missing: None })
            }
            Join::Unnumbered => self.broken(message, Verdict::Unnumbered),
        }
    }

    /// A message whose number says that the book begins anew.
    fn begin(&mut self, message: Message<'_, B::Item>) -> Verdict {
        if self.rules.anchor != Anchor::Rest {
            return self.picture(message);
        }
        self.lose();
        self.book.reset();
        self.hold(message);
        Verdict::Restarted(Renewal::Emptied)
    }

    /// A picture by the stream.
    fn picture(&mut self, message: Message<'_, B::Item>) -> Verdict {
        let is_live = self.phase == Phase::Live;
        let renewed = is_live && self.rules.begins(message.numbers);
        // A second connection begins with a picture, which may be late.
        let is_older = message.numbers.last.is_some_and(|last| last <= self.at);
        if is_live && is_older && !renewed && self.rules.is_numbered() {
            return self.old(message);
        }
        match self.replace(message) {
            Some(loss) => loss,
            None if renewed => Verdict::Restarted(Renewal::Replaced),
            None => Verdict::Anchored { buffered: 0, left_out: 0 },
        }
    }

    /// A picture where every message is one.
    fn picture_again(&mut self, message: Message<'_, B::Item>) -> Verdict {
        // A second one in a row means that the venue counts anew; a picture needs nothing before it.
        let is_older = message.numbers.last.is_some_and(|last| last < self.at);
        if is_older && self.phase == Phase::Live && self.olds == 0 {
            self.olds = 1;
            return Verdict::Old;
        }
        match self.replace(message) {
            Some(loss) => loss,
            None => self.applied(Verdict::Applied),
        }
    }

    /// A picture that was asked for.
    fn picture_by_rest(&mut self, message: Message<'_, B::Item>) -> Verdict {
        let Some(number) = message.numbers.last.or((!self.rules.is_numbered()).then_some(0)) else {
            return Verdict::Unnumbered;
        };
        if self.phase != Phase::Waiting && self.rules.is_numbered() && number <= self.at {
            return Verdict::Old;
        }
        // The first change that the picture does not have must meet it.
        for head in self.held.heads() {
            match self.rules.join(number, head.numbers) {
                Join::Old => {}
                Join::Later(first) => return Verdict::StalePicture { picture: number, first },
                Join::First | Join::Unnumbered => break,
            }
        }
        if let Some(loss) = self.replace(message) {
            return loss;
        }
        self.phase = Phase::Joining;
        self.replay()
    }

    /// Applies what waited for the picture that was just applied.
    fn replay(&mut self) -> Verdict {
        let (mut buffered, mut left_out) = (0, 0);
        let connection = self.connection;
        let mut items = std::mem::take(&mut self.items);
        let mut loss = None;
        while let Some(head) = self.held.pop(&mut items) {
            self.connection = head.connection;
            let message = Message {
                is_picture: false,
                numbers: head.numbers,
                checksum: head.checksum,
                depth: head.depth,
                items: &items,
            };
            // A message that begins a new book is the first that waits, and the picture is of that
            // book.
            let verdict = match self.phase {
                Phase::Joining => self.join(message),
                _ => self.receive(message),
            };
            match verdict {
                Verdict::Old | Verdict::KeepAlive => left_out += 1,
                verdict if self.phase == Phase::Waiting => {
                    loss = Some(verdict);
                    break;
                }
                _ => buffered += 1,
            }
        }
        self.items = items;
        self.connection = connection;
        // All of the book will be written, so nothing needs to be said about what fell off it.
        self.cut.clear();
        loss.unwrap_or(Verdict::Anchored { buffered, left_out })
    }

    /// Makes the book what a picture says; the loss if it cannot.
    fn replace(&mut self, message: Message<'_, B::Item>) -> Option<Verdict> {
        let is_unnumbered = self.rules.is_numbered() && message.numbers.last.is_none();
        if is_unnumbered && !self.is_summed(message) {
            return Some(self.broken(message, Verdict::Unnumbered));
        }
        if self.rules.anchor != Anchor::Rest {
            self.held.clear();
        }
        self.book.reset();
        self.phase = Phase::Live;
        if let Err(loss) = self.put(message) {
            self.phase = Phase::Waiting;
            return Some(loss);
        }
        self.cut.clear();
        self.count_crossing();
        None
    }

    /// Applies a change whose turn it is.
    #[inline]
    fn apply(&mut self, message: Message<'_, B::Item>, verdict: Verdict) -> Verdict {
        match self.put(message) {
            Ok(()) => {
                self.count_crossing();
                self.applied(verdict)
            }
            // The message is in the book in part; only a picture helps, and it will have the message.
            Err(loss) => self.lost(loss),
        }
    }

    #[inline]
    fn applied(&mut self, verdict: Verdict) -> Verdict {
        if self.crossed > 0 && !self.crossing_told && verdict == Verdict::Applied {
            self.crossing_told = true;
            return Verdict::Crossed;
        }
        verdict
    }

    #[inline]
    fn put(&mut self, message: Message<'_, B::Item>) -> Result<(), Verdict> {
        self.olds = 0;
        self.at_by = Some(self.connection);
        self.at = message.numbers.last.unwrap_or(self.at);
        for item in message.items {
            self.book.put(item, self.rules.unknown, message.is_picture).map_err(Verdict::from)?;
        }
        if self.rules.cuts {
            self.depth = message.depth.or(self.depth);
            if let Some(depth) = self.depth {
                self.book.cut(depth, &mut self.cut);
            }
        }
        match (self.rules.checksum, message.checksum) {
            (Some(rule), Some(expected)) if rule.is_meant(expected) => {
                let found = self.book.sum(rule, &mut self.text);
                if found != expected {
                    return Err(Verdict::ChecksumFailed { expected, found });
                }
                self.verified += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count_crossing(&mut self) {
        if self.book.is_crossed() {
            self.crossed += 1;
        } else {
            self.crossed = 0;
            self.crossing_told = false;
        }
    }

    #[cold]
    fn old(&mut self, message: Message<'_, B::Item>) -> Verdict {
        let had_the_newest = self.at_by.is_none_or(|by| by == self.connection);
        let is_telling = had_the_newest && self.phase != Phase::Joining;
        self.olds += if is_telling { OLD_TELLING } else { 1 };
        if self.olds <= OLD_MAX {
            return Verdict::Old;
        }
        let to = message.numbers.last.unwrap_or(self.at);
        let from = self.at.saturating_add(1);
        self.broken(message, Verdict::Gap { from, to, missing: None })
    }

    /// A message shows that something before it is missing. It is good itself, so it waits for the
    /// picture, before those that wait behind it.
    #[cold]
    fn broken(&mut self, message: Message<'_, B::Item>, loss: Verdict) -> Verdict {
        let verdict = self.lost(loss);
        if self.rules.anchor == Anchor::Rest && !message.is_picture {
            self.held.push_front(self.head(message), message.items);
        }
        verdict
    }

    #[cold]
    fn lost(&mut self, loss: Verdict) -> Verdict {
        self.phase = Phase::Waiting;
        self.cut.clear();
        self.olds = 0;
        self.crossed = 0;
        self.crossing_told = false;
        loss
    }

    fn hold(&mut self, message: Message<'_, B::Item>) {
        self.held.push(self.head(message), message.items);
    }

    fn head(&self, message: Message<'_, B::Item>) -> Head {
        let Message { numbers, checksum, depth, items, .. } = message;
        Head { connection: self.connection, numbers, checksum, depth, items: items.len() }
    }
}

impl From<Trouble> for Verdict {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Level { side, price } => Self::UnknownLevel { side, price },
            Trouble::Order(id) => Self::UnknownOrder(id),
            Trouble::Unfit(error) => Self::Unfit(error),
        }
    }
}

fn numbers(update: &BookUpdate<'_>) -> Numbers {
    Numbers { first: update.seq_first, last: update.seq, before: update.seq_prev }
}
