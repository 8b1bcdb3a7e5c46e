//! The recorder: one thread for each venue, each with its own connections, tapes and books.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustonite_core::datasets::FrameKind;
use rustonite_tape::TapeOptions;
use rustonite_wire::{Codec, Feed, Request};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use url::Url;

use crate::alive::Alive;
use crate::catalog::Venue;
use crate::clock::now_ns;
use crate::config::{Config, FeedConfig};
use crate::connection::{Order, Shared};
use crate::dial::Dialler;
use crate::error::{FeedError, Result};
use crate::keys;
use crate::limits::{Backoff, Budget};
use crate::line;
use crate::plan::{LinePlan, Planned, lines};
use crate::recording::{Recording, Socketed};
use crate::rest::{Answer, Client, sort};
use crate::stats::{Stats, VenueStatus};
use crate::tapes::{Place, Tapes};

/// How often time is let pass: seals, intervals, calls that are wanted.
const TICK: Duration = Duration::from_millis(50);
/// How long connections may take to close when the recorder stops.
const CLOSE: Duration = Duration::from_secs(1);
/// Calls that run at the same time.
const CALLS_MAX: usize = 4;
/// How often a call is tried before it is given up until it is wanted again.
const TRIES_MAX: u32 = 8;
/// How often clocks are compared.
const CLOCK_EVERY: Duration = Duration::from_mins(5);
/// Parts of one answer; no venue has so many.
const PARTS_MAX: usize = 1_000;

/// A running recorder. Dropping it stops it.
#[derive(Debug)]
pub struct Recorder {
    venues: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    name: String,
    stats: Arc<Stats>,
    commands: mpsc::UnboundedSender<Command>,
    thread: Option<JoinHandle<Result<()>>>,
}

#[derive(Debug)]
enum Command {
    Feeds(Vec<FeedConfig>),
    Stop,
}

impl Recorder {
    /// Starts to record. `tapes` is the folder for tapes. With a lake they keep what it does not
    /// have; without one only their newest segments stay.
    ///
    /// # Errors
    /// A configuration that cannot be used, or a tape that another process writes.
    pub fn start(config: &Config, tapes: &Path) -> Result<Self> {
        // Should one venue fail, those before it are stopped.
        let mut recorder = Self { venues: Vec::new() };
        for (name, feeds) in by_venue(config) {
            recorder.venues.push(start_venue(config, tapes, name, feeds)?);
        }
        Ok(recorder)
    }

    /// What each venue is doing.
    pub fn status(&self) -> Vec<VenueStatus> {
        self.venues.iter().map(|venue| VenueStatus::of(&venue.name, &venue.stats)).collect()
    }

    /// Takes over which instruments and channels a new configuration wants, without a break for
    /// those that stay.
    ///
    /// # Errors
    /// The new configuration has venues that the old one has not, or lacks some.
    pub fn reload(&self, config: &Config) -> Result<()> {
        let wanted = by_venue(config);
        let running: Vec<_> = self.venues.iter().map(|venue| venue.name.as_str()).collect();
        if !wanted.keys().map(String::as_str).eq(running.iter().copied()) {
            let found: Vec<_> = wanted.keys().map(String::as_str).collect();
            let problem = format!(
                "found venues {}, expected {} as before; restart to change venues",
                found.join(", "),
                running.join(", ")
            );
            return Err(FeedError::config("feed.venue", problem));
        }
        for (venue, (_, feeds)) in self.venues.iter().zip(wanted) {
            let _ = venue.commands.send(Command::Feeds(feeds));
        }
        Ok(())
    }

    /// Whether all threads run.
    pub fn is_running(&self) -> bool {
        let runs = |venue: &Running| venue.thread.as_ref().is_some_and(|one| !one.is_finished());
        self.venues.iter().all(runs)
    }

