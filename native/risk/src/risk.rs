//! Everything that risk knows, by ids.

use rustonite_core::datasets::{InstrumentStatus, TradingState};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_core::{Amount, ids::AssetId};

use crate::directory::{Capabilities, Directory, Target};
use crate::exposure::{Cell, Purse};
use crate::key::Key;
use crate::latch::{Latch, Trip};
use crate::limits::{Limits, LimitsError, Section};
use crate::market::{Market, Period};
use crate::merged::{OrderLimits, SeatLimits, Sections, least, most};
use crate::orders::{Orders, Own};
use crate::rules::{Class, Rules};
use crate::seat::Seat;
use crate::seen::Recent;
use crate::step::Divisor;

/// Orders that are compared with new ones for likeness.
const LIKES_KEPT: usize = 4096;

/// An instrument with what is known of it. What the quick way looks at comes first and fills whole
/// lines of memory, and what it seldom needs is elsewhere, so that few lines and pages are touched
/// however many instruments there are.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Traded {
    /// Over all accounts.
    pub(crate) total: Cell,
    pub(crate) quick: Quick,
    pub(crate) bounds: Bounds,
    pub(crate) own: Own,
    /// Its place among the instruments of its venue.
    pub(crate) in_venue: usize,
    pub(crate) settle: AssetId,
    pub(crate) base: AssetId,
    pub(crate) quote: AssetId,
    pub(crate) venue: VenueId,
    pub(crate) status: InstrumentStatus,
    pub(crate) state: TradingState,
    pub(crate) rare: Rare,
    pub(crate) is_restricted: bool,
    /// Limits of volatility, which are no one's but the instrument's.
    pub(crate) volatility: i64,
    pub(crate) pause_ns: i64,
    pub(crate) stale_trip_ns: i64,
    pub(crate) market: Box<Market>,
    pub(crate) worth: Box<Worth>,
    /// `None` if its sort cannot be valued.
    pub(crate) rules: Option<Box<Rules>>,
    pub(crate) limits: Box<OrderLimits>,
    /// The strictest of these and of every desk at the venue: what is within it needs no look at
    /// whose order it is.
    pub(crate) tight: Box<OrderLimits>,
}

/// A line of memory of the machines that this is meant for.
const LINE_BYTES: usize = 64;
const _: () = assert!(
    std::mem::offset_of!(Traded, rare) <= 5 * LINE_BYTES,
    "the quick way of the usual order looks at five lines of an instrument"
);

/// What points of an instrument are worth; 0 while a price or rate is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Worth {
    /// A product of one, in the reporting currency.
    pub(crate) product: i128,
    /// A product of one, in the quote asset.
    pub(crate) product_quote: i128,
    /// A size point, in the reporting currency.
    pub(crate) size: i128,
    /// A size point, in the settle asset; spot holds no margin.
    pub(crate) margin: i128,
    /// The largest product and size that money can be computed of.
    pub(crate) product_cap: i128,
    pub(crate) size_cap: i64,
    /// Positions in it hold margin, known or not.
    pub(crate) is_margined: bool,
}

/// What the quick way needs of an instrument, ready to compare; nothing goes that way by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quick {
    /// Keys that its own limits name.
    pub(crate) keys: u64,
    pub(crate) tick: Divisor,
    pub(crate) lot: Divisor,
    /// Nothing of the instrument itself is in the way.
    pub(crate) is_on: bool,
    pub(crate) must_be_funded: bool,
    pub(crate) class: Class,
    pub(crate) size_least: i64,
    pub(crate) size_most: i64,
    /// A size point in coarse money and in the coarse settle asset, rounded up.
    pub(crate) size_worth: i64,
    pub(crate) margin_worth: i64,
    /// Largest position whose worth can be computed so.
    pub(crate) held_most: i64,
    /// Longest and shortest position over all accounts.
    pub(crate) long_most: i64,
    pub(crate) short_most: i64,
    pub(crate) open_orders_most: i64,
    /// Products of price and size: no less than the venue takes, no more than money allows.
    pub(crate) product_least: u64,
    pub(crate) product_most: u64,
    pub(crate) concentration: i64,
    pub(crate) leverage: i64,
    pub(crate) latency_ns: i64,
    pub(crate) duplicate_ns: i64,
}

/// What the quick way needs of spot and of market orders alone, and what bounds are made with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rare {
    pub(crate) price_most: i64,
    pub(crate) product_quote: u64,
    pub(crate) base: u64,
    pub(crate) market_product_most: u64,
    pub(crate) market_size_most: i64,
}

/// Prices that need no second look, and for how long; none by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// No sale is worth less than this.
    pub(crate) ask: i64,
    /// Row of the market tape; -1 for none.
    pub(crate) seq: i64,
    /// Lowest and highest of buys, and of sells.
    pub(crate) buy: (i64, i64),
    pub(crate) sell: (i64, i64),
}

