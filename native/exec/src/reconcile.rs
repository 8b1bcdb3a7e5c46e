//! Our books against the venue's: what to apply, what to ask, what to set right.
//!
//! Pure: the same books and answers give the same plan, byte for byte, in whatever order the answers
//! list things. A question that failed is not known, never "none". Absence from a list ends no order:
//! only a targeted query does. Nothing is set right while a request or a report may be on its way that
//! explains it.

mod holdings;
mod orders;

use std::collections::{BTreeMap, BTreeSet};

use rustonite_core::Amount;
use rustonite_core::datasets::{BalanceCause, OrderState, PositionCause, PositionSide};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId};

use crate::change::{Ask, Change};
use crate::directory::Directory;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::order::Order;
use crate::positions::{Contract, PositionKey};
use crate::report::Report;
use crate::wish::OrderId;

/// What is done about differences that no report explains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are told.
    Report,
    /// Our books are set to the venue's.
    #[default]
    Adjust,
    /// No order leaves.
    Refuse,
}

/// How books are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What is done about differences.
    pub mode: Mode,
    /// Orders and instruments of which something was heard this long before the questions were
    /// asked, or since, are left for the next time.
    pub quiet_ns: i64,
    /// Most questions of one plan; the others come with the next one.
    pub asks_max: usize,
    /// Only these instruments; all if `None`.
    pub instruments: Option<BTreeSet<InstrumentId>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { mode: Mode::default(), quiet_ns: 1_000_000_000, asks_max: 20, instruments: None }
    }
}

/// What a venue answered for one account. `None`: not asked, or the question failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VenueBooks {
    /// When the questions were asked, by our clock.
    pub asked_at: i64,
    /// Since when this connection hears of orders: of what was heard before nothing is on its way.
    pub heard_since: i64,
    /// What differed when books were compared before. A fill may come after the figures that count
    /// it: only what differs in the same way twice is set right.
    pub differed: Vec<Mismatch>,
    /// What is held there and not here by just so much for longer than a fill can be on its way. It is
    /// set right whatever moves: who trades without a rest would never be compared.
    pub lasting: BTreeMap<Holding, Amount>,
    /// Pictures of all open orders, and perhaps of some that have ended.
    pub open_orders: Option<Vec<Report>>,
    /// Executions of an instrument, all that may not be known here.
    pub fills: BTreeMap<InstrumentId, Vec<Report>>,
    /// What was paid besides executions, where the venue tells it apart from them.
    pub payments: Vec<Report>,
    /// All positions; what is not there is flat. Spot is held as balances instead.
    pub positions: Option<Vec<VenuePosition>>,
    /// All balances.
    pub balances: Option<Vec<VenueBalance>>,
}

/// A position as a venue shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VenuePosition {
    /// Of what.
    pub instrument: InstrumentId,
    /// Which one, in hedge mode.
    pub side: PositionSide,
    /// Signed.
    pub size: Amount,
    /// Average entry, where the venue says.
    pub price_entry: Option<Amount>,
    /// When it last changed, by the venue's clock.
    pub ts_event: i64,
}

/// A balance as a venue shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VenueBalance {
    /// Of what.
    pub asset: AssetId,
    /// All of it.
    pub total: Amount,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Reports to take, in this order.
    pub reports: Vec<Report>,
    /// Positions whose entry is to be set, with what that makes of the profit realised.
    pub entries: Vec<VenuePosition>,
    /// Balances to set.
    pub balances: Vec<VenueBalance>,
    /// Questions to ask.
    pub asks: Vec<Ask>,
    /// Questions beyond the bound, left for the next plan.
    pub asks_left: usize,
    /// What differs.
    pub mismatches: Vec<Mismatch>,
    /// Parts of the venue's books that are not known.
    pub not_known: Vec<Part>,
    /// Orders in motion, which were left for the next plan.
    pub in_motion: Vec<OrderId>,
    /// The mode forbids orders while there are such differences.
    pub is_refused: bool,
}

impl Plan {
    /// Whether orders may leave: all is known, nothing is left to be asked, nothing is refused.
    pub fn is_settled(&self) -> bool {
        !self.is_refused && self.not_known.is_empty() && self.asks.is_empty() && self.asks_left == 0
    }
}

