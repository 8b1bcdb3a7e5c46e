//! Accounts, their keys, and the orders that have a client's name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rustonite_sim::{
    AccountId, Amount, AssetId, InstrumentId, Order, OrderId, PositionSide, SelfTrade,
};
use serde::{Deserialize, Serialize};

use crate::keys::Key;

/// Ended orders that an account can ask for.
const ENDED_MAX: usize = 20_000;
/// Fills that an account can ask for.
const FILLS_MAX: usize = 50_000;
/// Trades with itself that were prevented and an account can ask for.
const PREVENTED_MAX: usize = 10_000;
/// Changes of orders that an account can ask for.
const AMENDMENTS_MAX: usize = 10_000;

/// What a client said about an order beyond what the engine knows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Tag {
    /// The client's name for it; empty if the venue placed it.
    pub(crate) client_id: String,
    /// The name of the request that cancels it.
    pub(crate) cancel_id: Option<String>,
    /// The name that it had before it was amended.
    pub(crate) old_id: Option<String>,
    /// The list that it belongs to.
    pub(crate) list: Option<Arc<OrderList>>,
    /// It comes once another order is filled.
    pub(crate) is_pending: bool,
    /// The venue placed it against a liquidated position of somebody else.
    pub(crate) is_deleveraged: bool,
    /// Nothing about it is told to the user stream.
    pub(crate) muted: bool,
    /// How far its last and mark price may be apart when it is set off, in millionths.
    pub(crate) within_ppm: Option<i64>,
    /// Number and kind of what the client follows with it.
    pub(crate) strategy: [Option<i64>; 2],
}

/// How far a trailing trigger is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Trail {
    /// When it began to follow.
    pub(crate) since: i64,
    /// The best price since then, in ticks.
    pub(crate) peak: i64,
    /// The price that sets it off, in ticks.
    pub(crate) stop: i64,
}

/// Orders that a client placed together.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct OrderList {
    pub(crate) number: u64,
    /// The client's name for it; empty where lists have none.
    pub(crate) name: String,
    /// The venue's word for what one order means to the others.
    pub(crate) contingency: Cow<'static, str>,
}

/// An order of an account.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Record {
    pub(crate) order: Order,
    pub(crate) tag: Tag,
    /// When its trigger was hit.
    pub(crate) triggered_at: Option<i64>,
    /// The last trade with its own account that was prevented.
    pub(crate) prevented: Option<u64>,
    /// Of a trailing trigger once it follows.
    pub(crate) trail: Option<Trail>,
}

impl Record {
    pub(crate) fn new(order: Order, tag: Tag) -> Self {
        Self { order, tag, triggered_at: None, prevented: None, trail: None }
    }

    /// When it came to the book; `None` if it has not.
    pub(crate) fn working_since(&self) -> Option<i64> {
        let works = self.order.is_working && !self.tag.is_pending;
        works.then(|| self.triggered_at.unwrap_or(self.order.placed_at))
    }

    /// Number of the list that it belongs to.
    pub(crate) fn list(&self) -> Option<u64> {
        self.tag.list.as_ref().map(|list| list.number)
    }
}

/// A trade of an account with itself that was prevented.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Prevented {
    pub(crate) instrument: InstrumentId,
    pub(crate) number: u64,
    pub(crate) taker: OrderId,
    pub(crate) maker: OrderId,
    pub(crate) mode: SelfTrade,
    pub(crate) price: i64,
    /// By how many lots the one that came got smaller, and the one that rested.
    pub(crate) lots: [i64; 2],
    pub(crate) at: i64,
}

/// A change of an order: each fact before and after it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Amendment {
    pub(crate) order: OrderId,
    pub(crate) instrument: InstrumentId,
    pub(crate) execution: u64,
    pub(crate) at: i64,
    pub(crate) prices: [Option<i64>; 2],
    pub(crate) quantities: [i64; 2],
    pub(crate) names: [String; 2],
}

/// An order's part in a trade.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct OwnFill {
    pub(crate) instrument: InstrumentId,
    pub(crate) order: OrderId,
    pub(crate) trade: u64,
    pub(crate) at: i64,
    pub(crate) price: i64,
    pub(crate) quantity: i64,
    pub(crate) is_buyer: bool,
    pub(crate) is_maker: bool,
    pub(crate) fee: Amount,
    pub(crate) fee_asset: AssetId,
    /// What a position gained by it.
    pub(crate) realised: Amount,
    pub(crate) position: PositionSide,
}

