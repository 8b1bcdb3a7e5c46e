//! Calls that read orders.

use rustonite_sim::{InstrumentId, Side};

use super::refusal::Refusal;
use super::routes::{Answer, Call};
use super::{place, words};
use crate::accounts::Record;

const ORDERS_USUAL: usize = 50;
const ORDERS_MAX: usize = 500;

pub(crate) fn order(call: &mut Call<'_>) -> Answer {
    let record = call.named()?;
    let nested = call.query.flag("nested")?;
    Ok(call.now(&record, nested))
}

pub(crate) fn order_by_client_id(call: &mut Call<'_>) -> Answer {
    let name = call.query.word("client_order_id").unwrap_or_default();
    let found = call.own()?.named(name).cloned();
    let record = found.ok_or_else(|| Refusal::no_such_order(name))?;
    Ok(call.now(&record, false))
}

/// Which orders a list has.
struct Filter {
    open: Option<bool>,
    since: i64,
    until: i64,
    side: Option<Side>,
    instruments: Vec<InstrumentId>,
    nested: bool,
}

impl Filter {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let query = &call.query;
        let open = match query.word("status").unwrap_or("open") {
            "open" => Some(true),
            "closed" => Some(false),
            "all" => None,
            _ => return Err(Refusal::malformed("status must be open, closed or all")),
        };
        let floor = &call.hall.floor;
        let symbols = query.list("symbols");
        let instruments: Vec<_> =
            symbols.iter().filter_map(|name| words::instrument(floor, name)).collect();
        Ok(Self {
            open,
            since: query.time("after")?.unwrap_or(i64::MIN),
            until: query.time("until")?.unwrap_or(i64::MAX),
            side: place::side(query)?,
            // An unknown symbol finds nothing.
            instruments: if symbols.is_empty() || !instruments.is_empty() {
                instruments
            } else {
                vec![InstrumentId::MAX]
            },
            nested: query.flag("nested")?,
        })
    }

    fn fits(&self, call: &Call<'_>, record: &Record) -> bool {
        let order = &record.order;
        let at = order.placed_at + call.hall.floor.clock.ahead;
        let facts = call.desk.orders.get(order.id);
        self.open.is_none_or(|open| order.is_open == open)
            && at > self.since
            && at < self.until
            && self.side.is_none_or(|side| order.asked.side == side)
            && (self.instruments.is_empty() || self.instruments.contains(&order.asked.instrument))
            && !(self.nested && facts.is_some_and(|facts| facts.parent.is_some()))
    }
}

pub(crate) fn orders(call: &mut Call<'_>) -> Answer {
    let filter = Filter::read(call)?;
    let limit = call.query.count("limit", ORDERS_USUAL, ORDERS_MAX)?;
    let own = call.own()?;
    let mut found: Vec<_> =
        own.orders.values().filter(|record| filter.fits(call, record)).collect();
    match call.query.word("direction").unwrap_or("desc") {
        "asc" => {}
        "desc" => found.reverse(),
        _ => return Err(Refusal::malformed("direction must be asc or desc")),
    }
    Ok(found.into_iter().take(limit).map(|record| call.now(record, filter.nested)).collect())
}
