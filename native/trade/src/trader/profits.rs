//! Profit and worth, told to the risk layer.

use std::collections::{BTreeMap, BTreeSet};

use rustonite_core::Amount;
use rustonite_core::datasets::{FillKind, OrderSide, PositionSide, RiskScope};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::{
    self as exec, Booked, Contract, Directory, Journal, Ledger, Passed, Position, PositionKey,
    Restored, RowSays,
};
use rustonite_risk::{Counts, MANUAL, Risk, Target};

use super::recalling::{name_of, target_of};
use crate::desk::{Desk, FeeElsewhere};
use crate::state::{Earned, Kept, Kind};

const DAY_NS: i64 = 86_400_000_000_000;
/// New peaks and counts are kept so long after the last ones at the soonest, to spare the disk. Rows
/// of a journal are kept far longer.
const KEEP_EVERY_NS: i64 = 10_000_000_000;

/// What instruments have earned that are not traded any more: by the journal and, where its rows were
/// removed, by what was kept.
fn earned(mut kept: Vec<Earned>, found: &[exec::Earned], directory: &Directory) -> Vec<Earned> {
    let found: Vec<_> = found.iter().map(|one| Earned::of(one, directory)).collect();
    kept.retain(|one| {
        let is_known = || found.iter().any(|new| new.is_of_same(one));
        match one.kind {
            Kind::Removed => !one.is_traded(directory) && !is_known(),
            // With an instrument goes what its position came with.
            Kind::Found => one.is_traded(directory),
            Kind::Fees => true,
        }
    });
    kept.extend(found);
    kept
}

/// Bookings of a journal that what was kept beside it does not count so far: a kill may come between
/// the two, and a position that is found may have no price for long.
pub(super) struct Unkept {
    fees_until: i64,
    found_until: i64,
    booked: Vec<Booked>,
}

impl Unkept {
    pub(super) fn since(kept: &Kept) -> Self {
        // What was kept before there was such a row has all.
        let [fees_until, found_until] =
            [kept.fees_until, kept.found_until].map(|until| until.unwrap_or(i64::MAX));
        Self { fees_until, found_until, booked: Vec::new() }
    }

    pub(super) fn note(&mut self, passed: &Passed<'_>) {
        let RowSays::Booked(booked) = passed.says else { return };
        let is_new = match booked.kind {
            FillKind::Opening => passed.seq > self.found_until,
            _ => booked.fee.is_some() && passed.seq > self.fees_until,
        };
        if is_new {
            self.booked.push(booked.clone());
        }
    }

    pub(super) fn tell(&self, desk: &mut Desk<impl Journal>) {
        self.booked.iter().for_each(|booked| desk.note_for_profit(booked));
    }
}

/// The highest profits so far, by scope and name.
pub(super) fn peaks(risk: &Risk) -> BTreeMap<String, Amount> {
    risk.peaks().into_iter().map(|(target, peak)| (name_of(risk, target), peak)).collect()
}

/// Tells the risk layer the highest profits of earlier runs. What is not there any more is left out.
pub(super) fn restore_peaks(risk: &mut Risk, peaks: &BTreeMap<String, Amount>) {
    for (name, peak) in peaks {
        if let Some(target) = target_of(risk, name) {
            risk.restore_peak(target, *peak);
        }
    }
}

/// The highest profits, what limits count, and how many children parents had.
type Figures = (Vec<(Target, Amount)>, Vec<(Target, Counts)>, BTreeMap<i64, i64>);

/// Where the day's profit began, by scope and name.
pub(super) struct Profits {
    currency: String,
    pub(super) day: i64,
    pub(super) began: BTreeMap<String, Amount>,
    /// What instruments have earned that are not traded any more; what found positions came with, the
    /// other way round; and fees in other assets.
    pub(super) earned: Vec<Earned>,
    /// What was found at venues and not valued so far.
    found: Vec<Booked>,
    /// The journal's rows up to which `earned` has fees, and what was found.
    pub(super) until: [Option<i64>; 2],
    /// The latest figures.
    pub(super) totals: BTreeMap<String, Amount>,
    changed: bool,
    /// Fees in other assets came that were not kept so far.
    has_fees: bool,
    /// Assets of fees that have no price, as people were told.
    unpriced: BTreeSet<String>,
    /// What was kept last,
    kept: Figures,
    /// and when that was.
    kept_at: i64,
    /// All could be valued the last time that it was tried.
    is_known: bool,
}

