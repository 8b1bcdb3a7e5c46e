//! Whatever the order in which a venue's words come, and however often: the same end.
//!
//! The traces are those of the matching engine, with orders of ours and a crowd against them.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;
#[path = "common/venue.rs"]
mod venue;

use common::*;
use proptest::prelude::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, PositionSide, order_flags};
use rustonite_exec::reconcile::{Settings, reconcile};
use rustonite_exec::{Ask, Contract, Durability, Fill, Journal, Ledger, PositionKey, Report, What};
use rustonite_sim as sim;
use venue::*;

/// The trace with reports delayed, doubled and told by a query under another id; each item with its
/// place in the trace.
fn shaken(items: &[Item], seed: u64) -> Vec<(usize, Item)> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut keyed = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let Item::Report(report) = item else {
            keyed.push((place, place, item.clone()));
            continue;
        };
        let mut copies = vec![report.clone()];
        if dice.u8(..3) == 0 {
            copies.push(report.clone());
        }
        if let What::Fill(fill) = &report.what
            && dice.bool()
        {
            let fill_id = format!("q{}", fill.fill_id).into();
            let queried = Fill { fill_id, size_filled: None, ..fill.clone() };
            let source = EventSource::Rest;
            copies.push(Report { source, what: What::Fill(queried), ..report.clone() });
        }
        dice.shuffle(&mut copies);
        for copy in copies {
            let delay = if dice.bool() { 0 } else { dice.usize(..items.len() * 2) };
            keyed.push((place + delay, place, Item::Report(copy)));
        }
    }
    keyed.sort_by_key(|(moment, ..)| *moment);
    keyed.into_iter().map(|(_, place, item)| (place, item)).collect()
}

/// Lives through a shaken trace. An act that is not possible yet waits for the reports that had come
/// before it.
fn live_again<J: Journal>(
    ledger: &mut Ledger<J>,
    mut shaken: Vec<(usize, Item)>,
) -> Result<(), TestCaseError> {
    while !shaken.is_empty() {
        let (place, item) = shaken.remove(0);
        if !item.take(ledger) {
            let (earlier, later): (Vec<_>, _) = shaken
                .into_iter()
                .partition(|(one, other)| *one < place && matches!(other, Item::Report(_)));
            for (_, report) in &earlier {
                report.take(ledger);
            }
            prop_assert!(item.take(ledger), "{:?}", item);
            shaken = later;
        }
        for order in ledger.orders() {
            let over = order.size_filled > order.wish.size;
            let told = order.wish.flags & order_flags::OVERFILLED != 0;
            prop_assert_eq!(over, told, "order {}: {}", order.id.0, order.size_filled);
        }
    }
    Ok(())
}

/// What must be the same in the end, for people to compare.
fn summary<J: Journal>(ledger: &Ledger<J>, venue: &Venue) -> Vec<String> {
    let mut lines = Vec::new();
    let mut orders: Vec<_> = ledger.orders().collect();
    orders.sort_by_key(|order| order.id);
    for order in orders {
        lines.push(format!(
            "{} {:?} {} of {} at {:?}",
            order.id.0, order.state, order.size_filled, order.wish.size, order.wish.price
        ));
    }
    let instrument = venue.instrument;
    let side = PositionSide::Net;
    for strategy in [None, Some(STRATEGY)] {
        let key = PositionKey { account: ACCOUNT, strategy, instrument, side };
        lines.push(format!("position {}", ledger.positions().get(&key).size));
    }
    let key = PositionKey { account: ACCOUNT, strategy: None, instrument, side };
    let position = ledger.positions().get(&key);
    let contract = Contract { inverse: false, multiplier: amount("1") };
    let entry = position.price_entry.unwrap_or_default();
    let entered = contract.worth(position.size, entry).unwrap();
    for (_, asset, owned) in ledger.balances().iter() {
        // The profit of a perpetual depends on the order of fills; with what is open it does not.
        let is_settle = instrument == LINEAR && ledger.directory().asset_name(asset) == "USDT";
        let open = if is_settle { entered } else { Amount::ZERO };
        lines.push(format!("{} {}", ledger.directory().asset_name(asset), owned.total - open));
    }
    lines
}

