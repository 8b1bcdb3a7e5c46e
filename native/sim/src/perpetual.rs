//! Positions of perpetuals: margin, leverage, funding.
//!
//! Money is conserved to the last unit: what accounts have, less the worth of their positions at
//! entry, changes by deposits, fees and the insurance alone.

use crate::accounts::{Account, BALANCE_MAX, Holding, part};
use crate::exchange::{Exchange, Listed};
use crate::filters::COUNT_MAX;
use crate::orders::{Entry, Slot, Stage};
use crate::triggers::Next;
use crate::{
    AccountId, Amount, AssetId, CancelReason, Event, InstrumentId, Kind, NewOrder, PositionSide,
    Quantity, Reject, Side,
};

/// A share of an amount, cut towards zero.
fn share(amount: Amount, of: i64, whole: i64) -> Amount {
    let (of, whole) = (i128::from(of), i128::from(whole));
    Amount(amount.0 / whole * of + amount.0 % whole * of / whole)
}

/// Whether an order makes a position smaller, whatever else it does.
fn closes(order: &NewOrder, quantity: i64) -> bool {
    match order.side {
        Side::Buy => quantity < 0,
        Side::Sell => quantity > 0,
    }
}

/// Whether an order cannot make a position larger.
fn only_closes(order: &NewOrder) -> bool {
    let opens = match order.side {
        Side::Buy => PositionSide::Long,
        Side::Sell => PositionSide::Short,
    };
    let of_other_side = order.position != PositionSide::Net && order.position != opens;
    order.reduce_only || order.quantity == Quantity::Position || of_other_side
}

/// Worth at entry of the positions of an instrument, the side by side ones last.
fn entered(holding: &Holding) -> [Amount; 3] {
    let sides = [PositionSide::Net, PositionSide::Long, PositionSide::Short];
    sides.map(|side| holding.position(side).entry_quote)
}

/// What the positions of an instrument are worth if all of the open orders are filled that make
/// them larger.
pub(crate) fn largest_worth(holding: &Holding) -> Amount {
    let [buys, sells] = holding.ordered;
    let [net, long, short] = entered(holding);
    let alone = (net + buys).max(sells - net).max(Amount::ZERO);
    // Side by side, one side does not stand for the other.
    let apart = Amount(long.0.abs() + short.0.abs());
    alone + apart + holding.ordered_apart.into_iter().sum()
}

/// Margin that positions and open orders of an instrument need.
fn initial_margin(holding: &Holding) -> Amount {
    let worst = largest_worth(holding);
    // The margin of isolated positions has left the balance.
    let entered = entered(holding).iter().map(|worth| Amount(worth.0.abs())).sum();
    let apart = if holding.isolated { entered } else { Amount::ZERO };
    Amount((worst - apart).0.max(0) / i128::from(holding.leverage))
}

impl Exchange {
    pub(crate) fn check_position(&self, order: &NewOrder) -> Result<(), Reject> {
        let account = self.account(order.account)?;
        if account.hedged == (order.position == PositionSide::Net) {
            return Err(Reject::PositionSide);
        }
        if account.hedged && order.reduce_only {
            return Err(Reject::Contradiction("positions side by side need no reduce-only orders"));
        }
        if order.trigger.is_none() { self.check_closing(order, None) } else { Ok(()) }
    }

    /// Whether there is a position for an order that only closes one. Side by side it closes no more
    /// than is there, and a limit no more than others that rest leave. If `without` is an order, as if
    /// that was not there.
    pub(crate) fn check_closing(
        &self,
        order: &NewOrder,
        without: Option<Slot>,
    ) -> Result<(), Reject> {
        let is_spot = self.known(order.instrument)?.instrument.kind == Kind::Spot;
        if is_spot || !only_closes(order) {
            return Ok(());
        }
        let mut left = self.closable(order, 0);
        let lots = match order.quantity {
            Quantity::Lots(lots) if order.position != PositionSide::Net => lots,
            _ => 1,
        };
        if order.position != PositionSide::Net && order.price.is_some() {
            let without = without.map(|slot| self.orders.get(slot).order.id);
            let rest = self.entries_of(order.account).filter(|entry| {
                let asked = &entry.order.asked;
                entry.stage == Stage::Resting
                    && Some(entry.order.id) != without
                    && (asked.instrument, asked.position) == (order.instrument, order.position)
                    && asked.side == order.side
            });
            left -= rest.map(Entry::open).sum::<i64>();
        }
        if lots > left { Err(Reject::WouldNotReduce) } else { Ok(()) }
    }

