use std::collections::BTreeMap;

use proptest::prelude::*;
use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;
use rustonite_wire::Level;

use super::{Change, L2Book};

type Shown = Vec<(String, String, Option<i32>)>;

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn level(side: BookSide, price: &str, size: &str) -> Level {
    Level { side, price: decimal(price), size: decimal(size), count: None }
}

fn bid(price: &str, size: &str) -> Level {
    level(BookSide::Bid, price, size)
}

fn ask(price: &str, size: &str) -> Level {
    level(BookSide::Ask, price, size)
}

fn shown(levels: impl Iterator<Item = Level>) -> Shown {
    levels.map(|level| (level.price.to_string(), level.size.to_string(), level.count)).collect()
}

fn prices(book: &L2Book, side: BookSide) -> Vec<String> {
    book.levels(side).map(|level| level.price.to_string()).collect()
}

/// What a book must be: levels by price, and nothing clever.
#[derive(Default)]
struct Model {
    sides: [BTreeMap<Decimal, Level>; 2],
}

impl Model {
    fn set(&mut self, level: &Level) -> Change {
        let side = &mut self.sides[level.side as usize];
        // A level keeps the digits of the newest message.
        let before = side.remove(&level.price).is_some();
        if level.size.is_zero() {
            return if before { Change::Removed } else { Change::Absent };
        }
        side.insert(level.price, *level);
        if before { Change::Changed } else { Change::Added }
    }

    fn levels(&self, side: BookSide) -> Vec<Level> {
        let levels = self.sides[side as usize].values().copied();
        if side == BookSide::Bid { levels.rev().collect() } else { levels.collect() }
    }

    fn truncate(&mut self, depth: usize) -> Vec<Level> {
        let mut cut = Vec::new();
        for side in [BookSide::Bid, BookSide::Ask] {
            for level in self.levels(side).into_iter().skip(depth).rev() {
                self.sides[side as usize].remove(&level.price);
                cut.push(level);
            }
        }
        cut
    }
}

fn check(book: &L2Book, model: &Model) -> Result<(), TestCaseError> {
    for side in [BookSide::Bid, BookSide::Ask] {
        let expected = model.levels(side);
        prop_assert_eq!(book.len(side), expected.len());
        prop_assert_eq!(
            shown(book.best(side).into_iter()),
            shown(expected.first().copied().into_iter())
        );
        prop_assert_eq!(shown(book.levels(side)), shown(expected.into_iter()));
    }
    let best = |side| model.levels(side).first().map(|level| level.price);
    let crossed = best(BookSide::Bid).zip(best(BookSide::Ask)).is_some_and(|(bid, ask)| bid >= ask);
    prop_assert_eq!(book.crossed(), crossed);
    Ok(())
}

#[derive(Clone, Debug)]
enum Step {
    Set(Level),
    Truncate(usize),
    Clear,
}

fn side() -> impl Strategy<Value = BookSide> {
    prop_oneof![Just(BookSide::Bid), Just(BookSide::Ask)]
}

/// Steps on prices that a strategy gives as (mantissa, exponent).
fn steps(price: impl Strategy<Value = (i64, i32)>) -> impl Strategy<Value = Vec<Step>> {
    let size =
        prop_oneof![Just((0, 0)), (1..1_000_000_i128, -8..2_i32), Just((10_i128.pow(30), -20))];
    let count = prop::option::of(0..1000_i32);
    let set = (side(), price, size, count).prop_map(|(side, price, size, count)| {
        let price = Decimal::new(price.0.into(), price.1).expect("within bounds");
        let size = Decimal::new(size.0, size.1).expect("within bounds");
        Step::Set(Level { side, price, size, count })
    });
    let step = prop_oneof![
        200 => set,
        2 => (0..40_usize).prop_map(Step::Truncate),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..400)
}

fn run(book: &mut L2Book, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Set(level) => prop_assert_eq!(book.set(level), Ok(model.set(level))),
            Step::Truncate(depth) => {
                let mut cut = Vec::new();
                book.truncate(*depth, |level| cut.push(level));
                prop_assert_eq!(shown(cut.into_iter()), shown(model.truncate(*depth).into_iter()));
            }
            Step::Clear => {
                book.clear();
                model = Model::default();
            }
        }
        check(book, &model)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A touch that wanders, with most changes near it.
    #[test]
    fn near_prices(steps in steps((-60..60_i64, Just(-2)))) {
        run(&mut L2Book::new(), &steps)?;
    }

    /// More ticks than the first ring covers.
    #[test]
    fn ring_grows_and_slides(steps in steps((0..600_i64, Just(-1)))) {
        run(&mut L2Book::new(), &steps)?;
    }

    #[test]
    fn jumps(steps in steps(prop_oneof![
        (0..50_i64, Just(0)), (10_000..10_050_i64, Just(0)), (any::<i32>().prop_map(i64::from), Just(0)),
    ])) {
        run(&mut L2Book::new(), &steps)?;
    }

    /// The same price in several spellings, and ever finer ones.
    #[test]
    fn rescaling(steps in steps(
        (-30..30_i64, -4..3_i32, 0..3_i32).prop_map(|(mantissa, exponent, zeros)| {
            (mantissa * 10_i64.pow(zeros.unsigned_abs()), exponent - zeros)
        })
    )) {
        run(&mut L2Book::new(), &steps)?;
    }

    #[test]
    fn prices_of_eighteen_digits(steps in steps(
        (1 - 10_i64.pow(18)..10_i64.pow(18), -18..1_i32)
    )) {
        run(&mut L2Book::new(), &steps)?;
    }
}

