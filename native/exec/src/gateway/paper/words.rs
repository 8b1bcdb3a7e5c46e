//! Wishes as the replay takes them, and its words as reports have them.

use rustonite_core::datasets::{OrderKind, OrderSide, Tif, order_flags};
use rustonite_sim::replay::OwnOrder;
use rustonite_sim::{Expiry, Reject, Side};

use super::book::Book;
use crate::report::{Refusal, RefusalKind};
use crate::wish::Wish;

pub(super) fn refusal(reason: RefusalKind, detail: &str) -> Refusal {
    Refusal { reason, venue_code: "".into(), detail: detail.into() }
}

fn unfit(detail: &str) -> Refusal {
    refusal(RefusalKind::Rules, detail)
}

pub(super) fn side(side: OrderSide) -> Side {
    if side == OrderSide::Sell { Side::Sell } else { Side::Buy }
}

/// The order of a wish.
pub(super) fn order(book: &Book, wish: &Wish) -> Result<OwnOrder, Refusal> {
    let is_market = match wish.kind {
        OrderKind::Market => true,
        OrderKind::Limit => false,
        _ => return Err(unfit("a paper account takes market and limit orders")),
    };
    if wish.size_quote.is_some() || wish.size_display.is_some() || wish.size_min.is_some() {
        return Err(unfit("a paper account takes whole sizes alone"));
    }
    let limit = if is_market { wish.price_protect } else { wish.price };
    let price = match limit {
        Some(price) => Some(book.ticks(price).ok_or_else(|| unfit("the price is off the tick"))?),
        None if is_market => None,
        None => return Err(unfit("a limit order has a price")),
    };
    let expiry = match wish.tif {
        _ if is_market => Expiry::Immediate,
        None | Some(Tif::Gtc | Tif::Gtx) => Expiry::Never,
        Some(Tif::Ioc) => Expiry::Immediate,
        Some(Tif::Fok) => Expiry::AllOrNothing,
        Some(Tif::Gtd) => Expiry::At(wish.ts_expire.unwrap_or(i64::MAX)),
        Some(_) => return Err(unfit("a paper account has no auctions and no days")),
    };
    let quantity = book.lots(wish.size).ok_or_else(|| unfit("the size is off the lot"))?;
    let post_only = wish.flags & order_flags::POST_ONLY != 0 || wish.tif == Some(Tif::Gtx);
    Ok(OwnOrder { side: side(wish.side), price, quantity, expiry, post_only })
}

/// Why the venue refused.
pub(super) fn rejected(reject: Reject) -> Refusal {
    let reason = match reject {
        Reject::WouldTrade => RefusalKind::WouldTake,
        // Only what has ended is not there any more.
        Reject::UnknownOrder(_) => RefusalKind::TooLate,
        _ => RefusalKind::Rules,
    };
    refusal(reason, &reject.to_string())
}
