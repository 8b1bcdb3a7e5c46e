//! What the clocks of venues show.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

use rustonite_wire::{Control, Feed, Frame, Sink, open};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

#[derive(Default)]
struct Shown(Vec<(i64, i64)>);

impl Sink for Shown {
    fn control(&mut self, control: &Control<'_>) {
        if let Control::Time { at, step } = *control {
            self.0.push((at, step));
        }
    }
}

#[test]
fn what_clocks_show() {
    let cases = [
        ("binance", r#"{"serverTime":1700000000123}"#, MILLISECOND),
        ("binance-usdm", r#"{"serverTime":1700000000123}"#, MILLISECOND),
        ("okx", r#"{"code":"0","data":[{"ts":"1700000000123"}],"msg":""}"#, MILLISECOND),
        (
            "bybit-linear",
            r#"{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1700000000","timeNano":"1700000000123456789"},"time":1700000000123}"#,
            MILLISECOND,
        ),
        ("kraken", r#"{"error":[],"result":{"unixtime":1700000000,"rfc1123":"x"}}"#, SECOND),
        ("coinbase", r#"{"iso":"2023-11-14T22:13:20.123Z","epoch":1700000000.123}"#, MILLISECOND),
        (
            "coinbase-advanced",
            r#"{"iso":"2023-11-14T22:13:20Z","epochSeconds":"1700000000","epochMillis":"1700000000123"}"#,
            MILLISECOND,
        ),
        (
            "deribit",
            r#"{"jsonrpc":"2.0","result":1700000000120,"usIn":1700000000122000,"usOut":1700000000123000}"#,
            1_000,
        ),
        ("bitmex", r#"{"name":"BitMEX API","timestamp":1700000000123}"#, MILLISECOND),
    ];
    for (venue, answer, step) in cases {
        let mut codec = open(venue).unwrap();
        assert_eq!(codec.requests(&Feed::Time).len(), 1, "{venue}");
        let frame = Frame { ts_recv: 1, data: answer.as_bytes() };
        let mut shown = Shown::default();
        codec.decode_answer(&Feed::Time, frame, &mut shown).unwrap();
        let at = if step == SECOND { 1_700_000_000_000 } else { 1_700_000_000_123 } * MILLISECOND;
        assert_eq!(shown.0, [(at, step)], "{venue}");
    }
}
