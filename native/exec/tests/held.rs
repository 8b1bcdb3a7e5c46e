//! Held orders: what prices do to triggers, what orders do to each other, and what a restart finds.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    Contingency, OffsetUnit, OrderEvent, OrderKind, OrderSide, OrderState, Tif, TriggerDirection,
    TriggerSource, order_flags,
};
use rustonite_exec::held::{Act, Held, ICEBERG, ONE_OF, Seen, WHEN_FULL, acts};
use rustonite_exec::{
    Journal, Ledger, Link, Nowhere, OrderId, Request, Trail, Trigger, Values, What, Wish,
};

/// A sell of 10 once a price falls to 90.
fn stop() -> Wish {
    let trigger = Trigger {
        price: amount("90"),
        source: TriggerSource::Last,
        direction: TriggerDirection::Down,
        trail: None,
    };
    Wish {
        side: OrderSide::Sell,
        kind: OrderKind::StopMarket,
        tif: None,
        price: None,
        trigger: Some(trigger),
        flags: order_flags::EMULATED,
        ..wish()
    }
}

fn watching(source: TriggerSource, direction: TriggerDirection, side: OrderSide) -> Wish {
    let trigger = Trigger { source, direction, ..stop().trigger.unwrap() };
    Wish { side, trigger: Some(trigger), ..stop() }
}

fn trailing(side: OrderSide, offset: &str, unit: OffsetUnit, activation: Option<&str>) -> Wish {
    let direction =
        if side == OrderSide::Sell { TriggerDirection::Down } else { TriggerDirection::Up };
    let trail = Trail { offset: amount(offset), unit, activation: activation.map(amount) };
    let source = TriggerSource::Last;
    let trigger = Trigger { price: Amount::ZERO, source, direction, trail: Some(trail) };
    Wish { side, kind: OrderKind::TrailingStopMarket, trigger: Some(trigger), ..stop() }
}

/// A ledger with one held order, and what is watched for it.
fn held(wish: Wish) -> (Ledger<Nowhere>, Held, OrderId) {
    let mut ledger = ledger();
    let id = ledger.hold(NOW, wish, Link::default()).unwrap();
    let held = Held::of(&ledger);
    (ledger, held, id)
}

fn is_reached(held: &mut Held, seen: Seen) -> bool {
    held.see(SPOT, &seen);
    held.next_reached().is_some()
}

/// Where a trailing trigger is after trades at these prices; each step is written down.
fn trail(wish: Wish, prices: &[f64]) -> Vec<Option<String>> {
    let (mut ledger, mut held, _) = held(wish);
    let after = |price: &f64| {
        held.see(SPOT, &Seen::Trade(*price));
        let (id, price) = held.next_moved()?;
        let size = amount("10");
        let values = Values { price: None, size, price_trigger: Some(price) };
        ledger.amend(NOW, id, values).unwrap();
        assert_eq!(ledger.order(id).unwrap().wish.trigger.unwrap().price, price);
        Some(price.to_string())
    };
    prices.iter().map(after).collect()
}

// Triggers

