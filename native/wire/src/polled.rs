//! What venues share that are asked again and again for quotes in lines of text, in GB18030.
//!
//! A name may hold bytes that look like a separator, so the text is decoded before it is split.
//! A quote that has not changed since the last answer says nothing, and only the venue's own time
//! tells; so each codec remembers it for each instrument.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use encoding_rs::GB18030;
use rustonite_core::Decimal;
use rustonite_core::calendar::day_number;
use rustonite_core::datasets::{BookSide, draft, flags};

use crate::codec::Frame;
use crate::common::Top;
use crate::error::{Malformed, Result};
use crate::event::{Answer, Control, Floats, Sink};

/// More fields than any line has that we know.
const FIELDS_MAX: usize = 96;
/// Levels per side.
const LEVELS: usize = 5;
const SECOND_NS: i64 = 1_000_000_000;
const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;
/// Shanghai and Hong Kong, where clocks have not changed since 1991.
const SHANGHAI_S: i64 = 8 * HOUR_S;
/// A quote may be so much ahead of our clock before we doubt its date.
const AHEAD_NS: i64 = 600 * SECOND_NS;
/// A server may be so much behind another. More shows that the later time was wrong.
const BEHIND_NS: i64 = HOUR_S * SECOND_NS;
/// Most days from a night session to its trading day. More only shows that a clock is wrong.
const HOLIDAYS: i64 = 20;

/// Reads one line: state, line, when it was received, and who takes the rows.
pub(crate) type ReadLine = fn(&mut State, &Line<'_>, i64, &mut dyn Sink) -> Result<()>;

/// Reads answers of a venue.
#[derive(Debug, Default)]
pub(crate) struct Polled {
    /// The answer after decoding.
    text: String,
    state: State,
}

impl Polled {
    /// Reads an answer of lines such as `var NAME="FIELDS";`, where the part before the name is the
    /// same on all. A line with bad figures is reported and costs no other line; an answer that is
    /// not made of lines is an error, and what it said so far will be said again.
    pub(crate) fn read(
        &mut self,
        frame: Frame<'_>,
        before: &'static str,
        read_line: ReadLine,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut text = std::mem::take(&mut self.text);
        decode(frame.data, &mut text);
        self.state.answer += 1;
        let read = self.state.lines(&text, before, frame.ts_recv, read_line, sink);
        if read.is_err() {
            let answer = self.state.answer;
            self.state.seen.retain(|_, seen| seen.answer != answer);
        }
        self.text = text;
        read
    }

    /// Reports which instruments of a comma-separated list the last answer left out.
    pub(crate) fn refuse_missing(&mut self, asked: &str, sink: &mut dyn Sink) {
        for symbol in asked.split(',').filter(|symbol| !symbol.is_empty()) {
            let answer = self.state.answer;
            if self.state.seen.get(symbol).is_none_or(|seen| seen.answer != answer) {
                self.state.refuse(symbol, sink);
            }
        }
    }

    pub(crate) fn reset(&mut self) {
        self.state.seen.clear();
    }
}

fn decode(bytes: &[u8], text: &mut String) {
    text.clear();
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or_default());
    // Bytes that are no text stand in names only, and become a sign of their own.
    let _ = decoder.decode_to_string(bytes, text, true);
}

/// What is remembered between answers, and space for a picture.
#[derive(Debug, Default)]
pub(crate) struct State {
    seen: HashMap<String, Seen>,
    /// Number of the answer that is being read.
    answer: u64,
    pub(crate) picture: Picture,
}

/// What is remembered of an instrument.
#[derive(Debug, Default)]
struct Seen {
    /// In which answer it came last.
    answer: u64,
    mark: Option<Mark>,
    /// Stands for its name and other fixed facts.
    facts: Option<u64>,
    refused: bool,
}

/// By what a change of a quote is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The venue's time. Servers of a venue differ in how far they are, so one that is a little
    /// older is no news.
    Time(i64),
    /// The text, where it has no time.
    Text(u64),
}

