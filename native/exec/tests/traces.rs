//! Whatever the order in which a venue's words come, and however often: the same end.
//!
//! The traces are those of the matching engine, with orders of ours and a crowd against them.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use std::collections::HashMap;

use common::*;
use proptest::prelude::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, OrderEvent, OrderKind, OrderSide, OrderState, PositionSide, Tif, TriggerDirection,
    TriggerSource, order_flags,
};
use rustonite_exec::reconcile::{Settings, VenueBooks, VenuePosition, reconcile};
use rustonite_exec::{
    AccountRules, Ask, ChangeIds, Contract, Durability, Figures, Fill, Journal, Ledger, Link,
    Nowhere, OrderId, OrderPicture, PositionKey, RefusalKind, Report, Request, Trigger, Values,
    What, Wish,
};
use rustonite_sim as sim;

const OURS: sim::AccountId = 0;
const CROWD: sim::AccountId = 1;
/// Of the exchange; the same numbers as ours.
const ASSETS: [(&str, u32); 3] = [("BTC", 0), ("USDT", 1), ("BNB", 2)];

/// What somebody does.
#[derive(Clone, Debug)]
enum Deed {
    Submit { buys: bool, price: i64, lots: i64, sort: u8 },
    Replace { which: usize, price: i64, lots: i64, is_lost: bool },
    Cancel { which: usize, is_lost: bool },
    Crowd { buys: bool, price: i64, lots: i64 },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let (price, lots) = (9_900_i64..10_100, 1_i64..40);
    let deed = prop_oneof![
        3 => (any::<bool>(), price.clone(), lots.clone(), 0_u8..6)
            .prop_map(|(buys, price, lots, sort)| Deed::Submit { buys, price, lots, sort }),
        2 => (0_usize..8, price.clone(), lots.clone(), any::<bool>())
            .prop_map(|(which, price, lots, is_lost)| Deed::Replace { which, price, lots, is_lost }),
        2 => (0_usize..8, any::<bool>()).prop_map(|(which, is_lost)| Deed::Cancel { which, is_lost }),
        4 => (any::<bool>(), price, lots).prop_map(|(buys, price, lots)| Deed::Crowd { buys, price, lots }),
    ];
    prop::collection::vec(deed, 1..60)
}

/// What our side does and hears.
#[derive(Clone, Debug)]
enum Item {
    Submit(Wish),
    Replace(OrderId, Values),
    Cancel(OrderId),
    Report(Report),
}

impl Item {
    /// Whether it was taken.
    fn take<J: Journal>(&self, ledger: &mut Ledger<J>) -> bool {
        match self.clone() {
            Self::Submit(wish) => ledger.submit(NOW, wish, Link::default()).is_ok(),
            Self::Replace(id, values) => ledger.replace(NOW, id, values).is_ok(),
            Self::Cancel(id) => ledger.cancel(NOW, id).is_ok(),
            Self::Report(report) => {
                ledger.report(&report);
                true
            }
        }
    }
}

/// How a venue changes orders.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Style {
    /// The order stays, and its id.
    InPlace,
    /// The order stays under a new id.
    NewId,
    /// A cancel and a new order, whose figures are its own.
    NewOrder,
}

fn styles() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::InPlace), Just(Style::NewId), Just(Style::NewOrder)]
}

struct Known {
    id: OrderId,
    client_id: Box<str>,
    filled: i64,
}

/// The venue with its trace.
struct Venue {
    exchange: sim::Exchange,
    instrument: rustonite_core::ids::InstrumentId,
    ledger: Ledger<Nowhere>,
    style: Style,
    orders: HashMap<sim::OrderId, Known>,
    placed: Vec<sim::OrderId>,
    items: Vec<Item>,
    /// Items whose reports are lost on the way.
    gap: std::ops::Range<usize>,
    /// All executions of ours, as queries show them.
    fills: Vec<Report>,
    ts: i64,
}

fn ledger_with(style: Style) -> Ledger<Nowhere> {
    open_with(Nowhere, rules_of(style))
}

