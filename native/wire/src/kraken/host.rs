use rustonite_core::datasets::BookSide;

use crate::codec::Topic;
use crate::event::{BookUpdate, Level};
use crate::host::{
    Ask, Host, Quote, Trade, Wish, as_it_stands, side_word, text_at, texts, topics, written,
    written_time,
};
use crate::json::{Json, Kind};

/// The venue's side of one connection, in version 2.
#[derive(Debug)]
pub struct KrakenHost;

/// When all requests are received and answered.
const TIMES: &str =
    r#""time_in":"2026-01-01T00:00:00.000001Z","time_out":"2026-01-01T00:00:00.000002Z""#;

impl Host for KrakenHost {
    fn greeting(&mut self) -> Vec<String> {
        let data = r#"{"api_version":"v2","connection_id":18446744073709551557,"system":"online","version":"2.0.10"}"#;
        vec![format!(r#"{{"channel":"status","type":"update","data":[{data}]}}"#)]
    }

    fn read(&mut self, message: &[u8]) -> Wish {
        read(message).unwrap_or(Wish::Other)
    }

    /// One answer for each symbol.
    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let (method, ask) = match wish {
            Wish::Subscribe(ask) => ("subscribe", ask),
            Wish::Unsubscribe(ask) => ("unsubscribe", ask),
            Wish::Ping(ask) => {
                let id = ask.id.as_deref().unwrap_or("0");
                return vec![format!(r#"{{"method":"pong","req_id":{id},{TIMES}}}"#)];
            }
            Wish::Other => return Vec::new(),
        };
        let id = ask.id.as_deref().unwrap_or("0");
        let each = |topic: &Topic| {
            let symbol = topic.symbol.as_deref().unwrap_or_default();
            if refused.contains(topic) {
                let error = format!("Currency pair not supported {symbol}");
                return format!(
                    r#"{{"error":"{error}","method":"{method}","req_id":{id},"success":false,"symbol":"{symbol}",{TIMES}}}"#
                );
            }
            let result = result(topic, symbol);
            format!(
                r#"{{"method":"{method}","result":{result},"success":true,{TIMES},"req_id":{id}}}"#
            )
        };
        ask.topics.iter().map(each).collect()
    }

    fn heartbeat(&mut self) -> Option<String> {
        Some(r#"{"channel":"heartbeat"}"#.to_owned())
    }

    fn topic_of(&self, message: &[u8]) -> Option<Topic> {
        let json = Json::new(message);
        let mut data = json.lookup(b"data").ok()??;
        data.array().ok()?;
        data.item().ok()?.then_some(())?;
        let symbol = text_at(&data, b"symbol").map(str::to_owned);
        Some(Topic { channel: text_at(&json, b"channel")?.to_owned(), symbol })
    }

    /// Messages do not name the parameters of their channel.
    fn carries(&self, wanted: &Topic, sent: &Topic) -> bool {
        let base = |topic: &Topic| topic.channel.split('-').next().map(str::to_owned);
        wanted.symbol == sent.symbol && base(wanted) == base(sent)
    }

    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String> {
        let most = update.depth.or_else(|| parameter(topic)).filter(|_| update.is_snapshot);
        let side = |side| {
            written(
                update.levels,
                side,
                most.unwrap_or(usize::MAX),
                |Level { price, size, .. }| format!(r#"{{"price":{price},"qty":{size}}}"#),
            )
        };
        let (bids, asks) = (side(BookSide::Bid), side(BookSide::Ask));
        let kind = if update.is_snapshot { "snapshot" } else { "update" };
        let (symbol, sum) = (update.symbol, update.checksum.unwrap_or(0));
        let time = written_time(update.ts_event);
        Some(format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{bids}],"asks":[{asks}],"checksum":{sum},"timestamp":"{time}"}}]}}"#
        ))
    }

    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String> {
        let one = |trade: &Trade<'_>| {
            let Trade { symbol, id, price, size, .. } = trade;
            let (time, side) = (written_time(trade.ts_event), side_word(trade.side, "buy", "sell"));
            format!(
                r#"{{"symbol":"{symbol}","side":"{side}","price":{price},"qty":{size},"ord_type":"limit","trade_id":{id},"timestamp":"{time}"}}"#
            )
        };
        let kind = if history { "snapshot" } else { "update" };
        let data: Vec<_> = trades.iter().map(one).collect();
        Some(format!(r#"{{"channel":"trade","type":"{kind}","data":[{}]}}"#, data.join(",")))
    }

    fn quote(&self, quote: &Quote<'_>) -> Option<String> {
        let Quote { symbol, bid, ask, .. } = quote;
        let (b, bs, a, az) = (bid.price, bid.size, ask.price, ask.size);
        let time = written_time(quote.ts_event);
        Some(format!(
            r#"{{"channel":"ticker","type":"update","data":[{{"symbol":"{symbol}","bid":{b},"bid_qty":{bs},"ask":{a},"ask_qty":{az},"last":{b},"volume":1.5,"vwap":{b},"low":{b},"high":{a},"change":0.5,"change_pct":0.1,"timestamp":"{time}"}}]}}"#
        ))
    }

    fn repeats_trades(&self) -> bool {
        true
    }
}

/// The number behind the dash of a channel.
fn parameter(topic: &Topic) -> Option<usize> {
    topic.channel.split_once('-')?.1.parse().ok()
}

/// What was asked for, as the answer repeats it.
fn result(topic: &Topic, symbol: &str) -> String {
    let (channel, parameter) = topic.channel.split_once('-').unwrap_or((&topic.channel, ""));
    let more = match channel {
        _ if parameter.is_empty() => String::new(),
        "ohlc" => format!(r#""interval":{parameter},"#),
        "ticker" => format!(r#""event_trigger":"{parameter}","#),
        _ => format!(r#""depth":{parameter},"#),
    };
    format!(r#"{{"channel":"{channel}",{more}"snapshot":true,"symbol":"{symbol}"}}"#)
}

fn read(message: &[u8]) -> Option<Wish> {
    let mut json = Json::new(message);
    let (mut method, mut ask) = ("", Ask::default());
    json.object().ok()?;
    while let Some(key) = json.key().ok()? {
        match key {
            b"method" => method = json.text().ok()?,
            b"req_id" => ask.id = as_it_stands(&mut json),
            b"params" => ask.topics = asked(&mut json)?,
            _ => json.skip().ok()?,
        }
    }
    Some(Wish::named(method, ask))
}

fn asked(json: &mut Json<'_>) -> Option<Vec<Topic>> {
    let (mut channel, mut parameter, mut symbols) = (String::new(), None, Vec::new());
    json.object().ok()?;
    while let Some(key) = json.key().ok()? {
        match key {
            b"channel" => json.text().ok()?.clone_into(&mut channel),
            b"symbol" if json.kind().ok()? == Kind::Array => symbols = texts(json)?,
            b"depth" | b"interval" => parameter = Some(json.integer().ok()?.to_string()),
            b"event_trigger" => parameter = Some(json.text().ok()?.to_owned()),
            _ => json.skip().ok()?,
        }
    }
    if let Some(parameter) = parameter {
        channel = format!("{channel}-{parameter}");
    }
    Some(topics(&channel, symbols))
}
