//! Own orders against a recorded market.
//!
//! A [`Replay`] is given recorded events in the order of the venue's clock. Three clocks run: the
//! venue matches at the recorded times, the strategy sees each event when its feed delivers it, and
//! what it asks for and hears back takes its time on the line. Own orders rest in the recorded book
//! at an estimated place of the queue; what they take is missing there until the book changes. They
//! do not meet each other, and nobody reacts to them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Amount, CancelReason, Expiry, Fees, Latency, Message, QueueModel, Reject, Side};

use venue::Venue;

pub(crate) mod book;
pub(crate) mod late;
mod orders;
#[cfg(test)]
mod tests;
mod venue;

/// A trade comes up to so much later than the level that shows what it took: in recordings of Binance
/// 99 of 100 of those that are late at all.
pub const LATE_NS: i64 = 100_000_000;

/// One recorded event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// By the venue's clock, in nanoseconds.
    pub at: i64,
    /// When it was received, by ours. Used only with [`FeedClock::Recorded`].
    pub received: i64,
    /// What happened.
    pub what: What,
}

/// What happened at the venue. A recording has either levels and trades, or single orders; a trade
/// comes before the change of the level that it caused, as far as the venue says both, or not later
/// than [`ReplayConfig::late_ns`] after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A level is so large now.
    Level {
        /// Side of the book.
        side: Side,
        /// In ticks.
        price: i64,
        /// In lots; 0 if it is gone.
        quantity: i64,
    },
    /// Somebody took.
    Trade {
        /// Side of who came.
        taker: Side,
        /// In ticks.
        price: i64,
        /// In lots.
        quantity: i64,
    },
    /// The book begins anew: levels or orders follow, and those that do not are gone.
    SnapshotBegins,
    /// All of them have followed.
    SnapshotEnds,
    /// An order came to rest.
    Added {
        /// Its number at the venue.
        order: u64,
        /// Side of the book.
        side: Side,
        /// In ticks.
        price: i64,
        /// In lots.
        quantity: i64,
    },
    /// An order became smaller without a trade. One that grows leaves and is added again.
    Reduced {
        /// Which.
        order: u64,
        /// What is left, in lots; 0 if it is gone.
        quantity: i64,
    },
    /// A part of an order was traded.
    Executed {
        /// Which.
        order: u64,
        /// So many lots.
        quantity: i64,
    },
}

/// How much an order gets when others trade at a worse price than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penetration {
    /// All that it asks for: the market went through it.
    Whole,
    /// Not more than was traded.
    Traded,
}

/// Which clock says when the strategy sees an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedClock {
    /// The venue's, and the delay of the feed.
    Modelled,
    /// Ours, as it was recorded.
    Recorded,
}

/// How a replay treats own orders.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayConfig {
    /// Who leaves the queue.
    pub queue: QueueModel,
    /// How much later than the change of a level the trade may come that made it, in nanoseconds. 0
    /// of a recording that is in the venue's order.
    pub late_ns: i64,
    /// What a trade beyond the own price gives.
    pub penetration: Penetration,
    /// When the strategy sees what.
    pub feed: FeedClock,
    /// What trading costs.
    pub fees: Fees,
    /// Worth of one lot at a price of one tick.
    pub unit: Amount,
}

/// Number of an own order, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnId(pub u64);

/// An order of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnOrder {
    /// Buy or sell.
    pub side: Side,
    /// Limit in ticks; `None` for a market order, which never rests.
    pub price: Option<i64>,
    /// In lots.
    pub quantity: i64,
    /// How long.
    pub expiry: Expiry,
    /// Refused if it would trade at once.
    pub post_only: bool,
}

/// What the venue says about an own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub order: OwnId,
    /// When it happened, by the venue's clock.
    pub at: i64,
    /// What happened.
    pub told: Told,
}

