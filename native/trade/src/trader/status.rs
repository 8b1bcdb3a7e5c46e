//! What a trader tells of itself.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use rustonite_core::Amount;
use rustonite_core::ids::AccountId;
use rustonite_exec::{Ledger, Tapes};
use rustonite_risk::{Latch, Risk, Target};
use serde::Serialize;

use super::{Trader, lock};
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
    /// Requests that venues refused.
    pub rejects: u64,
    /// Microseconds from the receipt of a tick to the bytes of the order that it caused, by part.
    pub tick_to_order_us: Parts,
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
    /// Of those: filled in full,
    pub filled: u64,
    /// cancelled,
    pub cancelled: u64,
    /// expired,
    pub expired: u64,
    /// and refused.
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
        let answers = self.config.accounts.iter().zip(inner.desk.answers());
        let answers = answers.map(|(one, answers)| AnswersStatus::new(&one.name, answers));
        Status {
            name: self.config.name.clone(),
            started: self.is_started,
            accounts: accounts.collect(),
            open_orders: ledger.open_orders().len(),
            fills: self.fills,
            requests: counts.requests,
            denials: counts.denials,
            rejects: counts.rejects,
            tick_to_order_us: parts(&counts.tick_to_order),
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
