//! Questions, and their answers page by page.

use std::borrow::Cow;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, Liquidity, OrderSide, PositionSide,
};
use rustonite_core::ids::InstrumentId;
use rustonite_core::instrument::Instrument;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Alpaca;
use super::orders::OrderText;
use super::requests::by_client_id;
use crate::gateway::dialect::Questions;
use crate::gateway::flight::{Asked, Pages, Query};
use crate::gateway::parse::{Lexeme, Parsed, iso, moment, side};
use crate::gateway::{Answer, Balance, Contracts, Heard, Outgoing, Position, Question};
use crate::report::{Fill, Report, What};

type Text<'a> = Cow<'a, str>;

const ORDERS_MAX: usize = 500;
const FILLS_MAX: usize = 100;
const DAY: i64 = 24 * 3_600 * 1_000_000_000;

#[derive(Deserialize)]
struct AccountText<'a> {
    #[serde(borrow)]
    currency: Text<'a>,
    #[serde(borrow)]
    cash: Lexeme<'a>,
    #[serde(borrow)]
    buying_power: Lexeme<'a>,
}

#[derive(Deserialize)]
struct PositionText<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    qty: Lexeme<'a>,
    #[serde(borrow, default)]
    qty_available: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    avg_entry_price: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    side: Text<'a>,
}

#[derive(Deserialize)]
struct Activity<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    transaction_time: &'a RawValue,
    #[serde(borrow)]
    price: Lexeme<'a>,
    #[serde(borrow)]
    qty: Lexeme<'a>,
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    order_id: Text<'a>,
}

/// A fee of a day.
#[derive(Deserialize)]
struct FeeText<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    date: Text<'a>,
    #[serde(borrow, default)]
    symbol: Text<'a>,
    #[serde(borrow, default)]
    net_amount: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    qty: Option<Lexeme<'a>>,
    #[serde(borrow, default)]
    price: Option<Lexeme<'a>>,
}

impl Questions for Alpaca {
    fn question(&mut self, question: Question, pages: Pages, now: i64) -> Outgoing {
        let path = match question {
            Question::OpenOrders => {
                let after = parameter("after", &pages.cursor);
                format!("/v2/orders?status=open&direction=asc&limit={ORDERS_MAX}{after}")
            }
            Question::Balances if pages.count == 0 => "/v2/account".to_owned(),
            Question::Balances | Question::Positions | Question::Contracts => {
                "/v2/positions".to_owned()
            }
            Question::Payments(from) => {
                let token = parameter("page_token", &pages.cursor);
                let after = iso(self.fees_since(from).saturating_sub(1), 9);
                format!(
                    "/v2/account/activities/CFEE?direction=asc&page_size={FILLS_MAX}&after={after}{token}"
                )
            }
            Question::Fills(_, from) => {
                // What is wanted is behind this moment.
                let after = iso(from.saturating_sub(1), 9);
                let token = parameter("page_token", &pages.cursor);
                format!(
                    "/v2/account/activities/FILL?direction=asc&page_size={FILLS_MAX}&after={after}{token}"
                )
            }
        };
        self.call("GET", path, String::new(), Asked::Question(question, pages), now)
    }

    /// What was asked for, or the question for the next page of it.
    fn answer(
        &mut self,
        question: Question,
        mut pages: Pages,
        body: &str,
        ts_recv: i64,
    ) -> Parsed<Heard> {
        let is_last = match question {
            Question::OpenOrders => self.open_orders(&mut pages, body, ts_recv)?,
            Question::Fills(instrument, _) => self.fills(instrument, &mut pages, body, ts_recv)?,
            Question::Balances if pages.count == 0 => {
                pages.balances = self.cash(body, ts_recv)?;
                false
            }
            Question::Balances => {
                pages.balances.extend(self.coins(body, ts_recv)?);
                true
            }
            Question::Positions => {
                let answer = Answer::Positions(self.positions(body, ts_recv)?);
                return Ok(Heard::Answer(question, answer));
            }
            Question::Contracts => {
                return Ok(Heard::Answer(question, Answer::Contracts(Contracts::default())));
            }
            Question::Payments(from) => self.fees(from, &mut pages, body, ts_recv)?,
        };
        if !is_last {
            pages.count += 1;
            return Ok(self.flights.pause(question, pages));
        }
        let answer = if question == Question::Balances {
            Answer::Balances(pages.balances)
        } else {
            Answer::Reports(pages.reports)
        };
        Ok(Heard::Answer(question, answer))
    }

