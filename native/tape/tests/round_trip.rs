//! What goes in comes out: typed rows and Arrow batches, commits, rotation, dictionaries.
#![cfg(not(feature = "loom"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    reason = "a failing test should panic; values must come back bit for bit"
)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int16Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, StringArray};
use arrow_schema::{Field, Schema as ArrowSchema};
use common::*;
use rustonite_core::datasets::{
    Aggressor, BookSnapshots, FrameKind, Frames, Quotes, Trades, draft,
};
use rustonite_core::{Column, ColumnType, Fixed, Key, Row, Schema};
use rustonite_tape::{
    Batch, Polled, Reader, Start, TapeError, TapeOptions, TypedWriter, Values, Wait, Writer,
};

fn typed<R: Row>(folder: &Path) -> TypedWriter<R> {
    Writer::create(folder, R::schema(), tiny()).unwrap().typed().unwrap()
}

/// Tiny segments with room for 1,536 bytes per text or list column.
fn sized() -> TapeOptions {
    TapeOptions { value_bytes: Some(24), ..tiny() }
}

fn column(batch: &Batch, name: &str) -> usize {
    batch.schema().index_of(name).unwrap()
}

#[test]
fn trades_come_back_through_every_way_of_reading() {
    let home = in_memory();
    let mut writer = typed::<Trades>(home.path());
    let venue = writer.code16("venue", "binance").unwrap();
    for n in 0..150_i64 {
        let uid = format!("uid-{n}");
        let row = Trades {
            ts_event: n,
            ts_recv: n + 1,
            venue,
            symbol: writer.code32("symbol", &format!("S{}", n % 3)).unwrap(),
            price: n as f64 * 0.5,
            size: f64::MAX,
            side: [Aggressor::Buy, Aggressor::Sell, Aggressor::Unknown][n as usize % 3],
            trade_id: (n % 2 == 0).then_some(n),
            trade_uid: (n % 2 == 1).then_some(uid.as_str()),
            count: None,
            exchange: None,
            conditions: None,
            flags: 1,
        };
        writer.push(&row).unwrap();
        writer.commit().unwrap();
    }
    let batches = drain(&mut read_from_first(home.path()));
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [64, 64, 22]);
    for batch in &batches {
        check_trades(batch);
    }
}

fn check_trades(batch: &Batch) {
    let first = batch.first_row() as i64;
    let prices = batch.values::<f64>(column(batch, "price")).unwrap();
    let symbols = batch.values::<i32>(column(batch, "symbol")).unwrap();
    let sides = batch.values::<i8>(column(batch, "side")).unwrap();
    let ids = batch.values::<i64>(column(batch, "trade_id")).unwrap();
    let with_id = batch.validity(column(batch, "trade_id")).unwrap();
    let arrow = record_batch(batch);
    let uids = arrow.column(column(batch, "trade_uid")).as_string::<i32>();
    let arrow_sides = arrow.column(column(batch, "side"));
    for row in 0..batch.len() {
        let n = first + row as i64;
        assert_eq!(prices[row], n as f64 * 0.5);
        let symbol = batch.text(column(batch, "symbol"), symbols[row].into()).unwrap();
        assert_eq!(symbol, format!("S{}", n % 3));
        assert_eq!(sides[row], (n % 3) as i8);
        let side = dictionary_text::<Int8Type>(arrow_sides, row).unwrap();
        assert_eq!(side, ["buy", "sell", "unknown"][n as usize % 3]);
        assert_eq!(with_id.is_valid(row).then(|| ids[row]), (n % 2 == 0).then_some(n));
        let uid = uids.is_valid(row).then(|| uids.value(row).to_owned());
        assert_eq!(uid, (n % 2 == 1).then(|| format!("uid-{n}")));
    }
    let conditions = arrow.column(column(batch, "conditions"));
    assert_eq!(conditions.logical_null_count(), batch.len());
    assert!(batch.validity(column(batch, "price")).is_none());
    assert!(batch.values::<i32>(column(batch, "price")).is_none(), "width 8, not 4");
    assert!(batch.values::<i8>(column(batch, "trade_uid")).is_none(), "not of constant width");
    assert!(batch.text(column(batch, "symbol"), 99).is_none());
}

