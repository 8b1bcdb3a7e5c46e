//! What is sent about orders.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OffsetUnit, OrderEvent, OrderKind, PositionSide, Tif, TriggerSource, order_flags,
};
use serde_json::{Value, json};

use super::orders::{ALGOS, ORDERS};
use super::{BinanceUsdM, TRADING, VENUE};
use crate::gateway::batch::{groups, together};
use crate::gateway::binance::params::{Pairs, percent};
use crate::gateway::binance::words::{self, STPS};
use crate::gateway::capability::{
    Capabilities, KindRule, Part, Replace, Terms, closes, has_trigger, word,
};
use crate::gateway::desk::Desk;
use crate::gateway::dialect::{Questions as _, Requests};
use crate::gateway::flight::{Asked, Named, Query};
use crate::gateway::parse::ms;
use crate::gateway::{Batch, Outgoing, Written};
use crate::report::Refusal;
use crate::request::Request;
use crate::wish::{Trail, Wish};

const BATCH: &str = "/fapi/v1/batchOrders";
pub(super) const TIFS: [(Tif, &str); 5] =
    [(Tif::Gtc, "GTC"), (Tif::Ioc, "IOC"), (Tif::Fok, "FOK"), (Tif::Gtd, "GTD"), (Tif::Gtx, "GTX")];
const STAYING: &[Tif] = &[Tif::Gtc, Tif::Ioc, Tif::Fok, Tif::Gtd, Tif::Gtx];
const REDUCE: i32 = order_flags::REDUCE_ONLY;
const LIMITED: i32 = REDUCE | order_flags::POST_ONLY;
const CLOSING: i32 = REDUCE | order_flags::CLOSE_POSITION;

const fn rule(kind: OrderKind, word: &'static str, tifs: &'static [Tif], flags: i32) -> KindRule {
    KindRule { kind, word, tifs, flags, parts: &[], replace: Replace::Never }
}

const fn waits(kind: OrderKind, word: &'static str, tifs: &'static [Tif], flags: i32) -> KindRule {
    KindRule { replace: Replace::Anew, ..rule(kind, word, tifs, flags) }
}

/// What the venue can do with orders.
pub(in crate::gateway) const CAPABILITIES: Capabilities = Capabilities {
    venue: VENUE,
    kinds: &[
        KindRule {
            parts: &[Part::PriceProtect],
            ..rule(OrderKind::Market, "MARKET", &[Tif::Ioc], REDUCE)
        },
        KindRule {
            replace: Replace::InPlace,
            ..rule(OrderKind::Limit, "LIMIT", STAYING, LIMITED | order_flags::KEEP_PRIORITY)
        },
        waits(OrderKind::StopMarket, "STOP_MARKET", &[Tif::Gtc], CLOSING),
        waits(OrderKind::StopLimit, "STOP", STAYING, LIMITED),
        waits(OrderKind::MarketIfTouched, "TAKE_PROFIT_MARKET", &[Tif::Gtc], CLOSING),
        waits(OrderKind::LimitIfTouched, "TAKE_PROFIT", STAYING, LIMITED),
        // A new one would begin to follow anew.
        rule(OrderKind::TrailingStopMarket, "TRAILING_STOP_MARKET", &[Tif::Gtc], REDUCE),
    ],
    tifs: &TIFS,
    post_only: &[Tif::Gtc, Tif::Gtx],
    // Orders of one account do not shrink each other here, nor move between accounts.
    stps: STPS.split_at(4).0,
    sources: &[(TriggerSource::Last, "CONTRACT_PRICE"), (TriggerSource::Mark, "MARK_PRICE")],
    trails: &[OffsetUnit::Bps],
    has_activation: true,
    positions: &[PositionSide::Net, PositionSide::Long, PositionSide::Short],
    batch: Batch { place: 5, cancel: 10, one_instrument: true },
};

impl Requests for BinanceUsdM {
    fn desk(&self) -> &Desk {
        &self.session.desk
    }

