//! What single messages leave on the tapes, without sockets: read as `rustonite reparse` reads them.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod rig;

use rig::Record;
use rustonite_core::datasets::FrameKind;
use rustonite_feed::{Recorded, Reparser, TapeSettings};

const SECOND: i64 = 1_000_000_000;

/// Connections of one venue, and what they say, a second apart.
struct Venue {
    name: &'static str,
    reparser: Reparser,
    now: i64,
    home: tempfile::TempDir,
}

impl Venue {
    fn new(name: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let settings = TapeSettings { segment_bytes: 1 << 20, ..TapeSettings::default() };
        let reparser = Reparser::new(home.path().into(), "test".to_owned(), settings, 600);
        Self { name, reparser, now: 1_700_000_000 * SECOND, home }
    }

    fn take(&mut self, connection: i64, what: Recorded<'_>) {
        self.now += SECOND;
        self.reparser.take(self.name, connection, self.now, what).unwrap();
    }

    fn subscribe(&mut self, connection: i64, channel: &str, symbol: &str) {
        self.take(connection, Recorded::Subscribe { channel, symbol: Some(symbol) });
    }

    fn say(&mut self, connection: i64, text: &str) {
        let data = text.as_bytes();
        self.take(connection, Recorded::Frame { kind: FrameKind::Text, status: None, data });
    }

    fn finish(mut self) -> Record {
        self.reparser.finish().unwrap();
        Record::read(self.home.path(), self.name)
    }
}

#[test]
fn trades_whose_ids_are_hashes_are_all_kept_once() {
    let trade = |tid: i64, time: i64| {
        format!(
            r#"{{"channel":"trades","data":[{{"coin":"BTC","side":"B","px":"105.5","sz":"0.5","time":{time},"hash":"0x00","tid":{tid},"users":["0x01","0x02"]}}]}}"#
        )
    };
    let mut venue = Venue::new("hyperliquid");
    venue.subscribe(1, "trades", "BTC");
    let sent = [(588_047_386_913_648, 1), (121_451_470_284_048, 1), (85_392_298_469_503, 2)];
    for (tid, time) in sent {
        venue.say(1, &trade(tid, time));
        venue.say(1, &trade(tid, time));
    }
    let record = venue.finish();
    let ids: Vec<_> = record.trade_ids("BTC");
    assert_eq!(ids, sent.map(|(tid, _)| tid));
}
