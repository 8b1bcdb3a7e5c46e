//! Liquidation: the end of positions that have too little margin.
//!
//! The book takes them as long as it gives no less than the price at which their margin is gone.
//! What is left is closed at that price against positions of the other side, of those first who have
//! gained most with most leverage. So nobody loses more than there is, but for fees, which the
//! insurance pays.

use std::cmp::Reverse;

use crate::accounts::Holding;
use crate::exchange::Exchange;
use crate::filters::COUNT_MAX;
use crate::matching::Part;
use crate::orders::{Slot, Stage};
use crate::{
    AccountId, Amount, AssetId, CancelReason, Event, Expiry, InstrumentId, Kind, NewOrder,
    PositionSide, SelfTrade, Side,
};

/// Gains are compared as parts of so many.
const PARTS: i128 = 1_000_000;

impl Exchange {
    /// Liquidates positions of an account that have too little margin.
    pub(crate) fn judge(&mut self, account: AccountId, instrument: InstrumentId) {
        let there = &self.accounts[account as usize];
        let holding = there.holding(instrument);
        let quote = self.listed[instrument as usize].instrument.quote;
        if holding.is_flat() {
            self.clear_debt(account, quote);
            return;
        }
        if holding.isolated {
            for (side, one) in holding.positions() {
                let worth = self.worth_at_mark(instrument, one.quantity);
                let equity = one.margin + worth - one.entry_quote;
                if one.quantity != 0 && equity < self.maintenance(instrument, worth) {
                    self.liquidate(account, instrument, side);
                }
            }
            return;
        }
        if !self.lacks_maintenance(account, quote) {
            return;
        }
        // Any of them that were filled now would be without margin.
        self.end_those(account, CancelReason::Liquidation, |exchange, entry| {
            let of = entry.order.asked.instrument;
            let instrument = &exchange.listed[of as usize].instrument;
            instrument.kind != Kind::Spot && instrument.quote == quote
        });
        let shared = self.shared(&self.accounts[account as usize], quote);
        let of_each = |(id, holding): (InstrumentId, &Holding)| {
            let held = holding.positions().filter(|(_, one)| one.quantity != 0);
            held.map(move |(side, _)| (id, side)).collect::<Vec<_>>()
        };
        for (id, side) in shared.flat_map(of_each).collect::<Vec<_>>() {
            if self.lacks_maintenance(account, quote) {
                self.liquidate(account, id, side);
            }
        }
        self.clear_debt(account, quote);
    }

    /// Whether a balance is too small for the positions that share it.
    fn lacks_maintenance(&self, account: AccountId, quote: AssetId) -> bool {
        let there = &self.accounts[account as usize];
        let needed: Amount = self
            .shared(there, quote)
            .flat_map(|(id, holding)| holding.positions().map(move |(_, one)| (id, one.quantity)))
            .map(|(id, quantity)| self.maintenance(id, self.worth_at_mark(id, quantity)))
            .sum();
        there.balance(quote).free + self.unrealised(there, quote) < needed
    }

    /// An account that holds nothing any more owes nothing either.
    fn clear_debt(&mut self, account: AccountId, quote: AssetId) {
        let there = &self.accounts[account as usize];
        let owes = there.balance(quote).free < Amount::ZERO;
        if owes && self.shared(there, quote).all(|(_, holding)| holding.is_flat()) {
            self.insure(account, quote, Amount::ZERO);
        }
    }

    fn maintenance(&self, instrument: InstrumentId, worth: Amount) -> Amount {
        self.listed[instrument as usize].tiers.maintenance(worth)
    }

    /// Closes a position. What neither the book nor anybody else takes stays until the next mark.
    fn liquidate(&mut self, account: AccountId, instrument: InstrumentId, position: PositionSide) {
        self.events.push(Event::Liquidated { account, instrument, position });
        self.end_those(account, CancelReason::Liquidation, |_, entry| {
            entry.order.asked.instrument == instrument
        });
        let price = self.last_price_of(account, instrument, position);
        let before = self.free_before(account, instrument);
        let quantity = self.position(account, instrument, position).0;
        let order = NewOrder {
            expiry: Expiry::Immediate,
            self_trade: SelfTrade::ExpireMaker,
            ..closing(account, instrument, position, quantity, price, quantity.abs())
        };
        let Ok(slot) = self.add(&order, Stage::Coming) else { return };
        self.events.push(Event::Placed { order: self.orders.get(slot).order.id });
        self.take(slot);
        if self.orders.get(slot).stage != Stage::Ended {
            self.deleverage(slot, price);
        }
        if self.orders.get(slot).stage != Stage::Ended {
            self.end(slot, Some(CancelReason::Immediate));
        }
        self.make_good(account, instrument, before);
    }

    /// The price at which nothing is left of a position's margin, cut to the better tick.
    fn last_price_of(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        side: PositionSide,
    ) -> i64 {
        let listed = &self.listed[instrument as usize];
        let there = &self.accounts[account as usize];
        let holding = there.holding(instrument);
        let position = holding.position(side);
        let worth = self.worth_at_mark(instrument, position.quantity);
        let equity = if holding.isolated {
            position.margin + worth - position.entry_quote
        } else {
            let quote = listed.instrument.quote;
            there.balance(quote).free + self.unrealised(there, quote)
        };
        let tick = listed.worth_of(1, position.quantity.abs()).0.max(1);
        let ticks = (equity - worth).0.div_euclid(tick);
        let price = if position.quantity > 0 { -ticks } else { ticks };
        i64::try_from(price.clamp(1, i128::from(COUNT_MAX))).unwrap_or(COUNT_MAX)
    }