    fn request(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        match request {
            Request::Submit { client_id, wish, .. } => self.submit(client_id, wish, now),
            Request::Replace { .. } => self.replace(request, now),
            Request::Cancel { client_id, .. } => {
                let client_id = self.ends(client_id);
                let place = self.likely_place(&client_id);
                let order = Named { client_id, ..self.session.desk.subject(request) };
                Ok(self.cancel(order, place, now))
            }
            Request::Query { client_id, .. } => {
                let order = self.session.desk.subject(request);
                let query = self.chains.query(order);
                let is_waiting = query.old.is_some() || self.waiting.contains(client_id);
                let place = if is_waiting { ALGOS } else { ORDERS };
                Ok(self.ask_about(Query { place, ..query }, now))
            }
        }
    }

    /// Several at once, as far as they go together: those that wait for a trigger do not.
    fn requests(&mut self, requests: &[Request], now: i64) -> Written {
        let is_plain = |request: &Request| match request {
            Request::Submit { wish, .. } => !has_trigger(wish.kind),
            Request::Cancel { client_id, .. } => {
                let is_order = !client_id.is_empty() && self.likely_place(client_id) == ORDERS;
                is_order && self.chains.around(client_id).is_none()
            }
            Request::Replace { .. } | Request::Query { .. } => false,
        };
        let groups = groups(requests, CAPABILITIES.batch, is_plain);
        together(self, requests, groups, now, Self::fields, |usdm, items| {
            let list = percent(&json!(items.fields).to_string());
            let (method, pairs) = if items.are_new() {
                ("POST", Pairs::from([("batchOrders", list)]))
            } else {
                let symbol = items.instrument().map(|one| usdm.session.desk.symbol(one));
                let symbol = symbol.unwrap_or_default();
                ("DELETE", Pairs::from([("symbol", symbol), ("origClientOrderIdList", list)]))
            };
            usdm.session.rest_many(method, BATCH, items.asked, pairs, now)
        })
    }

    fn rehearsed(&mut self, client_id: &str, wish: &Wish, now: i64) {
        if let Ok(pairs) = self.new_order(client_id, wish) {
            self.session.rehearse(wish.instrument, client_id, pairs, now);
        }
    }
}

impl BinanceUsdM {
    /// One of several: the fields of a new order, or the name of one to cancel.
    fn fields(&self, request: &Request) -> Result<Value, Refusal> {
        let Request::Submit { client_id, wish, .. } = request else {
            return Ok(json!(request.client_id()));
        };
        let mut pairs = placing(wish, &CAPABILITIES.terms(wish)?)?;
        pairs.push(("symbol", self.session.desk.symbol(wish.instrument)));
        pairs.push(("newClientOrderId", client_id.to_string()));
        Ok(pairs.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect())
    }

    /// Where an order is looked for first.
    fn likely_place(&self, client_id: &str) -> usize {
        if self.waiting.contains(client_id) { ALGOS } else { ORDERS }
    }

    fn submit(&mut self, client_id: &str, wish: &Wish, now: i64) -> Result<Outgoing, Refusal> {
        let order = self.session.desk.named(wish.instrument, client_id);
        if !has_trigger(wish.kind) {
            let pairs = self.new_order(client_id, wish)?;
            let asked = Asked::Order(order, OrderEvent::Submitted, ORDERS);
            return Ok(self.session.signed(TRADING, "order.place", asked, pairs, now));
        }
        let pairs = self.waiting_order(client_id, wish)?;
        self.waiting.insert(client_id.into());
        let asked = Asked::Order(order, OrderEvent::Submitted, ALGOS);
        Ok(self.session.signed(TRADING, "algoOrder.place", asked, pairs, now))
    }

    /// The parameters of a new order, but for the ids of one with a trigger.
    pub(super) fn new_order(&self, client_id: &str, wish: &Wish) -> Result<Pairs, Refusal> {
        let terms = CAPABILITIES.terms(wish)?;
        CAPABILITIES.check_direction(wish)?;
        let mut pairs = placing(wish, &terms)?;
        pairs.push(("symbol", self.session.desk.symbol(wish.instrument)));
        if has_trigger(wish.kind) {
            add_trigger(&mut pairs, wish);
        } else {
            pairs.push(("newClientOrderId", client_id));
            pairs.push(("newOrderRespType", "ACK"));
        }
        Ok(pairs)
    }

    /// The parameters of a new order with a trigger.
    pub(super) fn waiting_order(&self, client_id: &str, wish: &Wish) -> Result<Pairs, Refusal> {
        let mut pairs = self.new_order(client_id, wish)?;
        pairs.push(("clientAlgoId", client_id));
        pairs.push(("algoType", "CONDITIONAL"));
        Ok(pairs)
    }

