//! What comes from venues, and what it changes.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, OrderEvent};
use rustonite_core::ids::{AccountId, InstrumentId};
use rustonite_exec::gateway::{Answer, Heard, Position, Question};
use rustonite_exec::reconcile::{Mismatch, Plan, reconcile};
use rustonite_exec::{
    AnomalyCode, Ask, Booked, Change, Flight, Journal, Order, OrderId, PositionKey, Refusal,
    Report, Request, What,
};
use rustonite_feed::FeedError;
use rustonite_risk::{Access, Code};

use super::account::{self, Account, Asking, Stage};
use super::{Desk, FeeElsewhere, News, is_closing};
use crate::line::{Arrived, Replied};
use crate::strategy::{FillNews, OrderNews};

/// How long until a venue is asked again that did not answer.
const ASK_AGAIN_NS: i64 = 2_000_000_000;
/// How long until books are compared again that did not agree.
const SETTLE_NS: i64 = 300_000_000;
/// How much later than a request is given up its last byte may leave.
const LATE_NS: i64 = 1_000_000_000;
/// Fills are asked for from so long before the last one that is known, because clocks differ.
const FILLS_OVERLAP_NS: i64 = 60_000_000_000;

impl<J: Journal> Desk<J> {
    /// Something came from an account's venue.
    pub fn arrived(&mut self, account: AccountId, arrived: Arrived, now: i64) {
        let mut heard = Vec::new();
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let read = match arrived {
            Arrived::Open(line) => {
                let texts = one.gateway.opened(line, now);
                let sent = one.send_all(texts);
                return self.note(account, sent);
            }
            Arrived::Closed(line, why) => {
                one.gateway.closed(line, now, &mut heard);
                self.down(account, now, &why);
                Ok(())
            }
            Arrived::Text(line, text, at) => one.gateway.read(line, &text, at, &mut heard),
            Arrived::Answer(id, answer, at) => {
                let answer = answer.as_ref().map(Replied::answer);
                one.gateway.answered(id, answer, at, &mut heard)
            }
            Arrived::Sent(orders, at) => {
                return orders.into_iter().for_each(|order| self.ledger.sent(order, at));
            }
        };
        if let Err(unreadable) = read {
            self.news.push_back(News::Notice(unreadable.to_string()));
        }
        self.hear(account, heard, now);
        self.look_at_guard(account, now);
        self.work(now);
    }

    /// Time has passed: requests without an answer end, and what is due is done.
    pub fn tick(&mut self, now: i64, answer_ns: i64) {
        self.answer_ns = answer_ns;
        for at in 0..self.accounts.len() {
            let Some(account) = u16::try_from(at).ok().map(AccountId) else { return };
            let mut heard = Vec::new();
            self.look_at_held(account, now);
            let one = &mut self.accounts[at];
            one.fills_from = one.fills_from.max(self.ledger.fills_known_from(account));
            let texts = one.gateway.tick(now.saturating_sub(answer_ns), now, &mut heard);
            let mut sent = one.send_all(texts);
            if one.again_at <= now {
                sent = sent.and_then(|()| one.ask_all(now));
            }
            let waited = one.send_waiting(now);
            self.note(account, sent);
            self.hear(account, heard, now);
            self.look_at_guard(account, now);
            self.take_waited(account, waited, now);
            self.tell_closed(account, now);
            self.tell_put_off(account, now);
        }
        self.risk.timer(now, &mut self.trips);
        self.tell_trips();
        self.sweep(now);
        self.wait_on(now);
    }

    fn take_waited(
        &mut self,
        account: AccountId,
        waited: Result<Vec<(Request, Refusal)>, FeedError>,
        now: i64,
    ) {
        match waited {
            Ok(refused) => {
                for (request, refusal) in refused {
                    self.take(&account::refused(&request, refusal, now));
                }
            }
            Err(error) => self.note(account, Err(error)),
        }
    }

    /// Says once that a venue wants to hear nothing for a while.
    fn tell_closed(&mut self, account: AccountId, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let until = one.gateway.budget().and_then(|budget| budget.closed_until(now));
        let was = std::mem::replace(&mut one.closed_until, until);
        if let Some(until) = until.filter(|until| was.is_none_or(|was| was < *until)) {
            let name = self.ledger.directory().account_name(account);
            let ms = until.saturating_sub(now) / 1_000_000;
            let text = format!("account {name}: the venue wants to hear nothing for {ms} ms");
            self.news.push_back(News::Notice(text));
        }
    }

