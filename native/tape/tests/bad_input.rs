//! Everything a user can get wrong is an error that says what, where and what was expected.
#![cfg(not(feature = "loom"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failing test should panic, and a skipped one should be loud"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Float64Array, Int64Array, NullArray, RecordBatch, StringArray};
use common::*;
use rustonite_core::datasets::{Quotes, Trades};
use rustonite_core::{ErrorKind, Row};
use rustonite_tape::{
    Polled, Reader, Start, TapeError, TapeOptions, Wait, Writer, advance_consumer, consumers,
    forget_consumer, verify,
};

/// A good batch of ten rows with one column replaced, or added.
fn with_column(name: &str, array: ArrayRef) -> RecordBatch {
    let good = mixed_batch(&numbered(0..10));
    let schema = good.schema();
    let columns = schema.fields().iter().map(|field| field.name().as_str()).zip(good.columns());
    let mut columns: Vec<(&str, ArrayRef)> = columns.map(|(n, a)| (n, Arc::clone(a))).collect();
    match columns.iter_mut().find(|(existing, _)| *existing == name) {
        Some((_, old)) => *old = array,
        None => columns.push((name, array)),
    }
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn a_refused_append_names_the_place_and_stores_nothing() {
    let home = in_memory();
    let mut writer = create(home.path(), TapeOptions { value_bytes: Some(24), ..tiny() });
    let ten = |value: i64| (0..10).map(|_| value).collect::<Vec<_>>();
    let long = "x".repeat(5000);
    let texts = |bad: Option<&str>| -> ArrayRef {
        let row = |n| if n == 6 { bad.map(str::to_owned) } else { Some("t".to_owned()) };
        Arc::new((0..10).map(row).collect::<StringArray>())
    };
    let good = mixed_batch(&numbered(0..10));
    let cases: Vec<(RecordBatch, &str, Option<usize>, &str, &str)> = vec![
        (
            with_column("n", Arc::new(Float64Array::from(vec![0.0; 10]))),
            "n",
            None,
            "type Float64",
            "Int64",
        ),
        (
            with_column("extra", Arc::new(Int64Array::from(ten(1)))),
            "extra",
            None,
            "unknown",
            "n, tag",
        ),
        (good.project(&[1, 2, 3, 4]).unwrap(), "n", None, "no such column", "int64"),
        (
            with_column(
                "n",
                Arc::new((0..10).map(|n| (n != 6).then_some(n)).collect::<Int64Array>()),
            ),
            "n",
            Some(6),
            "null",
            "a value",
        ),
        (with_column("tag", texts(None)), "tag", Some(6), "null", "a value"),
        (with_column("tag", texts(Some(&long))), "tag", Some(6), "5000 bytes", "4096"),
        (with_column("text", texts(Some(&long))), "text", Some(6), "5000 items", "1536"),
        (with_column("levels", texts(Some("x"))), "levels", None, "type Utf8", "List"),
        (with_column("n", Arc::new(NullArray::new(10))), "n", Some(0), "null", "a value"),
        (with_column("tag", Arc::new(Int64Array::from(ten(1)))), "tag", None, "type Int64", "Utf8"),
    ];
    for (batch, column, row, found, expected) in cases {
        let error = writer.writer().append(&batch).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        assert!(text.contains(&format!("column {column:?}")), "{text}");
        assert_eq!(text.contains("row "), row.is_some(), "{text}");
        assert!(row.is_none_or(|row| text.contains(&format!("row {row}"))), "{text}");
        assert!(text.contains(found) && text.contains(expected), "{text}");
        assert_eq!((writer.writer().rows(), writer.writer().pending()), (0, 0), "{text}");
    }
    writer.writer().append(&good).unwrap();
    assert_eq!(all_rows(home.path()), numbered(0..10));
}

#[test]
fn a_second_writer_is_told_who_is_first() {
    let home = in_memory();
    let writer = create(home.path(), tiny());
    for second in [Writer::open(home.path()), Writer::create(home.path(), Mixed::schema(), tiny())]
    {
        let error = second.unwrap_err();
        assert!(matches!(error, TapeError::SecondWriter { .. }), "{error}");
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    }
    assert!(read_from_first(home.path()).has_writer());
    drop(writer);
    assert!(!read_from_first(home.path()).has_writer());
    let again = Writer::create(home.path(), Mixed::schema(), tiny()).unwrap_err();
    assert!(matches!(again, TapeError::AlreadyExists { .. }), "{again}");
}

#[test]
fn asking_for_the_writer_does_not_keep_one_out() {
    let home = in_memory();
    drop(create(home.path(), tiny()));
    let folder = home.path().to_owned();
    let reader = read_from_first(&folder);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asking = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                reader.has_writer();
            }
        })
    };
    let opened = (0..300).all(|_| Writer::open(&folder).is_ok());
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    asking.join().unwrap();
    assert!(opened);
}

