//! A replay server: it speaks a venue's own WebSocket and REST on a loopback port, takes the venue's
//! real subscriptions, and sends recorded or made-up messages, with faults on demand.

mod client;
mod fault;
mod http;
mod hub;
mod market;
mod source;
mod truth;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use rustonite_core::datasets::BookSide;
use rustonite_wire::{Level, Topic};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use url::Url;

use self::hub::Hub;
pub use self::{
    fault::{Fault, Planned, hex},
    market::{Market, MarketConfig},
    source::{Disturbance, Feeder, FrameRows, FramesTape, Recorded, Source, collected, fed},
};
use crate::catalog::Venue;
use crate::error::{FeedError, Result};

/// Messages that may wait for the slowest client before the source waits, too.
const QUEUE_MAX: usize = 10_000;
const SLOW_WAIT: Duration = Duration::from_millis(1);
/// Messages after which other tasks get their turn at full speed.
const TURN: u64 = 256;

/// Slower than that is as good as paused.
const SLOWEST: f64 = 1e-6;

/// How fast messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many times as fast as they were received.
    Times(f64),
    /// As fast as clients read.
    Full,
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The venue.
    pub venue: String,
    /// Where to listen; loopback and any free port by default.
    pub listen: SocketAddr,
    /// How fast messages are sent.
    pub pace: Pace,
    /// Subscriptions that must be there before the first message is sent.
    pub begin_after: usize,
    /// Whether messages are compressed for clients that offer it.
    pub compression: bool,
    /// How long a connection lives.
    pub lifetime: Option<Duration>,
    /// Time between signs of life.
    pub heartbeat: Duration,
    /// How long a connection stays open after it was frozen.
    pub freeze: Duration,
}

impl ServerConfig {
    /// A server of a venue at the speed of the recording.
    pub fn new(venue: &str) -> Self {
        Self {
            venue: venue.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            pace: Pace::Times(1.0),
            begin_after: 1,
            compression: true,
            lifetime: None,
            heartbeat: Duration::from_secs(15),
            freeze: Duration::from_mins(10),
        }
    }
}

/// The book of an instrument as the venue has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrueBook {
    /// Number of the last message, where the venue numbers.
    pub seq: Option<i64>,
    /// All levels, bids first, the best of each side first.
    pub levels: Vec<Level>,
}

impl TrueBook {
    /// Levels of one side, the best first.
    pub fn side(&self, side: BookSide) -> impl Iterator<Item = &Level> {
        self.levels.iter().filter(move |level| level.side == side)
    }
}

/// Trades of an instrument that the venue has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradesSent {
    /// Number of the first one.
    pub first: Option<i64>,
    /// Number of the last one.
    pub last: Option<i64>,
    /// How many.
    pub count: u64,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its number, from 1 in the order of connecting.
    pub number: u64,
    /// Path and query that it connected to.
    pub path: String,
    /// Whether what it gets is compressed.
    pub compressed: bool,
    /// What it subscribed to.
    pub topics: Vec<Topic>,
}

/// What the tasks of a server share with those who steer it.
struct Shared {
    config: ServerConfig,
    hub: Mutex<Hub>,
    /// Whether messages are sent at the moment.
    playing: watch::Sender<bool>,
    stop: watch::Sender<bool>,
}

