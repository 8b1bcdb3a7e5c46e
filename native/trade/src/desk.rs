//! The one door to venues: nothing leaves without a pass of the risk layer and a row of the
//! journal, and everything that comes in goes through here.

mod account;
mod risks;

use std::collections::VecDeque;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderEvent, RiskRequest};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_exec::gateway::{Gateway, Heard, HttpAnswer, Outgoing};
use rustonite_exec::{
    Ask, Change, Directory, Journal, Ledger, Link, Moment, OrderId, Report, Request, Values, What,
    Wish,
};
use rustonite_feed::FeedError;
use rustonite_risk::{Denial, Pass, Risk, Trip};

use self::account::Account;
use crate::line::Arrived;
use crate::strategy::{Denied, FillNews, OrderNews, OrderView};

/// Takes what a gateway wants sent.
pub trait Outbox: Send {
    /// Sends it.
    ///
    /// # Errors
    /// It cannot be sent at all, such as for want of an address.
    fn send(&mut self, what: Outgoing) -> Result<(), FeedError>;
}

/// What strategies and people are told.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Something happened to an order.
    Order(OrderNews),
    /// An order was executed.
    Fill(FillNews),
    /// An account may trade from now on, or may not any more.
    Trading(AccountId, bool),
    /// A rule or a person changed what is allowed.
    Trip(Trip),
    /// Something that a person should know.
    Notice(String),
}

/// The door.
pub struct Desk<J> {
    ledger: Ledger<J>,
    risk: Risk,
    accounts: Vec<Account>,
    strategy: StrategyId,
    /// What was seen last of the market: row, and when we got it.
    seen: (Option<i64>, i64),
    news: VecDeque<News>,
}

impl<J: Journal> Desk<J> {
    /// A desk whose accounts are still to be opened.
    pub fn new(ledger: Ledger<J>, risk: Risk, strategy: StrategyId) -> Self {
        let (accounts, news) = (Vec::new(), VecDeque::new());
        Self { ledger, risk, accounts, strategy, seen: (None, 0), news }
    }

    /// Opens an account, whose number is the next one.
    ///
    /// # Errors
    /// Its outbox takes nothing.
    pub fn open(
        &mut self,
        gateway: Box<dyn Gateway>,
        outbox: Box<dyn Outbox>,
        instruments: Vec<InstrumentId>,
        now: i64,
    ) -> Result<(), FeedError> {
        let mut account = Account::new(gateway, outbox, instruments);
        account.start(now)?;
        self.accounts.push(account);
        Ok(())
    }

    /// The next thing that there is to tell.
    pub fn next_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// Orders, fills, positions and balances.
    pub fn ledger(&self) -> &Ledger<J> {
        &self.ledger
    }

    /// The risk layer.
    pub fn risk(&self) -> &Risk {
        &self.risk
    }

    /// Places an order.
    ///
    /// # Errors
    /// Risk denies it, or the journal takes no row; nothing was sent.
    pub fn submit(&mut self, mut wish: Wish, now: i64) -> Result<OrderId, Denied> {
        wish.strategy.get_or_insert(self.strategy);
        let at = self.moment(now);
        let order = self.ledger.next_id();
        let pass = match self.checked(RiskRequest::Submit, order, &wish, Amount::ZERO, now) {
            Ok(pass) => pass,
            Err(denied) => {
                let written = self.ledger.deny(at, wish, Link::default(), denied.code);
                written.map_err(|error| halted(&error))?;
                self.tell_order(order, OrderEvent::Denied, Some(denied.to_string()));
                return Err(denied);
            }
        };
        let asked = self.ledger.submit(at, wish, Link::default());
        let (order, request) = asked.map_err(|error| halted(&error))?;
        self.send(pass, &request, now);
        self.tell_order(order, OrderEvent::Submitted, None);
        Ok(order)
    }

    /// Changes limit and whole size of an order.
    ///
    /// # Errors
    /// As [`Desk::submit`]; the order cannot be changed now.
    pub fn replace(
        &mut self,
        order: OrderId,
        price: Option<Amount>,
        size: Amount,
        now: i64,
    ) -> Result<(), Denied> {
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        let (filled, mut wish) = (known.size_filled, known.wish.clone());
        let price = price.or(wish.price);
        (wish.price, wish.size) = (price, size);
        let pass = self.checked(RiskRequest::Replace, order, &wish, filled, now)?;
        let values = Values { price, size, price_trigger: wish.trigger.map(|one| one.price) };
        let asked = self.ledger.replace(self.moment(now), order, values);
        let request = asked.map_err(|error| halted(&error))?;
        self.send(pass, &request, now);
        self.tell_order(order, OrderEvent::ReplaceAsked, None);
        Ok(())
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// The order cannot be cancelled now.
    pub fn cancel(&mut self, order: OrderId, now: i64) -> Result<(), Denied> {
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        let (filled, wish) = (known.size_filled, known.wish.clone());
        let pass = self.checked(RiskRequest::Cancel, order, &wish, filled, now)?;
        let asked = self.ledger.cancel(self.moment(now), order);
        let request = asked.map_err(|error| halted(&error))?;
        self.send(pass, &request, now);
        self.tell_order(order, OrderEvent::CancelAsked, None);
        Ok(())
    }

    /// Cancels all open orders of an instrument, or all.
    pub fn cancel_all(&mut self, instrument: Option<InstrumentId>, now: i64) {
        let mine = |wish: &Wish| instrument.is_none_or(|one| one == wish.instrument);
        let open = self.ledger.open_orders();
        let open: Vec<_> = open.iter().filter(|one| mine(&one.wish)).map(|one| one.id).collect();
        // One that cannot be cancelled at the moment has a cancel in flight, or ended.
        open.into_iter().for_each(|order| drop(self.cancel(order, now)));
    }

    /// Passes a request to the gateway. There is no other way there: a pass is made by a check alone
    /// and is used up here.
    fn send(&mut self, pass: Pass, request: &Request, now: i64) {
        let account = pass.account();
        self.risk.sent(pass, now);
        let Some(account) = self.accounts.get_mut(account.index()) else { return };
        if let Err(what) = account.send(request, now) {
            let report = account.report_of(request, now, what);
            self.take(&report);
        }
    }
}
