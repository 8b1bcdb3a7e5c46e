//! Questions, and their answers page by page.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, Liquidity, OrderState, Tif};
use rustonite_core::ids::InstrumentId;
use serde::Deserialize;

use super::{Kraken, names};
use crate::gateway::dialect::Questions;
use crate::gateway::flight::{Asked, Named, Pages, Query};
use crate::gateway::parse::{Fault, Lexeme, Parsed, amount, side, some_amount};
use crate::gateway::{Answer, Balance, Contracts, Heard, Outgoing, Question};
use crate::report::{Fill, OrderPicture, Report, What};

/// Where an order is looked for: among those that are open, and among the others.
const OPEN: usize = 0;
const CLOSED: usize = 1;
const SECOND: i64 = 1_000_000_000;

#[derive(Deserialize)]
struct Orders {
    #[serde(alias = "open", alias = "closed", default = "BTreeMap::new")]
    orders: BTreeMap<String, OrderRow>,
}

#[derive(Deserialize)]
struct OrderRow {
    cl_ord_id: Option<String>,
    status: String,
    descr: Description,
    vol: String,
    vol_exec: String,
    /// Average of what is filled.
    #[serde(default)]
    price: String,
    opentm: Seconds,
    /// When it ends by itself; 0 for never.
    #[serde(default)]
    expiretm: Seconds,
    #[serde(default)]
    oflags: String,
}

/// Seconds with decimals.
#[derive(Deserialize)]
#[serde(transparent)]
struct Seconds(serde_json::Number);

impl Default for Seconds {
    fn default() -> Self {
        Self(0.into())
    }
}

#[derive(Deserialize)]
struct Description {
    pair: String,
    #[serde(rename = "type")]
    side: String,
    ordertype: String,
    #[serde(default)]
    price: String,
    #[serde(default)]
    price2: String,
}

#[derive(Deserialize)]
struct Trades {
    #[serde(default = "BTreeMap::new")]
    trades: BTreeMap<String, TradeRow>,
    count: Option<usize>,
}

#[derive(Deserialize)]
struct TradeRow {
    ordertxid: String,
    pair: String,
    time: Seconds,
    #[serde(rename = "type")]
    side: String,
    price: String,
    vol: String,
    fee: String,
    trade_id: Option<i64>,
    maker: Option<bool>,
}

#[derive(Deserialize)]
struct BalanceRow<'a> {
    #[serde(borrow)]
    balance: Lexeme<'a>,
    #[serde(borrow, default)]
    hold_trade: Option<Lexeme<'a>>,
}

/// Seconds as nanoseconds.
fn moment(seconds: &Seconds) -> Parsed<i64> {
    let seconds = amount(&seconds.0.to_string())?;
    let ns = seconds.0 / i128::from(SECOND);
    i64::try_from(ns).map_err(|_| Fault::Other("a time after 2262".to_owned()))
}

impl OrderRow {
    fn state(&self, filled: Amount) -> Parsed<OrderState> {
        Ok(match &*self.status {
            "open" | "pending" if filled > Amount::ZERO => OrderState::PartiallyFilled,
            "open" | "pending" => OrderState::Accepted,
            "closed" => OrderState::Filled,
            "canceled" => OrderState::Cancelled,
            "expired" => OrderState::Expired,
            other => return Err(Fault::unknown("order status", other)),
        })
    }

    /// Of an order that waits for a trigger the limit is the second price.
    fn limit(&self) -> Parsed<Option<Amount>> {
        match &*self.descr.ordertype {
            "limit" | "iceberg" => some_amount(&self.descr.price),
            "stop-loss-limit" | "take-profit-limit" => some_amount(&self.descr.price2),
            _ => Ok(None),
        }
    }

    /// An iceberg is no plain limit order.
    fn limit_tif(&self) -> Option<Tif> {
        let rests = self.descr.ordertype == "limit" && self.expiretm.0 == 0.into();
        let is_post_only = self.oflags.split(',').any(|flag| flag == "post");
        rests.then_some(if is_post_only { Tif::Gtx } else { Tif::Gtc })
    }

    /// The price that starts it.
    fn trigger(&self) -> Parsed<Option<Amount>> {
        match &*self.descr.ordertype {
            "stop-loss" | "take-profit" | "stop-loss-limit" | "take-profit-limit" => {
                some_amount(&self.descr.price)
            }
            _ => Ok(None),
        }
    }

