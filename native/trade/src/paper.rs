//! Accounts on paper: what they see of the market, and how they are paid.

use rustonite_core::Amount;
use rustonite_core::datasets::Aggressor;
use rustonite_core::datasets::{OrderSide, PositionSide, flags};
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use rustonite_exec::gateway::{
    BestPrices, BookPart, LATE_NS, Outgoing, PaperMarket, PaperSettings,
};
use rustonite_exec::{Directory, Ledger, Tapes};
use rustonite_feed::FeedError;

use crate::config::{AccountConfig, PaperConfig};
use crate::desk::Outbox;
use crate::rows::{Deltas, Quotes, Tickers, Trades};

const MILLIONTHS: i64 = 1_000_000;

/// Nothing leaves: the gateway has what there is.
pub(crate) struct Nothing;

impl Outbox for Nothing {
    fn send(&mut self, _what: Outgoing) -> Result<(), FeedError> {
        Ok(())
    }
}

/// The market's side of all accounts on paper.
#[derive(Debug, Default)]
pub(crate) struct Papers(Vec<(AccountId, VenueId, PaperMarket)>);

impl Papers {
    pub(crate) fn add(&mut self, account: AccountId, venue: VenueId, market: PaperMarket) {
        self.0.push((account, venue, market));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn at(&self, venue: VenueId) -> impl Iterator<Item = &PaperMarket> {
        self.0.iter().filter(move |(_, at, _)| *at == venue).map(|(.., market)| market)
    }

    pub(crate) fn quotes(&self, venue: VenueId, rows: &Quotes<'_>) {
        for market in self.at(venue) {
            for (at, instrument) in rows.instrument.iter().enumerate() {
                let Some(instrument) = *instrument else { continue };
                let best = BestPrices {
                    bid: (rows.bid_price[at], rows.bid_size[at]),
                    ask: (rows.ask_price[at], rows.ask_size[at]),
                };
                market.best(instrument, rows.ts_recv[at], best);
            }
        }
    }

    pub(crate) fn trades(&self, venue: VenueId, rows: &Trades<'_>) {
        for market in self.at(venue) {
            for (at, instrument) in rows.instrument.iter().enumerate() {
                let Some(instrument) = *instrument else { continue };
                let taker = match i32::from(rows.side[at]) {
                    0 => Aggressor::Buy,
                    1 => Aggressor::Sell,
                    _ => Aggressor::Unknown,
                };
                market.trade(instrument, rows.ts_recv[at], taker, rows.price[at], rows.size[at]);
            }
        }
    }

    pub(crate) fn deltas(&self, venue: VenueId, rows: &Deltas<'_>) {
        for market in self.at(venue) {
            for (at, instrument) in rows.instrument.iter().enumerate() {
                let Some(instrument) = *instrument else { continue };
                let is_picture = rows.flags[at] & flags::SNAPSHOT != 0;
                let part = match (is_picture, rows.flags[at] & flags::LAST != 0) {
                    (false, _) => BookPart::Change,
                    (true, false) => BookPart::Picture,
                    (true, true) => BookPart::PictureEnd,
                };
                let is_bid = i32::from(rows.side[at]) == 0;
                let side = if is_bid { OrderSide::Buy } else { OrderSide::Sell };
                let (price, size) = (rows.price[at], rows.size[at]);
                market.level(instrument, rows.ts_recv[at], side, price, size, part);
            }
        }
    }

    pub(crate) fn marks(&self, venue: VenueId, rows: &Tickers<'_>) {
        for market in self.at(venue) {
            for (instrument, at, price, funding) in marks_of(rows) {
                market.mark(instrument, at, price, funding);
            }
        }
    }

    /// Lets everything happen that is due by now. Accounts that there is news for.
    pub(crate) fn until(&self, now: i64) -> Vec<AccountId> {
        let news = self.0.iter().filter(|(.., market)| market.until(now));
        news.map(|(account, ..)| *account).collect()
    }

    /// When something happens next that is not on the tapes.
    pub(crate) fn next(&self) -> Option<i64> {
        self.0.iter().filter_map(|(.., market)| market.next()).min()
    }
}

/// What an account is made of: where its journal knows a balance, that one.
///
/// # Errors
/// An asset that nothing is traded in, or a fee that has more than six decimals.
pub(crate) fn settings(
    (config, of): (&PaperConfig, &AccountConfig),
    directory: &Directory,
    ledger: &Ledger<Tapes>,
    account: AccountId,
    start: i64,
) -> Result<PaperSettings, String> {
    let balance = |(name, amount): (&String, &Amount)| {
        let asset = directory.asset(name);
        Ok((asset.ok_or_else(|| format!("balances: nothing is traded in {name}"))?, *amount))
    };
    let balances = config.balances.iter().map(balance).collect::<Result<_, String>>()?;
    let mut settings = PaperSettings {
        balances,
        // No venue has one that could be taken.
        leverage: of.leverage.unwrap_or(1),
        hedging: of.hedging,
        queue: config.queue,
        late_ns: LATE_NS,
        start,
        maintenance_ppm: millionths("maintenance", config.maintenance)?,
        maker_ppm: millionths("maker", config.maker)?,
        taker_ppm: millionths("taker", config.taker)?,
        delay_ns: i64::from(config.delay_ms) * 1_000_000,
        ..PaperSettings::default()
    };
    settings.go_on(ledger, account);
    let mut held = settings.positions.keys();
    if let Some((instrument, _)) = held.find(|(_, side)| (*side == PositionSide::Net) == of.hedging)
    {
        let symbol = directory.listed(*instrument).map_or("", |listed| &*listed.symbol);
        let mode = if of.hedging { "one position" } else { "hedge mode" };
        return Err(format!("{symbol} is held in {mode} by the journal: close it there first"));
    }
    Ok(settings)
}

/// Instrument, time, mark price and next funding of each row that is ours.
pub(crate) fn marks_of(
    rows: &Tickers<'_>,
) -> impl Iterator<Item = (InstrumentId, i64, f64, Option<(f64, i64)>)> {
    rows.instrument.iter().enumerate().filter_map(|(at, instrument)| {
        let funding = (rows.funding_rate[at], rows.ts_funding_next[at]);
        let funding = Some(funding).filter(|(_, next)| *next > 0);
        Some(((*instrument)?, rows.ts_recv[at], rows.mark_price[at], funding))
    })
}

fn millionths(name: &str, part: Amount) -> Result<i32, String> {
    let one = Amount(10_i128.pow(18) / i128::from(MILLIONTHS));
    let wrong = || format!("{name}: found {part}, expected a part with up to six decimals");
    if part.0 % one.0 != 0 {
        return Err(wrong());
    }
    i32::try_from(part.0 / one.0).map_err(|_| wrong())
}
