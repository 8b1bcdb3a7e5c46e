//! A gateway and its lines, on a venue that matches orders.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustonite_core::datasets::{OrderKind, OrderSide, Tif};
use rustonite_core::ids::{AccountId, InstrumentId};
use rustonite_core::{Amount, Decimal};
use rustonite_exchange::{Config, Fault, Key, Listing, LocalExchange, Planned, VenueConfig};
use rustonite_exec::gateway::binance::BinanceSpot;
use rustonite_exec::gateway::{
    Answer, Call, Gateway as _, Heard, HttpAnswer, Outgoing, Question, Signer,
};
use rustonite_exec::{Directory, OrderId, Report, Request, What, Wish};
use rustonite_feed::{Dialler, instruments, now_ns};
use rustonite_trade::{Arrivals, Arrived, Lines, Network, Outbox as _};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(10);

fn amount(text: &str) -> Amount {
    Amount::from_decimal(decimal(text)).unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A venue, a client of it, and what the client has heard so far.
struct Desk {
    exchange: LocalExchange,
    gateway: BinanceSpot,
    lines: Lines,
    arrivals: Arrivals,
    heard: Vec<Heard>,
    instrument: InstrumentId,
    _network: Network,
}

impl Desk {
    fn open() -> Self {
        let listing = Listing::spot("BTCUSDT", decimal("0.01"), decimal("0.00001")).unwrap();
        let venue = VenueConfig::new("binance", vec![listing]);
        let exchange = LocalExchange::start(&Config::new(vec![venue])).unwrap();
        for name in ["me", "other"] {
            exchange.add_account(name).unwrap();
            exchange.deposit("binance", name, "USDT", decimal("100000")).unwrap();
            exchange.deposit("binance", name, "BTC", decimal("10")).unwrap();
        }
        exchange.add_key("me", "key", &Key::hmac("secret")).unwrap();
        let urls: BTreeMap<String, Url> = exchange
            .urls("binance")
            .unwrap()
            .into_iter()
            .map(|(name, url)| (name, url.parse().unwrap()))
            .collect();
        let dialler = Dialler::new(None, None).unwrap();
        let mut directory = Directory::default();
        let mut rules =
            instruments("binance", Some(urls["rest"].as_str()), dialler.clone(), None).unwrap();
        let venue = directory.add_venue("binance");
        let instrument = directory.list(rules.remove("BTCUSDT").unwrap());
        let account = directory.add_account("me");
        let signer = Signer::new("secret").unwrap();
        let gateway =
            BinanceSpot::new(Arc::new(directory), venue, account, "key".to_owned(), signer);
        let network = Network::start().unwrap();
        let (lines, arrivals) = network.lines(dialler, urls);
        let heard = Vec::new();
        let mut desk =
            Self { exchange, gateway, lines, arrivals, heard, instrument, _network: network };
        let start = desk.gateway.start(now_ns());
        start.into_iter().for_each(|what| desk.lines.send(what).unwrap());
        desk.until(|heard| *heard == Heard::Ready);
        desk
    }

    /// Lets things come until one of them is what is wanted.
    fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Heard {
        let began = Instant::now();
        loop {
            if let Some(at) = self.heard.iter().position(&wanted) {
                return self.heard.remove(at);
            }
            assert!(began.elapsed() < PATIENCE, "it did not come; what came: {:?}", self.heard);
            self.work();
        }
    }

    fn work(&mut self) {
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
            Arrived::Answer(id, Ok((status, body)), at) => {
                let answer = HttpAnswer { status, body: &body };
                self.gateway.answered(id, Ok(answer), at, &mut self.heard).unwrap();
            }
            Arrived::Answer(_, Err(error), _) => panic!("{error:?}"),
        }
    }

    fn report(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        let heard = self.until(|heard| matches!(heard, Heard::Report(report) if wanted(report)));
        let Heard::Report(report) = heard else { unreachable!() };
        report
    }

    fn send(&mut self, request: &Request) {
        let outgoing = self.gateway.write(request, now_ns()).unwrap();
        self.lines.send(outgoing).unwrap();
    }

    fn submit(&mut self, client_id: &str, side: OrderSide, price: &str, size: &str) {
        let wish = Wish {
            account: AccountId(0),
            strategy: None,
            instrument: self.instrument,
            side,
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
        };
        self.send(&Request::Submit { order: OrderId(1), client_id: client_id.into(), wish });
    }

    /// Somebody else trades.
    fn other(&self, side: rustonite_sim::Side, price: i64, lots: i64) {
        let account = self.exchange.account("binance", "other").unwrap();
        let order = rustonite_sim::NewOrder::limit(account, 0, side, price, lots);
        self.exchange.apply("binance", &rustonite_sim::Command::Place(order)).unwrap();
    }

    fn fault(&self, fault: Fault) {
        let planned = Planned { fault, call: None, symbol: None, times: 1 };
        self.exchange.fault("binance", planned).unwrap();
    }

    fn answer(&mut self, question: Question) -> Answer {
        let outgoing = self.gateway.ask(question, now_ns());
        self.lines.send(outgoing).unwrap();
        let heard = self.until(|heard| matches!(heard, Heard::Answer(one, _) if *one == question));
        let Heard::Answer(_, answer) = heard else { unreachable!() };
        answer
    }
}

