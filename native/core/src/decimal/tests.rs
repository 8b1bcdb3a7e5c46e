//! Tables of edge cases, then properties against independent references that work on digit text.

use std::collections::hash_map::DefaultHasher;

use proptest::prelude::*;

use super::*;

fn decimal(lexeme: &str) -> Decimal {
    Decimal::parse(lexeme.as_bytes()).expect("a valid lexeme")
}

fn parts(lexeme: &str) -> (i128, i32) {
    let value = decimal(lexeme);
    (value.mantissa(), value.exponent())
}

fn lexeme_fault(lexeme: &[u8]) -> LexemeFault {
    match Decimal::parse(lexeme) {
        Err(DecimalError::Lexeme(fault)) => *fault,
        other => panic!("{}: {other:?}", lexeme.escape_ascii()),
    }
}

fn hash_of(value: Decimal) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn lexemes_read_as_mantissa_and_exponent() {
    let nines = "9".repeat(38);
    let table = [
        ("0", (0, 0)),
        ("0.00", (0, -2)),
        ("-0", (0, 0)),
        ("-0.0", (0, -1)),
        ("0e400", (0, 400)),
        ("60123.45", (6_012_345, -2)),
        ("+1.5", (15, -1)),
        ("-1.500", (-1500, -3)),
        (".5", (5, -1)),
        ("-.5", (-5, -1)),
        ("007.10", (710, -2)),
        ("0.00000100", (100, -8)),
        ("0000000000000000000000001", (1, 0)),
        ("1e-08", (1, -8)),
        ("1E+3", (1, 3)),
        ("12.5e2", (125, 1)),
        ("1.0e00000000000000000000001", (10, 0)),
        ("12345678", (12_345_678, 0)),
        ("1234567890123456", (1_234_567_890_123_456, 0)),
        ("12345678901234567", (12_345_678_901_234_567, 0)),
        ("123456789.0123456789", (1_234_567_890_123_456_789, -10)),
        ("0.12345678901234567890", (12_345_678_901_234_567_890, -20)),
        (&nines, (10_i128.pow(38) - 1, 0)),
    ];
    for (lexeme, expected) in table {
        assert_eq!(parts(lexeme), expected, "{lexeme}");
    }
}

#[test]
fn exponents_are_bounded_after_the_point_is_removed() {
    assert_eq!(parts("1e400"), (1, 400));
    assert_eq!(parts("1e-400"), (1, -400));
    assert_eq!(parts("1.5e401"), (15, 400));
    let many_zeros = format!("0.{}1e500", "0".repeat(499));
    assert_eq!(parts(&many_zeros), (1, 0));
    let lowest = format!("0.{}", "0".repeat(400));
    assert_eq!(parts(&lowest), (0, -400));
    for (lexeme, position) in
        [("1e401", 1), ("1.5e-400", 3), ("0e-401", 1), ("1e99999999999999999999", 1)]
    {
        let fault = lexeme_fault(lexeme.as_bytes());
        assert_eq!(
            (fault.position, fault.expected),
            (position, "an exponent within 400 of zero"),
            "{lexeme}"
        );
    }
    let too_low = format!("0.{}1", "0".repeat(400));
    assert_eq!(lexeme_fault(too_low.as_bytes()).position, 403);
}

