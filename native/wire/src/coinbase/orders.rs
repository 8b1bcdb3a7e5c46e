//! Messages of the channels `full` and `level3`, which tell of single orders.

use rustonite_core::Decimal;
use rustonite_core::datasets::OrderAction;

use super::Coinbase;
use super::market::book_side;
use crate::common::{local_time, rest_of_array};
use crate::error::Result;
use crate::event::{Control, Order, OrdersUpdate, Sink};
use crate::json::Json;

impl Coinbase {
    /// A message of `full` other than a match.
    pub(super) fn order(
        &mut self,
        name: &str,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut symbol, mut time, mut seq) = (None, None, None);
        let (mut size, mut rest, mut price, mut price_new) = (None, None, None, None);
        let mut order = Order::default();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"product_id" => symbol = Some(json.text()?),
                b"time" => time = Some(json.time_text()?),
                // Only stop orders that are triggered count seconds.
                b"timestamp" => time = Some(json.time_s()?),
                b"sequence" => seq = Some(json.integer()?),
                b"order_id" => order.order_uid = Some(json.text()?),
                b"side" => order.side = Some(book_side(json)?),
                b"price" => price = json.decimal_or_null()?,
                b"new_price" => price_new = json.decimal_or_null()?,
                b"size" => size = json.decimal_or_null()?,
                b"remaining_size" | b"new_size" => rest = json.decimal_or_null()?,
                b"reason" => order.reason = json.text_or_null()?,
                _ => json.skip()?,
            }
        }
        let symbol = json.need(symbol, "an event of an order with `product_id`")?;
        json.need(order.order_uid, "an event of an order with `order_id`")?;
        order.price = price_new.or(price);
        (order.action, order.size) = match name {
            "received" => (OrderAction::Received, size),
            "activate" => (OrderAction::Activate, size),
            "open" => {
                json.need(order.price, "an open order with `price`")?;
                json.need(order.side, "an open order with `side`")?;
                let rest = json.need(rest, "an open order with `remaining_size`")?;
                (OrderAction::Add, Some(rest))
            }
            "done" => (OrderAction::Remove, Some(Decimal::ZERO)),
            _ => (OrderAction::Modify, rest),
        };
        if name != "activate" {
            json.need(seq, "an event of an order with `sequence`")?;
            self.follow(symbol);
        }
        hand_out(symbol, (time, ts_recv), seq, &order, sink);
        Ok(())
    }

    /// A message of `level3`: an array whose first item says what the others are.
    pub(super) fn compact_order(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let whole = *json;
        json.array()?;
        let name = next(json)?.text()?;
        let action = compact_action(name);
        // `noop` is known and says nothing, except that its number is used up.
        if action.is_none() && name != "noop" {
            sink.control(&Control::Unknown(name));
            *json = whole;
            return json.skip();
        }
        let mut order = Order { action: action.unwrap_or_default(), ..Order::default() };
        let symbol = next(json)?.text()?;
        let seq = next(json)?.integer()?;
        if action.is_some() {
            order.order_uid = Some(next(json)?.text()?);
        }
        match name {
            "open" => order.side = Some(book_side(next(json)?)?),
            "match" => order.counter_uid = Some(next(json)?.text()?),
            "done" => order.size = Some(Decimal::ZERO),
            _ => {}
        }
        if matches!(name, "open" | "change" | "match") {
            order.price = next(json)?.decimal_or_null()?;
            let size = next(json)?.decimal_or_null()?;
            let filled = name == "match";
            *(if filled { &mut order.size_filled } else { &mut order.size }) = size;
        }
        let time = next(json)?.time_text()?;
        rest_of_array(json)?;
        self.follow(symbol);
        let orders = if action.is_some() { std::slice::from_ref(&order) } else { &[][..] };
        sink.orders(&OrdersUpdate {
            symbol,
            ts_event: time,
            ts_recv,
            seq: Some(seq),
            orders,
            ..OrdersUpdate::default()
        });
        Ok(())
    }

    /// From now on matches of a product belong to its book.
    fn follow(&mut self, symbol: &str) {
        if !self.ordered.contains(symbol) {
            self.ordered.insert(symbol.to_owned());
        }
    }
}

/// What the name of a compact message says of an order.
fn compact_action(name: &str) -> Option<OrderAction> {
    Some(match name {
        "open" => OrderAction::Add,
        "done" => OrderAction::Remove,
        "change" => OrderAction::Modify,
        "match" => OrderAction::Fill,
        _ => return None,
    })
}

/// What a match does to the maker's order. The venue says only how much was executed; a `done`
/// follows if nothing is left.
pub(super) fn fill() -> Order<'static> {
    Order { action: OrderAction::Fill, ..Order::default() }
}

/// One event of one order.
pub(super) fn hand_out(
    symbol: &str,
    (time, ts_recv): (Option<i64>, i64),
    seq: Option<i64>,
    order: &Order<'_>,
    sink: &mut dyn Sink,
) {
    sink.orders(&OrdersUpdate {
        symbol,
        ts_event: time.unwrap_or(ts_recv),
        ts_recv,
        seq,
        flags: local_time(time),
        orders: std::slice::from_ref(order),
        ..OrdersUpdate::default()
    });
}

/// The next item of an array that must have one.
fn next<'j, 'a>(json: &'j mut Json<'a>) -> Result<&'j mut Json<'a>> {
    json.next_item("another item").map(|()| json)
}
