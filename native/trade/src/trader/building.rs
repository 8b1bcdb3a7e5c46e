//! A trader made of its configuration.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rustonite_core::datasets::order_flags;
use rustonite_core::hint::hint;
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId, VenueId};
use rustonite_exec::gateway::capability::Replace;
use rustonite_exec::gateway::paper::open as open_paper;
use rustonite_exec::gateway::{
    self, Budget, Gateway, PaperMarket, capabilities, capabilities_for, connect, fee_assets,
};
use rustonite_exec::reconcile::Settings;
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIds, Directory, Durability, Figures, Ledger, Restored, Tapes,
};
use rustonite_feed::{Dialler, FeedError, Venue, now_ns};
use rustonite_risk::{
    Account, Capabilities, Counts, Latch, Limits, Risk, Target, Venue as RiskVenue,
};
use rustonite_tape::{Start, TapeOptions};
use url::Url;

use super::clock::Clock;
use super::past::{Lakes, tell_missed};
use super::profits::{Profits, Unkept, restore_peaks};
use super::recalling::{recall, restore_counts};
use super::rules::rules_of;
use super::watchdog::Watchdog;
use super::{Handle, Inner, Shared, TradeError, Trader};
use crate::books::Books;
use crate::config::{AccountConfig, Config, MarketConfig, PaperConfig, Sync};
use crate::control::{Control, alone_in};
use crate::cores;
use crate::desk::Desk;
use crate::keys;
use crate::line::{Arrivals, Network};
use crate::market::{Followed, INSTRUMENTS, Market, Tick};
use crate::paper::{self, Papers};
use crate::state::{self, Keeper, Kept};

/// Orders that may be open at once.
const ORDERS_MAX: usize = 10_000;
const CLIENT_IDS_MAX: usize = 100_000;
const SYNC_EVERY_MS: u64 = 100;
/// Of each of the journal's tapes; orders are far fewer than ticks.
const SEGMENT_BYTES: u64 = 4 << 20;
/// What a restart needs are some dozen small ones where a lake takes the rows.
const SEGMENTS_MAX: u32 = 160;

fn system(doing: &str) -> impl FnOnce(io::Error) -> TradeError + '_ {
    move |source| TradeError::System { doing: doing.to_owned(), source }
}

pub(super) fn wrong(place: String, problem: impl Into<String>) -> TradeError {
    TradeError::Config(FeedError::Config { place, problem: problem.into() })
}

impl Trader {
    /// Opens the journal, reads limits, asks venues for the rules of what is traded, and connects.
    /// The thread that calls this is the one that has to call [`Trader::run`].
    ///
    /// # Errors
    /// Whatever of that fails.
    pub fn open(config: Config) -> Result<Self, TradeError> {
        Self::open_with(config, &mut |_| Ok(None))
    }

    /// The same where rows can be had out of lakes.
    ///
    /// # Errors
    /// As [`Trader::open`].
    pub fn open_with(config: Config, lakes: &mut Lakes<'_>) -> Result<Self, TradeError> {
        let alone = occupy(&config)?;
        let limits = read_limits(&config.limits)?;
        let dialler = Dialler::new(None, None)?;
        let (directory, accounts) = directory(&config, &dialler, lakes)?;
        let Known { control, mut desk, restored, profits, market, books, held, absent, now } =
            Known::read(&config, &directory, limits)?;
        let network = Network::start().map_err(system("starting the network's thread"))?;
        let lines = (&network, &dialler);
        let (arrivals, papers) = open_accounts(&mut desk, &config, &directory, lines, lakes, now)?;
        let clock = Clock::new(now, config.replay);
        let inner = Inner { desk, timers: BinaryHeap::new(), clock };
        let shared = Arc::new(Mutex::new(inner));
        let handle = Handle {
            shared: Arc::clone(&shared),
            directory: Arc::clone(&directory),
            accounts: accounts.into(),
        };
        let strategy = directory.strategy(&config.strategy.name).unwrap_or_default();
        let watchdog = watchdog(&config, &shared, strategy)?;
        let keeper = Keeper::start(config.journal.clone());
        let keeper = keeper.map_err(system("starting the keeper of switches"))?;
        let venues = (0..).map_while(|at| named(directory.venue_name(VenueId(at)))).count();
        let (notice, notices) = mpsc::channel();
        let mut trader = Self {
            watchdog,
            keeper,
            profits,
            trading: vec![false; config.accounts.len()],
            rows_seen: vec![None; market.followed().len()],
            gathered: VecDeque::new(),
            gather_ns: nanoseconds(config.strategy.gather_us, 1_000),
            config,
            directory,
            shared,
            handle,
            market,
            keeps_absent: absent.keeps,
            counts_absent: absent.counts,
            held,
            books,
            papers,
            arrivals,
            strategy,
            control,
            is_started: false,
            heard: vec![0; venues],
            instruments: Vec::new(),
            notice,
            notices,
            fills: 0,
            _network: network,
            _alone: alone,
        };
        trader.note_restored(&restored);
        if !trader.config.replay {
            trader.count_before()?;
        }
        // What only the journal has so far is kept, too: its rows are removed one day.
        trader.keep_switches_now().map(|()| trader)
    }

