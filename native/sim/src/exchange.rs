//! The exchange: accounts, instruments and their books, and what is done with each command.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rustonite_core::Decimal;
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, BALANCE_MAX, Balance};
use crate::book::Book;
use crate::fees::{FeeTiers, is_sound};
use crate::lists::List;
use crate::orders::{Entry, NONE, Orders, Slot};
use crate::outside::Outside;
use crate::tiers::Tiers;
use crate::triggers::{Next, Triggers};
use crate::{
    AccountId, Amount, AssetId, CancelReason, Command, Event, FeeAsset, Fees, Instrument,
    InstrumentId, NewOrder, OrderId, PositionSide, Reject, Side,
};

/// An order as it is now. Those that have ended are known until they are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Order {
    /// Its number.
    pub id: OrderId,
    /// What was asked for, with changes since.
    pub asked: NewOrder,
    /// When it came.
    pub placed_at: i64,
    /// When it changed last.
    pub changed_at: i64,
    /// Whole quantity in lots, once it is known.
    pub quantity: i64,
    /// Filled so far, in lots.
    pub filled: i64,
    /// What would have traded with its own account and did not, in lots.
    pub prevented: i64,
    /// What changed hands for it, of the quote asset.
    pub filled_quote: Amount,
    /// Whether its trigger was hit, or it has none.
    pub is_working: bool,
    /// Whether it can still trade.
    pub is_open: bool,
    /// Why it ended, if it did so unfilled.
    pub cancelled: Option<CancelReason>,
}

impl Order {
    /// Lots that can still trade.
    #[must_use]
    pub fn open(&self) -> i64 {
        self.quantity - self.filled - self.prevented
    }
}

/// An instrument and what is going on in it.
#[derive(Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Listed {
    pub(crate) instrument: Instrument,
    /// Worth of one lot at a price of one tick.
    unit: Amount,
    /// Of the base asset.
    pub(crate) lot: Amount,
    pub(crate) book: Book,
    pub(crate) triggers: Triggers,
    pub(crate) last: Option<i64>,
    pub(crate) mark: Option<i64>,
    pub(crate) trades: u64,
    /// Trades of accounts with themselves that did not happen.
    pub(crate) prevented: u64,
    pub(crate) halted: bool,
    pub(crate) free: bool,
    /// Of a perpetual.
    pub(crate) tiers: Tiers,
    /// The recording that it follows.
    pub(crate) outside: Option<Outside>,
}

impl Listed {
    /// What a quantity is worth at a price.
    pub(crate) fn worth(&self, price: i64, lots: i64) -> Result<Amount, Reject> {
        let worth = self.unit.times(price).and_then(|one| one.times(lots));
        worth.filter(|worth| worth.0.abs() <= BALANCE_MAX).ok_or(Reject::Overflow)
    }

    /// The same of what was checked when it was ordered.
    pub(crate) fn worth_of(&self, price: i64, lots: i64) -> Amount {
        self.worth(price, lots).unwrap_or(Amount(BALANCE_MAX))
    }

    /// Lots that an amount buys at a price.
    pub(crate) fn affordable(&self, amount: Amount, price: i64) -> i64 {
        let one = self.worth_of(price, 1);
        i64::try_from(amount.0 / one.0.max(1)).unwrap_or(i64::MAX)
    }
}

/// Some asset.
#[derive(Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Asset {
    pub(crate) name: String,
    pub(crate) decimals: u32,
    /// Fees that were paid, less rebates, and what does not divide.
    pub(crate) collected: Amount,
    /// What stood in for liquidated accounts; negative if it was more than there was.
    pub(crate) insurance: Amount,
}

/// What a command has changed, told once at its end.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// And what could be seen of it before. The first one of several counts.
    pub(crate) levels: Vec<(InstrumentId, Side, i64, i64)>,
    pub(crate) balances: Vec<(AccountId, AssetId)>,
    pub(crate) positions: Vec<(AccountId, InstrumentId, PositionSide)>,
    pub(crate) trailed: Vec<OrderId>,
}

