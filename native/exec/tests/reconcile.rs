//! Our books against the venue's: at a start, and while trading.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

#[path = "common/books.rs"]
mod books;
mod common;

use std::collections::BTreeMap;

use books::*;
use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    BalanceCause, EventSource, FillKind, OrderEvent, OrderSide, OrderState, PositionSide,
};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::reconcile::{
    Mismatch, Mode, Part, Plan, Settings, VenueBalance, VenueBooks, VenuePosition, reconcile,
};
use rustonite_exec::{
    AccountRules, Ask, Change, Figures, Fill, Ledger, Link, Nowhere, OrderPicture, PositionKey,
    Report, What,
};

// At a start

#[test]
fn start_01_books_that_agree_need_nothing() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    hold(&mut ledger, OrderSide::Buy, "2");
    let mut venue = nothing();
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::Accepted, "0"))]);
    venue.positions = Some(vec![theirs("2", "100")]);
    let plan = plan(&ledger, &venue);
    assert_eq!(plan, Plan::default());
    assert!(plan.is_settled());
}

#[test]
fn start_02_an_order_in_another_state() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let mut venue = nothing();
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::Cancelled, "0"))]);
    assert_eq!(plan(&ledger, &venue).mismatches, [Mismatch::Order(id)]);
    assert!(settle(&mut ledger, &venue).is_settled());
    assert_eq!(state(&ledger, id), OrderState::Cancelled);
}

#[test]
fn start_03_missed_fills() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let mut venue = nothing();
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::PartiallyFilled, "7"))]);
    let fills = ["1", "2"].map(|fill_id| executed(&ledger, id, fill(fill_id, "3.5", "100")));
    venue.fills.insert(SPOT, fills.to_vec());
    let first = plan(&ledger, &venue);
    assert!(first.reports.iter().all(|one| one.source == EventSource::Reconciliation));
    let changes = ledger.apply_plan(LATER, ACCOUNT, &first);
    assert_eq!(changes.iter().map(|one| one.fills.len()).sum::<usize>(), 2);
    assert!(changes.iter().all(|one| one.anomalies.is_empty()));
    assert_eq!(
        (state(&ledger, id), filled(&ledger, id)),
        (OrderState::PartiallyFilled, amount("7"))
    );
}

#[test]
fn start_04_filled_while_we_were_away() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let mut venue = nothing();
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::Filled, "10"))]);
    venue.fills.insert(SPOT, vec![executed(&ledger, id, fill("1", "10", "99"))]);
    settle(&mut ledger, &venue);
    assert_eq!((state(&ledger, id), filled(&ledger, id)), (OrderState::Filled, amount("10")));
    assert_eq!(ledger.order(id).unwrap().price_average, Some(amount("99")));
}

#[test]
fn an_answer_that_is_odd_is_not_asked_for_again() {
    let mut ledger = ledger();
    let (one, other) = (working(&mut ledger), working(&mut ledger));
    let odd = |what| Report { venue_order_id: Some(format!("v{}", other.0).into()), ..what };
    let told = odd(of(&ledger, one, What::Accepted));
    assert_eq!(ledger.report(&told).asks.len(), 2);
    let shown = odd(shown(&ledger, one, picture(OrderState::Accepted, "0")));
    let change = ledger.report(&shown);
    assert_eq!((change.anomalies.len(), &change.asks[..]), (1, &[][..]));
}

#[test]
fn start_05_partly_filled_then_cancelled_while_we_were_away() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let mut venue = nothing();
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::Cancelled, "4"))]);
    venue.fills.insert(SPOT, vec![executed(&ledger, id, fill("1", "4", "100"))]);
    settle(&mut ledger, &venue);
    assert_eq!((state(&ledger, id), filled(&ledger, id)), (OrderState::Cancelled, amount("4")));
}

