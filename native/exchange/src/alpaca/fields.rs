//! What a call brings: the fields of a query, or of a body.

use rustonite_core::Decimal;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::refusal::Refusal;
use super::times;

/// Decimals that a number may have.
const PLACES: i32 = 9;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn of_query(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self(pairs.map(|(name, value)| (name, Value::String(value))).collect())
    }

    pub(crate) fn of_body(body: &str) -> Result<Self, Refusal> {
        match serde_json::from_str(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(Refusal::no_json()),
        }
    }

    /// The fields of an object within.
    pub(crate) fn within(&self, name: &str) -> Result<Option<Self>, Refusal> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self(fields.clone()))),
            Some(_) => Err(Refusal::no_json()),
        }
    }

    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), Value::String(text.to_owned()));
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null() && *value != "")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let Some(value) = self.given(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(Refusal::no_json)
    }

    /// A text that a query has for certain: all of its fields are texts.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.given(name).and_then(Value::as_str)
    }

    /// A number, or the text of one; more than 0.
    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let text = match self.given(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => return Err(Refusal::no_json()),
        };
        let wrong = || Refusal::malformed(format!("{name} is not a number: {text}"));
        let value = Decimal::parse(text.as_bytes()).map_err(|_| wrong())?.normalised();
        if value.mantissa() <= 0 {
            return Err(Refusal::malformed(format!("{name} must be > 0")));
        }
        if value.exponent() < -PLACES {
            let text = format!("{name} must be limited to {PLACES} decimal places");
            return Err(Refusal::invalid(text));
        }
        Ok(Some(value))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.given(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Refusal::malformed(format!("{name} must be true or false"))),
        }
    }

    /// How many; within limits.
    pub(crate) fn count(&self, name: &str, usual: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.word(name) else { return Ok(usual) };
        match text.parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(count),
            _ => Err(Refusal::malformed(format!("{name} must be between 1 and {most}"))),
        }
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.word(name) else { return Ok(None) };
        times::read(text).map(Some).ok_or_else(|| {
            let text = format!(
                "Invalid format for parameter {name}: error parsing '{text}' as RFC3339 or 2006-01-02 time"
            );
            Refusal::plain(400, text)
        })
    }

    /// The parts of a list with commas.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let parts = self.word(name).into_iter().flat_map(|text| text.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn numbers_are_numbers_or_texts_of_them() {
        let fields = |text: &str| Fields::of_body(text).unwrap();
        for (body, expected) in [
            (r#"{"qty": 1.5}"#, Ok("1.5")),
            (r#"{"qty": "1.50"}"#, Ok("1.5")),
            (r#"{"qty": 1e-5}"#, Ok("0.00001")),
            (r#"{"qty": 0}"#, Err(422)),
            (r#"{"qty": "-1"}"#, Err(422)),
            (r#"{"qty": "x"}"#, Err(422)),
            (r#"{"qty": 0.0000000001}"#, Err(422)),
            (r#"{"qty": true}"#, Err(400)),
        ] {
            let found = fields(body).decimal("qty").map(|value| value.unwrap().to_string());
            let found = found.map_err(|refusal| refusal.status);
            assert_eq!(found, expected.map(str::to_owned), "{body}");
        }
        assert_eq!(fields(r#"{"qty": null}"#).decimal("qty").unwrap(), None);
        assert!(Fields::of_body("[1]").is_err());
        assert!(Fields::of_body("{").is_err());
    }
}
