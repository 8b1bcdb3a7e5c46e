use std::cell::RefCell;
use std::collections::HashSet;

use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;

use super::session::parts;
use crate::codec::Topic;
use crate::event::{BookUpdate, Level};
use crate::host::{Ask, Host, Quote, Trade, Wish, side_word, text_at, texts, written_time};
use crate::json::Json;

/// The venue's side of one connection.
#[derive(Debug, Default)]
pub struct BitMexHost {
    /// Ids of levels that were announced, by which new ones are told from others.
    known: RefCell<HashSet<(String, i128)>>,
}

impl Host for BitMexHost {
    fn greeting(&mut self) -> Vec<String> {
        let text = "Welcome to the BitMEX Realtime API.";
        vec![format!(
            r#"{{"info":"{text}","version":"2.0.0","timestamp":"2026-01-02T03:04:05.678Z"}}"#
        )]
    }

    fn read(&mut self, message: &[u8]) -> Wish {
        if message == b"ping" {
            Wish::Ping(Ask::default())
        } else {
            read(message).unwrap_or(Wish::Other)
        }
    }

    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (operation, ask) = match wish {
            Wish::Subscribe(ask) => ("subscribe", ask),
            Wish::Unsubscribe(ask) => ("unsubscribe", ask),
            Wish::Ping(_) => return vec!["pong".to_owned()],
            Wish::Other => return Vec::new(),
        };
        let each = |topic: &Topic| {
            let name = topic.joined(':');
            let request = format!(r#"{{"op":"{operation}","args":["{name}"]}}"#);
            if refused.contains(topic) {
                let text = format!("Unknown or expired symbol: {name}");
                return format!(
                    r#"{{"status":400,"error":"{text}","meta":{{}},"request":{request}}}"#
                );
            }
            format!(r#"{{"success":true,"{operation}":"{name}","request":{request}}}"#)
        };
        let answers = ask.topics.iter().map(each);
        // A table begins with what there is, be it nothing. Books are not known here.
        let begun = ask.topics.iter().filter(|topic| {
            let is_book = topic.channel.starts_with("orderBook");
            operation == "subscribe" && !is_book && !refused.contains(topic)
        });
        let empty = |topic: &Topic| {
            let (table, symbol) = (&topic.channel, topic.symbol.as_deref().unwrap_or_default());
            let filter = format!(r#"{{"symbol":"{symbol}"}}"#);
            format!(
                r#"{{"table":"{table}","action":"partial","keys":[],"types":{{}},"filter":{filter},"data":[]}}"#
            )
        };
        answers.chain(begun.map(empty)).collect()
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let json = Json::new(message);
        let channel = text_at(&json, b"table")?.to_owned();
        let mut data = json.lookup(b"data").ok()??;
        data.array().ok()?;
        data.item().ok()?.then_some(())?;
        Some(Topic { channel, symbol: text_at(&data, b"symbol").map(str::to_owned) })
    }

    /// A change names the id of its level, and its price only when it is new.
    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let table = &topic.channel;
        let first = update.levels.first()?;
        let action = if update.is_snapshot { "partial" } else { self.action(update.symbol, first) };
        let row = |level: &Level| {
            let Level { side, price, size, .. } = level;
            let side = if *side == BookSide::Bid { "Buy" } else { "Sell" };
            let (symbol, id) = (update.symbol, id(*price));
            let row = format!(r#"{{"symbol":"{symbol}","id":{id},"side":"{side}""#);
            match action {
                "delete" => format!("{row}}}"),
                "update" => format!(r#"{row},"size":{size}}}"#),
                _ => format!(r#"{row},"size":{size},"price":{price}}}"#),
            }
        };
        if update.is_snapshot {
            let ids = update.levels.iter().map(|level| (update.symbol.to_owned(), id(level.price)));
            self.known.borrow_mut().extend(ids);
        }
        let rows: Vec<_> = update.levels.iter().map(row).collect();
        let rows = rows.join(",");
        let keys = if update.is_snapshot {
            format!(
                r#""keys":["symbol","id","side"],"types":{{"id":"long"}},"filter":{{"symbol":"{}"}},"#,
                update.symbol
            )
        } else {
            String::new()
        };
        Some(format!(r#"{{"table":"{table}","action":"{action}",{keys}"data":[{rows}]}}"#))
    }

    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            let (time, side) = (written_time(trade.ts_event), side_word(trade.side, "Buy", "Sell"));
            format!(
                r#"{{"timestamp":"{time}","symbol":"{symbol}","side":"{side}","size":{size},"price":{price},"tickDirection":"PlusTick","trdMatchID":"a-{id}","trdType":"Regular"}}"#
            )
        };
        let action = if history { "partial" } else { "insert" };
        let data: Vec<_> = trades.iter().map(one).collect();
        Some(format!(r#"{{"table":"trade","action":"{action}","data":[{}]}}"#, data.join(",")))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, bid, ask, .. } = quote;
        let (b, bs, a, az) = (bid.price, bid.size, ask.price, ask.size);
        let time = written_time(quote.ts_event);
        Some(format!(
            r#"{{"table":"quote","action":"insert","data":[{{"timestamp":"{time}","symbol":"{symbol}","bidSize":{bs},"bidPrice":{b},"askPrice":{a},"askSize":{az}}}]}}"#
        ))
    }

    fn repeats_trades(&self) -> bool {
        true
    }

    /// All rows of a message have one action.
    fn levels_max(&self) -> usize {
        1
    }
}

impl BitMexHost {
    fn action(&self, symbol: &str, level: &Level) -> &'static str {
        let key = (symbol.to_owned(), id(level.price));
        let mut known = self.known.borrow_mut();
        if level.size.is_zero() {
            known.remove(&key);
            return "delete";
        }
        if known.insert(key) { "insert" } else { "update" }
    }
}

/// The id of a level, which falls as the price rises.
fn id(price: Decimal) -> i128 {
    100_000_000_000 - price.mantissa()
}

fn read(message: &[u8]) -> Option<Wish> {
    let json = Json::new(message);
    let topic = |name: &String| {
        let (table, symbol) = parts(name);
        Topic { channel: table.to_owned(), symbol: symbol.map(str::to_owned) }
    };
    let topics = texts(&mut json.lookup(b"args").ok()??)?.iter().map(topic).collect();
    Some(Wish::named(text_at(&json, b"op")?, Ask { id: None, topics }))
}
