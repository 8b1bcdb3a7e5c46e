//! After a crash: what was committed is there, what was not is gone, and appending goes on.
#![cfg(not(feature = "loom"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "a failing test should panic"
)]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::*;
use proptest::prelude::*;
use rustonite_tape::{
    Durability, Gap, Polled, Reader, Start, TapeError, TapeOptions, Writer, advance_consumer,
    forget_consumer, verify,
};

/// Options whose fsync happens only when asked for.
fn unsynced() -> TapeOptions {
    TapeOptions { fsync_interval_ms: None, ..tiny() }
}

/// Opens a crash image, appends to it and reads all of it back.
fn check_image(image: &Path, committed: i64) {
    let mut writer = open(image);
    assert_eq!(writer.writer().rows(), committed as u64);
    write_numbered(&mut writer, committed..committed + 70);
    drop(writer);
    assert_eq!(all_rows(image), numbered(0..committed + 70));
    let report = verify(image).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(25) })]

    #[test]
    fn a_process_may_crash_between_any_two_calls(
        steps in proptest::collection::vec((0..40_i64, any::<bool>(), any::<bool>()), 1..8),
    ) {
        let home = in_memory();
        let folder = home.path().join("tape");
        let mut writer = create(&folder, tiny());
        let mut committed = 0;
        for (step, (pushed, commit, seal)) in steps.into_iter().enumerate() {
            for n in 0..pushed {
                push(&mut writer, &MixedRow::numbered(committed + n)).unwrap();
            }
            if commit {
                writer.commit().unwrap();
                committed += pushed;
            } else if step % 2 == 0 {
                writer.writer().rollback();
            }
            if seal {
                writer.writer().seal().unwrap();
            }
            let image = home.path().join(format!("image-{step}"));
            copy_folder(&folder, &image);
            check_image(&image, committed);
            writer.writer().rollback();
        }
    }
}

#[test]
fn a_leftover_spare_and_leftover_temporaries_do_no_harm() {
    let home = in_memory();
    write_numbered(&mut create(home.path(), tiny()), 0..70);
    for name in ["spare.tmp", "tape.tmp", "tag.dict.tmp", "cursors/lake.tmp"] {
        fs::write(home.path().join(name), b"half").unwrap();
    }
    check_image(home.path(), 70);
}

#[test]
fn a_crash_between_the_next_segment_and_the_seal_is_repaired() {
    let home = in_memory();
    let (folder, image) = (home.path().join("tape"), home.path().join("image"));
    let mut writer = create(&folder, tiny());
    write_numbered(&mut writer, 0..64);
    copy_folder(&folder, &image);
    // Rotation is due: the next segment is there before the last one is sealed.
    push(&mut writer, &MixedRow::numbered(64)).unwrap();
    fs::copy(segment_path(&folder, 1), segment_path(&image, 1)).unwrap();
    let mut reader = read_from_first(&image);
    assert_eq!(rows_of(&drain(&mut reader)), numbered(0..64));
    check_image(&image, 64);
    assert_eq!(rows_of(&drain(&mut reader)), numbered(64..134), "the reader goes on, too");
}

#[test]
fn a_segment_that_is_missing_is_named() {
    let home = in_memory();
    write_numbered(&mut create(home.path(), tiny()), 0..300);
    fs::remove_file(segment_path(home.path(), 2)).unwrap();
    let error = Writer::open(home.path()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("000000000002.seg"), "{error}");
    let mut reader = read_from_first(home.path());
    for _ in 0..2 {
        assert!(matches!(reader.poll(999).unwrap(), Polled::Rows(_)));
    }
    assert_eq!(next_gap(&mut reader), Gap { from: 128, to: 192 });
    assert_eq!(rows_of(&drain(&mut reader)), numbered(192..300));
}

/// Makes every segment look as if the machine had been restarted since.
fn restart_machine(folder: &Path) {
    for name in segment_files(folder) {
        let path = folder.join(name);
        let mut file = fs::read(&path).unwrap();
        file[64..80].iter_mut().for_each(|byte| *byte ^= 0xFF);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&file[..252]), &file[4096..8192]);
        file[252..256].copy_from_slice(&sum.to_le_bytes());
        fs::write(&path, file).unwrap();
    }
}