/// A market's connections.
#[derive(Clone, Debug)]
pub(crate) struct VenueState {
    pub(crate) seat: Seat,
    pub(crate) can: Capabilities,
    pub(crate) is_feed_up: bool,
    /// Both its market data and an account were there once.
    pub(crate) was_whole: bool,
    /// Since when it is away: its market data, or every account there.
    pub(crate) away_since: Option<i64>,
}

/// What an account's connection is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// There is none that hears of its orders.
    #[default]
    None,
    /// There is one, and our books are not known to be the venue's: orders can be cancelled.
    Cancels,
    /// The venue would keep our orders if we were gone, which it is not to: orders can be cancelled.
    Unguarded,
    /// What we know is what the venue knows.
    All,
}

/// An account's own figures.
#[derive(Clone, Debug)]
pub(crate) struct AccountState {
    pub(crate) seat: Seat,
    pub(crate) venue: VenueId,
    pub(crate) hedging: bool,
    pub(crate) access: Access,
    /// Since when it has no connection.
    pub(crate) away_since: Option<i64>,
    pub(crate) equity: Option<i128>,
    /// Rounded down, and nothing while it is not told.
    pub(crate) equity_coarse: i64,
    /// Where its cells and purses start.
    pub(crate) cells_from: usize,
}

/// Pre-trade risk. Ask with [`Risk::check`]; tell it everything that happens.
#[derive(Clone, Debug)]
pub struct Risk {
    pub(crate) directory: Directory,
    pub(crate) limits: Limits,
    pub(crate) sections: Sections,
    pub(crate) all: Seat,
    pub(crate) venues: Vec<VenueState>,
    pub(crate) accounts: Vec<AccountState>,
    pub(crate) strategies: Vec<Seat>,
    /// Of an account and a strategy.
    pub(crate) desks: Vec<OrderLimits>,
    pub(crate) instruments: Vec<Traded>,
    pub(crate) periods: Vec<Period>,
    pub(crate) account_cells: Vec<[Cell; 2]>,
    pub(crate) strategy_cells: Vec<[Cell; 2]>,
    pub(crate) purses: Vec<Purse>,
    pub(crate) rates: Vec<Option<Amount>>,
    pub(crate) orders: Orders,
    pub(crate) client_ids: Recent,
    pub(crate) likes: Recent,
    pub(crate) children: crate::children::Children,
    pub(crate) latches: Vec<Trip>,
    pub(crate) absent: Vec<Latch>,
    /// How many of them are for single orders.
    pub(crate) orders_killed: usize,
    pub(crate) now: i64,
    pub(crate) day_end: i64,
}

/// What a new [`Risk`] cannot be made of.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The limits do not fit.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The directory contradicts itself.
    #[error("directory: {what} of {of}: {name:?} is not in it")]
    Directory {
        /// What is missing.
        what: &'static str,
        /// Who names it.
        of: String,
        /// Its name.
        name: String,
    },
}

impl Risk {
    /// Risk over a directory, with nothing known but limits: everything is denied until prices,
    /// rates, balances and connections are told.
    ///
    /// # Errors
    /// A directory that names what it does not have, limits that do not fit it.
    pub fn new(directory: Directory, limits: Limits) -> Result<Self, StartError> {
        limits.check_names(&directory)?;
        let (instruments, per_venue) = crate::start::instruments(&directory)?;
        let accounts = crate::start::accounts(&directory, &per_venue)?;
        let last = accounts.last();
        let cells = last.map_or(0, |last| last.cells_from + per_venue[last.venue.index()]);
        let strategies = directory.strategies.len() + 1;
        let mut risk = Self {
            sections: Sections::of(&limits, &directory),
            all: Seat::new(),
            venues: directory.venues.iter().map(|venue| VenueState::new(venue.can)).collect(),
            strategies: vec![Seat::new(); strategies],
            desks: vec![OrderLimits::default(); strategies * accounts.len()],
            periods: vec![Period::new(0); instruments.len()],
            account_cells: vec![[Cell::default(); 2]; cells],
            strategy_cells: vec![[Cell::default(); 2]; strategies * instruments.len()],
            purses: vec![Purse::default(); accounts.len() * directory.assets.len()],
            rates: crate::start::rates(&directory),
            orders: Orders::new(directory.orders_max),
            client_ids: Recent::new(directory.client_ids_max),
            likes: Recent::new(LIKES_KEPT),
            children: crate::children::Children::new(directory.orders_max),
            latches: Vec::new(),
            absent: Vec::new(),
            orders_killed: 0,
            now: i64::MIN,
            day_end: i64::MIN,
            instruments,
            accounts,
            limits: limits.clone(),
            directory,
        };
        risk.spot_margins();
        risk.apply(limits);
        Ok(risk)
    }