    /// The order keeps its ids, unless it waits.
    fn replace(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        let Request::Replace { wish, size_filled, .. } = request else {
            return Err(CAPABILITIES.refuse("not a change"));
        };
        let terms = CAPABILITIES.terms(wish)?;
        if terms.rule.replace == Replace::Anew {
            return self.renew(request, now);
        }
        let price = wish.price.filter(|_| terms.rule.replace == Replace::InPlace);
        let Some(price) = price else {
            return Err(CAPABILITIES.refuse("only limit orders can be changed"));
        };
        if wish.size - *size_filled <= Amount::ZERO {
            return Err(CAPABILITIES.refuse("nothing is left of the new size"));
        }
        let order = self.session.desk.subject(request);
        let mut pairs = self.session.sought(&order);
        pairs.push(("side", words::side(wish.side)));
        pairs.push_amount("quantity", wish.size);
        pairs.push_amount("price", price);
        let asked = Asked::Order(order, OrderEvent::ReplaceAsked, ORDERS);
        Ok(self.session.signed(TRADING, "order.modify", asked, pairs, now))
    }

    pub(super) fn cancel(&mut self, order: Named, place: usize, now: i64) -> Outgoing {
        let (method, pairs) = match place % 2 {
            ORDERS => ("order.cancel", self.session.sought(&order)),
            _ => ("algoOrder.cancel", [("clientAlgoId", &order.client_id)].into()),
        };
        let asked = Asked::Order(order, OrderEvent::CancelAsked, place);
        self.session.signed(TRADING, method, asked, pairs, now)
    }
}

/// The parameters of a new order but its symbol, its ids and its trigger.
fn placing(wish: &Wish, terms: &Terms) -> Result<Pairs, Refusal> {
    // No worse than a price and at once is what a limit order without patience is.
    let kind = if wish.price_protect.is_some() { "LIMIT" } else { terms.rule.word };
    let mut pairs = Pairs::from([("side", words::side(wish.side)), ("type", kind)]);
    if closes(wish) {
        pairs.push(("closePosition", "true"));
    } else {
        pairs.push_amount("quantity", wish.size);
    }
    if let Some(price) = wish.price.or(wish.price_protect) {
        pairs.push_amount("price", price);
        let tif = if terms.is_post_only { Some(Tif::Gtx) } else { terms.tif };
        pairs.extend(tif.map(|tif| ("timeInForce", word(&TIFS, &tif))));
    }
    if let Some(moment) = wish.ts_expire.filter(|_| terms.tif == Some(Tif::Gtd)) {
        pairs.push(("goodTillDate", ms(moment).to_string()));
    }
    add_position(&mut pairs, wish, terms)?;
    if let Some(stp) = wish.stp {
        pairs.push(("selfTradePreventionMode", word(&STPS, &stp)));
    }
    Ok(pairs)
}

/// Which position the order is for, and whether it may only shrink it.
fn add_position(pairs: &mut Pairs, wish: &Wish, terms: &Terms) -> Result<(), Refusal> {
    match CAPABILITIES.position(wish, terms)? {
        // What does not open a position cannot but reduce it, and the venue takes no word for it.
        Some(side) => {
            let word = if side == PositionSide::Long { "LONG" } else { "SHORT" };
            pairs.push(("positionSide", word));
        }
        None if terms.has(order_flags::REDUCE_ONLY) && !closes(wish) => {
            pairs.push(("reduceOnly", "true"));
        }
        None => {}
    }
    Ok(())
}

fn add_trigger(pairs: &mut Pairs, wish: &Wish) {
    let Some(trigger) = &wish.trigger else { return };
    let source = word(CAPABILITIES.sources, &trigger.source);
    pairs.push(("workingType", source));
    match &trigger.trail {
        None => pairs.push_amount("triggerPrice", trigger.price),
        Some(Trail { offset, activation, .. }) => {
            // In percent.
            let rate = offset.ratio(Amount(100 * 10_i128.pow(18))).unwrap_or_default();
            pairs.push_amount("callbackRate", rate);
            pairs.extend(activation.map(|price| ("activatePrice", price.to_string())));
        }
    }
}
