use proptest::prelude::*;

use super::Json;
use rustonite_core::Decimal;

fn decimal(text: &str) -> Result<String, String> {
    let mut json = Json::new(text.as_bytes());
    let value = json.decimal().map_err(|error| error.to_string())?;
    json.end().map_err(|error| error.to_string())?;
    Ok(value.to_string())
}

#[test]
fn numbers_keep_their_digits() {
    for text in
        ["0", "-1.50", "0.00000001", "123456789012345678", "1234567890.12345678901234567890"]
    {
        assert_eq!(decimal(text).unwrap(), text);
        assert_eq!(decimal(&format!(" \"{text}\" ")).unwrap(), text);
    }
    assert_eq!(decimal("1e-08").unwrap(), "0.00000001");
    assert_eq!(decimal("\"2.5E+3\"").unwrap(), "2500");
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "", "\"", "\"\"", "1.", "\"1.\"", ".", "-", "1,2", "\"1 \"", "1\"", "\"1", "--1", "1e999",
        "true", "null", "1.2.3",
    ] {
        assert!(decimal(text).is_err(), "{text}");
    }
}

#[test]
fn whole_numbers_fill_64_bits() {
    let integer = |text: &str| Json::new(text.as_bytes()).integer();
    assert_eq!(integer("9223372036854775807"), Ok(i64::MAX));
    assert_eq!(integer("\"-9223372036854775807\""), Ok(-i64::MAX));
    for text in [
        "9223372036854775808",
        "18446744073709551617",
        "99999999999999999999",
        "1.0",
        "\"1",
        "1e3",
        "",
    ] {
        assert!(integer(text).is_err(), "{text}");
    }
}

#[test]
fn brackets_must_match() {
    let skip = |text: &str| {
        let mut json = Json::new(text.as_bytes());
        json.skip().and_then(|()| json.end()).is_ok()
    };
    for text in [r#"{"a":[1,{"b":"]}"},[]],"c":null}"#, r#"["\"",{}]"#, "[]", "true"] {
        assert!(skip(text), "{text}");
    }
    for text in ["[", "[}", "{]", "]", r#"{"a"#, "[1]]", r#"["a\"]"#] {
        assert!(!skip(text), "{text}");
    }
    assert!(!skip(&"[".repeat(100_000)));
}

#[test]
fn separators_are_not_optional() {
    let keys = |text: &str| -> Result<usize, crate::Malformed> {
        let mut json = Json::new(text.as_bytes());
        let mut count = 0;
        json.object()?;
        while json.key()?.is_some() {
            json.skip()?;
            count += 1;
        }
        Ok(count)
    };
    assert_eq!(keys(r#" { "a" : 1 , "b" : [ ] } "#).unwrap(), 2);
    for text in [r#"{"a":1 "b":2}"#, r#"{,"a":1}"#, r#"{"a":1,}"#, r#"{"a" 1}"#, r#"{"a":}"#] {
        assert!(keys(text).is_err(), "{text}");
    }
}

#[test]
fn texts_for_people_lose_their_escapes() {
    let text = Json::new(br#""a\"b\u0041\n""#).message().unwrap();
    assert_eq!(text, "a\"bA\n");
    assert!(Json::new(br#""a\u0041""#).text().is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut json = Json::new(&bytes);
        let _ = json.skip();
        let _ = Json::new(&bytes).decimal();
        let _ = Json::new(&bytes).integer();
        let _ = Json::new(&bytes).message();
    }

    #[test]
    fn decimals_as_std_reads_them(mantissa in any::<i64>(), decimals in 0_usize..25) {
        let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = decimals + 1);
        let (whole, rest) = digits.split_at(digits.len() - decimals);
        let sign = if mantissa < 0 { "-" } else { "" };
        let point = if decimals > 0 { "." } else { "" };
        let text = format!("{sign}{whole}{point}{rest}");
        let value = Json::new(text.as_bytes()).decimal().unwrap();
        prop_assert_eq!(value.to_f64().to_bits(), text.parse::<f64>().unwrap().to_bits());
    }

    /// Wherever it is in a text, since many bytes are read at once.
    #[test]
    fn numbers_are_what_is_written(
        text in "-?[0-9]{1,19}(\\.[0-9]{1,19})?",
        before in 0_usize..20,
        after in "[\"\\],} \n](.|\n){0,20}",
    ) {
        let quote = if after.starts_with('"') { "\"" } else { "" };
        let message = format!("{}{quote}{text}{after}", " ".repeat(before));
        let mut json = Json::new(message.as_bytes());
        let value = json.decimal().unwrap();
        prop_assert_eq!(value.to_string(), Decimal::parse(text.as_bytes()).unwrap().to_string());
        prop_assert_eq!(json.position, before + text.len() + 2 * quote.len());
        let mut json = Json::new(message.as_bytes());
        let expected = text.parse::<i64>().ok().filter(|value| *value > i64::MIN);
        prop_assert_eq!(json.integer().ok(), expected);
        if expected.is_some() {
            prop_assert_eq!(json.position, before + text.len() + 2 * quote.len());
        }
    }
}
