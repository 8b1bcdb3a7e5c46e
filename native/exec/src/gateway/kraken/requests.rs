//! What is sent about orders.

use core::str::FromStr as _;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OffsetUnit, OrderEvent, OrderKind, OrderSide, PositionSide, Stp, Tif, TriggerSource,
    order_flags,
};
use serde_json::{Map, Number, Value, json};

use super::{Kraken, LINE};
use crate::gateway::batch::{groups, together};
use crate::gateway::capability::{Capabilities, KindRule, Part, Replace, word};
use crate::gateway::desk::Desk;
use crate::gateway::dialect::{Questions as _, Requests};
use crate::gateway::flight::{Asked, Query, Way};
use crate::gateway::parse::iso;
use crate::gateway::{Batch, Outgoing, Written};
use crate::report::{Refusal, RefusalKind};
use crate::request::Request;
use crate::wish::{Trail, Wish};

/// What takes longer on its way does not count: by then the answer is not waited for any more.
const ARRIVES_NS: i64 = 5_000_000_000;
const TIFS: [(Tif, &str); 4] =
    [(Tif::Gtc, "gtc"), (Tif::Ioc, "ioc"), (Tif::Gtd, "gtd"), (Tif::Gtx, "gtc")];
const STPS: [(Stp, &str); 3] = [
    (Stp::ExpireTaker, "cancel_newest"),
    (Stp::ExpireMaker, "cancel_oldest"),
    (Stp::ExpireBoth, "cancel_both"),
];
const STAYING: &[Tif] = &[Tif::Gtc, Tif::Gtd];
const FEES: i32 = order_flags::FEE_IN_BASE | order_flags::FEE_IN_QUOTE;

const fn rule(kind: OrderKind, word: &'static str) -> KindRule {
    KindRule { kind, word, tifs: STAYING, flags: FEES, parts: &[], replace: Replace::InPlace }
}

/// What the venue can do with orders.
pub(in crate::gateway) const CAPABILITIES: Capabilities = Capabilities {
    venue: super::VENUE,
    kinds: &[
        KindRule {
            tifs: &[Tif::Ioc],
            parts: &[Part::SizeQuote, Part::PriceProtect],
            replace: Replace::Never,
            ..rule(OrderKind::Market, "market")
        },
        KindRule {
            tifs: &[Tif::Gtc, Tif::Ioc, Tif::Gtd, Tif::Gtx],
            flags: FEES | order_flags::POST_ONLY | order_flags::KEEP_PRIORITY,
            parts: &[Part::SizeDisplay],
            ..rule(OrderKind::Limit, "limit")
        },
        rule(OrderKind::StopMarket, "stop-loss"),
        rule(OrderKind::StopLimit, "stop-loss-limit"),
        rule(OrderKind::MarketIfTouched, "take-profit"),
        rule(OrderKind::LimitIfTouched, "take-profit-limit"),
        KindRule {
            replace: Replace::Never,
            ..rule(OrderKind::TrailingStopMarket, "trailing-stop")
        },
    ],
    tifs: &TIFS,
    post_only: &[Tif::Gtc, Tif::Gtd, Tif::Gtx],
    stps: &STPS,
    sources: &[(TriggerSource::Last, "last"), (TriggerSource::Index, "index")],
    trails: &[OffsetUnit::Price, OffsetUnit::Bps],
    has_activation: false,
    positions: &[PositionSide::Net],
    batch: Batch { place: 15, cancel: 50, one_instrument: true },
};

impl Requests for Kraken {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn request(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        match request {
            Request::Submit { client_id, wish, .. } => {
                let mut fields = self.placing(wish)?;
                fields.insert("cl_ord_id".to_owned(), json!(client_id));
                fields.insert("deadline".to_owned(), deadline(now));
                let asked = Asked::Order(self.desk.subject(request), OrderEvent::Submitted, 0);
                self.say("add_order", fields, asked, now)
            }
            Request::Replace { wish, size_filled, .. } => {
                let mut fields = changing(wish, *size_filled)?;
                let order = self.desk.subject(request);
                let (key, value) = order.key("order_id", "cl_ord_id");
                fields.insert(key.to_owned(), json!(value));
                fields.insert("deadline".to_owned(), deadline(now));
                let asked = Asked::Order(order, OrderEvent::ReplaceAsked, 0);
                self.say("amend_order", fields, asked, now)
            }
            Request::Cancel { .. } => {
                let mut fields = Map::new();
                let order = self.desk.subject(request);
                let (key, value) = order.key("order_id", "cl_ord_id");
                fields.insert(key.to_owned(), json!([value]));
                let asked = Asked::Order(order, OrderEvent::CancelAsked, 0);
                self.say("cancel_order", fields, asked, now)
            }
            Request::Query { .. } => {
                Ok(self.ask_about(Query::new(self.desk.subject(request)), now))
            }
        }
    }

    /// Several at once, as far as they go together.
    fn requests(&mut self, requests: &[Request], now: i64) -> Written {
        let Some(token) = self.token.text.clone() else {
            return Written::alone(requests, |request| self.request(request, now));
        };
        let groups = groups(requests, CAPABILITIES.batch, |one| !one.client_id().is_empty());
        together(self, requests, groups, now, Self::fields, |kraken, items| {
            let symbol = items.instrument().map(|one| kraken.desk.symbol(one));
            let (method, params) = if items.are_new() {
                let mut fields = json!({"symbol": symbol, "orders": items.fields, "token": token});
                fields["deadline"] = deadline(now);
                ("batch_add", fields)
            } else {
                ("batch_cancel", json!({"cl_ord_id": items.fields, "token": token}))
            };
            let id = kraken.flights.add_many(items.asked, Way::Line(LINE), now);
            Outgoing::json(LINE, &json!({"method": method, "params": params, "req_id": id}))
        })
    }
}