#[test]
fn faults_name_the_place_and_what_was_expected() {
    let table: [(&[u8], usize, &str); 27] = [
        (b"", 0, "a digit or `.`"),
        (b"-", 1, "a digit or `.`"),
        (b"+", 1, "a digit or `.`"),
        (b"--1", 1, "a digit or `.`"),
        (b"+-1", 1, "a digit or `.`"),
        (b"e5", 0, "a digit or `.`"),
        (b"NaN", 0, "a digit or `.`"),
        (b"-inf", 1, "a digit or `.`"),
        (b" 1", 0, "a digit or `.`"),
        (b"\"1\"", 0, "a digit or `.`"),
        (b".", 1, "a digit"),
        (b"-.", 2, "a digit"),
        (b"5.", 2, "a digit"),
        (b"5.e1", 2, "a digit"),
        (b"..5", 1, "a digit"),
        (b"1..5", 2, "a digit"),
        (b"1.2.3", 3, "a digit, `e` or the end"),
        (b"1.2-", 3, "a digit, `e` or the end"),
        (b"1,5", 1, "a digit, `.`, `e` or the end"),
        (b"1 ", 1, "a digit, `.`, `e` or the end"),
        (b"0x10", 1, "a digit, `.`, `e` or the end"),
        (b"1\0", 1, "a digit, `.`, `e` or the end"),
        (b"1e", 2, "a digit of the exponent"),
        (b"1e+", 3, "a digit of the exponent"),
        (b"1e--1", 3, "a digit of the exponent"),
        (b"1e5.0", 3, "a digit or the end"),
        (b"12\xff34", 2, "a digit, `.`, `e` or the end"),
    ];
    for (lexeme, position, expected) in table {
        let fault = lexeme_fault(lexeme);
        assert_eq!((fault.position, fault.expected), (position, expected), "{:?}", fault.text);
        assert!(matches!(parse_f64(lexeme), Err(DecimalError::Lexeme(same)) if *same == fault));
        assert!(
            matches!(parse_scaled(lexeme, 8), Err(DecimalError::Lexeme(same)) if *same == fault)
        );
    }
}

#[test]
fn digits_beyond_38_are_refused_even_when_zero() {
    let kept = format!("00.{}", "1".repeat(38));
    assert_eq!(parts(&kept).1, -38);
    let long = format!("{}.{}", "1".repeat(20), "0".repeat(19));
    let fault = lexeme_fault(long.as_bytes());
    assert_eq!((fault.position, fault.expected), (39, "at most 38 significant digits"));
    assert_eq!(lexeme_fault("9".repeat(39).as_bytes()).position, 38);
}

#[test]
fn errors_are_small_and_quote_a_bounded_text() {
    assert!(size_of::<DecimalError>() <= 16);
    let message = Decimal::parse(b"12x4").expect_err("not a decimal").to_string();
    assert_eq!(message, "bad decimal \"12x4\" at byte 2: expected a digit, `.`, `e` or the end");
    let fault = lexeme_fault("1".repeat(100).as_bytes());
    assert_eq!(fault.text, format!("{}...", "1".repeat(40)));
    assert_eq!(lexeme_fault(b"\xff\n").text, "\\xff\\n");
    let off_tick = decimal("0.3").to_ticks(decimal("0.25")).expect_err("between ticks");
    assert_eq!(off_tick.to_string(), "0.3 is not a multiple of tick 0.25");
    let off_scale = decimal("0.123").to_scale(2).expect_err("too fine");
    assert_eq!(off_scale.to_string(), "0.123 is not a whole number at scale 2");
}

#[test]
fn new_enforces_the_bounds() {
    let limit = 10_i128.pow(38);
    assert!(Decimal::new(limit - 1, 400).is_ok() && Decimal::new(1 - limit, -400).is_ok());
    for mantissa in [limit, -limit, i128::MAX, i128::MIN] {
        assert_eq!(Decimal::new(mantissa, 0), Err(DecimalError::TooManyDigits));
    }
    for exponent in [401, -401, i32::MAX, i32::MIN] {
        assert_eq!(Decimal::new(1, exponent), Err(DecimalError::ExponentOutOfRange { exponent }));
        assert!(Decimal::from_scale(1, exponent).is_err());
    }
}

#[test]
fn display_keeps_every_digit_in_plain_notation() {
    let table = [
        ((1500, -3), "1.500"),
        ((1, -8), "0.00000001"),
        ((12, 3), "12000"),
        ((0, 3), "0"),
        ((0, -2), "0.00"),
        ((-5, -1), "-0.5"),
        ((-123, -3), "-0.123"),
        ((123, -2), "1.23"),
        ((i128::from(u64::MAX), 0), "18446744073709551615"),
    ];
    for ((mantissa, exponent), expected) in table {
        let value = Decimal::new(mantissa, exponent).expect("within bounds");
        assert_eq!(value.to_string(), expected);
    }
    let longest = Decimal::new(1 - 10_i128.pow(38), 400).expect("within bounds").to_string();
    assert_eq!(longest, format!("-{}{}", "9".repeat(38), "0".repeat(400)));
    let smallest = Decimal::new(1, -400).expect("within bounds").to_string();
    assert_eq!(smallest, format!("0.{}1", "0".repeat(399)));
    assert_eq!(
        format!("{:>8}|{:<8}|{:+}", decimal("-1.5"), decimal("1.50"), decimal("2")),
        "    -1.5|1.50    |+2"
    );
    assert_eq!("2.50".parse::<Decimal>(), Ok(decimal("2.5")));
}

