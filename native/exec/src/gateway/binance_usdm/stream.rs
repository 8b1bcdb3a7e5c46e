//! What the user stream says.

use std::borrow::Cow;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, Liquidity, PositionSide};
use rustonite_core::ids::{AssetId, InstrumentId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::account::PositionText;
use super::{BinanceUsdM, FUNDING, Funded, PRIVATE};
use crate::gateway::binance::session::Envelope;
use crate::gateway::desk::Desk;
use crate::gateway::dialect::{Dialect as _, Stream};
use crate::gateway::parse::{Parsed, amount, ns, side, some_amount};
use crate::gateway::{Heard, Position, Question};
use crate::report::{Fill, Refusal, RefusalKind, Report, What};

type Text<'a> = Cow<'a, str>;

/// How long before it is told funding may have been booked.
const FUNDING_BEFORE: i64 = 60_000_000_000;
/// How long it is known which position was funded.
const FUNDING_KNOWN: i64 = 3_600_000_000_000;

/// An event of whatever sort, alone or in the frame of a stream.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    e: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OrderUpdate<'a> {
    #[serde(rename = "T")]
    time: i64,
    #[serde(borrow, rename = "o")]
    order: Execution<'a>,
}

#[derive(Deserialize)]
struct Execution<'a> {
    #[serde(borrow, rename = "s")]
    symbol: Text<'a>,
    #[serde(borrow, rename = "c")]
    client_id: Text<'a>,
    #[serde(borrow, rename = "S")]
    side: Text<'a>,
    #[serde(borrow, rename = "f")]
    tif: Text<'a>,
    #[serde(borrow, rename = "x")]
    sort: Text<'a>,
    #[serde(borrow, rename = "X")]
    status: Text<'a>,
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
    #[serde(rename = "t")]
    trade_id: i64,
    #[serde(rename = "m")]
    is_maker: bool,
    #[serde(borrow, rename = "ps")]
    position_side: Text<'a>,
}

#[derive(Deserialize)]
struct AlgoUpdate<'a> {
    #[serde(rename = "T")]
    time: i64,
    #[serde(borrow, rename = "o")]
    order: Algo<'a>,
}

#[derive(Deserialize)]
struct Algo<'a> {
    #[serde(borrow, rename = "caid")]
    client_id: Text<'a>,
    #[serde(rename = "aid")]
    number: i64,
    #[serde(borrow, rename = "s")]
    symbol: Text<'a>,
    #[serde(borrow, rename = "X")]
    status: Text<'a>,
    /// Number of the order that it became.
    #[serde(borrow, rename = "ai", default)]
    order_number: Text<'a>,
    #[serde(borrow, rename = "rm", default)]
    reason: Text<'a>,
}

#[derive(Deserialize)]
struct AccountUpdate {
    #[serde(rename = "T")]
    time: i64,
    #[serde(rename = "a")]
    account: Changes,
}

#[derive(Deserialize)]
struct Changes {
    #[serde(rename = "m", default)]
    reason: String,
    #[serde(rename = "B", default)]
    balances: Vec<BalanceChange>,
    #[serde(rename = "P", default)]
    positions: Vec<PositionText>,
}

#[derive(Deserialize)]
struct BalanceChange {
    #[serde(rename = "a")]
    asset: Box<str>,
    /// Profit and fees of executions left out.
    #[serde(rename = "bc", default)]
    change: String,
}

/// A position in hedge mode.
pub(super) fn position_side(word: &str) -> Option<PositionSide> {
    match word {
        "LONG" => Some(PositionSide::Long),
        "SHORT" => Some(PositionSide::Short),
        _ => None,
    }
}

/// A fee. In an asset that nothing here trades it stays unknown: the fill counts all the same.
pub(super) fn fee(
    desk: &Desk,
    fee: Option<&str>,
    asset: Option<&str>,
) -> Parsed<Option<(Amount, AssetId)>> {
    match (fee, asset.and_then(|name| desk.directory.asset(name))) {
        (Some(fee), Some(asset)) => Ok(Some((amount(fee)?, asset))),
        _ => Ok(None),
    }
}

