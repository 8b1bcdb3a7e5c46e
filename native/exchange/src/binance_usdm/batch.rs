//! Several orders in one call: each is done or refused for itself.

use serde_json::Value;

use super::{Call, trade};
use crate::binance::shared::calls::Answer;
use crate::binance::shared::orders::{instrument, wanted};
use crate::binance::shared::params::Params;
use crate::binance::shared::refusal::Refusal;

/// Orders that may be placed or changed by one call.
const ORDERS_MAX: usize = 5;
/// New orders that a batch counts as in ten seconds, a minute and a day, whatever is in it.
pub(crate) const COUNTED: [u32; 3] = [5, 1, 1];
/// Orders that may be ended by one call.
const CANCELS_MAX: usize = 10;

fn items(params: &Params) -> Result<Vec<Params>, Refusal> {
    let list = params.need("batchOrders")?;
    let list: Vec<serde_json::Map<String, Value>> =
        serde_json::from_str(list).map_err(|_| Refusal::invalid("batchOrders"))?;
    if list.is_empty() || list.len() > ORDERS_MAX {
        return Err(Refusal::new(-4082, "Invalid number of batch place orders."));
    }
    Ok(list.iter().map(Params::of_json).collect())
}

fn each(call: &mut Call<'_>, run: fn(&mut Call<'_>) -> Answer) -> Answer {
    let items = items(call.params)?;
    call.own()?;
    let one = |params: &Params| {
        let (hall, state, account) = (&mut *call.hall, &mut *call.state, call.account);
        run(&mut Call { hall, params, account, state }).unwrap_or_else(|refusal| refusal.json())
    };
    Ok(items.iter().map(one).collect())
}

pub(crate) fn place(call: &mut Call<'_>) -> Answer {
    each(call, trade::place)
}

pub(crate) fn modify(call: &mut Call<'_>) -> Answer {
    each(call, trade::modify)
}

/// Clients write these names in either way.
fn list<'a>(params: &'a Params, names: [&str; 2]) -> Option<&'a str> {
    names.into_iter().find_map(|name| params.get(name))
}

pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let id = instrument(&call.hall.floor, call.params)?;
    call.own()?;
    let numbers = list(call.params, ["orderIdList", "orderidlist"]);
    let names = list(call.params, ["origClientOrderIdList", "origclientorderidlist"]);
    let (field, given) = match (numbers, names) {
        (Some(list), _) => ("orderId", list),
        (None, Some(list)) => ("origClientOrderId", list),
        (None, None) => return Err(Refusal::missing("orderIdList")),
    };
    let given: Vec<Value> =
        serde_json::from_str(given).map_err(|_| Refusal::invalid(&format!("{field}List")))?;
    if given.is_empty() || given.len() > CANCELS_MAX {
        return Err(Refusal::new(-4032, "Exceed maximum cancel order size."));
    }
    let mut one = |wish: Value| {
        let object = serde_json::Map::from_iter([(field.to_owned(), wish)]);
        let record =
            wanted(call.own()?, &Params::of_json(&object), "orderId", "origClientOrderId")?;
        let record = record
            .filter(|record| record.order.is_working && record.order.asked.instrument == id)
            .ok_or_else(Refusal::not_cancelled)?;
        trade::end(call, &record)
    };
    Ok(given.into_iter().map(|wish| one(wish).unwrap_or_else(|refusal| refusal.json())).collect())
}