/// What happened to an own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It rests.
    Rests {
        /// Open lots.
        open: i64,
        /// Lots of others that come first, as is thought.
        ahead: i64,
    },
    /// A part of it was filled, or all.
    Filled {
        /// In ticks.
        price: i64,
        /// In lots.
        quantity: i64,
        /// What is still open, in lots.
        open: i64,
        /// Whether it had rested.
        is_maker: bool,
        /// What it cost; negative is a rebate.
        fee: Amount,
    },
    /// It has ended with something open.
    Ended {
        /// Why.
        reason: CancelReason,
        /// What was open, in lots.
        open: i64,
    },
    /// It, or what was asked about it, was refused.
    Refused(Reject),
}

/// What somebody does who trades a replay.
pub trait Strategy {
    /// A recorded event has been received.
    fn seen(&mut self, event: &Recorded, desk: &mut Desk);

    /// The venue has said something about an own order.
    fn told(&mut self, report: &Report, desk: &mut Desk);

    /// What is told next is the first word about the oldest request of an order that had none.
    fn answered(&mut self, _order: OwnId) {}
}

#[derive(Clone, Copy, Debug)]
enum Request {
    Place(OwnOrder),
    Amend { price: i64, quantity: i64 },
    Cancel,
}

/// Where a strategy gives orders. They leave at once, and arrive later.
#[derive(Debug)]
pub struct Desk {
    now: i64,
    orders: u64,
    latency: Latency,
    sent: VecDeque<(i64, OwnId, Request)>,
}

impl Desk {
    /// Our clock.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Sends an order.
    pub fn place(&mut self, order: OwnOrder) -> OwnId {
        self.orders += 1;
        let id = OwnId(self.orders);
        self.send(Message::Place, id, Request::Place(order));
        id
    }

    /// Asks for another price and whole quantity, what was filled included. The place in the queue
    /// stays only if the price stays and the order gets smaller.
    pub fn amend(&mut self, order: OwnId, price: i64, quantity: i64) {
        self.send(Message::Amend, order, Request::Amend { price, quantity });
    }

    /// Asks for the end of an order.
    pub fn cancel(&mut self, order: OwnId) {
        self.send(Message::Cancel, order, Request::Cancel);
    }

    /// An order of the venue itself: it is there at once, before all that is on its way.
    pub fn place_at_once(&mut self, order: OwnOrder) -> OwnId {
        self.orders += 1;
        let id = OwnId(self.orders);
        self.sent.push_front((self.now, id, Request::Place(order)));
        id
    }

    /// The venue itself ends an order, before all that is on its way.
    pub fn cancel_at_once(&mut self, order: OwnId) {
        self.sent.push_front((self.now, order, Request::Cancel));
    }

    fn send(&mut self, message: Message, order: OwnId, request: Request) {
        let arrives = self.latency.arrival(message, self.now);
        self.sent.push_back((arrives, order, request));
    }
}

/// A recorded market with own orders in it.
#[derive(Debug)]
pub struct Replay {
    feed: FeedClock,
    venue: Venue,
    desk: Desk,
    /// What the strategy has not received so far, by the time at which it does.
    coming: VecDeque<(i64, Recorded)>,
    answers: VecDeque<(i64, Report, IsFirstWord)>,
    /// Reports of the event at hand.
    reports: Vec<Report>,
    /// When the last event was received that has been received.
    received: i64,
}

/// Whether a report is the first word about a request.
type IsFirstWord = bool;

/// What happens next.
enum Step {
    Request,
    Answer,
    Event,
}

impl Replay {
    /// Before the first event.
    pub fn new(config: &ReplayConfig, latency: Latency) -> Self {
        Self {
            feed: config.feed,
            venue: Venue::new(config),
            desk: Desk { now: i64::MIN, orders: 0, latency, sent: VecDeque::new() },
            coming: VecDeque::new(),
            answers: VecDeque::new(),
            reports: Vec::new(),
            received: i64::MIN,
        }
    }

