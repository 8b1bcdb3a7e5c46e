//! Orders that wait for a price.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::exchange::{Exchange, Listed};
use crate::orders::{Entry, Slot, Stage};
use crate::{
    AccountId, CancelReason, Event, InstrumentId, OrderId, Quantity, Trailing, Trigger,
    TriggerSource,
};

const MILLION: i128 = 1_000_000;

/// What is done once the book is at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Next {
    /// The trigger of an order was hit.
    Fired(OrderId),
    /// The first order of a list is filled.
    Filled(u32),
    /// A position of an account is closed.
    Closed(AccountId, InstrumentId),
}

/// The triggers of an instrument by what they look at.
#[derive(Debug, Default, Hash, Deserialize, Serialize)]
pub(crate) struct Triggers {
    sources: [Waiting; 2],
}

#[derive(Debug, Default, Hash, Deserialize, Serialize)]
struct Waiting {
    rises: BTreeSet<(i64, OrderId)>,
    /// By the negative price: the nearest one comes first, of one price the oldest.
    falls: BTreeSet<(i64, OrderId)>,
    /// Those whose price moves, and which way they fire.
    trailing: BTreeMap<OrderId, (bool, Trailing)>,
}

impl Waiting {
    fn fired(&mut self, price: i64, next: &mut VecDeque<Next>) {
        while let Some((_, id)) = self.rises.pop_first_if(|(at, _)| *at <= price) {
            next.push_back(Next::Fired(id));
        }
        while let Some((_, id)) = self.falls.pop_first_if(|(at, _)| -*at >= price) {
            next.push_back(Next::Fired(id));
        }
    }
}

/// As of the standard library's queues.
trait PopIf<T> {
    fn pop_first_if(&mut self, wanted: impl Fn(&T) -> bool) -> Option<T>;
}

impl<T: Ord> PopIf<T> for BTreeSet<T> {
    fn pop_first_if(&mut self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.first().is_some_and(wanted).then(|| self.pop_first())?
    }
}

impl Triggers {
    pub(crate) fn add(
        &mut self,
        id: OrderId,
        trigger: &Trigger,
        now: Option<i64>,
        entry: &mut Entry,
    ) {
        let waiting = &mut self.sources[trigger.source as usize];
        if let Some(trailing) = trigger.trailing {
            waiting.trailing.insert(id, (trigger.rises, trailing));
            if let Some(price) = now {
                follow(entry, trigger.rises, trailing, price);
            }
            return;
        }
        if trigger.rises {
            waiting.rises.insert((trigger.price, id));
        } else {
            waiting.falls.insert((-trigger.price, id));
        }
    }

    pub(crate) fn remove(&mut self, id: OrderId, trigger: &Trigger, price: i64) {
        let waiting = &mut self.sources[trigger.source as usize];
        if trigger.trailing.is_some() {
            waiting.trailing.remove(&id);
        } else if trigger.rises {
            waiting.rises.remove(&(price, id));
        } else {
            waiting.falls.remove(&(-price, id));
        }
    }

    fn is_empty(&self, source: TriggerSource) -> bool {
        let waiting = &self.sources[source as usize];
        waiting.rises.is_empty() && waiting.falls.is_empty() && waiting.trailing.is_empty()
    }
}

/// Lets a trailing trigger see a price. Returns whether its own price moved, and whether it fires.
fn follow(entry: &mut Entry, rises: bool, trailing: Trailing, price: i64) -> (bool, bool) {
    let Trailing { activation, begins_at_rise, .. } = trailing;
    let begins = activation.is_none_or(|at| if begins_at_rise { price >= at } else { price <= at });
    let better = match entry.best {
        None => begins,
        Some(best) => {
            if rises {
                price < best
            } else {
                price > best
            }
        }
    };
    if better {
        let factor = if rises {
            MILLION + i128::from(trailing.distance_ppm)
        } else {
            MILLION - i128::from(trailing.distance_ppm)
        };
        entry.best = Some(price);
        let at = i128::from(price) * factor;
        // The farther tick: a trigger does not fire before its distance is reached.
        let at = if rises { (at + MILLION - 1) / MILLION } else { at / MILLION };
        let farther = i128::from(trailing.distance_ticks);
        let at = if rises { at + farther } else { at - farther };
        entry.trigger = i64::try_from(at).unwrap_or(i64::MAX);
        return (true, false);
    }
    let fires = if rises { price >= entry.trigger } else { price <= entry.trigger };
    (false, entry.best.is_some() && fires)
}

impl Listed {
    /// The price that a trigger looks at.
    pub(crate) fn looked_at(&self, source: TriggerSource) -> Option<i64> {
        match source {
            TriggerSource::Last => self.last,
            TriggerSource::Mark => self.mark.or(self.last),
        }
    }

