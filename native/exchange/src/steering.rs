//! What the operator of a venue does that no trader can: halts, fundings, fees in another asset.

use rustonite_core::Decimal;
use rustonite_sim::{Command, FeeAsset, InstrumentId};

use crate::LocalExchange;
use crate::error::{ExchangeError, Result};
use crate::listing::Perpetual;
use crate::rates::{amount, millionths};
use crate::venue::Venue;

impl LocalExchange {
    /// Stops to take orders of an instrument, or begins again; cancelling stays possible.
    ///
    /// # Errors
    /// No such venue or instrument.
    pub fn halt(&self, venue: &str, symbol: &str, on: bool) -> Result<()> {
        self.shared(venue)?.venue().halt(symbol, on)
    }

    /// Lets longs of a perpetual pay shorts now, besides the usual hours: a part of their worth at
    /// the mark price, the usual one if there is none.
    ///
    /// # Errors
    /// No such venue or instrument, one without positions or without a mark price, or a rate with
    /// more than six decimals or beyond 1.
    pub fn fund(&self, venue: &str, symbol: &str, rate: Option<Decimal>) -> Result<()> {
        self.shared(venue)?.venue().fund(symbol, rate)
    }

    /// Lets an account pay fees in an asset of which it has enough, at the price of a whole one in
    /// the quote asset of the first instrument, less a discount as a part. Fees of instruments with
    /// another quote asset are not paid so.
    ///
    /// # Errors
    /// No such venue, account or asset, no price above 0, or a discount with more than six decimals
    /// or beyond 1.
    pub fn pay_fees_in(
        &self,
        venue: &str,
        account: &str,
        asset: &str,
        price: Decimal,
        discount: Decimal,
    ) -> Result<()> {
        self.shared(venue)?.venue().pay_fees_in(account, asset, price, discount)
    }
}

impl Venue {
    fn instrument(&self, symbol: &str) -> Result<InstrumentId> {
        let found = self.hall.floor.instrument(symbol);
        found.ok_or_else(|| ExchangeError::unknown("instrument", symbol))
    }

    pub(crate) fn halt(&mut self, symbol: &str, on: bool) -> Result<()> {
        let instrument = self.instrument(symbol)?;
        self.apply(&Command::Halt { instrument, halted: on })?;
        Ok(())
    }

    pub(crate) fn fund(&mut self, symbol: &str, rate: Option<Decimal>) -> Result<()> {
        let instrument = self.instrument(symbol)?;
        let listing = &self.hall.floor.listed(instrument).listing;
        let usual =
            listing.perpetual.as_ref().map_or(0, |Perpetual { funding_ppm, .. }| *funding_ppm);
        let rate_ppm = rate.map_or(Ok(usual), |rate| millionths("rate", rate))?;
        self.apply(&Command::Funding { instrument, rate_ppm })?;
        Ok(())
    }

    pub(crate) fn pay_fees_in(
        &mut self,
        account: &str,
        asset: &str,
        price: Decimal,
        discount: Decimal,
    ) -> Result<()> {
        let (account, asset) = (self.account(account)?, self.hall.floor.asset_named(asset)?);
        let (price, discount) = (amount("price", price)?, millionths("discount", discount)?);
        // As for fee tiers, the first instrument says what is counted in.
        let first = self.hall.floor.exchange.instruments().next();
        let quote = first.map_or(0, |first| first.quote);
        let fee_asset = Some(FeeAsset { asset, price, quote, discount_ppm: discount });
        self.apply(&Command::PayFeesIn { account, fee_asset })?;
        Ok(())
    }
}
