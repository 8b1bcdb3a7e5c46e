//! The local exchange.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use rustonite_core::Decimal;
use rustonite_exchange::{
    Allowance, Config, Crowd, ExchangeError, FeeTier, Feed, Happening, Key, Listing, LocalExchange,
    Moment, Recording, VenueConfig, queue_named, rates, read_latency,
};
use rustonite_sim::{QueueModel, Side, What};

use crate::error::{caught, invalid, raise};
use crate::reader::{check_process, process_id};

/// Symbol, tick, lot, price at the start.
type Listed = (String, String, String, String);
/// Worth, leverage, part that is kept as margin.
type Tiered = (String, u32, String);
/// Volume, fees of who rested and of who came.
type FeeTiered = (String, String, String);
/// Source, first moment, moment behind the last, speed, queue.
type Replayed = (String, i64, i64, f64, String);

/// What is served, and how.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    venue: String,
    /// 0 is any free one.
    port: u16,
    listings: Vec<Listed>,
    /// Of perpetuals, by symbol, where they are not the usual ones.
    tiers: BTreeMap<String, Vec<Tiered>>,
    fee_tiers: Vec<FeeTiered>,
    seed: u64,
    /// Of other traders; none of them if it is none.
    events_per_second: Option<f64>,
    /// Whether calls and orders are counted against the venue's limits.
    limits: bool,
    /// Folder that it is kept in.
    state: Option<PathBuf>,
    /// How long messages take, in JSON.
    latency: String,
    /// What was recorded and is the market.
    replay: Option<Replayed>,
}

/// Names of the models of who leaves a queue, the usual one first.
#[pyfunction]
pub(crate) fn queue_models() -> Vec<&'static str> {
    QueueModel::NAMED.map(|(name, _)| name).to_vec()
}

/// A local exchange, running or stopped.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct NativeExchange {
    exchange: Mutex<LocalExchange>,
    feed: Mutex<Option<Feed>>,
    pid: u32,
}

/// A row of a recording: moment, instrument, kind, price, quantity, each of eight bytes.
const ROW: usize = 40;

/// What a row says by its price and its quantity.
type Say = fn(i64, i64) -> Happening;

/// Kinds of rows by their names; a row has the place in this list as its kind.
const ROW_KINDS: [(&str, Say); 12] = [
    ("bid", |price, quantity| level(Side::Buy, price, quantity)),
    ("ask", |price, quantity| level(Side::Sell, price, quantity)),
    ("begins", |_, _| Happening::Market(What::SnapshotBegins)),
    ("whole", |_, _| Happening::Market(What::SnapshotEnds)),
    ("buy", |price, quantity| trade(Side::Buy, price, quantity)),
    ("sell", |price, quantity| trade(Side::Sell, price, quantity)),
    ("unsided", |price, quantity| Happening::Trade { price, quantity }),
    ("mark", |price, _| Happening::Mark(price)),
    ("rate", Happening::Rate),
    ("funding", |price, _| Happening::Funding(price)),
    ("lost", |_, _| Happening::Lost),
    ("ends", |_, _| Happening::Ends),
];

fn level(side: Side, price: i64, quantity: i64) -> Happening {
    Happening::Market(What::Level { side, price, quantity })
}

fn trade(taker: Side, price: i64, quantity: i64) -> Happening {
    Happening::Market(What::Trade { taker, price, quantity })
}

/// Names of the kinds of rows of a recording, each at the place of its number.
#[pyfunction]
pub(crate) fn row_kinds() -> Vec<&'static str> {
    ROW_KINDS.map(|(name, _)| name).to_vec()
}

fn happening(kind: i64, price: i64, quantity: i64) -> Option<Happening> {
    let (_, say) = ROW_KINDS.get(usize::try_from(kind).ok()?)?;
    Some(say(price, quantity))
}

fn moments(rows: &[u8]) -> PyResult<Vec<Moment>> {
    let mut moments: Vec<Moment> = Vec::new();
    let (rows, rest) = rows.as_chunks::<ROW>();
    for row in rows {
        let (numbers, _) = row.as_chunks::<8>();
        let number = |place: usize| i64::from_ne_bytes(numbers[place]);
        let (at, instrument) = (number(0), u32::try_from(number(1)));
        let (Ok(instrument), Some(what)) = (instrument, happening(number(2), number(3), number(4)))
        else {
            return Err(invalid(format!("rows: {} is not a kind of row", number(2))));
        };
        match moments.last_mut() {
            Some(last) if last.at == at => last.rows.push((instrument, what)),
            _ => moments.push(Moment { at, rows: vec![(instrument, what)] }),
        }
    }
    if rest.is_empty() { Ok(moments) } else { Err(invalid("rows: found a part of one")) }
}