#[test]
fn a_trigger_is_reached_by_the_price_that_it_watches() {
    use OrderSide::{Buy, Sell};
    use TriggerDirection::{Down, Up};
    use TriggerSource as Source;
    let quote = |bid, ask| Seen::Quote(bid, ask);
    let cases = [
        (Source::Last, Down, Sell, Seen::Trade(90.0), Seen::Trade(90.01)),
        (Source::Last, Up, Buy, Seen::Trade(90.0), Seen::Trade(89.99)),
        (Source::BidAsk, Down, Sell, quote(90.0, 95.0), quote(90.01, 90.02)),
        (Source::BidAsk, Up, Buy, quote(80.0, 90.0), quote(95.0, 89.99)),
        (Source::BidAsk, Up, Sell, quote(90.0, 91.0), quote(89.99, 95.0)),
        (Source::Mid, Down, Sell, quote(89.0, 91.0), quote(89.0, 91.01)),
        (Source::LastOrBidAsk, Down, Sell, quote(90.0, 91.0), quote(91.0, 92.0)),
        (Source::LastOrBidAsk, Down, Sell, Seen::Trade(89.0), Seen::Trade(91.0)),
        (Source::Mark, Down, Sell, Seen::Mark(90.0), Seen::Index(80.0)),
        (Source::Index, Down, Sell, Seen::Index(90.0), Seen::Mark(80.0)),
        // Another price than its own does nothing.
        (Source::Last, Down, Sell, Seen::Trade(90.0), quote(80.0, 81.0)),
        (Source::Mid, Down, Sell, quote(89.0, 91.0), Seen::Trade(80.0)),
        // A side that is empty, or no number, is no price.
        (Source::BidAsk, Down, Sell, quote(90.0, 91.0), quote(0.0, 91.0)),
        (Source::Mid, Down, Sell, quote(89.0, 91.0), quote(0.0, 91.0)),
        (Source::Last, Down, Sell, Seen::Trade(90.0), Seen::Trade(f64::NAN)),
    ];
    for (source, direction, side, reaches, does_not) in cases {
        let (_, mut held, _) = held(watching(source, direction, side));
        assert!(held.is_watching(SPOT) && !held.is_watching(LINEAR));
        assert!(!is_reached(&mut held, does_not), "{source:?} {direction:?} {does_not:?}");
        assert!(is_reached(&mut held, reaches), "{source:?} {direction:?} {reaches:?}");
        assert!(!is_reached(&mut held, reaches), "{source:?}: it is reached once");
    }
}

#[test]
fn an_order_that_left_is_not_watched() {
    let (mut ledger, mut held, id) = held(stop());
    ledger.release(NOW, id).unwrap();
    held.note(&ledger, id);
    assert!(!held.is_watching(SPOT));
    assert!(held == Held::of(&ledger));
}

#[test]
fn a_trailing_stop_follows_and_never_goes_back() {
    use OrderSide::{Buy, Sell};
    let moved = |all: &[&str]| -> Vec<Option<String>> {
        all.iter().map(|one| (!one.is_empty()).then(|| (*one).to_owned())).collect()
    };
    let price = OffsetUnit::Price;
    let prices = [100.0, 101.0, 99.0, 100.9, 101.01];
    let sell = trail(trailing(Sell, "5", price, None), &prices);
    assert_eq!(sell, moved(&["95", "96", "", "", "96.01"]));
    let buy = trail(trailing(Buy, "5", price, None), &[100.0, 99.0, 101.0, 98.5]);
    assert_eq!(buy, moved(&["105", "104", "", "103.5"]));
    // Half a percent, on the tick that is no nearer.
    let bps = trail(trailing(Sell, "50", OffsetUnit::Bps, None), &[100.0, 100.01, 100.03]);
    assert_eq!(bps, moved(&["99.5", "", "99.52"]));
    let bps = trail(trailing(Buy, "50", OffsetUnit::Bps, None), &[100.0, 99.99, 99.97]);
    assert_eq!(bps, moved(&["100.5", "100.49", "100.47"]));
    let ticks = trail(trailing(Sell, "7", OffsetUnit::Ticks, None), &[100.0]);
    assert_eq!(ticks, moved(&["99.93"]));
    // It begins at a price.
    let late = trail(trailing(Sell, "5", price, Some("103")), &[100.0, 102.99, 103.0, 102.0]);
    assert_eq!(late, moved(&["", "", "98", ""]));
    let late = trail(trailing(Buy, "5", price, Some("97")), &[100.0, 97.0, 98.0]);
    assert_eq!(late, moved(&["", "102", ""]));
}