fn rules_of(style: Style) -> AccountRules {
    let (changes, figures) = match style {
        Style::InPlace => (ChangeIds::Same, Figures::Order),
        Style::NewId => (ChangeIds::New, Figures::Order),
        Style::NewOrder => (ChangeIds::New, Figures::Leg),
    };
    AccountRules { changes, figures, ..rules() }
}

fn ticks(price: i64) -> Amount {
    Amount(i128::from(price) * 10_i128.pow(16))
}

fn lots(count: i64) -> Amount {
    Amount(i128::from(count) * 10_i128.pow(15))
}

impl Venue {
    fn new(is_spot: bool, style: Style) -> Self {
        let mut exchange = sim::Exchange::new();
        for (name, number) in ASSETS {
            assert_eq!(exchange.asset(name, 8), number);
        }
        let kind = if is_spot {
            sim::Kind::Spot
        } else {
            sim::Kind::Perpetual { leverage_max: 50, maintenance_ppm: 10_000 }
        };
        let listed = exchange.list(sim::Instrument {
            symbol: "BTCUSDT".to_owned(),
            kind,
            base: 0,
            quote: 1,
            tick: "0.01".parse().unwrap(),
            lot: "0.001".parse().unwrap(),
            filters: sim::Filters::default(),
        });
        listed.unwrap();
        let mut venue = Self {
            exchange,
            instrument: if is_spot { SPOT } else { LINEAR },
            ledger: ledger_with(style),
            style,
            orders: HashMap::new(),
            placed: Vec::new(),
            items: Vec::new(),
            gap: 0..0,
            fills: Vec::new(),
            ts: NOW,
        };
        for account in [OURS, CROWD] {
            assert_eq!(venue.exchange.open(), account);
            for (_, asset) in ASSETS {
                let amount = amount("1000");
                venue.apply(&sim::Command::Deposit { account, asset, amount }).unwrap();
            }
            let fees = sim::Fees { maker_ppm: -100, taker_ppm: 500 };
            venue.apply(&sim::Command::SetFees { account, fees, fee_asset: None }).unwrap();
        }
        venue
    }

    fn apply(&mut self, command: &sim::Command) -> Result<Vec<sim::Event>, sim::Reject> {
        self.ts += 10;
        let mut events = Vec::new();
        self.exchange.apply(self.ts, command, &mut events)?;
        Ok(events)
    }

    fn note(&mut self, item: Item) {
        let is_lost = matches!(item, Item::Report(_)) && self.gap.contains(&self.items.len());
        assert!(is_lost || item.take(&mut self.ledger));
        self.items.push(item);
    }

    /// A word of the venue about an order.
    fn say(&mut self, sim_id: sim::OrderId, what: What) {
        self.ts += 1;
        let known = &self.orders[&sim_id];
        let report = Report {
            ts_event: self.ts,
            ts_recv: self.ts,
            instrument: self.instrument,
            venue_order_id: Some(sim_id.0.to_string().into()),
            ..by_id(&known.client_id, what)
        };
        self.note(Item::Report(report));
    }