/// All state. Deterministic: it holds no clock and no randomness.
#[derive(Debug, Deserialize, Serialize)]
pub struct Exchange {
    pub(crate) now: i64,
    pub(crate) assets: Vec<Asset>,
    pub(crate) listed: Vec<Listed>,
    pub(crate) accounts: Vec<Account>,
    /// For accounts without fees of their own.
    pub(crate) fee_tiers: Option<FeeTiers>,
    pub(crate) orders: Orders,
    pub(crate) lists: Vec<List>,
    /// Orders that expire.
    pub(crate) expiries: BTreeSet<(i64, OrderId)>,
    /// What happens in the command of the moment.
    #[serde(skip)]
    pub(crate) events: Vec<Event>,
    #[serde(skip)]
    pub(crate) touched: Touched,
    /// What is done once the book is at rest.
    #[serde(skip)]
    pub(crate) next: VecDeque<Next>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}

impl Exchange {
    /// Without instruments and accounts.
    pub fn new() -> Self {
        Self {
            now: i64::MIN,
            assets: Vec::new(),
            listed: Vec::new(),
            accounts: Vec::new(),
            fee_tiers: None,
            orders: Orders::new(),
            lists: Vec::new(),
            expiries: BTreeSet::new(),
            events: Vec::new(),
            touched: Touched::default(),
            next: VecDeque::new(),
        }
    }

    /// Names an asset; the number that it has. Amounts of fees are cut at so many decimals.
    pub fn asset(&mut self, name: &str, decimals: u32) -> AssetId {
        let found = self.assets.iter().position(|asset| asset.name == name);
        let place = found.unwrap_or_else(|| {
            let (name, zero) = (name.to_owned(), Amount::ZERO);
            self.assets.push(Asset { name, decimals, collected: zero, insurance: zero });
            self.assets.len() - 1
        });
        AssetId::try_from(place).unwrap_or(AssetId::MAX)
    }

    /// Lists an instrument.
    ///
    /// # Errors
    /// An asset that has no number, a tick or lot that is not positive, or whose product has more
    /// than 18 decimals.
    pub fn list(&mut self, instrument: Instrument) -> Result<InstrumentId, Reject> {
        let known = |asset: AssetId| (asset as usize) < self.assets.len();
        if !known(instrument.base) || !known(instrument.quote) {
            return Err(Reject::Contradiction("an asset has no number"));
        }
        if instrument.base == instrument.quote {
            return Err(Reject::Contradiction("an asset is not traded for itself"));
        }
        let positive = |value: Decimal| value.mantissa() > 0;
        if !positive(instrument.tick) || !positive(instrument.lot) {
            return Err(Reject::Contradiction("tick and lot are more than 0"));
        }
        let unit = product(instrument.tick, instrument.lot).ok_or(Reject::Overflow)?;
        let lot = Amount::from_decimal(instrument.lot).map_err(|_| Reject::Overflow)?;
        let id = InstrumentId::try_from(self.listed.len()).map_err(|_| Reject::Overflow)?;
        self.listed.push(Listed {
            tiers: Tiers::of(instrument.kind),
            instrument,
            unit,
            lot,
            book: Book::default(),
            triggers: Triggers::default(),
            last: None,
            mark: None,
            trades: 0,
            prevented: 0,
            halted: false,
            free: false,
            outside: None,
        });
        Ok(id)
    }

    /// Nobody pays fees or gets rebates in an instrument from now on.
    pub fn waive_fees(&mut self, instrument: InstrumentId) {
        if let Some(listed) = self.listed.get_mut(instrument as usize) {
            listed.free = true;
        }
    }

    /// Opens an account.
    pub fn open(&mut self) -> AccountId {
        self.accounts.push(Account::new());
        AccountId::try_from(self.accounts.len() - 1).unwrap_or(AccountId::MAX)
    }

    /// Does what is asked for, at a moment in nanoseconds since 1970 that is never before the last
    /// one. Appends what happens to `events`. For what places orders: the number of the first.
    ///
    /// # Errors
    /// Whatever does not fit; nothing has changed then.
    pub fn apply(
        &mut self,
        now: i64,
        command: &Command,
        events: &mut Vec<Event>,
    ) -> Result<Option<OrderId>, Reject> {
        std::mem::swap(&mut self.events, events);
        let before = self.now;
        self.now = now.max(before);
        let done = self.dispatch(command);
        if done.is_err() {
            self.now = before;
        }
        self.tell_touched();
        std::mem::swap(&mut self.events, events);
        done
    }

    fn dispatch(&mut self, command: &Command) -> Result<Option<OrderId>, Reject> {
        match command {
            Command::Place(order) => self.place(order).map(Some),
            Command::PlaceOco(orders) => self.place_oco(orders).map(Some),
            Command::PlaceOto { working, pending } => self.place_oto(working, pending).map(Some),
            Command::Replace { order, new, always } => self.replace(*order, new, *always).map(Some),
            Command::ReplaceLeg { order, new } => self.replace_leg(*order, new).map(Some),
            other => self.change(other).map(|()| None),
        }
    }

