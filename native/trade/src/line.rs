//! Connections to venues, on a thread of their own: texts go out, texts come in.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc;
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::SinkExt as _;
use rustonite_exec::OrderId;
use rustonite_exec::gateway::{CallError, HttpAnswer, Outgoing};
use rustonite_feed::{Dialler, FeedError, Stamp, now_ns};
use tokio::sync::{mpsc as channel, watch};
use tokio::time::{interval, sleep, timeout, timeout_at};
use url::Url;
use yawc::frame::OpCode;
use yawc::{Frame, WebSocketError};

use crate::call::{self, Caller};
use crate::desk::Outbox;
use crate::direct::{Sent, Shared, Turn};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A connection that lived so long was a good one. Were it longer, one that is cut every half a minute
/// would leave its orders alone for as long as that.
const GOOD_LIFE: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(15);
/// Without a word from the venue, not even the answer to a ping, the line is dead.
const SILENCE_MAX: Duration = Duration::from_secs(40);
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// What comes from a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A line is open.
    Open(usize),
    /// A message on a line, and when its last packet came.
    Text(usize, Vec<u8>, i64),
    /// A line is not open any more, or could not be opened. It will be tried again.
    Closed(usize, String),
    /// The answer to a call, and when it was whole.
    Answer(u64, Result<Replied, CallError>, i64),
    /// The last byte of a request left, and when: of these orders.
    Sent(Vec<OrderId>, i64),
}

impl Arrived {
    /// With its moment by another clock.
    #[must_use]
    pub(crate) fn moved(mut self, clock: impl Fn(i64) -> i64) -> Self {
        match &mut self {
            Self::Text(.., at) | Self::Answer(.., at) | Self::Sent(_, at) => *at = clock(*at),
            Self::Open(_) | Self::Closed(..) => {}
        }
        self
    }
}

/// What was answered to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replied {
    /// The status.
    pub status: u16,
    /// The headers that say something of limits.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Replied {
    /// As a gateway reads it.
    pub fn answer(&self) -> HttpAnswer<'_> {
        HttpAnswer { status: self.status, headers: &self.headers, body: &self.body }
    }
}

/// A message that waits for its turn.
struct Waiting {
    what: What,
    /// The orders that it is a request of.
    orders: Vec<OrderId>,
    /// Until when an answer is waited for.
    until: Instant,
    _turn: Turn,
}

enum What {
    /// Nothing of it was sent.
    Text(String),
    /// Its last byte was handed over then, and the system has not taken all of it.
    Rest(i64),
    /// The connection broke while it was sent.
    Broken(WebSocketError),
}

/// A line, seen from where texts are made.
struct Line {
    shared: Shared,
    waiting: channel::UnboundedSender<Waiting>,
}

impl Line {
    fn send(&self, text: String, orders: Vec<OrderId>, until: Instant, bring: &Bring) {
        let (what, turn) = match self.shared.send_now(text) {
            Sent::Whole(at) => return bring.note_sent(orders, at),
            Sent::Begun(at, turn) => (What::Rest(at), turn),
            Sent::Broken(error, turn) => (What::Broken(error), turn),
            Sent::Not(text) => (What::Text(text), self.shared.turn()),
        };
        // What is sent while a line is down goes nowhere, and the gateway knows.
        let _ = self.waiting.send(Waiting { what, orders, until, _turn: turn });
    }
}

/// The ways to one account's venue. Dropping it closes them.
pub struct Lines {
    tasks: channel::UnboundedSender<Task>,
    dialler: Dialler,
    urls: BTreeMap<String, Url>,
    answer: Duration,
    calls: channel::UnboundedSender<call::Asked>,
    out: BTreeMap<usize, Line>,
    bring: Bring,
    stop: watch::Receiver<bool>,
}

/// What comes from one account's venue.
#[derive(Debug)]
pub struct Arrivals(mpsc::Receiver<Arrived>);

impl Arrivals {
    /// Of a venue that is not behind any line.
    pub(crate) fn none() -> Self {
        Self(mpsc::channel().1)
    }

    /// The next thing that arrived, if there is one.
    pub fn poll(&self) -> Option<Arrived> {
        self.0.try_recv().ok()
    }
}

