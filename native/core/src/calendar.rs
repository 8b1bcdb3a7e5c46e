//! Dates of the Gregorian calendar as days since 1970-01-01 (Howard Hinnant's `days_from_civil`).

/// The day of a date; `None` if there is no such one.
///
/// # Example
/// ```
/// # use rustonite_core::calendar::day_number;
/// assert_eq!(day_number(1970, 1, 2), Some(1));
/// ```
pub fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that a day is added at the end of one.
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let number = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // Only the last days of a month may belong to the next one.
    (day <= 28 || civil(number).2 == day).then_some(number)
}

/// Year, month and day of a day.
pub fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The first day of the month that is so many months behind the one of a day.
pub fn months_later(day: i64, months: i64) -> Option<i64> {
    let (year, month, _) = civil(day);
    let later = month - 1 + months;
    day_number(year + later.div_euclid(12), later.rem_euclid(12) + 1, 1)
}

#[cfg(test)]
mod tests {
    use super::{civil, day_number, months_later};

    #[test]
    fn days_and_dates_are_the_reverse_of_each_other() {
        // Four hundred years, after which all repeats.
        for day in -73_000..73_100 {
            let (year, month, of_month) = civil(day);
            assert_eq!(day_number(year, month, of_month), Some(day));
        }
        assert_eq!(civil(day_number(2000, 2, 29).unwrap()), (2000, 2, 29));
        assert_eq!(day_number(2026, 13, 1), None);
        assert_eq!(day_number(2026, 1, 32), None);
        for (year, month, day) in [(2026, 2, 29), (2024, 2, 30), (1900, 2, 29), (2026, 4, 31)] {
            assert_eq!(day_number(year, month, day), None, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn months_end_where_the_next_begins() {
        let day = |year, month, day| day_number(year, month, day).unwrap();
        assert_eq!(months_later(day(2024, 1, 31), 1), Some(day(2024, 2, 1)));
        assert_eq!(months_later(day(2024, 12, 1), 1), Some(day(2025, 1, 1)));
        assert_eq!(months_later(day(1969, 11, 5), 14), Some(day(1971, 1, 1)));
    }
}
