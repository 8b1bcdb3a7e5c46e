//! A paper account whose process ends anywhere: the next one goes on with what the journal has, and
//! nothing is lost, doubled or left in doubt.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{Aggressor, EventSource, OrderKind, OrderSide, OrderState, Tif};
use rustonite_core::ids::{AssetId, InstrumentId};
use rustonite_exec::gateway::paper::open;
use rustonite_exec::gateway::{
    self, Answer, Balance, BestPrices, Gateway, Heard, PaperMarket, PaperSettings, Question,
};
use rustonite_exec::reconcile::{
    Mode, Plan, Settings, VenueBalance, VenueBooks, VenuePosition, reconcile,
};
use rustonite_exec::{
    Ask, Change, Contract, Journal, JournalError, JournalRow, Ledger, Link, Order, OrderId,
    Position, Report, Request, Tapes, Values, What, Wish,
};

const MS: i64 = 1_000_000;
const TRADED: [InstrumentId; 2] = [SPOT, LINEAR];
const BTC: AssetId = AssetId(0);
const USDT: AssetId = AssetId(1);

/// What fills make of an account, by nothing but sums.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sums {
    balances: BTreeMap<AssetId, Amount>,
    position: Position,
    orders: BTreeMap<String, Amount>,
    ids: BTreeSet<String>,
}

impl Sums {
    fn at_the_start() -> Self {
        let balances = BTreeMap::from([(BTC, amount("10")), (USDT, amount("1000000"))]);
        Self { balances, ..Self::default() }
    }

    fn add(&mut self, fill: &Seen<'_>) {
        assert!(self.ids.insert(fill.id.to_owned()), "{} came twice", fill.id);
        *self.orders.entry(fill.order.to_owned()).or_default() += fill.size;
        let moved = if fill.side == OrderSide::Buy { fill.size } else { -fill.size };
        let mut earn = |asset, amount: Amount| *self.balances.entry(asset).or_default() += amount;
        earn(USDT, -fill.fee);
        if fill.is_spot {
            earn(BTC, moved);
            earn(USDT, -moved.product(fill.price).unwrap());
            return;
        }
        let contract = Contract { inverse: false, multiplier: amount("1") };
        earn(USDT, self.position.fill(contract, moved, fill.price).unwrap());
    }
}

/// An execution, as the journal or a report has it.
struct Seen<'a> {
    id: &'a str,
    order: &'a str,
    is_spot: bool,
    side: OrderSide,
    price: Amount,
    size: Amount,
    fee: Amount,
}

/// Takes so many rows and silently loses the others, as a kill of the process does.
struct Cut {
    rows: i64,
    tapes: Tapes,
    sums: Sums,
}

impl Journal for Cut {
    fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError> {
        self.rows -= 1;
        if self.rows < 0 {
            return Ok(());
        }
        if let JournalRow::Fill(row) = row {
            self.sums.add(&Seen {
                id: row.fill_id,
                order: row.venue_order_id.unwrap(),
                is_spot: row.symbol == "BTCUSDT",
                side: row.side.unwrap(),
                price: Amount(row.price),
                size: Amount(row.size),
                fee: Amount(row.fee.unwrap()),
            });
        }
        self.tapes.write(row)
    }

