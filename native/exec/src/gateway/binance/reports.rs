//! What is received.

use std::borrow::Cow;

use rustonite_core::datasets::{EventSource, FillKind, Liquidity, OrderSide, OrderState};
use rustonite_core::ids::{AssetId, InstrumentId};
use rustonite_core::{Amount, Decimal};
use serde::Deserialize;

use super::flight::{Change, Named};
use super::{BinanceSpot, Fault, Parsed};
use crate::gateway::{Balance, Heard};
use crate::report::{Fill, OrderPicture, Refusal, RefusalKind, Report, What};

const NS_PER_MS: i64 = 1_000_000;

type Text<'a> = Cow<'a, str>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Placed {
    pub(super) order_id: i64,
    pub(super) transact_time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ended<'a> {
    #[serde(borrow)]
    pub(super) executed_qty: Text<'a>,
}

/// A change that was done.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed<'a> {
    #[serde(borrow)]
    cancel_response: Ended<'a>,
    new_order_response: Placed,
}

/// An order as queries show it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderText<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    order_id: i64,
    #[serde(borrow)]
    client_order_id: Text<'a>,
    #[serde(borrow)]
    price: Text<'a>,
    #[serde(borrow)]
    orig_qty: Text<'a>,
    #[serde(borrow)]
    executed_qty: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    cummulative_quote_qty: Text<'a>,
    update_time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MyTrade<'a> {
    id: i64,
    order_id: i64,
    #[serde(borrow)]
    price: Text<'a>,
    #[serde(borrow)]
    qty: Text<'a>,
    #[serde(borrow)]
    commission: Text<'a>,
    #[serde(borrow)]
    commission_asset: Text<'a>,
    time: i64,
    is_buyer: bool,
    is_maker: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountText<'a> {
    #[serde(borrow)]
    pub(super) balances: Vec<BalanceText<'a>>,
    #[serde(default)]
    pub(super) update_time: i64,
}

#[derive(Deserialize)]
pub(super) struct BalanceText<'a> {
    #[serde(borrow, alias = "a")]
    asset: Text<'a>,
    #[serde(borrow, alias = "f")]
    free: Text<'a>,
    #[serde(borrow, alias = "l")]
    locked: Text<'a>,
}

/// An event of the user stream, of whatever sort.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    e: Text<'a>,
}

#[derive(Deserialize)]
struct Position<'a> {
    u: i64,
    #[serde(borrow, rename = "B")]
    balances: Vec<BalanceText<'a>>,
}

#[derive(Deserialize)]
struct Execution<'a> {
    #[serde(borrow, rename = "s")]
    symbol: Text<'a>,
    #[serde(borrow, rename = "c")]
    client_id: Text<'a>,
    /// Of a cancel: the id that the order had.
    #[serde(borrow, rename = "C", default)]
    client_id_prev: Text<'a>,
    #[serde(borrow, rename = "S")]
    side: Text<'a>,
    #[serde(borrow, rename = "x")]
    sort: Text<'a>,
    #[serde(borrow, rename = "r")]
    reason: Text<'a>,
    #[serde(rename = "i")]
    order_id: i64,
    #[serde(borrow, rename = "p")]
    price: Text<'a>,
    #[serde(borrow, rename = "q")]
    size: Text<'a>,
    #[serde(borrow, rename = "l")]
    last_size: Text<'a>,
    #[serde(borrow, rename = "L")]
    last_price: Text<'a>,
    #[serde(borrow, rename = "z")]
    filled: Text<'a>,
    #[serde(borrow, rename = "n")]
    fee: Option<Text<'a>>,
    #[serde(borrow, rename = "N")]
    fee_asset: Option<Text<'a>>,
    #[serde(rename = "T")]
    time: i64,
    #[serde(rename = "t")]
    trade_id: i64,
    #[serde(rename = "m")]
    is_maker: bool,
    /// Prevented in all, of self-trade prevention.
    #[serde(borrow, rename = "A")]
    prevented: Option<Text<'a>>,
    /// When a trigger was reached.
    #[serde(rename = "D")]
    triggered: Option<i64>,
}

/// Milliseconds as the venue counts.
pub(super) fn ns(ms: i64) -> i64 {
    ms.saturating_mul(NS_PER_MS)
}

pub(super) fn amount(text: &str) -> Parsed<Amount> {
    Ok(Amount::from_decimal(Decimal::parse(text.as_bytes())?)?)
}

