//! Who decides: what a strategy is told, and what it can do.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderEvent, OrderKind, OrderSide,
    OrderState, PositionSide, RiskScope, Tif, TradingState,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::{Directory, OrderId, Wish};
use rustonite_tape::{Batch, Gap};

use crate::books::Book;
use crate::rows::{Bars, Quotes, Trades};

/// Why something that a strategy wants is not done. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Denied {
    /// The stable code, as `risk_events` has it.
    pub code: &'static str,
    /// Which limit, and which value met it.
    pub detail: String,
    /// `None` if the check is not a number.
    pub figures: Option<Figures>,
    /// Row of the market's tape that the decision had seen; `None` where no market data was used.
    pub market_seq: Option<i64>,
}

impl Denied {
    /// By what is not a number.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), figures: None, market_seq: None }
    }
}

/// The numbers of a denial, in the unit of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The limit.
    pub limit: Amount,
    /// The value that met it.
    pub value: Amount,
}

/// Why a strategy cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// What a strategy returns.
pub type Told = Result<(), Failed>;

/// An order as a strategy sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderView {
    /// Our number.
    pub order: OrderId,
    /// Its state.
    pub state: OrderState,
    /// Of what.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: OrderSide,
    /// Limit, stop, …
    pub kind: OrderKind,
    /// Which position, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// Limit in force; none before the trigger that it follows has a price.
    pub price: Option<Amount>,
    /// The price that starts it, in force.
    pub trigger: Option<Amount>,
    /// Whole size in force.
    pub size: Amount,
    /// Filled so far.
    pub size_filled: Amount,
    /// Whether a request about it is in flight.
    pub is_pending: bool,
    /// The order that it is a part of.
    pub parent: Option<OrderId>,
    /// The strategy's own labels.
    pub tags: Option<Box<str>>,
}

/// Something that happened to an order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderNews {
    /// What.
    pub event: OrderEvent,
    /// The order after it.
    pub order: OrderView,
    /// Our code or the venue's word, where there is one.
    pub reason: Option<String>,
}

/// An execution of one of our orders, or what became of one. Sizes add up to what is filled: what is
/// taken back has a negative one, and what is corrected is taken back first.
#[derive(Clone, Debug, PartialEq)]
pub struct FillNews {
    /// The order after it.
    pub order: OrderView,
    /// What was booked: `trade`; `bust` and `correction` of an earlier execution; `adjustment` where
    /// it was worked out from the venue's figures, until the execution itself comes.
    pub kind: FillKind,
    /// Its id in the journal: the venue's, or ours for an adjustment.
    pub fill_id: Box<str>,
    /// The execution that is taken back or corrected.
    pub fill_id_prev: Option<Box<str>>,
    /// Price.
    pub price: Amount,
    /// Size; negative where an earlier execution is taken back.
    pub size: Amount,
    /// Fee paid and its asset; negative if received, `None` while unknown.
    pub fee: Option<(Amount, AssetId)>,
    /// Whether we gave or took.
    pub liquidity: Liquidity,
    /// Our position in the instrument after it; in hedge mode on the side of the order.
    pub position: Amount,
}

/// What is allowed has changed: an account may trade or may not, a switch was thrown or put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateNews {
    /// How far it reaches.
    pub scope: RiskScope,
    /// Which one there; empty for all.
    pub name: String,
    /// What is allowed there from now on.
    pub state: TradingState,
    /// Whether something does not stand in the way any more.
    pub is_lifted: bool,
    /// What stands in the way or did so; `None` where an account may trade, or a state is active.
    pub code: Option<&'static str>,
    /// What threw a switch, if it is a number.
    pub figures: Option<Figures>,
}

/// Rows of a market that do not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapNews<'a> {
    /// Whose market data it is.
    pub venue: &'a str,
    /// Of which dataset.
    pub dataset: &'a str,
    /// The instrument whose book is lost until the next picture; `None` for all of the venue.
    pub instrument: Option<InstrumentId>,
    /// Rows that were removed from the tape before they were read; `None` where the recorder had
    /// lost something.
    pub rows: Option<Gap>,
}