impl Shared {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stopped(&self) {
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

/// A running server. Dropping it stops it.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to listen. Messages are sent once the first subscriptions are there.
    ///
    /// # Errors
    /// A venue without a host, a pace that is none, or a port that is taken.
    pub fn start(config: ServerConfig, source: impl Source + 'static) -> Result<Self> {
        let venue = Venue::find(&config.venue)?;
        let none = || FeedError::config(&config.venue, "there is no replay server for it");
        let host = rustonite_wire::host(&config.venue).ok_or_else(none)?;
        let codec = rustonite_wire::open(&config.venue).ok_or_else(none)?;
        if let Pace::Times(times) = config.pace
            && !(times > 0.0 && times.is_finite())
        {
            let problem = format!("found {times}, expected more than 0");
            return Err(FeedError::config("speed", problem));
        }
        let mut hub = Hub::new(venue, host, codec);
        (hub.symbols, hub.clock_ahead_ns) = (source.symbols(), source.clock_ahead_ns());
        hub.is_made = source.is_made();
        let shared = Arc::new(Shared {
            config,
            hub: Mutex::new(hub),
            playing: watch::Sender::new(true),
            stop: watch::Sender::new(false),
        });
        let (tell, told) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let system = |doing: &str| {
            let doing = doing.to_owned();
            move |source| FeedError::System { doing, source }
        };
        let thread = std::thread::Builder::new()
            .name("rustonite-replay".to_owned())
            .spawn(move || serve(&for_thread, Box::new(source), tell))
            .map_err(system("starting the replay server"))?;
        let address = told
            .blocking_recv()
            .unwrap_or_else(|_| Err(std::io::Error::other("its thread ended")))
            .map_err(system("starting the replay server"))?;
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Addresses for the `urls` of a recorder's feed: each endpoint of the catalog, and `rest`.
    pub fn urls(&self) -> BTreeMap<String, Url> {
        let hub = self.shared.hub();
        let venue = hub.venue();
        let sockets = venue.sockets.iter().filter_map(|socket| {
            let mut url: Url = socket.url.parse().ok()?;
            url.set_scheme("ws").ok()?;
            url.set_ip_host(self.address.ip()).ok()?;
            url.set_port(Some(self.address.port())).ok()?;
            Some((socket.name.clone(), url))
        });
        let rest = Url::parse(&format!("http://{}", self.address)).ok();
        sockets.chain(rest.map(|url| ("rest".to_owned(), url))).collect()
    }

    /// Lets something go wrong.
    ///
    /// # Errors
    /// A fault that cannot be done.
    pub fn fault(&self, planned: Planned) -> Result<()> {
        self.shared.hub().plan(planned).map_err(|problem| FeedError::config("fault", problem))
    }

    /// The same, of a fault in JSON, as `POST /_replay/fault` takes it.
    ///
    /// # Errors
    /// No fault, or one that cannot be done.
    pub fn fault_in_json(&self, json: &str) -> Result<()> {
        let planned = Planned::read(json.as_bytes());
        let planned = planned.and_then(|planned| self.shared.hub().plan(planned));
        planned.map_err(|problem| FeedError::config("fault", problem))
    }

    /// Faults that have met nobody so far.
    pub fn faults_waiting(&self) -> usize {
        self.shared.hub().planned()
    }

    /// Who is connected.
    pub fn clients(&self) -> Vec<ClientInfo> {
        self.shared.hub().clients()
    }

    /// Messages that the source has given so far.
    pub fn sent(&self) -> u64 {
        self.shared.hub().sent
    }

    /// Whether the source is at its end.
    pub fn is_at_end(&self) -> bool {
        self.shared.hub().ended
    }

    /// The book of an instrument as it is now; `None` before its first picture.
    pub fn true_book(&self, symbol: &str) -> Option<TrueBook> {
        self.shared.hub().true_book(symbol)
    }

    /// The trades of an instrument so far.
    pub fn trades_sent(&self, symbol: &str) -> TradesSent {
        self.shared.hub().trades_sent(symbol)
    }

    /// Sends no more messages until [`Server::resume`]; connections and signs of life go on.
    pub fn pause(&self) {
        self.shared.playing.send_replace(false);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.shared.playing.send_replace(true);
    }

    /// Closes everything.
    pub fn stop(&mut self) {
        self.shared.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

type Bound = std::io::Result<SocketAddr>;

/// The server's thread.
fn serve(shared: &Arc<Shared>, source: Box<dyn Source>, tell: oneshot::Sender<Bound>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    LocalSet::new().block_on(&runtime, async {
        let bound = TcpListener::bind(shared.config.listen).await;
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let at = |error: std::io::Error| {
            std::io::Error::new(error.kind(), format!("{}: {error}", shared.config.listen))
        };
        let listener = match bound.map_err(at) {
            Ok((address, listener)) => {
                let _ = tell.send(Ok(address));
                listener
            }
            Err(error) => {
                let _ = tell.send(Err(error));
                return;
            }
        };
        tokio::task::spawn_local(play(Arc::clone(shared), source));
        tokio::task::spawn_local(beat(Arc::clone(shared)));
        tokio::select! {
            () = accept(shared, listener) => {}
            () = shared.stopped() => {}
        }
    });
}

async fn accept(shared: &Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(http::run(Arc::clone(shared), stream));
            }
            Err(_) => sleep(SLOW_WAIT).await,
        }
    }
}

async fn beat(shared: Arc<Shared>) {
    let mut beats = interval(shared.config.heartbeat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        shared.hub().heartbeat();
    }
}

/// Sends the messages of the source at its pace.
async fn play(shared: Arc<Shared>, mut source: Box<dyn Source>) {
    let first = answers(&shared, &mut *source).await;
    while shared.hub().subscriptions < shared.config.begin_after {
        sleep(SLOW_WAIT).await;
    }
    let mut playing = shared.playing.subscribe();
    let mut clock = Clock::new(shared.config.pace);
    let mut count = 0_u64;
    let mut next = first;
    loop {
        clock.pause(&mut playing).await;
        let disturbances = std::mem::take(&mut shared.hub().disturbances);
        for (symbol, what) in &disturbances {
            source.disturb(symbol, *what);
        }
        let message = match next.take() {
            Some(message) => message,
            None => match source.poll_message() {
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => break,
                Poll::Pending => {
                    sleep(SLOW_WAIT).await;
                    continue;
                }
            },
        };
        clock.wait_for(message.ts_recv).await;
        // What was paused meanwhile must not slip out.
        clock.pause(&mut playing).await;
        let deliveries = shared.hub().message(&message);
        deliveries.into_iter().for_each(deliver);
        count += 1;
        if count.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
            while shared.hub().longest_queue() > QUEUE_MAX {
                sleep(SLOW_WAIT).await;
            }
        }
    }
    shared.hub().ended = true;
}

