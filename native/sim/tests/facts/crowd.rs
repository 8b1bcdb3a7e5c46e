//! Markets that the flow makes up, as tapes.

use std::collections::BTreeMap;

use rustonite_core::Decimal;
use rustonite_sim::{
    Event, Exchange, Filters, Flow, FlowConfig, Instrument, Kind, Market, OrderId, Side,
};

use super::measure::{Seen, Tape};

const EVENTS_PER_SECOND: f64 = 200.0;
/// Commands that fill the book before anybody looks.
const COMMANDS_BEFORE: usize = 20_000;
const COMMANDS: usize = 250_000;
/// Changes of levels are told together, as venues do.
const TOLD_EVERY: i64 = 100_000_000;

/// A pair such as BTCUSDT, as the local exchange lists it.
pub(crate) fn tape(seed: u64) -> Tape {
    let mut exchange = Exchange::new();
    let (base, quote) = (exchange.asset("BTC", 8), exchange.asset("USDT", 8));
    let decimal = |exponent| Decimal::new(1, exponent).expect("small");
    let listing = Instrument {
        symbol: "BTCUSDT".into(),
        kind: Kind::Spot,
        base,
        quote,
        tick: decimal(-2),
        lot: decimal(-5),
        filters: Filters::default(),
    };
    let instrument = exchange.list(listing.clone()).expect("a fair listing");
    let makers = (0..3).map(|_| exchange.open()).collect();
    let crowd = (0..20).map(|_| exchange.open()).collect();
    let market = Market::usual(instrument, listing, 6_000_000, makers, crowd);
    let config =
        FlowConfig { seed, start: 0, events_per_second: EVENTS_PER_SECOND, markets: vec![market] };
    let mut flow = Flow::new(&config).expect("a fair flow");
    let mut watcher = Watcher::default();
    let mut events = Vec::new();
    for number in 0..COMMANDS_BEFORE + COMMANDS {
        let (at, command) = flow.next(&exchange);
        events.clear();
        // What is refused changes nothing.
        let _ = exchange.apply(at, &command, &mut events);
        exchange.forget(at);
        if number == COMMANDS_BEFORE {
            watcher.begin(&exchange, at);
        } else if number > COMMANDS_BEFORE {
            watcher.see(&exchange, at, &events);
        }
    }
    watcher.tape
}

#[derive(Default)]
struct Watcher {
    tape: Tape,
    touch: Option<(i64, i64)>,
    untold: BTreeMap<(bool, i64), i64>,
    told_at: i64,
}

impl Watcher {
    fn begin(&mut self, exchange: &Exchange, at: i64) {
        for side in [Side::Buy, Side::Sell] {
            for (price, size) in exchange.levels(0, side) {
                self.tape.push((at, Seen::Level { bid: side == Side::Buy, price, size }));
            }
        }
        self.told_at = at;
    }

    fn see(&mut self, exchange: &Exchange, at: i64, events: &[Event]) {
        if at - self.told_at > TOLD_EVERY {
            let tell = |((bid, price), size)| (at, Seen::Level { bid, price, size });
            self.tape.extend(std::mem::take(&mut self.untold).into_iter().map(tell));
            self.told_at = at;
        }
        for event in events {
            match *event {
                Event::Trade { quantity, taker_side, taker: OrderId(taker), .. } => {
                    let (buys, taker) = (taker_side == Side::Buy, taker.cast_signed());
                    self.tape.push((at, Seen::Trade { buys, size: quantity, taker }));
                }
                Event::Level { side, price, quantity, .. } => {
                    self.untold.insert((side == Side::Buy, price), quantity);
                }
                _ => {}
            }
        }
        let best = |side| exchange.levels(0, side).next().map(|(price, _)| price);
        let touch = best(Side::Buy).zip(best(Side::Sell));
        if touch != self.touch {
            self.touch = touch;
            self.tape.extend(touch.map(|(bid, ask)| (at, Seen::Touch { bid, ask })));
        }
    }
}
