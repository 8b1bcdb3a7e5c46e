//! A recorded market in the book of the engine.
//!
//! What was recorded of an instrument rests in its book as orders of one account: before, between and
//! behind the orders of others, as far as their places in the queue are known from the same model as
//! in a [`crate::replay`]. So whoever takes meets both, and depth, triggers and money are those of any
//! market. Recorded trades fill the orders of others that they reach; nobody recorded reacts to that.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::exchange::Exchange;
use crate::orders::{NONE, Slot, Stage};
use crate::queue::{Passing, Place};
use crate::replay::book::Held;
use crate::replay::late::LateTrades;
use crate::{
    AccountId, Event, Expiry, InstrumentId, NewOrder, OrderId, Quantity, QueueModel, Reject, Side,
    What,
};

/// What is known of a recorded market.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Outside {
    /// Whose orders stand for it.
    pub(crate) account: AccountId,
    model: QueueModel,
    late: LateTrades,
    /// By the clock of the recording.
    now: i64,
    /// Recorded levels by price: of buyers, and of sellers.
    levels: [BTreeMap<i64, Held>; 2],
    /// Where orders of others rest in the queue of their level.
    places: BTreeMap<OrderId, Place>,
    /// Levels changed while the instrument was halted.
    is_behind: bool,
}

impl Hash for Outside {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The model says how the others change, and never changes itself.
        (self.account, &self.late, self.now, self.is_behind).hash(state);
        self.levels.hash(state);
        self.places.hash(state);
    }
}

impl Outside {
    fn held(&self, side: Side, price: i64) -> Held {
        self.levels[side as usize].get(&price).copied().unwrap_or_default()
    }

    fn held_mut(&mut self, side: Side, price: i64) -> Option<&mut Held> {
        self.levels[side as usize].get_mut(&price)
    }

    fn set(&mut self, side: Side, price: i64, quantity: i64) {
        let levels = &mut self.levels[side as usize];
        if quantity > 0 {
            levels.insert(price, Held { quantity, traded: 0, taken: 0 });
        } else {
            levels.remove(&price);
        }
    }

    /// The place of who comes now.
    fn place_behind(&self, side: Side, price: i64) -> Place {
        let lost = self.late.lost(self.now, side, price);
        Place::behind(self.held(side, price).available()).after(lost, self.late.until(self.now))
    }
}

/// Levels of a recorded event by side and price, buyers first.
type Levels = BTreeMap<(bool, i64), i64>;

/// What stands in the queue of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// So many lots of the recording.
    Recorded(i64),
    /// Somebody's order.
    Order(Slot),
}

impl Exchange {
    /// Lets all that is listed follow recordings, whose levels rest as orders of the account that is
    /// opened for them. A trade comes not later than `late_ns` after the change of its level.
    pub fn follow(&mut self, model: QueueModel, late_ns: i64) -> AccountId {
        let account = self.open();
        for listed in &mut self.listed {
            listed.outside = Some(Outside {
                account,
                model,
                late: LateTrades::new(late_ns),
                now: i64::MIN,
                levels: Default::default(),
                places: BTreeMap::new(),
                is_behind: false,
            });
        }
        account
    }

    /// What was recorded at one moment happens. While an instrument is halted its book stands still
    /// and nobody trades; it catches up with the next moment after that.
    pub(crate) fn recorded(
        &mut self,
        id: InstrumentId,
        at: i64,
        what: &[What],
    ) -> Result<(), Reject> {
        self.known(id)?;
        let listed = &mut self.listed[id as usize];
        let Some(outside) = &mut listed.outside else {
            return Err(Reject::Contradiction("it follows no recording"));
        };
        if !what.iter().all(is_of_levels) {
            return Err(Reject::Contradiction("single orders are not followed"));
        }
        outside.now = outside.now.max(at);
        if !listed.halted && std::mem::take(&mut outside.is_behind) {
            self.catch_up(id);
        }
        self.happen(id, what);
        self.run_triggers();
        Ok(())
    }

    fn happen(&mut self, id: InstrumentId, what: &[What]) {
        let mut levels = Levels::new();
        for one in what {
            match *one {
                What::SnapshotBegins => levels.clear(),
                What::SnapshotEnds => {
                    self.add_missing(id, &mut levels);
                    self.change_levels(id, std::mem::take(&mut levels));
                }
                What::Level { side, price, quantity } => {
                    levels.insert((side == Side::Buy, price), quantity);
                }
                What::Trade { taker, price, quantity } => {
                    self.change_levels(id, std::mem::take(&mut levels));
                    self.others_traded(id, taker, price, quantity);
                }
                What::Added { .. } | What::Reduced { .. } | What::Executed { .. } => {}
            }
        }
        self.change_levels(id, levels);
    }

