use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use rustonite_core::budget::{Errand, Limit};
use rustonite_core::ids::InstrumentId;

use super::{Budget, SECOND, Spend, retry_at};

const NOW: i64 = 1_767_323_045 * SECOND;
const PLACE: Spend<'static> = Spend::one(Errand::Place);
const CANCEL: Spend<'static> = Spend::one(Errand::Cancel);
const QUERY: Spend<'static> = Spend::one(Errand::Query);

fn limit(most: u32, per_s: u64, costs: &[(Errand, u32)]) -> Limit {
    Limit {
        name: "weight".to_owned(),
        most,
        per_s,
        drains_per_s: 0.0,
        each_instrument: false,
        costs: costs.iter().copied().collect(),
        young: BTreeMap::new(),
        used_header: "used".to_owned(),
        left_header: "left".to_owned(),
        most_header: "most".to_owned(),
    }
}

/// Sends as often as there is room; returns how often that was.
fn send_all(budget: &mut Budget, spend: &Spend<'_>, now: i64) -> u32 {
    let mut sent = 0;
    while budget.room(spend, now).is_ok() {
        budget.spend(spend, now);
        sent += 1;
        assert!(sent < 10_000);
    }
    sent
}

fn mixed() -> Limit {
    limit(100, 60, &[(Errand::Place, 1), (Errand::Cancel, 1), (Errand::Query, 2)])
}

#[test]
fn cancels_have_a_reserve_and_questions_come_last() {
    let mut budget = Budget::new(vec![mixed()]);
    assert_eq!(send_all(&mut budget, &QUERY, NOW), 37);
    assert_eq!(send_all(&mut budget, &PLACE, NOW), 16);
    assert_eq!(send_all(&mut budget, &CANCEL, NOW), 10);
    let until = budget.room(&CANCEL, NOW).unwrap_err();
    assert!((60..=62).contains(&((until - NOW) / SECOND)), "{}", until - NOW);
    assert_eq!(budget.room(&CANCEL, until), Ok(()));
    // Nothing of what is over counts any more.
    assert_eq!(send_all(&mut budget, &CANCEL, until), 100);
}

#[test]
fn no_question_takes_what_is_kept_for_cancels() {
    let questions = [
        Errand::Query,
        Errand::OpenOrders,
        Errand::Fills,
        Errand::Balances,
        Errand::Positions,
        Errand::Payments,
        Errand::Leverage,
    ];
    for question in questions {
        let costs = [(Errand::Cancel, 1), (question, 5)];
        let mut budget = Budget::new(vec![limit(100, 60, &costs)]);
        assert_eq!(send_all(&mut budget, &Spend::one(question), NOW), 15, "{question:?}");
        assert_eq!(send_all(&mut budget, &CANCEL, NOW), 25);
    }
}

#[test]
fn what_costs_more_than_there_is_goes_when_nothing_else_does() {
    let mut budget = Budget::new(vec![limit(10, 60, &[(Errand::OpenOrders, 80)])]);
    let all = Spend::one(Errand::OpenOrders);
    assert_eq!(send_all(&mut budget, &all, NOW), 1);
    assert!(budget.room(&all, NOW + 30 * SECOND).is_err());
    assert_eq!(budget.room(&all, NOW + 62 * SECOND), Ok(()));
}

#[test]
fn instruments_are_counted_apart_where_the_venue_does() {
    let each = Limit { each_instrument: true, ..limit(3, 2, &[(Errand::Place, 1)]) };
    let mut budget = Budget::new(vec![each]);
    let of = |id| Spend { instrument: Some(InstrumentId(id)), ..PLACE };
    assert_eq!(send_all(&mut budget, &of(1), NOW), 3);
    assert_eq!(send_all(&mut budget, &of(2), NOW), 3);
}

#[test]
fn several_in_one_message_are_counted_one_by_one_or_at_the_price_of_the_message() {
    let once = limit(10, 60, &[(Errand::Place, 1), (Errand::PlaceMany, 5)]);
    let mut budget = Budget::new(vec![once, limit(12, 10, &[(Errand::Place, 1)])]);
    let five = Spend { count: 5, ..Spend::one(Errand::PlaceMany) };
    assert_eq!(send_all(&mut budget, &five, NOW), 2);
    let mut budget = Budget::new(vec![limit(12, 10, &[(Errand::Place, 1)])]);
    assert_eq!(send_all(&mut budget, &five, NOW), 2);
    assert_eq!(send_all(&mut budget, &PLACE, NOW), 2);
}

#[test]
fn a_count_that_drains_charges_more_for_young_orders() {
    let young = BTreeMap::from([(Errand::Cancel, vec![(5, 8), (10, 6)])]);
    let costs = [(Errand::Place, 1), (Errand::Cancel, 0)];
    let drains = Limit { per_s: 0, drains_per_s: 1.0, young, ..limit(20, 0, &costs) };
    let mut budget = Budget::new(vec![drains]);
    let place = Spend { client_id: Some("a"), ..PLACE };
    let cancel = Spend { client_id: Some("a"), ..CANCEL };
    (0..15).for_each(|_| budget.spend(&place, NOW));
    // A reserve for cancels is kept here, too.
    assert_eq!(send_all(&mut budget, &place, NOW), 3);
    assert_eq!(budget.room(&cancel, NOW), Err(NOW + 6 * SECOND));
    // At an age of six seconds it costs six.
    assert_eq!(budget.room(&cancel, NOW + 6 * SECOND), Ok(()));
    budget.spend(&cancel, NOW + 6 * SECOND);
    assert_eq!(budget.room(&place, NOW + 6 * SECOND), Err(NOW + 7 * SECOND));
    budget.forget("a");
    assert_eq!(budget.room(&cancel, NOW + 6 * SECOND), Ok(()));
}

