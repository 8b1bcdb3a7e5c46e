//! Calls that close positions.

use rustonite_sim::{Amount, InstrumentId, NewOrder, SelfTrade, Side};
use serde_json::{Value, json};

use super::orders::{Class, Facts, Kind};
use super::place::{self, Draft};
use super::refusal::Refusal;
use super::routes::{Answer, Call};
use super::{trade, words};

/// Sells a position, or a part of it.
pub(crate) fn close(call: &mut Call<'_>) -> Answer {
    let id = words::instrument(&call.hall.floor, call.name);
    let held = words::held(&call.hall.floor, call.account);
    let found = held.into_iter().find(|(of, ..)| Some(*of) == id);
    let (id, free, locked) = found.ok_or_else(|| Refusal::missing("position does not exist"))?;
    let (qty, percentage) = (call.query.decimal("qty")?, call.query.decimal("percentage")?);
    let listed = call.hall.floor.listed(id);
    let lots = match (qty, percentage) {
        (Some(_), Some(_)) => {
            return Err(Refusal::malformed("only one of qty or percentage is accepted"));
        }
        (Some(qty), None) => place::lots(listed, qty)?,
        (None, percentage) => {
            let ppm = percentage.map_or(Ok(1_000_000), |percent| percent.to_scale(4));
            let ppm = ppm.ok().filter(|ppm| (1..=1_000_000).contains(ppm));
            let ppm = ppm.ok_or_else(|| Refusal::malformed("percentage must be from 0 to 100"))?;
            let lot = Amount::from_decimal(listed.listing.lot).unwrap_or_default();
            let all = (free + locked).0 / lot.0.max(1);
            i64::try_from(all * ppm / 1_000_000).unwrap_or(i64::MAX)
        }
    };
    sell(call, id, lots)
}

fn sell(call: &mut Call<'_>, id: InstrumentId, lots: i64) -> Answer {
    let is_crypto = words::is_crypto(call.hall.floor.listed(id));
    let facts = Facts {
        kind: Kind::Market,
        time_in_force: if is_crypto { "gtc" } else { "day" }.into(),
        class: Class::Simple,
        extended_hours: false,
        notional: None,
        trail: None,
        parent: None,
        legs: Vec::new(),
        replaces: None,
        replaced_by: None,
        expires_at: None,
        is_expired: false,
    };
    let order = NewOrder {
        self_trade: SelfTrade::ExpireTaker,
        ..NewOrder::market(call.account, id, Side::Sell, lots)
    };
    let client_id = place::made_up_id(&call.hall.floor);
    trade::place_draft(call, Draft { order, facts, client_id, legs: Vec::new() })
}

pub(crate) fn close_all(call: &mut Call<'_>) -> Answer {
    if call.query.flag("cancel_orders")? {
        trade::cancel_each(call)?;
    }
    let mut rows = Vec::new();
    for (id, free, locked) in words::held(&call.hall.floor, call.account) {
        let listed = call.hall.floor.listed(id);
        let symbol = listed.listing.symbol.replace('/', "");
        let lot = Amount::from_decimal(listed.listing.lot).unwrap_or_default();
        let lots = i64::try_from((free + locked).0 / lot.0.max(1)).unwrap_or(i64::MAX);
        if lots == 0 {
            continue;
        }
        let (status, body) = match sell(call, id, lots) {
            Ok(order) => (200, order),
            Err(refusal) => (refusal.status, refusal.json()),
        };
        rows.push(json!({"symbol": symbol, "status": status, "body": body}));
    }
    call.status = 207;
    Ok(Value::Array(rows))
}
