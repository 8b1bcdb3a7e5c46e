//! The recorded answers of Alpaca yield what an independent count says.

mod recordings;

use recordings::{Counts, bytes};
use rustonite_wire::{Feed, Frame, open};

/// Counts the instruments of the answers about assets. The others are nothing that we ask for.
fn check(file: &str, expected: usize) {
    let Some(all) = bytes(file) else { return };
    let text = String::from_utf8(all).expect("text");
    let mut counts = Counts::default();
    for line in text.lines() {
        let (case, body) = line.split_once(r#"","body":"#).expect("a case and a body");
        if !case.to_lowercase().contains("asset") {
            continue;
        }
        let body = body.strip_suffix('}').expect("the end of the line");
        let mut codec = open("alpaca-stocks").expect("a venue");
        let frame = Frame { ts_recv: 0, data: body.as_bytes() };
        let read = codec.decode_answer(&Feed::Instruments, frame, &mut counts);
        read.unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    assert_eq!(counts.instruments, expected, "{file}");
}

#[test]
fn answers_of_rest() {
    check("alpaca/rest_responses_ago.jsonl", 1);
    check("alpaca/rest_responses_apy.jsonl", 2);
}
