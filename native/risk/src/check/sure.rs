//! The quick way for the usual order: a plain limit order, a change of one, or a market order with
//! protection, far enough from every limit.
//!
//! It says yes only if no check would say anything, which is why its sums may be coarse: they round
//! to the strict side, and what is near a limit takes the long way. A property test holds it to that.

use rustonite_core::datasets::{OrderKind, OrderSide, PositionSide, RiskRequest, Tif, order_flags};

use super::kinds::RESTS_ONLY;
use super::look;
use crate::exposure::{Cell, PPM, Purse};
use crate::intent::Intent;
use crate::key::Key;
use crate::orders::Open;
use crate::risk::{Access, AccountState, Quick, Risk, Traded, VenueState};
use crate::rules::Class;
use crate::seat::{COARSE_BITS, Seat};

/// Flags that ask for nothing but to rest.
const USUAL_FLAGS: i32 = RESTS_ONLY;

/// What the quick way looks at.
struct Sight<'a> {
    intent: &'a Intent,
    price: i64,
    is_buy: bool,
    is_market: bool,
    traded: &'a Traded,
    account: &'a AccountState,
    strategy: &'a Seat,
    venue: &'a VenueState,
    /// Keys that its limits name.
    desk_keys: u64,
    cell: &'a Cell,
    strategy_cell: &'a Cell,
}

impl Risk {
    /// Whether no check would say anything; if not sure, no.
    #[inline]
    pub(super) fn is_surely_fine(&self, intent: &Intent, now: i64) -> bool {
        let Some(sight) = self.sight(intent) else { return false };
        sight.is_ready(&self.all, now)
            && sight.is_valid()
            && sight.market_is_fine(now)
            && sight.is_modest()
            && sight.has_room(&self.all)
            && self.is_funded(&sight)
            && self.is_expected(&sight, now)
    }

    #[inline]
    fn sight<'a>(&'a self, intent: &'a Intent) -> Option<Sight<'a>> {
        let unusual = [
            intent.parent.is_some(),
            intent.trigger.is_some(),
            intent.size_display.is_some(),
            intent.size_min.is_some(),
            intent.ts_expire.is_some(),
        ];
        let is_usual = intent.request != RiskRequest::Cancel
            && intent.flags & !USUAL_FLAGS == 0
            && unusual.into_iter().map(u8::from).sum::<u8>() == 0
            && matches!(intent.position_side, None | Some(PositionSide::Net))
            && !intent.by_money;
        let ((OrderKind::Limit, Some(price), None) | (OrderKind::Market, None, Some(price))) =
            (intent.kind, intent.price, intent.price_protect)
        else {
            return None;
        };
        if !is_usual {
            return None;
        }
        let place = self.strategy_place(intent.strategy);
        let traded = self.instruments.get(intent.instrument.index())?;
        let account = self.accounts.get(intent.account.index())?;
        if account.venue != traded.venue || account.hedging {
            return None;
        }
        let cell = self.account_cells.get(account.cell(traded))?;
        let strategy_cell =
            self.strategy_cells.get(self.strategy_cell(place, intent.instrument))?;
        Some(Sight {
            intent,
            price,
            is_market: intent.kind == OrderKind::Market,
            is_buy: intent.side == OrderSide::Buy,
            traded,
            account,
            strategy: self.strategies.get(place)?,
            venue: self.venues.get(traded.venue.index())?,
            desk_keys: self.desks.get(intent.account.index() * self.strategies.len() + place)?.keys,
            cell: &cell[0],
            strategy_cell: &strategy_cell[0],
        })
    }

    /// It is a new order, or a change of one that is open.
    #[inline]
    fn is_expected(&self, sight: &Sight<'_>, now: i64) -> bool {
        let intent = sight.intent;
        let is_fine = if intent.request == RiskRequest::Replace {
            self.changes_an_order(sight)
        } else {
            intent.size_filled == 0
                && !self.orders.is_full()
                && !self.orders.has(intent.order)
                && !self.client_ids.has(intent.client_id)
                && self.is_unlike_others(sight, now)
        };
        is_fine && now >= self.now && self.orders_killed == 0
    }

    /// It counts as if it came on top of the order that it changes, which is more than it adds; for
    /// spot that need not be so.
    #[inline]
    fn changes_an_order(&self, sight: &Sight<'_>) -> bool {
        let intent = sight.intent;
        let is_same = |open: &Open| {
            open.account == intent.account
                && open.instrument == intent.instrument
                && open.strategy.index() == self.strategy_place(intent.strategy)
                && open.side == intent.side
        };
        sight.quick().class != Class::Spot
            && (0..intent.size).contains(&intent.size_filled)
            && (intent.client_id == 0 || !self.client_ids.has(intent.client_id))
            && self.orders.get(intent.order).is_some_and(is_same)
    }

    #[inline]
    fn is_funded(&self, sight: &Sight<'_>) -> bool {
        let (asset, needed) = sight.needed();
        let is_checked = sight.quick().must_be_funded;
        let purse = self.purses.get(self.purse(sight.intent.account, asset));
        let has = |purse: &Purse| purse.is_told && purse.unmargined == 0 && needed <= purse.free();
        !is_checked || (sight.cell.margin_ppm > 0 && purse.is_some_and(has))
    }

    #[inline]
    fn is_unlike_others(&self, sight: &Sight<'_>, now: i64) -> bool {
        let window = sight.quick().duplicate_ns;
        // Mostly nothing at all was sent within the window, and there is nothing to look up.
        window == 0
            || now.saturating_sub(self.likes.newest()) >= window
            || now.saturating_sub(self.likes.last(look(sight.intent))) >= window
    }
}

