//! What comes on the lines.

use rustonite_core::Amount;
use rustonite_core::datasets::EventSource;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::rows::{self, FillRow, OrderRow, PositionRow, WalletRow};
use super::{Bybit, Change, PRIVATE, Reply, TRADING, errors, moment};
use crate::gateway::dialect::Stream;
use crate::gateway::parse::{Parsed, each, ns, some_amount};
use crate::gateway::{Heard, Outgoing};
use crate::report::{Refusal, RefusalKind, Report, What};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    op: String,
    #[serde(default)]
    topic: String,
    /// On the private line,
    success: Option<bool>,
    #[serde(default)]
    ret_msg: String,
    /// and on the one for trading.
    #[serde(rename = "retCode")]
    code: Option<i64>,
    #[serde(rename = "retMsg", default)]
    words: String,
    #[serde(rename = "creationTime", default)]
    at: i64,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Stream for Bybit {
    fn message(
        &mut self,
        line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let message: Message<'_> = serde_json::from_slice(text)?;
        match &*message.op {
            "" => {
                let data = message.data.map_or("[]", RawValue::get);
                self.topic(&message, data, ts_recv, heard)
            }
            "auth" | "subscribe" => {
                self.session(line, &message, heard);
                Ok(())
            }
            op if line == TRADING && op.starts_with("order.") => {
                let reply: Reply<'_> = serde_json::from_slice(text)?;
                self.replied(&reply, ts_recv, heard);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Bybit {
    /// What is said about the connection itself.
    fn session(&mut self, line: usize, message: &Message<'_>, heard: &mut Vec<Heard>) {
        let is_done = message.success != Some(false) && message.code.unwrap_or_default() == 0;
        if !is_done {
            let words = if message.words.is_empty() { &message.ret_msg } else { &message.words };
            let mut refusal = errors::refusal(message.code.unwrap_or_default(), words).refusal;
            if message.op == "auth" && refusal.reason != RefusalKind::Authentication {
                // If it is not said to be the key, it may be the moment that is signed with it.
                self.flights.clock.doubt();
                refusal.reason = RefusalKind::Authentication;
            }
            return heard.push(Heard::Closed(refusal));
        }
        if message.op == "subscribe" {
            self.is_subscribed = true;
        } else {
            if let Some(state) = self.lines.get_mut(line) {
                state.is_logged_on = true;
            }
            if line == PRIVATE {
                let mut topics = vec!["order", "execution", "wallet", "position"];
                topics.extend(self.flights.guard.is_wanted().then_some(self.category.dcp().0));
                let text = json!({"op": "subscribe", "args": topics}).to_string();
                heard.push(Heard::Send(Outgoing::Text { line: PRIVATE, text }));
            }
        }
        if self.is_whole() && !self.is_ready {
            self.is_ready = true;
            heard.push(Heard::Ready);
        }
    }

    /// Of all categories: those of others are left out.
    fn topic(
        &mut self,
        message: &Message<'_>,
        data: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let category = self.category.word();
        match message.topic.split('.').next().unwrap_or_default() {
            "order" => {
                let mut rows: Vec<OrderRow> = serde_json::from_str(data)?;
                rows.retain(|row| row.category == category);
                each(&rows, |row| self.order_update(row, ts_recv, heard))
            }
            "execution" => {
                let mut rows: Vec<FillRow> = serde_json::from_str(data)?;
                rows.retain(|row| row.category == category);
                each(&rows, |row| self.execution(row, ts_recv, heard))
            }
            "wallet" => {
                let rows: Vec<WalletRow> = serde_json::from_str(data)?;
                let balances = rows::balances(&self.desk, &rows, ns(message.at))?;
                heard.extend(balances.into_iter().map(Heard::Balance));
                Ok(())
            }
            "position" => {
                let mut rows: Vec<PositionRow> = serde_json::from_str(data)?;
                rows.retain(|row| row.category == category);
                let positions = rows::positions(&self.desk, &rows, ts_recv)?;
                heard.extend(positions.into_iter().map(Heard::Position));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn execution(&mut self, row: &FillRow, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let named = self.desk.named(self.desk.instrument(&row.symbol)?, &row.order_link_id);
        let source = EventSource::Stream;
        let report = row.report((&self.desk, self.hedges), &named, ts_recv, source)?;
        if let Some(report) = report {
            self.flights.told(&report, row.is_last());
            heard.push(Heard::Report(report));
        }
        Ok(())
    }

    fn order_update(&mut self, row: &OrderRow, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let mut named = self.desk.named(self.desk.instrument(&row.symbol)?, &row.order_link_id);
        named.venue_order_id = Some(row.order_id.as_str().into());
        let Some(what) = self.what(row)? else { return Ok(()) };
        let report = named.report(ts_recv, EventSource::Stream, what);
        self.flights.told(&report, false);
        let ts_event = moment(&row.updated_time, ts_recv);
        heard.push(Heard::Report(Report { ts_event, ..report }));
        Ok(())
    }

    fn what(&mut self, row: &OrderRow) -> Parsed<Option<What>> {
        let filled = row.filled()?;
        Ok(match &*row.order_status {
            "New" | "PartiallyFilled" | "Untriggered" => self.works(row)?,
            "Triggered" => Some(What::Triggered),
            "Rejected" if filled == Amount::ZERO => {
                self.changes.retain(|change| !change.order.has_name(row.name()));
                Some(What::Rejected(refusal(row)))
            }
            "Cancelled" | "PartiallyFilledCanceled" | "Deactivated" | "Rejected" => {
                self.changes.retain(|change| !change.order.has_name(row.name()));
                Some(ended(row, filled))
            }
            "Filled" => {
                self.changes.retain(|change| !change.order.has_name(row.name()));
                self.flights.over(row.name());
                // Executions are told by themselves.
                None
            }
            _ => None,
        })
    }

    /// The venue does not say why it tells of an order that works: it may be new, or changed.
    fn works(&mut self, row: &OrderRow) -> Parsed<Option<What>> {
        let (price, size) = (some_amount(&row.price)?, row.size()?);
        let trigger = some_amount(&row.trigger_price)?;
        let is_it = |change: &Change| {
            change.order.has_name(row.name())
                && change.size == size
                && (change.price.is_none() || change.price == price)
                && (change.price_trigger.is_none() || change.price_trigger == trigger)
        };
        if let Some(done) = self.changes.iter().position(is_it) {
            self.changes.remove(done);
            return Ok(Some(What::Replaced { price, size }));
        }
        Ok((row.order_status != "PartiallyFilled").then_some(What::Accepted))
    }
}

fn refusal(row: &OrderRow) -> Refusal {
    let reason = match &*row.reject_reason {
        "EC_PostOnlyWillTakeLiquidity" => RefusalKind::WouldTake,
        "EC_UnknownOrderId" | "EC_OrderNotExist" => RefusalKind::UnknownOrder,
        "EC_InsufficientBalance" | "EC_AvailableBalanceInsufficient" => RefusalKind::Balance,
        "EC_DuplicatedOrderId" | "EC_DuplicatedClOrdID" => RefusalKind::DuplicateId,
        _ => RefusalKind::Other,
    };
    Refusal { reason, venue_code: row.reject_reason.as_str().into(), detail: "".into() }
}

fn ended(row: &OrderRow, filled: Amount) -> What {
    let (size_filled, size_prevented) = (Some(filled), None);
    match (&*row.cancel_type, &*row.reject_reason) {
        ("CancelByUser", _) | (_, "EC_PerCancelRequest") => {
            What::Cancelled { size_filled, size_prevented, refusal: None }
        }
        (_, "EC_PostOnlyWillTakeLiquidity") => {
            What::Cancelled { size_filled, size_prevented, refusal: Some(refusal(row)) }
        }
        _ => What::Expired { size_filled, size_prevented, refusal: Some(refusal(row)) },
    }
}
