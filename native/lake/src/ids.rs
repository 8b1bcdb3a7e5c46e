//! Small numbers for the values of some columns together: equal values, equal number.
#![allow(clippy::cast_possible_truncation, reason = "fewer than 2^32 distinct values fit memory")]
#![allow(clippy::cast_sign_loss, reason = "codes of set rows are never negative")]

use std::collections::HashMap;
use std::hash::Hash;

use crate::order::{Key, Keys, Values};

/// Pairs up to which a table is quicker than a map.
const TABLE_MAX: usize = 1 << 20;

/// Numbers given out so far.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    columns: Vec<Known>,
    pairs: Vec<HashMap<(u32, u32), u32>>,
}

#[derive(Debug, Default)]
struct Known {
    whole: HashMap<i128, u32>,
    bytes: HashMap<Box<[u8]>, u32>,
}

impl Ids {
    /// One number per row. The keys have to be of the same columns in every call.
    pub(crate) fn of(&mut self, keys: &Keys, rows: usize) -> Vec<u32> {
        let columns = keys.columns();
        self.columns.resize_with(columns.len(), Known::default);
        self.pairs.resize_with(columns.len(), HashMap::new);
        let mut all: Option<Vec<u32>> = None;
        for (at, key) in columns.iter().enumerate() {
            let own = self.columns[at].of(key, rows);
            all = Some(match all {
                None => own,
                Some(ids) => combine(&mut self.pairs[at], &ids, &own),
            });
        }
        all.unwrap_or_else(|| vec![0; rows])
    }
}

impl Known {
    /// Numbers of one column's values; a null is 0.
    fn of(&mut self, key: &Key, rows: usize) -> Vec<u32> {
        let mut ids: Vec<u32> = match &key.values {
            Values::Codes(codes) => {
                codes.iter().map(|&code| (code as u32).wrapping_add(1)).collect()
            }
            Values::Short(values) => numbers(&mut self.whole, values.iter().map(|&v| v.into())),
            Values::Whole(values) => numbers(&mut self.whole, values.iter().map(|&v| v.into())),
            Values::Narrow(values) => numbers(&mut self.whole, values.iter().map(|&v| v.into())),
            Values::Wide(values) => numbers(&mut self.whole, values.iter().copied()),
            Values::Bytes(..) | Values::FixedBytes(..) => {
                let number = |row| {
                    let next = self.bytes.len() as u32 + 1;
                    let value = key.bytes(row);
                    self.bytes.get(value).copied().unwrap_or_else(|| {
                        self.bytes.insert(value.into(), next);
                        next
                    })
                };
                (0..rows).map(number).collect()
            }
        };
        if let Some(nulls) = &key.nulls {
            ids.iter_mut().zip(nulls).filter(|(_, set)| !set).for_each(|(id, _)| *id = 0);
        }
        ids
    }
}

/// A number per value, from 1; equal neighbours are looked up once.
fn numbers<V: Eq + Hash + Copy>(
    known: &mut HashMap<V, u32>,
    values: impl Iterator<Item = V>,
) -> Vec<u32> {
    let mut last: Option<(V, u32)> = None;
    let number = |value: V| match last {
        Some((before, id)) if before == value => id,
        _ => {
            let next = known.len() as u32 + 1;
            let id = *known.entry(value).or_insert(next);
            last = Some((value, id));
            id
        }
    };
    values.map(number).collect()
}

/// A number per pair of numbers, from 1.
fn combine(known: &mut HashMap<(u32, u32), u32>, one: &[u32], two: &[u32]) -> Vec<u32> {
    let most = |ids: &[u32]| ids.iter().copied().max().unwrap_or(0) as usize + 1;
    let width = most(two);
    let mut table = match most(one).checked_mul(width) {
        Some(pairs) if pairs <= TABLE_MAX => vec![0; pairs],
        _ => Vec::new(),
    };
    let mut look = |pair: (u32, u32)| {
        let next = known.len() as u32 + 1;
        *known.entry(pair).or_insert(next)
    };
    let pairs = one.iter().copied().zip(two.iter().copied());
    if table.is_empty() {
        return pairs.map(look).collect();
    }
    let number = |pair: (u32, u32)| {
        let slot = &mut table[pair.0 as usize * width + pair.1 as usize];
        if *slot == 0 {
            *slot = look(pair);
        }
        *slot
    };
    pairs.map(number).collect()
}
