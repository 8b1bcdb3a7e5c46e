//! What comes on the line.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, Liquidity};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Known, Kraken, LINE, errors};
use crate::gateway::Heard;
use crate::gateway::dialect::{Dialect as _, Stream};
use crate::gateway::flight::{Asked, Loss, Step};
use crate::gateway::parse::{Fault, Lexeme, Parsed, each, moment, side};
use crate::report::{Fill, Refusal, RefusalKind, Report, What};

/// As the catalog calls the limit.
const COUNTER: &str = "orders";

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    method: String,
    req_id: Option<u64>,
    #[serde(default)]
    success: bool,
    #[serde(default)]
    error: String,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    channel: String,
    #[serde(rename = "type", default)]
    sort: String,
    sequence: Option<i64>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Placed {
    order_id: Option<String>,
    error: String,
}

#[derive(Deserialize)]
struct Execution<'a> {
    order_id: String,
    cl_ord_id: Option<String>,
    symbol: Option<String>,
    side: Option<String>,
    exec_type: String,
    #[serde(borrow, default)]
    order_qty: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    limit_price: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    cum_qty: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    last_qty: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    last_price: Option<Lexeme<'a>>,
    exec_id: Option<String>,
    trade_id: Option<i64>,
    liquidity_ind: Option<String>,
    #[serde(borrow, default)]
    fees: Vec<Fee<'a>>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(default)]
    reason: String,
    /// What the venue counts of our orders in this instrument,
    #[serde(borrow, default)]
    ratecounter: Option<Lexeme<'a>>,
    /// as its older interface calls it.
    #[serde(borrow, default)]
    ratecount: Option<Lexeme<'a>>,
}

/// What it answers to a subscription.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Subscribed<'a> {
    /// How far that count may go.
    #[serde(borrow)]
    maxratecount: Option<Lexeme<'a>>,
}

#[derive(Deserialize)]
struct Fee<'a> {
    asset: String,
    #[serde(borrow)]
    qty: Lexeme<'a>,
}

/// A count of the venue, rounded up. What is no count is none: then our own one stands.
fn count(lexeme: Lexeme<'_>) -> Option<u32> {
    let whole = 10_i128.pow(18);
    let count = lexeme.amount().ok()?.0;
    u32::try_from((count + whole - 1).div_euclid(whole)).ok()
}

fn some(lexeme: Option<&Lexeme<'_>>) -> Parsed<Option<Amount>> {
    lexeme.map(Lexeme::amount).transpose()
}

impl Stream for Kraken {
    fn message(
        &mut self,
        _line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let message: Message<'_> = serde_json::from_slice(text)?;
        if !message.method.is_empty() {
            self.replied(&message, ts_recv, heard);
            return Ok(());
        }
        let data = message.data.map_or("[]", RawValue::get);
        match &*message.channel {
            "executions" => {
                let rows: Vec<Execution<'_>> = serde_json::from_str(data)?;
                self.check_sequence(message.sequence, ts_recv, heard);
                each(&rows, |row| {
                    self.learn(row)?;
                    self.count(row, ts_recv);
                    // Open orders are asked for elsewhere.
                    if message.sort == "snapshot" {
                        return Ok(());
                    }
                    self.execution(row, ts_recv, heard)
                })
            }
            _ => Ok(()),
        }
    }
}

impl Kraken {
    /// Without one of the messages nobody knows what is open: the line is opened anew.
    fn check_sequence(&mut self, sequence: Option<i64>, ts_recv: i64, heard: &mut Vec<Heard>) {
        let Some(sequence) = sequence else { return };
        let expected = self.sequence.map(|last| last + 1);
        self.sequence = Some(sequence);
        if expected.is_some_and(|expected| expected != sequence) {
            self.end_line(LINE, ts_recv, heard);
            let detail = "a message of the stream is missing".into();
            heard.push(Heard::Closed(Refusal { detail, ..Refusal::default() }));
            heard.extend(self.begin(ts_recv).into_iter().map(Heard::Send));
        }
    }

    /// An answer about several orders. New ones are taken or refused for themselves; of cancels only
    /// their number is told, and the stream tells the rest.
    fn replied_many(
        &mut self,
        items: Vec<u64>,
        message: &Message<'_>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) {
        let placed = message.result.map_or("[]", RawValue::get);
        let placed: Vec<Placed> = serde_json::from_str(placed).unwrap_or_default();
        let mut placed = placed.into_iter();
        for item in items {
            let placed = placed.next().unwrap_or_default();
            let Some(asked) = self.flights.take(item) else { continue };
            let error = if message.success { &placed.error } else { &message.error };
            if !message.success || !error.is_empty() {
                let error = errors::refusal(error);
                self.take_refusal(asked, &error, ts_recv, heard);
                continue;
            }
            heard.extend(self.taken(asked, placed.order_id.as_deref(), ts_recv));
        }
    }

