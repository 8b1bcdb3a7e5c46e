//! A desk of one account on a venue that is played by a test.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderKind, OrderSide, Tif,
    order_flags,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::gateway::{
    Answer, Balance, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Unreadable, Written,
};
use rustonite_exec::reconcile::Settings;
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIds, Directory, Durability, External, Figures, Fill, Journal,
    Ledger, Nowhere, OrderId, Refusal, RefusalKind, Report, Request, Tapes, What, Wish,
};
use rustonite_feed::FeedError;
use rustonite_risk::{Account, Capabilities, Limits, Risk, Target, Venue};
use rustonite_tape::TapeOptions;
use rustonite_trade::{Arrived, Desk, Outbox};

pub(crate) const ACCOUNT: AccountId = AccountId(0);
pub(crate) const INSTRUMENT: InstrumentId = InstrumentId(0);
pub(crate) const VENUE: VenueId = VenueId(0);
pub(crate) const LIMITS: &str = include_str!("../limits.toml");
pub(crate) const MIDDLE: i64 = 6_000_000;
pub(crate) const MS: i64 = 1_000_000;
pub(crate) const START: i64 = 1_767_312_000_000_000_000;

pub(crate) fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

/// Writes down what it is to send, and says what it is told to say.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) written: Arc<Mutex<Vec<Request>>>,
    pub(crate) says: Arc<Mutex<Vec<Heard>>>,
    pub(crate) asked: Arc<Mutex<Vec<Question>>>,
    /// Until when the venue says that it wants to hear nothing.
    pub(crate) closes: Arc<Mutex<Option<i64>>>,
    /// Payments are asked for apart from executions.
    pub(crate) tells_payments: bool,
    /// Balances are told only when they are asked for.
    pub(crate) hides_balances: bool,
    /// Until when the venue would cancel orders if we were gone; `None` if it is not to.
    pub(crate) guarded_until: Arc<Mutex<Option<i64>>>,
    /// New orders cannot be written.
    pub(crate) refuses: bool,
}

impl Gateway for Fake {
    fn tells_balances(&self) -> bool {
        !self.hides_balances
    }

    fn tells_payments(&self) -> bool {
        self.tells_payments
    }

    fn tells_leverage(&self) -> bool {
        true
    }

    fn wants_guard(&self) -> bool {
        self.guarded_until.lock().unwrap().is_some()
    }

    fn is_guarded(&self, now: i64) -> bool {
        self.guarded_until.lock().unwrap().is_some_and(|until| now < until)
    }

    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    fn opened(&mut self, _line: usize, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    fn closed(&mut self, _line: usize, _now: i64, _heard: &mut Vec<Heard>) {}

    fn write(&mut self, request: &Request, _now: i64) -> Result<Outgoing, Refusal> {
        if self.refuses {
            let (reason, detail) = (RefusalKind::Rules, "no such words".into());
            return Err(Refusal { reason, detail, ..Refusal::default() });
        }
        self.written.lock().unwrap().push(request.clone());
        Ok(text())
    }

    fn write_many(&mut self, requests: &[Request], now: i64) -> Written {
        let each = requests.iter().enumerate();
        let sent = each.map(|(at, request)| (self.write(request, now).unwrap(), vec![at]));
        Written { sent: sent.collect(), refused: Vec::new() }
    }

    fn ask(&mut self, question: Question, _now: i64) -> Outgoing {
        self.asked.lock().unwrap().push(question);
        text()
    }

    fn read(
        &mut self,
        _line: usize,
        _text: &[u8],
        _ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        heard.append(&mut self.says.lock().unwrap());
        Ok(())
    }

    fn answered(
        &mut self,
        _id: u64,
        _answer: Result<HttpAnswer<'_>, &CallError>,
        _ts_recv: i64,
        _heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        Ok(())
    }

    fn tick(&mut self, _sent_before: i64, _now: i64, _heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        Vec::new()
    }
}

impl Outbox for Fake {
    fn send(&mut self, _what: Outgoing) -> Result<(), FeedError> {
        Ok(())
    }
}

pub(crate) fn text() -> Outgoing {
    Outgoing::Text { line: 0, text: String::new() }
}

pub(crate) fn instrument() -> Instrument {
    Instrument {
        venue: "binance".into(),
        symbol: "BTCUSDT".into(),
        kind: InstrumentKind::Spot,
        contract: None,
        base: "BTC".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        tick: amount("0.01"),
        lot: amount("0.001"),
        multiplier: amount("1"),
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (None, None),
        status: InstrumentStatus::Trading,
    }
}

pub(crate) fn limits(bounds: [u32; 4]) -> Limits {
    let [size, open, messages, collar] = bounds;
    let text = LIMITS
        .replace("order_size_max = 1\n", &format!("order_size_max = 0.{size:03}\n"))
        .replace("open_orders_max = 20\n", &format!("open_orders_max = {open}\n"))
        .replace("messages_per_s = 200\n", &format!("messages_per_s = {messages}\n"))
        .replace("price_collar_bps = 200\n", &format!("price_collar_bps = {collar}\n"));
    Limits::parse("limits.toml", &text).unwrap()
}

pub(crate) fn account_rules() -> AccountRules {
    AccountRules {
        venue: VENUE,
        client_ids: ClientIds::new("bypass").unwrap(),
        changes: ChangeIds::New,
        figures: Figures::Leg,
        external: External::Watched,
    }
}

/// A desk whose account trades, and what its gateway was given.
pub(crate) struct World<J = Nowhere> {
    pub(crate) desk: Desk<J>,
    pub(crate) fake: Fake,
    pub(crate) now: i64,
    /// When the last row of the market came.
    pub(crate) seen: i64,
    rows: i64,
    pub(crate) orders: Vec<OrderId>,
    fills: i64,
    pub(crate) totals: BTreeMap<&'static str, usize>,
}

/// Names and numbers.
pub(crate) fn directory() -> Arc<Directory> {
    let mut directory = Directory::default();
    directory.add_account("main");
    directory.add_strategy("test");
    directory.list(instrument());
    Arc::new(directory)
}

impl World {
    pub(crate) fn new(bounds: [u32; 4]) -> Self {
        Self::with(bounds, |fake| Box::new(fake))
    }