    /// Says once why an account does not trade so far: what its venue allows is used up, perhaps by a
    /// process before this one.
    fn tell_put_off(&mut self, account: AccountId, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let until = if one.stage == Stage::Comparing { one.asks_at(now) } else { None };
        let was = std::mem::replace(&mut one.put_off_until, until);
        if let Some(until) = until.filter(|_| was.is_none()) {
            let name = self.ledger.directory().account_name(account);
            let ms = until.saturating_sub(now) / 1_000_000;
            let text = format!(
                "account {name}: what the venue allows is used up; its books are asked for in {ms} ms, \
                 and nothing is traded until then"
            );
            self.news.push_back(News::Notice(text));
        }
    }

    /// The end: gateways give back what they hold at their venues. Timers that end all orders if we
    /// are gone are stopped where orders may stay.
    pub fn stop(&mut self, may_stay: bool, now: i64) {
        for at in 0..self.accounts.len() {
            let Some(account) = u16::try_from(at).ok().map(AccountId) else { return };
            let gateway = &mut self.accounts[at].gateway;
            let mut last = if may_stay { gateway.unguard(now) } else { Vec::new() };
            last.extend(gateway.stop(now));
            let sent = self.accounts[at].send_all(last);
            self.note(account, sent);
        }
    }

    /// How many things venues have not answered.
    pub fn in_flight(&self) -> usize {
        self.accounts.iter().map(|account| account.gateway.in_flight()).sum()
    }

    fn hear(&mut self, account: AccountId, heard: Vec<Heard>, now: i64) {
        for one in heard {
            match one {
                Heard::Report(report) => self.take(&report),
                Heard::Balance(balance) => self.take_balance(account, &balance, now),
                Heard::Position(held) => self.take_held(account, &held, now),
                Heard::Send(what) => {
                    let Some(one) = self.accounts.get_mut(account.index()) else { continue };
                    let sent = one.send_all(vec![what]);
                    self.note(account, sent);
                }
                Heard::Ask(question) => {
                    let Some(one) = self.accounts.get_mut(account.index()) else { continue };
                    let sent = one.ask(question, now);
                    self.note(account, sent);
                }
                Heard::Notice(text) => {
                    let name = self.ledger.directory().account_name(account);
                    self.news.push_back(News::Notice(format!("account {name}: {text}")));
                }
                Heard::Answer(question, answer) => self.answered(account, question, answer, now),
                Heard::Ready => self.begin(account, now),
                Heard::Closed(refusal) => self.down(account, now, &refusal.detail),
            }
        }
    }

    /// Our own count follows from the fills. If it is not what the venue says once they had time to
    /// come, books are compared.
    fn take_held(&mut self, account: AccountId, held: &Position, now: i64) {
        let _ = self.ledger.note_position(now, account, held);
        let (instrument, side) = (held.instrument, held.side);
        let key = PositionKey { account, strategy: None, instrument, side };
        let is_same = self.ledger.positions().get(&key).size == held.size;
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        if is_same {
            one.held_otherwise.remove(&(instrument, side));
        } else {
            let due = (held.size, now.saturating_add(LATE_NS));
            one.held_otherwise.entry((instrument, side)).or_insert(due).0 = held.size;
        }
    }

    /// Compares books where positions are not what the venue said a while ago.
    pub(super) fn look_at_held(&mut self, account: AccountId, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        if one.held_otherwise.is_empty() || one.asking.is_some() {
            return;
        }
        let due = one.held_otherwise.extract_if(.., |_, (_, at)| *at <= now);
        let due: Vec<_> = due.collect();
        let positions = self.ledger.positions();
        let differs = due.into_iter().any(|((instrument, side), (size, _))| {
            let key = PositionKey { account, strategy: None, instrument, side };
            positions.get(&key).size != size
        });
        if differs {
            self.compare_by(account, now);
        }
    }

    fn note(&mut self, account: AccountId, sent: Result<(), FeedError>) {
        if let Err(error) = sent {
            let name = self.ledger.directory().account_name(account);
            self.news.push_back(News::Notice(format!("account {name}: {error}")));
        }
    }