    fn live(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            match *deed {
                Deed::Submit { buys, price, lots, sort } => self.submit(buys, price, lots, sort),
                Deed::Replace { which, price, lots, is_lost } => {
                    self.replace(which, price, lots, is_lost);
                }
                Deed::Cancel { which, is_lost } => self.cancel(which, is_lost),
                Deed::Crowd { buys, price, lots } => {
                    let side = if buys { sim::Side::Buy } else { sim::Side::Sell };
                    let order = sim::NewOrder::limit(CROWD, 0, side, price, lots);
                    if let Ok(events) = self.apply(&sim::Command::Place(order)) {
                        self.tell(&events);
                    }
                }
            }
        }
    }

    fn submit(&mut self, buys: bool, price: i64, count: i64, sort: u8) {
        let side = if buys { sim::Side::Buy } else { sim::Side::Sell };
        let mut asked = sim::NewOrder::limit(OURS, 0, side, price, count);
        let our_side = if buys { OrderSide::Buy } else { OrderSide::Sell };
        let limit = Wish { instrument: self.instrument, side: our_side, ..wish() };
        let mut wish = Wish { price: Some(ticks(price)), size: lots(count), ..limit };
        match sort {
            0 => {
                asked = sim::NewOrder::market(OURS, 0, side, count);
                wish = Wish { kind: OrderKind::Market, price: None, tif: None, ..wish };
            }
            1 => {
                asked.expiry = sim::Expiry::Immediate;
                wish.tif = Some(Tif::Ioc);
            }
            2 => {
                let source = sim::TriggerSource::Last;
                asked.trigger = Some(sim::Trigger { price, rises: buys, source, trailing: None });
                let direction = if buys { TriggerDirection::Up } else { TriggerDirection::Down };
                let source = TriggerSource::Last;
                wish.kind = OrderKind::StopLimit;
                wish.trigger =
                    Some(Trigger { price: ticks(price), source, direction, trail: None });
            }
            _ => {}
        }
        let id = self.ledger.next_id();
        self.note(Item::Submit(wish));
        let client_id = self.ledger.order(id).unwrap().client_id().into();
        let placed = self.apply(&sim::Command::Place(asked));
        let sim_id = match &placed {
            Ok(events) => events.iter().find_map(|event| match event {
                sim::Event::Placed { order } => Some(*order),
                _ => None,
            }),
            Err(_) => None,
        };
        // A refused order has no number of the venue; one that no order has will do.
        let sim_id = sim_id.unwrap_or(sim::OrderId(1_000_000 + u64::try_from(id.0).unwrap()));
        self.orders.insert(sim_id, Known { id, client_id, filled: 0 });
        match placed {
            Ok(events) => {
                self.placed.push(sim_id);
                self.tell(&events);
            }
            Err(_) => self.say(sim_id, What::Rejected(refusal(RefusalKind::Other))),
        }
    }

    fn pick(&self, which: usize) -> Option<sim::OrderId> {
        self.placed.iter().rev().nth(which).copied()
    }

    fn replace(&mut self, which: usize, price: i64, count: i64, is_lost: bool) {
        let Some(sim_id) = self.pick(which) else { return };
        let id = self.orders[&sim_id].id;
        let price = Some(price).filter(|_| self.ledger.order(id).unwrap().wish.price.is_some());
        let values = Values { price: price.map(ticks), size: lots(count), price_trigger: None };
        if self.ledger.replace(NOW, id, values).is_err() {
            return;
        }
        self.items.push(Item::Replace(id, values));
        let before = self.orders[&sim_id].client_id.clone();
        let change = self.ledger.order(id).unwrap().changes.last().unwrap().leg;
        let after = self.ledger.order(id).unwrap().legs[change].client_id.clone();
        self.orders.get_mut(&sim_id).unwrap().client_id = after.clone();
        if is_lost {
            self.say(sim_id, lost(OrderEvent::ReplaceAsked));
        }
        let done = match self.style {
            Style::NewOrder => self.place_instead(sim_id, price, count),
            _ => self.amend(sim_id, price, count).map(|events| (sim_id, events)),
        };
        let Some((new_id, events)) = done else {
            self.say(sim_id, What::ReplaceRejected(refusal(RefusalKind::Other)));
            self.orders.get_mut(&sim_id).unwrap().client_id = before;
            return;
        };
        if new_id != sim_id {
            self.orders.get_mut(&sim_id).unwrap().client_id = before;
            self.orders.insert(new_id, Known { id, client_id: after, filled: 0 });
            let place = self.placed.iter().position(|one| *one == sim_id).unwrap();
            self.placed[place] = new_id;
        }
        self.say(new_id, What::Replaced { price: price.map(ticks), size: lots(count) });
        self.tell(&events);
    }

    fn amend(
        &mut self,
        order: sim::OrderId,
        price: Option<i64>,
        quantity: i64,
    ) -> Option<Vec<sim::Event>> {
        self.apply(&sim::Command::Amend { account: OURS, order, price, quantity }).ok()
    }

    /// A cancel and a new order for what is not filled; its own words are those of the change.
    fn place_instead(
        &mut self,
        order: sim::OrderId,
        price: Option<i64>,
        count: i64,
    ) -> Option<(sim::OrderId, Vec<sim::Event>)> {
        let old = self.exchange.order(order).filter(|old| old.is_open)?;
        let rest = count - self.filled(self.orders[&order].id);
        let quantity = sim::Quantity::Lots(Some(rest).filter(|rest| *rest > 0)?);
        let trigger = old.asked.trigger.filter(|_| !old.is_working);
        let new = sim::NewOrder { price, quantity, trigger, ..old.asked };
        let mut events = self.apply(&sim::Command::Replace { order, new, always: false }).ok()?;
        let placed = events.iter().position(|one| matches!(one, sim::Event::Placed { .. }))?;
        let sim::Event::Placed { order: new_id } = events.remove(placed) else { return None };
        Some((new_id, events))
    }

    /// Filled of an order of ours, whatever the venue's numbers of it were.
    fn filled(&self, id: OrderId) -> i64 {
        let of_order = self.orders.values().filter(|known| known.id == id);
        of_order.map(|known| known.filled).sum()
    }

    fn cancel(&mut self, which: usize, is_lost: bool) {
        let Some(sim_id) = self.pick(which) else { return };
        let id = self.orders[&sim_id].id;
        if self.ledger.cancel(NOW, id).is_err() {
            return;
        }
        self.items.push(Item::Cancel(id));
        if is_lost {
            self.say(sim_id, lost(OrderEvent::CancelAsked));
        }
        match self.apply(&sim::Command::Cancel { account: OURS, order: sim_id }) {
            Ok(events) => self.tell(&events),
            Err(_) => self.say(sim_id, What::CancelRejected(refusal(RefusalKind::Other))),
        }
    }

    /// Events of the engine as a venue's private stream tells them.
    fn tell(&mut self, events: &[sim::Event]) {
        for event in events {
            match *event {
                sim::Event::Placed { order } if self.orders.contains_key(&order) => {
                    self.say(order, What::Accepted);
                }
                sim::Event::Triggered { order } if self.orders.contains_key(&order) => {
                    self.say(order, What::Triggered);
                }
                sim::Event::Fill { order, account: OURS, .. } => self.tell_fill(order, event),
                sim::Event::Cancelled { reason: sim::CancelReason::Replaced, .. } => {}
                sim::Event::Cancelled { order, reason, prevented }
                    if self.orders.contains_key(&order) =>
                {
                    self.tell_end(order, reason, prevented);
                }
                _ => {}
            }
        }
    }

    fn tell_fill(&mut self, order: sim::OrderId, event: &sim::Event) {
        let sim::Event::Fill { trade, price, quantity, filled, fee, fee_asset, .. } = *event else {
            return;
        };
        let known = self.orders.get_mut(&order).unwrap();
        known.filled = filled;
        let id = known.id;
        let asset = self.ledger.directory().asset(ASSETS[fee_asset as usize].0).unwrap();
        let fill = Fill {
            trade_id: i64::try_from(trade).ok(),
            side: self.ledger.order(id).unwrap().wish.side,
            price: ticks(price),
            size: lots(quantity),
            size_filled: Some(lots(filled)),
            fee: Some((fee, asset)),
            ..fill(&format!("{trade}-{}", order.0), "1", "1")
        };
        self.say(order, What::Fill(fill));
        let Some(Item::Report(report)) = self.items.last() else { return };
        let queried = Report { client_id: "".into(), source: EventSource::Rest, ..report.clone() };
        self.fills.push(queried);
    }

    fn tell_end(&mut self, order: sim::OrderId, reason: sim::CancelReason, prevented: i64) {
        let filled = self.orders[&order].filled;
        let size_filled = Some(lots(filled));
        let size_prevented = (prevented > 0).then(|| lots(prevented));
        let what = match reason {
            sim::CancelReason::Asked => {
                What::Cancelled { size_filled, size_prevented, refusal: None }
            }
            sim::CancelReason::Balance if filled == 0 => {
                What::Rejected(refusal(RefusalKind::Balance))
            }
            _ => What::Expired { size_filled, size_prevented, refusal: None },
        };
        self.say(order, what);
    }
}

