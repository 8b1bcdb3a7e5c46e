//! Orders that belong together: one ends the other, or one brings the others.

use serde::{Deserialize, Serialize};

use crate::exchange::Exchange;
use crate::orders::{Slot, Stage};
use crate::placing::Need;
use crate::triggers::Next;
use crate::{Amount, CancelReason, Event, NewOrder, OrderId, Reject};

/// A list. Its place is used again once all its orders have ended.
#[derive(Debug, Hash, Deserialize, Serialize)]
pub(crate) struct List {
    /// The order whose fill brings the pending ones.
    working: Option<OrderId>,
    /// The others: one alone, or two of which one ends the other.
    others: Vec<OrderId>,
    /// Orders that have not ended.
    open: usize,
}

impl List {
    /// Another order stands for one that was replaced.
    fn put_in_place(&mut self, old: OrderId, new: OrderId) {
        let all = self.working.iter_mut().chain(&mut self.others);
        all.filter(|id| **id == old).for_each(|id| *id = new);
    }
}

/// What goes together in one list.
fn check_pair(orders: [&NewOrder; 2]) -> Result<(), Reject> {
    let [one, other] = orders;
    let alike = one.account == other.account
        && one.instrument == other.instrument
        && one.side == other.side
        && one.quantity == other.quantity;
    if !alike {
        return Err(Reject::Contradiction("both orders are of one account, side and quantity"));
    }
    if one.trigger.is_none() && other.trigger.is_none() {
        return Err(Reject::Contradiction("one of both orders waits for its trigger"));
    }
    Ok(())
}

impl Exchange {
    pub(crate) fn place_oco(&mut self, orders: &[NewOrder; 2]) -> Result<OrderId, Reject> {
        check_pair([&orders[0], &orders[1]])?;
        for order in orders {
            self.check(order)?;
        }
        self.check_count(&[&orders[0], &orders[1]], None)?;
        let needs = [self.need(&orders[0], None)?, self.need(&orders[1], None)?];
        for (order, need) in orders.iter().zip(&needs) {
            self.check_money(order, need, None)?;
        }
        let list = self.add_list(List { working: None, others: Vec::new(), open: 2 })?;
        let slots = [self.add(&orders[0], Stage::Coming)?, self.add(&orders[1], Stage::Coming)?];
        let ids = slots.map(|slot| self.orders.get(slot).order.id);
        for slot in slots {
            self.orders.get_mut(slot).list = Some(list);
            self.events.push(Event::Placed { order: self.orders.get(slot).order.id });
        }
        self.lists[list as usize].others = ids.to_vec();
        self.start_pair(slots, &needs);
        self.run_triggers();
        Ok(ids[0])
    }

    /// The larger need is locked for the order that may trade first; the other one takes it over
    /// when its trigger is hit.
    fn start_pair(&mut self, slots: [Slot; 2], needs: &[Need; 2]) {
        let waits = |slot: Slot| self.orders.get(slot).order.asked.trigger.is_some();
        let (first, second) =
            if waits(slots[0]) { (slots[1], slots[0]) } else { (slots[0], slots[1]) };
        self.hold(first, needs[0].amount.max(needs[1].amount));
        self.start(second);
        if self.orders.get(first).stage != Stage::Ended {
            self.start(first);
        }
    }

    pub(crate) fn place_oto(
        &mut self,
        working: &NewOrder,
        pending: &[NewOrder],
    ) -> Result<OrderId, Reject> {
        match pending {
            [_] => {}
            [one, other] => check_pair([one, other])?,
            _ => return Err(Reject::Contradiction("one or two orders follow")),
        }
        self.check(working)?;
        for order in pending {
            if order.account != working.account || order.instrument != working.instrument {
                return Err(Reject::Contradiction("all orders are of one account and instrument"));
            }
            let listed = self.known(order.instrument)?;
            crate::filters::is_sound(order, listed, self.now)?;
            crate::filters::check(order, listed)?;
        }
        let all: Vec<_> = std::iter::once(working).chain(pending).collect();
        self.check_count(&all, None)?;
        let need = self.need(working, None)?;
        self.check_money(working, &need, None)?;
        let list =
            self.add_list(List { working: None, others: Vec::new(), open: 1 + pending.len() })?;
        let slot = self.add(working, Stage::Coming)?;
        let id = self.orders.get(slot).order.id;
        self.orders.get_mut(slot).list = Some(list);
        self.lists[list as usize].working = Some(id);
        for order in pending {
            let slot = self.add(order, Stage::Pending)?;
            self.orders.get_mut(slot).list = Some(list);
            let id = self.orders.get(slot).order.id;
            self.lists[list as usize].others.push(id);
        }
        self.hold(slot, need.amount);
        self.events.push(Event::Placed { order: id });
        self.start(slot);
        self.run_triggers();
        Ok(id)
    }

