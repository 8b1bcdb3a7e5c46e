//! What happened before the tapes that are there begin, and what an account has missed of it.

use std::path::PathBuf;
use std::sync::Arc;

use rustonite_exec::Directory;
use rustonite_exec::gateway::PaperMarket;
use rustonite_tape::Start;

use super::TradeError;
use crate::config::{AccountConfig, Config, MarketConfig};
use crate::market::{Followed, Market, Tick};
use crate::paper::marks_of;
use crate::rows::Tickers;

const TICKERS: &str = "tickers";

/// Rows that are asked of a lake.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The lake's folder, or its address.
    pub lake: &'a str,
    /// `instruments` or `tickers`.
    pub dataset: &'a str,
    /// Whose.
    pub venue: &'a str,
    /// Of these instruments.
    pub symbols: &'a [String],
    /// Received since then, in nanoseconds, or whenever.
    pub since: Option<i64>,
}

/// Who gets rows out of a lake: a folder of tapes with them, or nothing if there are none.
pub type Lakes<'a> = dyn FnMut(&Wanted<'_>) -> Result<Option<PathBuf>, TradeError> + 'a;

/// What a market's lake has.
pub(super) fn out_of_lake(
    lakes: &mut Lakes<'_>,
    market: &MarketConfig,
    dataset: &str,
    symbols: &[String],
    since: Option<i64>,
) -> Result<Option<PathBuf>, TradeError> {
    let Some(lake) = &market.lake else { return Ok(None) };
    lakes(&Wanted { lake, dataset, venue: &market.venue, symbols, since })
}

/// Tells a paper account of the marks and the funding that it has missed.
pub(super) fn tell_missed(
    directory: &Arc<Directory>,
    (config, account): (&Config, &AccountConfig),
    paper: &PaperMarket,
    lakes: &mut Lakes<'_>,
) -> Result<(), TradeError> {
    let Some(since) = paper.missed_since() else { return Ok(()) };
    for market in config.markets_of(&account.venue) {
        let older = out_of_lake(lakes, market, TICKERS, &account.symbols, Some(since))?;
        for folder in older.into_iter().chain([market.tapes.clone()]) {
            tell_tape(directory, folder, &account.venue, paper)?;
        }
    }
    Ok(())
}

fn tell_tape(
    directory: &Arc<Directory>,
    folder: PathBuf,
    venue: &str,
    paper: &PaperMarket,
) -> Result<(), TradeError> {
    let tape = Followed { folder, venue: venue.to_owned(), dataset: TICKERS.to_owned() };
    let mut market = Market::open(Arc::clone(directory), vec![tape], Start::First)?;
    loop {
        match market.poll()? {
            Tick::Nothing => return Ok(()),
            Tick::Gap(..) => {}
            Tick::Rows(rows) => {
                let instruments: Vec<_> = market.instruments(&rows).collect();
                let tickers = Tickers::new(&rows.batch, &instruments);
                for (instrument, at, price, funding) in marks_of(&tickers) {
                    paper.missed(instrument, at, price, funding);
                }
            }
        }
    }
}
