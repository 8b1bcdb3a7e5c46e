//! Damaged messages never make a codec panic, and never change how it reads the next good one.
//!
//! The damage is the same in every run: it comes from a generator with a fixed seed.

mod messages;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use messages::{Ask, Message, Nobody, Venue, all_texts, messages_of};
use rustonite_core::datasets::draft;
use rustonite_wire::{BookUpdate, Codec, Control, Frame, OrdersUpdate, Sink, VENUES, open};

const CASES: usize = 30_000;
/// So many damaged messages come before a good one.
const CASES_PER_CHECK: usize = 10;
/// Longest message that is damaged further.
const LENGTH_MAX: usize = 20_000;

/// Numbers that do not fit somewhere, and what is no number.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "999999999999999999999999999999999999999999",
    "0.000000000000000000000000000000000000001",
    "1e308",
    "1e309",
    "-1e999",
    "1e-400",
    "1e99999999999",
    "1E+5",
    "1.",
    ".5",
    "NaN",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
];

/// Bytes that are no text, or mean something to a reader.
const BYTES: &[&[u8]] = &[
    b"\xFF",
    b"\xC3\x28",
    b"\xED\xA0\x80",
    b"\x8A\x7E",
    b"\x00",
    b"\\",
    b"\\\"",
    b"\\u0000",
    b"\"",
    b",",
    b":",
    b"~",
    b";",
    b"\n",
    b"\xEF\xBB\xBF",
];

/// Times of receipt, from the usual to the absurd.
const TIMES: &[i64] =
    &[messages::RECEIVED, messages::RECEIVED, 1_600_000_000_000_000_000, 0, i64::MIN, i64::MAX];

/// A small generator of random numbers, `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).expect("a length")).expect("a length")
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A part of something so long; short parts are more likely.
    fn span(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = if self.below(4) == 0 { length - start } else { (length - start).min(8) };
        start..start + self.below(longest + 1)
    }
}

/// Places of the texts, numbers and words in a message.
fn tokens(message: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let start = at;
        if message[at] == b'"' {
            at += 1;
            while at < message.len() && message[at] != b'"' {
                at += if message[at] == b'\\' { 2 } else { 1 };
            }
            at = (at + 1).min(message.len());
        } else {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            at += message[at..].iter().take_while(|byte| is_part(byte)).count();
        }
        if at > start {
            found.push(start..at);
        } else {
            at += 1;
        }
    }
    found
}

/// One damage to a message.
fn damage(random: &mut Random, message: &mut Vec<u8>, others: &[String]) {
    let length = message.len();
    match random.below(11) {
        0 if length > 0 => message[random.below(length)] ^= 1 << random.below(8),
        1 => message.truncate(random.below(length + 1)),
        2 => drop(message.drain(random.span(length))),
        3 => {
            let copied = message[random.span(length)].to_vec();
            insert(random, message, &copied);
        }
        4 | 5 => swap_tokens(random, message),
        6 => replace_token(random, message),
        7 => nest(random, message),
        8 => {
            let bytes = random.pick(BYTES);
            insert(random, message, bytes);
        }
        9 => {
            let bytes = random.next().to_le_bytes();
            insert(random, message, &bytes);
        }
        _ => {
            let other = others[random.below(others.len())].as_bytes();
            let part = other[random.span(other.len())].to_vec();
            insert(random, message, &part);
        }
    }
}

fn insert(random: &mut Random, message: &mut Vec<u8>, part: &[u8]) {
    let at = random.below(message.len() + 1);
    message.splice(at..at, part.iter().copied());
}

/// Keys and values change places.
fn swap_tokens(random: &mut Random, message: &mut Vec<u8>) {
    let found = tokens(message);
    if found.len() < 2 {
        return;
    }
    let (a, b) = (random.below(found.len()), random.below(found.len()));
    let (first, second) = (found[a.min(b)].clone(), found[a.max(b)].clone());
    let (first_text, second_text) =
        (message[first.clone()].to_vec(), message[second.clone()].to_vec());
    if first.end <= second.start {
        message.splice(second, first_text);
        message.splice(first, second_text);
    }
}

/// A value becomes a number that does not fit.
fn replace_token(random: &mut Random, message: &mut Vec<u8>) {
    let found = tokens(message);
    if found.is_empty() {
        return;
    }
    let place = found[random.below(found.len())].clone();
    let number = random.pick(NUMBERS);
    let quoted = format!("\"{number}\"");
    let number = if random.below(2) == 0 { number } else { &quoted };
    message.splice(place, number.bytes());
}

/// A value is wrapped more often than anyone would, with or without its end.
fn nest(random: &mut Random, message: &mut Vec<u8>) {
    let found = tokens(message);
    let depth = random.pick(&[1, 2, 127, 128, 129, 1000]);
    let (open, close) = random.pick(&[("[", "]"), ("{\"a\":", "}"), ("[", "}")]);
    let end = if random.below(2) == 0 { close.repeat(depth) } else { String::new() };
    let place = if found.is_empty() { 0..0 } else { found[random.below(found.len())].clone() };
    message.splice(place.end..place.end, end.bytes());
    message.splice(place.start..place.start, open.repeat(depth).bytes());
}

