//! Measures the recorder. Every line is `name<TAB>figures`.
//!
//! `feed latency [RATE…]`: from a socket on loopback to rows that are visible on a tape, at constant
//! rates, timed from the moment at which a message was due. The sender, which also looks for the
//! rows, is a thread of its own.
//! `feed record FOLDER`: the recorded messages of Binance USD-M to rows and checked books on tapes, as
//! `rustonite reparse` makes them. FOLDER has the shared recordings.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustonite_benches::{keep, percentiles};
use rustonite_core::datasets::FrameKind;
use rustonite_feed::server::{Recorded as Message, collected};
use rustonite_feed::{Config, Recorded, Recorder, Reparser, TapeSettings};
use rustonite_tape::{Polled, Reader, Start};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SECONDS: u64 = 3;
const RATES: [u64; 7] = [10_000, 100_000, 200_000, 400_000, 600_000, 800_000, 1_000_000];
const ROUNDS: usize = 7;
const FIRST_MESSAGES: usize = 1_000;
/// A rate is held if its last rows are visible so soon after they were due.
const HELD_WITHIN: Duration = Duration::from_millis(100);
/// Ids of all messages are of the same length.
const FIRST_ID: u64 = 1_000_000_000;
const NANOS: u64 = 1_000_000_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((what, rates)) if what == "latency" => latency(rates),
        Some((what, [folder])) if what == "record" => record(Path::new(folder)),
        _ => Err("usage: feed latency [RATE…] | feed record FOLDER".into()),
    };
    // Whoever reads the lines may have had enough of them.
    let closed = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    done.or_else(|error| match error.downcast_ref::<std::io::Error>() {
        Some(one) if closed(one) => Ok(()),
        _ => Err(error),
    })
}

/// A line with its figures, and how much memory the process had at most.
fn tell(name: &str, figures: &str) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: f64 =
        peak.and_then(|peak| peak.split_whitespace().next()).ok_or("no VmHWM")?.parse()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name}\t{figures}; peak RSS {:.0} MiB", peak / 1024.0)?;
    Ok(out.flush()?)
}

/// A folder in memory, which is gone at the end.
struct Home(std::path::PathBuf);

