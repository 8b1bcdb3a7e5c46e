//! How orders come: checks first, then money is locked, then the book.

use crate::exchange::{Exchange, Listed, Order};
use crate::filters;
use crate::orders::{Entry, Links, Slot, Stage};
use crate::{
    AccountId, Amount, AssetId, CancelReason, Event, Expiry, InstrumentId, Kind, NewOrder, OrderId,
    Quantity, Reject, Side,
};

/// What an order needs before it may come.
pub(crate) struct Need {
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
}

impl Exchange {
    pub(crate) fn place(&mut self, order: &NewOrder) -> Result<OrderId, Reject> {
        let need = self.checked(order)?;
        self.put(order, &need)
    }

    /// Takes an order that was checked.
    fn put(&mut self, order: &NewOrder, need: &Need) -> Result<OrderId, Reject> {
        let slot = self.add(order, Stage::Coming)?;
        self.hold(slot, need.amount);
        let id = self.orders.get(slot).order.id;
        self.events.push(Event::Placed { order: id });
        self.start(slot);
        self.run_triggers();
        Ok(id)
    }

    /// Whether an order would be taken now, without placing it.
    ///
    /// # Errors
    /// Why not.
    pub fn would_take(&self, order: &NewOrder) -> Result<(), Reject> {
        self.checked(order).map(drop)
    }

    /// Lots that an order would trade if it came now.
    pub fn would_trade(&self, order: &NewOrder) -> i64 {
        let is_listed = (order.instrument as usize) < self.listed.len();
        if is_listed { self.foresee(order, None).lots } else { 0 }
    }

    /// Whether an order is what the venue takes, and there is room for it beside those that are
    /// there, whatever the market and the account's money.
    ///
    /// # Errors
    /// Why not.
    pub fn fits_rules(&self, order: &NewOrder) -> Result<(), Reject> {
        let listed = self.known(order.instrument)?;
        self.account(order.account)?;
        filters::is_sound(order, listed, self.now)?;
        filters::check(order, listed)?;
        self.check_count(&[order], None)
    }

    fn checked(&self, order: &NewOrder) -> Result<Need, Reject> {
        self.check(order)?;
        self.check_count(&[order], None)?;
        let need = self.need(order, None)?;
        self.check_money(order, &need, None)?;
        Ok(need)
    }

    /// Everything that has nothing to do with money, nor with other orders of the account.
    pub(crate) fn check(&self, order: &NewOrder) -> Result<(), Reject> {
        let listed = self.known(order.instrument)?;
        self.account(order.account)?;
        if listed.halted {
            return Err(Reject::Halted);
        }
        filters::is_sound(order, listed, self.now)?;
        filters::check(order, listed)?;
        if listed.instrument.kind != Kind::Spot {
            self.check_position(order)?;
        }
        if let Some(trigger) = &order.trigger
            && listed.would_trigger(trigger)
        {
            return Err(Reject::WouldTrigger);
        }
        if order.post_only && order.trigger.is_none() && listed.crosses(order) {
            return Err(Reject::WouldTrade);
        }
        Ok(())
    }

    /// Whether there is room for orders of one account and instrument, in the place of another one
    /// if that goes.
    pub(crate) fn check_count(
        &self,
        coming: &[&NewOrder],
        going: Option<Slot>,
    ) -> Result<(), Reject> {
        let Some(first) = coming.first() else { return Ok(()) };
        let holding = self.account(first.account)?.holding(first.instrument);
        let going = going.map(|slot| &self.orders.get(slot).order);
        filters::check_count(coming, going, &holding, self.known(first.instrument)?)
    }

