use super::*;
use crate::chance::float;
use crate::{Amount, Event, Filters, Side};
use rustonite_core::Decimal;

mod long;

const START: i64 = 1_700_000_000_000_000_000;

/// An exchange with one market and the flow that trades it.
struct Venue {
    exchange: Exchange,
    flow: Flow,
    now: i64,
    commands: u64,
    refused: u64,
    events: Vec<Event>,
}

/// A market like BTCUSDT: a cent, a hundred-thousandth, 60000.
fn listing(exchange: &mut Exchange, kind: Kind) -> Instrument {
    let (base, quote) = (exchange.asset("BTC", 8), exchange.asset("USDT", 8));
    let decimal = |mantissa, exponent| Decimal::new(mantissa, exponent).expect("small");
    let filters = Filters {
        price: Some((1, 100_000_000)),
        quantity: Some((1, 900_000_000)),
        notional_min: Some(Amount(5_000_000_000_000_000_000)),
        band_ppm: Some((200_000, 5_000_000)),
        ..Filters::default()
    };
    Instrument {
        symbol: "BTCUSDT".into(),
        kind,
        base,
        quote,
        tick: decimal(1, -2),
        lot: decimal(1, -5),
        filters,
    }
}

impl Venue {
    fn new(seed: u64, kind: Kind) -> Self {
        let mut exchange = Exchange::new();
        let listing = listing(&mut exchange, kind);
        let instrument = exchange.list(listing.clone()).expect("a fair listing");
        let makers = (0..3).map(|_| exchange.open()).collect();
        let crowd = (0..20).map(|_| exchange.open()).collect();
        let market = Market {
            instrument,
            makers,
            crowd,
            listing,
            index: 0,
            price: 6_000_000,
            spread: 1,
            depth: 60,
            size: 100,
            volatility: 3e-5,
            funding_every: 60_000_000_000,
        };
        let config =
            FlowConfig { seed, start: START, events_per_second: 1000.0, markets: vec![market] };
        let flow = Flow::new(&config).expect("a fair flow");
        let events = Vec::new();
        Self { exchange, flow, now: START, commands: 0, refused: 0, events }
    }

    /// Does what comes next; what happened is in `events`.
    fn step(&mut self) -> Command {
        let (at, command) = self.flow.next(&self.exchange);
        assert!(at >= self.now, "time does not go back");
        self.now = at;
        self.commands += 1;
        self.events.clear();
        let outcome = self.exchange.apply(at, &command, &mut self.events);
        self.refused += u64::from(outcome.is_err());
        self.exchange.forget(at);
        command
    }

    fn touch(&self) -> (Option<i64>, Option<i64>) {
        let best = |side| self.exchange.levels(0, side).next().map(|(price, _)| price);
        (best(Side::Buy), best(Side::Sell))
    }
}

#[test]
fn same_seed_same_commands_and_another_gives_others() {
    let commands = |seed| {
        let mut venue = Venue::new(seed, Kind::Spot);
        (0..5000).map(|_| (venue.step(), venue.now)).collect::<Vec<_>>()
    };
    assert_eq!(commands(1), commands(1));
    assert_ne!(commands(1), commands(2));
}

#[test]
fn others_trade_within_a_second() {
    for seed in 1..20 {
        let mut venue = Venue::new(seed, Kind::Spot);
        let mut trades = 0;
        // A thousand events a second: as slow as the local exchange is after a fifth of this.
        while venue.now < START + 200_000_000 {
            venue.step();
            let is_trade = |event: &&Event| matches!(event, Event::Trade { .. });
            trades += venue.events.iter().filter(is_trade).count();
        }
        assert!(trades > 0, "seed {seed}");
    }
}

#[test]
fn a_perpetual_is_marked_each_second_and_funded() {
    let kind = Kind::Perpetual { leverage_max: 125, maintenance_ppm: 4000 };
    let mut venue = Venue::new(3, kind);
    let (mut marks, mut fundings) = (Vec::new(), Vec::new());
    while venue.now < START + 130_000_000_000 {
        match venue.step() {
            Command::Mark { price, .. } => {
                assert_eq!(venue.exchange.mark_price(0), Some(price));
                marks.push(price);
            }
            Command::Funding { rate_ppm, .. } => fundings.push(rate_ppm),
            _ => {}
        }
    }
    assert!((130..=131).contains(&marks.len()), "{} marks", marks.len());
    assert_eq!(fundings.len(), 2);
    assert!(fundings.iter().all(|rate| rate.abs() <= 7500), "{fundings:?}");
    // Marks stay at the market.
    let (bid, _) = venue.touch();
    let last = *marks.last().expect("marked");
    assert!((float(bid.expect("a bid")) / float(last) - 1.0).abs() < 0.005);
    assert!(venue.refused * 50 < venue.commands, "{} of {}", venue.refused, venue.commands);
}

