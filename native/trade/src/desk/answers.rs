//! How venues treat our orders: how soon they answer, how orders end, and what executions cost.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use hdrhistogram::Histogram;
use rustonite_core::datasets::{FillKind, OrderEvent, OrderSide};
use rustonite_core::ids::AccountId;
use rustonite_exec::{Booked, OrderId};

/// What became of the orders of an account in this run.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Nanoseconds from the bytes of an order to the venue's first word about it.
    pub first_word: Histogram<u64>,
    /// To its first execution.
    pub first_fill: Histogram<u64>,
    /// From the bytes of a cancel to the end of the order.
    pub cancel: Histogram<u64>,
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
    /// Of executions: what they cost more than the middle at their order, and their worth.
    cost: f64,
    worth: f64,
}

impl Answers {
    fn new() -> Self {
        let times = super::times();
        Self {
            first_word: times.clone(),
            first_fill: times.clone(),
            cancel: times,
            sent: 0,
            filled: 0,
            cancelled: 0,
            expired: 0,
            rejected: 0,
            cost: 0.0,
            worth: 0.0,
        }
    }

    /// What executions cost against the middle of the market at the moment of their order, in basis
    /// points of what was traded; less than zero is a gain. `None` before the first.
    pub fn slippage_bps(&self) -> Option<f64> {
        (self.worth > 0.0).then(|| self.cost / self.worth * 1e4)
    }
}

/// An order that has not ended.
#[derive(Clone, Copy, Debug)]
struct Asked {
    sent: i64,
    /// Middle of the market then; 0 for none.
    middle: f64,
    has_word: bool,
    has_fill: bool,
    cancel_sent: Option<i64>,
}

/// The answers of all accounts, and what they are still to come for.
#[derive(Debug, Default)]
pub(super) struct Book {
    asked: HashMap<OrderId, Asked, FixedState>,
    accounts: Vec<Answers>,
}

impl Book {
    pub(super) fn open(&mut self) {
        self.accounts.push(Answers::new());
    }

    pub(super) fn accounts(&self) -> &[Answers] {
        &self.accounts
    }

    /// The bytes of a new order are out.
    pub(super) fn sent(&mut self, account: AccountId, order: OrderId, middle: f64, now: i64) {
        let Some(answers) = self.accounts.get_mut(account.index()) else { return };
        answers.sent += 1;
        let asked =
            Asked { sent: now, middle, has_word: false, has_fill: false, cancel_sent: None };
        self.asked.insert(order, asked);
    }

    /// Those of a cancel are.
    pub(super) fn cancel_sent(&mut self, order: OrderId, now: i64) {
        if let Some(asked) = self.asked.get_mut(&order) {
            asked.cancel_sent.get_or_insert(now);
        }
    }

    /// The venue has said something about an order.
    pub(super) fn heard(
        &mut self,
        account: AccountId,
        order: OrderId,
        event: OrderEvent,
        now: i64,
    ) {
        use OrderEvent as Event;
        let answers = self.accounts.get_mut(account.index());
        let (Some(answers), Some(asked)) = (answers, self.asked.get_mut(&order)) else { return };
        let is_fill = matches!(event, Event::PartialFill | Event::FinalFill);
        let is_word = is_fill
            || matches!(
                event,
                Event::Accepted | Event::Rejected | Event::Cancelled | Event::Expired
            );
        if is_word && !std::mem::replace(&mut asked.has_word, true) {
            record(&mut answers.first_word, asked.sent, now);
        }
        if is_fill && !std::mem::replace(&mut asked.has_fill, true) {
            record(&mut answers.first_fill, asked.sent, now);
        }
        let end = match event {
            Event::FinalFill => &mut answers.filled,
            Event::Cancelled => &mut answers.cancelled,
            Event::Expired => &mut answers.expired,
            Event::Rejected => &mut answers.rejected,
            _ => return,
        };
        *end += 1;
        if let Some(sent) = asked.cancel_sent.filter(|_| event == Event::Cancelled) {
            record(&mut answers.cancel, sent, now);
        }
        self.asked.remove(&order);
    }