    fn change(&mut self, command: &Command) -> Result<(), Reject> {
        match *command {
            Command::Deposit { account, asset, amount } => self.deposit(account, asset, amount),
            Command::SetFees { account, fees, fee_asset } => {
                self.set_fees(account, fees, fee_asset)
            }
            Command::PayFeesIn { account, fee_asset } => self.pay_fees_in(account, fee_asset),
            Command::Cancel { account, order } => {
                let slot = self.open_slot(account, order)?;
                self.cancel(slot);
                Ok(())
            }
            Command::Revoke { account, order } => {
                let slot = self.open_slot(account, order)?;
                self.end(slot, Some(CancelReason::Venue));
                Ok(())
            }
            Command::CancelAll { account, instrument } => self.cancel_all(account, instrument),
            Command::Amend { account, order, price, quantity } => {
                self.amend(account, order, price, quantity)
            }
            Command::SetLeverage { account, instrument, leverage } => {
                self.set_leverage(account, instrument, leverage)
            }
            Command::SetIsolated { account, instrument, isolated } => {
                self.set_isolated(account, instrument, isolated)
            }
            Command::MoveMargin { account, instrument, position, amount } => {
                self.move_margin(account, instrument, position, amount)
            }
            Command::SetHedged { account, hedged } => self.set_hedged(account, hedged),
            Command::Mark { instrument, price } => self.set_mark(instrument, price),
            Command::Funding { instrument, rate_ppm } => self.fund(instrument, rate_ppm),
            Command::Tick => {
                self.expire();
                Ok(())
            }
            Command::Halt { instrument, halted } => {
                self.known(instrument)?;
                self.listed[instrument as usize].halted = halted;
                self.events.push(Event::Halted { instrument, halted });
                Ok(())
            }
            Command::Recorded { instrument, at, ref what } => self.recorded(instrument, at, what),
            _ => Err(Reject::Contradiction("this places orders")),
        }
    }

    // What commands have in common

    pub(crate) fn known(&self, instrument: InstrumentId) -> Result<&Listed, Reject> {
        self.listed.get(instrument as usize).ok_or(Reject::UnknownInstrument(instrument))
    }

    pub(crate) fn account(&self, account: AccountId) -> Result<&Account, Reject> {
        self.accounts.get(account as usize).ok_or(Reject::UnknownAccount(account))
    }

    /// The place of an open order of an account.
    pub(crate) fn open_slot(&self, account: AccountId, id: OrderId) -> Result<Slot, Reject> {
        self.account(account)?;
        let slot = self.orders.slot(id).ok_or(Reject::UnknownOrder(id))?;
        let order = &self.orders.get(slot).order;
        if order.is_open && order.asked.account == account {
            return Ok(slot);
        }
        Err(Reject::UnknownOrder(id))
    }

    pub(crate) fn balance_of(&mut self, account: AccountId, asset: AssetId) -> &mut Balance {
        self.touched.balances.push((account, asset));
        self.accounts[account as usize].balance_mut(asset)
    }

    /// A level is about to change.
    pub(crate) fn touch(&mut self, order: &NewOrder, price: i64) {
        let before = self.listed[order.instrument as usize].book.shown(order.side, price);
        self.touched.levels.push((order.instrument, order.side, price, before));
    }

    fn tell_touched(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.trailed.sort_unstable();
        touched.trailed.dedup();
        for &order in &touched.trailed {
            if let Some(price) = self.trigger_price(order) {
                self.events.push(Event::Trailed { order, price });
            }
        }
        touched
            .levels
            .sort_by_key(|&(instrument, side, price, _)| (instrument, side == Side::Sell, price));
        touched.levels.dedup_by_key(|&mut (instrument, side, price, _)| (instrument, side, price));
        for &(instrument, side, price, before) in &touched.levels {
            let quantity = self.listed[instrument as usize].book.shown(side, price);
            if quantity != before {
                self.events.push(Event::Level { instrument, side, price, quantity });
            }
        }
        touched.balances.sort_unstable();
        touched.balances.dedup();
        for &(account, asset) in &touched.balances {
            let Balance { free, locked } = self.accounts[account as usize].balance(asset);
            self.events.push(Event::Balance { account, asset, free, locked });
        }
        touched
            .positions
            .sort_unstable_by_key(|&(account, instrument, side)| (account, instrument, side as u8));
        touched.positions.dedup();
        for &(account, instrument, position) in &touched.positions {
            let (quantity, entry_quote, isolated) = self.position(account, instrument, position);
            self.events.push(Event::Position {
                account,
                instrument,
                position,
                quantity,
                entry_quote,
                isolated,
            });
        }
        touched.trailed.clear();
        touched.levels.clear();
        touched.balances.clear();
        touched.positions.clear();
        self.touched = touched;
    }

