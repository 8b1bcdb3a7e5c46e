//! What goes wrong on demand.

use serde::{Deserialize, Serialize};

use crate::error::{ExchangeError, Result};
use crate::keys::from_hex;
use crate::socket::Out;

/// What a call does to orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Places.
    Place,
    /// Changes.
    Amend,
    /// Ends.
    Cancel,
    /// Reads only.
    Read,
}

/// Connections that carry streams of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    /// Of the market.
    #[default]
    Market,
    /// Of what happens to an account.
    User,
}

/// What a user stream tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// What happens to an order but fills.
    Order,
    /// A fill.
    Fill,
    /// Balances and positions.
    Account,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// A call is refused and nothing is done: 429, 418, 403, 5xx.
    Refuse {
        /// Status of the answer.
        status: u16,
        /// When to come again, in seconds.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// A call is done and answered with this status all the same.
    FailAfter {
        /// Status of the answer.
        status: u16,
    },
    /// A call is done and never answered.
    NoAnswer,
    /// The answer to a call comes so much later: fills overtake it.
    Late {
        /// In milliseconds.
        ms: u64,
    },
    /// The user stream says nothing about the next order.
    Mute,
    /// The next fill is told twice.
    DuplicateFill,
    /// The next order that is to be cancelled is filled just before.
    FillBeforeCancel,
    /// The next order is taken, and ended by the venue a moment later.
    CancelPlaced,
    /// Connections with user streams break; what happens until they are back is not repeated.
    DropUserStream,
    /// The clock that clients see is so far ahead.
    ClockAhead {
        /// In milliseconds; negative is behind.
        ms: i64,
    },
    /// All calls are refused with 503, or no longer.
    Maintenance {
        /// Refused.
        on: bool,
    },
    /// Streams stay open and say nothing more.
    Silence {
        /// Which.
        #[serde(default)]
        streams: Streams,
    },
    /// Streams tell nothing more, but pings go on and clients are answered.
    Stall {
        /// Which.
        #[serde(default)]
        streams: Streams,
    },
    /// The next event of a user stream comes so much later: others overtake it.
    LateEvent {
        /// In milliseconds.
        ms: u64,
        /// Of this kind.
        #[serde(default)]
        of: Option<Told>,
    },
    /// The next call that only reads is answered as it would have been when this was planned.
    Stale,
    /// Changes of books are numbered from 1 again.
    RestartCounter,
    /// A frame comes that the venue would not send.
    Frame {
        /// Of these characters,
        #[serde(default)]
        text: Option<String>,
        /// or of these bytes, as hexadecimal digits.
        #[serde(default)]
        hex: Option<String>,
        /// Whether it is a binary frame; if nobody says, bytes are and characters are not.
        #[serde(default)]
        binary: Option<bool>,
        /// Where.
        #[serde(default)]
        streams: Streams,
    },
    /// The next change of a book is not sent.
    DropDepth,
    /// The next change of a book is sent twice.
    DuplicateDepth,
    /// The next change of a book comes so much later: others overtake it.
    LateDepth {
        /// In milliseconds.
        ms: u64,
    },
    /// Streams break without a word.
    Cut,
    /// Streams are closed.
    Close {
        /// Code.
        code: u16,
        /// Reason.
        #[serde(default)]
        reason: String,
        /// Which.
        #[serde(default)]
        streams: Streams,
    },
    /// The end is announced; then streams are closed.
    Farewell,
    /// The next subscription is acknowledged, and its connection is told nothing from then on; pings go
    /// on and clients are answered.
    EmptyStream {
        /// To which.
        #[serde(default)]
        streams: Streams,
    },
    /// The next subscription is refused.
    RefuseStream,
    /// The next connection to a stream is answered with this status.
    RefuseConnection {
        /// Status of the answer.
        status: u16,
    },
}

impl Fault {
    /// Whether it shows in what streams say, and nowhere else.
    fn meets_streams(&self) -> bool {
        matches!(
            self,
            Self::DropDepth
                | Self::DuplicateDepth
                | Self::LateDepth { .. }
                | Self::DuplicateFill
                | Self::LateEvent { .. }
                | Self::EmptyStream { .. }
                | Self::RefuseStream
                | Self::RefuseConnection { .. }
        )
    }

    /// A call is made, and its answer is not as it should be.
    pub(crate) fn meets_answers(&self) -> bool {
        matches!(self, Self::FailAfter { .. } | Self::NoAnswer | Self::Late { .. })
    }

    /// The frame that comes, if it is one.
    ///
    /// # Errors
    /// It has characters and bytes, or neither, or bytes that are none.
    pub(crate) fn frame(&self) -> Result<Option<Out>> {
        let Self::Frame { text, hex, binary, .. } = self else { return Ok(None) };
        let (bytes, is_binary) = match (text, hex) {
            (Some(text), None) => (Some(text.clone().into_bytes()), false),
            (None, Some(hex)) => (from_hex(hex), true),
            _ => return Err(ExchangeError::invalid("frame", "expected text or hex")),
        };
        let bytes =
            bytes.ok_or_else(|| ExchangeError::invalid("hex", "expected pairs of digits"))?;
        let is_binary = binary.unwrap_or(is_binary);
        Ok(Some(if is_binary { Out::Binary(bytes.into()) } else { Out::Text(bytes.into()) }))
    }
}

