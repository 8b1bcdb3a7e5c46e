//! The owner of the engine: what it did, in the words of accounts and markets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;

use rustonite_core::Decimal;
use rustonite_sim::{
    AccountId, Amount, AssetId, Command, Event, Exchange, Fees, Instrument, InstrumentId, NewOrder,
    Order, OrderId, Quantity, Reject, Side, Tiers,
};
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, Accounts, Amendment, OwnFill, Prevented, Record, Tag, Trail};
use crate::candles::Print;
use crate::error::{ExchangeError, Result};
use crate::listing::{ASSET_DECIMALS, Listing, Perpetual};
use crate::market::Market;

/// How long the engine knows orders that have ended.
const FORGOTTEN_AFTER_NS: i64 = 1_000_000_000;
/// Few commands do more.
const USUAL_EVENTS: usize = 8;

/// What a command did.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// The first order that it placed.
    pub(crate) order: Option<OrderId>,
    pub(crate) events: Vec<Event>,
    pub(crate) at: i64,
    /// Number of the execution that the first event is; each is one, and so is each order that was
    /// taken, behind them.
    pub(crate) execution: u64,
    /// Whose balance the operator changed, of what, and by how much.
    pub(crate) deposit: Option<(AccountId, AssetId, Amount)>,
    /// An order that was not taken, of which its account is told, and why.
    pub(crate) refused: Option<(Record, Reject)>,
}

impl Done {
    /// Number of the execution that the first event of a kind is; 0 if there is none.
    pub(crate) fn execution_of(&self, kind: impl Fn(&Event) -> bool) -> u64 {
        (self.execution..).zip(&self.events).find(|(_, event)| kind(event)).map_or(0, |(id, _)| id)
    }
}

/// An instrument with the rules that it was listed with.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) listing: Listing,
    pub(crate) rules: Instrument,
}

impl Listed {
    pub(crate) fn price(&self, ticks: i64) -> Decimal {
        Decimal::from_ticks(ticks, self.rules.tick).unwrap_or(Decimal::ZERO)
    }

    pub(crate) fn size(&self, lots: i64) -> Decimal {
        Decimal::from_ticks(lots, self.rules.lot).unwrap_or(Decimal::ZERO)
    }
}

/// Now, by the machine, in nanoseconds since 1970.
pub(crate) fn machine_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Time of the exchange: that of the machine, and what clients are told of it.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Clock {
    last: i64,
    #[serde(skip)]
    /// It stands still: what comes in happens at one moment, so that it can be done again.
    stands: bool,
    /// How far the clock that clients see is ahead.
    pub(crate) ahead: i64,
}

impl Clock {
    /// The moment that was asked for last.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    #[cfg(test)]
    pub(crate) fn set_last(&mut self, at: i64) {
        self.last = at;
    }

    /// Now, in nanoseconds since 1970, never before the last moment.
    fn now(&mut self) -> i64 {
        if !self.stands {
            self.last = self.last.max(machine_now());
        }
        self.last
    }

    /// Stands still at a moment, or at the last one if that was later.
    pub(crate) fn stop_at(&mut self, at: i64) {
        self.last = self.last.max(at);
        self.stands = true;
    }

    /// Goes on with the machine.
    pub(crate) fn go_on(&mut self) {
        self.stands = false;
    }
}

/// The generator of names as a state keeps it.
mod kept {
    use std::cell::RefCell;

    use fastrand::Rng;
    use rustonite_sim::kept_rng;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(rng: &RefCell<Rng>, to: S) -> Result<S::Ok, S::Error> {
        kept_rng::serialize(&rng.borrow(), to)
    }

    pub(super) fn deserialize<'de, D>(from: D) -> Result<RefCell<Rng>, D::Error>
    where
        D: Deserializer<'de>,
    {
        kept_rng::deserialize(from).map(RefCell::new)
    }
}

/// See the module.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Floor {
    pub(crate) exchange: Exchange,
    #[serde(skip)]
    pub(crate) instruments: Vec<Listed>,
    pub(crate) markets: Vec<Market>,
    pub(crate) assets: Vec<String>,
    pub(crate) accounts: Accounts,
    pub(crate) clock: Clock,
    /// What nobody was told so far.
    #[serde(skip)]
    pub(crate) untold: Vec<Arc<Done>>,
    #[serde(skip)]
    by_symbol: BTreeMap<String, InstrumentId>,
    next_list: u64,
    /// What happened to orders so far, in numbers.
    executions: u64,
    forgotten_at: i64,
    /// What names that nobody chose are drawn from.
    #[serde(with = "kept")]
    chance: RefCell<Rng>,
}