    fn picture(
        &self,
        number: &str,
        named: &Named,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Report> {
        let size_filled = amount(&self.vol_exec)?;
        let picture = OrderPicture {
            state: self.state(size_filled)?,
            side: side(&self.descr.side)?,
            price: self.limit()?,
            price_trigger: self.trigger()?,
            limit_tif: self.limit_tif(),
            size: amount(&self.vol)?,
            size_filled,
            price_average: some_amount(&self.price)?.filter(|_| size_filled > Amount::ZERO),
        };
        let mut report = named.report(ts_recv, source, What::Picture(picture));
        report.venue_order_id = Some(number.into());
        report.ts_event = moment(&self.opentm)?;
        Ok(report)
    }
}

impl Questions for Kraken {
    fn question(&mut self, question: Question, pages: Pages, now: i64) -> Outgoing {
        let (path, fields) = match question {
            Question::OpenOrders => ("/0/private/OpenOrders", String::new()),
            // Of spot there are no positions, which an answer about balances says as well as any.
            Question::Balances
            | Question::Positions
            | Question::Contracts
            | Question::Payments(_) => ("/0/private/BalanceEx", String::new()),
            Question::Fills(_, from) => {
                // What is wanted is behind this second.
                let start = from.div_euclid(SECOND).saturating_sub(1);
                ("/0/private/TradesHistory", format!("start={start}&ofs={}", pages.count))
            }
        };
        self.post(path, &fields, Asked::Question(question, pages), now)
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
            Question::OpenOrders => Answer::Reports(self.open_orders(result, ts_recv)?),
            Question::Balances => Answer::Balances(self.balances(result, ts_recv)?),
            Question::Positions => Answer::Positions(Vec::new()),
            Question::Payments(_) => Answer::Reports(Vec::new()),
            Question::Contracts => Answer::Contracts(Contracts::default()),
            Question::Fills(instrument, from) => {
                let trades: Trades = serde_json::from_str(result)?;
                for (id, row) in &trades.trades {
                    let is_wanted = self.pair(&row.pair) == Some(instrument);
                    if is_wanted && moment(&row.time)? >= from {
                        pages.reports.push(self.my_trade(instrument, id, row, ts_recv)?);
                    }
                }
                pages.count += trades.trades.len();
                let is_last = trades.count.is_none_or(|count| pages.count >= count);
                if !is_last && !trades.trades.is_empty() {
                    return Ok(self.flights.pause(question, pages));
                }
                Answer::Reports(pages.reports)
            }
        };
        Ok(Heard::Answer(question, answer))
    }

    fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        let path = match &query.order.venue_order_id {
            Some(_) => "/0/private/QueryOrders",
            None if query.place == OPEN => "/0/private/OpenOrders",
            None => "/0/private/ClosedOrders",
        };
        let fields = query.order.parameter("txid", "cl_ord_id");
        self.post(path, &fields, Asked::Query(Box::new(query)), now)
    }

    fn found(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        let asked = &query.order;
        let orders = match asked.venue_order_id {
            Some(_) => serde_json::from_str(result)?,
            None => serde_json::from_str::<Orders>(result)?.orders,
        };
        let is_it = |number: &str, row: &OrderRow| match &asked.venue_order_id {
            Some(wanted) => number == &**wanted,
            None => row.cl_ord_id.as_deref() == Some(&*asked.client_id),
        };
        let Some((number, row)) = orders.iter().find(|(number, row)| is_it(number, row)) else {
            let query = Query { place: query.place, ..Query::new(query.order.clone()) };
            return Ok(self.missing(query, ts_recv, heard));
        };
        let picture = row.picture(number, &query.order, ts_recv, EventSource::Rest)?;
        heard.push(Heard::Report(picture));
        Ok(None)
    }

    fn missing(&mut self, query: Query, ts_recv: i64, heard: &mut Vec<Heard>) -> Option<Query> {
        // Of a number the venue says at once where its order is.
        if query.place == OPEN && query.order.venue_order_id.is_none() {
            return Some(Query { place: CLOSED, ..query });
        }
        heard.push(query.order.heard(ts_recv, EventSource::Rest, What::NotFound));
        None
    }
}

impl Kraken {
    /// Orders in what nothing here trades are left out.
    fn open_orders(&self, result: &str, ts_recv: i64) -> Parsed<Vec<Report>> {
        let orders: Orders = serde_json::from_str(result)?;
        let mut reports = Vec::new();
        for (number, row) in &orders.orders {
            let Some(instrument) = self.pair(&row.descr.pair) else { continue };
            let client_id = row.cl_ord_id.as_deref().unwrap_or_default();
            let named = self.desk.named(instrument, client_id);
            reports.push(row.picture(number, &named, ts_recv, EventSource::Reconciliation)?);
        }
        Ok(reports)
    }

    fn my_trade(
        &self,
        instrument: InstrumentId,
        id: &str,
        row: &TradeRow,
        ts_recv: i64,
    ) -> Parsed<Report> {
        let fill = Fill {
            fill_id: id.into(),
            trade_id: row.trade_id,
            kind: FillKind::Trade,
            side: side(&row.side)?,
            price: amount(&row.price)?,
            size: amount(&row.vol)?,
            size_filled: None,
            // In the quote, whatever it was taken in.
            fee: self
                .quote(instrument)
                .map(|asset| Ok::<_, Fault>((amount(&row.fee)?, asset)))
                .transpose()?,
            liquidity: match row.maker {
                Some(true) => Liquidity::Maker,
                Some(false) => Liquidity::Taker,
                None => Liquidity::Unknown,
            },
            position_side: None,
        };
        let known = self.orders.get(&*row.ordertxid).map(|known| known.named.client_id.clone());
        let named = self.desk.named(instrument, &known.unwrap_or_default());
        let mut report = named.report(ts_recv, EventSource::Reconciliation, What::Fill(fill));
        report.venue_order_id = Some(row.ordertxid.as_str().into());
        report.ts_event = moment(&row.time)?;
        Ok(report)
    }

    fn quote(&self, instrument: InstrumentId) -> Option<rustonite_core::ids::AssetId> {
        self.desk.directory.asset(&self.desk.listed(instrument)?.quote)
    }

    /// What is owned. Assets that nothing here trades are left out.
    fn balances(&self, result: &str, ts_recv: i64) -> Parsed<Vec<Balance>> {
        let rows: BTreeMap<String, BalanceRow<'_>> = serde_json::from_str(result)?;
        let mut balances = Vec::new();
        for (name, row) in &rows {
            let Some(asset) = self.desk.directory.asset(names::asset(name)) else { continue };
            let locked = row.hold_trade.as_ref().map(Lexeme::amount).transpose()?;
            let locked = locked.unwrap_or_default();
            let available = row.balance.amount()? - locked;
            balances.push(Balance::plain(ts_recv, asset, available, locked));
        }
        Ok(balances)
    }
}