    /// What an account has to have once a position is closed: an isolated one loses its own margin
    /// and no more.
    fn free_before(&self, account: AccountId, instrument: InstrumentId) -> Option<Amount> {
        let there = &self.accounts[account as usize];
        let quote = self.listed[instrument as usize].instrument.quote;
        there.holding(instrument).isolated.then(|| there.balance(quote).free)
    }

    /// The insurance pays what an account has less than it should.
    fn make_good(&mut self, account: AccountId, instrument: InstrumentId, before: Option<Amount>) {
        let quote = self.listed[instrument as usize].instrument.quote;
        let there = &self.accounts[account as usize];
        let is_flat = || self.shared(there, quote).all(|(_, holding)| holding.is_flat());
        let Some(least) = before.or_else(|| is_flat().then_some(Amount::ZERO)) else { return };
        self.insure(account, quote, least);
    }

    fn insure(&mut self, account: AccountId, quote: AssetId, least: Amount) {
        let free = self.accounts[account as usize].balance(quote).free;
        if free < least {
            let amount = least - free;
            self.assets[quote as usize].insurance -= amount;
            self.balance_of(account, quote).free = least;
            self.events.push(Event::Insured { account, asset: quote, amount });
        }
    }

    // What nobody took

    /// Closes what is left of a liquidated position against those of the other side.
    fn deleverage(&mut self, slot: Slot, price: i64) {
        let asked = self.orders.get(slot).order.asked;
        for (account, side) in self.deleveraged_next(&asked) {
            let open = self.fillable(slot, self.orders.get(slot).open());
            if open == 0 {
                return;
            }
            self.close_against(slot, account, side, price, open);
        }
    }

    /// Positions that an order may be closed against, in the order in which they are.
    fn deleveraged_next(&self, order: &NewOrder) -> Vec<(AccountId, PositionSide)> {
        let mut found = Vec::new();
        for (account, there) in (0..).zip(&self.accounts) {
            let holding = there.holding(order.instrument);
            for (side, one) in holding.positions() {
                let gives = match order.side {
                    Side::Buy => one.quantity > 0,
                    Side::Sell => one.quantity < 0,
                };
                if gives && account != order.account {
                    found.push((
                        Reverse(self.exposure(order.instrument, &holding, side)),
                        account,
                        side,
                    ));
                }
            }
        }
        found.sort_by_key(|(exposure, account, side)| (*exposure, *account, *side as u8));
        found.into_iter().map(|(_, account, side)| (account, side)).collect()
    }

    /// What a position has gained for its worth at entry, times its leverage.
    fn exposure(&self, instrument: InstrumentId, holding: &Holding, side: PositionSide) -> i128 {
        let one = holding.position(side);
        let gain = self.worth_at_mark(instrument, one.quantity) - one.entry_quote;
        let part = (one.entry_quote.0.abs() / PARTS).max(1);
        gain.0 / part * i128::from(holding.leverage)
    }

    /// Closes an order that came against a position, which the venue takes part in for its account.
    fn close_against(
        &mut self,
        slot: Slot,
        account: AccountId,
        position: PositionSide,
        price: i64,
        open: i64,
    ) {
        let instrument = self.orders.get(slot).order.asked.instrument;
        let quantity = self.position(account, instrument, position).0;
        let lots = open.min(quantity.abs());
        let before = self.free_before(account, instrument);
        let order = closing(account, instrument, position, quantity, price, lots);
        let Ok(other) = self.add(&order, Stage::Coming) else { return };
        let id = self.orders.get(other).order.id;
        self.events.push(Event::Placed { order: id });
        self.events.push(Event::Deleveraged { account, instrument, position, order: id });
        let outside = self.listed[instrument as usize].outside.as_ref();
        if outside.is_none_or(|outside| outside.account != account) {
            self.end_those(account, CancelReason::Liquidation, |_, entry| {
                entry.order.asked.instrument == instrument && entry.order.id != id
            });
        }
        self.listed[instrument as usize].trades += 1;
        let trade = self.listed[instrument as usize].trades;
        self.fill(other, trade, price, lots, Part::Forced);
        self.fill(slot, trade, price, lots, Part::Taker);
        for filled in [other, slot] {
            if self.orders.get(filled).open() == 0 {
                self.end(filled, None);
            }
        }
        self.make_good(account, instrument, before);
    }
}

/// An order that closes so many lots of a position.
fn closing(
    account: AccountId,
    instrument: InstrumentId,
    position: PositionSide,
    quantity: i64,
    price: i64,
    lots: i64,
) -> NewOrder {
    let side = if quantity > 0 { Side::Sell } else { Side::Buy };
    let order = NewOrder::limit(account, instrument, side, price, lots);
    NewOrder { reduce_only: true, position, ..order }
}
