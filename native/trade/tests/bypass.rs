//! No request reaches a gateway that risk would not allow, whatever is done with a desk.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderEvent, OrderKind,
    OrderSide, RiskRequest, Tif, order_flags,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::gateway::{
    Answer, Balance, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Unreadable,
};
use rustonite_exec::reconcile::Settings;
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIdForm, ClientIds, Directory, External, Figures, Fill, Ledger,
    Nowhere, OrderId, Outcome, Refusal, RefusalKind, Report, Request, What, Wish,
};
use rustonite_feed::FeedError;
use rustonite_risk::{Account, Capabilities, Intent, Latches, Limits, Risk, Target, Venue};
use rustonite_trade::{Arrived, Denied, Desk, Outbox};

const ACCOUNT: AccountId = AccountId(0);
const INSTRUMENT: InstrumentId = InstrumentId(0);
const VENUE: VenueId = VenueId(0);
const LIMITS: &str = include_str!("limits.toml");
const MIDDLE: i64 = 6_000_000;
const MS: i64 = 1_000_000;
const START: i64 = 1_767_312_000_000_000_000;

fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

/// Writes down what it is to send, and says what it is told to say.
#[derive(Clone, Default)]
struct Fake {
    written: Arc<Mutex<Vec<Request>>>,
    says: Arc<Mutex<Vec<Heard>>>,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl Gateway for Fake {
    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    fn opened(&mut self, _line: usize, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    fn closed(&mut self, _line: usize, _now: i64, _heard: &mut Vec<Heard>) {}

    fn write(&mut self, request: &Request, _now: i64) -> Result<Outgoing, Refusal> {
        self.written.lock().unwrap().push(request.clone());
        Ok(text())
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

fn text() -> Outgoing {
    Outgoing::Text { line: 0, text: String::new() }
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
        lot: amount("0.001"),
        multiplier: amount("1"),
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (None, None),
        status: InstrumentStatus::Trading,
    }
}

fn limits(bounds: [u32; 4]) -> Limits {
    let [size, open, messages, collar] = bounds;
    let text = LIMITS
        .replace("order_size_max = 1\n", &format!("order_size_max = 0.{size:03}\n"))
        .replace("open_orders_max = 20\n", &format!("open_orders_max = {open}\n"))
        .replace("messages_per_s = 200\n", &format!("messages_per_s = {messages}\n"))
        .replace("price_collar_bps = 200\n", &format!("price_collar_bps = {collar}\n"));
    Limits::parse("limits.toml", &text).unwrap()
}

fn account_rules() -> AccountRules {
    AccountRules {
        venue: VENUE,
        client_ids: ClientIds::new(ClientIdForm::Letters, "bypass").unwrap(),
        changes: ChangeIds::New,
        figures: Figures::Leg,
        external: External::Watched,
    }
}

/// A desk whose account trades, and what its gateway was given.
struct World {
    desk: Desk<Nowhere>,
    fake: Fake,
    now: i64,
    /// When the last row of the market came.
    seen: i64,
    rows: i64,
    orders: Vec<OrderId>,
    fills: i64,
    totals: BTreeMap<&'static str, usize>,
}

impl World {
    fn new(bounds: [u32; 4]) -> Self {
        let mut directory = Directory::default();
        directory.add_account("main");
        directory.add_strategy("test");
        directory.list(instrument());
        let kinds = [OrderKind::Limit, OrderKind::Market];
        let can = Capabilities::of(&kinds, &[Tif::Gtc, Tif::Ioc], order_flags::POST_ONLY);
        let risk_directory = rustonite_risk::Directory {
            currency: "USDT".into(),
            assets: ["BTC", "USDT"].map(Into::into).to_vec(),
            venues: vec![Venue { name: "binance".into(), can }],
            accounts: vec![Account { name: "main".into(), venue: VENUE, hedging: false }],
            strategies: vec!["test".into()],
            instruments: directory.instruments().map(|(_, one)| one.clone()).collect(),
            orders_max: 64,
            client_ids_max: 4096,
        };
        let assets = ["BTC", "USDT"].map(|name| directory.asset(name).unwrap());
        let risk = Risk::new(risk_directory, limits(bounds), &Latches::default()).unwrap();
        let mut ledger = Ledger::new(Arc::new(directory), Nowhere);
        ledger.open_account(ACCOUNT, account_rules());
        let fake = Fake::default();
        let mut desk = Desk::new(ledger, risk, StrategyId(0));
        let (gateway, outbox) = (Box::new(fake.clone()), Box::new(fake.clone()));
        desk.open(gateway, outbox, vec![INSTRUMENT], Settings::default(), START).unwrap();
        let (orders, totals) = (Vec::new(), BTreeMap::new());
        let mut world = Self { desk, fake, now: START, seen: 0, rows: 0, orders, fills: 0, totals };
        for target in [Target::All, Target::Account(ACCOUNT), Target::Strategy(StrategyId(0))] {
            world.desk.profit(target, Amount::ZERO, Amount::ZERO, START);
        }
        world.desk.feed_connected(VENUE, true, START);
        world.quote(0);
        world.connect();
        let balances = assets.map(|asset| Balance {
            ts_event: START,
            asset,
            available: amount("1000000"),
            locked: Amount::ZERO,
        });
        world.say(balances.map(Heard::Balance).to_vec());
        world
    }

    /// The account logs on, and its books are found to be the venue's.
    fn connect(&mut self) {
        self.fake.asked.lock().unwrap().clear();
        self.say(vec![Heard::Ready]);
        let questions = std::mem::take(&mut *self.fake.asked.lock().unwrap());
        let answers = questions.into_iter().map(|question| match question {
            Question::Balances => Heard::Answer(question, Answer::Balances(Vec::new())),
            question => Heard::Answer(question, Answer::Reports(Vec::new())),
        });
        let answers = answers.collect();
        self.say(answers);
    }

    /// A person puts everything right that was thrown or broken.
    fn recover(&mut self) {
        let thrown: Vec<_> = self.desk.risk().thrown().iter().map(|trip| trip.target).collect();
        for target in thrown {
            self.desk.resume(target, self.now);
        }
        self.desk.feed_connected(VENUE, true, self.now);
        self.quote(0);
        self.connect();
    }

    fn say(&mut self, heard: Vec<Heard>) {
        *self.fake.says.lock().unwrap() = heard;
        self.desk.arrived(ACCOUNT, Arrived::Text(0, Vec::new(), self.now), self.now);
    }

    fn quote(&mut self, ticks: i64) {
        let price =
            |ticks: i64| amount("0.01").times(MIDDLE + ticks).unwrap().to_decimal().to_f64();
        (self.seen, self.rows) = (self.now, self.rows + 1);
        self.desk.quote(INSTRUMENT, price(ticks - 1), price(ticks + 1), self.now, self.rows);
    }

    fn wish(one: &New) -> Wish {
        let is_limit = one.price.is_some();
        Wish {
            account: ACCOUNT,
            strategy: None,
            instrument: INSTRUMENT,
            side: side(one.buys),
            kind: if is_limit { OrderKind::Limit } else { OrderKind::Market },
            tif: is_limit.then_some(Tif::Gtc),
            price: one.price.map(|ticks| amount("0.01").times(MIDDLE + ticks).unwrap()),
            price_protect: None,
            size: amount("0.001").times(one.lots).unwrap(),
            size_quote: None,
            size_display: None,
            size_min: None,
            trigger: None,
            flags: if one.post_only { order_flags::POST_ONLY } else { 0 },
            position_side: None,
            stp: None,
            ts_expire: None,
            tags: None,
        }
    }

    /// Nothing is different afterwards.
    fn rehearse(&mut self) {
        let known = |desk: &Desk<Nowhere>| {
            let ledger = desk.ledger();
            (ledger.state_hash(), ledger.seq(), ledger.next_id(), desk.has_news())
        };
        let before = known(&self.desk);
        self.desk.rehearse(self.now);
        assert_eq!(known(&self.desk), before);
        assert!(self.fake.written.lock().unwrap().is_empty());
    }

    fn order(&self, which: usize) -> Option<OrderId> {
        (!self.orders.is_empty()).then(|| self.orders[which % self.orders.len()])
    }

    /// The venue says something about an order.
    fn report(&mut self, which: usize, what: What) {
        let Some(order) = self.order(which).and_then(|id| self.desk.ledger().order(id)) else {
            return;
        };
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

    fn fill(&mut self, which: usize, lots: i64) {
        let Some(order) = self.order(which).and_then(|id| self.desk.ledger().order(id)) else {
            return;
        };
        self.fills += 1;
        let fill = Fill {
            fill_id: self.fills.to_string().into(),
            trade_id: Some(self.fills),
            kind: FillKind::Trade,
            side: order.wish.side,
            price: order.wish.price.unwrap_or(amount("60000")),
            size: amount("0.001").times(lots).unwrap(),
            size_filled: None,
            fee: None,
            liquidity: Liquidity::Maker,
            position_side: None,
        };
        self.report(which, What::Fill(fill));
    }

    /// Does something, and checks what came to the gateway of it.
    fn act(&mut self, act: &Act) {
        let mut before = self.desk.risk().clone();
        let denied = self.perform(act).err();
        let written = std::mem::take(&mut *self.fake.written.lock().unwrap());
        for request in &written {
            let Some(intent) = self.intent(request) else {
                self.count("query");
                continue;
            };
            assert!(denied.is_none(), "{act:?} was denied, and {request:?} left");
            let pass = before.check(&intent, self.now);
            let pass = pass.unwrap_or_else(|denial| panic!("{request:?}: {denial}, at {act:?}"));
            before.sent(&intent, &pass, self.now).unwrap();
            self.count(intent.request.name());
        }
        if denied.is_some() {
            self.count("denied");
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.totals.entry(what).or_default() += 1;
    }

    fn perform(&mut self, act: &Act) -> Result<(), Denied> {
        match act {
            Act::Submit(new) => {
                let next = self.desk.ledger().next_id();
                self.orders.push(next);
                self.desk.submit(Self::wish(new), self.now).map(drop)?;
            }
            Act::Replace(which, ticks, lots) => {
                let Some(order) = self.order(*which) else { return Ok(()) };
                let price = amount("0.01").times(MIDDLE + ticks).unwrap();
                let size = amount("0.001").times(*lots).unwrap();
                self.desk.replace(order, Some(price), size, self.now)?;
            }
            Act::Cancel(which) => {
                let Some(order) = self.order(*which) else { return Ok(()) };
                self.desk.cancel(order, self.now)?;
            }
            Act::CancelAll(is_here) => {
                self.desk.cancel_all(is_here.then_some(INSTRUMENT), self.now);
            }
            Act::Kill(target) => self.desk.kill(*target, self.now),
            Act::Latch(target) => self.desk.latch(*target, self.now),
            Act::Resume(target) => {
                self.desk.resume(*target, self.now);
            }
            Act::Quote(ticks) => self.quote(*ticks),
            Act::Wait(ms) => {
                self.now += ms * MS;
                self.desk.tick(self.now, 1_000 * MS);
            }
            Act::Limits(bounds) => {
                let version = self.desk.risk().limits().version + 1;
                let limits = Limits { version, ..limits(*bounds) };
                self.desk.set_limits(limits, self.now).unwrap();
            }
            Act::Gap => self.desk.gap(INSTRUMENT),
            Act::Rehearse => self.rehearse(),
            Act::Feed(is_up) => self.desk.feed_connected(VENUE, *is_up, self.now),
            Act::Break => {
                let closed = Arrived::Closed(0, "cut".to_owned());
                self.desk.arrived(ACCOUNT, closed, self.now);
            }
            Act::Recover => self.recover(),
            Act::Fill(which, lots) => self.fill(*which, *lots),
            Act::Say(which, what) => self.report(*which, what.clone()),
        }
        Ok(())
    }

    /// A request in the words of risk; `None` for a question.
    fn intent(&self, request: &Request) -> Option<Intent> {
        let mut name: &str = "";
        let (kind, order, wish, filled) = match request {
            Request::Query { .. } => return None,
            Request::Submit { order, wish, client_id } => {
                name = client_id;
                (RiskRequest::Submit, *order, wish.clone(), Amount::ZERO)
            }
            Request::Replace { order, wish, size_filled, client_id, .. } => {
                name = client_id;
                (RiskRequest::Replace, *order, wish.clone(), *size_filled)
            }
            Request::Cancel { order, .. } => {
                let known = self.desk.ledger().order(*order).unwrap();
                (RiskRequest::Cancel, *order, known.wish.clone(), known.size_filled)
            }
        };
        let rules = self.desk.risk().rules(INSTRUMENT).unwrap();
        Some(Intent {
            request: kind,
            order: order.0,
            parent: None,
            account: wish.account,
            strategy: wish.strategy,
            instrument: wish.instrument,
            side: wish.side,
            position_side: None,
            kind: wish.kind,
            tif: wish.tif,
            price: wish.price.map(|price| rules.price(price).unwrap()),
            price_protect: None,
            trigger: None,
            size: rules.size(wish.size).unwrap(),
            size_filled: rules.size(filled).unwrap(),
            size_display: None,
            size_min: None,
            by_money: false,
            flags: wish.flags,
            stp: None,
            ts_expire: None,
            client_id: if name.is_empty() { 0 } else { hash(name) },
            ts_cause: self.seen,
        })
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn side(buys: bool) -> OrderSide {
    if buys { OrderSide::Buy } else { OrderSide::Sell }
}

#[derive(Clone, Debug)]
struct New {
    buys: bool,
    /// Ticks from the middle; `None` at the market.
    price: Option<i64>,
    lots: i64,
    post_only: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Submit(New),
    Replace(usize, i64, i64),
    Cancel(usize),
    CancelAll(bool),
    Kill(Target),
    Latch(Target),
    Resume(Target),
    Quote(i64),
    Wait(i64),
    Limits([u32; 4]),
    Gap,
    Rehearse,
    Feed(bool),
    Break,
    Recover,
    Fill(usize, i64),
    Say(usize, What),
}

/// Largest size in lots, open orders, messages a second, collar in basis points.
fn bounds() -> impl Strategy<Value = [u32; 4]> {
    (50..500_u32, 1..8_u32, 1..40_u32, 20..200_u32).prop_map(|(a, b, c, d)| [a, b, c, d])
}

fn targets() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::All),
        Just(Target::Venue(VENUE)),
        Just(Target::Account(ACCOUNT)),
        Just(Target::Strategy(StrategyId(0))),
        Just(Target::Instrument(INSTRUMENT)),
        (1..10_i64).prop_map(Target::Order),
    ]
}

fn words() -> impl Strategy<Value = What> {
    let refusal =
        Refusal { reason: RefusalKind::Rules, venue_code: "-1".into(), detail: "no".into() };
    let asked = [OrderEvent::Submitted, OrderEvent::ReplaceAsked, OrderEvent::CancelAsked];
    let lost = proptest::sample::select(asked.to_vec()).prop_map(|request| What::Ended {
        request,
        outcome: Outcome::Unknown,
        detail: "time-out".into(),
    });
    let ended = What::Cancelled { size_filled: None, size_prevented: None, refusal: None };
    prop_oneof![
        6 => Just(What::Accepted),
        1 => Just(What::Rejected(refusal.clone())),
        1 => Just(What::ReplaceRejected(refusal.clone())),
        1 => Just(What::CancelRejected(refusal)),
        2 => Just(ended),
        1 => Just(What::NotFound),
        1 => lost,
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    let new = (any::<bool>(), proptest::option::weighted(0.9, -90_000..90_000_i64), 0..400_i64)
        .prop_flat_map(|(buys, price, lots)| {
            any::<bool>().prop_map(move |post_only| New { buys, price, lots, post_only })
        });
    let which = 0..20_usize;
    prop_oneof![
        8 => new.prop_map(Act::Submit),
        6 => (which.clone(), -90_000..90_000_i64, 0..400_i64)
            .prop_map(|(which, ticks, lots)| Act::Replace(which, ticks, lots)),
        3 => which.clone().prop_map(Act::Cancel),
        1 => any::<bool>().prop_map(Act::CancelAll),
        1 => targets().prop_map(Act::Kill),
        1 => targets().prop_map(Act::Latch),
        1 => targets().prop_map(Act::Resume),
        4 => (-500..500_i64).prop_map(Act::Quote),
        4 => (0..3_000_i64).prop_map(Act::Wait),
        1 => bounds().prop_map(Act::Limits),
        1 => Just(Act::Gap),
        4 => Just(Act::Rehearse),
        1 => any::<bool>().prop_map(Act::Feed),
        1 => Just(Act::Break),
        8 => Just(Act::Recover),
        4 => (which.clone(), 1..400_i64).prop_map(|(which, lots)| Act::Fill(which, lots)),
        8 => (which, words()).prop_map(|(which, what)| Act::Say(which, what)),
    ]
}

#[test]
fn whatever_leaves_was_allowed() {
    let totals = Mutex::new(BTreeMap::new());
    let lives = (bounds(), proptest::collection::vec(acts(), 1..80));
    let config =
        ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&lives, |(bounds, acts)| {
            let mut world = World::new(bounds);
            acts.iter().for_each(|act| world.act(act));
            for (what, count) in &world.totals {
                *totals.lock().unwrap().entry(*what).or_insert(0) += count;
            }
            Ok(())
        })
        .unwrap();
    // It shows nothing if hardly anything leaves, or hardly anything is denied.
    let totals = totals.into_inner().unwrap();
    for what in ["submit", "replace", "cancel", "denied", "query"] {
        assert!(totals.get(what).is_some_and(|count| *count > 100), "{totals:?}");
    }
}

#[test]
fn an_order_may_go_back_to_a_price_that_it_had() {
    let mut world = World::new([500, 7, 100, 200]);
    let new = New { buys: true, price: Some(-1_000), lots: 10, post_only: false };
    world.perform(&Act::Submit(new)).unwrap();
    for ticks in [-1_100, -1_000, -1_100] {
        world.report(0, What::Accepted);
        let replaced = world.perform(&Act::Replace(0, ticks, 10));
        assert!(replaced.is_ok(), "{replaced:?}");
        let price = Some(amount("0.01").times(MIDDLE + ticks).unwrap());
        world.report(0, What::Replaced { price, size: amount("0.01") });
    }
}

#[test]
fn after_a_gap_the_next_row_that_orders_are_judged_by_lets_them_through() {
    let mut world = World::new([500, 7, 100, 200]);
    let trade = |world: &mut World| world.desk.trade(INSTRUMENT, 60_000.0, world.now, 1);
    let code = |world: &mut World| {
        let new = New { buys: true, price: Some(-1_000), lots: 10, post_only: false };
        world.perform(&Act::Submit(new)).err().map(|denied| denied.code)
    };
    world.desk.gap(INSTRUMENT);
    trade(&mut world);
    assert_eq!(code(&mut world), Some("sequence_gap"), "the quotes before the gap are old");
    world.quote(0);
    assert_eq!(code(&mut world), None);
    // Where nobody quotes, trades are all there is, and no spread is known.
    let text = LIMITS.replace("spread_max_bps = 50\n", "spread_max_bps = \"none\"\n");
    let limits = Limits { version: 2, ..Limits::parse("limits.toml", &text).unwrap() };
    world.desk.set_limits(limits, world.now).unwrap();
    world.desk.quote(INSTRUMENT, 0.0, 0.0, world.now, 2);
    trade(&mut world);
    assert_eq!(code(&mut world), None);
    world.desk.gap(INSTRUMENT);
    assert_eq!(code(&mut world), Some("sequence_gap"));
    trade(&mut world);
    assert_eq!(code(&mut world), None);
}
