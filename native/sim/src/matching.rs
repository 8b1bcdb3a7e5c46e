//! Orders meet.

use std::collections::{BTreeMap, VecDeque};

use crate::accounts::{bought, part};
use crate::exchange::Exchange;
use crate::orders::{NONE, Slot, Stage};
use crate::{
    AccountId, Amount, AssetId, CancelReason, Event, FeeAsset, Fees, Kind, NewOrder, OrderId,
    PositionSide, Quantity, SelfTrade, Side,
};

/// What an order would trade if it came now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Foreseen {
    pub(crate) lots: i64,
    pub(crate) quote: Amount,
}

/// A resting order as a foreseen trade meets it.
struct Met {
    slot: Slot,
    open: i64,
    shown: i64,
    display: Option<i64>,
    own: bool,
}

/// How an order has its part in a trade.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It came.
    Taker,
    /// It had rested.
    Maker,
    /// The venue closed a position by it, for which nobody pays.
    Forced,
}

/// By how many lots foreseen trades change positions.
#[derive(Default)]
struct Moved(BTreeMap<(AccountId, PositionSide), i64>);

impl Moved {
    fn note(&mut self, order: &NewOrder, lots: i64) {
        let signed = if order.side == Side::Buy { lots } else { -lots };
        *self.0.entry((order.account, order.position)).or_default() += signed;
    }
}

impl Exchange {
    /// What an order would trade now, without trading. If `without` is an order, as if that was not
    /// there.
    pub(crate) fn foresee(&self, order: &NewOrder, without: Option<Slot>) -> Foreseen {
        let listed = &self.listed[order.instrument as usize];
        let mut found = Foreseen::default();
        let mut prevented = 0;
        let mut moved = Moved::default();
        for (price, level) in listed.book.levels(order.side.opposite()) {
            if order.price.is_some_and(|limit| match order.side {
                Side::Buy => price > limit,
                Side::Sell => price < limit,
            }) {
                break;
            }
            let mut queue = self.met(level.queue.first, order, without);
            while let Some(mut met) = queue.pop_front() {
                let wanted = match order.quantity {
                    Quantity::Lots(lots) => {
                        (lots - found.lots - prevented).min(self.foreseen_fillable(order, &moved))
                    }
                    Quantity::Quote(amount) => listed.affordable(amount - found.quote, price),
                    Quantity::Position => 0,
                };
                if wanted <= 0 {
                    return found;
                }
                if met.own {
                    match order.self_trade {
                        SelfTrade::ExpireTaker | SelfTrade::ExpireBoth => return found,
                        SelfTrade::ExpireMaker => continue,
                        SelfTrade::Decrement => {
                            prevented += wanted.min(met.open);
                            continue;
                        }
                        SelfTrade::Allow => {}
                    }
                }
                let maker = &self.orders.get(met.slot).order.asked;
                met.open = met.open.min(self.foreseen_fillable(maker, &moved));
                met.shown = met.shown.min(met.open);
                let lots = wanted.min(met.shown);
                found.lots += lots;
                found.quote += listed.worth_of(price, lots);
                if listed.instrument.kind != Kind::Spot {
                    moved.note(order, lots);
                    moved.note(maker, lots);
                }
                met.open -= lots;
                met.shown -= lots;
                if met.shown == 0 && met.open > 0 {
                    met.shown = met.display.unwrap_or(met.open).min(met.open);
                    queue.push_back(met);
                } else if met.shown > 0 {
                    queue.push_front(met);
                }
            }
        }
        found
    }

    /// Lots of an order that may be filled behind foreseen trades.
    fn foreseen_fillable(&self, order: &NewOrder, moved: &Moved) -> i64 {
        let by = moved.0.get(&(order.account, order.position)).copied();
        self.fillable_after(order, by.unwrap_or(0))
    }

