use super::BitMex;
use crate::codec::Topic;
use crate::common::list;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{Json, Kind};

/// One message for all topics.
pub(super) fn requests(kind: &str, topics: &[Topic]) -> Vec<String> {
    if topics.is_empty() {
        return Vec::new();
    }
    let names = list(topics.iter().map(|topic| topic.joined(':')));
    vec![format!(r#"{{"op":"{kind}","args":{names}}}"#)]
}

/// Table and instrument of a topic's name.
pub(super) fn parts(name: &str) -> (&str, Option<&str>) {
    name.split_once(':').map_or((name, None), |(table, symbol)| (table, Some(symbol)))
}

impl BitMex {
    /// The greeting of the venue, an answer to a request, or an error.
    pub(super) fn answer(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        let (mut begun, mut ended, mut request) = (None, None, None);
        let (mut code, mut error) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"subscribe" => begun = Some(json.text()?),
                b"unsubscribe" => ended = Some(json.text()?),
                b"request" if json.kind()? == Kind::Object => request = Some(json.later()?),
                b"status" if json.kind()? == Kind::Number => code = Some(json.integer()?),
                b"error" if json.kind()? == Kind::Text => error = Some(json.message()?),
                _ => json.skip()?,
            }
        }
        if let Some(text) = &error {
            return refused(request, code, text, sink);
        }
        let answer = |name| {
            let (channel, symbol) = parts(name);
            Answer { channel: Some(channel), symbol, ..Answer::default() }
        };
        if let Some(name) = begun {
            sink.control(&Control::Subscribed(answer(name)));
        } else if let Some(name) = ended {
            let (table, symbol) = parts(name);
            self.forget(table, symbol);
            sink.control(&Control::Unsubscribed(answer(name)));
        } else {
            sink.control(&Control::Nothing);
        }
        Ok(())
    }
}

/// An error, which is a refusal if it repeats a request about topics.
fn refused(
    request: Option<Json<'_>>,
    code: Option<i64>,
    text: &str,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (mut about_topics, mut topic) = (false, None);
    if let Some(request) = request {
        let operation = request.lookup(b"op")?;
        let operation = operation.map(|mut operation| operation.text()).transpose()?;
        about_topics = matches!(operation, Some("subscribe" | "unsubscribe"));
        if let Some(mut topics) = request.lookup(b"args")? {
            topic = concerned(&mut topics, text)?;
        }
    }
    if !about_topics {
        sink.control(&Control::Error { code, text });
        return Ok(());
    }
    let (channel, symbol) = topic.map_or((None, None), |name| {
        let (table, symbol) = parts(name);
        (Some(table), symbol)
    });
    let text = Some(text);
    sink.control(&Control::Refused(Answer { channel, symbol, code, text, ..Answer::default() }));
    Ok(())
}

/// The topic that an error is about: the only one of the request, or the one that the text names.
fn concerned<'a>(topics: &mut Json<'a>, text: &str) -> Result<Option<&'a str>> {
    if topics.kind()? == Kind::Text {
        return topics.text().map(Some);
    }
    if topics.kind()? != Kind::Array {
        return Ok(None);
    }
    let (mut named, mut count) = (None, 0);
    let mut only = None;
    topics.array()?;
    while topics.item()? {
        let name = topics.text()?;
        (only, count) = (Some(name), count + 1);
        if text.contains(name) {
            named = Some(name);
        }
    }
    Ok(named.or(only.filter(|_| count == 1)))
}
