//! Quotes both sides of one instrument around the middle of its book, and leans against what it
//! holds.

use rustonite_core::datasets::{OrderSide, order_flags};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::Wish;
use serde::Deserialize;

use crate::rows::Quotes;
use crate::strategy::{Broker, Failed, OrderView, Strategy, Told, limit, on_lot, on_tick};

/// What is denied now is most likely denied with the next quote, too, and each denial is two rows.
const DENIED_NS: i64 = 1_000_000_000;

/// How it quotes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketMakerSettings {
    /// The market.
    pub venue: String,
    /// The instrument.
    pub symbol: String,
    /// Size of each quote, in units of the instrument.
    pub size: f64,
    /// Distance of each quote from the middle, in hundredths of a per cent.
    #[serde(default = "usual_distance")]
    pub distance_bps: f64,
    /// A quote that is off by less is left alone, in hundredths of a per cent.
    #[serde(default = "usual_tolerance")]
    pub tolerance_bps: f64,
    /// Position of the account beyond which it quotes one side only.
    pub position_max: f64,
}

/// Near enough that the crowd of a local exchange comes to it within seconds; ten times as far
/// nobody does for a quarter of a minute.
fn usual_distance() -> f64 {
    0.2
}

fn usual_tolerance() -> f64 {
    0.2
}

/// The market maker.
#[derive(Debug)]
pub struct MarketMaker {
    settings: MarketMakerSettings,
    instrument: Option<InstrumentId>,
    /// Until when it does not try again, since all was denied.
    rests_until: i64,
}

impl MarketMaker {
    /// With its settings.
    pub fn new(settings: MarketMakerSettings) -> Self {
        Self { settings, instrument: None, rests_until: 0 }
    }

    fn quote(&mut self, broker: &dyn Broker, instrument: InstrumentId, middle: f64) -> Told {
        let held = broker.position(instrument, None).to_decimal().to_f64();
        let lean = (held / self.settings.position_max).clamp(-1.0, 1.0);
        let half = self.settings.distance_bps / 1e4;
        let open = broker.open_orders(instrument);
        let mut new = Vec::new();
        for side in [OrderSide::Buy, OrderSide::Sell] {
            let sign = if side == OrderSide::Buy { -1.0 } else { 1.0 };
            let is_full = lean * sign <= -1.0;
            let mine: Vec<_> = open.iter().filter(|order| order.side == side).collect();
            if is_full {
                mine.iter().for_each(|order| drop(broker.cancel(order.order)));
                continue;
            }
            // The middle moves away from what is held by up to one distance.
            let price = middle * (1.0 + sign * half - lean * half);
            new.extend(self.keep_at(broker, instrument, side, price, &mine)?);
        }
        if new.is_empty() {
            return Ok(());
        }
        let now = broker.now();
        if now < self.rests_until {
            return Ok(());
        }
        // A denial is the risk layer's word and no failure: there is another try.
        if broker.submit_many(new).iter().all(Result::is_err) {
            self.rests_until = now.saturating_add(DENIED_NS);
        }
        Ok(())
    }

    /// One order of a side at a price, wherever it was before: the one to place, if there is none.
    fn keep_at(
        &self,
        broker: &dyn Broker,
        instrument: InstrumentId,
        side: OrderSide,
        price: f64,
        mine: &[&OrderView],
    ) -> Result<Option<Wish>, Failed> {
        let rules = broker.instrument(instrument).ok_or_else(|| Failed("no rules".to_owned()))?;
        let (Some(target), Some(size)) =
            (on_tick(rules, side, price), on_lot(rules, self.settings.size))
        else {
            return Ok(None);
        };
        let Some(order) = mine.first() else {
            let wish = limit(broker, instrument, side, target, size);
            return Ok(wish.map(|wish| Wish { flags: order_flags::POST_ONLY, ..wish }));
        };
        let at = order.price.unwrap_or_default().to_decimal().to_f64();
        let is_near = (at / price - 1.0).abs() < self.settings.tolerance_bps / 1e4;
        if !order.is_pending && !is_near {
            drop(broker.cancel(order.order));
        }
        Ok(None)
    }
}

impl Strategy for MarketMaker {
    fn on_start(&mut self, broker: &dyn Broker) -> Told {
        let (venue, symbol) = (&self.settings.venue, &self.settings.symbol);
        let found = broker.find(Some(venue), symbol);
        let instrument =
            found.ok_or_else(|| Failed(format!("{symbol} of {venue} is not traded")))?;
        self.instrument = Some(instrument);
        Ok(())
    }

    fn on_quotes(&mut self, broker: &dyn Broker, rows: &Quotes<'_>) -> Told {
        let Some(mine) = self.instrument else { return Ok(()) };
        // Only the newest row counts.
        let Some(at) = rows.instrument.iter().rposition(|one| *one == Some(mine)) else {
            return Ok(());
        };
        let (bid, ask) = (rows.bid_price[at], rows.ask_price[at]);
        if bid > 0.0 && ask > bid {
            self.quote(broker, mine, f64::midpoint(bid, ask))
        } else {
            Ok(())
        }
    }

    fn on_stop(&mut self, broker: &dyn Broker) -> Told {
        broker.cancel_all(self.instrument);
        Ok(())
    }
}