    /// Closes connections, seals tapes and waits for the end.
    ///
    /// # Errors
    /// The first error that a venue's thread ended with.
    pub fn stop(&mut self) -> Result<()> {
        for venue in &self.venues {
            let _ = venue.commands.send(Command::Stop);
        }
        let mut first = Ok(());
        for venue in &mut self.venues {
            let Some(thread) = venue.thread.take() else { continue };
            let ended = thread.join().unwrap_or_else(|_| {
                let source = std::io::Error::other("panicked; please report it");
                Err(FeedError::System { doing: format!("recording {}", venue.name), source })
            });
            first = first.and(ended);
        }
        first
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn by_venue(config: &Config) -> BTreeMap<String, Vec<FeedConfig>> {
    let mut venues: BTreeMap<String, Vec<FeedConfig>> = BTreeMap::new();
    for feed in &config.feeds {
        venues.entry(feed.venue.clone()).or_default().push(feed.clone());
    }
    venues
}

fn start_venue(
    config: &Config,
    tapes: &Path,
    name: String,
    feeds: Vec<FeedConfig>,
) -> Result<Running> {
    let stats = Arc::new(Stats::default());
    let (commands, inbox) = mpsc::unbounded_channel();
    let (config, tapes) = (config.clone(), tapes.to_owned());
    let (venue_name, venue_stats) = (name.clone(), Arc::clone(&stats));
    let (tell, started) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name(format!("rustonite-{name}"));
    let thread = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(source) => {
                let doing = "starting a runtime".to_owned();
                let _ = tell.send(Err(FeedError::System { doing, source }));
                return Ok(());
            }
        };
        let venue = match VenueThread::new(&config, &tapes, &venue_name, feeds, venue_stats) {
            Ok(venue) => venue,
            Err(error) => {
                let _ = tell.send(Err(error));
                return Ok(());
            }
        };
        let _ = tell.send(Ok(()));
        let ended = LocalSet::new().block_on(&runtime, venue.run(inbox));
        // Names that are looked up for ever must not hold up the end.
        runtime.shutdown_background();
        ended
    });
    let thread = thread.map_err(|source| FeedError::System {
        doing: format!("starting the thread of {name}"),
        source,
    })?;
    match started.recv() {
        Ok(Ok(())) | Err(_) => Ok(Running { name, stats, commands, thread: Some(thread) }),
        Ok(Err(error)) => Err(error),
    }
}

/// Everything of one venue, on its thread.
struct VenueThread {
    venue: Venue,
    shared: Shared,
    client: Option<Client>,
    /// Reads answers of REST. One for all, as some venues are read by what changed.
    codec: Rc<RefCell<Box<dyn Codec>>>,
    feeds: Vec<FeedConfig>,
    lines: Vec<Line>,
    /// Calls that run.
    calls: Rc<RefCell<Vec<Feed>>>,
    scheduled: Vec<Scheduled>,
    alive: Alive,
}

/// A line that runs, and what it carries.
struct Line {
    plan: LinePlan,
    copy: usize,
    orders: mpsc::UnboundedSender<Order>,
    task: tokio::task::JoinHandle<()>,
}

/// A REST call that is made again and again.
struct Scheduled {
    feed: Feed,
    every: Duration,
    next: Instant,
}

