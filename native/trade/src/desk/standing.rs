//! Orders that are there already, as the risk layer has to know them: it counts every one that may
//! still be filled, whoever found it and whatever was thought of it before.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use rustonite_core::Amount;
use rustonite_core::datasets::{OrderKind, OrderSide, RiskRequest};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::{Journal, Order, OrderId, Wish};
use rustonite_risk::{Code, Intent, Rules};

use super::Desk;

impl<J: Journal> Desk<J> {
    /// Counts what a ledger of an earlier run has.
    pub(super) fn count_all(&mut self) {
        let open: Vec<_> = self.ledger.open_orders().iter().map(|order| order.id).collect();
        open.into_iter().for_each(|order| self.count_order(order));
        let keys: Vec<_> = self.ledger.positions().iter().map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| self.count_position(key));
        let ledger = &self.ledger;
        let is_open = |id| ledger.order(OrderId(id)).is_some_and(|order| !order.is_final());
        self.risk.keep_parents(is_open);
    }

    /// An order is different now.
    pub(super) fn count_order(&mut self, id: OrderId) {
        let Some(order) = self.ledger.order(id) else { return };
        if order.is_final() {
            return self.risk.order_changed(id.0, 0);
        }
        if order.is_held() {
            return;
        }
        if !self.risk.is_open(id.0) {
            return self.adopt(id);
        }
        let Some(rules) = self.risk.rules(order.wish.instrument) else { return };
        let left = self.size_left(rules, order);
        let price = limit_of(rules, order);
        let is_triggered = order.facts.triggered;
        if order.changes.is_empty() && left > 0 {
            self.risk.order_replaced(id.0, price, left);
        } else {
            self.risk.order_left(id.0, left);
        }
        if is_triggered {
            self.rest(id);
        }
    }

    /// Orders in money of an earlier run were counted as nothing while there was no price.
    #[cold]
    pub(super) fn count_money(&mut self, instrument: InstrumentId) {
        let open = self.ledger.open_orders().into_iter().map(|order| (order.id, &order.wish));
        let in_money = open
            .filter(|(_, wish)| wish.instrument == instrument && wish.size_quote.is_some())
            .map(|(id, _)| id);
        for id in in_money.collect::<Vec<_>>() {
            self.risk.order_changed(id.0, 0);
            self.count_order(id);
        }
    }

    /// Counts an open order that risk does not have: of an earlier run, found at the venue, or one
    /// that was thought to have ended.
    fn adopt(&mut self, id: OrderId) {
        let Some(order) = self.ledger.order(id) else { return };
        let Some(intent) = self.standing(RiskRequest::Submit, order) else { return };
        let is_triggered = order.facts.triggered;
        self.risk.adopt(&intent);
        if is_triggered { self.rest(id) } else { self.widen(id) }
    }

    /// One that waited at its venue rests at its limit once its price has come.
    fn rest(&mut self, id: OrderId) {
        let Some(order) = self.ledger.order(id) else { return };
        let Some(rules) = self.risk.rules(order.wish.instrument) else { return };
        if let Some(price) = limit_of(rules, order) {
            self.risk.order_triggered(id.0, price);
            self.widen(id);
        }
    }

    /// Counts changes that are on their way.
    fn widen(&mut self, id: OrderId) {
        let Some(order) = self.ledger.order(id).filter(|one| !one.changes.is_empty()) else {
            return;
        };
        let Some(intent) = self.standing(RiskRequest::Replace, order) else { return };
        let Some(rules) = self.risk.rules(order.wish.instrument) else { return };
        let change = |price: Option<_>, size| Intent {
            price: price.map(|price| rules.price_toward_market(intent.side, price)),
            size: rules.size_outward(size),
            ..intent
        };
        let changes: Vec<_> = order.changes.iter().map(|one| change(one.price, one.size)).collect();
        changes.iter().for_each(|change| self.risk.widen(change));
    }

    /// An order in the risk layer's whole numbers. What does not fit is rounded to the strict side,
    /// since what is there cannot be denied.
    pub(super) fn standing(&self, request: RiskRequest, order: &Order) -> Option<Intent> {
        let wish = &order.wish;
        let rules = self.risk.rules(wish.instrument)?;
        let price = limit_of(rules, order);
        // Of what others placed the venue does not always say the kind; with a limit it rests.
        let kind = match wish.kind_sent() {
            OrderKind::Unknown if price.is_some() => OrderKind::Limit,
            kind => kind,
        };
        let size_filled = rules.size_outward(order.size_filled);
        let client_id = FixedState::default().hash_one((wish.account, order.id.0, 0_usize));
        Some(Intent {
            request,
            order: order.id.0,
            parent: None,
            account: wish.account,
            strategy: wish.strategy,
            instrument: wish.instrument,
            side: wish.side,
            position_side: wish.position_side,
            kind,
            tif: wish.tif_sent(),
            price,
            price_protect: None,
            trigger: None,
            size: self.size_left(rules, order).saturating_add(size_filled),
            size_filled,
            size_display: None,
            size_min: None,
            by_money: wish.size_quote.is_some(),
            flags: wish.flags,
            stp: wish.stp,
            ts_expire: wish.ts_expire,
            client_id: if request == RiskRequest::Submit { client_id } else { 0 },
            // What is there is not late.
            ts_cause: i64::MAX,
        })
    }

    /// What of an order may still be filled, in points.
    fn size_left(&self, rules: &Rules, order: &Order) -> i64 {
        let middle = self.reference(order.wish.instrument);
        match size_of_money(rules, &order.wish, middle) {
            // Of one in money it is what the rest of it buys at most, until the venue says that it
            // ended.
            Some(Ok(whole)) => {
                let left = rules.size_amount(whole) - order.size_filled;
                rules.size_outward(left).max(0)
            }
            Some(Err(_)) | None => rules.size_outward(order.size_at_risk()),
        }
    }
}

/// An order's limit in points, rounded to the strict side.
fn limit_of(rules: &Rules, order: &Order) -> Option<i64> {
    let wish = &order.wish;
    wish.price.map(|price| rules.price_toward_market(wish.side, price))
}

/// How much an order in money buys at most, in points; `None` of one with a size. Venues take no
/// worst price with it: without one the middle of the market stands for it.
pub(super) fn size_of_money(
    rules: &Rules,
    wish: &Wish,
    middle: Option<Amount>,
) -> Option<Result<i64, Code>> {
    let quote = wish.size_quote?;
    let whole = || {
        let price = if let Some(price) = wish.price_protect.or(wish.price) {
            rules.price(price)?
        } else {
            let middle = middle.ok_or(Code::PriceMissing)?;
            // A lower price sells more.
            let sells = wish.side == OrderSide::Sell;
            let away = if sells { Amount(middle.0 / 100) } else { Amount::ZERO };
            rules.price_toward_market(wish.side, middle - away)
        };
        rules.size_of_quote(quote, price).ok_or(Code::TooManyDecimals)
    };
    Some(whole())
}
