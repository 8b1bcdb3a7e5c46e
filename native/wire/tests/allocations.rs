//! Messages that come by the million cost no allocation, once a codec has seen a few.

mod messages;

use messages::{Message, Venue, messages_of};
use rustonite_core::datasets::draft;
use rustonite_wire::{BookUpdate, Frame, OrdersUpdate, Sink, VENUES};

/// Messages that a codec may grow its buffers on.
const WARM_UP: usize = 10;
/// Messages that must cost nothing.
const MEASURED: usize = 50;

/// Counts what a message says about the market, so that silence does not pass for thrift.
#[derive(Default)]
struct Rows(usize);

impl Sink for Rows {
    fn trade(&mut self, _: &draft::Trades<'_>) {
        self.0 += 1;
    }
    fn quote(&mut self, _: &draft::Quotes<'_>) {
        self.0 += 1;
    }
    fn book(&mut self, _: &BookUpdate<'_>) {
        self.0 += 1;
    }
    fn orders(&mut self, _: &OrdersUpdate<'_>) {
        self.0 += 1;
    }
    fn top(&mut self, _: &draft::BookSnapshots<'_>) {
        self.0 += 1;
    }
    fn ticker(&mut self, _: &draft::Tickers<'_>) {
        self.0 += 1;
    }
}

fn check(venue: &Venue, message: Message) {
    let mut codec = venue.codec();
    let venue = venue.name;
    let mut rows = Rows::default();
    let texts: Vec<String> = (0..WARM_UP + MEASURED).map(|number| message.text(number)).collect();
    let mut read = |texts: &[String]| {
        for text in texts {
            let frame = Frame { ts_recv: messages::RECEIVED, data: text.as_bytes() };
            let read = codec.decode(frame, &mut rows);
            read.unwrap_or_else(|error| panic!("{venue}: {error}: {text}"));
        }
    };
    read(&texts[..WARM_UP]);
    let used = allocation_counter::measure(|| read(&texts[WARM_UP..]));
    assert_eq!(used.count_total, 0, "{venue}, {MEASURED} times: {}", texts[0]);
    assert!(rows.0 >= texts.len(), "{venue}: no row from {}", texts[0]);
}

/// Venues without an entry fail in `fuzz.rs`.
#[test]
fn hot_messages_of_all_venues() {
    for venue in VENUES.iter().filter_map(|name| messages_of(name)) {
        let hot = venue.messages.iter().filter(|message| matches!(message, Message::Hot(_)));
        assert!(hot.clone().count() > 0, "{} has no hot message", venue.name);
        hot.for_each(|message| check(venue, *message));
    }
}

#[test]
fn the_counter_counts() {
    let used = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(used.count_total, 1);
}
