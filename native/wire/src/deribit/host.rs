use rustonite_core::datasets::BookSide;

use super::channel::{name, topic};
use crate::codec::Topic;
use crate::common::list;
use crate::event::{BookUpdate, Level};
use crate::host::{
    Ask, Host, Quote, Trade, Wish, as_it_stands, side_word, text_at, texts, written,
};
use crate::json::Json;

/// The venue's side of one connection.
#[derive(Debug)]
pub struct DeribitHost;

impl Host for DeribitHost {
    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    /// Channels that do not exist are left out without a word.
    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (ask, result) = match wish {
            Wish::Subscribe(ask) | Wish::Unsubscribe(ask) => {
                let granted = ask.topics.iter().filter(|topic| !refused.contains(topic));
                (ask, list(granted.map(name)))
            }
            Wish::Ping(ask) => (ask, r#""ok""#.to_owned()),
            Wish::Other => return Vec::new(),
        };
        let id = ask.id.as_deref().unwrap_or("null");
        vec![format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{result},"usIn":1,"usOut":2,"usDiff":1,"testnet":false}}"#
        )]
    }

    fn heartbeat(&mut self) -> Option<String> {
        let params = r#"{"type":"test_request"}"#;
        Some(format!(r#"{{"jsonrpc":"2.0","method":"heartbeat","params":{params}}}"#))
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let params = Json::new(message).lookup(b"params").ok()??;
        Some(topic(text_at(&params, b"channel")?))
    }

    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let side = |side| {
            written(update.levels, side, usize::MAX, |Level { price, size, .. }| {
                let action = match (update.is_snapshot, size.is_zero()) {
                    (true, _) => "new",
                    (false, true) => "delete",
                    (false, false) => "change",
                };
                format!(r#"["{action}",{price},{size}]"#)
            })
        };
        let (bids, asks) = (side(BookSide::Bid), side(BookSide::Ask));
        let (symbol, seq, time) = (update.symbol, update.seq?, update.ts_event / 1_000_000);
        let (kind, before) = match update.seq_prev {
            _ if update.is_snapshot => ("snapshot", "null".to_owned()),
            before => ("change", before?.to_string()),
        };
        let data = format!(
            r#"{{"type":"{kind}","timestamp":{time},"prev_change_id":{before},"instrument_name":"{symbol}","change_id":{seq},"bids":[{bids}],"asks":[{asks}]}}"#
        );
        Some(push(&name(topic), &data))
    }

    fn trades(&self, trades: &[Trade<'_>], _history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            let (time, side) = (trade.ts_event / 1_000_000, side_word(trade.side, "buy", "sell"));
            format!(
                r#"{{"trade_seq":{id},"trade_id":"{id}","timestamp":{time},"tick_direction":0,"price":{price},"mark_price":{price},"instrument_name":"{symbol}","index_price":{price},"direction":"{side}","amount":{size},"contracts":{size}}}"#
            )
        };
        let data: Vec<_> = trades.iter().map(one).collect();
        let channel = format!("trades.{}.100ms", trades.first()?.symbol);
        Some(push(&channel, &format!("[{}]", data.join(","))))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, bid, ask, .. } = quote;
        let (b, bs, a, az) = (bid.price, bid.size, ask.price, ask.size);
        let time = quote.ts_event / 1_000_000;
        let data = format!(
            r#"{{"timestamp":{time},"instrument_name":"{symbol}","best_bid_price":{b},"best_bid_amount":{bs},"best_ask_price":{a},"best_ask_amount":{az}}}"#
        );
        Some(push(&format!("quote.{symbol}"), &data))
    }
}

fn push(channel: &str, data: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}"#
    )
}

fn read(message: &[u8]) -> Option<Wish> {
    let json = Json::new(message);
    let mut ask = Ask {
        id: json.lookup(b"id").ok()?.and_then(|mut id| as_it_stands(&mut id)),
        ..Ask::default()
    };
    let params = json.lookup(b"params").ok()?;
    let channels = params.and_then(|params| params.lookup(b"channels").ok()?);
    if let Some(mut channels) = channels {
        ask.topics = texts(&mut channels)?.iter().map(|name| topic(name)).collect();
    }
    Some(match text_at(&json, b"method")?.split_once('/')?.1 {
        "test" | "set_heartbeat" => Wish::Ping(ask),
        method => Wish::named(method, ask),
    })
}
