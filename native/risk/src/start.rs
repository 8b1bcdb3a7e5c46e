//! The first state, made of a directory.

use rustonite_core::Amount;
use rustonite_core::amount::SCALE;
use rustonite_core::datasets::TradingState;
use rustonite_core::ids::{AssetId, VenueId};
use rustonite_core::instrument::Instrument;

use crate::directory::{Capabilities, Directory};
use crate::exposure::{Cell, PPM};
use crate::market::Market;
use crate::orders::Own;
use crate::risk::{
    Access, AccountState, Bounds, Quick, Rare, Risk, StartError, Traded, VenueState, Worth,
};
use crate::rules::{Class, Rules, ten_to};
use crate::seat::Seat;

impl VenueState {
    pub(crate) fn new(can: Capabilities) -> Self {
        Self { seat: Seat::new(), can, is_feed_up: false, was_whole: false, away_since: None }
    }
}

fn missing(what: &'static str, of: String, name: &str) -> StartError {
    StartError::Directory { what, of, name: name.to_owned() }
}

/// The instruments, and how many each venue has.
pub(crate) fn instruments(directory: &Directory) -> Result<(Vec<Traded>, Vec<usize>), StartError> {
    let mut per_venue = vec![0; directory.venues.len()];
    let mut instruments = Vec::with_capacity(directory.instruments.len());
    for (at, instrument) in directory.instruments.iter().enumerate() {
        let of = || directory.instrument_name(at).into_string();
        let venue = directory.venues.iter().position(|venue| venue.name == instrument.venue);
        let venue = venue.ok_or_else(|| missing("venue", of(), &instrument.venue))?;
        let traded = traded(directory, instrument, venue, per_venue[venue])
            .map_err(|name| missing("asset", of(), name))?;
        per_venue[venue] += 1;
        instruments.push(traded);
    }
    Ok((instruments, per_venue))
}

fn traded<'a>(
    directory: &Directory,
    instrument: &'a Instrument,
    venue: usize,
    in_venue: usize,
) -> Result<Traded, &'a str> {
    let asset = |name: &'a str| {
        let at = directory.assets.iter().position(|asset| asset.as_ref() == name).ok_or(name)?;
        u32::try_from(at).map(AssetId).map_err(|_| name)
    };
    Ok(Traded {
        rules: Rules::of(instrument).ok().map(Box::new),
        limits: Box::default(),
        tight: Box::default(),
        market: Box::new(Market::default()),
        total: Cell::default(),
        own: Own::default(),
        worth: Box::new(Worth { is_margined: instrument.contract.is_some(), ..Worth::default() }),
        quick: Quick::default(),
        rare: Rare::default(),
        bounds: Bounds::default(),
        venue: VenueId(u16::try_from(venue).unwrap_or(u16::MAX)),
        in_venue,
        base: asset(&instrument.base)?,
        quote: asset(&instrument.quote)?,
        settle: asset(&instrument.settle)?,
        status: instrument.status,
        state: TradingState::Active,
        is_restricted: false,
        volatility: i64::MAX,
        pause_ns: 0,
        stale_trip_ns: i64::MAX,
    })
}

pub(crate) fn accounts(
    directory: &Directory,
    per_venue: &[usize],
) -> Result<Vec<AccountState>, StartError> {
    let mut cells = 0;
    let mut accounts = Vec::with_capacity(directory.accounts.len());
    for account in &directory.accounts {
        let Some(count) = per_venue.get(account.venue.index()) else {
            let number = account.venue.0.to_string();
            return Err(missing("venue", account.name.to_string(), &number));
        };
        let (venue, hedging) = (account.venue, account.hedging);
        let seat = Seat::new();
        accounts.push(AccountState {
            seat,
            venue,
            hedging,
            access: Access::None,
            away_since: None,
            equity: None,
            equity_coarse: 0,
            cells_from: cells,
        });
        cells += count;
    }
    Ok(accounts)
}

/// What assets are worth in the reporting currency: that of itself is known.
pub(crate) fn rates(directory: &Directory) -> Vec<Option<Amount>> {
    let one = Amount(ten_to(SCALE.unsigned_abs()));
    directory.assets.iter().map(|asset| (*asset == directory.currency).then_some(one)).collect()
}

impl Risk {
    /// Spot is paid in whole, unless something else is said.
    pub(crate) fn spot_margins(&mut self) {
        let whole = i64::try_from(PPM).unwrap_or(i64::MAX);
        for account in &self.accounts {
            for traded in self.instruments.iter().filter(|traded| traded.venue == account.venue) {
                if traded.rules.as_ref().is_some_and(|rules| rules.class == Class::Spot) {
                    let cells = &mut self.account_cells[account.cells_from + traded.in_venue];
                    cells.iter_mut().for_each(|cell| cell.margin_ppm = whole);
                }
            }
        }
    }
}