#[test]
fn what_is_no_tape_is_called_so() {
    let home = in_memory();
    let nothing = home.path().join("nothing");
    let foreign = home.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("file.txt"), "x").unwrap();
    let file = foreign.join("file.txt");
    for path in [&nothing, &foreign] {
        let errors = [
            Writer::open(path).unwrap_err(),
            Reader::open(path, Start::First, true).unwrap_err(),
            verify(path).unwrap_err(),
            advance_consumer(path, "lake", 1).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, TapeError::NotATape { .. }), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
    }
    assert!(Reader::open(&file, Start::First, true).unwrap_err().to_string().contains("file.txt"));
}

#[test]
fn the_wrong_dataset_is_refused() {
    let home = in_memory();
    let writer = Writer::create(home.path(), Trades::schema(), tiny()).unwrap();
    let text = writer.typed::<Quotes>().unwrap_err().to_string();
    assert!(text.contains("trades version 1") && text.contains("quotes version 1"), "{text}");
}

/// A closed tape of two sealed segments and an open one.
fn closed_tape() -> tempfile::TempDir {
    let home = in_memory();
    write_numbered(&mut create(home.path(), tiny()), 0..150);
    home
}

fn patch(path: &Path, at: usize, bytes: &[u8]) {
    let mut file = fs::read(path).unwrap();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, file).unwrap();
}

/// Changes a field of a header and makes its checksum fit again.
fn forge(path: &Path, at: usize, bytes: &[u8]) {
    let mut file = fs::read(path).unwrap();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&file[..252]), &file[4096..8192]);
    file[252..256].copy_from_slice(&sum.to_le_bytes());
    fs::write(path, file).unwrap();
}

#[test]
fn damaged_segments_are_named_with_the_field() {
    type Damage = fn(&Path);
    let last = 2;
    let cases: [(&str, ErrorKind, u64, Damage); 10] = [
        ("magic", ErrorKind::Corrupt, last, |path| patch(path, 0, b"PARQUET1")),
        ("format version", ErrorKind::Invalid, last, |path| forge(path, 8, &[9])),
        ("byte order", ErrorKind::Invalid, last, |path| forge(path, 12, &[0x0A, 0x0B, 0x0C, 0x0D])),
        ("fingerprint", ErrorKind::Corrupt, last, |path| forge(path, 32, &[1, 2, 3])),
        ("checksum", ErrorKind::Corrupt, last, |path| patch(path, 90, &[1])),
        ("file size", ErrorKind::Corrupt, last, |path| {
            let file = fs::read(path).unwrap();
            fs::write(path, &file[..file.len() - 4096]).unwrap();
        }),
        ("size", ErrorKind::Corrupt, last, |path| fs::write(path, b"short").unwrap()),
        ("committed rows", ErrorKind::Corrupt, last, |path| patch(path, 512, &[1; 8])),
        ("committed rows", ErrorKind::Corrupt, last, |path| {
            let file = fs::read(path).unwrap();
            let salt = u64::from_le_bytes(file[96..104].try_into().unwrap());
            patch(path, 512, &rustonite_tape::publish::word(65, salt).to_le_bytes());
        }),
        ("row capacity", ErrorKind::Corrupt, last, |path| forge(path, 112, &[63])),
    ];
    for (field, kind, segment, damage) in cases {
        let home = closed_tape();
        let path = segment_path(home.path(), segment);
        damage(&path);
        let writer = Writer::open(home.path()).map(|_| ()).unwrap_err();
        let mut reader = read_from_first(home.path());
        let rows = read_until_error(&mut reader);
        assert_eq!(rows.0, numbered(0..128));
        for error in [writer, rows.1] {
            let text = error.to_string();
            assert!(text.contains(field) && text.contains(path.to_str().unwrap()), "{text}");
            assert_eq!(error.kind(), kind, "{text}");
        }
        assert!(reader.poll(9).is_err(), "{field}: the error stays");
        assert!(!verify(home.path()).unwrap().is_sound(), "{field}");
    }
}

fn read_until_error(reader: &mut Reader) -> (Vec<MixedRow>, TapeError) {
    let mut rows = Vec::new();
    loop {
        match reader.poll(usize::MAX) {
            Ok(Polled::Rows(batch)) => rows.extend(mixed_rows(&batch)),
            Ok(other) => panic!("{other:?} after {} rows", rows.len()),
            Err(error) => return (rows, error),
        }
    }
}