#[test]
fn quotes_keep_their_nulls() {
    let home = on_disk();
    let mut writer = typed::<Quotes>(home.path());
    let venue = writer.code16("venue", "kraken").unwrap();
    let symbol = writer.code32("symbol", "BTC/USD").unwrap();
    for n in 0..100 {
        let bid = (n % 3 != 0).then_some(f64::from(n));
        let quote = Quotes {
            ts_event: n.into(),
            venue,
            symbol,
            bid_price: bid,
            bid_size: bid,
            seq: Some(n.into()),
            ..Quotes::default()
        };
        writer.push(&quote).unwrap();
        writer.commit().unwrap();
    }
    let mut n = 0;
    for batch in drain(&mut read_from_first(home.path())) {
        let bids = batch.values::<f64>(column(&batch, "bid_price")).unwrap();
        let with_bid = batch.validity(column(&batch, "bid_price")).unwrap();
        let with_ask = batch.validity(column(&batch, "ask_price")).unwrap();
        for (row, &bid) in bids.iter().enumerate() {
            let bid = with_bid.is_valid(row).then_some(bid);
            assert_eq!(bid, (n % 3 != 0).then_some(f64::from(n)));
            assert!(with_ask.is_null(row));
            n += 1;
        }
    }
    assert_eq!(n, 100);
}

#[test]
fn book_snapshots_keep_their_lists() {
    let home = in_memory();
    let mut writer = typed::<BookSnapshots>(home.path());
    let venue = writer.code16("venue", "okx").unwrap();
    let symbol = writer.code32("symbol", "BTC-USDT").unwrap();
    for n in 0..100_i64 {
        let prices: Vec<f64> = (0..n % 21).map(|level| (n - level) as f64).collect();
        let counts: Vec<i32> = (0..n % 21).map(|level| level as i32).collect();
        let row = BookSnapshots {
            ts_event: n,
            venue,
            symbol,
            bid_price: &prices,
            bid_size: &prices,
            bid_count: (n % 2 == 0).then_some(&counts),
            ..BookSnapshots::default()
        };
        writer.push(&row).unwrap();
        writer.commit().unwrap();
    }
    let mut n = 0_i64;
    for batch in drain(&mut read_from_first(home.path())) {
        let arrow = record_batch(&batch);
        let prices = arrow.column(column(&batch, "bid_price")).as_list::<i32>();
        let counts = arrow.column(column(&batch, "bid_count")).as_list::<i32>();
        for row in 0..batch.len() {
            let expected: Vec<f64> = (0..n % 21).map(|level| (n - level) as f64).collect();
            let found = prices.value(row);
            assert_eq!(found.as_primitive::<Float64Type>().values(), &expected[..]);
            assert_eq!(counts.is_valid(row), n % 2 == 0);
            let expected = if n % 2 == 0 { n % 21 } else { 0 };
            assert_eq!(counts.value_length(row), expected as i32);
            n += 1;
        }
    }
    assert_eq!(n, 100);
}

#[test]
fn frames_keep_their_bytes() {
    let home = in_memory();
    let mut writer = typed::<Frames>(home.path());
    let venue = writer.code16("venue", "bybit").unwrap();
    let bytes_of = |n: i64| vec![n as u8; (n as usize * 37) % 600];
    for n in 0..100_i64 {
        let data = bytes_of(n);
        let kind = FrameKind::Binary;
        let frame = Frames { frame_seq: n, venue, kind, data: &data, ..Frames::default() };
        writer.push(&frame).unwrap();
        writer.commit().unwrap();
    }
    let mut n = 0;
    for batch in drain(&mut read_from_first(home.path())) {
        let arrow = record_batch(&batch);
        for data in arrow.column(column(&batch, "data")).as_binary::<i32>() {
            assert_eq!(data.unwrap(), bytes_of(n));
            n += 1;
        }
    }
    assert_eq!(n, 100);
}

#[test]
fn rows_appear_on_commit_and_all_of_an_event_at_once() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    let mut reader = read_from_first(home.path());
    for n in 0..3 {
        push(&mut writer, &MixedRow::numbered(n)).unwrap();
        assert!(matches!(reader.poll(9).unwrap(), Polled::Empty));
    }
    assert_eq!((writer.writer().rows(), writer.writer().pending()), (0, 3));
    writer.commit().unwrap();
    assert_eq!(rows_of(&drain(&mut reader)), numbered(0..3));
    push(&mut writer, &MixedRow::numbered(77)).unwrap();
    writer.writer().rollback();
    writer.commit().unwrap();
    push(&mut writer, &MixedRow::numbered(3)).unwrap();
    writer.commit().unwrap();
    assert_eq!(rows_of(&drain(&mut reader)), numbered(3..4));
}

