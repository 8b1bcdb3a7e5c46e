//! One WebSocket connection of a client.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use rustonite_sim::latency::{Latency, LatencyConfig, Message};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use yawc::close::CloseCode;
use yawc::frame::OpCode;
use yawc::{Frame, HttpStream, WebSocket};

use crate::Shared;
use crate::floor::machine_now;
use crate::venue::Venue;

/// Messages that may wait for a client; one that reads slower is cut off.
const QUEUE_MAX: usize = 200_000;
/// Messages of a client that may be on their way; no more are read meanwhile.
const INBOX_MAX: usize = 10_000;
/// Messages that are sent before the line is flushed.
const BATCH: usize = 256;

/// How connections are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    pub(crate) every: Duration,
    /// A client that answers a ping later is gone.
    pub(crate) within: Duration,
}

impl Default for Pings {
    fn default() -> Self {
        Self { every: Duration::from_secs(20), within: Duration::from_mins(1) }
    }
}

/// Whether a client is there.
struct Pulse {
    pings: Pings,
    /// When it last answered a ping; `None` once none are sent any more.
    last: Cell<Option<Instant>>,
    /// What the pings said that it has not answered.
    unanswered: RefCell<Vec<Bytes>>,
}

impl Pulse {
    fn new(pings: Pings) -> Self {
        Self { pings, last: Cell::new(Some(Instant::now())), unanswered: RefCell::default() }
    }

    /// What the next ping says: the time in milliseconds.
    fn ping(&self) -> Bytes {
        let said = Bytes::from((machine_now() / 1_000_000).to_string());
        self.unanswered.borrow_mut().push(said.clone());
        said
    }

    /// The client sent a pong, which counts if it is the answer to a ping.
    fn pong(&self, said: &[u8]) {
        let mut unanswered = self.unanswered.borrow_mut();
        if let Some(place) = unanswered.iter().position(|ping| ping == said) {
            unanswered.drain(..=place);
            self.last.set(Some(Instant::now()));
        }
    }

    /// Waits until the client has answered no ping for too long; for ever if none are sent any more.
    async fn stops(&self) {
        while let Some(last) = self.last.get() {
            let end = last + self.pings.every + self.pings.within;
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
        std::future::pending::<()>().await;
    }
}

/// What goes to a client.
#[derive(Clone, Debug)]
pub(crate) enum Out {
    Text(Bytes),
    Binary(Bytes),
    Close(u16, String),
    /// The line breaks.
    Cut,
    /// Nothing more is said, and the line stays open.
    Silence,
    /// It arrives then, and what comes after it no earlier.
    Later(Instant, Box<Out>),
    /// It arrives then, and what comes after it may overtake it.
    Aside(Instant, Box<Out>),
}

impl Out {
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Text(text.into())
    }
}

/// The way to a client.
#[derive(Debug)]
struct Line {
    queue: mpsc::Sender<Out>,
    /// Tells that it is cut off, whatever it still waits for.
    cut: Arc<Notify>,
}

/// What comes to a client.
#[derive(Debug)]
pub(crate) struct Coming {
    pub(crate) queue: mpsc::Receiver<Out>,
    cut: Arc<Notify>,
}

/// Ways to all clients.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    queues: BTreeMap<u64, Line>,
    /// What leaves together, since waking a line for each message takes longer than making one.
    held: Option<Vec<(u64, Out)>>,
    /// Of these, those that are answered and told nothing.
    stalled: BTreeSet<u64>,
    next: u64,
    pub(crate) sent: u64,
    /// How long messages take, and what that is drawn from.
    latency: Option<(LatencyConfig, Latency)>,
}

impl Sockets {
    pub(crate) fn set_latency(&mut self, config: Option<LatencyConfig>) {
        self.latency = config.map(|config| (config, Latency::new(&config)));
    }

    pub(crate) fn latency(&self) -> Option<&LatencyConfig> {
        self.latency.as_ref().map(|(config, _)| config)
    }