/// Orders and fills of an account, oldest first.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(from = "Kept")]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) orders: BTreeMap<OrderId, Record>,
    pub(crate) fills: Vec<OwnFill>,
    pub(crate) prevented: VecDeque<Prevented>,
    pub(crate) amendments: VecDeque<Amendment>,
    /// The newest order of each name.
    by_client_id: BTreeMap<String, OrderId>,
    /// Orders that are open: few of many.
    #[serde(skip)]
    open: BTreeSet<OrderId>,
    /// Orders of each list.
    #[serde(skip)]
    lists: BTreeMap<u64, Vec<OrderId>>,
}

/// What a state keeps of an account; the rest follows from it.
#[derive(Deserialize)]
struct Kept {
    name: String,
    orders: BTreeMap<OrderId, Record>,
    fills: Vec<OwnFill>,
    prevented: VecDeque<Prevented>,
    amendments: VecDeque<Amendment>,
    by_client_id: BTreeMap<String, OrderId>,
}

impl From<Kept> for Account {
    fn from(kept: Kept) -> Self {
        let Kept { name, orders, fills, prevented, amendments, by_client_id } = kept;
        let mut account =
            Self { name, fills, prevented, amendments, by_client_id, ..Self::default() };
        for record in orders.into_values() {
            account.insert(record);
        }
        account
    }
}

impl Account {
    pub(crate) fn named_so(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn add(&mut self, record: Record) {
        self.by_client_id.insert(record.tag.client_id.clone(), record.order.id);
        self.insert(record);
        if self.orders.len() > ENDED_MAX
            && let Some(oldest) = self.orders.values().find(|record| !record.order.is_open)
        {
            let id = oldest.order.id;
            self.forget(id);
        }
    }

    fn insert(&mut self, record: Record) {
        let id = record.order.id;
        if record.order.is_open {
            self.open.insert(id);
        }
        if let Some(list) = record.list() {
            self.lists.entry(list).or_default().push(id);
        }
        self.orders.insert(id, record);
    }

    fn forget(&mut self, id: OrderId) {
        let Some(record) = self.orders.remove(&id) else { return };
        let name = &record.tag.client_id;
        if self.by_client_id.get(name) == Some(&id) {
            self.by_client_id.remove(name);
        }
        let Some(list) = record.list() else { return };
        if let Some(others) = self.lists.get_mut(&list) {
            others.retain(|other| *other != id);
            if others.is_empty() {
                self.lists.remove(&list);
            }
        }
    }

    /// An order as it is now.
    pub(crate) fn update(&mut self, order: Order) -> Option<&mut Record> {
        let record = self.orders.get_mut(&order.id)?;
        record.order = order;
        if !order.is_open {
            self.open.remove(&order.id);
        }
        Some(record)
    }

    /// Orders of a list.
    pub(crate) fn of_list(&self, number: u64) -> impl Iterator<Item = &Record> {
        let ids = self.lists.get(&number).into_iter().flatten();
        ids.filter_map(|id| self.orders.get(id))
    }

    /// Numbers of all lists, from one on.
    pub(crate) fn lists_from(&self, first: u64) -> impl Iterator<Item = u64> {
        self.lists.range(first..).map(|(number, _)| *number)
    }

    pub(crate) fn add_fill(&mut self, fill: OwnFill) {
        if self.fills.len() >= FILLS_MAX {
            self.fills.drain(..FILLS_MAX / 10);
        }
        self.fills.push(fill);
    }

    /// Keeps what both orders of a prevented trade tell of it, one after the other.
    pub(crate) fn add_prevented(&mut self, new: Prevented) {
        let is_same =
            |one: &&mut Prevented| (one.instrument, one.number) == (new.instrument, new.number);
        if let Some(known) = self.prevented.back_mut().filter(is_same) {
            known.lots = [0, 1].map(|place| known.lots[place].max(new.lots[place]));
            return;
        }
        if self.prevented.len() >= PREVENTED_MAX {
            self.prevented.pop_front();
        }
        self.prevented.push_back(new);
    }

    pub(crate) fn add_amendment(&mut self, new: Amendment) {
        if self.amendments.len() >= AMENDMENTS_MAX {
            self.amendments.pop_front();
        }
        self.amendments.push_back(new);
    }

    /// Another name for an order from now on.
    pub(crate) fn rename(&mut self, order: OrderId, client_id: &str) {
        let Some(record) = self.orders.get_mut(&order) else { return };
        let old = std::mem::replace(&mut record.tag.client_id, client_id.to_owned());
        if self.by_client_id.get(&old) == Some(&order) {
            self.by_client_id.remove(&old);
        }
        record.tag.old_id = Some(old);
        if let Some(last) = self.amendments.iter_mut().rev().find(|one| one.order == order) {
            client_id.clone_into(&mut last.names[1]);
        }
        self.by_client_id.insert(client_id.to_owned(), order);
    }

    /// An order is to end by a request of this name, and with it what is open of its list. False if
    /// it has ended.
    pub(crate) fn name_end(&mut self, order: OrderId, name: &str) -> bool {
        let Some(record) = self.orders.get_mut(&order).filter(|record| record.order.is_open) else {
            return false;
        };
        record.tag.cancel_id = Some(name.to_owned());
        let list = record.list().and_then(|list| self.lists.get(&list));
        for id in list.into_iter().flatten() {
            if let Some(other) = self.orders.get_mut(id).filter(|other| other.order.is_open) {
                other.tag.cancel_id = Some(name.to_owned());
            }
        }
        true
    }

    pub(crate) fn named(&self, client_id: &str) -> Option<&Record> {
        self.orders.get(self.by_client_id.get(client_id)?)
    }

    pub(crate) fn open_orders(&self) -> impl Iterator<Item = &Record> {
        self.open.iter().filter_map(|id| self.orders.get(id))
    }
}

/// All accounts by their number, and who signs for which.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Accounts {
    pub(crate) all: BTreeMap<AccountId, Account>,
    keys: BTreeMap<String, (AccountId, Key)>,
}