    fn note_restored(&self, restored: &Restored) {
        for (first, last) in &restored.gaps {
            self.note(format!("journal: rows {first} to {last} are missing"));
        }
        for name in &restored.unlisted {
            let why = "is not traded any more; its rows are left out";
            self.note(format!("journal: {name} {why}"));
        }
        for order in &restored.fills_missing {
            let why = "was filled more than its executions here say";
            self.note(format!("journal: order {} {why}", order.0));
        }
        for Latch { scope, name, code, .. } in super::lock(&self.shared).desk.risk().absent() {
            let (scope, code) = (scope.name(), code.name());
            let why = "is not in the configuration; its switch stays thrown for when it is";
            self.note(format!("switches: {scope} {name} {why} ({code})"));
        }
    }
}

/// Keeps others off the journal's folder, and everything but the trader's thread off its core.
fn occupy(config: &Config) -> Result<File, TradeError> {
    if let Some(core) = config.core {
        cores::leave(core).map_err(system("leaving the core"))?;
    }
    let folder = &config.journal;
    let making = format!("making the journal's folder {}", folder.display());
    std::fs::create_dir_all(folder).map_err(system(&making))?;
    let alone = alone_in(folder).map_err(system("locking the journal's folder"))?;
    alone.ok_or_else(|| {
        let problem = format!("a trader already runs on {}", folder.display());
        wrong("journal".to_owned(), problem)
    })
}

/// What a trader knows before it connects.
struct Known {
    control: Control,
    desk: Desk<Tapes>,
    restored: Restored,
    profits: Profits,
    market: Market,
    books: Books,
    /// The first rows of a replay.
    held: VecDeque<Tick>,
    absent: Absent,
    /// When it begins.
    now: i64,
}

/// What was kept of those that are not in the configuration now.
struct Absent {
    keeps: Vec<(String, String)>,
    counts: BTreeMap<String, Counts>,
}

impl Known {
    /// Reads the switches, the journal and the market so far.
    fn read(
        config: &Config,
        directory: &Arc<Directory>,
        limits: Limits,
    ) -> Result<Self, TradeError> {
        let currency = limits.currency.to_string();
        let mut risk = Risk::new(risk_directory(directory, config, &currency), limits)?;
        let control = Control::listen(&config.journal);
        let control = control.map_err(system("making the control socket"))?;
        // From here on operators ask us; what they wrote before is read after it.
        let kept = state::read(&config.journal).map_err(system("reading the switches"))?;
        let mut unkept = Unkept::since(&kept);
        let counts = restore_counts(&mut risk, &kept);
        let (mut ledger, restored) = open_ledger(config, directory, &mut risk, &mut unkept)?;
        let put_back = state::take_up(&mut risk, &kept, &restored.thrown);
        restore_peaks(&mut risk, &kept.peaks);
        let start = if config.replay { Start::First } else { Start::Now };
        let mut market = Market::open(Arc::clone(directory), followed(config), start)?;
        market.hand_out(config.strategy.rows_max);
        let first = if config.replay { first_row(&mut market)? } else { None };
        let books = if config.replay { Books::default() } else { Books::before(&market)? };
        let (held, now) = first.unwrap_or_else(|| (VecDeque::new(), now_ns()));
        // What was in flight then is asked for once the venue is there.
        drop(ledger.lose_requests(now));
        let mut desk = desk(config, ledger, risk, &kept);
        unkept.tell(&mut desk);
        desk.tell_reset(&put_back, now);
        let absent = Absent { keeps: kept.keeps_absent(desk.risk()), counts };
        let profits = Profits::new(currency, kept, &restored, desk.ledger());
        Ok(Self { control, desk, restored, profits, market, books, held, absent, now })
    }
}