/// The state that a word stands for.
fn state(word: &str, size_filled: Amount) -> Parsed<OrderState> {
    Ok(match word {
        "NEW" | "PENDING_NEW" if size_filled == Amount::ZERO => OrderState::Accepted,
        "NEW" | "PENDING_NEW" | "PARTIALLY_FILLED" => OrderState::PartiallyFilled,
        "PENDING_CANCEL" => OrderState::Accepted,
        "FILLED" => OrderState::Filled,
        "CANCELED" => OrderState::Cancelled,
        "REJECTED" => OrderState::Rejected,
        "EXPIRED" | "EXPIRED_IN_MATCH" => OrderState::Expired,
        other => return Err(Fault::Other(format!("order status {other:?} is not known"))),
    })
}

fn side(word: &str) -> OrderSide {
    if word == "BUY" { OrderSide::Buy } else { OrderSide::Sell }
}

/// An empty or zero price is none.
fn price(text: &str) -> Parsed<Option<Amount>> {
    Ok(Some(amount(text)?).filter(|price| *price != Amount::ZERO))
}

/// What a change became: the new order, and what of the old one was filled in the meantime.
fn replaced(
    change: &Change,
    new: &Named,
    leg_filled: Option<Amount>,
    ts_recv: i64,
    source: EventSource,
) -> Report {
    let meanwhile = leg_filled.unwrap_or(change.leg_filled_now) - change.leg_filled;
    let size = change.size_filled + meanwhile + change.rest;
    let mut report = new.report(ts_recv, source, What::Replaced { price: change.price, size });
    report.client_id_prev = Some(change.old.client_id.clone());
    report
}

impl BinanceSpot {
    /// The venue's answer to a change, unless the stream was faster.
    pub(super) fn changed(
        &mut self,
        new: &Named,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let changed: Changed<'_> = serde_json::from_str(result)?;
        let Some(change) = self.flights.end_change(&new.client_id) else { return Ok(()) };
        self.flights.replaced(&change);
        let leg_filled = Some(amount(&changed.cancel_response.executed_qty)?);
        let mut report = replaced(&change, new, leg_filled, ts_recv, EventSource::Reply);
        report.venue_order_id = Some(changed.new_order_response.order_id.to_string().into());
        report.ts_event = ns(changed.new_order_response.transact_time);
        heard.push(Heard::Report(report));
        Ok(())
    }

    /// An order as a query shows it.
    pub(super) fn picture(
        &self,
        order: &OrderText<'_>,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Report> {
        let named = Named {
            account: self.account,
            instrument: self.instrument(&order.symbol)?,
            client_id: order.client_order_id.as_ref().into(),
            client_id_prev: None,
        };
        let size_filled = amount(&order.executed_qty)?;
        let money = amount(&order.cummulative_quote_qty)?;
        let picture = OrderPicture {
            state: state(&order.status, size_filled)?,
            side: side(&order.side),
            price: price(&order.price)?,
            size: amount(&order.orig_qty)?,
            size_filled,
            price_average: money.ratio(size_filled),
        };
        let mut report = named.report(ts_recv, source, What::Picture(picture));
        report.venue_order_id = Some(order.order_id.to_string().into());
        report.ts_event = ns(order.update_time);
        Ok(report)
    }

    pub(super) fn my_trade(
        &self,
        instrument: InstrumentId,
        trade: &MyTrade<'_>,
        ts_recv: i64,
    ) -> Parsed<Report> {
        let fill = Fill {
            fill_id: trade.id.to_string().into(),
            trade_id: Some(trade.id),
            kind: FillKind::Trade,
            side: if trade.is_buyer { OrderSide::Buy } else { OrderSide::Sell },
            price: amount(&trade.price)?,
            size: amount(&trade.qty)?,
            size_filled: None,
            fee: Some((amount(&trade.commission)?, self.asset(&trade.commission_asset)?)),
            liquidity: if trade.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: None,
        };
        // The venue names the order by its own number only.
        let named =
            Named { account: self.account, instrument, client_id: "".into(), client_id_prev: None };
        let mut report = named.report(ts_recv, EventSource::Reconciliation, What::Fill(fill));
        report.venue_order_id = Some(trade.order_id.to_string().into());
        report.ts_event = ns(trade.time);
        Ok(report)
    }

    fn instrument(&self, symbol: &str) -> Parsed<InstrumentId> {
        let found = self.directory.instrument(self.venue, symbol);
        found.ok_or_else(|| Fault::Other(format!("symbol {symbol:?} is not known")))
    }

    fn asset(&self, name: &str) -> Parsed<AssetId> {
        let found = self.directory.asset(name);
        found.ok_or_else(|| Fault::Other(format!("asset {name:?} is not known")))
    }

