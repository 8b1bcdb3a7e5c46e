//! How the markets that the flow makes up compare with recorded ones, by the same measure.
//!
//! `cargo test -p rustonite-sim --test facts -- --nocapture` prints the table of
//! docs/internals/exchange.md.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table for readers")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "statistics of some hundred thousand numbers"
)]

#[path = "facts/crowd.rs"]
mod crowd;
#[path = "facts/measure.rs"]
mod measure;
#[path = "facts/recorded.rs"]
mod recorded;

use measure::{Facts, facts};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// A name, how to find it, and what it has to be within, in recordings and in what is made up.
type Fact = (&'static str, fn(&Facts) -> f64, (f64, f64));

const FACTS: [Fact; 12] = [
    ("spread in ticks, median", |of| of.spread_median, (1.0, 1.0)),
    ("spread in ticks, exceeded 1 % of the time", |of| of.spread_rare, (1.0, 3.0)),
    ("size of the best level over the mean of the next nine", |of| of.best_size, (5.0, 30.0)),
    ("ticks from one level to the next, of the best ten", |of| of.gap, (3.0, 50.0)),
    ("takers in a window, variance over mean", |of| of.clustering, (5.0, 30.0)),
    ("correlation of a taker's side with the next one's", |of| of.sides[0], (0.15, 0.6)),
    ("with that of the tenth after it", |of| of.sides[1], (0.05, 0.3)),
    ("size exceeded by 1 % of takers over the median", |of| of.large_taker, (80.0, 500.0)),
    ("move in a window in spreads, mean", |of| of.moves, (20.0, 500.0)),
    ("move exceeded in 1 % of windows over the mean", |of| of.large_move, (3.5, 10.0)),
    ("correlation of sizes of moves, of the next five", |of| of.restlessness, (0.02, 0.25)),
    ("part of what is placed that is cancelled", |of| of.cancelled, (0.8, 1.05)),
];

#[test]
fn what_is_made_up_is_like_what_was_recorded() {
    let recorded = recorded::RECORDINGS.iter().filter_map(|one| Some((one.name, one.tape()?)));
    let recorded: Vec<_> = recorded.map(|(name, tape)| (name, facts(&tape))).collect();
    let made_up: Vec<_> = SEEDS.map(|seed| facts(&crowd::tape(seed))).collect();
    let names: Vec<_> = recorded.iter().map(|(name, _)| *name).collect();
    println!("| | {} | made up |", names.join(" | "));
    println!("|---|{}", "---|".repeat(names.len() + 1));
    for (name, fact, _) in &FACTS {
        let values: Vec<_> = recorded.iter().map(|(_, of)| shown(fact(of))).collect();
        let all: Vec<_> = made_up.iter().map(fact).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        println!("| {name} | {} | {} to {} |", values.join(" | "), shown(least), shown(most));
    }
    let seeds = SEEDS.map(|seed| format!("seed {seed}")).zip(made_up);
    let recorded = recorded.into_iter().map(|(name, of)| (name.to_owned(), of));
    for (whose, of) in recorded.chain(seeds) {
        for (name, fact, (least, most)) in &FACTS {
            let found = fact(&of);
            assert!((least..=most).contains(&&found), "{whose}: {name}: {found}");
        }
    }
}

/// Three digits.
fn shown(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