impl VenueThread {
    fn new(
        config: &Config,
        tapes: &Path,
        name: &str,
        feeds: Vec<FeedConfig>,
        stats: Arc<Stats>,
    ) -> Result<Self> {
        let venue = Venue::find_in(config.catalog.as_deref(), name)?;
        let codec = rustonite_wire::open(name).ok_or_else(|| {
            FeedError::unknown("venue", name, rustonite_wire::VENUES.iter().copied())
        })?;
        let own_proxy = feeds.iter().find_map(|feed| feed.proxy.clone());
        let proxy = own_proxy.or_else(|| config.proxy.clone());
        let dialler = Dialler::new(proxy, config.ca_file.as_deref())?;
        let options = TapeOptions {
            segment_bytes: config.tape.segment_bytes,
            segments_max: config.tape.segments_max,
            seal_after_ms: Some(config.tape.seal_after_s.saturating_mul(1000)),
            ..TapeOptions::default()
        };
        let tape_name = format!("{}-{name}", config.name);
        let for_lake = config.lake.is_some();
        let place = Place { folder: tapes.to_owned(), name: tape_name.clone(), options, for_lake };
        let mut recording = Recording::new(codec.venue(), Tapes::new(place), stats, config);
        // A tape that cannot be read is reported by who writes it.
        if let Err(error) = recording.recall_trades(&venue) {
            recording.stats.problem("trades of the run before", Some(error.to_string()));
        }
        let client = client(&venue, &feeds, &dialler)?;
        let keys = keys::of(name)?;
        // Nothing may fail any more but the tape itself, or the next run would hear of a crash.
        let (alive, crashed) = Alive::begin(tapes, &tape_name)?;
        if let Err(error) = recording.started(crashed) {
            if crashed.is_none() {
                alive.end();
            }
            return Err(error.into());
        }
        let first = venue.sockets.first();
        let connects = Budget::new(
            first.map_or(60, |socket| socket.connects),
            Duration::from_secs(first.map_or(60, |socket| socket.connects_per_s.into())),
        );
        let shared = Shared {
            venue: codec.venue(),
            dialler,
            recording: Rc::new(RefCell::new(recording)),
            connects,
            keys,
        };
        let calls = Rc::default();
        let codec = Rc::new(RefCell::new(codec));
        let (lines, scheduled) = (Vec::new(), Vec::new());
        Ok(Self { venue, shared, client, codec, feeds, lines, calls, scheduled, alive })
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) -> Result<()> {
        let feeds = self.feeds.clone();
        self.take_over(feeds)?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.tick(),
                command = commands.recv() => match command {
                    Some(Command::Feeds(feeds)) => {
                        let problem = self.take_over(feeds).err().map(|error| error.to_string());
                        self.shared.recording.borrow().stats.problem("reload", problem);
                    }
                    Some(Command::Stop) | None => return self.stop().await,
                },
            }
        }
    }

    fn tick(&mut self) {
        self.shared.recording.borrow_mut().tick();
        self.alive.tick();
        let now = Instant::now();
        for scheduled in self.scheduled.iter_mut().filter(|one| one.next <= now) {
            scheduled.next = now + scheduled.every;
            let wanted = &mut self.shared.recording.borrow_mut().wanted;
            // What still waits, for the venue's limits or its return, is not asked for twice.
            let feed = &scheduled.feed;
            if !wanted.contains(feed) && !self.calls.borrow().contains(feed) {
                wanted.push_back(feed.clone());
            }
        }
        while self.calls.borrow().len() < CALLS_MAX {
            let Some(feed) = self.shared.recording.borrow_mut().wanted.pop_front() else { break };
            self.call(feed);
        }
    }

    /// Asks by REST, in a task of its own.
    fn call(&self, feed: Feed) {
        let Some(client) = self.client.clone() else { return };
        let (shared, calls) = (self.shared.clone(), Rc::clone(&self.calls));
        let codec = Rc::clone(&self.codec);
        calls.borrow_mut().push(feed.clone());
        tokio::task::spawn_local(async move {
            call(&shared, &client, &codec, &feed).await;
            calls.borrow_mut().retain(|running| *running != feed);
        });
    }

    /// Makes lines and calls what the feeds ask for, with as little change as possible.
    fn take_over(&mut self, feeds: Vec<FeedConfig>) -> Result<()> {
        let mut wanted: Vec<(LinePlan, usize)> = Vec::new();
        for feed in &feeds {
            for plan in lines(feed, &self.venue)? {
                wanted.extend((0..feed.copies).map(|copy| (plan.clone(), copy)));
            }
        }
        self.end_what_is_not_in(&wanted);
        for (plan, copy) in wanted {
            let new = self.without_known(&plan, copy);
            if !new.topics.is_empty() {
                self.begin(new, copy);
            }
        }
        self.schedule(&feeds)?;
        self.feeds = feeds;
        Ok(())
    }

    fn end_what_is_not_in(&mut self, wanted: &[(LinePlan, usize)]) {
        for line in &mut self.lines {
            let is_wanted = |planned: &Planned| {
                wanted.iter().any(|(plan, copy)| {
                    *copy == line.copy
                        && plan.socket.url == line.plan.socket.url
                        && plan.topics.iter().any(|other| other.topic == planned.topic)
                })
            };
            let (kept, ended): (Vec<_>, Vec<_>) =
                line.plan.topics.drain(..).partition(|planned| is_wanted(planned));
            line.plan.topics = kept;
            if line.plan.topics.is_empty() {
                let _ = line.orders.send(Order::Close);
            } else if !ended.is_empty() {
                let _ = line.orders.send(Order::Unsubscribe(ended));
            }
        }
        self.lines.retain(|line| !line.plan.topics.is_empty());
    }

    /// A plan without the topics that a line carries already.
    fn without_known(&self, plan: &LinePlan, copy: usize) -> LinePlan {
        let known = |planned: &Planned| {
            self.lines.iter().any(|line| {
                line.copy == copy
                    && line.plan.socket.url == plan.socket.url
                    && line.plan.topics.iter().any(|other| other.topic == planned.topic)
            })
        };
        let topics = plan.topics.iter().filter(|planned| !known(planned)).cloned().collect();
        LinePlan { topics, ..plan.clone() }
    }

    /// Carries topics, on lines that have room and then on a new one.
    fn begin(&mut self, mut plan: LinePlan, copy: usize) {
        for line in &mut self.lines {
            if line.copy != copy || line.plan.socket.url != plan.socket.url {
                continue;
            }
            let room = line.plan.socket.topics_max.saturating_sub(line.plan.topics.len());
            let taken: Vec<_> = plan.topics.drain(..room.min(plan.topics.len())).collect();
            if !taken.is_empty() {
                line.plan.topics.extend(taken.clone());
                let _ = line.orders.send(Order::Subscribe(taken));
            }
        }
        if plan.topics.is_empty() {
            return;
        }
        let (orders, inbox) = mpsc::unbounded_channel();
        let task = tokio::task::spawn_local(line::run(self.shared.clone(), plan.clone(), inbox));
        self.lines.push(Line { plan, copy, orders, task });
    }

    /// What is asked by REST again and again.
    fn schedule(&mut self, feeds: &[FeedConfig]) -> Result<()> {
        let mut scheduled: Vec<Scheduled> = Vec::new();
        let symbols_per_call = self.venue.rest.as_ref().map_or(1, |rest| rest.symbols_per_call);
        for feed in feeds {
            for channel in feed.channels(&self.venue)? {
                if channel.rest_every_s == 0 {
                    continue;
                }
                let every = Duration::from_secs(channel.rest_every_s);
                let mut add = |feed: Feed| {
                    if !scheduled.iter().any(|known| known.feed == feed) {
                        scheduled.push(Scheduled { feed, every, next: Instant::now() });
                    }
                };
                match channel.dataset.as_str() {
                    "instruments" if channel.name.is_empty() => add(Feed::Instruments),
                    _ if channel.per_symbol => feed
                        .symbols
                        .chunks(symbols_per_call.max(1))
                        .for_each(|symbols| add(Feed::Tickers(Some(symbols.join(","))))),
                    _ => add(Feed::Tickers(None)),
                }
            }
        }
        if !self.codec.borrow().requests(&Feed::Time).is_empty() {
            let (feed, next) = (Feed::Time, Instant::now());
            scheduled.push(Scheduled { feed, every: CLOCK_EVERY, next });
        }
        self.scheduled = scheduled;
        Ok(())
    }

    async fn stop(self) -> Result<()> {
        self.shared.recording.borrow_mut().stopping();
        for line in &self.lines {
            let _ = line.orders.send(Order::Close);
        }
        // All of them together, however many there are; what is not closed by then is cut.
        let closed = Instant::now() + CLOSE;
        for line in self.lines {
            let _ = tokio::time::timeout_at(closed, line.task).await;
        }
        let finished = self.shared.recording.borrow_mut().finish();
        self.alive.end();
        finished.map_err(FeedError::from)
    }
}