fn check(deeds: &[Deed], is_spot: bool, style: Style, seed: u64) -> Result<(), TestCaseError> {
    let mut venue = Venue::new(is_spot, style);
    venue.live(deeds);
    let expected = summary(&venue.ledger, &venue);
    check_against_the_engine(&venue, is_spot)?;
    let mut ledger = ledger_with(style);
    live_again(&mut ledger, shaken(&venue.items, seed))?;
    prop_assert_eq!(summary(&ledger, &venue), expected);
    Ok(())
}

/// The process ends somewhere behind the last act and goes on with its journal; reports that it has
/// taken may come again.
fn check_restart(deeds: &[Deed], style: Style, seed: u64) -> Result<(), TestCaseError> {
    let mut venue = Venue::new(true, style);
    venue.live(deeds);
    let folder = in_memory();
    let rules = rules_of(style);
    let mut ledger = open_with(tapes(folder.path()), rules.clone());
    let mut before = shaken(&venue.items, seed);
    let last_act = before.iter().rposition(|(_, item)| !matches!(item, Item::Report(_)));
    let first = last_act.map_or(0, |place| place + 1);
    let end = first + usize::try_from(seed % 7).unwrap() * (before.len() - first) / 7;
    let after = before.split_off(end);
    // An act may have to wait for a report that had come before it.
    let act = last_act.map_or(0, |at| before[at].0);
    let (due, after): (Vec<_>, Vec<_>) = after.into_iter().partition(|(place, _)| *place < act);
    before.extend(due);
    live_again(&mut ledger, before)?;
    drop(ledger);
    let journal = (folder.path(), "main", tape_options(), Durability::Interval);
    let (mut ledger, _) = Ledger::open(directory(), [(ACCOUNT, rules)], journal).unwrap();
    ledger.lose_requests(venue.ts);
    live_again(&mut ledger, after)?;
    let mut all_again = shaken(&venue.items, seed + 1);
    all_again.retain(|(_, item)| matches!(item, Item::Report(_)));
    live_again(&mut ledger, all_again)?;
    prop_assert_eq!(summary(&ledger, &venue), summary(&venue.ledger, &venue));
    Ok(())
}

/// The engine has the same fills, position and money.
fn check_against_the_engine(venue: &Venue, is_spot: bool) -> Result<(), TestCaseError> {
    for order in venue.ledger.orders() {
        prop_assert!(!order.is_external(), "{:?}", order);
        prop_assert_eq!(order.size_filled, lots(venue.filled(order.id)), "order {}", order.id.0);
        let is_open = venue
            .exchange
            .open_orders(OURS)
            .any(|open| venue.orders.get(&open.id).is_some_and(|known| known.id == order.id));
        prop_assert_eq!(!order.is_final(), is_open, "order {}: {:?}", order.id.0, order.state);
    }
    if is_spot {
        for (name, asset) in ASSETS {
            let (free, locked) = venue.exchange.balance(OURS, asset);
            let ours = venue.ledger.directory().asset(name).unwrap();
            let ours = venue.ledger.balances().get(ACCOUNT, ours).total;
            prop_assert_eq!(free + locked - amount("1000"), ours, "{}", name);
        }
    } else {
        let side = PositionSide::Net;
        let key = PositionKey { account: ACCOUNT, strategy: None, instrument: LINEAR, side };
        let (quantity, ..) = venue.exchange.position(OURS, 0, sim::PositionSide::Net);
        prop_assert_eq!(venue.ledger.positions().get(&key).size, lots(quantity));
    }
    Ok(())
}