#[test]
fn a_trailing_stop_is_reached_where_it_is() {
    let (mut ledger, mut held, id) = held(trailing(OrderSide::Sell, "5", OffsetUnit::Price, None));
    assert!(!is_reached(&mut held, Seen::Trade(100.0)));
    assert!(!is_reached(&mut held, Seen::Trade(110.0)));
    // Two moves of one batch are one.
    assert_eq!(held.next_moved(), Some((id, amount("105"))));
    assert_eq!(held.next_moved(), None);
    assert!(!is_reached(&mut held, Seen::Trade(105.01)));
    assert!(is_reached(&mut held, Seen::Trade(105.0)));
    // One that has not begun is reached by nothing.
    let begins = trailing(OrderSide::Sell, "5", OffsetUnit::Price, Some("120"));
    let id = ledger.hold(NOW, begins, Link::default()).unwrap();
    held.note(&ledger, id);
    assert!(!is_reached(&mut held, Seen::Trade(1.0)));
}

#[test]
fn prices_allocate_nothing() {
    let mut ledger = ledger();
    for _ in 0..8 {
        let trail = trailing(OrderSide::Sell, "5", OffsetUnit::Bps, None);
        ledger.hold(NOW, trail, Link::default()).unwrap();
        ledger.hold(NOW, stop(), Link::default()).unwrap();
    }
    let mut held = Held::of(&ledger);
    let mut price = 100.0;
    let counted = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            price += 0.01;
            held.see(SPOT, &Seen::Quote(price, price + 0.01));
            held.see(SPOT, &Seen::Trade(price));
            held.see(LINEAR, &Seen::Trade(price));
        }
        held.see(SPOT, &Seen::Trade(1.0));
    });
    assert_eq!(counted.count_total, 0);
    assert!(held.has_news());
}

// Orders that wait for others

/// Ends of what a group is made of.
struct Group {
    ledger: Ledger<Nowhere>,
    entry: OrderId,
    parent: OrderId,
    target: OrderId,
    stop: OrderId,
    fills: u32,
}

impl Group {
    fn pair() -> Self {
        Self::of(None, 0)
    }

    fn bracket(flags: i32) -> Self {
        Self::of(Some(wish()), flags)
    }

    /// As a trader writes it: children, then their parent, then what that waits for.
    fn of(entry: Option<Wish>, flags: i32) -> Self {
        let mut ledger = ledger();
        let oco = Link { contingency: Some(Contingency::Oco), ..Link::default() };
        let leg = Link { parent: Some(OrderId(3)), ..oco.clone() };
        let sell = Wish { side: OrderSide::Sell, price: Some(amount("110")), ..wish() };
        let target = ledger.hold(NOW, sell.clone(), leg.clone()).unwrap();
        let stop = ledger.hold(NOW, stop(), leg).unwrap();
        let awaits = entry.is_some().then_some(OrderId(4));
        let link = Link { parent: awaits, algo: Some(ONE_OF.into()), ..oco };
        let whole = Wish { price: None, flags: flags | order_flags::EMULATED, ..sell };
        let parent = ledger.hold(NOW, whole, link).unwrap();
        let entry =
            entry.map_or(OrderId(0), |entry| ledger.submit(NOW, entry, Link::default()).unwrap().0);
        Self { ledger, entry, parent, target, stop, fills: 0 }
    }

    fn report(&mut self, id: OrderId, what: What) {
        let report = of(&self.ledger, id, what);
        self.ledger.report(&report);
    }

    fn fill(&mut self, id: OrderId, size: &str) {
        self.fills += 1;
        let side = self.ledger.order(id).unwrap().wish.side;
        let fill = rustonite_exec::Fill { side, ..fill(&self.fills.to_string(), size, "100") };
        self.report(id, What::Fill(fill));
    }

    fn acts(&self, id: OrderId) -> Vec<Act> {
        acts(&self.ledger, id)
    }

