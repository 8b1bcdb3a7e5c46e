use std::cell::RefCell;

use rustonite_core::datasets::{Aggressor, BookSide};

use super::market::TIMES_FROM;
use super::session::{CHECKSUMS, SEQUENCE, TIMES};
use crate::codec::{Feed, Topic};
use crate::event::{BookUpdate, Level};
use crate::host::{Ask, Host, Quote, Trade, Wish, as_it_stands, text_at, written};
use crate::json::Json;

/// Levels of a side that a book of the REST interface has if the client does not say.
const LEVELS_USUAL: usize = 25;

/// The venue's side of one connection.
#[derive(Debug, Default)]
pub struct BitfinexHost {
    /// What the client asked to be appended to messages.
    flags: i64,
    /// Number of the last message.
    sequence: u64,
    /// Time of the last message.
    time: Option<i64>,
    /// Channels by their numbers: data name nothing else. Those of a recording are learned from its
    /// acknowledgements.
    channels: RefCell<Vec<(i64, Topic)>>,
}

impl BitfinexHost {
    fn know(&self, number: i64, topic: &Topic) {
        let mut channels = self.channels.borrow_mut();
        channels.retain(|(known, _)| *known != number);
        channels.push((number, topic.clone()));
    }

    fn topic(&self, number: i64) -> Option<Topic> {
        let channels = self.channels.borrow();
        channels.iter().find(|(known, _)| *known == number).map(|(_, topic)| topic.clone())
    }

    /// What the client configured is behind each message that has a channel.
    fn sealed(&mut self, number: i64, payload: &str) -> String {
        let mut text = format!("[{number},{payload}");
        if self.flags & SEQUENCE != 0 {
            self.sequence += 1;
            text += &format!(",{}", self.sequence);
        }
        if let Some(time) = self.time.filter(|_| self.flags & TIMES != 0) {
            text += &format!(",{time}");
        }
        text + "]"
    }