#[test]
fn start_07_instruments_that_do_not_concern_us() {
    let ledger = ledger();
    let mut venue = nothing();
    let open = What::Picture(picture(OrderState::Accepted, "0"));
    venue.open_orders =
        Some(vec![Report { venue_order_id: Some("w1".into()), ..by_id("web", open) }]);
    venue.positions = Some(vec![theirs("5", "100")]);
    let only: std::collections::BTreeSet<InstrumentId> = [INVERSE].into();
    let settings = Settings { instruments: Some(only), ..Settings::default() };
    assert_eq!(reconcile(&ledger, ACCOUNT, &venue, &settings), Plan::default());
}

#[test]
fn start_08_two_orders_with_one_client_id() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let one = shown(&ledger, id, picture(OrderState::PartiallyFilled, "1"));
    let other = Report { venue_order_id: Some("x2".into()), ..one.clone() };
    let mut venue = nothing();
    let client_id = one.client_id.clone();
    venue.open_orders = Some(vec![one, other]);
    let plan = plan(&ledger, &venue);
    assert!(plan.mismatches.contains(&Mismatch::DuplicateClientId(client_id)));
    assert_eq!(plan.reports, []);
}

#[test]
fn start_09_a_fill_with_other_figures_is_told_and_ours_kept() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    let mut venue = nothing();
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::PartiallyFilled, "4"))]);
    venue.fills.insert(SPOT, vec![executed(&ledger, id, fill("1", "4", "101"))]);
    venue.balances = Some(our_balances(&ledger));
    let plan = plan(&ledger, &venue);
    assert_eq!(plan.mismatches, [Mismatch::FillDiffers("1".into())]);
    assert_eq!(plan.reports, []);
}

#[test]
fn start_10_a_larger_position_than_its_history() {
    // The history is too short: what was held before is opened at what makes the entry the venue's.
    let mut ledger = ledger();
    hold(&mut ledger, OrderSide::Buy, "2");
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("5", "112")]);
    // A fill may be on its way.
    let first = plan(&ledger, &venue);
    assert_eq!((&first.asks[..], &first.reports[..]), (&[Ask::Positions(ACCOUNT)][..], &[][..]));
    venue.differed = first.mismatches;
    let first = plan(&ledger, &venue);
    let [Report { what: What::Fill(opening), .. }] = &first.reports[..] else {
        panic!("{first:?}")
    };
    assert_eq!(
        (opening.kind, opening.size, opening.price),
        (FillKind::Opening, amount("3"), amount("120"))
    );
    ledger.apply_plan(LATER, ACCOUNT, &first);
    assert_eq!((held(&ledger).size, held(&ledger).price_entry), (amount("5"), Some(amount("112"))));
    // Planned twice, done once.
    let changes = ledger.apply_plan(LATER, ACCOUNT, &first);
    assert!(changes.iter().all(Change::is_empty), "{changes:?}");
    assert!(settle(&mut ledger, &venue).is_settled());
    // No money moved by it: balances are the venue's to tell.
    let usdt = ledger.directory().asset("USDT").unwrap();
    assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, Amount::ZERO);
}

#[test]
fn start_11_a_short_position_and_one_that_is_gone() {
    let mut ledger = ledger();
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("-3", "90")]);
    settle(&mut ledger, &venue);
    assert_eq!((held(&ledger).size, held(&ledger).price_entry), (amount("-3"), Some(amount("90"))));
    // An empty answer is an answer: flat.
    venue.positions = Some(Vec::new());
    venue.asked_at = LATER + 60_000_000_000;
    settle(&mut ledger, &venue);
    assert_eq!(held(&ledger).size, Amount::ZERO);
    assert_eq!(held(&ledger).pnl_realised, Amount::ZERO);
}

#[test]
fn start_12_a_smaller_position() {
    let mut ledger = ledger();
    hold(&mut ledger, OrderSide::Buy, "5");
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("2", "100")]);
    settle(&mut ledger, &venue);
    let position = held(&ledger);
    assert_eq!((position.size, position.price_entry), (amount("2"), Some(amount("100"))));
    // No profit is made up.
    assert_eq!(position.pnl_realised, Amount::ZERO);
}