impl Accounts {
    pub(crate) fn add_key(&mut self, account: AccountId, api_key: &str, key: Key) {
        self.keys.insert(api_key.to_owned(), (account, key));
    }

    pub(crate) fn key(&self, api_key: &str) -> Option<(AccountId, &Key)> {
        self.keys.get(api_key).map(|(account, key)| (*account, key))
    }

    /// A key of an account whose secret is shared, and that secret: the first by its name.
    pub(crate) fn secret_of(&self, account: AccountId) -> Option<(&str, &str)> {
        let mine = self.keys.iter().filter(|(_, (whose, _))| *whose == account);
        mine.filter_map(|(name, (_, key))| Some((name.as_str(), key.secret()?))).min()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<AccountId> {
        self.all.iter().find(|(_, account)| account.name == name).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustonite_sim::{Amount, NewOrder, Order, OrderId, Side};

    use super::{Account, ENDED_MAX, OrderList, Record, Tag};
    use crate::picture::copy;

    fn order(number: u64, is_open: bool) -> Order {
        let asked = NewOrder::limit(0, 0, Side::Buy, 1, 1);
        Order {
            id: OrderId(number),
            asked,
            placed_at: 0,
            changed_at: 0,
            quantity: 1,
            filled: 0,
            prevented: 0,
            filled_quote: Amount::ZERO,
            is_working: true,
            is_open,
            cancelled: None,
        }
    }

    fn ids<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<OrderId> {
        records.map(|record| record.order.id).collect()
    }

    fn check(account: &Account, lists: &[u64]) {
        let all = || account.orders.values();
        let open = ids(all().filter(|record| record.order.is_open));
        assert_eq!(ids(account.open_orders()), open);
        for list in lists {
            let slow = ids(all().filter(|record| record.list() == Some(*list)));
            assert_eq!(ids(account.of_list(*list)), slow, "{list}");
            assert_eq!(account.lists_from(*list).next() == Some(*list), !slow.is_empty());
        }
    }

    #[test]
    fn what_is_found_at_once_is_what_a_look_at_all_finds() {
        let mut account = Account::named_so("ann");
        let last = ENDED_MAX as u64 + 500;
        for number in 1..=last {
            let list = number / 4;
            let list = (number % 4 > 0).then(|| OrderList { number: list, ..OrderList::default() });
            let tag = Tag { list: list.map(Arc::new), ..Tag::default() };
            account.add(Record::new(order(number, true), tag));
            if number % 100 > 0 {
                account.update(order(number, false));
            }
        }
        let lists = [1, 24, 25, 124, 125, 126, last / 4 - 1, last / 4];
        check(&account, &lists);
        for number in (100..last).step_by(300) {
            account.update(order(number, false));
        }
        check(&account, &lists);
        let kept = copy(&account).unwrap();
        check(&kept, &lists);
        assert_eq!(ids(kept.open_orders()), ids(account.open_orders()));
    }
}
