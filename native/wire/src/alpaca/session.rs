use std::collections::{BTreeMap, BTreeSet};

use super::Alpaca;
use crate::codec::Topic;
use crate::common::settle;
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::{Json, Kind};

/// Keys that are not taken. What is asked for in spite of that is refused with other codes.
const WRONG_KEYS: i64 = 402;
/// Errors that answer a request of ours and leave the connection as it was: bad syntax, not logged
/// in, logged in already, too many symbols, not in our plan, wrong channel.
const REFUSALS: [i64; 6] = [400, 401, 403, 405, 409, 410];

/// One message with all symbols of each channel.
pub(super) fn requests(action: &str, topics: &[Topic]) -> Vec<String> {
    if topics.is_empty() {
        return Vec::new();
    }
    let mut channels = BTreeMap::<&str, Vec<String>>::new();
    for topic in topics {
        let symbol = format!("\"{}\"", topic.symbol.as_deref().unwrap_or("*"));
        channels.entry(&topic.channel).or_default().push(symbol);
    }
    let lists: String = channels
        .iter()
        .map(|(channel, symbols)| format!(r#","{channel}":[{}]"#, symbols.join(",")))
        .collect();
    vec![format!(r#"{{"action":"{action}"{lists}}}"#)]
}

/// Steps of the greeting: `connected` and, after the session sent its keys, `authenticated`.
pub(super) fn success(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut step = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"msg" => step = Some(json.text()?),
            _ => json.skip()?,
        }
    }
    sink.control(&Control::Status(json.need(step, "a success with `msg`")?));
    Ok(())
}

pub(super) fn error(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut code, mut text) = (None, String::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"code" => code = json.integer_or_null()?,
            b"msg" => text = json.message()?,
            _ => json.skip()?,
        }
    }
    let text = text.as_str();
    sink.control(&match code {
        Some(WRONG_KEYS) => Control::KeysRefused { code, text },
        Some(known) if REFUSALS.contains(&known) => {
            Control::Refused(Answer { code, text: Some(text), ..Answer::default() })
        }
        _ => Control::Error { code, text },
    });
    Ok(())
}

impl Alpaca {
    /// The whole list of what we are subscribed to. What is no longer in it has ended.
    pub(super) fn subscription(&mut self, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut listed = BTreeSet::new();
        json.object()?;
        while let Some(key) = json.key()? {
            if json.kind()? != Kind::Array {
                json.skip()?;
                continue;
            }
            let channel = String::from_utf8_lossy(key);
            json.array()?;
            while json.item()? {
                let symbol = Some(json.text()?).filter(|symbol| *symbol != "*");
                let symbol = symbol.map(str::to_owned);
                listed.insert(Topic { channel: channel.clone().into_owned(), symbol });
            }
        }
        settle(&mut self.listed, listed, sink);
        Ok(())
    }
}