/// Part of a venue's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Open orders.
    OpenOrders,
    /// Positions.
    Positions,
    /// Balances.
    Balances,
}

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    /// A position.
    Position(InstrumentId, PositionSide),
    /// A balance.
    Balance(AssetId),
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// An order is in another state or filled to another size; its picture settles it.
    Order(OrderId),
    /// An order is open here and not in the venue's list; a query settles it.
    OrderMissing(OrderId),
    /// An order of the venue's list is not known here.
    OrderUnknown(Box<str>),
    /// Two orders of the venue have one client id; neither is taken.
    DuplicateClientId(Box<str>),
    /// The venue counts more filled of an order than all its executions.
    FillsMissing(OrderId, Amount),
    /// An execution has other figures than when it was counted; ours are kept.
    FillDiffers(Box<str>),
    /// A position: ours and the venue's.
    Position(InstrumentId, PositionSide, Amount, Amount),
    /// The entry of a position of equal size is apart by more than one in ten thousand.
    Entry(InstrumentId, PositionSide),
    /// A balance: ours and the venue's.
    Balance(AssetId, Amount, Amount),
}

impl Mismatch {
    /// Of what more is held there than here, and how much more; `None` of other differences.
    pub fn apart(&self) -> Option<(Holding, Amount)> {
        match *self {
            Self::Position(instrument, side, here, there) => {
                Some((Holding::Position(instrument, side), there - here))
            }
            Self::Balance(asset, here, there) => Some((Holding::Balance(asset), there - here)),
            _ => None,
        }
    }

    /// The difference in words.
    pub fn describe(&self, directory: &Directory) -> String {
        let symbol = |id: &InstrumentId| directory.listed(*id).map_or("", |listed| &*listed.symbol);
        let side = |side: &PositionSide| match side {
            PositionSide::Net => String::new(),
            side => format!(" ({})", side.name()),
        };
        match self {
            Self::Order(order) => format!("state of order {}", order.0),
            Self::OrderMissing(order) => format!("order {} is not open there", order.0),
            Self::OrderUnknown(name) => format!("order {name} of the venue is not known here"),
            Self::DuplicateClientId(name) => format!("two orders there have the id {name}"),
            Self::FillsMissing(order, size) => {
                format!("executions of order {} over {size} are not known", order.0)
            }
            Self::FillDiffers(fill) => format!("execution {fill} has other figures"),
            Self::Position(of, which, here, there) => {
                format!("position of {}{} is {here} here, {there} there", symbol(of), side(which))
            }
            Self::Entry(of, which) => format!("entry of {}{}", symbol(of), side(which)),
            Self::Balance(asset, here, there) => {
                format!("{} is {here} here, {there} there", directory.asset_name(*asset))
            }
        }
    }
}

/// Compares the books of an account.
pub fn reconcile<J: Journal>(
    ledger: &Ledger<J>,
    account: AccountId,
    venue: &VenueBooks,
    settings: &Settings,
) -> Plan {
    let mut comparing = Comparing {
        ledger,
        account,
        venue,
        settings,
        plan: Plan::default(),
        asks: BTreeSet::new(),
        pending: BTreeMap::new(),
        pending_of: BTreeMap::new(),
        names: BTreeMap::new(),
        shown: BTreeSet::new(),
        restless: BTreeSet::new(),
        splits: BTreeMap::new(),
    };
    comparing.find_names();
    comparing.find_shown();
    comparing.find_motion();
    comparing.compare_fills();
    comparing.compare_orders();
    comparing.find_missing_orders();
    comparing.compare_positions();
    comparing.compare_balances();
    comparing.finish()
}

impl<J: Journal> Ledger<J> {
    /// Does what a plan says; its questions are the caller's to ask. Returns what came of each
    /// report.
    pub fn apply_plan(&mut self, now: i64, account: AccountId, plan: &Plan) -> Vec<Change> {
        let changes = plan.reports.iter().map(|report| self.report(report)).collect();
        plan.entries.iter().for_each(|entry| self.set_entry(now, account, entry));
        // Last, as the venue's figures have in them what fills and entries move.
        for balance in &plan.balances {
            let cause = BalanceCause::Reconciliation;
            // A row that is not taken halts trading; the figure is true all the same.
            let _ = self.set_balance(now, (account, balance.asset), balance.total, cause);
        }
        changes
    }

