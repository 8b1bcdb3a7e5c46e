//! Our open orders, as far as risk has to know them. The places are made at the start.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rustonite_core::datasets::OrderSide;
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId};

/// No order.
const NONE: u32 = u32::MAX;

/// An order that may still be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) number: i64,
    pub(crate) account: AccountId,
    pub(crate) strategy: StrategyId,
    pub(crate) instrument: InstrumentId,
    /// Place of the position that it works on: 1 for the short one in hedge mode.
    pub(crate) leg: usize,
    pub(crate) side: OrderSide,
    /// The price that it rests at, or 0 if it does not rest.
    pub(crate) price: i64,
    /// The price that another of ours must not meet: during a change the nearer to the market.
    pub(crate) price_worst: i64,
    /// What may still be filled; during a change the larger of before and after.
    pub(crate) leaves: i64,
    /// It may only shrink a position, so it is not counted.
    pub(crate) is_reduce_only: bool,
    /// The asset that pays, in 10^-18 for a size point, times the margin in millionths.
    pub(crate) pays: Option<(AssetId, i128)>,
    previous: u32,
    next: u32,
}

impl Open {
    pub(crate) fn new(
        number: i64,
        account: AccountId,
        strategy: StrategyId,
        instrument: InstrumentId,
    ) -> Self {
        Self {
            number,
            account,
            strategy,
            instrument,
            leg: 0,
            side: OrderSide::Buy,
            price: 0,
            price_worst: 0,
            leaves: 0,
            is_reduce_only: false,
            pays: None,
            previous: NONE,
            next: NONE,
        }
    }

    /// What a size point holds of the asset that pays.
    #[inline]
    pub(crate) fn pays_each(&self) -> i128 {
        self.pays.map_or(0, |(_, each)| each)
    }

    /// What all of it holds of that.
    #[inline]
    pub(crate) fn reserved(&self) -> i128 {
        self.pays_each().saturating_mul(i128::from(self.leaves))
    }

    /// What counts for the worst case.
    #[inline]
    pub(crate) fn counted(&self) -> i64 {
        if self.is_reduce_only { 0 } else { self.leaves }
    }
}

/// Best prices of our own orders of an instrument, and where the list of them starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    /// 0 if there is none.
    pub(crate) bid: i64,
    /// `i64::MAX` if there is none.
    pub(crate) ask: i64,
    pub(crate) count: u32,
    head: u32,
}

impl Default for Own {
    fn default() -> Self {
        Self { bid: 0, ask: i64::MAX, count: 0, head: NONE }
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    places: Vec<Open>,
    free: Vec<u32>,
    by_number: HashMap<i64, u32, FixedState>,
    most: usize,
    /// No order has a larger number.
    largest: i64,
}

impl Orders {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            places: Vec::with_capacity(most),
            free: Vec::with_capacity(most),
            // Twice the room, so that places of orders that are gone are swept without growing.
            by_number: HashMap::with_capacity_and_hasher(
                most.saturating_mul(2),
                FixedState::default(),
            ),
            most,
            largest: i64::MIN,
        }
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.by_number.len() >= self.most
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    #[inline]
    pub(crate) fn get(&self, number: i64) -> Option<&Open> {
        self.places.get(*self.by_number.get(&number)? as usize)
    }

    /// Whether an order is open; quick for numbers that count up.
    #[inline]
    pub(crate) fn has(&self, number: i64) -> bool {
        number <= self.largest && self.by_number.contains_key(&number)
    }

    pub(crate) fn get_mut(&mut self, number: i64) -> Option<&mut Open> {
        self.places.get_mut(*self.by_number.get(&number)? as usize)
    }

    pub(crate) fn insert(&mut self, mut order: Open, own: &mut Own) {
        (order.previous, order.next) = (NONE, own.head);
        let at = if let Some(at) = self.free.pop() {
            at
        } else {
            self.places.push(order);
            u32::try_from(self.places.len() - 1).unwrap_or(NONE)
        };
        if let Some(head) = self.places.get_mut(own.head as usize) {
            head.previous = at;
        }
        if let Some(place) = self.places.get_mut(at as usize) {
            *place = order;
        }
        own.head = at;
        own.count += 1;
        self.by_number.insert(order.number, at);
        self.largest = self.largest.max(order.number);
        rests(own, order.side, order.price_worst);
    }

    pub(crate) fn remove(&mut self, number: i64, own: &mut Own) {
        let Some(at) = self.by_number.remove(&number) else { return };
        let Some(order) = self.places.get(at as usize).copied() else { return };
        match self.places.get_mut(order.previous as usize) {
            Some(previous) => previous.next = order.next,
            None => own.head = order.next,
        }
        if let Some(next) = self.places.get_mut(order.next as usize) {
            next.previous = order.previous;
        }
        self.free.push(at);
        own.count -= 1;
        self.find_best(order.side, order.price_worst, own);
    }

    /// Looks for the best price of a side anew if it was that of an order that changed.
    pub(crate) fn find_best(&self, side: OrderSide, price: i64, own: &mut Own) {
        let was_best = match side {
            OrderSide::Buy => price == own.bid,
            OrderSide::Sell => price == own.ask,
        };
        if !was_best {
            return;
        }
        (own.bid, own.ask) = match side {
            OrderSide::Buy => (0, own.ask),
            OrderSide::Sell => (own.bid, i64::MAX),
        };
        let mut at = own.head;
        while let Some(order) = self.places.get(at as usize) {
            if order.side == side {
                rests(own, side, order.price_worst);
            }
            at = order.next;
        }
    }
}

/// An order rests at a price, or at none if that is 0.
pub(crate) fn rests(own: &mut Own, side: OrderSide, price: i64) {
    match side {
        OrderSide::Buy => own.bid = own.bid.max(price),
        OrderSide::Sell if price > 0 => own.ask = own.ask.min(price),
        OrderSide::Sell => {}
    }
}
