//! What a paper account owns: assets, positions in contracts, and what open orders may take of it. In
//! hedge mode there are two positions in a contract, each margined, funded and closed for itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderSide, PositionSide, order_flags};
use rustonite_core::ids::{AssetId, InstrumentId};
use rustonite_core::instrument::Instrument;

use super::PaperSettings;
use crate::booking::signed;
use crate::directory::Directory;
use crate::gateway::{Balance, Position as Told};
use crate::positions::{Contract, Position};
use crate::wish::Wish;

const ONE: Amount = Amount(10_i128.pow(18));
const MILLIONTH: i64 = 1_000_000_000_000;
const HEDGED: [PositionSide; 2] = [PositionSide::Long, PositionSide::Short];

/// A position of a contract.
pub(super) type Place = (InstrumentId, PositionSide);

/// What may still be filled of an order.
pub(super) type Open<'a> = (&'a Wish, Amount);

/// Funding that is to be paid: a part of the worth, and when.
#[derive(Clone, Copy, Debug)]
struct Funding {
    rate: Amount,
    at: i64,
}

/// A payment of funding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paid {
    pub(super) place: Place,
    pub(super) at: i64,
    pub(super) price: Amount,
    pub(super) size: Amount,
    /// Negative if received.
    pub(super) amount: Amount,
    pub(super) asset: AssetId,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Money {
    directory: Arc<Directory>,
    balances: BTreeMap<AssetId, Amount>,
    positions: BTreeMap<Place, Position>,
    /// Which positions a contract has.
    sides: &'static [PositionSide],
    leverage: Amount,
    maintenance_ppm: i32,
    fees_ppm: (i32, i32),
    /// What contracts are valued at.
    marks: BTreeMap<InstrumentId, Amount>,
    funding: BTreeMap<InstrumentId, Funding>,
    /// Until when funding is paid.
    funded_until: BTreeMap<InstrumentId, i64>,
}

impl Money {
    pub(super) fn new(directory: Arc<Directory>, settings: &PaperSettings) -> Self {
        let leverage = ONE.times(i64::from(settings.leverage.max(1))).unwrap_or(ONE);
        Self {
            directory,
            balances: settings.balances.clone(),
            positions: settings.positions.clone(),
            sides: if settings.hedging { &HEDGED } else { &[PositionSide::Net] },
            leverage,
            maintenance_ppm: settings.maintenance_ppm,
            fees_ppm: (settings.maker_ppm, settings.taker_ppm),
            marks: BTreeMap::new(),
            funding: BTreeMap::new(),
            funded_until: settings.funded_until.clone(),
        }
    }

    // The market

    pub(super) fn mark(&mut self, instrument: InstrumentId, price: Amount) {
        self.marks.insert(instrument, price);
    }

    /// What is paid next; that it is paid again is no news.
    pub(super) fn fund(&mut self, instrument: InstrumentId, rate: Amount, at: i64) {
        if self.funded_until.get(&instrument).is_none_or(|until| *until < at) {
            self.funding.insert(instrument, Funding { rate, at });
        }
    }

    /// Since when funding of what is held is not paid.
    pub(super) fn funded_since(&self) -> Option<i64> {
        self.funded_until.values().copied().min()
    }

    /// When funding is paid next.
    pub(super) fn next(&self) -> Option<i64> {
        self.funding.values().map(|one| one.at).min()
    }

    /// Pays the funding that is due by now, and says of what.
    pub(super) fn pay(&mut self, now: i64) -> Vec<Paid> {
        let due = |one: &(&InstrumentId, &Funding)| one.1.at <= now;
        let due: Vec<_> = self.funding.iter().filter(due).map(|(id, one)| (*id, *one)).collect();
        let mut paid = Vec::new();
        for (instrument, funding) in due {
            self.funding.remove(&instrument);
            self.funded_until.insert(instrument, funding.at);
            let places = self.sides.iter().map(|side| (instrument, *side));
            paid.extend(places.filter_map(|place| self.pay_one(place, funding)));
        }
        paid
    }

    /// Longs pay shorts if the rate is above 0.
    fn pay_one(&mut self, place: Place, Funding { rate, at }: Funding) -> Option<Paid> {
        let (instrument, position) = (place.0, self.position(place));
        let (price, listed) = (*self.marks.get(&instrument)?, self.directory.listed(instrument)?);
        let worth = Contract::of(listed).worth(position.size, price)?.abs();
        let paid = worth.product(rate)?;
        let amount = if position.size < Amount::ZERO { -paid } else { paid };
        let asset = self.directory.asset(&listed.settle)?;
        if amount == Amount::ZERO {
            return None;
        }
        *self.balances.entry(asset).or_default() -= amount;
        Some(Paid { place, at, price, size: position.size.abs(), amount, asset })
    }

