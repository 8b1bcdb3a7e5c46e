use crate::codec::Topic;
use crate::common::list;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{Json, Kind};

/// Requests for streams: one message for all.
pub(super) fn requests(method: &str, topics: &[Topic], id: i64) -> Vec<String> {
    if topics.is_empty() {
        return Vec::new();
    }
    let names = list(topics.iter().map(stream));
    vec![format!(r#"{{"method":"{method}","params":{names},"id":{id}}}"#)]
}

/// The name of a topic's stream.
pub(super) fn stream(topic: &Topic) -> String {
    match &topic.symbol {
        Some(symbol) => format!("{}@{}", symbol.to_lowercase(), topic.channel),
        None => topic.channel.clone(),
    }
}

/// The answer to a request.
pub(super) fn answer(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut request, mut error, mut answered) = (None, None, false);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"id" if json.kind()? == Kind::Number => request = Some(json.integer()?),
            b"result" => {
                answered = true;
                json.skip()?;
            }
            b"error" => error = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    let Some(mut error) = error else {
        let answer = Answer { request, ..Answer::default() };
        sink.control(&if answered { Control::Subscribed(answer) } else { Control::Unknown("") });
        return Ok(());
    };
    let (mut code, mut text) = (None, String::new());
    error.object()?;
    while let Some(key) = error.key()? {
        match key {
            b"code" => code = Some(error.integer()?),
            b"msg" => text = error.message()?,
            _ => error.skip()?,
        }
    }
    let text = Some(text.as_str());
    sink.control(&Control::Refused(Answer { request, code, text, ..Answer::default() }));
    Ok(())
}
