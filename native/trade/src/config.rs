//! What a trader trades, where, and who decides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustonite_core::Amount;
use rustonite_core::hint::hint;
use rustonite_exec::External;
use rustonite_exec::gateway::QueueModel;
use rustonite_exec::reconcile::Mode;
use rustonite_feed::{FeedError, Venue, read_toml};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

/// The configuration of a trader, as `trader.toml` has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of this trader, unique among those that trade an account.
    #[serde(default = "usual_name")]
    pub name: String,
    /// Folder of the journal, and of what else a trader keeps.
    #[serde(default = "usual_journal")]
    pub journal: PathBuf,
    /// Folder of the journal's tapes, if it is another: with that of a recorder one lake has both.
    pub tapes: Option<PathBuf>,
    /// What the journal outlives.
    #[serde(default)]
    pub sync: Sync,
    /// File with the limits.
    pub limits: PathBuf,
    /// What becomes of open orders at the end.
    #[serde(default)]
    pub on_stop: OnStop,
    /// What becomes of trading if the strategy fails.
    #[serde(default)]
    pub on_error: OnStop,
    /// What becomes of open orders and positions if a rule throws a switch.
    #[serde(default)]
    pub on_trip: OnTrip,
    /// What is done about differences of our books and the venue's.
    #[serde(default)]
    pub reconcile: Mode,
    /// How often they are compared, in seconds.
    #[serde(default = "usual_reconcile_s")]
    pub reconcile_s: u64,
    /// How the trader waits for news.
    #[serde(default)]
    pub wait: Waiting,
    /// The core that the trader's thread keeps to, and the other threads keep off.
    pub core: Option<usize>,
    /// Longest time that the strategy may take for one call, in milliseconds.
    #[serde(default = "usual_patience_ms")]
    pub patience_ms: u64,
    /// Longest time that an answer of a venue may take until it counts as unknown, in milliseconds.
    #[serde(default = "usual_answer_ms")]
    pub answer_ms: u64,
    /// Tapes are read from their first row to their last, and their time is the clock. All accounts
    /// are on paper then.
    #[serde(default)]
    pub replay: bool,
    /// Where prices come from.
    #[serde(rename = "market")]
    pub markets: Vec<MarketConfig>,
    /// Where orders go.
    #[serde(rename = "account")]
    pub accounts: Vec<AccountConfig>,
    /// Who decides.
    pub strategy: StrategyConfig,
}

/// Tapes of a recorder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    /// Whose market data it is.
    pub venue: String,
    /// The tapes' folder of the recorder.
    pub tapes: PathBuf,
    /// Which datasets are followed.
    #[serde(default = "usual_datasets")]
    pub datasets: Vec<String>,
    /// The lake that the recorder fills, with what the tapes do not hold any more. Accounts on paper
    /// ask it for rules of instruments, and for funding that they have missed.
    pub lake: Option<String>,
}

/// An account at a venue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Our name of it.
    pub name: String,
    /// The market.
    pub venue: String,
    /// Instruments that may be traded.
    pub symbols: Vec<String>,
    /// Addresses by the names of endpoints, as a local exchange tells them; with `live` those of the
    /// venue need not be named.
    #[serde(default)]
    pub urls: BTreeMap<String, Url>,
    /// Says that real money is meant. Without it only this machine is talked to.
    #[serde(default)]
    pub live: bool,
    /// Leverage that contracts are margined with; it has to be what the account is set to there. If
    /// it is not said, what the venue says is taken.
    pub leverage: Option<u32>,
    /// Contracts are held in two positions each, a long and a short one, and each order says which it
    /// is for. It has to be what the account is set to there.
    #[serde(default)]
    pub hedging: bool,
    /// What is done with orders that others place on it.
    #[serde(default)]
    pub external: External,
    /// The venue cancels all orders once it has heard nothing of us for so many seconds, where it
    /// can.
    pub dead_man_s: Option<u32>,
    /// File with the key and the secret, for its owner alone; by default they are in the environment
    /// as `RUSTONITE_<NAME>_KEY` and `RUSTONITE_<NAME>_SECRET`.
    pub keys: Option<PathBuf>,
    /// It exists on paper alone: its orders are filled by what others do on the tapes.
    pub paper: Option<PaperConfig>,
}