/// A fault, and what it meets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Planned {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only for calls of this sort.
    #[serde(default)]
    pub call: Option<Sort>,
    /// Only for calls to this path.
    #[serde(default)]
    pub path: Option<String>,
    /// Only for this instrument.
    #[serde(default)]
    pub symbol: Option<String>,
    /// How many times.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// A call that faults may meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called<'a> {
    pub(crate) sort: Sort,
    pub(crate) path: &'a str,
    pub(crate) symbol: Option<&'a str>,
}

/// Faults that wait for something to meet.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Faults {
    waiting: Vec<Planned>,
    pub(crate) maintenance: bool,
}

impl Faults {
    pub(crate) fn plan(&mut self, planned: Planned) {
        self.waiting.push(planned);
    }

    pub(crate) fn waiting(&self) -> &[Planned] {
        &self.waiting
    }

    pub(crate) fn is_waiting(&self, fault: &Fault) -> bool {
        self.waiting.iter().any(|planned| planned.fault == *fault)
    }

    /// Faults of streams wait no more.
    pub(crate) fn forget_streams(&mut self) {
        self.waiting.retain(|planned| !planned.fault.meets_streams());
    }

    /// A fault of a call.
    pub(crate) fn of_call(
        &mut self,
        called: Called<'_>,
        is: impl Fn(&Fault) -> bool,
    ) -> Option<Fault> {
        self.take(called.symbol, |planned| {
            is(&planned.fault)
                && planned.call.is_none_or(|wanted| wanted == called.sort)
                && planned.path.as_deref().is_none_or(|wanted| wanted == called.path)
        })
    }

    /// A fault of anything else.
    pub(crate) fn of(
        &mut self,
        symbol: Option<&str>,
        is: impl Fn(&Fault) -> bool,
    ) -> Option<Fault> {
        self.take(symbol, |planned| is(&planned.fault))
    }

    fn take(&mut self, symbol: Option<&str>, meets: impl Fn(&Planned) -> bool) -> Option<Fault> {
        let fits =
            |planned: &Planned| planned.symbol.as_deref().is_none_or(|one| Some(one) == symbol);
        let place = self.waiting.iter().position(|one| fits(one) && meets(one))?;
        let planned = &mut self.waiting[place];
        planned.times = planned.times.saturating_sub(1);
        let fault = planned.fault.clone();
        if planned.times == 0 {
            self.waiting.remove(place);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::{Called, Fault, Faults, Planned, Sort};

    fn planned(json: &str) -> Planned {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_fault_meets_what_it_names_as_often_as_it_says() {
        let mut faults = Faults::default();
        let json = r#"{"fault":"fail_after","status":503,"call":"place","path":"/orders",
                       "symbol":"A","times":2}"#;
        faults.plan(planned(json));
        let wanted = Called { sort: Sort::Place, path: "/orders", symbol: Some("A") };
        let mut of_call = |called| faults.of_call(called, Fault::meets_answers);
        assert_eq!(of_call(Called { sort: Sort::Cancel, ..wanted }), None);
        assert_eq!(of_call(Called { symbol: Some("B"), ..wanted }), None);
        assert_eq!(of_call(Called { path: "/order", ..wanted }), None);
        for _ in 0..2 {
            assert_eq!(of_call(wanted), Some(Fault::FailAfter { status: 503 }));
        }
        assert_eq!(of_call(wanted), None);
    }

    #[test]
    fn an_unknown_fault_is_refused() {
        assert!(serde_json::from_str::<Planned>(r#"{"fault":"earthquake"}"#).is_err());
    }

    #[test]
    fn a_frame_is_of_characters_or_of_bytes() {
        let frame = |rest: &str| planned(&format!(r#"{{"fault":"frame"{rest}}}"#)).fault.frame();
        for (rest, expected) in [
            (r#","text":"pong""#, r#"Text(b"pong")"#),
            (r#","text":"pong","binary":true"#, r#"Binary(b"pong")"#),
            (r#","hex":"00fF""#, r#"Binary(b"\0\xff")"#),
            (r#","hex":"c4e3","binary":false"#, r#"Text(b"\xc4\xe3")"#),
        ] {
            assert_eq!(format!("{:?}", frame(rest).unwrap().unwrap()), expected, "{rest}");
        }
        for rest in ["", r#","text":"a","hex":"00""#, r#","hex":"0""#, r#","hex":"zz""#] {
            assert!(frame(rest).is_err(), "{rest}");
        }
    }
}
