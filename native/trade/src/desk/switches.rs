//! Switches: thrown, put back, and what becomes of the orders under them.
//!
//! One that lets nothing new through ends what is open under it; one that lets positions shrink ends
//! what could make them larger. A cancel can be refused, or come before its order: it is asked for
//! again until the order has ended.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderSide, RiskActor, RiskScope, TradingState, order_flags};
use rustonite_core::ids::AccountId;
use rustonite_exec::{Flight, Journal, Order, OrderId, PositionKey, Request, Wish};
use rustonite_risk::{Code, Latch, Target, Trip};
use serde::Serialize;

use super::account::Stage;
use super::closing::{self, Closing};
use super::{Desk, News};
use crate::config::OnTrip;
use crate::strategy::Denied;

/// How long until a cancel is tried again that was refused, at first and at most.
const AGAIN_NS: i64 = 200_000_000;
const AGAIN_NS_MAX: i64 = 6_400_000_000;
/// How long if it was one of too many.
const NEXT_TURN_NS: i64 = 100_000_000;

/// What is known of the ends that switches want.
#[derive(Debug, Default)]
pub(super) struct Switches {
    on_trip: OnTrip,
    /// Targets whose orders stay although their kill switch is thrown.
    kept: Vec<Target>,
    /// Everything is to end, whether or not a switch is thrown.
    is_over: bool,
    tries: BTreeMap<OrderId, Try>,
    pub(super) closing: Closing,
}

/// How often something was tried, when it is again, and what stood against it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Try {
    count: u32,
    next: i64,
    pub(super) why: &'static str,
}

impl Try {
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.next <= now
    }

    /// It was tried now.
    pub(super) fn note(&mut self, why: &'static str, now: i64) {
        let turns = [Code::MessagesPerS, Code::MessagesPer10S];
        let pause = if turns.iter().any(|one| one.name() == why) {
            NEXT_TURN_NS
        } else {
            self.count += 1;
            (AGAIN_NS << (self.count - 1).min(8)).min(AGAIN_NS_MAX)
        };
        (self.next, self.why) = (now.saturating_add(pause), why);
    }
}

/// What is still open under switches that end orders, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// Orders that are to end and have not.
    pub open: usize,
    /// How many of them for which reason: `cancel_asked`, `unknown`, or what refused the last cancel.
    pub why: BTreeMap<&'static str, usize>,
    /// Orders of others, which only they can end.
    pub others: usize,
    /// Positions that are to be closed and are not.
    pub positions: usize,
    /// What refused the last order that was to close one.
    pub positions_why: BTreeMap<&'static str, usize>,
}

/// An order that goes out of the way of those that wait behind it.
type Leaving = Vec<(AccountId, Request)>;

impl<J: Journal> Desk<J> {
    /// Sets what becomes of open orders when a rule throws a switch.
    pub fn on_trip(&mut self, on_trip: OnTrip) {
        self.switches.on_trip = on_trip;
    }

    /// Throws the kill switch of a target and leaves its orders where they are.
    pub fn latch(&mut self, target: Target, now: i64) {
        self.keep(target);
        self.throw(target, TradingState::CancelOnly, RiskActor::Rule, now);
    }

    /// Says that orders of a target stay although its kill switch is thrown.
    pub fn keep(&mut self, target: Target) {
        if !self.switches.kept.contains(&target) {
            self.switches.kept.push(target);
        }
    }

    /// Targets whose orders stay although their kill switch is thrown.
    pub fn kept(&self) -> &[Target] {
        &self.switches.kept
    }

    /// Throws the kill switch of a target and cancels what is open under it, for as long as there is
    /// something.
    pub fn kill(&mut self, target: Target, now: i64) {
        self.kill_by(RiskActor::Operator, target, now);
    }

    /// As [`Desk::kill`], by somebody else than a person at the command line.
    pub fn kill_by(&mut self, actor: RiskActor, target: Target, now: i64) {
        self.switches.kept.retain(|kept| *kept != target);
        self.throw(target, TradingState::CancelOnly, actor, now);
        self.sweep(now);
    }

    /// As [`Desk::kill`], and closes the positions of the target: until they are, orders that shrink
    /// them are let through.
    pub fn kill_and_flatten(&mut self, target: Target, now: i64) {
        self.switches.kept.retain(|kept| *kept != target);
        self.throw(target, TradingState::ReduceOnly, RiskActor::Operator, now);
        self.sweep(now);
    }

    fn throw(&mut self, target: Target, state: TradingState, actor: RiskActor, now: i64) {
        self.set_switch((target, Code::KillSwitch), state, actor, now);
        self.hurry();
    }

    /// Sets what is allowed to a target; `active` lifts what was set so, and no switch.
    pub fn set_state(&mut self, target: Target, state: TradingState, now: i64) {
        let trip = self.risk.set_state(target, state, now);
        self.write_state(&trip, now);
        self.news.push_back(News::Trip(trip));
    }