fn client(venue: &Venue, feeds: &[FeedConfig], dialler: &Dialler) -> Result<Option<Client>> {
    let Some(rest) = &venue.rest else { return Ok(None) };
    let own = feeds.iter().find_map(|feed| feed.urls.get("rest").cloned());
    let mut limits = rest.clone();
    let root = match own {
        Some(url) => {
            // Whoever stands in for the venue answers all of its calls.
            limits.urls.clear();
            url
        }
        None => Url::parse(&rest.url).map_err(|error| {
            let place = format!("catalog/venues/{}.toml", venue.venue);
            FeedError::config(place, format!("rest.url {:?}: {error}", rest.url))
        })?,
    };
    Ok(Some(Client::new(dialler.clone(), root, limits)))
}

/// Gets an answer with all its parts, and keeps it.
async fn call(shared: &Shared, client: &Client, codec: &RefCell<Box<dyn Codec>>, feed: &Feed) {
    let mut requests: VecDeque<Request> = codec.borrow().requests(feed).into();
    let number = shared.recording.borrow_mut().next_connection();
    let mut state = Socketed::new(number, None);
    let (mut parts, mut is_whole) = (0, true);
    let about = about(feed);
    while let Some(mut request) = requests.pop_front() {
        parts += 1;
        if let Some(keys) = &shared.keys {
            request.headers.extend(codec.borrow().key_headers(keys));
        }
        let answer = answer(shared, client, &mut state, feed, &request, &about).await;
        let Some(answer) = answer.filter(|_| parts <= PARTS_MAX) else {
            shared.recording.borrow_mut().call_ended(feed);
            return;
        };
        let mut recording = shared.recording.borrow_mut();
        let mut codec = codec.borrow_mut();
        let (sent, got) = (answer.ts_sent, answer.ts_recv);
        is_whole &= recording.answer(&mut **codec, feed, number, sent, got, &answer.body);
        requests.extend(recording.more.drain(..));
    }
    let mut recording = shared.recording.borrow_mut();
    recording.stats.problem(&about, None);
    if is_whole && matches!(feed, Feed::Instruments) {
        recording.listed();
    }
}

