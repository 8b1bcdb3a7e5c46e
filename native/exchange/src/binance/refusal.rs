//! Errors as the venue writes them.

use rustonite_sim::Reject;
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

    pub(crate) fn filter(name: &str) -> Self {
        Self::new(-1013, format!("Filter failure: {name}"))
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

    /// What the engine said of a new order.
    pub(crate) fn of_order(reject: &Reject, is_market: bool) -> Self {
        match reject {
            Reject::UnknownInstrument(_) => Self::unknown_symbol(),
            Reject::UnknownOrder(_) => Self::not_cancelled(),
            Reject::Halted => Self::new(-1013, "Market is closed."),
            Reject::Price { .. } => Self::filter("PRICE_FILTER"),
            Reject::Band { .. } => Self::filter("PERCENT_PRICE_BY_SIDE"),
            Reject::Quantity { quantity, least, .. } if is_market && quantity > least => {
                Self::filter("MARKET_LOT_SIZE")
            }
            Reject::Quantity { .. } => Self::filter("LOT_SIZE"),
            Reject::Notional { .. } => Self::filter("NOTIONAL"),
            Reject::TooManyOrders(_) => Self::filter("MAX_NUM_ORDERS"),
            Reject::WouldTrade => Self::new(-2010, "Order would immediately match and take."),
            Reject::WouldTrigger => Self::new(-2010, "Stop price would trigger immediately."),
            Reject::Balance { .. } => {
                Self::new(-2010, "Account has insufficient balance for requested action.")
            }
            Reject::Overflow => Self::new(-1013, "Invalid quantity."),
            other => Self::new(-2010, other.to_string()),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let mut value = json!({"code": self.code, "msg": self.text});
        if let Some(data) = &self.data {
            value["data"] = data.clone();
        }
        value
    }

    pub(crate) fn reply(&self) -> Reply {
        let mut reply = Reply::new(self.status, self.json().to_string());
        if let Some(seconds) = self.retry_after_s {
            reply.headers.push(("retry-after", seconds.to_string()));
        }
        reply
    }
}
