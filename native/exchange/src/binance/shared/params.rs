//! Parameters of a call.

use rustonite_core::Decimal;
use serde_json::Value;
use url::form_urlencoded;

use super::refusal::Refusal;

/// Decimals that a number may have.
const PLACES: i32 = 8;
/// Longest name that a client gives an order.
const CLIENT_ID_MAX: usize = 36;
/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Those of a query and a body.
    ///
    /// # Errors
    /// One that is there twice, or that no call knows.
    pub(crate) fn of_forms(known: &[&str], query: &str, body: &str) -> Result<Self, Refusal> {
        let pairs = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let mut all: Vec<(String, String)> = pairs(query);
        all.extend::<Vec<_>>(pairs(body));
        let params = Self(all);
        params.check(known)?;
        Ok(params)
    }

    /// Those of an object of JSON.
    pub(crate) fn of_json(object: &serde_json::Map<String, Value>) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self(object.iter().map(|(name, value)| (name.clone(), text(value))).collect())
    }

    fn check(&self, known: &[&str]) -> Result<(), Refusal> {
        for (place, (name, _)) in self.0.iter().enumerate() {
            if self.0[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(Refusal::new(-1101, "Duplicate values for parameter detected."));
            }
        }
        let read = self.0.iter().filter(|(name, _)| known.contains(&name.as_str())).count();
        let sent = self.0.len();
        if read < sent {
            let text = "Not all sent parameters were read; read";
            let text = format!("{text} '{read}' parameter(s) but was sent '{sent}'.");
            return Err(Refusal::new(-1104, text));
        }
        Ok(())
    }

    /// All but the signature, by name, as the WebSocket interface signs them.
    pub(crate) fn sorted(&self) -> String {
        let mut pairs: Vec<_> = self.0.iter().filter(|(name, _)| name != "signature").collect();
        pairs.sort();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// The same under other names, and some more.
    pub(crate) fn renamed(
        &self,
        name: impl Fn(&str) -> String,
        more: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let pairs = self.0.iter().map(|(old, value)| (name(old), value.clone()));
        Self(pairs.chain(more).collect())
    }

    /// A parameter, if it was sent and is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str, Refusal> {
        if let Some((_, value)) = self.0.iter().find(|(known, _)| known == name)
            && value.is_empty()
        {
            return Err(Refusal::new(-1105, format!("Parameter '{name}' was empty.")));
        }
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A whole number.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_plain).map(Some).ok_or_else(|| {
            let text = format!(
                "Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            );
            Refusal::new(-1100, text)
        })
    }

    /// A number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value = Decimal::parse(text.as_bytes()).ok().filter(|_| is_plain);
        value.map(Some).ok_or_else(|| Refusal::illegal(name))
    }

    /// A positive number with few decimals.
    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let Some(value) = self.number(name)? else { return Ok(None) };
        if value.normalised().exponent() < -PLACES {
            let text = format!("Parameter '{name}' has too much precision.");
            return Err(Refusal::new(-1111, text));
        }
        if value.is_zero() {
            let word = if name.to_lowercase().contains("price") { "price" } else { "quantity" };
            return Err(Refusal::new(-1013, format!("Invalid {word}.")));
        }
        Ok(Some(value))
    }

    pub(crate) fn need_decimal(&self, name: &str) -> Result<Decimal, Refusal> {
        self.need(name)?;
        self.decimal(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// How many; within limits.
    pub(crate) fn limit(&self, usual: usize, most: usize) -> Result<usize, Refusal> {
        let Some(limit) = self.integer("limit")? else { return Ok(usual) };
        match usize::try_from(limit) {
            Ok(limit) if limit > 0 => Ok(limit.min(most)),
            _ => Err(Refusal::new(-1130, "Data sent for parameter 'limit' is not valid.")),
        }
    }

    /// A name that a client gives an order: letters, digits, and these characters.
    pub(crate) fn client_id(&self, name: &str, others: &str) -> Result<Option<String>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || others.as_bytes().contains(&byte);
        if text.len() > CLIENT_ID_MAX || !text.bytes().all(legal) {
            let range = format!("^[a-zA-Z0-9{others}]{{1,36}}$");
            let text = format!(
                "Illegal characters found in parameter '{name}'; legal range is '{range}'."
            );
            return Err(Refusal::new(-1100, text));
        }
        Ok(Some(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Params;

    const KNOWN: [&str; 3] = ["price", "side", "newClientOrderId"];

    fn code(text: &str, read: impl Fn(&Params) -> Result<(), super::Refusal>) -> i32 {
        Params::of_forms(&KNOWN, text, "")
            .and_then(|params| read(&params))
            .map_or_else(|error| error.code, |()| 0)
    }

    #[test]
    fn numbers_are_read_as_the_venue_reads_them() {
        let price = |params: &Params| params.need_decimal("price").map(|_| ());
        for (text, expected) in [
            ("price=1.5", 0),
            ("price=0.00000001", 0),
            ("price=1.50000000000", 0),
            ("price=0.000000001", -1111),
            ("price=0", -1013),
            ("price=-1", -1100),
            ("price=1e5", -1100),
            ("price=NaN", -1100),
            ("price=", -1105),
            ("side=BUY", -1102),
            ("price=1&price=2", -1101),
            ("price=1&colour=red", -1104),
        ] {
            assert_eq!(code(text, price), expected, "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_digits() {
        let number = |params: &Params| params.integer("price").map(|_| ());
        for (text, expected) in [
            ("price=0", 0),
            ("price=9223372036854775807", 0),
            ("price=-9223372036854775808", -1100),
            ("price=-1", -1100),
            ("price=%2B1", -1100),
            ("price=9223372036854775808", -1100),
        ] {
            assert_eq!(code(text, number), expected, "{text}");
        }
    }

    #[test]
    fn names_of_orders_are_short_and_plain() {
        let name = |params: &Params| params.client_id("newClientOrderId", "-_").map(|_| ());
        assert_eq!(code("newClientOrderId=a-Z_9", name), 0);
        assert_eq!(code("newClientOrderId=a%20b", name), -1100);
        assert_eq!(code("newClientOrderId=a.b", name), -1100);
        assert_eq!(code(&format!("newClientOrderId={}", "x".repeat(37)), name), -1100);
    }

    #[test]
    fn what_the_socket_signs_is_sorted() {
        let params = Params::of_forms(&KNOWN, "b=2&signature=x&a=1", "");
        assert!(params.is_err(), "unknown names");
        let object = serde_json::json!({"timestamp": 5, "apiKey": "k", "signature": "s"});
        let params = Params::of_json(object.as_object().unwrap());
        assert_eq!(params.sorted(), "apiKey=k&timestamp=5");
    }
}