    /// How long a message is on its way that is sent now.
    pub(crate) fn way(&mut self, message: Message) -> Duration {
        let Some((_, latency)) = &mut self.latency else { return Duration::ZERO };
        let delay = latency.delay(message, machine_now());
        Duration::from_nanos(u64::try_from(delay).unwrap_or(0))
    }

    /// All connections are gone.
    pub(crate) fn clear(&mut self) {
        *self = Self { latency: self.latency.take(), ..Self::default() };
    }

    pub(crate) fn add(&mut self) -> (u64, Coming) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let cut = Arc::new(Notify::new());
        self.next += 1;
        self.queues.insert(self.next, Line { queue: sender, cut: Arc::clone(&cut) });
        (self.next, Coming { queue, cut })
    }

    pub(crate) fn remove(&mut self, socket: u64) {
        self.queues.remove(&socket);
        self.stalled.remove(&socket);
    }

    /// Tells nothing more on a connection.
    pub(crate) fn stall(&mut self, socket: u64) {
        self.stalled.insert(socket);
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.len()
    }

    /// Keeps what is sent until [`Sockets::release`].
    pub(crate) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Sends what was kept.
    pub(crate) fn release(&mut self) {
        for (socket, out) in self.held.take().into_iter().flatten() {
            self.send(socket, out);
        }
    }

    pub(crate) fn send(&mut self, socket: u64, out: Out) {
        if let Some(held) = &mut self.held {
            held.push((socket, out));
            return;
        }
        let Some(line) = self.queues.get(&socket) else { return };
        match line.queue.try_send(out) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => line.cut.notify_one(),
            // It ends by itself, or has fallen silent.
            Err(TrySendError::Closed(_)) => {}
        }
        self.queues.remove(&socket);
    }

    /// Tells of the market.
    pub(crate) fn say(&mut self, socket: u64, out: Out) {
        if !self.stalled.contains(&socket) {
            self.answer(socket, out, Message::Feed);
        }
    }

    /// Tells a trader.
    pub(crate) fn tell(&mut self, socket: u64, out: Out) {
        if !self.stalled.contains(&socket) {
            self.answer(socket, out, Message::Response);
        }
    }

    /// Answers what a client said.
    pub(crate) fn answer(&mut self, socket: u64, out: Out, message: Message) {
        self.sent += 1;
        let out = if self.latency.is_some() { self.late(out, message) } else { out };
        self.send(socket, out);
    }

    fn late(&mut self, out: Out, message: Message) -> Out {
        Out::Later(Instant::now() + self.way(message), Box::new(out))
    }

    /// Tells once some time has passed; what is told meanwhile overtakes it.
    pub(crate) fn say_later(&mut self, socket: u64, out: Out, after: Duration) {
        if after.is_zero() {
            self.say(socket, out);
        } else if !self.stalled.contains(&socket) {
            self.answer_later(socket, out, after, Message::Feed);
        }
    }

    /// The same of what a trader is told.
    pub(crate) fn tell_later(&mut self, socket: u64, out: Out, after: Duration) {
        if after.is_zero() {
            self.tell(socket, out);
        } else if !self.stalled.contains(&socket) {
            self.answer_later(socket, out, after, Message::Response);
        }
    }

    /// The same of an answer.
    pub(crate) fn answer_later(
        &mut self,
        socket: u64,
        out: Out,
        after: Duration,
        message: Message,
    ) {
        if after.is_zero() {
            return self.answer(socket, out, message);
        }
        self.sent += 1;
        let at = Instant::now() + after + self.way(message);
        self.send(socket, Out::Aside(at, Box::new(out)));
    }
}

/// What is on its way to a client.
struct Outbox {
    queue: mpsc::Receiver<Out>,
    /// The first one, and when it arrives.
    first: Option<(Instant, Out)>,
    /// What others may overtake.
    aside: Vec<(Instant, Out)>,
}

impl Outbox {
    fn new(queue: mpsc::Receiver<Out>) -> Self {
        Self { queue, first: None, aside: Vec::new() }
    }

