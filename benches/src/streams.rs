//! Measures how many messages a second of market data the local exchange sends to one client. Every
//! line is `name<TAB>figures`.
//!
//! The crowd trades faster and faster; the client only counts frames, so that it is not what is
//! measured. A rate is held as long as the exchange does not cut the client off for being behind.

use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustonite_benches::keep;
use rustonite_core::Decimal;
use rustonite_exchange::{Config, Crowd, Listing, LocalExchange, VenueConfig};

/// As in the extension.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SYMBOLS: [&str; 4] = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"];
/// Orders and cancellations a second and symbol in calm times.
const EVENTS: [f64; 6] = [5e3, 2e4, 5e4, 1e5, 2e5, 5e5];
const SPAN: Duration = Duration::from_secs(3);
const WARM: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let mut held = 0.0_f64;
    for events in EVENTS {
        let (rate, megabytes, is_held) = measure(events)?;
        let end = if is_held { "held" } else { "cut off as too slow" };
        println!(
            "market data out, {events:.0} events/s of each of {} symbols\t{:.0} thousand messages/s, \
             {megabytes:.0} MB/s, {end}",
            SYMBOLS.len(),
            rate / 1e3,
        );
        held = if is_held { held.max(rate) } else { held };
    }
    let what = "market data to one client, highest rate held";
    Ok(keep("Local exchange", what, "messages/s", &[("highest", held)])?)
}

fn measure(events_per_second: f64) -> Result<(f64, f64, bool)> {
    let step = |text: &str| text.parse::<Decimal>();
    let listing = |symbol: &&str| Ok(Listing::spot(symbol, step("0.01")?, step("0.00001")?)?);
    let listings = SYMBOLS.iter().map(listing).collect::<Result<Vec<_>>>()?;
    let mut exchange =
        LocalExchange::start(&Config::new(vec![VenueConfig::new("binance", listings)]))?;
    let prices = SYMBOLS.iter().map(|symbol| Ok(((*symbol).to_owned(), step("1000")?)));
    let crowd = Crowd { seed: 1, events_per_second, prices: prices.collect::<Result<_>>()? };
    exchange.open_to("binance", &crowd)?;
    let mut client = subscribe(&exchange)?;
    let (_, _, _) = count(&mut client, WARM)?;
    let began = Instant::now();
    let (messages, bytes, is_held) = count(&mut client, SPAN)?;
    let seconds = began.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "counts of some seconds")]
    Ok((messages as f64 / seconds, bytes as f64 / 1e6 / seconds, is_held))
}

fn subscribe(exchange: &LocalExchange) -> Result<TcpStream> {
    let address = exchange.address("binance")?;
    let mut client = TcpStream::connect(address)?;
    client.set_read_timeout(Some(Duration::from_millis(100)))?;
    let streams: Vec<String> = SYMBOLS
        .iter()
        .flat_map(|symbol| {
            ["trade", "bookTicker", "depth@100ms"]
                .map(|kind| format!("{}@{kind}", symbol.to_lowercase()))
        })
        .collect();
    write!(
        client,
        "GET /stream?streams={} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        streams.join("/")
    )?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(String::from_utf8_lossy(&head).into_owned().into());
    }
    Ok(client)
}

/// Frames and bytes within a time, and whether the connection was there to its end.
fn count(client: &mut TcpStream, span: Duration) -> Result<(u64, u64, bool)> {
    let until = Instant::now() + span;
    let mut buffer = vec![0; 1 << 20];
    let (mut filled, mut frames, mut bytes) = (0, 0, 0);
    while Instant::now() < until {
        match client.read(&mut buffer[filled..]) {
            Ok(0) => return Ok((frames, bytes, false)),
            Ok(read) => {
                bytes += read as u64;
                filled += read;
                let (whole, used) = whole_frames(&buffer[..filled]);
                frames += whole;
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return Ok((frames, bytes, false));
            }
            Err(error) => return Err(error.into()),
        }
    }
    // The next count begins with whole frames.
    while filled > 0 {
        let read = client.read(&mut buffer[filled..])?;
        filled += read;
        let used = whole_frames(&buffer[..filled]).1;
        buffer.copy_within(used..filled, 0);
        filled -= used;
    }
    Ok((frames, bytes, true))
}

/// How many frames are whole, and their bytes. A server's frames are not masked.
fn whole_frames(bytes: &[u8]) -> (u64, usize) {
    let (mut frames, mut at) = (0, 0);
    while let Some(&short) = bytes.get(at + 1) {
        let (head, length) = match short {
            127 => match bytes.get(at + 2..at + 10).and_then(|long| long.try_into().ok()) {
                Some(long) => (10, usize::try_from(u64::from_be_bytes(long)).unwrap_or(usize::MAX)),
                None => break,
            },
            126 => match bytes.get(at + 2..at + 4).and_then(|long| long.try_into().ok()) {
                Some(long) => (4, u16::from_be_bytes(long).into()),
                None => break,
            },
            length => (2, length.into()),
        };
        if bytes.len() - at < head + length {
            break;
        }
        at += head + length;
        frames += 1;
    }
    (frames, at)
}
