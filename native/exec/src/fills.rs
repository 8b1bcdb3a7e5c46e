//! Executions that were counted, so that none is counted twice.

use std::collections::{BTreeMap, HashMap, VecDeque};

use foldhash::fast::FixedState;
use rustonite_core::Amount;
use rustonite_core::datasets::{OrderSide, PositionSide};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};

use crate::booking::signed;
use crate::report::{Correction, Fill};
use crate::wish::OrderId;

/// How the ids of executions begin that were worked out from the venue's figures.
pub(crate) const INFERRED_PREFIX: &str = "inferred:";
/// Executions remembered; older ones are forgotten first.
const KEPT_MAX: usize = 200_000;
/// In what venues count their times.
const MILLISECOND: i64 = 1_000_000;

type Ids<V> = HashMap<Box<str>, V, FixedState>;

/// An execution that was counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    /// Of which order; `None` for a booking without one.
    pub(crate) order: Option<OrderId>,
    /// Under which of its ids.
    pub(crate) leg: usize,
    /// When, by the venue's clock.
    pub(crate) at: i64,
    /// For which strategy, and of which position: the order may be forgotten when it is taken back.
    pub(crate) strategy: Option<StrategyId>,
    pub(crate) position_side: Option<PositionSide>,
    /// Our side.
    pub(crate) side: OrderSide,
    /// Price.
    pub(crate) price: Amount,
    /// Size; zero once it was taken back or replaced by a correction, and of what moves no position.
    pub(crate) size: Amount,
    /// Whether its fee is known.
    pub(crate) has_fee: bool,
}

impl Counted {
    /// Whether it is the execution of this side and order under its id.
    fn is_of(&self, side: OrderSide, order: Option<OrderId>) -> bool {
        self.side == side || (order.is_some() && self.order == order)
    }

    /// What it added to its position.
    pub(crate) fn signed(&self) -> Amount {
        signed(self.side, self.size)
    }
}

/// The id of the side of a trade that came second.
fn second_id(fill_id: &str, side: OrderSide) -> Box<str> {
    format!("{fill_id}:{}", side.name()).into()
}

/// Where an execution happened.
type Place = (AccountId, InstrumentId);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Trade {
    place: Place,
    number: i64,
    side: OrderSide,
    order: OrderId,
}

/// All executions that were counted not too long ago.
#[derive(Debug, Default)]
pub(crate) struct Fills {
    counted: HashMap<Place, Ids<Counted>, FixedState>,
    /// The same execution under the public trade's number.
    trades: HashMap<Trade, Box<str>, FixedState>,
    /// Those that were worked out from the venue's figures, by order.
    inferred: HashMap<OrderId, Vec<Box<str>>, FixedState>,
    /// Changes of executions that have not come so far.
    early: HashMap<Place, Ids<Correction>, FixedState>,
    order: VecDeque<(Place, Box<str>, Option<Trade>)>,
    /// From when on no execution of an account was forgotten, by its venue's clock.
    known_from: BTreeMap<AccountId, i64>,
}

impl Fills {
    /// The id under which an execution was counted: its own or, if another source gave it another
    /// one, that of the same public trade, side and order. Of an own order that met another one some
    /// venues give both sides one id.
    pub(crate) fn find(&self, place: Place, fill: &Fill, order: Option<OrderId>) -> Option<&str> {
        let (fill_id, side) = (&*fill.fill_id, fill.side);
        let ids = self.counted.get(&place);
        let known = |id: &str| ids.and_then(|ids| ids.get_key_value(id));
        if let Some((id, _)) = known(fill_id).filter(|(_, one)| one.is_of(side, order)) {
            return Some(id);
        }
        if let Some((id, _)) = known(&second_id(fill_id, side)) {
            return Some(id);
        }
        let (number, order) = (fill.trade_id?, order?);
        self.trades.get(&Trade { place, number, side, order }).map(|id| &**id)
    }

    /// The id of an execution that is not counted if its own is that of another one: of the other
    /// side of the same trade.
    pub(crate) fn other_id(&self, place: Place, fill: &Fill) -> Option<Box<str>> {
        self.get(place, &fill.fill_id)?;
        Some(second_id(&fill.fill_id, fill.side))
    }