fn watchdog(
    config: &Config,
    shared: &Shared,
    strategy: StrategyId,
) -> Result<Watchdog, TradeError> {
    let patience_ns = nanoseconds(config.patience_ms, 1_000_000);
    let target = Target::Strategy(strategy);
    let started = Watchdog::start(Arc::clone(shared), target, patience_ns, config.on_error);
    started.map_err(system("starting the watchdog"))
}

fn nanoseconds(count: u64, each: i64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(each)
}

/// Opens the accounts. Returns what comes of each, and what those on paper need.
fn open_accounts(
    desk: &mut Desk<Tapes>,
    config: &Config,
    directory: &Arc<Directory>,
    (network, dialler): (&Network, &Dialler),
    lakes: &mut Lakes<'_>,
    now: i64,
) -> Result<(Vec<Arrivals>, Papers), TradeError> {
    let mut arrivals = Vec::new();
    let mut papers = Papers::default();
    let settings = Settings { mode: config.reconcile, ..Settings::default() };
    let answer = Duration::from_millis(config.answer_ms);
    for (at, account) in config.accounts.iter().enumerate() {
        let id = AccountId(u16::try_from(at).unwrap_or(u16::MAX));
        let mine = ids_of(directory, account);
        let is_contract = |one: &InstrumentId| is_contract(directory, *one);
        // On paper nobody else would say it.
        let leverage = account.leverage.or(account.paper.as_ref().map(|_| 1));
        if let Some(leverage) = leverage {
            for contract in mine.iter().copied().filter(is_contract) {
                desk.margin(id, contract, 1_000_000_u32.div_ceil(leverage));
            }
        }
        if let Some(paper) = &account.paper {
            let ledger = desk.ledger();
            let began = (config, now);
            let (gateway, market) = on_paper(directory, ledger, account, (id, paper), began)?;
            if !config.replay {
                tell_missed(directory, (config, account), &market, lakes)?;
            }
            papers.add(id, directory.venue(&account.venue).unwrap_or_default(), market);
            desk.open(gateway, Box::new(paper::Nothing), mine, settings.clone(), now)?;
            arrivals.push(Arrivals::none());
            continue;
        }
        let (lines, arrived) = network.lines(dialler.clone(), urls(account)?, answer);
        let gateway = gateway(directory, account, id, &mine)?;
        desk.open(gateway, Box::new(lines), mine.clone(), settings.clone(), now)?;
        if mine.iter().any(is_contract) {
            desk.leverage(id, account.leverage);
        }
        arrivals.push(arrived);
    }
    Ok((arrivals, papers))
}

/// A desk without accounts.
fn desk(config: &Config, ledger: Ledger<Tapes>, risk: Risk, kept: &Kept) -> Desk<Tapes> {
    let keeps = kept.targets(&risk);
    let strategy = ledger.directory().strategy(&config.strategy.name).unwrap_or_default();
    let mut desk = Desk::new(ledger, risk, strategy);
    desk.on_trip(config.on_trip);
    if config.replay {
        desk.replay();
    }
    keeps.into_iter().for_each(|target| desk.keep(target));
    let every = i64::try_from(config.reconcile_s.max(1)).unwrap_or(i64::MAX);
    desk.compare_every(every.saturating_mul(1_000_000_000));
    for one in followed(config) {
        desk.follow(&one.venue, &one.dataset);
    }
    desk
}

