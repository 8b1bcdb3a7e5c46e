//! Other traders: commands that give a believable book and tape.
//!
//! A crowd without knowledge places, cancels and takes; makers keep quotes around a reference price
//! that stands still and jumps. Who knows of a jump takes all that is offered at a worse price, others
//! follow, and makers close the gap. Takers come in bursts, mostly on one side at a time, and moods
//! (calm, busy, trending) change how fast all of that goes. How much of it is like recorded markets
//! is measured in `tests/facts.rs`. Pure: it looks at the exchange, says what is done next
//! and when, and draws from its seed alone, so the same seed and exchange give the same commands.

use std::collections::VecDeque;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Amount, Command, Exchange, Instrument, InstrumentId, Kind};

use index::Index;
use market::Trader;

mod index;
mod market;
mod purse;
#[cfg(test)]
mod tests;

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;
/// Worth of a usual small order.
const USUAL_WORTH: Amount = Amount(100 * 10_i128.pow(18));

/// One instrument that others trade.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Market {
    /// Its number at the exchange.
    pub instrument: InstrumentId,
    /// Accounts that keep quotes; two or more give a livelier touch.
    pub makers: Vec<AccountId>,
    /// Accounts of the crowd. Each has some dozen orders open. They should trade nothing else: what
    /// they have open elsewhere is passed by each time they act.
    pub crowd: Vec<AccountId>,
    /// As it was listed there: the flow keeps to its filters.
    pub listing: Instrument,
    /// Markets with the same number follow the same reference price, each from its own start.
    pub index: usize,
    /// Price at the start, in ticks.
    pub price: i64,
    /// Usual distance between the best bid and ask, in ticks.
    pub spread: i64,
    /// How far from there half of the orders are that are away from the touch, in ticks.
    pub depth: i64,
    /// What small orders are for, in lots; few are much larger.
    pub size: i64,
    /// Deviation of the reference price's relative moves in a calm second: 0.0001 is 56 % a year.
    pub volatility: f64,
    /// Time between fundings of a perpetual, in nanoseconds.
    pub funding_every: i64,
}

impl Market {
    /// One as the local exchange has it: small orders are for some hundred units of quote.
    pub fn usual(
        instrument: InstrumentId,
        listing: Instrument,
        price: i64,
        makers: Vec<AccountId>,
        crowd: Vec<AccountId>,
    ) -> Self {
        Self {
            instrument,
            makers,
            crowd,
            index: instrument as usize,
            price,
            spread: 1,
            depth: (price / 10_000).max(1),
            size: purse::lots_for(&listing, price, USUAL_WORTH),
            listing,
            volatility: 3e-5,
            funding_every: i64::MAX,
        }
    }
}

/// What a [`Flow`] is made of.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// The same seed gives the same flow.
    pub seed: u64,
    /// When it begins, in nanoseconds since 1970.
    pub start: i64,
    /// Commands for each market, about so many when it is calm.
    pub events_per_second: f64,
    /// What is traded.
    pub markets: Vec<Market>,
}

/// Why a flow cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// There would be nobody to trade, or nothing.
    #[error("a flow needs a maker, a crowd and a market")]
    Nobody,
    /// A number that must be positive is not.
    #[error("the {0} of a flow must be positive")]
    NotPositive(&'static str),
}

/// A row of commands without end.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Flow {
    now: i64,
    /// Done before anything else.
    first: VecDeque<Command>,
    traders: Vec<Trader>,
    indexes: Vec<Index>,
}

impl Flow {
    /// A flow that begins by funding its accounts.
    ///
    /// # Errors
    /// Settings that no flow can be made of.
    pub fn new(config: &FlowConfig) -> Result<Self, FlowError> {
        check(config)?;
        let mut seeds = Rng::with_seed(config.seed);
        let count = config.markets.iter().map(|market| market.index + 1).max().unwrap_or(0);
        let indexes = (0..count).map(|number| {
            let leader = config.markets.iter().find(|market| market.index == number);
            let volatility = leader.map_or(0.0, |market| market.volatility);
            Index::new(seeds.fork(), config, volatility)
        });
        let indexes = indexes.collect();
        let traders = config.markets.iter().map(|market| Trader::new(market, config, seeds.fork()));
        let traders: Vec<Trader> = traders.collect();
        let first = traders.iter().flat_map(Trader::funding).collect();
        Ok(Self { now: config.start, first, traders, indexes })
    }

    /// What is done next, and when: never before what was done last. The exchange is as it is after
    /// all that was done so far, by whomever.
    pub fn next(&mut self, exchange: &Exchange) -> (i64, Command) {
        if let Some(command) = self.first.pop_front() {
            return (self.now, command);
        }
        loop {
            let Some(trader) = self.traders.iter_mut().min_by_key(|trader| trader.due()) else {
                // `new` has seen to it that there is one.
                return (self.now, Command::Tick);
            };
            self.now = self.now.max(trader.due());
            let index = &mut self.indexes[trader.index()];
            if let Some(command) = trader.act(index, exchange) {
                return (self.now, command);
            }
        }
    }
}

fn check(config: &FlowConfig) -> Result<(), FlowError> {
    let is_empty = |market: &Market| market.makers.is_empty() || market.crowd.is_empty();
    if config.markets.is_empty() || config.markets.iter().any(is_empty) {
        return Err(FlowError::Nobody);
    }
    let positive = |is: bool, name| if is { Ok(()) } else { Err(FlowError::NotPositive(name)) };
    positive(config.events_per_second > 0.0, "events_per_second")?;
    for market in &config.markets {
        positive(market.price > 0, "price")?;
        positive(market.spread > 0, "spread")?;
        positive(market.depth > 0, "depth")?;
        positive(market.size > 0, "size")?;
        positive(market.volatility > 0.0, "volatility")?;
        positive(market.funding_every > 0 || market.listing.kind == Kind::Spot, "funding_every")?;
    }
    Ok(())
}
