//! Holds some of an instrument while a fast average of its trades is above a slow one.

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderSide, Tif};
use rustonite_core::ids::InstrumentId;
use serde::Deserialize;

use crate::rows::Trades;
use crate::strategy::{Broker, Failed, Strategy, Told, limit, on_lot, on_tick};

/// What it looks at and how much it buys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaCrossSettings {
    /// The market.
    pub venue: String,
    /// The instrument.
    pub symbol: String,
    /// Size to hold, in units of the instrument.
    pub size: f64,
    /// Trades that the fast average looks back.
    #[serde(default = "usual_fast")]
    pub fast: f64,
    /// Trades that the slow average looks back.
    #[serde(default = "usual_slow")]
    pub slow: f64,
    /// How far from the last trade a price may be, in hundredths of a per cent.
    #[serde(default = "usual_slippage")]
    pub slippage_bps: f64,
}

fn usual_fast() -> f64 {
    50.0
}

fn usual_slow() -> f64 {
    200.0
}

fn usual_slippage() -> f64 {
    10.0
}

/// An exponential average.
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    value: f64,
    count: f64,
}

impl Average {
    fn add(&mut self, value: f64, span: f64) {
        self.count += 1.0;
        // The first values count alike, so that the start has no weight of its own.
        let weight = (2.0 / (span + 1.0)).max(1.0 / self.count);
        self.value += weight * (value - self.value);
    }
}

/// The strategy.
#[derive(Debug)]
pub struct EmaCross {
    settings: EmaCrossSettings,
    instrument: Option<InstrumentId>,
    fast: Average,
    slow: Average,
}

impl EmaCross {
    /// With its settings.
    pub fn new(settings: EmaCrossSettings) -> Self {
        let (fast, slow) = (Average::default(), Average::default());
        Self { settings, instrument: None, fast, slow }
    }

    /// Buys or sells what is missing to the position that it wants.
    fn act(&self, broker: &dyn Broker, instrument: InstrumentId, last: f64) -> Told {
        if self.slow.count < self.settings.slow || !broker.open_orders(instrument).is_empty() {
            return Ok(());
        }
        let rules = broker.instrument(instrument).ok_or_else(|| Failed("no rules".to_owned()))?;
        let size = on_lot(rules, self.settings.size).unwrap_or_default();
        let wanted = if self.fast.value > self.slow.value { size } else { Amount::ZERO };
        let missing = wanted - broker.position(instrument, None);
        let (side, sign) =
            if missing.0 > 0 { (OrderSide::Buy, 1.0) } else { (OrderSide::Sell, -1.0) };
        // Fees taken in the asset itself leave less than a lot.
        if missing.0.abs() < rules.lot.0 {
            return Ok(());
        }
        let size = on_lot(rules, Amount(missing.0.abs()).min(size).to_decimal().to_f64());
        let price = on_tick(rules, side, last * (1.0 + sign * self.settings.slippage_bps / 1e4));
        let (Some(price), Some(size)) = (price, size) else { return Ok(()) };
        let Some(mut wish) = limit(broker, instrument, side, price, size) else { return Ok(()) };
        wish.tif = Some(Tif::Ioc);
        // Denied is not failed: the next trade is another chance.
        drop(broker.submit(wish));
        Ok(())
    }
}

impl Strategy for EmaCross {
    fn on_start(&mut self, broker: &dyn Broker) -> Told {
        let (venue, symbol) = (&self.settings.venue, &self.settings.symbol);
        let found = broker.find(Some(venue), symbol);
        let instrument =
            found.ok_or_else(|| Failed(format!("{symbol} of {venue} is not traded")))?;
        self.instrument = Some(instrument);
        Ok(())
    }

    fn on_trades(&mut self, broker: &dyn Broker, rows: &Trades<'_>) -> Told {
        let Some(mine) = self.instrument else { return Ok(()) };
        let mut last = None;
        for (price, instrument) in rows.price.iter().zip(rows.instrument) {
            if *instrument == Some(mine) {
                self.fast.add(*price, self.settings.fast);
                self.slow.add(*price, self.settings.slow);
                last = Some(*price);
            }
        }
        last.map_or(Ok(()), |last| self.act(broker, mine, last))
    }
}