/// Where a column's offsets and values are.
fn buffers(path: &Path, column: usize) -> (usize, usize) {
    let file = fs::read(path).unwrap();
    let entry = 4096 + 160 * column;
    let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    (number(entry + 112), number(entry + 120))
}

#[test]
fn damaged_values_of_the_open_segment_are_found_before_they_are_used() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage); 4] = [
        ("\"text\"", |path| patch(path, buffers(path, 2).0 + 4 * 5, &i32::MAX.to_le_bytes())),
        ("\"text\"", |path| patch(path, buffers(path, 2).0 + 4 * 5, &(-1_i32).to_le_bytes())),
        ("\"text\"", |path| patch(path, buffers(path, 2).1, &[0xFF])),
        ("\"tag\"", |path| patch(path, buffers(path, 1).1, &[0x55, 0x55])),
    ];
    for (column, damage) in cases {
        let home = closed_tape();
        damage(&segment_path(home.path(), 2));
        let (rows, error) = read_until_error(&mut read_from_first(home.path()));
        assert_eq!(rows, numbered(0..128));
        assert!(
            error.kind() == ErrorKind::Corrupt && error.to_string().contains(column),
            "{error}"
        );
    }
}

#[test]
fn a_writer_does_not_go_on_from_a_damaged_end() {
    for end in [i32::MAX, -1] {
        let home = closed_tape();
        let path = segment_path(home.path(), 2);
        patch(&path, buffers(&path, 2).0 + 4 * 22, &end.to_le_bytes());
        let error = Writer::open(home.path()).map(|_| ()).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Corrupt && error.to_string().contains("text"),
            "{error}"
        );
    }
}

#[test]
fn damaged_sealed_values_do_not_match_their_checksum() {
    let home = closed_tape();
    let path = segment_path(home.path(), 1);
    patch(&path, buffers(&path, 0).1 + 3, &[0x55]);
    let mut reader = read_from_first(home.path());
    let (rows, error) = read_until_error(&mut reader);
    assert_eq!(rows, numbered(0..64));
    assert!(error.to_string().contains("checksum"), "{error}");
    assert!(reader.poll(9).is_err(), "a damaged segment is not given out on a second try");
    assert!(Writer::open(home.path()).is_err());
    let report = verify(home.path()).unwrap();
    assert!(report.segments[1].problem.as_ref().unwrap().contains("\"n\""), "{report:?}");
}

#[test]
fn damaged_dictionaries_are_refused() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage); 5] = [
        ("magic", |path| patch(path, 0, b"X")),
        ("checksum", |path| patch(path, 20, &[0xFF])),
        ("count", |path| patch(path, 512, &[0xFF])),
        ("offsets", |path| patch(path, 4096 + 8, &i32::MAX.to_le_bytes())),
        ("size", |path| {
            let file = fs::read(path).unwrap();
            fs::write(path, &file[..file.len() - 4096]).unwrap();
        }),
    ];
    for (field, damage) in cases {
        let home = closed_tape();
        damage(&home.path().join("tag.dict"));
        let reader = Reader::open(home.path(), Start::First, true).unwrap_err();
        let writer = Writer::open(home.path()).unwrap_err();
        for error in [reader, writer] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            let text = error.to_string();
            assert!(text.contains(field) && text.contains("tag.dict"), "{text}");
        }
        assert!(!verify(home.path()).unwrap().is_sound());
    }
}

#[test]
fn a_vocabulary_whose_words_were_changed_is_refused() {
    let home = in_memory();
    drop(Writer::create(home.path(), Trades::schema(), tiny()).unwrap());
    let path = home.path().join("side.dict");
    let file = fs::read(&path).unwrap();
    let at = file.windows(3).position(|bytes| bytes == b"buy").unwrap();
    patch(&path, at, b"bay");
    let error = Writer::open(home.path()).unwrap_err().to_string();
    assert!(error.contains("side.dict") && error.contains("text 0: found checksum"), "{error}");

    // A foreign writer would have left a right checksum, too.
    let entries = usize::from(file[24]);
    patch(&path, 4096 + 4 * (entries + 1), &crc32c::crc32c(b"bay").to_le_bytes());
    let error = Writer::open(home.path()).unwrap_err().to_string();
    assert!(
        error.contains("side.dict") && error.contains("bay") && error.contains("buy"),
        "{error}"
    );
}

