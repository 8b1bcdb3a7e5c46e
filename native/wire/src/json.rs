//! Reading JSON once, from front to back, without a tree: a decoder asks for what it expects.
//!
//! Keys may come in any order, and what nobody asks for is skipped. Numbers are read as exact
//! decimals whether they are bare or quoted, because venues do both.
#![allow(clippy::missing_errors_doc, reason = "all fail if the message has something else")]

use rustonite_core::Decimal;

use crate::error::{Malformed, Result};
use word::{Plain, Word};

mod word;

/// Deepest nesting that is skipped; no venue comes near.
const DEPTH_MAX: usize = 128;
/// Digits that are gathered in one word.
const DIGITS_MAX: usize = 18;

/// A place in a JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a> {
    bytes: &'a [u8],
    position: usize,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `"`
    Text,
    /// A digit or a minus.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

impl<'a> Json<'a> {
    /// At the start of a text.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// An error at this place.
    #[cold]
    pub fn expected(&self, expected: &'static str) -> Malformed {
        Malformed::at(self.bytes, self.position, expected)
    }

    /// An error at a place that was passed.
    #[cold]
    pub fn expected_at(&self, position: usize, expected: &'static str) -> Malformed {
        Malformed::at(self.bytes, position, expected)
    }

    /// A value that a message must have.
    #[inline]
    pub fn need<T>(&self, value: Option<T>, expected: &'static str) -> Result<T> {
        value.ok_or_else(|| self.expected(expected))
    }

