use std::fmt::Write as _;

use super::Okx;
use crate::codec::Topic;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::Json;

/// Longest request; the venue takes 64 KiB.
const REQUEST_BYTES: usize = 60_000;
/// The venue is about to be upgraded and closes the connection within a minute.
const UPGRADE: i64 = 64_008;

/// What a subscription is for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Argument<'a> {
    pub(super) channel: &'a str,
    pub(super) instrument: Option<&'a str>,
    kind: Option<&'a str>,
    family: Option<&'a str>,
}

impl<'a> Argument<'a> {
    pub(super) fn read(json: &mut Json<'a>) -> Result<Self> {
        let mut found = Self::default();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"channel" => found.channel = json.text()?,
                b"instId" => found.instrument = Some(json.text()?),
                b"instType" => found.kind = Some(json.text()?),
                b"instFamily" => found.family = Some(json.text()?),
                _ => json.skip()?,
            }
        }
        if found.channel.is_empty() {
            return Err(json.expected("an `arg` with `channel`"));
        }
        Ok(found)
    }

    /// The channel with its parameters, as topics spell it.
    fn spell(&self, into: &mut String) {
        into.clear();
        into.push_str(self.channel);
        let parameters = [("instType", self.kind), ("instFamily", self.family)];
        let mut separator = '?';
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            // Writing to a text cannot fail.
            let _ = write!(into, "{separator}{name}={value}");
            separator = '&';
        }
    }
}

/// Requests for topics, as many to a message as it may hold. The parameters of a channel follow it
/// as in an address: `liquidation-orders?instType=SWAP`.
pub(super) fn requests(operation: &str, topics: &[Topic], id: i64) -> Vec<String> {
    let mut messages = Vec::new();
    let mut arguments = String::new();
    for topic in topics {
        let next = argument(topic);
        if !arguments.is_empty() && arguments.len() + next.len() > REQUEST_BYTES {
            messages.push(std::mem::take(&mut arguments));
        }
        let separator = if arguments.is_empty() { "" } else { "," };
        arguments.extend([separator, &next]);
    }
    messages.extend((!arguments.is_empty()).then_some(arguments));
    let message = |(id, arguments): (i64, String)| {
        format!(r#"{{"id":"{id}","op":"{operation}","args":[{arguments}]}}"#)
    };
    (id..).zip(messages).map(message).collect()
}

fn argument(topic: &Topic) -> String {
    let (channel, parameters) = topic.channel.split_once('?').unwrap_or((&topic.channel, ""));
    let mut text = format!(r#"{{"channel":"{channel}""#);
    let parameters = parameters.split('&').filter_map(|parameter| parameter.split_once('='));
    let instrument = topic.symbol.as_deref().map(|symbol| ("instId", symbol));
    for (name, value) in parameters.chain(instrument) {
        let _ = write!(text, r#","{name}":"{value}""#);
    }
    text.push('}');
    text
}

impl Okx {
    /// An answer to a request, or a notice.
    pub(super) fn event(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        let (mut event, mut argument, mut answer) = ("", None, Answer::default());
        let mut text = String::new();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"event" => event = json.text()?,
                b"arg" => argument = Some(Argument::read(json)?),
                b"id" => answer.request = whole(json)?,
                b"code" => answer.code = whole(json)?,
                b"msg" => text = json.message()?,
                _ => json.skip()?,
            }
        }
        if let Some(argument) = argument {
            argument.spell(&mut self.channel);
            (answer.channel, answer.symbol) = (Some(self.channel.as_str()), argument.instrument);
        }
        match event {
            "subscribe" => sink.control(&Control::Subscribed(answer)),
            "unsubscribe" => sink.control(&Control::Unsubscribed(answer)),
            "error" | "channel-conn-count-error" => {
                answer.channel = answer.channel.or_else(|| named(&text, "channel:"));
                answer.symbol = answer.symbol.or_else(|| named(&text, "instId:"));
                answer.text = Some(&text);
                sink.control(&Control::Refused(answer));
            }
            "notice" if answer.code == Some(UPGRADE) => sink.control(&Control::Shutdown(&text)),
            "notice" => sink.control(&Control::Status(&text)),
            "login" | "channel-conn-count" => sink.control(&Control::Nothing),
            other => sink.control(&Control::Unknown(other)),
        }
        Ok(())
    }
}

/// A number that may be text of another kind.
fn whole(json: &mut Json<'_>) -> Result<Option<i64>> {
    let mut number = *json;
    json.skip()?;
    Ok(number.integer().ok())
}

/// What an error text such as `channel:books,instId:X doesn't exist` says behind a word.
fn named<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(word)?;
    let name = rest.split([',', ' ']).next().unwrap_or_default();
    (!name.is_empty()).then_some(name)
}