    fn replied(&mut self, message: &Message<'_>, ts_recv: i64, heard: &mut Vec<Heard>) {
        let Some(id) = message.req_id else { return };
        if let Some(items) = self.flights.items(id) {
            return self.replied_many(items, message, ts_recv, heard);
        }
        let Some(asked) = self.flights.take(id) else { return };
        if !message.success {
            let error = errors::refusal(&message.error);
            return self.take_refusal(asked, &error, ts_recv, heard);
        }
        match asked {
            Asked::Session(Step::Guard(timer)) => self.flights.guard.is_set(timer),
            Asked::Session(_) => {
                let result = message.result.map_or("{}", RawValue::get);
                let subscribed: Subscribed<'_> = serde_json::from_str(result).unwrap_or_default();
                let most = subscribed.maxratecount.and_then(count).filter(|most| *most > 0);
                if let Some(most) = most {
                    self.flights.budget.is_as_large(COUNTER, most);
                }
                self.is_ready = true;
                heard.push(Heard::Ready);
            }
            Asked::Order(..) => {
                let placed = message.result.map_or("{}", RawValue::get);
                let placed: Placed = serde_json::from_str(placed).unwrap_or_default();
                heard.extend(self.taken(asked, placed.order_id.as_deref(), ts_recv));
            }
            Asked::Question(..) | Asked::Query(_) => {
                self.lose(asked, &Loss::unanswered(), ts_recv, heard);
            }
        }
    }

    /// The venue's own count, which also has what others send for the account.
    fn count(&mut self, row: &Execution<'_>, ts_recv: i64) {
        let used = row.ratecounter.or(row.ratecount).and_then(count);
        let (Some(used), Some(known)) = (used, self.orders.get(&*row.order_id)) else { return };
        self.flights.budget.counted(COUNTER, known.named.instrument, used, ts_recv);
    }

    /// Keeps what later updates leave out.
    fn learn(&mut self, row: &Execution<'_>) -> Parsed {
        if let Some(known) = self.orders.get_mut(&*row.order_id) {
            known.price = some(row.limit_price.as_ref())?.or(known.price);
            known.size = some(row.order_qty.as_ref())?.unwrap_or(known.size);
            return Ok(());
        }
        let (Some(symbol), Some(word)) = (&row.symbol, &row.side) else { return Ok(()) };
        let client_id = row.cl_ord_id.as_deref().unwrap_or_default();
        let mut named = self.desk.named(self.desk.instrument(symbol)?, client_id);
        named.venue_order_id = Some(row.order_id.as_str().into());
        let known = Known {
            named,
            side: side(word)?,
            price: some(row.limit_price.as_ref())?,
            size: some(row.order_qty.as_ref())?.unwrap_or_default(),
        };
        self.orders.insert(row.order_id.as_str().into(), known);
        Ok(())
    }

    fn execution(&mut self, row: &Execution<'_>, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let known = self.orders.get(&*row.order_id).cloned();
        let known = known.ok_or_else(|| Fault::unknown("order", &row.order_id))?;
        let is_over = matches!(&*row.exec_type, "filled" | "canceled" | "expired");
        let what = self.what(row, &known)?;
        if is_over {
            self.orders.remove(&*row.order_id);
        }
        let report = what.map(|what| known.named.report(ts_recv, EventSource::Stream, what));
        if row.exec_type == "filled" {
            self.flights.over((&known.named.client_id, Some(&row.order_id)));
        }
        let Some(report) = report else { return Ok(()) };
        self.flights.told(&report, false);
        let ts_event = row.timestamp.map_or(Ok(ts_recv), moment)?;
        heard.push(Heard::Report(Report { ts_event, ..report }));
        Ok(())
    }

    fn what(&self, row: &Execution<'_>, known: &Known) -> Parsed<Option<What>> {
        let size_filled = some(row.cum_qty.as_ref())?;
        let size_prevented = None;
        let refusal = || Refusal {
            reason: if row.reason.to_ascii_lowercase().contains("post only") {
                RefusalKind::WouldTake
            } else {
                RefusalKind::Other
            },
            venue_code: row.exec_type.as_str().into(),
            detail: row.reason.as_str().into(),
        };
        let is_asked = row.reason.is_empty() || row.reason.contains("User requested");
        Ok(match &*row.exec_type {
            "new" => Some(What::Accepted),
            "trade" => Some(What::Fill(self.fill(row, known, size_filled)?)),
            "canceled" if is_asked => {
                Some(What::Cancelled { size_filled, size_prevented, refusal: None })
            }
            "canceled" => {
                Some(What::Cancelled { size_filled, size_prevented, refusal: Some(refusal()) })
            }
            "expired" => {
                Some(What::Expired { size_filled, size_prevented, refusal: Some(refusal()) })
            }
            "amended" | "restated" => Some(What::Replaced { price: known.price, size: known.size }),
            "triggered" => Some(What::Triggered),
            // Halfway, or told by the executions themselves.
            _ => None,
        })
    }

    fn fill(
        &self,
        row: &Execution<'_>,
        known: &Known,
        size_filled: Option<Amount>,
    ) -> Parsed<Fill> {
        let need = |lexeme: Option<&Lexeme<'_>>, what: &str| {
            lexeme.ok_or_else(|| Fault::Other(format!("a trade without {what}")))?.amount()
        };
        let fee = match &row.fees[..] {
            [fee] => self.desk.directory.asset(&fee.asset).map(|asset| (&fee.qty, asset)),
            // Of several none is the fee.
            _ => None,
        };
        Ok(Fill {
            fill_id: row.exec_id.as_deref().unwrap_or_default().into(),
            trade_id: row.trade_id,
            kind: FillKind::Trade,
            side: known.side,
            price: need(row.last_price.as_ref(), "a price")?,
            size: need(row.last_qty.as_ref(), "a size")?,
            size_filled,
            fee: fee.map(|(qty, asset)| Ok::<_, Fault>((qty.amount()?, asset))).transpose()?,
            liquidity: match row.liquidity_ind.as_deref() {
                Some("m") => Liquidity::Maker,
                Some("t") => Liquidity::Taker,
                _ => Liquidity::Unknown,
            },
            position_side: None,
        })
    }
}
