//! A recording as the market of a venue: its moments come at the pace of the clock, in a thread of
//! their own.
//!
//! Whoever reads the recording hands over moments in order. Each is one entry of the state, so that a
//! later start goes on behind the last one that happened.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rustonite_sim::{Command, InstrumentId, QueueModel, Side, What};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{ExchangeError, Result};
use crate::floor::{Floor, machine_now};
use crate::running::Running;
use crate::venue::Venue;
use crate::{LocalExchange, Shared};

/// The longest sleep, so that the end is noticed.
const NAP: Duration = Duration::from_millis(5);
/// Handovers that wait; whoever reads waits then, too.
const HANDOVERS_MAX: usize = 2;

/// The model of the queue that has this name.
///
/// # Errors
/// There is none.
pub fn queue_named(name: &str) -> Result<QueueModel> {
    QueueModel::named(name).map_err(|problem| ExchangeError::invalid("queue", problem))
}

/// What is played again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Recording {
    /// Where it is, in words that a later start has to repeat.
    pub source: String,
    /// From this moment on, by the time at which it was received, in nanoseconds since 1970.
    pub start: i64,
    /// Up to this moment.
    pub stop: i64,
    /// How many times as fast as then.
    pub speed: f64,
    /// Who leaves the queue of a level that shrinks without a trade.
    pub queue: QueueModel,
}

impl Recording {
    /// What has to be the same to go on with a state.
    pub(crate) fn text(&self) -> String {
        let [start, stop] = [self.start, self.stop].map(time_text);
        let (_, usual) = QueueModel::NAMED[0];
        let queue = if self.queue == usual {
            String::new()
        } else {
            format!(" by the queue {}", self.queue_name())
        };
        format!("{} from {start} to {stop}{queue}", self.source)
    }

    fn queue_name(&self) -> String {
        let found = QueueModel::NAMED.iter().find(|(_, model)| *model == self.queue);
        found.map_or_else(|| format!("{:?}", self.queue), |(name, _)| (*name).to_owned())
    }
}

/// What was recorded of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Happening {
    /// Levels and trades.
    Market(What),
    /// A trade of which nobody says who took: the book does.
    Trade {
        /// In ticks.
        price: i64,
        /// In lots.
        quantity: i64,
    },
    /// The mark price in ticks.
    Mark(i64),
    /// The rate of the next funding in millionths, and how long until then at the speed at which this
    /// is played, in nanoseconds.
    Rate(i64, i64),
    /// Longs pay shorts so many millionths.
    Funding(i64),
    /// Something is missing from here on, up to the next whole picture.
    Lost,
    /// The recording ends.
    Ends,
}

/// All that was received at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Moment {
    /// When that was, in nanoseconds since 1970.
    pub at: i64,
    /// What, in order.
    pub rows: Vec<(InstrumentId, Happening)>,
}

/// How far a venue is with its recording.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Played {
    /// The last moment that happened.
    at: Option<i64>,
    /// What is halted because something is missing.
    lost: BTreeSet<InstrumentId>,
    has_ended: bool,
    /// How much later than it was due the last moment came, in nanoseconds.
    #[serde(skip)]
    late: i64,
    /// Why it ended before its end.
    #[serde(skip)]
    problem: Option<String>,
}

/// Takes the moments of a recording.
pub struct Feed {
    moments: SyncSender<Vec<Moment>>,
    shared: Arc<Shared>,
}

impl Feed {
    /// Hands over moments, in order, and waits while there are many. False if nobody takes them any
    /// more.
    pub fn give(&self, moments: Vec<Moment>) -> bool {
        self.moments.send(moments).is_ok()
    }

    /// Nothing follows, because of this.
    pub fn fail(&self, problem: &str) {
        self.shared.venue().played.problem = Some(problem.to_owned());
    }
}

impl LocalExchange {
    /// Begins to play the recording that a venue was made with, or goes on with it. Moments up to
    /// [`LocalExchange::played_until`] are not taken.
    ///
    /// # Errors
    /// No such venue, or one that has no recording.
    pub fn play(&mut self, venue: &str) -> Result<Feed> {
        let shared = Arc::clone(self.shared(venue)?);
        let Some(speed) = shared.recording.as_ref().map(|recording| recording.speed) else {
            return Err(ExchangeError::invalid("replay", "the venue was made without a recording"));
        };
        let (moments, taken) = sync_channel(HANDOVERS_MAX);
        let player = Player { shared: Arc::clone(&shared), speed };
        self.markets.push(Running::start("replay", move |stop| player.run(&taken, stop))?);
        Ok(Feed { moments, shared })
    }

    /// The last moment of a recording that happened at a venue, and whether it has ended.
    ///
    /// # Errors
    /// No such venue.
    pub fn played_until(&self, venue: &str) -> Result<(Option<i64>, bool)> {
        let venue = self.shared(venue)?.venue();
        Ok((venue.played.at, venue.played.has_ended))
    }
}

struct Player {
    shared: Arc<Shared>,
    speed: f64,
}