#[test]
fn an_event_stays_whole_across_rotation() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    let mut reader = read_from_first(home.path());
    write_numbered(&mut writer, 0..60);
    drain(&mut reader);
    for n in 60..70 {
        push(&mut writer, &MixedRow::numbered(n)).unwrap();
        assert!(!reader.wait(Duration::ZERO, Wait::Spin).unwrap(), "row {n} showed early");
    }
    assert_eq!(writer.writer().segment_number(), 1);
    writer.commit().unwrap();
    let batches = drain(&mut reader);
    assert_eq!(batches.len(), 1, "the event is in one segment");
    assert_eq!((batches[0].first_row(), batches[0].segment()), (60, 1));
    assert_eq!(rows_of(&batches), numbered(60..70));
}

#[test]
fn text_that_does_not_fit_rotates_and_too_large_a_value_is_refused() {
    let home = in_memory();
    let mut writer = create(home.path(), sized());
    let room = 24 * 64;
    let row = |len| MixedRow { text: Some("x".repeat(len)), ..MixedRow::numbered(0) };
    push(&mut writer, &row(room - 10)).unwrap();
    writer.commit().unwrap();
    push(&mut writer, &row(room)).unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.writer().segment_number(), 1);

    push(&mut writer, &row(0)).unwrap();
    let error = push(&mut writer, &row(room + 1)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, TapeError::Value { ref column, .. } if column == "text"), "{text}");
    assert!(text.contains("1537") && text.contains("1536"), "{text}");
    assert_eq!(writer.writer().segment_number(), 1, "no rotation for what can never fit");
    writer.commit().unwrap();
    assert_eq!(all_rows(home.path()), [row(room - 10), row(room), row(0)]);
}

#[test]
fn a_value_too_large_is_called_so_even_with_nothing_committed() {
    let home = in_memory();
    let mut writer = create(home.path(), sized());
    push(&mut writer, &MixedRow::numbered(0)).unwrap();
    let large = MixedRow { text: Some("x".repeat(2000)), ..MixedRow::numbered(1) };
    assert!(matches!(push(&mut writer, &large), Err(TapeError::Value { .. })));
    let batch = mixed_batch(&[large]);
    assert!(matches!(writer.writer().append(&batch), Err(TapeError::Value { .. })));
    writer.commit().unwrap();
    assert_eq!(all_rows(home.path()), numbered(0..1));
}

#[test]
fn an_event_larger_than_a_segment_is_refused_and_loses_nothing() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    write_numbered(&mut writer, 0..10);
    let error = (10..200).find_map(|n| push(&mut writer, &MixedRow::numbered(n)).err()).unwrap();
    assert!(matches!(error, TapeError::EventTooLarge { pending: 64, capacity: 64 }), "{error}");
    writer.commit().unwrap();
    write_numbered(&mut writer, 74..80);
    assert_eq!(all_rows(home.path()), numbered(0..80));
}

#[test]
fn an_event_with_more_text_than_a_segment_is_too_large_as_an_event() {
    let home = in_memory();
    let mut writer = create(home.path(), sized());
    write_numbered(&mut writer, 0..1);
    let row = MixedRow { text: Some("x".repeat(800)), ..MixedRow::numbered(1) };
    push(&mut writer, &row).unwrap();
    let error = push(&mut writer, &row).unwrap_err();
    assert!(matches!(error, TapeError::EventTooLarge { pending: 1, .. }), "{error}");
}

#[test]
fn dictionaries_have_limits() {
    let home = in_memory();
    let columns = vec![Column::plain("key", ColumnType::Dictionary(Key::Int8), false)];
    let schema = Arc::new(Schema::new("keys", 1, columns).unwrap());
    let mut writer = Writer::create(home.path(), &schema, tiny()).unwrap();
    for code in 0..127 {
        assert_eq!(writer.intern(0, &format!("key {code}")).unwrap(), code);
    }
    assert_eq!(writer.intern(0, "key 5").unwrap(), 5);
    let error = writer.intern(0, "one more").unwrap_err().to_string();
    assert!(error.contains("key") && error.contains("128") && error.contains("127"), "{error}");
    let error = writer.intern(0, &"x".repeat(4097)).unwrap_err().to_string();
    assert!(error.contains("4097 bytes"), "{error}");
    assert!(writer.intern(7, "no such column").is_err());
}

