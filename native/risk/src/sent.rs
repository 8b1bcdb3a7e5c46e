//! What became of our orders. Each call keeps the worst case: what may still be filled counts until
//! the venue has said that it cannot.

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderSide, PositionSide, RiskRequest, RiskScope, TradingState};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};

use crate::check::{leg, look, reduces_only, rests};
use crate::code::{Code, Unit};
use crate::directory::Target;
use crate::intent::{Denial, Intent, Pass};
use crate::key::Key;
use crate::latch::Trip;
use crate::orders::{Open, rests as rest_at};
use crate::risk::Risk;
use crate::seat::Seat;

/// A day, for counters that start anew at midnight UTC.
pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

/// An execution, as risk has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Our number of the order, if it is one of ours.
    pub order: Option<i64>,
    /// Whose.
    pub account: AccountId,
    /// For which strategy; `None` for `manual`.
    pub strategy: Option<StrategyId>,
    /// Of what.
    pub instrument: InstrumentId,
    /// Our side.
    pub side: OrderSide,
    /// Which position, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// How much, in points; negative takes an earlier one back.
    pub size: i64,
}

impl Risk {
    /// A request leaves: say it before anything else is checked. From here on the order counts.
    ///
    /// # Errors
    /// [`Code::NotChecked`] if the pass is for something else; then nothing is counted, and nothing
    /// may be sent.
    pub fn sent(&mut self, intent: &Intent, pass: &Pass, now: i64) -> Result<(), Denial> {
        if !pass.is_for(intent) {
            return Err(Denial::new(Code::NotChecked, RiskScope::Order));
        }
        self.turn(now);
        self.count_request(intent, now);
        match intent.request {
            RiskRequest::Cancel => {}
            RiskRequest::Replace => {
                if intent.client_id != 0 {
                    self.client_ids.insert(intent.client_id, now);
                }
                self.widen(intent);
            }
            _ => {
                self.likes.insert(look(intent), now);
                if let Some(parent) = intent.parent {
                    self.children.add(parent);
                }
                self.adopt(intent);
            }
        }
        Ok(())
    }

    /// Counts an order that exists already: found at the venue, or sent by an earlier run. It was
    /// not checked, and asks for no pass, because it cannot be undone.
    pub fn adopt(&mut self, intent: &Intent) {
        let strategy = self.strategy_place(intent.strategy);
        let (Some(account), Some(traded)) = (
            self.accounts.get(intent.account.index()),
            self.instruments.get(intent.instrument.index()),
        ) else {
            return;
        };
        if self.orders.get(intent.order).is_some() || account.venue != traded.venue {
            return;
        }
        let Ok(strategy) = u16::try_from(strategy).map(StrategyId) else { return };
        let mut open = Open::new(intent.order, intent.account, strategy, intent.instrument);
        open.leg = leg(account, intent.position_side);
        open.side = intent.side;
        open.price = rests(intent);
        open.price_worst = open.price;
        open.leaves = intent.size.saturating_sub(intent.size_filled).max(0);
        open.is_reduce_only = reduces_only(account, intent);
        open.pays = self.pays(intent);
        self.count_open(&open, 1);
        self.reserve(&open, 1);
        let own = &mut self.instruments[intent.instrument.index()].own;
        self.orders.insert(open, own);
        self.client_ids.insert(intent.client_id, self.now);
    }

    /// What an order takes of which asset for each size point; `None` where margin does.
    fn pays(&self, intent: &Intent) -> Option<(rustonite_core::ids::AssetId, i128)> {
        let ask = self.ask(intent, self.now)?;
        ask.is_spot().then(|| ask.pays_each())
    }

    /// Whether an order counts as open.
    pub fn is_open(&self, order: i64) -> bool {
        self.orders.has(order)
    }

