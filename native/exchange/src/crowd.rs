//! Other traders at a venue: a flow of orders in a thread of its own, at the pace of the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustonite_core::Decimal;
use rustonite_sim::flow::{Flow, FlowConfig, Market};
use rustonite_sim::{Command, Exchange, Instrument};
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::error::{ExchangeError, Result};
use crate::floor::Floor;
use crate::running::Running;

const MAKERS: usize = 3;
const TRADERS: usize = 20;
/// Commands that others who are late may do before somebody else has his turn.
const TURN: usize = 128;
/// The longest sleep, so that the end is noticed.
const NAP: Duration = Duration::from_millis(5);

/// What other traders do.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Crowd {
    /// The same seed draws the same.
    pub seed: u64,
    /// Orders and cancellations of an instrument in a calm second, about so many.
    pub events_per_second: f64,
    /// Price of an instrument at the start, by its symbol; others begin at 100.
    pub prices: Vec<(String, Decimal)>,
}

/// Others, and what they do next.
#[derive(Deserialize, Serialize)]
pub(crate) struct Others {
    pub(crate) crowd: Crowd,
    flow: Flow,
    next: (i64, Command),
    /// How much later than the flow says, because nobody traded while the exchange was closed.
    late: i64,
}

impl Others {
    /// Others with accounts of their own.
    pub(crate) fn new(floor: &mut Floor, crowd: &Crowd) -> Result<Self> {
        let config = config(floor, crowd)?;
        let flow = Flow::new(&config);
        let mut flow = flow.map_err(|error| ExchangeError::invalid("crowd", error.to_string()))?;
        let next = flow.next(&floor.exchange);
        Ok(Self { crowd: crowd.clone(), flow, next, late: 0 })
    }

    /// When the next command is due.
    pub(crate) fn due(&self) -> i64 {
        self.next.0.saturating_add(self.late)
    }

    pub(crate) fn next_command(&self) -> Command {
        self.next.1.clone()
    }

    /// Looks at what has become of the last command, and chooses the next one.
    pub(crate) fn think(&mut self, exchange: &Exchange) {
        self.next = self.flow.next(exchange);
    }

    /// The next command is due at this moment, unless it comes later.
    pub(crate) fn go_on_at(&mut self, now: i64) {
        self.late = (now - self.next.0).max(0);
    }
}

/// Lets others trade everything that a venue has listed.
pub(crate) fn start(shared: &Arc<Shared>, crowd: &Crowd) -> Result<Running> {
    let number = shared.venue().add_others(crowd)?;
    let shared = Arc::clone(shared);
    Running::start("crowd", move |stop| run(&shared, number, stop))
}

fn config(floor: &mut Floor, crowd: &Crowd) -> Result<FlowConfig> {
    let listed = (0..).zip(floor.exchange.instruments().cloned().collect::<Vec<_>>());
    let market = |(instrument, listing): (u32, Instrument)| {
        let given = crowd.prices.iter().find(|(symbol, _)| *symbol == listing.symbol);
        let price = given.map_or(Decimal::new(100, 0), |(_, price)| Ok(*price));
        let wrong = |error: rustonite_core::decimal::DecimalError| {
            ExchangeError::invalid(&listing.symbol, error.to_string())
        };
        let price = price.and_then(|price| price.to_ticks(listing.tick)).map_err(wrong)?;
        let makers = (0..MAKERS).map(|_| floor.open_unnamed()).collect();
        let crowd = (0..TRADERS).map(|_| floor.open_unnamed()).collect();
        // Funding is never due: the venue sees to it.
        Ok(Market::usual(instrument, listing, price, makers, crowd))
    };
    let markets = listed.map(market).collect::<Result<_>>()?;
    Ok(FlowConfig {
        seed: crowd.seed,
        start: floor.now(),
        events_per_second: crowd.events_per_second,
        markets,
    })
}

fn run(shared: &Shared, number: usize, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let wait = shared.venue().let_others_act(number, TURN);
        shared.make_way();
        if wait > 0 {
            std::thread::sleep(Duration::from_nanos(wait.unsigned_abs()).min(NAP));
        }
    }
}
