//! Errors as the venue writes them.

use rustonite_core::Decimal;
use serde_json::{Value, json};

use crate::dialect::Reply;

/// Why a call is not done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Data calls and wrong keys have none.
    code: Option<u32>,
    text: String,
    /// More about it.
    more: Vec<(&'static str, Value)>,
    retry_after_s: Option<u64>,
}

impl Refusal {
    pub(crate) fn plain(status: u16, text: impl Into<String>) -> Self {
        Self { status, code: None, text: text.into(), more: Vec::new(), retry_after_s: None }
    }

    fn coded(status: u16, code: u32, text: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::plain(status, text) }
    }

    /// A body that is no object of JSON.
    pub(crate) fn no_json() -> Self {
        Self::coded(400, 40_010_000, "request body format is invalid")
    }

    /// A field that is missing, or is not what it should be.
    pub(crate) fn malformed(text: impl Into<String>) -> Self {
        Self::coded(422, 40_010_001, text)
    }

    /// What is asked for cannot be.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::coded(422, 42_210_000, text)
    }

    /// The account may not, or has too little.
    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::coded(403, 40_310_000, text)
    }

    pub(crate) fn missing(text: impl Into<String>) -> Self {
        Self::coded(404, 40_410_000, text)
    }

    pub(crate) fn too_many() -> Self {
        Self::coded(429, 42_910_000, "rate limit exceeded")
    }

    pub(crate) fn no_such_order(name: &str) -> Self {
        Self::missing(format!("order not found for {name}"))
    }

    /// What a status goes with.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::plain(401, "unauthorized."),
            403 => Self::plain(403, "forbidden."),
            429 => Self::too_many(),
            500 => Self::coded(500, 50_010_000, "internal server error occurred"),
            503 => Self::plain(503, "service unavailable"),
            504 => Self::plain(504, "gateway timeout"),
            other => Self::plain(other, "refused"),
        }
    }

    #[must_use]
    pub(crate) fn until(self, retry_after_s: Option<u64>) -> Self {
        Self { retry_after_s, ..self }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    #[must_use]
    pub(crate) fn with_number(self, name: &'static str, value: Decimal) -> Self {
        self.with(name, value.normalised().to_string())
    }

    pub(crate) fn json(&self) -> Value {
        let mut value = json!({"message": self.text});
        if let Some(code) = self.code {
            value = json!({"code": code, "message": self.text});
        }
        for (name, more) in &self.more {
            value[*name] = more.clone();
        }
        value
    }

    pub(crate) fn reply(&self) -> Reply {
        Reply::json(self.status, &self.json()).retry_after(self.retry_after_s)
    }
}
