//! Moments as the venue writes them, and the hours of the stock market.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const OPENS: i8 = 9;
const OPENS_MINUTE: i8 = 30;
const CLOSES: i8 = 16;
/// When trading ends for orders that take part in the hours around the session.
const CLOSES_LATE: i8 = 20;

fn new_york() -> TimeZone {
    // The data base is part of the program.
    TimeZone::get("America/New_York").unwrap_or(TimeZone::UTC)
}

fn timestamp(ns: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default()
}

fn nanoseconds(moment: Timestamp) -> Option<i64> {
    i64::try_from(moment.as_nanosecond()).ok()
}

/// A moment in UTC with as many decimals as it has.
pub(crate) fn utc(ns: i64) -> String {
    timestamp(ns).to_string()
}

/// A moment with the offset of New York.
pub(crate) fn local(ns: i64) -> String {
    let moment = timestamp(ns).to_zoned(new_york());
    moment.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
}

/// `20260102150405123`.
pub(crate) fn compact(ns: i64) -> String {
    let moment = timestamp(ns).to_zoned(TimeZone::UTC);
    moment.strftime("%Y%m%d%H%M%S%3f").to_string()
}

/// A moment of RFC 3339, or the begin of a day in UTC.
pub(crate) fn read(text: &str) -> Option<i64> {
    // A plus of a query that was not escaped.
    let text = text.replace(' ', "+");
    if let Ok(moment) = text.parse::<Timestamp>() {
        return nanoseconds(moment);
    }
    let day: Date = text.parse().ok()?;
    nanoseconds(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// A day of a call, or the one of a moment.
pub(crate) fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

pub(crate) fn is_session(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The first moment behind another at which a session has this time of day.
fn next(ns: i64, hour: i8, minute: i8) -> i64 {
    let now = timestamp(ns).to_zoned(new_york());
    let mut day = now.date();
    // The longest way is over a week-end.
    for _ in 0..5 {
        let at = day.at(hour, minute, 0, 0).to_zoned(new_york());
        if let Some(at) = at.ok().filter(|at: &Zoned| is_session(day) && *at > now) {
            return nanoseconds(at.timestamp()).unwrap_or(i64::MAX);
        }
        day = day.tomorrow().unwrap_or(day);
    }
    i64::MAX
}

/// When a session ends next.
pub(crate) fn next_close(ns: i64, late: bool) -> i64 {
    next(ns, if late { CLOSES_LATE } else { CLOSES }, 0)
}

/// When a session begins next.
pub(crate) fn next_open(ns: i64) -> i64 {
    next(ns, OPENS, OPENS_MINUTE)
}

#[cfg(test)]
mod tests {
    use super::{compact, local, next_close, next_open, read, utc};

    #[test]
    fn moments_are_read_and_written() {
        let ns = read("2026-01-02T15:04:05.123456789Z").unwrap();
        assert_eq!(utc(ns), "2026-01-02T15:04:05.123456789Z");
        assert_eq!(local(ns), "2026-01-02T10:04:05.123456789-05:00");
        assert_eq!(compact(ns), "20260102150405123");
        assert_eq!(read("2026-01-02T10:04:05.123456789-05:00"), Some(ns));
        assert_eq!(read("2026-01-02T16:04:05.123456789 01:00"), Some(ns));
        assert_eq!(utc(read("2026-01-02").unwrap()), "2026-01-02T00:00:00Z");
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn sessions_end_in_the_afternoon_of_new_york_on_working_days() {
        // A Friday before the change of the clocks, and the Monday behind it.
        let friday = read("2026-03-06T20:59:59Z").unwrap();
        assert_eq!(utc(next_close(friday, false)), "2026-03-06T21:00:00Z");
        assert_eq!(utc(next_close(friday, true)), "2026-03-07T01:00:00Z");
        let evening = next_close(friday, false);
        assert_eq!(utc(next_close(evening, false)), "2026-03-09T20:00:00Z");
        assert_eq!(utc(next_open(evening)), "2026-03-09T13:30:00Z");
    }
}
