use rustonite_core::datasets::BookSide;

use super::session::split;
use crate::codec::Topic;
use crate::event::{BookUpdate, Level};
use crate::host::{
    Ask, Host, Quote, Trade, Wish, as_it_stands, side_word, text_at, texts, written,
};
use crate::json::Json;

/// The venue's side of one connection.
#[derive(Debug)]
pub struct BybitHost;

impl Host for BybitHost {
    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    /// One topic that does not exist spoils the whole request.
    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (operation, ask) = match wish {
            Wish::Subscribe(ask) => ("subscribe", ask),
            Wish::Unsubscribe(ask) => ("unsubscribe", ask),
            Wish::Ping(ask) => ("ping", ask),
            Wish::Other => return Vec::new(),
        };
        let text = match (refused.first(), operation) {
            (Some(topic), _) => format!("error:handler not found,topic:{}", topic.joined('.')),
            (None, "ping") => "pong".to_owned(),
            _ => String::new(),
        };
        let (success, id) = (refused.is_empty(), ask.id.as_deref().unwrap_or("\"\""));
        vec![format!(
            r#"{{"success":{success},"ret_msg":"{text}","conn_id":"a","req_id":{id},"op":"{operation}"}}"#
        )]
    }

    fn refuses_whole(&self) -> bool {
        true
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        Some(topic(text_at(&Json::new(message), b"topic")?))
    }

    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let (kind, seq) = (if update.is_snapshot { "snapshot" } else { "delta" }, update.seq?);
        Some(book(&topic.joined('.'), kind, update.symbol, update.ts_event, update.levels, seq))
    }

    fn trades(&self, trades: &[Trade<'_>], _history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            let (time, side) = (trade.ts_event / 1_000_000, side_word(trade.side, "Buy", "Sell"));
            format!(
                r#"{{"T":{time},"s":"{symbol}","S":"{side}","v":"{size}","p":"{price}","L":"PlusTick","i":"{id}","BT":false,"seq":{id}}}"#
            )
        };
        let (first, data) = (trades.first()?, trades.iter().map(one).collect::<Vec<_>>().join(","));
        let (symbol, time) = (first.symbol, first.ts_event / 1_000_000);
        Some(format!(
            r#"{{"topic":"publicTrade.{symbol}","type":"snapshot","ts":{time},"data":[{data}]}}"#
        ))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let topic = format!("orderbook.1.{}", quote.symbol);
        let levels = [quote.bid, quote.ask];
        Some(book(&topic, "snapshot", quote.symbol, quote.ts_event, &levels, quote.seq + 1))
    }
}

fn book(
    topic: &str,
    kind: &str,
    symbol: &str,
    ts_event: i64,
    levels: &[Level],
    seq: i64,
) -> String {
    let side = |side| {
        written(levels, side, usize::MAX, |level| {
            let Level { price, size, .. } = level;
            if size.is_zero() {
                format!(r#"["{price}","0"]"#)
            } else {
                format!(r#"["{price}","{size}"]"#)
            }
        })
    };
    let (bids, asks, time) = (side(BookSide::Bid), side(BookSide::Ask), ts_event / 1_000_000);
    format!(
        r#"{{"topic":"{topic}","type":"{kind}","ts":{time},"data":{{"s":"{symbol}","b":[{bids}],"a":[{asks}],"u":{seq},"seq":{time}}},"cts":{time}}}"#
    )
}

fn topic(name: &str) -> Topic {
    let (channel, symbol) = split(name);
    Topic { channel: channel.to_owned(), symbol: symbol.map(str::to_owned) }
}

fn read(message: &[u8]) -> Option<Wish> {
    let mut json = Json::new(message);
    let (mut operation, mut ask) = ("", Ask::default());
    json.object().ok()?;
    while let Some(key) = json.key().ok()? {
        match key {
            b"op" => operation = json.text().ok()?,
            b"req_id" => ask.id = as_it_stands(&mut json),
            b"args" => ask.topics = texts(&mut json)?.iter().map(|name| topic(name)).collect(),
            _ => json.skip().ok()?,
        }
    }
    Some(Wish::named(operation, ask))
}