/// Compares, does and asks until the books agree.
fn reconciled(venue: &mut Venue) -> Result<(), TestCaseError> {
    let (mut books, settings) = (venue.books(), Settings::default());
    for _ in 0..6 {
        let plan = reconcile(&venue.ledger, ACCOUNT, &books, &settings);
        venue.ledger.apply_plan(venue.ts, ACCOUNT, &plan);
        for ask in &plan.asks {
            if let Ask::Order(id) = ask {
                let answer = venue.answer(&venue.ledger.query(*id).unwrap());
                venue.ledger.report(&answer);
            }
        }
        let open = plan.reports.len() + plan.asks.len() + plan.asks_left;
        if open == 0 && plan.mismatches.is_empty() {
            return Ok(());
        }
        books.differed = plan.mismatches;
    }
    let plan = reconcile(&venue.ledger, ACCOUNT, &books, &settings);
    let orders = venue.ledger.open_orders();
    prop_assert!(false, "it comes to no end: {:#?} {:#?}", plan, orders);
    Ok(())
}

/// Some reports are lost with the connection; then the venue's books are looked at.
fn check_gap(
    deeds: &[Deed],
    is_spot: bool,
    style: Style,
    gap: std::ops::Range<usize>,
) -> Result<(), TestCaseError> {
    let mut venue = Venue::new(is_spot, style);
    venue.gap = gap;
    venue.live(deeds);
    venue.ledger.lose_requests(venue.ts);
    reconciled(&mut venue)?;
    check_against_the_engine(&venue, is_spot)
}

/// As above, and the venue's list of executions is late: what it counts of orders and does not list
/// is worked out, and gives way once the list has it.
fn check_late_list(
    deeds: &[Deed],
    is_spot: bool,
    style: Style,
    gap: std::ops::Range<usize>,
    (late, has_figures): (usize, bool),
) -> Result<(), TestCaseError> {
    let mut venue = Venue::new(is_spot, style);
    venue.gap = gap;
    venue.live(deeds);
    venue.ledger.lose_requests(venue.ts);
    let mut listed_late = venue.fills.split_off(venue.fills.len().saturating_sub(late));
    reconciled(&mut venue)?;
    for report in &mut listed_late {
        let What::Fill(fill) = &mut report.what else { continue };
        fill.size_filled = fill.size_filled.filter(|_| has_figures);
    }
    venue.fills.extend(listed_late);
    reconciled(&mut venue)?;
    let key = |strategy| PositionKey {
        account: ACCOUNT,
        strategy,
        instrument: venue.instrument,
        side: PositionSide::Net,
    };
    let size = |strategy| venue.ledger.positions().get(&key(strategy)).size;
    prop_assert_eq!(size(Some(STRATEGY)), size(None));
    check_against_the_engine(&venue, is_spot)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_order_of_reports_ends_the_same(
        deeds in deeds(),
        is_spot in any::<bool>(),
        style in styles(),
        seed in any::<u64>(),
    ) {
        check(&deeds, is_spot, style, seed)?;
    }

    #[test]
    fn a_gap_is_closed_by_reconciliation(
        deeds in deeds(),
        is_spot in any::<bool>(),
        style in styles(),
        lost_from in 0_usize..60,
        lost in 0_usize..60,
    ) {
        check_gap(&deeds, is_spot, style, lost_from..lost_from + lost)?;
    }

    #[test]
    fn a_list_of_executions_that_is_late_counts_none_twice(
        deeds in deeds(),
        is_spot in any::<bool>(),
        style in styles(),
        lost_from in 0_usize..60,
        lost in 0_usize..60,
        late in (0_usize..12, any::<bool>()),
    ) {
        check_late_list(&deeds, is_spot, style, lost_from..lost_from + lost, late)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_restart_amid_reports_ends_the_same(
        deeds in deeds(),
        style in styles(),
        seed in 0_u64..1 << 60,
    ) {
        check_restart(&deeds, style, seed)?;
    }
}