/// The trace with reports delayed, doubled and told by a query under another id; each item with its
/// place in the trace.
fn shaken(items: &[Item], seed: u64) -> Vec<(usize, Item)> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut keyed = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let Item::Report(report) = item else {
            keyed.push((place, place, item.clone()));
            continue;
        };
        let mut copies = vec![report.clone()];
        if dice.u8(..3) == 0 {
            copies.push(report.clone());
        }
        if let What::Fill(fill) = &report.what
            && dice.bool()
        {
            let fill_id = format!("q{}", fill.fill_id).into();
            let queried = Fill { fill_id, size_filled: None, ..fill.clone() };
            let source = EventSource::Rest;
            copies.push(Report { source, what: What::Fill(queried), ..report.clone() });
        }
        dice.shuffle(&mut copies);
        for copy in copies {
            let delay = if dice.bool() { 0 } else { dice.usize(..items.len() * 2) };
            keyed.push((place + delay, place, Item::Report(copy)));
        }
    }
    keyed.sort_by_key(|(moment, ..)| *moment);
    keyed.into_iter().map(|(_, place, item)| (place, item)).collect()
}

/// Lives through a shaken trace. An act that is not possible yet waits for the reports that had come
/// before it.
fn live_again<J: Journal>(
    ledger: &mut Ledger<J>,
    mut shaken: Vec<(usize, Item)>,
) -> Result<(), TestCaseError> {
    while !shaken.is_empty() {
        let (place, item) = shaken.remove(0);
        if !item.take(ledger) {
            let (earlier, later): (Vec<_>, _) = shaken
                .into_iter()
                .partition(|(one, other)| *one < place && matches!(other, Item::Report(_)));
            for (_, report) in &earlier {
                report.take(ledger);
            }
            prop_assert!(item.take(ledger), "{:?}", item);
            shaken = later;
        }
        for order in ledger.orders() {
            let over = order.size_filled > order.wish.size;
            let told = order.wish.flags & order_flags::OVERFILLED != 0;
            prop_assert_eq!(over, told, "order {}: {}", order.id.0, order.size_filled);
        }
    }
    Ok(())
}

