//! Facts of real markets that the flow has to show. Bounds are loose, seeds are fixed.

use super::*;

/// What a long run looked like.
struct Run {
    venue: Venue,
    /// Spread in ticks after each command, while both sides were there.
    spreads: Vec<i64>,
    /// Side and size of what each taker got.
    takers: Vec<(Side, i64)>,
    /// Takers of each second.
    counts: Vec<f64>,
    /// Middle price at each second.
    middles: Vec<f64>,
    /// Commands in a row, at the most, for which a side was missing.
    one_sided_most: u64,
    levels_least: usize,
}

fn run(seed: u64, commands: u64) -> Run {
    let mut venue = Venue::new(seed, Kind::Spot);
    let (mut spreads, mut takers, mut middles) = (Vec::new(), Vec::new(), Vec::new());
    let (mut counts, mut one_sided, mut one_sided_most) = (Vec::new(), 0, 0);
    let mut levels_least = usize::MAX;
    for number in 0..commands {
        venue.step();
        let second = usize::try_from((venue.now - START) / 1_000_000_000).expect("later");
        counts.resize(second + 1, 0.0);
        if let Some(taken) = taken(&venue.events) {
            takers.push(taken);
            counts[second] += 1.0;
        }
        // The first commands fund accounts and fill the book.
        if number < 5000 {
            continue;
        }
        let (Some(bid), Some(ask)) = venue.touch() else {
            one_sided += 1;
            one_sided_most = one_sided.max(one_sided_most);
            continue;
        };
        one_sided = 0;
        spreads.push(ask - bid);
        middles.resize(second + 1, float(bid + ask) / 2.0);
        if number % 1000 == 0 {
            let levels = |side| venue.exchange.levels(0, side).count();
            levels_least = levels_least.min(levels(Side::Buy)).min(levels(Side::Sell));
        }
    }
    let middles = middles.into_iter().filter(|middle| *middle > 0.0).collect();
    Run { venue, spreads, takers, counts, middles, one_sided_most, levels_least }
}

fn taken(events: &[Event]) -> Option<(Side, i64)> {
    let mut taken = None;
    for event in events {
        if let Event::Trade { taker_side, quantity, .. } = event {
            taken = Some((*taker_side, taken.map_or(0, |(_, sum)| sum) + quantity));
        }
    }
    taken
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / float(i64::try_from(values.len()).expect("small"))
}

/// Correlation of a row with itself so many places later.
fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let mean = mean(values);
    let apart = |value: &f64| value - mean;
    let both: f64 = values.iter().zip(&values[lag..]).map(|(a, b)| apart(a) * apart(b)).sum();
    both / values.iter().map(|value| apart(value).powi(2)).sum::<f64>()
}

/// The value that so many hundredths of a row are below.
fn percentile<T: Ord + Copy>(values: &[T], hundredths: usize) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) * hundredths / 100]
}

#[test]
fn a_quarter_of_a_million_commands() {
    for seed in [1, 2] {
        let run = run(seed, 250_000);
        let Run { venue, spreads, takers, counts, middles, .. } = &run;
        assert!(venue.refused * 50 < venue.commands, "{} of {}", venue.refused, venue.commands);
        assert!(run.one_sided_most < 20, "a side was missing for {}", run.one_sided_most);
        assert!(run.levels_least >= 20, "a side had {} levels", run.levels_least);

        let (median, rare) = (percentile(spreads, 50), percentile(spreads, 99));
        assert!((20..=120).contains(&median), "usual spread {median} ticks, 60 asked for");
        assert!(rare > median && rare < 300, "one in a hundred: {rare} ticks");

        let signs: Vec<f64> =
            takers.iter().map(|(side, _)| if *side == Side::Buy { 1.0 } else { -1.0 }).collect();
        assert!(mean(&signs).abs() < 0.2, "neither side takes more: {}", mean(&signs));
        for lag in [1, 5] {
            let memory = autocorrelation(&signs, lag);
            assert!(memory > 0.05, "signs at lag {lag}: {memory}");
        }

        let sizes: Vec<i64> = takers.iter().map(|(_, size)| *size).collect();
        let (usual, large) = (percentile(&sizes, 50), percentile(&sizes, 99));
        assert!(large > 8 * usual, "one in a hundred is large: {large}, usual {usual}");

        for lag in [1, 3] {
            let clustering = autocorrelation(&counts[5..], lag);
            assert!(clustering > 0.1, "takers in a second, lag {lag}: {clustering}");
        }

        let returns: Vec<f64> =
            middles.windows(2).map(|pair| (pair[1] / pair[0]).ln().abs()).collect();
        let clustering = autocorrelation(&returns, 1);
        assert!(clustering > 0.05, "sizes of moves: {clustering}");
    }
}

#[test]
fn a_million_commands_stay_sane() {
    let run = run(3, 1_000_000);
    assert!(run.venue.refused * 50 < run.venue.commands, "{}", run.venue.refused);
    assert!(run.one_sided_most < 20, "a side was missing for {}", run.one_sided_most);
    let (least, largest) =
        run.middles.iter().fold((f64::INFINITY, 0_f64), |(least, largest), middle| {
            (least.min(*middle), largest.max(*middle))
        });
    assert!(least > 5_000_000.0 && largest < 7_200_000.0, "{least} to {largest}");
    assert!(largest / least > 1.001, "and it moves: {least} to {largest}");
    // Orders do not pile up.
    let open: usize = (0..23).map(|account| run.venue.exchange.open_orders(account).count()).sum();
    assert!((50..2000).contains(&open), "{open} orders are open");
}