impl Home {
    fn new(name: &str) -> Result<Self> {
        let path = Path::new("/dev/shm").join(format!("feed-{}-{name}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(frames: bool, more: &str) -> Result<Config> {
    let text = format!(
        "name = \"bench\"\nframes = {frames}\n[tape]\nsegment_bytes = 33554432\nsegments_max = 64\n\
         seal_after_s = 60\n[[feed]]\nvenue = \"binance-usdm\"\nsymbols = [\"BTCUSDT\"]\n{more}\n"
    );
    Ok(Config::parse("bench", &text)?)
}

// Recorded messages

fn record(folder: &Path) -> Result<()> {
    let file = folder.join("binance_usdm/collector_btcusdt_20240808.gz");
    let messages: Vec<Message> = collected(&file, "depth")?.collect();
    let (mut rates, mut own) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let home = Home::new(&format!("record-{round}"))?;
        let name = "bench".to_owned();
        let mut reparser = Reparser::new(home.0.clone(), name, TapeSettings::default(), 600);
        // The first messages make the tapes, which is done once.
        let (first, rest) = messages.split_at(FIRST_MESSAGES);
        subscribe(&mut reparser, first[0].ts_recv)?;
        first.iter().try_for_each(|message| take(&mut reparser, message))?;
        let (began, burned) = (Instant::now(), cpu()?);
        rest.iter().try_for_each(|message| take(&mut reparser, message))?;
        let (seconds, burned) = (began.elapsed().as_secs_f64(), cpu()? - burned);
        let status = reparser.status().pop().ok_or("no venue")?;
        if (status.malformed, status.unknown, status.gaps, status.books_live) != (0, 0, 0, 1) {
            return Err(format!("something is wrong: {status:?}").into());
        }
        rates.push(rest.len() as f64 / seconds / 1e6);
        own.push(rest.len() as f64 / burned.as_secs_f64() / 1e6);
        reparser.finish()?;
    }
    rates.sort_by(f64::total_cmp);
    own.sort_by(f64::total_cmp);
    let (median, best, own) = (rates[ROUNDS / 2], rates[ROUNDS - 1], own[ROUNDS / 2]);
    let figures = format!(
        "median {median:.2}, best {best:.2} million messages/s; by the time that its thread had a \
         core, median {own:.2}"
    );
    let what = "Binance USD-M frames to tape rows, sequence checked, books kept";
    let kept = [("median", median), ("best", best), ("median, by the time on a core", own)];
    keep("Feed", what, "M messages/s", &kept)?;
    tell("Binance USD-M, rows and books", &figures)
}

/// How long this thread had a core.
fn cpu() -> Result<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Ok(Duration::new(u64::try_from(time.tv_sec)?, u32::try_from(time.tv_nsec)?))
}

const VENUE: &str = "binance-usdm";
/// Numbers of the connections of the stream and of REST.
const STREAM: i64 = 1;
const CALLS: i64 = 2;

fn subscribe(reparser: &mut Reparser, ts_recv: i64) -> Result<()> {
    for channel in ["trade", "bookTicker", "depth@100ms"] {
        let what = Recorded::Subscribe { channel, symbol: Some("BTCUSDT") };
        reparser.take(VENUE, STREAM, ts_recv, what)?;
    }
    Ok(())
}

fn take(reparser: &mut Reparser, message: &Message) -> Result<()> {
    let (ts_recv, data) = (message.ts_recv, &message.data[..]);
    let frame = |kind, status, data| Recorded::Frame { kind, status, data };
    if message.path.is_some() {
        let call = b"/fapi/v1/depth?symbol=BTCUSDT&limit=1000";
        reparser.take(VENUE, CALLS, ts_recv, frame(FrameKind::HttpRequest, None, call))?;
        let answer = frame(FrameKind::HttpResponse, Some(200), data);
        return Ok(reparser.take(VENUE, CALLS, ts_recv, answer)?);
    }
    Ok(reparser.take(VENUE, STREAM, ts_recv, frame(FrameKind::Text, None, data))?)
}

// From the socket to the tape

fn latency(rates: &[String]) -> Result<()> {
    let rates: Vec<u64> =
        rates.iter().map(|rate| rate.parse()).collect::<std::result::Result<_, _>>()?;
    let rates = if rates.is_empty() { RATES.to_vec() } else { rates };
    let mut held = 0;
    for rate in rates {
        if one_rate(rate)? {
            held = held.max(rate);
        }
    }
    keep("Feed", "highest rate held", "messages/s", &[("highest", held as f64)])?;
    tell("highest rate held", &format!("{held} messages/s"))
}

fn one_rate(rate: u64) -> Result<bool> {
    let home = Home::new(&rate.to_string())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let urls = format!(
        "datasets = [\"trades\", \"quotes\"]\n\
         urls = {{ public = \"ws://{address}/public/stream\", rest = \"http://127.0.0.1:1\" }}"
    );
    let config = config(true, &urls)?;
    let folder = home.0.clone();
    let sender =
        std::thread::spawn(move || send(&listener, rate, &folder).map_err(|e| e.to_string()));
    let mut recorder = Recorder::start(&config, &home.0)?;
    let measured = sender.join().map_err(|_| "the sender panicked")?;
    recorder.stop()?;
    let Measured { latencies, late } = measured?;
    let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    let held = late < HELD_WITHIN;
    let figures = format!(
        "p50 {:.1} p99 {:.1} p99.9 {:.1} max {:.0} µs, {}",
        at(0.5),
        at(0.99),
        at(0.999),
        latencies.max() as f64 / 1e3,
        if held { "held" } else { "not held" },
    );
    let what = format!("socket to visible row at {rate} messages/s");
    keep("Feed", &what, "us", &percentiles(&latencies, 1e3))?;
    tell(&format!("{rate} messages/s"), &figures)?;
    Ok(held)
}

struct Measured {
    latencies: Histogram<u64>,
    /// How long after it was due the last row was visible.
    late: Duration,
}

fn send(listener: &TcpListener, rate: u64, folder: &Path) -> Result<Measured> {
    let (mut socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    accept(&mut socket)?;
    // The subscription; what it says is known.
    let _ = socket.read(&mut [0; 4096])?;
    // Messages that are not measured make the tapes.
    let mut next = FIRST_ID;
    let mut batch = Vec::new();
    while next < FIRST_ID + 1_000 {
        append(&mut batch, next);
        next += 1;
    }
    socket.write_all(&batch)?;
    let mut looks =
        [Look::new(folder, "trades", "trade_id", 4)?, Look::new(folder, "quotes", "seq", 1)?];
    while looks.iter_mut().map(|look| look.newest(|_| ())).max() < Some(next - 1) {}
    std::thread::sleep(Duration::from_millis(100));
    measure(&mut socket, &mut looks, rate, next)
}

fn measure(
    socket: &mut TcpStream,
    looks: &mut [Look; 2],
    rate: u64,
    first: u64,
) -> Result<Measured> {
    let mut latencies = Histogram::new(3)?;
    let end = first + rate * SECONDS;
    let began = Instant::now();
    let due = |id: u64| (id - first) * NANOS / rate;
    let passed = |began: Instant| u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let (mut next, mut seen, mut batch) = (first, first, Vec::new());
    while seen < end {
        let now = passed(began);
        batch.clear();
        while next < end && due(next) <= now {
            append(&mut batch, next);
            next += 1;
        }
        if !batch.is_empty() {
            socket.write_all(&batch)?;
        }
        for look in &mut *looks {
            let now = passed(began);
            look.newest(|id| {
                let _ = latencies.record(now.saturating_sub(due(id)));
                seen += 1;
            });
        }
        if began.elapsed() > Duration::from_secs(SECONDS * 5) {
            break;
        }
    }
    let late = Duration::from_nanos(passed(began).saturating_sub(due(end)));
    Ok(Measured { latencies, late })
}

/// New rows of a tape, by the number that is in them.
struct Look {
    reader: Reader,
    column: usize,
    /// Messages from one of its rows to the next.
    step: u64,
    newest: u64,
}

impl Look {
    fn new(folder: &Path, dataset: &str, column: &str, step: u64) -> Result<Self> {
        let folder = folder.join(dataset).join("bench-binance-usdm");
        let began = Instant::now();
        let reader = loop {
            match Reader::open(&folder, Start::First, false) {
                Ok(reader) => break reader,
                Err(error) if began.elapsed() > Duration::from_secs(10) => return Err(error.into()),
                Err(_) => std::thread::yield_now(),
            }
        };
        let column = reader.schema().index_of(column).ok_or("no such column")?;
        Ok(Self { reader, column, step, newest: 0 })
    }

    fn newest(&mut self, mut each: impl FnMut(u64)) -> u64 {
        if let Ok(Polled::Rows(rows)) = self.reader.poll_values(usize::MAX)
            && let Some(ids) = rows.values::<i64>(self.column)
        {
            for id in ids.iter().map(|id| id.unsigned_abs()) {
                let id = FIRST_ID + (id - FIRST_ID) * self.step + (self.step - 1);
                each(id);
                self.newest = id;
            }
        }
        self.newest
    }
}

/// A message as it goes over the socket: three quotes, then a trade, as in the recordings.
fn append(batch: &mut Vec<u8>, id: u64) {
    let event = if id % 4 == 3 {
        // Ids of trades have no holes.
        let id = FIRST_ID + (id - FIRST_ID) / 4;
        format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":{id},"p":"61800.30","q":"0.006","X":"MARKET","m":false}}}}"#
        )
    } else {
        format!(
            r#"{{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":{id},"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}}}"#
        )
    };
    // A whole text frame with a length of two bytes.
    let length = u16::try_from(event.len()).unwrap_or(u16::MAX);
    batch.extend_from_slice(&[0x81, 126]);
    batch.extend_from_slice(&length.to_be_bytes());
    batch.extend_from_slice(event.as_bytes());
}

/// Answers the handshake.
fn accept(socket: &mut TcpStream) -> Result<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        asked.push(byte[0]);
    }
    let asked = String::from_utf8(asked)?;
    let mut request = hyper::Request::builder().uri("/");
    for line in asked.lines().skip(1) {
        if let Some((name, value)) = line.split_once(": ") {
            // Compression would be measured, too.
            if !name.eq_ignore_ascii_case("sec-websocket-extensions") {
                request = request.header(name, value);
            }
        }
    }
    let (response, _) = yawc::WebSocket::<yawc::HttpStream>::upgrade_with_options(
        request.body(())?,
        yawc::Options::default(),
    )?;
    let mut text = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for (name, value) in response.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str()?));
    }
    text.push_str("\r\n");
    socket.write_all(text.as_bytes())?;
    Ok(())
}
