//! How far our clock is from the venue's, which takes no request of another time.

use serde::Deserialize;

use crate::gateway::flight::VenueError;
use crate::gateway::parse::{Parsed, ms, ns};

const IS_OFF: &str = "-1021";

/// What is known of it.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Clock {
    /// To be added to ours.
    ahead_ns: i64,
    /// The venue has refused something for it.
    is_doubted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimeText {
    server_time: i64,
}

impl Clock {
    /// What the venue's clock says, in milliseconds.
    pub(in crate::gateway) fn ms(&self, now: i64) -> i64 {
        ms(now.saturating_add(self.ahead_ns))
    }

    pub(in crate::gateway) fn doubt(&mut self, error: &VenueError) {
        self.is_doubted |= &*error.refusal.venue_code == IS_OFF;
    }

    /// Whether the venue is to be asked for its time now.
    pub(in crate::gateway) fn begins(&mut self) -> bool {
        std::mem::take(&mut self.is_doubted)
    }

    /// The venue has told its time. As its answer took a while we are a little late from now on,
    /// which it minds less than early.
    pub(in crate::gateway) fn set(&mut self, result: &str, ts_recv: i64) -> Parsed {
        let text: TimeText = serde_json::from_str(result)?;
        self.ahead_ns = ns(text.server_time).saturating_sub(ts_recv);
        Ok(())
    }
}