    fn intent_written(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// An account on paper, and the market around it.
struct Life<J> {
    ledger: Ledger<J>,
    gateway: Box<dyn Gateway>,
    market: PaperMarket,
    chance: fastrand::Rng,
    now: i64,
    middle: f64,
    /// What was filled before, and in this life.
    sums: Sums,
}

impl<J: Journal> Life<J> {
    fn begin(mut ledger: Ledger<J>, now: i64, seed: u64, sums: Sums) -> Self {
        drop(ledger.lose_requests(now));
        let mut settings = PaperSettings {
            balances: Sums::at_the_start().balances,
            leverage: 10,
            start: now,
            maker_ppm: 200,
            taker_ppm: 500,
            delay_ns: 2 * MS,
            ..PaperSettings::default()
        };
        settings.go_on(&ledger, ACCOUNT);
        let (gateway, market) = open(directory(), ACCOUNT, settings);
        let chance = fastrand::Rng::with_seed(seed);
        let mut life = Self { ledger, gateway, market, chance, now, middle: 100.0, sums };
        life.gateway.start(now);
        life
    }

    fn hear(&mut self) -> Vec<(Question, Answer)> {
        self.market.until(self.now);
        let mut heard = Vec::new();
        self.gateway.read(0, b"", self.now, &mut heard).unwrap();
        let mut answers = Vec::new();
        for one in heard {
            match one {
                Heard::Report(report) => {
                    let change = self.ledger.report(&report);
                    self.count(&report);
                    self.ask(&change);
                }
                Heard::Answer(question, answer) => answers.push((question, answer)),
                Heard::Ready => {}
                other => panic!("{other:?}"),
            }
        }
        answers
    }

    fn count(&mut self, report: &Report) {
        let What::Fill(fill) = &report.what else { return };
        self.sums.add(&Seen {
            id: &fill.fill_id,
            order: report.venue_order_id.as_deref().unwrap(),
            is_spot: report.instrument == SPOT,
            side: fill.side,
            price: fill.price,
            size: fill.size,
            fee: fill.fee.unwrap().0,
        });
    }

    fn ask(&mut self, change: &Change) {
        assert_eq!(change.anomalies, [], "{:?}", change.events);
        change.asks.iter().for_each(|ask| self.query(*ask));
    }

    fn query(&mut self, ask: Ask) {
        if let Ask::Order(id) = ask {
            let request = self.ledger.query(id).unwrap();
            self.gateway.write(&request, self.now).unwrap();
        }
    }

    // The market

    fn quote(&mut self) {
        for instrument in TRADED {
            let bid = (self.middle - 0.01, self.size());
            let ask = (self.middle + 0.01, self.size());
            self.market.best(instrument, self.now, BestPrices { bid, ask });
            self.market.mark(instrument, self.now, self.middle, None);
        }
    }

    fn size(&mut self) -> f64 {
        f64::from(self.chance.i32(1..=400)) / 100.0
    }

    fn others_trade(&mut self) {
        let instrument = TRADED[self.chance.usize(0..2)];
        let (taker, price) = if self.chance.bool() {
            (Aggressor::Buy, self.middle + 0.01)
        } else {
            (Aggressor::Sell, self.middle - 0.01)
        };
        let size = self.size();
        self.market.trade(instrument, self.now, taker, price, size);
    }

    // What is asked for

    fn step(&mut self) {
        self.now += self.chance.i64(1..3 * MS);
        drop(self.hear());
        match self.chance.u8(0..8) {
            0 => self.middle += f64::from(self.chance.i32(-2..=2)) / 100.0,
            1 => self.others_trade(),
            2 => self.change_some(),
            3 => self.cancel_some(),
            _ => self.submit(),
        }
        self.quote();
    }

    fn submit(&mut self) {
        let tifs = [Some(Tif::Gtc), Some(Tif::Gtx), Some(Tif::Gtd), Some(Tif::Ioc), Some(Tif::Fok)];
        let tif = tifs[self.chance.usize(0..tifs.len())];
        let is_market = self.chance.u8(0..6) == 0;
        let ticks = self.chance.i64(-4..=3);
        let side = if self.chance.bool() { OrderSide::Buy } else { OrderSide::Sell };
        let away = if side == OrderSide::Buy { ticks } else { -ticks };
        let cents = (self.middle * 100.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "about ten thousand")]
        let price = amount("0.01").times(cents as i64 + away).unwrap();
        let wish = Wish {
            instrument: TRADED[self.chance.usize(0..2)],
            side,
            kind: if is_market { OrderKind::Market } else { OrderKind::Limit },
            tif: tif.filter(|_| !is_market),
            price: (!is_market).then_some(price),
            size: amount("0.1").times(self.chance.i64(1..30)).unwrap(),
            ts_expire: (tif == Some(Tif::Gtd)).then_some(self.now + 20 * MS),
            ..wish()
        };
        let (_, request) = self.ledger.submit(self.now, wish, Link::default()).unwrap();
        if let Err(refusal) = self.gateway.write(&request, self.now) {
            let Request::Submit { client_id, .. } = request else { panic!() };
            let refused = by_id(&client_id, What::Rejected(refusal));
            drop(self.ledger.report(&Report { source: EventSource::Own, ..refused }));
        }
    }

    fn some_order(&mut self) -> Option<OrderId> {
        let quiet = |order: &&Order| {
            matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled)
        };
        let open: Vec<_> =
            self.ledger.open_orders().into_iter().filter(quiet).map(|one| one.id).collect();
        (!open.is_empty()).then(|| open[self.chance.usize(0..open.len())])
    }

    fn change_some(&mut self) {
        let Some(id) = self.some_order() else { return };
        let order = self.ledger.order(id).unwrap();
        let price = order.wish.price.map(|price| price + amount("0.01"));
        let values = Values { price, size: order.wish.size, price_trigger: None };
        let Ok(request) = self.ledger.replace(self.now, id, values) else { return };
        self.gateway.write(&request, self.now).unwrap();
    }

    fn cancel_some(&mut self) {
        let Some(id) = self.some_order() else { return };
        let request = self.ledger.cancel(self.now, id).unwrap();
        self.gateway.write(&request, self.now).unwrap();
    }

    // Books