/// What a replay begins with, and its time.
fn first_row(market: &mut Market) -> Result<Option<(VecDeque<Tick>, i64)>, TradeError> {
    if let Some(missing) = market.missing() {
        let problem = format!("there is no tape of {} to replay", missing.dataset);
        return Err(wrong(format!("market.{}.tapes", missing.venue), problem));
    }
    Trader::first_of(market)
}

fn named(name: &str) -> Option<&str> {
    (!name.is_empty()).then_some(name)
}

pub(super) fn read_limits(path: &Path) -> Result<Limits, TradeError> {
    let place = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        wrong(place.clone(), format!("{error}; nothing is traded without limits"))
    })?;
    Ok(Limits::parse(&place, &text)?)
}

/// Numbers for all that is named, and the account of each instrument.
fn directory(
    config: &Config,
    dialler: &Dialler,
    lakes: &mut Lakes<'_>,
) -> Result<(Arc<Directory>, Vec<Option<AccountId>>), TradeError> {
    let mut directory = Directory::default();
    let mut accounts = Vec::new();
    directory.add_strategy(&config.strategy.name);
    for account in &config.accounts {
        directory.add_venue(&account.venue);
        let id = directory.add_account(&account.name);
        for asset in fee_assets(&account.venue) {
            directory.add_asset(asset);
        }
        let mut rules = rules_of(config, account, dialler, lakes)?;
        for symbol in &account.symbols {
            let Some(instrument) = rules.remove(symbol) else {
                let hint = hint(symbol, rules.keys().map(String::as_str));
                let place = format!("account.{}.symbols", account.name);
                return Err(wrong(place, format!("{} has no {symbol:?}; {hint}", account.venue)));
            };
            let place = directory.list(instrument).index();
            if place >= accounts.len() {
                accounts.resize(place + 1, None);
            }
            accounts[place] = Some(id);
        }
        let has_contracts =
            ids_of(&directory, account).iter().any(|id| is_contract(&directory, *id));
        if account.leverage.is_some() && !has_contracts {
            let place = format!("account.{}.leverage", account.name);
            return Err(wrong(place, "none of its symbols is a contract"));
        }
    }
    for market in &config.markets {
        directory.add_venue(&market.venue);
    }
    Ok((Arc::new(directory), accounts))
}

fn ids_of(directory: &Directory, account: &AccountConfig) -> Vec<InstrumentId> {
    let venue = directory.venue(&account.venue).unwrap_or_default();
    account.symbols.iter().filter_map(|symbol| directory.instrument(venue, symbol)).collect()
}

fn is_contract(directory: &Directory, id: InstrumentId) -> bool {
    directory.listed(id).is_some_and(|listed| listed.contract.is_some())
}

/// The venue of an account on paper.
fn on_paper(
    directory: &Arc<Directory>,
    ledger: &Ledger<Tapes>,
    account: &AccountConfig,
    (id, paper): (AccountId, &PaperConfig),
    (config, now): (&Config, i64),
) -> Result<(Box<dyn Gateway>, PaperMarket), TradeError> {
    let mine = ids_of(directory, account);
    let place = || format!("account.{}.paper", account.name);
    if account.hedging && !mine.iter().all(|one| is_contract(directory, *one)) {
        let problem = "found true, and one of the symbols is no contract";
        return Err(wrong(format!("account.{}.hedging", account.name), problem));
    }
    if mine.iter().any(|one| is_contract(directory, *one))
        && !config.follows(&account.venue, "tickers")
    {
        let problem = format!("contracts need a market of {} with tickers", account.venue);
        return Err(wrong(place(), problem));
    }
    let made = paper::settings((paper, account), directory, ledger, id, now);
    let made = made.map_err(|problem| wrong(place(), problem))?;
    Ok(open_paper(Arc::clone(directory), id, made))
}