    /// Lots of a position that an order may close.
    fn closable(&self, order: &NewOrder, moved: i64) -> i64 {
        let holding = self.accounts[order.account as usize].holding(order.instrument);
        let quantity = holding.position(order.position).quantity + moved;
        if closes(order, quantity) { quantity.abs() } else { 0 }
    }

    /// Lots of an order that may be filled once its position has changed by so many.
    pub(crate) fn fillable_after(&self, asked: &NewOrder, moved: i64) -> i64 {
        let is_spot = self.listed[asked.instrument as usize].instrument.kind == Kind::Spot;
        if is_spot || !only_closes(asked) { i64::MAX } else { self.closable(asked, moved) }
    }

    /// Of so many lots of an order those that may be filled now.
    pub(crate) fn fillable(&self, slot: Slot, lots: i64) -> i64 {
        lots.min(self.fillable_after(&self.orders.get(slot).order.asked, 0))
    }

    /// Notes what an order that works would add to a position, or that it no longer does.
    pub(crate) fn count_ordered(&mut self, slot: Slot, add: bool) {
        let entry = self.orders.get(slot);
        let asked = entry.order.asked;
        let listed = &self.listed[asked.instrument as usize];
        if listed.instrument.kind == Kind::Spot {
            return;
        }
        let counted = match asked.price {
            Some(price) if add && entry.order.is_working && !only_closes(&asked) => {
                listed.worth_of(price, entry.open())
            }
            _ => Amount::ZERO,
        };
        let before = std::mem::replace(&mut self.orders.get_mut(slot).counted, counted);
        let holding = self.accounts[asked.account as usize].holding_mut(asked.instrument);
        *holding.ordered_mut(asked.side, asked.position) += counted - before;
    }

    // Margin

    /// The worth of a position at the mark price; negative if short.
    pub(crate) fn worth_at_mark(&self, instrument: InstrumentId, quantity: i64) -> Amount {
        let price = self.mark_price(instrument).unwrap_or(0);
        let worth = self.listed[instrument as usize].worth_of(price, quantity.abs());
        if quantity < 0 { -worth } else { worth }
    }