    pub(crate) fn get(&self, place: Place, fill_id: &str) -> Option<&Counted> {
        self.counted.get(&place)?.get(fill_id)
    }

    pub(crate) fn get_mut(&mut self, place: Place, fill_id: &str) -> Option<&mut Counted> {
        self.counted.get_mut(&place)?.get_mut(fill_id)
    }

    /// Executions that happened after a moment.
    pub(crate) fn moved_since(&self, place: Place, moment: i64) -> impl Iterator<Item = &Counted> {
        let counted = self.counted.get(&place).into_iter().flat_map(HashMap::values);
        counted.filter(move |one| one.at > moment && one.size != Amount::ZERO)
    }

    /// Ids of an account's executions.
    pub(crate) fn ids(&self, account: AccountId) -> impl Iterator<Item = &str> {
        let mine = self.counted.iter().filter(move |(place, _)| place.0 == account);
        mine.flat_map(|(_, ids)| ids.keys().map(AsRef::as_ref))
    }

    pub(crate) fn add(
        &mut self,
        place: Place,
        fill_id: &str,
        trade_id: Option<i64>,
        counted: Counted,
    ) {
        let trade = trade_id.zip(counted.order).map(|(number, order)| Trade {
            place,
            number,
            side: counted.side,
            order,
        });
        if let Some(trade) = trade {
            self.trades.insert(trade, fill_id.into());
        }
        if let Some(order) = counted.order.filter(|_| fill_id.starts_with(INFERRED_PREFIX)) {
            self.inferred.entry(order).or_default().push(fill_id.into());
        }
        self.counted.entry(place).or_default().insert(fill_id.into(), counted);
        self.order.push_back((place, fill_id.into(), trade));
        if self.order.len() > KEPT_MAX {
            self.forget_oldest();
        }
    }

    /// From when on an execution of an account that is not known was never counted.
    pub(crate) fn known_from(&self, account: AccountId) -> i64 {
        self.known_from.get(&account).copied().unwrap_or(0)
    }

    fn forget_oldest(&mut self) {
        let Some((place, fill_id, trade)) = self.order.pop_front() else { return };
        let counted = self.counted.get_mut(&place).and_then(|ids| ids.remove(&fill_id));
        if let Some(counted) = &counted {
            let known_from = self.known_from.entry(place.0).or_insert(0);
            *known_from = (*known_from).max(counted.at.saturating_add(MILLISECOND));
        }
        if let Some(order) = counted.and_then(|counted| counted.order)
            && let Some(ids) = self.inferred.get_mut(&order)
        {
            ids.retain(|id| *id != fill_id);
            if ids.is_empty() {
                self.inferred.remove(&order);
            }
        }
        if let Some(trade) = trade {
            self.trades.remove(&trade);
        }
    }

    /// The first execution of an order, or of one leg, that was worked out from the venue's figures
    /// and still counts: its id and size.
    pub(crate) fn inferred(
        &self,
        place: Place,
        order: OrderId,
        leg: Option<usize>,
    ) -> Option<(&str, Amount)> {
        let ids = self.inferred.get(&order)?.iter();
        let counted = ids.filter_map(|id| Some((&**id, self.get(place, id)?)));
        let counts = |counted: &Counted| {
            counted.size > Amount::ZERO && leg.is_none_or(|leg| leg == counted.leg)
        };
        let counting = counted.filter(|(_, counted)| counts(counted));
        counting.map(|(id, counted)| (id, counted.size)).min()
    }

    /// Keeps a change of an execution that has not come so far.
    pub(crate) fn keep_early(&mut self, place: Place, correction: &Correction) {
        let early = self.early.entry(place).or_default();
        if early.len() < KEPT_MAX {
            early.insert(correction.fill_id_prev.clone(), correction.clone());
        }
    }

    /// The change that came before its execution.
    pub(crate) fn take_early(&mut self, place: Place, fill_id: &str) -> Option<Correction> {
        self.early.get_mut(&place)?.remove(fill_id)
    }
}
