use std::fmt::Write as _;

use super::Hyperliquid;
use crate::codec::Topic;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{Json, Kind};

/// Requests for topics, each in a message of its own. The parameters of a channel follow it as in an
/// address: `candle?interval=1m`.
pub(super) fn requests(method: &str, topics: &[Topic]) -> Vec<String> {
    let message = |topic: &Topic| {
        let subscription = subscription(topic);
        format!(r#"{{"method":"{method}","subscription":{subscription}}}"#)
    };
    topics.iter().map(message).collect()
}

fn subscription(topic: &Topic) -> String {
    let (channel, parameters) = topic.channel.split_once('?').unwrap_or((&topic.channel, ""));
    let mut text = format!(r#"{{"type":"{channel}""#);
    // Writing to a text cannot fail.
    if let Some(coin) = &topic.symbol {
        let _ = write!(text, r#","coin":"{coin}""#);
    }
    for (name, value) in parameters.split('&').filter_map(|parameter| parameter.split_once('=')) {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let quote = if is_number { "" } else { "\"" };
        let _ = write!(text, r#","{name}":{quote}{value}{quote}"#);
    }
    text.push('}');
    text
}

/// What a subscription names.
#[derive(Clone, Copy, Default)]
struct Named<'a> {
    channel: Option<&'a str>,
    coin: Option<&'a str>,
    /// In the order in which topics spell them.
    parameters: [Option<&'a str>; 4],
}

const PARAMETERS: [&str; 4] = ["interval", "nSigFigs", "mantissa", "dex"];

impl<'a> Named<'a> {
    fn read(json: &mut Json<'a>) -> Result<Self> {
        let mut found = Self::default();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"type" => found.channel = Some(json.text()?),
                b"coin" => found.coin = json.text_or_null()?,
                _ => {
                    let place = PARAMETERS.iter().position(|name| name.as_bytes() == key);
                    let value = match json.kind()? {
                        Kind::Text => Some(json.text()?),
                        Kind::Number => std::str::from_utf8(json.number()?).ok(),
                        _ => {
                            json.skip()?;
                            None
                        }
                    };
                    if let Some(parameter) = place.and_then(|at| found.parameters.get_mut(at)) {
                        *parameter = value;
                    }
                }
            }
        }
        Ok(found)
    }

    /// The channel with its parameters, as topics spell it.
    fn spell(&self, into: &mut String) {
        into.clear();
        into.push_str(self.channel.unwrap_or_default());
        let mut separator = '?';
        for (name, value) in PARAMETERS.iter().zip(self.parameters) {
            let Some(value) = value else { continue };
            let _ = write!(into, "{separator}{name}={value}");
            separator = '&';
        }
    }
}

impl Hyperliquid {
    /// The acknowledgement of a request.
    pub(super) fn acknowledged(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        let (mut method, mut named) = ("", Named::default());
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"method" => method = json.text()?,
                b"subscription" => named = Named::read(json)?,
                _ => json.skip()?,
            }
        }
        named.spell(&mut self.channel);
        let channel = named.channel.map(|_| self.channel.as_str());
        let answer = Answer { channel, symbol: named.coin, ..Answer::default() };
        if method == "unsubscribe" {
            sink.control(&Control::Unsubscribed(answer));
            return Ok(());
        }
        // A new subscription begins with past trades again.
        if let (Some("trades"), Some(coin)) = (named.channel, named.coin) {
            self.repeated.remove(coin);
        }
        sink.control(&Control::Subscribed(answer));
        Ok(())
    }

    /// An error text, which often ends with the subscription it is about.
    pub(super) fn refused(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        let text = json.message()?;
        let subscription = text.find('{').and_then(|at| text.get(at..));
        let named = subscription.map(|text| Named::read(&mut Json::new(text.as_bytes())));
        match named {
            Some(Ok(named)) if named.channel.is_some() => {
                named.spell(&mut self.channel);
                let channel = Some(self.channel.as_str());
                let (symbol, text) = (named.coin, Some(text.as_str()));
                sink.control(&Control::Refused(Answer {
                    channel,
                    symbol,
                    text,
                    ..Answer::default()
                }));
            }
            _ => sink.control(&Control::Error { code: None, text: &text }),
        }
        Ok(())
    }
}