#[test]
fn a_small_dictionary_takes_long_texts() {
    let home = in_memory();
    let columns = vec![Column::plain("key", ColumnType::Dictionary(Key::Int8), false)];
    let schema = Arc::new(Schema::new("keys", 1, columns).unwrap());
    let mut writer = Writer::create(home.path(), &schema, tiny()).unwrap();
    let texts: Vec<String> = [3000, 4096, 0, 4000].iter().map(|&len| "x".repeat(len)).collect();
    for text in &texts {
        writer.intern(0, text).unwrap();
    }
    let strings: ArrayRef = Arc::new(StringArray::from_iter_values(&texts));
    writer.append(&RecordBatch::try_from_iter([("key", strings)]).unwrap()).unwrap();
    let batch = &drain(&mut read_from_first(home.path()))[0];
    let found: Vec<_> = (0..4).map(|code| batch.text(0, code).unwrap()).collect();
    assert_eq!(found, texts);
}

#[test]
fn words_outside_a_vocabulary_are_refused() {
    let home = in_memory();
    let mut writer = typed::<Trades>(home.path());
    let side = writer.writer().schema().index_of("side").unwrap();
    assert_eq!(writer.writer().intern(side, "sell").unwrap(), 1);
    let error = writer.writer().intern(side, "short").unwrap_err().to_string();
    assert!(error.contains("side") && error.contains("buy, sell, unknown"), "{error}");
    let error = writer.code16("no_such", "x").unwrap_err().to_string();
    assert!(error.contains("no_such"), "{error}");
    let row = Trades { symbol: rustonite_core::Code(0), ..Trades::default() };
    let error = writer.push(&row).unwrap_err().to_string();
    assert!(error.contains("venue") && error.contains("code 0"), "{error}");
}

#[test]
fn a_reader_follows_a_dictionary_that_outgrows_its_file() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    write_numbered(&mut writer, 0..1);
    let mut reader = read_from_first(home.path());
    let mut rows = numbered(0..1);
    assert_eq!(rows_of(&drain(&mut reader)), rows);
    let old = drain(&mut read_from_first(home.path()));
    for n in 1..3000 {
        let row = MixedRow { tag: format!("a rather long symbol {n}"), ..MixedRow::numbered(n) };
        push(&mut writer, &row).unwrap();
        writer.commit().unwrap();
        rows.push(row);
    }
    assert_eq!(rows_of(&drain(&mut reader)), rows[1..]);
    assert_eq!(rows_of(&old), rows[..1], "an old batch keeps its texts");
    drop(writer);
    let mut writer = open(home.path());
    assert_eq!(writer.code16("tag", "a rather long symbol 2999").unwrap().0, 2999);
    assert_eq!(all_rows(home.path()), rows);
}

#[test]
fn plain_values_are_those_of_checked_batches_and_texts_are_found_for_their_codes() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    let mut checked = read_from_first(home.path());
    let mut plain = read_from_first(home.path());
    for first in (0..1000).step_by(50) {
        for n in first..first + 50 {
            // Every row has a text of its own, so the side table is replaced on the way.
            let row = MixedRow { tag: format!("tag {n}"), ..MixedRow::numbered(n) };
            push(&mut writer, &row).unwrap();
        }
        writer.commit().unwrap();
        loop {
            let rows = match (checked.poll(37).unwrap(), plain.poll_values(37).unwrap()) {
                (Polled::Rows(batch), Polled::Rows(values)) => (batch, values),
                (Polled::Empty, Polled::Empty) => break,
                other => panic!("{other:?}"),
            };
            compare_values(&rows.0, &rows.1, &mut plain);
        }
    }
    assert_eq!(plain.row(), 1000);
    let tag = 1;
    assert_eq!(plain.text(tag, 1000).unwrap(), None);
    assert_eq!(plain.text(tag, -1).unwrap(), None);
    assert_eq!(plain.text(0, 0).unwrap(), None, "not a dictionary");
    assert_eq!(plain.text(99, 0).unwrap(), None, "no such column");
}

