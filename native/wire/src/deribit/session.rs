use super::channel::{name, topic};
use crate::codec::Topic;
use crate::common::list;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{Json, Kind};

/// Numbers of our own requests, far from those of subscriptions.
const OWN_ID: i64 = 1_000_000_000_000;

/// Asks for a heartbeat every half minute.
pub(super) const SET_HEARTBEAT: &str = r#"{"jsonrpc":"2.0","id":1000000000000,"method":"public/set_heartbeat","params":{"interval":30}}"#;
/// What a heartbeat that wants an answer must be answered with.
const TEST: &str = r#"{"jsonrpc":"2.0","id":1000000000001,"method":"public/test","params":{}}"#;

/// One message for all topics.
pub(super) fn requests(method: &str, topics: &[Topic], id: i64) -> Vec<String> {
    if topics.is_empty() {
        return Vec::new();
    }
    let names = list(topics.iter().map(name));
    vec![format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"channels":{names}}}}}"#
    )]
}

/// The answer to a request.
pub(super) fn answer(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut id, mut result, mut error) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"id" if json.kind()? == Kind::Number => id = Some(json.integer()?),
            b"result" => result = Some(json.later()?),
            b"error" => error = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    if let Some(mut error) = error {
        let (code, text) = read_error(&mut error)?;
        let request = id.map(i64::saturating_abs);
        let text = Some(text.as_str());
        sink.control(&Control::Refused(Answer { request, code, text, ..Answer::default() }));
        return Ok(());
    }
    let mut result = json.need(result, "a message with `method`, `result` or `error`")?;
    if id.is_some_and(|id| id >= OWN_ID) || result.kind()? != Kind::Array {
        sink.control(&Control::Nothing);
        return Ok(());
    }
    accepted(&mut result, id, sink)
}

/// The channels that a request began or ended. Those that the venue does not know are left out
/// without a word.
fn accepted(json: &mut Json<'_>, id: Option<i64>, sink: &mut dyn Sink) -> Result<()> {
    let request = id.map(i64::saturating_abs);
    json.array()?;
    while json.item()? {
        let Topic { channel, symbol } = topic(json.text()?);
        let answer = Answer {
            request,
            channel: Some(&channel),
            symbol: symbol.as_deref(),
            ..Answer::default()
        };
        let ends = id.is_some_and(i64::is_negative);
        sink.control(&if ends {
            Control::Unsubscribed(answer)
        } else {
            Control::Subscribed(answer)
        });
    }
    Ok(())
}

/// Code and text of an error, with the reason if there is one.
pub(super) fn read_error(json: &mut Json<'_>) -> Result<(Option<i64>, String)> {
    let (mut code, mut text, mut reason) = (None, String::new(), String::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"code" => code = Some(json.integer()?),
            b"message" => text = json.message()?,
            b"data" if json.kind()? == Kind::Object => {
                let found = json.lookup(b"reason")?;
                json.skip()?;
                if let Some(mut found) = found
                    && found.kind()? == Kind::Text
                {
                    reason = found.message()?;
                }
            }
            _ => json.skip()?,
        }
    }
    if !reason.is_empty() {
        text = format!("{text}: {reason}");
    }
    Ok((code, text))
}

pub(super) fn heartbeat(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let kind = json.lookup(b"type")?;
    json.skip()?;
    let kind = json.need(kind, "a heartbeat with `type`")?.text()?;
    sink.control(&match kind {
        "test_request" => Control::Reply(TEST),
        _ => Control::Heartbeat,
    });
    Ok(())
}

/// What the venue as a whole does, in the words of its fields.
pub(super) fn platform(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut words = Vec::new();
    json.object()?;
    while let Some(key) = json.key()? {
        let name = String::from_utf8_lossy(key);
        match json.kind()? {
            Kind::True | Kind::False => words.push(format!("{name}={}", json.boolean()?)),
            Kind::Text => words.push(format!("{name}={}", json.message()?)),
            _ => json.skip()?,
        }
    }
    sink.control(&Control::Status(&words.join(" ")));
    Ok(())
}