/// Where an account's orders go.
pub(super) fn urls(account: &AccountConfig) -> Result<BTreeMap<String, Url>, TradeError> {
    if !account.live {
        return Ok(account.urls.clone());
    }
    let venue = Venue::find(&account.venue)?;
    let mut known = venue.trading;
    if let Some(rest) = venue.rest {
        known.entry("rest".to_owned()).or_insert(rest.url);
    }
    let parsed = known.into_iter().map(|(name, url)| {
        let place = || format!("catalog of {}", account.venue);
        let url =
            url.parse().map_err(|error: url::ParseError| wrong(place(), error.to_string()))?;
        Ok((name, url))
    });
    let mut urls = parsed.collect::<Result<BTreeMap<_, _>, TradeError>>()?;
    urls.extend(account.urls.clone());
    Ok(urls)
}

fn gateway(
    directory: &Arc<Directory>,
    account: &AccountConfig,
    id: AccountId,
    instruments: &[InstrumentId],
) -> Result<Box<dyn Gateway>, TradeError> {
    let place = || format!("account.{}", account.name);
    let keys = keys::of(account)?;
    let made = connect(&account.venue, Arc::clone(directory), id, &keys);
    let made = made.map_err(|error| wrong(place(), format!("secret: {error}")))?;
    let mut made = made.ok_or_else(|| {
        let can = capabilities().into_iter().map(|one| one.venue).collect::<Vec<_>>().join(", ");
        let problem =
            format!("{} cannot be traded so far; those that can are {can}", account.venue);
        wrong(format!("{}.venue", place()), problem)
    })?;
    if account.hedging && !made.hedge() {
        let problem = format!("hedge mode of {} is not supported so far", account.venue);
        return Err(wrong(format!("{}.hedging", place()), problem));
    }
    if let Some(budget) = made.budget() {
        *budget = Budget::new(Venue::find(&account.venue)?.limits);
    }
    if let Some(seconds) = account.dead_man_s {
        let guarded = made.guard(seconds, instruments);
        let place = || format!("{}.dead_man_s", place());
        guarded.map_err(|refusal| wrong(place(), refusal.detail))?;
    }
    Ok(made)
}

/// What a venue can do with what is traded there.
fn tables_of<'a>(
    directory: &'a Directory,
    venue: &'a str,
) -> impl Iterator<Item = &'static gateway::capability::Capabilities> + 'a {
    let here = directory.instruments().filter(move |(_, one)| &*one.venue == venue);
    here.filter_map(|(id, _)| capabilities_for(directory, id))
}

/// What becomes of client ids at a venue. Orders that cannot be changed at all have no say in it, and
/// on paper each change has an id of its own.
fn changes_of(directory: &Directory, account: &AccountConfig) -> (ChangeIds, Figures) {
    let has = |replace| {
        let mut kinds = tables_of(directory, &account.venue).flat_map(|one| one.kinds);
        kinds.any(|kind| kind.replace == replace)
    };
    if account.paper.is_some() || has(Replace::NewOrder) {
        return (ChangeIds::New, Figures::Leg);
    }
    let changes = if has(Replace::Anew) { ChangeIds::NewIfWaiting } else { ChangeIds::Same };
    (changes, Figures::Order)
}

fn account_rules(
    directory: &Directory,
    config: &Config,
) -> Result<Vec<(AccountId, AccountRules)>, TradeError> {
    let rules = config.accounts.iter().map(|account| {
        let id = directory.account(&account.name).unwrap_or_default();
        let client_ids = ClientIds::new(&prefix(&config.name, &account.name))
            .map_err(|error| wrong(format!("account.{}", account.name), error.to_string()))?;
        let (changes, figures) = changes_of(directory, account);
        let figures = if account.paper.is_some() { Figures::Order } else { figures };
        let rules = AccountRules {
            venue: directory.venue(&account.venue).unwrap_or_default(),
            client_ids,
            changes,
            figures,
            external: account.external,
        };
        Ok((id, rules))
    });
    rules.collect()
}