    /// Waits for what arrives next.
    async fn next(&mut self) -> Option<Out> {
        loop {
            let overtaken = (0..self.aside.len()).min_by_key(|place| self.aside[*place].0);
            let due = overtaken.map(|place| self.aside[place].0);
            tokio::select! {
                out = in_order(&mut self.queue, &mut self.first) => match out? {
                    Out::Aside(at, out) => self.aside.push((at, *out)),
                    out => return Some(out),
                },
                () = until(due) => return overtaken.map(|place| self.aside.remove(place).1),
            }
        }
    }

    /// What has arrived.
    fn arrived(&mut self) -> Option<Out> {
        while self.first.is_none() {
            match self.queue.try_recv().ok()? {
                Out::Aside(at, out) => self.aside.push((at, *out)),
                Out::Later(at, out) if at > Instant::now() => self.first = Some((at, *out)),
                Out::Later(_, out) => return Some(*out),
                out => return Some(out),
            }
        }
        None
    }
}

/// Waits for what arrives next of what nothing overtakes.
async fn in_order(
    queue: &mut mpsc::Receiver<Out>,
    first: &mut Option<(Instant, Out)>,
) -> Option<Out> {
    loop {
        if let Some((at, _)) = first {
            sleep_until(*at).await;
            return first.take().map(|(_, out)| out);
        }
        match queue.recv().await? {
            Out::Later(at, out) => *first = Some((at, *out)),
            out => return Some(out),
        }
    }
}

/// Waits until then; for ever if there is no such moment.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What a client said and the venue has not heard so far.
#[derive(Default)]
struct Inbox(VecDeque<(Instant, Bytes)>);

impl Inbox {
    fn add(&mut self, text: Bytes, after: Duration) {
        let at = Instant::now() + after;
        let last = self.0.back().map_or(at, |(last, _)| *last);
        self.0.push_back((at.max(last), text));
    }

    /// Waits for what arrives next; for ever if nothing is on its way.
    async fn next(&mut self) -> Bytes {
        if let Some((at, _)) = self.0.front() {
            sleep_until(*at).await;
        }
        match self.0.pop_front() {
            Some((_, text)) => text,
            None => std::future::pending().await,
        }
    }
}

/// Speaks with a client until the end.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut socket: WebSocket<HttpStream>,
    number: u64,
    coming: Coming,
) {
    let mut inbox = Inbox::default();
    let mut outbox = Outbox::new(coming.queue);
    let pulse = Pulse::new(shared.venue().dialect.pings());
    // A client that does not read holds up what is sent to it, but not its end.
    tokio::select! {
        _ = talk(&shared, (&mut socket, &pulse), number, &mut outbox, &mut inbox) => {}
        () = coming.cut.notified() => {}
        () = pulse.stops() => {}
    }
    drop(outbox);
    // What was on its way when the line ended arrives all the same.
    while !inbox.0.is_empty() {
        tokio::select! {
            () = shared.stopped() => break,
            text = inbox.next() => shared.venue().receive(number, &text),
        }
    }
    shared.venue().disconnect(number);
}