/// An account on paper.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperConfig {
    /// What it has at the start, by asset.
    #[serde(deserialize_with = "balances")]
    pub balances: BTreeMap<String, Amount>,
    /// What orders that rested pay, as a part of their worth; negative is a rebate.
    #[serde(default = "usual_fee", deserialize_with = "amount")]
    pub maker: Amount,
    /// The same of orders that came.
    #[serde(default = "usual_fee", deserialize_with = "amount")]
    pub taker: Amount,
    /// Part of the worth of contracts that has to be left of their margin; below it they are closed by
    /// force.
    #[serde(default = "usual_maintenance", deserialize_with = "amount")]
    pub maintenance: Amount,
    /// How long a request is on its way, and its answer again, in milliseconds.
    #[serde(default = "usual_delay_ms")]
    pub delay_ms: u32,
    /// Who is taken to leave a queue when a level shrinks without a trade.
    #[serde(default = "usual_queue", deserialize_with = "queue")]
    pub queue: QueueModel,
}

impl PaperConfig {
    /// Figures that no account has.
    fn problem(&self) -> Option<String> {
        let one = Amount(10_i128.pow(18));
        if let Some((asset, balance)) = self.balances.iter().find(|(_, one)| one.0 < 0) {
            return Some(format!("balances.{asset}: found {balance}, expected 0 or more"));
        }
        let parts = [("maker", self.maker), ("taker", self.taker)];
        let is_odd = |(_, part): &(_, Amount)| part.0.abs() >= one.0;
        let (name, part) = parts.into_iter().find(is_odd)?;
        Some(format!("{name}: found {part}, expected a part of the worth, such as 0.001"))
    }
}

/// A strategy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyConfig {
    /// Our name of it.
    #[serde(default = "usual_strategy")]
    pub name: String,
    /// `module:Class` in Python, or `ema-cross` or `market-maker` of those that are built in.
    pub run: String,
    /// Most rows of one call.
    #[serde(default = "usual_rows_max")]
    pub rows_max: usize,
    /// How long rows are gathered for one call, from the first of them on, in microseconds.
    #[serde(default)]
    pub gather_us: u64,
    /// Its own settings.
    #[serde(default)]
    pub settings: toml::Table,
}

/// What a journal outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// The end of the process.
    #[default]
    Process,
    /// The end of the machine, but for the last moments.
    Interval,
    /// The end of the machine.
    Every,
}

/// What becomes of open orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStop {
    /// They are cancelled.
    #[default]
    Cancel,
    /// They stay.
    Keep,
}

/// What becomes of what is under a switch that a rule has thrown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTrip {
    /// Orders are cancelled that the switch would not let through any more.
    #[default]
    Cancel,
    /// They stay.
    Keep,
    /// All orders are cancelled, and then positions are closed.
    Flatten,
}

/// How a trader waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// It sleeps and is woken: a core for all.
    #[default]
    Sleep,
    /// It burns a core: the lowest latency.
    Spin,
}

fn usual_name() -> String {
    "trader".to_owned()
}

fn usual_strategy() -> String {
    "strategy".to_owned()
}

fn usual_rows_max() -> usize {
    1024
}

fn usual_journal() -> PathBuf {
    PathBuf::from("journal")
}

fn usual_patience_ms() -> u64 {
    1_000
}

fn usual_fee() -> Amount {
    // 0.1 %.
    Amount(10_i128.pow(15))
}

fn usual_maintenance() -> Amount {
    // 0.5 %.
    Amount(5 * 10_i128.pow(15))
}

