//! What is sent about orders.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    InstrumentKind, OffsetUnit, OrderEvent, OrderKind, OrderSide, PositionSide, Tif, TriggerSource,
    order_flags,
};
use rustonite_core::ids::InstrumentId;
use serde_json::{Map, Value, json};

use super::{Alpaca, LINE};
use crate::gateway::capability::{Capabilities, KindRule, Part, Replace, word};
use crate::gateway::chain::{Change, NO_NAME};
use crate::gateway::desk::Desk;
use crate::gateway::dialect::{Questions as _, Requests};
use crate::gateway::flight::{Asked, Named};
use crate::gateway::{Batch, Outgoing};
use crate::report::Refusal;
use crate::request::Request;
use crate::wish::{Trail, Wish};

/// What is done with an order whose number has to be asked for first.
pub(super) const BY_NUMBER: usize = 0;
pub(super) const LOOK_UP: usize = 1;

pub(super) const TIFS: [(Tif, &str); 6] = [
    (Tif::Day, "day"),
    (Tif::Gtc, "gtc"),
    (Tif::AtOpen, "opg"),
    (Tif::AtClose, "cls"),
    (Tif::Ioc, "ioc"),
    (Tif::Fok, "fok"),
];
const ALL_TIFS: &[Tif] = &[Tif::Day, Tif::Gtc, Tif::AtOpen, Tif::AtClose, Tif::Ioc, Tif::Fok];
const STAYING: &[Tif] = &[Tif::Day, Tif::Gtc];
const CRYPTO: &[Tif] = &[Tif::Gtc, Tif::Ioc];

const fn rule(kind: OrderKind, word: &'static str, tifs: &'static [Tif]) -> KindRule {
    KindRule { kind, word, tifs, flags: 0, parts: &[], replace: Replace::NewOrder }
}

const MARKET: KindRule = KindRule {
    parts: &[Part::SizeQuote, Part::PriceProtect],
    replace: Replace::Never,
    ..rule(OrderKind::Market, "market", ALL_TIFS)
};

/// What the venue can do with orders of stocks.
pub(in crate::gateway) const STOCKS: Capabilities = Capabilities {
    venue: "alpaca-stocks",
    kinds: &[
        MARKET,
        KindRule { flags: order_flags::OUTSIDE_HOURS, ..rule(OrderKind::Limit, "limit", ALL_TIFS) },
        rule(OrderKind::StopMarket, "stop", STAYING),
        rule(OrderKind::StopLimit, "stop_limit", STAYING),
        rule(OrderKind::TrailingStopMarket, "trailing_stop", STAYING),
    ],
    tifs: &TIFS,
    post_only: &[],
    stps: &[],
    sources: &[(TriggerSource::Last, "")],
    trails: &[OffsetUnit::Price, OffsetUnit::Bps],
    has_activation: false,
    positions: &[PositionSide::Net],
    batch: Batch::NONE,
};

/// What the venue can do with orders of crypto.
pub(in crate::gateway) const COINS: Capabilities = Capabilities {
    venue: "alpaca-crypto",
    kinds: &[
        KindRule { tifs: CRYPTO, ..MARKET },
        rule(OrderKind::Limit, "limit", CRYPTO),
        rule(OrderKind::StopLimit, "stop_limit", CRYPTO),
    ],
    trails: &[],
    ..STOCKS
};

impl Requests for Alpaca {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn request(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        match request {
            Request::Submit { client_id, wish, .. } => {
                let body = self.placing(wish, client_id)?;
                self.chains.first(client_id);
                let order = self.desk.named(wish.instrument, client_id);
                let asked = Asked::Order(order, OrderEvent::Submitted, BY_NUMBER);
                Ok(self.call("POST", "/v2/orders".to_owned(), body, asked, now))
            }
            Request::Replace { .. } => self.replace(request, now),
            Request::Cancel { client_id, venue_order_id, .. } => {
                let order = self.desk.subject(request);
                let number = venue_order_id.clone().or_else(|| self.number(client_id));
                Ok(match number {
                    Some(number) => self.cancel(order, &number, now),
                    None => self.look_up(order, OrderEvent::CancelAsked, client_id, now),
                })
            }
            Request::Query { .. } => {
                let order = self.chains.query(self.desk.subject(request));
                Ok(self.ask_about(order, now))
            }
        }
    }
}

/// What the venue can do with orders of such instruments.
pub(in crate::gateway) fn of_kind(kind: InstrumentKind) -> &'static Capabilities {
    if kind == InstrumentKind::Stock { &STOCKS } else { &COINS }
}

