use rustonite_core::Row as _;
use rustonite_core::datasets::{Quotes, draft};
use rustonite_tape::{TapeOptions, Writer};

use super::*;

/// A tape of quotes, one in each nanosecond.
fn quotes(folder: &Path, count: i64) {
    let options = TapeOptions { segment_bytes: 1 << 20, ..TapeOptions::default() };
    let path = folder.join("quotes").join("test-binance");
    let writer = Writer::create(&path, Quotes::schema(), options).unwrap();
    let mut writer = writer.typed::<Quotes>().unwrap();
    for at in 0..count {
        let (venue, symbol) = ("binance", "BTCUSDT");
        let quote =
            draft::Quotes { ts_event: at, ts_recv: at, venue, symbol, ..draft::Quotes::default() };
        writer.push_draft(&quote).unwrap();
    }
    writer.commit().unwrap();
}

#[test]
fn of_what_came_long_before_no_row_is_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    quotes(folder.path(), 5_000);
    let mut directory = Directory::default();
    directory.add_venue("binance");
    let followed = Followed {
        folder: folder.path().to_owned(),
        venue: "binance".to_owned(),
        dataset: "quotes".to_owned(),
    };
    let market = Market::open(Arc::new(directory), vec![followed], Start::Now).unwrap();
    let told = |dataset: &str, since: i64| {
        let mut told = Vec::new();
        let mut take = |rows: &Rows, instruments: &[Option<InstrumentId>]| {
            assert_eq!(rows.batch.len(), instruments.len());
            told.extend_from_slice(market.received(rows));
        };
        market.before(dataset, since, &mut take).unwrap();
        told
    };
    assert_eq!(told("quotes", i64::MIN), (0..5_000).collect::<Vec<_>>());
    let last = told("quotes", 4_990);
    assert!(last.len() <= ROWS_MAX && last.ends_with(&(4_990..5_000).collect::<Vec<_>>()));
    assert_eq!(told("quotes", 5_000), [0; 0]);
    assert_eq!(told("trades", 0), [0; 0]);
}