    fn read_wish(&mut self, message: &[u8]) -> Option<Wish> {
        let json = Json::new(message);
        let integer = |key: &[u8]| json.lookup(key).ok()??.integer().ok();
        let id = json.lookup(b"cid").ok()?.and_then(|mut id| as_it_stands(&mut id));
        Some(match text_at(&json, b"event")? {
            "subscribe" => Wish::Subscribe(Ask { id, topics: vec![topic_asked(&json)?] }),
            "unsubscribe" => {
                let topics = self.topic(integer(b"chanId")?).into_iter().collect();
                Wish::Unsubscribe(Ask { id, topics })
            }
            "ping" => {
                let id = id.map(|id| format!(r#","cid":{id}"#)).unwrap_or_default();
                answered(format!(r#"{{"event":"pong","ts":1767323045000{id}}}"#))
            }
            "conf" => {
                self.flags = integer(b"flags")?;
                let flags = self.flags;
                answered(format!(r#"{{"event":"conf","status":"OK","flags":{flags}}}"#))
            }
            _ => Wish::Other,
        })
    }
}

impl Host for BitfinexHost {
    fn greeting(&mut self) -> Vec<String> {
        let server = "01234567-89ab-cdef-0123-456789abcdef";
        vec![format!(
            r#"{{"event":"info","version":2,"serverId":"{server}","platform":{{"status":1}}}}"#
        )]
    }

    fn read(&mut self, message: &[u8]) -> Wish {
        self.read_wish(message).unwrap_or(Wish::Other)
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        match wish {
            Wish::Subscribe(ask) => {
                let each = |topic: &Topic| {
                    let words = words(topic);
                    if refused.contains(topic) {
                        let code = r#""msg":"symbol: invalid","code":10300"#;
                        return format!(r#"{{"event":"error",{code},{words}}}"#);
                    }
                    let number = number(topic);
                    self.know(number, topic);
                    format!(r#"{{"event":"subscribed","chanId":{number},{words}}}"#)
                };
                ask.topics.iter().map(each).collect()
            }
            Wish::Unsubscribe(ask) => {
                let mut channels = self.channels.borrow_mut();
                channels.retain(|(_, topic)| !ask.topics.contains(topic));
                let each = |topic| {
                    let number = number(topic);
                    format!(r#"{{"event":"unsubscribed","status":"OK","chanId":{number}}}"#)
                };
                ask.topics.iter().map(each).collect()
            }
            Wish::Ping(ask) => ask.id.iter().cloned().collect(),
            Wish::Other => Vec::new(),
        }
    }

    /// Each channel has its own; one is enough to show that the connection lives.
    fn heartbeat(&mut self) -> Option<String> {
        let number = self.channels.borrow().first().map(|(number, _)| *number)?;
        Some(self.sealed(number, r#""hb""#))
    }

    fn farewell(&mut self) -> Option<String> {
        let text = "Stopping. Please try to reconnect";
        Some(format!(r#"{{"event":"info","code":20051,"msg":"{text}"}}"#))
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        if message.starts_with(b"[") {
            return self.topic(parts(message)?.0);
        }
        let json = Json::new(message);
        if text_at(&json, b"event") == Some("subscribed") {
            let topic = topic_asked(&json)?;
            // By that which a recording has, and by that which is written here.
            self.know(json.lookup(b"chanId").ok()??.integer().ok()?, &topic);
            self.know(number(&topic), &topic);
        }
        None
    }

    /// Checksums go only to those who asked for them.
    fn wrap(&mut self, topic: &Topic, message: &[u8]) -> Vec<u8> {
        let Some((_, payload, time)) = parts(message) else { return message.to_vec() };
        if payload.starts_with(r#""cs""#) && self.flags & CHECKSUMS == 0 {
            return Vec::new();
        }
        self.time = time.or(self.time);
        self.sealed(number(topic), payload).into_bytes()
    }

    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let payload = if update.is_snapshot {
            format!("[{}]", levels(update.levels, usize::MAX))
        } else {
            level(update.levels.first()?)
        };
        Some(message(topic, &payload, update.ts_event))
    }

    fn checksum(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let payload = format!(r#""cs",{}"#, update.checksum?);
        Some(message(topic, &payload, update.ts_event))
    }

    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String> {
        let newest = trades.last()?;
        let payload = if history {
            let all: Vec<_> = trades.iter().rev().map(trade).collect();
            format!("[{}]", all.join(","))
        } else {
            format!(r#""te",{}"#, trade(newest))
        };
        Some(message(&trades_of(newest.symbol), &payload, newest.ts_event))
    }

    fn trade_again(&self, again: &Trade<'_>) -> Option<String> {
        let payload = format!(r#""tu",{}"#, trade(again));
        Some(message(&trades_of(again.symbol), &payload, again.ts_event))
    }

    /// The venue has no channel of quotes.
    fn quote(&self, _quote: &Quote<'_>) -> Option<String> {
        None
    }

    fn repeats_trades(&self) -> bool {
        true
    }

    fn levels_max(&self) -> usize {
        1
    }

    fn call(&self, path: &str, _body: &[u8]) -> Option<(Feed, usize)> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let most = query.split('&').find_map(|part| part.strip_prefix("len=")?.parse().ok());
        let path = path.strip_prefix("/v2/")?;
        let feed = match *path.split('/').collect::<Vec<_>>().as_slice() {
            ["conf", what] if what.starts_with("pub:info:pair") => Feed::Instruments,
            ["book", symbol, "P0"] => Feed::Book(symbol.to_owned()),
            _ => return None,
        };
        Some((feed, most.unwrap_or(LEVELS_USUAL)))
    }

    fn picture(&self, update: &BookUpdate<'_>) -> String {
        format!("[{}]", levels(update.levels, update.depth.unwrap_or(usize::MAX)))
    }

    fn instruments(&self, symbols: &[&str]) -> Option<String> {
        let one = |symbol: &&str| {
            let pair = symbol.trim_start_matches('t');
            let sizes = r#""0.0001","2000.0""#;
            format!(r#"["{pair}",[null,null,null,{sizes},null,null,null,0.2,0.1,null]]"#)
        };
        let pairs: Vec<_> = symbols.iter().map(one).collect();
        Some(format!("[[{}],[]]", pairs.join(",")))
    }
}

/// What is answered at once and changes no subscription: the answer itself is its mark.
fn answered(text: String) -> Wish {
    Wish::Ping(Ask { id: Some(text), topics: Vec::new() })
}

/// The number of a channel; the venue gives them as it likes.
fn number(topic: &Topic) -> i64 {
    let symbol = topic.symbol.as_deref().unwrap_or_default();
    let bytes = topic.channel.bytes().chain(symbol.bytes());
    i64::from(
        bytes.fold(2_166_136_261_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(16_777_619)),
    )
}

fn trades_of(symbol: &str) -> Topic {
    Topic { channel: "trades".to_owned(), symbol: Some(symbol.to_owned()) }
}

/// A message before it is known what the client wants behind it.
fn message(topic: &Topic, payload: &str, ts_event: i64) -> String {
    format!("[{},{payload},0,{}]", number(topic), ts_event / 1_000_000)
}

/// Number of the channel, payload and time of a message, without what else stands behind it.
fn parts(message: &[u8]) -> Option<(i64, &str, Option<i64>)> {
    let text = std::str::from_utf8(message).ok()?.trim();
    let (number, rest) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(',')?;
    let after_word = || match rest.strip_prefix(r#""cs","#) {
        Some(sum) => rest.len() - sum.len() + sum.find(',').unwrap_or(sum.len()),
        None => rest.find(',').unwrap_or(rest.len()),
    };
    let end = rest.rfind(']').map_or_else(after_word, |at| at + 1);
    let (payload, behind) = rest.split_at_checked(end)?;
    let mut behind = behind.split(',').filter_map(|part| part.parse().ok());
    Some((number.parse().ok()?, payload, behind.find(|number| *number >= TIMES_FROM)))
}

fn level(level: &Level) -> String {
    let Level { side, price, size, count } = level;
    let sign = if *side == BookSide::Bid { "" } else { "-" };
    if size.is_zero() {
        return format!("[{price},0,{sign}1]");
    }
    format!("[{price},{},{sign}{size}]", count.unwrap_or(1))
}

fn levels(levels: &[Level], most: usize) -> String {
    let side = |side| written(levels, side, most, level);
    let sides = [side(BookSide::Bid), side(BookSide::Ask)];
    sides.into_iter().filter(|side| !side.is_empty()).collect::<Vec<_>>().join(",")
}

fn trade(trade: &Trade<'_>) -> String {
    let Trade { id, ts_event, price, size, side, .. } = trade;
    let sign = if *side == Aggressor::Sell { "-" } else { "" };
    format!("[{id},{},{sign}{size},{price}]", ts_event / 1_000_000)
}

/// The topic of a request, or of its acknowledgement. Parameters are behind colons.
fn topic_asked(json: &Json<'_>) -> Option<Topic> {
    let channel = text_at(json, b"channel")?;
    let text = |key: &[u8], usual: &str| text_at(json, key).unwrap_or(usual).to_owned();
    let named = |channel: String, symbol: &str| {
        let symbol = Some(symbol).filter(|symbol| !symbol.is_empty()).map(str::to_owned);
        Topic { channel, symbol }
    };
    Some(match channel {
        "book" => {
            let (precision, frequency) = (text(b"prec", "P0"), text(b"freq", "F0"));
            let number = json.lookup(b"len").ok()?.and_then(|mut length| length.integer().ok());
            let length = number.map_or_else(|| "25".to_owned(), |length| length.to_string());
            named(format!("book:{precision}:{frequency}:{length}"), text_at(json, b"symbol")?)
        }
        "status" | "candles" => {
            let key = text_at(json, b"key")?;
            // `trade:1m:tBTCUSD`, `deriv:tBTCF0:USTF0`, `liq:global`.
            let parameters = if channel == "candles" { 2 } else { 1 };
            let end = key.match_indices(':').nth(parameters - 1).map(|(at, _)| at);
            match end.filter(|_| key != "liq:global").and_then(|end| key.split_at_checked(end)) {
                Some((key, symbol)) => {
                    named(format!("{channel}:{key}"), symbol.trim_start_matches(':'))
                }
                None => named(format!("{channel}:{key}"), ""),
            }
        }
        other => named(other.to_owned(), text_at(json, b"symbol")?),
    })
}

/// A topic in the words of an acknowledgement.
fn words(topic: &Topic) -> String {
    let (channel, parameters) = topic.channel.split_once(':').unwrap_or((&topic.channel, ""));
    let symbol = topic.symbol.as_deref().unwrap_or_default();
    let subject = match (channel, symbol) {
        ("status" | "candles", "") => format!(r#""key":"{parameters}""#),
        ("status" | "candles", symbol) => format!(r#""key":"{parameters}:{symbol}""#),
        _ => {
            let given = ["prec", "freq", "len"].into_iter().zip(parameters.split(':'));
            let given = given.filter(|(_, value)| !value.is_empty());
            let given = given.map(|(name, value)| format!(r#","{name}":"{value}""#));
            let pair = symbol.trim_start_matches('t');
            format!(r#""symbol":"{symbol}"{},"pair":"{pair}""#, given.collect::<String>())
        }
    };
    format!(r#""channel":"{channel}",{subject}"#)
}
