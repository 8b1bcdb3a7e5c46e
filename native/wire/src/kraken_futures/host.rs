use rustonite_core::datasets::BookSide;

use crate::codec::Topic;
use crate::event::{BookUpdate, Level};
use crate::host::{Ask, Host, Quote, Trade, Wish, side_word, text_at, texts, topics, written};
use crate::json::Json;

/// The venue's side of one connection.
#[derive(Debug)]
pub struct KrakenFuturesHost;

impl Host for KrakenFuturesHost {
    fn greeting(&mut self) -> Vec<String> {
        vec![r#"{"event":"info","version":1}"#.to_owned()]
    }

    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (event, ask) = match wish {
            Wish::Subscribe(ask) => ("subscribed", ask),
            Wish::Unsubscribe(ask) => ("unsubscribed", ask),
            _ => return Vec::new(),
        };
        let each = |topic: &Topic| {
            let channel = &topic.channel;
            match &topic.symbol {
                Some(symbol) if refused.contains(topic) => format!(
                    r#"{{"event":"{event}_failed","feed":"{channel}","product_ids":["{symbol}"],"message":"Invalid product id"}}"#
                ),
                Some(symbol) => format!(
                    r#"{{"event":"{event}","feed":"{channel}","product_ids":["{symbol}"]}}"#
                ),
                None => format!(r#"{{"event":"{event}","feed":"{channel}"}}"#),
            }
        };
        ask.topics.iter().map(each).collect()
    }

    fn heartbeat(&mut self) -> Option<String> {
        Some(r#"{"feed":"heartbeat","time":1612269953629}"#.to_owned())
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let json = Json::new(message);
        let feed = text_at(&json, b"feed")?;
        let channel = feed.strip_suffix("_snapshot").unwrap_or(feed).to_owned();
        Some(Topic { channel, symbol: text_at(&json, b"product_id").map(str::to_owned) })
    }

    fn book(&self, _topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let (symbol, seq, time) = (update.symbol, update.seq?, update.ts_event / 1_000_000);
        if !update.is_snapshot {
            let Level { side, price, size, .. } = update.levels.first()?;
            let side = if *side == BookSide::Bid { "buy" } else { "sell" };
            return Some(format!(
                r#"{{"feed":"book","product_id":"{symbol}","side":"{side}","seq":{seq},"price":{price},"qty":{size},"timestamp":{time}}}"#
            ));
        }
        let side = |side| {
            written(update.levels, side, usize::MAX, |Level { price, size, .. }| {
                format!(r#"{{"price":{price},"qty":{size}}}"#)
            })
        };
        let (bids, asks) = (side(BookSide::Bid), side(BookSide::Ask));
        Some(format!(
            r#"{{"feed":"book_snapshot","product_id":"{symbol}","timestamp":{time},"seq":{seq},"tickSize":null,"bids":[{bids}],"asks":[{asks}]}}"#
        ))
    }

    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            let (time, side) = (trade.ts_event / 1_000_000, side_word(trade.side, "buy", "sell"));
            format!(
                r#"{{"feed":"trade","product_id":"{symbol}","uid":"05af78ac-{id}","side":"{side}","type":"fill","seq":{id},"time":{time},"qty":{size},"price":{price}}}"#
            )
        };
        if !history {
            return trades.first().map(one);
        }
        // The newest comes first.
        let all: Vec<_> = trades.iter().rev().map(one).collect();
        let symbol = trades.first()?.symbol;
        Some(format!(
            r#"{{"feed":"trade_snapshot","product_id":"{symbol}","trades":[{}]}}"#,
            all.join(",")
        ))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, bid, ask, .. } = quote;
        let (b, bs, a, az) = (bid.price, bid.size, ask.price, ask.size);
        let time = quote.ts_event / 1_000_000;
        Some(format!(
            r#"{{"time":{time},"product_id":"{symbol}","feed":"ticker","bid":{b},"ask":{a},"bid_size":{bs},"ask_size":{az},"volume":1.5,"dtm":0,"leverage":"50x","index":{b},"premium":0.0,"last":{b},"suspended":false,"tag":"perpetual","pair":"XBT:USD","openInterest":5.0,"markPrice":{b},"maturityTime":0}}"#
        ))
    }

    fn repeats_trades(&self) -> bool {
        true
    }

    fn levels_max(&self) -> usize {
        1
    }
}

fn read(message: &[u8]) -> Option<Wish> {
    let mut json = Json::new(message);
    let (mut event, mut channel, mut products) = ("", "", Vec::new());
    json.object().ok()?;
    while let Some(key) = json.key().ok()? {
        match key {
            b"event" => event = json.text().ok()?,
            b"feed" => channel = json.text().ok()?,
            b"product_ids" => products = texts(&mut json)?,
            _ => json.skip().ok()?,
        }
    }
    Some(Wish::named(event, Ask { id: None, topics: topics(channel, products) }))
}
