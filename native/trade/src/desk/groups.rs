//! Orders that depend on each other, as one wish.

use rustonite_core::Amount;
use rustonite_core::datasets::{Contingency, RiskRequest, order_flags};
use rustonite_exec::gateway::Way;
use rustonite_exec::held::{ICEBERG, ONE_OF, WHEN_FULL};
use rustonite_exec::{Journal, Link, OrderId, Wish};
use rustonite_risk::{Intent, Pass};

use super::Desk;
use super::waiting::denied;
use crate::strategy::{Denied, Group, Placed};

/// The order that others wait for.
struct Entry {
    way: Way,
    /// For one that is sent at once.
    passed: Option<(Intent, Pass)>,
}

impl<J: Journal> Desk<J> {
    /// Places orders that depend on each other. Children are written down before what they wait for,
    /// so that a process that ends in between leaves none that is not protected.
    ///
    /// # Errors
    /// Risk denies one of them, or they do not make a group; none was sent.
    pub fn submit_group(&mut self, mut group: Group, now: i64) -> Result<Placed, Denied> {
        self.complete(&mut group)?;
        for wish in group.exits.iter_mut().flatten() {
            *wish = self.exit(wish, now)?;
        }
        let numbers = group.exits.iter().map(|set| set.len() + 1).sum::<usize>();
        let numbers = i64::try_from(numbers).unwrap_or(i64::MAX);
        let last = OrderId(self.ledger.next_id().0.saturating_add(numbers));
        let entry = match group.entry.take() {
            Some(wish) => Some(self.entry(&wish, last, now)?),
            None => None,
        };
        let (sets, awaits) = (group.exits.len(), entry.is_some().then_some(last));
        let head = awaits.map_or(last.0 - 1, |entry| entry.0);
        let mut placed = Placed { entry: awaits, exits: Vec::new() };
        for set in group.exits {
            placed.exits.push(self.hold_set(set, head, (awaits, group.when_full), now)?);
        }
        if let Some(entry) = entry {
            self.place_entry(entry, head, sets, now)?;
        }
        self.work(now);
        Ok(placed)
    }

    /// Checks that it is a group, and gives its orders what they share.
    fn complete(&self, group: &mut Group) -> Result<(), Denied> {
        let wrong = |what: &str| Err(denied("group", what));
        if group.exits.is_empty() || group.exits.iter().any(Vec::is_empty) {
            return wrong("it has no orders besides the entry");
        }
        if group.entry.is_none() && (group.exits.len() > 1 || group.exits[0].len() < 2) {
            return wrong("without an entry it is one set of several orders");
        }
        let first = group.entry.as_ref().unwrap_or(&group.exits[0][0]);
        let shared = (first.account, first.instrument);
        let size = first.size;
        if let Some(entry) = &mut group.entry {
            entry.strategy.get_or_insert(self.strategy);
        }
        for wish in group.exits.iter_mut().flatten() {
            wish.strategy.get_or_insert(self.strategy);
            if (wish.account, wish.instrument) != shared {
                return wrong("its orders are of one instrument and account");
            }
            if wish.size != size || wish.size_quote.is_some() {
                return wrong("its orders are of one size");
            }
        }
        Ok(())
    }

    /// One of a set, as it is to wait here. We watch what it waits for, so that only one is at the
    /// venue.
    fn exit(&mut self, wish: &Wish, now: i64) -> Result<Wish, Denied> {
        let mut wish = wish.clone();
        if wish.trigger.is_some() {
            wish.flags |= order_flags::EMULATED;
        }
        let wish = match self.way_in(&wish, now)? {
            Way::Venue(wish) | Way::Held(wish) => wish,
            Way::Sliced(_) => return Err(denied("group", "an iceberg can be the entry only")),
        };
        self.check_held(&wish, now)?;
        Ok(wish)
    }

    fn entry(&mut self, wish: &Wish, number: OrderId, now: i64) -> Result<Entry, Denied> {
        let way = self.way_in(wish, now)?;
        let passed = match &way {
            Way::Venue(wish) => {
                let passed = self.checked(RiskRequest::Submit, number, wish, Amount::ZERO, now);
                Some(
                    passed
                        .map_err(|denied| self.deny(wish.clone(), Link::default(), denied, now))?,
                )
            }
            Way::Held(wish) | Way::Sliced(wish) => {
                self.check_held(wish, now)?;
                None
            }
        };
        Ok(Entry { way, passed })
    }

    /// Holds a set, and last its parent.
    fn hold_set(
        &mut self,
        set: Vec<Wish>,
        head: i64,
        (entry, when_full): (Option<OrderId>, bool),
        now: i64,
    ) -> Result<(OrderId, Vec<OrderId>), Denied> {
        let mut parent = set[0].clone();
        (parent.price, parent.price_protect, parent.trigger) = (None, None, None);
        (parent.tif, parent.ts_expire) = (None, None);
        parent.flags = if when_full { WHEN_FULL } else { 0 } | order_flags::EMULATED;
        let count = i64::try_from(set.len()).unwrap_or(i64::MAX);
        let number = OrderId(self.ledger.next_id().0.saturating_add(count));
        let oco =
            Link { group: Some(head), contingency: Some(Contingency::Oco), ..Link::default() };
        let mut orders = Vec::new();
        for wish in set {
            let link = Link { parent: Some(number), ..oco.clone() };
            orders.push(self.write_held(wish, link, now)?);
        }
        let link = Link { parent: entry, algo: Some(ONE_OF.into()), ..oco };
        let written = self.write_held(parent, link, now)?;
        debug_assert_eq!(written, number, "numbers follow each other");
        Ok((written, orders))
    }

    fn place_entry(
        &mut self,
        entry: Entry,
        head: i64,
        sets: usize,
        now: i64,
    ) -> Result<OrderId, Denied> {
        let contingency = if sets == 1 { Contingency::Bracket } else { Contingency::Oto };
        let link = Link { group: Some(head), contingency: Some(contingency), ..Link::default() };
        match (entry.way, entry.passed) {
            (Way::Venue(wish), Some(passed)) => {
                let ready = self.write_submit(wish, link, passed, now)?;
                Ok(self.send_submit(ready, now))
            }
            (Way::Sliced(wish), _) => {
                let link = Link { algo: Some(ICEBERG.into()), ..link };
                self.write_held(wish, link, now)
            }
            (Way::Held(wish) | Way::Venue(wish), _) => self.write_held(wish, link, now),
        }
    }
}
