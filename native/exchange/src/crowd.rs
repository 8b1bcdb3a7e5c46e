//! Other traders at a venue: a flow of orders in a thread of its own, at the pace of the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustonite_core::Decimal;
use rustonite_sim::flow::{Flow, FlowConfig, Market};
use rustonite_sim::{Amount, Command, Exchange, Instrument};

use crate::Shared;
use crate::error::{ExchangeError, Result};

const MAKERS: usize = 3;
const TRADERS: usize = 20;
/// The longest sleep, so that the end is noticed.
const NAP: Duration = Duration::from_millis(5);
/// As the product of two amounts.
const HUNDRED_OF_QUOTE: i128 = 10_i128.pow(38);

/// What other traders do.
#[derive(Clone, Debug, PartialEq)]
pub struct Crowd {
    /// The same seed draws the same.
    pub seed: u64,
    /// Orders and cancellations of an instrument in a calm second, about so many.
    pub events_per_second: f64,
    /// Price of an instrument at the start, by its symbol; others begin at 100.
    pub prices: Vec<(String, Decimal)>,
}

/// A running crowd. Dropping it ends it.
pub(crate) struct Running {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Lets others trade everything that a venue has listed.
pub(crate) fn start(shared: &Arc<Shared>, crowd: &Crowd) -> Result<Running> {
    let config = config(shared, crowd)?;
    let flow =
        Flow::new(&config).map_err(|error| ExchangeError::invalid("crowd", error.to_string()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let (shared, until) = (Arc::clone(shared), Arc::clone(&stop));
    let thread = std::thread::Builder::new()
        .name("rustonite-crowd".to_owned())
        .spawn(move || run(&shared, flow, &until))
        .map_err(|source| ExchangeError::System { doing: "starting a crowd".to_owned(), source })?;
    Ok(Running { stop, thread: Some(thread) })
}

fn config(shared: &Shared, crowd: &Crowd) -> Result<FlowConfig> {
    let mut venue = shared.venue();
    let floor = &mut venue.hall.floor;
    let listed = (0..).zip(floor.exchange.instruments().cloned().collect::<Vec<_>>());
    let market = |(instrument, listing): (u32, Instrument)| {
        let given = crowd.prices.iter().find(|(symbol, _)| *symbol == listing.symbol);
        let price = given.map_or(Decimal::new(100, 0), |(_, price)| Ok(*price));
        let wrong = |error: rustonite_core::decimal::DecimalError| {
            ExchangeError::invalid(&listing.symbol, error.to_string())
        };
        let price = price.and_then(|price| price.to_ticks(listing.tick)).map_err(wrong)?;
        Ok(Market {
            instrument,
            makers: (0..MAKERS).map(|_| floor.open_unnamed()).collect(),
            crowd: (0..TRADERS).map(|_| floor.open_unnamed()).collect(),
            index: instrument as usize,
            price,
            // A hundredth of a per cent, and no less than makers can quote.
            spread: (price / 100_000).max(1),
            size: lots_for(price, &listing).unwrap_or(1),
            listing,
            volatility: 3e-5,
            // The venue sees to it.
            funding_every: i64::MAX,
        })
    };
    let markets = listed.map(market).collect::<Result<_>>()?;
    Ok(FlowConfig {
        seed: crowd.seed,
        start: floor.now(),
        events_per_second: crowd.events_per_second,
        markets,
    })
}

/// Lots for some hundred units of quote at a price.
fn lots_for(ticks: i64, listing: &Instrument) -> Option<i64> {
    let price = Decimal::from_ticks(ticks, listing.tick).and_then(Amount::from_decimal).ok()?;
    let one = price.0.checked_mul(Amount::from_decimal(listing.lot).ok()?.0)?;
    i64::try_from(HUNDRED_OF_QUOTE.checked_div(one)? + 1).ok()
}

fn run(shared: &Shared, mut flow: Flow, stop: &AtomicBool) {
    let mut next: Option<(i64, Command)> = None;
    while !stop.load(Ordering::Relaxed) {
        let wait = shared.drive(|exchange: &Exchange, now| {
            let (at, command) = next.take().unwrap_or_else(|| flow.next(exchange));
            if at <= now {
                return (Some(command), 0);
            }
            next = Some((at, command));
            (None, at - now)
        });
        if wait > 0 {
            std::thread::sleep(Duration::from_nanos(wait.unsigned_abs()).min(NAP));
        }
    }
}