    /// Perpetuals of an account that are settled in an asset and share its balance.
    pub(crate) fn shared<'a>(
        &'a self,
        account: &'a Account,
        quote: AssetId,
    ) -> impl Iterator<Item = (InstrumentId, &'a Holding)> {
        account.holdings().filter(move |(id, holding)| {
            let instrument = &self.listed[*id as usize].instrument;
            instrument.kind != Kind::Spot && instrument.quote == quote && !holding.isolated
        })
    }

    /// What shared positions of an account have gained since entry.
    pub(crate) fn unrealised(&self, account: &Account, quote: AssetId) -> Amount {
        let gain = |(id, holding): (InstrumentId, &Holding)| {
            let of = |quantity, entry| self.worth_at_mark(id, quantity) - entry;
            holding.positions().map(|(_, one)| of(one.quantity, one.entry_quote)).sum::<Amount>()
        };
        self.shared(account, quote).map(gain).sum()
    }

    fn required(&self, account: &Account, quote: AssetId) -> Amount {
        let of_quote = |(id, _): &(InstrumentId, &Holding)| {
            let instrument = &self.listed[*id as usize].instrument;
            instrument.kind != Kind::Spot && instrument.quote == quote
        };
        account.holdings().filter(of_quote).map(|(_, holding)| initial_margin(holding)).sum()
    }

    /// What an account can still use as margin of shared positions, whose open profit counts.
    pub fn available(&self, account: AccountId, quote: AssetId) -> Amount {
        let Some(account) = self.accounts.get(account as usize) else { return Amount::ZERO };
        let gained = self.unrealised(account, quote);
        account.balance(quote).free + gained - self.required(account, quote)
    }

    /// What of that may leave the balance, as the margin of an isolated position does: open profit
    /// may not.
    pub fn movable(&self, account: AccountId, quote: AssetId) -> Amount {
        let Some(there) = self.accounts.get(account as usize) else { return Amount::ZERO };
        let gained = self.unrealised(there, quote).max(Amount::ZERO);
        self.available(account, quote) - gained
    }

    fn usable(&self, account: AccountId, quote: AssetId, isolated: bool) -> Amount {
        if isolated { self.movable(account, quote) } else { self.available(account, quote) }
    }

    /// Margin that an account needs for its positions and open orders of a perpetual, without what
    /// isolated positions have of their own.
    pub fn initial_margin(&self, account: AccountId, instrument: InstrumentId) -> Amount {
        let account = self.accounts.get(account as usize);
        account.map(|one| initial_margin(&one.holding(instrument))).unwrap_or_default()
    }

    /// Worth of an account's open orders that buy and that sell, those that only reduce left out.
    pub fn ordered(&self, account: AccountId, instrument: InstrumentId) -> [Amount; 2] {
        let account = self.accounts.get(account as usize);
        let holding = account.map(|one| one.holding(instrument)).unwrap_or_default();
        [0, 1].map(|side| holding.ordered[side] + holding.ordered_apart[side])
    }

    /// Lots of all long positions of a perpetual.
    pub fn open_interest(&self, instrument: InstrumentId) -> i64 {
        let positions = |account: &Account| {
            let holding = account.holding(instrument);
            holding.positions().map(|(_, one)| one.quantity.max(0)).sum::<i64>()
        };
        self.accounts.iter().map(positions).sum()
    }

    /// Whether there is margin for an order; one that waits needs none before it comes. If `without`
    /// is an order, as if that was not there.
    pub(crate) fn check_margin(
        &self,
        order: &NewOrder,
        without: Option<Slot>,
    ) -> Result<(), Reject> {
        if only_closes(order) || order.trigger.is_some() {
            return Ok(());
        }
        let listed = &self.listed[order.instrument as usize];
        let Quantity::Lots(lots) = order.quantity else { return Ok(()) };
        let notional = if let Some(price) = order.price {
            listed.worth(price, lots)?
        } else {
            let price = self.mark_price(order.instrument).unwrap_or(0);
            listed.worth(price, lots)?.max(self.foresee(order, without).quote)
        };
        let account = &self.accounts[order.account as usize];
        let mut holding = account.holding(order.instrument);
        let before = holding;
        if let Some(entry) = without.map(|slot| self.orders.get(slot)) {
            let asked = &entry.order.asked;
            *holding.ordered_mut(asked.side, asked.position) -= entry.counted;
        }
        *holding.ordered_mut(order.side, order.position) += notional;
        listed.check_tier(&before, &holding)?;
        let needed = initial_margin(&holding) - initial_margin(&before);
        let asset = listed.instrument.quote;
        let free = self.usable(order.account, asset, holding.isolated);
        if needed > Amount::ZERO && needed > free {
            return Err(Reject::Balance { asset, needed, free });
        }
        Ok(())
    }

    /// Whether there is too little margin for what becomes of an order.
    pub(crate) fn lacks_margin(&self, order: &NewOrder, before: Slot) -> bool {
        let is_spot = self.listed[order.instrument as usize].instrument.kind == Kind::Spot;
        !is_spot && self.check_margin(order, Some(before)).is_err()
    }

    // Fills

    /// A position takes its part of a trade; returns what it gained.
    pub(crate) fn move_position(&mut self, slot: Slot, lots: i64, cost: Amount) -> Amount {
        let asked = self.orders.get(slot).order.asked;
        let quote = self.listed[asked.instrument as usize].instrument.quote;
        let sign = if asked.side == Side::Buy { 1 } else { -1 };
        let holding = self.accounts[asked.account as usize].holding_mut(asked.instrument);
        let (leverage, isolated) = (holding.leverage, holding.isolated);
        let position = holding.position_mut(asked.position);
        let held = position.quantity;
        let closed = if closes(&asked, held) { lots.min(held.abs()) } else { 0 };
        let mut realised = Amount::ZERO;
        let mut freed = Amount::ZERO;
        if closed > 0 {
            let entry = share(position.entry_quote, closed, held.abs());
            let paid = Amount(share(cost, closed, lots).0 * i128::from(sign));
            freed = share(position.margin, closed, held.abs());
            position.quantity += sign * closed;
            position.entry_quote -= entry;
            position.margin -= freed;
            realised = -paid - entry;
        }
        let opened = lots - closed;
        if opened > 0 {
            let paid = share(cost, opened, lots);
            position.quantity += sign * opened;
            position.entry_quote += Amount(paid.0 * i128::from(sign));
            if isolated {
                let margin = Amount(paid.0 / i128::from(leverage));
                position.margin += margin;
                freed -= margin;
            }
        }
        if closed == held.abs() && closed > 0 {
            self.next.push_back(Next::Closed(asked.account, asked.instrument));
        }
        self.balance_of(asked.account, quote).free += realised + freed;
        self.touched.positions.push((asked.account, asked.instrument, asked.position));
        realised
    }

    /// Ends an account's orders in a book that have nothing to reduce any more.
    pub(crate) fn end_useless(&mut self, account: AccountId, instrument: InstrumentId) {
        self.end_those(account, CancelReason::ReduceOnly, |exchange, entry| {
            let asked = &entry.order.asked;
            asked.instrument == instrument
                && entry.stage == Stage::Resting
                && exchange.fillable_after(asked, 0) == 0
        });
    }

    // Settings

    fn perpetual(
        &self,
        account: AccountId,
        instrument: InstrumentId,
    ) -> Result<(Holding, &Listed), Reject> {
        let holding = self.account(account)?.holding(instrument);
        let listed = self.known(instrument)?;
        match listed.instrument.kind {
            Kind::Spot => Err(Reject::Contradiction("spot has no positions")),
            Kind::Perpetual { .. } => Ok((holding, listed)),
        }
    }

    pub(crate) fn set_leverage(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        leverage: u32,
    ) -> Result<(), Reject> {
        let (holding, listed) = self.perpetual(account, instrument)?;
        let (quote, largest) = (listed.instrument.quote, listed.tiers.leverage_max());
        if !(1..=largest).contains(&leverage) {
            return Err(Reject::Leverage { found: leverage, largest });
        }
        if holding.isolated && !holding.is_flat() && leverage < holding.leverage {
            return Err(Reject::InUse);
        }
        let mut after = holding;
        after.leverage = leverage;
        if leverage > holding.leverage {
            listed.check_worth(&after)?;
        }
        let needed = initial_margin(&after) - initial_margin(&holding);
        let free = self.usable(account, quote, holding.isolated);
        if needed > Amount::ZERO && needed > free {
            return Err(Reject::Balance { asset: quote, needed, free });
        }
        self.accounts[account as usize].holding_mut(instrument).leverage = leverage;
        Ok(())
    }

    pub(crate) fn set_isolated(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        isolated: bool,
    ) -> Result<(), Reject> {
        let (holding, ..) = self.perpetual(account, instrument)?;
        if holding.isolated != isolated && (!holding.is_flat() || holding.open > 0) {
            return Err(Reject::InUse);
        }
        self.accounts[account as usize].holding_mut(instrument).isolated = isolated;
        Ok(())
    }

    pub(crate) fn set_hedged(&mut self, account: AccountId, hedged: bool) -> Result<(), Reject> {
        let there = self.account(account)?;
        let in_use = |(id, holding): (InstrumentId, &Holding)| {
            let is_spot = self.listed[id as usize].instrument.kind == Kind::Spot;
            !is_spot && (!holding.is_flat() || holding.open > 0)
        };
        if there.hedged != hedged && there.holdings().any(in_use) {
            return Err(Reject::InUse);
        }
        self.accounts[account as usize].hedged = hedged;
        Ok(())
    }

    pub(crate) fn move_margin(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        position: PositionSide,
        amount: Amount,
    ) -> Result<(), Reject> {
        let (holding, listed) = self.perpetual(account, instrument)?;
        let quote = listed.instrument.quote;
        if amount.0.unsigned_abs() > BALANCE_MAX.unsigned_abs() {
            return Err(Reject::Overflow);
        }
        let there = *holding.position(position);
        if !holding.isolated || there.quantity == 0 {
            return Err(Reject::Contradiction("there is no isolated position"));
        }
        if amount > Amount::ZERO {
            let free = self.movable(account, quote);
            if free < amount {
                return Err(Reject::Balance { asset: quote, needed: amount, free });
            }
        } else {
            let lost = self.worth_at_mark(instrument, there.quantity) - there.entry_quote;
            let least = Amount(there.entry_quote.0.abs() / i128::from(holding.leverage));
            let free = there.margin + lost.min(Amount::ZERO) - least;
            let needed = -amount;
            if free < needed {
                return Err(Reject::Balance { asset: quote, needed, free });
            }
        }
        let holding = self.accounts[account as usize].holding_mut(instrument);
        holding.position_mut(position).margin += amount;
        self.balance_of(account, quote).free -= amount;
        self.touched.positions.push((account, instrument, position));
        Ok(())
    }

    // Mark prices

    pub(crate) fn set_mark(&mut self, instrument: InstrumentId, price: i64) -> Result<(), Reject> {
        let listed = self.known(instrument)?;
        if listed.instrument.kind == Kind::Spot {
            return Err(Reject::Contradiction("spot has no mark price"));
        }
        if !(1..=COUNT_MAX).contains(&price) {
            return Err(Reject::Price { price, least: 1, largest: COUNT_MAX });
        }
        self.listed[instrument as usize].mark = Some(price);
        self.see_prices(instrument);
        self.run_triggers();
        for account in 0..AccountId::try_from(self.accounts.len()).unwrap_or(0) {
            self.judge(account, instrument);
        }
        self.run_triggers();
        Ok(())
    }

    pub(crate) fn fund(&mut self, instrument: InstrumentId, rate_ppm: i64) -> Result<(), Reject> {
        let listed = self.known(instrument)?;
        let quote = listed.instrument.quote;
        if listed.instrument.kind == Kind::Spot {
            return Err(Reject::Contradiction("spot has no funding"));
        }
        if listed.mark.is_none() {
            return Err(Reject::Contradiction("there is no mark price"));
        }
        if rate_ppm.abs() > 1_000_000 {
            return Err(Reject::Contradiction("a funding rate is at most everything"));
        }
        for account in 0..AccountId::try_from(self.accounts.len()).unwrap_or(0) {
            let holding = self.accounts[account as usize].holding(instrument);
            for (side, one) in holding.positions() {
                let amount = -part(self.worth_at_mark(instrument, one.quantity), rate_ppm);
                if amount == Amount::ZERO {
                    continue;
                }
                self.events.push(Event::Funded { account, instrument, amount });
                // What does not divide is the venue's.
                self.assets[quote as usize].collected -= amount;
                if holding.isolated {
                    let there = self.accounts[account as usize].holding_mut(instrument);
                    there.position_mut(side).margin += amount;
                    self.touched.positions.push((account, instrument, side));
                } else {
                    self.balance_of(account, quote).free += amount;
                }
            }
        }
        Ok(())
    }
}
