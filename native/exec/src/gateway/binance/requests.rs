//! What is sent.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, OrderEvent, OrderKind, PositionSide, Tif, TriggerSource, order_flags,
};

use super::params::Pairs;
use super::reports::{AccountText, MyTrade, OrderText};
use super::words::{self, STPS, TIFS};
use super::{BinanceSpot, LINE, VENUE};
use crate::gateway::capability::{Capabilities, KindRule, Part, Replace, has_limit, word};
use crate::gateway::chain::{Change, NO_NAME};
use crate::gateway::desk::Desk;
use crate::gateway::dialect::{Questions, Requests};
use crate::gateway::flight::{Asked, Named, Pages, Query};
use crate::gateway::parse::{Parsed, ms};
use crate::gateway::{Answer, Batch, Contracts, Heard, Outgoing, Question};
use crate::report::Refusal;
use crate::request::Request;
use crate::wish::Wish;

/// Rows of a page.
pub(super) const FILLS_MAX: usize = 1000;

const ICEBERG: &[Part] = &[Part::SizeDisplay];
const STAYING: &[Tif] = &[Tif::Gtc, Tif::Ioc, Tif::Fok];

const fn rule(kind: OrderKind, word: &'static str, tifs: &'static [Tif]) -> KindRule {
    let parts = if has_limit(kind) { ICEBERG } else { &[] };
    KindRule { kind, word, tifs, flags: 0, parts, replace: Replace::NewOrder }
}

/// What the venue can do with orders.
pub(in crate::gateway) const CAPABILITIES: Capabilities = Capabilities {
    venue: VENUE,
    kinds: &[
        KindRule {
            parts: &[Part::SizeQuote, Part::PriceProtect],
            replace: Replace::Never,
            ..rule(OrderKind::Market, "MARKET", &[Tif::Ioc])
        },
        KindRule {
            flags: order_flags::POST_ONLY,
            ..rule(OrderKind::Limit, "LIMIT", &[Tif::Gtc, Tif::Ioc, Tif::Fok, Tif::Gtx])
        },
        rule(OrderKind::StopMarket, "STOP_LOSS", &[Tif::Gtc]),
        rule(OrderKind::StopLimit, "STOP_LOSS_LIMIT", STAYING),
        rule(OrderKind::MarketIfTouched, "TAKE_PROFIT", &[Tif::Gtc]),
        rule(OrderKind::LimitIfTouched, "TAKE_PROFIT_LIMIT", STAYING),
    ],
    tifs: &TIFS,
    post_only: &[Tif::Gtc, Tif::Gtx],
    stps: &STPS,
    sources: &[(TriggerSource::Last, "")],
    trails: &[],
    has_activation: false,
    positions: &[PositionSide::Net],
    batch: Batch::NONE,
};

impl Requests for BinanceSpot {
    fn desk(&self) -> &Desk {
        &self.session.desk
    }

    fn request(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        match request {
            Request::Submit { client_id, wish, .. } => {
                let pairs = self.new_order(client_id, wish)?;
                self.chains.first(client_id);
                let order = self.session.desk.subject(request);
                let asked = Asked::Order(order, OrderEvent::Submitted, 0);
                Ok(self.session.signed(LINE, "order.place", asked, pairs, now))
            }
            Request::Replace { .. } => self.replace(request, now),
            Request::Cancel { .. } => {
                let order = self.session.desk.subject(request);
                let pairs = self.session.sought(&order);
                let asked = Asked::Order(order, OrderEvent::CancelAsked, 0);
                Ok(self.session.signed(LINE, "order.cancel", asked, pairs, now))
            }
            Request::Query { .. } => {
                let order = self.session.desk.subject(request);
                Ok(self.ask_about(self.chains.query(order), now))
            }
        }
    }

    fn rehearsed(&mut self, client_id: &str, wish: &Wish, now: i64) {
        if let Ok(pairs) = self.new_order(client_id, wish) {
            self.chains.rehearse(client_id);
            self.session.rehearse(wish.instrument, client_id, pairs, now);
        }
    }
}

impl Questions for BinanceSpot {
    fn question(&mut self, question: Question, pages: Pages, now: i64) -> Outgoing {
        let (method, pairs) = match question {
            Question::OpenOrders => ("openOrders.status", Pairs::default()),
            // There are none, which an answer about the account says as well as any.
            Question::Balances
            | Question::Positions
            | Question::Contracts
            | Question::Payments(_) => ("account.status", [("omitZeroBalances", "true")].into()),
            Question::Fills(instrument, from) => {
                let mut pairs = Pairs::from([("limit", FILLS_MAX.to_string())]);
                if pages.count == 0 {
                    pairs.push(("startTime", ms(from).to_string()));
                } else {
                    pairs.push(("fromId", pages.cursor.clone()));
                }
                pairs.push(("symbol", self.session.desk.symbol(instrument)));
                ("myTrades", pairs)
            }
        };
        self.session.signed(LINE, method, Asked::Question(question, pages), pairs, now)
    }

