#![expect(clippy::float_cmp, reason = "the same sums by hand")]

use super::*;

/// No trade comes late.
const NEVER: (i64, i64) = (0, i64::MIN);

fn after(model: QueueModel, ahead: i64, before: i64, now: i64) -> f64 {
    let mut place = Place::behind(ahead);
    place.resize(model, before, now, NEVER);
    place.ahead
}

#[test]
fn risk_averse_moves_only_when_nobody_else_can_have_left() {
    assert_eq!(after(QueueModel::RiskAverse, 60, 100, 70), 60.0);
    assert_eq!(after(QueueModel::RiskAverse, 60, 100, 40), 40.0);
    assert_eq!(after(QueueModel::Fifo, 60, 100, 70), 60.0);
}

#[test]
fn power_shares_by_what_stands_where() {
    // 60 ahead and 40 behind: of 10 that leave, 6 stood ahead.
    assert_eq!(after(QueueModel::Power(1.0), 60, 100, 90), 54.0);
    // 3600 against 1600.
    let expected = 60.0 - 10.0 * 3600.0 / 5200.0;
    assert!((after(QueueModel::Power(2.0), 60, 100, 90) - expected).abs() < 1e-9);
}

#[test]
fn log_gives_the_short_part_more_than_power() {
    let expected = 90.0 - 10.0 * 91_f64.ln() / (91_f64.ln() + 11_f64.ln());
    let found = after(QueueModel::Log, 90, 100, 90);
    assert!((found - expected).abs() < 1e-9);
    assert!(found > after(QueueModel::Power(1.0), 90, 100, 90));
}

#[test]
fn who_is_last_moves_by_all_that_leaves() {
    for model in [QueueModel::Power(1.0), QueueModel::Power(3.0), QueueModel::Log] {
        assert_eq!(after(model, 100, 100, 90), 90.0, "{model:?}");
    }
}

#[test]
fn growth_and_an_empty_level() {
    let models =
        [QueueModel::RiskAverse, QueueModel::Power(2.0), QueueModel::Log, QueueModel::Fifo];
    for model in models {
        assert_eq!(after(model, 60, 100, 150), 60.0, "who comes stands behind, {model:?}");
        assert_eq!(after(model, 60, 100, 0), 0.0, "{model:?}");
        assert_eq!(after(model, 0, 0, 0), 0.0, "{model:?}");
    }
}

#[test]
fn a_part_of_a_lot_counts_as_one() {
    let mut place = Place::behind(60);
    place.resize(QueueModel::Power(1.0), 100, 99, NEVER);
    assert_eq!(place.ahead(), 60);
    place.advance(59);
    assert_eq!(place.ahead(), 1);
    place.advance(59);
    assert_eq!(place.ahead(), 0);
}

#[test]
fn a_trade_that_is_told_late_is_what_had_left_before() {
    for (model, left) in [(QueueModel::RiskAverse, 40), (QueueModel::Power(1.0), 24)] {
        let mut place = Place::behind(60);
        // 60 ahead and 40 behind, of which 60 were taken.
        place.resize(model, 100, 40, (0, 10));
        assert_eq!(place.ahead(), left, "{model:?}");
        assert_eq!(place.before(9), 60, "{model:?}");
        place.trade(9, 50);
        assert_eq!(place.before(9), 10, "{model:?}");
        place.trade(9, 10);
        assert_eq!(place.before(9), 0, "{model:?}");
    }
}

#[test]
fn a_trade_that_comes_too_late_is_another_one() {
    let mut place = Place::behind(60);
    place.resize(QueueModel::RiskAverse, 60, 20, (0, 10));
    assert_eq!((place.before(9), place.before(10)), (60, 20));
    place.trade(10, 15);
    assert_eq!(place.before(10), 5);
    // Each loss has its time; what is past is not kept alive by it.
    place.resize(QueueModel::RiskAverse, 5, 1, (10, 20));
    assert_eq!(place.before(10), 5);
}