    fn ask_about(&mut self, query: Query, now: i64) -> Outgoing {
        let path = match &query.order.venue_order_id {
            Some(number) => format!("/v2/orders/{number}"),
            None => by_client_id(&query.order.client_id),
        };
        self.call("GET", path, String::new(), Asked::Query(Box::new(query)), now)
    }

    fn found(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        let picture = self.asked_about(result, ts_recv)?;
        Ok(self.chains.found(query, picture, ts_recv, heard))
    }

    fn missing(&mut self, query: Query, ts_recv: i64, heard: &mut Vec<Heard>) -> Option<Query> {
        self.chains.missing(query, ts_recv, heard)
    }
}

impl Alpaca {
    /// Orders in what nothing here trades are left out. True if there are no more.
    fn open_orders(&mut self, pages: &mut Pages, body: &str, ts_recv: i64) -> Parsed<bool> {
        let orders: Vec<OrderText<'_>> = serde_json::from_str(body)?;
        for order in &orders {
            if self.instrument(&order.symbol).is_err() {
                continue;
            }
            self.note(order)?;
            let picture = self.picture(order, ts_recv, EventSource::Reconciliation)?;
            pages.reports.push(self.chains.pictured(picture));
        }
        let last = orders.last().filter(|_| orders.len() >= ORDERS_MAX);
        let Some(at) = last.and_then(|order| order.submitted_at) else { return Ok(true) };
        pages.cursor = iso(moment(at)?, 9);
        Ok(false)
    }

    fn fills(
        &self,
        instrument: InstrumentId,
        pages: &mut Pages,
        body: &str,
        ts_recv: i64,
    ) -> Parsed<bool> {
        let fills: Vec<Activity<'_>> = serde_json::from_str(body)?;
        for fill in &fills {
            if self.instrument(&fill.symbol).ok() == Some(instrument) {
                pages.reports.push(self.activity(instrument, fill, ts_recv)?);
            }
        }
        Ok(is_last(pages, fills.iter().map(|fill| &*fill.id)))
    }

    /// The beginning of the first day whose fees are asked for. They are posted once a day, when
    /// there may be fills of the next one, and never looked for longer than a week.
    fn fees_since(&mut self, from: i64) -> i64 {
        let day = from - from.rem_euclid(DAY);
        (*self.fees_from.get_or_insert(day)).max(day - 7 * DAY)
    }

    /// Fees of crypto: the venue takes them of what is received, tells them as activities of their
    /// own, and says of none for which order it was.
    fn fees(&mut self, from: i64, pages: &mut Pages, body: &str, ts_recv: i64) -> Parsed<bool> {
        let since = self.fees_since(from);
        let fees: Vec<FeeText<'_>> = serde_json::from_str(body)?;
        for fee in &fees {
            let report = self.fee(fee, ts_recv)?;
            pages.reports.extend(report.filter(|report| report.ts_event >= since));
        }
        Ok(is_last(pages, fees.iter().map(|fee| &*fee.id)))
    }

