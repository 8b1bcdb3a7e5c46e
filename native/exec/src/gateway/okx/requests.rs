//! What is sent about orders.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    InstrumentKind, OrderEvent, OrderKind, OrderSide, PositionSide, Stp, Tif, TriggerSource,
    order_flags,
};
use rustonite_core::ids::InstrumentId;
use serde_json::{Map, Value, json};

use super::{LINE, Okx};
use crate::gateway::batch::{groups, together};
use crate::gateway::capability::{Capabilities, KindRule, Part, Replace, Terms, word};
use crate::gateway::desk::Desk;
use crate::gateway::dialect::{Questions as _, Requests};
use crate::gateway::flight::{Asked, Named, Query, Way};
use crate::gateway::parse::set;
use crate::gateway::{Batch, Outgoing, Written};
use crate::report::Refusal;
use crate::request::Request;
use crate::wish::Wish;

/// So soon a new order or a change has to arrive; later nobody waits for its answer any more.
const ARRIVES_NS: i64 = 5_000_000_000;
const STPS: [(Stp, &str); 3] = [
    (Stp::ExpireTaker, "cancel_taker"),
    (Stp::ExpireMaker, "cancel_maker"),
    (Stp::ExpireBoth, "cancel_both"),
];
/// Here a time in force is a type of orders.
pub(super) const TIFS: [(Tif, &str); 4] =
    [(Tif::Gtc, "limit"), (Tif::Ioc, "ioc"), (Tif::Fok, "fok"), (Tif::Gtx, "post_only")];
const LIMIT_TIFS: &[Tif] = &[Tif::Gtc, Tif::Ioc, Tif::Fok, Tif::Gtx];

const fn market(flags: i32, parts: &'static [Part]) -> KindRule {
    KindRule {
        kind: OrderKind::Market,
        word: "market",
        tifs: &[Tif::Ioc],
        flags,
        parts,
        replace: Replace::Never,
    }
}

const fn limit(flags: i32) -> KindRule {
    KindRule {
        kind: OrderKind::Limit,
        word: "limit",
        tifs: LIMIT_TIFS,
        flags: flags | order_flags::POST_ONLY | order_flags::KEEP_PRIORITY,
        parts: &[],
        replace: Replace::InPlace,
    }
}

/// What the venue can do with orders of spot. Orders that wait for a trigger are of another
/// interface, which is not spoken here.
pub(in crate::gateway) const SPOT: Capabilities = Capabilities {
    venue: "okx",
    kinds: &[market(0, &[Part::SizeQuote, Part::PriceProtect]), limit(0)],
    tifs: &TIFS,
    post_only: &[Tif::Gtc, Tif::Gtx],
    stps: &STPS,
    sources: &[(TriggerSource::Last, "")],
    trails: &[],
    has_activation: false,
    positions: &[PositionSide::Net],
    batch: Batch { place: 20, cancel: 20, one_instrument: true },
};

/// What the venue can do with orders of swaps and futures.
pub(in crate::gateway) const DERIVATIVES: Capabilities = Capabilities {
    venue: "okx-derivatives",
    kinds: &[
        market(order_flags::REDUCE_ONLY, &[Part::PriceProtect]),
        limit(order_flags::REDUCE_ONLY),
    ],
    positions: &[PositionSide::Net, PositionSide::Long, PositionSide::Short],
    ..SPOT
};

/// What the venue can do with orders of such instruments.
pub(in crate::gateway) fn of_kind(kind: InstrumentKind) -> &'static Capabilities {
    if kind == InstrumentKind::Spot { &SPOT } else { &DERIVATIVES }
}

impl Requests for Okx {
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
            Request::Replace { instrument, wish, size_filled, .. } => {
                let venue = self.capabilities(*instrument);
                let terms = venue.terms(wish)?;
                if terms.rule.replace != Replace::InPlace {
                    return Err(venue.refuse("only limit orders can be changed"));
                }
                if wish.size - *size_filled <= Amount::ZERO {
                    return Err(venue.refuse("nothing is left of the new size"));
                }
                let order = self.desk.subject(request);
                let mut fields = self.one(&order);
                set(&mut fields, "newSz", &wish.size);
                if let Some(price) = wish.price {
                    set(&mut fields, "newPx", &price);
                }
                Ok(self.order(order, OrderEvent::ReplaceAsked, &fields, now))
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
        let groups = groups(requests, SPOT.batch, |_| true);
        together(self, requests, groups, now, Self::fields, |okx, items| {
            let are_new = items.are_new();
            let op = if are_new { "batch-orders" } else { "batch-cancel-orders" };
            let id = okx.flights.add_many(items.asked, Way::Line(LINE), now);
            let mut message = json!({"id": id.to_string(), "op": op, "args": items.fields});
            if are_new {
                message["expTime"] = json!(okx.expires(now));
            }
            Outgoing::json(LINE, &message)
        })
    }
}

