use crate::codec::Topic;
use crate::common::list;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::Json;

/// One message for all topics.
pub(super) fn requests(operation: &str, topics: &[Topic], id: i64) -> Vec<String> {
    if topics.is_empty() {
        return Vec::new();
    }
    let names = list(topics.iter().map(|topic| topic.joined('.')));
    vec![format!(r#"{{"req_id":"{id}","op":"{operation}","args":{names}}}"#)]
}

/// The answer to a request.
pub(super) fn answer(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut success, mut operation, mut topics) = (true, "", None);
    let (mut request, mut text) = (None, String::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"success" => success = json.boolean()?,
            b"op" => operation = json.text()?,
            b"ret_msg" => text = json.message()?,
            b"req_id" => {
                let mut number = *json;
                json.skip()?;
                request = number.integer().ok();
            }
            b"data" if json.is_object()? => topics = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    if let Some(mut topics) = topics {
        return each_topic(&mut topics, request, operation, sink);
    }
    let answer = Answer { request, ..Answer::default() };
    match operation {
        "ping" | "pong" => sink.control(&Control::Heartbeat),
        "subscribe" | "unsubscribe" if !success => {
            let (channel, symbol) = named(&text);
            let text = Some(text.as_str());
            sink.control(&Control::Refused(Answer { channel, symbol, text, ..answer }));
        }
        "subscribe" => sink.control(&Control::Subscribed(answer)),
        "unsubscribe" => sink.control(&Control::Unsubscribed(answer)),
        "auth" => sink.control(&Control::Nothing),
        _ if !success => sink.control(&Control::Error { code: None, text: &text }),
        other => sink.control(&Control::Unknown(other)),
    }
    Ok(())
}

/// Answers for options tell each topic's fate. They leave out what was asked, which is nearly always
/// a subscription.
fn each_topic(
    json: &mut Json<'_>,
    request: Option<i64>,
    operation: &str,
    sink: &mut dyn Sink,
) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        if !matches!(key, b"successTopics" | b"failTopics") {
            json.skip()?;
            continue;
        }
        json.array()?;
        while json.item()? {
            let (channel, symbol) = split(json.text()?);
            let answer = Answer { request, channel: Some(channel), symbol, ..Answer::default() };
            sink.control(&match (key, operation) {
                (b"failTopics", _) => Control::Refused(answer),
                (_, "unsubscribe") => Control::Unsubscribed(answer),
                _ => Control::Subscribed(answer),
            });
        }
    }
    Ok(())
}

/// Channel and instrument of a topic.
pub(super) fn split(topic: &str) -> (&str, Option<&str>) {
    match topic.rsplit_once('.') {
        Some((channel, symbol)) => (channel, Some(symbol)),
        None => (topic, None),
    }
}

/// The topic in a text such as `Invalid topic: publicTrade.X` or `handler not found,topic:tickers.X`.
fn named(text: &str) -> (Option<&str>, Option<&str>) {
    let Some((_, rest)) = text.rsplit_once("topic:") else { return (None, None) };
    let topic = rest.trim_start_matches([' ', '[']);
    let topic = topic.split([' ', ',', ';', ']']).next().unwrap_or_default();
    if topic.is_empty() {
        return (None, None);
    }
    let (channel, symbol) = split(topic);
    (Some(channel), symbol)
}
