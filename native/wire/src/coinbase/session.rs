use std::collections::BTreeSet;

use super::Coinbase;
use crate::codec::Topic;
use crate::common::{by_channel, list, settle};
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{Json, Kind};

/// Channels whose messages tell of single orders.
const ORDER_CHANNELS: [&str; 2] = ["full", "level3"];

/// One message for all channels. Heartbeats are asked for beside matches, because they name the
/// newest trade, by which a missed one is noticed.
pub(super) fn requests(kind: &str, topics: &[Topic]) -> Vec<String> {
    let mut channels = by_channel(topics);
    if let Some(matches) = channels.get("matches").filter(|list| !list.is_empty()).cloned() {
        let beats = channels.entry("heartbeat").or_default();
        beats.extend(matches);
        beats.sort_unstable();
        beats.dedup();
    }
    if channels.is_empty() {
        return Vec::new();
    }
    let channel = |(name, products): (&&str, &Vec<&str>)| {
        if products.is_empty() {
            return format!("\"{name}\"");
        }
        format!(r#"{{"name":"{name}","product_ids":{}}}"#, list(products))
    };
    let channels = channels.iter().map(channel).collect::<Vec<_>>().join(",");
    vec![format!(r#"{{"type":"{kind}","channels":[{channels}]}}"#)]
}

impl Coinbase {
    pub(super) fn subscribed(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut listed = BTreeSet::new();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"channels" => {
                    json.array()?;
                    while json.item()? {
                        channel(json, &mut listed)?;
                    }
                }
                _ => json.skip()?,
            }
        }
        let by_order = |topic: &&Topic| ORDER_CHANNELS.contains(&topic.channel.as_str());
        let ordered = listed.iter().filter(by_order).filter_map(|topic| topic.symbol.clone());
        self.ordered = ordered.collect();
        settle(&mut self.listed, listed, sink);
        Ok(())
    }
}

/// The topics of a channel that an answer lists.
fn channel(json: &mut Json<'_>, listed: &mut BTreeSet<Topic>) -> Result<()> {
    let topic = |channel: &str, symbol: Option<&str>| Topic {
        channel: channel.to_owned(),
        symbol: symbol.map(str::to_owned),
    };
    if json.kind()? == Kind::Text {
        listed.insert(topic(json.text()?, None));
        return Ok(());
    }
    let (mut name, mut products) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"name" => name = Some(json.text()?),
            b"product_ids" if json.kind()? == Kind::Array => products = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    let name = json.need(name, "a channel with `name`")?;
    let mut any = false;
    if let Some(mut products) = products {
        products.array()?;
        while products.item()? {
            any = true;
            listed.insert(topic(name, Some(products.text()?)));
        }
    }
    if !any {
        listed.insert(topic(name, None));
    }
    Ok(())
}

/// An error. Those about a subscription name the product or channel at the start of the reason.
pub(super) fn error(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut message, mut reason) = (String::new(), String::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"message" => message = json.message()?,
            b"reason" => reason = json.message()?,
            _ => json.skip()?,
        }
    }
    let text = if reason.is_empty() { message.clone() } else { format!("{message}: {reason}") };
    if !message.to_ascii_lowercase().contains("subscribe") {
        sink.control(&Control::Error { code: None, text: &text });
        return Ok(());
    }
    let named = |what: &str| reason.strip_suffix(what).filter(|name| !name.contains(' '));
    sink.control(&Control::Refused(Answer {
        channel: named(" is not a valid channel"),
        symbol: named(" is not a valid product"),
        text: Some(&text),
        ..Answer::default()
    }));
    Ok(())
}