    fn met(&self, first: Slot, order: &NewOrder, without: Option<Slot>) -> VecDeque<Met> {
        let mut queue = VecDeque::new();
        let mut slot = first;
        while slot != NONE {
            let entry = self.orders.get(slot);
            let asked = &entry.order.asked;
            let own = asked.account == order.account;
            let (open, shown) = (entry.open(), entry.shown);
            if Some(slot) != without {
                queue.push_back(Met { slot, open, shown, display: asked.display, own });
            }
            slot = entry.in_level.behind;
        }
        queue
    }

    /// Whether all of an order can be filled now.
    pub(crate) fn fits_whole(&self, slot: Slot) -> bool {
        let order = &self.orders.get(slot).order;
        let asked = match order.asked.quantity {
            // What its position was is in lots by now.
            Quantity::Position => NewOrder {
                quantity: Quantity::Lots(order.quantity),
                reduce_only: true,
                ..order.asked
            },
            _ => order.asked,
        };
        let found = self.foresee(&asked, None);
        match order.asked.quantity {
            Quantity::Quote(amount) => {
                let listed = &self.listed[order.asked.instrument as usize];
                let next = listed.book.best(order.asked.side.opposite());
                next.is_some_and(|(price, _)| listed.affordable(amount - found.quote, price) == 0)
            }
            Quantity::Lots(_) | Quantity::Position => found.lots == order.quantity,
        }
    }

    /// Trades an order with the book as far as it goes.
    pub(crate) fn take(&mut self, slot: Slot) {
        let asked = self.orders.get(slot).order.asked;
        let other = asked.side.opposite();
        loop {
            let listed = &self.listed[asked.instrument as usize];
            if self.orders.get(slot).stage == Stage::Ended || !listed.crosses(&asked) {
                return;
            }
            let Some((price, maker)) = listed.book.best(other) else { return };
            let wanted = self.wanted(slot, price);
            if wanted <= 0 {
                let done = self.is_filled(slot);
                let spent = matches!(asked.quantity, Quantity::Quote(_)) && !done;
                // Otherwise there is no position to close any more.
                if !spent {
                    self.end(slot, (!done).then_some(CancelReason::ReduceOnly));
                }
                return;
            }
            if self.orders.get(maker).order.asked.account == asked.account
                && asked.self_trade != SelfTrade::Allow
            {
                self.prevent(slot, maker, (price, wanted), asked.self_trade);
                continue;
            }
            let offered = self.fillable(maker, self.orders.get(maker).shown);
            if offered == 0 {
                self.end(maker, Some(CancelReason::ReduceOnly));
                continue;
            }
            self.trade(slot, maker, price, wanted.min(offered));
        }
    }

    /// Lots that an order still wants at a price.
    fn wanted(&self, slot: Slot, price: i64) -> i64 {
        let entry = self.orders.get(slot);
        let asked = &entry.order.asked;
        match asked.quantity {
            Quantity::Quote(amount) => {
                let listed = &self.listed[asked.instrument as usize];
                listed.affordable(amount - entry.order.filled_quote, price)
            }
            Quantity::Lots(_) | Quantity::Position => self.fillable(slot, entry.open()),
        }
    }

    fn is_filled(&self, slot: Slot) -> bool {
        let entry = self.orders.get(slot);
        match entry.order.asked.quantity {
            Quantity::Quote(_) => entry.order.filled > 0,
            Quantity::Lots(_) | Quantity::Position => entry.open() == 0,
        }
    }

