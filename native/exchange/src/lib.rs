//! A local exchange: venues on loopback ports that speak their own protocols over the matching
//! engine, with accounts, faults and delays.
//!
//! One folder per dialect. A dialect reads calls and writes messages; what they do is in the
//! engine, and what all dialects share is beside the folders.

mod accounts;
mod admin;
mod alpaca;
mod binance;
mod binance_usdm;
mod candles;
mod crowd;
mod dialect;
mod error;
mod faults;
mod figures;
mod floor;
mod http;
mod keys;
mod latency;
mod limits;
mod listing;
mod market;
mod picture;
pub mod rates;
mod recording;
mod running;
mod socket;
mod state;
mod steering;
mod venue;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rustonite_core::Decimal;
pub use rustonite_sim::FeeTier;
use rustonite_sim::latency::LatencyConfig;
use rustonite_sim::{AccountId, Amount, AssetId, Command, OrderId};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

pub use self::crowd::Crowd;
use self::dialect::{Dialect, Hall};
pub use self::error::{ExchangeError, Result};
pub use self::faults::{Fault, Planned, Sort, Streams, Told};
pub use self::keys::Key;
pub use self::latency::read_latency;
pub use self::limits::Allowance;
pub use self::listing::{Listing, Perpetual};
pub use self::recording::{Feed, Happening, Moment, Recording, queue_named};
use self::running::Running;
use self::state::{Head, Log};
use self::venue::Venue;

const BEAT: Duration = Duration::from_millis(100);
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);
/// What fees of spot may be paid in, whether it is traded or not.
pub(crate) const FEE_ASSET: &str = "BNB";
/// Yields until those who wait for a venue should have got it.
const YIELDS_MAX: usize = 1_000;
/// What the venue itself trades with, and what was recorded.
const HOUSE_FUNDS: i128 = 10_i128.pow(18 + 12);

/// One venue.
#[derive(Clone, Debug)]
pub struct VenueConfig {
    /// Its name: `binance`, `binance-usdm`, `alpaca`.
    pub venue: String,
    /// Where it listens; 0 is any free port.
    pub port: u16,
    /// What is traded.
    pub listings: Vec<Listing>,
    /// What clients may ask for.
    pub allowance: Allowance,
    /// Fees of accounts that have none of their own, by what they have traded in 30 days in the quote
    /// asset of the first listing. Nobody else pays any if there are none.
    pub fee_tiers: Vec<FeeTier>,
    /// How long messages take; none of that if `None`.
    pub latency: Option<LatencyConfig>,
    /// What was recorded and is its market; only what its accounts do if `None`.
    pub recording: Option<Recording>,
}

impl VenueConfig {
    /// A venue on a free port, with usual limits and fees and no delays.
    pub fn new(venue: &str, listings: Vec<Listing>) -> Self {
        let allowance = Allowance::of(venue);
        let (venue, fee_tiers) = (venue.to_owned(), vec![rates::usual(venue)]);
        Self { venue, port: 0, listings, allowance, fee_tiers, latency: None, recording: None }
    }
}

/// What a local exchange is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address that it listens at; loopback by default.
    pub host: IpAddr,
    /// Its venues.
    pub venues: Vec<VenueConfig>,
    /// The folder that it is kept in; if it was there before, it goes on as it was. In memory if
    /// `None`.
    pub state: Option<PathBuf>,
}

impl Config {
    /// Venues on loopback.
    pub fn new(venues: Vec<VenueConfig>) -> Self {
        Self { host: IpAddr::V4(Ipv4Addr::LOCALHOST), venues, state: None }
    }
}

/// What the tasks of a venue share with those who steer it.
struct Shared {
    name: String,
    venue: Mutex<Venue>,
    /// Threads that wait for the venue.
    waiting: AtomicUsize,
    recording: Option<Recording>,
    stop: watch::Sender<bool>,
}

impl Shared {
    fn venue(&self) -> MutexGuard<'_, Venue> {
        if let Ok(venue) = self.venue.try_lock() {
            return venue;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let venue = self.venue.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        venue
    }

    /// Lets those in who wait for the venue: whoever takes a lock again at once is faster than
    /// anybody who has to be woken for it.
    fn make_way(&self) {
        for _ in 0..YIELDS_MAX {
            if self.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            std::thread::yield_now();
        }
    }