#[test]
fn start_13_a_position_on_the_other_side() {
    let mut ledger = ledger();
    hold(&mut ledger, OrderSide::Buy, "5");
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("-2", "105")]);
    settle(&mut ledger, &venue);
    assert_eq!(
        (held(&ledger).size, held(&ledger).price_entry),
        (amount("-2"), Some(amount("105")))
    );
}

#[test]
fn start_hedge_mode_has_two_positions() {
    let mut ledger = ledger();
    let side = |side, size: &str, entry: &str| VenuePosition { side, ..theirs(size, entry) };
    let mut venue = nothing();
    let (long, short) = (PositionSide::Long, PositionSide::Short);
    venue.positions = Some(vec![side(long, "3", "100"), side(short, "-2", "110")]);
    settle(&mut ledger, &venue);
    let sizes =
        [long, short, PositionSide::Net].map(|side| ledger.positions().get(&key(side)).size);
    assert_eq!(sizes, [amount("3"), amount("-2"), Amount::ZERO]);
    // One of them only is gone.
    venue.positions = Some(vec![side(long, "3", "100")]);
    venue.asked_at = LATER + 60_000_000_000;
    settle(&mut ledger, &venue);
    let sizes = [long, short].map(|side| ledger.positions().get(&key(side)).size);
    assert_eq!(sizes, [amount("3"), Amount::ZERO]);
}

#[test]
fn start_balances_are_taken_and_then_compared() {
    let mut ledger = ledger();
    let usdt = ledger.directory().asset("USDT").unwrap();
    let balance = |total: &str| vec![VenueBalance { asset: usdt, total: amount(total) }];
    let mut venue = nothing();
    venue.balances = Some(balance("1000"));
    // What was never counted is no difference, whatever the mode.
    let first = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse));
    assert!(first.is_settled() && first.mismatches.is_empty());
    ledger.apply_plan(LATER, ACCOUNT, &first);
    assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("1000"));
    venue.balances = Some(balance("990"));
    let mismatch = Mismatch::Balance(usdt, amount("1000"), amount("990"));
    let once = plan(&ledger, &venue);
    assert_eq!((&once.asks[..], &once.balances[..]), (&[Ask::Balances(ACCOUNT)][..], &[][..]));
    venue.differed = once.mismatches;
    for mode in [Mode::Report, Mode::Adjust, Mode::Refuse] {
        let plan = reconcile(&ledger, ACCOUNT, &venue, &with(mode));
        assert_eq!(plan.mismatches[..], [mismatch.clone()][..]);
        assert_eq!(plan.is_refused, mode == Mode::Refuse);
        assert_eq!(plan.balances.len(), usize::from(mode == Mode::Adjust));
    }
}

#[test]
fn start_a_balance_that_differs_by_a_rounded_profit_is_no_difference() {
    let mut ledger = ledger();
    let usdt = ledger.directory().asset("USDT").unwrap();
    let balance = |total: &str| Some(vec![VenueBalance { asset: usdt, total: amount(total) }]);
    let mut venue = nothing();
    venue.balances = balance("1000");
    let first = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse));
    ledger.apply_plan(LATER, ACCOUNT, &first);
    venue.balances = balance("1000.000001");
    for (mode, taken) in [(Mode::Report, 0), (Mode::Adjust, 1), (Mode::Refuse, 1)] {
        let plan = reconcile(&ledger, ACCOUNT, &venue, &with(mode));
        assert!(!plan.is_refused && plan.mismatches.is_empty(), "{plan:?}");
        assert_eq!(plan.balances.len(), taken);
    }
    venue.balances = balance("1000.000001000000000001");
    venue.differed = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse)).mismatches;
    assert!(reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse)).is_refused);
}