impl Okx {
    pub(super) fn is_spot(&self, instrument: InstrumentId) -> bool {
        let kind = self.desk.listed(instrument).map(|listed| listed.kind);
        kind.is_none_or(|kind| kind == InstrumentKind::Spot)
    }

    fn capabilities(&self, instrument: InstrumentId) -> &'static Capabilities {
        self.desk.listed(instrument).map_or(&SPOT, |listed| of_kind(listed.kind))
    }

    /// One of several.
    fn fields(&self, request: &Request) -> Result<Map<String, Value>, Refusal> {
        match request {
            Request::Submit { client_id, wish, .. } => self.placing(wish, client_id),
            other => Ok(self.one(&self.desk.subject(other))),
        }
    }

    fn order(
        &mut self,
        order: Named,
        request: OrderEvent,
        fields: &Map<String, Value>,
        now: i64,
    ) -> Outgoing {
        let op = match request {
            OrderEvent::Submitted => "order",
            OrderEvent::ReplaceAsked => "amend-order",
            _ => "cancel-order",
        };
        let id = self.flights.add(Asked::Order(order, request, 0), Way::Line(LINE), now);
        let mut message = json!({"id": id.to_string(), "op": op, "args": [fields]});
        if request != OrderEvent::CancelAsked {
            message["expTime"] = json!(self.expires(now));
        }
        Outgoing::json(LINE, &message)
    }

    /// Until when a request has to arrive. A later cancel is still a good one.
    fn expires(&self, now: i64) -> String {
        self.flights.clock.ms(now.saturating_add(ARRIVES_NS)).to_string()
    }

    fn one(&self, order: &Named) -> Map<String, Value> {
        let mut fields = Map::new();
        set(&mut fields, "instId", &self.desk.symbol(order.instrument));
        let (key, value) = order.key("ordId", "clOrdId");
        set(&mut fields, key, &value);
        fields
    }

    fn placing(&self, wish: &Wish, client_id: &str) -> Result<Map<String, Value>, Refusal> {
        let is_spot = self.is_spot(wish.instrument);
        let venue = self.capabilities(wish.instrument);
        let terms = venue.terms(wish)?;
        let mut fields = self.one(&self.desk.named(wish.instrument, client_id));
        set(&mut fields, "tdMode", &if is_spot { "cash" } else { "cross" });
        set(&mut fields, "side", &if wish.side == OrderSide::Buy { "buy" } else { "sell" });
        set(&mut fields, "ordType", &kind(wish, &terms));
        if let Some(price) = wish.price.or(wish.price_protect) {
            set(&mut fields, "px", &price);
        }
        set(&mut fields, "sz", &wish.size_quote.unwrap_or(wish.size));
        if is_spot && wish.kind == OrderKind::Market && wish.price_protect.is_none() {
            // What is bought counts in money unless it is said otherwise.
            let unit = if wish.size_quote.is_some() { "quote_ccy" } else { "base_ccy" };
            set(&mut fields, "tgtCcy", &unit);
        }
        match venue.position(wish, &terms)? {
            // What does not open a position cannot but reduce it; the venue's word is for one only.
            Some(side) => set(&mut fields, "posSide", &side.name()),
            None if terms.has(order_flags::REDUCE_ONLY) => {
                fields.insert("reduceOnly".to_owned(), json!(true));
            }
            None => {}
        }
        if let Some(stp) = wish.stp {
            set(&mut fields, "stpMode", &word(&STPS, &stp));
        }
        Ok(fields)
    }
}

fn kind(wish: &Wish, terms: &Terms) -> &'static str {
    match wish.kind {
        // No worse than a price and at once.
        OrderKind::Market if wish.price_protect.is_some() => "ioc",
        OrderKind::Market => terms.rule.word,
        _ if terms.is_post_only => "post_only",
        _ => word(&TIFS, &terms.tif.unwrap_or_default()),
    }
}
