//! A venue that matches orders, and a client of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustonite_core::datasets::{
    InstrumentKind, InstrumentStatus, OrderKind, OrderSide, Tif, TriggerDirection, TriggerSource,
};
use rustonite_core::ids::{AccountId, InstrumentId};
use rustonite_core::instrument::Instrument;
use rustonite_core::{Amount, Decimal};
use rustonite_exchange::{Config, Fault, Key, Listing, LocalExchange, Planned, VenueConfig};
use rustonite_exec::gateway::{Answer, Gateway, Heard, Keys, Question, connect};
use rustonite_exec::{Directory, Fill, OrderId, Report, Request, Trigger, What, Wish};
use rustonite_feed::{Dialler, now_ns};
use rustonite_trade::{Arrivals, Arrived, Lines, Network, Outbox as _, Replied};
use url::Url;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const IT: InstrumentId = InstrumentId(0);

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn amount(text: &str) -> Amount {
    Amount::from_decimal(decimal(text)).unwrap()
}

/// A venue, a client of it, and what the client has heard so far.
pub(crate) struct Desk {
    pub(crate) exchange: LocalExchange,
    venue: &'static str,
    pub(crate) directory: Arc<Directory>,
    pub(crate) gateway: Box<dyn Gateway>,
    pub(crate) lines: Lines,
    arrivals: Arrivals,
    pub(crate) heard: Vec<Heard>,
    /// Orders, and when bytes about them left.
    pub(crate) sent: Vec<(OrderId, i64)>,
    _network: Network,
}

impl Desk {
    pub(crate) fn binance() -> Self {
        let listing = Listing::spot("BTCUSDT", decimal("0.10"), decimal("0.001")).unwrap();
        Self::open("binance", listing, InstrumentKind::Spot, ("BTC", "USDT"))
    }

    pub(crate) fn usdm() -> Self {
        let listing = Listing::perpetual("BTCUSDT", decimal("0.10"), decimal("0.001")).unwrap();
        Self::open("binance-usdm", listing, InstrumentKind::Perpetual, ("BTC", "USDT"))
    }

    pub(crate) fn alpaca() -> Self {
        let listing = Listing::of("alpaca", "BTC/USD", decimal("0.10"), decimal("0.001")).unwrap();
        Self::open("alpaca", listing, InstrumentKind::Spot, ("BTC", "USD"))
    }

    pub(crate) fn open(
        venue: &'static str,
        listing: Listing,
        kind: InstrumentKind,
        (base, quote): (&str, &str),
    ) -> Self {
        let symbol = listing.symbol.clone();
        let config =
            VenueConfig { fee_tiers: Vec::new(), ..VenueConfig::new(venue, vec![listing]) };
        let exchange = LocalExchange::start(&Config::new(vec![config])).unwrap();
        for name in ["me", "other"] {
            exchange.add_account(name).unwrap();
            exchange.deposit(venue, name, quote, decimal("100000")).unwrap();
            if kind == InstrumentKind::Spot {
                exchange.deposit(venue, name, base, decimal("10")).unwrap();
            }
        }
        exchange.add_key("me", "key", &Key::hmac("secret")).unwrap();
        let mut directory = Directory::default();
        directory.list(Instrument {
            venue: venue.into(),
            symbol: symbol.into(),
            kind,
            contract: None,
            base: base.into(),
            quote: quote.into(),
            settle: quote.into(),
            tick: amount("0.1"),
            lot: amount("0.001"),
            multiplier: amount("1"),
            price: (None, None),
            size: (None, None),
            market_size_max: None,
            notional: (None, None),
            status: InstrumentStatus::Trading,
        });
        directory.add_account("me");
        Self::connected(exchange, venue, Arc::new(directory))
    }

    /// As a process is that has just begun.
    pub(crate) fn begun_anew(self) -> Self {
        Self::connected(self.exchange, self.venue, self.directory)
    }

    fn connected(exchange: LocalExchange, venue: &'static str, directory: Arc<Directory>) -> Self {
        let urls: BTreeMap<String, Url> = exchange
            .urls(venue)
            .unwrap()
            .into_iter()
            .map(|(name, url)| (name, url.parse().unwrap()))
            .collect();
        let keys =
            Keys { key: "key".to_owned(), secret: "secret".to_owned(), passphrase: String::new() };
        let gateway = connect(venue, Arc::clone(&directory), AccountId(0), &keys).unwrap().unwrap();
        let network = Network::start().unwrap();
        let (lines, arrivals) = network.lines(Dialler::new(None, None).unwrap(), urls, PATIENCE);
        let mut desk = Self {
            exchange,
            venue,
            directory,
            gateway,
            lines,
            arrivals,
            heard: Vec::new(),
            sent: Vec::new(),
            _network: network,
        };
        let start = desk.gateway.start(now_ns());
        start.into_iter().for_each(|what| desk.lines.send(what).unwrap());
        desk.until(|heard| *heard == Heard::Ready);
        desk
    }