/// Hands over what arrives, and wakes whoever waits for it.
#[derive(Clone)]
pub(crate) struct Bring {
    arrived: mpsc::Sender<Arrived>,
    wake: Thread,
}

impl Bring {
    pub(crate) fn tell(&self, what: Arrived) {
        let _ = self.arrived.send(what);
        self.wake.unpark();
    }

    /// Bytes of requests of these orders left. Nobody is woken for that.
    pub(crate) fn note_sent(&self, orders: Vec<OrderId>, at: i64) {
        if !orders.is_empty() {
            let _ = self.arrived.send(Arrived::Sent(orders, at));
        }
    }
}

impl Outbox for Lines {
    fn send(&mut self, what: Outgoing) -> Result<(), FeedError> {
        self.send_of(what, Vec::new())
    }

    fn send_of(&mut self, what: Outgoing, orders: Vec<OrderId>) -> Result<(), FeedError> {
        let until = Instant::now() + self.answer;
        match what {
            Outgoing::Text { line, text } => {
                if let Some(out) = self.out.get(&line) {
                    out.send(text, orders, until, &self.bring);
                }
            }
            Outgoing::Call(call) => {
                let _ = self.calls.send((call, orders, until));
            }
            Outgoing::Open { line, endpoint, path } => {
                let root = self.urls.get(endpoint).ok_or_else(|| FeedError::Config {
                    place: format!("urls.{endpoint}"),
                    problem: "it is not there".to_owned(),
                })?;
                let url = format!("{root}{path}").parse().map_err(|error: url::ParseError| {
                    FeedError::Config {
                        place: format!("urls.{endpoint}"),
                        problem: error.to_string(),
                    }
                })?;
                let (waiting, to_send) = channel::unbounded_channel();
                let shared = Shared::default();
                // The end of its channel closes a line that was there before.
                self.out.insert(line, Line { shared: shared.clone(), waiting });
                let asked = Asked {
                    line,
                    url,
                    dialler: self.dialler.clone(),
                    out: to_send,
                    shared,
                    bring: self.bring.clone(),
                    stop: self.stop.clone(),
                };
                let _ = self.tasks.send(Task::Line(asked));
            }
        }
        Ok(())
    }
}

struct Asked {
    line: usize,
    url: Url,
    dialler: Dialler,
    out: channel::UnboundedReceiver<Waiting>,
    shared: Shared,
    bring: Bring,
    stop: watch::Receiver<bool>,
}

enum Task {
    Line(Asked),
    Calls(Caller),
}

/// The thread of all connections. Dropping it says goodbye to them.
#[derive(Debug)]
pub struct Network {
    tasks: channel::UnboundedSender<Task>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread or no runtime.
    pub fn start() -> io::Result<Self> {
        let (tasks, asked) = channel::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("rustonite-lines".to_owned())
            .spawn(move || runtime.block_on(serve(asked, stopped)))?;
        Ok(Self { tasks, stop, thread: Some(thread) })
    }

    /// Ways to a venue, where answers are waited for so long: what has not left until then does not
    /// leave any more. The thread that calls this is the one that is woken when something arrives.
    pub fn lines(
        &self,
        dialler: Dialler,
        urls: BTreeMap<String, Url>,
        answer: Duration,
    ) -> (Lines, Arrivals) {
        let (tell, arrived) = mpsc::channel();
        let bring = Bring { arrived: tell, wake: std::thread::current() };
        let (calls, to_make) = channel::unbounded_channel();
        if let Some(root) = urls.get("rest") {
            let caller = Caller::new(root.clone(), dialler.clone(), to_make, bring.clone());
            let _ = self.tasks.send(Task::Calls(caller));
        }
        let tasks = self.tasks.clone();
        let stop = self.stop.subscribe();
        let out = BTreeMap::new();
        let lines = Lines { tasks, dialler, urls, answer, calls, out, bring, stop };
        (lines, Arrivals(arrived))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Who trades may still be in other hands; its lines end all the same.
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(mut asked: channel::UnboundedReceiver<Task>, mut stop: watch::Receiver<bool>) {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let mut lines = Vec::new();
            loop {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => break,
                    task = asked.recv() => match task {
                        Some(Task::Line(asked)) => {
                            lines.push(tokio::task::spawn_local(carry(asked)));
                        }
                        Some(Task::Calls(caller)) => {
                            tokio::task::spawn_local(caller.run());
                        }
                        None => break,
                    },
                }
            }
            // They say goodbye.
            for line in lines {
                let _ = timeout(CLOSE_PATIENCE, line).await;
            }
        })
        .await;
}

