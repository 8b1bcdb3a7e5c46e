//! The ledger: orders, fills, positions and balances of a trader, with their journal.
//!
//! What is asked for comes in as wishes and goes out as requests, each only after its intent is in
//! the journal. What venues say comes in as reports (`reports.rs`).

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use rustonite_core::datasets::{EventSource, OrderEvent, draft};
use rustonite_core::ids::{AccountId, InstrumentId};

use crate::apply::{About, Told, Values};
use crate::balances::Balances;
use crate::client_ids::LEGS_MAX;
use crate::directory::Directory;
use crate::error::{ExecError, Result};
use crate::fills::Fills;
use crate::holds::Holds;
use crate::journal::{Journal, TAPES};
use crate::order::{Flight, Leg, Link, Order};
use crate::orders::Orders;
use crate::positions::Positions;
use crate::request::Request;
use crate::rows::{OrderNote, about_reason};
use crate::rules::AccountRules;
use crate::scribe::Scribe;
use crate::theirs::Theirs;
use crate::wish::{OrderId, Wish};

/// Numbers left out at a restart, more than orders can be lost by a crash of the machine.
const NUMBERS_SKIPPED: i64 = 1 << 20;

/// When something is asked for, and what was seen before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Our clock.
    pub now: i64,
    /// Row of the market tape that the decision had seen.
    pub market_seq: Option<i64>,
}

impl From<i64> for Moment {
    fn from(now: i64) -> Self {
        Self { now, market_seq: None }
    }
}

/// Orders, fills, positions and balances of a trader.
#[derive(Debug)]
pub struct Ledger<J> {
    pub(crate) accounts: Vec<Option<AccountRules>>,
    pub(crate) orders: Orders,
    pub(crate) fills: Fills,
    pub(crate) positions: Positions,
    pub(crate) balances: Balances,
    pub(crate) holds: Holds,
    pub(crate) scribe: Scribe<J>,
    /// Last row of the last snapshot.
    pub(crate) summed_up: i64,
    /// It goes on with rows of an earlier run.
    pub(crate) is_resumed: bool,
    /// When the last snapshot was, or the first look at whether one is due.
    pub(crate) summed_at: Option<i64>,
    /// Snapshots of this run that are not old: when, and how many rows each tape had before.
    pub(crate) snapshots: VecDeque<(i64, [u64; TAPES.len()])>,
    /// When something was last booked.
    pub(crate) booked: BTreeMap<(AccountId, InstrumentId), i64>,
    /// When the first row of an account was written, where a restart has read it.
    pub(crate) began: BTreeMap<AccountId, i64>,
    /// From when on a restart has read all rows, where older ones are not there any more.
    pub(crate) known_from: Option<i64>,
    /// How far the clock of an account's venue was ahead of ours, by the first executions that a
    /// restart has read, and how many told.
    pub(crate) ahead: BTreeMap<AccountId, (i64, u32)>,
    pub(crate) theirs: Theirs,
}

impl<J: Journal> Ledger<J> {
    /// A ledger without a past.
    pub fn new(directory: Arc<Directory>, journal: J) -> Self {
        Self {
            accounts: Vec::new(),
            orders: Orders::default(),
            fills: Fills::default(),
            positions: Positions::default(),
            balances: Balances::default(),
            holds: Holds::default(),
            scribe: Scribe::new(directory, journal),
            summed_up: 0,
            is_resumed: false,
            summed_at: None,
            snapshots: VecDeque::new(),
            booked: BTreeMap::new(),
            began: BTreeMap::new(),
            known_from: None,
            ahead: BTreeMap::new(),
            theirs: Theirs::default(),
        }
    }

    /// Sets how an account is traded.
    pub fn open_account(&mut self, account: AccountId, rules: AccountRules) {
        let place = account.index();
        if place >= self.accounts.len() {
            self.accounts.resize(place + 1, None);
        }
        self.accounts[place] = Some(rules);
    }

    // What is asked for

    /// A new order: its intent is journalled, then its request is handed out.
    ///
    /// # Errors
    /// The journal took no row, and nothing may leave; account or instrument are not known.
    pub fn submit(
        &mut self,
        at: impl Into<Moment>,
        wish: Wish,
        link: Link,
    ) -> Result<(OrderId, Request)> {
        let (order, request) = self.intend(at, wish, link)?;
        let id = order.id;
        self.keep(order);
        Ok((id, request))
    }