    /// What a whole picture does not show is gone.
    fn add_missing(&self, id: InstrumentId, levels: &mut Levels) {
        let Some(outside) = &self.listed[id as usize].outside else { return };
        for side in [Side::Buy, Side::Sell] {
            for price in outside.levels[side as usize].keys() {
                levels.entry((side == Side::Buy, *price)).or_insert(0);
            }
        }
    }

    /// Levels change together: those that shrink first, so that sides do not cross meanwhile.
    fn change_levels(&mut self, id: InstrumentId, levels: Levels) {
        let Some(outside) = &self.listed[id as usize].outside else { return };
        let (grow, shrink): (Vec<_>, Vec<_>) = levels
            .into_iter()
            .map(|((buys, price), quantity)| {
                (if buys { Side::Buy } else { Side::Sell }, price, quantity.max(0))
            })
            .filter(|level| level.1 > 0)
            .partition(|&(side, price, quantity)| quantity > outside.held(side, price).others());
        for (side, price, quantity) in shrink.into_iter().chain(grow) {
            self.level(id, side, price, quantity);
        }
    }

    fn level(&mut self, id: InstrumentId, side: Side, price: i64, quantity: i64) {
        let listed = &mut self.listed[id as usize];
        let Some(outside) = &mut listed.outside else { return };
        let before = outside.held(side, price).others();
        outside.set(side, price, quantity);
        let times = (outside.now, outside.late.until(outside.now));
        outside.late.lose(outside.now, side, price, before - quantity);
        for (order, place) in &mut outside.places {
            let asked = self.orders.slot(*order).map(|slot| self.orders.get(slot).order.asked);
            if asked.is_some_and(|asked| (asked.side, asked.price) == (side, Some(price))) {
                place.resize(outside.model, before, quantity, times);
            }
        }
        if listed.halted {
            outside.is_behind = true;
            return;
        }
        self.offer(id, side, price, (quantity - before).max(0));
        self.arrange(id, side, price);
    }

    /// Recorded lots that are new meet orders of others. Where those want more, all that was recorded
    /// there would be gone.
    fn offer(&mut self, id: InstrumentId, side: Side, price: i64, fresh: i64) {
        let mut meeting = self.orders_within(id, side.opposite(), price);
        if meeting.is_empty() {
            return;
        }
        let mut passing = Passing::new(0, fresh);
        let takes: Vec<_> = meeting
            .iter()
            .map(|slot| (*slot, passing.first(self.fillable(*slot, self.orders.get(*slot).shown))))
            .collect();
        let taken = self.hit(id, side, price, &takes);
        meeting.retain(|slot| self.orders.get(*slot).stage == Stage::Resting);
        let outside = self.listed[id as usize].outside.as_mut();
        if let Some(held) = outside.and_then(|outside| outside.held_mut(side, price)) {
            held.taken += if meeting.is_empty() { taken } else { held.available() };
        }
    }

    /// Others traded: who is ahead leaves, and then it is the turn of the orders that are not
    /// recorded.
    fn others_traded(&mut self, id: InstrumentId, taker: Side, price: i64, quantity: i64) {
        let maker = taker.opposite();
        let listed = &mut self.listed[id as usize];
        let Some(outside) = listed.outside.as_mut().filter(|_| price > 0 && quantity > 0) else {
            return;
        };
        let explained = outside.late.explain(outside.now, maker, price, quantity);
        if let Some(held) = outside.held_mut(maker, price) {
            held.traded = held.traded.saturating_add(quantity - explained);
        }
        if listed.halted {
            outside.is_behind = true;
            return;
        }
        let takes = self.pass(id, maker, price, quantity);
        let taken = self.hit(id, taker, price, &takes);
        self.print(id, taker, price, quantity - taken);
        self.arrange(id, maker, price);
    }