/// A machine crash with `durable` of `committed` rows on the disk; the image is in `image`.
fn crash_machine(home: &Path, durable: i64, committed: i64) -> std::path::PathBuf {
    let (folder, image) = (home.join("tape"), home.join("image"));
    let mut writer = create(&folder, unsynced());
    write_numbered(&mut writer, 0..durable);
    writer.writer().sync().unwrap();
    write_numbered(&mut writer, durable..committed);
    copy_folder(&folder, &image);
    restart_machine(&image);
    image
}

#[test]
fn after_a_crash_of_the_machine_the_durable_rows_are_there() {
    for (durable, committed) in [(0, 0), (0, 10), (10, 10), (10, 40), (64, 64), (64, 65), (70, 70)]
    {
        let home = on_disk();
        let image = crash_machine(home.path(), durable, committed);
        assert_eq!(all_rows(&image), numbered(0..durable), "{durable} of {committed}, before");
        check_image(&image, durable);
    }
}

#[test]
fn after_a_crash_of_the_machine_later_segments_go() {
    let home = on_disk();
    let image = crash_machine(home.path(), 100, 400);
    assert_eq!(segment_files(&image).len(), 7);
    // Sealed with 64 rows, of which 36 are durable: a reader stops there, without a gap.
    let mut reader = read_from_first(&image);
    assert_eq!(rows_of(&drain(&mut reader)), numbered(0..100));
    let mut writer = open(&image);
    assert_eq!(writer.writer().rows(), 100);
    assert_eq!(segment_files(&image).len(), 3, "two with rows and a new one");
    write_numbered(&mut writer, 100..170);
    assert_eq!(rows_of(&drain(&mut reader)), numbered(100..170));
    drop(writer);
    check_image(&image, 170);
}

#[test]
fn after_a_crash_of_the_machine_dictionaries_are_cut_to_what_was_durable() {
    let home = on_disk();
    let (folder, image) = (home.path().join("tape"), home.path().join("image"));
    let mut writer = create(&folder, unsynced());
    write_numbered(&mut writer, 0..10);
    writer.writer().sync().unwrap();
    assert_eq!(writer.code16("tag", "late").unwrap().0, 7);
    copy_folder(&folder, &image);
    let mut same_run = open(&image);
    assert_eq!(same_run.code16("tag", "another").unwrap().0, 8, "kept after a process crash");
    drop(same_run);
    fs::remove_dir_all(&image).unwrap();
    copy_folder(&folder, &image);
    restart_machine(&image);
    assert_eq!(open(&image).code16("tag", "another").unwrap().0, 7);
    check_image(&image, 10);
}

#[test]
fn a_segment_whose_header_never_reached_the_disk_is_dropped_after_a_crash_of_the_machine() {
    let home = on_disk();
    let image = crash_machine(home.path(), 64, 70);
    let path = segment_path(&image, 1);
    let len = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0; len as usize]).unwrap();
    check_image(&image, 64);
}

#[test]
fn a_new_tape_is_durable_when_create_returns() {
    let home = on_disk();
    let mut writer = create(home.path(), unsynced());
    let report = verify(home.path()).unwrap();
    assert_eq!(report.segments[0].durable, Some(0));
    assert_eq!(writer.writer().durability(), Durability::Disk { fsync_interval_ms: None });
    let file = fs::read(home.path().join("tag.dict")).unwrap();
    assert_eq!(file[512..520], file[640..648], "count and durable count agree");
}