    // Money and settings of accounts

    fn deposit(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Reject> {
        let free = self.account(account)?.balance(asset).free;
        if asset as usize >= self.assets.len() {
            return Err(Reject::Contradiction("an asset has no number"));
        }
        if amount.0.unsigned_abs() > BALANCE_MAX.unsigned_abs() {
            return Err(Reject::Overflow);
        }
        let after = free.0 + amount.0;
        // What positions need stays.
        let movable = self.movable(account, asset);
        if amount < Amount::ZERO && movable < -amount {
            return Err(Reject::Balance { asset, needed: -amount, free: movable });
        }
        if after > BALANCE_MAX {
            return Err(Reject::Overflow);
        }
        self.balance_of(account, asset).free = Amount(after);
        Ok(())
    }

    fn set_fees(
        &mut self,
        account: AccountId,
        fees: Fees,
        fee_asset: Option<FeeAsset>,
    ) -> Result<(), Reject> {
        self.account(account)?;
        if !is_sound(fees) {
            return Err(Reject::Contradiction("a fee is less than all"));
        }
        self.pay_fees_in(account, fee_asset)?;
        self.accounts[account as usize].fees = Some(fees);
        Ok(())
    }

    fn pay_fees_in(
        &mut self,
        account: AccountId,
        fee_asset: Option<FeeAsset>,
    ) -> Result<(), Reject> {
        self.account(account)?;
        let known = |asset: AssetId| (asset as usize) < self.assets.len();
        if let Some(FeeAsset { asset, price, quote, discount_ppm }) = fee_asset
            && (!known(asset) || !known(quote) || price <= Amount::ZERO || discount_ppm > 1_000_000)
        {
            return Err(Reject::Contradiction("no such way to pay fees"));
        }
        self.accounts[account as usize].fee_asset = fee_asset;
        Ok(())
    }

    // What there is

    /// An order; `None` if it never was or is forgotten.
    pub fn order(&self, id: OrderId) -> Option<Order> {
        self.orders.slot(id).map(|slot| self.orders.get(slot).order)
    }

    /// Open orders of an account, oldest first.
    pub fn open_orders(&self, account: AccountId) -> impl Iterator<Item = Order> {
        self.orders_of(account).copied()
    }

    /// The same where they are.
    pub(crate) fn orders_of(&self, account: AccountId) -> impl Iterator<Item = &Order> {
        self.entries_of(account).map(|entry| &entry.order)
    }

    pub(crate) fn entries_of(&self, account: AccountId) -> impl Iterator<Item = &Entry> {
        let first = self.accounts.get(account as usize).map_or(NONE, |one| one.orders.first);
        let entry = |slot: Slot| (slot != NONE).then(|| self.orders.get(slot));
        std::iter::successors(entry(first), move |last: &&Entry| entry(last.of_account.behind))
    }

    /// How many orders of an instrument an account has open.
    pub(crate) fn open_count(&self, account: AccountId, instrument: InstrumentId) -> usize {
        let account = self.accounts.get(account as usize);
        account.map_or(0, |account| account.holding(instrument).open)
    }

    /// The trigger price of an order that waits, in ticks: of a trailing one it moves.
    pub fn trigger_price(&self, id: OrderId) -> Option<i64> {
        let entry = self.orders.get(self.orders.slot(id)?);
        entry.order.asked.trigger.map(|_| entry.trigger)
    }

    /// The best price that a trailing trigger has seen, in ticks; `None` before its activation.
    pub fn trail_peak(&self, id: OrderId) -> Option<i64> {
        self.orders.get(self.orders.slot(id)?).best
    }

    /// Forgets orders that ended before a moment.
    pub fn forget(&mut self, before: i64) {
        self.orders.forget(before);
    }

    /// Name and decimals of each asset, by its number.
    pub fn assets(&self) -> impl Iterator<Item = (&str, u32)> {
        self.assets.iter().map(|asset| (asset.name.as_str(), asset.decimals))
    }

    /// The instruments, by their numbers.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        self.listed.iter().map(|listed| &listed.instrument)
    }