/// Writes down everything it is given.
#[derive(Default)]
struct Written(String);

impl Written {
    fn add(&mut self, what: &dyn Debug) {
        self.0.push_str(&format!("{what:?}\n"));
    }
}

impl Sink for Written {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        self.add(row);
    }
    fn quote(&mut self, row: &draft::Quotes<'_>) {
        self.add(row);
    }
    fn book(&mut self, update: &BookUpdate<'_>) {
        self.add(update);
    }
    fn orders(&mut self, update: &OrdersUpdate<'_>) {
        self.add(update);
    }
    fn top(&mut self, row: &draft::BookSnapshots<'_>) {
        self.add(row);
    }
    fn ticker(&mut self, row: &draft::Tickers<'_>) {
        self.add(row);
    }
    fn liquidation(&mut self, row: &draft::Liquidations<'_>) {
        self.add(row);
    }
    fn bar(&mut self, row: &draft::Bars<'_>) {
        self.add(row);
    }
    fn instrument(&mut self, row: &draft::Instruments<'_>) {
        self.add(row);
    }
    fn control(&mut self, control: &Control<'_>) {
        self.add(control);
    }
}

fn written(venue: &Venue, message: Message, codec: &mut dyn Codec) -> String {
    let mut written = Written::default();
    let read = message.read(codec, 0, &mut written);
    read.unwrap_or_else(|error| panic!("{}: {error}: {}", venue.name, message.text(0)));
    assert!(!written.0.is_empty(), "{}: nothing from {}", venue.name, message.text(0));
    written.0
}

fn read_damaged(codec: &mut dyn Codec, random: &mut Random, data: &[u8]) {
    let frame = Frame { ts_recv: random.pick(TIMES), data };
    let feed = random.pick(&Ask::ALL).feed();
    let _ = codec.decode(frame, &mut Nobody);
    let _ = codec.decode_answer(&feed, frame, &mut Nobody);
}

/// A good message, and what a codec says of it that has seen no other.
type Probe = (Message, String);

fn probes(venue: &Venue) -> Vec<Probe> {
    let probe = |message: &Message| (*message, written(venue, *message, &mut *venue.codec()));
    venue.messages.iter().map(probe).collect()
}

/// Checks that what came before has left no trace in a codec.
fn check(venue: &Venue, codec: &mut dyn Codec, (message, expected): &Probe, case: usize) {
    if venue.keeps_state {
        codec.reset();
        venue.begin(codec);
    }
    assert_eq!(&written(venue, *message, codec), expected, "{}, after case {case}", venue.name);
}

/// A venue without messages of its own is given those of the others.
fn fuzz(name: &str, seed: u64) {
    let mut random = Random(seed);
    let venue = messages_of(name);
    let probes = venue.map(probes).unwrap_or_default();
    let begun = venue.map(|venue| venue.before).unwrap_or_default().iter().copied();
    let own = begun.map(str::to_owned).chain(probes.iter().map(|(message, _)| message.text(0)));
    let own = own.collect::<Vec<_>>();
    let all = all_texts();
    let texts = if own.is_empty() { &all } else { &own };
    let mut codec = venue.map_or_else(|| open(name).expect("a venue"), Venue::codec);
    for case in 0..CASES {
        let mut data = texts[random.below(texts.len())].clone().into_bytes();
        for _ in 0..=random.below(3) {
            if data.len() < LENGTH_MAX {
                damage(&mut random, &mut data, &all);
            }
        }
        let read = catch_unwind(AssertUnwindSafe(|| {
            read_damaged(&mut *codec, &mut random, &data);
        }));
        assert!(read.is_ok(), "{name}, case {case}: panic on {}", data.escape_ascii());
        if let Some(venue) = venue
            && case % CASES_PER_CHECK == 0
        {
            check(venue, &mut *codec, &probes[random.below(probes.len())], case);
        }
    }
}

#[test]
fn damaged_messages_of_all_venues() {
    std::thread::scope(|threads| {
        for (seed, name) in (1..).zip(VENUES) {
            threads.spawn(move || fuzz(name, seed));
        }
    });
}

/// A message that was cut off is no message. Lines of text have no end that could be missed.
#[test]
fn every_prefix_is_refused() {
    let in_json = VENUES.iter().filter(|name| !matches!(**name, "qq" | "sina"));
    for venue in in_json.filter_map(|name| messages_of(name)) {
        for message in venue.messages {
            let (text, mut codec) = (message.text(0), venue.codec());
            for end in 0..text.len() {
                let read = message.read_as(&text.as_bytes()[..end], &mut *codec, &mut Nobody);
                assert!(read.is_err(), "{}: read {end} bytes of {text}", venue.name);
            }
        }
    }
}

#[test]
fn every_venue_has_messages() {
    let missing: Vec<_> = VENUES.iter().filter(|name| messages_of(name).is_none()).collect();
    assert!(missing.is_empty(), "tests/messages/mod.rs has no messages of {missing:?}");
}