fn usual_queue() -> QueueModel {
    QueueModel::NAMED[0].1
}

/// An amount, or how to write it: a float is not exact.
fn amount_of(value: toml::Value) -> Result<Amount, String> {
    if let toml::Value::Float(found) = value {
        let whole = if found.fract() == 0.0 { format!(" or {found}") } else { String::new() };
        let wanted = "a float, where an exact amount is wanted: write";
        return Err(format!("found {found:?}, {wanted} \"{found:?}\"{whole}"));
    }
    if let toml::Value::Integer(whole) = value {
        let one = Amount(10_i128.pow(18));
        return one.times(whole).ok_or_else(|| format!("found {whole}, which is too much"));
    }
    Amount::deserialize(value).map_err(|error| error.message().trim_end().to_owned())
}

fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<Amount, D::Error> {
    amount_of(toml::Value::deserialize(from)?).map_err(D::Error::custom)
}

fn balances<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Amount>, D::Error> {
    let written = BTreeMap::<String, toml::Value>::deserialize(from)?.into_iter();
    let balances = written.map(|(asset, value)| {
        let balance = amount_of(value);
        let balance = balance.map_err(|problem| format!("balances.{asset}: {problem}"));
        Ok((asset, balance?))
    });
    balances.collect::<Result<_, String>>().map_err(D::Error::custom)
}