/// Keeps one connection open until nobody sends on it any more.
async fn carry(mut asked: Asked) {
    let mut pause = PAUSE_MIN;
    loop {
        let mut life = Duration::ZERO;
        let why = match asked.dialler.web_socket(asked.url.clone(), false).await {
            Ok((socket, stamp)) => {
                let opened = Instant::now();
                while asked.out.try_recv().is_ok() {}
                let shared = asked.shared.clone();
                let _lent = shared.lend(socket);
                asked.bring.tell(Arrived::Open(asked.line));
                let Some(why) = pump(&shared, stamp, &mut asked).await else { return };
                life = opened.elapsed();
                why
            }
            Err(error) => error.to_string(),
        };
        asked.bring.tell(Arrived::Closed(asked.line, why));
        pause = if life > GOOD_LIFE { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        let spread = pause.mul_f64(0.5 + fastrand::f64());
        tokio::select! {
            () = sleep(spread) => {}
            () = abandoned(&mut asked.out) => return,
            _ = asked.stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Comes back once nobody can send any more.
async fn abandoned(out: &mut channel::UnboundedReceiver<Waiting>) {
    while out.recv().await.is_some() {}
}

/// Carries texts until the connection ends; `None` if nobody sends on it any more.
async fn pump(shared: &Shared, stamp: Stamp, asked: &mut Asked) -> Option<String> {
    let mut last_word = Instant::now();
    let mut pings = interval(PING_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = asked.stop.wait_for(|stop| *stop) => return close(shared).await,
            waiting = asked.out.recv() => {
                let Some(waiting) = waiting else { return close(shared).await };
                if let Err(why) = carry_out(shared, waiting, &asked.bring).await {
                    return Some(why);
                }
            }
            frame = shared.next_frame() => match frame {
                Ok(frame) => {
                    last_word = Instant::now();
                    match frame.opcode() {
                        OpCode::Text | OpCode::Binary => {
                            let at = stamp.get().unwrap_or_else(now_ns);
                            let text = frame.payload().to_vec();
                            asked.bring.tell(Arrived::Text(asked.line, text, at));
                        }
                        OpCode::Close => return Some("the venue closed it".to_owned()),
                        _ => {}
                    }
                }
                Err(error) => return Some(error.to_string()),
            },
            _ = pings.tick() => {
                if last_word.elapsed() > SILENCE_MAX {
                    return Some("nothing was heard any more".to_owned());
                }
                let _turn = shared.turn();
                if let Err(error) = shared.send(Frame::ping(Vec::new())).await {
                    return Some(error.to_string());
                }
            }
        }
    }
}

/// Sends what waited. An error ends the connection: with it goes what of a message has not left.
async fn carry_out(shared: &Shared, waiting: Waiting, bring: &Bring) -> Result<(), String> {
    let Waiting { what, orders, until, _turn } = waiting;
    if matches!(what, What::Text(_)) && Instant::now() >= until {
        // Whoever wanted it sent has given it up.
        return Ok(());
    }
    let sent = async {
        match what {
            What::Text(text) => shared.send(Frame::text(text)).await,
            What::Rest(at) => shared.flush().await.map(|()| at),
            What::Broken(error) => Err(error),
        }
    };
    match timeout_at(until.into(), sent).await {
        Ok(Ok(at)) => bring.note_sent(orders, at),
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err("a message did not leave in time".to_owned()),
    }
    Ok(())
}

/// Says goodbye.
async fn close(shared: &Shared) -> Option<String> {
    let mut socket = shared.take()?;
    let close = Frame::close(yawc::close::CloseCode::Normal, b"");
    let _ = timeout(CLOSE_PATIENCE, socket.send(close)).await;
    None
}
