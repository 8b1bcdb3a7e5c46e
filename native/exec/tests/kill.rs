//! kill -9 at random moments: what the journal gives back is what the process had.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;
#[path = "common/script.rs"]
mod script;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::*;
use script::{Author, Dice};

const FOLDER: &str = "RUSTONITE_KILL_TEST_FOLDER";
const SEED: &str = "RUSTONITE_KILL_TEST_SEED";
const ROUNDS: u64 = 24;

/// The child: lives through a script until it is killed, and tells each row that it has written.
#[test]
fn child_trades_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let mut ledger = open_with(tapes(folder.as_ref()), rules());
    let mut author = Author::new(seed);
    let mut told = std::io::stdout().lock();
    loop {
        author.step().take(&mut ledger);
        assert_eq!(ledger.halted(), None);
        writeln!(told, "written {}", ledger.seq()).unwrap();
        told.flush().unwrap();
    }
}

/// Lets a child trade for a while, kills it, and returns the last row that it told of.
fn trade_and_kill(folder: &Path, seed: u64, dice: &mut Dice) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_trades_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let written = |line: String| line.strip_prefix("written ")?.parse::<i64>().ok();
    let mut last = lines.by_ref().map_while(Result::ok).find_map(written).unwrap();
    let reading = std::thread::spawn(move || {
        lines.map_while(Result::ok).filter_map(written).for_each(|row| last = row);
        last
    });
    std::thread::sleep(Duration::from_micros(dice.roll(30_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

#[test]
fn a_kill_loses_no_row_and_the_state_comes_back() {
    let mut dice = Dice(u64::from(std::process::id()) | 1);
    let mut torn = 0;
    for round in 0..ROUNDS {
        let folder = if round % 2 == 0 { on_disk() } else { in_memory() };
        let seed = dice.roll(1 << 40);
        let told = trade_and_kill(folder.path(), seed, &mut dice);
        let (mut restored, found) = reopened(folder.path());
        // What was torn has rows again behind those that were found.
        let kept = found.rows.cast_signed();
        assert!(kept >= told, "round {round}: {kept} of {told} rows");
        assert_eq!(found.gaps, []);
        // The same life once more, up to the row that the journal has.
        let mut author = Author::new(seed);
        let mut last = None;
        while author.ledger.seq() < kept {
            last = Some(author.step());
        }
        if author.ledger.seq() > kept {
            torn += 1;
            last.unwrap().take(&mut restored);
        }
        let differences = differences(&author.ledger, &restored);
        assert_eq!(differences, "", "seed {seed}, {told} rows");
        assert_eq!(whole_hash(&restored), whole_hash(&author.ledger));
    }
    assert!(torn < ROUNDS, "every kill came between the rows of one report");
}
