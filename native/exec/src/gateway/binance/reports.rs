//! What is received.

use std::borrow::Cow;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, Liquidity, OrderSide, Tif};
use rustonite_core::ids::{AssetId, InstrumentId};
use serde::Deserialize;

use super::BinanceSpot;
use super::words::{TIFS, state};
use crate::gateway::capability::meaning;
use crate::gateway::dialect::Questions as _;
use crate::gateway::flight::{Named, Query};
use crate::gateway::parse::{Parsed, amount, ns, side, some_amount};
use crate::gateway::{Balance, Heard};
use crate::report::{Fill, OrderPicture, Refusal, RefusalKind, Report, What};

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
pub(super) struct Changed<'a> {
    #[serde(borrow)]
    pub(super) cancel_response: Ended<'a>,
    pub(super) new_order_response: Placed,
}

/// An order as queries show it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderText<'a> {
    #[serde(borrow)]
    pub(super) symbol: Text<'a>,
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
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    time_in_force: Text<'a>,
    #[serde(borrow, default)]
    iceberg_qty: Text<'a>,
    #[serde(borrow, default)]
    stop_price: Text<'a>,
    #[serde(borrow, default)]
    prevented_quantity: Option<Text<'a>>,
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
    #[serde(borrow, rename = "X")]
    status: Text<'a>,
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

impl OrderText<'_> {
    /// An iceberg is no plain limit order: nothing but its size is known.
    fn limit_tif(&self) -> Option<Tif> {
        let is_plain = some_amount(&self.iceberg_qty).is_ok_and(|shown| shown.is_none());
        let tif = match &*self.kind {
            "LIMIT_MAKER" => Some(Tif::Gtx),
            "LIMIT" => meaning(&TIFS, &self.time_in_force),
            _ => None,
        };
        tif.filter(|_| is_plain)
    }
}

impl MyTrade<'_> {
    /// Where the next page begins.
    pub(super) fn next_id(&self) -> i64 {
        self.id.saturating_add(1)
    }
}

impl BinanceSpot {
    /// An order as a query shows it.
    pub(super) fn picture(
        &self,
        order: &OrderText<'_>,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Report> {
        let desk = &self.session.desk;
        let named = desk.named(desk.instrument(&order.symbol)?, &order.client_order_id);
        let size_filled = amount(&order.executed_qty)?;
        let money = amount(&order.cummulative_quote_qty)?;
        let prevented = order.prevented_quantity.as_deref().map(amount).transpose()?;
        let picture = OrderPicture {
            state: state(&order.status, size_filled)?,
            side: side(&order.side)?,
            price: some_amount(&order.price)?,
            price_trigger: some_amount(&order.stop_price)?,
            limit_tif: order.limit_tif(),
            size: amount(&order.orig_qty)? - prevented.unwrap_or_default(),
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
            fee: self.fee(Some(&trade.commission), Some(&trade.commission_asset))?,
            liquidity: if trade.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: None,
        };
        // The venue names the order by its own number only.
        let named = self.session.desk.named(instrument, "");
        let mut report = named.report(ts_recv, EventSource::Reconciliation, What::Fill(fill));
        report.venue_order_id = Some(trade.order_id.to_string().into());
        report.ts_event = ns(trade.time);
        Ok(report)
    }

    pub(super) fn is_listed(&self, symbol: &str) -> bool {
        self.session.desk.instrument(symbol).is_ok()
    }

    /// A fee. In an asset that nothing here trades it stays unknown: the fill counts all the same.
    fn fee(&self, fee: Option<&str>, asset: Option<&str>) -> Parsed<Option<(Amount, AssetId)>> {
        let asset = asset.and_then(|name| self.session.desk.directory.asset(name));
        match (fee, asset) {
            (Some(fee), Some(asset)) => Ok(Some((amount(fee)?, asset))),
            _ => Ok(None),
        }
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
        let known = balances
            .iter()
            .filter_map(|one| Some((self.session.desk.directory.asset(&one.asset)?, one)));
        let balance = |(asset, one): (AssetId, &BalanceText<'_>)| {
            let (available, locked) = (amount(&one.free)?, amount(&one.locked)?);
            Ok(Balance::plain(ns(at), asset, available, locked))
        };
        known.map(balance).collect()
    }

    fn execution(&mut self, one: &Execution<'_>, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let desk = &self.session.desk;
        let instrument = desk.instrument(&one.symbol)?;
        // A cancel may carry an id of its own; the order's is the other one then.
        let ended = one.sort != "NEW" && one.sort != "TRADE" && one.sort != "REPLACED";
        let client_id = if ended && !one.client_id_prev.is_empty() {
            &one.client_id_prev
        } else {
            &one.client_id
        };
        let mut named = desk.named(instrument, client_id);
        named.venue_order_id = Some(one.order_id.to_string().into());
        let Some(what) = self.what(one, &named, ts_recv, heard)? else { return Ok(()) };
        let mut report = named.report(ts_recv, EventSource::Stream, what);
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
            "NEW" => {
                let done = self.chains.done(named, None, ts_recv, EventSource::Stream);
                match done {
                    Some(report) => {
                        heard.push(Heard::Report(Report { ts_event: ns(one.time), ..report }));
                        return Ok(None);
                    }
                    None if one.triggered.is_some() => What::Triggered,
                    None => What::Accepted,
                }
            }
            "REPLACED" => {
                What::Replaced { price: some_amount(&one.price)?, size: amount(&one.size)? }
            }
            "TRADE" => {
                self.chains.filled(&named.client_id, filled);
                if filled == amount(&one.size)? {
                    self.chains.forget(&named.client_id);
                }
                What::Fill(self.fill(one)?)
            }
            "CANCELED" if self.chains.was_replaced(&named.client_id) => return Ok(None),
            "CANCELED" => {
                if let Some(change) = self.chains.change_of(&named.client_id) {
                    change.old_is_gone(filled);
                    return Ok(None);
                }
                let size_filled = self.chains.whole(&named.client_id, filled);
                self.chains.forget(&named.client_id);
                What::Cancelled { size_filled, size_prevented: prevented, refusal: None }
            }
            "REJECTED" => What::Rejected(refusal()),
            // Of two orders that met, one may go on with what is left of it.
            "TRADE_PREVENTION" if !one.status.starts_with("EXPIRED") => {
                let size = amount(&one.size)? - prevented.unwrap_or_default();
                let Some(size) = self.chains.whole(&named.client_id, size) else {
                    let query = Query::new(named.clone());
                    heard.push(Heard::Send(self.ask_about(query, ts_recv)));
                    return Ok(None);
                };
                What::Replaced { price: some_amount(&one.price)?, size }
            }
            "EXPIRED" | "TRADE_PREVENTION" => {
                let size_filled = self.chains.whole(&named.client_id, filled);
                self.chains.forget(&named.client_id);
                let refusal = Some(refusal());
                What::Expired { size_filled, size_prevented: prevented, refusal }
            }
            _ => return Ok(None),
        }))
    }

    fn fill(&self, one: &Execution<'_>) -> Parsed<Fill> {
        let fee = self.fee(one.fee.as_deref(), one.fee_asset.as_deref())?;
        Ok(Fill {
            fill_id: one.trade_id.to_string().into(),
            trade_id: Some(one.trade_id),
            kind: FillKind::Trade,
            side: side(&one.side)?,
            price: amount(&one.last_price)?,
            size: amount(&one.last_size)?,
            size_filled: None,
            fee,
            liquidity: if one.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: None,
        })
    }
}