#[test]
fn answers_correct_the_count_upwards_and_the_limit_both_ways() {
    let mut budget = Budget::new(vec![mixed()]);
    let head = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    budget.spend(&CANCEL, NOW);
    budget.headers(&CANCEL, &head("used", "91"), NOW, NOW + 1);
    assert_eq!(send_all(&mut budget, &CANCEL, NOW + 2), 9);
    // An older answer that comes late takes nothing back.
    budget.headers(&CANCEL, &head("used", "5"), NOW, NOW + 3);
    assert!(budget.room(&CANCEL, NOW + 4).is_err());
    budget.headers(&CANCEL, &head("most", "200"), NOW, NOW + 5);
    assert_eq!(send_all(&mut budget, &CANCEL, NOW + 6), 100);
    let mut budget = Budget::new(vec![mixed()]);
    budget.headers(&CANCEL, &head("left", "3"), NOW, NOW + 1);
    assert_eq!(send_all(&mut budget, &CANCEL, NOW + 2), 3);
    // Which minute an answer speaks of is not known if it took over the full minute.
    let mut budget = Budget::new(vec![mixed()]);
    let full = NOW - NOW.rem_euclid(60 * SECOND);
    budget.headers(&CANCEL, &head("used", "99"), full - 1, full + 1);
    assert_eq!(send_all(&mut budget, &CANCEL, full + 2), 100);
    let mut budget = Budget::new(vec![mixed()]);
    budget.told("weight", 60, 50, 49, NOW);
    assert_eq!(send_all(&mut budget, &CANCEL, NOW), 1);
    budget.told("weight", 10, 5_000, 0, NOW);
    assert!(budget.room(&CANCEL, NOW).is_err());
}

#[test]
fn a_refusal_closes_for_as_long_as_the_venue_says() {
    let mut budget = Budget::new(vec![mixed()]);
    assert_eq!(budget.closed_until(NOW), None);
    budget.refused(&PLACE, Some(NOW + 7 * SECOND), NOW);
    assert_eq!(budget.closed_until(NOW), Some(NOW + 7 * SECOND));
    for spend in [PLACE, CANCEL, QUERY] {
        assert_eq!(budget.room(&spend, NOW), Err(NOW + 7 * SECOND));
        assert_eq!(budget.room(&spend, NOW + 7 * SECOND), Ok(()));
    }
    // Without a word about it what was too much is used up, and nothing else.
    let one = |errand| limit(5, 2, &[(errand, 1)]);
    let mut budget = Budget::new(vec![one(Errand::Place), one(Errand::Cancel)]);
    budget.refused(&PLACE, None, NOW);
    assert!(budget.room(&PLACE, NOW + SECOND).is_err());
    assert_eq!(budget.room(&CANCEL, NOW), Ok(()));
    assert_eq!(budget.room(&PLACE, NOW + 3 * SECOND), Ok(()));
    let mut budget = Budget::default();
    budget.refused(&PLACE, None, NOW);
    assert_eq!(budget.room(&CANCEL, NOW), Err(NOW + SECOND));
}

#[test]
fn heads_say_when_to_come_again() {
    let head = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(retry_at(429, &head("retry-after", "3"), NOW), Some(NOW + 3 * SECOND));
    let reset = head("x-ratelimit-reset", "1767323050");
    assert_eq!(retry_at(429, &reset, NOW), Some(NOW + 5 * SECOND));
    assert_eq!(retry_at(429, &[], NOW), None);
    assert_eq!(retry_at(418, &[], NOW), Some(NOW + 120 * SECOND));
}

proptest! {
    /// A list of all that was sent: in no window is there ever more than allowed, and what is
    /// refused fits at the time that was said.
    #[test]
    fn no_window_ever_holds_more_than_allowed(
        steps in prop::collection::vec((0_i64..400, 0..3_u8), 1..300),
        most in 4_u32..30,
    ) {
        let costs = [(Errand::Place, 1), (Errand::Cancel, 1), (Errand::Query, 2)];
        let mut budget = Budget::new(vec![limit(most, 10, &costs)]);
        let mut sent: VecDeque<(i64, u32)> = VecDeque::new();
        let mut now = NOW;
        for (tenths, sort) in steps {
            now += tenths * SECOND / 100;
            let (spend, cost) = [(PLACE, 1), (CANCEL, 1), (QUERY, 2)][usize::from(sort)];
            match budget.room(&spend, now) {
                Ok(()) => {
                    budget.spend(&spend, now);
                    sent.push_back((now, cost));
                    sent.retain(|(at, _)| *at > now - 10 * SECOND);
                    let sum: u32 = sent.iter().map(|(_, cost)| cost).sum();
                    prop_assert!(sum <= most);
                }
                Err(until) => {
                    prop_assert!(until > now && until <= now + 11 * SECOND);
                    now = until;
                    prop_assert_eq!(budget.room(&spend, now), Ok(()));
                }
            }
        }
    }
}
