use rustonite_core::datasets::BookSide;

use crate::codec::Topic;
use crate::common::{by_channel, list};
use crate::event::{BookUpdate, Level};
use crate::host::{
    Ask, Host, Quote, Trade, Wish, side_word, text_at, texts, topics, written, written_time,
};
use crate::json::{Json, Kind};

/// The venue's side of one connection.
#[derive(Debug, Default)]
pub struct CoinbaseHost {
    /// All that is subscribed, which each answer lists.
    topics: Vec<Topic>,
}

impl Host for CoinbaseHost {
    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        match wish {
            Wish::Subscribe(ask) => {
                if let Some(topic) = refused.first() {
                    let symbol = topic.symbol.as_deref().unwrap_or_default();
                    let reason = format!("{symbol} is not a valid product");
                    return vec![format!(
                        r#"{{"type":"error","message":"Failed to subscribe","reason":"{reason}"}}"#
                    )];
                }
                let known = |topic: &&Topic| !self.topics.contains(topic);
                let new: Vec<_> = ask.topics.iter().filter(known).cloned().collect();
                self.topics.extend(new);
            }
            Wish::Unsubscribe(ask) => self.topics.retain(|known| !ask.topics.contains(known)),
            _ => return Vec::new(),
        }
        let channels = by_channel(&self.topics);
        let channel = |(name, products): (&&str, &Vec<&str>)| {
            format!(r#"{{"name":"{name}","product_ids":{}}}"#, list(products))
        };
        let channels: Vec<_> = channels.iter().map(channel).collect();
        vec![format!(r#"{{"type":"subscriptions","channels":[{}]}}"#, channels.join(","))]
    }

    fn refuses_whole(&self) -> bool {
        true
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let json = Json::new(message);
        let channel = match text_at(&json, b"type")? {
            "match" | "last_match" => "matches",
            "snapshot" | "l2update" => "level2_batch",
            other => other,
        };
        let symbol = text_at(&json, b"product_id").map(str::to_owned);
        Some(Topic { channel: channel.to_owned(), symbol })
    }

    /// Both channels of levels have the same messages.
    fn carries(&self, wanted: &Topic, sent: &Topic) -> bool {
        let base = |topic: &Topic| topic.channel.trim_end_matches("_batch").to_owned();
        wanted.symbol == sent.symbol && base(wanted) == base(sent)
    }

    fn book(&self, _topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let (symbol, time) = (update.symbol, written_time(update.ts_event));
        if update.is_snapshot {
            let side = |side| {
                written(update.levels, side, usize::MAX, |Level { price, size, .. }| {
                    format!(r#"["{price}","{size}"]"#)
                })
            };
            let (bids, asks) = (side(BookSide::Bid), side(BookSide::Ask));
            return Some(format!(
                r#"{{"type":"snapshot","product_id":"{symbol}","asks":[{asks}],"bids":[{bids}]}}"#
            ));
        }
        let change = |level: &Level| {
            let Level { price, size, .. } = level;
            let side = if level.side == BookSide::Bid { "buy" } else { "sell" };
            format!(r#"["{side}","{price}","{size}"]"#)
        };
        let changes: Vec<_> = update.levels.iter().map(change).collect();
        let changes = changes.join(",");
        Some(format!(
            r#"{{"type":"l2update","product_id":"{symbol}","changes":[{changes}],"time":"{time}"}}"#
        ))
    }

    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String> {
        let Trade { symbol, id, price, size, side, ts_event } = trades.last()?;
        let kind = if history { "last_match" } else { "match" };
        // The side of the maker.
        let (time, side) = (written_time(*ts_event), side_word(*side, "sell", "buy"));
        Some(format!(
            r#"{{"type":"{kind}","trade_id":{id},"sequence":{id},"maker_order_id":"a","taker_order_id":"b","time":"{time}","product_id":"{symbol}","size":"{size}","price":"{price}","side":"{side}"}}"#
        ))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, seq, bid, ask, .. } = quote;
        let (b, bs, a, az) = (bid.price, bid.size, ask.price, ask.size);
        let time = written_time(quote.ts_event);
        Some(format!(
            r#"{{"type":"ticker","sequence":{seq},"product_id":"{symbol}","price":"{b}","open_24h":"{b}","volume_24h":"1","low_24h":"{b}","high_24h":"{a}","volume_30d":"1","best_bid":"{b}","best_bid_size":"{bs}","best_ask":"{a}","best_ask_size":"{az}","side":"buy","time":"{time}","trade_id":1,"last_size":"1"}}"#
        ))
    }

    fn repeats_trades(&self) -> bool {
        true
    }
}

fn read(message: &[u8]) -> Option<Wish> {
    let json = Json::new(message);
    let mut channels = json.lookup(b"channels").ok()??;
    let shared = json.lookup(b"product_ids").ok()?.and_then(|mut list| texts(&mut list));
    let shared = shared.unwrap_or_default();
    let mut ask = Ask::default();
    channels.array().ok()?;
    while channels.item().ok()? {
        let (name, own) = if channels.kind().ok()? == Kind::Text {
            (channels.text().ok()?, None)
        } else {
            let channel = channels.later().ok()?;
            let own = channel.lookup(b"product_ids").ok()?.and_then(|mut list| texts(&mut list));
            (text_at(&channel, b"name")?, own)
        };
        let products = own.unwrap_or_else(|| shared.clone());
        ask.topics.extend(topics(name, products));
    }
    Some(Wish::named(text_at(&json, b"type")?, ask))
}