    /// What has to be there for an order of spot.
    /// If `without` is an order, as if that was not there.
    pub(crate) fn need(&self, order: &NewOrder, without: Option<Slot>) -> Result<Need, Reject> {
        let listed = self.known(order.instrument)?;
        let (base, quote) = (listed.instrument.base, listed.instrument.quote);
        if listed.instrument.kind != Kind::Spot {
            return Ok(Need { asset: quote, amount: Amount::ZERO });
        }
        let (asset, amount) = match (order.side, order.quantity) {
            (Side::Sell, Quantity::Lots(lots)) => {
                (base, listed.lot.times(lots).ok_or(Reject::Overflow)?)
            }
            (Side::Buy, Quantity::Lots(lots)) => match order.price {
                Some(price) => (quote, listed.worth(price, lots)?),
                // What it will cost is not known before its trigger is hit.
                None if order.trigger.is_some() => (quote, Amount::ZERO),
                None => (quote, self.foresee(order, without).quote),
            },
            (Side::Buy, Quantity::Quote(amount)) => (quote, amount),
            (Side::Sell, Quantity::Quote(_)) => {
                (base, listed.lot.times(self.foresee(order, without).lots).ok_or(Reject::Overflow)?)
            }
            (_, Quantity::Position) => (quote, Amount::ZERO),
        };
        Ok(Need { asset, amount })
    }

    /// Whether what an order needs is there. If `without` is an order, the margin of that is free.
    pub(crate) fn check_money(
        &self,
        order: &NewOrder,
        need: &Need,
        without: Option<Slot>,
    ) -> Result<(), Reject> {
        if self.listed[order.instrument as usize].instrument.kind != Kind::Spot {
            return self.check_margin(order, without);
        }
        let free = self.accounts[order.account as usize].balance(need.asset).free;
        if free < need.amount {
            return Err(Reject::Balance { asset: need.asset, needed: need.amount, free });
        }
        Ok(())
    }

    /// Gives an order its number and its place.
    pub(crate) fn add(&mut self, asked: &NewOrder, stage: Stage) -> Result<Slot, Reject> {
        let quantity = match asked.quantity {
            Quantity::Lots(lots) => lots,
            // Known once it is filled.
            Quantity::Quote(_) | Quantity::Position => 0,
        };
        let order = Order {
            id: self.orders.next_id(),
            asked: *asked,
            placed_at: self.now,
            changed_at: self.now,
            quantity,
            filled: 0,
            prevented: 0,
            filled_quote: Amount::ZERO,
            is_working: asked.trigger.is_none(),
            is_open: true,
            cancelled: None,
        };
        let entry = Entry {
            order,
            stage,
            shown: 0,
            held: Amount::ZERO,
            counted: Amount::ZERO,
            trigger: asked.trigger.map_or(0, |trigger| trigger.price),
            best: None,
            within_ppm: None,
            in_level: Links::NOWHERE,
            of_account: Links::NOWHERE,
            list: None,
        };
        let slot = self.orders.add(entry).ok_or(Reject::Overflow)?;
        let account = &mut self.accounts[asked.account as usize];
        self.orders.push(&mut account.orders, slot, |entry| &mut entry.of_account);
        let holding = account.holding_mut(asked.instrument);
        holding.open += 1;
        holding.waiting += usize::from(asked.trigger.is_some());
        if let Expiry::At(at) = asked.expiry {
            self.expiries.insert((at, order.id));
        }
        Ok(slot)
    }

    /// The asset that is locked for an order.
    pub(crate) fn held_asset(&self, slot: Slot) -> AssetId {
        let asked = &self.orders.get(slot).order.asked;
        let instrument = &self.listed[asked.instrument as usize].instrument;
        match asked.side {
            Side::Sell if instrument.kind == Kind::Spot => instrument.base,
            _ => instrument.quote,
        }
    }

    pub(crate) fn hold(&mut self, slot: Slot, amount: Amount) {
        self.count_ordered(slot, true);
        if amount == Amount::ZERO {
            return;
        }
        let (asset, account) = (self.held_asset(slot), self.orders.get(slot).order.asked.account);
        self.orders.get_mut(slot).held += amount;
        let balance = self.balance_of(account, asset);
        balance.free -= amount;
        balance.locked += amount;
    }