#[test]
fn rows_become_durable_by_the_clock_on_request_and_on_close() {
    let home = on_disk();
    let durable = || verify(home.path()).unwrap().segments[0].durable;
    let mut writer = create(home.path(), unsynced());
    write_numbered(&mut writer, 0..5);
    assert_eq!(durable(), Some(0));
    writer.writer().sync().unwrap();
    assert_eq!(durable(), Some(5));
    write_numbered(&mut writer, 5..9);
    drop(writer);
    assert_eq!(durable(), Some(9));

    let home = on_disk();
    let mut writer = create(home.path(), TapeOptions { fsync_interval_ms: Some(5), ..tiny() });
    write_numbered(&mut writer, 0..5);
    let deadline = Instant::now() + Duration::from_secs(20);
    while verify(home.path()).unwrap().segments[0].durable != Some(5) {
        assert!(Instant::now() < deadline, "never synced");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn memory_backed_tapes_say_so() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    write_numbered(&mut writer, 0..5);
    writer.writer().sync().unwrap();
    assert_eq!(writer.writer().durability(), Durability::Memory);
    assert!(writer.writer().durability().describe().contains("loses the tape"));
    assert_eq!(verify(home.path()).unwrap().segments[0].durable, None);
}

#[test]
fn a_consumer_keeps_segments_until_the_bound_is_reached() {
    let home = in_memory();
    let mut writer = create(home.path(), TapeOptions { segments_max: 5, ..tiny() });
    advance_consumer(home.path(), "lake", 0).unwrap();
    let mut n = 0;
    let error = loop {
        match push(&mut writer, &MixedRow::numbered(n)) {
            Ok(()) => writer.commit().unwrap(),
            Err(error) => break error,
        }
        n += 1;
    };
    assert_eq!(n, 5 * 64);
    let TapeError::ConsumerBehind { segments: 5, ref consumer, row: 0, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(consumer, "lake");
    assert_eq!(segment_files(home.path()).len(), 5);
    assert!(push(&mut writer, &MixedRow::numbered(n)).is_err(), "still");
    advance_consumer(home.path(), "lake", 130).unwrap();
    write_numbered(&mut writer, n..n + 64);
    drop(writer);
    assert_eq!(segment_files(home.path())[0], "000000000002.seg", "two were consumed");
    let mut writer = open(home.path());
    forget_consumer(home.path(), "lake").unwrap();
    write_numbered(&mut writer, n + 64..n + 500);
    drop(writer);
    assert_eq!(segment_files(home.path()).len(), 5);
}

#[test]
fn a_writer_keeps_what_it_needs_itself_when_consumers_are_done() {
    let home = in_memory();
    let mut writer = create(home.path(), TapeOptions { segments_max: 5, ..tiny() });
    advance_consumer(home.path(), "lake", u64::MAX).unwrap();
    writer.writer().keep_from(70);
    write_numbered(&mut writer, 0..4 * 64);
    drop(writer);
    assert_eq!(segment_files(home.path())[0], "000000000001.seg", "it has row 70");
    let mut writer = open(home.path());
    writer.writer().keep_from(70);
    // Beyond the bound the oldest goes: nobody reads it, and nothing is refused for it.
    write_numbered(&mut writer, 4 * 64..10 * 64);
    drop(writer);
    assert_eq!(segment_files(home.path()).len(), 5);
    let mut writer = open(home.path());
    write_numbered(&mut writer, 10 * 64..11 * 64 + 1);
    drop(writer);
    assert!(segment_files(home.path()).len() <= 2, "nobody needs them any more");
}

#[test]
fn without_consumers_the_oldest_go_and_a_slow_reader_is_told_of_the_gap() {
    let home = in_memory();
    let mut writer = create(home.path(), TapeOptions { segments_max: 3, ..tiny() });
    write_numbered(&mut writer, 0..10);
    let mut reader = read_from_first(home.path());
    let kept = drain(&mut reader);
    write_numbered(&mut writer, 10..400);
    // Another thread removes files; closing waits for it.
    drop(writer);
    // Segment 0 is still mapped, so its rows can be had; then segments 1 to 3 are gone.
    let Polled::Rows(rest) = reader.poll(999).unwrap() else { panic!("rows 10 to 64") };
    assert_eq!(mixed_rows(&rest), numbered(10..64));
    assert_eq!(next_gap(&mut reader), Gap { from: 64, to: 256 });
    assert_eq!(rows_of(&drain(&mut reader)), numbered(256..400));
    assert_eq!(rows_of(&kept), numbered(0..10), "batches outlive their file");
    assert_eq!(segment_files(home.path()).len(), 3);

    let mut late = Reader::open(home.path(), Start::Row(100), true).unwrap();
    assert_eq!(next_gap(&mut late), Gap { from: 100, to: 256 });
    assert_eq!(rows_of(&drain(&mut late)), numbered(256..400));
}

#[test]
fn removed_segments_give_their_space_back_after_reopening() {
    let home = in_memory();
    write_numbered(&mut create(home.path(), TapeOptions { segments_max: 10, ..tiny() }), 0..600);
    let mut writer = open(home.path());
    write_numbered(&mut writer, 600..1300);
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let folder = home.path().to_str().unwrap();
    let deleted = maps.lines().filter(|line| {
        line.contains(folder) && line.contains(".seg") && line.ends_with("(deleted)")
    });
    assert_eq!(deleted.count(), 0, "unlinked segments are still mapped");
}

#[test]
fn removed_segments_of_a_tape_without_fsync_give_their_space_back() {
    let home = on_disk();
    let mut writer = create(home.path(), TapeOptions { segments_max: 4, ..unsynced() });
    write_numbered(&mut writer, 0..3000);
    let deadline = Instant::now() + Duration::from_secs(20);
    let folder = home.path().to_str().unwrap().to_owned();
    let mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter(|line| line.contains(&folder) && line.ends_with("(deleted)")).count()
    };
    // The background thread may be a few segments behind.
    while mapped() > 4 {
        assert!(Instant::now() < deadline, "{} unlinked segments are still mapped", mapped());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_old_segment_is_sealed_by_tick() {
    let home = in_memory();
    let mut writer = create(home.path(), TapeOptions { seal_after_ms: Some(20), ..tiny() });
    write_numbered(&mut writer, 0..5);
    push(&mut writer, &MixedRow::numbered(5)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while writer.writer().segment_number() == 0 {
        assert!(Instant::now() < deadline, "never sealed");
        writer.writer().tick().unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(writer.writer().pending(), 1, "what is pending moves along");
    writer.commit().unwrap();
    assert_eq!(all_rows(home.path()), numbered(0..6));
    assert!(verify(home.path()).unwrap().segments[0].sealed);
}

#[test]
fn old_segments_leave_room_for_full_ones() {
    let home = in_memory();
    let options = TapeOptions { seal_after_ms: Some(8), segments_max: 8, ..tiny() };
    let mut writer = create(home.path(), options);
    advance_consumer(home.path(), "lake", 0).unwrap();
    let write_slowly = |writer: &mut MixedWriter, rows: std::ops::Range<i64>| {
        for row in rows {
            write_numbered(writer, row..row + 1);
            std::thread::sleep(Duration::from_millis(12));
            writer.writer().tick().unwrap();
        }
    };
    write_slowly(&mut writer, 0..40);
    let sealed = writer.writer().segment_number();
    assert!((1..=5).contains(&sealed), "{sealed} segments for 40 rows");
    advance_consumer(home.path(), "lake", 40).unwrap();
    write_slowly(&mut writer, 40..60);
    assert!(writer.writer().segment_number() > sealed, "age counts again once there is room");
}

#[test]
fn sealed_segments_have_checksums_once_the_tape_is_closed() {
    for home in both_backings() {
        write_numbered(&mut create(home.path(), tiny()), 0..200);
        let report = verify(home.path()).unwrap();
        assert!(report.is_sound() && !report.has_writer);
        let sums: Vec<_> = report.segments.iter().map(|s| (s.sealed, s.checksums)).collect();
        assert_eq!(sums, [(true, true), (true, true), (true, true), (false, false)]);
        assert_eq!((report.first_row(), report.next_row()), (0, 200));
        assert!(!home.path().join("spare.tmp").exists());
        let mode = std::os::unix::fs::PermissionsExt::mode;
        let mode = |name: &str| mode(&fs::metadata(home.path().join(name)).unwrap().permissions());
        assert_eq!(mode("000000000000.seg") & 0o777, 0o600);
        assert_eq!(mode("tag.dict") & 0o777, 0o600);
        assert_eq!(mode("cursors") & 0o777, 0o700);
    }
}