    /// The venue says, or it follows from a fill, how much of an order may still be filled. 0 ends
    /// it.
    pub fn order_changed(&mut self, order: i64, leaves: i64) {
        self.order_left(order, leaves);
        let ended = self.orders.get(order).copied().filter(|open| open.leaves == 0);
        if let Some(open) = ended {
            self.count_open(&open, -1);
            let own = &mut self.instruments[open.instrument.index()].own;
            self.orders.remove(order, own);
        }
    }

    /// As [`Risk::order_changed`], of an order that stays open even if nothing is known to be left of
    /// it: it may be cancelled.
    pub fn order_left(&mut self, order: i64, leaves: i64) {
        let Some(open) = self.orders.get(order).copied() else { return };
        let mut after = open;
        after.leaves = leaves.max(0);
        self.recount(&open, &after);
        if let Some(place) = self.orders.get_mut(order) {
            place.leaves = after.leaves;
        }
    }

    /// A change is done or was refused: these are its limit and what may still be filled.
    pub fn order_replaced(&mut self, order: i64, price: Option<i64>, leaves: i64) {
        let Some(open) = self.orders.get(order).copied() else { return };
        let mut after = open;
        after.leaves = leaves.max(0);
        if open.price > 0 {
            after.price = price.unwrap_or(0);
            after.price_worst = after.price;
        }
        after.pays = self.pays_at(&open, price);
        self.put(&open, after);
        self.order_changed(order, leaves);
    }

    /// An order that waited was triggered and rests at a price from now on. Of one that rests already
    /// nothing is new.
    pub fn order_triggered(&mut self, order: i64, price: i64) {
        let Some(open) = self.orders.get(order).copied().filter(|one| one.price == 0) else {
            return;
        };
        let mut after = open;
        after.price = price.max(0);
        after.price_worst = after.price;
        self.put(&open, after);
    }

    fn pays_at(
        &self,
        open: &Open,
        price: Option<i64>,
    ) -> Option<(rustonite_core::ids::AssetId, i128)> {
        let (asset, each) = open.pays?;
        let traded = self.instruments.get(open.instrument.index())?;
        let account = self.accounts.get(open.account.index())?;
        let cell = self.account_cells[account.cell(traded)][open.leg];
        match (open.side, price) {
            (OrderSide::Buy, Some(price)) => {
                let quote = i128::from(price).saturating_mul(traded.worth.product_quote);
                Some((asset, quote.saturating_mul(i128::from(cell.margin_ppm))))
            }
            _ => Some((asset, each)),
        }
    }

    /// A change is on its way: until it is settled, the worse of before and after counts. For one
    /// that an earlier run sent.
    pub fn widen(&mut self, intent: &Intent) {
        let Some(open) = self.orders.get(intent.order).copied() else { return };
        let account = self.accounts.get(open.account.index());
        let mut after = open;
        after.is_reduce_only &= account.is_none_or(|account| reduces_only(account, intent));
        after.leaves = open.leaves.max(intent.size.saturating_sub(intent.size_filled));
        if open.price > 0 {
            // Also one that was triggered, whose kind does not say that it rests.
            let price = intent.price.unwrap_or(open.price);
            after.price_worst = match open.side {
                OrderSide::Buy => open.price_worst.max(price),
                OrderSide::Sell => open.price_worst.min(price),
            };
        }
        let asked = self.pays(intent).map_or(0, |(_, each)| each);
        after.pays = open.pays.map(|(asset, each)| (asset, each.max(asked)));
        self.put(&open, after);
    }

    /// Puts an order in the place of what it was.
    fn put(&mut self, before: &Open, after: Open) {
        self.recount(before, &after);
        let Some(place) = self.orders.get_mut(before.number) else { return };
        *place = after;
        let own = &mut self.instruments[before.instrument.index()].own;
        rest_at(own, after.side, after.price_worst);
        if before.price_worst != after.price_worst {
            self.orders.find_best(before.side, before.price_worst, own);
        }
    }