    /// What a user stream says.
    pub(super) fn event(&mut self, text: &str, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let event: Event<'_> = serde_json::from_str(text)?;
        match &*event.e {
            "executionReport" => self.execution(&serde_json::from_str(text)?, ts_recv, heard),
            "outboundAccountPosition" => {
                let position: Position<'_> = serde_json::from_str(text)?;
                let balances = self.balances(&position.balances, position.u)?;
                heard.extend(balances.into_iter().map(Heard::Balance));
                Ok(())
            }
            "eventStreamTerminated" => {
                let detail = "the venue ended the user stream".into();
                heard.push(Heard::Closed(Refusal { detail, ..Refusal::default() }));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What is owned. Assets that nothing here trades are left out.
    pub(super) fn balances(&self, balances: &[BalanceText<'_>], at: i64) -> Parsed<Vec<Balance>> {
        let known =
            balances.iter().filter_map(|one| Some((self.directory.asset(&one.asset)?, one)));
        let balance = |(asset, one): (AssetId, &BalanceText<'_>)| {
            let (available, locked) = (amount(&one.free)?, amount(&one.locked)?);
            Ok(Balance { ts_event: ns(at), asset, available, locked })
        };
        known.map(balance).collect()
    }

    fn execution(&mut self, one: &Execution<'_>, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let instrument = self.instrument(&one.symbol)?;
        // A cancel may carry an id of its own; the order's is the other one then.
        let ended = one.sort != "NEW" && one.sort != "TRADE" && one.sort != "REPLACED";
        let client_id = if ended && !one.client_id_prev.is_empty() {
            &one.client_id_prev
        } else {
            &one.client_id
        };
        let named = Named {
            account: self.account,
            instrument,
            client_id: client_id.as_ref().into(),
            client_id_prev: None,
        };
        let Some(what) = self.what(one, &named, ts_recv, heard)? else { return Ok(()) };
        let mut report = named.report(ts_recv, EventSource::Stream, what);
        report.venue_order_id = Some(one.order_id.to_string().into());
        report.ts_event = ns(one.time);
        heard.push(Heard::Report(report));
        Ok(())
    }

    fn what(
        &mut self,
        one: &Execution<'_>,
        named: &Named,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<What>> {
        let filled = amount(&one.filled)?;
        let refusal = || Refusal {
            reason: RefusalKind::Other,
            venue_code: one.reason.as_ref().into(),
            detail: "".into(),
        };
        let prevented = one.prevented.as_deref().map(amount).transpose()?;
        Ok(Some(match &*one.sort {
            "NEW" => match self.flights.end_change(&named.client_id) {
                Some(change) => {
                    self.flights.replaced(&change);
                    let mut report = replaced(&change, named, None, ts_recv, EventSource::Stream);
                    report.venue_order_id = Some(one.order_id.to_string().into());
                    report.ts_event = ns(one.time);
                    heard.push(Heard::Report(report));
                    return Ok(None);
                }
                None if one.triggered.is_some() => What::Triggered,
                None => What::Accepted,
            },
            "REPLACED" => What::Replaced { price: price(&one.price)?, size: amount(&one.size)? },
            "TRADE" => {
                self.flights.filled(&named.client_id, filled);
                if let Some(change) = self.flights.change_of(&named.client_id) {
                    change.leg_filled_now = filled;
                }
                if filled == amount(&one.size)? {
                    self.flights.forget(&named.client_id);
                }
                What::Fill(self.fill(one)?)
            }
            "CANCELED" if self.flights.was_replaced(&named.client_id) => return Ok(None),
            "CANCELED" => {
                if let Some(change) = self.flights.change_of(&named.client_id) {
                    change.old_cancelled = true;
                    change.leg_filled_now = filled;
                    return Ok(None);
                }
                self.flights.forget(&named.client_id);
                What::Cancelled {
                    size_filled: Some(filled),
                    size_prevented: prevented,
                    refusal: None,
                }
            }
            "REJECTED" => What::Rejected(refusal()),
            "EXPIRED" | "TRADE_PREVENTION" => {
                self.flights.forget(&named.client_id);
                let refusal = Some(refusal());
                What::Expired { size_filled: Some(filled), size_prevented: prevented, refusal }
            }
            _ => return Ok(None),
        }))
    }

    fn fill(&self, one: &Execution<'_>) -> Parsed<Fill> {
        let fee = match (&one.fee, &one.fee_asset) {
            (Some(fee), Some(asset)) => Some((amount(fee)?, self.asset(asset)?)),
            _ => None,
        };
        Ok(Fill {
            fill_id: one.trade_id.to_string().into(),
            trade_id: Some(one.trade_id),
            kind: FillKind::Trade,
            side: side(&one.side),
            price: amount(&one.last_price)?,
            size: amount(&one.last_size)?,
            size_filled: None,
            fee,
            liquidity: if one.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: None,
        })
    }
}