fn compare_values(batch: &Batch, values: &Values, reader: &mut Reader) {
    assert_eq!((batch.len(), batch.first_row()), (values.len(), values.first_row()));
    assert!(!values.is_empty());
    let (number, tag, small) = (column(batch, "n"), column(batch, "tag"), column(batch, "small"));
    assert_eq!(batch.values::<i64>(number), values.values::<i64>(number));
    assert_eq!(values.values::<f32>(number), None, "of another width");
    for (row, expected) in mixed_rows(batch).iter().enumerate() {
        assert_eq!(values.is_set(small, row), expected.small.is_some());
        let code = i64::from(values.values::<i16>(tag).unwrap()[row]);
        assert_eq!(reader.text(tag, code).unwrap(), Some(expected.tag.as_str()));
    }
}

#[test]
fn a_batch_read_from_a_tape_can_be_appended_to_another() {
    let home = in_memory();
    let mut source = typed::<Trades>(&home.path().join("source"));
    let venue = source.code16("venue", "v").unwrap();
    let symbol = source.code32("symbol", "s").unwrap();
    source.push(&Trades { venue, symbol, price: 1.5, ..Trades::default() }).unwrap();
    source.commit().unwrap();
    let read = record_batch(&drain(&mut read_from_first(source.writer().folder()))[0]);
    // Column `conditions` is a dictionary without any texts here.
    let mut target = Writer::create(&home.path().join("target"), Trades::schema(), tiny()).unwrap();
    target.append(&read).unwrap();
    assert_eq!(record_batch(&drain(&mut read_from_first(target.folder()))[0]), read);
}

#[test]
fn null_texts_of_an_appended_dictionary_stay_null() {
    let home = in_memory();
    let columns = vec![Column::plain("key", ColumnType::Dictionary(Key::Int16), true)];
    let schema = Arc::new(Schema::new("keys", 1, columns).unwrap());
    let mut writer = Writer::create(home.path(), &schema, tiny()).unwrap();
    let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some("b")]));
    let keys = arrow_array::Int16Array::from(vec![Some(0), Some(1), None]);
    let array = DictionaryArray::<Int16Type>::try_new(keys, texts).unwrap();
    let field = Field::new("key", array.data_type().clone(), true);
    let arrow = Arc::new(ArrowSchema::new(vec![field]));
    writer.append(&RecordBatch::try_new(arrow, vec![Arc::new(array)]).unwrap()).unwrap();
    let batch = &drain(&mut read_from_first(home.path()))[0];
    let column = record_batch(batch).column(0).clone();
    let found: Vec<_> = (0..3).map(|row| dictionary_text::<Int16Type>(&column, row)).collect();
    assert_eq!(found, [None, Some("b".to_owned()), None]);
    assert_eq!(batch.text(0, 0), Some("b"), "nothing was interned for the null");
}

#[test]
fn slices_of_arrow_arrays_are_appended_from_their_offset() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    let all = mixed_batch(&numbered(0..50));
    writer.writer().append(&all.slice(3, 10)).unwrap();
    writer.writer().append(&all.slice(13, 0)).unwrap();
    writer.writer().append(&all.slice(13, 37)).unwrap();
    assert_eq!(all_rows(home.path()), numbered(3..50));
}

#[test]
fn an_append_is_whole_if_a_segment_can_hold_it() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    writer.writer().append(&mixed_batch(&numbered(0..40))).unwrap();
    writer.writer().append(&mixed_batch(&numbered(40..80))).unwrap();
    let batches = drain(&mut read_from_first(home.path()));
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [40, 40]);
    writer.writer().append(&mixed_batch(&numbered(80..400))).unwrap();
    assert_eq!(all_rows(home.path()), numbered(0..400));
}