    /// Goes on to the next recorded event, which is not earlier than the last one, and lets it
    /// happen. The strategy hears of all that reaches it before.
    #[inline]
    pub fn event(&mut self, event: &Recorded, strategy: &mut impl Strategy) {
        self.run_until(event.at, strategy);
        self.venue.event(event, &mut self.reports);
        self.answer(None);
        let arrives = match self.feed {
            FeedClock::Modelled => self.desk.latency.arrival(Message::Feed, event.at),
            FeedClock::Recorded => event.received.max(self.received),
        };
        self.received = arrives;
        self.coming.push_back((arrives, *event));
    }

    /// Lets everything happen that is still on its way and comes before a moment.
    pub fn run_until(&mut self, end: i64, strategy: &mut impl Strategy) {
        while let Some((at, step)) = self.next_step()
            && at < end
        {
            match step {
                Step::Request => self.deliver(),
                Step::Answer => self.hear(strategy),
                Step::Event => self.see(strategy),
            }
        }
    }

    /// Where orders are given by who is no [`Strategy`], at a moment of our clock.
    pub fn desk(&mut self, now: i64) -> &mut Desk {
        self.desk.now = self.desk.now.max(now);
        &mut self.desk
    }

    /// When the next request or answer that is on its way arrives.
    pub fn next_message(&self) -> Option<i64> {
        let request = self.desk.sent.front().map(|sent| sent.0);
        let answer = self.answers.front().map(|answer| answer.0);
        request.into_iter().chain(answer).min()
    }

    /// Open own orders: number, open lots, lots of others that come first. For a look from outside;
    /// the strategy knows only what it was told.
    pub fn open_orders(&self) -> impl Iterator<Item = (OwnId, i64, i64)> {
        self.venue.open_orders()
    }

    /// The earliest of what is on its way. At one moment the venue acts first, then it is heard.
    #[inline]
    fn next_step(&self) -> Option<(i64, Step)> {
        let at = |front: Option<i64>| front.unwrap_or(i64::MAX);
        let request = at(self.desk.sent.front().map(|sent| sent.0));
        let answer = at(self.answers.front().map(|answer| answer.0));
        let event = at(self.coming.front().map(|coming| coming.0));
        let first = request.min(answer).min(event);
        let step = match first {
            i64::MAX => return None,
            _ if first == request => Step::Request,
            _ if first == answer => Step::Answer,
            _ => Step::Event,
        };
        Some((first, step))
    }

    fn deliver(&mut self) {
        let Some((at, order, request)) = self.desk.sent.pop_front() else { return };
        self.venue.expire(at, &mut self.reports);
        let first_word = self.reports.len();
        match request {
            Request::Place(new) => self.venue.place(at, order, new, &mut self.reports),
            Request::Amend { price, quantity } => {
                self.venue.amend(at, order, price, quantity, &mut self.reports);
            }
            Request::Cancel => self.venue.cancel(at, order, &mut self.reports),
        }
        self.answer(Some(first_word));
    }

    /// Sends the reports of what just happened.
    #[inline]
    fn answer(&mut self, first_word: Option<usize>) {
        for (place, report) in self.reports.drain(..).enumerate() {
            let arrives = self.desk.latency.arrival(Message::Response, report.at);
            self.answers.push_back((arrives, report, Some(place) == first_word));
        }
    }

    fn hear(&mut self, strategy: &mut impl Strategy) {
        let Some((at, report, is_first_word)) = self.answers.pop_front() else { return };
        self.desk.now = at;
        if is_first_word {
            strategy.answered(report.order);
        }
        strategy.told(&report, &mut self.desk);
    }

    #[inline]
    fn see(&mut self, strategy: &mut impl Strategy) {
        let Some((at, event)) = self.coming.pop_front() else { return };
        self.desk.now = at;
        strategy.seen(&event, &mut self.desk);
    }
}
