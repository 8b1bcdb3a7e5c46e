//! A trader as a whole: a venue that matches, a recorder of it, and a strategy on its tapes.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, mkfifoat};
use rustonite_core::datasets::{OrderEvent, OrderKind, OrderSide, TriggerDirection, TriggerSource};
use rustonite_core::ids::InstrumentId;
use rustonite_core::{Amount, Decimal};
use rustonite_exchange::{Config, Crowd, Key, Listing, LocalExchange, VenueConfig};
use rustonite_exec::{Durability, Tapes, Trigger, Wish};
use rustonite_feed::Recorder;
use rustonite_tape::{Batch, Reader, Start, TapeOptions};
use rustonite_trade::strategies::{MarketMaker, MarketMakerSettings};
use rustonite_trade::{
    Broker, Changes, Config as TraderConfig, Denied, Failed, FillNews, OrderNews, Quotes, Strategy,
    Told, TradeError, Trader, control, kill_without_trader, limit, on_lot, on_tick,
    resume_without_trader,
};

const PATIENCE: Duration = Duration::from_secs(20);
const LIMITS: &str = include_str!("limits.toml");

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A venue with others that trade, a recorder of it, and room for a trader.
struct Place {
    venue: &'static str,
    exchange: LocalExchange,
    recorder: Recorder,
    folder: tempfile::TempDir,
}

impl Place {
    fn open(events_per_second: f64) -> Self {
        let listing = Listing::spot("BTCUSDT", decimal("0.01"), decimal("0.00001")).unwrap();
        Self::at("binance", listing, events_per_second)
    }

    fn usdm(events_per_second: f64) -> Self {
        let listing = Listing::perpetual("BTCUSDT", decimal("0.01"), decimal("0.00001")).unwrap();
        Self::at("binance-usdm", listing, events_per_second)
    }

    fn at(venue: &'static str, listing: Listing, events_per_second: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config =
            VenueConfig { fee_tiers: Vec::new(), ..VenueConfig::new(venue, vec![listing]) };
        let config = Config::new(vec![config]);
        let mut exchange = LocalExchange::start(&config).unwrap();
        exchange.add_account("me").unwrap();
        exchange.deposit(venue, "me", "USDT", decimal("100000")).unwrap();
        if venue == "binance" {
            exchange.deposit(venue, "me", "BTC", decimal("2")).unwrap();
        }
        exchange.add_key("me", "key", &Key::hmac("secret")).unwrap();
        let prices = vec![("BTCUSDT".to_owned(), decimal("60000"))];
        exchange.open_to(venue, &Crowd { seed: 1, events_per_second, prices }).unwrap();
        let urls = exchange.urls(venue).unwrap();
        let recorder = record(venue, &urls, &folder.path().join("tapes"));
        let place = Self { venue, exchange, recorder, folder };
        place.write_configuration(&urls);
        place
    }

    fn write_configuration(&self, urls: &BTreeMap<String, String>) {
        let folder = self.folder.path();
        std::fs::write(folder.join("limits.toml"), LIMITS).unwrap();
        let keys = folder.join("keys.toml");
        std::fs::write(&keys, "key = \"key\"\nsecret = \"secret\"\n").unwrap();
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
        let urls: Vec<_> = urls.iter().map(|(name, url)| format!("{name} = {url:?}")).collect();
        let (venue, urls) = (self.venue, urls.join(", "));
        let leverage = if venue == "binance" { "" } else { "leverage = 20\n" };
        let text = format!(
            "limits = \"limits.toml\"\n[[market]]\nvenue = {venue:?}\ntapes = \"tapes\"\n\
             [[account]]\nname = \"main\"\nvenue = {venue:?}\nsymbols = [\"BTCUSDT\"]\n\
             keys = \"keys.toml\"\n{leverage}urls = {{ {urls} }}\n\
             [strategy]\nname = \"test\"\nrun = \"test\"\n"
        );
        std::fs::write(folder.join("trader.toml"), text).unwrap();
    }

