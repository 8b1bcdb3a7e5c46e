//! What is checked before an order is taken.

use crate::accounts::Holding;
use crate::exchange::Listed;
use crate::{Amount, Expiry, Kind, NewOrder, PositionSide, Quantity, Reject, SelfTrade, Trailing};

/// No price and no quantity is larger, so that products and sums fit.
pub(crate) const COUNT_MAX: i64 = 1 << 40;

/// Whether the parts of an order go together.
pub(crate) fn is_sound(order: &NewOrder, listed: &Listed, now: i64) -> Result<(), Reject> {
    let no = |why| Err(Reject::Contradiction(why));
    let spot = listed.instrument.kind == Kind::Spot;
    let at_once = matches!(order.expiry, Expiry::Immediate | Expiry::AllOrNothing);
    match order.price {
        None if !at_once => return no("a market order does not wait"),
        None if order.post_only => return no("a market order cannot be post-only"),
        None if order.display.is_some() => return no("a market order shows nothing"),
        Some(_) if order.post_only && at_once => return no("a post-only order has to wait"),
        Some(_) if order.display.is_some() && at_once => return no("an iceberg has to wait"),
        _ => {}
    }
    match order.quantity {
        Quantity::Quote(_) if order.price.is_some() => {
            return no("a quantity of quote is for market orders");
        }
        Quantity::Quote(_) if order.trigger.is_some() || !spot => {
            return no("a quantity of quote is for market orders of spot without trigger");
        }
        // Nobody could say how much of it is left.
        Quantity::Quote(_) if order.self_trade == SelfTrade::Decrement => {
            return no("a quantity of quote does not shrink by lots");
        }
        Quantity::Position if spot || order.trigger.is_none() || order.price.is_some() => {
            return no("a whole position is closed by a triggered market order of a perpetual");
        }
        _ => {}
    }
    if spot && (order.reduce_only || order.position != PositionSide::Net) {
        return no("spot has no positions");
    }
    if let Expiry::At(at) = order.expiry
        && at <= now
    {
        return no("its time is over");
    }
    if let Some(trailing) = order.trigger.and_then(|trigger| trigger.trailing)
        && !is_distance(trailing)
    {
        return no("a trailing distance is from 1 to 999999 millionths, or ticks");
    }
    Ok(())
}

fn is_distance(trailing: Trailing) -> bool {
    let Trailing { distance_ppm, distance_ticks, .. } = trailing;
    (0..1_000_000).contains(&distance_ppm)
        && (0..=COUNT_MAX).contains(&distance_ticks)
        && (distance_ppm, distance_ticks) != (0, 0)
}

/// Whether price and quantity are what the venue takes.
pub(crate) fn check(order: &NewOrder, listed: &Listed) -> Result<(), Reject> {
    if let Some(price) = order.price {
        check_price(price, listed)?;
        check_band(price, listed)?;
    }
    if let Some(trigger) = order.trigger
        && trigger.trailing.is_none()
    {
        check_price(trigger.price, listed)?;
    }
    if let Some(activation) = order.trigger.and_then(|t| t.trailing).and_then(|t| t.activation) {
        check_price(activation, listed)?;
    }
    match order.quantity {
        Quantity::Lots(lots) => {
            check_lots(lots, order, listed)?;
            let price = order.price.or(order.trigger.map(|t| t.price)).or(listed.last);
            if let Some(price) = price.filter(|price| *price > 0) {
                check_notional(listed.worth(price, lots)?, order, listed)?;
            }
        }
        Quantity::Quote(amount) => {
            if amount <= Amount::ZERO {
                return Err(Reject::Contradiction("a quantity of quote is more than 0"));
            }
            check_notional(amount, order, listed)?;
        }
        Quantity::Position => {}
    }
    match order.display {
        Some(display) if display < 1 => {
            Err(Reject::Contradiction("an iceberg shows at least one lot"))
        }
        _ => Ok(()),
    }
}

fn check_price(price: i64, listed: &Listed) -> Result<(), Reject> {
    let (least, largest) = listed.instrument.filters.price.unwrap_or((1, COUNT_MAX));
    let (least, largest) = (least.max(1), largest.min(COUNT_MAX));
    if (least..=largest).contains(&price) {
        return Ok(());
    }
    Err(Reject::Price { price, least, largest })
}

fn check_band(price: i64, listed: &Listed) -> Result<(), Reject> {
    let (Some((below, above)), Some(last)) = (listed.instrument.filters.band_ppm, listed.last)
    else {
        return Ok(());
    };
    let times = |ppm: i64| {
        i64::try_from(i128::from(last) * i128::from(ppm) / crate::accounts::MILLION)
            .unwrap_or(COUNT_MAX)
    };
    let (least, largest) = (times(below), times(above));
    if (least..=largest).contains(&price) {
        return Ok(());
    }
    Err(Reject::Band { price, least, largest })
}

fn check_lots(quantity: i64, order: &NewOrder, listed: &Listed) -> Result<(), Reject> {
    let filters = &listed.instrument.filters;
    let (least, mut largest) = filters.quantity.unwrap_or((1, COUNT_MAX));
    if order.price.is_none()
        && let Some(market) = filters.market_quantity_max
    {
        largest = largest.min(market);
    }
    let (least, largest) = (least.max(1), largest.min(COUNT_MAX));
    if (least..=largest).contains(&quantity) {
        return Ok(());
    }
    Err(Reject::Quantity { quantity, least, largest })
}

fn check_notional(found: Amount, order: &NewOrder, listed: &Listed) -> Result<(), Reject> {
    match listed.instrument.filters.notional_min {
        Some(least) if found < least && !order.reduce_only => {
            Err(Reject::Notional { found, least })
        }
        _ => Ok(()),
    }
}

/// Whether an account may have so many more orders.
pub(crate) fn check_count(
    more: usize,
    waits: bool,
    holding: &Holding,
    listed: &Listed,
) -> Result<(), Reject> {
    let filters = &listed.instrument.filters;
    let within = |found: usize, most: Option<usize>| match most {
        Some(most) if found + more > most => Err(Reject::TooManyOrders(found)),
        _ => Ok(()),
    };
    within(holding.open, filters.orders_max)?;
    if waits { within(holding.waiting, filters.triggers_max) } else { Ok(()) }
}
