//! What kinds of orders have and need.

use rustonite_core::datasets::{OrderKind, order_flags};

use crate::intent::Intent;

/// Flags by which an order never takes.
pub(super) const RESTS_ONLY: i32 = order_flags::POST_ONLY | order_flags::POST_ONLY_SLIDE;

const fn set(kinds: &[OrderKind]) -> u32 {
    let (mut bits, mut at) = (0, 0);
    while at < kinds.len() {
        bits |= 1 << kinds[at] as u32;
        at += 1;
    }
    bits
}

/// Kinds without a limit: what protects them is `price_protect`.
const MARKET: u32 = set(&[
    OrderKind::Market,
    OrderKind::StopMarket,
    OrderKind::MarketIfTouched,
    OrderKind::TrailingStopMarket,
    OrderKind::MarketToLimit,
]);
const NEEDS_PRICE: u32 =
    set(&[OrderKind::Limit, OrderKind::StopLimit, OrderKind::LimitIfTouched, OrderKind::Quote]);
const NEEDS_TRIGGER: u32 = set(&[
    OrderKind::StopMarket,
    OrderKind::StopLimit,
    OrderKind::MarketIfTouched,
    OrderKind::LimitIfTouched,
]);
const WAITS: u32 =
    NEEDS_TRIGGER | set(&[OrderKind::TrailingStopMarket, OrderKind::TrailingStopLimit]);
const RESTS: u32 = set(&[OrderKind::Limit, OrderKind::Quote]);

#[inline]
const fn is_in(kinds: u32, kind: OrderKind) -> bool {
    kinds >> kind as u32 & 1 != 0
}

#[inline]
pub(super) fn is_market(kind: OrderKind) -> bool {
    is_in(MARKET, kind)
}

#[inline]
pub(super) fn waits(kind: OrderKind) -> bool {
    is_in(WAITS, kind)
}

/// Whether the price that an order waits for has come: of a stop by a move against it.
#[inline]
pub(super) fn is_triggered(
    kind: OrderKind,
    is_buy: bool,
    trigger2: i128,
    reference2: i128,
) -> bool {
    let waits_for_rise = match kind {
        OrderKind::StopMarket | OrderKind::StopLimit => is_buy,
        OrderKind::MarketIfTouched | OrderKind::LimitIfTouched => !is_buy,
        _ => return false,
    };
    if waits_for_rise { reference2 >= trigger2 } else { reference2 <= trigger2 }
}

/// Whether a price is missing that the kind needs.
#[inline]
pub(super) fn lacks_price(intent: &Intent) -> bool {
    (is_in(NEEDS_PRICE, intent.kind) && intent.price.is_none())
        || (is_in(NEEDS_TRIGGER, intent.kind) && intent.trigger.is_none())
}

/// The price at which an order of ours may be met by another of ours, or 0.
#[inline]
pub(crate) fn rests(intent: &Intent) -> i64 {
    if is_in(RESTS, intent.kind) { intent.price.unwrap_or(0) } else { 0 }
}
