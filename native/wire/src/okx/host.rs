use rustonite_core::datasets::BookSide;

use crate::codec::Topic;
use crate::event::{BookUpdate, Level};
use crate::host::{Ask, Host, Quote, Trade, Wish, as_it_stands, side_word, text_at, written};
use crate::json::Json;

/// The venue's side of one connection.
#[derive(Debug)]
pub struct OkxHost;

impl Host for OkxHost {
    fn read(&mut self, message: &[u8]) -> Wish {
        if message == b"ping" {
            Wish::Ping(Ask::default())
        } else {
            read(message).unwrap_or(Wish::Other)
        }
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (event, ask) = match wish {
            Wish::Subscribe(ask) => ("subscribe", ask),
            Wish::Unsubscribe(ask) => ("unsubscribe", ask),
            Wish::Ping(_) => return vec!["pong".to_owned()],
            Wish::Other => return Vec::new(),
        };
        let id = ask.id.as_deref().unwrap_or("\"\"");
        let each = |topic: &Topic| {
            let (channel, symbol) = (&topic.channel, topic.symbol.as_deref().unwrap_or_default());
            if refused.contains(topic) {
                let text = format!("Wrong URL or channel:{channel},instId:{symbol} doesn't exist.");
                return format!(
                    r#"{{"id":{id},"event":"error","code":"60018","msg":"{text}","connId":"a"}}"#
                );
            }
            let arg = argument(channel, symbol);
            format!(r#"{{"id":{id},"event":"{event}","arg":{arg},"connId":"a"}}"#)
        };
        ask.topics.iter().map(each).collect()
    }

    fn farewell(&mut self) -> Option<String> {
        let text = "The connection will soon be closed for a service upgrade. Please reconnect.";
        Some(format!(r#"{{"event":"notice","code":"64008","msg":"{text}","connId":"a"}}"#))
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let arg = Json::new(message).lookup(b"arg").ok()??;
        let channel = text_at(&arg, b"channel")?.to_owned();
        Some(Topic { channel, symbol: text_at(&arg, b"instId").map(str::to_owned) })
    }

    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let side = |side| {
            written(update.levels, side, usize::MAX, |Level { price, size, .. }| {
                format!(r#"["{price}","{size}","0","1"]"#)
            })
        };
        let (bids, asks) = (side(BookSide::Bid), side(BookSide::Ask));
        let action = if update.is_snapshot { "snapshot" } else { "update" };
        let before = if update.is_snapshot { -1 } else { update.seq_prev? };
        let (seq, sum) = (update.seq?, update.checksum.unwrap_or(0));
        let (arg, time) = (argument(&topic.channel, update.symbol), update.ts_event / 1_000_000);
        Some(format!(
            r#"{{"arg":{arg},"action":"{action}","data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"{time}","checksum":{sum},"seqId":{seq},"prevSeqId":{before}}}]}}"#
        ))
    }

    fn trades(&self, trades: &[Trade<'_>], _history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            let (time, side) = (trade.ts_event / 1_000_000, side_word(trade.side, "buy", "sell"));
            format!(
                r#"{{"instId":"{symbol}","tradeId":"{id}","px":"{price}","sz":"{size}","side":"{side}","ts":"{time}","count":"1","seqId":{id}}}"#
            )
        };
        let arg = argument("trades", trades.first()?.symbol);
        let data: Vec<_> = trades.iter().map(one).collect();
        Some(format!(r#"{{"arg":{arg},"data":[{}]}}"#, data.join(",")))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, seq, bid, ask, .. } = quote;
        let (arg, time) = (argument("bbo-tbt", symbol), quote.ts_event / 1_000_000);
        let level = |level: &Level| format!(r#"["{}","{}","0","1"]"#, level.price, level.size);
        let (bid, ask) = (level(bid), level(ask));
        Some(format!(
            r#"{{"arg":{arg},"data":[{{"asks":[{ask}],"bids":[{bid}],"ts":"{time}","seqId":{seq}}}]}}"#
        ))
    }
}

fn argument(channel: &str, symbol: &str) -> String {
    format!(r#"{{"channel":"{channel}","instId":"{symbol}"}}"#)
}

fn read(message: &[u8]) -> Option<Wish> {
    let mut json = Json::new(message);
    let (mut operation, mut ask) = ("", Ask::default());
    json.object().ok()?;
    while let Some(key) = json.key().ok()? {
        match key {
            b"op" => operation = json.text().ok()?,
            b"id" => ask.id = as_it_stands(&mut json),
            b"args" => {
                json.array().ok()?;
                while json.item().ok()? {
                    let arg = json.later().ok()?;
                    let channel = text_at(&arg, b"channel")?.to_owned();
                    let symbol = text_at(&arg, b"instId").map(str::to_owned);
                    ask.topics.push(Topic { channel, symbol });
                }
            }
            _ => json.skip().ok()?,
        }
    }
    Some(Wish::named(operation, ask))
}