/// What an execution is, by the names that the venue gives its own orders.
fn fill_kind(one: &Execution<'_>) -> FillKind {
    let begins = |word: &str| one.client_id.starts_with(word);
    if begins("adl_autoclose") {
        FillKind::Adl
    } else if begins("settlement_autoclose-") {
        FillKind::Settlement
    } else if begins("delivery_autoclose-") {
        FillKind::Delivery
    } else if begins("autoclose-") || one.sort == "CALCULATED" {
        FillKind::Liquidation
    } else {
        FillKind::Trade
    }
}

impl Stream for BinanceUsdM {
    fn message(
        &mut self,
        line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        if line == PRIVATE {
            return self.event(text, ts_recv, heard);
        }
        let envelope: Envelope<'_> = serde_json::from_slice(text)?;
        let Some(asked) = self.session.replied(&envelope, ts_recv) else { return Ok(()) };
        self.take_answer(asked, envelope.answer(), ts_recv, heard)
    }
}

impl BinanceUsdM {
    fn event(&mut self, text: &[u8], ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let event: Event<'_> = serde_json::from_slice(text)?;
        match (event.e, event.data) {
            (None, Some(data)) => self.event(data.get().as_bytes(), ts_recv, heard),
            (Some(name), _) => self.named_event(&name, text, ts_recv, heard),
            (None, None) => Ok(()),
        }
    }

    fn named_event(
        &mut self,
        name: &str,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        match name {
            "ORDER_TRADE_UPDATE" => {
                let update: OrderUpdate<'_> = serde_json::from_slice(text)?;
                self.execution(&update.order, ns(update.time), ts_recv, heard)
            }
            "ALGO_UPDATE" => {
                let update: AlgoUpdate<'_> = serde_json::from_slice(text)?;
                self.algo(&update.order, ns(update.time), ts_recv, heard)
            }
            "ACCOUNT_UPDATE" => {
                // Its balances do not say what a new order may use.
                let update: AccountUpdate = serde_json::from_slice(text)?;
                let positions = self.positions(&update.account.positions)?;
                let at = ns(update.time);
                let dated = positions.into_iter().map(|one| Position { ts_event: at, ..one });
                heard.extend(dated.map(Heard::Position));
                if update.account.reason == FUNDING {
                    self.note_funding(&update.account, at)?;
                    // Of shared positions it is not said here for which instrument it was paid.
                    heard.push(Heard::Ask(Question::Payments(at - FUNDING_BEFORE)));
                }
                Ok(())
            }
            "listenKeyExpired" => {
                // Until there is a new stream nobody tells of our orders.
                self.is_ready = false;
                let detail = "the listen key has expired".into();
                heard.push(Heard::Closed(Refusal { detail, ..Refusal::default() }));
                heard.push(Heard::Send(self.ask_for_key(ts_recv)));
                Ok(())
            }
            // Among others TRADE_LITE, which says less than the update that comes with it.
            _ => Ok(()),
        }
    }

    /// Of a position that is margined for itself the venue says which it was.
    fn note_funding(&mut self, changes: &Changes, at: i64) -> Parsed {
        self.funded.retain(|one| at - one.at < FUNDING_KNOWN);
        let positions = self.positions(&changes.positions)?;
        if let ([position], [balance]) = (&positions[..], &changes.balances[..])
            && position.side != PositionSide::Net
            && let Some(received) = some_amount(&balance.change)?
        {
            let (instrument, side, asset) =
                (position.instrument, position.side, balance.asset.clone());
            self.funded.push(Funded { instrument, side, asset, received, at });
        }
        Ok(())
    }

    /// Which of two positions was funded, as far as the stream has told.
    pub(super) fn side_funded(
        &self,
        instrument: InstrumentId,
        (received, asset): (Amount, &str),
        at: i64,
    ) -> Option<PositionSide> {
        let is_it = |one: &&Funded| {
            (one.instrument, one.received, &*one.asset) == (instrument, received, asset)
                && (one.at - at).abs() <= FUNDING_BEFORE
        };
        self.funded.iter().find(is_it).map(|one| one.side)
    }

    fn execution(
        &mut self,
        one: &Execution<'_>,
        at: i64,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        let desk = &self.session.desk;
        let client_id = self.renumbered.get(&one.order_id).map_or(&*one.client_id, |id| id);
        let named = desk.named(desk.instrument(&one.symbol)?, client_id);
        let Some(what) = self.what(one)? else { return Ok(()) };
        if !matches!(&*one.status, "NEW" | "PARTIALLY_FILLED") {
            self.renumbered.remove(&one.order_id);
        }
        let mut report = named.report(ts_recv, EventSource::Stream, what);
        report.venue_order_id = Some(one.order_id.to_string().into());
        report.ts_event = at;
        heard.push(Heard::Report(report));
        Ok(())
    }

