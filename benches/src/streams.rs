//! Measures how many messages a second of market data the local exchange sends to one client, in
//! each venue's words. Every line is `name<TAB>figures`.
//!
//! The crowd trades faster and faster; the client only counts frames, so that it is not what is
//! measured. A rate is held as long as the exchange does not cut the client off for being behind.
//! Binance tells changes of the touch, trades, and books ten times a second; Alpaca each change of a
//! book.

use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustonite_benches::keep;
use rustonite_core::Decimal;
use rustonite_exchange::{Config, Crowd, Key, Listing, LocalExchange, VenueConfig};

/// As in the extension.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A venue, and what of it one client follows.
struct Feed {
    venue: &'static str,
    symbols: [&'static str; 4],
    subscribe: fn(&LocalExchange, &Feed) -> Result<TcpStream>,
}

const FEEDS: [Feed; 2] = [
    Feed {
        venue: "binance",
        symbols: ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"],
        subscribe: subscribe_to_binance,
    },
    Feed {
        venue: "alpaca",
        symbols: ["BTC/USD", "ETH/USD", "SOL/USD", "LTC/USD"],
        subscribe: subscribe_to_alpaca,
    },
];
/// Orders and cancellations a second and symbol in calm times.
const EVENTS: [f64; 6] = [5e3, 2e4, 5e4, 1e5, 2e5, 5e5];
const SPAN: Duration = Duration::from_secs(3);
const WARM: Duration = Duration::from_millis(500);
/// How long a read waits, so that the end of a count is noticed;
const NAP: Duration = Duration::from_millis(100);
/// and for the rest of a frame, when others have the machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    for feed in &FEEDS {
        let mut held = 0.0_f64;
        for events in EVENTS {
            let (rate, megabytes, is_held) = measure(feed, events)?;
            let end = if is_held { "held" } else { "cut off as too slow" };
            println!(
                "{}: market data out, {events:.0} events/s of each of {} symbols\t{:.0} thousand \
                 messages/s, {megabytes:.0} MB/s, {end}",
                feed.venue,
                feed.symbols.len(),
                rate / 1e3,
            );
            held = if is_held { held.max(rate) } else { held };
        }
        let what = format!("market data to one client, highest rate held ({})", feed.venue);
        keep("Local exchange", &what, "messages/s", &[("highest", held)])?;
    }
    Ok(())
}

fn measure(feed: &Feed, events_per_second: f64) -> Result<(f64, f64, bool)> {
    let step = |text: &str| text.parse::<Decimal>();
    let listing =
        |symbol: &&str| Ok(Listing::of(feed.venue, symbol, step("0.01")?, step("0.00001")?)?);
    let listings = feed.symbols.iter().map(listing).collect::<Result<Vec<_>>>()?;
    let mut exchange =
        LocalExchange::start(&Config::new(vec![VenueConfig::new(feed.venue, listings)]))?;
    let prices = feed.symbols.iter().map(|symbol| Ok(((*symbol).to_owned(), step("1000")?)));
    let crowd = Crowd { seed: 1, events_per_second, prices: prices.collect::<Result<_>>()? };
    exchange.open_to(feed.venue, &crowd)?;
    let mut client = (feed.subscribe)(&exchange, feed)?;
    let (_, _, _) = count(&mut client, WARM)?;
    let began = Instant::now();
    let (messages, bytes, is_held) = count(&mut client, SPAN)?;
    let seconds = began.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "counts of some seconds")]
    Ok((messages as f64 / seconds, bytes as f64 / 1e6 / seconds, is_held))
}

fn subscribe_to_binance(exchange: &LocalExchange, feed: &Feed) -> Result<TcpStream> {
    let streams: Vec<String> = feed
        .symbols
        .iter()
        .flat_map(|symbol| {
            ["trade", "bookTicker", "depth@100ms"]
                .map(|kind| format!("{}@{kind}", symbol.to_lowercase()))
        })
        .collect();
    open(exchange, feed, &format!("/stream?streams={}", streams.join("/")), "")
}

fn subscribe_to_alpaca(exchange: &LocalExchange, feed: &Feed) -> Result<TcpStream> {
    exchange.add_account("recorder")?;
    exchange.add_key("recorder", "key", &Key::hmac("secret"))?;
    let keys = "APCA-API-KEY-ID: key\r\nAPCA-API-SECRET-KEY: secret\r\n";
    let mut client = open(exchange, feed, "/v1beta3/crypto/us", keys)?;
    let text = br#"{"action":"subscribe","trades":["*"],"quotes":["*"],"orderbooks":["*"]}"#;
    // A client's frames are masked; a mask of zeros leaves them as they are.
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len())?, 0, 0, 0, 0];
    frame.extend(text);
    client.write_all(&frame)?;
    Ok(client)
}

fn open(exchange: &LocalExchange, feed: &Feed, path: &str, headers: &str) -> Result<TcpStream> {
    let address = exchange.address(feed.venue)?;
    let mut client = TcpStream::connect(address)?;
    client.set_read_timeout(Some(NAP))?;
    write!(
        client,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
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
    client.set_read_timeout(Some(PATIENCE))?;
    while filled > 0 {
        filled += client.read(&mut buffer[filled..])?;
        let used = whole_frames(&buffer[..filled]).1;
        buffer.copy_within(used..filled, 0);
        filled -= used;
    }
    client.set_read_timeout(Some(NAP))?;
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
