use super::*;

const COUNT: usize = 20_000;

fn delays(config: &LatencyConfig, message: Message) -> Vec<i64> {
    let mut latency = Latency::new(config);
    let mut delays: Vec<_> =
        (0..20_000).map(|turn| latency.delay(message, turn * 1_000_000)).collect();
    delays.sort_unstable();
    delays
}

fn with_feed(feed: Delay) -> LatencyConfig {
    LatencyConfig { seed: 7, feed, ..LatencyConfig::constant(5) }
}

#[test]
fn constant_is_constant() {
    assert!(delays(&LatencyConfig::constant(5), Message::Cancel).iter().all(|delay| *delay == 5));
}

#[test]
fn uniform_fills_its_range_and_no_more() {
    let delays = delays(&with_feed(Delay::Uniform { least: 100, largest: 199 }), Message::Feed);
    assert_eq!((delays[0], delays[COUNT - 1]), (100, 199));
    let mean = delays.iter().sum::<i64>() / 20_000;
    assert!((147..=152).contains(&mean), "mean {mean}");
}

#[test]
fn log_normal_has_its_median_and_its_spikes() {
    let quiet =
        Delay::LogNormal { median: 1_000_000, sigma: 0.3, spike_ppm: 0, spike_factor: 100.0 };
    let plain = delays(&with_feed(quiet), Message::Feed);
    assert!((980_000..=1_020_000).contains(&plain[COUNT / 2]), "median {}", plain[COUNT / 2]);
    // 1 in 741 is beyond three deviations, e^0.9 = 2.46.
    let beyond = plain.iter().filter(|delay| **delay > 2_460_000).count();
    assert!((10..=60).contains(&beyond), "{beyond} beyond three deviations");
    assert!(plain[COUNT - 1] < 10_000_000, "longest {}", plain[COUNT - 1]);

    let spiky =
        Delay::LogNormal { median: 1_000_000, sigma: 0.3, spike_ppm: 10_000, spike_factor: 100.0 };
    let spikes = delays(&with_feed(spiky), Message::Feed);
    let hit = spikes.iter().filter(|delay| **delay > 20_000_000).count();
    assert!((150..=250).contains(&hit), "{hit} of {COUNT} are spikes, 200 expected");
}

#[test]
fn bad_times_hit_all_kinds_together_and_last() {
    let bad = BadTimes { apart: 900_000_000, length: 100_000_000, factor: 10.0 };
    let config = LatencyConfig { bad_times: Some(bad), ..LatencyConfig::constant(1000) };
    let mut latency = Latency::new(&config);
    let (mut slow, mut turns, mut was) = (0_u32, 0_u32, false);
    for turn in 0..100_000 {
        let now = turn * 1_000_000;
        let feed = latency.delay(Message::Feed, now);
        assert_eq!(feed, latency.delay(Message::Response, now), "both at once");
        let is_slow = feed == 10_000;
        assert!(is_slow || feed == 1000);
        slow += u32::from(is_slow);
        turns += u32::from(is_slow != was);
        was = is_slow;
    }
    assert!((5000..=15_000).contains(&slow), "{slow} of 100000 slow, a tenth expected");
    // About 100 bad times of 100 messages each: neighbours share their fate.
    assert!((100..=300).contains(&turns), "{turns} turns");
}

#[test]
fn a_clock_that_jumps_does_not_keep_it_busy() {
    let bad = BadTimes { apart: 10, length: 1, factor: 2.0 };
    let config = LatencyConfig { bad_times: Some(bad), ..LatencyConfig::constant(1000) };
    let mut latency = Latency::new(&config);
    for now in [0, 1_800_000_000_000_000_000, i64::MAX - 1] {
        assert!(latency.delay(Message::Feed, now) >= 1000);
    }
}

#[test]
fn same_seed_same_delays_whatever_other_kinds_do() {
    let delay = Delay::Uniform { least: 0, largest: 1_000_000 };
    let config =
        |seed| LatencyConfig { seed, feed: delay, place: delay, ..LatencyConfig::constant(0) };
    let mut alone = Latency::new(&config(1));
    let mut shared = Latency::new(&config(1));
    let mut other = Latency::new(&config(2));
    let mut equal = 0;
    for now in 0..1000 {
        shared.delay(Message::Place, now);
        let delay = alone.delay(Message::Feed, now);
        assert_eq!(delay, shared.delay(Message::Feed, now));
        equal += u32::from(delay == other.delay(Message::Feed, now));
    }
    assert!(equal < 10, "another seed gives others");
}

#[test]
fn a_line_keeps_its_order_and_lines_do_not_wait_for_each_other() {
    let slow = Delay::Constant(1_000_000);
    let mut latency = Latency::new(&LatencyConfig { place: slow, ..LatencyConfig::constant(10) });
    assert_eq!(latency.arrival(Message::Place, 0), 1_000_000);
    assert_eq!(latency.arrival(Message::Cancel, 1), 1_000_000, "not before the order");
    assert_eq!(latency.arrival(Message::Response, 1), 11);
    assert_eq!(latency.arrival(Message::Feed, 1), 11);
    assert_eq!(latency.arrival(Message::Cancel, 2_000_000), 2_000_010);
}
