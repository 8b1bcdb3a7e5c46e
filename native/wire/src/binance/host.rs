use std::fmt::Write as _;

use rustonite_core::datasets::{Aggressor, BookSide};

use super::Market;
use super::session::stream;
use crate::codec::{Feed, Topic};
use crate::event::{BookUpdate, Level};
use crate::host::{Ask, Host, Quote, Trade, Wish, as_it_stands, written};
use crate::json::{Json, Kind};

/// Levels that a book of the REST interface has if the client does not say.
const LEVELS_USUAL: usize = 500;

/// The venue's side of one connection.
#[derive(Debug)]
pub struct BinanceHost {
    market: Market,
    /// Messages are wrapped with the name of their stream.
    combined: bool,
    /// Which half of USD-M the connection reaches.
    half: Half,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Both,
    Public,
    Market,
}

impl BinanceHost {
    /// A host for a market.
    pub fn new(market: Market) -> Self {
        Self { market, combined: false, half: Half::Both }
    }
}

impl Host for BinanceHost {
    fn open(&mut self, path: &str) -> Vec<Topic> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.half = match self.market {
            Market::UsdM if path.starts_with("/market") => Half::Market,
            // The old form without a half behaves like `/public`.
            Market::UsdM => Half::Public,
            _ => Half::Both,
        };
        self.combined = path.ends_with("/stream");
        let names = if self.combined {
            query.split('&').find_map(|part| part.strip_prefix("streams=")).unwrap_or_default()
        } else {
            path.split_once("/ws/").map_or("", |(_, names)| names)
        };
        names.split('/').filter(|name| !name.is_empty()).map(topic).collect()
    }

    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (Wish::Subscribe(ask) | Wish::Unsubscribe(ask)) = wish else { return Vec::new() };
        let id = ask.id.as_deref().unwrap_or("null");
        let answer = if refused.is_empty() {
            format!(r#"{{"result":null,"id":{id}}}"#)
        } else {
            let error = r#"{"code":2,"msg":"Invalid request: invalid stream"}"#;
            format!(r#"{{"error":{error},"id":{id}}}"#)
        };
        vec![answer]
    }

    /// Since 2026-04-23, a stream of the other half is acknowledged and stays silent.
    fn delivers(&self, topic: &Topic) -> bool {
        let channel = topic.channel.as_str();
        let is_public = ["depth", "bookTicker", "rpiDepth", "trade"]
            .iter()
            .any(|name| channel.split('@').next().is_some_and(|first| first.starts_with(name)));
        match self.half {
            Half::Both => true,
            Half::Public => is_public,
            Half::Market => !is_public,
        }
    }

    fn refuses_whole(&self) -> bool {
        true
    }

    fn farewell(&mut self) -> Option<String> {
        let event = r#"{"e":"serverShutdown","E":1700000000000}"#;
        Some(if self.combined {
            format!(r#"{{"stream":"!serverShutdown","data":{event}}}"#)
        } else {
            event.to_owned()
        })
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        if let Some(name) = wrapped(message).map(|(name, _)| name) {
            return Some(topic(name));
        }
        let json = Json::new(message);
        let symbol = json.lookup(b"s").ok()??.text().ok()?.to_owned();
        let name = json.lookup(b"e").ok()?.and_then(|mut name| name.text().ok());
        let channel = match name {
            Some("depthUpdate") => "depth",
            Some("trade") => "trade",
            Some("aggTrade") => "aggTrade",
            Some("markPriceUpdate") => "markPrice",
            Some("bookTicker") | None => "bookTicker",
            Some(other) => other,
        };
        Some(Topic { channel: channel.to_owned(), symbol: Some(symbol) })
    }

    /// Changes of a book are the same at any pace; collectors use paces that no one else can.
    fn carries(&self, wanted: &Topic, sent: &Topic) -> bool {
        let same_symbol = match (&wanted.symbol, &sent.symbol) {
            (Some(wanted), Some(sent)) => wanted.eq_ignore_ascii_case(sent),
            (wanted, sent) => wanted == sent,
        };
        same_symbol && base(&wanted.channel) == base(&sent.channel)
    }

    fn wrap(&mut self, topic: &Topic, message: &[u8]) -> Vec<u8> {
        let event = wrapped(message).map_or(message, |(_, event)| event);
        if !self.combined {
            return event.to_vec();
        }
        let name = stream(topic);
        let mut out = Vec::with_capacity(event.len() + name.len() + 32);
        out.extend_from_slice(br#"{"stream":""#);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(br#"","data":"#);
        out.extend_from_slice(event);
        out.push(b'}');
        out
    }

    fn book(&self, _topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        if update.is_snapshot {
            return None;
        }
        let (time, last) = (update.ts_event / 1_000_000, update.seq?);
        let first = update.seq_first.unwrap_or(last);
        let mut text = format!(r#"{{"e":"depthUpdate","E":{time},"#);
        if self.market != Market::Spot {
            let _ = write!(text, r#""T":{time},"#);
        }
        let _ = write!(text, r#""s":"{}","U":{first},"u":{last},"#, update.symbol);
        if self.market != Market::Spot {
            let _ = write!(text, r#""pu":{},"#, update.seq_prev.unwrap_or(first - 1));
        }
        let [bids, asks] = sides(update.levels, usize::MAX);
        let _ = write!(text, r#""b":[{bids}],"a":[{asks}]}}"#);
        Some(text)
    }

    fn trades(&self, trades: &[Trade<'_>], _history: bool) -> Option<String> {
        let [trade] = trades else { return None };
        let Trade { symbol, id, price, size, .. } = trade;
        let time = trade.ts_event / 1_000_000;
        let maker = trade.side == Aggressor::Sell;
        let kind = if self.market == Market::Spot { r#""M":true"# } else { r#""X":"MARKET""# };
        Some(format!(
            r#"{{"e":"trade","E":{time},"T":{time},"s":"{symbol}","t":{id},"p":"{price}","q":"{size}","m":{maker},{kind}}}"#
        ))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, seq, bid, ask, .. } = quote;
        let time = quote.ts_event / 1_000_000;
        let (b, bs, a, az) = (bid.price, bid.size, ask.price, ask.size);
        let figures =
            format!(r#""u":{seq},"s":"{symbol}","b":"{b}","B":"{bs}","a":"{a}","A":"{az}""#);
        Some(match self.market {
            Market::Spot => format!("{{{figures}}}"),
            _ => format!(r#"{{"e":"bookTicker",{figures},"T":{time},"E":{time}}}"#),
        })
    }

    fn call(&self, path: &str, _body: &[u8]) -> Option<(Feed, usize)> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let get = |name: &str| {
            query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let symbol = || get("symbol").map(str::to_owned);
        let limit = get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(LEVELS_USUAL);
        let feed = match path.rsplit('/').next()? {
            "depth" => Feed::Book(symbol()?),
            "exchangeInfo" => Feed::Instruments,
            "time" => Feed::Time,
            _ => return None,
        };
        Some((feed, limit))
    }

    fn picture(&self, update: &BookUpdate<'_>) -> String {
        let mut text = format!(r#"{{"lastUpdateId":{},"#, update.seq.unwrap_or_default());
        if self.market != Market::Spot {
            let time = update.ts_event / 1_000_000;
            let _ = write!(text, r#""E":{time},"T":{time},"#);
        }
        let [bids, asks] = sides(update.levels, update.depth.unwrap_or(usize::MAX));
        let _ = write!(text, r#""bids":[{bids}],"asks":[{asks}]}}"#);
        text
    }

    fn clock(&self, now: i64) -> Option<String> {
        Some(format!(r#"{{"serverTime":{}}}"#, now / 1_000_000))
    }

    fn instruments(&self, symbols: &[&str]) -> Option<String> {
        let status = if self.market == Market::CoinM { "contractStatus" } else { "status" };
        let one = |symbol: &&str| {
            let base = symbol.split("USD").next().unwrap_or(symbol);
            format!(
                r#"{{"symbol":"{symbol}","pair":"{symbol}","contractType":"PERPETUAL","{status}":"TRADING","contractSize":100,"baseAsset":"{base}","quoteAsset":"USDT","marginAsset":"USDT","pricePrecision":2,"quantityPrecision":3,"filters":[]}}"#
            )
        };
        let symbols: Vec<_> = symbols.iter().map(one).collect();
        Some(format!(
            r#"{{"timezone":"UTC","serverTime":1700000000000,"symbols":[{}]}}"#,
            symbols.join(",")
        ))
    }

    fn unknown_symbol(&self) -> (u16, &'static str) {
        (400, r#"{"code":-1121,"msg":"Invalid symbol."}"#)
    }
}

/// A wish as the client writes it.
fn read(message: &[u8]) -> Option<Wish> {
    let mut json = Json::new(message);
    let (mut method, mut ask) = (None, Ask::default());
    json.object().ok()?;
    while let Some(key) = json.key().ok()? {
        match key {
            b"method" => method = Some(json.text().ok()?),
            b"id" => ask.id = Some(as_it_stands(&mut json)?),
            b"params" if json.kind().ok()? == Kind::Array => {
                json.array().ok()?;
                while json.item().ok()? {
                    ask.topics.push(topic(json.text().ok()?));
                }
            }
            _ => json.skip().ok()?,
        }
    }
    Some(match method? {
        "SUBSCRIBE" => Wish::Subscribe(ask),
        "UNSUBSCRIBE" => Wish::Unsubscribe(ask),
        _ => Wish::Other,
    })
}

/// The topic of a stream's name.
fn topic(name: &str) -> Topic {
    match name.split_once('@') {
        Some((symbol, channel)) if !symbol.starts_with('!') => {
            Topic { channel: channel.to_owned(), symbol: Some(symbol.to_uppercase()) }
        }
        _ => Topic { channel: name.to_owned(), symbol: None },
    }
}

/// A channel without its pace. Channels of the best levels keep how many there are.
fn base(channel: &str) -> &str {
    channel.split('@').next().unwrap_or(channel)
}

/// Name and event of a message of a combined connection.
fn wrapped(message: &[u8]) -> Option<(&str, &[u8])> {
    let rest = message.strip_prefix(br#"{"stream":""#)?;
    let end = memchr::memchr(b'"', rest)?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let event = rest[end..].strip_prefix(br#"","data":"#)?.strip_suffix(b"}")?;
    Some((name, event))
}

/// Pairs of price and quantity of both sides, so many of each.
fn sides(levels: &[Level], most: usize) -> [String; 2] {
    [BookSide::Bid, BookSide::Ask].map(|side| {
        written(levels, side, most, |Level { price, size, .. }| format!(r#"["{price}","{size}"]"#))
    })
}