#[test]
fn several_batches_are_appended_as_one_or_not_at_all() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    write_numbered(&mut writer, 0..10);
    let mut reader = read_from_first(home.path());
    drain(&mut reader);
    let good = [mixed_batch(&numbered(10..40)), mixed_batch(&numbered(40..70))];
    let bad = [good[0].clone(), good[1].project(&[0]).unwrap()];
    assert!(matches!(writer.writer().append_all(&bad), Err(TapeError::Value { .. })));
    assert_eq!((writer.writer().rows(), writer.writer().pending()), (10, 0));
    assert!(drain(&mut reader).is_empty());

    writer.writer().append_all(&good).unwrap();
    let batches = drain(&mut reader);
    assert_eq!(batches.len(), 1, "60 rows fit in one segment, so they are in one");
    assert_eq!(rows_of(&batches), numbered(10..70));
}

#[test]
fn missing_nullable_columns_are_null() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    let whole = mixed_batch(&numbered(0..20));
    writer.writer().append(&whole.project(&[0, 1]).unwrap()).unwrap();
    let bare = |n| MixedRow { text: None, levels: None, small: None, ..MixedRow::numbered(n) };
    assert_eq!(all_rows(home.path()), (0..20).map(bare).collect::<Vec<_>>());
}

#[test]
fn readers_start_where_they_are_told() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    write_numbered(&mut writer, 0..200);
    let read_from = |row| {
        let mut reader = Reader::open(home.path(), Start::Row(row), true).unwrap();
        assert_eq!(reader.row(), row);
        rows_of(&drain(&mut reader))
    };
    for row in [0, 1, 63, 64, 65, 128, 199, 200] {
        assert_eq!(read_from(row), numbered(row as i64..200));
    }
    let mut ahead = Reader::open(home.path(), Start::Row(300), true).unwrap();
    let mut now = Reader::open(home.path(), Start::Now, true).unwrap();
    write_numbered(&mut writer, 200..310);
    assert_eq!(rows_of(&drain(&mut ahead)), numbered(300..310));
    assert_eq!(rows_of(&drain(&mut now)), numbered(200..310));
    assert!(matches!(now.poll(0).unwrap(), Polled::Empty));
    write_numbered(&mut writer, 310..311);
    assert!(matches!(now.poll(0).unwrap(), Polled::Empty), "no rows asked, none given");
}

#[test]
fn the_whole_segment_can_be_sized_from_its_last_offset_until_it_is_full() {
    let home = in_memory();
    let mut writer = create(home.path(), sized());
    write_numbered(&mut writer, 0..1);
    let empty = |n| MixedRow { text: None, levels: None, ..MixedRow::numbered(n) };
    for n in 1..64 {
        push(&mut writer, &empty(n)).unwrap();
    }
    writer.writer().rollback();
    let long = MixedRow { text: Some("x".repeat(1000)), ..MixedRow::numbered(1) };
    push(&mut writer, &long).unwrap();
    writer.commit().unwrap();
    let bytes = std::fs::read(segment_path(home.path(), 0)).unwrap();
    let entry = 4096 + 2 * 160;
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let last = number(entry + 112) + 4 * 64;
    let last = i32::from_le_bytes(bytes[last..last + 4].try_into().unwrap());
    assert_eq!(last as usize, number(entry + 128), "else an importer would cut off row 1");
}