fn queue<'de, D: Deserializer<'de>>(from: D) -> Result<QueueModel, D::Error> {
    QueueModel::named(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn usual_delay_ms() -> u32 {
    5
}

fn usual_reconcile_s() -> u64 {
    60
}

fn usual_answer_ms() -> u64 {
    5_000
}

fn usual_datasets() -> Vec<String> {
    ["quotes", "trades"].map(str::to_owned).to_vec()
}

/// Datasets that a trader can follow.
const DATASETS: [&str; 5] = ["quotes", "trades", "book_deltas", "bars", "tickers"];

impl Config {
    /// Reads a configuration. `place` is the file's name; paths in it start from its folder.
    ///
    /// # Errors
    /// Whatever cannot be used, with its place.
    pub fn parse(place: &str, text: &str) -> Result<Self, FeedError> {
        let mut config: Self = read_toml(place, text)?;
        config.check(place)?;
        let folder = Path::new(place).parent().unwrap_or(Path::new(""));
        config.journal = folder.join(&config.journal);
        config.limits = folder.join(&config.limits);
        config.tapes = config.tapes.map(|tapes| folder.join(tapes));
        for market in &mut config.markets {
            market.tapes = folder.join(&market.tapes);
            market.lake = market.lake.take().map(|lake| lake_at(folder, lake));
        }
        for account in &mut config.accounts {
            account.keys = account.keys.take().map(|keys| folder.join(keys));
        }
        Ok(config)
    }

    fn check(&self, place: &str) -> Result<(), FeedError> {
        let wrong = |key: String, problem: String| {
            Err(FeedError::Config { place: format!("{place}: {key}"), problem })
        };
        if self.accounts.is_empty() {
            return wrong("account".to_owned(), "found none, expected one or more".to_owned());
        }
        for (key, name) in [("name", &self.name), ("strategy.name", &self.strategy.name)] {
            if let Some(problem) = name_problem(name) {
                return wrong(key.to_owned(), problem);
            }
        }
        let least_one = [
            ("strategy.rows_max", self.strategy.rows_max == 0),
            ("answer_ms", self.answer_ms == 0),
            ("patience_ms", self.patience_ms == 0),
            ("reconcile_s", self.reconcile_s == 0),
        ];
        if let Some((key, _)) = least_one.into_iter().find(|(_, is_zero)| *is_zero) {
            return wrong(key.to_owned(), "found 0, expected 1 or more".to_owned());
        }
        for market in &self.markets {
            let odd = market.datasets.iter().find(|name| !DATASETS.contains(&name.as_str()));
            if let Some(odd) = odd {
                let problem = format!("found {odd:?}, expected some of {}", DATASETS.join(", "));
                return wrong(format!("market.{}.datasets", market.venue), problem);
            }
        }
        for account in &self.accounts {
            let key = |name: &str| format!("account.{}.{name}", account.name);
            if account.symbols.is_empty() {
                return wrong(key("symbols"), "found none, expected one or more".to_owned());
            }
            if let Some(twice) = twice(&account.symbols) {
                return wrong(key("symbols"), format!("found {twice:?} twice"));
            }
            if account.leverage == Some(0) {
                return wrong(key("leverage"), "found 0, expected 1 or more".to_owned());
            }
            if let Some(problem) = self.paper_problem(account) {
                return wrong(key("paper"), problem);
            }
            let follows = |name: &str| self.follows(&account.venue, name);
            if !follows("quotes") && !follows("trades") && self.knows_venues() {
                let venue = &account.venue;
                return wrong(
                    key("venue"),
                    format!("needs a market of {venue} with quotes or trades"),
                );
            }
            if let Some((name, problem)) = endpoint_problem(account) {
                return wrong(key(&name), problem);
            }
            if account.live {
                continue;
            }
            if let Some((name, url)) = account.urls.iter().find(|(_, url)| !is_here(url)) {
                let host = url.host_str().unwrap_or_default();
                let problem =
                    format!("{host} is not this machine; real venues need `live = true` beside it");
                return wrong(key(&format!("urls.{name}")), problem);
            }
        }
        Ok(())
    }
}

impl Config {
    /// Why an account cannot be on paper, or has to be.
    fn paper_problem(&self, account: &AccountConfig) -> Option<String> {
        if account.paper.is_none() {
            let problem = "not found: with `replay = true` all accounts are on paper";
            return self.replay.then(|| problem.to_owned());
        }
        if account.live || account.keys.is_some() {
            return Some("beside it there is no `live` and no `keys`: no order leaves".to_owned());
        }
        let follows = |name: &str| self.follows(&account.venue, name);
        if !follows("quotes") || !follows("trades") {
            return Some(format!("needs a market of {} with quotes and trades", account.venue));
        }
        account.paper.as_ref().and_then(PaperConfig::problem)
    }

    /// Whether there are such venues; one that there is not is told with its nearest names later.
    fn knows_venues(&self) -> bool {
        let venues = self.accounts.iter().map(|account| &account.venue);
        let mut venues = venues.chain(self.markets.iter().map(|market| &market.venue));
        venues.all(|venue| Venue::names().any(|known| known == venue))
    }

    /// Whose market data is of a venue.
    pub fn markets_of(&self, venue: &str) -> impl Iterator<Item = &MarketConfig> {
        self.markets.iter().filter(move |market| market.venue == venue)
    }

    /// Whether a dataset of a venue is followed.
    pub fn follows(&self, venue: &str, dataset: &str) -> bool {
        self.markets_of(venue).flat_map(|market| &market.datasets).any(|one| one == dataset)
    }
}

/// Why a name cannot be one: it is part of names of files, and `manual` is what people do.
fn name_problem(name: &str) -> Option<String> {
    let is_plain = |one: char| one.is_alphanumeric() || matches!(one, '-' | '_' | '.');
    let is_good = name.chars().all(is_plain) && !name.is_empty() && name != "manual";
    let expected = "expected letters, digits, `-`, `_` and `.`, and not `manual`";
    (!is_good).then(|| format!("found {name:?}, {expected}"))
}

fn twice(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name))
}