    /// Two orders of one account meet.
    fn prevent(&mut self, taker: Slot, maker: Slot, (price, wanted): (i64, i64), mode: SelfTrade) {
        let shared = wanted.min(self.orders.get(maker).open());
        let instrument = self.orders.get(taker).order.asked.instrument;
        let listed = &mut self.listed[instrument as usize];
        listed.prevented += 1;
        let number = listed.prevented;
        for (slot, other, is_maker) in [(maker, taker, true), (taker, maker, false)] {
            let ends = match mode {
                SelfTrade::Allow => continue,
                SelfTrade::ExpireTaker if is_maker => continue,
                SelfTrade::ExpireMaker if !is_maker => continue,
                SelfTrade::ExpireTaker | SelfTrade::ExpireMaker | SelfTrade::ExpireBoth => true,
                SelfTrade::Decrement => self.orders.get(slot).open() <= shared,
            };
            let lots = match mode {
                SelfTrade::Decrement => shared,
                _ if is_maker || self.is_counted(slot) => self.orders.get(slot).open(),
                _ => wanted,
            };
            self.shrink(slot, lots);
            let (id, other) = (self.orders.get(slot).order.id, self.orders.get(other).order.id);
            let order = &self.orders.get(slot).order;
            self.events.push(Event::Prevented {
                order: id,
                other,
                number,
                price,
                quantity: lots,
                prevented: order.prevented,
                filled: order.filled,
                filled_quote: order.filled_quote,
                is_maker,
                goes_on: !ends,
            });
            if ends {
                self.end_prevented(slot, Some(CancelReason::SelfTrade), lots);
            } else if self.orders.get(slot).stage == Stage::Resting {
                self.take_shown(slot, lots);
            }
        }
    }

    /// An order gets smaller by what it would have traded with its own account, and so does what
    /// is locked for it.
    fn shrink(&mut self, slot: Slot, lots: i64) {
        self.count_ordered(slot, false);
        let entry = self.orders.get_mut(slot);
        entry.order.prevented += lots;
        entry.order.changed_at = self.now;
        self.count_ordered(slot, true);
        self.release_excess(slot);
    }

    pub(crate) fn trade(&mut self, taker: Slot, maker: Slot, price: i64, lots: i64) {
        let (came, rested) = (&self.orders.get(taker).order, &self.orders.get(maker).order);
        let (taker_id, maker_id) = (came.id, rested.id);
        let (instrument, side) = (came.asked.instrument, came.asked.side);
        let listed = &mut self.listed[instrument as usize];
        listed.trades += 1;
        listed.last = Some(price);
        let trade = listed.trades;
        self.events.push(Event::Trade {
            instrument,
            trade,
            price,
            quantity: lots,
            taker_side: side,
            taker: taker_id,
            maker: maker_id,
        });
        self.fill(maker, trade, price, lots, Part::Maker);
        self.fill(taker, trade, price, lots, Part::Taker);
        self.note_taken(maker, lots);
        self.take_shown(maker, lots);
        for slot in [maker, taker] {
            if let Some(list) = self.orders.get(slot).list {
                self.after_fill(list, slot);
            }
        }
        if self.orders.get(taker).open() == 0 && self.is_counted(taker) {
            self.end(taker, None);
        }
        self.see_prices(instrument);
    }

    fn is_counted(&self, slot: Slot) -> bool {
        !matches!(self.orders.get(slot).order.asked.quantity, Quantity::Quote(_))
    }

    /// Nothing is open behind the last fill of an order.
    pub(crate) fn close_fills(&mut self, id: OrderId) {
        let last = self.events.iter_mut().rev().find_map(|event| match event {
            Event::Fill { order, open, .. } if *order == id => Some(open),
            _ => None,
        });
        if let Some(open) = last {
            *open = 0;
        }
    }

    /// So many lots of an order in the book are gone; the next part of an iceberg comes, or its end.
    fn take_shown(&mut self, slot: Slot, lots: i64) {
        let entry = self.orders.get(slot);
        let asked = entry.order.asked;
        let Some(price) = asked.price else { return };
        let by = lots.min(entry.shown);
        self.touch(&asked, price);
        let listed = &mut self.listed[asked.instrument as usize];
        listed.book.shrink(&mut self.orders, slot, asked.side, price, by);
        let entry = self.orders.get(slot);
        if entry.open() == 0 {
            self.end(slot, None);
        } else if entry.shown == 0 {
            let next = asked.display.unwrap_or(entry.open()).min(entry.open());
            listed.book.remove(&mut self.orders, slot, asked.side, price);
            self.orders.get_mut(slot).shown = next;
            listed.book.insert(&mut self.orders, slot, asked.side, price);
            self.note_place(slot);
        }
    }

