//! Measures tapes from Rust. Every line is `name<TAB>figures`; `benches/run.py` shows them.
//!
//! `tape FOLDER [PART]` runs everything, or one part, with tapes in FOLDER. `tape FOLDER reader HOW
//! COUNT` is the other process of the visibility measurement, `tape FOLDER writer INTERVAL COUNT` one
//! that writes rows at that interval (ns) once it reads a line.

use std::error::Error;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use rustonite_benches::{keep, percentiles};
use rustonite_core::Row as _;
use rustonite_core::datasets::{Aggressor, Trades, flags};
use rustonite_tape::{Polled, Reader, Start, TapeOptions, TypedWriter, Wait, Writer};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROWS: u64 = 10_000_000;
const BLOCK: u64 = 100;
const SAMPLES: u64 = 200_000;
const INTERVAL_NS: u64 = 10_000;
const TS_EVENT: usize = 0;
const PRICE: usize = 4;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = Path::new(arguments.get(1).ok_or("usage: tape FOLDER")?);
    if let [_, _, role, how, count] = arguments.as_slice() {
        return match role.as_str() {
            "reader" => visibility_reader(folder, parse_how(how)?, count.parse()?),
            "writer" => {
                let mut tape = create(folder)?;
                std::io::stdin().read_line(&mut String::new())?;
                write_at_constant_rate(&mut tape, how.parse()?, count.parse()?)
            }
            _ => Err(format!("role: {role}").into()),
        };
    }
    let part = arguments.get(2).map_or("", String::as_str);
    let wanted = |name: &str| part.is_empty() || part == name;
    if wanted("rows") {
        append_rows("append 1 row + commit", folder, 1)?;
        append_rows("append 10 rows + commit", folder, 10)?;
        append_rows("append 1000 rows + commit", folder, 1000)?;
    }
    if wanted("batches") {
        append_batches(folder, 10_000)?;
        append_batches(folder, 100_000)?;
    }
    if wanted("poll") {
        poll_rows(folder)?;
    }
    if wanted("visibility") {
        for how in ["spin", "yield", "sleep"] {
            visibility(folder, how)?;
        }
    }
    Ok(())
}

/// Where tapes live: in memory or on disk.
fn place(folder: &Path) -> &'static str {
    if folder.starts_with("/dev/shm") { "memory" } else { "disk" }
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

fn create(folder: &Path) -> Result<TypedWriter<Trades<'static>>> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    // Nobody reads old rows here: a short ring keeps memory bounded.
    let options = TapeOptions { segments_max: 4, seal_after_ms: None, ..TapeOptions::default() };
    Ok(Writer::create(folder, Trades::schema(), options)?.typed()?)
}