impl Profits {
    /// Goes on where an earlier run ended.
    pub(super) fn new(
        currency: String,
        kept: Kept,
        restored: &Restored,
        ledger: &Ledger<impl Journal>,
    ) -> Self {
        // Where nothing says up to where it was counted all that is there was.
        let until = |kept: Option<i64>| kept.or(Some(ledger.seq()));
        Self {
            currency,
            day: kept.day,
            began: kept.profit,
            earned: earned(kept.earned, &restored.earned, ledger.directory()),
            found: Vec::new(),
            until: [until(kept.fees_until), until(kept.found_until)],
            totals: BTreeMap::new(),
            changed: false,
            has_fees: false,
            unpriced: BTreeSet::new(),
            kept: Default::default(),
            kept_at: 0,
            is_known: false,
        }
    }

    /// Whether there is something new since the last call that has to be kept: a day, a scope, a peak,
    /// or a count.
    pub(super) fn is_to_be_kept(&mut self, risk: &Risk, now: i64) -> bool {
        if now.saturating_sub(self.kept_at) >= KEEP_EVERY_NS {
            let present = (risk.peaks(), risk.counts(0), risk.child_counts());
            self.changed |= present != self.kept || std::mem::take(&mut self.has_fees);
            (self.kept, self.kept_at) = (present, now);
        }
        std::mem::take(&mut self.changed)
    }

    /// Whether the risk layer knows the profit: not before each position that there is at the start
    /// has a price.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    /// Tells the risk layer what positions have earned. What cannot be valued is not told, and
    /// limits on it deny then.
    pub(super) fn tell(&mut self, desk: &mut Desk<impl Journal>, now: i64) {
        let day = now.div_euclid(DAY_NS);
        if day != self.day {
            self.day = day;
            self.began.clear();
            self.changed = true;
        }
        self.take_off(&desk.take_fees_elsewhere(), desk.ledger().directory());
        self.found.append(&mut desk.take_found());
        self.discount_found(desk);
        let seq = Some(desk.ledger().seq());
        self.until = [seq, if self.found.is_empty() { seq } else { self.until[1] }];
        let sums = self.sums(desk).filter(|_| self.found.is_empty());
        self.is_known = sums.is_some();
        let Some(sums) = sums else {
            self.tell_unpriced(desk);
            return desk.profit_unknown();
        };
        for (target, total) in sums {
            let name = name_of(desk.risk(), target).trim_end().to_owned();
            let began = *self.began.entry(name.clone()).or_insert_with(|| {
                self.changed = true;
                total
            });
            self.totals.insert(name, total);
            desk.profit(target, total - began, total, now);
        }
        self.tell_equity(desk);
    }

    /// Fees in other assets, which are in no position.
    fn take_off(&mut self, fees: &[FeeElsewhere], directory: &Directory) {
        for one in fees {
            let of_account = std::iter::once(None);
            for strategy in of_account.chain(one.strategy.map(Some)) {
                let asset = directory.asset_name(one.asset);
                self.add_earned(Earned {
                    kind: Kind::Fees,
                    account: directory.account_name(one.account).to_owned(),
                    strategy: strategy.map(|one| directory.strategy_name(one).to_owned()),
                    instrument: asset.to_owned(),
                    side: PositionSide::Net.name().to_owned(),
                    settle: asset.to_owned(),
                    profit: -one.fee,
                });
            }
            self.has_fees = true;
        }
    }

