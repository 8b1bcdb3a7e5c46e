//! What the tests of all venues share: a sink that writes down what it is given.

use std::fmt::Debug;

use rustonite_core::datasets::draft;

use crate::codec::{Codec, Feed, Frame};
use crate::error::Malformed;
use crate::event::{BookUpdate, Control, Level, OrdersUpdate, Sink};

/// When all test messages were received.
pub(crate) const RECEIVED: i64 = 1_700_000_000_123_456_789;

/// Lines that show what a message says, without the fields that are null or zero.
#[derive(Default)]
pub(crate) struct Shown(pub(crate) Vec<String>);

impl Shown {
    fn push(&mut self, row: &impl Debug) {
        let text = format!("{row:?}").replace(&format!("ts_recv: {RECEIVED}, "), "");
        let (name, fields) = text.split_once(" { ").unwrap_or((&text, ""));
        let fields = fields.trim_end_matches(" }");
        let told: Vec<_> = split_fields(fields).into_iter().filter(|f| tells(f)).collect();
        self.0.push(format!("{name} {}", told.join(", ")).trim_end().to_owned());
    }
}

/// Fields of a debug text, which are separated by commas outside of brackets.
fn split_fields(text: &str) -> Vec<String> {
    let (mut fields, mut depth, mut quoted) = (vec![String::new()], 0, false);
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if depth == 0 && !quoted => {
                fields.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(field) = fields.last_mut() {
            field.push(letter);
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

fn tells(field: &str) -> bool {
    !field.ends_with(": None") && !field.ends_with(": 0")
}

fn level(level: &Level) -> String {
    let Level { side, price, size, count } = level;
    let count = count.map(|count| format!(" n{count}")).unwrap_or_default();
    format!("{} {size}@{price}{count}", side.name())
}

impl Sink for Shown {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        self.push(row);
    }
    fn quote(&mut self, row: &draft::Quotes<'_>) {
        self.push(row);
    }
    fn book(&mut self, update: &BookUpdate<'_>) {
        self.push(&BookUpdate { levels: &[], ..*update });
        self.0.extend(update.levels.iter().map(level));
    }
    fn orders(&mut self, update: &OrdersUpdate<'_>) {
        self.push(&OrdersUpdate { orders: &[], ..*update });
        update.orders.iter().for_each(|order| self.push(order));
    }
    fn top(&mut self, row: &draft::BookSnapshots<'_>) {
        self.push(row);
    }
    fn ticker(&mut self, row: &draft::Tickers<'_>) {
        self.push(row);
    }
    fn liquidation(&mut self, row: &draft::Liquidations<'_>) {
        self.push(row);
    }
    fn bar(&mut self, row: &draft::Bars<'_>) {
        self.push(row);
    }
    fn instrument(&mut self, row: &draft::Instruments<'_>) {
        self.push(row);
    }
    fn control(&mut self, control: &Control<'_>) {
        self.push(control);
    }
}

/// What a message says, or why it cannot be read.
pub(crate) fn shown(codec: &mut dyn Codec, message: &str) -> Result<Vec<String>, Malformed> {
    let mut sink = Shown::default();
    codec.decode(Frame { ts_recv: RECEIVED, data: message.as_bytes() }, &mut sink)?;
    Ok(sink.0)
}

/// What the body of a REST answer says, or why it cannot be read.
pub(crate) fn answered(
    codec: &mut dyn Codec,
    feed: &Feed,
    body: &str,
) -> Result<Vec<String>, Malformed> {
    let mut sink = Shown::default();
    codec.decode_answer(feed, Frame { ts_recv: RECEIVED, data: body.as_bytes() }, &mut sink)?;
    Ok(sink.0)
}