impl Floor {
    /// Numbers changes of the book of an instrument from 1 again, or of all books.
    pub(crate) fn restart_counters(&mut self, symbol: Option<&str>) {
        for (listed, market) in self.instruments.iter().zip(&mut self.markets) {
            if symbol.is_none_or(|symbol| symbol == listed.listing.symbol) {
                market.restart_counter();
            }
        }
    }

    /// Has the same listed as another one.
    pub(crate) fn list_as(&mut self, other: &Self) {
        self.instruments.clone_from(&other.instruments);
        self.by_symbol.clone_from(&other.by_symbol);
    }

    /// Takes over what another one has listed.
    pub(crate) fn keep_listed(&mut self, other: &mut Self) {
        self.instruments = std::mem::take(&mut other.instruments);
        self.by_symbol = std::mem::take(&mut other.by_symbol);
    }

    pub(crate) fn now(&mut self) -> i64 {
        self.clock.now()
    }

    /// What clients take for now, in milliseconds.
    pub(crate) fn shown_ms(&mut self) -> i64 {
        let now = self.now();
        self.shown(now)
    }

    /// What clients take for a moment, in milliseconds.
    pub(crate) fn shown(&self, at: i64) -> i64 {
        (at + self.clock.ahead).div_euclid(1_000_000)
    }

    pub(crate) fn asset(&mut self, name: &str) -> AssetId {
        let id = self.exchange.asset(name, ASSET_DECIMALS);
        if let Some(known) = self.assets.get_mut(id as usize) {
            name.clone_into(known);
        } else {
            self.assets.push(name.to_owned());
        }
        id
    }

    pub(crate) fn asset_named(&self, name: &str) -> Result<AssetId> {
        let place = self.assets.iter().position(|known| known == name);
        let id = place.and_then(|place| AssetId::try_from(place).ok());
        id.ok_or_else(|| ExchangeError::unknown("asset", name))
    }

    pub(crate) fn asset_name(&self, id: AssetId) -> &str {
        self.assets.get(id as usize).map_or("", String::as_str)
    }

    pub(crate) fn list(&mut self, listing: &Listing) -> Result<InstrumentId> {
        if self.by_symbol.contains_key(&listing.symbol) {
            return Err(ExchangeError::invalid("symbols", format!("{} twice", listing.symbol)));
        }
        let (base, quote) = (self.asset(&listing.base), self.asset(&listing.quote));
        let rules = listing.instrument(base, quote)?;
        let id = self.exchange.list(rules.clone())?;
        if listing.is_free {
            self.exchange.waive_fees(id);
        }
        if let Some(Perpetual { tiers, .. }) = &listing.perpetual {
            let tiers = Tiers::new(tiers).map_err(|problem| {
                ExchangeError::invalid(&format!("tiers of {}", listing.symbol), problem.to_string())
            })?;
            self.exchange.set_tiers(id, tiers)?;
        }
        self.instruments.push(Listed { listing: listing.clone(), rules });
        self.markets.push(Market::default());
        self.by_symbol.insert(listing.symbol.clone(), id);
        Ok(id)
    }

    pub(crate) fn instrument(&self, symbol: &str) -> Option<InstrumentId> {
        self.by_symbol.get(symbol).copied()
    }

    pub(crate) fn listed(&self, id: InstrumentId) -> &Listed {
        &self.instruments[id as usize]
    }

    pub(crate) fn market(&mut self, id: InstrumentId) -> &mut Market {
        &mut self.markets[id as usize]
    }

    /// Opens an account.
    pub(crate) fn open(&mut self, name: &str) -> AccountId {
        let id = self.open_any();
        self.accounts.all.insert(id, Account::named_so(name));
        id
    }

    /// Opens an account whose orders are not kept and that pays no fees: one of many other traders.
    pub(crate) fn open_unnamed(&mut self) -> AccountId {
        let account = self.open_any();
        let command = Command::SetFees { account, fees: Fees::default(), fee_asset: None };
        let _ = self.exchange.apply(self.clock.now(), &command, &mut Vec::new());
        account
    }