    /// One side of a trade: money, fees, the order.
    pub(crate) fn fill(&mut self, slot: Slot, trade: u64, price: i64, lots: i64, by: Part) {
        let asked = self.orders.get(slot).order.asked;
        let listed = &self.listed[asked.instrument as usize];
        let cost = listed.worth_of(price, lots);
        let is_spot = listed.instrument.kind == Kind::Spot;
        self.count_ordered(slot, false);
        let entry = self.orders.get_mut(slot);
        entry.order.filled += lots;
        entry.order.filled_quote += cost;
        entry.order.changed_at = self.now;
        self.count_ordered(slot, true);
        let (realised, received) = if is_spot {
            (Amount::ZERO, self.exchange_assets(slot, price, lots, cost))
        } else {
            (self.move_position(slot, lots, cost), (self.held_asset(slot), cost))
        };
        let (fee_asset, fee) = self.charge(&asked, by, cost, received);
        let order = self.orders.get(slot).order;
        // What a quantity of quote still buys is not known before its end, which changes this.
        let open = if self.is_counted(slot) { self.orders.get(slot).open() } else { 1 };
        self.events.push(Event::Fill {
            order: order.id,
            account: asked.account,
            trade,
            price,
            quantity: lots,
            filled: order.filled,
            filled_quote: order.filled_quote,
            open,
            is_maker: by != Part::Taker,
            fee,
            fee_asset,
            realised,
        });
    }

    /// Base and quote change hands; returns what the order received.
    fn exchange_assets(
        &mut self,
        slot: Slot,
        price: i64,
        lots: i64,
        cost: Amount,
    ) -> (AssetId, Amount) {
        let asked = self.orders.get(slot).order.asked;
        let listed = &self.listed[asked.instrument as usize];
        let (base, quote) = (listed.instrument.base, listed.instrument.quote);
        let size = listed.lot.times(lots).unwrap_or_default();
        let locked = match (asked.side, asked.price) {
            (Side::Buy, Some(limit)) => listed.worth_of(limit, lots),
            (Side::Buy, None) => listed.worth_of(price, lots),
            (Side::Sell, _) => size,
        };
        let (given, received, paid, got) = match asked.side {
            Side::Buy => (quote, base, cost, size),
            Side::Sell => (base, quote, size, cost),
        };
        // Nothing is locked for what was recorded.
        let locked = locked.min(self.orders.get(slot).held);
        self.orders.get_mut(slot).held -= locked;
        let balance = self.balance_of(asked.account, given);
        balance.locked -= locked;
        balance.free += locked - paid;
        self.balance_of(asked.account, received).free += got;
        (received, got)
    }

    /// Takes the fee of a fill, or gives a rebate.
    fn charge(
        &mut self,
        asked: &NewOrder,
        by: Part,
        cost: Amount,
        (received, got): (AssetId, Amount),
    ) -> (AssetId, Amount) {
        let account = &self.accounts[asked.account as usize];
        let listed = &self.listed[asked.instrument as usize];
        let (is_free, quote) = (listed.free, listed.instrument.quote);
        let fees = if is_free { Fees::default() } else { self.fees(asked.account) };
        let ppm = i64::from(match by {
            Part::Taker => fees.taker_ppm,
            Part::Maker => fees.maker_ppm,
            Part::Forced => 0,
        });
        let other = account.fee_asset.filter(|other| ppm > 0 && other.quote == quote);
        let other = other.and_then(|FeeAsset { asset, price, discount_ppm, .. }| {
            let fee = part(part(cost, ppm), 1_000_000 - i64::from(discount_ppm));
            let fee = bought(fee, price)?.truncated(self.assets[asset as usize].decimals);
            (account.balance(asset).free >= fee).then_some((asset, fee))
        });
        let (asset, fee) = other.unwrap_or_else(|| {
            let decimals = self.assets[received as usize].decimals;
            (received, part(got, ppm).truncated(decimals))
        });
        if fee != Amount::ZERO {
            self.balance_of(asked.account, asset).free -= fee;
            self.assets[asset as usize].collected += fee;
        }
        self.count_volume(asked.account, asked.instrument, cost);
        (asset, fee)
    }
}