    /// Says once of each asset of fees that it has no price. One whose pair is traded may have none
    /// before all is told for the first time.
    fn tell_unpriced(&mut self, desk: &mut Desk<impl Journal>) {
        let directory = std::sync::Arc::clone(desk.ledger().directory());
        for one in self.earned.iter().filter(|one| one.kind == Kind::Fees) {
            let (asset, currency) = (&*one.settle, &*self.currency);
            let is_early = self.totals.is_empty() && self.pair_of(&directory, asset).is_some();
            let has_price = self.price_of(desk, &directory, asset).is_some();
            if !is_early && !has_price && self.unpriced.insert(asset.to_owned()) {
                desk.notice(format!(
                    "fees were paid in {asset}, which has no price in {currency}: profit is not known, and \
                     limits on it deny (profit_missing) until a pair of the two among the symbols of an \
                     account is quoted"
                ));
            }
        }
    }

    fn add_earned(&mut self, more: Earned) {
        match self.earned.iter_mut().find(|one| one.is_of_same(&more)) {
            Some(known) => known.profit += more.profit,
            None => self.earned.push(more),
        }
    }

    /// What was found at a venue was not earned here: the profit that it came with does not count.
    /// All of it at once, so that one row says up to which it was.
    fn discount_found(&mut self, desk: &Desk<impl Journal>) {
        let discounts = self.found.iter().map(|booked| discount_of(desk, booked));
        let Some(discounts) = discounts.collect::<Option<Vec<_>>>() else { return };
        self.changed |= !discounts.is_empty();
        discounts.into_iter().for_each(|discount| self.add_earned(discount));
        self.found.clear();
    }

    /// Profit of all, of each venue, of each account and of each strategy; what no strategy earned is
    /// of those who trade by hand.
    fn sums(&self, desk: &Desk<impl Journal>) -> Option<Vec<(Target, Amount)>> {
        let directory = desk.ledger().directory();
        let mut all = Amount::ZERO;
        let mut accounts: BTreeMap<AccountId, Amount> = BTreeMap::new();
        let mut strategies: BTreeMap<StrategyId, Amount> = BTreeMap::new();
        let mut add = |account: AccountId, strategy: Option<StrategyId>, profit: Amount| {
            if let Some(strategy) = strategy {
                *strategies.entry(strategy).or_default() += profit;
            } else {
                all += profit;
                *accounts.entry(account).or_default() += profit;
            }
        };
        for (key, position) in desk.ledger().positions().iter() {
            let listed = directory.listed(key.instrument)?;
            let open = open_profit(desk, key.instrument, position)?;
            let profit = self.worth(desk, position.pnl_net() + open, &listed.settle)?;
            add(key.account, key.strategy, profit);
        }
        for one in &self.earned {
            let account = directory.account(&one.account);
            let strategy = one.strategy.as_ref().map(|name| directory.strategy(name));
            let known = account.zip(strategy.map_or(Some(None), |found| found.map(Some)));
            if let Some((account, strategy)) = known {
                let worth = || self.worth(desk, one.profit, &one.settle);
                let paid = || one.profit.product(self.price_of(desk, directory, &one.settle)?);
                add(account, strategy, if one.kind == Kind::Fees { paid() } else { worth() }?);
            }
        }
        desk.each_account(|account| {
            accounts.entry(account).or_default();
        });
        strategies.entry(desk.strategy()).or_default();
        let venues = 0..u16::try_from(desk.risk().directory().venues.len()).ok()?;
        let mut venues: BTreeMap<_, _> = venues.map(|at| (VenueId(at), Amount::ZERO)).collect();
        for (account, sum) in &accounts {
            *venues.entry(desk.ledger().rules(*account).ok()?.venue).or_default() += *sum;
        }
        let by_hand = all - strategies.values().copied().sum::<Amount>();
        let manual = desk.risk().target(RiskScope::Strategy, MANUAL)?;
        let mut sums = vec![(Target::All, all), (manual, by_hand)];
        sums.extend(venues.into_iter().map(|(venue, sum)| (Target::Venue(venue), sum)));
        sums.extend(accounts.into_iter().map(|(account, sum)| (Target::Account(account), sum)));
        sums.extend(strategies.into_iter().map(|(one, sum)| (Target::Strategy(one), sum)));
        Some(sums)
    }

    /// Money of an asset in the reporting currency, if that can be told now.
    fn worth(&self, desk: &Desk<impl Journal>, sum: Amount, asset: &str) -> Option<Amount> {
        if sum == Amount::ZERO || *asset == *self.currency {
            return Some(sum);
        }
        sum.product(desk.rate(asset)?)
    }