fn refuse(error: ExchangeError) -> PyErr {
    raise(error.kind(), error.to_string())
}

fn number(what: &str, text: &str) -> PyResult<Decimal> {
    Decimal::parse(text.as_bytes()).map_err(|error| invalid(format!("{what}: {error}")))
}

fn with_tiers(mut listing: Listing, tiers: Option<&Vec<Tiered>>) -> PyResult<Listing> {
    let Some(tiers) = tiers else { return Ok(listing) };
    let Some(perpetual) = &mut listing.perpetual else {
        return Err(invalid(format!("tiers: {} is not a perpetual", listing.symbol)));
    };
    let tier = |(worth, leverage, keeps): &Tiered| {
        rates::tier(number("worth", worth)?, *leverage, number("keeps", keeps)?).map_err(refuse)
    };
    perpetual.tiers = tiers.iter().map(tier).collect::<PyResult<_>>()?;
    Ok(listing)
}

fn fee_tier((volume, maker, taker): &FeeTiered) -> PyResult<FeeTier> {
    let (maker, taker) = (number("maker", maker)?, number("taker", taker)?);
    rates::fee_tier(number("volume", volume)?, maker, taker).map_err(refuse)
}

impl NativeExchange {
    fn exchange(&self) -> PyResult<MutexGuard<'_, LocalExchange>> {
        check_process(self.pid, "local exchange")?;
        Ok(self.exchange.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl NativeExchange {
    /// Begins to listen.
    #[new]
    fn new(py: Python<'_>, settings: Settings) -> PyResult<Self> {
        let mut listings = Vec::new();
        let mut prices = Vec::new();
        for (symbol, tick, lot, price) in &settings.listings {
            let (tick, lot) = (number("tick", tick)?, number("lot", lot)?);
            let listing = Listing::of(&settings.venue, symbol, tick, lot).map_err(refuse)?;
            listings.push(with_tiers(listing, settings.tiers.get(symbol))?);
            prices.push((symbol.clone(), number("price", price)?));
        }
        let mut venue = VenueConfig::new(&settings.venue, listings);
        venue.port = settings.port;
        if !settings.fee_tiers.is_empty() {
            venue.fee_tiers = settings.fee_tiers.iter().map(fee_tier).collect::<PyResult<_>>()?;
        }
        venue.latency = read_latency(&settings.latency).map_err(refuse)?;
        if !settings.limits {
            venue.allowance = Allowance::ALL;
        }
        let recording = |(source, start, stop, speed, queue): Replayed| {
            queue_named(&queue).map(|queue| Recording { source, start, stop, speed, queue })
        };
        venue.recording = settings.replay.map(recording).transpose().map_err(refuse)?;
        let is_replay = venue.recording.is_some();
        let crowd = settings.events_per_second.map(|events_per_second| Crowd {
            seed: settings.seed,
            events_per_second,
            prices,
        });
        let begin = || {
            let config = Config { state: settings.state, ..Config::new(vec![venue]) };
            let mut exchange = LocalExchange::start(&config)?;
            if let Some(crowd) = &crowd {
                exchange.open_to(&settings.venue, crowd)?;
            }
            let feed = is_replay.then(|| exchange.play(&settings.venue)).transpose()?;
            Ok((exchange, feed))
        };
        let (exchange, feed) = py.detach(|| caught(begin))?.map_err(refuse)?;
        Ok(Self { exchange: Mutex::new(exchange), feed: Mutex::new(feed), pid: process_id() })
    }

    /// Host and port of a venue.
    fn address(&self, venue: &str) -> PyResult<String> {
        Ok(self.exchange()?.address(venue).map_err(refuse)?.to_string())
    }

    /// Addresses of a venue by what they are for.
    fn urls(&self, venue: &str) -> PyResult<BTreeMap<String, String>> {
        self.exchange()?.urls(venue).map_err(refuse)
    }

    /// Opens an account at each venue.
    fn add_account(&self, name: &str) -> PyResult<()> {
        self.exchange()?.add_account(name).map_err(refuse)
    }

    /// Lets an account in by a key and its secret.
    fn add_key(&self, account: &str, api_key: &str, secret: &str) -> PyResult<()> {
        self.exchange()?.add_key(account, api_key, &Key::hmac(secret)).map_err(refuse)
    }

    /// A key of an account and its secret, if there is such an account.
    fn key(&self, venue: &str, account: &str) -> PyResult<Option<(String, String)>> {
        match self.exchange()?.key(venue, account) {
            Err(ExchangeError::Unknown { .. }) => Ok(None),
            found => found.map_err(refuse),
        }
    }

    /// Sets what an account pays.
    fn set_fees(&self, venue: &str, account: &str, maker: &str, taker: &str) -> PyResult<()> {
        let (maker, taker) = (number("maker", maker)?, number("taker", taker)?);
        self.exchange()?.set_fees(venue, account, maker, taker).map_err(refuse)
    }

    /// Lets an account pay fees in another asset.
    fn pay_fees_in(
        &self,
        venue: &str,
        account: &str,
        terms: (String, String, String),
    ) -> PyResult<()> {
        let (asset, price, discount) = terms;
        let (price, discount) = (number("price", &price)?, number("discount", &discount)?);
        self.exchange()?.pay_fees_in(venue, account, &asset, price, discount).map_err(refuse)
    }

    /// Stops to take orders of an instrument, or begins again.
    fn halt(&self, venue: &str, symbol: &str, on: bool) -> PyResult<()> {
        self.exchange()?.halt(venue, symbol, on).map_err(refuse)
    }

    /// Lets longs of a perpetual pay shorts now.
    fn fund(&self, venue: &str, symbol: &str, rate: Option<&str>) -> PyResult<()> {
        let rate = rate.map(|rate| number("rate", rate)).transpose()?;
        self.exchange()?.fund(venue, symbol, rate).map_err(refuse)
    }

    /// Adds to a balance.
    fn deposit(&self, venue: &str, account: &str, asset: &str, amount: &str) -> PyResult<()> {
        let amount = number("amount", amount)?;
        self.exchange()?.deposit(venue, account, asset, amount).map_err(refuse)
    }

    /// Sets what positions in a perpetual are valued at.
    fn set_mark(&self, venue: &str, symbol: &str, price: &str) -> PyResult<()> {
        let price = number("price", price)?;
        self.exchange()?.set_mark(venue, symbol, price).map_err(refuse)
    }

    /// Free and locked.
    fn balance(&self, venue: &str, account: &str, asset: &str) -> PyResult<(String, String)> {
        let balance = self.exchange()?.balance(venue, account, asset);
        let (free, locked) = balance.map_err(refuse)?;
        Ok((free.to_string(), locked.to_string()))
    }

    /// Lets something go wrong.
    fn fault(&self, venue: &str, json: &str) -> PyResult<()> {
        self.exchange()?.fault_in_json(venue, json).map_err(refuse)
    }

    /// Sets how long messages take, in JSON.
    fn set_latency(&self, venue: &str, json: &str) -> PyResult<()> {
        self.exchange()?.set_latency_in_json(venue, json).map_err(refuse)
    }

    /// The last moment of a recording that happened, and whether it has ended.
    fn played_until(&self, venue: &str) -> PyResult<(Option<i64>, bool)> {
        self.exchange()?.played_until(venue).map_err(refuse)
    }

    /// Hands over rows of a recording, whole moments in order, and waits while there are many. False
    /// if nobody takes them any more.
    fn play(&self, py: Python<'_>, rows: &[u8]) -> PyResult<bool> {
        check_process(self.pid, "local exchange")?;
        let moments = moments(rows)?;
        py.detach(|| {
            caught(|| {
                let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
                feed.as_ref().is_some_and(|feed| feed.give(moments))
            })
        })
    }

    /// No more rows of a recording follow; because of a problem, if there is one.
    fn end_play(&self, problem: Option<&str>) -> PyResult<()> {
        check_process(self.pid, "local exchange")?;
        let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(feed), Some(problem)) = (feed, problem) {
            feed.fail(problem);
        }
        Ok(())
    }

    /// What a venue has done so far, in JSON.
    fn status(&self, venue: &str) -> PyResult<String> {
        self.exchange()?.status(venue).map_err(refuse)
    }

    /// Closes everything.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let mut exchange = self.exchange()?;
        let exchange = &mut *exchange;
        py.detach(|| caught(|| exchange.stop()))
    }
}
