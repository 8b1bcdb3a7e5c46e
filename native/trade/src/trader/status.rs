//! What a trader tells of itself.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use rustonite_core::Amount;
use rustonite_core::ids::AccountId;
use rustonite_exec::{Ledger, Tapes};
use rustonite_risk::{Latch, Risk, Target};
use serde::Serialize;

use super::{Trader, lock};
use crate::config::AccountConfig;
use crate::desk::{Answers, Ending};

/// Figures by the part of all that is below them.
type Parts = BTreeMap<&'static str, f64>;

/// What a trader tells of itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Whether the strategy was started.
    pub started: bool,
    /// Accounts.
    pub accounts: Vec<AccountStatus>,
    /// Orders that are open.
    pub open_orders: usize,
    /// Executions since the start.
    pub fills: u64,
    /// Requests sent.
    pub requests: u64,
    /// Wishes that risk denied.
    pub denials: u64,
    /// How many of them by which code.
    pub denials_by_code: BTreeMap<&'static str, u64>,
    /// Requests that venues refused.
    pub rejects: u64,
    /// Microseconds from the receipt of a tick to the bytes of the order that it caused, by part.
    pub tick_to_order_us: Parts,
    /// Times of stages since the start.
    pub latency: Vec<LatencyStatus>,
    /// Market data that is followed.
    pub feeds: Vec<FeedStatus>,
    /// How the venues treat our orders.
    pub answers: Vec<AnswersStatus>,
    /// What is owned, by asset.
    pub balances: BTreeMap<String, Amount>,
    /// Number of the journal's last row.
    pub seq: i64,
    /// Why no order leaves any more, if so.
    pub halted: Option<String>,
    /// Positions that are not flat.
    pub positions: Vec<PositionStatus>,
    /// Profit by scope and name, in the reporting currency.
    pub profit: BTreeMap<String, Amount>,
    /// Switches that are thrown.
    pub switches: Vec<SwitchStatus>,
    /// What is still open under those of them that end orders.
    pub ending: Ending,
    /// Version of the limits in force.
    pub limits_version: i64,
}

/// An account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountStatus {
    /// Our name of it.
    pub name: String,
    /// Whether it may trade.
    pub trading: bool,
    /// Milliseconds for which its venue still wants to hear nothing, if so.
    pub closed_ms: Option<i64>,
    /// Whether its venue would cancel its orders if the trader were gone; `None` if it is not to.
    pub guarded: Option<bool>,
}

/// How an account's venue treats its orders. Times are microseconds, by part.
#[derive(Clone, Debug, Serialize)]
pub struct AnswersStatus {
    /// Whose orders.
    pub account: String,
    /// Orders that were sent.
    pub sent: u64,
    /// Of those that were sent: filled in full.
    pub filled: u64,
    /// Of those: cancelled.
    pub cancelled: u64,
    /// Of those: expired.
    pub expired: u64,
    /// Of those: refused.
    pub rejected: u64,
    /// What executions cost against the middle at their order, in basis points of their worth.
    pub slippage_bps: Option<f64>,
    /// From the bytes of an order to the venue's first word.
    pub first_word_us: Parts,
    /// To its first execution.
    pub first_fill_us: Parts,
    /// From the bytes of a cancel to the end of the order.
    pub cancel_us: Parts,
}

impl AnswersStatus {
    fn new(account: &str, answers: &Answers) -> Self {
        Self {
            account: account.to_owned(),
            sent: answers.sent,
            filled: answers.filled,
            cancelled: answers.cancelled,
            expired: answers.expired,
            rejected: answers.rejected,
            slippage_bps: answers.slippage_bps(),
            first_word_us: parts(&answers.first_word),
            first_fill_us: parts(&answers.first_fill),
            cancel_us: parts(&answers.cancel),
        }
    }
}