    /// What an account has of an asset: free and locked.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> (Amount, Amount) {
        let account = self.accounts.get(account as usize);
        let Balance { free, locked } = account.map(|one| one.balance(asset)).unwrap_or_default();
        (free, locked)
    }

    /// Fees that were paid in an asset, less rebates, and what does not divide.
    pub fn collected(&self, asset: AssetId) -> Amount {
        self.assets.get(asset as usize).map_or(Amount::ZERO, |asset| asset.collected)
    }

    /// What stood in for liquidated accounts; negative if it was more than there was.
    pub fn insurance(&self, asset: AssetId) -> Amount {
        self.assets.get(asset as usize).map_or(Amount::ZERO, |asset| asset.insurance)
    }

    /// The asset that an account pays fees in, if it has enough of it.
    pub fn fee_asset(&self, account: AccountId) -> Option<FeeAsset> {
        self.accounts.get(account as usize)?.fee_asset
    }

    /// A position: quantity in lots, worth at entry, margin of its own.
    pub fn position(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        position: PositionSide,
    ) -> (i64, Amount, Amount) {
        let holding = self.accounts.get(account as usize).map(|one| one.holding(instrument));
        let position = *holding.unwrap_or_default().position(position);
        (position.quantity, position.entry_quote, position.margin)
    }

    /// Leverage, and whether positions have margin of their own.
    pub fn leverage(&self, account: AccountId, instrument: InstrumentId) -> (u32, bool) {
        let holding = self.accounts.get(account as usize).map(|one| one.holding(instrument));
        let holding = holding.unwrap_or_default();
        (holding.leverage, holding.isolated)
    }

    /// Whether an account holds long and short positions side by side.
    pub fn is_hedged(&self, account: AccountId) -> bool {
        self.accounts.get(account as usize).is_some_and(|account| account.hedged)
    }

    /// Whether the last moment of an open order is over, so that [`Command::Tick`] ends it.
    pub fn is_any_over(&self, now: i64) -> bool {
        self.expiries.first().is_some_and(|(at, _)| *at <= now)
    }

    /// Levels of a side that can be seen, the best first: price in ticks, quantity in lots.
    pub fn levels(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = (i64, i64)> {
        let listed = self.listed.get(instrument as usize);
        listed.into_iter().flat_map(move |listed| {
            listed.book.levels(side).map(|(price, level)| (price, level.shown))
        })
    }

    /// What so many lots are worth at a price in ticks; zero beyond what can be counted.
    pub fn worth(&self, instrument: InstrumentId, price: i64, lots: i64) -> Amount {
        let listed = self.listed.get(instrument as usize);
        listed.and_then(|listed| listed.worth(price, lots).ok()).unwrap_or_default()
    }

    /// Price of the last trade, in ticks.
    pub fn last_price(&self, instrument: InstrumentId) -> Option<i64> {
        self.listed.get(instrument as usize)?.last
    }

    /// Mark price in ticks; where nobody set one, the last price.
    pub fn mark_price(&self, instrument: InstrumentId) -> Option<i64> {
        let listed = self.listed.get(instrument as usize)?;
        listed.mark.or(listed.last)
    }

    /// Whether an instrument takes no orders at the moment.
    pub fn is_halted(&self, instrument: InstrumentId) -> bool {
        self.listed.get(instrument as usize).is_some_and(|listed| listed.halted)
    }

    /// A number that two exchanges in the same state share.
    pub fn state_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.now.hash(&mut hasher);
        self.assets.hash(&mut hasher);
        self.listed.hash(&mut hasher);
        self.accounts.hash(&mut hasher);
        self.fee_tiers.hash(&mut hasher);
        self.orders.hash(&mut hasher);
        self.lists.hash(&mut hasher);
        self.expiries.hash(&mut hasher);
        hasher.finish()
    }
}

/// Worth of one lot at a price of one tick, if it has no more decimals than an amount.
fn product(tick: Decimal, lot: Decimal) -> Option<Amount> {
    let mantissa = tick.mantissa().checked_mul(lot.mantissa())?;
    let exponent = tick.exponent().checked_add(lot.exponent())?;
    Amount::from_decimal(Decimal::new(mantissa, exponent).ok()?).ok()
}
