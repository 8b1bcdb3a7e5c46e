//! A tape with any damage anywhere is read to an error or to the rows that were written.
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
use std::sync::LazyLock;

use common::*;
use proptest::prelude::*;
use proptest::sample::Index;
use rustonite_tape::{Polled, Reader, Start, Writer, advance_consumer, verify};

const ROWS: i64 = 220;

/// Names and bytes of the files of a sound tape: three sealed segments and an open one.
static SOUND: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let home = in_memory();
    write_numbered(&mut create(home.path(), tiny()), 0..ROWS);
    advance_consumer(home.path(), "lake", 70).unwrap();
    let mut files = Vec::new();
    for folder in ["", "cursors"] {
        for entry in fs::read_dir(home.path().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(home.path()).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
});

/// Where to damage a file. Headers are small, so they get more than their share.
#[derive(Clone, Debug)]
enum Place {
    Anywhere(Index),
    Header(usize),
    LiveWords(usize),
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(Place, u8),
    Overwrite(Place, Vec<u8>),
    Truncate(Index),
    Extend(Vec<u8>),
    Remove,
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        2 => any::<Index>().prop_map(Place::Anywhere),
        1 => (0..256_usize).prop_map(Place::Header),
        1 => prop_oneof![512..520_usize, 640..648_usize, 768..776_usize, 2048..2080_usize]
            .prop_map(Place::LiveWords),
    ]
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..16),
        Just(vec![0; 8]),
        Just(vec![0xFF; 8]),
    ];
    prop_oneof![
        6 => (any_place(), 1..=255_u8).prop_map(|(place, mask)| Damage::Flip(place, mask)),
        6 => (any_place(), bytes.clone()).prop_map(|(place, bytes)| Damage::Overwrite(place, bytes)),
        1 => any::<Index>().prop_map(Damage::Truncate),
        1 => bytes.prop_map(Damage::Extend),
        1 => Just(Damage::Remove),
    ]
}

impl Place {
    fn within(&self, len: usize) -> usize {
        match self {
            Self::Anywhere(index) => index.index(len.max(1)),
            Self::Header(at) | Self::LiveWords(at) => (*at).min(len.saturating_sub(1)),
        }
    }
}

impl Damage {
    /// The damaged bytes, or nothing if the file is gone.
    fn apply(&self, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let len = bytes.len();
        match self {
            Self::Flip(place, mask) => {
                if let Some(byte) = bytes.get_mut(place.within(len)) {
                    *byte ^= mask;
                }
            }
            Self::Overwrite(place, new) => {
                for (byte, new) in bytes.iter_mut().skip(place.within(len)).zip(new) {
                    *byte = *new;
                }
            }
            Self::Truncate(keep) => bytes.truncate(keep.index(len + 1)),
            Self::Extend(more) => bytes.extend(more),
            Self::Remove => return None,
        }
        Some(bytes)
    }
}

fn lay_out(folder: &Path, damaged: usize, damage: &Damage) {
    fs::create_dir(folder.join("cursors")).unwrap();
    for (number, (name, bytes)) in SOUND.iter().enumerate() {
        let bytes = bytes.clone();
        let bytes = if number == damaged { damage.apply(bytes) } else { Some(bytes) };
        if let Some(bytes) = bytes {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

/// The one place without a checksum: the open segment.
fn may_lie(name: &str, row: i64) -> bool {
    name == "000000000003.seg" && row >= 192
}

/// Reads to the end, on past errors, and compares.
fn read_all(folder: &Path, name: &str) {
    let Ok(mut reader) = Reader::open(folder, Start::First, true) else { return };
    let mut errors = 0;
    loop {
        match reader.poll(50) {
            Ok(Polled::Rows(batch)) => {
                for (row, number) in mixed_rows(&batch).iter().zip(batch.first_row() as i64..) {
                    assert!(number < ROWS, "row {number} was never written");
                    let same = *row == MixedRow::numbered(number);
                    assert!(same || may_lie(name, number), "row {number}: {row:?}");
                }
            }
            Ok(Polled::Gap(gap)) => assert!(gap.from < gap.to, "{gap:?}"),
            Err(_) if errors < 3 => errors += 1,
            Ok(Polled::Empty) | Err(_) => return,
        }
    }
}

/// Appends enough to rotate, if the tape can be opened at all.
fn write_more(folder: &Path) {
    let Ok(writer) = Writer::open(folder) else { return };
    let Ok(mut writer) = writer.typed::<Mixed>() else { return };
    for n in ROWS..ROWS + 150 {
        if push(&mut writer, &MixedRow::numbered(n)).is_err() {
            writer.writer().rollback();
        }
        let _ = writer.commit();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn no_damage_crashes_or_invents_rows(file in any::<Index>(), damage in any_damage()) {
        let home = in_memory();
        let file = file.index(SOUND.len());
        let name = &SOUND[file].0;
        lay_out(home.path(), file, &damage);
        let _ = verify(home.path());
        read_all(home.path(), name);
        write_more(home.path());
        let _ = verify(home.path());
        read_all_after(home.path());
    }
}

/// After the writer the rows differ from the model; they must still be readable without a crash.
fn read_all_after(folder: &Path) {
    let Ok(mut reader) = Reader::open(folder, Start::Row(100), false) else { return };
    while let Ok(Polled::Rows(batch)) = reader.poll(usize::MAX) {
        mixed_rows(&batch);
    }
}