    /// An order was executed.
    pub(super) fn executed(&mut self, booked: &Booked) {
        let answers = self.accounts.get_mut(booked.account.index());
        let asked = booked.order.and_then(|order| self.asked.get(&order));
        let (Some(answers), Some(asked)) = (answers, asked) else { return };
        let (price, size) = (booked.price.to_decimal().to_f64(), booked.size.to_decimal().to_f64());
        if booked.kind == FillKind::Trade && asked.middle > 0.0 {
            let sign = if booked.side == OrderSide::Buy { 1.0 } else { -1.0 };
            answers.cost += sign * (price - asked.middle) * size;
            answers.worth += asked.middle * size;
        }
    }
}

fn record(times: &mut Histogram<u64>, from: i64, to: i64) {
    times.saturating_record(to.saturating_sub(from).max(1).unsigned_abs());
}

#[cfg(test)]
mod tests {
    use rustonite_core::Amount;
    use rustonite_core::datasets::{FillKind, Liquidity, OrderEvent, OrderSide};
    use rustonite_core::ids::{AccountId, InstrumentId};
    use rustonite_exec::{Booked, OrderId};

    use super::Book;

    const MAIN: AccountId = AccountId(0);

    fn fill(order: i64, side: OrderSide, price: i128, size: i128) -> Booked {
        let unit = 10_i128.pow(18);
        Booked {
            fill_id: "1".into(),
            fill_id_prev: None,
            order: Some(OrderId(order)),
            account: MAIN,
            strategy: None,
            instrument: InstrumentId(0),
            kind: FillKind::Trade,
            side,
            price: Amount(price * unit),
            size: Amount(size * unit),
            fee: None,
            liquidity: Liquidity::Maker,
            position_side: None,
            pnl_realised: Amount::ZERO,
            is_closing: false,
            is_late: false,
        }
    }

    #[test]
    fn times_run_from_the_bytes_to_the_first_word_and_the_first_fill() {
        let mut book = Book::default();
        book.open();
        book.sent(MAIN, OrderId(1), 100.0, 1_000);
        book.heard(MAIN, OrderId(1), OrderEvent::Accepted, 1_040);
        book.heard(MAIN, OrderId(1), OrderEvent::PartialFill, 1_070);
        book.heard(MAIN, OrderId(1), OrderEvent::PartialFill, 1_500);
        book.cancel_sent(OrderId(1), 2_000);
        book.cancel_sent(OrderId(1), 2_010);
        book.heard(MAIN, OrderId(1), OrderEvent::Cancelled, 2_050);
        // What it says after the end is not counted again.
        book.heard(MAIN, OrderId(1), OrderEvent::Cancelled, 9_000);
        let answers = &book.accounts()[0];
        let only = |times: &hdrhistogram::Histogram<u64>| (times.len(), times.max());
        assert_eq!(only(&answers.first_word), (1, 40));
        assert_eq!(only(&answers.first_fill), (1, 70));
        assert_eq!(only(&answers.cancel), (1, 50));
        assert_eq!((answers.sent, answers.cancelled, answers.filled), (1, 1, 0));
    }

    #[test]
    fn an_end_without_our_cancel_has_no_time_of_one() {
        let mut book = Book::default();
        book.open();
        for (order, event) in [
            (1, OrderEvent::Rejected),
            (2, OrderEvent::Expired),
            (3, OrderEvent::FinalFill),
            (4, OrderEvent::Cancelled),
        ] {
            book.sent(MAIN, OrderId(order), 0.0, 0);
            book.heard(MAIN, OrderId(order), event, 30);
        }
        let answers = &book.accounts()[0];
        let ends = (answers.rejected, answers.expired, answers.filled, answers.cancelled);
        assert_eq!((answers.sent, ends), (4, (1, 1, 1, 1)));
        assert_eq!((answers.first_word.len(), answers.cancel.len()), (4, 0));
    }

    #[test]
    fn slippage_is_what_was_paid_beyond_the_middle_of_the_decision() {
        let mut book = Book::default();
        book.open();
        assert_eq!(book.accounts()[0].slippage_bps(), None);
        book.sent(MAIN, OrderId(1), 100.0, 0);
        book.sent(MAIN, OrderId(2), 100.0, 0);
        book.executed(&fill(1, OrderSide::Buy, 101, 3));
        assert_eq!(book.accounts()[0].slippage_bps(), Some(100.0));
        // A sale above the middle is a gain; what is not ours counts for nothing.
        book.executed(&fill(2, OrderSide::Sell, 101, 1));
        book.executed(&fill(7, OrderSide::Sell, 1, 1));
        assert_eq!(book.accounts()[0].slippage_bps(), Some(50.0));
    }
}
