//! Errors as the venue writes them.

use serde_json::{Value, json};

use crate::dialect::Reply;

/// What a parameter with a number may look like.
const NUMBER: &str = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";

/// Why a call is not done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i32,
    pub(crate) text: String,
    /// More about it.
    pub(crate) data: Option<Value>,
    pub(crate) retry_after_s: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(code: i32, text: impl Into<String>) -> Self {
        Self { status: 400, code, text: text.into(), data: None, retry_after_s: None }
    }

    pub(crate) fn with_status(status: u16, code: i32, text: impl Into<String>) -> Self {
        Self { status, ..Self::new(code, text) }
    }

    pub(crate) fn missing(name: &str) -> Self {
        let rest = "was not sent, was empty/null, or malformed.";
        Self::new(-1102, format!("Mandatory parameter '{name}' {rest}"))
    }

    pub(crate) fn not_required(name: &str) -> Self {
        Self::new(-1106, format!("Parameter '{name}' sent when not required."))
    }

    pub(crate) fn illegal(name: &str) -> Self {
        let text =
            format!("Illegal characters found in parameter '{name}'; legal range is '{NUMBER}'.");
        Self::new(-1100, text)
    }

    pub(crate) fn invalid(name: &str) -> Self {
        Self::new(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    pub(crate) fn unknown_symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    pub(crate) fn no_such_order() -> Self {
        Self::new(-2013, "Order does not exist.")
    }

    pub(crate) fn not_cancelled() -> Self {
        Self::new(-2011, "Unknown order sent.")
    }

    pub(crate) fn json(&self) -> Value {
        let mut value = json!({"code": self.code, "msg": self.text});
        if let Some(data) = &self.data {
            value["data"] = data.clone();
        }
        value
    }

    pub(crate) fn reply(&self) -> Reply {
        Reply::json(self.status, &self.json()).retry_after(self.retry_after_s)
    }
}