    fn compare(&mut self) -> Plan {
        let mut books = VenueBooks { asked_at: self.now, ..VenueBooks::default() };
        let fills = TRADED.map(|one| Question::Fills(one, 0));
        let whole = [Question::OpenOrders, Question::Balances, Question::Positions];
        for question in whole.into_iter().chain(fills) {
            self.gateway.ask(question, self.now);
        }
        for (question, answer) in self.hear() {
            match (question, answer) {
                (Question::OpenOrders, Answer::Reports(rows)) => books.open_orders = Some(rows),
                (Question::Fills(one, _), Answer::Reports(rows)) => {
                    books.fills.insert(one, rows);
                }
                (_, Answer::Balances(rows)) => {
                    let total = |one: &Balance| VenueBalance { asset: one.asset, total: one.total };
                    books.balances = Some(rows.iter().map(total).collect());
                }
                (_, Answer::Positions(rows)) => {
                    let held = |one: &gateway::Position| VenuePosition {
                        instrument: one.instrument,
                        side: one.side,
                        size: one.size,
                        price_entry: one.price_entry,
                        ts_event: one.ts_event,
                    };
                    books.positions = Some(rows.iter().map(held).collect());
                }
                other => panic!("{other:?}"),
            }
        }
        let settings = Settings { mode: Mode::Refuse, quiet_ns: 0, ..Settings::default() };
        let plan = reconcile(&self.ledger, ACCOUNT, &books, &settings);
        assert!(!plan.is_refused, "{:?}", plan.mismatches);
        let changes = self.ledger.apply_plan(self.now, ACCOUNT, &plan);
        changes.iter().for_each(|change| self.ask(change));
        plan.asks.iter().for_each(|ask| self.query(*ask));
        plan
    }

    /// Until nothing is in doubt or on its way.
    fn settle(&mut self) {
        // What was heard under a clock that was set back since is heard by now.
        self.now += 6_000 * MS;
        for _ in 0..10 {
            self.now += 50 * MS;
            self.quote();
            drop(self.hear());
            let plan = self.compare();
            if plan.is_settled() && plan.mismatches.is_empty() && plan.in_motion.is_empty() {
                return;
            }
        }
        panic!("it does not settle: {:?} {:?}", self.compare(), self.ledger.open_orders());
    }

    /// What the ledger has is what the fills make, and what is open can be open.
    fn check(&self) {
        let sums = &self.sums;
        for (asset, total) in &sums.balances {
            assert_eq!(self.ledger.balances().get(ACCOUNT, *asset).total, *total, "{asset:?}");
        }
        let whole = self.ledger.positions().iter().filter(|(key, one)| {
            key.strategy.is_none() && key.instrument == LINEAR && one.size != Amount::ZERO
        });
        let sizes: Vec<_> = whole.map(|(_, one)| (one.size, one.price_entry)).collect();
        let summed = Some(&sums.position).filter(|one| one.size != Amount::ZERO);
        let summed: Vec<_> = summed.iter().map(|one| (one.size, one.price_entry)).collect();
        assert_eq!(sizes, summed);
        for order in self.ledger.orders() {
            let numbers = order.legs.iter().filter_map(|leg| leg.venue_order_id.as_deref());
            let summed: Amount =
                numbers.filter_map(|number| sums.orders.get(number)).copied().sum();
            assert_eq!(order.size_filled, summed, "{order:?}");
            assert!(order.venue_order_id().is_some() || !order.facts.known, "{order:?}");
            let is_brief = matches!(order.wish.tif, None | Some(Tif::Ioc | Tif::Fok));
            let is_open = self.ledger.open_orders().iter().any(|one| one.id == order.id);
            assert!(!(is_brief && is_open), "{order:?}");
        }
    }
}

const ROWS: i64 = 250;

fn live(life: &mut Life<Cut>) {
    life.quote();
    drop(life.compare());
    while life.ledger.journal_mut().rows > 0 {
        life.step();
    }
}

#[test]
fn a_restart_after_every_row_has_what_the_fills_make() {
    let (mut filled, mut open) = (0, 0);
    for rows in 0..=ROWS {
        let folder = in_memory();
        let cut = Cut { rows, tapes: tapes(folder.path()), sums: Sums::at_the_start() };
        let mut life = Life::begin(open_with(cut, rules()), NOW, 7, Sums::at_the_start());
        live(&mut life);
        let (now, sums) = (life.now, life.ledger.journal_mut().sums.clone());
        drop(life);
        let (ledger, found) = reopened(folder.path());
        assert_eq!((found.gaps, found.fills_missing.len()), (Vec::new(), 0));
        open += ledger.open_orders().len();
        filled = filled.max(sums.ids.len());
        // The clock may have been set back in between.
        let now = now + if rows % 3 == 0 { -5_000 * MS } else { 5_000 * MS };
        let mut again = Life::begin(ledger, now, rows.unsigned_abs(), sums);
        again.settle();
        again.check();
        (0..10).for_each(|_| again.step());
        again.settle();
        again.check();
    }
    assert!(filled > 20 && open > 200, "{filled} {open}");
}