/// Six letters that tell the ids of this trader from those of others on the account.
fn prefix(trader: &str, account: &str) -> String {
    // FNV-1a: the same in every version of everything.
    let bytes = trader.bytes().chain([0]).chain(account.bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut letters = String::new();
    for _ in 0..6 {
        letters.push(char::from(b'a' + u8::try_from(hash % 26).unwrap_or(0)));
        hash /= 26;
    }
    letters
}

fn journal_options(sync: Sync) -> (TapeOptions, Durability) {
    let usual = TapeOptions {
        segment_bytes: SEGMENT_BYTES,
        segments_max: SEGMENTS_MAX,
        ..TapeOptions::default()
    };
    match sync {
        Sync::Process => (usual, Durability::Interval),
        Sync::Interval => {
            let fsync_interval_ms = Some(SYNC_EVERY_MS);
            (TapeOptions { fsync_interval_ms, ..usual }, Durability::Interval)
        }
        Sync::Every => (usual, Durability::Intents),
    }
}

/// What is asked for, and rules wherever a recorder writes them down.
fn followed(config: &Config) -> Vec<Followed> {
    let tape = |market: &MarketConfig, dataset: &str| Followed {
        folder: market.tapes.clone(),
        venue: market.venue.clone(),
        dataset: dataset.to_owned(),
    };
    let each = config.markets.iter().flat_map(|market| {
        let rules = Some(tape(market, INSTRUMENTS)).filter(|one| one.find().is_some());
        let asked = market.datasets.iter().map(move |dataset| tape(market, dataset));
        asked.chain(rules)
    });
    each.collect()
}

/// The journal with what it says; the risk layer is told what counts of the past.
fn open_ledger(
    config: &Config,
    directory: &Arc<Directory>,
    risk: &mut Risk,
    unkept: &mut Unkept,
) -> Result<(Ledger<Tapes>, Restored), TradeError> {
    let rules = account_rules(directory, config)?;
    let (options, durability) = journal_options(config.sync);
    let tapes = config.tapes.as_ref().unwrap_or(&config.journal);
    let journal = (tapes.as_path(), config.name.as_str(), options, durability);
    let directory = Arc::clone(directory);
    let opened = Ledger::open_and_tell(directory, rules, journal, &mut |passed| {
        unkept.note(&passed);
        recall(risk, passed);
    })?;
    if config.replay && opened.1.rows > 0 {
        let problem = "it has rows, and a replay begins with an empty one: name another";
        return Err(wrong(format!("journal {}", tapes.display()), problem));
    }
    Ok(opened)
}

fn risk_directory(
    directory: &Directory,
    config: &Config,
    currency: &str,
) -> rustonite_risk::Directory {
    let venues = (0..).map_while(|at| named(directory.venue_name(VenueId(at))));
    let assets = (0..).map_while(|at| named(directory.asset_name(AssetId(at))));
    let accounts = config.accounts.iter().map(|account| Account {
        name: account.name.as_str().into(),
        venue: directory.venue(&account.venue).unwrap_or_default(),
        hedging: account.hedging,
    });
    rustonite_risk::Directory {
        currency: currency.into(),
        assets: assets.map(Into::into).collect(),
        venues: venues
            .map(|name| RiskVenue { name: name.into(), can: allowed(directory, name) })
            .collect(),
        accounts: accounts.collect(),
        strategies: vec![config.strategy.name.as_str().into()],
        instruments: directory.instruments().map(|(_, listed)| listed.clone()).collect(),
        orders_max: ORDERS_MAX,
        client_ids_max: CLIENT_IDS_MAX,
    }
}

/// What risk lets pass to a venue: what its gateway can write.
fn allowed(directory: &Directory, venue: &str) -> Capabilities {
    let tables: Vec<_> = tables_of(directory, venue).collect();
    let rules = || tables.iter().flat_map(|one| one.kinds);
    let kinds: Vec<_> = rules().map(|one| one.kind).collect();
    let tifs: Vec<_> = rules().flat_map(|one| one.tifs).copied().collect();
    let posts = tables.iter().any(|one| !one.post_only.is_empty());
    let post_only = if posts { order_flags::POST_ONLY } else { 0 };
    let flags = rules().fold(post_only, |all, one| all | one.flags);
    Capabilities::of(&kinds, &tifs, flags)
}