    /// What each order that a trade reaches gets of it.
    fn pass(
        &mut self,
        id: InstrumentId,
        maker: Side,
        price: i64,
        quantity: i64,
    ) -> Vec<(Slot, i64)> {
        let reached = self.orders_within(id, maker, price);
        let open: Vec<_> = reached
            .iter()
            .map(|slot| (*slot, self.fillable(*slot, self.orders.get(*slot).shown)))
            .collect();
        let Some(outside) = &mut self.listed[id as usize].outside else { return Vec::new() };
        let mut passing = Passing::new(outside.now, quantity);
        let take = |(slot, open): (Slot, i64)| {
            let order = &self.orders.get(slot).order;
            let place = outside.places.get_mut(&order.id);
            match place.filter(|_| order.asked.price == Some(price)) {
                Some(place) => (slot, passing.at(place, open)),
                None => (slot, passing.first(open)),
            }
        };
        open.into_iter().map(take).collect()
    }

    /// Somebody who was recorded takes so much from each of these orders; how much that was.
    fn hit(&mut self, id: InstrumentId, side: Side, price: i64, takes: &[(Slot, i64)]) -> i64 {
        let lots = takes.iter().map(|(_, lots)| lots).sum();
        let Some(outside) = self.listed[id as usize].outside.as_ref().filter(|_| lots > 0) else {
            return 0;
        };
        let order = NewOrder::limit(outside.account, id, side, price, lots);
        let order = NewOrder { expiry: Expiry::Immediate, ..order };
        let Ok(taker) = self.add(&order, Stage::Coming) else { return 0 };
        for (slot, lots) in takes.iter().filter(|(_, lots)| *lots > 0) {
            let entry = self.orders.get(*slot);
            // Another order of its list may have been the end of it.
            if let (Stage::Resting, Some(own)) = (entry.stage, entry.order.asked.price) {
                self.trade(taker, *slot, own, *lots);
            }
        }
        let filled = self.orders.get(taker).order.filled;
        if self.orders.get(taker).stage != Stage::Ended {
            self.end(taker, None);
        }
        filled
    }

    /// A trade in which nobody had a part who is here.
    fn print(&mut self, id: InstrumentId, taker_side: Side, price: i64, quantity: i64) {
        if quantity <= 0 {
            return;
        }
        let listed = &mut self.listed[id as usize];
        listed.trades += 1;
        listed.last = Some(price);
        self.events.push(Event::Trade {
            instrument: id,
            trade: listed.trades,
            price,
            quantity,
            taker_side,
            taker: OrderId(0),
            maker: OrderId(0),
        });
        self.see_prices(id);
    }

    /// Orders of a side that rest at a price or a better one and are not recorded, first comes first.
    fn orders_within(&self, id: InstrumentId, side: Side, price: i64) -> Vec<Slot> {
        let listed = &self.listed[id as usize];
        let Some(outside) = listed.outside.as_ref().filter(|outside| !outside.places.is_empty())
        else {
            return Vec::new();
        };
        let reaches = |level: i64| if side == Side::Buy { level >= price } else { level <= price };
        let levels = listed.book.levels(side).take_while(|(level, _)| reaches(*level));
        let slots = levels.flat_map(|(_, level)| self.queue(level.queue.first));
        slots.filter(|slot| self.orders.get(*slot).order.asked.account != outside.account).collect()
    }