    fn trader(&self) -> Trader {
        let path = self.folder.path().join("trader.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        Trader::open(TraderConfig::parse(path.to_str().unwrap(), &text).unwrap()).unwrap()
    }

    fn reconfigure(&self, from: &str, to: &str) {
        let path = self.folder.path().join("trader.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// What the venue says that the account has.
    fn owned(&self, asset: &str) -> Amount {
        let (free, locked) = self.exchange.balance(self.venue, "me", asset).unwrap();
        Amount::from_decimal(free).unwrap() + Amount::from_decimal(locked).unwrap()
    }

    fn journal(&self) -> std::path::PathBuf {
        self.folder.path().join("journal")
    }
}

fn record(venue: &str, urls: &BTreeMap<String, String>, tapes: &Path) -> Recorder {
    let names = ["public", "market", "rest"].into_iter();
    let urls = names.filter_map(|name| Some(format!("{name} = {:?}", urls.get(name)?)));
    let urls: Vec<_> = urls.collect();
    let text = format!(
        "frames = false\n[[feed]]\nvenue = {venue:?}\nsymbols = [\"BTCUSDT\"]\n\
         datasets = [\"trades\", \"quotes\", \"instruments\"]\nurls = {{ {} }}\n",
        urls.join(", ")
    );
    Recorder::start(&rustonite_feed::Config::parse("test", &text).unwrap(), tapes).unwrap()
}

/// Runs until something is so.
fn until(
    trader: &mut Trader,
    strategy: &mut dyn Strategy,
    mut done: impl FnMut(&mut Trader) -> bool,
) -> Result<(), TradeError> {
    let began = Instant::now();
    trader.run(strategy, &mut |trader| {
        let late = began.elapsed() > PATIENCE;
        assert!(!late, "it did not come: {:?} {:?}", trader.status(), trader.take_notices());
        !done(trader)
    })
}

fn market_maker(venue: &str) -> MarketMaker {
    MarketMaker::new(MarketMakerSettings {
        venue: venue.to_owned(),
        symbol: "BTCUSDT".to_owned(),
        size: 0.01,
        distance_bps: 0.2,
        tolerance_bps: 0.2,
        position_max: 0.1,
    })
}

#[test]
fn a_market_maker_trades_and_its_books_are_the_venues() {
    let mut place = Place::open(400.0);
    let before = (place.owned("BTC"), place.owned("USDT"));
    let mut trader = place.trader();
    let mut maker = market_maker(place.venue);
    until(&mut trader, &mut maker, |trader| trader.status().fills >= 20).unwrap();
    let status = trader.status();
    assert_eq!(status.open_orders, 0, "all is cancelled at the end: {:?}", trader.take_notices());
    let balances = status.balances;
    assert_eq!(balances["BTC"], place.owned("BTC"));
    assert_eq!(balances["USDT"], place.owned("USDT"));
    assert_ne!(before, (place.owned("BTC"), place.owned("USDT")));
    let hash = trader.state_hash();
    drop(trader);
    // The journal alone has it all.
    let again = place.trader();
    assert_eq!(again.state_hash(), hash);
    place.recorder.stop().unwrap();
}

fn far_below(broker: &dyn Broker, instrument: InstrumentId, bid: f64) -> Wish {
    let rules = broker.instrument(instrument).unwrap();
    let price = on_tick(rules, OrderSide::Buy, bid * 0.99).unwrap();
    let size = on_lot(rules, 0.01).unwrap();
    limit(broker, instrument, OrderSide::Buy, price, size).unwrap()
}

/// Buys once, far from the market.
#[derive(Default)]
struct Buyer {
    events: Vec<String>,
    is_cancelled: Arc<AtomicBool>,
    /// Rules came.
    is_told: bool,
    fills: usize,
}

impl Strategy for Buyer {
    fn on_quotes(&mut self, broker: &dyn Broker, rows: &Quotes<'_>) -> Told {
        let (Some(bid), Some(Some(instrument))) = (rows.bid_price.last(), rows.instrument.last())
        else {
            return Ok(());
        };
        if !self.events.is_empty() {
            return Ok(());
        }
        let wish = far_below(broker, *instrument, *bid);
        broker.submit(wish).map(drop).map_err(|denied| Failed(denied.to_string()))
    }

    fn on_rows(&mut self, _broker: &dyn Broker, dataset: &str, _rows: &Batch) -> Told {
        self.is_told |= dataset == "instruments";
        Ok(())
    }

    fn on_order(&mut self, _broker: &dyn Broker, news: &OrderNews) -> Told {
        self.is_cancelled.fetch_or(news.event == OrderEvent::Cancelled, Ordering::Relaxed);
        self.events.push(news.event.name().to_owned());
        Ok(())
    }

    fn on_fill(&mut self, _broker: &dyn Broker, _news: &FillNews) -> Told {
        self.fills += 1;
        Ok(())
    }
}

#[test]
fn a_kill_cancels_and_stays_thrown_after_a_restart() {
    let place = Place::open(100.0);
    let mut trader = place.trader();
    let mut buyer = Buyer::default();
    let journal = place.journal();
    let mut asked = None;
    until(&mut trader, &mut buyer, |trader| {
        let open = trader.status().open_orders;
        if open == 1 && asked.is_none() {
            let folder = journal.clone();
            let line = r#"{"do": "kill", "scope": "account", "name": "main"}"#;
            asked = Some(std::thread::spawn(move || control::ask(&folder, line).unwrap()));
        }
        open == 0 && asked.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
    })
    .unwrap();
    let answer = asked.unwrap().join().unwrap();
    let answer = answer.unwrap();
    let left = r#""left":{"open":1,"why":{"cancel_asked":1},"others":0,"positions":0"#;
    assert!(answer.starts_with(&format!(r#"{{"done":"killed","cancelled":0,{left}"#)), "{answer}");
    assert_eq!(buyer.events, ["submitted", "accepted", "cancel_asked", "cancelled"]);
    drop(trader);
    let mut trader = place.trader();
    assert_eq!(trader.status().switches.len(), 1);
    let mut buyer = Buyer::default();
    let error = until(&mut trader, &mut buyer, |_| false).unwrap_err();
    assert!(error.to_string().contains("kill_switch"), "{error}");
}

#[test]
fn a_kill_is_told_once_it_is_kept_and_trading_goes_on_meanwhile() {
    let place = Place::open(100.0);
    let mut trader = place.trader();
    let mut buyer = Buyer::default();
    let is_cancelled = Arc::clone(&buyer.is_cancelled);
    let (journal, stuck) = (place.journal(), place.journal().join("switches.json.new"));
    let mut asked = None;
    let error = until(&mut trader, &mut buyer, |trader| {
        if trader.status().open_orders == 1 && asked.is_none() {
            // Whoever writes into it waits for a reader, as for a disk that hangs.
            mkfifoat(CWD, &stuck, Mode::RUSR | Mode::WUSR).unwrap();
            let (stuck, is_cancelled) = (stuck.clone(), Arc::clone(&is_cancelled));
            let read = std::thread::spawn(move || read_later(&stuck, &is_cancelled));
            let folder = journal.clone();
            let line = r#"{"do": "kill", "scope": "account", "name": "main"}"#;
            asked = Some((std::thread::spawn(move || control::ask(&folder, line)), read));
        }
        false
    })
    .unwrap_err();
    let (asked, read) = asked.unwrap();
    let (text, was_cancelled) = read.join().unwrap();
    assert!(was_cancelled, "the cancel's answer was heard while the disk hung");
    assert!(text.contains("kill_switch"), "{text}");
    // A pipe cannot be made durable: nobody is told of the kill, and the trader ends.
    assert!(asked.join().unwrap().is_err());
    assert!(error.to_string().contains("keeping the switches"), "{error}");
    drop(trader);
    assert_eq!(place.trader().status().switches[0].code, "kill_switch");
}

/// Reads a pipe once an order was cancelled; says whether it was before patience ended.
fn read_later(pipe: &Path, is_cancelled: &AtomicBool) -> (String, bool) {
    let began = Instant::now();
    while !is_cancelled.load(Ordering::Relaxed) && began.elapsed() < PATIENCE / 4 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let was_cancelled = is_cancelled.load(Ordering::Relaxed);
    let file = std::fs::File::open(pipe).unwrap();
    // The next file of this name is a usual one.
    std::fs::remove_file(pipe).unwrap();
    (std::io::read_to_string(file).unwrap(), was_cancelled)
}

#[test]
fn a_switch_that_only_the_journal_has_is_thrown_after_a_restart() {
    let place = Place::open(100.0);
    let file = place.journal().join("switches.json");
    let mut trader = place.trader();
    until(&mut trader, &mut Broken, |_| false).unwrap_err();
    drop(trader);
    // As if the process had ended between the row and the file.
    std::fs::remove_file(&file).unwrap();
    let mut trader = place.trader();
    let switches = trader.status().switches;
    assert_eq!((switches[0].scope, switches[0].code), ("strategy", "kill_switch"));
    assert!(std::fs::read_to_string(&file).unwrap().contains("kill_switch"));
    let journal = place.journal();
    let mut asked = None;
    until(&mut trader, &mut Still, |_| {
        let asked = asked.get_or_insert_with(|| {
            let folder = journal.clone();
            let line = r#"{"do": "resume", "scope": "strategy", "name": "test"}"#;
            std::thread::spawn(move || control::ask(&folder, line).unwrap())
        });
        asked.is_finished()
    })
    .unwrap();
    drop(trader);
    std::fs::remove_file(&file).unwrap();
    assert!(place.trader().status().switches.is_empty(), "it was put back");
}

#[test]
fn a_switch_of_a_strategy_that_is_gone_is_thrown_when_it_comes_back() {
    let place = Place::open(100.0);
    let file = place.journal().join("switches.json");
    until(&mut place.trader(), &mut Broken, |_| false).unwrap_err();
    // Only the journal has it: the process ended between the row and the file.
    std::fs::remove_file(&file).unwrap();
    place.reconfigure("name = \"test\"", "name = \"other\"");
    for _ in 0..2 {
        let mut trader = place.trader();
        assert!(trader.status().switches.is_empty());
        let mut told = Vec::new();
        until(&mut trader, &mut Still, |trader| {
            told.extend(trader.take_notices());
            trader.status().started
        })
        .unwrap();
        let told = told.join("\n");
        assert!(told.contains("switches: strategy test is not in the configuration"), "{told}");
    }
    place.reconfigure("name = \"other\"", "name = \"test\"");
    let switches = place.trader().status().switches;
    assert_eq!((switches[0].scope, switches[0].code), ("strategy", "kill_switch"));
}

#[test]
fn switches_are_thrown_and_put_back_where_no_trader_runs() {
    let place = Place::open(100.0);
    let journal = place.journal();
    until(&mut place.trader(), &mut Broken, |_| false).unwrap_err();
    let error = kill_without_trader(&journal, "strategy", "tset", false).unwrap_err().to_string();
    assert!(error.contains(r#"strategy "tset" is not known here; did you mean test"#), "{error}");
    kill_without_trader(&journal, "account", "main", false).unwrap();
    let answer = resume_without_trader(&journal, "strategy", "test").unwrap();
    let left = r#""thrown":[{"scope":"account","name":"main","code":"kill_switch""#;
    assert!(answer.starts_with(r#"{"done":"resumed","switches":1,"#), "{answer}");
    assert!(answer.contains(left), "{answer}");
    let names = |trader: &Trader| {
        trader.status().switches.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    let trader = place.trader();
    assert_eq!(names(&trader), ["main"]);
    drop(trader);
    // The journal has it, too.
    std::fs::remove_file(journal.join("switches.json")).unwrap();
    assert!(names(&place.trader()).is_empty());
}

/// Places orders far from the market, one after the other and not too fast, and cancels each.
struct Fickle {
    left: usize,
    is_open: bool,
    next: i64,
    cancelled: Arc<AtomicUsize>,
}

impl Strategy for Fickle {
    fn on_quotes(&mut self, broker: &dyn Broker, rows: &Quotes<'_>) -> Told {
        let (Some(bid), Some(Some(instrument))) = (rows.bid_price.last(), rows.instrument.last())
        else {
            return Ok(());
        };
        if self.is_open || self.left == 0 || broker.now() < self.next {
            return Ok(());
        }
        let wish = far_below(broker, *instrument, *bid);
        broker.submit(wish).map_err(|denied| Failed(denied.to_string()))?;
        (self.is_open, self.left) = (true, self.left - 1);
        self.next = broker.now() + 20_000_000;
        Ok(())
    }

    fn on_order(&mut self, broker: &dyn Broker, news: &OrderNews) -> Told {
        if news.event == OrderEvent::Accepted {
            let cancelled = broker.cancel(news.order.order);
            return cancelled.map_err(|denied| Failed(denied.to_string()));
        }
        if news.event == OrderEvent::Cancelled {
            self.is_open = false;
            self.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[test]
fn requests_of_the_day_count_although_their_rows_were_removed() {
    const ORDERS: usize = 80;
    let place = Place::open(400.0);
    let few = TapeOptions { segment_rows: Some(64), segments_max: 3, ..TapeOptions::default() };
    drop(Tapes::open(&place.journal(), "trader", few, Durability::Interval).unwrap());
    let cancelled = Arc::new(AtomicUsize::new(0));
    let mut fickle =
        Fickle { left: ORDERS, is_open: false, next: 0, cancelled: Arc::clone(&cancelled) };
    let mut trader = place.trader();
    until(&mut trader, &mut fickle, |_| cancelled.load(Ordering::Relaxed) == ORDERS).unwrap();
    assert_eq!(trader.status().requests, 2 * ORDERS as u64, "{:?}", trader.take_notices());
    drop(trader);
    let orders = place.journal().join("orders/trader");
    assert!(Reader::open(&orders, Start::First, false).unwrap().row() > 0, "all rows are there");
    let is_too_many = |most: usize| {
        let most = format!("messages_per_day = {most}");
        let limits = LIMITS.replace("messages_per_day = \"none\"", &most);
        std::fs::write(place.folder.path().join("limits.toml"), limits).unwrap();
        let handle = place.trader().handle();
        let instrument = handle.find(Some(place.venue), "BTCUSDT").unwrap();
        let failed = handle.would_fail(far_below(&handle, instrument, 60_000.0));
        failed.iter().any(|denied| denied.code == "messages_per_day")
    };
    assert!(!is_too_many(2 * ORDERS + 1));
    assert!(is_too_many(2 * ORDERS));
}

#[test]
fn the_first_quote_after_a_restart_with_a_position_may_be_traded_on() {
    let mut place = Place::open(400.0);
    let mut trader = place.trader();
    let is_holding = |trader: &mut Trader| !trader.status().positions.is_empty();
    until(&mut trader, &mut market_maker(place.venue), is_holding).unwrap();
    place.recorder.stop().unwrap();
    let hash = trader.state_hash();
    drop(trader);
    // No quote is there before the strategy has begun, so that the first one finds a position that
    // nobody could value.
    let (urls, tapes) =
        (place.exchange.urls(place.venue).unwrap(), place.folder.path().join("tapes"));
    std::fs::remove_dir_all(&tapes).unwrap();
    let mut trader = place.trader();
    assert_eq!(trader.state_hash(), hash);
    let mut recorder = None;
    let mut buyer = Buyer::default();
    until(&mut trader, &mut buyer, |trader| {
        let status = trader.status();
        if status.started && recorder.is_none() {
            assert_eq!(status.profit, BTreeMap::new(), "nothing is guessed");
            recorder = Some(record(place.venue, &urls, &tapes));
        }
        status.open_orders == 1
    })
    .unwrap();
    assert_eq!(trader.status().denials, 0);
    recorder.unwrap().stop().unwrap();
}

/// Buys with its first call.
#[derive(Default)]
struct AtOnce {
    denied: Option<Denied>,
}

impl Strategy for AtOnce {
    fn on_start(&mut self, broker: &dyn Broker) -> Told {
        let instrument = broker.find(None, "BTCUSDT").unwrap();
        let [price, size] =
            ["59000", "0.01"].map(|text| Amount::from_decimal(decimal(text)).unwrap());
        let wish = limit(broker, instrument, OrderSide::Buy, price, size).unwrap();
        self.denied = broker.submit(wish).err();
        Ok(())
    }
}

#[test]
fn the_first_call_may_trade_by_the_last_prices_on_the_tape() {
    let mut place = Place::open(400.0);
    let has_fills = |trader: &mut Trader| trader.status().fills > 0;
    until(&mut place.trader(), &mut market_maker(place.venue), has_fills).unwrap();
    place.recorder.stop().unwrap();
    let mut strategy = AtOnce::default();
    let mut trader = place.trader();
    until(&mut trader, &mut strategy, |trader| trader.status().started).unwrap();
    assert_eq!(strategy.denied.map(|denied| denied.to_string()), None);
}

/// Waits with its first quote until a file says something.
struct Looker {
    file: std::path::PathBuf,
    word: &'static str,
    is_there: Arc<OnceLock<bool>>,
}

impl Strategy for Looker {
    fn on_quotes(&mut self, _broker: &dyn Broker, _rows: &Quotes<'_>) -> Told {
        let says_it =
            || std::fs::read_to_string(&self.file).is_ok_and(|text| text.contains(self.word));
        let end = Instant::now() + Duration::from_millis(300);
        while self.is_there.get().is_none() && !says_it() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.is_there.get_or_init(says_it);
        Ok(())
    }
}

#[test]
fn what_a_found_position_came_with_is_kept_before_anything_else_is_done() {
    let mut place = Place::usdm(400.0);
    let mut trader = place.trader();
    let is_holding = |trader: &mut Trader| !trader.status().positions.is_empty();
    until(&mut trader, &mut market_maker(place.venue), is_holding).unwrap();
    drop(trader);
    // The next one knows nothing of it, and what was executed just before it counts as executions.
    std::fs::remove_dir_all(place.journal()).unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    let mut trader = place.trader();
    let file = place.journal().join("switches.json");
    let is_there = Arc::new(OnceLock::new());
    let mut looker = Looker { file, word: "\"found\"", is_there: Arc::clone(&is_there) };
    until(&mut trader, &mut looker, |_| is_there.get().is_some()).unwrap();
    assert_eq!(is_there.get(), Some(&true));
    place.recorder.stop().unwrap();
}

#[test]
fn an_instrument_that_its_venue_halts_while_we_trade_is_not_traded() {
    let mut place = Place::open(100.0);
    let mut trader = place.trader();
    let mut buyer = Buyer::default();
    let handle = trader.handle();
    let (venue, urls) = (place.venue, place.exchange.urls(place.venue).unwrap());
    let tapes = place.folder.path().join("tapes");
    let mut recorder = None;
    until(&mut trader, &mut buyer, |trader| {
        if trader.status().open_orders == 0 {
            return false;
        }
        // A recorder asks for the rules when it starts.
        let again = recorder.get_or_insert_with(|| {
            place.exchange.halt(venue, "BTCUSDT", true).unwrap();
            place.recorder.stop().unwrap();
            record(venue, &urls, &tapes)
        });
        let instrument = handle.find(Some(venue), "BTCUSDT").unwrap();
        let price = Amount::from_decimal(decimal("59000")).unwrap();
        let size = Amount::from_decimal(decimal("0.01")).unwrap();
        let wish = limit(&handle, instrument, OrderSide::Buy, price, size).unwrap();
        let is_halted =
            handle.would_fail(wish).iter().any(|denied| denied.code == "instrument_halted");
        is_halted && again.stop().is_ok()
    })
    .unwrap();
    assert!(buyer.is_told, "the strategy has seen the row");
}

/// Does nothing.
struct Still;

impl Strategy for Still {}

/// Fails at its first quote.
struct Broken;

impl Strategy for Broken {
    fn on_quotes(&mut self, _broker: &dyn Broker, _rows: &Quotes<'_>) -> Told {
        Err(Failed("division by zero".to_owned()))
    }
}

#[test]
fn a_strategy_that_fails_is_switched_off_until_a_person_says_so() {
    let place = Place::open(100.0);
    let mut trader = place.trader();
    let error = until(&mut trader, &mut Broken, |_| false).unwrap_err();
    assert!(error.to_string().contains("strategy test: division by zero"), "{error}");
    let switches = trader.status().switches;
    assert_eq!((switches[0].scope, &*switches[0].name), ("strategy", "test"));
}

/// Places an order, and then does not come back.
#[derive(Default)]
struct Sleeper(Buyer);

impl Strategy for Sleeper {
    fn on_quotes(&mut self, broker: &dyn Broker, rows: &Quotes<'_>) -> Told {
        self.0.on_quotes(broker, rows)
    }

    fn on_order(&mut self, _broker: &dyn Broker, news: &OrderNews) -> Told {
        self.0.events.push(news.event.name().to_owned());
        if self.0.events.last().is_some_and(|event| event == "accepted") {
            std::thread::sleep(Duration::from_millis(1_500));
        }
        Ok(())
    }
}

#[test]
fn a_strategy_that_does_not_come_back_loses_its_orders() {
    let place = Place::open(100.0);
    let mut trader = place.trader();
    let error = until(&mut trader, &mut Sleeper::default(), |_| false).unwrap_err();
    assert!(error.to_string().contains("a call took longer than 1000 ms"), "{error}");
    let status = trader.status();
    assert_eq!(status.open_orders, 0);
    assert_eq!(status.switches[0].code, "kill_switch");
}

/// Has a stop at the venue, and moves it nearer to the market once it is there.
#[derive(Default)]
struct Mover {
    to: Option<Amount>,
    events: Vec<String>,
    is_moved: Arc<AtomicBool>,
}

impl Strategy for Mover {
    fn on_quotes(&mut self, broker: &dyn Broker, rows: &Quotes<'_>) -> Told {
        let (Some(bid), Some(Some(instrument))) = (rows.bid_price.last(), rows.instrument.last())
        else {
            return Ok(());
        };
        if self.to.is_some() {
            return Ok(());
        }
        let rules = broker.instrument(*instrument).unwrap();
        let at = |part: f64| on_tick(rules, OrderSide::Sell, bid * part).unwrap();
        let size = on_lot(rules, 0.01).unwrap();
        let trigger = Trigger {
            price: at(0.987),
            source: TriggerSource::Last,
            direction: TriggerDirection::Down,
            trail: None,
        };
        let wish = Wish {
            kind: OrderKind::StopLimit,
            trigger: Some(trigger),
            ..limit(broker, *instrument, OrderSide::Sell, at(0.985), size).unwrap()
        };
        self.to = Some(at(0.99));
        broker.submit(wish).map(drop).map_err(|denied| Failed(denied.to_string()))
    }

    fn on_order(&mut self, broker: &dyn Broker, news: &OrderNews) -> Told {
        if news.event == OrderEvent::Accepted && self.events.len() == 1 {
            let changes = Changes { trigger: self.to, ..Changes::default() };
            let changed = broker.change(news.order.order, changes);
            changed.map_err(|denied| Failed(denied.to_string()))?;
        }
        self.is_moved.fetch_or(news.event == OrderEvent::Replaced, Ordering::Relaxed);
        self.events.push(news.event.name().to_owned());
        Ok(())
    }
}

/// A stop is moved, cancelled at the end, and remembered by the journal.
fn moves_a_stop(place: &Place) {
    let mut trader = place.trader();
    let mut mover = Mover::default();
    let is_moved = Arc::clone(&mover.is_moved);
    until(&mut trader, &mut mover, |_| is_moved.load(Ordering::Relaxed)).unwrap();
    assert_eq!(mover.events[..4], ["submitted", "accepted", "replace_asked", "replaced"]);
    let status = trader.status();
    assert_eq!((status.open_orders, status.denials), (0, 0), "{:?}", trader.take_notices());
    let hash = trader.state_hash();
    drop(trader);
    assert_eq!(place.trader().state_hash(), hash);
}

#[test]
fn a_stop_at_its_venue_is_moved() {
    moves_a_stop(&Place::open(100.0));
}

#[test]
fn a_stop_that_its_venue_cannot_change_is_moved_all_the_same() {
    moves_a_stop(&Place::usdm(100.0));
}