    /// Does what is to be done about an order, as a trader would, until nothing is.
    fn work(&mut self, id: OrderId) {
        let mut touched = vec![id];
        for _ in 0..100 {
            let Some(id) = touched.pop() else { return };
            for act in acts(&self.ledger, id) {
                touched.push(do_act(&mut self.ledger, &act));
            }
        }
        panic!("it goes on for ever");
    }

    fn size(&self, id: OrderId) -> Amount {
        self.ledger.order(id).unwrap().wish.size
    }

    fn state(&self, id: OrderId) -> OrderState {
        state(&self.ledger, id)
    }
}

/// Does one act, and says which order is different after it.
fn do_act<J: Journal>(ledger: &mut Ledger<J>, act: &Act) -> OrderId {
    match *act {
        Act::Begin { order, size } => {
            ledger.trigger(NOW, order, size).unwrap();
            order
        }
        Act::Release { order, size } => {
            let protect = ledger.order(order).unwrap().wish.price_protect;
            ledger.release_as(NOW, order, size, protect).unwrap();
            order
        }
        Act::Slice { parent, size } => {
            let wish =
                Wish { size, size_display: None, ..ledger.order(parent).unwrap().wish.sent() };
            let link = Link { parent: Some(parent), ..Link::default() };
            ledger.submit(NOW, wish, link).unwrap().0
        }
        Act::Change { order, price, size } => {
            let known = ledger.order(order).unwrap();
            let price_trigger = known.wish.trigger.map(|trigger| trigger.price);
            let values = Values { price, size, price_trigger };
            if known.is_held() {
                ledger.amend(NOW, order, values).unwrap();
            } else {
                ledger.replace(NOW, order, values).unwrap();
            }
            order
        }
        Act::End { order, reason } => {
            if ledger.order(order).unwrap().is_held() {
                ledger.withdraw(NOW, order, OrderEvent::Cancelled, Some(reason)).unwrap();
            } else {
                ledger.cancel(NOW, order).unwrap();
            }
            order
        }
    }
}

#[test]
fn of_a_pair_the_limit_is_sent_and_the_stop_waits() {
    let mut pair = Group::pair();
    pair.work(pair.parent);
    assert_eq!(pair.state(pair.target), OrderState::PendingSubmit);
    assert_eq!(pair.state(pair.stop), OrderState::Held);
    assert!(Held::of(&pair.ledger).is_watching(SPOT));
    assert_eq!(pair.acts(pair.parent), []);
}

#[test]
fn a_fill_of_one_makes_the_other_smaller_and_the_last_ends_it() {
    let mut pair = Group::pair();
    pair.work(pair.parent);
    pair.fill(pair.target, "4");
    pair.work(pair.target);
    assert_eq!((pair.size(pair.stop), pair.size(pair.target)), (amount("6"), amount("10")));
    let parent = pair.ledger.order(pair.parent).unwrap();
    assert_eq!((parent.size_filled, parent.state), (amount("4"), OrderState::Held));
    pair.fill(pair.target, "6");
    pair.work(pair.target);
    assert_eq!(pair.state(pair.parent), OrderState::Filled);
    assert_eq!(pair.state(pair.stop), OrderState::Cancelled);
    assert!(pair.ledger.open_orders().is_empty());
}

#[test]
fn a_stop_is_sent_once_it_is_known_what_the_other_was_filled() {
    let mut pair = Group::pair();
    pair.work(pair.parent);
    pair.report(pair.target, What::Accepted);
    pair.ledger.trigger(NOW, pair.stop, amount("10")).unwrap();
    pair.work(pair.stop);
    assert_eq!(pair.state(pair.target), OrderState::PendingCancel);
    assert_eq!((pair.state(pair.stop), pair.acts(pair.stop)), (OrderState::Held, vec![]));
    // It is filled on the way to its cancel.
    pair.fill(pair.target, "3");
    pair.work(pair.target);
    assert_eq!(pair.state(pair.stop), OrderState::Held);
    pair.report(pair.target, cancelled(Some("3")));
    pair.work(pair.target);
    assert_eq!(
        (pair.state(pair.stop), pair.size(pair.stop)),
        (OrderState::PendingSubmit, amount("7"))
    );
    pair.fill(pair.stop, "7");
    pair.work(pair.stop);
    assert_eq!(pair.state(pair.parent), OrderState::Filled);
}