    /// As [`Ledger::submit`], for who sends the request at once and keeps the order behind its bytes.
    ///
    /// # Errors
    /// As [`Ledger::submit`].
    pub fn intend(
        &mut self,
        at: impl Into<Moment>,
        wish: Wish,
        link: Link,
    ) -> Result<(Order, Request)> {
        let mut order = self.make(wish, link)?;
        let (id, wish) = (order.id, order.wish.sent());
        let client_id = order.legs[0].client_id.clone();
        self.write_intent(&mut order, at.into(), OrderEvent::Submitted, 0, None)?;
        Ok((order, Request::Submit { order: id, client_id, wish }))
    }

    /// Writes down an order that the risk layer refused.
    ///
    /// # Errors
    /// As [`Ledger::submit`].
    pub fn deny(
        &mut self,
        at: impl Into<Moment>,
        wish: Wish,
        link: Link,
        code: &str,
    ) -> Result<OrderId> {
        let mut order = self.make(wish, link)?;
        let id = order.id;
        let at = at.into();
        self.write_own(&mut order, at, OrderEvent::Denied, Some(code))?;
        self.keep(order);
        Ok(id)
    }

    /// A change of an order that works; several may be in flight.
    ///
    /// # Errors
    /// As [`Ledger::submit`]; the order cannot be changed now.
    pub fn replace(
        &mut self,
        at: impl Into<Moment>,
        id: OrderId,
        values: Values,
    ) -> Result<Request> {
        let order = self.find(id, OrderEvent::ReplaceAsked)?;
        if !order.is_managed() {
            return Err(ExecError::NotManaged(id));
        }
        let prev = order.changes.last().map_or(order.leg, |change| change.leg);
        let renames = self.rules(order.wish.account)?.renames(order);
        let leg = if renames { self.add_leg(id, prev)? } else { prev };
        let Some(mut order) = self.orders.get(id).cloned() else {
            return Err(ExecError::UnknownOrder(id));
        };
        let written =
            self.write_intent(&mut order, at.into(), OrderEvent::ReplaceAsked, leg, Some(values));
        if let Err(error) = written {
            if leg != prev {
                self.orders.drop_leg(id);
            }
            return Err(error);
        }
        let mut wish = order.wish.sent();
        (wish.price, wish.size) = (values.price, values.size);
        if let (Some(trigger), Some(price)) = (&mut wish.trigger, values.price_trigger) {
            trigger.price = price;
        }
        let request = Request::Replace {
            order: id,
            instrument: wish.instrument,
            account: wish.account,
            client_id: order.legs[leg].client_id.clone(),
            client_id_prev: order.legs[prev].client_id.clone(),
            venue_order_id: order.legs[prev].venue_order_id.clone(),
            wish,
            size_filled: order.size_filled,
        };
        self.keep(order);
        Ok(request)
    }

    /// A cancel. It is handed out even if the journal takes no row: an order less can be found by a
    /// query, and stopping must stay possible.
    ///
    /// # Errors
    /// The order cannot be cancelled.
    pub fn cancel(&mut self, at: impl Into<Moment>, id: OrderId) -> Result<Request> {
        let order = self.find(id, OrderEvent::CancelAsked)?;
        if !order.is_managed() {
            return Err(ExecError::NotManaged(id));
        }
        let mut order = order.clone();
        let (leg, at) = (order.leg, at.into());
        let written = self.write_intent(&mut order, at, OrderEvent::CancelAsked, leg, None);
        if written.is_err() {
            let told = own(OrderEvent::CancelAsked, at.now, leg, None);
            order.apply(&told);
        }
        let request = Request::Cancel {
            order: id,
            instrument: order.wish.instrument,
            account: order.wish.account,
            client_id: order.client_id().into(),
            venue_order_id: order.venue_order_id().map(Into::into),
        };
        self.keep(order);
        Ok(request)
    }

