//! What is sent about orders.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OrderEvent, OrderKind, OrderSide, PositionSide, Stp, Tif, TriggerDirection, TriggerSource,
    order_flags,
};
use serde_json::{Map, Value, json};

use super::{Bybit, Category, Change, TRADING, WINDOW_MS};
use crate::gateway::batch::{groups, together};
use crate::gateway::capability::{Capabilities, KindRule, Part, Replace, has_limit, word};
use crate::gateway::desk::Desk;
use crate::gateway::dialect::{Questions as _, Requests};
use crate::gateway::flight::{Asked, Named, Query, Way};
use crate::gateway::parse::set;
use crate::gateway::{Batch, Outgoing, Written};
use crate::report::Refusal;
use crate::request::Request;
use crate::wish::Wish;

pub(super) const TIFS: [(Tif, &str); 4] =
    [(Tif::Gtc, "GTC"), (Tif::Ioc, "IOC"), (Tif::Fok, "FOK"), (Tif::Gtx, "PostOnly")];
const STPS: [(Stp, &str); 4] = [
    (Stp::Allow, "None"),
    (Stp::ExpireTaker, "CancelTaker"),
    (Stp::ExpireMaker, "CancelMaker"),
    (Stp::ExpireBoth, "CancelBoth"),
];
const STAYING: &[Tif] = &[Tif::Gtc, Tif::Ioc, Tif::Fok, Tif::Gtx];
const POST_ONLY: i32 = order_flags::POST_ONLY | order_flags::KEEP_PRIORITY;
const REDUCE: i32 = order_flags::REDUCE_ONLY;

const fn rule(kind: OrderKind, flags: i32) -> KindRule {
    let (word, tifs, replace, more) = if has_limit(kind) {
        ("Limit", STAYING, Replace::InPlace, POST_ONLY)
    } else {
        ("Market", &[Tif::Ioc] as &[Tif], Replace::InPlace, 0)
    };
    KindRule { kind, word, tifs, flags: flags | more, parts: &[], replace }
}

const fn market(flags: i32, parts: &'static [Part]) -> KindRule {
    KindRule { parts, replace: Replace::Never, ..rule(OrderKind::Market, flags) }
}

/// What the venue can do with orders of spot.
pub(in crate::gateway) const SPOT: Capabilities = Capabilities {
    venue: "bybit-spot",
    kinds: &[
        market(0, &[Part::SizeQuote, Part::PriceProtect]),
        rule(OrderKind::Limit, 0),
        rule(OrderKind::StopMarket, 0),
        rule(OrderKind::StopLimit, 0),
        rule(OrderKind::MarketIfTouched, 0),
        rule(OrderKind::LimitIfTouched, 0),
    ],
    tifs: &TIFS,
    post_only: &[Tif::Gtc, Tif::Gtx],
    stps: &STPS,
    sources: &[(TriggerSource::Last, "LastPrice")],
    trails: &[],
    has_activation: false,
    positions: &[PositionSide::Net],
    batch: Batch { place: 10, cancel: 10, one_instrument: false },
};

/// What the venue can do with orders of contracts.
pub(in crate::gateway) const LINEAR: Capabilities = Capabilities {
    venue: "bybit-linear",
    kinds: &[
        market(REDUCE, &[Part::PriceProtect]),
        rule(OrderKind::Limit, REDUCE),
        rule(OrderKind::StopMarket, REDUCE),
        rule(OrderKind::StopLimit, REDUCE),
        rule(OrderKind::MarketIfTouched, REDUCE),
        rule(OrderKind::LimitIfTouched, REDUCE),
    ],
    sources: &[
        (TriggerSource::Last, "LastPrice"),
        (TriggerSource::Mark, "MarkPrice"),
        (TriggerSource::Index, "IndexPrice"),
    ],
    positions: &[PositionSide::Net, PositionSide::Long, PositionSide::Short],
    batch: Batch { place: 20, cancel: 20, one_instrument: false },
    ..SPOT
};

/// The same of contracts in coins.
pub(in crate::gateway) const INVERSE: Capabilities =
    Capabilities { venue: "bybit-inverse", ..LINEAR };

impl Requests for Bybit {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn request(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        match request {
            Request::Submit { client_id, wish, .. } => {
                let fields = self.placing(wish, client_id)?;
                let order = self.desk.subject(request);
                Ok(self.order(order, OrderEvent::Submitted, &fields, now))
            }
            Request::Replace { wish, size_filled, .. } => {
                let order = self.desk.subject(request);
                let fields = self.changing(&order, wish, *size_filled)?;
                let sent = self.order(order.clone(), OrderEvent::ReplaceAsked, &fields, now);
                let id = self.flights.last_id();
                let price_trigger = wish.trigger.map(|trigger| trigger.price);
                let (price, size) = (wish.price, wish.size);
                self.changes.push(Change { id, order, price, price_trigger, size });
                Ok(sent)
            }
            Request::Cancel { .. } => {
                let order = self.desk.subject(request);
                let fields = self.one(&order);
                Ok(self.order(order, OrderEvent::CancelAsked, &fields, now))
            }
            Request::Query { .. } => {
                Ok(self.ask_about(Query::new(self.desk.subject(request)), now))
            }
        }
    }