#[test]
fn a_changed_segment_size_counts_from_the_next_segment_on() {
    for (before, after) in [(128, 64), (64, 128)] {
        let home = in_memory();
        let options = TapeOptions { segment_rows: Some(before), ..tiny() };
        let mut writer = create(home.path(), options);
        write_numbered(&mut writer, 0..10);
        drop(writer);
        let manifest = home.path().join("tape.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let old = format!("segment_rows = {before}");
        assert!(text.contains(&old), "{text}");
        std::fs::write(&manifest, text.replace(&old, &format!("segment_rows = {after}"))).unwrap();
        let mut writer = open(home.path());
        write_numbered(&mut writer, 10..500);
        assert_eq!(all_rows(home.path()), numbered(0..500));
    }
}

#[test]
fn pending_rows_that_a_smaller_segment_cannot_take_stay() {
    let home = in_memory();
    let mut writer = create(home.path(), TapeOptions { segment_rows: Some(128), ..tiny() });
    write_numbered(&mut writer, 0..10);
    drop(writer);
    let manifest = home.path().join("tape.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("segment_rows = 128", "segment_rows = 64")).unwrap();
    let mut writer = open(home.path());
    for n in 10..128 {
        push(&mut writer, &MixedRow::numbered(n)).unwrap();
    }
    let error = push(&mut writer, &MixedRow::numbered(128)).unwrap_err();
    assert!(matches!(error, TapeError::EventTooLarge { .. }), "{error}");
    writer.commit().unwrap();
    write_numbered(&mut writer, 128..300);
    assert_eq!(all_rows(home.path()), numbered(0..300));
}

#[test]
fn a_segment_may_be_larger_than_a_gibibyte() {
    let home = on_disk();
    let columns = vec![Column::plain("n", ColumnType::Fixed(Fixed::Int64), false)];
    let schema = Arc::new(Schema::new("wide", 1, columns).unwrap());
    let options = TapeOptions { segment_bytes: 3 << 29, segments_max: 3, ..tiny() };
    let options = TapeOptions { segment_rows: None, ..options };
    let writer = Writer::create(home.path(), &schema, options).unwrap();
    assert_eq!(writer.segment_rows() * 8, 3 << 29);
    Reader::open(home.path(), Start::First, true).unwrap();
}

#[test]
fn every_type_comes_back_through_arrow() {
    use arrow_array::{
        BinaryArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array, Int8Array,
        Int16Array, TimestampNanosecondArray,
    };
    let home = in_memory();
    let columns: [(&str, ArrayRef); 8] = [
        ("a", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(3)]))),
        ("b", Arc::new(Int16Array::from(vec![i16::MAX, 0, -1]))),
        ("c", Arc::new(Float32Array::from(vec![f32::MIN, 0.5, f32::INFINITY]))),
        ("d", Arc::new(Date32Array::from(vec![Some(1), Some(-1), None]))),
        ("e", Arc::new(TimestampNanosecondArray::from(vec![i64::MIN, 0, i64::MAX]))),
        (
            "f",
            Arc::new(
                Decimal128Array::from(vec![Some(-1), None, Some(10_i128.pow(30))])
                    .with_precision_and_scale(38, 10)
                    .unwrap(),
            ),
        ),
        ("g", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\xff\0"), None, Some(b"")]))),
        (
            "h",
            Arc::new(
                FixedSizeBinaryArray::try_from_iter([[1_u8; 3], [2; 3], [3; 3]].into_iter())
                    .unwrap(),
            ),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let schema = Arc::new(Schema::from_arrow("all", 1, &batch.schema()).unwrap());
    let mut writer = Writer::create(home.path(), &schema, tiny()).unwrap();
    for _ in 0..30 {
        writer.append(&batch.slice(1, 2)).unwrap();
        writer.append(&batch).unwrap();
    }
    let read: Vec<_> = drain(&mut read_from_first(home.path())).iter().map(record_batch).collect();
    let rows: Vec<RecordBatch> =
        read.iter().flat_map(|b| (0..b.num_rows()).map(|row| b.slice(row, 1))).collect();
    assert_eq!(rows.len(), 150);
    for (row, found) in rows.iter().enumerate() {
        let expected = batch.slice([1, 2, 0, 1, 2][row % 5], 1);
        assert_eq!(*found, expected.with_schema(found.schema()).unwrap(), "row {row}");
    }
    let times = rows[2].column(4).as_primitive::<TimestampNanosecondType>();
    assert_eq!(times.value(0), i64::MIN);
}

#[test]
fn a_rehearsed_row_leaves_nothing() {
    let home = in_memory();
    let mut writer = typed::<Trades>(home.path());
    let draft = |uid: &'static str, price| draft::Trades {
        venue: "binance",
        symbol: "BTCUSDT",
        price,
        trade_uid: Some(uid),
        ..draft::Trades::default()
    };
    for n in 0..100 {
        writer.rehearse(&draft("a uid that is longer than the real one", -1.0));
        writer.push_draft(&draft("uid", f64::from(n))).unwrap();
        writer.rehearse(&draft("while a row is pending", -2.0));
        writer.commit().unwrap();
    }
    let batches = drain(&mut read_from_first(home.path()));
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [64, 36]);
    for batch in &batches {
        let prices = batch.values::<f64>(column(batch, "price")).unwrap();
        let first = batch.first_row() as f64;
        assert!(prices.iter().enumerate().all(|(row, price)| *price == first + row as f64));
        let uids = record_batch(batch);
        let uids = uids.column(column(batch, "trade_uid")).as_string::<i32>();
        assert!(uids.iter().all(|uid| uid == Some("uid")));
    }
}