    fn queue(&self, first: Slot) -> impl Iterator<Item = Slot> + '_ {
        let some = |slot: Slot| Some(slot).filter(|slot| *slot != NONE);
        std::iter::successors(some(first), move |slot| some(self.orders.get(*slot).in_level.behind))
    }

    // The queue of a level

    /// After a halt: levels as they are now.
    fn catch_up(&mut self, id: InstrumentId) {
        for side in [Side::Buy, Side::Sell] {
            let Some(outside) = &self.listed[id as usize].outside else { return };
            let recorded = outside.levels[side as usize].keys().copied();
            let shown = self.levels(id, side).map(|(price, _)| price);
            let prices: BTreeSet<_> = recorded.chain(shown).collect();
            for price in prices {
                let outside = self.listed[id as usize].outside.as_ref();
                let there = outside.map_or(0, |outside| outside.held(side, price).available());
                self.offer(id, side, price, there);
                self.arrange(id, side, price);
            }
        }
    }

    /// Puts recorded lots of a level where they belong in its queue.
    fn arrange(&mut self, id: InstrumentId, side: Side, price: i64) {
        let Some(outside) = &self.listed[id as usize].outside else { return };
        let account = outside.account;
        let first = self.listed[id as usize].book.first(side, price);
        let slots: Vec<_> = self.queue(first).collect();
        let is_recorded = |slot: &Slot| self.orders.get(*slot).order.asked.account == account;
        let stands = |slot: &Slot| {
            let shown = self.orders.get(*slot).shown;
            if is_recorded(slot) { Stands::Recorded(shown) } else { Stands::Order(*slot) }
        };
        let now: Vec<_> = slots.iter().map(stands).collect();
        let (recorded, others): (Vec<_>, Vec<_>) = slots.iter().partition(|slot| is_recorded(slot));
        let wanted = self.wanted_queue(outside, (side, price), &others);
        if now == wanted {
            return;
        }
        let order = NewOrder::limit(account, id, side, price, 0);
        self.touch(&order, price);
        for slot in slots {
            self.listed[id as usize].book.remove(&mut self.orders, slot, side, price);
        }
        self.fill_queue(&order, price, recorded, &wanted);
    }

    fn wanted_queue(
        &self,
        outside: &Outside,
        (side, price): (Side, i64),
        others: &[Slot],
    ) -> Vec<Stands> {
        let all = outside.held(side, price).available();
        let (mut wanted, mut before) = (Vec::new(), 0);
        for slot in others {
            let place = outside.places.get(&self.orders.get(*slot).order.id);
            let ahead = place.map_or(all, Place::ahead).min(all);
            if ahead > before {
                wanted.push(Stands::Recorded(ahead - before));
                before = ahead;
            }
            wanted.push(Stands::Order(*slot));
        }
        if all > before {
            wanted.push(Stands::Recorded(all - before));
        }
        wanted
    }

    /// Fills the empty queue of a level. Recorded orders of before are used again, as far as they go.
    fn fill_queue(&mut self, order: &NewOrder, price: i64, recorded: Vec<Slot>, wanted: &[Stands]) {
        let mut recorded = recorded.into_iter();
        for stands in wanted {
            let slot = match *stands {
                Stands::Order(slot) => Some(slot),
                Stands::Recorded(lots) => {
                    let slot = recorded.next().or_else(|| self.add(order, Stage::Coming).ok());
                    slot.inspect(|slot| self.resize_recorded(*slot, lots))
                }
            };
            if let Some(slot) = slot {
                let book = &mut self.listed[order.instrument as usize].book;
                book.insert(&mut self.orders, slot, order.side, price);
            }
        }
        for slot in recorded {
            // It is out of the book already.
            self.orders.get_mut(slot).stage = Stage::Coming;
            self.end(slot, None);
        }
    }

    fn resize_recorded(&mut self, slot: Slot, lots: i64) {
        let now = self.now;
        let entry = self.orders.get_mut(slot);
        entry.stage = Stage::Resting;
        entry.shown = lots;
        entry.order.quantity = entry.order.filled + lots;
        entry.order.asked.quantity = Quantity::Lots(entry.order.quantity);
        entry.order.changed_at = now;
    }

    // What orders of others do there

    /// An order has come to rest behind all that is there.
    pub(crate) fn note_place(&mut self, slot: Slot) {
        let order = &self.orders.get(slot).order;
        let Some(outside) = &mut self.listed[order.asked.instrument as usize].outside else {
            return;
        };
        let Some(price) = order.asked.price else { return };
        let place = outside.place_behind(order.asked.side, price);
        outside.places.insert(order.id, place);
    }

    /// An order does not rest any more.
    pub(crate) fn forget_place(&mut self, slot: Slot) {
        let order = &self.orders.get(slot).order;
        if let Some(outside) = &mut self.listed[order.asked.instrument as usize].outside {
            outside.places.remove(&order.id);
        }
    }

    /// So many lots of an order were taken; they are missing until the recording tells of their
    /// level again.
    pub(crate) fn note_taken(&mut self, maker: Slot, lots: i64) {
        let asked = &self.orders.get(maker).order.asked;
        let (orders, listed) = (&self.orders, &mut self.listed[asked.instrument as usize]);
        let Some(outside) = listed.outside.as_mut() else { return };
        let Some(price) = asked.price.filter(|_| asked.account == outside.account) else { return };
        if let Some(held) = outside.held_mut(asked.side, price) {
            held.taken += lots;
        }
        for (order, place) in &mut outside.places {
            let other = orders.slot(*order).map(|slot| orders.get(slot).order.asked);
            if other.is_some_and(|other| (other.side, other.price) == (asked.side, asked.price)) {
                place.advance(lots);
            }
        }
    }
}

fn is_of_levels(what: &What) -> bool {
    !matches!(what, What::Added { .. } | What::Reduced { .. } | What::Executed { .. })
}