    /// Several at once, as far as they go together.
    fn requests(&mut self, requests: &[Request], now: i64) -> Written {
        let groups = groups(requests, self.capabilities().batch, |_| true);
        together(self, requests, groups, now, Self::fields, |bybit, items| {
            let op = if items.are_new() { "order.create-batch" } else { "order.cancel-batch" };
            let id = bybit.flights.add_many(items.asked, Way::Line(TRADING), now);
            let args = json!({"category": bybit.category.word(), "request": items.fields});
            bybit.said(id, op, &args, now)
        })
    }
}

impl Bybit {
    const fn capabilities(&self) -> &'static Capabilities {
        match self.category {
            Category::Spot => &SPOT,
            Category::Linear => &LINEAR,
            Category::Inverse => &INVERSE,
        }
    }

    /// One of several. The category is said once for all of them.
    fn fields(&self, request: &Request) -> Result<Map<String, Value>, Refusal> {
        let mut fields = match request {
            Request::Submit { client_id, wish, .. } => self.placing(wish, client_id)?,
            other => self.one(&self.desk.subject(other)),
        };
        fields.remove("category");
        Ok(fields)
    }

    fn order(
        &mut self,
        order: Named,
        request: OrderEvent,
        fields: &Map<String, Value>,
        now: i64,
    ) -> Outgoing {
        let op = match request {
            OrderEvent::Submitted => "order.create",
            OrderEvent::ReplaceAsked => "order.amend",
            _ => "order.cancel",
        };
        let id = self.flights.add(Asked::Order(order, request, 0), Way::Line(TRADING), now);
        self.said(id, op, fields, now)
    }

    fn one(&self, order: &Named) -> Map<String, Value> {
        let mut fields = Map::new();
        set(&mut fields, "category", &self.category.word());
        set(&mut fields, "symbol", &self.desk.symbol(order.instrument));
        let (key, value) = order.key("orderId", "orderLinkId");
        set(&mut fields, key, &value);
        fields
    }

    fn changing(
        &self,
        order: &Named,
        wish: &Wish,
        size_filled: Amount,
    ) -> Result<Map<String, Value>, Refusal> {
        let venue = self.capabilities();
        let terms = venue.terms(wish)?;
        venue.check_direction(wish)?;
        if terms.rule.replace != Replace::InPlace {
            return Err(venue.refuse("such an order has ended when a change comes"));
        }
        if wish.size - size_filled <= Amount::ZERO {
            return Err(venue.refuse("nothing is left of the new size"));
        }
        let mut fields = self.one(order);
        set(&mut fields, "qty", &wish.size);
        if let Some(price) = wish.price {
            set(&mut fields, "price", &price);
        }
        if let Some(trigger) = &wish.trigger {
            set(&mut fields, "triggerPrice", &trigger.price);
        }
        Ok(fields)
    }

    fn placing(&self, wish: &Wish, client_id: &str) -> Result<Map<String, Value>, Refusal> {
        let venue = self.capabilities();
        let terms = venue.terms(wish)?;
        venue.check_direction(wish)?;
        let mut fields = self.one(&self.desk.named(wish.instrument, client_id));
        set(&mut fields, "side", &if wish.side == OrderSide::Buy { "Buy" } else { "Sell" });
        // No worse than a price and at once is what a limit order without patience is.
        let kind = if wish.price_protect.is_some() { "Limit" } else { terms.rule.word };
        set(&mut fields, "orderType", &kind);
        set(&mut fields, "qty", &wish.size_quote.unwrap_or(wish.size));
        if let Some(price) = wish.price.or(wish.price_protect) {
            set(&mut fields, "price", &price);
            let tif = if terms.is_post_only { Some(Tif::Gtx) } else { terms.tif };
            set(&mut fields, "timeInForce", &word(&TIFS, &tif.unwrap_or_default()));
        } else if self.category == Category::Spot {
            // What is bought counts in money unless it is said otherwise.
            let unit = if wish.size_quote.is_some() { "quoteCoin" } else { "baseCoin" };
            set(&mut fields, "marketUnit", &unit);
        }
        self.add_trigger(&mut fields, wish);
        if terms.has(REDUCE) {
            fields.insert("reduceOnly".to_owned(), json!(true));
        }
        if let Some(side) = venue.position(wish, &terms)? {
            let place = if side == PositionSide::Long { 1 } else { 2 };
            fields.insert("positionIdx".to_owned(), json!(place));
        }
        if let Some(stp) = wish.stp {
            set(&mut fields, "smpType", &word(&STPS, &stp));
        }
        Ok(fields)
    }

    fn add_trigger(&self, fields: &mut Map<String, Value>, wish: &Wish) {
        let Some(trigger) = &wish.trigger else { return };
        set(fields, "triggerPrice", &trigger.price);
        if self.category == Category::Spot {
            return set(fields, "orderFilter", &"StopOrder");
        }
        let direction = if trigger.direction == TriggerDirection::Up { 1 } else { 2 };
        fields.insert("triggerDirection".to_owned(), json!(direction));
        set(fields, "triggerBy", &word(self.capabilities().sources, &trigger.source));
    }

    /// A request on the line for trading.
    fn said(&self, id: u64, op: &str, args: &impl serde::Serialize, now: i64) -> Outgoing {
        let at = self.flights.clock.ms(now).to_string();
        let header = json!({"X-BAPI-TIMESTAMP": at, "X-BAPI-RECV-WINDOW": WINDOW_MS});
        let message = json!({"reqId": id.to_string(), "header": header, "op": op, "args": [args]});
        Outgoing::json(TRADING, &message)
    }
}
