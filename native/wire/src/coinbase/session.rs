use std::collections::BTreeMap;

use super::Coinbase;
use crate::codec::Topic;
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

/// Instruments of each channel, in the order of the topics.
pub(crate) fn by_channel(topics: &[Topic]) -> BTreeMap<&str, Vec<&str>> {
    let mut channels = BTreeMap::<_, Vec<_>>::new();
    for topic in topics {
        let products = channels.entry(topic.channel.as_str()).or_default();
        products.extend(topic.symbol.as_deref());
    }
    channels
}

/// Texts as a JSON array.
pub(crate) fn list(texts: &[&str]) -> String {
    format!("[{}]", texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(","))
}

/// What the venue said it sends us. Its answers to subscribing and unsubscribing alike list all that
/// is subscribed then.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    now: Vec<(String, Option<String>)>,
    next: Vec<(String, Option<String>)>,
}

impl Subscriptions {
    pub(crate) fn clear(&mut self) {
        self.now.clear();
        self.next.clear();
    }

    /// Begins the list of an answer. An earlier one may have been damaged in the middle.
    pub(crate) fn begin(&mut self) {
        self.next.clear();
    }

    /// Adds one of the subscriptions that an answer lists.
    pub(crate) fn add(&mut self, channel: &str, symbol: Option<&str>) {
        self.next.push((channel.to_owned(), symbol.map(str::to_owned)));
    }

    /// Ends the list of an answer, and tells what holds now and what does no more.
    pub(crate) fn settle(&mut self, sink: &mut dyn Sink) {
        for gone in self.now.iter().filter(|topic| !self.next.contains(topic)) {
            sink.control(&Control::Unsubscribed(answer(gone)));
        }
        for topic in &self.next {
            sink.control(&Control::Subscribed(answer(topic)));
        }
        self.now.clear();
        std::mem::swap(&mut self.now, &mut self.next);
    }

    /// Instruments of a channel.
    fn of<'s>(&'s self, channel: &'s str) -> impl Iterator<Item = &'s String> {
        let ours = move |(name, _): &&(String, Option<String>)| name == channel;
        self.now.iter().filter(ours).filter_map(|(_, symbol)| symbol.as_ref())
    }
}

fn answer((channel, symbol): &(String, Option<String>)) -> Answer<'_> {
    Answer { channel: Some(channel), symbol: symbol.as_deref(), ..Answer::default() }
}

impl Coinbase {
    pub(super) fn subscribed(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        self.subscriptions.begin();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"channels" => {
                    json.array()?;
                    while json.item()? {
                        self.channel(json)?;
                    }
                }
                _ => json.skip()?,
            }
        }
        self.subscriptions.settle(sink);
        self.ordered.clear();
        for channel in ORDER_CHANNELS {
            self.ordered.extend(self.subscriptions.of(channel).cloned());
        }
        Ok(())
    }

    fn channel(&mut self, json: &mut Json<'_>) -> Result<()> {
        if json.kind()? == Kind::Text {
            self.subscriptions.add(json.text()?, None);
            return Ok(());
        }
        let (mut name, mut products) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"name" => name = Some(json.text()?),
                b"product_ids" => products = Some(json.later()?),
                _ => json.skip()?,
            }
        }
        let name = json.need(name, "a channel with `name`")?;
        let mut any = false;
        if let Some(mut products) = products.filter(|place| !is_null(*place)) {
            products.array()?;
            while products.item()? {
                any = true;
                self.subscriptions.add(name, Some(products.text()?));
            }
        }
        if !any {
            self.subscriptions.add(name, None);
        }
        Ok(())
    }
}

fn is_null(mut place: Json<'_>) -> bool {
    place.took_null().unwrap_or(false)
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
