//! What the benches share: figures for `benches/compare.py`.
//!
//! A bench prints for people. What it also keeps here goes into a file of its own, a JSON object on a
//! line, if `RUSTONITE_BENCH_OUT` names one.

use std::fs::OpenOptions;
use std::io::{self, Write as _};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

/// Keeps figures of ours: `what` was measured in `unit`, each figure by the name of its statistic.
///
/// # Errors
/// The file cannot be written.
pub fn keep(group: &str, what: &str, unit: &str, figures: &[(&str, f64)]) -> io::Result<()> {
    keep_of("rustonite", group, what, unit, figures)
}

/// Keeps figures of a peer.
///
/// # Errors
/// The file cannot be written.
pub fn keep_of(
    system: &str,
    group: &str,
    what: &str,
    unit: &str,
    figures: &[(&str, f64)],
) -> io::Result<()> {
    let Some(path) = std::env::var_os("RUSTONITE_BENCH_OUT") else { return Ok(()) };
    let figures: Map<String, Value> =
        figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let line = json!({
        "group": group, "what": what, "system": system, "unit": unit, "figures": figures,
    });
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "{line}")
}

/// The percentiles of a histogram, each divided by `scale`.
#[must_use]
pub fn percentiles(times: &Histogram<u64>, scale: f64) -> [(&'static str, f64); 4] {
    #[allow(clippy::cast_precision_loss, reason = "times of benches are far below 2^53 ns")]
    let at = |quantile| times.value_at_quantile(quantile) as f64 / scale;
    [("p50", at(0.5)), ("p99", at(0.99)), ("p99.9", at(0.999)), ("max", at(1.0))]
}
