use rustonite_core::datasets::BookSide;

use crate::codec::Topic;
use crate::common::{by_channel, list};
use crate::event::{BookUpdate, Level};
use crate::host::{Ask, Host, Quote, Trade, Wish, side_word, text_at, texts, topics, written_time};
use crate::json::Json;

/// What stands in a message until it is known as which it goes over a connection.
const NUMBER: &str = r#""sequence_num":0,"#;
/// When requests are answered.
const ANSWERED: i64 = 1_767_323_045_000_000_000;

/// The venue's side of one connection.
#[derive(Debug, Default)]
pub struct CoinbaseAdvancedHost {
    /// Number of the next message.
    next: u64,
    /// All that is subscribed, which each answer lists.
    topics: Vec<Topic>,
}

impl CoinbaseAdvancedHost {
    fn numbered(&mut self, message: &str) -> String {
        let number = format!(r#""sequence_num":{},"#, self.next);
        self.next += 1;
        message.replacen(NUMBER, &number, 1)
    }

    /// The list of all subscriptions.
    fn list(&self) -> String {
        let channel = |(channel, symbols): (&str, Vec<&str>)| {
            let names = if symbols.is_empty() { vec![channel] } else { symbols };
            format!(r#""{channel}":{}"#, list(names))
        };
        let channels: Vec<_> = by_channel(&self.topics).into_iter().map(channel).collect();
        format!(r#"{{"subscriptions":{{{}}}}}"#, channels.join(","))
    }
}

impl Host for CoinbaseAdvancedHost {
    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        match wish {
            Wish::Subscribe(ask) => {
                for topic in &ask.topics {
                    if !refused.contains(topic) && !self.topics.contains(topic) {
                        self.topics.push(topic.clone());
                    }
                }
            }
            Wish::Unsubscribe(ask) => self.topics.retain(|known| !ask.topics.contains(known)),
            _ => return Vec::new(),
        }
        if !refused.is_empty() {
            return vec![r#"{"type":"error","message":"authentication failure"}"#.to_owned()];
        }
        let message = message("subscriptions", ANSWERED, &self.list());
        vec![self.numbered(&message)]
    }

    fn heartbeat(&mut self) -> Option<String> {
        let event = r#"{"current_time":"2026-01-02 03:04:05.1 +0000 UTC","heartbeat_counter":"5"}"#;
        let message = message("heartbeats", ANSWERED, event);
        Some(self.numbered(&message))
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let json = Json::new(message);
        let channel = match text_at(&json, b"channel")? {
            "l2_data" => "level2",
            channel => channel,
        };
        let event = first(json.lookup(b"events").ok()??)?;
        let lists: [&[u8]; 2] = [b"trades", b"tickers"];
        let list = lists.iter().find_map(|key| event.lookup(key).ok()?);
        let named = match list {
            Some(list) => first(list)?,
            None => event,
        };
        let symbol = text_at(&named, b"product_id").map(str::to_owned);
        Some(Topic { channel: channel.to_owned(), symbol })
    }

    fn wrap(&mut self, _topic: &Topic, message: &[u8]) -> Vec<u8> {
        self.numbered(&String::from_utf8_lossy(message)).into_bytes()
    }

    fn book(&self, _topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let time = written_time(update.ts_event);
        let level = |level: &Level| {
            let Level { price, size, .. } = level;
            let side = if level.side == BookSide::Bid { "bid" } else { "offer" };
            format!(
                r#"{{"side":"{side}","event_time":"{time}","price_level":"{price}","new_quantity":"{size}"}}"#
            )
        };
        let levels: Vec<_> = update.levels.iter().map(level).collect();
        let (symbol, levels) = (update.symbol, levels.join(","));
        let kind = if update.is_snapshot { "snapshot" } else { "update" };
        let event = format!(r#"{{"type":"{kind}","product_id":"{symbol}","updates":[{levels}]}}"#);
        Some(message("l2_data", update.ts_event, &event))
    }

    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            // The side of the maker.
            let (time, side) = (written_time(trade.ts_event), side_word(trade.side, "SELL", "BUY"));
            format!(
                r#"{{"trade_id":"{id}","product_id":"{symbol}","price":"{price}","size":"{size}","side":"{side}","time":"{time}"}}"#
            )
        };
        // The newest comes first.
        let all: Vec<_> = trades.iter().rev().map(one).collect();
        let kind = if history { "snapshot" } else { "update" };
        let event = format!(r#"{{"type":"{kind}","trades":[{}]}}"#, all.join(","));
        Some(message("market_trades", trades.last()?.ts_event, &event))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, bid, ask, .. } = quote;
        let (b, bs, a, az) = (bid.price, bid.size, ask.price, ask.size);
        let ticker = format!(
            r#"{{"type":"ticker","product_id":"{symbol}","price":"{b}","volume_24_h":"1","low_24_h":"{b}","high_24_h":"{a}","low_52_w":"1","high_52_w":"2","price_percent_chg_24_h":"1","best_bid":"{b}","best_bid_quantity":"{bs}","best_ask":"{a}","best_ask_quantity":"{az}"}}"#
        );
        let event = format!(r#"{{"type":"update","tickers":[{ticker}]}}"#);
        Some(message("ticker", quote.ts_event, &event))
    }

    fn repeats_trades(&self) -> bool {
        true
    }
}

fn message(channel: &str, time: i64, event: &str) -> String {
    let time = written_time(time);
    format!(
        r#"{{"channel":"{channel}","client_id":"","timestamp":"{time}",{NUMBER}"events":[{event}]}}"#
    )
}

/// The first item of an array.
fn first(mut array: Json<'_>) -> Option<Json<'_>> {
    array.array().ok()?;
    array.item().ok()?.then_some(array)
}

fn read(message: &[u8]) -> Option<Wish> {
    let json = Json::new(message);
    let channel = text_at(&json, b"channel")?;
    let products = json.lookup(b"product_ids").ok()?.and_then(|mut list| texts(&mut list));
    let ask = Ask { id: None, topics: topics(channel, products.unwrap_or_default()) };
    Some(Wish::named(text_at(&json, b"type")?, ask))
}
