use rustonite_core::datasets::FrameKind;
use rustonite_wire::{Feed, VENUES, open};

use super::{Recorded, Reparser, feed_of};
use crate::config::TapeSettings;
use crate::stats::VenueStatus;

#[test]
fn a_call_tells_what_it_was_for() {
    let mut found = 0;
    for venue in VENUES {
        let codec = open(venue).unwrap();
        let symbol = || "BTCUSDT".to_owned();
        let feeds = [
            Feed::Instruments,
            Feed::Book(symbol()),
            Feed::Orders(symbol()),
            Feed::Tickers(Some(symbol())),
        ];
        for feed in feeds {
            let Some(request) = codec.requests(&feed).into_iter().next() else { continue };
            assert!(feed_of(&*codec, &request.sent()).is_some(), "{venue}: {feed:?} {request:?}");
            found += 1;
        }
    }
    assert!(found > 30, "{found}");
}

const MS: i64 = 1_000_000;
const START: i64 = 1_767_312_000_000_000_000;

/// Frames of Bitfinex, whose data names numbers that a connection was given, so that nobody else
/// can read it.
struct Story {
    reparser: Reparser,
    now: i64,
    _folder: tempfile::TempDir,
}

impl Story {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tape = TapeSettings::default();
        let reparser = Reparser::new(folder.path().into(), "again".to_owned(), tape, 600);
        Self { reparser, now: START, _folder: folder }
    }

    fn take(&mut self, connection: i64, what: Recorded<'_>) {
        self.now += MS;
        self.reparser.take("bitfinex", connection, self.now, what).unwrap();
    }

    fn subscribe(&mut self, connection: i64) {
        self.take(connection, Recorded::Subscribe { channel: "ticker", symbol: Some("tBTCUSD") });
        let text = r#"{"event":"subscribed","channel":"ticker","chanId":5,"symbol":"tBTCUSD"}"#;
        self.text(connection, text);
    }

    fn text(&mut self, connection: i64, text: &str) {
        let data = text.as_bytes();
        self.take(connection, Recorded::Frame { kind: FrameKind::Text, status: None, data });
    }

    fn data(&mut self, connection: i64) {
        self.text(connection, "[5,[1,2,3,4,5,6,7,8,9,10]]");
    }

    fn has_gap(&self) -> bool {
        let instruments = &self.reparser.venues["bitfinex"].recording.instruments;
        instruments.iter().any(|one| one.lost_since.iter().any(Option::is_some))
    }

    fn status(&self) -> VenueStatus {
        self.reparser.status().remove(0)
    }
}

#[test]
fn another_recorder_of_the_lake_ends_no_connection() {
    let mut story = Story::new();
    story.take(0, Recorded::Start);
    story.subscribe(1);
    story.data(1);
    story.take(0, Recorded::Start);
    story.data(1);
    story.subscribe(2);
    let before = story.status();
    story.data(1);
    story.take(2, Recorded::Disconnect);
    assert!(!story.has_gap());
    story.data(1);
    let status = story.status();
    assert_eq!((status.unknown, status.malformed), (0, 0), "{status:?}");
    assert_eq!(status.rows, before.rows + 2);
}

#[test]
fn a_connection_that_a_crash_ended_carries_nothing() {
    let mut story = Story::new();
    story.take(0, Recorded::Start);
    story.subscribe(1);
    story.data(1);
    story.take(0, Recorded::Start);
    assert!(!story.has_gap());
    story.subscribe(2);
    assert!(story.has_gap());
    story.data(2);
    assert!(!story.has_gap());
    story.take(2, Recorded::Disconnect);
    assert!(story.has_gap(), "the first one carried it no more");
}