/// How long a stage takes.
#[derive(Clone, Debug, Serialize)]
pub struct LatencyStatus {
    /// `tick_to_order`; `first_word`, `first_fill` and `cancel` of an account's venue.
    pub stage: &'static str,
    /// Whose orders; `None` for all.
    pub account: Option<String>,
    /// How many were measured.
    pub count: u64,
    /// All of them together, in seconds.
    pub sum_s: f64,
    /// How many took no longer than so many seconds.
    pub buckets: Vec<(f64, u64)>,
}

impl LatencyStatus {
    fn new(stage: &'static str, account: Option<&str>, times: &Histogram<u64>) -> Self {
        let mut recorded = times.iter_recorded().peekable();
        let mut below = 0;
        let up_to = |bound_s: f64| {
            while let Some(step) = recorded.next_if(|step| s(step.value_iterated_to()) <= bound_s) {
                below += step.count_since_last_iteration();
            }
            (bound_s, below)
        };
        let buckets = BOUNDS_S.into_iter().map(up_to).collect();
        #[allow(clippy::cast_precision_loss, reason = "fewer than there are nanoseconds")]
        let sum_s = times.mean() * times.len() as f64 / 1e9;
        Self { stage, account: account.map(str::to_owned), count: times.len(), sum_s, buckets }
    }
}

/// Borders of buckets, from what a tick takes here to what a venue may take.
const BOUNDS_S: [f64; 20] = [
    2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2,
    0.5, 1.0, 2.0, 5.0,
];