#[test]
fn a_cancel_of_one_ends_the_others() {
    for ended in [What::Accepted, cancelled(None)] {
        let mut pair = Group::pair();
        pair.work(pair.parent);
        let by_venue = ended != What::Accepted;
        if by_venue {
            pair.report(pair.target, ended);
            pair.work(pair.target);
            assert_eq!(pair.state(pair.stop), OrderState::Cancelled);
        } else {
            pair.report(pair.target, ended);
            pair.ledger.withdraw(NOW, pair.stop, OrderEvent::Cancelled, None).unwrap();
            pair.work(pair.stop);
            assert_eq!(pair.state(pair.target), OrderState::PendingCancel);
        }
        assert_eq!(pair.state(pair.parent), OrderState::Cancelled);
    }
}

#[test]
fn one_that_is_refused_leaves_the_other() {
    let mut pair = Group::pair();
    pair.work(pair.parent);
    pair.report(pair.target, What::Rejected(refusal(rustonite_exec::RefusalKind::Other)));
    pair.work(pair.target);
    assert_eq!(
        (pair.state(pair.parent), pair.state(pair.stop)),
        (OrderState::Held, OrderState::Held)
    );
    assert!(Held::of(&pair.ledger).is_watching(SPOT));
    // It is alone now.
    pair.ledger.trigger(NOW, pair.stop, amount("10")).unwrap();
    pair.work(pair.stop);
    assert_eq!(pair.state(pair.stop), OrderState::PendingSubmit);
}

#[test]
fn exits_of_a_bracket_are_as_large_as_what_is_filled() {
    let mut bracket = Group::bracket(0);
    bracket.report(bracket.entry, What::Accepted);
    bracket.work(bracket.entry);
    assert!(!Held::of(&bracket.ledger).is_watching(SPOT));
    assert_eq!(bracket.state(bracket.target), OrderState::Held);
    bracket.fill(bracket.entry, "4");
    bracket.work(bracket.entry);
    assert_eq!(bracket.state(bracket.target), OrderState::PendingSubmit);
    assert_eq!(
        (bracket.size(bracket.target), bracket.size(bracket.stop)),
        (amount("4"), amount("4"))
    );
    assert!(Held::of(&bracket.ledger).is_watching(SPOT));
    // While the first request is in flight nothing is asked for.
    bracket.fill(bracket.entry, "1");
    bracket.work(bracket.entry);
    assert_eq!(bracket.size(bracket.stop), amount("5"));
    assert_eq!(bracket.state(bracket.target), OrderState::PendingSubmit);
    bracket.report(bracket.target, What::Accepted);
    bracket.work(bracket.target);
    assert_eq!(bracket.ledger.order(bracket.target).unwrap().changes[0].size, amount("5"));
}

#[test]
fn a_bracket_may_wait_until_its_entry_is_full() {
    let mut bracket = Group::bracket(WHEN_FULL);
    bracket.fill(bracket.entry, "4");
    bracket.work(bracket.entry);
    assert_eq!(bracket.state(bracket.target), OrderState::Held);
    // Ended is as full as it gets.
    bracket.report(bracket.entry, cancelled(Some("4")));
    bracket.work(bracket.entry);
    assert_eq!(
        (bracket.state(bracket.target), bracket.size(bracket.target)),
        (OrderState::PendingSubmit, amount("4"))
    );
}

#[test]
fn an_entry_that_ends_with_nothing_ends_its_exits() {
    let mut bracket = Group::bracket(0);
    bracket.report(bracket.entry, cancelled(None));
    bracket.work(bracket.entry);
    for order in [bracket.parent, bracket.target, bracket.stop] {
        assert_eq!(bracket.state(order), OrderState::Cancelled);
    }
}

