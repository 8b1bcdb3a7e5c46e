use proptest::prelude::*;
use rustonite_core::Decimal;

use super::*;

fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse::<Decimal>().unwrap()).unwrap()
}

const LINEAR: Contract = Contract { inverse: false, multiplier: Amount(10_i128.pow(18)) };

fn inverse() -> Contract {
    Contract { inverse: true, multiplier: amount("100") }
}

/// Takes fills of size and price; returns the position and all profit realised.
fn filled(contract: Contract, fills: &[(&str, &str)]) -> (Position, Amount) {
    let mut position = Position::default();
    let fill = |(size, price): &(&str, &str)| {
        position.fill(contract, amount(size), amount(price)).unwrap()
    };
    let realised = fills.iter().map(fill).sum();
    (position, realised)
}

#[test]
fn the_entry_is_the_average_and_stays_when_the_position_shrinks() {
    let (position, realised) = filled(LINEAR, &[("1", "100"), ("3", "200"), ("-2", "300")]);
    assert_eq!(position.price_entry, Some(amount("175")));
    assert_eq!((position.size, realised), (amount("2"), amount("250")));
    assert_eq!(position.pnl_unrealised(LINEAR, amount("180")), Some(amount("10")));
}

#[test]
fn a_short_earns_when_the_price_falls() {
    let (position, realised) = filled(LINEAR, &[("-4", "100"), ("1", "90")]);
    assert_eq!((position.size, realised), (amount("-3"), amount("10")));
    assert_eq!(position.pnl_unrealised(LINEAR, amount("110")), Some(amount("-30")));
}

#[test]
fn a_flip_closes_the_old_position_and_enters_the_new_one_at_the_fill() {
    let (position, realised) = filled(LINEAR, &[("2", "100"), ("-5", "130")]);
    assert_eq!((position.size, realised), (amount("-3"), amount("60")));
    assert_eq!(position.price_entry, Some(amount("130")));
}

#[test]
fn flat_has_no_entry_and_keeps_its_sums() {
    let (mut position, _) = filled(LINEAR, &[("2", "100"), ("-2", "101")]);
    assert_eq!((position.price_entry, position.pnl_realised), (None, amount("2")));
    position.fees = amount("0.5");
    assert_eq!(position.pnl_net(), amount("1.5"));
    position.fill(LINEAR, amount("1"), amount("100")).unwrap();
    assert_eq!((position.pnl_realised, position.fees), (amount("2"), amount("0.5")));
}

#[test]
fn an_inverse_contract_is_settled_in_what_it_is_about() {
    // 10 contracts of 100: bought at 50,000 and sold at 62,500: 1000/50000 - 1000/62500.
    let (position, realised) = filled(inverse(), &[("10", "50000"), ("-10", "62500")]);
    assert_eq!((position.size, realised), (Amount::ZERO, amount("0.004")));
    // The average of an inverse entry is harmonic.
    let (position, _) = filled(inverse(), &[("10", "40000"), ("10", "50000")]);
    let entry = position.price_entry.unwrap();
    assert_eq!(entry.truncated(6), amount("44444.444444"));
}

#[test]
fn what_cannot_be_counted_changes_nothing() {
    let (mut position, _) = filled(LINEAR, &[("1", "100")]);
    let before = position;
    assert_eq!(position.fill(LINEAR, Amount(i128::MAX), amount("1")), None);
    assert_eq!(position.fill(LINEAR, amount("1000000000000"), amount("1000000000000")), None);
    assert_eq!(position.fill(inverse(), amount("1"), Amount::ZERO), None);
    assert_eq!(position, before);
}

fn contracts() -> impl Strategy<Value = Contract> {
    prop_oneof![Just(LINEAR), Just(inverse())]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Profit and entry add up to the money that changed hands, to the last decimal, whatever the
    /// order of the fills.
    #[test]
    fn profit_and_entry_add_up_to_the_money(
        contract in contracts(),
        fills in prop::collection::vec((-5_000_i64..5_000, 1_i64..200_000), 1..40),
    ) {
        let units = |count: i64, scale: u32| Amount(i128::from(count) * 10_i128.pow(scale));
        let mut position = Position::default();
        let (mut realised, mut paid, mut size) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        for (lots, ticks) in fills.into_iter().filter(|(lots, _)| *lots != 0) {
            let (lots, price) = (units(lots, 15), units(ticks, 16));
            realised += position.fill(contract, lots, price).unwrap();
            paid += contract.worth(lots, price).unwrap();
            size += lots;
        }
        let entered = match position.price_entry {
            Some(entry) => contract.worth(position.size, entry).unwrap(),
            None => Amount::ZERO,
        };
        prop_assert_eq!(realised, entered - paid);
        prop_assert_eq!(position.size, size);
    }
}
