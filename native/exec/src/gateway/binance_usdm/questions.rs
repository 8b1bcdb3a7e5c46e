//! Questions, and their answers page by page.

use rustonite_core::datasets::{EventSource, FillKind, Liquidity};
use rustonite_core::ids::InstrumentId;
use serde::Deserialize;

use super::account::{BalanceText, PositionText};
use super::orders::{ALGOS, AlgoText, ORDERS, OrderText};
use super::stream::{fee, position_side};
use super::{BinanceUsdM, FUNDING, TRADING};
use crate::gateway::binance::params::Pairs;
use crate::gateway::dialect::Questions;
use crate::gateway::flight::{Asked, Pages, Query};
use crate::gateway::parse::{Lexeme, Parsed, amount, ms, ns, side, span_ms};
use crate::gateway::{Answer, Contracts, Heard, Outgoing, Question};
use crate::report::{Fill, Report, What};

/// Rows of a page.
const FILLS_MAX: usize = 1000;
const INCOMES_MAX: usize = 1000;
/// How a symbol is margined.
#[derive(Deserialize)]
struct LeverageText<'a> {
    symbol: String,
    #[serde(borrow)]
    leverage: Lexeme<'a>,
}

/// How all symbols are held.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModesText {
    dual_side_position: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MyTrade {
    id: i64,
    order_id: i64,
    side: String,
    price: String,
    qty: String,
    commission: String,
    commission_asset: String,
    time: i64,
    #[serde(default)]
    position_side: String,
    maker: bool,
}

/// A change of a balance. Its number is that of no other one of its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentText<'a> {
    symbol: String,
    income_type: String,
    income: String,
    asset: String,
    time: i64,
    #[serde(borrow)]
    tran_id: Lexeme<'a>,
}

impl Questions for BinanceUsdM {
    fn question(&mut self, question: Question, pages: Pages, now: i64) -> Outgoing {
        let (path, pairs) = match question {
            Question::OpenOrders if pages.count == 0 => ("/fapi/v1/openOrders", Pairs::default()),
            Question::OpenOrders => ("/fapi/v1/openAlgoOrders", Pairs::default()),
            Question::Balances => ("/fapi/v3/balance", Pairs::default()),
            Question::Positions => ("/fapi/v3/positionRisk", Pairs::default()),
            Question::Contracts if pages.count == 0 => ("/fapi/v1/symbolConfig", Pairs::default()),
            Question::Contracts => ("/fapi/v1/accountConfig", Pairs::default()),
            Question::Fills(instrument, from) => {
                let mut pairs = Pairs::from([("limit", FILLS_MAX.to_string())]);
                pairs.push(("symbol", self.session.desk.symbol(instrument)));
                if pages.cursor.is_empty() {
                    let (start, end) = span_ms(from, pages.count);
                    pairs.push(("startTime", start.to_string()));
                    pairs.push(("endTime", end.to_string()));
                } else {
                    pairs.push(("fromId", pages.cursor.clone()));
                }
                ("/fapi/v1/userTrades", pairs)
            }
            Question::Payments(from) => {
                let (first, last) = span_ms(from, pages.count);
                let start =
                    if pages.cursor.is_empty() { first.to_string() } else { pages.cursor.clone() };
                let pairs = Pairs::from([
                    ("incomeType", FUNDING.to_owned()),
                    ("limit", INCOMES_MAX.to_string()),
                    ("startTime", start),
                    ("endTime", last.to_string()),
                ]);
                ("/fapi/v1/income", pairs)
            }
        };
        self.session.rest("GET", path, Asked::Question(question, pages), pairs, now)
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
            Question::OpenOrders if pages.count == 0 => {
                pages.reports = self.open_orders(result, ts_recv)?;
                pages.count = 1;
                return Ok(self.session.flights.pause(question, pages));
            }
            Question::OpenOrders => {
                pages.reports.extend(self.waiting_orders(result, ts_recv)?);
                Answer::Reports(pages.reports)
            }
            Question::Balances => {
                let rows: Vec<BalanceText> = serde_json::from_str(result)?;
                Answer::Balances(self.balances(&rows)?)
            }
            Question::Positions => {
                let rows: Vec<PositionText> = serde_json::from_str(result)?;
                Answer::Positions(self.positions(&rows)?)
            }
            Question::Contracts if pages.count == 0 => {
                let rows: Vec<LeverageText<'_>> = serde_json::from_str(result)?;
                let rows = rows.iter().map(|row| (&*row.symbol, row.leverage.text()));
                pages.contracts.leverage = self.session.desk.leverage(rows)?;
                pages.count = 1;
                return Ok(self.session.flights.pause(question, pages));
            }
            Question::Contracts => {
                let modes: ModesText = serde_json::from_str(result)?;
                let hedging = self.session.desk.hedging(modes.dual_side_position);
                Answer::Contracts(Contracts { hedging, ..pages.contracts })
            }
            Question::Fills(instrument, from) => {
                return self.fills(question, instrument, from, pages, result, ts_recv);
            }
            Question::Payments(from) => {
                return self.incomes(question, from, pages, result, ts_recv);
            }
        };
        Ok(Heard::Answer(question, answer))
    }

    fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        if query.place % 2 == ORDERS {
            let pairs = self.session.sought(&query.order);
            let asked = Asked::Query(Box::new(query));
            return self.session.signed(TRADING, "order.status", asked, pairs, now);
        }
        let pairs = [("clientAlgoId", &*query.order.client_id)].into();
        let asked = Asked::Query(Box::new(query));
        self.session.rest("GET", "/fapi/v1/algoOrder", asked, pairs, now)
    }

    fn found(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        if Self::is_about_change(query) {
            return self.found_of_change(query, result, ts_recv, heard);
        }
        self.sought(query, result, ts_recv, heard)
    }

    fn missing(&mut self, query: Query, ts_recv: i64, heard: &mut Vec<Heard>) -> Option<Query> {
        if Self::is_about_change(&query) {
            let next = self.chains.missing(query, ts_recv, heard);
            return next.map(|next| Query { place: ALGOS, ..next });
        }
        if let Some(picture) = query.found {
            heard.push(Heard::Report(picture));
            return None;
        }
        // Those that wait have numbers of their own, and always a client id.
        if query.place < 2 && query.order.venue_order_id.is_none() {
            let place = 2 + (query.place + 1) % 2;
            return Some(Query { place, ..query });
        }
        heard.push(query.order.heard(ts_recv, EventSource::Rest, What::NotFound));
        None
    }
}