/// Orders that depend on each other, all of one instrument and account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// An order that the others wait for: they are as large as what of it is filled.
    pub entry: Option<Wish>,
    /// The others wait until the entry is filled in full, and not only for its first fill.
    pub when_full: bool,
    /// Sets of orders of which one ends the others of its set: a fill of one makes the others
    /// smaller, a whole one or a cancel ends them. Without an entry there is one set.
    pub exits: Vec<Vec<Wish>>,
}

/// The orders of a group that was placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The entry.
    pub entry: Option<OrderId>,
    /// Of each set: its parent, which is never sent and whose end is that of the set, and its orders.
    pub exits: Vec<(OrderId, Vec<OrderId>)>,
}

/// What of an order is to be different; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Its limit.
    pub price: Option<Amount>,
    /// Its whole size.
    pub size: Option<Amount>,
    /// The price that starts it, of one that waits here or at its venue.
    pub trigger: Option<Amount>,
    /// The distance that its trigger keeps, of one that waits here, in the same unit. It is kept from the next price on,
    /// unless the trigger's price is given, too.
    pub trail: Option<Amount>,
}

/// What a strategy can do. Each wish passes risk and the journal before a byte leaves.
pub trait Broker {
    /// The time, in nanoseconds since 1970.
    fn now(&self) -> i64;

    /// Places an order.
    ///
    /// # Errors
    /// Risk denies it.
    fn submit(&self, wish: Wish) -> Result<OrderId, Denied>;

    /// Places orders that depend on each other.
    ///
    /// # Errors
    /// Risk denies one of them, or they do not make a group; none was sent.
    fn submit_group(&self, group: Group) -> Result<Placed, Denied>;

    /// Changes an order.
    ///
    /// # Errors
    /// Risk denies it, or there is no such order to change.
    fn change(&self, order: OrderId, changes: Changes) -> Result<(), Denied>;

    /// Changes limit and whole size of an order.
    ///
    /// # Errors
    /// As [`Broker::change`].
    fn replace(&self, order: OrderId, price: Option<Amount>, size: Amount) -> Result<(), Denied> {
        self.change(order, Changes { price, size: Some(size), ..Changes::default() })
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// There is no such order to cancel.
    fn cancel(&self, order: OrderId) -> Result<(), Denied>;

    /// Cancels all open orders of an instrument, or all.
    fn cancel_all(&self, instrument: Option<InstrumentId>);

    /// Places several orders, such as the two sides of a quote: they leave together where the venue
    /// takes them so. Each is denied or placed for itself.
    fn submit_many(&self, wishes: Vec<Wish>) -> Vec<Result<OrderId, Denied>> {
        wishes.into_iter().map(|wish| self.submit(wish)).collect()
    }

    /// The limits that an order would meet now. Nothing is placed.
    fn would_fail(&self, wish: Wish) -> Vec<Denied>;

    /// An order of this run, or one that was open when it began.
    fn order(&self, order: OrderId) -> Option<OrderView>;

    /// Orders that are open, in the order of their numbers.
    fn open_orders(&self, instrument: InstrumentId) -> Vec<OrderView>;

    /// Our position; positive if long. In hedge mode that of one side, or both added.
    fn position(&self, instrument: InstrumentId, side: Option<PositionSide>) -> Amount;

    /// Positions that are not flat, in the order of instruments; in hedge mode each side.
    fn positions(&self) -> Vec<(InstrumentId, PositionSide, Amount)>;

    /// What is owned: the asset, all of it, and what of that can be used.
    fn balances(&self) -> Vec<(AssetId, Amount, Amount)>;

    /// What can be used of an asset; `None` while it is not known.
    fn available(&self, asset: &str) -> Option<Amount>;

    /// An instrument by its symbol, and by its venue unless only one has it.
    fn find(&self, venue: Option<&str>, symbol: &str) -> Option<InstrumentId>;

    /// Names and rules of all that is traded.
    fn directory(&self) -> &Directory;

    /// The rules of an instrument.
    fn instrument(&self, instrument: InstrumentId) -> Option<&Instrument> {
        self.directory().listed(instrument)
    }

    /// What the venue said last of whether it can be traded.
    fn status(&self, instrument: InstrumentId) -> Option<InstrumentStatus>;

    /// The account that trades an instrument for this strategy.
    fn account(&self, instrument: InstrumentId) -> Option<AccountId>;

    /// Calls the strategy's `on_timer` once after so many nanoseconds.
    fn wake_after(&self, nanoseconds: i64);
}

/// A strategy. Calls come one after another, from one thread.
#[allow(clippy::missing_errors_doc, reason = "each says that the strategy cannot go on")]
pub trait Strategy {
    /// Orders are allowed from now on.
    fn on_start(&mut self, _broker: &dyn Broker) -> Told {
        Ok(())
    }