    /// What each account is worth with what its contracts would earn now, if all can be valued.
    fn tell_equity(&self, desk: &mut Desk<impl Journal>) {
        let mut equities: BTreeMap<AccountId, Option<Amount>> = BTreeMap::new();
        let directory = std::sync::Arc::clone(desk.ledger().directory());
        for (account, asset, owned) in desk.ledger().balances().iter() {
            let name = directory.asset_name(asset);
            let worth = if name == self.currency {
                Some(owned.total)
            } else if owned.total == Amount::ZERO {
                Some(Amount::ZERO)
            } else {
                let price = self.price_of(desk, &directory, name);
                let worth = price.and_then(|price| owned.total.product(price));
                // What only fees are paid with counts once it has a price.
                if is_traded(&directory, name) { worth } else { worth.or(Some(Amount::ZERO)) }
            };
            let sum = equities.entry(account).or_insert(Some(Amount::ZERO));
            *sum = sum.zip(worth).map(|(sum, worth)| sum + worth);
        }
        for (key, position) in desk.ledger().positions().iter() {
            let listed = directory.listed(key.instrument).filter(|one| one.contract.is_some());
            let Some(listed) = listed.filter(|_| key.strategy.is_none()) else { continue };
            let open = open_profit(desk, key.instrument, position);
            let worth = open.and_then(|open| self.worth(desk, open, &listed.settle));
            let sum = equities.entry(key.account).or_insert(Some(Amount::ZERO));
            *sum = sum.zip(worth).map(|(sum, worth)| sum + worth);
        }
        for (account, equity) in equities {
            desk.equity(account, equity);
        }
    }

    fn price_of(
        &self,
        desk: &Desk<impl Journal>,
        directory: &Directory,
        asset: &str,
    ) -> Option<Amount> {
        desk.reference(self.pair_of(directory, asset)?)
    }

    /// The instrument whose price an asset has in the reporting currency.
    fn pair_of(&self, directory: &Directory, asset: &str) -> Option<InstrumentId> {
        let fits = |one: &Instrument| *one.base == *asset && *one.quote == *self.currency;
        directory.instruments().find(|(_, one)| fits(one)).map(|(id, _)| id)
    }
}

fn is_traded(directory: &Directory, asset: &str) -> bool {
    directory.instruments().any(|(_, one)| {
        [&one.base, &one.quote, &one.settle].into_iter().any(|name| **name == *asset)
    })
}

/// What a found position came with, the other way round; `None` while it cannot be valued.
fn discount_of(desk: &Desk<impl Journal>, booked: &Booked) -> Option<Earned> {
    let directory = desk.ledger().directory();
    let listed = directory.listed(booked.instrument)?;
    let size = if booked.side == OrderSide::Buy { booked.size } else { -booked.size };
    let position = Position { size, price_entry: Some(booked.price), ..Position::default() };
    let side = booked.position_side.unwrap_or_default();
    let (account, instrument) = (booked.account, booked.instrument);
    let key = PositionKey { account, strategy: None, instrument, side };
    let is_flat = desk.ledger().positions().get(&key).size == Amount::ZERO;
    // Whatever was realised by it: profit in all moves by what it differs from the market.
    let profit = match open_profit(desk, instrument, &position) {
        None if is_flat => Amount::ZERO,
        profit => profit?,
    };
    Some(Earned {
        kind: Kind::Found,
        account: directory.account_name(booked.account).to_owned(),
        strategy: None,
        instrument: format!("{} {}", listed.venue, listed.symbol),
        side: side.name().to_owned(),
        settle: listed.settle.to_string(),
        profit: -profit,
    })
}

/// Profit of a position that is open, if there is a price.
fn open_profit(
    desk: &Desk<impl Journal>,
    instrument: InstrumentId,
    position: &Position,
) -> Option<Amount> {
    if position.size == Amount::ZERO {
        return Some(Amount::ZERO);
    }
    let contract = Contract::of(desk.ledger().directory().listed(instrument)?);
    position.pnl_unrealised(contract, desk.reference(instrument)?)
}

#[cfg(test)]
mod tests;
