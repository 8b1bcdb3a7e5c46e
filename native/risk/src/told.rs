//! What is told of markets, money and connections.

use rustonite_core::Amount;
use rustonite_core::datasets::InstrumentStatus;
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, VenueId};

use crate::code::{Code, Unit};
use crate::directory::Target;
use crate::exposure::{PPM, clamped};
use crate::latch::Trip;
use crate::market::Quote;
use crate::risk::{Access, AccountState, Risk};
use crate::value::changed;

impl Risk {
    /// New best prices. A move beyond `volatility_bps` pauses the instrument, and the trip says so.
    #[inline]
    pub fn quote(&mut self, instrument: InstrumentId, quote: &Quote, trips: &mut Vec<Trip>) {
        let Some(traded) = self.instruments.get_mut(instrument.index()) else { return };
        traded.market.take_quote(quote);
        self.reference_moved(instrument, quote.ts, trips);
    }

    /// A trade. It counts where there are no quotes.
    pub fn trade(
        &mut self,
        instrument: InstrumentId,
        price: i64,
        ts: i64,
        seq: i64,
        trips: &mut Vec<Trip>,
    ) {
        let Some(traded) = self.instruments.get_mut(instrument.index()) else { return };
        let market = &mut traded.market;
        if price <= 0 || market.is_quoted() {
            return;
        }
        market.reference2 = price.saturating_mul(2);
        (market.ts, market.seq) = (ts, seq);
        self.reference_moved(instrument, ts, trips);
    }

    #[inline]
    fn reference_moved(&mut self, instrument: InstrumentId, ts: i64, trips: &mut Vec<Trip>) {
        let at = instrument.index();
        let traded = &mut self.instruments[at];
        let market = &mut traded.market;
        if market.reference2 == 0 {
            traded.bound();
            return;
        }
        (market.low2, market.high2) = self.periods[at].take(market.reference2, ts);
        let range = i128::from(market.high2 - market.low2) * PPM;
        if range > i128::from(market.low2) * i128::from(traded.volatility) {
            self.volatile(instrument, range, ts, trips);
        }
        if self.instruments[at].market.is_valued_badly() {
            self.revalue(instrument);
        } else {
            self.instruments[at].bound();
        }
    }

    #[cold]
    fn volatile(&mut self, instrument: InstrumentId, range: i128, ts: i64, trips: &mut Vec<Trip>) {
        let traded = &mut self.instruments[instrument.index()];
        let was_paused = ts < traded.market.paused_until;
        traded.market.paused_until = ts.saturating_add(traded.pause_ns);
        if was_paused {
            return;
        }
        let moved = crate::rules::divided_up(range, traded.market.low2.max(1).into());
        trips.push(Trip {
            target: Target::Instrument(instrument),
            code: Code::Volatility,
            state: traded.state,
            limit: Some(Unit::Bps.amount(traded.volatility.into())),
            value: Some(Unit::Bps.amount(moved)),
            ts,
        });
    }

    /// A mark price, by which positions are valued from then on.
    pub fn mark(&mut self, instrument: InstrumentId, price: i64) {
        let Some(traded) = self.instruments.get_mut(instrument.index()) else { return };
        traded.market.mark = price.max(0);
        if traded.market.valued2 != traded.market.value2() {
            self.revalue(instrument);
        }
    }

    /// An index price, which feeds are compared with where there is no mark.
    pub fn index(&mut self, instrument: InstrumentId, price: i64) {
        if let Some(traded) = self.instruments.get_mut(instrument.index()) {
            traded.market.index = price.max(0);
            traded.bound();
        }
    }

    /// The average daily volume, in size points.
    pub fn average_daily_volume(&mut self, instrument: InstrumentId, size: i64) {
        if let Some(traded) = self.instruments.get_mut(instrument.index()) {
            traded.market.adv = size.max(0);
            traded.prepare();
        }
    }

    /// Whether it can be traded, by the venue.
    pub fn status(&mut self, instrument: InstrumentId, status: InstrumentStatus) {
        if let Some(traded) = self.instruments.get_mut(instrument.index()) {
            traded.status = status;
            traded.prepare();
        }
    }

    /// What the venue said last of whether it can be traded.
    pub fn status_of(&self, instrument: InstrumentId) -> Option<InstrumentStatus> {
        self.instruments.get(instrument.index()).map(|traded| traded.status)
    }