    /// Unlocks all that is still locked for an order.
    pub(crate) fn release(&mut self, slot: Slot) {
        let held = std::mem::take(&mut self.orders.get_mut(slot).held);
        if held == Amount::ZERO {
            return;
        }
        let (asset, account) = (self.held_asset(slot), self.orders.get(slot).order.asked.account);
        let balance = self.balance_of(account, asset);
        balance.locked -= held;
        balance.free += held;
    }

    /// What the open lots of an order of spot keep locked, alone.
    pub(crate) fn kept(&self, slot: Slot) -> Amount {
        let entry = self.orders.get(slot);
        let asked = &entry.order.asked;
        let listed = &self.listed[asked.instrument as usize];
        match (asked.side, asked.price) {
            (Side::Sell, _) => listed.lot.times(entry.open()).unwrap_or_default(),
            (Side::Buy, Some(price)) => listed.worth_of(price, entry.open()),
            (Side::Buy, None) => Amount::ZERO,
        }
    }

    /// Unlocks what is locked beyond what an order, or another one of its list, still needs. Of a
    /// market order that came that is known at its end.
    pub(crate) fn release_excess(&mut self, slot: Slot) {
        let entry = self.orders.get(slot);
        let is_unknown = entry.order.asked.price.is_none() && entry.order.is_working;
        if entry.held == Amount::ZERO || is_unknown {
            return;
        }
        let needed = self.kept(slot).max(self.kept_for_other(slot));
        let excess = entry.held - needed;
        if excess > Amount::ZERO {
            self.hold(slot, -excess);
        }
    }

    /// Sends an order to the book, or lets it wait for its trigger.
    pub(crate) fn start(&mut self, slot: Slot) {
        let entry = self.orders.get(slot);
        let (id, asked) = (entry.order.id, entry.order.asked);
        let Some(trigger) = asked.trigger else {
            self.come(slot);
            return;
        };
        self.orders.get_mut(slot).stage = Stage::Waiting;
        let listed = &mut self.listed[asked.instrument as usize];
        let now = listed.looked_at(trigger.source);
        let entry = self.orders.get_mut(slot);
        listed.triggers.add(id, &trigger, now, entry);
    }

    /// What is left after a book has taken what it takes.
    pub(crate) fn come(&mut self, slot: Slot) {
        let asked = self.orders.get(slot).order.asked;
        if asked.post_only && self.listed[asked.instrument as usize].crosses(&asked) {
            self.end(slot, Some(CancelReason::PostOnly));
            return;
        }
        if asked.expiry == Expiry::AllOrNothing && !self.fits_whole(slot) {
            self.end(slot, Some(CancelReason::AllOrNothing));
            return;
        }
        self.take(slot);
        let entry = self.orders.get(slot);
        if entry.stage == Stage::Ended {
            return;
        }
        let nothing = entry.order.filled == 0;
        let reason = match (asked.price, asked.expiry) {
            (None, _) if nothing => CancelReason::NoLiquidity,
            (None, _) | (Some(_), Expiry::Immediate | Expiry::AllOrNothing) => {
                CancelReason::Immediate
            }
            (Some(price), _) => {
                self.rest(slot, price);
                return;
            }
        };
        // A quantity of quote is filled as far as lots go.
        let whole = matches!(asked.quantity, Quantity::Quote(_)) && !nothing;
        self.end(slot, (!whole || !self.spent(slot)).then_some(reason));
    }

    /// Whether what is left of a quantity of quote buys or sells no further lot at the best price.
    fn spent(&self, slot: Slot) -> bool {
        let entry = self.orders.get(slot);
        let (order, asked) = (&entry.order, &entry.order.asked);
        let listed = &self.listed[asked.instrument as usize];
        let Quantity::Quote(amount) = asked.quantity else { return false };
        let price = listed.book.best(asked.side.opposite()).map(|(price, _)| price);
        price
            .or(listed.last)
            .is_some_and(|price| listed.affordable(amount - order.filled_quote, price) == 0)
    }