    pub(crate) fn replace_leg(&mut self, old: OrderId, new: &NewOrder) -> Result<OrderId, Reject> {
        let slot = self.open_slot(new.account, old)?;
        let entry = self.orders.get(slot);
        let Some(list) = entry.list else {
            return Err(Reject::Contradiction("the order is of no list"));
        };
        let (order, stage) = (entry.order, entry.stage);
        let waits = order.asked.trigger.is_some() && !order.is_working;
        let alike = new.instrument == order.asked.instrument
            && new.side == order.asked.side
            && new.quantity == order.asked.quantity
            && new.trigger.is_some() == waits;
        if !alike || order.filled > 0 {
            let why = "of an order of a list only prices are changed, before it is filled";
            return Err(Reject::Contradiction(why));
        }
        let extra = if stage == Stage::Pending {
            let listed = self.known(new.instrument)?;
            crate::filters::is_sound(new, listed, self.now)?;
            crate::filters::check(new, listed)?;
            Amount::ZERO
        } else {
            self.check(new)?;
            self.missing_for_leg(slot, list, new)?
        };
        let stage = if stage == Stage::Pending { stage } else { Stage::Coming };
        let place = self.add(new, stage)?;
        let id = self.orders.get(place).order.id;
        self.finish(slot, Some(CancelReason::Replaced), 0);
        let held = std::mem::take(&mut self.orders.get_mut(slot).held);
        let entry = self.orders.get_mut(place);
        (entry.list, entry.held) = (Some(list), held);
        self.lists[list as usize].put_in_place(old, id);
        if stage == Stage::Coming {
            self.hold(place, extra);
            self.release_excess(place);
            self.release_excess_of(list);
            self.events.push(Event::Placed { order: id });
            self.start(place);
            self.run_triggers();
        }
        Ok(id)
    }

    /// What is to be locked besides, so that a list has enough for any of its orders that are there.
    fn missing_for_leg(&self, slot: Slot, list: u32, new: &NewOrder) -> Result<Amount, Reject> {
        let mut need = self.need(new, Some(slot))?;
        let mut held = self.orders.get(slot).held;
        let id = self.orders.get(slot).order.id;
        let there = &self.lists[list as usize];
        if there.working != Some(id) {
            let others = there.others.iter().filter(|other| **other != id);
            for other in others.filter_map(|other| self.orders.slot(*other)) {
                let entry = self.orders.get(other);
                if entry.order.is_open {
                    held += entry.held;
                    need.amount = need.amount.max(self.need(&entry.order.asked, None)?.amount);
                }
            }
        }
        need.amount = Amount((need.amount - held).0.max(0));
        self.check_money(new, &need, Some(slot))?;
        Ok(need.amount)
    }

    /// The other one of two orders of which one ends the other, if it is open.
    pub(crate) fn partner(&self, slot: Slot) -> Option<Slot> {
        let entry = self.orders.get(slot);
        let others = &self.lists[entry.list? as usize].others;
        let [one, other] = others[..] else { return None };
        let partner = match entry.order.id {
            id if id == one => other,
            id if id == other => one,
            _ => return None,
        };
        self.orders.slot(partner).filter(|slot| self.orders.get(*slot).order.is_open)
    }

    /// Orders of a list have changed so that less may have to be there for it.
    pub(crate) fn release_excess_of(&mut self, list: u32) {
        for id in self.lists[list as usize].others.clone() {
            if let Some(slot) = self.orders.slot(id) {
                self.release_excess(slot);
            }
        }
    }

    fn add_list(&mut self, list: List) -> Result<u32, Reject> {
        let unused = self.lists.iter().position(|list| list.open == 0);
        let place = unused.unwrap_or(self.lists.len());
        let number = u32::try_from(place).map_err(|_| Reject::Overflow)?;
        match self.lists.get_mut(place) {
            Some(there) => *there = list,
            None => self.lists.push(list),
        }
        Ok(number)
    }