    /// Takes the difference of two states of an order into the sums.
    fn recount(&mut self, before: &Open, after: &Open) {
        let more = after.counted() - before.counted();
        if more != 0 {
            self.add_open(before, more);
        }
        self.reserve(before, -1);
        self.reserve(after, 1);
    }

    fn add_open(&mut self, open: &Open, size: i64) {
        let is_buy = open.side == OrderSide::Buy;
        let (account, strategy) = (open.account.index(), open.strategy.index());
        self.change_cells(account, strategy, open.instrument, open.leg, |cell| {
            *cell = cell.with(is_buy, size);
        });
    }

    fn reserve(&mut self, open: &Open, sign: i128) {
        let Some((asset, _)) = open.pays else { return };
        let at = self.purse(open.account, asset);
        if let Some(purse) = self.purses.get_mut(at) {
            purse.reserved = purse.reserved.saturating_add(sign * open.reserved());
        }
    }

    /// Counts an order as open, or as gone.
    fn count_open(&mut self, open: &Open, sign: i64) {
        if sign > 0 {
            self.add_open(open, open.counted());
        }
        self.each_seat(open.account, open.strategy, |seat| seat.open_orders += sign);
    }

    fn count_request(&mut self, intent: &Intent, now: i64) {
        let is_cancel = intent.request == RiskRequest::Cancel;
        let strategy = self.strategy_place(intent.strategy);
        let strategy = StrategyId(u16::try_from(strategy).unwrap_or(u16::MAX));
        self.each_seat(intent.account, strategy, |seat| seat.count_request(now, is_cancel));
    }

    pub(crate) fn each_seat(
        &mut self,
        account: AccountId,
        strategy: StrategyId,
        mut change: impl FnMut(&mut Seat),
    ) {
        let mut change = |seat: &mut Seat| {
            change(seat);
            seat.measure_counts();
        };
        change(&mut self.all);
        if let Some(account) = self.accounts.get_mut(account.index()) {
            change(&mut account.seat);
            if let Some(venue) = self.venues.get_mut(account.venue.index()) {
                change(&mut venue.seat);
            }
        }
        if let Some(strategy) = self.strategies.get_mut(strategy.index()) {
            change(strategy);
        }
    }

    /// An execution: the position changes, and the order has so much less to be filled.
    pub fn filled(&mut self, fill: &Execution, now: i64, trips: &mut Vec<Trip>) {
        self.turn(now);
        let strategy = self.strategy_place(fill.strategy);
        let Some(account) = self.accounts.get(fill.account.index()) else { return };
        if fill.instrument.index() >= self.instruments.len() || strategy >= self.strategies.len() {
            return;
        }
        let leg = leg(account, fill.position_side);
        let size = if fill.side == OrderSide::Buy { fill.size } else { fill.size.saturating_neg() };
        self.change_cells(fill.account.index(), strategy, fill.instrument, leg, |cell| {
            cell.position = cell.position.saturating_add(size);
        });
        if let Some(open) = fill.order.and_then(|order| self.orders.get(order)) {
            let (order, leaves) = (open.number, open.leaves.saturating_sub(fill.size));
            self.order_changed(order, leaves);
        }
        if fill.size > 0 {
            self.count_execution(fill, strategy, now, trips);
        }
    }

    fn count_execution(
        &mut self,
        fill: &Execution,
        strategy: usize,
        now: i64,
        trips: &mut Vec<Trip>,
    ) {
        let strategy = StrategyId(u16::try_from(strategy).unwrap_or(u16::MAX));
        self.each_seat(fill.account, strategy, Seat::count_execution);
        let targets = self.targets(fill.account, strategy);
        for target in targets {
            let most = self.hard(target, Key::ExecutionsMax);
            let count = self.seat(target).map_or(0, |seat| i128::from(seat.executions));
            if let Some(most) = most.filter(|most| count >= *most) {
                let state = TradingState::CancelOnly;
                let figures = Some((Unit::Count.amount(most), Unit::Count.amount(count)));
                self.trip(target, Code::RepeatedExecutions, state, figures, now, trips);
            }
        }
    }