#[test]
fn an_exit_that_began_ends_the_rest_of_the_entry() {
    let mut bracket = Group::bracket(0);
    bracket.fill(bracket.entry, "4");
    bracket.work(bracket.entry);
    bracket.fill(bracket.target, "1");
    bracket.work(bracket.target);
    assert_eq!(bracket.state(bracket.entry), OrderState::PendingCancel);
    // What is filled of it all the same is covered, too.
    bracket.fill(bracket.entry, "2");
    bracket.work(bracket.entry);
    assert_eq!(bracket.size(bracket.stop), amount("5"));
}

#[test]
fn an_iceberg_shows_one_slice_after_the_other() {
    let mut ledger = ledger();
    let whole = Wish { size_display: Some(amount("4")), ..wish() };
    let link = Link { algo: Some(ICEBERG.into()), ..Link::default() };
    let parent = ledger.hold(NOW, whole, link).unwrap();
    let mut sent = Vec::new();
    for number in 0..3 {
        let act = acts(&ledger, parent)[..].to_vec();
        let [act @ Act::Slice { size, .. }] = &act[..] else { panic!("{act:?}") };
        let slice = do_act(&mut ledger, act);
        sent.push(size.to_string());
        assert_eq!(acts(&ledger, parent), [], "one at a time");
        let id = format!("{}", number + 1);
        let report = of(&ledger, slice, filled_by(&id, &size.to_string()));
        ledger.report(&report);
    }
    assert_eq!(sent, ["4", "4", "2"]);
    let order = ledger.order(parent).unwrap();
    assert_eq!((order.state, order.size_filled), (OrderState::Filled, amount("10")));
    assert_eq!(order.price_average, Some(amount("100")));
    assert_eq!(acts(&ledger, parent), []);
}

#[test]
fn slices_by_chance_are_lots_and_never_above_the_shown_part() {
    let mut ledger = ledger();
    let flags = order_flags::DISPLAY_RANDOM;
    let whole = Wish { size_display: Some(amount("0.9")), flags, ..wish() };
    let link = Link { algo: Some(ICEBERG.into()), ..Link::default() };
    let parent = ledger.hold(NOW, whole, link).unwrap();
    let mut sizes = Vec::new();
    for number in 1.. {
        let Some(act @ Act::Slice { size, .. }) = acts(&ledger, parent).first().copied() else {
            break;
        };
        // A second look draws the same.
        assert_eq!(acts(&ledger, parent), [act]);
        let slice = do_act(&mut ledger, &act);
        let report = of(&ledger, slice, filled_by(&number.to_string(), &size.to_string()));
        ledger.report(&report);
        sizes.push(size);
    }
    let lot = amount("0.001");
    let last = sizes.pop().unwrap();
    assert!(last > Amount::ZERO && last <= amount("0.9"));
    assert!(sizes.iter().all(|size| size.0 % lot.0 == 0));
    assert!(sizes.iter().all(|size| *size <= amount("0.9") && *size >= amount("0.45")));
    assert!(sizes.iter().any(|size| *size != sizes[0]), "{sizes:?}");
    assert_eq!(sizes.into_iter().sum::<Amount>() + last, amount("10"));
}

#[test]
fn what_was_not_written_to_the_end_ends() {
    let mut pair = Group::pair();
    // The process ended before the parent was written: the children know one that is not there.
    let orphan = Link { parent: Some(OrderId(99)), ..Link::default() };
    let torn = pair.ledger.hold(NOW, stop(), orphan).unwrap();
    assert!(pair.acts(torn).contains(&Act::End { order: torn, reason: "parent_unknown" }));
    let mut held = Held::default();
    held.note(&pair.ledger, torn);
    assert!(!held.is_watching(SPOT));
    // And one whose release was not followed by its submit is let go once more.
    let mut ledger = ledger();
    let id = ledger.hold(NOW, stop(), Link::default()).unwrap();
    ledger.trigger(NOW, id, amount("10")).unwrap();
    assert_eq!(acts(&ledger, id), [Act::Release { order: id, size: amount("10") }]);
    pair.work(torn);
    assert_eq!(pair.state(torn), OrderState::Cancelled);
}

