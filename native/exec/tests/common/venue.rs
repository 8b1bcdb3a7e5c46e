//! A venue around the matching engine: orders of ours, a crowd against them, and the words that a
//! private stream and queries say about them.

use std::collections::HashMap;

use crate::common::*;
use proptest::prelude::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, OrderEvent, OrderKind, OrderSide, OrderState, PositionSide, Tif, TriggerDirection,
    TriggerSource,
};
use rustonite_exec::reconcile::{VenueBooks, VenuePosition};
use rustonite_exec::{
    AccountRules, ChangeIds, Figures, Fill, Journal, Ledger, Link, Nowhere, OrderId, OrderPicture,
    RefusalKind, Report, Request, Trigger, Values, What, Wish,
};
use rustonite_sim as sim;

pub(crate) const OURS: sim::AccountId = 0;
pub(crate) const CROWD: sim::AccountId = 1;
/// Of the exchange; the same numbers as ours.
pub(crate) const ASSETS: [(&str, u32); 3] = [("BTC", 0), ("USDT", 1), ("BNB", 2)];

/// What somebody does.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Submit { buys: bool, price: i64, lots: i64, sort: u8 },
    Replace { which: usize, price: i64, lots: i64, is_lost: bool },
    Cancel { which: usize, is_lost: bool },
    Crowd { buys: bool, price: i64, lots: i64 },
}

pub(crate) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
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
pub(crate) enum Item {
    Submit(Wish),
    Replace(OrderId, Values),
    Cancel(OrderId),
    Report(Report),
}

impl Item {
    /// Whether it was taken.
    pub(crate) fn take<J: Journal>(&self, ledger: &mut Ledger<J>) -> bool {
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
pub(crate) enum Style {
    /// The order stays, and its id.
    InPlace,
    /// The order stays under a new id.
    NewId,
    /// A cancel and a new order, whose figures are its own.
    NewOrder,
}

pub(crate) fn styles() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::InPlace), Just(Style::NewId), Just(Style::NewOrder)]
}

pub(crate) struct Known {
    pub(crate) id: OrderId,
    pub(crate) client_id: Box<str>,
    pub(crate) filled: i64,
}

/// The venue with its trace.
pub(crate) struct Venue {
    pub(crate) exchange: sim::Exchange,
    pub(crate) instrument: rustonite_core::ids::InstrumentId,
    pub(crate) ledger: Ledger<Nowhere>,
    pub(crate) style: Style,
    pub(crate) orders: HashMap<sim::OrderId, Known>,
    pub(crate) placed: Vec<sim::OrderId>,
    pub(crate) items: Vec<Item>,
    /// Items whose reports are lost on the way.
    pub(crate) gap: std::ops::Range<usize>,
    /// All executions of ours, as queries show them.
    pub(crate) fills: Vec<Report>,
    pub(crate) ts: i64,
}

pub(crate) fn ledger_with(style: Style) -> Ledger<Nowhere> {
    open_with(Nowhere, rules_of(style))
}

pub(crate) fn rules_of(style: Style) -> AccountRules {
    let (changes, figures) = match style {
        Style::InPlace => (ChangeIds::Same, Figures::Order),
        Style::NewId => (ChangeIds::New, Figures::Order),
        Style::NewOrder => (ChangeIds::New, Figures::Leg),
    };
    AccountRules { changes, figures, ..rules() }
}

pub(crate) fn ticks(price: i64) -> Amount {
    Amount(i128::from(price) * 10_i128.pow(16))
}

pub(crate) fn lots(count: i64) -> Amount {
    Amount(i128::from(count) * 10_i128.pow(15))
}

impl Venue {
    pub(crate) fn new(is_spot: bool, style: Style) -> Self {
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

    pub(crate) fn apply(&mut self, command: &sim::Command) -> Result<Vec<sim::Event>, sim::Reject> {
        self.ts += 10;
        let mut events = Vec::new();
        self.exchange.apply(self.ts, command, &mut events)?;
        Ok(events)
    }

    pub(crate) fn note(&mut self, item: Item) {
        let is_lost = matches!(item, Item::Report(_)) && self.gap.contains(&self.items.len());
        assert!(is_lost || item.take(&mut self.ledger));
        self.items.push(item);
    }

    /// A word of the venue about an order.
    pub(crate) fn say(&mut self, sim_id: sim::OrderId, what: What) {
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

    pub(crate) fn live(&mut self, deeds: &[Deed]) {
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

    pub(crate) fn submit(&mut self, buys: bool, price: i64, count: i64, sort: u8) {
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

    pub(crate) fn pick(&self, which: usize) -> Option<sim::OrderId> {
        self.placed.iter().rev().nth(which).copied()
    }

    pub(crate) fn replace(&mut self, which: usize, price: i64, count: i64, is_lost: bool) {
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

    pub(crate) fn amend(
        &mut self,
        order: sim::OrderId,
        price: Option<i64>,
        quantity: i64,
    ) -> Option<Vec<sim::Event>> {
        self.apply(&sim::Command::Amend { account: OURS, order, price, quantity }).ok()
    }

    /// A cancel and a new order for what is not filled; its own words are those of the change.
    pub(crate) fn place_instead(
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
    pub(crate) fn filled(&self, id: OrderId) -> i64 {
        let of_order = self.orders.values().filter(|known| known.id == id);
        of_order.map(|known| known.filled).sum()
    }

    pub(crate) fn cancel(&mut self, which: usize, is_lost: bool) {
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
    pub(crate) fn tell(&mut self, events: &[sim::Event]) {
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

    pub(crate) fn tell_fill(&mut self, order: sim::OrderId, event: &sim::Event) {
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

    pub(crate) fn tell_end(
        &mut self,
        order: sim::OrderId,
        reason: sim::CancelReason,
        prevented: i64,
    ) {
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

/// What the venue answers when it is asked, long after.
impl Venue {
    pub(crate) fn picture(&self, sim_id: sim::OrderId) -> Option<Report> {
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
            price_trigger: None,
            limit_tif: None,
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

    pub(crate) fn books(&self) -> VenueBooks {
        // Those that ended are among them, also old ones that a change took away.
        let orders = self.orders.keys().filter_map(|id| self.picture(*id));
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
            open_orders: Some(orders.collect()),
            fills: [(self.instrument, self.fills.clone())].into(),
            positions: Some(positions.into_iter().collect()),
            ..VenueBooks::default()
        }
    }

    /// The answer to a query about one order.
    pub(crate) fn answer(&self, request: &Request) -> Report {
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

pub(crate) fn lots_average(money: Amount, count: i64) -> Option<Amount> {
    money.ratio(lots(count))
}