    /// Orders that come once another is filled.
    pub(crate) fn start_pending(&mut self, list: u32) {
        let ids = self.lists[list as usize].others.clone();
        let slots: Vec<_> = ids.iter().filter_map(|id| self.orders.slot(*id)).collect();
        let slots: Vec<_> = slots
            .into_iter()
            .filter(|slot| self.orders.get(*slot).stage == Stage::Pending)
            .collect();
        let need = |slot: &Slot| {
            let asked = self.orders.get(*slot).order.asked;
            let need = self.need(&asked, None)?;
            self.check_money(&asked, &need, None).map(|()| need)
        };
        let Ok(needs) = slots.iter().map(need).collect::<Result<Vec<_>, _>>() else {
            for slot in slots {
                if self.orders.get(slot).stage != Stage::Ended {
                    self.end(slot, Some(CancelReason::Balance));
                }
            }
            return;
        };
        for slot in &slots {
            let now = self.now;
            let entry = self.orders.get_mut(*slot);
            entry.stage = Stage::Coming;
            entry.order.changed_at = now;
            self.events.push(Event::Placed { order: entry.order.id });
        }
        match (&slots[..], <[Need; 2]>::try_from(needs)) {
            (&[one, other], Ok(needs)) => self.start_pair([one, other], &needs),
            (&[one], Err(needs)) => {
                self.hold(one, needs.first().map(|need| need.amount).unwrap_or_default());
                self.start(one);
            }
            _ => {}
        }
        self.fire_at_once(&slots);
    }

    /// A trigger may have been passed while its order was pending.
    fn fire_at_once(&mut self, slots: &[Slot]) {
        for &slot in slots {
            let entry = self.orders.get(slot);
            let order = &entry.order;
            let listed = &mut self.listed[order.asked.instrument as usize];
            if entry.stage == Stage::Waiting
                && let Some(trigger) = &order.asked.trigger
                && listed.would_trigger(trigger)
            {
                listed.triggers.remove(order.id, trigger, entry.trigger);
                self.next.push_back(Next::Fired(order.id));
            }
        }
    }

    /// What an open order that ends with this one keeps locked.
    pub(crate) fn kept_for_other(&self, slot: Slot) -> Amount {
        let entry = self.orders.get(slot);
        let list = entry.list.map(|list| &self.lists[list as usize]);
        let Some(list) = list.filter(|list| list.working != Some(entry.order.id)) else {
            return Amount::ZERO;
        };
        let others = list.others.iter().filter(|id| **id != entry.order.id);
        let open = others
            .filter_map(|id| self.orders.slot(*id))
            .filter(|other| self.orders.get(*other).order.is_open);
        open.map(|other| self.kept(other)).max().unwrap_or_default()
    }

    /// An order of a list was filled, at least in part.
    pub(crate) fn after_fill(&mut self, list: u32, slot: Slot) {
        self.end_other(list, slot);
        self.release_excess(slot);
    }

    /// An order of a list has ended.
    pub(crate) fn after_end(&mut self, list: u32, slot: Slot, reason: Option<CancelReason>) {
        let id = self.orders.get(slot).order.id;
        let there = &mut self.lists[list as usize];
        there.open -= 1;
        // All end by the same request.
        let of_others = match reason {
            Some(CancelReason::Asked) => CancelReason::Asked,
            _ => CancelReason::OtherOfList,
        };
        if there.working != Some(id) {
            // The one that ended it goes on.
            if reason != Some(CancelReason::OtherOfList) {
                self.end_all(list, Some(id), of_others);
            }
        } else if reason.is_none() {
            self.next.push_back(Next::Filled(list));
        } else {
            self.end_all(list, None, of_others);
        }
    }

    /// Somebody asks for the end of an order: of a list, all end.
    pub(crate) fn cancel(&mut self, slot: Slot) {
        let list = self.orders.get(slot).list;
        let working = list.and_then(|list| self.lists[list as usize].working);
        let working = working.and_then(|id| self.orders.slot(id));
        let first = working.filter(|slot| self.orders.get(*slot).stage != Stage::Ended);
        self.end(first.unwrap_or(slot), Some(CancelReason::Asked));
    }

    /// Ends the order that shares a list with this one.
    pub(crate) fn end_other(&mut self, list: u32, slot: Slot) {
        let id = self.orders.get(slot).order.id;
        if self.lists[list as usize].working != Some(id) {
            self.end_all(list, Some(id), CancelReason::OtherOfList);
        }
    }

    fn end_all(&mut self, list: u32, but: Option<OrderId>, reason: CancelReason) {
        for id in self.lists[list as usize].others.clone() {
            if Some(id) == but {
                continue;
            }
            if let Some(slot) = self.orders.slot(id)
                && self.orders.get(slot).stage != Stage::Ended
            {
                self.end(slot, Some(reason));
            }
        }
    }
}
