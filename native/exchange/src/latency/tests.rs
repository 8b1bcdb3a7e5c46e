use rustonite_sim::latency::{BadTimes, Delay, LatencyConfig};

use super::{read_latency, written};

const MS: i64 = 1_000_000;

fn of(json: &str) -> LatencyConfig {
    read_latency(json).unwrap().unwrap()
}

#[test]
fn one_time_is_the_delay_of_everything() {
    assert_eq!(of(r#""5ms""#), LatencyConfig::constant(5 * MS));
    assert_eq!(of(r#""1.5 ms""#), LatencyConfig::constant(1_500_000));
    assert_eq!(read_latency("null").unwrap(), None);
}

#[test]
fn each_kind_has_its_own_and_the_others_have_that_of_all() {
    let config = of(r#"{
        "seed": 7, "all": "1ms", "feed": {"least": "250us", "largest": "3ms"},
        "place": {"median": "2ms", "sigma": 0.4, "spikes": 0.001},
        "bad_times": {"apart": "1m", "length": "2s", "factor": 10}
    }"#);
    let expected = LatencyConfig {
        seed: 7,
        feed: Delay::Uniform { least: 250_000, largest: 3 * MS },
        place: Delay::LogNormal {
            median: 2 * MS,
            sigma: 0.4,
            spike_ppm: 1_000,
            spike_factor: 10.0,
        },
        bad_times: Some(BadTimes { apart: 60_000 * MS, length: 2_000 * MS, factor: 10.0 }),
        ..LatencyConfig::constant(MS)
    };
    assert_eq!(config, expected);
    assert_eq!(of(r#"{"cancel": "2ms"}"#).place, Delay::Constant(0));
}

#[test]
fn what_is_shown_can_be_set_again() {
    let config = LatencyConfig {
        seed: 3,
        feed: Delay::Uniform { least: 1, largest: 90_000 * MS },
        amend: Delay::LogNormal { median: 1_500, sigma: 1.0, spike_ppm: 7, spike_factor: 2.5 },
        bad_times: Some(BadTimes { apart: 1, length: 2, factor: 3.0 }),
        ..LatencyConfig::constant(2 * MS)
    };
    assert_eq!(of(&written(Some(&config)).to_string()), config);
    assert_eq!(read_latency(&written(None).to_string()).unwrap(), None);
}

#[test]
fn what_cannot_be_is_named_with_what_was_expected() {
    let cases = [
        ("{", "latency: EOF"),
        ("5", "latency: found 5, expected a time such as 5ms"),
        (r#""5""#, r#"latency: found "5", expected a time such as 5ms"#),
        (r#""-5ms""#, r#"latency: found "-5ms", expected a time from 0s to 1h"#),
        (r#""2h""#, r#"latency: found "2h", expected a time from 0s to 1h"#),
        (r#"{"plaec": "5ms"}"#, "latency.plaec: unknown key; did you mean place?"),
        (r#"{"seed": -1}"#, "latency.seed: found -1, expected a whole number from 0"),
        (r#"{"feed": []}"#, "latency.feed: found [], expected a time such as 5ms"),
        (r#"{"feed": {"least": "1ms"}}"#, "latency.feed.largest: found null, expected a time"),
        (
            r#"{"feed": {"least": "2ms", "largest": "1ms"}}"#,
            r#"latency.feed.largest: found "1ms", expected at least 2ms"#,
        ),
        (r#"{"feed": {"sigm": 1}}"#, "latency.feed.sigm: unknown key; did you mean sigma?"),
        (
            r#"{"all": {"median": "1ms", "sigma": "NaN"}}"#,
            r#"latency.all.sigma: found "NaN", expected a number from 0 to 10"#,
        ),
        (r#"{"all": {"median": "1ms"}}"#, "latency.all.sigma: found null, expected a number"),
        (
            r#"{"all": {"median": "1ms", "sigma": 1, "spikes": 2}}"#,
            "latency.all.spikes: found 2, expected a number from 0 to 1",
        ),
        (r#"{"bad_times": 1}"#, "latency.bad_times: found 1, expected a table with apart"),
        (
            r#"{"bad_times": {"apart": "1s", "length": "1s", "factor": 0.5}}"#,
            "latency.bad_times.factor: found 0.5, expected a number from 1 to 1000000",
        ),
    ];
    for (json, expected) in cases {
        let error = read_latency(json).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{json}: {error}");
    }
}