/// What must be the same in the end, for people to compare.
fn summary<J: Journal>(ledger: &Ledger<J>, venue: &Venue) -> Vec<String> {
    let mut lines = Vec::new();
    let mut orders: Vec<_> = ledger.orders().collect();
    orders.sort_by_key(|order| order.id);
    for order in orders {
        lines.push(format!(
            "{} {:?} {} of {} at {:?}",
            order.id.0, order.state, order.size_filled, order.wish.size, order.wish.price
        ));
    }
    let instrument = venue.instrument;
    let side = PositionSide::Net;
    for strategy in [None, Some(STRATEGY)] {
        let key = PositionKey { account: ACCOUNT, strategy, instrument, side };
        lines.push(format!("position {}", ledger.positions().get(&key).size));
    }
    let key = PositionKey { account: ACCOUNT, strategy: None, instrument, side };
    let position = ledger.positions().get(&key);
    let contract = Contract { inverse: false, multiplier: amount("1") };
    let entry = position.price_entry.unwrap_or_default();
    let entered = contract.worth(position.size, entry).unwrap();
    for (_, asset, owned) in ledger.balances().iter() {
        // The profit of a perpetual depends on the order of fills; with what is open it does not.
        let is_settle = instrument == LINEAR && ledger.directory().asset_name(asset) == "USDT";
        let open = if is_settle { entered } else { Amount::ZERO };
        lines.push(format!("{} {}", ledger.directory().asset_name(asset), owned.total - open));
    }
    lines
}

fn check(deeds: &[Deed], is_spot: bool, style: Style, seed: u64) -> Result<(), TestCaseError> {
    let mut venue = Venue::new(is_spot, style);
    venue.live(deeds);
    let expected = summary(&venue.ledger, &venue);
    check_against_the_engine(&venue, is_spot)?;
    let mut ledger = ledger_with(style);
    live_again(&mut ledger, shaken(&venue.items, seed))?;
    prop_assert_eq!(summary(&ledger, &venue), expected);
    Ok(())
}