#[test]
fn floats_are_correctly_rounded_at_the_edges() {
    let table = [
        ("9007199254740992", 9_007_199_254_740_992.0, false),
        ("9007199254740993", 9_007_199_254_740_992.0, true), // tie, to even: down
        ("9007199254740995", 9_007_199_254_740_996.0, true), // tie, to even: up
        ("9007199254740993.00000000000000000001", 9_007_199_254_740_994.0, true),
        ("0.1", 0.1, false),
        ("0.10000000000000000000000000000000", 0.1, false),
        ("0.1000000000000000055511151231257827", 0.1, true), // equals the float, prints as 0.1
        ("0.3", 0.3, false),
        ("0.30000000000000004", 0.1 + 0.2, false),
        ("1e22", 1e22, false),
        ("1e23", 1e23, false),
        ("123456789012345.67", 123_456_789_012_345.67, false),
        ("0.123456789012345678", 0.123_456_789_012_345_68, true),
        ("1.7976931348623157e308", f64::MAX, false),
        ("1.7976931348623158e308", f64::MAX, true),
        ("1.7976931348623159e308", f64::INFINITY, true),
        ("-1e400", f64::NEG_INFINITY, true),
        ("5e-324", f64::from_bits(1), false),
        ("4e-324", f64::from_bits(1), true),
        ("3e-324", f64::from_bits(1), true),
        ("2e-324", 0.0, true),
        ("-1e-400", 0.0, true),
        ("2.2250738585072011e-308", 2.225_073_858_507_201e-308, true),
        ("2.225073858507201e-308", 2.225_073_858_507_201e-308, false),
        ("2.2250738585072014e-308", f64::MIN_POSITIVE, false),
        ("0", 0.0, false),
        ("-0", 0.0, false),
        ("-0.00", 0.0, false),
        ("0e-400", 0.0, false),
        ("0e400", 0.0, false),
    ];
    for (lexeme, expected, inexact) in table {
        let (value, flag) = decimal(lexeme).to_f64_flagged();
        assert_eq!((value.to_bits(), flag), (expected.to_bits(), inexact), "{lexeme}");
        assert_eq!(decimal(lexeme).to_f64().to_bits(), expected.to_bits(), "{lexeme}");
    }
}

#[test]
fn parse_f64_refuses_infinite_results() {
    let beyond = DecimalError::FloatOverflow(Box::new(decimal("1e309")));
    assert_eq!(parse_f64(b"1e309"), Err(beyond));
    assert!(parse_f64(b"-1.7976931348623159e308").is_err());
    assert_eq!(parse_f64(b"1e-400"), Ok((0.0, true)));
    let (zero, _) = parse_f64(b"-1e-400").expect("a valid lexeme");
    assert!(zero.is_sign_positive());
    let (zero, inexact) = parse_f64(b"-0.000").expect("a valid lexeme");
    assert_eq!((zero.to_bits(), inexact), (0, false));
}

#[test]
fn floats_read_back_as_their_shortest_digits() {
    for (value, expected) in [
        (0.1, "0.1"),
        (-0.0, "0"),
        (12000.0, "12000"),
        (1e-8, "0.00000001"),
        (0.1 + 0.2, "0.30000000000000004"),
    ] {
        assert_eq!(Decimal::from_f64(value).expect("finite").to_string(), expected);
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Decimal::from_f64(value), Err(DecimalError::NotFinite));
    }
}