    pub(crate) fn with(bounds: [u32; 4], gateway: impl FnOnce(Fake) -> Box<dyn Gateway>) -> Self {
        let mut ledger = Ledger::new(directory(), Nowhere);
        ledger.open_account(ACCOUNT, account_rules());
        Self::at(ledger, limits(bounds), gateway)
    }

    /// With limits in another currency.
    pub(crate) fn in_currency(currency: &str, bounds: [u32; 4]) -> Self {
        let mut ledger = Ledger::new(directory(), Nowhere);
        ledger.open_account(ACCOUNT, account_rules());
        let limits = Limits { currency: currency.into(), ..limits(bounds) };
        Self::at(ledger, limits, |fake| Box::new(fake))
    }
}

/// A desk on the journal of a folder, and on what earlier ones wrote there.
pub(crate) fn opened(folder: &Path, bounds: [u32; 4]) -> World<Tapes> {
    let options = TapeOptions { segment_bytes: 1 << 20, ..TapeOptions::default() };
    let journal = (folder, "main", options, Durability::Interval);
    let rules = [(ACCOUNT, account_rules())];
    let (mut ledger, _) = Ledger::open(directory(), rules, journal).unwrap();
    ledger.lose_requests(START);
    World::of(ledger, bounds)
}

impl<J: Journal> World<J> {
    /// With the orders of a ledger.
    pub(crate) fn of(ledger: Ledger<J>, bounds: [u32; 4]) -> Self {
        Self::at(ledger, limits(bounds), |fake| Box::new(fake))
    }

    fn at(
        ledger: Ledger<J>,
        limits: Limits,
        gateway: impl FnOnce(Fake) -> Box<dyn Gateway>,
    ) -> Self {
        let directory = Arc::clone(ledger.directory());
        let kinds = [OrderKind::Limit, OrderKind::Market, OrderKind::StopLimit];
        let can = Capabilities::of(&kinds, &[Tif::Gtc, Tif::Ioc], order_flags::POST_ONLY);
        let risk_directory = rustonite_risk::Directory {
            currency: limits.currency.clone(),
            assets: ["BTC", "USDT"].map(Into::into).to_vec(),
            venues: vec![Venue { name: "binance".into(), can }],
            accounts: vec![Account { name: "main".into(), venue: VENUE, hedging: false }],
            strategies: vec!["test".into()],
            instruments: directory.instruments().map(|(_, one)| one.clone()).collect(),
            orders_max: 64,
            client_ids_max: 4096,
        };
        let risk = Risk::new(risk_directory, limits).unwrap();
        let fake = Fake::default();
        let mut desk = Desk::new(ledger, risk, StrategyId(0));
        let (gateway, outbox) = (gateway(fake.clone()), Box::new(fake.clone()));
        desk.open(gateway, outbox, vec![INSTRUMENT], Settings::default(), START).unwrap();
        for dataset in ["quotes", "trades"] {
            desk.follow("binance", dataset);
        }
        let (orders, totals) = (Vec::new(), BTreeMap::new());
        let mut world = Self { desk, fake, now: START, seen: 0, rows: 0, orders, fills: 0, totals };
        for target in [Target::All, Target::Account(ACCOUNT), Target::Strategy(StrategyId(0))] {
            world.desk.profit(target, Amount::ZERO, Amount::ZERO, START);
        }
        world.desk.feed_connected(VENUE, true, START);
        world.quote(0);
        world.connect();
        world
    }

    /// The account logs on, and its books are found to be the venue's, which tells afterwards what is
    /// owned.
    pub(crate) fn connect(&mut self) {
        self.fake.asked.lock().unwrap().clear();
        self.say(vec![Heard::Ready]);
        self.answer(&[], &[]);
        self.say(self.owned().map(Heard::Balance).to_vec());
    }