    fn rest(&mut self, slot: Slot, price: i64) {
        let entry = self.orders.get_mut(slot);
        let asked = entry.order.asked;
        entry.stage = Stage::Resting;
        entry.shown = asked.display.map_or(entry.open(), |display| display.min(entry.open()));
        self.touch(&asked, price);
        let listed = &mut self.listed[asked.instrument as usize];
        listed.book.insert(&mut self.orders, slot, asked.side, price);
        self.note_place(slot);
    }

    /// Ends an order: filled if there is no reason.
    pub(crate) fn end(&mut self, slot: Slot, reason: Option<CancelReason>) {
        self.end_prevented(slot, reason, 0);
    }

    pub(crate) fn end_prevented(&mut self, slot: Slot, reason: Option<CancelReason>, lots: i64) {
        self.finish(slot, reason, lots);
        self.release(slot);
        if let Some(list) = self.orders.get(slot).list {
            self.after_end(list, slot, reason);
        }
    }

    /// Ends those of an account's open orders that are meant.
    pub(crate) fn end_those(
        &mut self,
        account: AccountId,
        reason: CancelReason,
        are_meant: impl Fn(&Self, &Entry) -> bool,
    ) {
        let meant = self.entries_of(account).filter(|entry| are_meant(self, entry));
        let ids: Vec<_> = meant.map(|entry| entry.order.id).collect();
        for id in ids {
            // The end of one may have been the end of another.
            if let Ok(slot) = self.open_slot(account, id) {
                self.end(slot, Some(reason));
            }
        }
    }

    /// The end of an order as such: its money and its list stay as they are.
    pub(crate) fn finish(&mut self, slot: Slot, reason: Option<CancelReason>, lots: i64) {
        self.leave(slot);
        self.count_ordered(slot, false);
        let entry = self.orders.get_mut(slot);
        let (id, asked, waited) = (entry.order.id, entry.order.asked, !entry.order.is_working);
        entry.stage = Stage::Ended;
        entry.order.is_open = false;
        entry.order.cancelled = reason;
        entry.order.changed_at = self.now;
        if matches!(asked.quantity, Quantity::Quote(_) | Quantity::Position) {
            entry.order.quantity = entry.order.quantity.max(entry.order.filled);
        }
        let account = &mut self.accounts[asked.account as usize];
        self.orders.unlink(&mut account.orders, slot, |entry| &mut entry.of_account);
        let holding = account.holding_mut(asked.instrument);
        holding.open -= 1;
        holding.waiting -= usize::from(waited);
        if let Expiry::At(at) = asked.expiry {
            self.expiries.remove(&(at, id));
        }
        self.orders.ended(self.now, id);
        match reason {
            Some(reason) => {
                self.events.push(Event::Cancelled { order: id, reason, prevented: lots });
            }
            None if matches!(asked.quantity, Quantity::Quote(_)) => self.close_fills(id),
            None => {}
        }
    }

    /// Takes an order out of the book, or away from its trigger.
    pub(crate) fn leave(&mut self, slot: Slot) {
        let entry = self.orders.get(slot);
        let (id, asked, stage) = (entry.order.id, entry.order.asked, entry.stage);
        match stage {
            Stage::Resting => {
                let Some(price) = asked.price else { return };
                self.touch(&asked, price);
                let listed = &mut self.listed[asked.instrument as usize];
                listed.book.remove(&mut self.orders, slot, asked.side, price);
                self.orders.get_mut(slot).shown = 0;
                self.forget_place(slot);
            }
            Stage::Waiting => {
                if let Some(trigger) = &asked.trigger {
                    let listed = &mut self.listed[asked.instrument as usize];
                    listed.triggers.remove(id, trigger, self.orders.get(slot).trigger);
                }
            }
            Stage::Coming | Stage::Pending | Stage::Ended => {}
        }
    }