    /// An account hears nothing of its orders any more.
    fn down(&mut self, account: AccountId, now: i64, why: &str) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        (one.stage, one.asking, one.again_at) = (Stage::Down, None, i64::MAX);
        let not_sent = one.drop_waiting(now);
        let name = self.ledger.directory().account_name(account);
        self.news.push_back(News::Notice(format!("account {name}: {why}")));
        self.permit(account, now);
        not_sent.iter().for_each(|report| self.take(report));
    }

    // Reports

    /// What a venue, or we ourselves, say about an order.
    pub(crate) fn take(&mut self, report: &Report) {
        if let Some(at) = self.may_be_found_until(report).filter(|at| report.ts_recv < *at) {
            return self.compare_by(report.account, at);
        }
        let change = self.ledger.report(report);
        self.taken(report, &change);
    }

    /// Tells everybody that a report was taken.
    fn taken(&mut self, report: &Report, change: &Change) {
        self.note_not_found(change, report);
        self.changed(report.account, change, Some(report));
        let is_query =
            matches!(report.what, What::Ended { request: OrderEvent::OutcomeUnknown, .. });
        if is_query {
            // It had no answer: what it was to tell is asked for again.
            self.compare_by(report.account, report.ts_recv.saturating_add(ASK_AGAIN_NS));
        }
    }

    /// Books are compared at this moment, if they are not before.
    fn compare_by(&mut self, account: AccountId, at: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        if one.stage != Stage::Down && one.asking.is_none() {
            one.again_at = one.again_at.min(at);
        }
    }

    /// Tells everybody what came of a report.
    pub(super) fn changed(&mut self, account: AccountId, change: &Change, of: Option<&Report>) {
        let now = of.map_or(0, |report| report.ts_recv);
        for booked in &change.fills {
            self.answers.executed(booked);
            self.count_fill(booked, now);
            self.note_for_profit(booked);
        }
        if let Some(order) = change.order {
            self.count_order(order);
            self.count_words(order, change, of, now);
        }
        self.tell(change, of);
        if let Some(order) = change.order {
            self.touch_reported(order, change);
        }
        for anomaly in &change.anomalies {
            let text = format!("{}: {}", anomaly.code.name(), anomaly.detail);
            self.news.push_back(News::Notice(text));
        }
        // The venue's own list has it, and nobody knows whose it is: the next one would say the same.
        let is_listed = of.is_some_and(|report| report.source == EventSource::Reconciliation);
        let is_nobodys = change.anomalies.iter().any(|one| one.code == AnomalyCode::UnknownOrder);
        for ask in &change.asks {
            match ask {
                Ask::Fills(..) if is_listed && is_nobodys => {
                    self.compare_by(account, now.saturating_add(ASK_AGAIN_NS));
                }
                ask => self.ask(account, *ask, now),
            }
        }
    }

    /// Notes what profit has to know of a booking besides its position.
    pub(crate) fn note_for_profit(&mut self, booked: &Booked) {
        if booked.kind == FillKind::Opening {
            self.found.push(booked.clone());
        }
        self.fees_elsewhere.extend(self.fee_elsewhere(booked));
    }

    /// A fee that is in no position, because it was taken in another asset.
    fn fee_elsewhere(&self, booked: &Booked) -> Option<FeeElsewhere> {
        let (fee, asset) = booked.fee.filter(|(fee, _)| *fee != Amount::ZERO)?;
        let directory = self.ledger.directory();
        let listed = directory.listed(booked.instrument)?;
        let of = |name: &str| directory.asset(name) == Some(asset);
        let is_here = of(&listed.settle) || (listed.contract.is_none() && of(&listed.base));
        let (account, strategy) = (booked.account, booked.strategy);
        (!is_here).then_some(FeeElsewhere { account, strategy, asset, fee })
    }

    /// Refusals in a row throw a switch.
    fn count_words(&mut self, order: OrderId, change: &Change, of: Option<&Report>, now: i64) {
        let Some(known) = self.ledger.order(order) else { return };
        let (account, strategy) = (known.wish.account, known.wish.strategy);
        let is_of_venue = of.is_some_and(is_of_venue);
        // What closes a position is tried until it is closed: a switch would leave it open.
        let counts = is_of_venue && !is_closing(&known.wish);
        for event in &change.events {
            self.answers.heard(account, order, event.event, now);
            match event.event {
                OrderEvent::Rejected | OrderEvent::ReplaceRejected => {
                    self.counts.rejects += u64::from(is_of_venue);
                    if counts {
                        self.risk.rejected(account, strategy, now, &mut self.trips);
                    }
                }
                OrderEvent::Accepted | OrderEvent::Replaced | OrderEvent::Cancelled
                    if is_of_venue =>
                {
                    self.risk.accepted(account, strategy);
                }
                _ => {}
            }
        }
        self.tell_trips();
    }

    fn tell(&mut self, change: &Change, of: Option<&Report>) {
        let reason = of.and_then(|report| reason(&report.what));
        if let Some(order) = change.order.and_then(|order| self.ledger.order(order)) {
            let view = self.view(order);
            for event in &change.events {
                let news =
                    OrderNews { event: event.event, order: view.clone(), reason: reason.clone() };
                self.news.push_back(News::Order(news));
            }
        }
        change.fills.iter().for_each(|booked| self.tell_fill(booked));
    }

    fn tell_fill(&mut self, booked: &Booked) {
        let Some(order) = booked.order.and_then(|order| self.ledger.order(order)) else { return };
        let news = FillNews {
            order: self.view(order),
            kind: booked.kind,
            fill_id: booked.fill_id.clone(),
            fill_id_prev: booked.fill_id_prev.clone(),
            price: booked.price,
            size: booked.size,
            fee: booked.fee,
            liquidity: booked.liquidity,
            position: self.position(booked.instrument, booked.position_side),
        };
        self.news.push_back(News::Fill(news));
    }

    fn ask(&mut self, account: AccountId, ask: Ask, now: i64) {
        let question = match ask {
            Ask::Order(order) => return self.query(order, now),
            Ask::Fills(_, instrument) => {
                let from = self.accounts.get(account.index()).map_or(0, |one| one.fills_from);
                Question::Fills(instrument, from)
            }
            Ask::OpenOrders(_) => Question::OpenOrders,
            Ask::Balances(_) => Question::Balances,
            Ask::Positions(_) => Question::Positions,
        };
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let sent = one.ask(question, now);
        self.note(account, sent);
    }

    /// Asks for one order, or later if its request may still leave: that it is not found says nothing
    /// then. It changes nothing at the venue, so it needs no pass.
    pub(super) fn query(&mut self, order: OrderId, now: i64) {
        let Ok(request) = self.ledger.query(order) else { return };
        let Some(known) = self.ledger.order(order) else { return };
        let account = known.wish.account;
        if let Some(at) = self.leaves_until(known).filter(|at| now < *at) {
            return self.compare_by(account, at);
        }
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        if let Err(refusal) = one.send(&request, now) {
            self.news.push_back(News::Notice(refusal.detail.into()));
        }
    }

    /// Until when an order that was not found may be found yet: parts of a venue hear of what was sent
    /// one after another.
    fn may_be_found_until(&self, report: &Report) -> Option<i64> {
        if report.what != What::NotFound {
            return None;
        }
        let order = self.ledger.order_named(report.account, &report.client_id)?;
        // What the venue has spoken of is not ended by this, but for a change of it.
        let is_in_doubt = !order.facts.known || !order.changes.is_empty();
        let until = order.ts_placed.saturating_add(self.answer_ns).saturating_add(LATE_NS);
        is_in_doubt.then_some(until)
    }

    /// Until when bytes of what was asked of an order may leave; `None` if they have, or if all is
    /// answered.
    fn leaves_until(&self, order: &Order) -> Option<i64> {
        let is_open = |flight: Flight| flight != Flight::Settled;
        let waits =
            is_open(order.facts.submit) || order.changes.iter().any(|one| is_open(one.flight));
        // Behind a cancel the moment is that of the cancel, which may have overtaken the order.
        let has_left = order.ts_sent.is_some() && !is_open(order.facts.cancel);
        let late = self.answer_ns.saturating_add(LATE_NS);
        (waits && !has_left).then(|| order.ts_asked.saturating_add(late))
    }

    // From the connection to trading

    /// The venue hears us: our books are compared before any order leaves.
    fn begin(&mut self, account: AccountId, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let sent = one.begin(now);
        self.permit(account, now);
        self.hurry();
        self.note(account, sent);
    }

    fn answered(&mut self, account: AccountId, question: Question, answer: Answer, now: i64) {
        match &answer {
            Answer::Balances(balances) => self.take_balances(account, balances, now),
            Answer::Positions(positions) => self.take_holdings(account, positions, now),
            _ => {}
        }
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let is_taken = one.asking.as_mut().is_some_and(|asking| asking.take(question, &answer));
        if is_taken {
            if let Some(asking) = one.asking.take_if(|asking| asking.left.is_empty()) {
                self.compare(account, &asking, now);
            }
            return;
        }
        match answer {
            Answer::Reports(reports) => reports.iter().for_each(|report| self.take(report)),
            Answer::Failed(refusal) => self.news.push_back(News::Notice(refusal.detail.into())),
            Answer::Balances(_) | Answer::Positions(_) | Answer::Contracts(_) => {}
        }
    }

    /// Compares our books with the venue's, and does what the plan says.
    fn compare(&mut self, account: AccountId, asking: &Asking, now: i64) {
        if let Some(other) = self.other_hedging(account, asking) {
            self.tell_other(account, vec![other]);
            // What is held there in two positions is not one of ours, and the other way around.
            let was_trading = self.accounts[account.index()].stage == Stage::Trading;
            self.accounts[account.index()].again_at = now.saturating_add(ASK_AGAIN_NS);
            if was_trading {
                self.go(account, false, now);
            }
            return;
        }
        let settings = self.accounts[account.index()].settings.clone();
        let plan = reconcile(&self.ledger, account, &asking.books, &settings);
        // All of it before anybody is told, so that nobody sees a fill and not what it was paid with.
        let changes = self.ledger.apply_plan(now, account, &plan);
        for (report, change) in plan.reports.iter().zip(&changes) {
            self.taken(report, change);
        }
        plan.asks.iter().for_each(|ask| self.ask(account, *ask, now));
        self.end_forgotten(account, asking, now);
        let was_trading = self.accounts[account.index()].stage == Stage::Trading;
        self.tell_mismatches(account, &plan, &asking.books.differed);
        for (instrument, part_ppm) in self.accounts[account.index()].margins_there(asking) {
            self.margin(account, instrument, part_ppm);
        }
        let other = self.other_leverage(account, asking);
        let is_other = !other.is_empty();
        self.tell_other(account, other);
        self.tell_untold(account, asking.failed.as_deref());
        let newest = asking.books.fills.values().flatten();
        let newest = newest.map(|report| report.ts_event).max();
        let one = &mut self.accounts[account.index()];
        if let Some(newest) = newest.filter(|_| plan.is_settled() && asking.failed.is_none()) {
            one.fills_from = one.fills_from.max(newest.saturating_sub(FILLS_OVERLAP_NS));
        }
        let is_refused = plan.is_refused || is_other;
        let is_good = asking.failed.is_none() && plan.is_settled() && !is_other;
        let pause = match (is_good, asking.failed.is_some() || is_refused) {
            (true, _) => self.compare_every_ns,
            (false, true) => ASK_AGAIN_NS,
            (false, false) => one.settle_pause(&plan.asks, SETTLE_NS),
        };
        one.again_at = now.saturating_add(pause);
        one.note_apart(&plan, now);
        one.differed = plan.mismatches;
        match (was_trading, is_good) {
            (false, true) => self.go(account, true, now),
            (true, false) if is_refused => self.go(account, false, now),
            _ => {}
        }
    }

    /// Says that the venue did not tell all that was asked: once, until it has.
    fn tell_untold(&mut self, account: AccountId, why: Option<&str>) {
        let was = std::mem::replace(&mut self.accounts[account.index()].is_untold, why.is_some());
        if let Some(why) = why.filter(|_| !was) {
            let name = self.ledger.directory().account_name(account);
            let text = format!("account {name}: the venue did not tell, and is asked again: {why}");
            self.news.push_back(News::Notice(text));
        }
    }

    /// Says once what is set in another way at the venue than here.
    fn tell_other(&mut self, account: AccountId, other: Vec<String>) {
        let one = &mut self.accounts[account.index()];
        let fresh = other.iter().filter(|text| !one.other.contains(text)).cloned();
        self.news.extend(fresh.map(News::Notice));
        one.other = other;
    }

    /// Which contracts are margined in another way than the configuration says.
    fn other_leverage(&self, account: AccountId, asking: &Asking) -> Vec<String> {
        let (ours, other) = self.accounts[account.index()].other_leverage(asking);
        let directory = self.ledger.directory();
        let name = directory.account_name(account);
        let text = |(instrument, theirs): &(InstrumentId, Amount)| {
            let symbol = directory.listed(*instrument).map_or("", |listed| &*listed.symbol);
            format!(
                "account {name}: the leverage of {symbol} is {theirs} at the venue and {ours} in the \
                 configuration; nothing is traded until they are the same"
            )
        };
        other.iter().map(text).collect()
    }

    /// Whether the venue holds contracts in another way than the configuration says.
    fn other_hedging(&self, account: AccountId, asking: &Asking) -> Option<String> {
        let (ours, traded) = (self.hedges(account), self.accounts[account.index()].instruments());
        let told = asking.contracts.hedging.iter().filter(|(_, theirs)| *theirs != ours);
        let mut other: Vec<_> =
            told.map(|(one, _)| *one).filter(|one| traded.contains(one)).collect();
        other.dedup();
        let directory = self.ledger.directory();
        let symbols = other.into_iter().filter_map(|one| Some(&*directory.listed(one)?.symbol));
        let symbols = symbols.collect::<Vec<_>>().join(", ");
        let name = directory.account_name(account);
        let (theirs, ours) = (on(!ours), on(ours));
        (!symbols.is_empty()).then(|| {
            format!(
                "account {name}: hedge mode is {theirs} at the venue and {ours} in the configuration \
                 for {symbols}; nothing is traded until they are the same"
            )
        })
    }

    /// Says what differs. Of an account that does not trade so far orders are just being looked for:
    /// what is held and still differs is set right.
    fn tell_mismatches(&mut self, account: AccountId, plan: &Plan, before: &[Mismatch]) {
        let is_trading = self.accounts[account.index()].stage == Stage::Trading;
        let tells_all = is_trading || plan.is_refused;
        let told = |one: &&Mismatch| tells_all || (one.apart().is_some() && before.contains(one));
        let directory = std::sync::Arc::clone(self.ledger.directory());
        let name = directory.account_name(account);
        for mismatch in plan.mismatches.iter().filter(told) {
            let what = mismatch.describe(&directory);
            self.news
                .push_back(News::Notice(format!("account {name}: differs from the venue: {what}")));
        }
    }

    /// Orders may leave from now on, or may not.
    fn go(&mut self, account: AccountId, may: bool, now: i64) {
        self.accounts[account.index()].stage = if may { Stage::Trading } else { Stage::Comparing };
        self.permit(account, now);
    }

    /// A venue that is to cancel orders without us says that it will, or it was said too long ago.
    fn look_at_guard(&mut self, account: AccountId, now: i64) {
        let trades = |one: &Account| one.stage == Stage::Trading && one.gateway.wants_guard();
        if self.accounts.get(account.index()).is_some_and(trades) {
            self.permit(account, now);
        }
    }

    /// Lets leave what an account's connection is good for.
    fn permit(&mut self, account: AccountId, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let access = one.access(now);
        let may = match access {
            Access::None => Err(Code::VenueDisconnected),
            Access::Cancels => Err(Code::NotReconciled),
            Access::Unguarded => Err(Code::DeadManMissing),
            Access::All => Ok(()),
        };
        let could = std::mem::replace(&mut one.may_trade, may.is_ok());
        self.risk.access(account, access, now);
        if could != may.is_ok() {
            self.news.push_back(News::Trading(account, may));
        }
    }
}

/// Whether its venue has said it: what never got there was refused by nobody, and taken by nobody.
fn is_of_venue(report: &Report) -> bool {
    let is_lost = matches!(report.what, What::NotFound | What::Ended { .. });
    report.source != EventSource::Own && !is_lost
}

fn on(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

fn reason(what: &What) -> Option<String> {
    let refusal = match what {
        What::Rejected(refusal)
        | What::ReplaceRejected(refusal)
        | What::CancelRejected(refusal)
        | What::Cancelled { refusal: Some(refusal), .. }
        | What::Expired { refusal: Some(refusal), .. } => refusal,
        What::Ended { detail, .. } => return Some(detail.to_string()),
        _ => return None,
    };
    let (reason, detail) = (refusal.reason.name(), &refusal.detail);
    Some(match &*refusal.venue_code {
        "" => format!("{reason}: {detail}"),
        code => format!("{reason} {code}: {detail}"),
    })
}
