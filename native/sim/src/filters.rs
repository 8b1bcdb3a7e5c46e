//! What is checked before an order is taken.

use crate::accounts::Holding;
use crate::exchange::{Listed, Order};
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
            // A trailing trigger has no price so far.
            let trigger = order.trigger.map(|trigger| trigger.price).filter(|price| *price > 0);
            if let Some(price) = order.price.or(trigger).or(listed.last) {
                check_notional(listed.worth(price, lots)?, order, listed)?;
            }
            check_display(order, lots, listed)
        }
        Quantity::Quote(amount) => {
            if amount <= Amount::ZERO {
                return Err(Reject::Contradiction("a quantity of quote is more than 0"));
            }
            check_notional(amount, order, listed)
        }
        Quantity::Position => Ok(()),
    }
}

fn check_display(order: &NewOrder, lots: i64, listed: &Listed) -> Result<(), Reject> {
    let Some(display) = order.display else { return Ok(()) };
    if display < 1 {
        return Err(Reject::Contradiction("an iceberg shows at least one lot"));
    }
    let found = lots / display + i64::from(lots % display > 0);
    match listed.instrument.filters.iceberg_parts_max {
        Some(largest) if found > largest => Err(Reject::IcebergParts { found, largest }),
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
    let filters = &listed.instrument.filters;
    match (filters.notional_min, filters.notional_max) {
        (Some(least), _) if found < least && !order.reduce_only => {
            Err(Reject::Notional { found, least })
        }
        (_, Some(largest)) if found > largest && order.price.is_some() => {
            Err(Reject::NotionalMax { found, largest })
        }
        _ => Ok(()),
    }
}

/// Whether an account may have these orders besides those that it has, once one has gone.
pub(crate) fn check_count(
    coming: &[&NewOrder],
    going: Option<&Order>,
    holding: &Holding,
    listed: &Listed,
) -> Result<(), Reject> {
    let filters = &listed.instrument.filters;
    let exceeds = |open: usize, more: usize, most: Option<usize>| {
        more > 0 && most.is_some_and(|most| open + more > most)
    };
    let open = holding.open - usize::from(going.is_some());
    if exceeds(open, coming.len(), filters.orders_max) {
        return Err(Reject::TooManyOrders(open));
    }
    let waiting = holding.waiting - usize::from(going.is_some_and(|order| !order.is_working));
    let more = coming.iter().filter(|order| order.trigger.is_some()).count();
    if exceeds(waiting, more, filters.triggers_max) {
        return Err(Reject::TooManyTriggers(waiting));
    }
    Ok(())
}