    /// A fee; none of what nothing here trades.
    fn fee(&self, one: &FeeText<'_>, ts_recv: i64) -> Parsed<Option<Report>> {
        let Ok(instrument) = self.instrument(&one.symbol) else { return Ok(None) };
        let Some(listed) = self.desk.listed(instrument) else { return Ok(None) };
        let figure = |lexeme: &Option<Lexeme<'_>>| {
            lexeme.as_ref().map(Lexeme::amount).transpose().map(Option::unwrap_or_default)
        };
        // Money has an amount, and coins have a quantity.
        let (money, coins) = (-figure(&one.net_amount)?, -figure(&one.qty)?);
        let (paid, asset) =
            if money == Amount::ZERO { (coins, &listed.base) } else { (money, &listed.quote) };
        let fill = Fill {
            fill_id: format!("fee:{}", one.id).into(),
            trade_id: None,
            kind: FillKind::Fee,
            side: OrderSide::Buy,
            price: figure(&one.price)?,
            size: Amount::ZERO,
            size_filled: None,
            fee: Some((paid, self.desk.asset(asset)?)),
            liquidity: Liquidity::Unknown,
            position_side: None,
        };
        let (source, what) = (EventSource::Reconciliation, What::Fill(fill));
        let report = self.desk.named(instrument, "").report(ts_recv, source, what);
        let day = RawValue::from_string(format!("\"{}T00:00:00Z\"", one.date))?;
        Ok(Some(Report { ts_event: moment(&day)?, ..report }))
    }

    fn activity(
        &self,
        instrument: InstrumentId,
        one: &Activity<'_>,
        ts_recv: i64,
    ) -> Parsed<Report> {
        // The stream knows a fill by the part behind the moment.
        let fill_id = one.id.rsplit("::").next().unwrap_or_default();
        let fill = Fill {
            fill_id: fill_id.into(),
            trade_id: None,
            kind: FillKind::Trade,
            side: side(one.side.trim_end_matches("_short"))?,
            price: one.price.amount()?,
            size: one.qty.amount()?,
            size_filled: None,
            fee: None,
            liquidity: Liquidity::Unknown,
            position_side: None,
        };
        // The venue names the order by its own number only.
        let mut report = self.desk.named(instrument, "").report(
            ts_recv,
            EventSource::Reconciliation,
            What::Fill(fill),
        );
        report.venue_order_id = Some(one.order_id.as_ref().into());
        report.ts_event = moment(one.transaction_time)?;
        Ok(report)
    }

    /// Money that is owned; what can be borrowed is not counted.
    fn cash(&self, body: &str, ts_recv: i64) -> Parsed<Vec<Balance>> {
        let account: AccountText<'_> = serde_json::from_str(body)?;
        let Some(asset) = self.desk.directory.asset(&account.currency) else {
            return Ok(Vec::new());
        };
        let cash = account.cash.amount()?;
        let available = cash.min(account.buying_power.amount()?);
        let locked = cash - available;
        Ok(vec![Balance::plain(ts_recv, asset, available, locked)])
    }

    /// Coins, which the venue shows as positions.
    fn coins(&self, body: &str, ts_recv: i64) -> Parsed<Vec<Balance>> {
        let mut balances = Vec::new();
        for row in &rows(body)? {
            let Some((listed, false)) = self.listed(row) else { continue };
            let asset = self.desk.asset(&listed.base)?;
            let all = row.qty.amount()?;
            let available = row.qty_available.as_ref().map_or(Ok(all), Lexeme::amount)?;
            let locked = all - available;
            balances.push(Balance::plain(ts_recv, asset, available, locked));
        }
        Ok(balances)
    }

    fn positions(&self, body: &str, ts_recv: i64) -> Parsed<Vec<Position>> {
        let mut positions = Vec::new();
        for row in &rows(body)? {
            let Some((_, true)) = self.listed(row) else { continue };
            let instrument = self.instrument(&row.symbol)?;
            let size = row.qty.amount()?;
            let is_short = row.side == "short" && size > Amount::ZERO;
            positions.push(Position {
                ts_event: ts_recv,
                instrument,
                side: PositionSide::Net,
                size: if is_short { -size } else { size },
                price_entry: row.avg_entry_price.as_ref().map(Lexeme::amount).transpose()?,
            });
        }
        Ok(positions)
    }

    /// What a row is about, and whether that is a stock.
    fn listed(&self, row: &PositionText<'_>) -> Option<(&Instrument, bool)> {
        let instrument = self.instrument(&row.symbol).ok()?;
        let listed = self.desk.listed(instrument)?;
        Some((listed, listed.kind == InstrumentKind::Stock))
    }
}

/// Whether a page was the last one; otherwise the next one begins behind its last row.
fn is_last<'a>(pages: &mut Pages, ids: impl ExactSizeIterator<Item = &'a str>) -> bool {
    let is_full = ids.len() >= FILLS_MAX;
    let last = ids.last().filter(|last| is_full && *last != pages.cursor);
    pages.cursor = last.unwrap_or_default().to_owned();
    pages.cursor.is_empty()
}

fn rows(body: &str) -> Parsed<Vec<PositionText<'_>>> {
    Ok(serde_json::from_str(body)?)
}

/// A parameter of a path, if there is a value.
fn parameter(name: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    let value = value.replace('+', "%2B").replace('&', "%26").replace('#', "%23");
    format!("&{name}={value}")
}