    // Fills

    /// Books a fill; the fee, and in what it is paid. `spot_fee` is that of what is no contract.
    pub(super) fn filled(
        &mut self,
        wish: &Wish,
        (price, size): (Amount, Amount),
        is_maker: bool,
        spot_fee: Amount,
    ) -> Option<(Amount, AssetId)> {
        let directory = Arc::clone(&self.directory);
        let listed = directory.listed(wish.instrument)?;
        let moved = signed(wish.side, size);
        if listed.contract.is_none() {
            let (base, quote) = (directory.asset(&listed.base)?, directory.asset(&listed.quote)?);
            *self.balances.entry(base).or_default() += moved;
            *self.balances.entry(quote).or_default() -= moved.product(price)? + spot_fee;
            return Some((spot_fee, quote));
        }
        let (contract, settle) = (Contract::of(listed), directory.asset(&listed.settle)?);
        let part = millionths(if is_maker { self.fees_ppm.0 } else { self.fees_ppm.1 })?;
        let fee = contract.worth(size, price)?.abs().product(part)?;
        let position = self.positions.entry(place_of(wish)).or_default();
        let realised = position.fill(contract, moved, price)?;
        *self.balances.entry(settle).or_default() += realised - fee;
        Some((fee, settle))
    }

    // What there is

    pub(super) fn position(&self, place: Place) -> Position {
        self.positions.get(&place).copied().unwrap_or_default()
    }

    /// What an instrument may hold.
    fn places(&self, instrument: InstrumentId) -> impl Iterator<Item = Place> + use<> {
        self.sides.iter().map(move |side| (instrument, *side))
    }

    pub(super) fn positions(&self, now: i64) -> Vec<Told> {
        let held = self.positions.iter().filter(|(_, one)| one.size != Amount::ZERO);
        let told = held.map(|((instrument, side), one)| Told {
            ts_event: now,
            instrument: *instrument,
            side: *side,
            size: one.size,
            price_entry: one.price_entry,
        });
        told.collect()
    }