    /// A question about an order. Under the newest client id, because a change whose outcome is not
    /// known has one of its own.
    ///
    /// # Errors
    /// No such order.
    pub fn query(&self, id: OrderId) -> Result<Request> {
        let order = self.orders.get(id).ok_or(ExecError::UnknownOrder(id))?;
        let leg = order.changes.last().map_or(order.leg, |change| change.leg);
        let leg = &order.legs[leg];
        Ok(Request::Query {
            order: id,
            instrument: order.wish.instrument,
            account: order.wish.account,
            client_id: leg.client_id.clone(),
            venue_order_id: leg.venue_order_id.clone(),
        })
    }

    /// The last byte of an order's last request has left: its rows say so from now on.
    pub fn sent(&mut self, id: OrderId, at: i64) {
        self.orders.sent(id, at);
    }

    /// Writes down a decision of the risk layer; the row's `seq` is set here.
    ///
    /// # Errors
    /// The journal took no row.
    pub fn risk_event(&mut self, row: &draft::RiskEvents<'_>) -> Result<()> {
        self.scribe.risk(row)
    }

    // What is known

    /// An order.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// The order that has, or had, a client id.
    pub fn order_named(&self, account: AccountId, client_id: &str) -> Option<&Order> {
        self.order(self.orders.by_client_id(account, client_id)?.0)
    }

    /// All orders that are remembered, in no order.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }

    /// Orders that have not ended, by number.
    pub fn open_orders(&self) -> Vec<&Order> {
        self.orders.open().collect()
    }

    /// Orders of a group, by number.
    pub fn group(&self, group: i64) -> Vec<&Order> {
        self.orders.group(group).collect()
    }

    /// Children that are remembered of an order, by number.
    pub fn children(&self, parent: OrderId) -> impl Iterator<Item = &Order> {
        self.orders.children(parent)
    }

    /// The number that the next order will have.
    pub fn next_id(&self) -> OrderId {
        self.orders.next_id()
    }

    /// The largest of the numbers that an account's orders and executions have at their venue; 0
    /// where these are no numbers.
    pub fn number_last(&self, account: AccountId) -> i64 {
        let mine = self.orders.iter().filter(|order| order.wish.account == account);
        let of_orders =
            mine.flat_map(|order| &order.legs).filter_map(|leg| leg.venue_order_id.as_deref());
        let ids = of_orders.chain(self.fills.ids(account));
        ids.filter_map(|id| id.parse().ok()).max().unwrap_or(0)
    }

    /// When something was last booked of an instrument, by the venue's clock: funding of its position
    /// is paid until then. `None` if nothing was.
    pub fn booked_until(&self, account: AccountId, instrument: InstrumentId) -> Option<i64> {
        self.booked.get(&(account, instrument)).copied()
    }

    pub(crate) fn note_booked(&mut self, account: AccountId, of: InstrumentId, at: i64) {
        let until = self.booked.entry((account, of)).or_insert(at);
        *until = at.max(*until);
    }

    /// All positions.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// All balances.
    pub fn balances(&self) -> &Balances {
        &self.balances
    }

