//! What the stream says.

use std::borrow::Cow;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, Liquidity};
use rustonite_core::ids::InstrumentId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::orders::OrderText;
use super::{Alpaca, LINE};
use crate::gateway::dialect::Stream;
use crate::gateway::flight::Named;
use crate::gateway::parse::{Fault, Lexeme, Parsed, moment, side};
use crate::gateway::{Heard, Outgoing};
use crate::report::{Correction, Fill, Refusal, RefusalKind, Report, What};

type Text<'a> = Cow<'a, str>;

const LISTEN: &str = r#"{"action":"listen","data":{"streams":["trade_updates"]}}"#;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    stream: Text<'a>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct State<'a> {
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(default)]
    streams: Vec<String>,
}

#[derive(Deserialize)]
struct Update<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow, default)]
    execution_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    previous_execution_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    price: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    qty: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    order: OrderText<'a>,
}

impl Stream for Alpaca {
    fn message(
        &mut self,
        _line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let message: Message<'_> = serde_json::from_slice(text)?;
        match &*message.stream {
            "trade_updates" => {
                let update: Update<'_> = serde_json::from_str(message.data.get())?;
                self.update(&update, ts_recv, heard)
            }
            "authorization" => {
                let state: State<'_> = serde_json::from_str(message.data.get())?;
                heard.push(authorized(&state));
                Ok(())
            }
            "listening" => {
                let state: State<'_> = serde_json::from_str(message.data.get())?;
                if state.streams.iter().any(|stream| stream == "trade_updates") {
                    heard.push(Heard::Ready);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Alpaca {
    /// An instrument: pairs may come without their slash.
    pub(super) fn instrument(&self, symbol: &str) -> Parsed<InstrumentId> {
        let exact = self.desk.instrument(symbol);
        exact.or_else(|fault| {
            let venue = self.desk.directory.venue_name(self.desk.venue);
            let mut listed = self.desk.directory.instruments();
            let same =
                |listed: &str| listed.len() > symbol.len() && listed.replace('/', "") == symbol;
            let found = listed.find(|(_, one)| &*one.venue == venue && same(&one.symbol));
            found.map(|(id, _)| id).ok_or(fault)
        })
    }

    fn update(&mut self, one: &Update<'_>, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let instrument = self.instrument(&one.order.symbol)?;
        let mut named = self.desk.named(instrument, &one.order.client_order_id);
        named.venue_order_id = Some(one.order.id.as_ref().into());
        let at = one.timestamp.map_or(Ok(ts_recv), moment)?;
        let report = self.report(one, &named, ts_recv)?;
        self.note(&one.order)?;
        if let Some(report) = report {
            self.flights.told(&report, one.event == "fill");
            heard.push(Heard::Report(Report { ts_event: at, ..report }));
        }
        Ok(())
    }

    fn report(&mut self, one: &Update<'_>, named: &Named, ts_recv: i64) -> Parsed<Option<Report>> {
        let source = EventSource::Stream;
        let filled = one.order.filled()?;
        let client_id = named.client_id.clone();
        let what = match &*one.event {
            "new" | "accepted" => {
                let done = self.chains.done(named, None, ts_recv, source);
                return Ok(Some(
                    done.unwrap_or_else(|| named.report(ts_recv, source, What::Accepted)),
                ));
            }
            "fill" | "partial_fill" => {
                self.chains.filled(&client_id, filled);
                What::Fill(self.fill(one, filled)?)
            }
            "replaced" => return Ok(self.was_replaced(named, filled, ts_recv)),
            "canceled" | "expired" | "rejected" => self.ended(one, filled, &client_id),
            "done_for_day" | "suspended" => What::Suspended(true),
            "restated" => {
                let before = self.chains.before(&client_id).unwrap_or_default();
                let size = one.order.size()?.unwrap_or(filled);
                What::Replaced { price: one.order.price()?, size: before + size }
            }
            "order_cancel_rejected" => What::CancelRejected(refusal(&one.event)),
            "order_replace_rejected" => return Ok(self.was_not_replaced(named, ts_recv)),
            "trade_bust" | "trade_correct" => What::Corrected(corrected(one)?),
            // Halfway, or of no consequence.
            _ => return Ok(None),
        };
        if matches!(&*one.event, "fill" | "canceled" | "expired" | "rejected") {
            self.chains.forget(&client_id);
        }
        Ok(Some(named.report(ts_recv, source, what)))
    }

    fn ended(&self, one: &Update<'_>, filled: Amount, client_id: &str) -> What {
        let size_filled = self.chains.whole(client_id, filled);
        match &*one.event {
            "canceled" => What::Cancelled { size_filled, size_prevented: None, refusal: None },
            "expired" => What::Expired {
                size_filled,
                size_prevented: None,
                refusal: Some(refusal(&one.event)),
            },
            _ => What::Rejected(refusal(&one.event)),
        }
    }

    /// The old order ended for a new one.
    fn was_replaced(&mut self, old: &Named, filled: Amount, ts_recv: i64) -> Option<Report> {
        if self.chains.was_replaced(&old.client_id) {
            return None;
        }
        let Some(change) = self.chains.change_of(&old.client_id) else {
            // Somebody else's change: the new order is told as any other.
            let what = What::Cancelled {
                size_filled: self.chains.whole(&old.client_id, filled),
                size_prevented: None,
                refusal: Some(refusal("replaced")),
            };
            return Some(old.report(ts_recv, EventSource::Stream, what));
        };
        change.old_is_gone(filled);
        let (new_id, _) = self.chains.around(&old.client_id)?;
        let new = Named { client_id: new_id, venue_order_id: None, ..old.clone() };
        let number = self.known.get(&new.client_id).map(|known| known.number.clone());
        let new = Named { venue_order_id: number, ..new };
        self.chains.done(&new, Some(filled), ts_recv, EventSource::Stream)
    }

    fn was_not_replaced(&mut self, old: &Named, ts_recv: i64) -> Option<Report> {
        let (new_id, _) = self.chains.around(&old.client_id)?;
        self.chains.end(&new_id);
        let mut new = self.desk.named(old.instrument, &new_id);
        new.client_id_prev = Some(old.client_id.clone());
        let what = What::ReplaceRejected(refusal("order_replace_rejected"));
        Some(new.report(ts_recv, EventSource::Stream, what))
    }

    fn fill(&self, one: &Update<'_>, filled: Amount) -> Parsed<Fill> {
        let need = |lexeme: Option<&Lexeme<'_>>, what: &str| {
            lexeme.ok_or_else(|| Fault::Other(format!("a fill without {what}")))?.amount()
        };
        let id = one.execution_id.as_deref().unwrap_or_default();
        Ok(Fill {
            fill_id: id.into(),
            trade_id: None,
            kind: FillKind::Trade,
            side: side(&one.order.side)?,
            price: need(one.price.as_ref(), "a price")?,
            size: need(one.qty.as_ref(), "a size")?,
            size_filled: self.chains.whole(&one.order.client_order_id, filled),
            fee: None,
            liquidity: Liquidity::Unknown,
            position_side: None,
        })
    }
}

fn corrected(one: &Update<'_>) -> Parsed<Correction> {
    let becomes = match (&one.price, &one.qty) {
        (Some(price), Some(size)) if one.event == "trade_correct" => {
            Some((price.amount()?, size.amount()?))
        }
        _ => None,
    };
    Ok(Correction {
        fill_id: one.execution_id.as_deref().unwrap_or_default().into(),
        fill_id_prev: one.previous_execution_id.as_deref().unwrap_or_default().into(),
        becomes,
    })
}

fn refusal(word: &str) -> Refusal {
    let reason =
        if word == "order_cancel_rejected" { RefusalKind::TooLate } else { RefusalKind::Other };
    Refusal { reason, venue_code: word.into(), detail: "".into() }
}

fn authorized(state: &State<'_>) -> Heard {
    if state.status == "authorized" {
        return Heard::Send(Outgoing::Text { line: LINE, text: LISTEN.to_owned() });
    }
    Heard::Closed(Refusal {
        reason: RefusalKind::Authentication,
        venue_code: state.status.as_ref().into(),
        detail: state.message.as_ref().into(),
    })
}