    /// Sets the entry of a position to the venue's: where fills came in another order there, profit
    /// was realised that is still open here. Both together stay the same.
    fn set_entry(&mut self, now: i64, account: AccountId, theirs: &VenuePosition) {
        let (instrument, side) = (theirs.instrument, theirs.side);
        let key = PositionKey { account, strategy: None, instrument, side };
        let directory = std::sync::Arc::clone(self.directory());
        let (mut position, listed) = (self.positions().get(&key), directory.listed(instrument));
        let moved = listed.and_then(|listed| {
            let contract = Contract::of(listed);
            let worth = |entry: Option<Amount>| contract.worth(position.size, entry?);
            Some((worth(theirs.price_entry)? - worth(position.price_entry)?, &listed.settle))
        });
        let Some((realised, settle)) = moved.filter(|_| position.size == theirs.size) else {
            return;
        };
        position.price_entry = theirs.price_entry;
        position.pnl_realised += realised;
        // A row that is not taken halts trading; the figure is true all the same.
        let _ = self.set_position(now, key, position, PositionCause::Reconciliation);
        if let Some(asset) = directory.asset(settle) {
            let total = self.balances().get(account, asset).total + realised;
            let _ = self.set_balance(now, (account, asset), total, BalanceCause::Reconciliation);
        }
    }
}

struct Comparing<'a, J> {
    ledger: &'a Ledger<J>,
    account: AccountId,
    venue: &'a VenueBooks,
    settings: &'a Settings,
    plan: Plan,
    asks: BTreeSet<Ask>,
    /// Executions that will be counted: signed, per position.
    pending: BTreeMap<(InstrumentId, PositionSide), Amount>,
    /// The same, per leg of an order.
    pending_of: BTreeMap<(OrderId, usize), Amount>,
    /// Client ids by the venue's numbers, as pictures have them.
    names: BTreeMap<(InstrumentId, Box<str>), Box<str>>,
    /// Orders that the venue's list has.
    shown: BTreeSet<OrderId>,
    /// Instruments where something may be on its way.
    restless: BTreeSet<InstrumentId>,
    /// Positions of equal size with another entry, by what they settle in.
    splits: BTreeMap<AssetId, Vec<holdings::Split>>,
}

impl<J: Journal> Comparing<'_, J> {
    fn concerns(&self, instrument: InstrumentId) -> bool {
        self.settings.instruments.as_ref().is_none_or(|only| only.contains(&instrument))
    }

    fn find_names(&mut self) {
        for report in self.venue.open_orders.iter().flatten() {
            if let (Some(venue_id), false) = (&report.venue_order_id, report.client_id.is_empty()) {
                let place = (report.instrument, venue_id.clone());
                self.names.insert(place, report.client_id.clone());
            }
        }
    }

    /// Orders whose request has no answer, or of which something was heard just now.
    fn find_motion(&mut self) {
        let quiet_since = self.venue.asked_at.saturating_sub(self.settings.quiet_ns);
        let quiet_since = quiet_since.max(self.venue.heard_since);
        // What is denied or waits here is nothing to the venue.
        let is_there = |order: &Order| order.state != OrderState::Denied && !order.is_held();
        let moving = |order: &&Order| {
            order.wish.account == self.account
                && is_there(order)
                && (Ledger::<J>::in_flight(order).next().is_some() || order.ts_seen > quiet_since)
        };
        let perhaps = self.ledger.orders.open_or_heard_since(quiet_since);
        let mut moving: Vec<&Order> = perhaps.filter(moving).collect();
        moving.sort_unstable_by_key(|order| order.id);
        moving.dedup_by_key(|order| order.id);
        self.plan.in_motion = moving.iter().map(|order| order.id).collect();
        self.restless = moving.iter().map(|order| order.wish.instrument).collect();
        let unsure = |order: &&Order| {
            let unsettled = order.state == OrderState::Unknown;
            order.wish.account == self.account && unsettled
        };
        let unsure: Vec<_> = self.ledger.orders.open().filter(unsure).collect();
        self.restless.extend(unsure.iter().map(|order| order.wish.instrument));
        self.asks.extend(unsure.iter().map(|order| Ask::Order(order.id)));
    }

    fn finish(mut self) -> Plan {
        let asks = self.asks.len();
        self.plan.asks = self.asks.into_iter().take(self.settings.asks_max).collect();
        self.plan.asks_left = asks - self.plan.asks.len();
        self.plan
    }
}