/// Takes the answers of REST that a recording begins with: clients ask for them before they
/// subscribe. Returns the first message behind them.
async fn answers(shared: &Shared, source: &mut dyn Source) -> Option<Recorded> {
    // The time of a made-up market begins with its first message.
    if source.is_made() {
        return None;
    }
    loop {
        match source.poll_message() {
            Poll::Ready(Some(message)) if message.path.is_some() => {
                shared.hub().message(&message);
            }
            Poll::Ready(first) => return first,
            Poll::Pending => sleep(SLOW_WAIT).await,
        }
    }
}

fn deliver(delivery: hub::Delivery) {
    let hub::Delivery { queue, out, after } = delivery;
    if after.is_zero() {
        queue.push(out);
        return;
    }
    tokio::task::spawn_local(async move {
        sleep(after).await;
        queue.push(out);
    });
}

/// Maps times of messages to times of sending.
struct Clock {
    pace: Pace,
    began: Option<(i64, Instant)>,
}

impl Clock {
    fn new(pace: Pace) -> Self {
        Self { pace, began: None }
    }

    /// Waits as long as nothing is to be sent: that time does not count.
    async fn pause(&mut self, playing: &mut watch::Receiver<bool>) {
        if *playing.borrow() {
            return;
        }
        let since = Instant::now();
        let _ = playing.wait_for(|playing| *playing).await;
        if let Some((_, began)) = &mut self.began {
            *began += since.elapsed();
        }
    }

    async fn wait_for(&mut self, ts_recv: i64) {
        let Pace::Times(times) = self.pace else { return };
        let (first, began) = *self.began.get_or_insert_with(|| (ts_recv, Instant::now()));
        let nanos = u64::try_from(ts_recv.saturating_sub(first)).unwrap_or(0);
        let after = Duration::from_nanos(nanos).div_f64(times.max(SLOWEST));
        let due = began + after;
        if due > Instant::now() {
            sleep_until(due).await;
        }
    }
}
