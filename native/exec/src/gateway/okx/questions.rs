//! Questions, and their answers page by page.

use rustonite_core::datasets::EventSource;
use rustonite_core::datasets::InstrumentKind;
use rustonite_core::ids::InstrumentId;
use serde::Deserialize;

use super::rows::{self, AccountRow, BillRow, FillRow, OrderRow, PositionRow};
use super::{Okx, SECOND};
use crate::gateway::dialect::Questions;
use crate::gateway::flight::{Asked, Pages, Query};
use crate::gateway::parse::{Fault, Parsed, ms};
use crate::gateway::{Answer, Contracts, Heard, Outgoing, Question};

const ROWS_MAX: usize = 100;
/// The type of bills of funding.
const FUNDING: &str = "8";
/// Executions of so long ago are all at hand.
const RECENT: i64 = 3 * 24 * 3600 * SECOND;

/// How an instrument is margined.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeverageRow {
    inst_id: String,
    lever: String,
}

/// How all of an account is held.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigRow {
    pos_mode: String,
}

impl ConfigRow {
    fn hedges(&self) -> Parsed<bool> {
        match &*self.pos_mode {
            "long_short_mode" => Ok(true),
            "net_mode" => Ok(false),
            other => Err(Fault::unknown("position mode", other)),
        }
    }
}

impl Questions for Okx {
    fn question(&mut self, question: Question, pages: Pages, now: i64) -> Outgoing {
        let after = if pages.cursor.is_empty() {
            String::new()
        } else {
            format!("&after={}", pages.cursor)
        };
        let path = match question {
            Question::OpenOrders => {
                format!("/api/v5/trade/orders-pending?limit={ROWS_MAX}{after}")
            }
            Question::Balances => "/api/v5/account/balance".to_owned(),
            Question::Positions => "/api/v5/account/positions".to_owned(),
            Question::Contracts if pages.count == 0 => {
                let ids = self.contracts().join(",");
                format!("/api/v5/account/leverage-info?mgnMode=cross&instId={ids}")
            }
            Question::Contracts => "/api/v5/account/config".to_owned(),
            Question::Payments(from) => {
                let list = if now - from < RECENT { "bills" } else { "bills-archive" };
                let begin = ms(from);
                format!(
                    "/api/v5/account/{list}?instType=SWAP&type={FUNDING}&begin={begin}\
                     &limit={ROWS_MAX}{after}"
                )
            }
            Question::Fills(instrument, from) => {
                let list = if now - from < RECENT { "fills" } else { "fills-history" };
                let (kind, symbol) = (self.kind(instrument), self.desk.symbol(instrument));
                let begin = ms(from);
                format!(
                    "/api/v5/trade/{list}?instType={kind}&instId={symbol}&begin={begin}\
                     &limit={ROWS_MAX}{after}"
                )
            }
        };
        self.get(path, Asked::Question(question, pages), now)
    }

    /// What was asked for, or the question for the next page of it.
    fn answer(
        &mut self,
        question: Question,
        mut pages: Pages,
        data: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let next = match question {
            Question::OpenOrders => self.open_orders(&mut pages, data, ts_recv)?,
            Question::Fills(instrument, _) => self.fills(instrument, &mut pages, data, ts_recv)?,
            Question::Payments(_) => self.bills(&mut pages, data, ts_recv)?,
            Question::Contracts if pages.count == 0 => {
                let rows: Vec<LeverageRow> = serde_json::from_str(data)?;
                let rows = rows.iter().map(|row| (&*row.inst_id, &*row.lever));
                pages.contracts.leverage = self.desk.leverage(rows)?;
                pages.count = 1;
                return Ok(self.flights.pause(question, pages));
            }
            Question::Contracts => {
                let [row]: [ConfigRow; 1] = serde_json::from_str(data)?;
                let hedging = self.desk.hedging(row.hedges()?);
                let contracts = Contracts { hedging, ..pages.contracts };
                return Ok(Heard::Answer(question, Answer::Contracts(contracts)));
            }
            Question::Balances => {
                let rows: Vec<AccountRow> = serde_json::from_str(data)?;
                let balances = rows::balances(&self.desk, &rows, ts_recv)?;
                return Ok(Heard::Answer(question, Answer::Balances(balances)));
            }
            Question::Positions => {
                let rows: Vec<PositionRow> = serde_json::from_str(data)?;
                let positions = rows::positions(&self.desk, &rows, ts_recv)?;
                return Ok(Heard::Answer(question, Answer::Positions(positions)));
            }
        };
        // A page that goes on where it began would go on for ever.
        match next.filter(|cursor| *cursor != pages.cursor) {
            Some(cursor) => {
                pages.cursor = cursor;
                Ok(self.flights.pause(question, pages))
            }
            None => Ok(Heard::Answer(question, Answer::Reports(pages.reports))),
        }
    }

    fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        let symbol = self.desk.symbol(query.order.instrument);
        let name = query.order.parameter("ordId", "clOrdId");
        let path = format!("/api/v5/trade/order?instId={symbol}&{name}");
        self.get(path, Asked::Query(Box::new(query)), now)
    }

    fn found(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        let rows: Vec<OrderRow> = serde_json::from_str(result)?;
        let row = rows.first().ok_or_else(|| Fault::Other("no order".to_owned()))?;
        heard.push(Heard::Report(row.picture(&query.order, ts_recv, EventSource::Rest)?));
        Ok(None)
    }
}

impl Okx {
    /// Symbols of what is margined.
    pub(super) fn contracts(&self) -> Vec<String> {
        let contracts = self.desk.all_listed().filter(|(id, _)| !self.is_spot(*id));
        contracts.map(|(_, one)| one.symbol.to_string()).collect()
    }

    fn kind(&self, instrument: InstrumentId) -> &'static str {
        match self.desk.listed(instrument).map(|listed| listed.kind) {
            Some(InstrumentKind::Perpetual) => "SWAP",
            Some(InstrumentKind::Future) => "FUTURES",
            Some(InstrumentKind::Option) => "OPTION",
            _ => "SPOT",
        }
    }

    /// Orders in what nothing here trades are left out. Returns where the next page begins.
    fn open_orders(&self, pages: &mut Pages, data: &str, ts_recv: i64) -> Parsed<Option<String>> {
        let rows: Vec<OrderRow> = serde_json::from_str(data)?;
        for row in &rows {
            let Ok(instrument) = self.desk.instrument(&row.inst_id) else { continue };
            let named = self.desk.named(instrument, &row.cl_ord_id);
            pages.reports.push(row.picture(&named, ts_recv, EventSource::Reconciliation)?);
        }
        let last = rows.last().filter(|_| rows.len() >= ROWS_MAX);
        Ok(last.map(|row| plain(&row.ord_id)))
    }

    /// Funding that was paid or received. Returns where the next page begins.
    fn bills(&self, pages: &mut Pages, data: &str, ts_recv: i64) -> Parsed<Option<String>> {
        let rows: Vec<BillRow> = serde_json::from_str(data)?;
        for row in &rows {
            pages.reports.extend(row.funding(&self.desk, ts_recv)?);
        }
        let last = rows.last().filter(|_| rows.len() >= ROWS_MAX);
        Ok(last.map(|row| plain(&row.bill_id)))
    }

    fn fills(
        &self,
        instrument: InstrumentId,
        pages: &mut Pages,
        data: &str,
        ts_recv: i64,
    ) -> Parsed<Option<String>> {
        let rows: Vec<FillRow> = serde_json::from_str(data)?;
        let named = self.desk.named(instrument, "");
        for row in &rows {
            pages.reports.push(row.report(&self.desk, &named, ts_recv)?);
        }
        let last = rows.last().filter(|_| rows.len() >= ROWS_MAX);
        Ok(last.map(|row| plain(&row.bill_id)))
    }
}

/// A number of the venue, fit for a path.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}