#[test]
fn funding_that_a_venue_tells_apart_explains_its_balance() {
    let mut ledger = ledger();
    hold(&mut ledger, OrderSide::Buy, "2");
    let usdt = ledger.directory().asset("USDT").unwrap();
    let balance = |total: &str| Some(vec![VenueBalance { asset: usdt, total: amount(total) }]);
    let refuse = |ledger: &Ledger<Nowhere>, venue: &VenueBooks| {
        reconcile(ledger, ACCOUNT, venue, &with(Mode::Refuse))
    };
    ledger.set_balance(NOW, (ACCOUNT, usdt), amount("1000"), BalanceCause::Reconciliation).unwrap();
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("2", "100")]);
    // The money is gone before it is told for what.
    venue.balances = balance("999.5");
    let early = refuse(&ledger, &venue);
    assert_eq!((early.is_refused, &early.asks[..]), (false, &[Ask::Balances(ACCOUNT)][..]));
    let fee = Some((amount("0.5"), usdt));
    let paid = Fill { kind: FillKind::Funding, fee, ..fill("funding:1", "0", "0") };
    venue.payments = vec![Report { instrument: LINEAR, ..by_id("", What::Fill(paid)) }];
    for told in ["1000", "999.5"] {
        // Whether the balance was told before it or after it.
        venue.balances = balance(told);
        venue.differed = refuse(&ledger, &venue).mismatches;
        let plan = refuse(&ledger, &venue);
        assert_eq!((plan.is_refused, plan.reports.len(), plan.balances.len()), (false, 1, 0));
    }
    let plan = refuse(&ledger, &venue);
    ledger.apply_plan(LATER, ACCOUNT, &plan);
    assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("999.5"));
    let after = refuse(&ledger, &venue);
    assert!(after.is_settled() && after.reports.is_empty() && after.mismatches.is_empty());
}

#[test]
fn start_modes_report_and_refuse_set_nothing_right() {
    let mut ledger = ledger();
    hold(&mut ledger, OrderSide::Buy, "2");
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("5", "112")]);
    let report = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Report));
    assert!(report.is_settled() && report.reports.is_empty());
    let difference = Mismatch::Position(LINEAR, PositionSide::Net, amount("2"), amount("5"));
    assert_eq!(report.mismatches, [difference]);
    // A fill may come after the figures that count it. No order leaves for that at a start.
    let once = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse));
    assert!(!once.is_settled() && !once.is_refused && once.reports.is_empty());
    assert_eq!(once.asks, [Ask::Positions(ACCOUNT)]);
    venue.differed = once.mismatches;
    let twice = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse));
    assert!(!twice.is_settled() && twice.is_refused && twice.reports.is_empty());
    // By something else than before: a fill was between the two.
    venue.positions = Some(vec![theirs("4", "112")]);
    let other = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse));
    assert!(!other.is_settled() && !other.is_refused);
}

#[test]
fn start_a_failed_question_is_not_known_and_never_flat() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    hold(&mut ledger, OrderSide::Buy, "2");
    let venue = VenueBooks { asked_at: LATER, ..VenueBooks::default() };
    let plan = plan(&ledger, &venue);
    assert_eq!(plan.not_known, [Part::OpenOrders, Part::Positions, Part::Balances]);
    assert!(plan.reports.is_empty() && plan.balances.is_empty() && !plan.is_settled());
    ledger.apply_plan(LATER, ACCOUNT, &plan);
    assert_eq!((state(&ledger, id), held(&ledger).size), (OrderState::Accepted, amount("2")));
}