impl Sight<'_> {
    #[inline]
    fn seats(&self) -> [&Seat; 3] {
        [&self.venue.seat, &self.account.seat, self.strategy]
    }

    #[inline]
    fn quick(&self) -> &Quick {
        &self.traded.quick
    }

    /// Nothing is switched off, and every counter has place for one more.
    #[inline]
    fn is_ready(&self, all: &Seat, now: i64) -> bool {
        let traded = self.traded;
        let is_on =
            traded.quick.is_on && self.account.access == Access::All && self.venue.is_feed_up;
        let from = self
            .seats()
            .into_iter()
            .fold(all.room.ready_from, |from, seat| from.max(seat.room.ready_from));
        is_on
            && now >= from
            && (traded.quick.keys | self.desk_keys) == Key::EVERY
            && i64::from(traded.own.count) < traded.quick.open_orders_most
    }

    #[inline]
    fn is_valid(&self) -> bool {
        let (intent, quick) = (self.intent, self.quick());
        let can = self.venue.can;
        let has_tif = match intent.tif {
            Some(tif) => can.has_tif(tif) && tif != Tif::Gtd,
            None => self.is_market,
        };
        has_tif
            && can.has_kind(intent.kind)
            && can.has_flags(intent.flags)
            && intent.size >= quick.size_least
            && intent.size <= quick.size_most
            && quick.tick.divides(self.price)
            && quick.lot.divides(intent.size)
    }

    /// The market is quiet, its price is fresh, and that of the order is near it.
    #[inline]
    fn market_is_fine(&self, now: i64) -> bool {
        let bounds = &self.traded.bounds;
        let (low, high) = if self.is_buy { bounds.buy } else { bounds.sell };
        self.price >= low
            && self.price <= high
            && now >= bounds.from
            && now <= bounds.until
            && now.saturating_sub(self.intent.ts_cause) <= self.quick().latency_ns
    }

    /// Size and worth of the order itself.
    #[inline]
    fn is_modest(&self) -> bool {
        let quick = self.quick();
        let product = self.product(self.price);
        // No less than what the long way takes for a sale.
        let dearest = self.product(self.price.max(self.traded.bounds.ask));
        let meets_own = if self.is_buy {
            self.price >= self.traded.own.ask
        } else {
            self.price <= self.traded.own.bid
        };
        product >= quick.product_least
            && dearest <= quick.product_most
            && !meets_own
            && (!self.is_market || self.is_usual_market_order(dearest))
    }

    /// A market order takes even if its protection is short of the market, so that must not be.
    #[inline]
    fn is_usual_market_order(&self, dearest: u64) -> bool {
        let (market, rare) = (&self.traded.market, &self.traded.rare);
        let takes = if self.is_buy { self.price >= market.ask } else { self.price <= market.bid };
        takes && dearest <= rare.market_product_most && self.intent.size <= rare.market_size_most
    }

    #[inline]
    fn product(&self, price: i64) -> u64 {
        let price = if self.quick().class == Class::Inverse { 1 } else { price.cast_unsigned() };
        price.wrapping_mul(self.intent.size.cast_unsigned())
    }

    /// What would be held after it.
    #[inline]
    fn has_room(&self, all: &Seat) -> bool {
        let (size, quick) = (self.intent.size, self.quick());
        let added = size * quick.size_worth;
        let room = |seat: &Seat| if self.is_buy { seat.room.buy } else { seat.room.sell };
        let least = self.seats().into_iter().fold(room(all), |least, seat| least.min(room(seat)));
        let (total_high, total_low) = self.ends(&self.traded.total);
        let worst = |cell: &Cell| {
            let (high, low) = self.ends(cell);
            high.max(-low)
        };
        let (own, strategy) = (worst(self.cell), worst(self.strategy_cell));
        added <= least
            && total_high <= quick.long_most
            && -total_low <= quick.short_most
            && own <= quick.held_most
            && strategy <= quick.held_most
            && own * quick.size_worth <= self.account.seat.room.position
            && strategy * quick.size_worth <= self.strategy.room.position
            && self.is_within_equity(own * quick.size_worth, added)
    }

    /// The longest and the shortest that a position could become. No count is so large that this
    /// overflows.
    #[inline]
    fn ends(&self, cell: &Cell) -> (i64, i64) {
        let (buy, sell) = if self.is_buy { (self.intent.size, 0) } else { (0, self.intent.size) };
        (cell.position + cell.buys + buy, cell.position - cell.sells - sell)
    }

    #[inline]
    fn is_within_equity(&self, worth: i64, added: i64) -> bool {
        let concentration = self.quick().concentration;
        let leverage = self.quick().leverage;
        let equity = i128::from(self.account.equity_coarse);
        let gross = i128::from(self.account.seat.room.gross) + i128::from(added);
        (concentration == i64::MAX || i128::from(worth) * PPM <= equity * i128::from(concentration))
            && (leverage == i64::MAX || gross * 100 <= equity * i128::from(leverage))
    }

    /// The asset that pays, and how much of it at most, times a million.
    #[inline]
    fn needed(&self) -> (rustonite_core::ids::AssetId, i128) {
        let (traded, quick, rare) = (self.traded, self.quick(), &self.traded.rare);
        let ppm = i128::from(self.cell.margin_ppm);
        if quick.class != Class::Spot {
            let worth = self.intent.size * quick.margin_worth;
            return (traded.settle, (i128::from(worth) * ppm) << COARSE_BITS);
        }
        if self.is_buy {
            let quote = i128::from(self.product(self.price)) * i128::from(rare.product_quote);
            return (traded.quote, quote * ppm);
        }
        let base = i128::from(self.intent.size) * i128::from(rare.base);
        (traded.base, base * PPM)
    }
}

const _: () = assert!(order_flags::REDUCE_ONLY & USUAL_FLAGS == 0, "reducing takes the long way");