    /// Whether a trigger is hit by the price of the moment.
    pub(crate) fn would_trigger(&self, trigger: &Trigger) -> bool {
        if trigger.trailing.is_some() {
            return false;
        }
        self.looked_at(trigger.source).is_some_and(|price| {
            if trigger.rises { price >= trigger.price } else { price <= trigger.price }
        })
    }
}

impl Exchange {
    /// Holds back an order that waits while its last and mark price are further apart than so many
    /// millionths of the mark price.
    pub fn protect(&mut self, order: OrderId, within_ppm: i64) {
        if let Some(slot) = self.orders.slot(order) {
            self.orders.get_mut(slot).within_ppm = Some(within_ppm);
        }
    }

    fn is_held_back(&self, slot: Slot) -> bool {
        let entry = self.orders.get(slot);
        let listed = &self.listed[entry.order.asked.instrument as usize];
        let (Some(within_ppm), Some(last), Some(mark)) =
            (entry.within_ppm, listed.last, listed.mark)
        else {
            return false;
        };
        i128::from(last.abs_diff(mark)) * MILLION > i128::from(mark) * i128::from(within_ppm)
    }

    /// There is a new last or mark price. Whatever it is, one that was held back may come now.
    pub(crate) fn see_prices(&mut self, instrument: InstrumentId) {
        self.see(instrument, TriggerSource::Last);
        self.see(instrument, TriggerSource::Mark);
    }

    fn see(&mut self, instrument: InstrumentId, source: TriggerSource) {
        let listed = &mut self.listed[instrument as usize];
        if listed.triggers.is_empty(source) {
            return;
        }
        let Some(price) = listed.looked_at(source) else { return };
        let waiting = &mut listed.triggers.sources[source as usize];
        waiting.fired(price, &mut self.next);
        waiting.trailing.retain(|id, (rises, trailing)| {
            let Some(slot) = self.orders.slot(*id) else { return false };
            let (moved, fires) = follow(self.orders.get_mut(slot), *rises, *trailing, price);
            if moved {
                self.touched.trailed.push(*id);
            }
            if fires {
                self.next.push_back(Next::Fired(*id));
            }
            !fires
        });
    }

    /// Sends what has waited to the book, until nothing is left.
    pub(crate) fn run_triggers(&mut self) {
        while let Some(next) = self.next.pop_front() {
            match next {
                Next::Fired(id) => self.fire(id),
                Next::Filled(list) => self.start_pending(list),
                Next::Closed(account, instrument) => self.end_useless(account, instrument),
            }
        }
    }

    fn wait_again(&mut self, slot: Slot) {
        let entry = self.orders.get_mut(slot);
        let (id, asked) = (entry.order.id, entry.order.asked);
        if let Some(trigger) = &asked.trigger {
            self.listed[asked.instrument as usize].triggers.add(id, trigger, None, entry);
        }
    }

    fn fire(&mut self, id: OrderId) {
        let Some(slot) = self.orders.slot(id) else { return };
        if self.orders.get(slot).stage != Stage::Waiting {
            return;
        }
        if self.is_held_back(slot) {
            self.wait_again(slot);
            return;
        }
        let entry = self.orders.get_mut(slot);
        entry.stage = Stage::Coming;
        entry.order.is_working = true;
        entry.order.changed_at = self.now;
        let (asked, list) = (entry.order.asked, entry.list);
        self.accounts[asked.account as usize].holding_mut(asked.instrument).waiting -= 1;
        self.events.push(Event::Triggered { order: id });
        if let Some(list) = list {
            self.end_other(list, slot);
        }
        if asked.quantity == Quantity::Position {
            let lots = self.fillable(slot, i64::MAX);
            self.orders.get_mut(slot).order.quantity = lots;
            if lots == 0 {
                self.end(slot, Some(CancelReason::ReduceOnly));
                return;
            }
        }
        let now = crate::NewOrder { trigger: None, ..asked };
        if self.check_closing(&now, None).is_err() {
            self.end(slot, Some(CancelReason::ReduceOnly));
            return;
        }
        let need = self.need(&now, None);
        let held = self.orders.get(slot).held;
        let missing = need.as_ref().map(|need| need.amount - held).unwrap_or_default();
        let free = need
            .as_ref()
            .map(|need| self.accounts[asked.account as usize].balance(need.asset).free);
        if free.is_ok_and(|free| free < missing) || self.lacks_margin(&now, slot) {
            self.end(slot, Some(CancelReason::Balance));
            return;
        }
        // Less than nothing is missing if the other order of its list needed more.
        self.hold(slot, missing);
        self.come(slot);
    }
}
