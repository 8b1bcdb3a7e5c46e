//! What comes on the line.

use rustonite_core::datasets::EventSource;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::rows::{self, AccountRow, OrderRow, PositionRow, moment};
use super::{Envelope, LINE, Okx, errors};
use crate::gateway::dialect::Stream;
use crate::gateway::parse::{Parsed, each, some_amount};
use crate::gateway::{Heard, Outgoing};
use crate::report::{Refusal, RefusalKind, Report, What};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    op: Option<String>,
    #[serde(default)]
    code: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    arg: Option<Argument>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Argument {
    channel: String,
}

impl Stream for Okx {
    fn message(
        &mut self,
        _line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        if text == b"pong" {
            return Ok(());
        }
        let message: Message<'_> = serde_json::from_slice(text)?;
        if let Some(event) = &message.event {
            let said = session(event, &message);
            self.is_ready |= said == Some(Heard::Ready);
            if let Some(Heard::Closed(refusal)) = &said
                && refusal.reason == RefusalKind::Clock
            {
                self.flights.clock.doubt();
            }
            heard.extend(said);
            return Ok(());
        }
        if message.op.is_some() {
            let envelope: Envelope<'_> = serde_json::from_slice(text)?;
            self.replied(&envelope, ts_recv, heard);
            return Ok(());
        }
        let (Some(arg), Some(data)) = (&message.arg, message.data) else { return Ok(()) };
        match &*arg.channel {
            "orders" => {
                let rows: Vec<OrderRow> = serde_json::from_str(data.get())?;
                each(&rows, |row| self.order_update(row, ts_recv, heard))
            }
            "account" => {
                let rows: Vec<AccountRow> = serde_json::from_str(data.get())?;
                let balances = rows::balances(&self.desk, &rows, ts_recv)?;
                heard.extend(balances.into_iter().map(Heard::Balance));
                Ok(())
            }
            "positions" => {
                let rows: Vec<PositionRow> = serde_json::from_str(data.get())?;
                let positions = rows::positions(&self.desk, &rows, ts_recv)?;
                heard.extend(positions.into_iter().map(Heard::Position));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Okx {
    fn order_update(&mut self, row: &OrderRow, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let mut named = self.desk.named(self.desk.instrument(&row.inst_id)?, &row.cl_ord_id);
        named.venue_order_id = Some(row.ord_id.as_str().into());
        let at = moment(&row.u_time)?.unwrap_or(ts_recv);
        let fill = row.fill(&self.desk)?;
        let is_full = row.state == "filled";
        let whats = fill.map(What::Fill).into_iter().chain(what(row)?);
        for what in whats {
            let report = named.report(ts_recv, EventSource::Stream, what);
            self.flights.told(&report, is_full);
            heard.push(Heard::Report(Report { ts_event: at, ..report }));
        }
        Ok(())
    }
}

/// What an update says besides an execution.
fn what(row: &OrderRow) -> Parsed<Option<What>> {
    let refusal = |reason, code: &str, words: &str| Refusal {
        reason,
        venue_code: code.into(),
        detail: words.into(),
    };
    match &*row.amend_result {
        "" => {}
        "0" => {
            let (price, size) = (some_amount(&row.px)?, row.size()?);
            return Ok(Some(What::Replaced { price, size }));
        }
        _ if row.state != "canceled" => {
            let refusal = errors::refusal(&row.code, &row.msg).refusal;
            return Ok(Some(What::ReplaceRejected(refusal)));
        }
        _ => {}
    }
    let (size_filled, size_prevented) = (Some(row.filled()?), None);
    Ok(match (&*row.state, &*row.cancel_source) {
        ("live", _) if row.trade_id.is_empty() => Some(What::Accepted),
        // By the client.
        ("canceled", "" | "1") => {
            Some(What::Cancelled { size_filled, size_prevented, refusal: None })
        }
        ("canceled", "31") => {
            let refusal = Some(refusal(RefusalKind::WouldTake, "31", ""));
            Some(What::Cancelled { size_filled, size_prevented, refusal })
        }
        ("canceled" | "mmp_canceled", source) => {
            let refusal = Some(refusal(RefusalKind::Other, source, &row.msg));
            Some(What::Expired { size_filled, size_prevented, refusal })
        }
        _ => None,
    })
}

/// What is said about the connection itself.
fn session(event: &str, message: &Message<'_>) -> Option<Heard> {
    match event {
        "login" if message.code == "0" => {
            let any = |channel: &str| json!({"channel": channel, "instType": "ANY"});
            let channels = [any("orders"), any("positions"), json!({"channel": "account"})];
            Some(Heard::Send(Outgoing::json(LINE, &json!({"op": "subscribe", "args": channels}))))
        }
        "subscribe" => {
            let is_ready = message.arg.as_ref().is_some_and(|arg| arg.channel == "orders");
            is_ready.then_some(Heard::Ready)
        }
        "login" | "error" => {
            Some(Heard::Closed(errors::refusal(&message.code, &message.msg).refusal))
        }
        _ => None,
    }
}