#[test]
fn scales_are_exact_or_errors() {
    assert_eq!(decimal("1.5").to_scale(2), Ok(150));
    assert_eq!(decimal("-1.500").to_scale(1), Ok(-15));
    assert_eq!(decimal("1200").to_scale(-2), Ok(12));
    assert_eq!(decimal("0e-400").to_scale(i32::MIN), Ok(0));
    assert_eq!(decimal("0e400").to_scale(i32::MAX), Ok(0));
    let nines = 10_i128.pow(38) - 1;
    assert_eq!(decimal(&"9".repeat(38)).to_scale(0), Ok(nines));
    for (lexeme, scale) in [("1.501", 2), ("1200", -3), ("1e-400", 0), ("1e-400", i32::MIN)] {
        let refused = decimal(lexeme).to_scale(scale);
        assert!(matches!(refused, Err(DecimalError::NotAtScale { .. })), "{lexeme}");
    }
    for (lexeme, scale) in [("1", 38), ("1e400", 0), ("1e400", i32::MAX), ("-100", 36)] {
        let refused = decimal(lexeme).to_scale(scale);
        assert!(matches!(refused, Err(DecimalError::ScaleOverflow { .. })), "{lexeme}");
    }
}

#[test]
fn parse_scaled_covers_the_whole_of_i64() {
    assert_eq!(parse_scaled(b"60123.45", 2), Ok(6_012_345));
    assert_eq!(parse_scaled(b"0.00012300", 6), Ok(123));
    assert_eq!(parse_scaled(b"1e-8", 8), Ok(1));
    assert_eq!(parse_scaled(b"1200", -2), Ok(12));
    assert_eq!(parse_scaled(b"9223372036854775807", 0), Ok(i64::MAX));
    assert_eq!(parse_scaled(b"-9.223372036854775808", 18), Ok(i64::MIN));
    for lexeme in [&b"9223372036854775808"[..], b"-9223372036854775809", b"99999999999"] {
        let scale = if lexeme.len() == 11 { 18 } else { 0 };
        assert!(matches!(parse_scaled(lexeme, scale), Err(DecimalError::ScaleOverflow { .. })));
    }
    assert!(matches!(parse_scaled(b"0.125", 2), Err(DecimalError::NotAtScale { .. })));
    assert!(matches!(parse_scaled(b"0.1", i32::MIN), Err(DecimalError::NotAtScale { .. })));
    assert!(matches!(parse_scaled(b"1", i32::MAX), Err(DecimalError::ScaleOverflow { .. })));
}

#[test]
fn ticks_of_any_size_are_exact_or_errors() {
    let table = [
        ("60123.25", "0.25", 240_493),
        ("60123.5", "0.50", 120_247),
        ("-1.5", "0.5", -3),
        ("0.00000123", "1e-8", 123),
        ("100", "25", 4),
        ("3e5", "1000", 300),
        ("0", "0.25", 0),
        ("1e18", "1", 1_000_000_000_000_000_000),
        ("-9223372036854775808", "1", i64::MIN),
        // The product of mantissa and power exceeds `u128`, the ratio does not.
        ("99999999999999999999999999999999999999", "11111111111111111111111111111111111111", 9),
        ("3e40", "2500000000000000000000000000000000000", 12_000),
    ];
    for (value, tick, ticks) in table {
        assert_eq!(decimal(value).to_ticks(decimal(tick)), Ok(ticks), "{value} / {tick}");
    }
    for (value, tick) in [("0.3", "0.25"), ("1", "3"), ("1e-400", "1e400"), ("1e400", "3e-400")] {
        let refused = decimal(value).to_ticks(decimal(tick));
        assert!(matches!(refused, Err(DecimalError::NotAMultipleOfTick(_))), "{value} / {tick}");
    }
    for (value, tick) in [("9223372036854775808", "1"), ("1e400", "1e-400"), ("1e30", "0.5")] {
        let refused = decimal(value).to_ticks(decimal(tick));
        assert!(matches!(refused, Err(DecimalError::TickOverflow(_))), "{value} / {tick}");
    }
    for tick in ["0", "-0.5"] {
        assert!(matches!(decimal("1").to_ticks(decimal(tick)), Err(DecimalError::BadTick(_))));
        assert!(matches!(Decimal::from_ticks(1, decimal(tick)), Err(DecimalError::BadTick(_))));
    }
    let price = Decimal::from_ticks(3, decimal("0.50")).expect("fits");
    assert_eq!(price.to_string(), "1.50");
    let large = decimal(&"9".repeat(38));
    assert_eq!(Decimal::from_ticks(2, large), Err(DecimalError::TooManyDigits));
    assert_eq!(Decimal::from_ticks(i64::MAX, large), Err(DecimalError::TooManyDigits));
}