    /// Best bids and asks.
    fn on_quotes(&mut self, _broker: &dyn Broker, _rows: &Quotes<'_>) -> Told {
        Ok(())
    }

    /// Trades.
    fn on_trades(&mut self, _broker: &dyn Broker, _rows: &Trades<'_>) -> Told {
        Ok(())
    }

    /// Bars, and revisions of bars.
    fn on_bars(&mut self, _broker: &dyn Broker, _rows: &Bars<'_>) -> Told {
        Ok(())
    }

    /// A book has changed, and is whole.
    fn on_book(&mut self, _broker: &dyn Broker, _book: &Book) -> Told {
        Ok(())
    }

    /// Rows of another dataset that is followed: `tickers`, `instruments`, and `book_deltas` as they
    /// are.
    fn on_rows(&mut self, _broker: &dyn Broker, _dataset: &str, _rows: &Batch) -> Told {
        Ok(())
    }

    /// Rows are lost for this strategy.
    fn on_gap(&mut self, _broker: &dyn Broker, _gap: &GapNews<'_>) -> Told {
        Ok(())
    }

    /// What is allowed has changed.
    fn on_state(&mut self, _broker: &dyn Broker, _news: &StateNews) -> Told {
        Ok(())
    }

    /// The time that was asked for has come.
    fn on_timer(&mut self, _broker: &dyn Broker) -> Told {
        Ok(())
    }

    /// Something happened to an order of ours.
    fn on_order(&mut self, _broker: &dyn Broker, _news: &OrderNews) -> Told {
        Ok(())
    }

    /// An order of ours was executed, in part or whole.
    fn on_fill(&mut self, _broker: &dyn Broker, _news: &FillNews) -> Told {
        Ok(())
    }