#[test]
fn start_the_venue_counts_more_than_its_executions() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    let mut venue = nothing();
    let average = Some(amount("94"));
    let filled_up = OrderPicture { price_average: average, ..picture(OrderState::Filled, "10") };
    venue.open_orders = Some(vec![shown(&ledger, id, filled_up)]);
    // Not all executions are here: they are asked for, and nothing is made up.
    venue.fills.clear();
    venue.balances = Some(our_balances(&ledger));
    let first = plan(&ledger, &venue);
    assert_eq!(first.asks, [Ask::Fills(ACCOUNT, SPOT)]);
    assert!(first.reports.iter().all(|one| !matches!(one.what, What::Fill(_))));
    // All are here, and it still is so.
    venue.fills = BTreeMap::from([(SPOT, vec![executed(&ledger, id, fill("1", "4", "100"))])]);
    assert!(settle(&mut ledger, &venue).is_settled());
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.size_filled), (OrderState::Filled, amount("10")));
    assert_eq!(order.price_average, average);
    // The execution comes after all: it takes the place of what was worked out.
    ledger.report(&executed(&ledger, id, fill("2", "6", "91")));
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.size_filled), (OrderState::Filled, amount("10")));
    assert_eq!(order.price_average, Some(amount("94.6")));
    let key = PositionKey { instrument: SPOT, ..key(PositionSide::Net) };
    assert_eq!(ledger.positions().get(&key).size, amount("10"));
}

#[test]
fn start_figures_of_one_leg_are_compared_with_that_leg() {
    let mut ledger = open_with(Nowhere, AccountRules { figures: Figures::Leg, ..rules() });
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    let request = ledger.replace(NOW, id, values("100", "10")).unwrap();
    let done = What::Replaced { price: Some(amount("100")), size: amount("10") };
    ledger.report(&by_id(&client_id_of(&request), done));
    let leg = OrderPicture { size: amount("6"), ..picture(OrderState::PartiallyFilled, "1") };
    let report = rest(by_id(&client_id_of(&request), What::Picture(leg)));
    let mut venue = nothing();
    venue.open_orders = Some(vec![report.clone()]);
    let fill = Report { what: filled_by("2", "1"), ..report };
    venue.fills.insert(SPOT, vec![fill]);
    settle(&mut ledger, &venue);
    let order = ledger.order(id).unwrap();
    assert_eq!((order.size_filled, order.wish.size), (amount("5"), amount("10")));
}

#[test]
fn start_a_payment_is_taken_once_and_moves_no_position() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    // One whose number the venue has not told could be behind it, if it were an execution.
    submitted(&mut ledger);
    let usdt = ledger.directory().asset("USDT").unwrap();
    let fee = Some((amount("0.1"), usdt));
    let paid = Fill { kind: FillKind::Funding, fee, ..fill("f1", "4", "100") };
    let mut venue = nothing();
    venue.balances = None;
    let fills = vec![executed(&ledger, id, fill("1", "4", "100")), by_id("", What::Fill(paid))];
    venue.fills = BTreeMap::from([(SPOT, fills)]);
    let first = plan(&ledger, &venue);
    assert_eq!(first.reports.len(), 1, "{:?}", first.reports);
    ledger.apply_plan(LATER, ACCOUNT, &first);
    let key = PositionKey { instrument: SPOT, ..key(PositionSide::Net) };
    let position = ledger.positions().get(&key);
    assert_eq!((position.size, position.funding), (amount("4"), amount("0.1")));
    assert_eq!(plan(&ledger, &venue).reports, []);
}

// While trading

#[test]
fn running_1_a_request_without_an_answer_is_left_alone() {
    let mut ledger = ledger();
    let id = submitted(&mut ledger);
    let plan = plan(&ledger, &nothing());
    assert_eq!((&plan.in_motion[..], &plan.asks[..]), (&[id][..], &[][..]));
    assert_eq!(plan.mismatches, []);
}

#[test]
fn running_2_an_unknown_outcome_is_asked_for() {
    let mut ledger = ledger();
    let id = submitted(&mut ledger);
    ledger.report(&by_id(ledger.order(id).unwrap().client_id(), lost(OrderEvent::Submitted)));
    let mut venue = nothing();
    let first = plan(&ledger, &venue);
    assert_eq!(first.asks, [Ask::Order(id)]);
    assert!(!first.is_settled());
    // The list shows it: that settles it without a question.
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::Accepted, "0"))]);
    settle(&mut ledger, &venue);
    assert_eq!(state(&ledger, id), OrderState::Accepted);
}