impl Kraken {
    /// One of several: the fields of a new order but its symbol, which is said once for all of them,
    /// or the name of one to cancel.
    fn fields(&self, request: &Request) -> Result<Value, Refusal> {
        let Request::Submit { client_id, wish, .. } = request else {
            return Ok(json!(request.client_id()));
        };
        let mut fields = self.placing(wish)?;
        fields.remove("symbol");
        fields.insert("cl_ord_id".to_owned(), json!(client_id));
        Ok(Value::Object(fields))
    }

    fn say(
        &mut self,
        method: &str,
        mut params: Map<String, Value>,
        asked: Asked,
        now: i64,
    ) -> Result<Outgoing, Refusal> {
        let Some(token) = &self.token.text else {
            let reason = RefusalKind::Unavailable;
            return Err(Refusal { reason, ..CAPABILITIES.refuse("not logged on so far") });
        };
        params.insert("token".to_owned(), json!(token));
        let id = self.flights.add(asked, Way::Line(LINE), now);
        Ok(Outgoing::json(LINE, &json!({"method": method, "params": params, "req_id": id})))
    }

    fn placing(&self, wish: &Wish) -> Result<Map<String, Value>, Refusal> {
        let terms = CAPABILITIES.terms(wish)?;
        CAPABILITIES.check_direction(wish)?;
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        let kind = match wish.kind {
            // No worse than a price and at once is what a limit order without patience is.
            OrderKind::Market if wish.price_protect.is_some() => "limit",
            OrderKind::Limit if wish.size_display.is_some() => "iceberg",
            _ => terms.rule.word,
        };
        set("order_type", json!(kind));
        set("side", json!(if wish.side == OrderSide::Buy { "buy" } else { "sell" }));
        set("symbol", json!(self.desk.symbol(wish.instrument)));
        match wish.size_quote {
            Some(_) if wish.side == OrderSide::Sell => {
                return Err(CAPABILITIES.refuse("only what is bought is sized in money"));
            }
            Some(money) => set("cash_order_qty", number(money)),
            None => set("order_qty", number(wish.size)),
        };
        if let Some(price) = wish.price.or(wish.price_protect) {
            set("limit_price", number(price));
        }
        if kind != "market" {
            set("time_in_force", json!(word(&TIFS, &terms.tif.unwrap_or_default())));
        }
        if let Some(moment) = wish.ts_expire.filter(|_| terms.tif == Some(Tif::Gtd)) {
            set("expire_time", json!(iso(moment, 3)));
        }
        if terms.is_post_only {
            set("post_only", json!(true));
        }
        if let Some(size) = wish.size_display {
            set("display_qty", number(size));
        }
        if let Some(trigger) = trigger(wish) {
            set("triggers", trigger);
        }
        if terms.has(order_flags::FEE_IN_BASE) {
            set("fee_preference", json!("base"));
        } else if terms.has(order_flags::FEE_IN_QUOTE) {
            set("fee_preference", json!("quote"));
        }
        if let Some(stp) = wish.stp {
            set("stp_type", json!(word(&STPS, &stp)));
        }
        Ok(fields)
    }
}

fn changing(wish: &Wish, size_filled: Amount) -> Result<Map<String, Value>, Refusal> {
    let terms = CAPABILITIES.terms(wish)?;
    CAPABILITIES.check_direction(wish)?;
    if terms.rule.replace != Replace::InPlace {
        return Err(CAPABILITIES.refuse("such an order cannot be changed"));
    }
    if wish.size - size_filled <= Amount::ZERO {
        return Err(CAPABILITIES.refuse("nothing is left of the new size"));
    }
    let mut fields = Map::new();
    fields.insert("order_qty".to_owned(), number(wish.size));
    if let Some(price) = wish.price {
        fields.insert("limit_price".to_owned(), number(price));
        fields.insert("post_only".to_owned(), json!(terms.is_post_only));
    }
    if let Some(size) = wish.size_display {
        fields.insert("display_qty".to_owned(), number(size));
    }
    if let Some(trigger) = &wish.trigger {
        fields.insert("trigger_price".to_owned(), number(trigger.price));
    }
    Ok(fields)
}

fn trigger(wish: &Wish) -> Option<Value> {
    let trigger = wish.trigger.as_ref()?;
    let reference = word(CAPABILITIES.sources, &trigger.source);
    let (price, unit) = match trigger.trail {
        None => (trigger.price, "static"),
        Some(Trail { offset, unit: OffsetUnit::Bps, .. }) => {
            (offset.ratio(Amount(100 * 10_i128.pow(18))).unwrap_or_default(), "pct")
        }
        Some(Trail { offset, .. }) => (offset, "quote"),
    };
    Some(json!({"reference": reference, "price": number(price), "price_type": unit}))
}

/// Until when a request has to arrive. A later cancel is still a good one.
fn deadline(now: i64) -> Value {
    json!(iso(now.saturating_add(ARRIVES_NS), 3))
}

/// A number of JSON with exactly these digits.
fn number(amount: Amount) -> Value {
    Number::from_str(&amount.to_string()).map_or(Value::Null, Value::Number)
}