    /// Enough of everything.
    pub(crate) fn owned(&self) -> [Balance; 2] {
        ["BTC", "USDT"].map(|name| {
            let asset = self.desk.ledger().directory().asset(name).unwrap();
            Balance::plain(START, asset, amount("1000000"), Amount::ZERO)
        })
    }

    /// Market orders need no worst price, which those in money cannot have.
    pub(crate) fn unprotected(mut self) -> Self {
        let mut limits = self.desk.risk().limits().clone();
        limits.version += 1;
        let text = LIMITS.replace("market_protect = true", "market_protect = false");
        limits.all = Limits::parse("limits.toml", &text).unwrap().all;
        self.desk.set_limits(limits, self.now).unwrap();
        self
    }

    /// Answers what was asked.
    pub(crate) fn answer(&mut self, fills: &[Report], balances: &[Balance]) {
        let questions = std::mem::take(&mut *self.fake.asked.lock().unwrap());
        let answers = questions.into_iter().map(|question| match question {
            Question::Balances => Heard::Answer(question, Answer::Balances(balances.to_vec())),
            Question::Fills(..) => Heard::Answer(question, Answer::Reports(fills.to_vec())),
            question => Heard::Answer(question, Answer::Reports(Vec::new())),
        });
        let answers = answers.collect();
        self.say(answers);
    }

    /// A person puts everything right that was thrown or broken.
    pub(crate) fn recover(&mut self) {
        let thrown: Vec<_> = self.desk.risk().thrown().iter().map(|trip| trip.target).collect();
        for target in thrown {
            self.desk.resume(target, self.now);
        }
        self.desk.feed_connected(VENUE, true, self.now);
        self.quote(0);
        self.connect();
    }

    pub(crate) fn say(&mut self, heard: Vec<Heard>) {
        *self.fake.says.lock().unwrap() = heard;
        self.desk.arrived(ACCOUNT, Arrived::Text(0, Vec::new(), self.now), self.now);
    }

    pub(crate) fn quote(&mut self, ticks: i64) {
        let price =
            |ticks: i64| amount("0.01").times(MIDDLE + ticks).unwrap().to_decimal().to_f64();
        (self.seen, self.rows) = (self.now, self.rows + 1);
        self.desk.quote(INSTRUMENT, price(ticks - 1), price(ticks + 1), self.now, self.rows);
        if self.desk.has_due() {
            self.desk.release_due(self.now);
        }
    }

    /// The venue says something about an order.
    pub(crate) fn report_of(&mut self, order: OrderId, what: What) {
        let order = self.desk.ledger().order(order).unwrap();
        let report = Report {
            ts_event: self.now,
            ts_recv: self.now,
            source: EventSource::Stream,
            account: ACCOUNT,
            instrument: INSTRUMENT,
            client_id: order.legs.last().unwrap().client_id.clone(),
            client_id_prev: None,
            venue_order_id: Some(format!("{}-{}", order.id.0, order.legs.len()).into()),
            what,
        };
        self.say(vec![Heard::Report(report)]);
    }

    pub(crate) fn fill_of(&mut self, order: OrderId, lots: i64) {
        let wish = &self.desk.ledger().order(order).unwrap().wish;
        let (side, price) = (wish.side, wish.price.unwrap_or(amount("60000")));
        let fill = Fill { side, price, ..self.bought(lots) };
        self.report_of(order, What::Fill(fill));
    }

    fn bought(&mut self, size: i64) -> Fill {
        self.fills += 1;
        Fill {
            fill_id: self.fills.to_string().into(),
            trade_id: Some(self.fills),
            kind: FillKind::Trade,
            side: OrderSide::Buy,
            price: amount("60000"),
            size: lots(size),
            size_filled: None,
            fee: None,
            liquidity: Liquidity::Maker,
            position_side: None,
        }
    }

    /// Something that was bought, and no order of ours.
    pub(crate) fn bought_by_others(&mut self, kind: FillKind, lots: i64) -> Report {
        let fill = Fill { kind, ..self.bought(lots) };
        Report {
            ts_event: self.now,
            ts_recv: self.now,
            source: EventSource::Reconciliation,
            account: ACCOUNT,
            instrument: INSTRUMENT,
            client_id: "".into(),
            client_id_prev: None,
            venue_order_id: None,
            what: What::Fill(fill),
        }
    }

    /// What went to the gateway since it was last asked for.
    pub(crate) fn written(&self) -> Vec<Request> {
        std::mem::take(&mut *self.fake.written.lock().unwrap())
    }
}

/// A price so many ticks from the middle.
pub(crate) fn ticks(ticks: i64) -> Amount {
    amount("0.01").times(MIDDLE + ticks).unwrap()
}

pub(crate) fn lots(lots: i64) -> Amount {
    amount("0.001").times(lots).unwrap()
}

pub(crate) fn limit(side: OrderSide, at: i64, size: i64) -> Wish {
    Wish {
        account: ACCOUNT,
        strategy: None,
        instrument: INSTRUMENT,
        side,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(ticks(at)),
        price_protect: None,
        size: lots(size),
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