/// Decimals of any size that there is.
fn any_decimal() -> impl Strategy<Value = Decimal> {
    let limit = 10_i128.pow(38);
    let mantissa = prop_oneof![1 - limit..limit, -1000..1000_i128];
    let exponent = prop_oneof![-400..=400_i32, -20..20_i32];
    (mantissa, exponent)
        .prop_map(|(mantissa, exponent)| Decimal::new(mantissa, exponent).expect("within bounds"))
}

proptest! {
    /// What a book cannot hold it refuses, and goes on as if it had not been sent.
    #[test]
    fn refused_prices_leave_no_trace(
        prices in prop::collection::vec((side(), any_decimal(), any_decimal()), 1..40)
    ) {
        let (mut book, mut model) = (L2Book::new(), Model::default());
        for (side, price, size) in prices {
            let level = Level { side, price, size, count: None };
            if let Ok(change) = book.set(&level) {
                prop_assert_eq!(change, model.set(&level));
            }
            check(&book, &model)?;
        }
    }
}

#[test]
fn keeps_the_digits_of_the_venue() {
    let mut book = L2Book::new();
    book.apply(&[bid("0.50", "1.500"), bid("0.5", "2.0"), ask("0.75", "3"), ask("1", "0.00010")])
        .expect("prices");
    assert_eq!(
        shown(book.iter()),
        [("0.5", "2.0"), ("0.75", "3"), ("1", "0.00010")].map(|(price, size)| (
            price.to_owned(),
            size.to_owned(),
            None
        ))
    );
}

#[test]
fn tiny_and_huge_prices_share_a_book() {
    let mut book = L2Book::new();
    book.apply(&[bid("0.0000001", "1"), ask("1000000000", "2"), ask("0.0000002", "5")])
        .expect("prices");
    assert_eq!(prices(&book, BookSide::Ask), ["0.0000002", "1000000000"]);
    assert_eq!(prices(&book, BookSide::Bid), ["0.0000001"]);
}

#[test]
fn printed_zeros_and_wide_ticks_do_not_spread_the_levels() {
    let mut book = L2Book::new();
    for number in 0..1000 {
        let price = format!("{}.{}0000000", 60_000 + number / 2, number % 2 * 5);
        book.set(&ask(&price, "1")).expect("a price");
    }
    let first = decimal("60000.5").to_ticks(decimal("0.5")).expect("a multiple");
    assert_eq!(book.grid.ticks(decimal("60000.50000000")), Some(i128::from(first)));
}

#[test]
fn a_price_that_fits_no_grid_is_refused_and_nothing_changes() {
    let mut book = L2Book::new();
    book.set(&bid("1e20", "1")).expect("a price");
    assert!(book.set(&bid("1e-20", "1")).is_err());
    assert!(book.set(&bid("1e-300", "1")).is_err());
    assert_eq!(prices(&book, BookSide::Bid), ["100000000000000000000"]);
    book.set(&ask("1e21", "1")).expect("a price");
    assert!(!book.crossed());
}

#[test]
fn spreads_have_negative_prices() {
    let mut book = L2Book::new();
    book.apply(&[bid("-1.5", "1"), bid("-2", "1"), ask("-0.5", "1"), ask("0", "1")])
        .expect("prices");
    assert_eq!(prices(&book, BookSide::Bid), ["-1.5", "-2"]);
    assert_eq!(prices(&book, BookSide::Ask), ["-0.5", "0"]);
    assert!(!book.crossed());
    book.set(&bid("-0.5", "1")).expect("a price");
    assert!(book.crossed());
}

#[test]
fn a_level_is_found_in_any_spelling() {
    let mut book = L2Book::new();
    book.set(&bid("1.50", "7")).expect("a price");
    assert_eq!(book.get(BookSide::Bid, decimal("1.5")).map(|level| level.size), Some(decimal("7")));
    assert_eq!(book.get(BookSide::Bid, decimal("1.5000000")).map(|level| level.count), Some(None));
    assert_eq!(book.get(BookSide::Bid, decimal("1.51")), None);
    assert_eq!(book.get(BookSide::Ask, decimal("1.5")), None);
}