#[test]
fn running_3_an_order_that_the_list_does_not_have_is_asked_for_and_not_ended() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let plan = plan(&ledger, &nothing());
    assert_eq!(plan.mismatches, [Mismatch::OrderMissing(id)]);
    assert_eq!((&plan.asks[..], &plan.reports[..]), (&[Ask::Order(id)][..], &[][..]));
    ledger.apply_plan(LATER, ACCOUNT, &plan);
    assert_eq!(state(&ledger, id), OrderState::Accepted);
}

#[test]
fn running_4_what_was_heard_of_since_the_question_is_not_compared() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let filling = Report { ts_recv: LATER - 1, ..of(&ledger, id, filled_by("1", "4")) };
    ledger.report(&filling);
    let mut venue = nothing();
    venue.open_orders = Some(vec![shown(&ledger, id, picture(OrderState::Accepted, "0"))]);
    let plan = plan(&ledger, &venue);
    assert_eq!((&plan.in_motion[..], &plan.reports[..]), (&[id][..], &[][..]));
}

#[test]
fn running_4_what_was_heard_of_since_although_it_has_ended_may_go_on() {
    let mut ledger = ledger();
    let ids: Vec<_> = (0..3).map(|_| working(&mut ledger)).collect();
    let end = |ledger: &mut Ledger<Nowhere>, id, ts_recv, what| {
        ledger.report(&Report { ts_recv, ..of(ledger, id, what) });
    };
    for id in &ids {
        end(&mut ledger, *id, NOW + 3, cancelled(None));
    }
    let nothing_moves = plan(&ledger, &nothing());
    assert_eq!(nothing_moves.in_motion, []);
    // Fills of two come late, of one of them two.
    end(&mut ledger, ids[2], LATER - 3, filled_by("1", "1"));
    end(&mut ledger, ids[1], LATER - 2, filled_by("2", "1"));
    end(&mut ledger, ids[2], LATER - 1, filled_by("3", "1"));
    assert_eq!(plan(&ledger, &nothing()).in_motion, [ids[1], ids[2]]);
    // They are remembered by the last word of them.
    assert_eq!(ledger.forget(LATER - 2), 1);
    assert_eq!(ledger.forget(LATER), 2);
    assert_eq!(ledger.orders().count(), 0);
}

#[test]
fn running_4_what_an_earlier_connection_told_is_compared() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&Report { ts_recv: LATER - 1, ..of(&ledger, id, filled_by("1", "4")) });
    // It was filled while the line was down, which lasted a moment only.
    let venue = VenueBooks { heard_since: LATER - 1, ..nothing() };
    let plan = plan(&ledger, &venue);
    assert_eq!(plan.mismatches[0], Mismatch::OrderMissing(id));
    assert!(plan.asks.contains(&Ask::Order(id)) && !plan.is_settled());
}

#[test]
fn running_5_a_position_is_not_set_right_while_a_fill_may_be_on_its_way() {
    let mut ledger = ledger();
    let (id, _) = ledger.submit(NOW, linear(OrderSide::Buy, "3"), Link::default()).unwrap();
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("3", "100")]);
    let first = plan(&ledger, &venue);
    assert_eq!(first.asks, [Ask::Positions(ACCOUNT)]);
    assert_eq!(first.reports, []);
    // The fill comes, and all agrees.
    let report = Report { instrument: LINEAR, ..of(&ledger, id, filled_by("1", "3")) };
    ledger.report(&report);
    assert_eq!(plan(&ledger, &venue).mismatches, []);
}

