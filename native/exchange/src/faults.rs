//! What goes wrong on demand.

use serde::{Deserialize, Serialize};

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
    Silence,
    /// The next change of a book is not sent.
    DropDepth,
    /// The next change of a book is sent twice.
    DuplicateDepth,
    /// Streams break without a word.
    Cut,
    /// Streams are closed.
    Close {
        /// Code.
        code: u16,
        /// Reason.
        #[serde(default)]
        reason: String,
    },
    /// The end is announced; then streams are closed.
    Farewell,
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
                | Self::DuplicateFill
                | Self::RefuseStream
                | Self::RefuseConnection { .. }
        )
    }

    fn meets_calls(&self) -> bool {
        matches!(
            self,
            Self::Refuse { .. } | Self::FailAfter { .. } | Self::NoAnswer | Self::Late { .. }
        )
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

    /// Faults of streams wait no more.
    pub(crate) fn forget_streams(&mut self) {
        self.waiting.retain(|planned| !planned.fault.meets_streams());
    }

    /// A fault of a call before it is done, or after.
    pub(crate) fn of_call(
        &mut self,
        sort: Sort,
        symbol: Option<&str>,
        before: bool,
    ) -> Option<Fault> {
        self.take(symbol, |planned| {
            planned.fault.meets_calls()
                && matches!(planned.fault, Fault::Refuse { .. }) == before
                && planned.call.is_none_or(|wanted| wanted == sort)
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
    use super::{Fault, Faults, Planned, Sort};

    fn planned(json: &str) -> Planned {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_fault_meets_what_it_names_as_often_as_it_says() {
        let mut faults = Faults::default();
        let json = r#"{"fault":"fail_after","status":503,"call":"place","symbol":"A","times":2}"#;
        faults.plan(planned(json));
        assert_eq!(faults.of_call(Sort::Cancel, Some("A"), false), None);
        assert_eq!(faults.of_call(Sort::Place, Some("B"), false), None);
        assert_eq!(faults.of_call(Sort::Place, Some("A"), true), None);
        for _ in 0..2 {
            let fault = faults.of_call(Sort::Place, Some("A"), false);
            assert_eq!(fault, Some(Fault::FailAfter { status: 503 }));
        }
        assert_eq!(faults.of_call(Sort::Place, Some("A"), false), None);
    }

    #[test]
    fn an_unknown_fault_is_refused() {
        assert!(serde_json::from_str::<Planned>(r#"{"fault":"earthquake"}"#).is_err());
    }
}