    // Changes and ends that are asked for

    pub(crate) fn cancel_all(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
    ) -> Result<(), Reject> {
        self.known(instrument)?;
        self.account(account)?;
        let of = |order: &Order| order.asked.instrument == instrument;
        let ids: Vec<_> = self.open_orders(account).filter(of).map(|order| order.id).collect();
        for id in ids {
            // The end of one may have been the end of another.
            if let Ok(slot) = self.open_slot(account, id) {
                self.cancel(slot);
            }
        }
        Ok(())
    }

    pub(crate) fn replace(
        &mut self,
        old: OrderId,
        new: &NewOrder,
        always: bool,
    ) -> Result<OrderId, Reject> {
        self.known(new.instrument)?;
        let slot = match self.open_slot(new.account, old) {
            Ok(slot) if self.orders.get(slot).order.asked.instrument == new.instrument => slot,
            Ok(_) => return Err(Reject::Contradiction("the new order is of another instrument")),
            Err(_) if always => return self.place(new),
            Err(refused) => return Err(refused),
        };
        if self.orders.get(slot).list.is_some() {
            return Err(Reject::Contradiction("an order of a list is replaced within its list"));
        }
        self.check(new)?;
        self.check_count(&[new], Some(slot))?;
        self.check_money_without(slot, new)?;
        let need = self.need(new, Some(slot))?;
        self.end(slot, Some(CancelReason::Replaced));
        self.put(new, &need)
    }

    /// Whether the money for an order is there once another one has ended.
    fn check_money_without(&self, slot: Slot, new: &NewOrder) -> Result<(), Reject> {
        let mut need = self.need(new, Some(slot))?;
        if self.held_asset(slot) == need.asset {
            need.amount = Amount((need.amount - self.orders.get(slot).held).0.max(0));
        }
        self.check_money(new, &need, Some(slot))
    }

    pub(crate) fn amend(
        &mut self,
        account: AccountId,
        id: OrderId,
        price: Option<i64>,
        quantity: i64,
    ) -> Result<(), Reject> {
        let slot = self.open_slot(account, id)?;
        let entry = self.orders.get(slot);
        let (old, stage) = (entry.order.asked, entry.stage);
        let gone = entry.order.filled + entry.order.prevented;
        if entry.list.is_some() || stage != Stage::Resting {
            return self.lessen(slot, price, quantity);
        }
        let Some(before) = old.price else {
            return Err(Reject::Contradiction("a market order is not changed"));
        };
        if quantity <= gone {
            return Err(Reject::Quantity { quantity, least: gone + 1, largest: i64::MAX });
        }
        let price = price.unwrap_or(before);
        let new = NewOrder { price: Some(price), quantity: Quantity::Lots(quantity), ..old };
        let open = NewOrder { quantity: Quantity::Lots(quantity - gone), ..new };
        self.check_amended(&new)?;
        self.check_closing(&open, Some(slot))?;
        self.check_money_without(slot, &open)?;
        let need = self.need(&open, None)?;
        let keeps_rank = price == before && quantity <= self.orders.get(slot).order.quantity;
        if keeps_rank {
            self.shrink_to(slot, price, quantity - gone);
        } else {
            self.leave(slot);
        }
        self.count_ordered(slot, false);
        self.release(slot);
        let entry = self.orders.get_mut(slot);
        (entry.order.asked, entry.order.quantity) = (new, quantity);
        entry.order.changed_at = self.now;
        self.hold(slot, need.amount);
        self.tell_amended(slot);
        if !keeps_rank {
            self.orders.get_mut(slot).stage = Stage::Coming;
            self.come(slot);
            self.run_triggers();
        }
        Ok(())
    }