    /// Replaces the limits, all or none of them. Counters and latches stay.
    ///
    /// # Errors
    /// An older version, other limits of the same version, another currency, unknown names.
    pub fn set_limits(&mut self, limits: Limits) -> Result<(), LimitsError> {
        let (found, current) = (limits.version, self.limits.version);
        if found < current || (found == current && limits != self.limits) {
            return Err(LimitsError::Version { found, current });
        }
        limits.check_names(&self.directory)?;
        self.apply(limits);
        Ok(())
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Who and what there is.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The rules of an instrument; `None` if it is not known or cannot be valued.
    pub fn rules(&self, instrument: InstrumentId) -> Option<&Rules> {
        self.instruments.get(instrument.index())?.rules.as_deref()
    }

    fn apply(&mut self, limits: Limits) {
        self.sections = Sections::of(&limits, &self.directory);
        self.limits = limits;
        let sections = &self.sections;
        let strategies = self.strategies.len();
        for (at, desk) in self.desks.iter_mut().enumerate() {
            let account = &sections.accounts[at / strategies];
            *desk = OrderLimits::of(&[account, &sections.strategies[at % strategies]], None);
        }
        for at in 0..self.instruments.len() {
            self.apply_instrument(at);
        }
        let sections = &self.sections;
        let seat = |seat: &mut Seat, section| {
            seat.set_limits(SeatLimits::of(section), kept(section));
            let wants = [Key::DailyLossMax, Key::DrawdownMax];
            seat.profit.is_wanted = wants.iter().any(|key| section.hard(*key).is_some());
            seat.measure();
        };
        seat(&mut self.all, &sections.all);
        for (venue, section) in self.venues.iter_mut().zip(&sections.venues) {
            seat(&mut venue.seat, section);
        }
        for (account, section) in self.accounts.iter_mut().zip(&sections.accounts) {
            seat(&mut account.seat, section);
        }
        for (strategy, section) in self.strategies.iter_mut().zip(&sections.strategies) {
            seat(strategy, section);
        }
    }

    fn apply_instrument(&mut self, at: usize) {
        let Some(id) = u32::try_from(at).ok().map(InstrumentId) else { return };
        let name = self.directory.instrument_name(at);
        let traded = &mut self.instruments[at];
        traded.is_restricted = self.limits.restricted.contains(&name);
        let empty = Section::default();
        let own = self.sections.instrument(id).unwrap_or(&empty);
        let chain = [&self.sections.all, &self.sections.venues[traded.venue.index()], own];
        *traded.limits = OrderLimits::of(&chain, traded.rules.as_deref());
        traded.volatility = most(&chain, Key::VolatilityBps);
        traded.pause_ns = least(&chain, Key::VolatilityPauseMs);
        traded.stale_trip_ns = most(&chain, Key::StaleTripMs);
        self.periods[at].set_length(least(&chain, Key::PeriodMs));
        let traded = &mut self.instruments[at];
        traded.tight = traded.limits.clone();
        for (account, desks) in self.accounts.iter().zip(self.desks.chunks(self.strategies.len())) {
            if account.venue == traded.venue {
                desks.iter().for_each(|desk| traded.tight.tighten(desk));
            }
        }
        traded.prepare();
    }

    /// The place of a strategy's cells of an instrument.
    #[inline]
    pub(crate) fn strategy_cell(&self, strategy: usize, instrument: InstrumentId) -> usize {
        strategy * self.instruments.len() + instrument.index()
    }

    /// The place of a strategy; that of `manual` for none.
    #[inline]
    pub(crate) fn strategy_place(&self, strategy: Option<StrategyId>) -> usize {
        strategy.map_or(self.strategies.len() - 1, StrategyId::index)
    }

    /// The place of an account's purse.
    #[inline]
    pub(crate) fn purse(&self, account: AccountId, asset: AssetId) -> usize {
        account.index() * self.rates.len() + asset.index()
    }

    /// The counters of a scope that has some.
    pub(crate) fn seat(&self, target: Target) -> Option<&Seat> {
        match target {
            Target::All => Some(&self.all),
            Target::Venue(venue) => Some(&self.venues.get(venue.index())?.seat),
            Target::Account(account) => Some(&self.accounts.get(account.index())?.seat),
            Target::Strategy(strategy) => self.strategies.get(strategy.index()),
            Target::Instrument(_) | Target::Order(_) => None,
        }
    }

    /// As above, to change them.
    pub(crate) fn seat_mut(&mut self, target: Target) -> Option<&mut Seat> {
        match target {
            Target::All => Some(&mut self.all),
            Target::Venue(venue) => Some(&mut self.venues.get_mut(venue.index())?.seat),
            Target::Account(account) => Some(&mut self.accounts.get_mut(account.index())?.seat),
            Target::Strategy(strategy) => self.strategies.get_mut(strategy.index()),
            Target::Instrument(_) | Target::Order(_) => None,
        }
    }
}

/// Times of requests that windows of a section look back on.
fn kept(section: &Section) -> usize {
    let hard = |key| section.hard(key).and_then(|most| usize::try_from(most).ok());
    let keys = [Key::MessagesPerS, Key::MessagesPer10S];
    // One more, so that a full window shows that it is beyond its limit.
    keys.into_iter().filter_map(hard).max().unwrap_or(0) + 1
}

impl AccountState {
    /// The place of its cells of an instrument.
    #[inline]
    pub(crate) fn cell(&self, traded: &Traded) -> usize {
        self.cells_from + traded.in_venue
    }
}