/// The process ends somewhere behind the last act and goes on with its journal; reports that it has
/// taken may come again.
fn check_restart(deeds: &[Deed], style: Style, seed: u64) -> Result<(), TestCaseError> {
    let mut venue = Venue::new(true, style);
    venue.live(deeds);
    let folder = in_memory();
    let rules = rules_of(style);
    let mut ledger = open_with(tapes(folder.path()), rules.clone());
    let mut before = shaken(&venue.items, seed);
    let last_act = before.iter().rposition(|(_, item)| !matches!(item, Item::Report(_)));
    let first = last_act.map_or(0, |place| place + 1);
    let end = first + usize::try_from(seed % 7).unwrap() * (before.len() - first) / 7;
    let after = before.split_off(end);
    // An act may have to wait for a report that had come before it.
    let act = last_act.map_or(0, |at| before[at].0);
    let (due, after): (Vec<_>, Vec<_>) = after.into_iter().partition(|(place, _)| *place < act);
    before.extend(due);
    live_again(&mut ledger, before)?;
    drop(ledger);
    let journal = (folder.path(), tape_options(), Durability::Interval);
    let (mut ledger, _) = Ledger::open(directory(), [(ACCOUNT, rules)], journal).unwrap();
    ledger.lose_requests(venue.ts);
    live_again(&mut ledger, after)?;
    let mut all_again = shaken(&venue.items, seed + 1);
    all_again.retain(|(_, item)| matches!(item, Item::Report(_)));
    live_again(&mut ledger, all_again)?;
    prop_assert_eq!(summary(&ledger, &venue), summary(&venue.ledger, &venue));
    Ok(())
}

/// The engine has the same fills, position and money.
fn check_against_the_engine(venue: &Venue, is_spot: bool) -> Result<(), TestCaseError> {
    for order in venue.ledger.orders() {
        prop_assert!(!order.is_external(), "{:?}", order);
        prop_assert_eq!(order.size_filled, lots(venue.filled(order.id)), "order {}", order.id.0);
        let is_open = venue
            .exchange
            .open_orders(OURS)
            .any(|open| venue.orders.get(&open.id).is_some_and(|known| known.id == order.id));
        prop_assert_eq!(!order.is_final(), is_open, "order {}: {:?}", order.id.0, order.state);
    }
    if is_spot {
        for (name, asset) in ASSETS {
            let (free, locked) = venue.exchange.balance(OURS, asset);
            let ours = venue.ledger.directory().asset(name).unwrap();
            let ours = venue.ledger.balances().get(ACCOUNT, ours).total;
            prop_assert_eq!(free + locked - amount("1000"), ours, "{}", name);
        }
    } else {
        let side = PositionSide::Net;
        let key = PositionKey { account: ACCOUNT, strategy: None, instrument: LINEAR, side };
        let (quantity, ..) = venue.exchange.position(OURS, 0, sim::PositionSide::Net);
        prop_assert_eq!(venue.ledger.positions().get(&key).size, lots(quantity));
    }
    Ok(())
}

/// What the venue answers when it is asked, long after.
impl Venue {
    fn picture(&self, sim_id: sim::OrderId) -> Option<Report> {
        let known = &self.orders[&sim_id];
        let shown = self.exchange.order(sim_id)?;
        let ours = self.ledger.order(known.id)?;
        let state = match (shown.is_open, shown.cancelled) {
            (true, _) if shown.asked.trigger.is_some() && shown.is_working => OrderState::Triggered,
            (true, _) if shown.filled > 0 => OrderState::PartiallyFilled,
            (true, _) => OrderState::Accepted,
            (false, None) => OrderState::Filled,
            (false, Some(sim::CancelReason::Asked | sim::CancelReason::Replaced)) => {
                OrderState::Cancelled
            }
            (false, Some(sim::CancelReason::Balance)) if shown.filled == 0 => OrderState::Rejected,
            (false, Some(_)) => OrderState::Expired,
        };
        let picture = OrderPicture {
            state,
            side: ours.wish.side,
            price: shown.asked.price.map(ticks),
            size: lots(shown.quantity),
            size_filled: lots(shown.filled),
            price_average: lots_average(shown.filled_quote, shown.filled),
        };
        Some(Report {
            ts_event: self.ts,
            ts_recv: self.ts,
            source: EventSource::Rest,
            instrument: self.instrument,
            venue_order_id: Some(sim_id.0.to_string().into()),
            ..by_id(&known.client_id, What::Picture(picture))
        })
    }