/// A good answer to a call, which is tried some times.
async fn answer(
    shared: &Shared,
    client: &Client,
    state: &mut Socketed,
    feed: &Feed,
    request: &Request,
    about: &str,
) -> Option<Answer> {
    let mut backoff = Backoff::default();
    // What the venue's clock shows is worth no second try, and no alarm.
    let is_needed = !matches!(feed, Feed::Time);
    for _ in 0..if is_needed { TRIES_MAX } else { 1 } {
        let (kind, sent, path) =
            (FrameKind::HttpRequest, request.sent(), request.path.split('?').next());
        shared.recording.borrow_mut().raw(state, kind, None, path, now_ns(), sent.as_bytes());
        let called = client.call(feed, request).await;
        match note_answer(shared, state, request, called) {
            Ok(answer) => return Some(answer),
            Err(problem) => {
                let problem = Some(problem).filter(|_| is_needed);
                shared.recording.borrow().stats.problem(about, problem);
            }
        }
        tokio::time::sleep(backoff.next()).await;
    }
    None
}

/// Keeps an answer as it came; gives it back if it is a good one, else what is wrong.
fn note_answer(
    shared: &Shared,
    state: &mut Socketed,
    request: &Request,
    called: std::io::Result<Answer>,
) -> std::result::Result<Answer, String> {
    let mut recording = shared.recording.borrow_mut();
    match called {
        Ok(answer) => {
            let status = Some(i32::from(answer.status));
            let kind = FrameKind::HttpResponse;
            let path = request.path.split('?').next();
            recording.raw(state, kind, status, path, answer.ts_recv, &answer.body);
            if (200..300).contains(&answer.status) {
                return Ok(answer);
            }
            recording.call_refused(state.number, request, &answer);
            Err(format!("HTTP status {}", answer.status))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// A call for people.
fn about(feed: &Feed) -> String {
    let what = sort(feed);
    let symbol = match feed {
        Feed::Book(symbol) | Feed::Orders(symbol) => Some(symbol),
        Feed::Tickers(symbols) => symbols.as_ref(),
        Feed::Instruments | Feed::Time => None,
    };
    match symbol.and_then(|symbols| Some((symbols, symbols.split_once(',')?.0))) {
        Some((symbols, first)) => {
            format!("REST {what} of {first} and {} more", symbols.matches(',').count())
        }
        None => {
            symbol.map_or_else(|| format!("REST {what}"), |one| format!("REST {what} of {one}"))
        }
    }
}