// What the venue is told, and what the journal gives back

#[test]
fn a_venue_is_told_of_no_trigger_of_ours() {
    let (mut ledger, _, id) = held(stop());
    let Request::Submit { wish, client_id, .. } =
        ledger.release_as(NOW, id, amount("7"), Some(amount("85"))).unwrap()
    else {
        panic!("it is a submit")
    };
    assert_eq!((wish.kind, wish.trigger, wish.tif), (OrderKind::Market, None, None));
    assert_eq!((wish.size, wish.price_protect), (amount("7"), Some(amount("85"))));
    assert_eq!(&*client_id, ledger.order(id).unwrap().client_id());
    // The order stays what it is, and its trigger was reached.
    assert_eq!(ledger.order(id).unwrap().wish.kind, OrderKind::StopMarket);
    ledger.report(&of(&ledger, id, What::Accepted));
    assert_eq!(state(&ledger, id), OrderState::Triggered);
    let limit = Wish { kind: OrderKind::StopLimit, price: Some(amount("89")), ..stop() };
    let flags = order_flags::EMULATED | order_flags::LOCAL_EXPIRY;
    let limit = Wish { tif: Some(Tif::Gtd), ts_expire: Some(NOW), flags, ..limit };
    let sent = limit.sent();
    assert_eq!((sent.kind, sent.tif, sent.ts_expire), (OrderKind::Limit, Some(Tif::Gtc), None));
}

#[test]
fn what_waits_keeps_no_balance() {
    let (mut ledger, _, id) = held(Wish { kind: OrderKind::StopLimit, ..stop() });
    let btc = ledger.directory().asset("BTC").unwrap();
    assert_eq!(ledger.balances().get(ACCOUNT, btc).locked, Amount::ZERO);
    ledger.release(NOW, id).unwrap();
    assert_eq!(ledger.balances().get(ACCOUNT, btc).locked, amount("10"));
}

#[test]
fn a_restart_holds_what_was_held() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let trail = trailing(OrderSide::Sell, "5", OffsetUnit::Bps, Some("120"));
    let trail = ledger.hold(NOW, trail, Link::default()).unwrap();
    let reached = ledger.hold(NOW, stop(), Link::default()).unwrap();
    let timed = Wish { tif: Some(Tif::Gtd), ts_expire: Some(NOW + 5), ..stop() };
    let timed = ledger.hold(NOW, timed, Link::default()).unwrap();
    ledger.trigger(NOW, reached, amount("10")).unwrap();
    let values = Values { price: None, size: amount("10"), price_trigger: Some(amount("118")) };
    ledger.amend(NOW, trail, values).unwrap();
    let (hash, before) = (ledger.state_hash(), Held::of(&ledger));
    // Whether by all rows or by those of a snapshot alone.
    ledger.snapshot(NOW).unwrap();
    drop(ledger);
    let (restored, _) = reopened(folder.path());
    assert_eq!(restored.state_hash(), hash);
    let mut held = Held::of(&restored);
    assert!(held == before);
    assert_eq!(held.ended(NOW + 4).next(), None);
    assert_eq!(held.ended(NOW + 5).collect::<Vec<_>>(), [timed]);
    // It has begun to follow, and goes on from where it was.
    assert!(!is_reached(&mut held, Seen::Trade(118.01)));
    held.see(SPOT, &Seen::Trade(118.0));
    assert_eq!(held.next_reached(), Some(trail));
    assert_eq!(acts(&restored, reached), [Act::Release { order: reached, size: amount("10") }]);
}