#[test]
fn what_a_failed_create_left_does_no_harm() {
    let home = in_memory();
    drop(
        Writer::create(home.path(), rustonite_core::datasets::BookDeltas::schema(), tiny())
            .unwrap(),
    );
    // As if the process had died before it wrote the manifest.
    fs::remove_file(home.path().join("tape.toml")).unwrap();
    let mut writer = Writer::create(home.path(), Trades::schema(), tiny()).unwrap();
    let side = writer.schema().index_of("side").unwrap();
    assert_eq!(writer.intern(side, "buy").unwrap(), 0);
}

#[test]
fn damaged_manifests_are_refused() {
    let cases: [(&[u8], &str); 4] = [
        (b"format = 2\n", "tape settings"),
        (b"\xff\xfe", "tape.toml"),
        (b"", "tape.toml"),
        (b"not toml at all", "tape.toml"),
    ];
    for (bytes, expected) in cases {
        let home = closed_tape();
        fs::write(home.path().join("tape.toml"), bytes).unwrap();
        let error = Writer::open(home.path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    let home = closed_tape();
    let path = home.path().join("tape.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("format = 1", "format = 2", 1)).unwrap();
    let error = Reader::open(home.path(), Start::First, true).unwrap_err();
    assert!(matches!(error, TapeError::Unsupported { .. }), "{error}");
}

#[test]
fn a_segment_of_another_tape_is_not_mixed_in() {
    let (home, other) = (closed_tape(), closed_tape());
    fs::copy(segment_path(other.path(), 2), segment_path(home.path(), 2)).unwrap();
    let (rows, error) = read_until_error(&mut read_from_first(home.path()));
    assert_eq!(rows, numbered(0..128));
    assert!(error.to_string().contains("tape id"), "{error}");
    assert!(Writer::open(home.path()).unwrap_err().to_string().contains("tape id"));
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    for path in ["/proc/rustonite", "/dev/null/tape"] {
        let error = Writer::create(Path::new(path), Mixed::schema(), tiny()).unwrap_err();
        assert!(error.to_string().contains(path.rsplit_once('/').unwrap().0), "{error}");
    }
}

#[test]
fn unfitting_settings_are_refused_and_leave_nothing() {
    let bad = [
        ("segment_bytes", TapeOptions { segment_bytes: 100, ..tiny() }),
        ("segments_max", TapeOptions { segments_max: 2, ..tiny() }),
        ("seal_after_ms", TapeOptions { seal_after_ms: Some(u64::MAX), ..tiny() }),
        ("fsync_interval_ms", TapeOptions { fsync_interval_ms: Some(u64::MAX), ..tiny() }),
        ("segment_rows", TapeOptions { segment_rows: Some(u64::MAX), ..tiny() }),
    ];
    for (name, options) in bad {
        let home = in_memory();
        let folder = home.path().join("tape");
        let error = Writer::create(&folder, Mixed::schema(), options).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, TapeError::Setting { .. }) && text.contains(name), "{text}");
        assert!(!folder.exists(), "{name}");
    }
}

#[test]
fn consumers_have_plain_names_and_readable_cursors() {
    let home = closed_tape();
    for name in ["", "a/b", "..", "a b", "ü", &"x".repeat(64)] {
        let error = advance_consumer(home.path(), name, 1).unwrap_err();
        assert!(matches!(error, TapeError::Setting { name: "consumer", .. }), "{error}");
        assert!(forget_consumer(home.path(), name).is_err());
    }
    advance_consumer(home.path(), "b", 7).unwrap();
    advance_consumer(home.path(), "a", 9).unwrap();
    let rows: Vec<_> = consumers(home.path()).unwrap().into_iter().map(|c| c.row).collect();
    assert_eq!(rows, [7, 9]);
    forget_consumer(home.path(), "b").unwrap();
    assert_eq!(forget_consumer(home.path(), "b").unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(home.path().join("cursors/a"), "soon").unwrap();
    let error = consumers(home.path()).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("soon"), "{error}");
}

#[test]
fn a_reader_notices_that_its_tape_was_deleted_or_replaced() {
    let home = in_memory();
    let folder = home.path().join("tape");
    for again in [false, true] {
        let mut writer = create(&folder, tiny());
        write_numbered(&mut writer, 0..10);
        let mut reader = read_from_first(&folder);
        let batches = drain(&mut reader);
        remove(&folder);
        drop(writer);
        let replaced = again.then(|| create(&folder, tiny()));
        let error = reader.wait(Duration::from_secs(5), Wait::Sleep).unwrap_err();
        assert!(matches!(error, TapeError::Gone { .. }), "{error}");
        // Existence is looked at now and then only.
        let began = Instant::now();
        let polls = || (began.elapsed() < Duration::from_secs(5)).then(|| reader.poll(9).err());
        let polled = std::iter::from_fn(polls).flatten().next();
        assert!(matches!(polled, Some(TapeError::Gone { .. })), "{polled:?}");
        assert_eq!(rows_of(&batches), numbered(0..10), "batches stay valid");
        drop(replaced);
    }
}

#[test]
fn a_writer_whose_tape_was_deleted_fails_at_rotation() {
    let home = in_memory();
    let folder = home.path().join("tape");
    let mut writer = create(&folder, tiny());
    write_numbered(&mut writer, 0..10);
    remove(&folder);
    assert_eq!(writer.writer().seal().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn after_a_failed_fsync_nothing_more_becomes_visible() {
    let home = on_disk();
    let folder = home.path().join("tape");
    let never = TapeOptions { fsync_interval_ms: None, ..tiny() };
    let mut writer = create(&folder, never);
    write_numbered(&mut writer, 0..10);
    let mut reader = read_from_first(&folder);
    drain(&mut reader);
    // An fsync of a folder that is gone fails, as one of a broken disk does.
    remove(&folder);
    assert!(writer.writer().sync().is_err());

    push(&mut writer, &MixedRow::numbered(10)).unwrap();
    let error = writer.commit().unwrap_err();
    assert!(matches!(error, TapeError::StorageFailed { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!((writer.writer().rows(), writer.writer().pending()), (10, 1));
    let again = writer.writer().append(&mixed_batch(&numbered(11..12))).unwrap_err();
    assert!(matches!(again, TapeError::StorageFailed { .. }), "{again}");
    assert_eq!(writer.writer().pending(), 1);
    assert!(matches!(reader.poll(9), Ok(Polled::Empty)));
    assert!(writer.writer().sync().is_err(), "a later fsync proves nothing");
}

/// Removes a tape whose writer may be making its next segment at the same time.
fn remove(folder: &Path) {
    while folder.exists() {
        let _ = fs::remove_dir_all(folder);
    }
}

/// A file system of its own, unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, bytes: usize) -> Option<Self> {
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder);
        mount.status().is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn space_that_is_free_again_is_used_at_once() {
    let home = on_disk();
    let Some(disk) = SmallDisk::mount(home.path(), 1 << 20) else {
        eprintln!("SKIPPED: no right to mount a small file system");
        return;
    };
    let folder = disk.0.join("tape");
    let mut writer = create(&folder, tiny());
    let spare = folder.join("spare.tmp");
    wait_until("the spare is there", || fs::metadata(&spare).is_ok_and(|file| file.len() > 0));
    fill(&disk.0.join("filler"));
    write_numbered(&mut writer, 0..65);
    writer.writer().sync().unwrap();
    // The next spare has failed by now, or is about to.
    std::thread::sleep(Duration::from_millis(50));
    fs::remove_file(disk.0.join("filler")).unwrap();
    write_numbered(&mut writer, 65..500);
    assert_eq!(all_rows(&folder), numbered(0..500));
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(std::time::Instant::now() < deadline, "{what}: never");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Takes all the space there is.
fn fill(filler: &Path) {
    let mut bytes = vec![1; 1 << 20];
    while fs::write(filler, &bytes).is_err() && bytes.len() > 4096 {
        bytes.truncate(bytes.len() - 4096);
    }
}

#[test]
fn a_full_disk_is_an_error_at_rotation_and_appending_goes_on_after() {
    let home = on_disk();
    let Some(disk) = SmallDisk::mount(home.path(), 1 << 20) else {
        eprintln!("SKIPPED: no right to mount a small file system, a full disk was not tested");
        return;
    };
    let filler = disk.0.join("filler");
    fs::write(&filler, vec![1; 600 << 10]).unwrap();
    let folder = disk.0.join("tape");
    let mut writer = create(&folder, tiny());
    let mut n = 0;
    let error = loop {
        if let Err(error) = push(&mut writer, &MixedRow::numbered(n)) {
            break error;
        }
        writer.commit().unwrap();
        n += 1;
        assert!(n < 100_000, "the disk never filled up");
    };
    assert!(n > 64, "{n}");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("No space left"), "{error}");
    assert_eq!(all_rows(&folder), numbered(0..n));
    fs::remove_file(&filler).unwrap();
    write_numbered(&mut writer, n..n + 200);
    assert_eq!(all_rows(&folder), numbered(0..n + 200));
    drop(writer);
    fill(&filler);
    let error = Writer::create(&disk.0.join("second"), Mixed::schema(), tiny()).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
}
