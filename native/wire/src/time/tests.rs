use super::parse_iso;
use crate::json::Json;

#[test]
fn times_of_texts() {
    let ns = |text: &str| parse_iso(text.as_bytes());
    assert_eq!(ns("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(ns("2026-01-02T03:04:05.678Z"), Some(1_767_323_045_678_000_000));
    assert_eq!(ns("2026-01-02T03:04:05.123456789Z"), Some(1_767_323_045_123_456_789));
    assert_eq!(ns("2026-01-02 03:04:05"), Some(1_767_323_045_000_000_000));
    assert_eq!(ns("2026-01-02T08:34:05+05:30"), ns("2026-01-02T03:04:05Z"));
    assert_eq!(ns("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000_000));
    assert_eq!(ns("1969-12-31T23:59:59.9Z"), Some(-100_000_000));
    let wrong = [
        "",
        "2026-01-02",
        "2026-13-02T03:04:05Z",
        "2026-01-02T24:04:05Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05.1234567890Z",
        "2026-01-02T03:04:05X",
        "9999-01-02T03:04:05Z",
    ];
    for text in wrong {
        assert_eq!(ns(text), None, "{text}");
    }
}

#[test]
fn times_of_numbers() {
    assert_eq!(Json::new(b"\"1700000000001\"").time_ms(), Ok(1_700_000_000_001_000_000));
    assert_eq!(Json::new(b"1700000000001002").time_us(), Ok(1_700_000_000_001_002_000));
    assert_eq!(Json::new(b"1700000000.000001").time_s(), Ok(1_700_000_000_000_001_000));
    assert_eq!(Json::new(b"1700000000001").time_ms_or_us(), Ok(1_700_000_000_001_000_000));
    assert_eq!(Json::new(b"1700000000001002").time_ms_or_us(), Ok(1_700_000_000_001_002_000));
    assert!(Json::new(b"9300000000000000").time_ms().is_err());
}