    /// The venue refused a request of an order.
    pub fn rejected(
        &mut self,
        account: AccountId,
        strategy: Option<StrategyId>,
        now: i64,
        trips: &mut Vec<Trip>,
    ) {
        self.turn(now);
        let strategy = StrategyId(u16::try_from(self.strategy_place(strategy)).unwrap_or(u16::MAX));
        self.each_seat(account, strategy, |seat| seat.rejects += 1);
        for target in self.targets(account, strategy) {
            let most = self.hard(target, Key::RejectsMax);
            let count = self.seat(target).map_or(0, |seat| i128::from(seat.rejects));
            if let Some(most) = most.filter(|most| count > *most) {
                let state = TradingState::CancelOnly;
                let figures = Some((Unit::Count.amount(most), Unit::Count.amount(count)));
                self.trip(target, Code::RepeatedRejects, state, figures, now, trips);
            }
        }
    }

    /// The venue took a request, so refusals are no longer in a row.
    pub fn accepted(&mut self, account: AccountId, strategy: Option<StrategyId>) {
        let strategy = StrategyId(u16::try_from(self.strategy_place(strategy)).unwrap_or(u16::MAX));
        self.each_seat(account, strategy, |seat| seat.rejects = 0);
    }

    /// A parent order has ended and will have no more children.
    pub fn parent_ended(&mut self, parent: i64) {
        self.children.forget(parent);
    }

    pub(crate) fn targets(&self, account: AccountId, strategy: StrategyId) -> [Target; 4] {
        let venue = self.accounts.get(account.index()).map(|account| account.venue);
        let venue = venue.map_or(Target::All, Target::Venue);
        [Target::All, venue, Target::Account(account), Target::Strategy(strategy)]
    }

    /// Notes the time, and starts the counters of a day anew.
    pub(crate) fn turn(&mut self, now: i64) {
        self.now = self.now.max(now);
        self.turn_day(now);
    }

    /// Starts the counters of a day anew.
    pub(crate) fn turn_day(&mut self, now: i64) {
        if now < self.day_end {
            return;
        }
        self.day_end = (now.div_euclid(DAY_NS) + 1).saturating_mul(DAY_NS);
        self.each_of_all(Seat::start_day);
        self.measure_all();
    }

    pub(crate) fn each_of_all(&mut self, change: impl Fn(&mut Seat)) {
        change(&mut self.all);
        self.venues.iter_mut().for_each(|venue| change(&mut venue.seat));
        self.accounts.iter_mut().for_each(|account| change(&mut account.seat));
        self.strategies.iter_mut().for_each(change);
    }

    pub(crate) fn measure_all(&mut self) {
        self.each_of_all(Seat::measure);
    }

    /// What an account or another scope holds of an instrument at present, orders not counted.
    pub fn position(&self, target: Target, instrument: InstrumentId) -> Option<i64> {
        let traded = self.instruments.get(instrument.index())?;
        let sum = |cells: &[crate::exposure::Cell; 2]| {
            cells[0].position.saturating_add(cells[1].position)
        };
        match target {
            Target::All => Some(traded.total.position),
            Target::Account(account) => {
                let account = self.accounts.get(account.index())?;
                (account.venue == traded.venue)
                    .then(|| sum(&self.account_cells[account.cell(traded)]))
            }
            Target::Strategy(strategy) => Some(sum(self
                .strategy_cells
                .get(self.strategy_cell(strategy.index(), instrument))?)),
            _ => None,
        }
    }

    /// Gross worth of a scope at worst, in the reporting currency.
    pub fn gross(&self, target: Target) -> Option<Amount> {
        self.seat(target).map(|seat| Amount(seat.gross))
    }
}