    pub(super) fn balances(&self, open: &[Open<'_>], now: i64) -> Vec<Balance> {
        self.balances.keys().map(|asset| self.balance(*asset, open, now)).collect()
    }

    pub(super) fn balance(&self, asset: AssetId, open: &[Open<'_>], now: i64) -> Balance {
        let total = self.balances.get(&asset).copied().unwrap_or_default();
        let kept: Amount = open.iter().map(|one| self.keeps(*one, asset)).sum();
        let locked = kept + self.margin(asset, open).min(total.max(Amount::ZERO));
        Balance::plain(now, asset, total - locked, locked)
    }

    /// What an open order of spot keeps of an asset.
    fn keeps(&self, (wish, size): Open<'_>, asset: AssetId) -> Amount {
        let Some(listed) = self.directory.listed(wish.instrument) else { return Amount::ZERO };
        let is_of = |name: &str| self.directory.asset(name) == Some(asset);
        match wish.side {
            _ if listed.contract.is_some() => Amount::ZERO,
            OrderSide::Sell if is_of(&listed.base) => size,
            OrderSide::Buy if is_of(&listed.quote) => {
                wish.price.and_then(|price| price.product(size)).unwrap_or_default()
            }
            _ => Amount::ZERO,
        }
    }

    /// What positions, and orders that may make them larger, are margined with.
    fn margin(&self, asset: AssetId, open: &[Open<'_>]) -> Amount {
        let mine = self.contracts(asset);
        let places = mine.flat_map(|(id, listed)| self.places(id).map(move |one| (one, listed)));
        places.map(|(one, listed)| self.margin_of(one, listed, open).unwrap_or_default()).sum()
    }

    fn contracts(&self, settle: AssetId) -> impl Iterator<Item = (InstrumentId, &Instrument)> {
        let is_mine = move |(_, listed): &(InstrumentId, &Instrument)| {
            listed.contract.is_some() && self.directory.asset(&listed.settle) == Some(settle)
        };
        self.directory.instruments().filter(is_mine)
    }

    fn margin_of(&self, place: Place, listed: &Instrument, open: &[Open<'_>]) -> Option<Amount> {
        let position = self.position(place);
        let mine = open.iter().filter(|(wish, _)| place_of(wish) == place && !reduces(wish));
        let (mut longest, mut shortest, mut limit) = (position.size, position.size, None);
        for (wish, size) in mine {
            match wish.side {
                OrderSide::Buy => longest += *size,
                OrderSide::Sell => shortest -= *size,
            }
            limit = limit.or(wish.price);
        }
        let price = self.marks.get(&place.0).copied().or(position.price_entry).or(limit)?;
        let largest = longest.abs().max(shortest.abs());
        Contract::of(listed).worth(largest, price)?.abs().ratio(self.leverage)
    }

    /// What positions have earned so far at their marks.
    fn unrealised(&self, settle: AssetId) -> Amount {
        let earned = self.contracts(settle).filter_map(|(instrument, listed)| {
            let (mark, contract) = (*self.marks.get(&instrument)?, Contract::of(listed));
            let of = |place| self.position(place).pnl_unrealised(contract, mark);
            self.places(instrument).map(of).sum::<Option<Amount>>()
        });
        earned.sum()
    }

    /// Positions that are to be closed by force, with their signed sizes: all that share a balance
    /// which has not what they need. Nobody judges while one of their marks is not known.
    pub(super) fn lost(&self) -> Vec<(Place, Amount)> {
        let held = |(place, _): &(Place, &Instrument)| self.position(*place).size != Amount::ZERO;
        let mut lost = Vec::new();
        for asset in self.balances.keys() {
            let mine = self.contracts(*asset);
            let mine = mine.flat_map(|(id, listed)| self.places(id).map(move |one| (one, listed)));
            let mine: Vec<_> = mine.filter(held).collect();
            let needed: Option<Amount> = mine.iter().map(|one| self.maintenance(*one)).sum();
            let owned = self.balances[asset] + self.unrealised(*asset);
            if needed.is_some_and(|needed| needed > owned) {
                lost.extend(mine.iter().map(|(place, _)| (*place, self.position(*place).size)));
            }
        }
        lost
    }

    fn maintenance(&self, (place, listed): (Place, &Instrument)) -> Option<Amount> {
        let mark = *self.marks.get(&place.0)?;
        let worth = Contract::of(listed).worth(self.position(place).size, mark)?;
        worth.abs().product(millionths(self.maintenance_ppm)?)
    }

    /// Why an order cannot be paid, if so: what it needs, and what there is. What a market order of
    /// spot pays is seen once it is filled.
    pub(super) fn lacks(&self, wish: &Wish, open: &[Open<'_>]) -> Option<(Amount, Amount)> {
        let listed = self.directory.listed(wish.instrument)?;
        let (needed, there) = if listed.contract.is_some() {
            let settle = self.directory.asset(&listed.settle)?;
            let with: Vec<_> = open.iter().copied().chain([(wish, wish.size)]).collect();
            let before = self.margin(settle, open);
            let total = self.balances.get(&settle).copied().unwrap_or_default();
            let there = total + self.unrealised(settle) - before;
            (self.margin(settle, &with) - before, there)
        } else {
            let (asset, needed) = match (wish.side, wish.price) {
                (OrderSide::Sell, _) => (&listed.base, wish.size),
                (_, Some(price)) => (&listed.quote, price.product(wish.size).unwrap_or_default()),
                (_, None) => return None,
            };
            (needed, self.balance(self.directory.asset(asset)?, open, 0).available)
        };
        (needed > Amount::ZERO && needed > there).then_some((needed, there))
    }

    /// Most that an order may be that only makes a position smaller.
    pub(super) fn reducible(&self, wish: &Wish) -> Amount {
        let size = self.position(place_of(wish)).size;
        let room = if wish.side == OrderSide::Sell { size } else { -size };
        room.max(Amount::ZERO)
    }
}

/// The position that an order is for.
fn place_of(wish: &Wish) -> Place {
    (wish.instrument, wish.position_side.unwrap_or_default())
}

/// Whether an order can only make its position smaller.
pub(super) fn reduces(wish: &Wish) -> bool {
    wish.flags & order_flags::REDUCE_ONLY != 0 || wish.closes_a_side()
}

fn millionths(ppm: i32) -> Option<Amount> {
    Amount(MILLIONTH.into()).times(ppm.into())
}