#[test]
fn running_6_a_position_that_a_missed_fill_explains_is_not_set_twice() {
    let mut ledger = ledger();
    let (id, _) = ledger.submit(NOW, linear(OrderSide::Buy, "3"), Link::default()).unwrap();
    ledger.report(&Report { instrument: LINEAR, ..of(&ledger, id, What::Accepted) });
    let order = Report {
        instrument: LINEAR,
        ..shown(&ledger, id, OrderPicture { size: amount("3"), ..picture(OrderState::Filled, "3") })
    };
    let fill = Report { instrument: LINEAR, ..executed(&ledger, id, fill("1", "3", "100")) };
    let mut venue = nothing();
    venue.open_orders = Some(vec![order]);
    venue.fills.insert(LINEAR, vec![fill]);
    venue.positions = Some(vec![theirs("3", "100")]);
    assert!(settle(&mut ledger, &venue).is_settled());
    assert_eq!((held(&ledger).size, state(&ledger, id)), (amount("3"), OrderState::Filled));
}

#[test]
fn running_7_questions_are_bounded_and_the_others_come_later() {
    let mut ledger = ledger();
    let ids: Vec<_> = (0..30).map(|_| working(&mut ledger)).collect();
    let settings = Settings { asks_max: 8, ..Settings::default() };
    let plan = reconcile(&ledger, ACCOUNT, &nothing(), &settings);
    assert_eq!((plan.asks.len(), plan.asks_left), (8, 22));
    assert_eq!(plan.asks[0], Ask::Order(ids[0]));
    assert!(!plan.is_settled());
}

#[test]
fn running_an_entry_that_is_apart_is_set() {
    let mut ledger = ledger();
    hold(&mut ledger, OrderSide::Buy, "2");
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("2", "100.005")]);
    assert_eq!(plan(&ledger, &venue).mismatches, []);
    venue.positions = Some(vec![theirs("2", "100.02")]);
    let told = plan(&ledger, &venue);
    assert_eq!(told.mismatches, [Mismatch::Entry(LINEAR, PositionSide::Net)]);
    // What is open less is realised more, to the last decimal.
    ledger.apply_plan(LATER, ACCOUNT, &told);
    let (position, usdt) = (held(&ledger), ledger.directory().asset("USDT").unwrap());
    assert_eq!(position.price_entry, Some(amount("100.02")));
    assert_eq!(position.pnl_realised, amount("0.04"));
    assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("0.04"));
    assert_eq!(reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Report)).mismatches.len(), 1);
}

#[test]
fn running_an_entry_that_is_set_with_a_balance_is_counted_once() {
    let mut ledger = ledger();
    hold(&mut ledger, OrderSide::Buy, "2");
    let usdt = ledger.directory().asset("USDT").unwrap();
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("2", "100.02")]);
    venue.balances = Some(vec![VenueBalance { asset: usdt, total: amount("1000") }]);
    let first = plan(&ledger, &venue);
    assert_eq!((first.entries.len(), first.balances.len()), (1, 1));
    ledger.apply_plan(LATER, ACCOUNT, &first);
    assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("1000"));
    assert_eq!(held(&ledger).pnl_realised, amount("0.04"));
}

/// One bought at 100, one at 102, then one sold at 101. We heard of the sale before the second
/// purchase, as after a kill, so that its profit is realised here and open at the venue.
fn heard_in_another_order() -> (Ledger<Nowhere>, VenueBooks) {
    let mut ledger = ledger();
    let usdt = ledger.directory().asset("USDT").unwrap();
    let mut trade = |id: &str, side, price| {
        let (order, _) = ledger.submit(NOW, linear(side, "1"), Link::default()).unwrap();
        let what = What::Fill(Fill { side, ..fill(id, "1", price) });
        ledger.report(&Report { instrument: LINEAR, ..of(&ledger, order, what) });
        ledger.report(&Report { instrument: LINEAR, ..of(&ledger, order, What::Accepted) });
    };
    trade("1", OrderSide::Buy, "100");
    trade("3", OrderSide::Sell, "101");
    trade("2", OrderSide::Buy, "102");
    assert_eq!(held(&ledger).price_entry, Some(amount("102")));
    let mut venue = nothing();
    venue.positions = Some(vec![theirs("1", "101")]);
    venue.balances = Some(vec![VenueBalance { asset: usdt, total: amount("0") }]);
    (ledger, venue)
}

