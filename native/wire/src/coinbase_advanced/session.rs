use std::collections::BTreeSet;

use super::CoinbaseAdvanced;
use crate::codec::Topic;
use crate::common::{by_channel, list, settle};
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::Json;

/// A message for each channel, as the venue wants it.
pub(super) fn requests(kind: &str, topics: &[Topic]) -> Vec<String> {
    let message = |(channel, products): (&str, Vec<&str>)| {
        if products.is_empty() {
            return format!(r#"{{"type":"{kind}","channel":"{channel}"}}"#);
        }
        let products = list(&products);
        format!(r#"{{"type":"{kind}","channel":"{channel}","product_ids":{products}}}"#)
    };
    by_channel(topics).into_iter().map(message).collect()
}

impl CoinbaseAdvanced {
    /// The list of all that is subscribed, which answers each request.
    pub(super) fn subscribed(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut listed = BTreeSet::new();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"subscriptions" => channels(json, &mut listed)?,
                _ => json.skip()?,
            }
        }
        settle(&mut self.listed, listed, sink);
        Ok(())
    }
}

fn channels(json: &mut Json<'_>, listed: &mut BTreeSet<Topic>) -> Result<()> {
    json.object()?;
    while let Some(name) = json.key()? {
        let Ok(channel) = std::str::from_utf8(name) else {
            return Err(json.expected("the name of a channel"));
        };
        json.array()?;
        while json.item()? {
            // Channels without instruments repeat their name.
            let symbol = Some(json.text()?).filter(|symbol| *symbol != channel);
            let symbol = symbol.map(str::to_owned);
            listed.insert(Topic { channel: channel.to_owned(), symbol });
        }
    }
    Ok(())
}

/// An error, which names neither channel nor instrument. The text speaks of authentication even if
/// only the name of a channel is wrong.
pub(super) fn error(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut kind, mut text) = (None, String::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"type" => kind = Some(json.text()?),
            b"message" => text = json.message()?,
            _ => json.skip()?,
        }
    }
    let kind = json.need(kind, "a message with `type`")?;
    sink.control(&match kind {
        "error" => Control::Refused(Answer { text: Some(&text), ..Answer::default() }),
        other => Control::Unknown(other),
    });
    Ok(())
}
