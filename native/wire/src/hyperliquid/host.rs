use rustonite_core::datasets::BookSide;

use crate::codec::Topic;
use crate::event::{BookUpdate, Level};
use crate::host::{Ask, Host, Quote, Trade, Wish, side_word, text_at, written};
use crate::json::Json;

/// Levels of a side that are sent.
const LEVELS: usize = 20;

/// The venue's side of one connection.
#[derive(Debug)]
pub struct HyperliquidHost;

impl Host for HyperliquidHost {
    fn greeting(&mut self) -> Vec<String> {
        vec!["Websocket connection established.".to_owned()]
    }

    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (method, ask) = match wish {
            Wish::Subscribe(ask) => ("subscribe", ask),
            Wish::Unsubscribe(ask) => ("unsubscribe", ask),
            Wish::Ping(_) => return vec![r#"{"channel":"pong"}"#.to_owned()],
            Wish::Other => return Vec::new(),
        };
        let each = |topic: &Topic| {
            let channel = &topic.channel;
            let coin = topic.symbol.as_deref().unwrap_or_default();
            if refused.contains(topic) {
                let about = format!(r#"{{\"type\":\"{channel}\",\"coin\":\"{coin}\"}}"#);
                return format!(r#"{{"channel":"error","data":"Invalid subscription {about}"}}"#);
            }
            format!(
                r#"{{"channel":"subscriptionResponse","data":{{"method":"{method}","subscription":{{"type":"{channel}","coin":"{coin}"}}}}}}"#
            )
        };
        ask.topics.iter().map(each).collect()
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let json = Json::new(message);
        let channel = text_at(&json, b"channel")?.to_owned();
        let mut data = json.lookup(b"data").ok()??;
        if !data.is_object().ok()? {
            data.array().ok()?;
            data.item().ok()?.then_some(())?;
        }
        Some(Topic { channel, symbol: text_at(&data, b"coin").map(str::to_owned) })
    }

    /// Each message is a whole picture.
    fn book(&self, _topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let side = |side| written(update.levels, side, LEVELS, level);
        let (bids, asks) = (side(BookSide::Bid), side(BookSide::Ask));
        let (coin, time) = (update.symbol, update.ts_event / 1_000_000);
        Some(format!(
            r#"{{"channel":"l2Book","data":{{"coin":"{coin}","time":{time},"levels":[[{bids}],[{asks}]]}}}}"#
        ))
    }

    fn trades(&self, trades: &[Trade<'_>], _history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            let (time, side) = (trade.ts_event / 1_000_000, side_word(trade.side, "B", "A"));
            format!(
                r#"{{"coin":"{symbol}","side":"{side}","px":"{price}","sz":"{size}","time":{time},"hash":"0x00","tid":{id},"users":["0x1","0x2"]}}"#
            )
        };
        let data: Vec<_> = trades.iter().map(one).collect();
        Some(format!(r#"{{"channel":"trades","data":[{}]}}"#, data.join(",")))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let (bid, ask, time) = (level(&quote.bid), level(&quote.ask), quote.ts_event / 1_000_000);
        let coin = quote.symbol;
        Some(format!(
            r#"{{"channel":"bbo","data":{{"coin":"{coin}","time":{time},"bbo":[{bid},{ask}]}}}}"#
        ))
    }

    fn repeats_trades(&self) -> bool {
        true
    }
}

fn level(level: &Level) -> String {
    format!(r#"{{"px":"{}","sz":"{}","n":1}}"#, level.price, level.size)
}

fn read(message: &[u8]) -> Option<Wish> {
    let json = Json::new(message);
    let method = text_at(&json, b"method")?;
    if method == "ping" {
        return Some(Wish::Ping(Ask::default()));
    }
    let subscription = json.lookup(b"subscription").ok()??;
    let channel = text_at(&subscription, b"type")?.to_owned();
    let symbol = text_at(&subscription, b"coin").map(str::to_owned);
    let ask = Ask { id: None, topics: vec![Topic { channel, symbol }] };
    Some(Wish::named(method, ask))
}