    /// The next byte that is no white space; 0 at the end.
    #[inline]
    fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.bytes.get(self.position) {
            if byte > b' ' {
                return byte;
            }
            self.position += 1;
        }
        0
    }

    #[inline]
    fn take(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.peek() != byte {
            return Err(self.expected(expected));
        }
        self.position += 1;
        Ok(())
    }

    /// Takes a byte if it is the next one.
    #[inline]
    fn took(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.position += usize::from(found);
        found
    }

    /// What the next value is.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind> {
        Ok(match self.peek() {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' => Kind::True,
            b'f' => Kind::False,
            b'n' => Kind::Null,
            _ => return Err(self.expected("a JSON value")),
        })
    }

    /// Whether the next value is an object.
    #[inline]
    pub fn is_object(&mut self) -> Result<bool> {
        Ok(self.kind()? == Kind::Object)
    }

    /// Begins an object; [`Json::key`] gives its keys.
    #[inline]
    pub fn object(&mut self) -> Result<()> {
        self.take(b'{', "an object")
    }

    /// The next key of an object as it is written, or `None` behind its end. The value of a key must
    /// be read or skipped before the next one.
    #[inline]
    pub fn key(&mut self) -> Result<Option<&'a [u8]>> {
        if let Some(letter) = self.letter() {
            return Ok(Some(letter));
        }
        if self.took(b'}') {
            return Ok(None);
        }
        self.separator(b'{')?;
        let key = self.raw_text()?;
        self.take(b':', "a colon")?;
        Ok(Some(key))
    }

    /// The next key if it is one letter and nothing is between what surrounds it: the venues that
    /// send the most messages write them so.
    #[inline]
    fn letter(&mut self) -> Option<&'a [u8]> {
        let &[before, b',', b'"', letter, b'"', b':'] = self.around()? else { return None };
        if before <= b' ' || before == b'{' || letter == b'"' || letter == b'\\' {
            return None;
        }
        self.position += 5;
        self.bytes.get(self.position - 3..self.position - 2)
    }

    /// The byte before this place, and what follows it.
    #[inline]
    fn around<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.get(self.position.checked_sub(1)?..)?.first_chunk()
    }

    /// Begins an array; [`Json::item`] goes through it.
    #[inline]
    pub fn array(&mut self) -> Result<()> {
        self.take(b'[', "an array")
    }

    /// Whether another item of an array follows; false behind its end.
    #[inline]
    pub fn item(&mut self) -> Result<bool> {
        if self.is_tight_comma() {
            self.position += 1;
            return Ok(true);
        }
        if self.took(b']') {
            return Ok(false);
        }
        self.separator(b'[')?;
        if self.peek() == b']' {
            return Err(self.expected("an item of an array"));
        }
        Ok(true)
    }

    /// Whether a comma is next that is between two values, with nothing else there.
    #[inline]
    fn is_tight_comma(&self) -> bool {
        let Some(&[before, b',', behind]) = self.around() else { return false };
        before > b' ' && before != b'[' && behind > b' ' && behind != b']'
    }

    /// Goes to an item that an array must have.
    #[inline]
    pub fn next_item(&mut self, expected: &'static str) -> Result<()> {
        if self.item()? { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// A comma, except right behind the bracket that opens.
    #[inline]
    fn separator(&mut self, opening: u8) -> Result<()> {
        let before = self.bytes[..self.position].iter().rev().find(|byte| **byte > b' ');
        if before == Some(&opening) { Ok(()) } else { self.take(b',', "a comma") }
    }

    /// Whether the item of an array that was just read is its last.
    #[inline]
    pub fn at_last_item(&mut self) -> bool {
        self.peek() == b']'
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<()> {
        if self.peek() == 0 && self.position >= self.bytes.len() {
            return Ok(());
        }
        Err(self.expected("the end of the message"))
    }

    /// A text without its quotes and as it is written, with escapes if it has any.
    #[inline]
    pub fn raw_text(&mut self) -> Result<&'a [u8]> {
        self.take(b'"', "a text")?;
        let start = self.position;
        let mut at = start;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Err(self.expected_at(start, "a text that ends")),
            }
        }
        self.position = at + 1;
        Ok(&self.bytes[start..at])
    }

    /// A text without escapes, such as the name of an instrument.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str> {
        self.peek();
        let start = self.position;
        let raw = self.raw_text()?;
        match std::str::from_utf8(raw) {
            Ok(text) if !raw.contains(&b'\\') => Ok(text),
            _ => Err(self.expected_at(start, "a plain text")),
        }
    }

    /// A text without escapes, or null.
    pub fn text_or_null(&mut self) -> Result<Option<&'a str>> {
        if self.took_null()? { Ok(None) } else { self.text().map(Some) }
    }

    /// A text without escapes, or `None` for null and the empty text.
    pub fn filled(&mut self) -> Result<Option<&'a str>> {
        Ok(self.text_or_null()?.filter(|text| !text.is_empty()))
    }

    /// A text for people, with its escapes resolved.
    pub fn message(&mut self) -> Result<String> {
        let raw = String::from_utf8_lossy(self.raw_text()?).into_owned();
        Ok(if raw.contains('\\') { unescaped(&raw) } else { raw })
    }

    /// Takes `null` if it is next.
    #[inline]
    pub fn took_null(&mut self) -> Result<bool> {
        if self.peek() != b'n' {
            return Ok(false);
        }
        self.word(b"null")?;
        Ok(true)
    }

    fn word(&mut self, word: &'static [u8]) -> Result<()> {
        if self.bytes[self.position..].starts_with(word) {
            self.position += word.len();
            return Ok(());
        }
        Err(self.expected("a JSON value"))
    }

    /// `true` or `false`.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            b't' => self.word(b"true").map(|()| true),
            b'f' => self.word(b"false").map(|()| false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A number, bare or quoted, exactly.
    #[inline]
    pub fn decimal(&mut self) -> Result<Decimal> {
        let start = if self.peek() == b'"' { self.position + 1 } else { self.position };
        let quoted = start > self.position;
        let digits_start = start + usize::from(self.bytes.get(start) == Some(&b'-'));
        let ends = |read: &Plain| self.ends_number(digits_start + read.bytes, quoted);
        let short = Word::at(self.bytes, digits_start).and_then(Word::number).filter(ends);
        let plain = short.or_else(|| self.long_number(digits_start).filter(ends));
        let Some(Plain { value, decimals, bytes }) = plain else {
            return self.unusual_decimal();
        };
        self.position = digits_start + bytes + usize::from(quoted);
        let mantissa = if digits_start > start { -value } else { value };
        let exponent = -decimals.cast_signed();
        Decimal::new(mantissa.into(), exponent).map_err(|_| self.expected("a number"))
    }

    /// A number byte by byte; `None` if there is something unusual about it.
    fn long_number(&self, start: usize) -> Option<Plain> {
        let (mut at, mut value, mut point) = (start, 0_i64, None);
        while let Some(&byte) = self.bytes.get(at) {
            if byte.is_ascii_digit() {
                value = value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
            } else if byte == b'.' && point.is_none() {
                point = Some(at);
            } else {
                break;
            }
            at += 1;
        }
        let decimals = point.map_or(0, |point| at - point - 1);
        let digits = at - start - usize::from(point.is_some());
        let is_inside = point.is_none_or(|point| point > start && decimals > 0);
        let is_plain = (1..=DIGITS_MAX).contains(&digits) && is_inside;
        let decimals = u32::try_from(decimals).ok().filter(|_| is_plain)?;
        Some(Plain { value, decimals, bytes: at - start })
    }

    /// Whether a number may end in front of a byte.
    #[inline]
    fn ends_number(&self, at: usize, quoted: bool) -> bool {
        match self.bytes.get(at) {
            Some(b'"') => quoted,
            Some(byte) => {
                !quoted && matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
            }
            None => !quoted,
        }
    }

    /// Numbers with exponents or very many digits, and what is no number.
    #[cold]
    fn unusual_decimal(&mut self) -> Result<Decimal> {
        let place = *self;
        match Decimal::parse(self.number()?) {
            Ok(value) if value.to_f64().is_finite() => Ok(value),
            _ => Err(place.expected("a number")),
        }
    }

    /// The bytes of a number, bare or quoted.
    pub fn number(&mut self) -> Result<&'a [u8]> {
        if self.peek() == b'"' {
            return self.raw_text();
        }
        let start = self.position;
        let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let rest = &self.bytes[start.min(self.bytes.len())..];
        let len = rest.iter().take_while(|byte| is_part(byte)).count();
        if len == 0 {
            return Err(self.expected("a number"));
        }
        self.position += len;
        Ok(&self.bytes[start..start + len])
    }

    /// A number, or `None` for null and the empty text.
    pub fn decimal_or_null(&mut self) -> Result<Option<Decimal>> {
        if self.took_null()? || self.took_empty() {
            return Ok(None);
        }
        self.decimal().map(Some)
    }

    fn took_empty(&mut self) -> bool {
        self.peek();
        let empty = self.bytes[self.position.min(self.bytes.len())..].starts_with(b"\"\"");
        self.position += 2 * usize::from(empty);
        empty
    }

    /// A whole number, bare or quoted.
    #[inline]
    pub fn integer(&mut self) -> Result<i64> {
        let quoted = self.peek() == b'"';
        let start = self.position + usize::from(quoted);
        let negative = self.bytes.get(start) == Some(&b'-');
        let digits_start = start + usize::from(negative);
        let short = self.short_integer(digits_start);
        match short.or_else(|| self.long_integer(digits_start)) {
            Some((value, digits)) if self.ends_number(digits_start + digits, quoted) => {
                self.position = digits_start + digits + usize::from(quoted);
                Ok(if negative { -value } else { value })
            }
            _ => Err(self.expected("a whole number of 64 bits")),
        }
    }

    /// A whole number of less than 16 digits, and how many it has.
    #[inline]
    fn short_integer(&self, start: usize) -> Option<(i64, usize)> {
        let (front, digits) = Word::at(self.bytes, start)?.digits();
        if digits < 8 {
            return (digits > 0).then_some((front, digits as usize));
        }
        let (back, more) = Word::at(self.bytes, start + 8)?.digits();
        (more < 8).then(|| (front * 10_i64.pow(more) + back, 8 + more as usize))
    }

    /// A whole number byte by byte, and how many digits it has.
    fn long_integer(&self, start: usize) -> Option<(i64, usize)> {
        let (mut digits, mut value) = (0, 0_u64);
        while let Some(byte @ b'0'..=b'9') = self.bytes.get(start + digits) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            digits += 1;
        }
        // 19 digits never wrap, and what they count fits if it is not negative as a signed number.
        let signed = i64::try_from(value).ok().filter(|_| (1..=19).contains(&digits));
        Some((signed?, digits))
    }

    /// A whole number, or `None` for null and the empty text.
    pub fn integer_or_null(&mut self) -> Result<Option<i64>> {
        if self.took_null()? || self.took_empty() {
            return Ok(None);
        }
        self.integer().map(Some)
    }

    /// Passes over a value.
    #[inline]
    pub fn skip(&mut self) -> Result<()> {
        match self.kind()? {
            Kind::Text => self.raw_text().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::True => self.word(b"true"),
            Kind::False => self.word(b"false"),
            Kind::Null => self.word(b"null"),
            Kind::Object | Kind::Array => self.skip_nested(),
        }
    }

    fn skip_nested(&mut self) -> Result<()> {
        let start = self.position;
        let mut open = [0; DEPTH_MAX];
        let mut depth = 0;
        while let Some(&byte) = self.bytes.get(self.position) {
            match byte {
                b'"' => {
                    self.raw_text()?;
                    continue;
                }
                b'[' | b'{' => {
                    if depth == DEPTH_MAX {
                        return Err(self.expected("less nesting"));
                    }
                    open[depth] = byte;
                    depth += 1;
                }
                b']' | b'}' => {
                    depth -= 1;
                    // `]` and `}` are two behind `[` and `{`.
                    if open[depth] + 2 != byte {
                        return Err(self.expected("the bracket that was opened"));
                    }
                }
                _ => {}
            }
            self.position += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(self.expected_at(start, "a value that ends"))
    }

    /// The value of a key of the object that comes next; nothing is passed.
    pub fn lookup(&self, wanted: &[u8]) -> Result<Option<Self>> {
        let mut ahead = *self;
        ahead.object()?;
        while let Some(key) = ahead.key()? {
            if key == wanted {
                return Ok(Some(ahead));
            }
            ahead.skip()?;
        }
        Ok(None)
    }

    /// A value for later: this place, and this reader moved behind it.
    #[inline]
    pub fn later(&mut self) -> Result<Self> {
        self.peek();
        let here = *self;
        self.skip()?;
        Ok(here)
    }
}

fn unescaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r' | 'b' | 'f') | None => {}
            Some('u') => {
                let digits: String = rest.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
