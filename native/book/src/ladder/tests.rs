use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Ladder, SLOTS_MIN};
use crate::marks::{Marks, SLOTS_MAX};

/// Everything that a ladder promises, but for what `entries` must be.
fn check(ladder: &Ladder<u32>, model: &BTreeMap<i128, u32>) -> Result<(), TestCaseError> {
    let entries: Vec<_> = ladder.iter().map(|(rank, value)| (rank, *value)).collect();
    let expected: Vec<_> = model.iter().map(|(rank, value)| (*rank, *value)).collect();
    prop_assert_eq!(entries, expected);
    prop_assert_eq!(ladder.len(), model.len());
    prop_assert_eq!(ladder.best_rank(), model.keys().next().copied());
    Ok(())
}

/// Draws of (which, rank, value), around a middle that drifts.
fn draws() -> impl Strategy<Value = Vec<(u8, i128, u32)>> {
    let rank = prop_oneof![
        30 => 0..300_i128,
        10 => 0..3000_i128,
        2 => -20_000..20_000_i128,
        1 => any::<i64>().prop_map(i128::from),
    ];
    prop::collection::vec((0..20_u8, rank, any::<u32>()), 1..3000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn is_an_ordered_map(draws in draws(), drift in -3..4_i128) {
        let (mut ladder, mut model) = (Ladder::new(), BTreeMap::new());
        for (number, (which, rank, value)) in draws.into_iter().enumerate() {
            let rank = rank + drift * i128::try_from(number).expect("small");
            match which {
                0..12 => prop_assert_eq!(ladder.insert(rank, value), model.insert(rank, value)),
                12..15 => prop_assert_eq!(ladder.remove(rank), model.remove(&rank)),
                15 => prop_assert_eq!(ladder.get(rank), model.get(&rank)),
                16 => {
                    let best = model.keys().next().copied();
                    let removed = best.and_then(|best| model.remove(&best));
                    prop_assert_eq!(best.and_then(|best| ladder.remove(best)), removed);
                }
                17 => prop_assert_eq!(ladder.pop_worst(), model.pop_last()),
                18 => {
                    if let Some(ours) = ladder.get_mut(rank) {
                        *ours = 7;
                    }
                    model.entry(rank).and_modify(|theirs| *theirs = 7);
                }
                _ if value % 500 == 0 => {
                    ladder.clear();
                    model.clear();
                }
                _ => {}
            }
            prop_assert_eq!(ladder.best_rank(), model.keys().next().copied());
            prop_assert_eq!(ladder.len(), model.len());
            if number % 64 == 0 {
                check(&ladder, &model)?;
            }
        }
        check(&ladder, &model)?;
    }

    #[test]
    fn marks_go_round(slots in prop::collection::btree_set(0..256_usize, 0..20), at in 0..256_usize) {
        let mut marks = Marks::new(256);
        for slot in &slots {
            prop_assert!(!marks.set(*slot));
        }
        let first = slots.range(at..).chain(slots.range(..at)).next().copied();
        prop_assert_eq!(marks.first_from(at), first);
        let last = slots.range(at..).chain(slots.range(..at)).next_back().copied();
        prop_assert_eq!(marks.last_before(at), last);
        for slot in &slots {
            marks.clear(*slot);
        }
        prop_assert_eq!(marks.first_from(at), None);
    }
}

#[test]
fn memory_follows_the_levels_and_not_their_distance() {
    let mut sparse = Ladder::new();
    for number in 0..2000_i128 {
        sparse.insert(number * 1_000_000, 0_u32);
    }
    assert_eq!(sparse.slots.len(), SLOTS_MIN);
    let mut dense = Ladder::new();
    for number in 0..20_000_i128 {
        dense.insert(number, 0_u32);
    }
    assert_eq!(dense.slots.len(), SLOTS_MAX);
    assert_eq!(dense.len(), 20_000);
}