#[test]
fn an_order_is_placed_changed_filled_and_the_rest_cancelled() {
    let mut desk = Desk::open();
    desk.submit("a-1", OrderSide::Buy, "50000", "0.5");
    let accepted = desk.report(|one| one.what == What::Accepted);
    assert_eq!(&*accepted.client_id, "a-1");
    let replace = Request::Replace {
        order: OrderId(1),
        instrument: desk.instrument,
        account: AccountId(0),
        client_id: "a-2".into(),
        client_id_prev: "a-1".into(),
        venue_order_id: None,
        wish: Wish {
            price: Some(amount("50001")),
            size: amount("0.4"),
            ..wish_of(desk.instrument)
        },
        size_filled: Amount::ZERO,
    };
    desk.send(&replace);
    let replaced = desk.report(|one| matches!(one.what, What::Replaced { .. }));
    assert_eq!((&*replaced.client_id, replaced.client_id_prev.as_deref()), ("a-2", Some("a-1")));

    desk.other(rustonite_sim::Side::Sell, 5_000_100, 10_000);
    let fill = desk.report(|one| matches!(one.what, What::Fill(_)));
    let What::Fill(fill) = fill.what else { unreachable!() };
    assert_eq!((fill.price, fill.size), (amount("50001"), amount("0.1")));

    let cancel = Request::Cancel {
        order: OrderId(1),
        instrument: desk.instrument,
        account: AccountId(0),
        client_id: "a-2".into(),
        venue_order_id: None,
    };
    desk.send(&cancel);
    let ended = desk.report(|one| matches!(one.what, What::Cancelled { .. }));
    let What::Cancelled { size_filled, .. } = ended.what else { unreachable!() };
    assert_eq!(size_filled, Some(amount("0.1")));

    let Answer::Reports(orders) = desk.answer(Question::OpenOrders) else { panic!() };
    assert_eq!(orders, []);
    let Answer::Reports(fills) = desk.answer(Question::Fills(desk.instrument, 0)) else { panic!() };
    let [Report { what: What::Fill(again), .. }] = &fills[..] else { panic!("{fills:?}") };
    assert_eq!((&again.fill_id, again.fee), (&fill.fill_id, fill.fee));
    let Answer::Balances(balances) = desk.answer(Question::Balances) else { panic!() };
    let locked: Amount = balances.iter().map(|one| one.locked).sum();
    assert_eq!(locked, Amount::ZERO);
}

fn wish_of(instrument: InstrumentId) -> Wish {
    Wish {
        account: AccountId(0),
        strategy: None,
        instrument,
        side: OrderSide::Buy,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: None,
        price_protect: None,
        size: Amount::ZERO,
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

#[test]
fn a_5xx_leaves_the_outcome_open_and_a_query_settles_it() {
    let mut desk = Desk::open();
    desk.fault(Fault::FailAfter { status: 503 });
    desk.submit("b-1", OrderSide::Buy, "50000", "0.5");
    desk.report(|one| matches!(one.what, What::Ended { .. }));
    let query = Request::Query {
        order: OrderId(1),
        instrument: desk.instrument,
        account: AccountId(0),
        client_id: "b-1".into(),
        venue_order_id: None,
    };
    desk.send(&query);
    let report = desk.report(|one| matches!(one.what, What::Picture(_)));
    assert_eq!(&*report.client_id, "b-1");
}

#[test]
fn a_line_that_breaks_is_opened_again_and_logs_on() {
    let mut desk = Desk::open();
    desk.fault(Fault::DropUserStream);
    desk.until(|heard| *heard == Heard::Ready);
    desk.submit("c-1", OrderSide::Buy, "50000", "0.5");
    desk.report(|one| one.what == What::Accepted);
}

#[test]
fn a_call_is_answered_or_known_not_to_have_left() {
    let desk = Desk::open();
    let network = Network::start().unwrap();
    let call = |urls: BTreeMap<String, Url>| {
        let (mut lines, arrivals) = network.lines(Dialler::new(None, None).unwrap(), urls);
        let call = Call {
            id: 7,
            method: "GET",
            path: "/api/v3/time".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        };
        lines.send(Outgoing::Call(call)).unwrap();
        let began = Instant::now();
        loop {
            match arrivals.poll() {
                Some(arrived) => return arrived,
                None => std::thread::park_timeout(Duration::from_millis(5)),
            }
            assert!(began.elapsed() < PATIENCE);
        }
    };
    let rest = desk.exchange.urls("binance").unwrap()["rest"].parse().unwrap();
    let Arrived::Answer(7, Ok((200, body)), _) = call(BTreeMap::from([("rest".to_owned(), rest)]))
    else {
        panic!()
    };
    assert!(body.starts_with(b"{\"serverTime\""));
    let nobody = "http://127.0.0.1:1".parse().unwrap();
    let Arrived::Answer(7, Err(error), _) = call(BTreeMap::from([("rest".to_owned(), nobody)]))
    else {
        panic!()
    };
    assert!(error.not_sent, "{error:?}");
}