#[test]
fn markets_of_one_index_move_together() {
    let mut venue = Venue::new(4, Kind::Spot);
    let second = Instrument {
        symbol: "BTCUSDT_PERP".into(),
        kind: Kind::Perpetual { leverage_max: 20, maintenance_ppm: 4000 },
        ..listing(&mut venue.exchange, Kind::Spot)
    };
    let number = venue.exchange.list(second.clone()).expect("a fair listing");
    let accounts: Vec<_> = (0..8).map(|_| venue.exchange.open()).collect();
    let market = |instrument, listing, price| Market {
        instrument,
        makers: accounts[..3].to_vec(),
        crowd: accounts[3..].to_vec(),
        listing,
        index: 0,
        price,
        spread: 1,
        depth: 60,
        size: 100,
        volatility: 3e-5,
        funding_every: 60_000_000_000,
    };
    let spot = listing(&mut venue.exchange, Kind::Spot);
    let config = FlowConfig {
        seed: 1,
        start: START,
        events_per_second: 300.0,
        markets: vec![market(0, spot, 6_000_000), market(number, second, 3_000_000)],
    };
    venue.flow = Flow::new(&config).expect("a fair flow");
    for _ in 0..100_000 {
        venue.step();
    }
    let bid = |instrument| {
        let (price, _) = venue.exchange.levels(instrument, Side::Buy).next().expect("a bid");
        float(price)
    };
    assert!((bid(0) / bid(number) - 2.0).abs() < 0.01, "{} and {}", bid(0), bid(number));
    assert!(venue.refused * 50 < venue.commands, "{} of {}", venue.refused, venue.commands);
}

#[test]
fn an_order_of_a_user_does_not_stop_it() {
    let mut venue = Venue::new(5, Kind::Spot);
    for _ in 0..20_000 {
        venue.step();
    }
    // Somebody takes all that can be bought.
    let user = venue.exchange.open();
    let amount = Amount(1_000_000_000_000_000_000_000_000_000_000);
    let mut apply = |command| {
        let taken = venue.exchange.apply(venue.now, &command, &mut venue.events);
        taken.expect("the exchange takes it");
    };
    apply(Command::Deposit { account: user, asset: 1, amount });
    apply(Command::Place(crate::NewOrder::market(user, 0, Side::Buy, 900_000_000)));
    assert_eq!(venue.touch().1, None, "nothing is offered any more");
    let before = venue.commands;
    while venue.touch().1.is_none() {
        venue.step();
        assert!(venue.commands < before + 20, "makers come back at once");
    }
}

#[test]
fn a_book_of_a_perpetual_does_not_dry_up_in_a_trend() {
    let kind = Kind::Perpetual { leverage_max: 125, maintenance_ppm: 4000 };
    let mut venue = Venue::new(6, kind);
    let user = venue.exchange.open();
    let amount = Amount(1_000_000_000_000_000_000_000_000_000_000);
    let mut rich = vec![Command::Deposit { account: user, asset: 1, amount }];
    rich.extend((0..=user).map(|account| Command::SetLeverage {
        account,
        instrument: 0,
        leverage: 20,
    }));
    for command in rich {
        venue.exchange.apply(START, &command, &mut venue.events).expect("it is taken");
    }
    let mut thin = 0;
    for second in 1..=120 {
        if second == 10 {
            // All of them are short, and have margin for twice of it.
            let bid = venue.touch().0.expect("a bid");
            let lots = 20_000_000;
            let buys = crate::NewOrder::limit(user, 0, Side::Buy, bid, lots * i64::from(user));
            let sells =
                (0..user).map(|account| crate::NewOrder::market(account, 0, Side::Sell, lots));
            for order in std::iter::once(buys).chain(sells) {
                let order = Command::Place(order);
                venue.exchange.apply(venue.now, &order, &mut venue.events).expect("it is taken");
            }
        }
        venue.flow.indexes[0].push(0.0015);
        while venue.now < START + second * 1_000_000_000 {
            venue.step();
        }
        let depth = |side| venue.exchange.levels(0, side).take(50).map(|(_, lots)| lots).sum();
        let [bids, asks]: [i64; 2] = [Side::Buy, Side::Sell].map(depth);
        thin += i64::from(bids.min(asks) < 2_000);
    }
    let last = venue.touch().1.expect("an offer");
    assert!(last > 6_600_000, "the price rises: {last}");
    assert_eq!(thin, 0, "times at which there was little");
    assert!(venue.refused * 50 < venue.commands, "{} of {}", venue.refused, venue.commands);
}

#[test]
fn what_no_flow_can_be_made_of() {
    let mut exchange = Exchange::new();
    let listing = listing(&mut exchange, Kind::Spot);
    let market = Market {
        instrument: 0,
        makers: vec![0],
        crowd: vec![1],
        listing,
        index: 0,
        price: 1,
        spread: 1,
        depth: 1,
        size: 1,
        volatility: 3e-5,
        funding_every: 0,
    };
    let fair =
        FlowConfig { seed: 1, start: 0, events_per_second: 1.0, markets: vec![market.clone()] };
    assert!(Flow::new(&fair).is_ok());
    let nobody = Market { crowd: vec![], ..market.clone() };
    let nobody = FlowConfig { markets: vec![market.clone(), nobody], ..fair.clone() };
    assert_eq!(Flow::new(&nobody).err(), Some(FlowError::Nobody));
    let flat = FlowConfig { markets: vec![Market { spread: 0, ..market }], ..fair };
    assert_eq!(Flow::new(&flat).err(), Some(FlowError::NotPositive("spread")));
}
