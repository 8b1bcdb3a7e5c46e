//! Questions, and their answers page by page.

use rustonite_core::datasets::EventSource;
use rustonite_core::ids::InstrumentId;
use serde::Deserialize;

use super::rows::{self, FillRow, List, OrderRow, PositionRow, WalletRow};
use super::{Bybit, Category};
use crate::gateway::dialect::Questions;
use crate::gateway::flight::{Asked, Pages, Query};
use crate::gateway::parse::{Parsed, ms, span_ms};
use crate::gateway::{Answer, Contracts, Heard, Outgoing, Position, Question};
use crate::report::What;

/// Where orders are looked for: among those of the present, and in the history.
const PRESENT: usize = 0;
const HISTORY: usize = 1;

/// How a contract is margined and held: one row, or one for each of two positions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContractRow {
    symbol: String,
    leverage: String,
    position_idx: i64,
}

impl Questions for Bybit {
    fn question(&mut self, question: Question, pages: Pages, now: i64) -> Outgoing {
        let category = self.category.word();
        let mut query = format!("category={category}");
        let coins = self.coins();
        let coin = coins.get(pages.count).filter(|coin| !coin.is_empty());
        let path = match question {
            Question::OpenOrders => {
                query += "&openOnly=0&limit=50";
                "/v5/order/realtime"
            }
            Question::Positions if self.category != Category::Spot => {
                query += "&limit=200";
                "/v5/position/list"
            }
            // Of one symbol the venue tells it whether there is a position or not.
            Question::Contracts if self.category != Category::Spot => {
                let symbols = self.symbols();
                let symbol = symbols.get(pages.count).map_or("", String::as_str);
                query += &format!("&symbol={symbol}");
                return self.get(
                    "/v5/position/list",
                    &query,
                    Asked::Question(question, pages),
                    now,
                );
            }
            // Of spot there are no positions, which an answer about the wallet says as well as any.
            Question::Balances
            | Question::Positions
            | Question::Contracts
            | Question::Payments(_) => {
                "accountType=UNIFIED".clone_into(&mut query);
                "/v5/account/wallet-balance"
            }
            Question::Fills(instrument, from) => {
                let symbol = self.desk.symbol(instrument);
                let (start, end) = span_ms(from, pages.count);
                query += &format!("&symbol={symbol}&startTime={start}&endTime={end}&limit=100");
                "/v5/execution/list"
            }
        };
        if let Some(coin) =
            coin.filter(|_| matches!(path, "/v5/order/realtime" | "/v5/position/list"))
        {
            query += &format!("&settleCoin={coin}");
        }
        if !pages.cursor.is_empty() {
            query += &format!("&cursor={}", pages.cursor);
        }
        self.get(path, &query, Asked::Question(question, pages), now)
    }

    /// What was asked for, or the question for the next page of it.
    fn answer(
        &mut self,
        question: Question,
        mut pages: Pages,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let cursor = match question {
            Question::OpenOrders => self.open_orders(&mut pages, result, ts_recv)?,
            Question::Fills(instrument, _) => {
                self.fills(instrument, &mut pages, result, ts_recv)?
            }
            Question::Positions if self.category != Category::Spot => {
                let list: List<PositionRow> = serde_json::from_str(result)?;
                pages.positions.extend(rows::positions(&self.desk, &list.list, ts_recv)?);
                list.next_page_cursor
            }
            Question::Positions => return Ok(positions(Vec::new())),
            // Among the executions.
            Question::Payments(_) => {
                return Ok(Heard::Answer(question, Answer::Reports(Vec::new())));
            }
            Question::Contracts => return self.contracts(question, pages, result),
            Question::Balances => {
                let list: List<WalletRow> = serde_json::from_str(result)?;
                let balances = rows::balances(&self.desk, &list.list, ts_recv)?;
                return Ok(Heard::Answer(question, Answer::Balances(balances)));
            }
        };
        // A page that goes on where it began would go on for ever.
        let goes_on = !cursor.is_empty() && cursor != pages.cursor;
        if !goes_on {
            pages.count += 1;
        }
        if goes_on || !self.is_last(question, pages.count, ts_recv) {
            pages.cursor = if goes_on { cursor } else { String::new() };
            return Ok(self.flights.pause(question, pages));
        }
        if question == Question::Positions {
            return Ok(positions(pages.positions));
        }
        Ok(Heard::Answer(question, Answer::Reports(pages.reports)))
    }

    fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        let path = if query.place == PRESENT { "/v5/order/realtime" } else { "/v5/order/history" };
        let symbol = self.desk.symbol(query.order.instrument);
        let category = self.category.word();
        let name = query.order.parameter("orderId", "orderLinkId");
        let text = format!("category={category}&symbol={symbol}&{name}");
        self.get(path, &text, Asked::Query(Box::new(query)), now)
    }

    fn found(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        let list: List<OrderRow> = serde_json::from_str(result)?;
        let Some(row) = list.list.first() else {
            let query = Query { place: query.place, ..Query::new(query.order.clone()) };
            return Ok(self.missing(query, ts_recv, heard));
        };
        heard.push(Heard::Report(row.picture(&query.order, ts_recv, EventSource::Rest)?));
        Ok(None)
    }

    fn missing(&mut self, query: Query, ts_recv: i64, heard: &mut Vec<Heard>) -> Option<Query> {
        if query.place == PRESENT {
            return Some(Query { place: HISTORY, ..query });
        }
        heard.push(query.order.heard(ts_recv, EventSource::Rest, What::NotFound));
        None
    }
}

impl Bybit {
    /// Orders and positions of contracts can only be asked for by what they are settled in.
    fn coins(&self) -> Vec<String> {
        if self.category != Category::Linear {
            return vec![String::new()];
        }
        let listed = self.desk.all_listed();
        let mut coins: Vec<_> = listed.map(|(_, one)| one.settle.to_string()).collect();
        coins.sort_unstable();
        coins.dedup();
        coins
    }

    /// One symbol after the other.
    fn contracts(&mut self, question: Question, mut pages: Pages, result: &str) -> Parsed<Heard> {
        if self.category != Category::Spot {
            let list: List<ContractRow> = serde_json::from_str(result)?;
            let Contracts { leverage, hedging } = &mut pages.contracts;
            let rows = list.list.iter().map(|row| (&*row.symbol, &*row.leverage));
            leverage.extend(self.desk.leverage(rows)?);
            let mode = |row: &ContractRow| {
                Some((self.desk.instrument(&row.symbol).ok()?, row.position_idx))
            };
            let modes = list.list.iter().filter_map(mode);
            hedging.extend(modes.map(|(instrument, place)| (instrument, place != 0)));
            pages.count += 1;
            if pages.count < self.symbols().len() {
                return Ok(self.flights.pause(question, pages));
            }
        }
        Ok(Heard::Answer(question, Answer::Contracts(pages.contracts)))
    }

    /// All that is traded here.
    fn symbols(&self) -> Vec<String> {
        self.desk.all_listed().map(|(_, one)| one.symbol.to_string()).collect()
    }

    /// Whether all coins, or all weeks until now, were asked for.
    fn is_last(&self, question: Question, count: usize, ts_recv: i64) -> bool {
        match question {
            Question::Fills(_, from) => span_ms(from, count).0 > ms(ts_recv),
            _ => count >= self.coins().len(),
        }
    }

    /// Orders in what nothing here trades are left out. Returns where the next page begins.
    fn open_orders(&self, pages: &mut Pages, result: &str, ts_recv: i64) -> Parsed<String> {
        let list: List<OrderRow> = serde_json::from_str(result)?;
        for row in &list.list {
            let Ok(instrument) = self.desk.instrument(&row.symbol) else { continue };
            // The venue shows some that ended a moment ago, too.
            if matches!(&*row.order_status, "New" | "PartiallyFilled" | "Untriggered" | "Triggered")
            {
                let named = self.desk.named(instrument, &row.order_link_id);
                pages.reports.push(row.picture(&named, ts_recv, EventSource::Reconciliation)?);
            }
        }
        Ok(list.next_page_cursor)
    }

    fn fills(
        &self,
        instrument: InstrumentId,
        pages: &mut Pages,
        result: &str,
        ts_recv: i64,
    ) -> Parsed<String> {
        let list: List<FillRow> = serde_json::from_str(result)?;
        for row in &list.list {
            let named = self.desk.named(instrument, &row.order_link_id);
            let source = EventSource::Reconciliation;
            let report = row.report((&self.desk, self.hedges), &named, ts_recv, source)?;
            pages.reports.extend(report);
        }
        Ok(list.next_page_cursor)
    }
}

fn positions(positions: Vec<Position>) -> Heard {
    Heard::Answer(Question::Positions, Answer::Positions(positions))
}