impl Player {
    fn run(&self, taken: &Receiver<Vec<Moment>>, stop: &AtomicBool) {
        let mut began = None;
        while !stop.load(Ordering::Relaxed) {
            match taken.recv_timeout(NAP) {
                Ok(moments) => {
                    for moment in &moments {
                        let (first, since) = *began.get_or_insert((moment.at, machine_now()));
                        let due = since + scaled(moment.at - first, self.speed);
                        if !wait(due, stop) || !self.happen(moment, due, stop) {
                            return;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// A moment that cannot be written is tried again: none is left out.
    fn happen(&self, moment: &Moment, due: i64, stop: &AtomicBool) -> bool {
        while !stop.load(Ordering::Relaxed) {
            let mut venue = self.shared.venue();
            if venue.play(moment).is_ok() {
                venue.played.late = machine_now() - due;
                return true;
            }
            drop(venue);
            std::thread::sleep(NAP);
        }
        false
    }
}

/// Waits for a moment. False if the end came first.
fn wait(due: i64, stop: &AtomicBool) -> bool {
    while !stop.load(Ordering::Relaxed) {
        match u64::try_from(due - machine_now()) {
            Err(_) | Ok(0) => return true,
            Ok(left) => std::thread::sleep(Duration::from_nanos(left).min(NAP)),
        }
    }
    false
}

/// A stretch of a recording at a speed.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
#[expect(clippy::cast_precision_loss, reason = "a stretch of years is exact to a microsecond")]
fn scaled(stretch: i64, speed: f64) -> i64 {
    (stretch as f64 / speed) as i64
}

/// Lets orders rest between recorded ones by a model; trades are as late as those of accounts on paper.
pub(crate) fn follow(floor: &mut Floor, queue: QueueModel) -> rustonite_sim::AccountId {
    floor.exchange.follow(queue, rustonite_sim::replay::LATE_NS)
}

impl Venue {
    /// What was recorded at a moment happens, all of it at one moment here.
    pub(crate) fn replay(&mut self, moment: &Moment) {
        // What was written before a crash may be handed over again.
        if self.played.at.is_some_and(|at| at >= moment.at) {
            return;
        }
        self.played.at = Some(moment.at);
        let mut market: Option<(InstrumentId, Vec<What>)> = None;
        for &(instrument, happening) in &moment.rows {
            if market.as_ref().is_some_and(|(known, _)| *known != instrument) {
                self.flush(moment.at, &mut market);
            }
            let what = match happening {
                Happening::Market(what) => what,
                Happening::Trade { price, quantity } => {
                    self.flush(moment.at, &mut market);
                    What::Trade { taker: self.likely_taker(instrument, price), price, quantity }
                }
                other => {
                    self.flush(moment.at, &mut market);
                    self.turn(instrument, moment.at, other);
                    continue;
                }
            };
            if what == What::SnapshotBegins && self.played.lost.remove(&instrument) {
                let _ = self.act(&Command::Halt { instrument, halted: false });
            }
            market.get_or_insert((instrument, Vec::new())).1.push(what);
        }
        self.flush(moment.at, &mut market);
    }

    fn flush(&mut self, at: i64, market: &mut Option<(InstrumentId, Vec<What>)>) {
        if let Some((instrument, what)) = market.take() {
            // The reader hands over nothing else than levels and trades.
            let _ = self.act(&Command::Recorded { instrument, at, what });
        }
    }

    /// What is no change of the book, and no trade.
    fn turn(&mut self, instrument: InstrumentId, at: i64, happening: Happening) {
        match happening {
            Happening::Mark(price) => {
                // Spot has none.
                let _ = self.act(&Command::Mark { instrument, price });
            }
            Happening::Rate(ppm, left) => {
                let next = self.hall.floor.now().saturating_add(left);
                self.hall.floor.market(instrument).funding = Some((ppm, next));
            }
            Happening::Funding(rate_ppm) => {
                let _ = self.act(&Command::Funding { instrument, rate_ppm });
            }
            Happening::Lost => self.lose(instrument, at),
            Happening::Ends => {
                self.played.has_ended = true;
                self.played.lost.remove(&instrument);
                let _ = self.act(&Command::Halt { instrument, halted: true });
            }
            Happening::Market(_) | Happening::Trade { .. } => {}
        }
    }

    /// Nobody knows the book any more: it is empty, and nobody trades.
    fn lose(&mut self, instrument: InstrumentId, at: i64) {
        let what = vec![What::SnapshotBegins, What::SnapshotEnds];
        let _ = self.act(&Command::Recorded { instrument, at, what });
        if !self.hall.floor.exchange.is_halted(instrument) {
            self.played.lost.insert(instrument);
            let _ = self.act(&Command::Halt { instrument, halted: true });
        }
    }

    /// Who took at a price: the side whose best price is nearer is that of who rested.
    fn likely_taker(&self, instrument: InstrumentId, price: i64) -> Side {
        let exchange = &self.hall.floor.exchange;
        let best = |side| exchange.levels(instrument, side).next().map(|(price, _)| price);
        match (best(Side::Buy), best(Side::Sell)) {
            (Some(bid), Some(ask)) if price - bid < ask - price => Side::Sell,
            (Some(bid), None) if price <= bid => Side::Sell,
            _ => Side::Buy,
        }
    }

    /// What is played and how far that is.
    pub(crate) fn replay_status(&self, recording: &Recording) -> Value {
        let Played { at, lost, has_ended, late, problem } = &self.played;
        let symbol = |id: &InstrumentId| self.hall.floor.listed(*id).listing.symbol.clone();
        let lost: Vec<_> = lost.iter().map(symbol).collect();
        let is_over = *has_ended || problem.is_some();
        json!({
            "source": recording.source, "start": time_text(recording.start),
            "stop": time_text(recording.stop), "speed": recording.speed, "queue": recording.queue_name(),
            "at": at.map(time_text), "late_ms": late / 1_000_000, "ended": is_over, "problem": problem, "lost": lost,
        })
    }
}

fn time_text(at: i64) -> String {
    jiff::Timestamp::from_nanosecond(at.into()).map_or_else(|_| at.to_string(), |at| at.to_string())
}