    /// Names and numbers.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.scribe.directory
    }

    /// How an account is traded.
    ///
    /// # Errors
    /// It was not opened.
    pub fn rules(&self, account: AccountId) -> Result<&AccountRules> {
        let rules = self.accounts.get(account.index()).and_then(Option::as_ref);
        rules.ok_or(ExecError::UnknownAccount(account))
    }

    /// Why no order leaves any more, if so.
    pub fn halted(&self) -> Option<&str> {
        self.scribe.halted()
    }

    /// Number of the journal's last row.
    pub fn seq(&self) -> i64 {
        self.scribe.seq()
    }

    /// The journal.
    pub fn journal_mut(&mut self) -> &mut J {
        self.scribe.journal_mut()
    }

    /// Forgets orders that ended before a moment and of which nothing was heard since; returns how
    /// many. Their fills are still not counted twice, and a late report of one makes it known again.
    pub fn forget(&mut self, before: i64) -> usize {
        self.orders.forget(before)
    }

    /// A number that two ledgers in the same state share: open orders, positions and balances. What
    /// has ended may be forgotten by one of them.
    pub fn state_hash(&self) -> u64 {
        let parts = (self.open_orders(), &self.positions, &self.balances);
        FixedState::with_seed(0).hash_one(parts)
    }

    // Inside

    pub(crate) fn skip_numbers(&mut self) {
        self.orders.skip_numbers(NUMBERS_SKIPPED);
    }

    pub(crate) fn make(&self, wish: Wish, link: Link) -> Result<Order> {
        let id = self.orders.next_id();
        if self.directory().listed(wish.instrument).is_none() {
            return Err(ExecError::UnknownInstrument(wish.instrument));
        }
        let client_id = self.rules(wish.account)?.client_ids.make(id, 0);
        Ok(Order::new(id, wish, link, client_id.ok_or(ExecError::NoClientId(id))?))
    }

    pub(crate) fn find(&self, id: OrderId, event: OrderEvent) -> Result<&Order> {
        let order = self.orders.get(id).ok_or(ExecError::UnknownOrder(id))?;
        if order.allows(event) {
            Ok(order)
        } else {
            Err(ExecError::NotPossible { order: id, state: order.state, event })
        }
    }

    /// The id of another change.
    fn add_leg(&mut self, id: OrderId, prev: usize) -> Result<usize> {
        let order = self.orders.get(id).ok_or(ExecError::UnknownOrder(id))?;
        let leg = order.legs.len();
        let made = self.rules(order.wish.account)?.client_ids.make(id, leg);
        let client_id = made.filter(|_| leg < LEGS_MAX).ok_or(ExecError::NoClientId(id))?;
        let legs = self.orders.legs_mut(id).ok_or(ExecError::UnknownOrder(id))?;
        legs.push(Leg { client_id, prev: Some(prev), ..Leg::default() });
        self.orders.name(id, leg);
        Ok(leg)
    }

    /// Applies an act of ours and writes its row.
    pub(crate) fn write_own(
        &mut self,
        order: &mut Order,
        at: Moment,
        event: OrderEvent,
        code: Option<&str>,
    ) -> Result<()> {
        self.write(order, at, &own(event, at.now, order.leg, None), code)
    }

    /// Applies an intent, writes its row and makes that as safe as the policy wants it.
    #[inline]
    pub(crate) fn write_intent(
        &mut self,
        order: &mut Order,
        at: Moment,
        event: OrderEvent,
        leg: usize,
        values: Option<Values>,
    ) -> Result<()> {
        (order.ts_asked, order.ts_sent) = (at.now, None);
        if event != OrderEvent::CancelAsked {
            order.ts_placed = at.now;
        }
        self.write(order, at, &own(event, at.now, leg, values), None)?;
        self.scribe.intent_written()
    }

    #[inline]
    pub(crate) fn write(
        &mut self,
        order: &mut Order,
        at: Moment,
        told: &Told,
        code: Option<&str>,
    ) -> Result<()> {
        order.apply(told);
        order.ts_seen = at.now;
        self.scribe.order(order, note(at, told, code))
    }

    /// Puts an order in its place.
    pub fn keep(&mut self, order: Order) {
        self.holds.update(&mut self.balances, &self.scribe.directory, &order);
        if self.orders.get(order.id).is_some() {
            self.orders.put(order);
        } else {
            self.orders.add(order);
        }
    }

    /// Requests of an order that have no answer and still matter.
    pub(crate) fn in_flight(order: &Order) -> impl Iterator<Item = (About, usize)> + '_ {
        let is_open = !order.is_final();
        let asked = move |flight: Flight| is_open && flight == Flight::Asked;
        let submit = asked(order.facts.submit).then_some((About::Submit, 0));
        let cancel = asked(order.facts.cancel).then_some((About::Cancel, order.leg));
        let changes = order.changes.iter().filter(move |change| asked(change.flight));
        submit.into_iter().chain(cancel).chain(changes.map(|change| (About::Replace, change.leg)))
    }
}

/// An act of ours.
pub(crate) fn own(event: OrderEvent, now: i64, leg: usize, values: Option<Values>) -> Told {
    Told { event, source: EventSource::Own, ts_event: now, leg, values, about: About::Nothing }
}

/// What the row of an act of ours says.
pub(crate) fn note<'a>(at: Moment, told: &Told, code: Option<&'a str>) -> OrderNote<'a> {
    OrderNote {
        event: told.event,
        source: EventSource::Own,
        ts_event: at.now,
        ts_recv: at.now,
        leg: told.leg,
        reason: code.or(about_reason(told.about)),
        venue_code: None,
        detail: None,
        market_seq: at.market_seq,
    }
}