    /// What was asked for, or the question for the next page of it.
    fn answer(
        &mut self,
        question: Question,
        mut pages: Pages,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let answer = match question {
            Question::OpenOrders => {
                let orders: Vec<OrderText<'_>> = serde_json::from_str(result)?;
                for order in &orders {
                    // Orders in what nothing here trades are left out.
                    if self.is_listed(&order.symbol) {
                        let picture = self.picture(order, ts_recv, EventSource::Reconciliation)?;
                        pages.reports.push(self.chains.pictured(picture));
                    }
                }
                Answer::Reports(pages.reports)
            }
            Question::Fills(instrument, _) => {
                let trades: Vec<MyTrade<'_>> = serde_json::from_str(result)?;
                for trade in &trades {
                    pages.reports.push(self.my_trade(instrument, trade, ts_recv)?);
                }
                if let Some(last) = trades.last().filter(|_| trades.len() == FILLS_MAX) {
                    pages.cursor = last.next_id().to_string();
                    pages.count += 1;
                    return Ok(self.session.flights.pause(question, pages));
                }
                Answer::Reports(pages.reports)
            }
            Question::Balances => {
                let account: AccountText<'_> = serde_json::from_str(result)?;
                Answer::Balances(self.balances(&account.balances, account.update_time)?)
            }
            Question::Positions => Answer::Positions(Vec::new()),
            Question::Payments(_) => Answer::Reports(Vec::new()),
            Question::Contracts => Answer::Contracts(Contracts::default()),
        };
        Ok(Heard::Answer(question, answer))
    }

    fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        let pairs = self.session.sought(&query.order);
        self.session.signed(LINE, "order.status", Asked::Query(Box::new(query)), pairs, now)
    }

    fn found(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        let order = serde_json::from_str(result)?;
        let picture = self.picture(&order, ts_recv, EventSource::Rest)?;
        Ok(self.chains.found(query, picture, ts_recv, heard))
    }

    fn missing(&mut self, query: Query, ts_recv: i64, heard: &mut Vec<Heard>) -> Option<Query> {
        self.chains.missing(query, ts_recv, heard)
    }
}

impl BinanceSpot {
    /// The parameters of a new order.
    pub(super) fn new_order(&self, client_id: &str, wish: &Wish) -> Result<Pairs, Refusal> {
        let mut pairs = placing(wish)?;
        pairs.push(("symbol", self.session.desk.symbol(wish.instrument)));
        pairs.push(("newClientOrderId", client_id));
        pairs.push(("newOrderRespType", "ACK"));
        Ok(pairs)
    }

    /// The venue's change is an end and a new order, in one call.
    fn replace(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        let Request::Replace { instrument, client_id, client_id_prev, wish, size_filled, .. } =
            request
        else {
            return Err(CAPABILITIES.refuse("not a change"));
        };
        if client_id_prev.is_empty() {
            return Err(CAPABILITIES.refuse(NO_NAME));
        }
        let rest = wish.size - *size_filled;
        let is_possible = CAPABILITIES.kind(wish.kind).map(|rule| rule.replace);
        if is_possible == Some(Replace::Never) {
            return Err(CAPABILITIES.refuse("such an order has ended when a change comes"));
        }
        if rest <= Amount::ZERO {
            return Err(CAPABILITIES.refuse("nothing is left of the new size"));
        }
        let mut pairs = placing(&Wish { size: rest, ..wish.clone() })?;
        pairs.push(("symbol", self.session.desk.symbol(*instrument)));
        pairs.push(("cancelReplaceMode", "STOP_ON_FAILURE"));
        pairs.push(("cancelOrigClientOrderId", client_id_prev));
        pairs.push(("newClientOrderId", client_id));
        pairs.push(("newOrderRespType", "ACK"));
        let old = self.session.desk.named(*instrument, client_id_prev);
        let new = Named {
            client_id_prev: Some(client_id_prev.clone()),
            ..self.session.desk.named(*instrument, client_id)
        };
        let change = Change::new(old, wish.price, *size_filled, rest);
        self.chains.begin(client_id, change);
        let asked = Asked::Order(new, OrderEvent::ReplaceAsked, 0);
        Ok(self.session.signed(LINE, "order.cancelReplace", asked, pairs, now))
    }
}

/// The parameters of a new order but its symbol and ids.
fn placing(wish: &Wish) -> Result<Pairs, Refusal> {
    let terms = CAPABILITIES.terms(wish)?;
    CAPABILITIES.check_direction(wish)?;
    let kind = match wish.price_protect {
        _ if terms.is_post_only => "LIMIT_MAKER",
        // No worse than a price and at once is what a limit order without patience is.
        Some(_) => "LIMIT",
        None => terms.rule.word,
    };
    let mut pairs = Pairs::from([("side", words::side(wish.side)), ("type", kind)]);
    match wish.size_quote {
        Some(money) => pairs.push_amount("quoteOrderQty", money),
        None => pairs.push_amount("quantity", wish.size),
    }
    if let Some(price) = wish.price.or(wish.price_protect) {
        pairs.push_amount("price", price);
        if let Some(tif) = terms.tif.filter(|_| !terms.is_post_only) {
            pairs.push(("timeInForce", word(&TIFS, &tif)));
        }
    }
    if let Some(display) = wish.size_display {
        pairs.push_amount("icebergQty", display);
    }
    if let Some(trigger) = &wish.trigger {
        pairs.push_amount("stopPrice", trigger.price);
    }
    if let Some(stp) = wish.stp {
        pairs.push(("selfTradePreventionMode", word(&STPS, &stp)));
    }
    Ok(pairs)
}