/// Which address of an account is unknown, or is not there although nothing but this machine may be
/// talked to: the venue's own must not take its place. A local exchange tells more than are needed.
fn endpoint_problem(account: &AccountConfig) -> Option<(String, String)> {
    // A venue that there is not is told with its nearest names later.
    let venue = Venue::find(&account.venue).ok()?;
    let rest = venue.rest.iter().map(|_| "rest");
    let needed: Vec<&str> = venue.trading.keys().map(String::as_str).chain(rest).collect();
    if account.live {
        let odd = account.urls.keys().find(|name| !needed.contains(&name.as_str()))?;
        let problem = format!("unknown endpoint; {}", hint(odd, needed.iter().copied()));
        return Some((format!("urls.{odd}"), problem));
    }
    if account.paper.is_some() {
        return None;
    }
    let missing = needed.iter().find(|name| !account.urls.contains_key(**name))?;
    let found = account.urls.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let found = if found.is_empty() { "none".to_owned() } else { found };
    let problem = format!(
        "found {found}, expected `{missing}`, too: of a local exchange, or `live = true` for the \
         venue itself"
    );
    Some(("urls".to_owned(), problem))
}

/// A lake's folder, or its address.
fn lake_at(folder: &Path, lake: String) -> String {
    if lake.contains("://") { lake } else { folder.join(lake).to_string_lossy().into_owned() }
}