    async fn stopped(&self) {
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

/// A running exchange. Dropping it stops it.
pub struct LocalExchange {
    venues: Vec<(Arc<Shared>, SocketAddr)>,
    thread: Option<JoinHandle<()>>,
    /// Others who trade, and recordings that are played.
    markets: Vec<Running>,
}

impl LocalExchange {
    /// Begins to listen.
    ///
    /// # Errors
    /// A venue without a dialect, rules that do not fit together, a port that is taken, or a state
    /// that cannot be kept, or is of another exchange.
    pub fn start(config: &Config) -> Result<Self> {
        let state = config.state.as_deref();
        let venues = config.venues.iter().map(|one| Ok((open(one, state)?, one.port)));
        let venues: Vec<_> = venues.collect::<Result<_>>()?;
        // Not the channel of the runtime: callers may be on one of their own.
        let (tell, told) = mpsc::sync_channel(1);
        let host = config.host;
        let for_thread: Vec<_> = venues
            .iter()
            .map(|(shared, port)| (Arc::clone(shared), SocketAddr::new(host, *port)))
            .collect();
        let system = |source| ExchangeError::System {
            doing: "starting the local exchange".to_owned(),
            source,
        };
        let thread = std::thread::Builder::new()
            .name("rustonite-venue".to_owned())
            .spawn(move || serve(for_thread, &tell))
            .map_err(system)?;
        let addresses = told
            .recv()
            .unwrap_or_else(|_| Err(std::io::Error::other("its thread ended")))
            .map_err(system)?;
        let venues = venues.into_iter().map(|(shared, _)| shared).zip(addresses).collect();
        Ok(Self { venues, thread: Some(thread), markets: Vec::new() })
    }

    fn shared(&self, venue: &str) -> Result<&Arc<Shared>> {
        let found = self.venues.iter().find(|(shared, _)| shared.name == venue);
        found.map(|(shared, _)| shared).ok_or_else(|| ExchangeError::unknown("venue", venue))
    }

    /// Where a venue listens.
    ///
    /// # Errors
    /// No such venue.
    pub fn address(&self, venue: &str) -> Result<SocketAddr> {
        let found = self.venues.iter().find(|(shared, _)| shared.name == venue);
        found.map(|(_, address)| *address).ok_or_else(|| ExchangeError::unknown("venue", venue))
    }

    /// Addresses for the `urls` of a recorder's feed, and those that trading clients need.
    ///
    /// # Errors
    /// No such venue.
    pub fn urls(&self, venue: &str) -> Result<BTreeMap<String, String>> {
        let address = self.address(venue)?;
        Ok(self.shared(venue)?.venue().dialect.urls(address))
    }

    /// Opens an account at all venues.
    ///
    /// # Errors
    /// There is one of that name.
    pub fn add_account(&self, name: &str) -> Result<()> {
        for (shared, _) in &self.venues {
            let mut venue = shared.venue();
            if venue.hall.floor.accounts.by_name(name).is_some() {
                return Err(ExchangeError::invalid("account", format!("{name:?} is open")));
            }
            venue.open_account(name)?;
        }
        Ok(())
    }

    /// Sets what an account pays at a venue, as parts of what changes hands; negative is a rebate.
    ///
    /// # Errors
    /// No such venue or account, or parts that have more than six decimals or are not below 1.
    pub fn set_fees(
        &self,
        venue: &str,
        account: &str,
        maker: Decimal,
        taker: Decimal,
    ) -> Result<()> {
        let fees = rates::fees(maker, taker)?;
        let mut venue = self.shared(venue)?.venue();
        let account = venue.account(account)?;
        let fee_asset = venue.hall.floor.exchange.fee_asset(account);
        venue.apply(&Command::SetFees { account, fees, fee_asset })?;
        Ok(())
    }

    /// Lets an account sign with a key at all venues.
    ///
    /// # Errors
    /// No such account.
    pub fn add_key(&self, account: &str, api_key: &str, key: &Key) -> Result<()> {
        for (shared, _) in &self.venues {
            shared.venue().add_key(account, api_key, key)?;
        }
        Ok(())
    }

    /// The name and the secret of a key of an account, if its secret is shared: those of an account
    /// that a state has kept.
    ///
    /// # Errors
    /// No such venue or account.
    pub fn key(&self, venue: &str, account: &str) -> Result<Option<(String, String)>> {
        let venue = self.shared(venue)?.venue();
        let known = venue.hall.floor.accounts.secret_of(venue.account(account)?);
        Ok(known.map(|(name, secret)| (name.to_owned(), secret.to_owned())))
    }

    /// Adds to a balance at a venue; a negative amount takes.
    ///
    /// # Errors
    /// No such venue, account or asset, or less than what is taken.
    pub fn deposit(&self, venue: &str, account: &str, asset: &str, amount: Decimal) -> Result<()> {
        self.shared(venue)?.venue().deposit(account, asset, amount)
    }

    /// Sets what a venue's positions in a perpetual are valued at, from now on.
    ///
    /// # Errors
    /// No such venue or instrument, an instrument without positions, or a price off its tick.
    pub fn set_mark(&self, venue: &str, symbol: &str, price: Decimal) -> Result<()> {
        self.shared(venue)?.venue().set_mark(symbol, price)
    }

    /// What an account has of an asset: free and locked.
    ///
    /// # Errors
    /// No such venue, account or asset.
    pub fn balance(&self, venue: &str, account: &str, asset: &str) -> Result<(Decimal, Decimal)> {
        let venue = self.shared(venue)?.venue();
        let floor = &venue.hall.floor;
        let (account, asset) = (venue.account(account)?, floor.asset_named(asset)?);
        let (free, locked) = floor.exchange.balance(account, asset);
        Ok((free.to_decimal(), locked.to_decimal()))
    }

    /// Lets something go wrong at a venue.
    ///
    /// # Errors
    /// No such venue.
    pub fn fault(&self, venue: &str, planned: Planned) -> Result<()> {
        self.shared(venue)?.venue().fault(planned)
    }

    /// The same, of a fault in JSON, as `POST /_exchange/fault` takes it.
    ///
    /// # Errors
    /// No such venue, or no fault.
    pub fn fault_in_json(&self, venue: &str, json: &str) -> Result<()> {
        admin::fault(self.shared(venue)?, json).map(|_| ())
    }

    /// Sets how long messages take at a venue from now on, those that are on their way excepted;
    /// none of that if `None`.
    ///
    /// # Errors
    /// No such venue.
    pub fn set_latency(&self, venue: &str, latency: Option<LatencyConfig>) -> Result<()> {
        self.shared(venue)?.venue().set_latency(latency);
        Ok(())
    }

    /// The same, of settings in JSON, as `POST /_exchange/latency` takes them.
    ///
    /// # Errors
    /// No such venue, or settings that cannot be.
    pub fn set_latency_in_json(&self, venue: &str, json: &str) -> Result<()> {
        self.set_latency(venue, read_latency(json)?)
    }

    /// What is going on at a venue, in JSON.
    ///
    /// # Errors
    /// No such venue.
    pub fn status(&self, venue: &str) -> Result<String> {
        Ok(admin::status(self.shared(venue)?).to_string())
    }

    /// Number of an account, for commands.
    ///
    /// # Errors
    /// No such venue or account.
    pub fn account(&self, venue: &str, name: &str) -> Result<AccountId> {
        self.shared(venue)?.venue().account(name)
    }

    /// Does what another trader or the operator of a venue asks for, and tells clients.
    ///
    /// # Errors
    /// No such venue, or whatever the engine refuses.
    pub fn apply(&self, venue: &str, command: &Command) -> Result<Option<OrderId>> {
        self.shared(venue)?.venue().apply(command)
    }

    /// Lets others trade all that a venue has listed, until the exchange stops. Those that a state
    /// has kept go on.
    ///
    /// # Errors
    /// No such venue, a price that is not on the tick, or a state with others of another kind.
    pub fn open_to(&mut self, venue: &str, crowd: &Crowd) -> Result<()> {
        let running = crowd::start(self.shared(venue)?, crowd)?;
        self.markets.push(running);
        Ok(())
    }

    /// Closes everything.
    pub fn stop(&mut self) {
        self.markets.clear();
        for (shared, _) in &self.venues {
            shared.stop.send_replace(true);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for (shared, _) in &self.venues {
            shared.venue().close();
        }
    }
}

impl Drop for LocalExchange {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Venue {
    fn account(&self, name: &str) -> Result<AccountId> {
        let found = self.hall.floor.accounts.by_name(name);
        found.ok_or_else(|| ExchangeError::unknown("account", name))
    }

    fn set_mark(&mut self, symbol: &str, price: Decimal) -> Result<()> {
        let floor = &self.hall.floor;
        let instrument =
            floor.instrument(symbol).ok_or_else(|| ExchangeError::unknown("instrument", symbol))?;
        let price = price
            .to_ticks(floor.listed(instrument).rules.tick)
            .map_err(|error| ExchangeError::invalid("price", error.to_string()))?;
        self.apply(&Command::Mark { instrument, price })?;
        Ok(())
    }

    fn deposit(&mut self, account: &str, asset: &str, amount: Decimal) -> Result<()> {
        let (account, asset) = (self.account(account)?, self.hall.floor.asset_named(asset)?);
        let amount = Amount::from_decimal(amount)
            .map_err(|error| ExchangeError::invalid("amount", error.to_string()))?;
        self.apply(&Command::Deposit { account, asset, amount })?;
        Ok(())
    }
}

/// A venue that does not listen so far: new, or as it was kept in a folder.
fn open(config: &VenueConfig, state: Option<&Path>) -> Result<Arc<Shared>> {
    let mut venue = match state.map(|folder| Log::open(folder, config)).transpose()? {
        None => build(config, &Head::new(config))?,
        Some((log, head)) => {
            let mut venue = build(config, &head)?;
            venue.keep(log)?;
            venue
        }
    };
    venue.hall.floor.clock.go_on();
    venue.set_latency(config.latency);
    Ok(Arc::new(Shared {
        name: config.venue.clone(),
        venue: Mutex::new(venue),
        waiting: AtomicUsize::new(0),
        recording: config.recording.clone(),
        stop: watch::Sender::new(false),
    }))
}

/// A venue that nobody has come to. Its clock stands.
fn build(config: &VenueConfig, head: &Head) -> Result<Venue> {
    let dialect: Box<dyn Dialect> = match config.venue.as_str() {
        "alpaca" => Box::new(alpaca::Broker::default()),
        "binance" => Box::new(binance::Spot::default()),
        "binance-usdm" => Box::new(binance_usdm::UsdM::default()),
        other => return Err(ExchangeError::unknown("venue", other)),
    };
    let mut floor = floor::Floor::default();
    floor.clock.stop_at(head.began);
    floor.seed(head.seed);
    for listing in &config.listings {
        floor.list(listing)?;
    }
    if config.venue == "binance" {
        floor.asset(FEE_ASSET);
    }
    rates::set_tiers(&mut floor.exchange, &config.fee_tiers)?;
    let mut rich = vec![floor.open_unnamed()];
    let house = rich[0];
    if let Some(recording) = &config.recording {
        rich.push(recording::follow(&mut floor, recording.queue));
    }
    let hall = Hall::new(floor, house, config.allowance);
    let mut venue = Venue::new(hall, dialect);
    for asset in 0..AssetId::try_from(venue.hall.floor.assets.len()).unwrap_or(0) {
        for &account in &rich {
            venue.act(&Command::Deposit { account, asset, amount: Amount(HOUSE_FUNDS) })?;
        }
    }
    Ok(venue)
}

type Bound = std::io::Result<Vec<SocketAddr>>;

/// The thread of an exchange.
fn serve(venues: Vec<(Arc<Shared>, SocketAddr)>, tell: &mpsc::SyncSender<Bound>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    LocalSet::new().block_on(&runtime, async {
        let Some((last, _)) = venues.last().cloned() else {
            let _ = tell.send(Ok(Vec::new()));
            return;
        };
        match listen(venues).await {
            Ok(addresses) => {
                let _ = tell.send(Ok(addresses));
                last.stopped().await;
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    });
}

async fn listen(venues: Vec<(Arc<Shared>, SocketAddr)>) -> Bound {
    let mut addresses = Vec::new();
    for (shared, address) in venues {
        let bound = TcpListener::bind(address).await;
        let at = |error: std::io::Error| {
            std::io::Error::new(error.kind(), format!("{address}: {error}"))
        };
        let listener = bound.map_err(at)?;
        addresses.push(listener.local_addr()?);
        tokio::task::spawn_local(accept(Arc::clone(&shared), listener));
        tokio::task::spawn_local(beat(shared));
    }
    Ok(addresses)
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                tokio::task::spawn_local(http::run(Arc::clone(&shared), stream, from));
            }
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn beat(shared: Arc<Shared>) {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 0_u64.. {
        beats.tick().await;
        shared.venue().beat(count);
    }
}
