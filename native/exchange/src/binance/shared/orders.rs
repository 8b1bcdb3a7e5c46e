//! What calls about orders have in common.

use rustonite_sim::{AccountId, Command, InstrumentId, OrderId, SelfTrade, Side};

use super::calls::Call;
use super::params::Params;
use super::refusal::Refusal;
use crate::accounts::{Account, Record};
use crate::dialect::Hall;
use crate::faults::Fault;
use crate::floor::Floor;

const ID_LENGTH: usize = 22;

pub(crate) fn instrument(floor: &Floor, params: &Params) -> Result<InstrumentId, Refusal> {
    let symbol = params.need("symbol")?;
    if !symbol.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        let range = "legal range is '^[A-Z0-9-_.]{1,20}$'";
        let text = format!("Illegal characters found in parameter 'symbol'; {range}.");
        return Err(Refusal::new(-1100, text));
    }
    floor.instrument(symbol).ok_or_else(Refusal::unknown_symbol)
}

pub(crate) fn side(params: &Params, name: &str) -> Result<Side, Refusal> {
    match params.need(name)? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(Refusal::new(-1117, "Invalid side.")),
    }
}

pub(crate) fn self_trade(params: &Params) -> Result<SelfTrade, Refusal> {
    match params.get("selfTradePreventionMode").unwrap_or("EXPIRE_MAKER") {
        "NONE" => Ok(SelfTrade::Allow),
        "EXPIRE_TAKER" => Ok(SelfTrade::ExpireTaker),
        "EXPIRE_MAKER" => Ok(SelfTrade::ExpireMaker),
        "EXPIRE_BOTH" => Ok(SelfTrade::ExpireBoth),
        "DECREMENT" => Ok(SelfTrade::Decrement),
        _ => Err(Refusal::new(
            -1130,
            "Data sent for parameter 'selfTradePreventionMode' is not valid.",
        )),
    }
}

/// The client's name for an order, which may have these characters, or one that the venue makes.
/// Refused so if an open order has it.
pub(crate) fn client_id(
    floor: &Floor,
    account: AccountId,
    params: &Params,
    (name, others): (&str, &str),
    taken: &Refusal,
) -> Result<String, Refusal> {
    let Some(client_id) = params.client_id(name, others)? else { return Ok(made_up_id(floor)) };
    let known = floor.accounts.all.get(&account);
    let known = known.and_then(|account| account.named(&client_id));
    if known.is_some_and(|record| record.order.is_open) {
        return Err(taken.clone());
    }
    Ok(client_id)
}

/// A name for what has none.
pub(crate) fn made_up_id(floor: &Floor) -> String {
    floor.made_up(ID_LENGTH)
}

impl<S> Call<'_, S> {
    pub(crate) fn own(&self) -> Result<&Account, Refusal> {
        let text = "Invalid API-key, IP, or permissions for action.";
        let found = self.hall.floor.accounts.all.get(&self.account);
        found.ok_or_else(|| Refusal::with_status(401, -2015, text))
    }

    pub(crate) fn symbol_if_sent(&self) -> Result<Option<InstrumentId>, Refusal> {
        let sent = self.params.get("symbol");
        sent.map(|_| instrument(&self.hall.floor, self.params)).transpose()
    }

    /// Whether the client names where rows begin: there, or from a moment on.
    pub(crate) fn names_start(&self, first: Option<i64>) -> bool {
        first.is_some() || self.params.get("startTime").is_some()
    }

    /// Whether a moment is between those of the parameters.
    pub(crate) fn in_time(&self) -> Result<impl Fn(i64) -> bool + use<S>, Refusal> {
        let since = self.params.integer("startTime")?.unwrap_or(i64::MIN);
        let until = self.params.integer("endTime")?.unwrap_or(i64::MAX);
        if since > until {
            return Err(Refusal::new(-1127, "Start time is greater than end time."));
        }
        Ok(move |ms: i64| (since..=until).contains(&ms))
    }
}

/// The newest rows, or the first ones from where the client begins.
pub(crate) fn page<T>(rows: &[T], limit: usize, from_start: bool) -> &[T] {
    let limit = limit.min(rows.len());
    if from_start { &rows[..limit] } else { &rows[rows.len() - limit..] }
}

/// The order that the parameters name, by its number or the client's name.
pub(crate) fn wanted(
    own: &Account,
    params: &Params,
    id: &str,
    name: &str,
) -> Result<Option<Record>, Refusal> {
    if let Some(id) = params.integer(id)? {
        let id = OrderId(id.cast_unsigned());
        return Ok(own.orders.get(&id).cloned());
    }
    if let Some(name) = params.get(name) {
        return Ok(own.named(name).cloned());
    }
    let text = format!("Param '{name}' or '{id}' must be sent, but both were empty/null!");
    Err(Refusal::new(-1102, text))
}

/// Ends an order of an account, and its list, unless a fill is to come first.
pub(crate) fn end(hall: &mut Hall, record: &Record, name: &str) -> Result<(), Refusal> {
    let asked = &record.order.asked;
    let (account, order) = (asked.account, record.order.id);
    let symbol = hall.floor.listed(asked.instrument).listing.symbol.clone();
    let races = |fault: &Fault| *fault == Fault::FillBeforeCancel;
    if record.order.is_open
        && !record.tag.is_pending
        && hall.faults.of(Some(&symbol), races).is_some()
    {
        hall.fill_by_house(&record.order);
    }
    let own = hall.floor.accounts.all.get_mut(&account);
    if !own.is_some_and(|own| own.name_end(order, name)) {
        return Err(Refusal::not_cancelled());
    }
    let done = hall.apply(&Command::Cancel { account, order }, Vec::new());
    done.map(|_| ()).map_err(|_| Refusal::not_cancelled())
}
