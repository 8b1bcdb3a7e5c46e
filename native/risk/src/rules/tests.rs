use proptest::prelude::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{ContractKind, InstrumentKind, InstrumentStatus};
use rustonite_core::instrument::Instrument;

use super::{Class, Rules, scaled};
use crate::code::Code;

fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

fn instrument(tick: &str, lot: &str, multiplier: &str) -> Instrument {
    Instrument {
        venue: "sim".into(),
        symbol: "X".into(),
        kind: InstrumentKind::Spot,
        contract: None,
        base: "BTC".into(),
        quote: "USD".into(),
        settle: "USD".into(),
        tick: amount(tick),
        lot: amount(lot),
        multiplier: amount(multiplier),
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (Some(amount("5")), Some(amount("10"))),
        status: InstrumentStatus::Trading,
    }
}

#[test]
fn points_are_the_finest_decimal_of_tick_and_lot() {
    let rules = Rules::of(&instrument("0.25", "0.0010", "1")).unwrap();
    assert_eq!((rules.price_decimals, rules.size_decimals), (2, 3));
    assert_eq!((rules.tick.size, rules.lot.size), (25, 1));
    assert_eq!((rules.product_min, rules.product_max), (500_000, 1_000_000));
    assert_eq!(rules.quote_of(500_000), amount("5"));
    assert_eq!(rules.per_product(amount("1")), Some(10_000_000_000_000));
    assert_eq!(rules.per_product(amount("0.5")), Some(5_000_000_000_000));
}

#[test]
fn limits_between_two_points_are_rounded_inward() {
    let mut odd = instrument("0.01", "0.1", "1");
    odd.price = (Some(amount("0.015")), Some(amount("9.999")));
    odd.size = (Some(amount("0.15")), Some(amount("9.99")));
    let rules = Rules::of(&odd).unwrap();
    assert_eq!((rules.price_min, rules.price_max), (2, 999));
    assert_eq!((rules.size_min, rules.size_max), (2, 99));
}

#[test]
fn an_inverse_contract_is_worth_its_size_whatever_the_price() {
    let kind = InstrumentKind::Perpetual;
    let contract = Some(ContractKind::Inverse);
    let rules = Rules::of(&Instrument { kind, contract, ..instrument("0.5", "1", "100") }).unwrap();
    assert_eq!(rules.class, Class::Inverse);
    let worth = Some(amount("100").0);
    assert_eq!(rules.per_product(amount("1")), worth);
    assert_eq!(
        (rules.per_size(1, amount("1")), rules.per_size(99_999, amount("1"))),
        (worth, worth)
    );
}

#[test]
fn what_cannot_be_valued_is_said() {
    let quanto = Instrument {
        kind: InstrumentKind::Perpetual,
        contract: Some(ContractKind::Quanto),
        ..instrument("1", "1", "1")
    };
    for bad in
        [quanto, instrument("0", "1", "1"), instrument("1", "-1", "1"), instrument("1", "1", "0")]
    {
        assert_eq!(Rules::of(&bad).unwrap_err(), Code::InstrumentUnsupported);
    }
}

#[test]
fn money_buys_whole_lots_rounded_up() {
    let rules = Rules::of(&instrument("0.01", "0.002", "1")).unwrap();
    assert_eq!(rules.size_of_quote(amount("10"), 10_000), Some(100));
    assert_eq!(rules.size_of_quote(amount("10.01"), 10_000), Some(102));
    assert_eq!(rules.size_of_quote(amount("10"), 0), None);
}

proptest! {
    #[test]
    fn a_price_survives_the_way_there_and_back(points in any::<i64>()) {
        let rules = Rules::of(&instrument("0.01", "0.001", "1")).unwrap();
        let there = rules.price_amount(points);
        let back = rules.price(there);
        let fits = points != i64::MIN && points != i64::MAX;
        if fits { prop_assert_eq!(back, Ok(points)); }
    }

    #[test]
    fn a_scaled_product_is_rounded_up(one in 0_i64.., other in 0_i64..1_000_000, less in 0_u32..18) {
        let exact = i128::from(one) * i128::from(other);
        let divisor = 10_i128.pow(less);
        let expected = exact / divisor + i128::from(exact % divisor != 0);
        prop_assert_eq!(scaled(&[one.into(), other.into()], less), Some(expected));
    }
}