async fn talk(
    shared: &Arc<Shared>,
    (socket, pulse): (&mut WebSocket<HttpStream>, &Pulse),
    number: u64,
    outbox: &mut Outbox,
    inbox: &mut Inbox,
) -> yawc::Result<()> {
    let mut pings = interval(pulse.pings.every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    loop {
        tokio::select! {
            () = shared.stopped() => return close(socket, 1001, "").await,
            _ = pings.tick() => socket.send(Frame::ping(pulse.ping())).await?,
            out = outbox.next() => {
                let Some(out) = out else { return Ok(()) };
                if !send(shared, (&mut *socket, pulse), outbox, out).await? {
                    return Ok(());
                }
            }
            text = inbox.next() => shared.venue().receive(number, &text),
            frame = socket.next_frame(), if inbox.0.len() < INBOX_MAX => {
                let frame = frame?;
                match frame.opcode() {
                    OpCode::Text | OpCode::Binary => {
                        let text = frame.payload().clone();
                        hear(&mut shared.venue(), number, text, inbox);
                    }
                    OpCode::Close => return Ok(()),
                    OpCode::Pong => pulse.pong(frame.payload()),
                    _ => {}
                }
            }
        }
    }
}

/// Lets the venue hear something, now or later.
fn hear(venue: &mut Venue, number: u64, text: Bytes, inbox: &mut Inbox) {
    let after = venue.way_of_said(number, &text);
    if after.is_zero() && inbox.0.is_empty() {
        venue.receive(number, &text);
    } else {
        inbox.add(text, after);
    }
}

/// Sends what waits. False if this was the end.
async fn send(
    shared: &Arc<Shared>,
    (socket, pulse): (&mut WebSocket<HttpStream>, &Pulse),
    outbox: &mut Outbox,
    first: Out,
) -> yawc::Result<bool> {
    let mut waiting = Some(first);
    let mut sent = 0;
    while let Some(out) = waiting {
        match out {
            Out::Text(text) => socket.feed(Frame::text(text)).await?,
            Out::Binary(bytes) => socket.feed(Frame::binary(bytes)).await?,
            Out::Close(code, reason) => {
                close(socket, code, &reason).await?;
                return Ok(false);
            }
            Out::Cut => return Ok(false),
            Out::Silence => {
                outbox.queue.close();
                pulse.last.set(None);
                tokio::select! {
                    () = shared.stopped() => {}
                    () = gone(socket) => {}
                }
                return Ok(false);
            }
            // What arrived is none of these any more.
            Out::Later(..) | Out::Aside(..) => {}
        }
        sent += 1;
        waiting = if sent < BATCH { outbox.arrived() } else { None };
    }
    socket.flush().await?;
    Ok(true)
}

/// Waits until a client has left; what it says meanwhile is not heard.
async fn gone(socket: &mut WebSocket<HttpStream>) {
    while socket.next_frame().await.is_ok_and(|frame| frame.opcode() != OpCode::Close) {}
}

async fn close(socket: &mut WebSocket<HttpStream>, code: u16, reason: &str) -> yawc::Result<()> {
    socket.send(Frame::close(CloseCode::from(code), reason)).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::{Out, Pings, Pulse, QUEUE_MAX, Sockets};
    use crate::binance_usdm::UsdM;
    use crate::dialect::Dialect as _;

    const SHORT: Duration = Duration::from_millis(20);

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(test);
    }

    #[test]
    fn who_reads_too_slowly_is_cut_while_something_is_sent_to_it() {
        run(async {
            let mut sockets = Sockets::default();
            let (number, coming) = sockets.add();
            for _ in 0..QUEUE_MAX {
                sockets.send(number, Out::Silence);
            }
            assert!(timeout(SHORT, coming.cut.notified()).await.is_err());
            sockets.send(number, Out::Silence);
            assert_eq!(sockets.len(), 0);
            assert!(timeout(SHORT, coming.cut.notified()).await.is_ok());
        });
    }

    #[test]
    fn who_answers_no_ping_is_gone() {
        run(async {
            for pings in [Pings::default(), UsdM::default().pings()] {
                let late = Instant::now() - pings.every - pings.within;
                let pulse = Pulse::new(pings);
                for (last, is_gone) in
                    [(Some(late + pings.within), false), (None, false), (Some(late), true)]
                {
                    pulse.last.set(last);
                    assert_eq!(timeout(SHORT, pulse.stops()).await.is_ok(), is_gone, "{pings:?}");
                }
            }
        });
    }

    #[test]
    fn a_pong_that_answers_no_ping_keeps_nobody() {
        run(async {
            let pings = Pings::default();
            let pulse = Pulse::new(pings);
            let ping = pulse.ping();
            pulse.last.set(Some(Instant::now() - pings.every - pings.within));
            for said in [&b""[..], b"0"] {
                pulse.pong(said);
                assert!(timeout(SHORT, pulse.stops()).await.is_ok());
            }
            pulse.pong(&ping);
            assert!(timeout(SHORT, pulse.stops()).await.is_err());
            // It was answered once.
            pulse.last.set(Some(Instant::now() - pings.every - pings.within));
            pulse.pong(&ping);
            assert!(timeout(SHORT, pulse.stops()).await.is_ok());
        });
    }
}