    fn open_any(&mut self) -> AccountId {
        let account = self.exchange.open();
        let now = self.now();
        for (instrument, listed) in (0..).zip(&self.instruments) {
            if let Some(Perpetual { leverage_usual, .. }) = listed.listing.perpetual {
                let largest = self.exchange.tiers(instrument).map_or(1, Tiers::leverage_max);
                let leverage = leverage_usual.min(largest);
                let command = Command::SetLeverage { account, instrument, leverage };
                let _ = self.exchange.apply(now, &command, &mut Vec::new());
            }
        }
        account
    }

    /// Draws the same in every exchange of the same state from now on.
    pub(crate) fn seed(&self, seed: u64) {
        self.chance.borrow_mut().seed(seed);
    }

    /// A text of so many letters and digits, for what nobody has named.
    pub(crate) fn made_up(&self, length: usize) -> String {
        let mut chance = self.chance.borrow_mut();
        (0..length).map(|_| chance.alphanumeric()).collect()
    }

    /// A number for what nobody has named.
    pub(crate) fn made_up_number(&self) -> u128 {
        self.chance.borrow_mut().u128(..)
    }

    pub(crate) fn new_list(&mut self) -> u64 {
        self.next_list += 1;
        self.next_list
    }

    pub(crate) fn record(&self, account: AccountId, order: OrderId) -> Option<&Record> {
        self.accounts.all.get(&account)?.orders.get(&order)
    }

    pub(crate) fn record_mut(&mut self, account: AccountId, order: OrderId) -> Option<&mut Record> {
        self.accounts.all.get_mut(&account)?.orders.get_mut(&order)
    }

    /// Does what is asked for. Orders that it places get these tags, in order.
    pub(crate) fn apply(
        &mut self,
        command: &Command,
        tags: Vec<Tag>,
    ) -> core::result::Result<Arc<Done>, Reject> {
        let at = self.now();
        let mut events = Vec::with_capacity(USUAL_EVENTS);
        let order = self.exchange.apply(at, command, &mut events)?;
        let deposit = match *command {
            Command::Deposit { account, asset, amount } => Some((account, asset, amount)),
            _ => None,
        };
        if let Command::Mark { instrument, .. } = *command {
            self.market(instrument).is_marked = true;
        }
        let execution = self.executions + 1;
        self.executions += (events.len() + tags.len()) as u64;
        let done = Arc::new(Done { order, events, at, execution, deposit, refused: None });
        self.keep(&done, tags);
        self.untold.push(Arc::clone(&done));
        Ok(done)
    }

    /// Tells the account of an order that it was not taken.
    pub(crate) fn tell_refused(&mut self, asked: &NewOrder, tag: Tag, why: Reject) {
        let at = self.now();
        let quantity = match asked.quantity {
            Quantity::Lots(lots) => lots,
            Quantity::Quote(_) | Quantity::Position => 0,
        };
        let order = Order {
            // It never got a number.
            id: OrderId(0),
            asked: *asked,
            placed_at: at,
            changed_at: at,
            quantity,
            filled: 0,
            prevented: 0,
            filled_quote: Amount::ZERO,
            is_working: false,
            is_open: false,
            cancelled: None,
        };
        self.executions += 1;
        let execution = self.executions;
        let refused = Some((Record::new(order, tag), why));
        let (order, events, deposit) = (None, Vec::new(), None);
        self.untold.push(Arc::new(Done { order, events, at, execution, deposit, refused }));
    }

    fn keep(&mut self, done: &Done, tags: Vec<Tag>) {
        if let Some(OrderId(first)) = done.order {
            for (id, tag) in (first..).map(OrderId).zip(tags) {
                self.keep_new(id, tag);
            }
        }
        for (execution, event) in (done.execution..).zip(&done.events) {
            if let Event::Amended { order, .. } = *event {
                self.keep_amendment(order, execution, done.at);
            }
            self.note(event, done.at);
        }
        if done.at - self.forgotten_at > FORGOTTEN_AFTER_NS {
            self.exchange.forget(self.forgotten_at);
            self.forgotten_at = done.at;
        }
    }

    fn keep_new(&mut self, id: OrderId, tag: Tag) {
        let Some(order) = self.exchange.order(id) else { return };
        if let Some(account) = self.accounts.all.get_mut(&order.asked.account) {
            account.add(Record::new(order, tag));
        }
    }