#[test]
fn running_profit_that_is_open_there_and_realised_here_is_no_difference() {
    for mode in [Mode::Adjust, Mode::Refuse] {
        let (mut ledger, venue) = heard_in_another_order();
        let usdt = ledger.directory().asset("USDT").unwrap();
        assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("1"));
        let plan = reconcile(&ledger, ACCOUNT, &venue, &with(mode));
        assert!(plan.is_settled());
        ledger.apply_plan(LATER, ACCOUNT, &plan);
        let position = held(&ledger);
        assert_eq!(
            (position.price_entry, position.pnl_realised),
            (Some(amount("101")), amount("0"))
        );
        assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("0"));
        assert_eq!(reconcile(&ledger, ACCOUNT, &venue, &with(mode)), Plan::default());
    }
}

#[test]
fn running_a_balance_that_its_entries_do_not_explain_is_refused() {
    let (ledger, mut venue) = heard_in_another_order();
    let usdt = ledger.directory().asset("USDT").unwrap();
    let wrong = vec![VenueBalance { asset: usdt, total: amount("0.01") }];
    venue.balances = Some(wrong);
    venue.differed = reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse)).mismatches;
    assert!(reconcile(&ledger, ACCOUNT, &venue, &with(Mode::Refuse)).is_refused);
}

#[test]
fn running_fills_of_one_moment_are_taken_by_their_numbers() {
    let mut ledger = ledger();
    let mut fills = Vec::new();
    for (id, side, price) in [
        ("9", OrderSide::Buy, "100"),
        ("10", OrderSide::Sell, "101"),
        ("11", OrderSide::Buy, "102"),
    ] {
        let (order, _) = ledger.submit(NOW, linear(side, "1"), Link::default()).unwrap();
        let what = What::Fill(Fill { side, ..fill(id, "1", price) });
        fills.push(Report { instrument: LINEAR, ..rest(of(&ledger, order, what)) });
    }
    let mut venue = nothing();
    venue.fills.insert(LINEAR, fills);
    let plan = plan(&ledger, &venue);
    ledger.apply_plan(LATER, ACCOUNT, &plan);
    // Opened at 100 and closed before 102 was bought.
    assert_eq!(held(&ledger).price_entry, Some(amount("102")));
}

#[test]
fn a_fee_that_the_first_word_of_an_execution_did_not_have_is_booked_once() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "10")));
    let fee = Some((amount("0.5"), ledger.directory().asset("USDT").unwrap()));
    let told = executed(&ledger, id, Fill { fee, ..fill("1", "10", "100") });
    let mut venue = nothing();
    venue.fills.insert(SPOT, vec![told]);
    for is_forgotten in [false, true] {
        if is_forgotten {
            ledger.report(&of(&ledger, id, filled_by("2", "1")));
            let told = executed(&ledger, id, Fill { fee, ..fill("2", "1", "100") });
            venue.fills.get_mut(&SPOT).unwrap().push(told);
            assert_eq!(ledger.forget(LATER), 1);
        }
        let late = plan(&ledger, &venue);
        let changes = ledger.apply_plan(LATER, ACCOUNT, &late);
        let [Change { fills, .. }] = &changes[..] else { panic!("{changes:?}") };
        let [booked] = &fills[..] else { panic!("{fills:?}") };
        assert_eq!((booked.kind, booked.fee), (FillKind::Fee, fee));
        assert_eq!(booked.strategy, Some(STRATEGY));
        assert_eq!(plan(&ledger, &venue).reports, []);
    }
}