fn trade(tape: &mut TypedWriter<Trades<'static>>) -> Result<Trades<'static>> {
    Ok(Trades {
        venue: tape.code16("venue", "binance")?,
        symbol: tape.code32("symbol", "BTCUSDT")?,
        side: Aggressor::Buy,
        price: 60_123.45,
        size: 0.001,
        trade_id: Some(1),
        flags: flags::LAST,
        ..Trades::default()
    })
}

fn append_rows(name: &str, folder: &Path, rows_per_commit: u64) -> Result<()> {
    let mut tape = create(folder)?;
    let mut row = trade(&mut tape)?;
    let mut blocks = Histogram::<u64>::new(3)?;
    let block = BLOCK.max(rows_per_commit);
    let started = Instant::now();
    for first in (0..ROWS).step_by(usize::try_from(block)?) {
        let block_started = Instant::now();
        for number in first..first + block {
            row.ts_recv = number.cast_signed();
            row.trade_id = Some(number.cast_signed());
            row.price += 0.01;
            tape.push(&row)?;
            if (number + 1) % rows_per_commit == 0 {
                tape.commit()?;
            }
        }
        blocks.record(u64::try_from(block_started.elapsed().as_nanos())?)?;
    }
    let mean = started.elapsed().as_nanos() as f64 / ROWS as f64;
    let per_row = |quantile: f64| blocks.value_at_quantile(quantile) as f64 / block as f64;
    println!(
        "{name}\tmean {mean:.1} ns/row ({:.1} M rows/s); per row over blocks of {block}: p50 {:.1}, \
         p99 {:.1}, p99.9 {:.1} ns; slowest block {:.0} us",
        1e3 / mean,
        per_row(0.5),
        per_row(0.99),
        per_row(0.999),
        blocks.max() as f64 / 1e3,
    );
    let figures =
        [("mean", mean), ("p50", per_row(0.5)), ("p99", per_row(0.99)), ("p99.9", per_row(0.999))];
    Ok(keep("Tapes", &format!("{name}, {}", place(folder)), "ns/row", &figures)?)
}

/// A record batch to append: read back from a tape, so that it has the dataset's own types.
fn sample(folder: &Path, rows: usize) -> Result<RecordBatch> {
    let mut tape = create(folder)?;
    let mut row = trade(&mut tape)?;
    for number in 0..rows {
        row.ts_recv = i64::try_from(number)?;
        row.side = if number % 2 == 0 { Aggressor::Buy } else { Aggressor::Sell };
        tape.push(&row)?;
    }
    tape.commit()?;
    let mut reader = Reader::open(folder, Start::First, false)?;
    match reader.poll(rows)? {
        Polled::Rows(batch) if batch.len() == rows => {
            Ok(batch.record_batch(Trades::schema().arrow().into())?)
        }
        other => Err(format!("expected {rows} rows, found {other:?}").into()),
    }
}

fn append_batches(folder: &Path, rows: usize) -> Result<()> {
    let batch = sample(folder, rows)?;
    let mut tape = create(folder)?;
    let rounds = usize::try_from(ROWS)? * 2 / rows;
    let mut appends = Histogram::<u64>::new(3)?;
    let started = Instant::now();
    for _ in 0..rounds {
        let append_started = Instant::now();
        tape.writer().append(&batch)?;
        appends.record(u64::try_from(append_started.elapsed().as_nanos())?)?;
    }
    let rate = (rounds * rows) as f64 / started.elapsed().as_secs_f64() / 1e6;
    let median = rows as f64 * 1e3 / appends.value_at_quantile(0.5) as f64;
    println!(
        "append Arrow batches of {rows}\tmedian append {median:.1} M rows/s; {rate:.1} M rows/s over \
         many segments, waiting for the kernel's memory"
    );
    let what = format!("append Arrow batches of {rows}, {}", place(folder));
    Ok(keep("Tapes", &what, "M rows/s", &[("median", median), ("over many segments", rate)])?)
}

fn parse_how(how: &str) -> Result<Wait> {
    match how {
        "spin" => Ok(Wait::Spin),
        "yield" => Ok(Wait::Yield),
        "sleep" => Ok(Wait::Sleep),
        _ => Err(format!("how: {how}").into()),
    }
}

/// What a live process pays for each poll, with the rows in its cache.
fn poll_rows(folder: &Path) -> Result<()> {
    let mut tape = create(folder)?;
    let row = trade(&mut tape)?;
    let mut reader = Reader::open(folder, Start::Now, false)?;
    let started = Instant::now();
    let empty = 10_000_000;
    for _ in 0..empty {
        let Polled::Empty = reader.poll(usize::MAX)? else { return Err("rows".into()) };
    }
    let empty_ns = started.elapsed().as_nanos() as f64 / f64::from(empty);
    for _ in 0..100_000 {
        tape.push(&row)?;
    }
    tape.commit()?;
    let mut notional = 0.0;
    let started = Instant::now();
    let mut polls = 0;
    while let Polled::Rows(batch) = reader.poll(1)? {
        let prices = batch.values::<f64>(PRICE).ok_or("no prices")?;
        notional += prices[0];
        polls += 1;
    }
    let ns = started.elapsed().as_nanos() as f64 / f64::from(polls);
    assert!(polls == 100_000);
    let mut reader = Reader::open(folder, Start::First, false)?;
    let started = Instant::now();
    while let Polled::Rows(rows) = reader.poll_values(1)? {
        notional += rows.values::<f64>(PRICE).ok_or("no prices")?[0];
    }
    let values_ns = started.elapsed().as_nanos() as f64 / f64::from(polls);
    println!(
        "poll\tnothing new {empty_ns:.1} ns; one new row and its price {ns:.1} ns, as plain values \
         {values_ns:.1} ns"
    );
    assert!(notional > 0.0);
    for (what, mean) in [
        ("poll in Rust, nothing new", empty_ns),
        ("poll in Rust, one new row and its price", ns),
        ("poll in Rust, one new row as plain values", values_ns),
    ] {
        keep("Tapes", &format!("{what}, {}", place(folder)), "ns", &[("mean", mean)])?;
    }
    Ok(())
}

/// Rows at a constant rate, each stamped with the moment it was scheduled for.
fn visibility(folder: &Path, how: &str) -> Result<()> {
    let mut tape = create(folder)?;
    let mut reader = Command::new(std::env::current_exe()?)
        .args([folder.to_str().ok_or("folder is no text")?, "reader", how, &SAMPLES.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(reader.stdout.take().ok_or("no pipe")?).lines();
    assert_eq!(lines.next().ok_or("the reader ended")??, "ready");
    write_at_constant_rate(&mut tape, INTERVAL_NS, SAMPLES)?;
    let figures = lines.next().ok_or("the reader ended")??;
    reader.wait()?;
    println!("visible in another process, {how}\t{figures}");
    Ok(())
}

fn write_at_constant_rate(
    tape: &mut TypedWriter<Trades<'static>>,
    interval_ns: u64,
    rows: u64,
) -> Result<()> {
    let mut row = trade(tape)?;
    // After the first segments are made, which takes a core for some milliseconds.
    let start = now_ns() + 300_000_000;
    for number in 0..rows {
        let scheduled = start + number * interval_ns;
        while now_ns() < scheduled {
            std::hint::spin_loop();
        }
        row.ts_event = scheduled.cast_signed();
        row.ts_recv = number.cast_signed();
        tape.push(&row)?;
        tape.commit()?;
    }
    Ok(())
}

fn visibility_reader(folder: &Path, how: Wait, count: u64) -> Result<()> {
    let mut reader = Reader::open(folder, Start::Now, false)?;
    println!("ready");
    std::io::stdout().flush()?;
    let mut latencies = Histogram::<u64>::new(3)?;
    while latencies.len() < count {
        if !reader.wait(Duration::from_secs(10), how)? {
            return Err("no row for 10 seconds".into());
        }
        let Polled::Rows(rows) = reader.poll_values(usize::MAX)? else {
            return Err("no rows".into());
        };
        let scheduled = rows.values::<i64>(TS_EVENT).ok_or("no timestamps")?;
        let now = now_ns();
        for moment in scheduled {
            latencies.record(now.saturating_sub(moment.cast_unsigned()))?;
        }
    }
    println!(
        "p50 {}, p99 {}, p99.9 {} ns, max {:.0} us from the scheduled moment, {count} rows at {} k/s",
        latencies.value_at_quantile(0.5),
        latencies.value_at_quantile(0.99),
        latencies.value_at_quantile(0.999),
        latencies.max() as f64 / 1e3,
        1_000_000 / INTERVAL_NS,
    );
    let how = format!("{how:?}").to_lowercase();
    let what = format!("row visible in another process, Rust, {how}, {}", place(folder));
    Ok(keep("Tapes", &what, "ns", &percentiles(&latencies, 1.0))?)
}