    fn set_switch(
        &mut self,
        (target, code): (Target, Code),
        state: TradingState,
        actor: RiskActor,
        now: i64,
    ) {
        let trip = self.risk.set_switch(target, code, state, now);
        self.write_trip(&trip, actor, now);
        self.news.push_back(News::Trip(trip));
    }

    /// Puts the switches of a target back; says how many there were.
    pub fn resume(&mut self, target: Target, now: i64) -> usize {
        self.switches.kept.retain(|kept| *kept != target);
        let reset = self.risk.reset(target, now);
        self.news.extend(reset.iter().copied().map(News::Lifted));
        let reset: Vec<_> = reset.iter().map(|trip| self.risk.named(trip)).collect();
        self.tell_reset(&reset, now);
        reset.len()
    }

    /// The same for a name that is not here.
    pub fn resume_absent(&mut self, scope: RiskScope, name: &str, now: i64) -> usize {
        let reset = self.risk.reset_absent(scope, name);
        self.tell_reset(&reset, now);
        reset.len()
    }

    /// Writes down that switches were put back.
    pub(crate) fn tell_reset(&mut self, reset: &[Latch], now: i64) {
        reset.iter().for_each(|latch| self.write_reset(latch, now));
    }

    /// What was refused so far is tried at once, not later.
    pub(super) fn hurry(&mut self) {
        self.switches.tries.clear();
        self.switches.closing.hurry();
    }

    /// What a thrown switch wants of the orders under it.
    fn wanted(&self, trip: &Trip) -> OnTrip {
        match trip.code {
            Code::KillSwitch if self.switches.kept.contains(&trip.target) => OnTrip::Keep,
            // While it lets positions shrink, they are to be closed.
            Code::KillSwitch if trip.state == TradingState::ReduceOnly => OnTrip::Flatten,
            Code::KillSwitch => OnTrip::Cancel,
            // States that a person set say what is let through, and no more.
            Code::Halted | Code::CancelOnly | Code::ReduceOnlyState => OnTrip::Keep,
            _ => self.switches.on_trip,
        }
    }

    /// Whether a target has an order.
    pub(super) fn is_under(&self, target: Target, order: &Order) -> bool {
        match target {
            Target::Strategy(strategy) => order.wish.strategy == Some(strategy),
            Target::Order(number) => order.id.0 == number,
            other => self.reaches(other, order.wish.account, order.wish.instrument),
        }
    }

    /// Cancels all orders, for as long as there are some.
    pub fn end_all(&mut self, now: i64) {
        self.switches.is_over = true;
        self.hurry();
        self.sweep(now);
    }

    fn ends_nothing(&self) -> bool {
        self.risk.thrown().is_empty() && !self.switches.is_over
    }

    /// Cancels what thrown switches want cancelled, and closes what they want closed.
    pub fn sweep(&mut self, now: i64) {
        if self.ends_nothing() {
            return self.hurry();
        }
        let ending: Vec<_> = self.ending_orders(Target::All).map(|order| order.id).collect();
        self.switches.tries.retain(|order, _| ending.contains(order));
        self.cancel_again(&ending, now);
        self.flatten(now);
    }

    /// Orders of ours that switches want ended, of a target.
    pub(super) fn ending_orders(&self, of: Target) -> impl Iterator<Item = &Order> {
        let open = self.ledger.open_orders().into_iter();
        open.filter(move |one| one.is_managed() && self.is_under(of, one) && self.is_to_end(one))
    }

    fn is_to_end(&self, order: &Order) -> bool {
        let is_wanted = |trip: &Trip| {
            self.is_under(trip.target, order)
                && match self.wanted(trip) {
                    OnTrip::Keep => false,
                    OnTrip::Flatten => !closing::is_closing(&order.wish),
                    OnTrip::Cancel => {
                        trip.state > TradingState::ReduceOnly || self.may_grow(trip, order)
                    }
                }
        };
        self.switches.is_over || self.risk.thrown().iter().any(is_wanted)
    }

    /// Whether an order could make a position larger, or turn it around.
    fn may_grow(&self, trip: &Trip, order: &Order) -> bool {
        if order.wish.flags & (order_flags::REDUCE_ONLY | order_flags::CLOSE_POSITION) != 0 {
            return false;
        }
        let key = PositionKey {
            account: order.wish.account,
            strategy: order.wish.strategy.filter(|_| matches!(trip.target, Target::Strategy(_))),
            instrument: order.wish.instrument,
            side: order.wish.position_side.unwrap_or_default(),
        };
        let held = self.ledger.positions().get(&key).size;
        let room = if order.wish.side == OrderSide::Sell { held } else { -held };
        // Of one that waits here the size is looked at when it is sent.
        room <= Amount::ZERO || (!order.is_held() && order.size_left() > room)
    }