#[test]
fn equality_order_and_hash_follow_the_value() {
    let ascending = [
        "-1e400",
        "-12",
        "-1.5",
        "-1e-400",
        "0",
        "1e-400",
        "0.1",
        "0.15",
        "1.5",
        "2",
        "12",
        "1e37",
        "99999999999999999999999999999999999999",
        "1e38",
        "1e400",
    ];
    for (index, left) in ascending.iter().enumerate() {
        for (other, right) in ascending.iter().enumerate() {
            assert_eq!(decimal(left).cmp(&decimal(right)), index.cmp(&other), "{left} {right}");
        }
    }
    for (left, right) in
        [("1.5", "1.500"), ("0", "-0.000"), ("0e400", "0e-400"), ("10e400", "100e399")]
    {
        assert_eq!(decimal(left), decimal(right));
        assert_eq!(hash_of(decimal(left)), hash_of(decimal(right)), "{left} {right}");
    }
    let stripped = decimal("-1200.3400").normalised();
    assert_eq!((stripped.mantissa(), stripped.exponent()), (-120_034, -2));
    let one = Decimal::new(10_i128.pow(37), -37).expect("within bounds").normalised();
    assert_eq!((one.mantissa(), one.exponent()), (1, 0));
}

/// A lexeme's value as text: (negative, digits without outer zeros, exponent of the last digit).
/// Works on characters only, so it shares nothing with the code under test.
fn canonical(lexeme: &str) -> (bool, String, i64) {
    let (negative, body) = match lexeme.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, lexeme.trim_start_matches('+')),
    };
    let (number, exponent) = body.split_once(['e', 'E']).unwrap_or((body, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let exponent = exponent.parse::<i64>().expect("an exponent")
        + i64::try_from(digits.len() - kept.len()).expect("short")
        - i64::try_from(fraction.len()).expect("short");
    let kept = kept.trim_start_matches('0');
    if kept.is_empty() { (false, String::new(), 0) } else { (negative, kept.to_owned(), exponent) }
}

/// Whole numbers of 10^-900 as equally long digit text, so that text order is numeric order.
fn comparable(lexeme: &str) -> (bool, String) {
    let (negative, digits, exponent) = canonical(lexeme);
    let zeros = usize::try_from(exponent + 900).expect("above the lowest exponent");
    (negative, format!("{:0>2000}", format!("{digits}{}", "0".repeat(zeros))))
}

fn slow_order(left: &str, right: &str) -> Ordering {
    match (comparable(left), comparable(right)) {
        ((false, left), (false, right)) => left.cmp(&right),
        ((true, left), (true, right)) => right.cmp(&left),
        ((left, _), (right, _)) => right.cmp(&left),
    }
}

/// What the float column and its flag must hold, by text alone.
fn slow_float(lexeme: &str) -> (f64, bool) {
    let value = lexeme.parse::<f64>().expect("a float");
    let inexact = value.is_infinite() || canonical(&value.to_string()) != canonical(lexeme);
    // Zero has no sign.
    (value + 0.0, inexact)
}

/// Lexemes as venues write them, with 1 to 38 digits and the point anywhere.
fn plain_lexeme() -> impl Strategy<Value = String> {
    let digits = prop_oneof!["(0|[1-9][0-9]{0,9})", "(0|[1-9][0-9]{0,18})"];
    let fraction = prop_oneof![
        Just(String::new()),
        "\\.[0-9]{1,8}",
        "\\.0{0,6}[0-9]{1,4}0{0,6}",
        "\\.[0-9]{1,19}",
    ];
    ("-?", digits, fraction).prop_map(|(sign, whole, fraction)| format!("{sign}{whole}{fraction}"))
}

/// Any accepted lexeme, exponents up to the limits of `f64` included.
fn any_lexeme() -> impl Strategy<Value = String> {
    let scientific = ("[+-]?[0-9]{1,19}", "(\\.[0-9]{1,19})?", "[eE]", -380..=380_i32).prop_map(
        |(whole, fraction, letter, exponent)| format!("{whole}{fraction}{letter}{exponent}"),
    );
    let near_a_float = (any::<u64>(), 0..3_u8).prop_filter_map("finite", |(bits, cut)| {
        let value = f64::from_bits(bits);
        let places = 14 + usize::from(cut);
        value.is_finite().then(|| format!("{value:.places$e}"))
    });
    prop_oneof![plain_lexeme(), scientific, near_a_float]
}

fn any_decimal() -> impl Strategy<Value = Decimal> {
    let limit = 10_i128.pow(38);
    let mantissa = prop_oneof![1 - limit..limit, -1000..1000_i128];
    (mantissa, prop_oneof![-400..=400_i32, -4..=4_i32])
        .prop_map(|(mantissa, exponent)| Decimal::new(mantissa, exponent).expect("within bounds"))
}

fn lexeme_of(value: Decimal) -> String {
    format!("{}e{}", value.mantissa(), value.exponent())
}

/// The lexeme without a minus sign that only a zero carries.
fn unsigned_zero(lexeme: &str) -> &str {
    if canonical(lexeme).1.is_empty() { lexeme.trim_start_matches('-') } else { lexeme }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn plain_lexemes_print_back(lexeme in plain_lexeme()) {
        prop_assert_eq!(decimal(&lexeme).to_string(), unsigned_zero(&lexeme));
    }

    #[test]
    fn every_decimal_prints_text_of_its_value(value in any_decimal()) {
        prop_assert_eq!(canonical(&value.to_string()), canonical(&lexeme_of(value)));
    }

    #[test]
    fn short_and_long_ways_of_writing_agree(
        mantissa in prop_oneof![any::<i64>().prop_map(i128::from), any::<i128>()],
        exponent in -24..=4_i32,
    ) {
        let mantissa = mantissa % 10_i128.pow(38);
        let value = Decimal::new(mantissa, exponent).expect("within bounds");
        let long = value.long_text().expect("long enough");
        let sign = if mantissa < 0 { "-" } else { "" };
        prop_assert_eq!(value.to_string(), format!("{sign}{}", long.as_str()));
        let mut pushed = "before".to_owned();
        value.push_to(&mut pushed);
        prop_assert_eq!(pushed, format!("before{value}"));
    }

    #[test]
    fn the_shortest_is_what_the_float_prints(value in any_decimal()) {
        let float = value.to_f64();
        let printed = Decimal::from_f64(float).unwrap_or(value).normalised();
        let shortest = value.shortest();
        prop_assert_eq!((shortest.mantissa(), shortest.exponent()), (printed.mantissa(), printed.exponent()));
    }

    #[test]
    fn reading_keeps_the_value(lexeme in any_lexeme()) {
        prop_assert_eq!(canonical(&lexeme_of(decimal(&lexeme))), canonical(&lexeme));
    }

    #[test]
    fn floats_and_flags_agree_with_text(lexeme in any_lexeme()) {
        let (value, inexact) = decimal(&lexeme).to_f64_flagged();
        let (slow, slow_inexact) = slow_float(&lexeme);
        prop_assert_eq!((value.to_bits(), inexact), (slow.to_bits(), slow_inexact));
        prop_assert_eq!(decimal(&lexeme).to_f64().to_bits(), slow.to_bits());
    }

    #[test]
    fn parse_f64_agrees_with_the_general_path(lexeme in any_lexeme()) {
        let (value, inexact) = decimal(&lexeme).to_f64_flagged();
        match parse_f64(lexeme.as_bytes()) {
            Ok((fast, flag)) => prop_assert_eq!((fast.to_bits(), flag), (value.to_bits(), inexact)),
            Err(error) => prop_assert!(
                value.is_infinite() && matches!(error, DecimalError::FloatOverflow(_))
            ),
        }
    }

    #[test]
    fn parse_scaled_agrees_with_the_general_path(lexeme in plain_lexeme(), scale in -3..24_i32) {
        let general = decimal(&lexeme).to_scale(scale);
        match (parse_scaled(lexeme.as_bytes(), scale), general) {
            (Ok(fast), Ok(units)) => prop_assert_eq!(i128::from(fast), units),
            (Err(DecimalError::ScaleOverflow { .. }), Ok(units)) => {
                prop_assert!(i64::try_from(units).is_err());
            }
            (fast, general) => prop_assert_eq!(fast.err(), general.err()),
        }
    }

    #[test]
    fn short_scan_accepts_only_what_the_scanner_does(
        lexeme in prop_oneof![
            prop::collection::vec(prop::sample::select(b"-0159.,/:e\x00\xb5\xae".to_vec()), 0..20),
            prop::collection::vec(any::<u8>(), 0..20),
            "-?[0-9]{0,8}\\.?[0-9]{0,9}".prop_map(String::into_bytes),
        ]
    ) {
        let slow = Scanner::new(&lexeme).decimal().map(lexeme_of);
        prop_assert_eq!(Decimal::parse(&lexeme).map(lexeme_of), slow);
    }

    #[test]
    fn finite_floats_survive(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite() && value != 0.0);
        let back = Decimal::from_f64(value).expect("finite").to_f64_flagged();
        prop_assert_eq!((back.0.to_bits(), back.1), (bits, false));
    }

    #[test]
    fn scales_return(units in (1 - 10_i128.pow(38))..10_i128.pow(38), scale in -400..=400_i32) {
        let value = Decimal::from_scale(units, scale).expect("within bounds");
        prop_assert_eq!(value.to_scale(scale), Ok(units));
        prop_assert_eq!(value.normalised().to_scale(scale), Ok(units));
    }

    #[test]
    fn ticks_return(ticks in any::<i64>(), size in 1..10_i128.pow(18), exponent in -400..=400_i32) {
        let tick = Decimal::new(size, exponent).expect("within bounds");
        let value = Decimal::from_ticks(ticks, tick).expect("at most 37 digits");
        prop_assert_eq!(value.to_ticks(tick), Ok(ticks));
        prop_assert_eq!(value.normalised().to_ticks(tick), Ok(ticks));
        prop_assert_eq!(value.to_ticks(tick.normalised()), Ok(ticks));
    }

    #[test]
    fn only_multiples_count_in_ticks(
        units in -1_000_000..1_000_000_i64, size in 1..2000_i64, exponent in -9..9_i32
    ) {
        let value = Decimal::new(units.into(), exponent).expect("within bounds");
        let tick = Decimal::new(size.into(), exponent).expect("within bounds");
        let expected = (units % size == 0).then_some(units / size);
        prop_assert_eq!(value.to_ticks(tick).ok(), expected);
    }

    #[test]
    fn order_agrees_with_digit_text(left in any_decimal(), right in any_decimal()) {
        prop_assert_eq!(left.cmp(&right), slow_order(&lexeme_of(left), &lexeme_of(right)));
    }

    #[test]
    fn nearby_values_order_by_digit_text(
        mantissa in prop_oneof![-10_i128.pow(26)..10_i128.pow(26), -3..=3_i128],
        exponent in -380..=400_i32, extra in 0..12_u32, step in -1..=1_i128
    ) {
        // The same value with more trailing zeros, moved by at most one unit of its last place.
        let value = Decimal::new(mantissa, exponent).expect("within bounds");
        let padded = mantissa * 10_i128.pow(extra) + step;
        let lower = exponent - i32::try_from(extra).expect("small");
        let near = Decimal::new(padded, lower).expect("within bounds");
        let order = slow_order(&lexeme_of(value), &lexeme_of(near));
        prop_assert_eq!((value.cmp(&near), near.cmp(&value)), (order, order.reverse()));
        prop_assert_eq!(value == near, hash_of(value) == hash_of(near));
    }

    #[test]
    fn normalised_keeps_the_value_and_is_canonical(value in any_decimal()) {
        let stripped = value.normalised();
        let (negative, digits, exponent) = canonical(&lexeme_of(value));
        prop_assert_eq!(canonical(&lexeme_of(stripped)), (negative, digits.clone(), exponent));
        if exponent <= i64::from(MAX_EXPONENT) {
            let shown = stripped.mantissa().unsigned_abs().to_string();
            prop_assert_eq!(shown.trim_start_matches('0'), digits);
        }
    }
}