impl BinanceUsdM {
    /// Orders in what nothing here trades are left out.
    fn open_orders(&self, result: &str, ts_recv: i64) -> Parsed<Vec<Report>> {
        let desk = &self.session.desk;
        let orders: Vec<OrderText> = serde_json::from_str(result)?;
        let known = orders.iter().filter_map(|one| Some((desk.instrument(&one.symbol).ok()?, one)));
        let picture = |(instrument, one): (InstrumentId, &OrderText)| {
            let named = desk.named(instrument, one.client_id());
            one.picture(&named, ts_recv, EventSource::Reconciliation)
        };
        known.map(picture).collect()
    }

    fn waiting_orders(&mut self, result: &str, ts_recv: i64) -> Parsed<Vec<Report>> {
        let orders: Vec<AlgoText> = serde_json::from_str(result)?;
        let mut reports = Vec::new();
        for one in &orders {
            let desk = &self.session.desk;
            let Ok(instrument) = desk.instrument(&one.symbol) else { continue };
            let named = desk.named(instrument, one.client_id());
            reports.push(one.picture(&named, ts_recv, EventSource::Reconciliation)?);
            self.waiting.insert(one.client_id().into());
        }
        Ok(reports)
    }

    /// By time until there are some, and then by their numbers until there are no more.
    fn fills(
        &mut self,
        question: Question,
        instrument: InstrumentId,
        from: i64,
        mut pages: Pages,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let trades: Vec<MyTrade> = serde_json::from_str(result)?;
        for trade in &trades {
            pages.reports.push(self.my_trade(instrument, trade, ts_recv)?);
        }
        let (_, span_end) = span_ms(from, pages.count);
        let reaches_now = !pages.cursor.is_empty() || span_end >= ms(ts_recv);
        if trades.len() < FILLS_MAX && reaches_now {
            return Ok(Heard::Answer(question, Answer::Reports(pages.reports)));
        }
        pages.count += 1;
        if let Some(last) = trades.last() {
            pages.cursor = last.id.saturating_add(1).to_string();
        }
        Ok(self.session.flights.pause(question, pages))
    }

    /// By time, as the venue has no numbers to go on by: what comes twice has one number.
    fn incomes(
        &mut self,
        question: Question,
        from: i64,
        mut pages: Pages,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let rows: Vec<PaymentText<'_>> = serde_json::from_str(result)?;
        for row in rows.iter().filter(|row| row.income_type == FUNDING) {
            pages.reports.extend(self.funding(row, ts_recv)?);
        }
        let (_, span_end) = span_ms(from, pages.count);
        match rows.last().filter(|_| rows.len() >= INCOMES_MAX) {
            Some(last) => {
                let start = last.time.to_string();
                let stays = start == pages.cursor;
                pages.cursor = if stays { (last.time + 1).to_string() } else { start };
            }
            None if span_end >= ms(ts_recv) => {
                return Ok(Heard::Answer(question, Answer::Reports(pages.reports)));
            }
            None => {
                pages.cursor.clear();
                pages.count += 1;
            }
        }
        Ok(self.session.flights.pause(question, pages))
    }

    /// Funding. The venue tells it by instrument, and which of two positions was meant only by its
    /// stream, if at all: otherwise it is that of both.
    fn funding(&self, row: &PaymentText<'_>, ts_recv: i64) -> Parsed<Option<Report>> {
        let (received, at) = (amount(&row.income)?, ns(row.time));
        let (desk, paid) = (&self.session.desk, (-received, &*row.asset));
        let report = desk.funding(&row.symbol, row.tran_id.text(), paid, (at, ts_recv));
        Ok(report.map(|mut report| {
            let side = self.side_funded(report.instrument, (received, &row.asset), at);
            if let What::Fill(fill) = &mut report.what {
                fill.position_side = side;
            }
            report
        }))
    }

    fn my_trade(&self, instrument: InstrumentId, one: &MyTrade, ts_recv: i64) -> Parsed<Report> {
        let fill = Fill {
            fill_id: one.id.to_string().into(),
            trade_id: Some(one.id),
            kind: FillKind::Trade,
            side: side(&one.side)?,
            price: amount(&one.price)?,
            size: amount(&one.qty)?,
            size_filled: None,
            fee: fee(&self.session.desk, Some(&one.commission), Some(&one.commission_asset))?,
            liquidity: if one.maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: position_side(&one.position_side),
        };
        // The venue names the order by its own number only.
        let client_id = self.renumbered.get(&one.order_id).cloned().unwrap_or_default();
        let named = self.session.desk.named(instrument, &client_id);
        let mut report = named.report(ts_recv, EventSource::Reconciliation, What::Fill(fill));
        report.venue_order_id = Some(one.order_id.to_string().into());
        report.ts_event = ns(one.time);
        Ok(report)
    }
}
