//! How long messages take, as people write it.
//!
//! A time is a text such as `5ms`. One alone is the delay of everything; a table has one for each
//! kind of message.

use jiff::SignedDuration;
use rustonite_core::hint::hint;
use rustonite_sim::latency::{BadTimes, Delay, LatencyConfig};
use serde_json::{Map, Value, json};

use crate::error::{ExchangeError, Result};

#[cfg(test)]
mod tests;

const KINDS: [&str; 5] = ["feed", "place", "amend", "cancel", "response"];
/// Settings besides the kinds.
const OTHERS: [&str; 3] = ["all", "seed", "bad_times"];
/// Nobody waits longer for a message.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
const SIGMA_MAX: f64 = 10.0;
const FACTOR_MAX: f64 = 1e6;
/// How much longer a spike takes if nobody says.
const SPIKE_FACTOR: f64 = 10.0;
const MILLION: f64 = 1e6;

/// Reads what `latency` is set to; none if it is null.
///
/// # Errors
/// The first key or value that cannot be, and what was expected.
pub fn read_latency(json: &str) -> Result<Option<LatencyConfig>> {
    let found: Value = serde_json::from_str(json)
        .map_err(|error| ExchangeError::invalid("latency", error.to_string()))?;
    match &found {
        Value::Null => Ok(None),
        Value::Object(table) => all(&Table { path: "latency".to_owned(), table }).map(Some),
        time => nanoseconds("latency", time).map(|delay| Some(LatencyConfig::constant(delay))),
    }
}

/// The same backwards.
pub(crate) fn written(config: Option<&LatencyConfig>) -> Value {
    let Some(config) = config else { return Value::Null };
    let delays = [config.feed, config.place, config.amend, config.cancel, config.response];
    let mut table: Map<_, _> =
        KINDS.iter().zip(delays).map(|(kind, delay)| ((*kind).to_owned(), shown(delay))).collect();
    table.insert("seed".to_owned(), json!(config.seed));
    if let Some(BadTimes { apart, length, factor }) = config.bad_times {
        let times = json!({"apart": time(apart), "length": time(length), "factor": factor});
        table.insert("bad_times".to_owned(), times);
    }
    Value::Object(table)
}

fn shown(delay: Delay) -> Value {
    match delay {
        Delay::Constant(delay) => json!(time(delay)),
        Delay::Uniform { least, largest } => {
            json!({"least": time(least), "largest": time(largest)})
        }
        Delay::LogNormal { median, sigma, spike_ppm, spike_factor } => json!({
            "median": time(median), "sigma": sigma, "spikes": f64::from(spike_ppm) / MILLION,
            "spike_factor": spike_factor,
        }),
    }
}

fn time(nanoseconds: i64) -> String {
    format!("{:#}", SignedDuration::from_nanos(nanoseconds))
}

fn all(table: &Table<'_>) -> Result<LatencyConfig> {
    table.check(&[&KINDS[..], &OTHERS].concat())?;
    let rest =
        table.get("all").map_or(Ok(Delay::Constant(0)), |found| delay(table, "all", found))?;
    let [feed, place, amend, cancel, response] = KINDS.map(|kind| match table.get(kind) {
        Some(found) => delay(table, kind, found),
        None => Ok(rest),
    });
    let seed = table.get("seed").map_or(Some(1), Value::as_u64);
    Ok(LatencyConfig {
        seed: seed.ok_or_else(|| table.wrong("seed", "a whole number from 0"))?,
        feed: feed?,
        place: place?,
        amend: amend?,
        cancel: cancel?,
        response: response?,
        bad_times: table.get("bad_times").map(|found| bad_times(table, found)).transpose()?,
    })
}

fn delay(parent: &Table<'_>, kind: &str, found: &Value) -> Result<Delay> {
    let Value::Object(fields) = found else {
        return nanoseconds(&parent.at(kind), found).map(Delay::Constant);
    };
    let table = Table { path: parent.at(kind), table: fields };
    if fields.contains_key("least") || fields.contains_key("largest") {
        return uniform(&table);
    }
    table.check(&["median", "sigma", "spikes", "spike_factor", "least", "largest"])?;
    let spikes = table.number("spikes", Some(0.0), 0.0..=1.0)?;
    Ok(Delay::LogNormal {
        median: table.time("median")?,
        sigma: table.number("sigma", None, 0.0..=SIGMA_MAX)?,
        spike_ppm: parts_of_a_million(spikes),
        spike_factor: table.number("spike_factor", Some(SPIKE_FACTOR), 1.0..=FACTOR_MAX)?,
    })
}

fn uniform(table: &Table<'_>) -> Result<Delay> {
    table.check(&["least", "largest"])?;
    let (least, largest) = (table.time("least")?, table.time("largest")?);
    if largest < least {
        return Err(table.wrong("largest", &format!("at least {}", time(least))));
    }
    Ok(Delay::Uniform { least, largest })
}

fn bad_times(parent: &Table<'_>, found: &Value) -> Result<BadTimes> {
    let expected = "a table with apart, length and factor";
    let fields = found.as_object().ok_or_else(|| parent.wrong("bad_times", expected))?;
    let table = Table { path: parent.at("bad_times"), table: fields };
    table.check(&["apart", "length", "factor"])?;
    Ok(BadTimes {
        apart: table.time("apart")?,
        length: table.time("length")?,
        factor: table.number("factor", None, 1.0..=FACTOR_MAX)?,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of 1")]
fn parts_of_a_million(part: f64) -> u32 {
    (part * MILLION).round() as u32
}

fn nanoseconds(key: &str, found: &Value) -> Result<i64> {
    let wrong = |expected: &str| wrong(key, found, expected);
    let parsed = found.as_str().and_then(|text| text.parse::<SignedDuration>().ok());
    let time = parsed.ok_or_else(|| wrong("a time such as 5ms"))?;
    if time.is_negative() || time > LONGEST {
        return Err(wrong(&format!("a time from 0s to {LONGEST:#}")));
    }
    i64::try_from(time.as_nanos()).map_err(|_| wrong("a time such as 5ms"))
}

fn wrong(key: &str, found: &Value, expected: &str) -> ExchangeError {
    ExchangeError::invalid(key, format!("found {found}, expected {expected}"))
}

/// A table, and where it stands.
struct Table<'a> {
    path: String,
    table: &'a Map<String, Value>,
}

impl<'a> Table<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key)
    }

    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn wrong(&self, key: &str, expected: &str) -> ExchangeError {
        wrong(&self.at(key), self.get(key).unwrap_or(&Value::Null), expected)
    }

    fn check(&self, known: &[&str]) -> Result<()> {
        let Some(unknown) = self.table.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let near = hint(unknown, known.iter().copied());
        Err(ExchangeError::invalid(&self.at(unknown), format!("unknown key; {near}")))
    }

    fn time(&self, key: &str) -> Result<i64> {
        let found = self.get(key).ok_or_else(|| self.wrong(key, "a time such as 5ms"))?;
        nanoseconds(&self.at(key), found)
    }

    fn number(
        &self,
        key: &str,
        usual: Option<f64>,
        range: core::ops::RangeInclusive<f64>,
    ) -> Result<f64> {
        let found = self.get(key).map_or(usual, Value::as_f64);
        found.filter(|number| range.contains(number)).ok_or_else(|| {
            self.wrong(key, &format!("a number from {} to {}", range.start(), range.end()))
        })
    }
}
