use super::Kraken;
use crate::codec::{Frame, Topic};
use crate::common::{by_channel, list};
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::Json;

/// Levels per side of a subscription that names no depth.
const DEPTH_DEFAULT: usize = 10;

/// One message for the symbols of each channel. Parameters of a channel are behind a dash, as v1
/// wrote them: `book-25`, `level3-100`, `ohlc-5`, `ticker-bbo`.
pub(super) fn requests(method: &str, topics: &[Topic], id: i64) -> Vec<String> {
    let message = |((channel, symbols), id): ((&str, Vec<&str>), i64)| {
        let params = params(channel, &symbols, method == "subscribe");
        format!(r#"{{"method":"{method}","params":{{{params}}},"req_id":{id}}}"#)
    };
    by_channel(topics).into_iter().zip(id..).map(message).collect()
}

fn params(channel: &str, symbols: &[&str], is_begin: bool) -> String {
    let (name, parameter) = channel.split_once('-').unwrap_or((channel, ""));
    let mut params = vec![format!(r#""channel":"{name}""#)];
    if !symbols.is_empty() {
        params.push(format!(r#""symbol":{}"#, list(symbols)));
    }
    match name {
        _ if parameter.is_empty() => {}
        "ohlc" => params.push(format!(r#""interval":{parameter}"#)),
        "ticker" => params.push(format!(r#""event_trigger":"{parameter}""#)),
        _ => params.push(format!(r#""depth":{parameter}"#)),
    }
    if is_begin {
        params.push(r#""snapshot":true"#.to_owned());
    }
    params.join(",")
}

/// What an answer says, wherever it stands in it.
#[derive(Debug, Default)]
struct Reply<'a> {
    verb: Option<&'a str>,
    is_refused: bool,
    status: Option<&'a str>,
    channel: Option<&'a str>,
    symbol: Option<&'a str>,
    /// Depth or interval.
    number: Option<i64>,
    trigger: Option<&'a str>,
    request: Option<i64>,
    text: Option<String>,
}

impl<'a> Reply<'a> {
    fn read(json: &mut Json<'a>) -> Result<Self> {
        let mut reply = Self::default();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"method" | b"event" => reply.verb = Some(json.text()?),
                b"success" => reply.is_refused |= !json.boolean()?,
                b"error" | b"errorMessage" if !json.took_null()? => {
                    reply.is_refused = true;
                    reply.text = Some(json.message()?);
                }
                b"req_id" | b"reqid" => reply.request = json.integer_or_null()?,
                b"status" => reply.status = Some(json.text()?),
                b"symbol" | b"pair" => reply.symbol = json.text_or_null()?,
                b"channelName" => reply.channel = Some(json.text()?),
                b"result" if json.is_object()? => reply.subject(json)?,
                b"error" | b"errorMessage" => {}
                _ => json.skip()?,
            }
        }
        json.end()?;
        Ok(reply)
    }

    /// What was asked for, as v2 repeats it.
    fn subject(&mut self, json: &mut Json<'a>) -> Result<()> {
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"channel" => self.channel = Some(json.text()?),
                b"symbol" => self.symbol = json.text_or_null()?,
                b"depth" | b"interval" => self.number = json.integer_or_null()?,
                b"event_trigger" => self.trigger = json.text_or_null()?,
                _ => json.skip()?,
            }
        }
        Ok(())
    }

    /// The channel with its parameter, as a topic names it.
    fn topic(&self) -> Option<String> {
        let channel = self.channel?;
        Some(match (self.number, self.trigger) {
            (Some(number), _) => format!("{channel}-{number}"),
            (None, Some("bbo")) => format!("{channel}-bbo"),
            _ => channel.to_owned(),
        })
    }
}

/// An answer of v2, or an event of v1.
pub(super) fn answer(codec: &mut Kraken, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
    let reply = Reply::read(&mut Json::new(frame.data))?;
    let topic = reply.topic();
    let answer = Answer {
        request: reply.request,
        channel: topic.as_deref(),
        symbol: reply.symbol,
        code: None,
        text: reply.text.as_deref(),
    };
    sink.control(&match (reply.verb, reply.status) {
        (Some("subscribe" | "unsubscribe"), _) if reply.is_refused => Control::Refused(answer),
        (Some("subscribe"), _) => {
            remember_depth(codec, &reply);
            Control::Subscribed(answer)
        }
        (Some("unsubscribe"), _) => {
            forget_depth(codec, &reply);
            Control::Unsubscribed(answer)
        }
        (Some("subscriptionStatus"), Some("subscribed")) => Control::Subscribed(answer),
        (Some("subscriptionStatus"), Some("unsubscribed")) => Control::Unsubscribed(answer),
        (Some("subscriptionStatus"), Some("error")) => Control::Refused(answer),
        (Some("systemStatus"), Some(status)) => Control::Status(status),
        (Some("heartbeat" | "pong"), _) => Control::Heartbeat,
        (None | Some("error" | "ping"), _) if reply.text.is_some() => {
            Control::Error { code: None, text: reply.text.as_deref().unwrap_or_default() }
        }
        (verb, _) => Control::Unknown(verb.unwrap_or_default()),
    });
    Ok(())
}

fn remember_depth(codec: &mut Kraken, reply: &Reply<'_>) {
    let depth = reply.number.and_then(|depth| usize::try_from(depth).ok());
    let (Some(symbol), depth) = (reply.symbol, depth.unwrap_or(DEPTH_DEFAULT)) else { return };
    match reply.channel {
        Some("book") => codec.book_depths.insert(symbol.to_owned(), depth),
        Some("level3") => codec.order_depths.insert(symbol.to_owned(), depth),
        _ => None,
    };
}

fn forget_depth(codec: &mut Kraken, reply: &Reply<'_>) {
    let Some(symbol) = reply.symbol else { return };
    match reply.channel {
        Some("book") => codec.book_depths.remove(symbol),
        Some("level3") => codec.order_depths.remove(symbol),
        _ => None,
    };
}