    fn note(&mut self, event: &Event, at: i64) {
        match *event {
            Event::Trade { instrument, trade, price, quantity, taker_side, taker, .. } => {
                let quote = self.exchange.worth(instrument, price, quantity);
                let buyer_is_maker = taker_side == Side::Sell;
                let print = Print { trade, at, price, quantity, quote, buyer_is_maker };
                self.market(instrument).print(print, taker);
            }
            Event::Level { instrument, side, price, quantity } => {
                self.market(instrument).level(side, price, quantity);
            }
            Event::Halted { instrument, halted } => self.market(instrument).is_halted = halted,
            Event::Fill { order, account, .. } => {
                self.refresh(order);
                self.keep_fill(event, account, at);
            }
            Event::Prevented { order, .. } => {
                self.refresh(order);
                self.keep_prevented(event, at);
            }
            Event::Placed { order } => self.note_placed(order),
            Event::Deleveraged { account, order, .. } => {
                if let Some(record) = self.record_mut(account, order) {
                    record.tag.is_deleveraged = true;
                }
            }
            Event::Triggered { order } => {
                self.refresh(order);
                self.note_triggered(order, at);
            }
            Event::Trailed { order, .. }
            | Event::Amended { order, .. }
            | Event::Cancelled { order, .. } => self.refresh(order),
            _ => {}
        }
    }

    fn note_placed(&mut self, id: OrderId) {
        let Some(order) = self.exchange.order(id) else { return };
        let Some(account) = self.accounts.all.get_mut(&order.asked.account) else { return };
        match account.orders.get_mut(&id) {
            Some(record) => record.tag.is_pending = false,
            // Nobody but the venue places orders without a word.
            None => account.add(Record::new(order, Tag::default())),
        }
        self.refresh(id);
    }

    fn note_triggered(&mut self, id: OrderId, at: i64) {
        let Some(order) = self.exchange.order(id) else { return };
        if let Some(record) = self.record_mut(order.asked.account, id) {
            record.triggered_at = Some(at);
        }
    }

    /// Keeps what changes of an order, as long as both are known.
    fn keep_amendment(&mut self, id: OrderId, execution: u64, at: i64) {
        let Some(new) = self.exchange.order(id) else { return };
        let Some(account) = self.accounts.all.get_mut(&new.asked.account) else { return };
        let Some(Record { order: old, tag, .. }) = account.orders.get(&id) else { return };
        let amendment = Amendment {
            order: id,
            instrument: new.asked.instrument,
            execution,
            at,
            prices: [old, &new].map(|order| order.asked.price),
            quantities: [old, &new].map(|order| order.quantity),
            names: [tag.client_id.clone(), tag.client_id.clone()],
        };
        account.add_amendment(amendment);
    }

    /// Brings what is kept of an order up to date.
    fn refresh(&mut self, id: OrderId) {
        let Some(order) = self.exchange.order(id) else { return };
        let seen = self.exchange.trail_peak(id).zip(self.exchange.trigger_price(id));
        let now = self.clock.last();
        let account = self.accounts.all.get_mut(&order.asked.account);
        if let Some(record) = account.and_then(|account| account.update(order))
            && let Some((peak, stop)) = seen
        {
            let since = record.trail.map_or(now, |trail| trail.since);
            record.trail = Some(Trail { since, peak, stop });
        }
    }

    fn keep_prevented(&mut self, event: &Event, at: i64) {
        let &Event::Prevented { order, other, number, price, quantity, is_maker, .. } = event
        else {
            return;
        };
        let (taker, maker) = if is_maker { (other, order) } else { (order, other) };
        let Some(came) = self.exchange.order(taker).map(|order| order.asked) else { return };
        let Some(account) = self.accounts.all.get_mut(&came.account) else { return };
        if let Some(record) = account.orders.get_mut(&order) {
            record.prevented = Some(number);
        }
        let lots = if is_maker { [0, quantity] } else { [quantity, 0] };
        let (instrument, mode) = (came.instrument, came.self_trade);
        account.add_prevented(Prevented {
            instrument,
            number,
            taker,
            maker,
            mode,
            price,
            lots,
            at,
        });
    }

    fn keep_fill(&mut self, event: &Event, account: AccountId, at: i64) {
        let &Event::Fill {
            order, trade, price, quantity, is_maker, fee, fee_asset, realised, ..
        } = event
        else {
            return;
        };
        let Some(account) = self.accounts.all.get_mut(&account) else { return };
        let Some(record) = account.orders.get(&order) else { return };
        let asked = record.order.asked;
        account.add_fill(OwnFill {
            instrument: asked.instrument,
            order,
            trade,
            at,
            price,
            quantity,
            is_buyer: asked.side == Side::Buy,
            is_maker,
            fee,
            fee_asset,
            realised,
            position: asked.position,
        });
    }
}