    /// The feed lost something of an instrument, or has caught up.
    pub fn gap(&mut self, instrument: InstrumentId, is_gapped: bool) {
        // With each row of the market it is said that there is none.
        if let Some(traded) = self.instruments.get_mut(instrument.index())
            && traded.market.is_gapped != is_gapped
        {
            traded.market.is_gapped = is_gapped;
            traded.prepare();
        }
    }

    /// Whether best prices of it are known, so that trades do not count.
    pub fn is_quoted(&self, instrument: InstrumentId) -> bool {
        self.instruments.get(instrument.index()).is_some_and(|traded| traded.market.is_quoted())
    }

    /// What one unit of an asset is worth in the reporting currency; `None` if that is not known any
    /// more.
    pub fn rate(&mut self, asset: AssetId, rate: Option<Amount>) {
        let Some(place) = self.rates.get_mut(asset.index()) else { return };
        *place = rate.filter(|rate| rate.0 > 0);
        for at in 0..self.instruments.len() {
            let traded = &self.instruments[at];
            if traded.quote == asset || traded.settle == asset {
                let Some(instrument) = u32::try_from(at).ok().map(InstrumentId) else { return };
                self.revalue(instrument);
            }
        }
    }

    /// What an account could use of an asset if no order of ours were open.
    pub fn balance(&mut self, account: AccountId, asset: AssetId, usable: Amount) {
        let at = self.purse(account, asset);
        if let Some(purse) = self.purses.get_mut(at) {
            (purse.is_told, purse.usable) = (true, clamped(usable.0) * PPM);
        }
    }

    /// What an account could borrow of an asset to sell it short.
    pub fn borrowable(&mut self, account: AccountId, asset: AssetId, amount: Amount) {
        let at = self.purse(account, asset);
        if let Some(purse) = self.purses.get_mut(at) {
            (purse.is_borrow_told, purse.borrowable) = (true, clamped(amount.0) * PPM);
        }
    }

    /// What an account is worth in the reporting currency; `None` if that cannot be told.
    pub fn equity(&mut self, account: AccountId, equity: Option<Amount>) {
        if let Some(account) = self.accounts.get_mut(account.index()) {
            account.equity = equity.map(|equity| clamped(equity.0));
            account.equity_coarse = account.equity.map_or(0, crate::seat::coarse).max(0);
        }
    }

    /// The part of an order's worth that an account must have for it, in millionths, fees included:
    /// a tenth at ten times leverage, all of it and the fee for spot.
    pub fn margin(&mut self, account: AccountId, instrument: InstrumentId, part_ppm: u32) {
        let (Some(state), Some(traded)) =
            (self.accounts.get(account.index()), self.instruments.get(instrument.index()))
        else {
            return;
        };
        if state.venue != traded.venue {
            return;
        }
        let (at, settle, worth) = (state.cell(traded), traded.settle, *traded.worth);
        for leg in 0..2 {
            let cell = &mut self.account_cells[at][leg];
            let more = changed(cell, &worth, |cell| cell.margin_ppm = part_ppm.into());
            self.add_to_account(account.index(), settle, more);
        }
    }

    /// What an account's order connection is good for from now on.
    pub fn access(&mut self, account: AccountId, access: Access, now: i64) {
        self.turn(now);
        let Some(state) = self.accounts.get_mut(account.index()) else { return };
        state.access = access;
        // One whose books are being compared is there: that it may not trade is said at once.
        state.away_since =
            if access == Access::None { state.away_since.or(Some(now)) } else { None };
        let venue = state.venue;
        self.note_absence(venue, now);
    }

    /// Until when the venue takes no new order and no change from an account, because what it allows
    /// is used up. A moment that is over means that it does.
    pub fn venue_full(&mut self, account: AccountId, until: i64) {
        if let Some(account) = self.accounts.get_mut(account.index()) {
            account.seat.full_until = until;
            account.seat.measure();
        }
    }

    /// The market data of a venue went up or down.
    pub fn feed_connected(&mut self, venue: VenueId, is_up: bool, now: i64) {
        self.turn(now);
        if let Some(state) = self.venues.get_mut(venue.index()) {
            state.is_feed_up = is_up;
        }
        self.note_absence(venue, now);
    }

    fn note_absence(&mut self, venue: VenueId, now: i64) {
        let is_there = |one: &AccountState| one.venue == venue && one.access != Access::None;
        let is_heard = self.accounts.iter().any(is_there);
        if let Some(state) = self.venues.get_mut(venue.index()) {
            let is_whole = is_heard && state.is_feed_up;
            state.was_whole |= is_whole;
            state.away_since = if is_whole { None } else { state.away_since.or(Some(now)) };
        }
    }
}
