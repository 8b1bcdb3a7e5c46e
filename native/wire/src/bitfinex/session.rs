use std::collections::HashSet;

use super::market::Interval;
use super::{Bitfinex, Channel, Kind};
use crate::codec::Topic;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{self, Json};

/// Appends the time to each message.
pub(super) const TIMES: i64 = 32_768;
/// Appends the number of each message on the connection.
pub(super) const SEQUENCE: i64 = 65_536;
/// Sends checksums of books.
pub(super) const CHECKSUMS: i64 = 131_072;

/// The venue asks us to connect again.
const RECONNECT: i64 = 20_051;
/// The venue came back from maintenance.
const RESUMED: i64 = 20_061;

pub(super) fn greeting() -> String {
    format!(r#"{{"event":"conf","flags":{}}}"#, TIMES | SEQUENCE | CHECKSUMS)
}

/// The message that asks for a topic. Parameters are behind colons: `book:P0:F0:250`, `trades`,
/// `status:deriv`, `status:liq:global`, `candles:trade:1m`.
pub(super) fn subscription(topic: &Topic) -> String {
    let (channel, parameters) = topic.channel.split_once(':').unwrap_or((&topic.channel, ""));
    let symbol = topic.symbol.as_deref().unwrap_or_default();
    let subject = match (channel, symbol) {
        ("status" | "candles", "") => format!(r#""key":"{parameters}""#),
        ("status" | "candles", symbol) => format!(r#""key":"{parameters}:{symbol}""#),
        (_, symbol) => {
            let names = ["prec", "freq", "len"];
            let given = parameters.split(':').filter(|parameter| !parameter.is_empty());
            let given = names.into_iter().zip(given);
            let given = given.map(|(name, value)| format!(r#","{name}":"{value}""#));
            format!(r#""symbol":"{symbol}"{}"#, given.collect::<String>())
        }
    };
    format!(r#"{{"event":"subscribe","channel":"{channel}",{subject}}}"#)
}

/// What an event says, as far as any needs it.
#[derive(Debug, Default)]
struct Event<'a> {
    name: &'a str,
    channel: Option<&'a str>,
    number: Option<i64>,
    symbol: Option<&'a str>,
    key: Option<&'a str>,
    precision: Option<&'a str>,
    frequency: Option<&'a str>,
    length: Option<String>,
    code: Option<i64>,
    status: Option<&'a str>,
    is_operative: Option<bool>,
    text: Option<String>,
}

impl<'a> Event<'a> {
    fn read(json: &mut Json<'a>) -> Result<Self> {
        let mut event = Self::default();
        let mut name = None;
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"event" => name = Some(json.text()?),
                b"channel" => event.channel = Some(json.text()?),
                b"chanId" => event.number = Some(json.integer()?),
                b"symbol" => event.symbol = Some(json.text()?),
                b"key" => event.key = Some(json.text()?),
                b"prec" => event.precision = Some(json.text()?),
                b"freq" => event.frequency = Some(json.text()?),
                // It is quoted in some answers and bare in others.
                b"len" => event.length = Some(json.integer()?.to_string()),
                b"code" => event.code = json.integer_or_null()?,
                b"status" if json.kind()? == json::Kind::Text => event.status = Some(json.text()?),
                b"platform" if json.is_object()? => event.is_operative = platform(json)?,
                b"msg" if json.kind()? == json::Kind::Text => event.text = Some(json.message()?),
                _ => json.skip()?,
            }
        }
        event.name = json.need(name, "a message with `event`")?;
        Ok(event)
    }

    /// The channel as topics name it, and its instrument.
    fn topic(&self) -> Option<(String, &'a str)> {
        let channel = self.channel?;
        let (parameters, symbol) = match (channel, self.key) {
            ("status", Some("liq:global")) => (Some("liq:global"), ""),
            ("status", Some(key)) => {
                key.split_once(':').map_or((Some(key), ""), |(kind, symbol)| (Some(kind), symbol))
            }
            ("candles", Some(key)) => candles_key(key),
            _ => (None, self.symbol.unwrap_or_default()),
        };
        let name = match (channel, parameters) {
            ("book", _) => {
                let precision = self.precision.unwrap_or("P0");
                let frequency = self.frequency.unwrap_or("F0");
                let length = self.length.as_deref().unwrap_or("25");
                format!("book:{precision}:{frequency}:{length}")
            }
            (_, Some(parameters)) => format!("{channel}:{parameters}"),
            _ => channel.to_owned(),
        };
        Some((name, symbol))
    }

    fn kind(&self, name: &str, symbol: &str) -> Kind {
        // Lending has another shape of everything.
        if symbol.starts_with('f') {
            return Kind::Other;
        }
        match name {
            "trades" => Kind::Trades,
            "ticker" => Kind::Ticker,
            "status:deriv" => Kind::Derivative,
            "status:liq:global" => Kind::Liquidations,
            _ if self.channel == Some("book") => match self.precision {
                Some("R0") => Kind::Orders,
                _ => Kind::Book,
            },
            _ => {
                let interval = name.strip_prefix("candles:trade:").and_then(Interval::of);
                interval.map_or(Kind::Other, Kind::Candles)
            }
        }
    }
}

/// `trade:1m` and `tBTCUSD` of `trade:1m:tBTCUSD`.
fn candles_key(key: &str) -> (Option<&str>, &str) {
    let after_kind = key.find(':').map_or(key.len(), |at| at + 1);
    let rest = key.get(after_kind..).unwrap_or_default();
    match rest.find(':').and_then(|at| key.split_at_checked(after_kind + at)) {
        Some((parameters, symbol)) => (Some(parameters), symbol.trim_start_matches(':')),
        None => (Some(key), ""),
    }
}

/// Whether the platform works.
fn platform(json: &mut Json<'_>) -> Result<Option<bool>> {
    let mut is_operative = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"status" => is_operative = json.integer_or_null()?.map(|status| status != 0),
            _ => json.skip()?,
        }
    }
    Ok(is_operative)
}

/// An event: all that is no data.
pub(super) fn event(codec: &mut Bitfinex, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let event = Event::read(json)?;
    let topic = event.topic();
    let (channel, symbol) = match &topic {
        Some((name, symbol)) => (Some(name.as_str()), Some(*symbol).filter(|s| !s.is_empty())),
        None => (None, None),
    };
    let text = event.text.as_deref();
    let answer = Answer { request: None, channel, symbol, code: event.code, text };
    match event.name {
        "subscribed" => {
            let number = json.need(event.number, "an acknowledgement with `chanId`")?;
            let (name, symbol) = json.need(topic.clone(), "an acknowledgement with `channel`")?;
            let kind = event.kind(&name, symbol);
            let symbol = symbol.to_owned();
            codec.channels.retain(|channel| channel.number != number);
            codec.channels.push(Channel { number, kind, name, symbol, ids: HashSet::new() });
            sink.control(&Control::Subscribed(answer));
        }
        "unsubscribed" => {
            let number = json.need(event.number, "an acknowledgement with `chanId`")?;
            let known = codec.channels.iter().position(|channel| channel.number == number);
            let ended = known.map(|place| codec.channels.swap_remove(place));
            let (name, symbol) = match &ended {
                Some(channel) => (Some(channel.name.as_str()), Some(channel.symbol.as_str())),
                None => (None, None),
            };
            let symbol = symbol.filter(|symbol| !symbol.is_empty());
            let answer = Answer { channel: name, symbol, ..answer };
            sink.control(&Control::Unsubscribed(answer));
        }
        "error" if event.channel.is_some() => sink.control(&Control::Refused(answer)),
        "error" => {
            let text = text.unwrap_or_default();
            sink.control(&Control::Error { code: event.code, text });
        }
        "conf" if event.status == Some("OK") => sink.control(&Control::Nothing),
        "conf" => sink.control(&Control::Refused(Answer { channel: Some("conf"), ..answer })),
        "pong" => sink.control(&Control::Heartbeat),
        "info" => info(codec, &event, sink),
        other => sink.control(&Control::Unknown(other)),
    }
    Ok(())
}

fn info(codec: &Bitfinex, event: &Event<'_>, sink: &mut dyn Sink) {
    let text = event.text.as_deref().unwrap_or_default();
    match (event.code, event.is_operative) {
        (Some(RECONNECT), _) => sink.control(&Control::Shutdown(text)),
        (Some(RESUMED), _) => {
            sink.control(&Control::Status(text));
            let books =
                codec.channels.iter().filter(|c| matches!(c.kind, Kind::Book | Kind::Orders));
            for channel in books {
                let detail = "the venue was in maintenance";
                sink.control(&Control::Lost { symbol: &channel.symbol, detail });
            }
        }
        (Some(_), _) => sink.control(&Control::Status(text)),
        (None, Some(true)) => sink.control(&Control::Status("operative")),
        (None, Some(false)) => sink.control(&Control::Status("maintenance")),
        (None, None) => sink.control(&Control::Nothing),
    }
}