    fn books(&self) -> VenueBooks {
        // Old orders that a change took away are among those that ended.
        let is_open = |id: &sim::OrderId| self.exchange.order(*id).is_some_and(|one| one.is_open);
        let (open, recent): (Vec<_>, Vec<_>) = self.orders.keys().copied().partition(is_open);
        let pictures = |ids: Vec<sim::OrderId>| {
            Some(ids.into_iter().filter_map(|id| self.picture(id)).collect())
        };
        let (quantity, worth, _) = self.exchange.position(OURS, 0, sim::PositionSide::Net);
        let position = VenuePosition {
            instrument: self.instrument,
            side: PositionSide::Net,
            size: lots(quantity),
            price_entry: lots_average(worth, quantity),
            ts_event: self.ts,
        };
        let positions = (self.instrument == LINEAR).then_some(position);
        VenueBooks {
            asked_at: self.ts + 60_000_000_000,
            open_orders: pictures(open),
            recent_orders: pictures(recent),
            fills: [(self.instrument, (0, self.fills.clone()))].into(),
            positions: Some(positions.into_iter().collect()),
            balances: None,
        }
    }

    /// The answer to a query about one order.
    fn answer(&self, request: &Request) -> Report {
        let Request::Query { client_id, .. } = request else { panic!("{request:?}") };
        let shown = self.orders.iter().find(|(_, known)| known.client_id == *client_id);
        let shown = shown.and_then(|(id, _)| self.picture(*id));
        shown.unwrap_or_else(|| Report {
            instrument: self.instrument,
            ts_recv: self.ts,
            source: EventSource::Rest,
            ..by_id(client_id, What::NotFound)
        })
    }
}

fn lots_average(money: Amount, count: i64) -> Option<Amount> {
    money.ratio(lots(count))
}

/// Compares, does and asks until the books agree.
fn reconciled(venue: &mut Venue) -> Result<(), TestCaseError> {
    let (books, settings) = (venue.books(), Settings::default());
    for _ in 0..6 {
        let plan = reconcile(&venue.ledger, ACCOUNT, &books, &settings);
        venue.ledger.apply_plan(venue.ts, ACCOUNT, &plan);
        for ask in &plan.asks {
            if let Ask::Order(id) = ask {
                let answer = venue.answer(&venue.ledger.query(*id).unwrap());
                venue.ledger.report(&answer);
            }
        }
        let open = plan.reports.len() + plan.asks.len() + plan.asks_left;
        if open == 0 && plan.mismatches.is_empty() {
            return Ok(());
        }
    }
    let plan = reconcile(&venue.ledger, ACCOUNT, &books, &settings);
    let orders = venue.ledger.open_orders();
    prop_assert!(false, "it comes to no end: {:#?} {:#?}", plan, orders);
    Ok(())
}

/// Some reports are lost with the connection; then the venue's books are looked at.
fn check_gap(
    deeds: &[Deed],
    is_spot: bool,
    style: Style,
    gap: std::ops::Range<usize>,
) -> Result<(), TestCaseError> {
    let mut venue = Venue::new(is_spot, style);
    venue.gap = gap;
    venue.live(deeds);
    venue.ledger.lose_requests(venue.ts);
    reconciled(&mut venue)?;
    check_against_the_engine(&venue, is_spot)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_order_of_reports_ends_the_same(
        deeds in deeds(),
        is_spot in any::<bool>(),
        style in styles(),
        seed in any::<u64>(),
    ) {
        check(&deeds, is_spot, style, seed)?;
    }

    #[test]
    fn a_gap_is_closed_by_reconciliation(
        deeds in deeds(),
        is_spot in any::<bool>(),
        style in styles(),
        lost_from in 0_usize..60,
        lost in 0_usize..60,
    ) {
        check_gap(&deeds, is_spot, style, lost_from..lost_from + lost)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_restart_amid_reports_ends_the_same(
        deeds in deeds(),
        style in styles(),
        seed in 0_u64..1 << 60,
    ) {
        check_restart(&deeds, style, seed)?;
    }
}
