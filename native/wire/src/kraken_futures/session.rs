use crate::codec::Topic;
use crate::common::{by_channel, list};
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::json::Json;

/// One message for the products of each feed.
pub(super) fn requests(event: &str, topics: &[Topic]) -> Vec<String> {
    let message = |(feed, products): (&str, Vec<&str>)| {
        if products.is_empty() {
            return format!(r#"{{"event":"{event}","feed":"{feed}"}}"#);
        }
        let products = list(&products);
        format!(r#"{{"event":"{event}","feed":"{feed}","product_ids":{products}}}"#)
    };
    by_channel(topics).into_iter().map(message).collect()
}

/// Whether a message is an answer or an event.
pub(super) fn is_answer(data: &[u8]) -> bool {
    Json::new(data).lookup(b"event").is_ok_and(|event| event.is_some())
}

/// An answer to a request, or an event of the venue.
pub(super) fn answer(data: &[u8], sink: &mut dyn Sink) -> Result<()> {
    let mut json = Json::new(data);
    let (mut event, mut channel, mut products, mut text) = (None, None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"event" => event = Some(json.text()?),
            b"feed" => channel = Some(json.text()?),
            b"product_ids" => products = Some(json.later()?),
            b"message" => text = Some(json.message()?),
            _ => json.skip()?,
        }
    }
    json.end()?;
    let event = json.need(event, "a message with `feed` or `event`")?;
    let answer = Answer { channel, text: text.as_deref(), ..Answer::default() };
    let kind = match event {
        "subscribed" => Control::Subscribed,
        "unsubscribed" => Control::Unsubscribed,
        // `error` refuses what was asked last, and does not repeat it.
        "subscribed_failed" | "unsubscribed_failed" | "error" => Control::Refused,
        "info" => {
            sink.control(&Control::Nothing);
            return Ok(());
        }
        "alert" => {
            let text = text.as_deref().unwrap_or_default();
            sink.control(&Control::Error { code: None, text });
            return Ok(());
        }
        other => {
            sink.control(&Control::Unknown(other));
            return Ok(());
        }
    };
    let Some(mut products) = products else {
        sink.control(&kind(answer));
        return Ok(());
    };
    products.array()?;
    while products.item()? {
        sink.control(&kind(Answer { symbol: Some(products.text()?), ..answer }));
    }
    Ok(())
}