    fn cancel_again(&mut self, orders: &[OrderId], now: i64) {
        let mut leaving = Vec::new();
        let mut full: Vec<(AccountId, &'static str)> = Vec::new();
        for order in orders {
            let Some(known) = self.ledger.order(*order) else { continue };
            let (account, held) = (known.wish.account, known.is_held());
            if held {
                drop(self.withdraw(*order, None, now));
                continue;
            }
            let tried = self.switches.tries.get(order);
            // One without an answer may not have arrived.
            if known.facts.cancel == Flight::Asked || tried.is_some_and(|one| !one.is_due(now)) {
                continue;
            }
            let refused = full.iter().find(|(of, _)| *of == account).map(|(_, why)| *why);
            let refused = refused.or_else(|| self.cancel_into(*order, now, &mut leaving).err());
            if let Some(why) = refused
                && is_of_account(why)
            {
                full.push((account, why));
            }
            // If it left and the order is still there later, the venue has refused it.
            let why = refused.unwrap_or("cancel_rejected");
            self.switches.tries.entry(*order).or_default().note(why, now);
        }
        self.send_many(leaving, now);
        self.work(now);
    }

    /// Cancels an order if that may be; says what stands against it. The first refusal is written
    /// down.
    fn cancel_into(
        &mut self,
        order: OrderId,
        now: i64,
        leaving: &mut Leaving,
    ) -> Result<(), &'static str> {
        let account = self.ledger.order(order).map(|known| known.wish.account);
        let account = account.and_then(|account| self.accounts.get(account.index()));
        if account.is_none_or(|account| account.stage == Stage::Down) {
            return Err(Code::VenueDisconnected.name());
        }
        let code = |denied: Denied| denied.code;
        match self.judge_cancel(order, now).map_err(code)? {
            Ok((intent, pass)) => {
                let request = self.write_cancel(order, now).map_err(code)?;
                self.leave(&intent, pass, request, now, leaving);
                Ok(())
            }
            Err(refused) => {
                let (asked, denial) = *refused;
                if !self.switches.tries.contains_key(&order) {
                    self.write_denial(asked, &denial, now);
                }
                Err(denial.code.name())
            }
        }
    }

    /// How many orders of ours are open under a target.
    pub fn open_under(&self, target: Target) -> usize {
        let open = self.ledger.open_orders().into_iter();
        open.filter(|one| one.is_managed() && self.is_under(target, one)).count()
    }

    /// What is still open under the switches of a target that end orders.
    pub fn ending(&self, of: Target) -> Ending {
        let mut ending = Ending::default();
        if self.ends_nothing() {
            return ending;
        }
        for order in self.ending_orders(of) {
            ending.open += 1;
            *ending.why.entry(self.why_open(order)).or_default() += 1;
        }
        let open = self.ledger.open_orders().into_iter();
        let others = open.filter(|one| !one.is_managed() && self.is_under(of, one));
        ending.others = others.filter(|one| self.is_to_end(one)).count();
        for why in self.unclosed(of) {
            ending.positions += 1;
            *ending.positions_why.entry(why).or_default() += 1;
        }
        ending
    }

    fn why_open(&self, order: &Order) -> &'static str {
        match order.facts.cancel {
            Flight::Asked => "cancel_asked",
            Flight::Unknown => "unknown",
            Flight::Settled => {
                self.switches.tries.get(&order.id).map_or("to_be_cancelled", |one| one.why)
            }
        }
    }

    /// The switch that closes positions of what a wish is for: while it does, nobody else trades
    /// there, not even to shrink them.
    #[inline]
    pub(super) fn is_being_closed(&self, wish: &Wish) -> Option<Code> {
        let mut thrown = self.risk.thrown().iter();
        let trip = thrown.find(|trip| {
            let is_under = match trip.target {
                Target::Strategy(strategy) => wish.strategy == Some(strategy),
                other => self.reaches(other, wish.account, wish.instrument),
            };
            is_under && self.wanted(trip) == OnTrip::Flatten
        });
        trip.map(|trip| trip.code)
    }

    /// Switches that want positions closed.
    pub(super) fn flattening(&self) -> Vec<Trip> {
        let thrown = self.risk.thrown().iter();
        thrown.filter(|trip| self.wanted(trip) == OnTrip::Flatten).copied().collect()
    }

    /// Lets what shrinks positions through for as long as there are some, and only cancels after it.
    pub(super) fn let_shrink(&mut self, trip: &Trip, is_open: bool, now: i64) {
        let is_loss = matches!(trip.code, Code::DailyLoss | Code::Drawdown);
        let state =
            if is_open || is_loss { TradingState::ReduceOnly } else { TradingState::CancelOnly };
        if trip.state != state {
            self.set_switch((trip.target, trip.code), state, RiskActor::Rule, now);
        }
    }
}

/// Whether what refused one cancel of an account refuses the others, too.
fn is_of_account(why: &str) -> bool {
    let codes =
        [Code::MessagesPerS, Code::MessagesPer10S, Code::MessagesPerDay, Code::VenueDisconnected];
    codes.iter().any(|code| code.name() == why)
}
