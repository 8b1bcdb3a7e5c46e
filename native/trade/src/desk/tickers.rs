//! What is told of markets besides prices: what values positions, whether an instrument trades, how
//! much of it is traded in a day, and what assets are worth.

use rustonite_core::datasets::{InstrumentStatus, TradingState};
use rustonite_core::ids::{AssetId, InstrumentId};
use rustonite_core::{Amount, Decimal};
use rustonite_exec::Journal;
use rustonite_exec::held::Seen;
use rustonite_risk::Target;

use super::{Desk, News};
use crate::strategy::on_lot;

/// A pair whose last quote is older says nothing of a rate any more.
const RATE_AGE_NS: i64 = 600_000_000_000;

impl<J: Journal> Desk<J> {
    /// Prices that value positions and that ours are compared with; 0 for one that is not told now.
    pub fn marks(&mut self, instrument: InstrumentId, mark: f64, index: f64) {
        if self.waiting.held.is_watching(instrument) {
            self.waiting.held.see(instrument, &Seen::Mark(mark));
            self.waiting.held.see(instrument, &Seen::Index(index));
        }
        if mark > 0.0 {
            let points = self.points(instrument, mark);
            self.risk.mark(instrument, points);
        }
        if index > 0.0 {
            let points = self.points(instrument, index);
            self.risk.index(instrument, points);
        }
    }

    /// Whether an instrument trades, by its venue.
    pub fn status(&mut self, instrument: InstrumentId, status: InstrumentStatus) {
        // What the venue does not say, or by a word that nobody knows, is no news.
        if status != InstrumentStatus::Unknown {
            self.risk.status(instrument, status);
        }
    }

    /// Steps of price and size, by the venue. All that is counted here is in those of the start: where
    /// they are others now, nothing but cancels goes out until a person says so after a restart.
    pub fn steps(
        &mut self,
        instrument: InstrumentId,
        tick: Option<Amount>,
        lot: Option<Amount>,
        now: i64,
    ) {
        let Some(listed) = self.ledger.directory().listed(instrument) else { return };
        let is_other = |told: Option<Amount>, ours| told.is_some_and(|told| told != ours);
        let target = Target::Instrument(instrument);
        let is_new = is_other(tick, listed.tick) || is_other(lot, listed.lot);
        if !is_new || self.risk.state(target) >= TradingState::CancelOnly {
            return;
        }
        let name = self.risk.name(target);
        let text = format!(
            "instrument {name}: its tick or lot is another now; nothing but cancels goes out until \
             a restart and `rustonite resume instrument {name}`"
        );
        self.news.push_back(News::Notice(text));
        self.set_state(target, TradingState::CancelOnly, now);
    }

    /// How much of an instrument was traded in a day.
    pub fn daily_volume(&mut self, instrument: InstrumentId, size: f64) {
        let listed = self.ledger.directory().listed(instrument);
        let size = listed.and_then(|listed| on_lot(listed, size));
        let rules = self.risk.rules(instrument);
        let points = size.zip(rules).and_then(|(size, rules)| rules.size(size).ok());
        self.risk.average_daily_volume(instrument, points.unwrap_or(0));
    }

    /// Says what each asset that something is paid in is worth in the reporting currency, by the
    /// quotes of a pair of the two that is traded here.
    pub fn tell_rates(&mut self, now: i64) {
        let directory = std::sync::Arc::clone(self.ledger.directory());
        let currency = self.risk.directory().currency.clone();
        for at in 0..self.risk.directory().assets.len() {
            let Some(asset) = u32::try_from(at).ok().map(AssetId) else { return };
            let name = directory.asset_name(asset);
            let mut listed = directory.instruments();
            let pays = listed.any(|(_, one)| *one.quote == *name || *one.settle == *name);
            if *name == *currency || !pays {
                continue;
            }
            let rate = self.rate_of(name, &currency, now);
            if self.rates.insert(asset, rate) != Some(rate) {
                self.risk.rate(asset, rate);
            }
        }
    }

    /// What one of another asset is worth in the reporting currency, as the risk layer was told.
    pub fn rate(&self, asset: &str) -> Option<Amount> {
        self.rates.get(&self.ledger.directory().asset(asset)?).copied().flatten()
    }

    fn rate_of(&self, asset: &str, currency: &str, now: i64) -> Option<Amount> {
        let directory = self.ledger.directory();
        let rate = directory.instruments().find_map(|(id, listed)| {
            let is_straight = *listed.base == *asset && *listed.quote == *currency;
            let is_reverse = *listed.base == *currency && *listed.quote == *asset;
            let (middle, ts) = self.references.get(id.index()).copied()?;
            let is_fresh = middle > 0.0 && now.saturating_sub(ts) <= RATE_AGE_NS;
            match (is_fresh, is_straight, is_reverse) {
                (true, true, _) => Some(middle),
                (true, _, true) => Some(1.0 / middle),
                _ => None,
            }
        })?;
        // All digits of one divided by a price are more than an amount has.
        format!("{rate:.15}").parse::<Decimal>().and_then(Amount::from_decimal).ok()
    }
}