    /// Trading ends. What is still open is cancelled or kept by the trader's setting.
    fn on_stop(&mut self, _broker: &dyn Broker) -> Told {
        Ok(())
    }
}

/// A hundredth of a dollar.
const CENT: Amount = Amount(10_i128.pow(16));

/// The nearest price on the tick that is no worse for us than `price`: below for a buy, above for a
/// sell. `None` for what is no price.
pub fn on_tick(instrument: &Instrument, side: OrderSide, price: f64) -> Option<Amount> {
    let up = side == OrderSide::Sell;
    multiple(price, step_at(instrument, price), up)
}

/// The step of prices there: shares are priced in whole cents from a dollar on, whatever finer step
/// they have below it (rule 612 of Regulation NMS).
fn step_at(instrument: &Instrument, price: f64) -> Amount {
    let is_share = instrument.kind == InstrumentKind::Stock && &*instrument.quote == "USD";
    if is_share && price >= 1.0 { instrument.tick.max(CENT) } else { instrument.tick }
}

/// The largest size on the lot that is not above `size`.
pub fn on_lot(instrument: &Instrument, size: f64) -> Option<Amount> {
    multiple(size, instrument.lot, false)
}

fn multiple(value: f64, step: Amount, up: bool) -> Option<Amount> {
    let count = value / step.to_decimal().to_f64();
    // A value that is on a step but for the last bit of the float is on it.
    let near = count.round();
    let is_on = (count - near).abs() < 1e-6;
    let whole = if is_on {
        near
    } else if up {
        count.ceil()
    } else {
        count.floor()
    };
    #[allow(clippy::cast_possible_truncation, reason = "checked to be in range")]
    let whole = (whole.is_finite() && whole.abs() < 9e15).then_some(whole as i64)?;
    step.times(whole).filter(|amount| amount.0 > 0)
}

/// A limit order that waits.
pub fn limit(
    broker: &dyn Broker,
    instrument: InstrumentId,
    side: OrderSide,
    price: Amount,
    size: Amount,
) -> Option<Wish> {
    Some(Wish {
        account: broker.account(instrument)?,
        strategy: None,
        instrument,
        side,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(price),
        price_protect: None,
        size,
        size_quote: None,
        size_display: None,
        size_min: None,
        trigger: None,
        flags: 0,
        position_side: None,
        stp: None,
        ts_expire: None,
        tags: None,
    })
}

#[cfg(test)]
mod tests {
    use rustonite_core::datasets::{InstrumentKind, InstrumentStatus, OrderSide};
    use rustonite_core::instrument::Instrument;
    use rustonite_core::{Amount, Decimal};

    use super::{on_lot, on_tick};

    fn amount(text: &str) -> Amount {
        Amount::from_decimal(text.parse::<Decimal>().unwrap()).unwrap()
    }

    fn instrument() -> Instrument {
        Instrument {
            venue: "binance".into(),
            symbol: "BTCUSDT".into(),
            kind: InstrumentKind::Spot,
            contract: None,
            base: "BTC".into(),
            quote: "USDT".into(),
            settle: "USDT".into(),
            tick: amount("0.01"),
            lot: amount("0.00001"),
            multiplier: amount("1"),
            price: (None, None),
            size: (None, None),
            market_size_max: None,
            notional: (None, None),
            status: InstrumentStatus::Trading,
        }
    }

    #[test]
    fn a_price_goes_to_the_side_that_costs_nothing() {
        let one = instrument();
        assert_eq!(on_tick(&one, OrderSide::Buy, 60_000.019), Some(amount("60000.01")));
        assert_eq!(on_tick(&one, OrderSide::Sell, 60_000.011), Some(amount("60000.02")));
        // 0.07 is no multiple of 0.01 as floats go.
        assert_eq!(on_tick(&one, OrderSide::Buy, 0.07), Some(amount("0.07")));
        assert_eq!(on_tick(&one, OrderSide::Sell, 1.1), Some(amount("1.1")));
        assert_eq!(on_lot(&one, 0.123_456_7), Some(amount("0.12345")));
    }

    #[test]
    fn shares_have_whole_cents_from_a_dollar_on() {
        let (kind, tick) = (InstrumentKind::Stock, amount("0.0001"));
        let one = Instrument { kind, tick, quote: "USD".into(), ..instrument() };
        assert_eq!(on_tick(&one, OrderSide::Buy, 198.009_9), Some(amount("198")));
        assert_eq!(on_tick(&one, OrderSide::Sell, 198.000_1), Some(amount("198.01")));
        assert_eq!(on_tick(&one, OrderSide::Buy, 0.123_46), Some(amount("0.1234")));
        let coin = Instrument { kind: InstrumentKind::Spot, ..one };
        assert_eq!(on_tick(&coin, OrderSide::Buy, 198.009_9), Some(amount("198.0099")));
    }

    #[test]
    fn what_is_no_price_gives_none() {
        let one = instrument();
        for value in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e300] {
            assert_eq!(on_tick(&one, OrderSide::Sell, value), None, "{value}");
        }
        assert_eq!(on_lot(&one, 0.000_001), None);
    }
}