    /// Lets things come until one of them is what is wanted.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Heard {
        let began = Instant::now();
        loop {
            if let Some(at) = self.heard.iter().position(&wanted) {
                return self.heard.remove(at);
            }
            assert!(began.elapsed() < PATIENCE, "it did not come; what came: {:?}", self.heard);
            self.work();
        }
    }

    pub(crate) fn work(&mut self) {
        let Some(arrived) = self.arrivals.poll() else {
            return std::thread::park_timeout(Duration::from_millis(5));
        };
        match arrived {
            Arrived::Open(line) => {
                let texts = self.gateway.opened(line, now_ns());
                texts.into_iter().for_each(|text| self.lines.send(text).unwrap());
            }
            Arrived::Closed(line, _) => self.gateway.closed(line, now_ns(), &mut self.heard),
            Arrived::Text(line, text, at) => {
                self.gateway.read(line, &text, at, &mut self.heard).unwrap();
            }
            Arrived::Answer(id, answer, at) => {
                let answer = answer.as_ref().map(Replied::answer);
                self.gateway.answered(id, answer, at, &mut self.heard).unwrap();
            }
            Arrived::Sent(orders, at) => self.sent.extend(orders.into_iter().map(|id| (id, at))),
        }
        let is_next = |one: &Heard| matches!(one, Heard::Send(_) | Heard::Ask(_));
        while let Some(at) = self.heard.iter().position(is_next) {
            let outgoing = match self.heard.remove(at) {
                Heard::Send(outgoing) => outgoing,
                Heard::Ask(question) => self.gateway.ask(question, now_ns()),
                _ => unreachable!(),
            };
            self.lines.send(outgoing).unwrap();
        }
    }

    pub(crate) fn report(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        let heard = self.until(|heard| matches!(heard, Heard::Report(report) if wanted(report)));
        let Heard::Report(report) = heard else { unreachable!() };
        report
    }

    pub(crate) fn send(&mut self, request: &Request) {
        let outgoing = self.gateway.write(request, now_ns()).unwrap();
        self.lines.send_of(outgoing, vec![OrderId(1)]).unwrap();
    }

    pub(crate) fn submit(&mut self, client_id: &str, wish: Wish) {
        self.send(&Request::Submit { order: OrderId(1), client_id: client_id.into(), wish });
    }

    pub(crate) fn replace(&mut self, from: &str, to: &str, price: &str, size: &str, filled: &str) {
        self.change(from, to, limit(price, size), filled);
    }

    pub(crate) fn change(&mut self, from: &str, to: &str, wish: Wish, filled: &str) {
        self.send(&Request::Replace {
            order: OrderId(1),
            instrument: IT,
            account: AccountId(0),
            client_id: to.into(),
            client_id_prev: from.into(),
            venue_order_id: None,
            wish,
            size_filled: amount(filled),
        });
    }

    pub(crate) fn cancel(&mut self, client_id: &str) {
        self.send(&Request::Cancel {
            order: OrderId(1),
            instrument: IT,
            account: AccountId(0),
            client_id: client_id.into(),
            venue_order_id: None,
        });
    }

    pub(crate) fn query(&mut self, client_id: &str) {
        self.query_of(client_id, None);
    }

    /// Asks for an order that has no client id, or none that we know.
    pub(crate) fn query_number(&mut self, number: &str) {
        self.query_of("", Some(number));
    }

    fn query_of(&mut self, client_id: &str, number: Option<&str>) {
        self.send(&Request::Query {
            order: OrderId(1),
            instrument: IT,
            account: AccountId(0),
            client_id: client_id.into(),
            venue_order_id: number.map(Into::into),
        });
    }

    /// Somebody else trades.
    pub(crate) fn other(&self, side: rustonite_sim::Side, price: i64, lots: i64) {
        let account = self.exchange.account(self.venue, "other").unwrap();
        let order = rustonite_sim::NewOrder::limit(account, 0, side, price, lots);
        self.exchange.apply(self.venue, &rustonite_sim::Command::Place(order)).unwrap();
    }

    pub(crate) fn fault(&self, fault: Fault) {
        let planned = Planned { fault, call: None, path: None, symbol: None, times: 1 };
        self.exchange.fault(self.venue, planned).unwrap();
    }

    pub(crate) fn answer(&mut self, question: Question) -> Answer {
        let outgoing = self.gateway.ask(question, now_ns());
        self.lines.send(outgoing).unwrap();
        let heard = self.until(|heard| matches!(heard, Heard::Answer(one, _) if *one == question));
        let Heard::Answer(_, answer) = heard else { unreachable!() };
        answer
    }

    pub(crate) fn executions(&mut self) -> Vec<Report> {
        let day = 24 * 3600 * 1_000_000_000;
        match self.answer(Question::Fills(IT, now_ns() - day)) {
            Answer::Reports(reports) => reports,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn open_orders(&mut self) -> Vec<Report> {
        match self.answer(Question::OpenOrders) {
            Answer::Reports(reports) => reports,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn limit(price: &str, size: &str) -> Wish {
    Wish {
        account: AccountId(0),
        strategy: None,
        instrument: IT,
        side: OrderSide::Buy,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(amount(price)),
        price_protect: None,
        size: amount(size),
        size_quote: None,
        size_display: None,
        size_min: None,
        trigger: None,
        flags: 0,
        position_side: None,
        stp: None,
        ts_expire: None,
        tags: None,
    }
}

pub(crate) fn stop(kind: OrderKind, trigger: &str, price: Option<&str>, size: &str) -> Wish {
    Wish {
        kind,
        price: price.map(amount),
        trigger: Some(Trigger {
            price: amount(trigger),
            source: TriggerSource::Last,
            direction: TriggerDirection::Up,
            trail: None,
        }),
        tif: None,
        ..limit("1", size)
    }
}

impl Desk {
    pub(crate) fn fills(&mut self, client_id: &str) -> Vec<Fill> {
        let is_it = |one: &Heard| matches!(one, Heard::Report(one) if &*one.client_id == client_id);
        let fills = self.heard.iter().filter(|one| is_it(one)).filter_map(|one| match one {
            Heard::Report(Report { what: What::Fill(fill), .. }) => Some(fill.clone()),
            _ => None,
        });
        fills.collect()
    }
}
