//! What comes from venues, and what it changes.

use rustonite_core::Amount;
use rustonite_core::datasets::{BalanceCause, OrderEvent};
use rustonite_core::ids::AccountId;
use rustonite_exec::gateway::{Answer, Balance, Heard, HttpAnswer, Question};
use rustonite_exec::{Ask, Booked, Change, Fill, Journal, OrderId, Report, What};
use rustonite_feed::FeedError;

use super::account::Stage;
use super::{Desk, News};
use crate::line::Arrived;
use crate::strategy::{FillNews, OrderNews};

/// How long until a venue is asked again that did not answer.
const ASK_AGAIN_NS: i64 = 2_000_000_000;
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
                let answer = match &answer {
                    Ok((status, body)) => Ok(HttpAnswer { status: *status, body }),
                    Err(error) => Err(error),
                };
                one.gateway.answered(id, answer, at, &mut heard)
            }
        };
        if let Err(unreadable) = read {
            self.news.push_back(News::Notice(unreadable.to_string()));
        }
        self.hear(account, heard, now);
    }

    /// Time has passed: requests without an answer end, and what is due is done.
    pub fn tick(&mut self, now: i64, answer_ns: i64) {
        for at in 0..self.accounts.len() {
            let Some(account) = u16::try_from(at).ok().map(AccountId) else { return };
            let mut heard = Vec::new();
            let one = &mut self.accounts[at];
            let texts = one.gateway.tick(now.saturating_sub(answer_ns), now, &mut heard);
            let mut sent = one.send_all(texts);
            if one.again_at.is_some_and(|again| again <= now) {
                sent = sent.and_then(|()| one.ask_all(now));
            }
            self.note(account, sent);
            self.hear(account, heard, now);
        }
        self.risk.timer(now, &mut self.trips);
        self.tell_trips();
    }

    fn hear(&mut self, account: AccountId, heard: Vec<Heard>, now: i64) {
        for one in heard {
            match one {
                Heard::Report(report) => self.take(&report),
                Heard::Balance(balance) => self.take_balance(account, &balance),
                Heard::Answer(question, answer) => self.answered(account, question, answer, now),
                Heard::Ready => self.ask_all(account, now),
                Heard::Closed(refusal) => self.down(account, now, &refusal.detail),
            }
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
        let was_trading = one.is_trading();
        one.stage = Stage::Down;
        self.connected(account, false, now);
        let name = self.ledger.directory().account_name(account);
        self.news.push_back(News::Notice(format!("account {name}: {why}")));
        if was_trading {
            self.news.push_back(News::Trading(account, false));
        }
    }

    fn connected(&mut self, account: AccountId, is_up: bool, now: i64) {
        let Ok(rules) = self.ledger.rules(account) else { return };
        let venue = rules.venue;
        self.risk.venue_connected(venue, is_up, now);
    }

    // Reports

    /// What a venue, or we ourselves, say about an order.
    pub(super) fn take(&mut self, report: &Report) {
        let change = self.ledger.report(report);
        self.changed(report.account, &change, Some(report));
    }

    /// Tells everybody what came of a report.
    pub(super) fn changed(&mut self, account: AccountId, change: &Change, of: Option<&Report>) {
        let now = of.map_or(0, |report| report.ts_recv);
        for booked in &change.fills {
            let side = of.and_then(|report| match &report.what {
                What::Fill(fill) => fill.position_side,
                _ => None,
            });
            self.count_fill(booked, side, now);
        }
        if let Some(order) = change.order {
            self.count_order(order);
            self.count_words(order, change, now);
        }
        self.tell(change, of);
        for anomaly in &change.anomalies {
            let text = format!("{}: {}", anomaly.code.name(), anomaly.detail);
            self.news.push_back(News::Notice(text));
        }
        change.asks.iter().for_each(|ask| self.ask(account, *ask, now));
        if let Some((order, What::Picture(_) | What::NotFound)) =
            change.order.zip(of.map(|one| &one.what))
        {
            self.settled(account, order, now);
        }
    }

    /// Refusals in a row throw a switch.
    fn count_words(&mut self, order: OrderId, change: &Change, now: i64) {
        let Some(order) = self.ledger.order(order) else { return };
        let (account, strategy) = (order.wish.account, order.wish.strategy);
        for event in &change.events {
            match event.event {
                OrderEvent::Rejected | OrderEvent::ReplaceRejected => {
                    self.risk.rejected(account, strategy, now, &mut self.trips);
                }
                OrderEvent::Accepted | OrderEvent::Replaced | OrderEvent::Cancelled => {
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
        for booked in &change.fills {
            let fill = of.and_then(|report| match &report.what {
                What::Fill(fill) => Some(fill),
                _ => None,
            });
            self.tell_fill(booked, fill);
        }
    }

    fn tell_fill(&mut self, booked: &Booked, fill: Option<&Fill>) {
        let Some(order) = booked.order.and_then(|order| self.ledger.order(order)) else { return };
        let news = FillNews {
            order: self.view(order),
            fill_id: fill.map(|fill| fill.fill_id.clone()).unwrap_or_default(),
            price: booked.price,
            size: booked.size,
            fee: booked.fee,
            liquidity: fill
                .map_or(rustonite_core::datasets::Liquidity::Unknown, |fill| fill.liquidity),
            position: self.position(booked.instrument),
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
            Ask::Balances(_) | Ask::Positions(_) => Question::Balances,
        };
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let sent = one.ask(question, now);
        self.note(account, sent);
    }

    /// Asks for one order. It changes nothing at the venue, so it needs no pass.
    pub(super) fn query(&mut self, order: OrderId, now: i64) {
        let Ok(request) = self.ledger.query(order) else { return };
        let Some(account) = self.ledger.order(order).map(|order| order.wish.account) else {
            return;
        };
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        if let Err(refusal) = one.send(&request, now) {
            self.news.push_back(News::Notice(refusal.detail.into()));
        }
    }

    // From the connection to trading

    fn ask_all(&mut self, account: AccountId, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        let sent = one.ask_all(now);
        self.note(account, sent);
    }

    fn answered(&mut self, account: AccountId, question: Question, answer: Answer, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        if let Stage::Asking { left, answers } = &mut one.stage
            && let Some(at) = left.iter().position(|asked| *asked == question)
        {
            left.swap_remove(at);
            answers.push((question, answer));
            if left.is_empty() {
                let answers = std::mem::take(answers);
                self.reconcile(account, answers, now);
            }
            return;
        }
        self.take_answer(account, answer, now);
    }

    /// The venue told us all; what is not known now is asked for order by order.
    fn reconcile(&mut self, account: AccountId, answers: Vec<(Question, Answer)>, now: i64) {
        let failed = answers.iter().find_map(|(_, answer)| match answer {
            Answer::Failed(refusal) => Some(refusal.detail.clone()),
            _ => None,
        });
        if let Some(why) = failed {
            // What was not answered is not known, and says nothing.
            let one = &mut self.accounts[account.index()];
            one.again_at = Some(now.saturating_add(ASK_AGAIN_NS));
            self.news.push_back(News::Notice(format!("the venue did not tell: {why}")));
            return;
        }
        let mut seen = Vec::new();
        for (question, answer) in answers {
            if let (Question::OpenOrders, Answer::Reports(reports)) = (question, &answer) {
                seen.extend(reports.iter().map(|report| report.client_id.clone()));
            }
            self.take_answer(account, answer, now);
        }
        let missing: Vec<_> = self
            .ledger
            .open_orders()
            .into_iter()
            .filter(|order| order.wish.account == account)
            .filter(|order| !order.legs.iter().any(|leg| seen.contains(&leg.client_id)))
            .map(|order| order.id)
            .collect();
        self.accounts[account.index()].stage = Stage::Settling(missing.clone());
        missing.iter().for_each(|order| self.query(*order, now));
        self.go_on(account, now);
    }

    fn take_answer(&mut self, account: AccountId, answer: Answer, now: i64) {
        match answer {
            Answer::Reports(reports) => {
                for report in &reports {
                    self.take(report);
                    if matches!(report.what, What::Fill(_))
                        && let Some(one) = self.accounts.get_mut(account.index())
                    {
                        let from = report.ts_event.saturating_sub(FILLS_OVERLAP_NS);
                        one.fills_from = one.fills_from.max(from);
                    }
                }
            }
            Answer::Balances(balances) => {
                for balance in &balances {
                    self.take_balance(account, balance);
                    self.keep_balance(account, balance, now);
                }
            }
            Answer::Failed(refusal) => self.news.push_back(News::Notice(refusal.detail.into())),
        }
    }

    /// An order whose outcome was not known is settled.
    fn settled(&mut self, account: AccountId, order: OrderId, now: i64) {
        let Some(one) = self.accounts.get_mut(account.index()) else { return };
        if let Stage::Settling(left) = &mut one.stage {
            left.retain(|one| *one != order);
            self.go_on(account, now);
        }
    }

    fn go_on(&mut self, account: AccountId, now: i64) {
        let one = &mut self.accounts[account.index()];
        if matches!(&one.stage, Stage::Settling(left) if left.is_empty()) {
            one.stage = Stage::Trading;
            self.connected(account, true, now);
            self.news.push_back(News::Trading(account, true));
        }
    }

    // Balances

    /// What the venue says is owned is what risk counts with.
    fn take_balance(&mut self, account: AccountId, balance: &Balance) {
        let total = balance.available + balance.locked;
        self.risk.balance(account, balance.asset, total);
    }

    /// Our own count begins with what the venue says, and is set to it where they differ.
    fn keep_balance(&mut self, account: AccountId, balance: &Balance, now: i64) {
        let total = balance.available + balance.locked;
        let key = (account, balance.asset);
        let ours = self.ledger.balances().get(account, balance.asset).total;
        if ours == total {
            return;
        }
        let cause = if ours == Amount::ZERO {
            BalanceCause::Snapshot
        } else {
            BalanceCause::Reconciliation
        };
        // A journal that takes no row halts trading by itself.
        drop(self.ledger.set_balance(now, key, total, cause));
    }
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
    Some(format!("{} {}: {}", refusal.reason.name(), refusal.venue_code, refusal.detail))
}
