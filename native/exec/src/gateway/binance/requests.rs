//! What is sent.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OrderEvent, OrderKind, OrderSide, Stp, Tif, TriggerDirection, order_flags,
};
use rustonite_core::ids::InstrumentId;

use super::BinanceSpot;
use super::flight::{Asked, Change, Named};
use super::params::Params;
use crate::gateway::Question;
use crate::report::{Refusal, RefusalKind};
use crate::request::Request;
use crate::wish::Wish;

type Pairs = Vec<(&'static str, String)>;

/// Flags that an order of this venue can have.
const FLAGS: i32 = order_flags::POST_ONLY | order_flags::KEEP_PRIORITY;
const FILLS_MAX: &str = "1000";
const NS_PER_MS: i64 = 1_000_000;

impl BinanceSpot {
    /// A call with a signature, or with what a session needs instead.
    pub(super) fn signed(&mut self, method: &str, asked: Asked, pairs: Pairs, now: i64) -> String {
        let mut params = Params::new(pairs);
        params.add("timestamp", (now / NS_PER_MS).to_string());
        if !self.is_logged_on {
            params.add("apiKey", self.api_key.clone());
            let signature = self.signer.sign(&params.sorted_text());
            params.add("signature", signature);
        }
        params.call(self.flights.add(asked, now), method)
    }

    /// A call without parameters.
    pub(super) fn open(&mut self, method: &str, asked: Asked, now: i64) -> String {
        Params::default().call(self.flights.add(asked, now), method)
    }

    pub(super) fn question(&mut self, question: Question, now: i64) -> String {
        let (method, pairs) = match question {
            Question::OpenOrders => ("openOrders.status", Vec::new()),
            Question::Balances => ("account.status", vec![("omitZeroBalances", "true".to_owned())]),
            Question::Fills(instrument, from) => {
                let mut pairs = vec![("limit", FILLS_MAX.to_owned())];
                pairs.push(("startTime", (from / NS_PER_MS).to_string()));
                pairs.push(("symbol", self.symbol(instrument)));
                ("myTrades", pairs)
            }
        };
        self.signed(method, Asked::Question(question), pairs, now)
    }

    fn symbol(&self, instrument: InstrumentId) -> String {
        self.directory.listed(instrument).map(|one| one.symbol.to_string()).unwrap_or_default()
    }

    pub(super) fn request(&mut self, request: &Request, now: i64) -> Result<String, Refusal> {
        match request {
            Request::Submit { client_id, wish, .. } => {
                let mut pairs = placing(wish)?;
                pairs.push(("symbol", self.symbol(wish.instrument)));
                pairs.push(("newClientOrderId", client_id.to_string()));
                pairs.push(("newOrderRespType", "ACK".to_owned()));
                let named = self.named(wish.instrument, client_id);
                let asked = Asked::Order(named, OrderEvent::Submitted);
                Ok(self.signed("order.place", asked, pairs, now))
            }
            Request::Replace { .. } => self.replace(request, now),
            Request::Cancel { instrument, client_id, .. } => {
                let pairs = self.one(*instrument, client_id);
                let asked =
                    Asked::Order(self.named(*instrument, client_id), OrderEvent::CancelAsked);
                Ok(self.signed("order.cancel", asked, pairs, now))
            }
            Request::Query { instrument, client_id, .. } => {
                let pairs = self.one(*instrument, client_id);
                let asked = Asked::Query(self.named(*instrument, client_id));
                Ok(self.signed("order.status", asked, pairs, now))
            }
        }
    }

    fn one(&self, instrument: InstrumentId, client_id: &str) -> Pairs {
        vec![("symbol", self.symbol(instrument)), ("origClientOrderId", client_id.to_owned())]
    }

    fn named(&self, instrument: InstrumentId, client_id: &str) -> Named {
        Named {
            account: self.account,
            instrument,
            client_id: client_id.into(),
            client_id_prev: None,
        }
    }

    /// The venue's change is an end and a new order, in one call.
    fn replace(&mut self, request: &Request, now: i64) -> Result<String, Refusal> {
        let Request::Replace { instrument, client_id, client_id_prev, wish, size_filled, .. } =
            request
        else {
            return Err(unsupported("not a change"));
        };
        let rest = wish.size - *size_filled;
        if rest <= Amount::ZERO {
            return Err(unsupported("nothing is left of the new size"));
        }
        let mut pairs = placing(&Wish { size: rest, ..wish.clone() })?;
        pairs.push(("symbol", self.symbol(*instrument)));
        pairs.push(("cancelReplaceMode", "STOP_ON_FAILURE".to_owned()));
        pairs.push(("cancelOrigClientOrderId", client_id_prev.to_string()));
        pairs.push(("newClientOrderId", client_id.to_string()));
        pairs.push(("newOrderRespType", "ACK".to_owned()));
        let old = self.named(*instrument, client_id_prev);
        let new = Named {
            client_id_prev: Some(client_id_prev.clone()),
            ..self.named(*instrument, client_id)
        };
        let leg_filled = self.flights.leg_filled(client_id_prev);
        let change = Change {
            old,
            price: wish.price,
            size_filled: *size_filled,
            leg_filled,
            leg_filled_now: leg_filled,
            rest,
            old_cancelled: false,
        };
        self.flights.begin_change(client_id, change);
        let asked = Asked::Order(new, OrderEvent::ReplaceAsked);
        Ok(self.signed("order.cancelReplace", asked, pairs, now))
    }
}

fn unsupported(what: &str) -> Refusal {
    let detail = format!("binance: {what}").into();
    Refusal { reason: RefusalKind::Rules, venue_code: "".into(), detail }
}

/// The parameters of a new order but its symbol and ids.
fn placing(wish: &Wish) -> Result<Pairs, Refusal> {
    if wish.flags & !FLAGS != 0 || wish.position_side.is_some() || wish.size_min.is_some() {
        return Err(unsupported("an option of the order is not there on spot"));
    }
    let mut pairs = vec![
        ("side", if wish.side == OrderSide::Buy { "BUY" } else { "SELL" }.to_owned()),
        ("type", kind(wish)?.to_owned()),
    ];
    match wish.size_quote {
        Some(money) if wish.kind == OrderKind::Market => {
            pairs.push(("quoteOrderQty", money.to_string()));
        }
        Some(_) => return Err(unsupported("only market orders are sized in money")),
        None => pairs.push(("quantity", wish.size.to_string())),
    }
    if let Some(price) = wish.price {
        pairs.push(("price", price.to_string()));
        if wish.flags & order_flags::POST_ONLY == 0 {
            pairs.push(("timeInForce", tif(wish)?.to_owned()));
        }
    }
    if let Some(display) = wish.size_display {
        pairs.push(("icebergQty", display.to_string()));
    }
    if let Some(trigger) = &wish.trigger {
        if trigger.trail.is_some() {
            return Err(unsupported("a trailing trigger is followed by us"));
        }
        pairs.push(("stopPrice", trigger.price.to_string()));
    }
    if let Some(stp) = wish.stp {
        pairs.push(("selfTradePreventionMode", self_trade(stp).to_owned()));
    }
    Ok(pairs)
}

fn kind(wish: &Wish) -> Result<&'static str, Refusal> {
    let is_post_only = wish.flags & order_flags::POST_ONLY != 0;
    // A stop waits for a price that moves against the order, a take-profit for the other way.
    let rises = wish.trigger.map(|trigger| trigger.direction == TriggerDirection::Up);
    let waits_for_rise = |is_stop: bool| {
        let expected = (wish.side == OrderSide::Buy) == is_stop;
        rises.is_none_or(|rises| rises == expected)
    };
    match wish.kind {
        OrderKind::Limit if is_post_only => Ok("LIMIT_MAKER"),
        _ if is_post_only => Err(unsupported("only limit orders are post-only")),
        OrderKind::Market => Ok("MARKET"),
        OrderKind::Limit => Ok("LIMIT"),
        OrderKind::StopMarket if waits_for_rise(true) => Ok("STOP_LOSS"),
        OrderKind::StopLimit if waits_for_rise(true) => Ok("STOP_LOSS_LIMIT"),
        OrderKind::MarketIfTouched if waits_for_rise(false) => Ok("TAKE_PROFIT"),
        OrderKind::LimitIfTouched if waits_for_rise(false) => Ok("TAKE_PROFIT_LIMIT"),
        other => Err(unsupported(&format!("no {} orders", other.name()))),
    }
}

fn tif(wish: &Wish) -> Result<&'static str, Refusal> {
    match wish.tif {
        Some(Tif::Gtc) | None => Ok("GTC"),
        Some(Tif::Ioc) => Ok("IOC"),
        Some(Tif::Fok) => Ok("FOK"),
        Some(other) => Err(unsupported(&format!("no time in force {}", other.name()))),
    }
}

fn self_trade(stp: Stp) -> &'static str {
    match stp {
        Stp::Allow => "NONE",
        Stp::ExpireTaker => "EXPIRE_TAKER",
        Stp::ExpireMaker => "EXPIRE_MAKER",
        Stp::ExpireBoth => "EXPIRE_BOTH",
        Stp::Decrement => "DECREMENT",
        Stp::Transfer => "TRANSFER",
    }
}