    fn what(&self, one: &Execution<'_>) -> Parsed<Option<What>> {
        let filled = amount(&one.filled)?;
        let expired = |refusal| What::Expired {
            size_filled: Some(filled),
            size_prevented: None,
            refusal: Some(refusal),
        };
        let refusal =
            |reason| Refusal { reason, venue_code: one.status.as_ref().into(), detail: "".into() };
        Ok(Some(match &*one.sort {
            "NEW" => What::Accepted,
            "TRADE" | "CALCULATED" if amount(&one.last_size)? > Amount::ZERO => {
                What::Fill(self.fill(one, filled)?)
            }
            "AMENDMENT" => {
                What::Replaced { price: some_amount(&one.price)?, size: amount(&one.size)? }
            }
            "CANCELED" => {
                What::Cancelled { size_filled: Some(filled), size_prevented: None, refusal: None }
            }
            "EXPIRED" if one.tif == "GTX" && filled == Amount::ZERO => {
                expired(refusal(RefusalKind::WouldTake))
            }
            "EXPIRED" => expired(refusal(RefusalKind::Other)),
            "REJECTED" => What::Rejected(refusal(RefusalKind::Other)),
            _ => return Ok(None),
        }))
    }

    fn fill(&self, one: &Execution<'_>, filled: Amount) -> Parsed<Fill> {
        Ok(Fill {
            fill_id: one.trade_id.to_string().into(),
            trade_id: Some(one.trade_id),
            kind: fill_kind(one),
            side: side(&one.side)?,
            price: amount(&one.last_price)?,
            size: amount(&one.last_size)?,
            size_filled: Some(filled),
            fee: fee(&self.session.desk, one.fee.as_deref(), one.fee_asset.as_deref())?,
            liquidity: if one.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: position_side(&one.position_side),
        })
    }

    fn algo(&mut self, one: &Algo<'_>, at: i64, ts_recv: i64, heard: &mut Vec<Heard>) -> Parsed {
        let desk = &self.session.desk;
        let named = desk.named(desk.instrument(&one.symbol)?, &one.client_id);
        if one.status == "NEW"
            && let Some(report) = self.chains.done(&named, None, ts_recv, EventSource::Stream)
        {
            let venue_order_id = Some(one.number.to_string().into());
            heard.push(Heard::Report(Report { ts_event: at, venue_order_id, ..report }));
            return Ok(());
        }
        if one.status == "CANCELED" && self.is_end_of_change(&one.client_id) {
            return Ok(());
        }
        let what = match &*one.status {
            "NEW" => Some(What::Accepted),
            "CANCELED" => Some(What::Cancelled {
                size_filled: Some(Amount::ZERO),
                size_prevented: None,
                refusal: None,
            }),
            "TRIGGERING" | "TRIGGERED" => Some(What::Triggered),
            "EXPIRED" | "REJECTED" => Some(algo_failed(one)),
            // What came of it is told as of any order.
            _ => None,
        };
        if one.status == "NEW" {
            self.waiting.insert(one.client_id.as_ref().into());
        } else {
            self.waiting.remove(&*one.client_id);
            self.chains.forget(&one.client_id);
        }
        if let Ok(number) = one.order_number.parse::<i64>()
            && one.status != "FINISHED"
        {
            self.came(number, &one.client_id);
        }
        let Some(what) = what else { return Ok(()) };
        let mut report = named.report(ts_recv, EventSource::Stream, what);
        report.venue_order_id = Some(one.number.to_string().into());
        report.ts_event = at;
        heard.push(Heard::Report(report));
        Ok(())
    }
}

fn algo_failed(one: &Algo<'_>) -> What {
    let refusal = Refusal {
        reason: RefusalKind::Other,
        venue_code: one.status.as_ref().into(),
        detail: one.reason.as_ref().into(),
    };
    if one.status == "REJECTED" {
        return What::Rejected(refusal);
    }
    let size_filled = Some(Amount::ZERO);
    What::Expired { size_filled, size_prevented: None, refusal: Some(refusal) }
}