impl State {
    fn lines(
        &mut self,
        answer: &str,
        before: &'static str,
        ts_recv: i64,
        read_line: ReadLine,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut at, number) = (0, self.answer);
        while let Some(line) = next_line(answer, &mut at, before)? {
            self.remember(line.symbol, |seen| seen.answer = number);
            if let Err(error) = read_line(self, &line, ts_recv, sink) {
                let text = format!("{}: {error}", line.symbol);
                sink.control(&Control::Error { code: None, text: &text });
            }
        }
        Ok(())
    }

    /// Changes what is remembered of an instrument; its name is only copied when it is new.
    fn remember<T>(&mut self, symbol: &str, change: impl FnOnce(&mut Seen) -> T) -> T {
        if let Some(seen) = self.seen.get_mut(symbol) {
            return change(seen);
        }
        change(self.seen.entry(symbol.to_owned()).or_default())
    }

    /// Whether a quote says something new.
    pub(crate) fn is_new(&self, symbol: &str, mark: Mark) -> bool {
        match (self.seen.get(symbol).and_then(|seen| seen.mark), mark) {
            (Some(Mark::Time(last)), Mark::Time(now)) => {
                now > last || now < last.saturating_sub(BEHIND_NS)
            }
            (last, now) => last != Some(now),
        }
    }

    /// Remembers a quote that was read.
    pub(crate) fn note(&mut self, symbol: &str, mark: Mark) {
        self.remember(symbol, |seen| {
            seen.mark = Some(mark);
            seen.refused = false;
        });
    }

    /// Whether the fixed facts of an instrument are new or have changed; remembers them.
    pub(crate) fn is_new_fact(&mut self, symbol: &str, facts: &impl Hash) -> bool {
        let facts = Some(hash(facts));
        self.remember(symbol, |seen| std::mem::replace(&mut seen.facts, facts) != facts)
    }

    /// Reports an instrument that the venue does not know, once.
    pub(crate) fn refuse(&mut self, symbol: &str, sink: &mut dyn Sink) {
        if !self.remember(symbol, |seen| std::mem::replace(&mut seen.refused, true)) {
            let symbol = Some(symbol);
            sink.control(&Control::Refused(Answer { symbol, ..Answer::default() }));
        }
    }
}

pub(crate) fn hash(facts: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    facts.hash(&mut hasher);
    hasher.finish()
}

/// One line of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    answer: &'a str,
    pub(crate) symbol: &'a str,
    /// What stands between the quotes.
    pub(crate) value: &'a str,
}

fn next_line<'a>(
    answer: &'a str,
    at: &mut usize,
    before: &'static str,
) -> Result<Option<Line<'a>>> {
    let rest = answer.get(*at..).unwrap_or_default().trim_start();
    if rest.is_empty() {
        return Ok(None);
    }
    let malformed =
        |rest: &str, expected| Malformed::at(answer.as_bytes(), place(answer, rest), expected);
    let named = rest.strip_prefix(before).ok_or_else(|| malformed(rest, "a line of a quote"))?;
    let end = named.find(|letter: char| letter == '=' || letter.is_whitespace());
    let (symbol, value) = named.split_at(end.unwrap_or(named.len()));
    let value = value.strip_prefix("=\"").filter(|_| !symbol.is_empty());
    let value = value.ok_or_else(|| malformed(named, "a name, `=` and a quotation mark"))?;
    let (value, after) =
        value.split_once('"').ok_or_else(|| malformed(value, "a quotation mark at the end"))?;
    let after = after.strip_prefix(';').unwrap_or(after);
    *at = place(answer, after);
    Ok(Some(Line { answer, symbol, value }))
}

/// Where a part of a text stands in it.
fn place(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

/// The fields of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    answer: &'a str,
    parts: [&'a str; FIELDS_MAX],
    pub(crate) count: usize,
}

impl<'a> Line<'a> {
    /// Splits the line, which must have so many fields at least.
    pub(crate) fn fields(&self, separator: char, least: usize) -> Result<Fields<'a>> {
        let mut parts = [""; FIELDS_MAX];
        let mut count = 0;
        for (slot, part) in parts.iter_mut().zip(self.value.split(separator)) {
            *slot = part;
            count += 1;
        }
        if count < least {
            return Err(self.malformed(self.value, "a line with more fields"));
        }
        Ok(Fields { answer: self.answer, parts, count })
    }

    fn malformed(&self, part: &str, expected: &'static str) -> Malformed {
        Malformed::at(self.answer.as_bytes(), place(self.answer, part), expected)
    }
}

impl<'a> Fields<'a> {
    /// The text of a field; empty if there is none.
    pub(crate) fn text(&self, index: usize) -> &'a str {
        self.parts.get(index).copied().unwrap_or_default()
    }

    /// An error at a field.
    #[cold]
    pub(crate) fn expected(&self, index: usize, expected: &'static str) -> Malformed {
        Malformed::at(self.answer.as_bytes(), place(self.answer, self.text(index)), expected)
    }

    /// The number of a field, if it has one.
    pub(crate) fn number(&self, index: usize) -> Result<Option<Decimal>> {
        self.part_number(index, self.text(index))
    }

    /// The number in a part of a field.
    pub(crate) fn part_number(&self, index: usize, text: &str) -> Result<Option<Decimal>> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        match Decimal::parse(text.as_bytes()) {
            Ok(value) if value.to_f64().is_finite() => Ok(Some(value)),
            _ => Err(self.expected(index, "a number or nothing")),
        }
    }

    /// The number of a field where zero or less means that there is none.
    pub(crate) fn positive(&self, index: usize) -> Result<Option<Decimal>> {
        Ok(self.number(index)?.filter(|value| value.mantissa() > 0))
    }

    /// A date and a time, whatever stands between their digits, in one field or two.
    pub(crate) fn stamp(&self, date: usize, time: usize) -> Result<Stamp> {
        let time_text = if time == date { "" } else { self.text(time) };
        let stamp = stamp(self.text(date), time_text);
        stamp.ok_or_else(|| self.expected(date, "a date and a time"))
    }
}