#[allow(clippy::cast_precision_loss, reason = "times of less than some days")]
fn s(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A tape of market data.
#[derive(Clone, Debug, Serialize)]
pub struct FeedStatus {
    /// Whose.
    pub venue: String,
    /// Of what.
    pub dataset: String,
    /// Milliseconds since its last row; `None` if none came since the start.
    pub age_ms: Option<i64>,
}

/// A position.
#[derive(Clone, Debug, Serialize)]
pub struct PositionStatus {
    /// Whose.
    pub account: String,
    /// Where.
    pub venue: String,
    /// Of what.
    pub symbol: String,
    /// `net`, or which of two.
    pub side: &'static str,
    /// Signed size.
    pub size: Amount,
    /// Average entry.
    pub price_entry: Option<Amount>,
    /// Profit realised, fees and funding taken off.
    pub pnl: Amount,
}

/// A switch that is thrown.
#[derive(Clone, Debug, Serialize)]
pub struct SwitchStatus {
    /// How far it reaches.
    pub scope: &'static str,
    /// Name within the scope.
    pub name: String,
    /// Why it was thrown.
    pub code: &'static str,
    /// What it allows.
    pub state: &'static str,
}

/// All switches that are thrown.
pub(super) fn switches(risk: &Risk) -> Vec<SwitchStatus> {
    risk.thrown().iter().map(|trip| SwitchStatus::from(&risk.named(trip))).collect()
}

impl From<&Latch> for SwitchStatus {
    fn from(latch: &Latch) -> Self {
        let (scope, code, state) = (latch.scope.name(), latch.code.name(), latch.state.name());
        Self { scope, name: latch.name.clone(), code, state }
    }
}

impl Trader {
    /// What there is to tell.
    pub fn status(&self) -> Status {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        let (ledger, risk) = (inner.desk.ledger(), inner.desk.risk());
        let counts = inner.desk.counts();
        let accounts = (0..).map(AccountId).zip(self.config.accounts.iter().zip(&self.trading));
        let accounts = accounts.map(|(id, (one, trading))| AccountStatus {
            name: one.name.clone(),
            trading: *trading,
            closed_ms: inner.desk.closed_until(id).map(|until| (until - now).max(0) / 1_000_000),
            guarded: one.dead_man_s.map(|_| inner.desk.is_guarded(id, now)),
        });
        let held = ledger
            .positions()
            .iter()
            .filter(|(key, position)| key.strategy.is_none() && position.size != Amount::ZERO);
        let positions = held.filter_map(|(key, position)| {
            let listed = self.directory.listed(key.instrument)?;
            Some(PositionStatus {
                account: self.directory.account_name(key.account).to_owned(),
                venue: listed.venue.to_string(),
                symbol: listed.symbol.to_string(),
                side: key.side.name(),
                size: position.size,
                price_entry: position.price_entry,
                pnl: position.pnl_net(),
            })
        });
        let stages = |(account, answers): (&AccountConfig, &Answers)| {
            let stage = |name, times| LatencyStatus::new(name, Some(&account.name), times);
            [
                stage("first_word", &answers.first_word),
                stage("first_fill", &answers.first_fill),
                stage("cancel", &answers.cancel),
            ]
        };
        let tick_to_order = LatencyStatus::new("tick_to_order", None, &counts.tick_to_order);
        let answers = || self.config.accounts.iter().zip(inner.desk.answers());
        let latency = [tick_to_order].into_iter().chain(answers().flat_map(stages));
        let feeds = self.market.followed().iter().zip(&self.rows_seen);
        let feeds = feeds.map(|(one, seen)| FeedStatus {
            venue: one.venue.clone(),
            dataset: one.dataset.clone(),
            age_ms: seen.map(|seen| (now - seen).max(0) / 1_000_000),
        });
        let answers = answers();
        let answers = answers.map(|(one, answers)| AnswersStatus::new(&one.name, answers));
        Status {
            name: self.config.name.clone(),
            started: self.is_started,
            accounts: accounts.collect(),
            open_orders: ledger.open_orders().len(),
            fills: self.fills,
            requests: counts.requests,
            denials: counts.denials(),
            denials_by_code: counts.denied.clone(),
            rejects: counts.rejects,
            tick_to_order_us: parts(&counts.tick_to_order),
            latency: latency.collect(),
            feeds: feeds.collect(),
            answers: answers.collect(),
            balances: self.balances(ledger),
            seq: ledger.seq(),
            halted: ledger.halted().map(str::to_owned),
            positions: positions.collect(),
            profit: self.profits.totals.clone(),
            switches: switches(risk),
            ending: inner.desk.ending(Target::All),
            limits_version: risk.limits().version,
        }
    }

    fn balances(&self, ledger: &Ledger<Tapes>) -> BTreeMap<String, Amount> {
        let mut balances = BTreeMap::new();
        for (_, asset, owned) in ledger.balances().iter() {
            let name = self.directory.asset_name(asset).to_owned();
            *balances.entry(name).or_insert(Amount::ZERO) += owned.total;
        }
        balances
    }
}

/// Microseconds that parts of the times are below.
fn parts(times: &Histogram<u64>) -> Parts {
    #[allow(clippy::cast_precision_loss, reason = "times of less than some days")]
    let us = |part: f64| times.value_at_quantile(part) as f64 / 1e3;
    if times.is_empty() {
        return Parts::new();
    }
    [("0.5", us(0.5)), ("0.99", us(0.99)), ("0.999", us(0.999)), ("1", us(1.0))].into()
}

#[cfg(test)]
mod tests {
    use super::LatencyStatus;
    use crate::desk::times;

    #[test]
    fn a_bucket_has_all_that_took_no_longer() {
        let none = LatencyStatus::new("cancel", None, &times());
        let mut times = times();
        for ns in [3_000, 3_000, 40_000_000, 9_000_000_000] {
            times.saturating_record(ns);
        }
        let told = LatencyStatus::new("cancel", Some("main"), &times);
        let below = |border: f64| {
            let found = told.buckets.iter().find(|(one, _)| (one / border - 1.0).abs() < 1e-9);
            found.unwrap().1
        };
        let found = [2e-6, 5e-6, 0.02, 0.05, 5.0].map(below);
        assert_eq!((found, told.count), ([0, 2, 2, 3, 3], 4));
        assert!((told.sum_s / 9.040_006 - 1.0).abs() < 0.01, "{}", told.sum_s);
        assert_eq!((none.count, none.buckets.last().unwrap().1), (0, 0));
        assert!(none.sum_s.abs() < f64::EPSILON);
    }
}