/// Whether an address is on this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, OnStop};

    const GOOD: &str = r#"
        limits = "limits.toml"
        [[market]]
        venue = "binance"
        tapes = "data/tapes"
        [[account]]
        name = "main"
        venue = "binance"
        symbols = ["BTCUSDT"]
        urls = { rest = "http://127.0.0.1:8000", ws_api = "ws://127.0.0.1:8000/ws-api/v3" }
        [strategy]
        run = "market-maker"
    "#;

    fn error(text: &str) -> String {
        Config::parse("etc/trader.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn paths_start_from_the_file() {
        let config = Config::parse("etc/trader.toml", GOOD).unwrap();
        assert_eq!(config.journal.to_str(), Some("etc/journal"));
        assert_eq!(config.markets[0].tapes.to_str(), Some("etc/data/tapes"));
        assert_eq!(config.on_stop, OnStop::Cancel);
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_the_one_that_is_meant() {
        let text = GOOD.replace("limits =", "limit =");
        let error = error(&text);
        assert!(error.starts_with("etc/trader.toml:2"), "{error}");
        assert!(error.contains("did you mean limits?"), "{error}");
    }

    #[test]
    fn a_misspelt_word_is_named_with_the_one_that_is_meant() {
        let text = GOOD.replace("limits =", "on_stop = \"cancle\"\n        limits =");
        let error = error(&text);
        assert!(error.contains("unknown variant `cancle`"), "{error}");
        assert!(error.contains("did you mean cancel?"), "{error}");
    }

    #[test]
    fn another_machine_is_real_money_and_must_be_said() {
        let text = GOOD.replace("127.0.0.1:8000/ws-api", "ws-api.example.com/ws-api");
        let error = error(&text);
        assert!(error.contains("account.main.urls.ws_api: ws-api.example.com is not"), "{error}");
        assert!(error.contains("`live = true`"), "{error}");
        let text = text.replace("name = \"main\"", "name = \"main\"\nlive = true");
        assert!(Config::parse("trader.toml", &text).is_ok());
    }

    #[test]
    fn an_address_that_is_not_there_is_not_the_venues_own() {
        let rest = "rest = \"http://127.0.0.1:8000\", ";
        let missing = error(&GOOD.replace(rest, ""));
        assert!(missing.contains("account.main.urls: found ws_api, expected `rest`"), "{missing}");
        assert!(missing.contains("`live = true`"), "{missing}");
        let live = GOOD.replace("rest =", "rset =").replace("symbols", "live = true\nsymbols");
        let odd = error(&live);
        assert!(odd.contains("urls.rset: unknown endpoint; did you mean rest?"), "{odd}");
    }

    #[test]
    fn what_would_never_trade_is_named() {
        let cases = [
            ("[\"BTCUSDT\"]", "[\"A\", \"B\", \"A\"]", "symbols: found \"A\" twice"),
            (
                "tapes =",
                "datasets = [\"bars\"]\ntapes =",
                "needs a market of binance with quotes or",
            ),
            ("limits =", "answer_ms = 0\nlimits =", "answer_ms: found 0"),
            ("limits =", "name = \"a b/c\"\nlimits =", "name: found \"a b/c\", expected letters"),
            ("run =", "name = \"manual\"\nrun =", "strategy.name: found \"manual\""),
        ];
        for (good, bad, expected) in cases {
            let error = error(&GOOD.replacen(good, bad, 1));
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_account_on_paper_has_no_keys_and_needs_prices() {
        let paper = "name = \"main\"\npaper = { balances = { USDT = \"1\" } }";
        let text = GOOD.replace("name = \"main\"", paper);
        let config = Config::parse("trader.toml", &text).unwrap();
        let found = config.accounts[0].paper.as_ref().unwrap();
        assert_eq!((found.taker.to_string().as_str(), found.delay_ms), ("0.001", 5));
        let live = text.replace("name = \"main\"", "name = \"main\"\nlive = true");
        assert!(error(&live).contains("account.main.paper: beside it there is no `live`"));
        let blind = text.replace("tapes =", "datasets = [\"quotes\"]\ntapes =");
        assert!(error(&blind).contains("needs a market of binance with quotes and trades"));
        let replay = GOOD.replace("limits =", "replay = true\nlimits =");
        assert!(error(&replay).contains("with `replay = true` all accounts are on paper"));
        let odd = |from: &str, to: &str| error(&text.replace(from, to));
        assert!(odd("\"1\"", "\"-1\"").contains("balances.USDT: found -1, expected 0 or more"));
        let fee = odd("balances =", "maker = \"5\", balances =");
        assert!(fee.contains("account.main.paper: maker: found 5, expected a part"), "{fee}");
    }

    #[test]
    fn a_float_where_an_amount_is_wanted_is_told_how_to_be_written() {
        let paper = "[account.paper]\nmaker = \"0.001\"\nbalances = { USDT = 1 }\n[strategy]";
        let text = GOOD.replace("[strategy]", paper);
        let read = |from: &str, to: &str| {
            assert!(text.contains(from));
            Config::parse("trader.toml", &text.replace(from, to)).map_err(|error| error.to_string())
        };
        for (written, expected) in [("\"10000.50\"", "10000.5"), ("10000", "10000")] {
            let known = read("USDT = 1", &format!("USDT = {written}")).unwrap();
            let balances = &known.accounts[0].paper.as_ref().unwrap().balances;
            assert_eq!(balances["USDT"].to_string(), expected);
        }
        let wrong = read("USDT = 1", "USDT = 10000.0").unwrap_err();
        let wanted = "a float, where an exact amount is wanted: write";
        let expected = format!("balances.USDT: found 10000.0, {wanted} \"10000.0\" or 10000");
        assert!(wrong.contains(&expected), "{wrong}");
        assert!(wrong.starts_with("trader.toml:"), "{wrong}");
        let wrong = read("maker = \"0.001\"", "maker = 0.001").unwrap_err();
        let expected = format!("found 0.001, {wanted} \"0.001\" in `maker = 0.001`");
        assert!(wrong.contains(&expected), "{wrong}");
        let wrong = read("USDT = 1", "USDT = true").unwrap_err();
        assert!(wrong.contains("balances.USDT: invalid type: boolean"), "{wrong}");
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let text = GOOD.replace("tapes =", "datasets = [\"frames\"]\ntapes =");
        assert!(error(&text).contains("found \"frames\", expected some of quotes"));
        let text = GOOD.replace("[\"BTCUSDT\"]", "[]");
        assert!(error(&text).contains("account.main.symbols: found none"));
    }

    #[test]
    fn a_call_has_a_row_at_least() {
        let text = GOOD.replace("run =", "rows_max = 0\nrun =");
        assert!(error(&text).contains("strategy.rows_max: found 0, expected 1 or more"));
    }
}