/// A moment by the clock of a wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    year: i64,
    /// Days since 1970.
    pub(crate) day: i32,
    /// Seconds since midnight.
    second: i64,
}

fn stamp(date: &str, time: &str) -> Option<Stamp> {
    let mut digits = [0_i64; 14];
    let mut count = 0;
    for byte in date.bytes().chain(time.bytes()) {
        if byte.is_ascii_digit() {
            *digits.get_mut(count)? = i64::from(byte - b'0');
            count += 1;
        } else if !b"-/: ".contains(&byte) {
            return None;
        }
    }
    let number = |from: usize, to: usize| digits[from..to].iter().fold(0, |all, d| all * 10 + d);
    let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
    let year = number(0, 4);
    let legal = count == digits.len() && hour < 24 && minute < 60 && second < 60;
    if !legal || !(1990..2200).contains(&year) {
        return None;
    }
    let day = i32::try_from(day_number(year, number(4, 6), number(6, 8))?).ok()?;
    Some(Stamp { year, day, second: (hour * 60 + minute) * 60 + second })
}

impl Stamp {
    fn wall_s(self) -> i64 {
        i64::from(self.day) * DAY_S + self.second
    }

    /// The moment if the wall stands in Shanghai or Hong Kong.
    pub(crate) fn shanghai(self) -> i64 {
        (self.wall_s() - SHANGHAI_S) * SECOND_NS
    }

    /// The moment if the wall stands in New York, by the rule of summer time since 2007.
    pub(crate) fn new_york(self) -> i64 {
        let sunday_from = |month: i64, day: i64| {
            let first = day_number(self.year, month, day).unwrap_or_default();
            // The first day of 1970 was a Thursday.
            first + (7 - (first + 4).rem_euclid(7)) % 7
        };
        let from = sunday_from(3, 8) * DAY_S + 2 * HOUR_S;
        let until = sunday_from(11, 1) * DAY_S + 2 * HOUR_S;
        let summer = (from..until).contains(&self.wall_s());
        (self.wall_s() + if summer { 4 } else { 5 } * HOUR_S) * SECOND_NS
    }

    /// The moment of a Chinese future. At night its date is the next trading day; then the real one
    /// follows from when the quote was received. Also whether that was so.
    pub(crate) fn shanghai_night(self, ts_recv: i64) -> (i64, bool) {
        let time = self.shanghai();
        let day_ns = DAY_S * SECOND_NS;
        let ahead = time.saturating_sub(ts_recv.saturating_add(AHEAD_NS));
        if ahead <= 0 || ahead > HOLIDAYS * day_ns {
            return (time, false);
        }
        let days = (ahead - 1) / day_ns + 1;
        (time - days * day_ns, true)
    }
}

/// A picture of the best levels.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    top: Top,
    flags: i32,
}

impl Picture {
    /// Reads both sides: for each the fields of its first price and first size, whose next ones
    /// follow two fields on.
    pub(crate) fn read(&mut self, fields: &Fields<'_>, sides: [(usize, usize); 2]) -> Result<()> {
        let mut floats = Floats::new(flags::LAST | flags::SNAPSHOT);
        for (side, (price, size)) in [BookSide::Bid, BookSide::Ask].into_iter().zip(sides) {
            self.top.clear(side);
            for level in (0..LEVELS).map(|level| 2 * level) {
                let price = fields.positive(price + level)?;
                let size = fields.positive(size + level)?;
                if let Some((price, size)) = price.zip(size) {
                    self.top.push(side, price, size, &mut floats);
                }
            }
        }
        self.flags = floats.flags;
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.top.is_empty()
    }

    /// Hands the picture out beside a ticker of the same moment.
    pub(crate) fn emit(&self, ticker: &draft::Tickers<'_>, sink: &mut dyn Sink) {
        sink.top(&draft::BookSnapshots {
            ts_event: ticker.ts_event,
            ts_recv: ticker.ts_recv,
            venue: ticker.venue,
            symbol: ticker.symbol,
            flags: self.flags | (ticker.flags & flags::INFERRED),
            ..self.top.row()
        });
    }
}

#[cfg(test)]
mod tests;
