//! Orders in the venue's words, and answers about them.

use std::borrow::Cow;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderState, Tif};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::requests::{LOOK_UP, TIFS};
use super::{Alpaca, Known, LINE};
use crate::gateway::Heard;
use crate::gateway::capability::meaning;
use crate::gateway::flight::{Asked, Named};
use crate::gateway::parse::{Fault, Lexeme, Parsed, moment, side};
use crate::report::{OrderPicture, Refusal, Report, What};

type Text<'a> = Cow<'a, str>;

/// An order. Numbers are texts, most of the time.
#[derive(Debug, Deserialize)]
pub(super) struct OrderText<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) client_order_id: Text<'a>,
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
    #[serde(borrow)]
    pub(super) side: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    /// None of an order that is sized in money.
    #[serde(borrow, default)]
    qty: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    filled_qty: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    filled_avg_price: Option<Lexeme<'a>>,
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    time_in_force: Text<'a>,
    #[serde(borrow, default)]
    limit_price: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    stop_price: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    updated_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) submitted_at: Option<&'a RawValue>,
}

impl OrderText<'_> {
    pub(super) fn filled(&self) -> Parsed<Amount> {
        Ok(some(self.filled_qty.as_ref())?.unwrap_or_default())
    }

    pub(super) fn size(&self) -> Parsed<Option<Amount>> {
        some(self.qty.as_ref())
    }

    pub(super) fn price(&self) -> Parsed<Option<Amount>> {
        some(self.limit_price.as_ref())
    }

    fn limit_tif(&self) -> Option<Tif> {
        meaning(&TIFS, &self.time_in_force).filter(|_| self.kind == "limit")
    }

    fn state(&self, filled: Amount) -> Parsed<OrderState> {
        Ok(match &*self.status {
            "filled" => OrderState::Filled,
            // Of one that was replaced, another order is what goes on.
            "canceled" | "replaced" => OrderState::Cancelled,
            "expired" => OrderState::Expired,
            "rejected" => OrderState::Rejected,
            "suspended" | "done_for_day" | "held" => OrderState::Suspended,
            // Taken, and not done so far.
            "pending_cancel" => OrderState::PendingCancel,
            "pending_replace" => OrderState::PendingReplace,
            "new"
            | "accepted"
            | "pending_new"
            | "accepted_for_bidding"
            | "pending_review"
            | "partially_filled"
            | "stopped"
            | "calculated" => {
                if filled > Amount::ZERO {
                    OrderState::PartiallyFilled
                } else {
                    OrderState::Accepted
                }
            }
            other => return Err(Fault::unknown("order status", other)),
        })
    }
}

/// Zero, null and nothing are none.
fn some(lexeme: Option<&Lexeme<'_>>) -> Parsed<Option<Amount>> {
    let amount = lexeme.map(Lexeme::amount).transpose()?;
    Ok(amount.filter(|amount| *amount != Amount::ZERO))
}

impl Alpaca {
    /// An order as a query shows it.
    pub(super) fn picture(
        &self,
        order: &OrderText<'_>,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Report> {
        let instrument = self.instrument(&order.symbol)?;
        let named = self.desk.named(instrument, &order.client_order_id);
        let size_filled = order.filled()?;
        let picture = OrderPicture {
            state: order.state(size_filled)?,
            side: side(&order.side)?,
            price: order.price()?,
            price_trigger: some(order.stop_price.as_ref())?,
            limit_tif: order.limit_tif(),
            size: order.size()?.unwrap_or(size_filled),
            size_filled,
            price_average: some(order.filled_avg_price.as_ref())?,
        };
        let mut report = named.report(ts_recv, source, What::Picture(picture));
        report.venue_order_id = Some(order.id.as_ref().into());
        if let Some(at) = order.updated_at.filter(|text| text.get() != "null") {
            report.ts_event = moment(at)?;
        }
        Ok(report)
    }

    /// The order of an answer.
    pub(super) fn asked_about(&mut self, body: &str, ts_recv: i64) -> Parsed<Report> {
        let order: OrderText<'_> = serde_json::from_str(body)?;
        self.note(&order)?;
        self.picture(&order, ts_recv, EventSource::Rest)
    }

    /// Keeps what later requests need to know of an order.
    pub(super) fn note(&mut self, order: &OrderText<'_>) -> Parsed {
        let is_over =
            matches!(&*order.status, "filled" | "canceled" | "replaced" | "expired" | "rejected");
        if is_over {
            self.known.remove(&*order.client_order_id);
            return Ok(());
        }
        let known = Known { number: number(&order.id)?, size: order.size()? };
        self.known.insert(order.client_order_id.as_ref().into(), known);
        Ok(())
    }

    /// What was asked of an order was taken.
    pub(super) fn taken(
        &mut self,
        order: Named,
        request: OrderEvent,
        place: usize,
        body: &str,
        ts_recv: i64,
    ) -> Parsed<Option<Heard>> {
        if place == LOOK_UP {
            return self.looked_up(order, request, body, ts_recv).map(Some);
        }
        if request == OrderEvent::CancelAsked {
            let asked = Asked::Order(order, request, place);
            self.flights.taken(asked, LINE, ts_recv);
            return Ok(None);
        }
        let text: OrderText<'_> = serde_json::from_str(body)?;
        self.note(&text)?;
        let number: Box<str> = text.id.as_ref().into();
        if request == OrderEvent::ReplaceAsked {
            // Unless the stream was faster.
            if self.chains.size_is(&order.client_id, text.size()?) {
                self.flights.taken(Asked::Order(order, request, place), LINE, ts_recv);
            }
            return Ok(None);
        }
        let what = if text.status == "rejected" {
            What::Rejected(Refusal { venue_code: "rejected".into(), ..Refusal::default() })
        } else {
            What::Accepted
        };
        let mut report = order.report(ts_recv, EventSource::Reply, what);
        report.venue_order_id = Some(number);
        if let Some(at) = text.updated_at.filter(|text| text.get() != "null") {
            report.ts_event = moment(at)?;
        }
        Ok(Some(Heard::Report(report)))
    }

    /// The number of an order is known now.
    fn looked_up(
        &mut self,
        order: Named,
        request: OrderEvent,
        body: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let text: OrderText<'_> = serde_json::from_str(body)?;
        let number = number(&text.id)?;
        if request == OrderEvent::CancelAsked {
            return Ok(Heard::Send(self.cancel(order, &number, ts_recv)));
        }
        let body = self.held.remove(&order.client_id);
        let body = body.ok_or_else(|| Fault::Other("there is nothing to change".to_owned()))?;
        Ok(Heard::Send(self.change(order, &number, body, ts_recv)))
    }
}

/// The venue's number of an order, which becomes a part of paths.
fn number(text: &str) -> Parsed<Box<str>> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(Fault::unknown("order id", text));
    }
    Ok(text.into())
}