impl Alpaca {
    fn capabilities(&self, instrument: InstrumentId) -> &'static Capabilities {
        self.desk.listed(instrument).map_or(&COINS, |listed| of_kind(listed.kind))
    }

    fn number(&self, client_id: &str) -> Option<Box<str>> {
        self.known.get(client_id).map(|known| known.number.clone())
    }

    pub(super) fn cancel(&mut self, order: Named, number: &str, now: i64) -> Outgoing {
        let asked = Asked::Order(order, OrderEvent::CancelAsked, BY_NUMBER);
        self.call("DELETE", format!("/v2/orders/{number}"), String::new(), asked, now)
    }

    pub(super) fn change(&mut self, new: Named, number: &str, body: String, now: i64) -> Outgoing {
        let asked = Asked::Order(new, OrderEvent::ReplaceAsked, BY_NUMBER);
        self.call("PATCH", format!("/v2/orders/{number}"), body, asked, now)
    }

    /// Asks for the number of an order first.
    fn look_up(
        &mut self,
        order: Named,
        request: OrderEvent,
        client_id: &str,
        now: i64,
    ) -> Outgoing {
        let asked = Asked::Order(order, request, LOOK_UP);
        self.call("GET", by_client_id(client_id), String::new(), asked, now)
    }

    fn replace(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        let Request::Replace {
            instrument,
            client_id,
            client_id_prev,
            venue_order_id,
            wish,
            size_filled,
            ..
        } = request
        else {
            return Err(STOCKS.refuse("not a change"));
        };
        let venue = self.capabilities(*instrument);
        if client_id_prev.is_empty() {
            return Err(venue.refuse(NO_NAME));
        }
        let terms = venue.terms(wish)?;
        venue.check_direction(wish)?;
        if terms.rule.replace == Replace::Never || wish.size_quote.is_some() {
            return Err(venue.refuse("such an order cannot be changed"));
        }
        let rest = wish.size - *size_filled;
        if rest <= Amount::ZERO {
            return Err(venue.refuse("nothing is left of the new size"));
        }
        let mut fields = prices(wish);
        for name in ["trail_price", "trail_percent"] {
            // A change has one name for both.
            if let Some(offset) = fields.remove(name) {
                fields.insert("trail".to_owned(), offset);
            }
        }
        // Without a size the venue keeps what is open, whatever is filled on the way.
        if !self.keeps_size(client_id_prev, wish.size) {
            fields.insert("qty".to_owned(), json!(rest.to_string()));
        }
        let tif = terms.tif.map(|tif| word(venue.tifs, &tif));
        fields.insert("time_in_force".to_owned(), json!(tif));
        fields.insert("client_order_id".to_owned(), json!(client_id));
        let body = Value::Object(fields).to_string();
        let old = self.desk.named(*instrument, client_id_prev);
        self.chains.begin(client_id, Change::new(old, wish.price, *size_filled, rest));
        let new = Named {
            client_id_prev: Some(client_id_prev.clone()),
            ..self.desk.named(*instrument, client_id)
        };
        let number = venue_order_id.clone().or_else(|| self.number(client_id_prev));
        if let Some(number) = number {
            return Ok(self.change(new, &number, body, now));
        }
        self.held.insert(client_id.clone(), body);
        Ok(self.look_up(new, OrderEvent::ReplaceAsked, client_id_prev, now))
    }

    /// Whether a change leaves the size of the whole chain as it is.
    fn keeps_size(&self, client_id: &str, size: Amount) -> bool {
        let leg = self.known.get(client_id).and_then(|known| known.size);
        leg.is_some_and(|leg| self.chains.whole(client_id, leg) == Some(size))
    }

    fn placing(&self, wish: &Wish, client_id: &str) -> Result<String, Refusal> {
        let venue = self.capabilities(wish.instrument);
        let terms = venue.terms(wish)?;
        venue.check_direction(wish)?;
        let mut fields = prices(wish);
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("symbol", json!(self.desk.symbol(wish.instrument)));
        set("side", json!(if wish.side == OrderSide::Buy { "buy" } else { "sell" }));
        match wish.size_quote {
            Some(money) => set("notional", json!(money.to_string())),
            None => set("qty", json!(wish.size.to_string())),
        };
        if wish.price_protect.is_some() {
            // No worse than a price and at once is what a limit order without patience is.
            set("type", json!("limit"));
            set("time_in_force", json!("ioc"));
        } else {
            set("type", json!(terms.rule.word));
            set("time_in_force", json!(terms.tif.map(|tif| word(venue.tifs, &tif))));
        }
        if terms.has(order_flags::OUTSIDE_HOURS) {
            set("extended_hours", json!(true));
        }
        set("client_order_id", json!(client_id));
        Ok(Value::Object(fields).to_string())
    }

    pub(super) fn log_on(&self) -> Outgoing {
        let text = json!({"action": "auth", "key": self.api_key, "secret": self.secret});
        Outgoing::json(LINE, &text)
    }
}

pub(super) fn by_client_id(client_id: &str) -> String {
    format!("/v2/orders:by_client_order_id?client_order_id={client_id}")
}

/// The prices of an order, as fields of a new one.
fn prices(wish: &Wish) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(price) = wish.price.or(wish.price_protect) {
        fields.insert("limit_price".to_owned(), json!(price.to_string()));
    }
    let Some(trigger) = &wish.trigger else { return fields };
    match trigger.trail {
        None => {
            fields.insert("stop_price".to_owned(), json!(trigger.price.to_string()));
        }
        Some(Trail { offset, unit: OffsetUnit::Bps, .. }) => {
            let percent = offset.ratio(Amount(100 * 10_i128.pow(18))).unwrap_or_default();
            fields.insert("trail_percent".to_owned(), json!(percent.to_string()));
        }
        Some(Trail { offset, .. }) => {
            fields.insert("trail_price".to_owned(), json!(offset.to_string()));
        }
    }
    fields
}