    /// Makes an order smaller that waits, or belongs to a list. Of two of which one ends the other
    /// both get smaller.
    fn lessen(&mut self, slot: Slot, price: Option<i64>, quantity: i64) -> Result<(), Reject> {
        let both = [Some((slot, price)), self.partner(slot).map(|partner| (partner, None))];
        for (slot, price) in both.into_iter().flatten() {
            self.check_lessened(slot, price, quantity)?;
        }
        for (slot, _) in both.into_iter().flatten() {
            self.lessen_to(slot, quantity);
        }
        self.release_excess(slot);
        if let Some(list) = self.orders.get(slot).list {
            self.release_excess_of(list);
        }
        Ok(())
    }

    fn check_lessened(&self, slot: Slot, price: Option<i64>, quantity: i64) -> Result<(), Reject> {
        let order = &self.orders.get(slot).order;
        let gone = order.filled + order.prevented;
        let stays = price.is_none_or(|price| order.asked.price == Some(price));
        let Quantity::Lots(_) = order.asked.quantity else {
            return Err(Reject::Contradiction("only a number of lots gets smaller"));
        };
        if !stays || quantity > order.quantity {
            let why = "an order that waits, or is of a list, only gets smaller";
            return Err(Reject::Contradiction(why));
        }
        if quantity <= gone {
            return Err(Reject::Quantity { quantity, least: gone + 1, largest: i64::MAX });
        }
        let listed = self.known(order.asked.instrument)?;
        if listed.halted {
            return Err(Reject::Halted);
        }
        filters::check(&NewOrder { quantity: Quantity::Lots(quantity), ..order.asked }, listed)
    }

    fn lessen_to(&mut self, slot: Slot, quantity: i64) {
        let entry = self.orders.get(slot);
        let order = entry.order;
        if let (Stage::Resting, Some(price)) = (entry.stage, order.asked.price) {
            self.shrink_to(slot, price, quantity - order.filled - order.prevented);
        }
        self.count_ordered(slot, false);
        let now = self.now;
        let order = &mut self.orders.get_mut(slot).order;
        order.asked.quantity = Quantity::Lots(quantity);
        (order.quantity, order.changed_at) = (quantity, now);
        self.count_ordered(slot, true);
        self.tell_amended(slot);
    }

    fn tell_amended(&mut self, slot: Slot) {
        let Order { id, filled, filled_quote, .. } = self.orders.get(slot).order;
        self.events.push(Event::Amended { order: id, filled, filled_quote });
    }

    fn check_amended(&self, new: &NewOrder) -> Result<(), Reject> {
        let listed = self.known(new.instrument)?;
        if listed.halted {
            return Err(Reject::Halted);
        }
        filters::check(new, listed)?;
        if new.post_only && listed.crosses(new) {
            return Err(Reject::WouldTrade);
        }
        Ok(())
    }

    /// An order in the book has so many lots left, fewer than before.
    fn shrink_to(&mut self, slot: Slot, price: i64, open: i64) {
        let entry = self.orders.get(slot);
        let asked = entry.order.asked;
        let by = (entry.shown - open).max(0);
        self.touch(&asked, price);
        let listed = &mut self.listed[asked.instrument as usize];
        listed.book.shrink(&mut self.orders, slot, asked.side, price, by);
    }

    pub(crate) fn expire(&mut self) {
        while let Some(&(at, id)) = self.expiries.first() {
            if at > self.now {
                return;
            }
            self.expiries.pop_first();
            if let Some(slot) = self.orders.slot(id)
                && self.orders.get(slot).order.is_open
            {
                self.end(slot, Some(CancelReason::Expired));
            }
        }
    }
}

impl Listed {
    /// Whether an order would trade at once.
    pub(crate) fn crosses(&self, order: &NewOrder) -> bool {
        let Some((best, _)) = self.book.best(order.side.opposite()) else { return false };
        order.price.is_none_or(|price| match order.side {
            Side::Buy => price >= best,
            Side::Sell => price <= best,
        })
    }
}
